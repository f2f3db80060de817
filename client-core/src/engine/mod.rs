//! Engine.IO: one session over one or two transports.

mod outgoing;
pub mod packet;
pub(crate) mod polling;
pub(crate) mod upgrade;
pub mod url;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub(crate) use outgoing::{Outgoing, Written};
pub use packet::PacketType;
use packet::control;
use polling::Polling;
use upgrade::{Moved, Upgrade};

use crate::codec::{Codec, Decoded, Handshake, Message};
use crate::config::{Limits, TransportKind};
use crate::error::DecodeError;
use crate::event::{EmitId, SocketId};
use crate::io::TransportId;
use crate::manager::Probe;
use crate::outbox::Emit;
use crate::packet::Header;
use crate::queue;
use crate::time::{Instant, earliest};

/// What carries the session.
pub(crate) enum Link {
    WebSocket(TransportId),
    Polling(Polling),
}

/// A proof that the server has read what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// Not asked for.
    None,
    /// A WebSocket ping is unanswered, or a CONNECT to a namespace that does not exist.
    Asked,
    /// There is no way to ask: the server gets a moment.
    Moment(Instant),
}

/// How long that is. It is no proof: a Node server needs one turn of its event loop between the events and the goodbye, and
/// with 50 ms a busy machine lost 6 of 40.
const MOMENT: Duration = Duration::from_millis(200);

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
    /// By so much more a server waits that has heard anything since its ping.
    pub(crate) grace: Duration,
    /// When the session counts as lost unless a ping comes.
    pub(crate) heartbeat: Instant,
    /// When the last message came.
    pub(crate) heard: Instant,
    /// Whether it lives is being found out.
    pub(crate) probe: Option<Probe>,
    pub(crate) moved: Moved,
    partial: Option<(C::Partial, Instant)>,
    upgrade_due: bool,
    pong_due: bool,
    pub(crate) receipt: Receipt,
    /// When the next one may be asked for that only fates wait for.
    pub(crate) next_receipt: Instant,
    /// Namespaces whose DISCONNECT the server may not have handled yet.
    left: Vec<SocketId>,
    /// How many of them the receipt under way covers.
    left_covered: usize,
    /// Namespaces of whose packets the server may not have read all.
    unread: Vec<SocketId>,
    /// How many of them the receipt under way covers.
    unread_covered: usize,
    /// Messages of the packet that is being handed over.
    pub(crate) messages: VecDeque<Message<C>>,
    pub(crate) queue: VecDeque<Outgoing<C::Payload>>,
    /// What may not have left, where the shell can tell.
    pub(crate) written: VecDeque<Written<C::Payload>>,
    written_bytes: usize,
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
            grace: handshake.ping_timeout,
            heartbeat: now + patience,
            heard: now,
            probe: None,
            moved: Moved::No,
            partial: None,
            upgrade_due: false,
            pong_due: false,
            receipt: Receipt::None,
            next_receipt: now,
            left: Vec::new(),
            left_covered: 0,
            unread: Vec::new(),
            unread_covered: 0,
            messages: VecDeque::new(),
            queue: VecDeque::new(),
            written: VecDeque::new(),
            written_bytes: 0,
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
        self.heard = now;
        self.probe = None;
        if self.moved == Moved::Unanswered {
            self.moved = Moved::Yes;
        }
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
                if !fault!(HeartbeatNotMoved) {
                    self.heartbeat = now + self.patience;
                }
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
        self.moved = Moved::Unanswered;
        Some(old)
    }

    /// A packet is handed over, and may come back.
    pub(crate) fn keep_written(&mut self, written: Written<C::Payload>) {
        self.written_bytes = self.written_bytes.saturating_add(written.bytes);
        self.written.push_back(written);
    }

    /// All but so many bytes have left.
    pub(crate) fn forget_written(&mut self, unsent: usize) {
        while let Some(oldest) = self.written.front()
            && self.written_bytes - oldest.bytes >= unsent
        {
            self.written_bytes -= oldest.bytes;
            self.written.pop_front();
        }
    }

    /// The last packet, if it lies within the bytes that have not left, which are fewer then.
    pub(crate) fn take_written(&mut self, unsent: &mut usize) -> Option<Written<C::Payload>> {
        *unsent = unsent.checked_sub(self.written.back()?.bytes)?;
        let last = self.written.pop_back()?;
        self.written_bytes -= last.bytes;
        Some(last)
    }

    /// A DISCONNECT is handed over.
    pub(crate) fn left(&mut self, socket: SocketId) {
        self.left.push(socket);
    }

    /// Another packet is.
    #[inline]
    pub(crate) fn wrote(&mut self, socket: SocketId) {
        // What the receipt under way covers does not cover this one.
        let new = self.unread.get(self.unread_covered..).unwrap_or_default();
        // Mostly it is the same as before.
        if new.last() != Some(&socket) && !new.contains(&socket) {
            self.unread.push(socket);
        }
    }

    /// Whether a packet must wait until the server has read what was sent before: a Node server that reads a DISCONNECT
    /// together with events drops them, and one that reads CONNECT together with the DISCONNECT before it closes the whole
    /// connection.
    #[inline]
    fn must_wait(&self, outgoing: &Outgoing<C::Payload>) -> bool {
        match outgoing {
            Outgoing::Connect { socket, .. } => {
                let leaves =
                    |o: &Outgoing<_>| matches!(o, Outgoing::Disconnect { socket: s, .. } if s == socket);
                self.left.contains(socket) || self.queue.iter().any(leaves)
            }
            Outgoing::Disconnect { socket, force: false } => self.unread.contains(socket),
            _ => false,
        }
    }

    /// Whether one does. The others pass it, so it comes to the front.
    #[inline]
    pub(crate) fn is_blocked(&self) -> bool {
        self.queue.front().is_some_and(|outgoing| self.must_wait(outgoing))
    }

    /// Where in the queue the packet stands that leaves next.
    pub(crate) fn next(&self) -> Option<usize> {
        self.queue.iter().position(|outgoing| !self.must_wait(outgoing))
    }

    /// Takes it out.
    pub(crate) fn take_next(&mut self) -> Option<Outgoing<C::Payload>> {
        if !self.is_blocked() {
            return self.queue.pop_front();
        }
        let at = self.next()?;
        queue::remove(&mut self.queue, at)
    }

    /// A receipt is asked for, or there is none, and the server gets a moment.
    pub(crate) fn cover(&mut self, receipt: Receipt) {
        self.left_covered = self.left.len();
        self.unread_covered = self.unread.len();
        self.receipt = receipt;
    }

    /// The receipt of what is handed over now, where it cannot be asked for.
    pub(crate) fn moment(now: Instant) -> Receipt {
        Receipt::Moment(now + MOMENT)
    }

    /// Whether the moment is over.
    pub(crate) fn is_read(&self, now: Instant) -> bool {
        matches!(self.receipt, Receipt::Moment(until) if now >= until)
    }

    /// The receipt came.
    pub(crate) fn covered_is_read(&mut self) {
        self.probe = None;
        self.left.drain(..self.left_covered.min(self.left.len()));
        self.unread.drain(..self.unread_covered.min(self.unread.len()));
        (self.left_covered, self.unread_covered) = (0, 0);
        self.receipt = Receipt::None;
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

    /// Takes out an emit that waits for its turn.
    pub(crate) fn withdraw_emit(&mut self, socket: SocketId, id: EmitId) -> Option<Emit<C::Payload>> {
        let is = |o: &Outgoing<_>| matches!(o, Outgoing::Emit { socket: s, emit } if *s == socket && emit.id == id);
        let at = self.queue.iter().position(is)?;
        match queue::remove(&mut self.queue, at)? {
            Outgoing::Emit { emit, .. } => Some(emit),
            _ => None,
        }
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

    /// Attachments that half a packet waits for.
    pub(crate) fn missing(&self, codec: &C) -> usize {
        self.partial.as_ref().map_or(0, |(partial, _)| codec.missing(partial))
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

    /// When the moment is over.
    pub(crate) const fn receipt_deadline(&self) -> Option<Instant> {
        match self.receipt {
            Receipt::Moment(until) => Some(until),
            Receipt::None | Receipt::Asked => None,
        }
    }

    pub(crate) fn deadline(&self) -> Instant {
        let others = earliest(self.partial.as_ref().map(|&(_, deadline)| deadline), self.upgrade.deadline());
        let others = earliest(others, self.receipt_deadline());
        let others = earliest(others, self.probe.map(|probe| probe.deadline));
        earliest(others, self.request_deadline()).map_or(self.heartbeat, |other| other.min(self.heartbeat))
    }
}
