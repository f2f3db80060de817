//! The whole contract between the core and a shell, on one screen.

use alloc::string::String;
use core::fmt;

use crate::codec::{Codec, Message};
use crate::error::TransportError;
use crate::event::SocketId;
use crate::saved::Saved;
use crate::time::Instant;

/// One use of a WebSocket or of a polling session. Never used again: input for a transport that is gone is ignored,
/// so a shell need not unsubscribe in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransportId(pub(crate) u32);

impl TransportId {
    /// For a shell that keeps its transports elsewhere than in Rust.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The transport with this [number](Self::number).
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }
}

/// One use of an attempt's address; an answer to an earlier question is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResolveId(pub(crate) u32);

/// What the shell does next. Obey at once, in order.
pub enum Command<C: Codec + ?Sized> {
    /// Ask the application for the URL and query of this attempt, then call [`Manager::resolved`](crate::Manager::resolved). Only with
    /// [`Config::ask_address`](crate::Config::ask_address).
    Resolve {
        /// To be handed back.
        id: ResolveId,
    },
    /// Open a WebSocket. Answer with [`Input::Opened`] or [`Input::Closed`].
    Open {
        /// The new transport.
        transport: TransportId,
        /// `ws://` or `wss://`.
        url: String,
    },
    /// Send a GET. Answer with [`Input::Got`] or [`Input::Closed`]. At most one is in flight per transport.
    Get {
        /// The polling session.
        transport: TransportId,
        /// `http://` or `https://`.
        url: String,
    },
    /// Send a POST. Answer with [`Input::Posted`] or [`Input::Closed`]. At most one is in flight per transport. It may be the
    /// first that is heard of a transport: then it ends a session that was lost.
    Post {
        /// The polling session.
        transport: TransportId,
        /// `http://` or `https://`.
        url: String,
        /// An Engine.IO payload.
        body: C::Text,
    },
    /// Add an emit to the store of its namespace. Answer with [`Manager::kept`](crate::Manager::kept); emits are kept in the
    /// order of these commands. Only with [`SocketOptions::durability`](crate::SocketOptions::durability), as the next two.
    Keep {
        /// Of which namespace.
        socket: SocketId,
        /// Its name in the store: its ack id, rising.
        key: u64,
        /// Name and arguments.
        payload: C::Payload,
        /// When it is too old to be sent for the first time, if ever.
        expires: Option<Instant>,
    },
    /// Take an emit out of the store. No answer; it may happen later. Until it has, a process that dies leaves the emit to the
    /// next one, whatever was told of it.
    Erase {
        /// Of which namespace.
        socket: SocketId,
        /// Its name in the store.
        key: u64,
    },
    /// Note in the store that ids below `up_to` may be used up. Answer with [`Manager::reserved`](crate::Manager::reserved)
    /// once that is durable.
    Reserve {
        /// Of which namespace.
        socket: SocketId,
        /// The first id that is not reserved.
        up_to: u64,
    },
    /// Store what another process or page that may come after this one is to know of a namespace's session. To be done before
    /// anything else. No answer. Meanwhile [`Manager::saved_session`](crate::Manager::saved_session) tells how far its
    /// events have come. Only with [`SocketOptions::saves`](crate::SocketOptions::saves).
    Save {
        /// Of which namespace.
        socket: SocketId,
        /// What to store.
        saved: Saved,
    },
    /// Flush what was pulled, then close the transport and abort what it has in flight. No answer.
    Close {
        /// Not used again.
        transport: TransportId,
    },
}

/// What happened to a transport.
pub enum Input<C: Codec + ?Sized> {
    /// The WebSocket handshake is done.
    Opened {
        /// Which.
        transport: TransportId,
    },
    /// A WebSocket message.
    Message {
        /// Which.
        transport: TransportId,
        /// One Engine.IO message.
        message: Message<C>,
    },
    /// The WebSocket answered the last [`Frame::Ping`].
    Pong {
        /// Which.
        transport: TransportId,
    },
    /// The body of a GET's answer, status 200.
    Got {
        /// Which.
        transport: TransportId,
        /// An Engine.IO payload.
        body: C::Text,
    },
    /// A POST was answered with status 200.
    Posted {
        /// Which.
        transport: TransportId,
    },
    /// The transport could not be opened, was closed by the peer, or broke.
    Closed {
        /// Which.
        transport: TransportId,
        /// How.
        error: TransportError,
    },
}

/// What to write to a WebSocket.
pub enum Frame<C: Codec + ?Sized> {
    /// A text or binary message.
    Message(Message<C>),
    /// A WebSocket ping; its pong proves that the server has read all that was written before.
    Ping,
}

impl<C: Codec + ?Sized> fmt::Debug for Command<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { id } => write!(f, "Resolve({})", id.0),
            Self::Open { transport, url } => write!(f, "Open({}, {url})", transport.0),
            Self::Get { transport, url } => write!(f, "Get({}, {url})", transport.0),
            Self::Post { transport, url, .. } => write!(f, "Post({}, {url})", transport.0),
            Self::Keep { socket, key, .. } => write!(f, "Keep({}, {key})", socket.0),
            Self::Erase { socket, key } => write!(f, "Erase({}, {key})", socket.0),
            Self::Reserve { socket, up_to } => write!(f, "Reserve({}, {up_to})", socket.0),
            Self::Save { socket, saved } => write!(f, "Save({}, {saved:?})", socket.0),
            Self::Close { transport } => write!(f, "Close({})", transport.0),
        }
    }
}

impl<C: Codec + ?Sized> fmt::Debug for Input<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { transport } => write!(f, "Opened({})", transport.0),
            Self::Message { transport, .. } => write!(f, "Message({})", transport.0),
            Self::Pong { transport } => write!(f, "Pong({})", transport.0),
            Self::Got { transport, .. } => write!(f, "Got({})", transport.0),
            Self::Posted { transport } => write!(f, "Posted({})", transport.0),
            Self::Closed { transport, error } => write!(f, "Closed({}, {error})", transport.0),
        }
    }
}

impl<C: Codec + ?Sized> fmt::Debug for Frame<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(Message::Text(_)) => f.write_str("Text"),
            Self::Message(Message::Binary(_)) => f.write_str("Binary"),
            Self::Ping => f.write_str("Ping"),
        }
    }
}
