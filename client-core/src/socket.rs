//! One namespace: whether it is connected, and what waits for it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::acks::Acks;
use crate::codec::Codec;
use crate::event::EmitId;
use crate::outbox::Outbox;
use crate::recovery::Recovery;
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
}

impl<P> Default for SocketOptions<P> {
    fn default() -> Self {
        Self { auth: Auth::None, retries: None }
    }
}

/// How one emit is to be treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EmitOptions {
    /// Whether the server's handler is to answer.
    pub ack: bool,
    /// Time for the answer, from now; else [`Config::ack_timeout`](crate::Config::ack_timeout). With
    /// [`SocketOptions::retries`], time for each attempt from when it is written.
    pub timeout: Option<core::time::Duration>,
    /// Dropped unless it can be sent at once.
    pub volatile: bool,
    /// A drop is not told: the ack ends as if the emit had been lost on its way, when its time is over or with the
    /// connection.
    pub quiet_drop: bool,
    /// The transport has not yet taken what it was handed before, although the core cannot see that: a volatile emit is
    /// dropped.
    pub busy: bool,
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
    pub(crate) recovery: Recovery<C>,
    pub(crate) sessions: u32,
    pub(crate) auth_requests: u32,
    pub(crate) observed: bool,
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
    pub(crate) fn new(namespace: &str, options: SocketOptions<C::Payload>) -> Self {
        Self {
            namespace: namespace.into(),
            auth: options.auth,
            state: SocketState::Inactive,
            outbox: Outbox::new(options.retries),
            acks: Acks::default(),
            recovery: Recovery::default(),
            sessions: 0,
            auth_requests: 0,
            observed: false,
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
        Status { connected: id.is_some(), active: self.is_active(), id, recovered: self.recovery.recovered }
    }

    /// The session is gone. Returns whether the namespace was connected.
    pub(crate) fn session_lost(&mut self) -> bool {
        self.recovery.session_lost();
        let next = if self.is_active() { SocketState::Waiting } else { SocketState::Inactive };
        matches!(core::mem::replace(&mut self.state, next), SocketState::Connected { .. })
    }

    /// The namespace is left while the session goes on: acks of what is on its way will not come.
    pub(crate) fn abandon_acks(&mut self) -> Vec<EmitId> {
        let outbox = &self.outbox;
        self.acks.abandon(|emit| outbox.is_held(emit))
    }
}
