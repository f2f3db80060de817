//! What the core tells the application.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::codec::Codec;
use crate::config::TransportKind;
use crate::error::{AckError, ConnectFailure, EmitError, OpenError, TransportError};
use crate::fate::Fate;
use crate::gap::Gap;

/// A namespace of one manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub(crate) u32);

impl SocketId {
    /// Counted from 0, in the order in which namespaces were made.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The namespace with this [number](Self::number).
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// The ticket of one emit, rising by one with each emit of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmitId(pub(crate) u64);

impl EmitId {
    /// For a face that keeps its tickets elsewhere than in Rust.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The ticket with this [number](Self::number).
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// What is known of a namespace's emits so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// The server has all of them.
    Delivered,
    /// Of some of them nobody will know: a connection ended before, or they were given up. Told once.
    Uncertain,
    /// [`Event::Flushed`] with this ticket will tell.
    Pending(EmitId),
}

/// An ack that the server asked for. It can be given only on the connection on which the event came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AckId {
    pub(crate) socket: SocketId,
    pub(crate) session: u32,
    pub(crate) id: u64,
}

impl AckId {
    /// Namespace, its session, and the id on the wire, for a face that keeps them elsewhere than in Rust.
    #[must_use]
    pub const fn parts(self) -> (SocketId, u32, u64) {
        (self.socket, self.session, self.id)
    }

    /// The ack with these [parts](Self::parts).
    #[must_use]
    pub const fn from_parts(socket: SocketId, session: u32, id: u64) -> Self {
        Self { socket, session, id }
    }
}

/// A question for authentication data. An answer to an earlier question is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthRequest {
    pub(crate) socket: SocketId,
    pub(crate) number: u32,
}

impl AuthRequest {
    /// For which namespace.
    #[must_use]
    pub const fn socket(self) -> SocketId {
        self.socket
    }
}

/// One time in which events of a namespace wait until what was missed is made good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResyncId {
    pub(crate) socket: SocketId,
    pub(crate) number: u32,
}

impl ResyncId {
    /// Namespace and number, for a face that keeps them elsewhere than in Rust.
    #[must_use]
    pub const fn parts(self) -> (SocketId, u32) {
        (self.socket, self.number)
    }

    /// The one with these [parts](Self::parts).
    #[must_use]
    pub const fn from_parts(socket: SocketId, number: u32) -> Self {
        Self { socket, number }
    }
}

/// Why a connection or a namespace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The server ended the namespace. It is not connected to again until `connect` is called.
    ServerDisconnect,
    /// `disconnect` was called.
    ClientDisconnect,
    /// No ping came within `pingInterval + pingTimeout`.
    PingTimeout,
    /// The server, or something on the way, closed the connection.
    TransportClose,
    /// The connection broke.
    TransportError,
    /// The server sent what could not be decoded.
    ParseError,
    /// The connection was closed because nothing uses it any longer.
    ForcedClose,
}

impl DisconnectReason {
    /// The JavaScript client's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServerDisconnect => "io server disconnect",
            Self::ClientDisconnect => "io client disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
            Self::ParseError => "parse error",
            Self::ForcedClose => "forced close",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The connection as the application sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing is open and nothing is planned.
    Disconnected,
    /// The first attempt is under way.
    Connecting,
    /// A session is open.
    Connected,
    /// A session ended or an attempt failed; another attempt is planned or under way.
    Reconnecting,
}

/// Something happened. In order; to be handed to the application after every lock is released.
pub enum Event<C: Codec + ?Sized> {
    /// The Engine.IO session is open; no namespace is connected yet.
    Opened {
        /// Over which transport.
        transport: TransportKind,
    },
    /// An attempt failed. `Waiting` or `ReconnectFailed` follows, unless reconnection is off.
    OpenFailed {
        /// Why.
        error: OpenError,
    },
    /// The Engine.IO session ended.
    Closed {
        /// Why.
        reason: DisconnectReason,
        /// What the transport said.
        error: Option<TransportError>,
    },
    /// The next attempt is planned.
    Waiting {
        /// Counted from 1 in each outage.
        attempt: u32,
        /// From now.
        delay: Duration,
    },
    /// The attempt starts.
    ReconnectAttempt {
        /// Counted from 1 in each outage.
        attempt: u32,
        /// How long it waited.
        delay: Duration,
    },
    /// The attempt opened a session.
    Reconnected {
        /// Which attempt did.
        attempt: u32,
    },
    /// The limit of attempts is reached. Final until `connect` is called.
    ReconnectFailed,
    /// A heartbeat came and was answered.
    Ping,
    /// A better transport was tried and works; the session is about to move.
    Upgrading {
        /// Which.
        transport: TransportKind,
    },
    /// The session moved to a better transport.
    Upgraded {
        /// Which.
        transport: TransportKind,
    },
    /// The better transport did not work; the session goes on over polling.
    UpgradeFailed {
        /// Why.
        error: TransportError,
    },
    /// The namespace is connected.
    Connected {
        /// Which.
        socket: SocketId,
        /// Whether the server resumed the session before and replayed what was missed.
        recovered: bool,
        /// How many [`Event::Message`]s of this namespace come next that were missed.
        replayed: usize,
        /// How many come next that the server sent before it answered: those, or where nothing was resumed the ones that a
        /// middleware of the server sent.
        early: usize,
    },
    /// The namespace is connected again, and events may be missing. Comes before those that were replayed.
    Gap {
        /// Which.
        socket: SocketId,
        /// What is known of it. [`Status::last_gap`](crate::Status::last_gap) has it until the namespace is connected again.
        gap: Gap,
        /// Whether it is one of those that the application wants to be told of ([`Config::gap`](crate::Config::gap)).
        told: bool,
        /// Events of the namespace wait until [`Manager::resynced`](crate::Manager::resynced) is called with this. Only where
        /// [`Manager::set_resync`](crate::Manager::set_resync) asked for it.
        resync: Option<ResyncId>,
    },
    /// The namespace is not connected.
    ConnectError {
        /// Which.
        socket: SocketId,
        /// Why.
        error: ConnectFailure<C::Payload>,
    },
    /// The namespace was connected, and is no longer.
    Disconnected {
        /// Which.
        socket: SocketId,
        /// Why.
        reason: DisconnectReason,
        /// What the transport said.
        error: Option<TransportError>,
    },
    /// Authentication data is wanted; answer with [`Manager::authenticate`](crate::Manager::authenticate).
    Authenticate {
        /// To be handed back.
        request: AuthRequest,
        /// For which namespace.
        socket: SocketId,
    },
    /// An event came.
    Message {
        /// On which namespace.
        socket: SocketId,
        /// Name and arguments.
        payload: C::Payload,
        /// Where the sender wants an ack.
        ack: Option<AckId>,
    },
    /// An emit with ack is settled. Exactly one of these comes for each; also for each emit without, where
    /// [`SocketOptions::retries`](crate::SocketOptions::retries) makes every emit wait for one.
    Ack {
        /// Of which namespace.
        socket: SocketId,
        /// Which emit.
        emit: EmitId,
        /// The ack's arguments.
        result: Result<C::Payload, AckError>,
    },
    /// An emit, or an attempt of one, is on its way to the transport. Only where
    /// [`Manager::observe`](crate::Manager::observe) asked for it.
    Sent {
        /// Of which namespace.
        socket: SocketId,
        /// Name and arguments.
        payload: C::Payload,
    },
    /// A held emit without ack turned out not to be sendable. It was never sent.
    NotSent {
        /// Of which namespace.
        socket: SocketId,
        /// Which emit.
        emit: EmitId,
        /// Why.
        error: EmitError,
        /// What was to be sent.
        payload: C::Payload,
    },
    /// An emit's fate has changed. Only for emits that are watched ([`Manager::watch`](crate::Manager::watch),
    /// [`EmitOptions::watched`](crate::EmitOptions::watched)), or all
    /// ([`Manager::observe_fates`](crate::Manager::observe_fates)).
    Fate {
        /// Of which namespace.
        socket: SocketId,
        /// Which emit.
        emit: EmitId,
        /// What is known of it now.
        fate: Fate,
        /// What was never sent, where it is given back.
        payload: Option<C::Payload>,
    },
    /// An emit is in the store. Only for emits that are watched.
    Stored {
        /// Of which namespace.
        socket: SocketId,
        /// Which emit.
        emit: EmitId,
    },
    /// An emit of an earlier process, found in the store, is settled.
    OutboxSettled {
        /// Of which namespace.
        socket: SocketId,
        /// Its name in the store.
        key: u64,
        /// What became of it.
        fate: Fate,
        /// What was sent.
        payload: C::Payload,
        /// What the server answered.
        result: Option<C::Payload>,
    },
    /// A store failed, or has lost something ([`Manager::report_store`](crate::Manager::report_store)).
    OutboxError {
        /// What happened, and what to do.
        cause: String,
        /// Emits that were found and are sent.
        kept: usize,
        /// Emits that were there and cannot be read; `None` if their number is not known.
        lost: Option<u64>,
    },
    /// The server has no middleware for [`SocketOptions::exactly_once`](crate::SocketOptions::exactly_once), or it did not
    /// answer in time: a handler may see an event twice. Told once for each connection.
    DeliveryUnsupported {
        /// On which namespace.
        socket: SocketId,
    },
    /// A flush is settled.
    Flushed {
        /// Of which namespace.
        socket: SocketId,
        /// The last emit that it covers.
        emit: EmitId,
        /// Whether all of them have reached the server; otherwise the connection ended before that was known, or one that
        /// is sent until it is answered was given up.
        delivered: bool,
    },
}

impl<C: Codec + ?Sized> fmt::Debug for Event<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { transport } => write!(f, "Opened({transport})"),
            Self::OpenFailed { error } => write!(f, "OpenFailed({error})"),
            Self::Closed { reason, .. } => write!(f, "Closed({reason})"),
            Self::Waiting { attempt, delay } => write!(f, "Waiting({attempt}, {delay:?})"),
            Self::ReconnectAttempt { attempt, .. } => write!(f, "ReconnectAttempt({attempt})"),
            Self::Reconnected { attempt } => write!(f, "Reconnected({attempt})"),
            Self::ReconnectFailed => f.write_str("ReconnectFailed"),
            Self::Ping => f.write_str("Ping"),
            Self::Upgrading { transport } => write!(f, "Upgrading({transport})"),
            Self::Upgraded { transport } => write!(f, "Upgraded({transport})"),
            Self::UpgradeFailed { error } => write!(f, "UpgradeFailed({error})"),
            Self::Connected { socket, recovered, replayed, .. } => {
                write!(f, "Connected({}, {recovered}, {replayed})", socket.0)
            }
            Self::Gap { socket, gap, .. } => write!(f, "Gap({}, {})", socket.0, gap.reason),
            Self::ConnectError { socket, error } => {
                let error: &dyn fmt::Display = match error {
                    ConnectFailure::Open(error) => error,
                    ConnectFailure::Refused(_) => &"refused",
                    ConnectFailure::Timeout => &"timeout",
                    ConnectFailure::NoSid => &"no sid",
                    ConnectFailure::InvalidNamespace => &"invalid namespace",
                    ConnectFailure::Auth { cause } => cause,
                };
                write!(f, "ConnectError({}, {error})", socket.0)
            }
            Self::Disconnected { socket, reason, .. } => write!(f, "Disconnected({}, {reason})", socket.0),
            Self::Authenticate { socket, .. } => write!(f, "Authenticate({})", socket.0),
            Self::Message { socket, ack, .. } => write!(f, "Message({}, {ack:?})", socket.0),
            Self::Ack { socket, emit, result } => {
                write!(f, "Ack({}, {}, {:?})", socket.0, emit.0, result.as_ref().map(|_| ()))
            }
            Self::Sent { socket, .. } => write!(f, "Sent({})", socket.0),
            Self::NotSent { socket, emit, error, .. } => {
                write!(f, "NotSent({}, {}, {error})", socket.0, emit.0)
            }
            Self::Fate { socket, emit, fate, .. } => write!(f, "Fate({}, {}, {fate})", socket.0, emit.0),
            Self::Stored { socket, emit } => write!(f, "Stored({}, {})", socket.0, emit.0),
            Self::OutboxSettled { socket, key, fate, .. } => {
                write!(f, "OutboxSettled({}, {key}, {fate})", socket.0)
            }
            Self::OutboxError { cause, kept, lost } => write!(f, "OutboxError({cause}, {kept}, {lost:?})"),
            Self::DeliveryUnsupported { socket } => write!(f, "DeliveryUnsupported({})", socket.0),
            Self::Flushed { socket, emit, delivered } => {
                write!(f, "Flushed({}, {}, {delivered})", socket.0, emit.0)
            }
        }
    }
}
