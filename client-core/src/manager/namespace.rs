//! Namespaces: connecting to them, leaving them, and what arrives on them.

use alloc::string::{String, ToString};
use core::mem;

use super::receipts::FENCE;
use super::{Manager, Phase, delivery};
use crate::codec::{Codec, Connected, Credentials};
use crate::engine::Outgoing;
use crate::error::{AckError, ConnectFailure, TransportError};
use crate::event::{AuthRequest, DisconnectReason, Event, SocketId};
use crate::fate::Fate;
use crate::io::Command;
use crate::packet::{Header, PacketKind};
use crate::retries::{Retries, TimedOut};
use crate::saved::Saved;
use crate::socket::{Auth, SocketState};
use crate::sync::Sync;
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// Connects to a namespace, and opens the connection if there is none. Does nothing if it is connected or being
    /// connected; it does not shorten a wait ([`Manager::reconnect_now`] does).
    pub fn connect(&mut self, socket: SocketId, now: Instant) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        // On the wire a comma ends a namespace's name.
        if target.namespace.bytes().any(|byte| byte == b',') {
            self.events.push_back(Event::ConnectError { socket, error: ConnectFailure::InvalidNamespace });
            return;
        }
        match target.state {
            SocketState::Inactive => {
                target.state = SocketState::Waiting;
                self.join(socket, now);
            }
            // The answer to the CONNECT that is under way will do.
            SocketState::Leaving => {
                target.state = SocketState::Connecting { deadline: Some(now + self.config.connect_timeout) };
            }
            SocketState::Waiting
            | SocketState::Authenticating { .. }
            | SocketState::Connecting { .. }
            | SocketState::Connected { .. } => {}
        }
        if matches!(self.phase, Phase::Idle) {
            self.backoff.reset();
            self.start(None, now);
        }
    }

    /// Leaves a namespace for good. What was emitted before still leaves first, and the server is given the time to read
    /// it: a Node server drops events that it reads together with the goodbye. With the last namespace the connection is
    /// closed.
    pub fn disconnect(&mut self, socket: SocketId, now: Instant) {
        self.leave_namespace(socket, false, now);
    }

    /// The same without that time, as the JavaScript client does.
    pub fn disconnect_at_once(&mut self, socket: SocketId, now: Instant) {
        self.leave_namespace(socket, true, now);
    }

    fn leave_namespace(&mut self, socket: SocketId, force: bool, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        match (&target.state, &mut self.phase) {
            (SocketState::Inactive | SocketState::Leaving, _) => return,
            (SocketState::Connecting { .. }, Phase::Open(engine)) => {
                let withdrawn = engine.withdraw_connect(socket);
                target.state = if withdrawn { SocketState::Inactive } else { SocketState::Leaving };
            }
            (SocketState::Connected { .. }, Phase::Open(engine)) => {
                // Of a server that answers before it is asked.
                engine.withdraw_connect(socket);
                engine.queue.push_back(Outgoing::Disconnect { socket, force });
                return self.left(socket, DisconnectReason::ClientDisconnect, now);
            }
            _ => target.state = SocketState::Inactive,
        }
        target.recovery.forget(matches!(target.state, SocketState::Leaving));
        self.forget_saved(socket);
        self.leave_if_unused(now);
    }

    /// Leaves every namespace and closes the connection.
    pub fn close(&mut self, now: Instant) {
        for socket in self.socket_ids() {
            self.disconnect(socket, now);
        }
    }

    /// A connection that was opened for its own sake ends with its last namespace too.
    fn leave_if_unused(&mut self, now: Instant) {
        if !self.sockets.iter().any(|socket| socket.is_active()) {
            self.wanted = false;
            self.leave(now);
        }
    }

    /// Answers [`Event::Authenticate`]. An error keeps the namespace from being connected until `connect` is called.
    pub fn authenticate(
        &mut self,
        request: AuthRequest,
        data: Result<Option<C::Payload>, String>,
        now: Instant,
    ) {
        let AuthRequest { socket, number } = request;
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        if !matches!(target.state, SocketState::Authenticating { request, .. } if request == number) {
            return;
        }
        match data {
            Ok(payload) => self.send_connect(socket, payload, now),
            Err(cause) => self.refused(socket, ConnectFailure::Auth { cause }, now),
        }
    }

    /// Asks the server for a namespace that waits for it, if a session is open.
    pub(super) fn join(&mut self, socket: SocketId, now: Instant) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        if !matches!(target.state, SocketState::Waiting) || !matches!(self.phase, Phase::Open(_)) {
            return;
        }
        if target.outbox.retries.as_ref().is_some_and(Retries::waits_for_its_name) {
            return;
        }
        match &target.auth {
            Auth::None => self.send_connect(socket, None, now),
            Auth::Value(payload) => {
                let payload = payload.clone();
                self.send_connect(socket, Some(payload), now);
            }
            Auth::Ask => {
                target.auth_requests = target.auth_requests.wrapping_add(1);
                let number = target.auth_requests;
                let deadline = Some(now + self.config.connect_timeout);
                target.state = SocketState::Authenticating { request: number, deadline };
                let request = AuthRequest { socket, number };
                self.events.push_back(Event::Authenticate { request, socket });
            }
        }
    }

    fn send_connect(&mut self, socket: SocketId, payload: Option<C::Payload>, now: Instant) {
        let (Some(target), Phase::Open(engine)) = (self.sockets.get_mut(socket.0 as usize), &mut self.phase)
        else {
            return;
        };
        target.state = SocketState::Connecting { deadline: Some(now + self.config.connect_timeout) };
        let base = target.outbox.lowest_key().unwrap_or(target.acks.next());
        let delivery = target.outbox.retries.as_ref().and_then(Retries::name);
        let recovery = target.recovery.claim(&self.config, now);
        if target.saves && recovery.is_some() {
            self.commands.push_back(Command::Save { socket, saved: Saved::Claimed });
        }
        let credentials = Credentials { recovery, delivery: delivery.map(|id| (id, base)) };
        match self.codec.connect(payload.as_ref(), credentials) {
            Ok(payload) => engine.queue.push_back(Outgoing::Connect { socket, payload }),
            Err(error) => self.refused(socket, ConnectFailure::Auth { cause: error.to_string() }, now),
        }
    }

    /// A packet came. Those for a namespace that is not in a state to expect them are late, and ignored.
    pub(super) fn packet(&mut self, header: Header<C::Name>, payload: Option<C::Payload>, now: Instant) {
        let Some(at) = self.sockets.iter().position(|socket| *socket.namespace == *header.namespace) else {
            if *header.namespace == *FENCE {
                self.fence_answered();
            }
            return;
        };
        let Some(target) = self.sockets.get_mut(at) else { return };
        let socket = SocketId(u32::try_from(at).unwrap_or(u32::MAX));
        match (header.kind, &target.state) {
            (PacketKind::Event, SocketState::Connected { .. }) => {
                if let Some(payload) = payload {
                    self.deliver(socket, payload, header.ack, false);
                }
            }
            (PacketKind::Event, SocketState::Connecting { .. }) => {
                if let Some(payload) = payload {
                    self.hold_early(socket, payload, header.ack);
                }
            }
            (PacketKind::Ack, SocketState::Connected { .. }) => {
                let (Some(id), Some(payload)) = (header.ack, payload) else { return };
                if let Some(emit) = target.acks.answered(id) {
                    match target.outbox.settle(emit) {
                        Some(emit) => {
                            target.finish(socket, emit, Fate::Acknowledged, Ok(payload), &mut self.events);
                            self.release_due = true;
                            if !self.more_input {
                                self.release_all();
                            }
                        }
                        None => {
                            target.outbox.fates.settle(emit, Fate::Acknowledged, None);
                            self.events.push_back(Event::Ack { socket, emit, result: Ok(payload) });
                        }
                    }
                } else {
                    self.sync_answered(socket, id, &payload);
                }
            }
            (PacketKind::Connect, SocketState::Connecting { .. }) => {
                self.connected(socket, payload.as_ref(), now)
            }
            (PacketKind::Connect, SocketState::Leaving) => {
                target.state = SocketState::Inactive;
                if let Phase::Open(engine) = &mut self.phase {
                    engine.queue.push_back(Outgoing::Disconnect { socket, force: true });
                }
            }
            (PacketKind::ConnectError, SocketState::Connecting { .. }) => {
                let failure = payload.map_or(ConnectFailure::NoSid, ConnectFailure::Refused);
                self.refused(socket, failure, now);
            }
            (PacketKind::ConnectError | PacketKind::Disconnect, SocketState::Leaving) => {
                target.state = SocketState::Inactive;
            }
            (PacketKind::Disconnect, SocketState::Connected { .. }) => {
                // Sent now, what still waits for it would make the server close the whole connection.
                self.release_all();
                if let Phase::Open(engine) = &mut self.phase {
                    engine.withdraw(socket).into_iter().rev().for_each(|outgoing| self.give_back(outgoing));
                }
                self.left(socket, DisconnectReason::ServerDisconnect, now);
            }
            (
                PacketKind::Event
                | PacketKind::Ack
                | PacketKind::Connect
                | PacketKind::ConnectError
                | PacketKind::Disconnect,
                _,
            ) => {}
        }
    }

    fn connected(&mut self, socket: SocketId, payload: Option<&C::Payload>, now: Instant) {
        let connected = payload.and_then(|payload| self.codec.connected(payload).ok());
        let Some(Connected { sid, pid }) = connected else {
            return self.refused(socket, ConnectFailure::NoSid, now);
        };
        // What still waits on a session that was left comes first here. From now on receipts are those of this session.
        self.end_lingering();
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        target.sessions = target.sessions.wrapping_add(1);
        target.state = SocketState::Connected { sid, session: target.sessions };
        let until = self.config.unix(now);
        let gap = target.recovery.connected(pid.filter(|_| self.config.recovery), until, now);
        target.outbox.restart();
        #[cfg(socketio_faults)]
        if let Phase::Open(engine) = &mut self.phase {
            engine.messages.append(&mut target.half);
        }
        self.backoff.reset();
        self.replay(socket, gap);
        self.save(socket);
        self.ask_middleware(socket);
        self.release(socket);
    }

    /// What is held goes on its way, as far as the namespace may send now; flushes that have nothing left to wait for are told.
    pub(super) fn release(&mut self, socket: SocketId) {
        self.send_held(socket);
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            target.report_flushes(socket, &mut self.events);
        }
    }

    fn send_held(&mut self, socket: SocketId) {
        let (Some(target), Phase::Open(engine)) = (self.sockets.get_mut(socket.0 as usize), &mut self.phase)
        else {
            return;
        };
        if !target.is_connected() || !engine.takes_emits(self.now) {
            return;
        }
        while let Some(mut emit) = target.outbox.release() {
            let ack = emit.answer.id();
            match delivery::oversize(&self.codec, &emit.payload, &target.namespace, ack, Some(engine)) {
                Some(error) => {
                    target.outbox.unqueue(emit.size);
                    target.not_sent(socket, emit, error, &mut self.events);
                }
                None => {
                    // Before whatever comes next, though a request may be under way that it has to wait for.
                    delivery::tell_sent(socket, target, &mut emit, &mut self.events);
                    engine.queue.push_back(Outgoing::Emit { socket, emit });
                }
            }
        }
        delivery::queue_attempts(socket, target, engine, &self.codec, &mut self.events, self.now);
    }

    /// The namespace is not tried again until the application asks for it.
    fn refused(&mut self, socket: SocketId, failure: ConnectFailure<C::Payload>, now: Instant) {
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            target.state = SocketState::Inactive;
            target.recovery.refused();
        }
        // Of a server that answers before it is asked.
        if let Phase::Open(engine) = &mut self.phase {
            engine.withdraw_connect(socket);
        }
        self.leave_if_unused(now);
        self.events.push_back(Event::ConnectError { socket, error: failure });
    }

    /// The namespace was connected and is not any longer. The session goes on, unless this was the last namespace; then
    /// that is told first.
    fn left(&mut self, socket: SocketId, reason: DisconnectReason, now: Instant) {
        let heard = self.heard();
        self.forget_saved(socket);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        target.state = SocketState::Inactive;
        target.recovery.left(heard);
        target.sync = Sync::Off;
        let abandoned = target.abandon_acks();
        self.leave_if_unused(now);
        self.events.push_back(Event::Disconnected { socket, reason, error: None });
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            for lost in &abandoned {
                target.lose(socket, lost, &mut self.events);
            }
            target.fail_attempts(socket, &mut self.events);
        }
        self.report_flushes();
        // A CONNECT whose time is over was waited for only because of those that were connected.
        for other in &mut self.sockets {
            if let SocketState::Connecting { deadline: deadline @ None } = &mut other.state {
                *deadline = Some(now + self.config.connect_timeout);
            }
        }
    }

    pub(super) fn namespace_timeout(&mut self, now: Instant) {
        for socket in self.socket_ids() {
            self.ack_timeout(socket, now);
            self.outbox_timeout(socket, now);
            self.connect_timeout(socket, now);
        }
    }

    fn ack_timeout(&mut self, socket: SocketId, now: Instant) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let (mut removed, mut attempted) = (false, false);
        let mut probe = false;
        while let Some(settled) = target.acks.expired(now) {
            let emit = settled.emit;
            if settled.attempt {
                attempted = true;
                let sure = target.sync.is_hoped_for();
                match target.outbox.attempt_timed_out(emit, sure, now, &self.config, &mut self.rng) {
                    Some(TimedOut::GaveUp(emit)) => {
                        let fate = emit.uncertain();
                        target.finish(socket, emit, fate, Err(AckError::Timeout), &mut self.events);
                    }
                    Some(TimedOut::Probe { key, timeout }) => {
                        probe = true;
                        target.acks.attempt_again(key, emit, timeout.map(|timeout| now + timeout));
                    }
                    Some(TimedOut::Again) | None => {}
                }
                continue;
            }
            // One that was not sent yet is not sent any more; in the engine's queue it is passed over.
            let held = if settled.sent { None } else { target.outbox.remove(emit) };
            removed |= held.is_some();
            let fate = if settled.sent { Fate::UNCERTAIN } else { Fate::Expired };
            if !settled.dropped {
                target.outbox.fates.settle(emit, fate, held.map(|held| held.payload));
            }
            self.events.push_back(Event::Ack { socket, emit, result: Err(AckError::Timeout) });
        }
        if probe {
            self.probe_middleware(socket);
        }
        if attempted {
            self.release(socket);
        } else if removed {
            self.report_flushes();
        }
    }

    fn connect_timeout(&mut self, socket: SocketId, now: Instant) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let Some(deadline) = target.state.deadline() else { return };
        if deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        mem::take(deadline);
        if let SocketState::Authenticating { .. } = target.state {
            // Not the server's fault; the answer may still come.
            let cause = "no answer in time, still waiting".to_string();
            self.events.push_back(Event::ConnectError { socket, error: ConnectFailure::Auth { cause } });
            return;
        }
        // A second CONNECT would make the server close the connection, so a late answer is all there is to hope for,
        // unless nobody else uses the connection.
        self.events.push_back(Event::ConnectError { socket, error: ConnectFailure::Timeout });
        if !self.sockets.iter().any(|other| other.is_connected()) {
            self.end_session(DisconnectReason::TransportError, Some(TransportError::Timeout), now);
        }
    }
}
