//! One namespace: whether it is connected, and what waits for it.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::acks::{Acks, Settled};
use crate::codec::Codec;
use crate::config::Config;
use crate::error::{AckError, EmitError};
use crate::event::{EmitId, Event, SocketId};
use crate::fate::Fate;
use crate::gap::Gap;
use crate::outbox::{Answer, Emit, Outbox};
use crate::recovery::{Lost, Recovery};
use crate::retries::{Kept, Reliable, Retries};
use crate::sync::Sync;
use crate::time::Instant;

/// Authentication data of a namespace's CONNECT.
#[derive(Clone, Debug, Default)]
pub enum Auth<P> {
    /// None is sent.
    #[default]
    None,
    /// The same each time.
    Value(P),
    /// Asked for at each CONNECT ([`Event::Authenticate`](crate::Event::Authenticate)).
    Ask,
}

/// Options of one namespace.
#[derive(Clone, Debug)]
pub struct SocketOptions<P> {
    /// Sent with CONNECT.
    pub auth: Auth<P>,
    /// How often an emit is sent again until the server's handler has answered it; `None`: each is sent once. Emits then
    /// leave one after the other, except volatile ones, and each ends in one [`Event::Ack`](crate::Event::Ack). A handler
    /// may see the same event twice. Without a time for acks, only a connection that ended causes another attempt.
    pub retries: Option<u32>,
    /// How far the newest emit that is sent again may be ahead of the oldest that is not settled (`retryWindow`), 1 to
    /// 1,024. Default 1, as in the JavaScript client; 16 with `exactly_once`. With 1 at most one event is repeated at each
    /// lost connection, and none overtakes another.
    pub retry_window: Option<u32>,
    /// A name for this process, or page, that no other has: 1 to 64 of the characters `A-Za-z0-9_.-`. Every attempt of an
    /// emit then has the same ack id, and a server with the middleware for it runs each event once (`exactlyOnce`).
    /// Without that middleware a handler may see an event twice, as with `retries` alone.
    pub exactly_once: Option<String>,
    /// Whether emits are kept in a store until they are settled ([`Command::Keep`](crate::Command::Keep)). Only with
    /// `retries`. Default none.
    pub durability: Option<Durability>,
    /// Whether another process or page is to take up the session ([`Command::Save`](crate::Command::Save),
    /// `recoveryStore`). Default false.
    pub saves: bool,
}

/// How the emits of a client's namespaces are delivered: what [`SocketOptions`] has of it, for all of them.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// See [`SocketOptions::retries`]. `exactly_once` and `durability` imply it, without limit.
    pub retries: Option<u32>,
    /// See [`SocketOptions::retry_window`].
    pub retry_window: Option<u32>,
    /// See [`SocketOptions::exactly_once`].
    pub exactly_once: bool,
    /// See [`SocketOptions::durability`].
    pub durability: Option<Durability>,
}

impl Delivery {
    /// The options of a namespace; `name` is that of this process or page.
    #[must_use]
    pub fn options<P>(&self, auth: Auth<P>, name: &str) -> SocketOptions<P> {
        let implied = self.exactly_once || self.durability.is_some();
        SocketOptions {
            auth,
            retries: self.retries.or(implied.then_some(u32::MAX)),
            retry_window: self.retry_window,
            exactly_once: self.exactly_once.then(|| name.into()),
            durability: self.durability,
            ..SocketOptions::default()
        }
    }
}

/// When an emit may leave whose socket has a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Once it is stored (`"storedFirst"`).
    #[default]
    StoredFirst,
    /// At once (`"writeBehind"`): a crash may lose the last emits, and what is known of those that were sent.
    WriteBehind,
}

impl<P> Default for SocketOptions<P> {
    fn default() -> Self {
        Self {
            auth: Auth::None,
            retries: None,
            retry_window: None,
            exactly_once: None,
            durability: None,
            saves: false,
        }
    }
}

impl<P> SocketOptions<P> {
    /// How emits are sent again, if they are.
    pub(crate) fn resending(&self) -> Option<Retries> {
        let window = self.retry_window.unwrap_or(if self.exactly_once.is_some() { 16 } else { 1 });
        let stored_first = self.durability.map(|durability| durability == Durability::StoredFirst);
        Some(Retries::new(self.retries?, window.clamp(1, 1024), self.exactly_once.clone(), stored_first))
    }
}

/// How one emit is to be treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmitOptions<'a> {
    /// Whether the server's handler is to answer.
    pub ack: bool,
    /// Time for the answer, from now; else [`Config::ack_timeout`](crate::Config::ack_timeout). With
    /// [`SocketOptions::retries`], time for each attempt from when it is written.
    pub timeout: Option<Duration>,
    /// Dropped unless it can be sent at once.
    pub volatile: bool,
    /// A drop is not told: the ack ends as if the emit had been lost on its way, when its time is over or with the
    /// connection.
    pub quiet_drop: bool,
    /// The transport has not yet taken what it was handed before, although the core cannot see that: a volatile emit is
    /// dropped.
    pub busy: bool,
    /// How long it is held before it is too old to be sent (`maxAge`); else
    /// [`Config::buffer_max_age`](crate::Config::buffer_max_age).
    pub max_age: Option<Duration>,
    /// It replaces an older emit with the same key that is still held, in its place; the older one is dropped
    /// (`coalesce`). Without effect if it is [`volatile`](Self::volatile), since that one is never held.
    pub coalesce: Option<&'a str>,
    /// What becomes of it is told ([`Event::Fate`](crate::Event::Fate)).
    pub watched: bool,
    /// Nobody wants the answer to what is sent until it is answered: that it came is no [`Event::Ack`](crate::Event::Ack).
    pub unread: bool,
}

/// A namespace as the application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// Connected now.
    pub connected: bool,
    /// Connected, or being connected again by itself.
    pub active: bool,
    /// The server's id for it, while connected.
    pub id: Option<&'a str>,
    /// Whether the last connection resumed the one before.
    pub recovered: bool,
    /// What may be missing between the last two connections.
    pub last_gap: Option<&'a Gap>,
}

#[derive(Debug)]
pub(crate) enum SocketState {
    /// Not wanted by the application, or refused, or ended by the server.
    Inactive,
    /// Wanted; there is no session.
    Waiting,
    /// CONNECT waits for authentication data. The deadline is gone once it was reported.
    Authenticating { request: u32, deadline: Option<Instant> },
    /// CONNECT is queued or sent. The deadline is gone once it was reported.
    Connecting { deadline: Option<Instant> },
    /// `session` counts up with each connection.
    Connected { sid: String, session: u32 },
    /// The application left before the answer to CONNECT. A DISCONNECT now would make the server close the whole
    /// connection, so it follows the answer.
    Leaving,
}

pub(crate) struct Socket<C: Codec> {
    pub(crate) namespace: C::Name,
    pub(crate) auth: Auth<C::Payload>,
    pub(crate) state: SocketState,
    pub(crate) outbox: Outbox<C::Payload>,
    pub(crate) acks: Acks,
    pub(crate) recovery: Recovery<C::Payload>,
    pub(crate) resync: bool,
    pub(crate) saves: bool,
    pub(crate) sync: Sync,
    pub(crate) sessions: u32,
    pub(crate) auth_requests: u32,
    pub(crate) observed: bool,
    #[cfg(socketio_faults)]
    pub(crate) half: VecDeque<crate::codec::Message<C>>,
}

impl SocketState {
    /// Of what is under way: the question for authentication data, or CONNECT. `Some(None)` if it was reported.
    pub(crate) const fn deadline(&mut self) -> Option<&mut Option<Instant>> {
        match self {
            Self::Authenticating { deadline, .. } | Self::Connecting { deadline } => Some(deadline),
            Self::Inactive | Self::Waiting | Self::Connected { .. } | Self::Leaving => None,
        }
    }
}

impl<C: Codec> Socket<C> {
    pub(crate) fn new(namespace: C::Name, options: SocketOptions<C::Payload>) -> Self {
        Self {
            namespace,
            outbox: Outbox::new(options.resending()),
            auth: options.auth,
            state: SocketState::Inactive,
            acks: Acks::default(),
            recovery: Recovery::default(),
            resync: false,
            saves: options.saves,
            sync: Sync::default(),
            sessions: 0,
            auth_requests: 0,
            observed: false,
            #[cfg(socketio_faults)]
            half: VecDeque::new(),
        }
    }

    /// Whether the application wants it connected.
    pub(crate) const fn is_active(&self) -> bool {
        !matches!(self.state, SocketState::Inactive | SocketState::Leaving)
    }

    pub(crate) const fn is_connected(&self) -> bool {
        matches!(self.state, SocketState::Connected { .. })
    }

    pub(crate) fn status(&self) -> Status<'_> {
        let id = match &self.state {
            SocketState::Connected { sid, .. } => Some(sid.as_str()),
            SocketState::Inactive
            | SocketState::Waiting
            | SocketState::Authenticating { .. }
            | SocketState::Connecting { .. }
            | SocketState::Leaving => None,
        };
        Status {
            connected: id.is_some(),
            active: self.is_active(),
            id,
            recovered: self.recovery.recovered,
            last_gap: self.recovery.last_gap(),
        }
    }

    /// The session is gone. Returns whether the namespace was connected.
    pub(crate) fn session_lost(&mut self, lost: &Lost) -> bool {
        let next = if self.is_active() { SocketState::Waiting } else { SocketState::Inactive };
        let was = matches!(core::mem::replace(&mut self.state, next), SocketState::Connected { .. });
        self.recovery.session_lost(lost, was);
        was
    }

    /// The namespace is left while the session goes on: acks of what is on its way will not come.
    pub(crate) fn abandon_acks(&mut self) -> Vec<Settled> {
        let outbox = &self.outbox;
        self.acks.abandon(|emit| outbox.is_held(emit))
    }
}

/// What becomes of its emits.
impl<C: Codec> Socket<C> {
    /// Whether an ack id may be used that no store has.
    pub(crate) fn allows_ids(&self) -> bool {
        self.outbox.retries.as_ref().is_none_or(|retries| retries.allows(self.acks.next()))
    }

    /// Drops the oldest emits that were never sent until one of `size` bytes fits, or fits in the place of one with its key.
    /// False if it cannot: then it drops none.
    pub(crate) fn make_room(
        &mut self,
        id: SocketId,
        size: usize,
        key: Option<&str>,
        config: &Config,
        events: &mut VecDeque<Event<C>>,
    ) -> bool {
        if size > config.buffer_bytes {
            return false;
        }
        let Some(count) = self.outbox.in_the_way(size, key, self.acks.in_flight(), config) else {
            return false;
        };
        for _ in 0..count {
            if let Some(old) = self.outbox.take_oldest() {
                self.not_sent(id, old, EmitError::Displaced, events);
            }
        }
        true
    }

    /// An accepted emit cannot be sent after all; its caller is told.
    pub(crate) fn not_sent(
        &mut self,
        id: SocketId,
        emit: Emit<C::Payload>,
        error: EmitError,
        events: &mut VecDeque<Event<C>>,
    ) {
        let fate = match error {
            EmitError::Expired => Fate::Expired,
            EmitError::Displaced => Fate::Dropped,
            _ => Fate::Refused,
        };
        if self.is_told(&emit) {
            return;
        }
        match &emit.answer {
            Answer::Reliable(reliable) if reliable.may_have_left() => {
                let fate = reliable.uncertain();
                return self.finish(id, emit, fate, Err(AckError::Timeout), events);
            }
            Answer::Reliable(_) => return self.finish(id, emit, fate, Err(AckError::NotSent(error)), events),
            Answer::Id(ack) if self.acks.remove(*ack).is_some() => {
                events.push_back(Event::Ack {
                    socket: id,
                    emit: emit.id,
                    result: Err(AckError::NotSent(error)),
                });
            }
            Answer::Id(_) | Answer::None => {
                let payload = emit.payload.clone();
                events.push_back(Event::NotSent { socket: id, emit: emit.id, error, payload });
            }
        }
        self.outbox.fates.settle(emit.id, fate, Some(emit.payload));
    }

    /// Whether its end was told although it might still have left: the namespace was left meanwhile.
    pub(crate) fn is_told(&self, emit: &Emit<C::Payload>) -> bool {
        emit.answer.id().is_some_and(|ack| !self.acks.is_awaited(ack))
            && self.outbox.fates.settled(emit.id).is_some()
    }

    /// No answer will come to an emit that was sent once.
    pub(crate) fn lose(&mut self, id: SocketId, lost: &Settled, events: &mut VecDeque<Event<C>>) {
        if !lost.dropped {
            self.outbox.fates.settle(lost.emit, Fate::UNCERTAIN, None);
        }
        events.push_back(Event::Ack { socket: id, emit: lost.emit, result: Err(AckError::Disconnected) });
    }

    /// No answers will come to attempts that were written.
    pub(crate) fn fail_attempts(&mut self, id: SocketId, events: &mut VecDeque<Event<C>>) {
        for emit in self.outbox.attempts_failed() {
            let fate = emit.uncertain();
            self.finish(id, emit, fate, Err(AckError::Disconnected), events);
        }
    }

    /// An emit that was sent until its ack came is settled.
    pub(crate) fn finish(
        &mut self,
        id: SocketId,
        emit: Emit<C::Payload>,
        fate: Fate,
        result: Result<C::Payload, AckError>,
        events: &mut VecDeque<Event<C>>,
    ) {
        let reliable = emit.reliable();
        match reliable.and_then(Reliable::only_ack) {
            Some(ack) => drop(ack.and_then(|ack| self.acks.remove(ack))),
            None => self.acks.settled(emit.id),
        }
        let key = reliable.and_then(|reliable| reliable.key);
        if let (Some(key), Some(retries)) = (key, &mut self.outbox.retries)
            && C::STORES
            && reliable.is_some_and(|reliable| matches!(reliable.kept, Kept::Asked | Kept::Yes))
        {
            retries.erase.push_back(key);
        }
        let unsent = matches!(fate, Fate::Refused | Fate::Expired | Fate::Dropped | Fate::Cancelled);
        if reliable.is_some_and(|reliable| reliable.restored) {
            let (result, payload) = (result.ok(), emit.payload);
            events.push_back(Event::OutboxSettled {
                socket: id,
                key: key.unwrap_or(0),
                fate,
                payload,
                result,
            });
            self.outbox.fates.settle(emit.id, fate, None);
            return;
        }
        let place = emit.place();
        // What the application took back does not count for a flush.
        let doubted = matches!(fate, Fate::Uncertain { .. }) && !matches!(result, Err(AckError::Cancelled));
        if result.is_err() || !reliable.is_some_and(|reliable| reliable.unread) {
            events.push_back(Event::Ack { socket: id, emit: emit.id, result });
        }
        self.outbox.fates.settle(emit.id, fate, unsent.then_some(emit.payload));
        if doubted {
            self.doubt(id, place, events);
        }
    }

    /// Nobody will know whether the emit at this place has reached the server: the flushes that cover it are told so, or the
    /// next one if there is none.
    pub(crate) fn doubt(&mut self, id: SocketId, place: EmitId, events: &mut VecDeque<Event<C>>) {
        while let Some(emit) = self.outbox.doubt(place) {
            events.push_back(Event::Flushed { socket: id, emit, delivered: false });
        }
    }
}
