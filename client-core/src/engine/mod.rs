//! Engine.IO: one session over one or two transports.

pub mod packet;
pub(crate) mod polling;
pub(crate) mod upgrade;
pub mod url;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub use packet::PacketType;
use packet::control;
use polling::Polling;
use upgrade::Upgrade;

use crate::codec::{Codec, Decoded, Handshake, Message};
use crate::config::{Limits, TransportKind};
use crate::error::DecodeError;
use crate::event::SocketId;
use crate::io::TransportId;
use crate::outbox::Emit;
use crate::packet::Header;
use crate::time::{Instant, earliest};

/// A packet that waits for its turn on the wire. It is encoded when its first message is pulled.
pub(crate) enum Outgoing<P> {
    Emit {
        socket: SocketId,
        emit: Emit<P>,
    },
    /// One attempt of the emit that is then the oldest of its namespace.
    Attempt {
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
    Disconnect {
        socket: SocketId,
    },
}

impl<P> Outgoing<P> {
    const fn socket(&self) -> SocketId {
        match self {
            Self::Emit { socket, .. }
            | Self::Attempt { socket }
            | Self::Ack { socket, .. }
            | Self::Connect { socket, .. }
            | Self::Disconnect { socket } => *socket,
        }
    }
}

/// What carries the session.
pub(crate) enum Link {
    WebSocket(TransportId),
    Polling(Polling),
}

/// One open session. Everything that belongs to it dies with it.
pub(crate) struct Engine<C: Codec> {
    pub(crate) sid: String,
    pub(crate) link: Link,
    pub(crate) upgrade: Upgrade,
    pub(crate) max_payload: Option<usize>,
    /// The application has ended the session while it moves to another transport: it ends as soon as it has moved.
    pub(crate) leaving: bool,
    /// `pingInterval + pingTimeout`.
    patience: Duration,
    /// When the session counts as lost unless a ping comes.
    pub(crate) heartbeat: Instant,
    partial: Option<(C::Partial, Instant)>,
    upgrade_due: bool,
    pong_due: bool,
    /// A WebSocket ping is unanswered.
    pub(crate) receipt_due: bool,
    /// Namespaces whose DISCONNECT the server may not have handled yet.
    left: Vec<SocketId>,
    /// How many of them the ping covers.
    left_covered: usize,
    /// Messages of the packet that is being handed over.
    pub(crate) messages: VecDeque<Message<C>>,
    pub(crate) queue: VecDeque<Outgoing<C::Payload>>,
}

/// What a message turned out to be.
pub(crate) enum Received<C: Codec> {
    /// Nothing for the layer above.
    Nothing,
    /// A heartbeat; its answer is due.
    Ping,
    /// A Socket.IO packet.
    Packet(Header<C::Name>, Option<C::Payload>),
    /// The server ends the session.
    Close,
    /// Not Engine.IO.
    Foreign(DecodeError),
    /// Engine.IO, but not Socket.IO.
    Malformed(DecodeError),
}

impl<C: Codec> Engine<C> {
    pub(crate) fn new(handshake: Handshake, link: Link, now: Instant) -> Self {
        let patience = handshake.ping_interval.saturating_add(handshake.ping_timeout);
        Self {
            sid: handshake.sid,
            link,
            upgrade: Upgrade::None,
            max_payload: handshake.max_payload,
            leaving: false,
            patience,
            heartbeat: now + patience,
            partial: None,
            upgrade_due: false,
            pong_due: false,
            receipt_due: false,
            left: Vec::new(),
            left_covered: 0,
            messages: VecDeque::new(),
            queue: VecDeque::new(),
        }
    }

    pub(crate) const fn kind(&self) -> TransportKind {
        match self.link {
            Link::WebSocket(_) => TransportKind::WebSocket,
            Link::Polling(_) => TransportKind::Polling,
        }
    }

    /// The transport that carries the session; a probe does not yet.
    pub(crate) const fn transport(&self) -> TransportId {
        match &self.link {
            Link::WebSocket(transport) => *transport,
            Link::Polling(polling) => polling.transport,
        }
    }

    pub(crate) fn polling(&mut self, transport: TransportId) -> Option<&mut Polling> {
        match &mut self.link {
            Link::Polling(polling) if polling.transport == transport => Some(polling),
            Link::Polling(_) | Link::WebSocket(_) => None,
        }
    }

    /// Whether a volatile emit would leave at once.
    pub(crate) fn is_writable(&self) -> bool {
        let idle = match &self.link {
            Link::WebSocket(_) => true,
            Link::Polling(polling) => polling.posting.is_none() && !self.upgrade.is_pausing(),
        };
        idle && self.queue.is_empty() && self.messages.is_empty()
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.messages.is_empty() && !self.pong_due && !self.upgrade_due
    }

    pub(crate) fn receive(
        &mut self,
        message: Message<C>,
        codec: &mut C,
        limits: &Limits,
        now: Instant,
    ) -> Received<C> {
        let text = match message {
            Message::Binary(binary) => return self.binary(binary, codec, limits),
            Message::Text(text) => text,
        };
        match codec.packet_type(&text) {
            Err(error) => Received::Foreign(error),
            Ok(PacketType::Message) => self.text(text, codec, limits, now),
            Ok(PacketType::Base64) => match codec.base64(text) {
                Ok(binary) => self.binary(binary, codec, limits),
                Err(error) => Received::Foreign(error),
            },
            Ok(PacketType::Ping) => {
                self.pong_due = true;
                self.heartbeat = now + self.patience;
                Received::Ping
            }
            // On a WebSocket the server closes the WebSocket itself.
            Ok(PacketType::Close) if matches!(self.link, Link::Polling(_)) => Received::Close,
            // A second handshake is not obeyed: it would change the heartbeat of a session that is under way.
            Ok(
                PacketType::Close
                | PacketType::Open
                | PacketType::Pong
                | PacketType::ProbePong
                | PacketType::Upgrade
                | PacketType::Noop,
            ) => Received::Nothing,
        }
    }

    fn text(&mut self, text: C::Text, codec: &mut C, limits: &Limits, now: Instant) -> Received<C> {
        if let Some((partial, _)) = &self.partial {
            return Received::Malformed(DecodeError::AttachmentsMissing { missing: codec.missing(partial) });
        }
        let decoded = codec.decode(text, limits);
        self.decoded(decoded, now + limits.completion)
    }

    fn binary(&mut self, binary: C::Binary, codec: &mut C, limits: &Limits) -> Received<C> {
        match self.partial.take() {
            Some((partial, deadline)) => {
                let decoded = codec.attach(partial, binary, limits);
                self.decoded(decoded, deadline)
            }
            None => match codec.decode_binary(binary, limits) {
                Ok(Decoded::Packet(header, payload)) => Received::Packet(header, payload),
                Ok(Decoded::Partial(_)) => Received::Malformed(DecodeError::UnexpectedBinary),
                Err(error) => Received::Malformed(error),
            },
        }
    }

    fn decoded(&mut self, decoded: Result<Decoded<C>, DecodeError>, deadline: Instant) -> Received<C> {
        match decoded {
            Ok(Decoded::Packet(header, payload)) => Received::Packet(header, payload),
            Ok(Decoded::Partial(partial)) => {
                self.partial = Some((partial, deadline));
                Received::Nothing
            }
            Err(error) => Received::Malformed(error),
        }
    }

    /// Answers, which go before packets.
    pub(crate) fn control(&mut self, codec: &mut C) -> Option<Message<C>> {
        let text = if core::mem::take(&mut self.upgrade_due) {
            control::UPGRADE
        } else if core::mem::take(&mut self.pong_due) {
            control::PONG
        } else {
            return None;
        };
        Some(Message::Text(codec.control(text)))
    }

    /// The session moves to the WebSocket that was probed. Returns the polling transport, which is not used any longer.
    pub(crate) fn switch(&mut self) -> Option<TransportId> {
        let Upgrade::Pausing { transport, .. } = self.upgrade else { return None };
        self.upgrade = Upgrade::None;
        self.upgrade_due = true;
        let old = self.transport();
        self.link = Link::WebSocket(transport);
        Some(old)
    }

    /// A DISCONNECT is handed over.
    pub(crate) fn left(&mut self, socket: SocketId) {
        self.left.push(socket);
    }

    /// Whether a packet is a CONNECT that must wait: a Node server that reads it together with the DISCONNECT before it
    /// closes the whole connection.
    fn must_wait(&self, outgoing: &Outgoing<C::Payload>) -> bool {
        matches!(outgoing, Outgoing::Connect { socket, .. } if self.left.contains(socket))
    }

    /// Whether one does. The others pass it, so it comes to the front.
    pub(crate) fn is_blocked(&self) -> bool {
        self.queue.front().is_some_and(|outgoing| self.must_wait(outgoing))
    }

    /// Where in the queue the packet stands that leaves next.
    pub(crate) fn next(&self) -> Option<usize> {
        self.queue.iter().position(|outgoing| !self.must_wait(outgoing))
    }

    /// A receipt is asked for.
    pub(crate) const fn cover_left(&mut self) {
        self.left_covered = self.left.len();
    }

    /// The receipt came.
    pub(crate) fn left_handled(&mut self) {
        self.left.drain(..self.left_covered.min(self.left.len()));
        self.left_covered = 0;
    }

    /// Takes out all that waits for a namespace.
    pub(crate) fn withdraw(&mut self, socket: SocketId) -> Vec<Outgoing<C::Payload>> {
        let mut withdrawn = Vec::new();
        for _ in 0..self.queue.len() {
            match self.queue.pop_front() {
                Some(outgoing) if outgoing.socket() == socket => withdrawn.push(outgoing),
                Some(other) => self.queue.push_back(other),
                None => break,
            }
        }
        withdrawn
    }

    /// Takes back a CONNECT that has not left yet.
    pub(crate) fn withdraw_connect(&mut self, socket: SocketId) -> bool {
        let before = self.queue.len();
        self.queue
            .retain(|outgoing| !matches!(outgoing, Outgoing::Connect { socket: s, .. } if *s == socket));
        self.queue.len() < before
    }

    /// Whether emits are handed in, or held for the next session.
    pub(crate) fn takes_emits(&self, now: Instant) -> bool {
        !self.leaving && !self.heartbeat_missed(now)
    }

    pub(crate) fn heartbeat_missed(&self, now: Instant) -> bool {
        now >= self.heartbeat
    }

    pub(crate) fn incomplete(&self, now: Instant) -> bool {
        self.partial.as_ref().is_some_and(|&(_, deadline)| now >= deadline)
    }

    fn request_deadline(&self) -> Option<Instant> {
        match &self.link {
            Link::Polling(polling) => polling.deadline(),
            Link::WebSocket(_) => None,
        }
    }

    pub(crate) fn request_overdue(&self, now: Instant) -> bool {
        self.request_deadline().is_some_and(|deadline| now >= deadline)
    }

    pub(crate) fn deadline(&self) -> Instant {
        let others = earliest(self.partial.as_ref().map(|&(_, deadline)| deadline), self.upgrade.deadline());
        earliest(others, self.request_deadline()).map_or(self.heartbeat, |other| other.min(self.heartbeat))
    }
}
