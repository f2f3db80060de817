//! Attempts to open a session: when, where, over which transport, and what follows when one fails.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use super::{Attempt, Manager, Opening, Phase};
use crate::codec::Codec;
use crate::config::{Config, TransportKind};
use crate::engine::polling::request_deadline;
use crate::engine::url::{Address, UrlError, request};
use crate::error::{ConnectFailure, OpenError, TransportError};
use crate::event::{DisconnectReason, Event, SocketId};
use crate::io::{Command, ResolveId};
use crate::rng::Rng;
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// Starts the next attempt at once instead of when it is due; the count of attempts goes on. Also starts again after
    /// [`Event::ReconnectFailed`].
    pub fn reconnect_now(&mut self, now: Instant) {
        match self.phase {
            Phase::Waiting { attempt, .. } => self.start(attempt, now),
            Phase::Idle if self.any_active() => self.start(None, now),
            Phase::Idle
            | Phase::Resolving { .. }
            | Phase::TakingOver(_)
            | Phase::Opening(_)
            | Phase::Open(_) => {}
        }
    }

    /// Whether to connect again by itself (`reconnection`). Turning it off ends a wait that is under way.
    pub fn set_reconnection(&mut self, on: bool) {
        self.config.reconnection = on;
        if !on && matches!(self.phase, Phase::Waiting { .. }) {
            self.phase = Phase::Idle;
            self.backoff.reset();
        }
    }

    /// Tells whether there is a network. Without one the session counts as lost and attempts fail; when it is back, the
    /// next attempt starts at once, though not more than once a second.
    pub fn set_online(&mut self, online: bool, now: Instant) {
        if mem::replace(&mut self.online, online) == online {
            return;
        }
        if online {
            return self.hurry(now);
        }
        match &self.phase {
            Phase::Open(_) => {
                self.end_session(DisconnectReason::TransportClose, Some(TransportError::Offline), now)
            }
            Phase::TakingOver(_) => self.takeover_failed(&TransportError::Offline, now),
            Phase::Opening(_) => self.transport_failed(TransportError::Offline, now),
            Phase::Idle | Phase::Waiting { .. } | Phase::Resolving { .. } => {}
        }
    }

    /// Answers [`Command::Resolve`] with where to connect, and the query to add. `None` for the address: at that of the last
    /// time, or of several servers at the one that worked last ([`Config::others`]).
    pub fn resolved(
        &mut self,
        id: ResolveId,
        address: Result<Option<Address>, UrlError>,
        query: Vec<(String, String)>,
        now: Instant,
    ) {
        let Phase::Resolving { id: current, attempt, deadline } = self.phase else { return };
        if current != id {
            return;
        }
        match address {
            Ok(address) => {
                if let Some(address) = address {
                    self.config.address = address;
                }
                self.config.query = query;
                self.begin(attempt, deadline, now);
            }
            Err(UrlError { url, cause }) => {
                let error = TransportError::InvalidUrl { url, cause: cause.to_string() };
                let transport = self.config.transports.first().copied().unwrap_or(TransportKind::WebSocket);
                self.attempt_failed(OpenError::Transport { transport, error }, now);
            }
        }
    }

    pub(super) fn any_active(&self) -> bool {
        self.wanted || self.sockets.iter().any(|socket| socket.is_active())
    }

    /// Starts an attempt.
    pub(super) fn start(&mut self, attempt: Attempt, now: Instant) {
        if let Some((attempt, delay)) = attempt {
            self.events.push_back(Event::ReconnectAttempt { attempt, delay });
        }
        let deadline = now + self.config.timeout;
        self.others_tried = 0;
        self.takeover_left = self.config.recovery_takeover_timeout;
        if self.config.ask_address {
            self.next_resolve = self.next_resolve.wrapping_add(1);
            let id = ResolveId(self.next_resolve);
            self.phase = Phase::Resolving { id, attempt, deadline };
            self.commands.push_back(Command::Resolve { id });
        } else {
            self.begin(attempt, deadline, now);
        }
    }

    fn begin(&mut self, attempt: Attempt, deadline: Instant, now: Instant) {
        if !self.take_over_first(attempt, deadline, now) {
            self.open_first(attempt, deadline, now);
        }
    }

    pub(super) fn open_first(&mut self, attempt: Attempt, deadline: Instant, now: Instant) {
        let mut kinds: Vec<TransportKind> = self.config.transports.iter().rev().copied().collect();
        if self.config.remember_upgrade
            && self.upgraded_before
            && let Some(at) = kinds.iter().position(|kind| *kind == TransportKind::WebSocket)
        {
            kinds.remove(at);
            kinds.push(TransportKind::WebSocket);
        }
        let Some(kind) = kinds.pop() else {
            // Told by the timer: who has just asked for the connection may not listen yet.
            self.phase = Phase::Resolving { id: ResolveId(self.next_resolve), attempt, deadline: now };
            return;
        };
        if !self.config.try_all_transports {
            kinds.clear();
        }
        self.open(kind, kinds, attempt, deadline, now);
        if !self.online {
            self.transport_failed(TransportError::Offline, now);
        }
    }

    fn open(
        &mut self,
        kind: TransportKind,
        rest: Vec<TransportKind>,
        attempt: Attempt,
        deadline: Instant,
        now: Instant,
    ) {
        let transport = self.transport_id();
        let others = self.config.others.len().saturating_sub(self.others_tried);
        let share = if (rest.is_empty() && others == 0) || deadline == Instant::NEVER {
            deadline
        } else {
            now + deadline.since(now) / 2
        };
        let share = match kind {
            TransportKind::WebSocket => share,
            TransportKind::Polling => share.min(request_deadline(&self.config, now)),
        };
        let url = request(&self.config, kind, None, &mut self.rng);
        self.commands.push_back(match kind {
            TransportKind::WebSocket => Command::Open { transport, url },
            TransportKind::Polling => Command::Get { transport, url },
        });
        self.phase = Phase::Opening(Opening { transport, kind, rest, attempt, deadline, share });
    }

    /// The transport that is being opened failed: on with the next one, or the attempt has failed.
    pub(super) fn transport_failed(&mut self, error: TransportError, now: Instant) {
        let Phase::Opening(opening) = mem::replace(&mut self.phase, Phase::Idle) else { return };
        let Opening { transport, kind, mut rest, attempt, deadline, .. } = opening;
        self.backoff.heed(&error, &self.config, now);
        self.close_transport(transport);
        self.upgraded_before = false;
        match rest.pop() {
            Some(next) if self.online && now < deadline => self.open(next, rest, attempt, deadline, now),
            None if self.next_server(attempt, deadline, now) => {}
            _ if now >= deadline => self.attempt_failed(OpenError::Timeout, now),
            _ => self.attempt_failed(OpenError::Transport { transport: kind, error }, now),
        }
    }

    /// On with the next of several servers. False if the attempt has tried them all.
    pub(super) fn next_server(&mut self, attempt: Attempt, deadline: Instant, now: Instant) -> bool {
        if !self.online || now >= deadline || self.others_tried >= self.config.others.len() {
            return false;
        }
        // The one that failed comes last the next time.
        self.others_tried += 1;
        self.backoff.other_server();
        let next = self.config.others.remove(0);
        let failed = mem::replace(&mut self.config.address, next);
        self.config.others.push(failed);
        self.begin(attempt, deadline, now);
        true
    }

    pub(super) fn attempt_failed(&mut self, error: OpenError, now: Instant) {
        self.phase = Phase::Idle;
        let each = C::TELLS_EACH.then(|| error.clone());
        self.events.push_back(Event::OpenFailed { error });
        for (socket, id) in self.sockets.iter().zip(0..) {
            if socket.is_active()
                && let Some(error) = each.clone()
            {
                let error = ConnectFailure::Open(error);
                self.events.push_back(Event::ConnectError { socket: SocketId(id), error });
            }
        }
        self.schedule(now);
    }

    /// Plans the next attempt.
    pub(super) fn schedule(&mut self, now: Instant) {
        if !self.config.reconnection || !self.any_active() {
            self.backoff.reset();
            return;
        }
        match self.backoff.next(&self.config, &mut self.rng, now) {
            Some((attempt, delay)) => {
                self.phase = Phase::Waiting { until: now + delay, attempt: Some((attempt, delay)) };
                self.events.push_back(Event::Waiting { attempt, delay });
            }
            None => {
                self.backoff.reset();
                self.events.push_back(Event::ReconnectFailed);
            }
        }
    }
}

/// Puts the servers into an order of this client's own.
pub(super) fn shuffle(config: &mut Config, rng: &mut Rng) {
    let mut all = mem::take(&mut config.others);
    all.push(config.address.clone());
    for last in (1..all.len()).rev() {
        let bound = u64::try_from(last).unwrap_or(u64::MAX) + 1;
        all.swap(last, usize::try_from(rng.next() % bound).unwrap_or_default());
    }
    config.address = all.remove(0);
    config.others = all;
}
