//! Sessions: their transports, what arrives on them, the upgrade, and what follows when one ends.

use alloc::string::{String, ToString};
use core::mem;

use super::receipts::FENCE;
use super::{Lingering, Manager, Opening, Phase};
use crate::codec::{Codec, Handshake, Message};
use crate::config::TransportKind;
use crate::engine::polling::{Polling, request_deadline};
use crate::engine::upgrade::{Probe, Upgrade};
use crate::engine::url::request;
use crate::engine::{Engine, Link, Outgoing, PacketType, Received};
use crate::error::{AckError, DecodeError, OpenError, TransportError};
use crate::event::{DisconnectReason, Event, SocketId};
use crate::fate::Fate;
use crate::io::{Command, TransportId};
use crate::recovery::Lost;
use crate::sync::Sync;
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// A message on a WebSocket.
    pub(super) fn message(&mut self, transport: TransportId, message: Message<C>, now: Instant) {
        if let Some(Lingering { engine, .. }) = &mut self.lingering
            && engine.transport() == transport
        {
            // Of all that a session says that was left, only a receipt counts.
            let received = engine.receive(message, &mut self.codec, &self.config.limits, now);
            if matches!(received, Received::Packet(header, _) if *header.namespace == *FENCE) {
                self.pong(transport);
            }
            return;
        }
        match &mut self.phase {
            Phase::TakingOver(takeover) if takeover.transport() == transport => {
                self.takeover_heard(&message, now);
            }
            Phase::Opening(opening) if opening.transport == transport || fault!(TransportUnchecked) => {
                if let Some(handshake) = self.handshake(&message, now) {
                    self.opened(handshake, Link::WebSocket(transport), now);
                }
            }
            Phase::Open(engine)
                if engine.transport() == transport
                    || (fault!(TransportUnchecked) && engine.upgrade.transport() != Some(transport)) =>
            {
                let received = engine.receive(message, &mut self.codec, &self.config.limits, now);
                self.received(received, now);
            }
            Phase::Open(engine) if engine.upgrade.transport() == Some(transport) => {
                self.probe_answered(&message)
            }
            Phase::Idle
            | Phase::Waiting { .. }
            | Phase::Resolving { .. }
            | Phase::TakingOver(_)
            | Phase::Opening(_)
            | Phase::Open(_) => {}
        }
    }

    /// The answer to a GET.
    pub(super) fn got(&mut self, transport: TransportId, body: C::Text, now: Instant) {
        match &mut self.phase {
            Phase::Opening(opening) if opening.transport == transport => {}
            Phase::Open(engine) => match engine.polling(transport) {
                Some(polling) => polling.getting = None,
                None => return,
            },
            _ => return,
        }
        let mut texts = match self.codec.split(body, &self.config.limits) {
            Ok(texts) => texts,
            Err(error) => return self.transport_closed(transport, TransportError::Protocol(error), now),
        };
        if matches!(self.phase, Phase::Opening(_)) {
            let Some(first) = texts.pop_front() else {
                let found = String::new();
                return self.transport_failed(DecodeError::Engine { found }.into(), now);
            };
            let Some(handshake) = self.handshake(&Message::Text(first), now) else { return };
            self.opened(handshake, Link::Polling(Polling::new(transport)), now);
        }
        for text in texts {
            let Phase::Open(engine) = &mut self.phase else { return };
            if engine.transport() != transport {
                return;
            }
            let received = engine.receive(Message::Text(text), &mut self.codec, &self.config.limits, now);
            self.received(received, now);
        }
        self.get(transport);
    }

    /// Sends the next GET, unless the session is about to move.
    fn get(&mut self, transport: TransportId) {
        let Phase::Open(engine) = &mut self.phase else { return };
        let pausing = engine.upgrade.is_pausing();
        let Some(polling) = engine.polling(transport) else { return };
        if pausing {
            return self.switch_if_idle();
        }
        polling.getting = Some(request_deadline(&self.config, self.now));
        let url = request(&self.config, TransportKind::Polling, Some(&engine.sid), &mut self.rng);
        self.commands.push_back(Command::Get { transport, url });
    }

    fn handshake(&mut self, message: &Message<C>, now: Instant) -> Option<Handshake> {
        let handshake = match message {
            Message::Text(text) => match self.codec.packet_type(text) {
                Ok(PacketType::Open) => self.codec.handshake(text),
                Ok(_) => Err(DecodeError::Handshake { cause: "another packet came first".to_string() }),
                Err(error) => Err(error),
            },
            Message::Binary(_) => Err(DecodeError::Handshake { cause: "binary data came first".to_string() }),
        };
        let handshake = handshake.and_then(Handshake::checked);
        handshake.map_err(|error| self.transport_failed(TransportError::Protocol(error), now)).ok()
    }

    fn opened(&mut self, handshake: Handshake, link: Link, now: Instant) {
        let Phase::Opening(Opening { kind, attempt, .. }) = self.phase else { return };
        let offers_websocket =
            handshake.upgrades.iter().any(|name| name == TransportKind::WebSocket.as_str());
        let mut engine = Engine::new(handshake, link, now);
        if self.take_over_after_all(engine.transport(), now) {
            return;
        }
        if kind == TransportKind::WebSocket {
            self.upgraded_before = true;
        } else if self.config.upgrade
            && offers_websocket
            && self.config.transports.contains(&TransportKind::WebSocket)
        {
            let transport = self.transport_id();
            let url = request(&self.config, TransportKind::WebSocket, Some(&engine.sid), &mut self.rng);
            self.commands.push_back(Command::Open { transport, url });
            let deadline = now + self.config.upgrade_timeout;
            engine.upgrade = Upgrade::Probing { transport, deadline, step: Probe::Opening };
        }
        self.phase = Phase::Open(engine);
        self.others_tried = 0;
        self.arrived();
        self.events.push_back(Event::Opened { transport: kind });
        if let Some((attempt, _)) = attempt {
            self.events.push_back(Event::Reconnected { attempt });
        }
        for id in self.socket_ids() {
            self.join(id, now);
        }
    }

    fn received(&mut self, received: Received<C>, now: Instant) {
        match received {
            Received::Nothing => {}
            Received::Ping => {
                self.events.push_back(Event::Ping);
                // What was held because it had not come in time.
                for socket in self.socket_ids() {
                    self.release(socket);
                }
            }
            Received::Packet(header, payload) => self.packet(header, payload, now),
            Received::Close => {
                let error = TransportError::Closed { code: None, reason: String::new() };
                self.end_session(DisconnectReason::TransportClose, Some(error), now);
            }
            Received::Foreign(error) => {
                self.end_session(DisconnectReason::TransportError, Some(error.into()), now);
            }
            Received::Malformed(error) => {
                self.end_session(DisconnectReason::ParseError, Some(error.into()), now)
            }
        }
    }

    fn probe_answered(&mut self, message: &Message<C>) {
        let answer = match message {
            Message::Text(text) => self.codec.packet_type(text),
            Message::Binary(_) => Err(DecodeError::UnexpectedBinary),
        };
        let Phase::Open(engine) = &mut self.phase else { return };
        match (&engine.upgrade, answer) {
            (&Upgrade::Probing { transport, deadline, step: Probe::Sent }, Ok(PacketType::ProbePong)) => {
                engine.upgrade = Upgrade::Pausing { transport, deadline };
                self.events.push_back(Event::Upgrading { transport: TransportKind::WebSocket });
                self.switch_if_idle();
            }
            (_, answer) => {
                let cause = answer
                    .err()
                    .unwrap_or(DecodeError::Handshake { cause: "no answer to the probe".to_string() });
                self.upgrade_failed(TransportError::Protocol(cause));
            }
        }
    }

    /// The session stays where it is. If it had stopped to poll for the upgrade, it polls again.
    fn upgrade_failed(&mut self, error: TransportError) {
        let Phase::Open(engine) = &mut self.phase else { return };
        let Some(transport) = mem::replace(&mut engine.upgrade, Upgrade::None).transport() else { return };
        self.upgraded_before = false;
        self.close_transport(transport);
        self.events.push_back(Event::UpgradeFailed { error });
        self.drop_if_leaving();
        let Phase::Open(engine) = &mut self.phase else { return };
        if let Link::Polling(polling) = &engine.link
            && polling.getting.is_none()
        {
            let transport = polling.transport;
            self.get(transport);
        }
    }

    /// Moves to the probed WebSocket once neither GET nor POST is in flight.
    pub(super) fn switch_if_idle(&mut self) {
        let Phase::Open(engine) = &mut self.phase else { return };
        let idle = matches!(&engine.link, Link::Polling(polling) if polling.is_idle());
        if !idle {
            return;
        }
        if let Some(old) = engine.switch() {
            self.close_transport(old);
            self.upgraded_before = true;
            self.events.push_back(Event::Upgraded { transport: TransportKind::WebSocket });
            self.drop_if_leaving();
        }
    }

    /// A transport failed to open, was closed by the peer, or broke.
    pub(super) fn transport_closed(&mut self, transport: TransportId, error: TransportError, now: Instant) {
        if self.lingering.as_ref().is_some_and(|lingering| lingering.engine.transport() == transport) {
            return self.end_lingering();
        }
        match &self.phase {
            Phase::TakingOver(takeover) if takeover.transport() == transport => {
                self.backoff.heed(&error, &self.config, now);
                self.takeover_failed(&error, now);
            }
            Phase::Opening(opening) if opening.transport == transport => self.transport_failed(error, now),
            Phase::Open(engine) if engine.transport() == transport => {
                self.backoff.heed(&error, &self.config, now);
                let reason = match error {
                    TransportError::Closed { .. } => DisconnectReason::TransportClose,
                    // Nobody said goodbye, but a WebSocket that ends is "transport close" in the JavaScript client too.
                    TransportError::Lost { .. } if engine.kind() == TransportKind::WebSocket => {
                        DisconnectReason::TransportClose
                    }
                    _ => DisconnectReason::TransportError,
                };
                self.end_session(reason, Some(error), now);
            }
            Phase::Open(engine) if engine.upgrade.transport() == Some(transport) => {
                self.upgrade_failed(error)
            }
            Phase::Idle
            | Phase::Waiting { .. }
            | Phase::Resolving { .. }
            | Phase::TakingOver(_)
            | Phase::Opening(_)
            | Phase::Open(_) => {}
        }
    }

    /// The session is over; another one is planned if anybody wants it.
    pub(super) fn end_session(
        &mut self,
        reason: DisconnectReason,
        error: Option<TransportError>,
        now: Instant,
    ) {
        self.release_all();
        let engine = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Open(engine) => engine,
            other => {
                self.phase = other;
                return;
            }
        };
        let lost = self.lost(&engine, error.as_ref());
        self.abandon(engine);
        self.session_ended(reason, error, lost, now);
    }

    /// Tells everybody, and plans the next attempt.
    pub(super) fn session_ended(
        &mut self,
        reason: DisconnectReason,
        error: Option<TransportError>,
        lost: Lost,
        now: Instant,
    ) {
        let each = if C::TELLS_EACH { error.clone() } else { None };
        self.events.push_back(Event::Closed { reason, error });
        for (socket, id) in self.sockets.iter_mut().zip(0..) {
            let id = SocketId(id);
            if socket.session_lost(&lost) && C::TELLS_EACH {
                self.events.push_back(Event::Disconnected { socket: id, reason, error: each.clone() });
            }
            socket.sync = Sync::Off;
            for lost in socket.acks.lost() {
                socket.lose(id, &lost, &mut self.events);
            }
            socket.fail_attempts(id, &mut self.events);
        }
        self.report_flushes();
        self.schedule(now);
        if now < self.resumed_until {
            self.hurry(now);
        }
    }

    /// Gives back what the session has not handed to a transport, and closes its transports.
    fn abandon(&mut self, engine: Engine<C>) {
        let probe = engine.upgrade.transport();
        for transport in [Some(engine.transport()), probe].into_iter().flatten() {
            self.close_transport(transport);
        }
        for outgoing in engine.queue.into_iter().rev().filter(|_| !fault!(BufferNotPutBack)) {
            self.give_back(outgoing);
        }
        #[cfg(socketio_faults)]
        if fault!(HalfPacketResent)
            && let Some(socket) = self.sockets.first_mut()
        {
            let half = engine.messages.into_iter();
            socket.half.extend(half.take_while(|message| matches!(message, Message::Binary(_))));
        }
        if self.lingering.is_some() {
            // A newer session ends, on which no namespace was connected: what waits for a receipt left on the other.
            return;
        }
        for (socket, id) in self.sockets.iter_mut().zip(0..) {
            for emit in socket.outbox.write_off() {
                self.events.push_back(Event::Flushed { socket: SocketId(id), emit, delivered: false });
            }
        }
    }

    /// Undoes what has not left; to be called from the last packet to the first. A volatile emit had its only chance.
    pub(super) fn give_back(&mut self, outgoing: Outgoing<C::Payload>) {
        match outgoing {
            Outgoing::Emit { socket: id, emit } => {
                let Some(socket) = self.sockets.get_mut(id.0 as usize) else { return };
                if !emit.volatile {
                    return socket.outbox.take_back(emit);
                }
                socket.outbox.unqueue(emit.size);
                if socket.is_told(&emit) {
                    return;
                }
                socket.outbox.fates.settle(emit.id, Fate::Dropped, Some(emit.payload));
                if emit.answer.id().and_then(|ack| socket.acks.remove(ack)).is_some() {
                    let result = Err(AckError::Dropped);
                    self.events.push_back(Event::Ack { socket: id, emit: emit.id, result });
                }
                self.report_flushes();
            }
            Outgoing::Attempt { socket, emit } => {
                let Some(socket) = self.sockets.get_mut(socket.0 as usize) else { return };
                socket.outbox.take_attempt_back(emit);
            }
            Outgoing::Ack { socket, size, .. } => {
                let Some(socket) = self.sockets.get_mut(socket.0 as usize) else { return };
                socket.outbox.answered(size);
            }
            Outgoing::Connect { .. } | Outgoing::Disconnect { .. } | Outgoing::Sync { .. } => {}
        }
    }

    /// Ends the session that was left.
    pub(super) fn end_lingering(&mut self) {
        if let Some(Lingering { engine, .. }) = self.lingering.take() {
            self.abandon(engine);
        }
    }

    /// Nobody wants the connection any longer: what is queued still leaves, within `close_timeout`.
    pub(super) fn leave(&mut self, now: Instant) {
        self.backoff.reset();
        match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle | Phase::Waiting { .. } | Phase::Resolving { .. } => {}
            Phase::TakingOver(takeover) => self.close_transport(takeover.transport()),
            Phase::Opening(opening) => self.close_transport(opening.transport),
            Phase::Open(mut engine) => {
                if let Some(transport) = mem::replace(&mut engine.upgrade, Upgrade::None).transport() {
                    self.close_transport(transport);
                }
                self.end_lingering();
                let lost = self.lost(&engine, None);
                for socket in &mut self.sockets {
                    socket.session_lost(&lost);
                }
                let deadline = now + self.config.close_timeout;
                self.lingering = Some(Lingering { engine, deadline, said_goodbye: false });
                self.events.push_back(Event::Closed { reason: DisconnectReason::ForcedClose, error: None });
            }
        }
    }

    pub(super) fn connection_timeout(&mut self, now: Instant) {
        if self.lingering.as_ref().is_some_and(|lingering| now >= lingering.deadline) {
            self.end_lingering();
        }
        self.moment_over(now);
        match &self.phase {
            Phase::Waiting { until, attempt } if now >= *until => self.start(*attempt, now),
            Phase::Resolving { deadline, .. } if now >= *deadline => {
                let error = if self.config.transports.is_empty() {
                    OpenError::NoTransports
                } else {
                    OpenError::Timeout
                };
                self.attempt_failed(error, now);
            }
            Phase::TakingOver(takeover) if now >= takeover.until() => self.takeover_timeout(now),
            Phase::Opening(opening) if now >= opening.share => {
                self.transport_failed(TransportError::Timeout, now)
            }
            Phase::Open(engine) if engine.heartbeat_missed(now) => {
                self.end_session(DisconnectReason::PingTimeout, None, now);
            }
            Phase::Open(engine) if engine.probe_failed(now) => {
                self.end_session(DisconnectReason::PingTimeout, None, now);
            }
            Phase::Open(engine) if engine.request_overdue(now) => {
                let transport = engine.transport();
                self.transport_closed(transport, TransportError::Timeout, now);
            }
            Phase::Open(engine) if engine.incomplete(now) => {
                self.end_session(DisconnectReason::ParseError, Some(DecodeError::Incomplete.into()), now);
            }
            Phase::Open(engine) if engine.upgrade.deadline().is_some_and(|deadline| now >= deadline) => {
                self.upgrade_failed(TransportError::Timeout);
            }
            Phase::Idle
            | Phase::Waiting { .. }
            | Phase::Resolving { .. }
            | Phase::TakingOver(_)
            | Phase::Opening(_)
            | Phase::Open(_) => {}
        }
    }

    pub(super) fn socket_ids(&self) -> impl Iterator<Item = SocketId> + use<C> {
        (0..u32::try_from(self.sockets.len()).unwrap_or(u32::MAX)).map(SocketId)
    }
}
