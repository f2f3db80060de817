//! What waits for its turn on the wire, and what was written.

use crate::event::{EmitId, SocketId};
use crate::outbox::Emit;

/// A packet that waits for its turn on the wire. It is encoded when its first message is pulled.
pub(crate) enum Outgoing<P> {
    Emit {
        socket: SocketId,
        emit: Emit<P>,
    },
    /// One attempt of an emit that its outbox holds.
    Attempt {
        socket: SocketId,
        emit: EmitId,
    },
    /// The question to the server's middleware.
    Sync {
        socket: SocketId,
    },
    Ack {
        socket: SocketId,
        id: u64,
        payload: P,
        size: usize,
    },
    Connect {
        socket: SocketId,
        payload: Option<P>,
    },
    /// Unless `force`, it waits until the server has read what was sent before: a Node server drops events that it reads
    /// together with it.
    Disconnect {
        socket: SocketId,
        force: bool,
    },
}

impl<P> Outgoing<P> {
    pub(crate) const fn socket(&self) -> SocketId {
        match self {
            Self::Emit { socket, .. }
            | Self::Attempt { socket, .. }
            | Self::Sync { socket }
            | Self::Ack { socket, .. }
            | Self::Connect { socket, .. }
            | Self::Disconnect { socket, .. } => *socket,
        }
    }
}

/// A packet that a WebSocket was handed, and that may not have left.
pub(crate) struct Written<P> {
    /// `None` for what would not be sent again.
    pub(crate) packet: Option<(Outgoing<P>, Option<u64>)>,
    /// The last that its namespace had written before.
    pub(crate) before: Option<EmitId>,
    /// At least as many as it has.
    pub(crate) bytes: usize,
}
