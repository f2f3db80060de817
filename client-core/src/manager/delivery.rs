//! Emits on their way to a transport, and receipts on their way back.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use super::receipts::{cover, is_only_receipt, report_flushes};
use super::{Lingering, Manager, Phase};
use crate::codec::{Codec, Message};
use crate::config::{Config, TransportKind};
use crate::engine::packet::control;
use crate::engine::polling::{body_size, request_deadline};
use crate::engine::{Engine, Link, Outgoing, Receipt, Written};
use crate::error::{AckError, EmitError};
use crate::event::{EmitId, Event, SocketId};
use crate::fate::Fate;
use crate::io::{Command, TransportId};
use crate::outbox::Emit;
use crate::packet::header::ROOT;
use crate::packet::{Header, PacketKind};
use crate::retries::Reliable;
use crate::socket::Socket;
use crate::sync::Sync;
use crate::time::Instant;

type Sockets<C> = [Socket<C>];

/// Time for the middleware's word that the connection lives.
const PROBE: Duration = Duration::from_millis(2000);

/// Time for its first word.
const SYNC: Duration = Duration::from_millis(5000);

/// Where nothing is known, what an Engine.IO server accepts by default.
const DEFAULT_MAX_PAYLOAD: usize = 1_000_000;
/// And packets in a body: python-engineio drops those of a body with more, and says OK.
const DEFAULT_MAX_PACKETS: usize = 16;

/// Bytes in front of a payload, the namespace's name not counted: types, two numbers of 20 digits, and what stands between.
const LONGEST_HEADER: usize = 44;

/// Why the server would close the connection over this payload, where that is known.
pub(super) fn oversize<C: Codec>(
    codec: &C,
    payload: &C::Payload,
    namespace: &str,
    ack: Option<u64>,
    engine: Option<&Engine<C>>,
) -> Option<EmitError> {
    let engine = engine?;
    let limit = engine.max_payload?;
    let (text, attachment) = codec.largest(payload);
    let attachment = match engine.kind() {
        TransportKind::WebSocket => attachment,
        // `b`, and base64.
        TransportKind::Polling => attachment.div_ceil(3).saturating_mul(4).saturating_add(1),
    };
    if text.saturating_add(namespace.len() + LONGEST_HEADER).max(attachment) <= limit {
        return None;
    }
    // Engine.IO type and packet type, then what only some packets have.
    let mut header = 2 + ack.map_or(0, digits);
    if namespace != ROOT {
        header += namespace.len() + 1;
    }
    let attachments = codec.attachments(payload);
    if attachments > 0 {
        header += digits(attachments as u64) + 1;
    }
    let size = text.saturating_add(header).max(attachment);
    (size > limit).then_some(EmitError::TooLarge { size, limit })
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

/// Turns the next packet of the queue into messages. False if there is none that may leave now.
pub(super) fn encode_next<C: Codec>(
    engine: &mut Engine<C>,
    sockets: &mut Sockets<C>,
    codec: &mut C,
    events: &mut VecDeque<Event<C>>,
    config: &Config,
    now: Instant,
) -> bool {
    let Some(outgoing) = engine.take_next() else { return false };
    match outgoing {
        Outgoing::Emit { socket: id, emit } => {
            let Some(socket) = sockets.get_mut(id.0 as usize) else { return true };
            socket.outbox.unqueue(emit.size);
            if emit.expires().is_some_and(|expires| expires <= now) {
                socket.not_sent(id, emit, EmitError::Expired, events);
                report_flushes(sockets, events);
                return true;
            }
            let ack = emit.answer.id();
            let forgotten = ack.is_some_and(|ack| !socket.acks.is_awaited(ack));
            if ack.is_some_and(|ack| !socket.acks.mark_sent(ack)) {
                // Its time ran out, or it was abandoned, while it waited here.
                report_flushes(sockets, events);
                return true;
            }
            let header = header(PacketKind::Event, codec.attachments(&emit.payload), &socket.namespace, ack);
            let (payload, emit) = emit.split();
            let kept = keeps_written(engine, config).then(|| payload.clone());
            match codec.encode_last(&header, payload, &mut engine.messages) {
                Ok(()) => {
                    let before = socket.outbox.fates.written();
                    socket.outbox.wrote(&emit, forgotten);
                    engine.wrote(id);
                    if let Some(payload) = kept {
                        let bytes = bytes(codec, &payload, &socket.namespace);
                        let emit = emit.with(payload);
                        // Also a volatile one, which is not sent again: that it never left is its end.
                        let packet = Some((Outgoing::Emit { socket: id, emit }, ack));
                        engine.keep_written(Written { packet, before, bytes });
                    }
                }
                Err((error, payload)) => {
                    socket.not_sent(id, emit.with(payload), EmitError::Encode(error.into()), events);
                    report_flushes(sockets, events);
                }
            }
        }
        Outgoing::Attempt { socket: id, emit } => {
            let Some(socket) = sockets.get_mut(id.0 as usize) else { return true };
            engine.wrote(id);
            let tells_unsent = keeps_written(engine, config);
            if write_attempt(id, socket, emit, engine, codec, events, (now, tells_unsent)) {
                queue_attempts(id, socket, engine, codec, events, now);
                report_flushes(sockets, events);
            }
        }
        Outgoing::Sync { socket } => {
            let Some(socket) = sockets.get_mut(socket.0 as usize) else { return true };
            let Sync::Queued { probe } = socket.sync else { return true };
            let id = socket.acks.skip();
            let payload = codec.sync();
            // Where a ping or a POST's answer tells, it may cover more than this.
            if is_only_receipt(engine, config) {
                socket.outbox.fates.cover();
            }
            let header = header(PacketKind::Event, 0, &socket.namespace, Some(id));
            let _ = codec.encode(&header, Some(&payload), &mut engine.messages);
            if keeps_written(engine, config) {
                let bytes = bytes(codec, &payload, &socket.namespace);
                engine.keep_written(Written { packet: None, before: None, bytes });
            }
            let patience = if probe { PROBE } else { config.ack_timeout.unwrap_or(SYNC) };
            socket.sync = Sync::Asked { id, deadline: now + patience, probe };
        }
        Outgoing::Ack { socket: owner, id, payload, size } => {
            let Some(socket) = sockets.get_mut(owner.0 as usize) else { return true };
            socket.outbox.answered(size);
            engine.wrote(owner);
            let header = header(PacketKind::Ack, codec.attachments(&payload), &socket.namespace, Some(id));
            // The application's parser refused: the server's ack stays unanswered, as if the handler had not run.
            let _ = codec.encode(&header, Some(&payload), &mut engine.messages);
            if keeps_written(engine, config) {
                let bytes = bytes(codec, &payload, &socket.namespace);
                engine.keep_written(Written { packet: None, before: None, bytes });
            }
        }
        Outgoing::Connect { socket, payload } => {
            let Some(socket) = sockets.get(socket.0 as usize) else { return true };
            let header = header(PacketKind::Connect, 0, &socket.namespace, None);
            let _ = codec.encode(&header, payload.as_ref(), &mut engine.messages);
            if keeps_written(engine, config) {
                let payload = payload.as_ref().map_or(0, |payload| codec.size(payload));
                let bytes = body_size(payload, 0, socket.namespace.len());
                engine.keep_written(Written { packet: None, before: None, bytes });
            }
        }
        Outgoing::Disconnect { socket, .. } => {
            engine.left(socket);
            let Some(socket) = sockets.get(socket.0 as usize) else { return true };
            let header = header(PacketKind::Disconnect, 0, &socket.namespace, None);
            let _ = codec.encode(&header, None, &mut engine.messages);
            if keeps_written(engine, config) {
                let bytes = body_size(0, 0, socket.namespace.len());
                engine.keep_written(Written { packet: None, before: None, bytes });
            }
        }
    }
    true
}

/// Whether what is handed over may come back.
fn keeps_written<C: Codec>(engine: &Engine<C>, config: &Config) -> bool {
    config.tells_unsent && engine.kind() == TransportKind::WebSocket
}

/// At least as many as the packet has on a WebSocket, or as text.
fn bytes<C: Codec>(codec: &C, payload: &C::Payload, namespace: &str) -> usize {
    body_size(codec.size(payload), codec.attachments(payload), namespace.len())
}

/// Tells that an emit is on its way to the transport, once and if somebody wants to know.
pub(super) fn tell_sent<C: Codec>(
    id: SocketId,
    socket: &Socket<C>,
    emit: &mut Emit<C::Payload>,
    events: &mut VecDeque<Event<C>>,
) {
    if socket.observed && !core::mem::replace(&mut emit.told, true) {
        events.push_back(Event::Sent { socket: id, payload: emit.payload.clone() });
    }
}

/// Encodes one attempt of an emit. True if it was refused, and makes way for the next one.
fn write_attempt<C: Codec>(
    id: SocketId,
    socket: &mut Socket<C>,
    emit: EmitId,
    engine: &mut Engine<C>,
    codec: &mut C,
    events: &mut VecDeque<Event<C>>,
    (now, tells_unsent): (Instant, bool),
) -> bool {
    let connected = socket.is_connected();
    let Some(emit) = socket.outbox.write_attempt(emit, now) else { return false };
    let ticket = emit.id;
    let Some(reliable) = emit.reliable_mut() else { return false };
    let deadline = reliable.timeout.map(|timeout| now + timeout);
    let ack = match reliable.key {
        Some(key) => {
            if connected {
                socket.acks.attempt_again(key, ticket, deadline);
            }
            key
        }
        None if connected => socket.acks.attempt(ticket, reliable.attempts.saturating_sub(1), deadline),
        // The namespace was left: the server hears of it, but answers no more.
        None => socket.acks.skip(),
    };
    reliable.ack(ack);
    let payload = &emit.payload;
    let header = header(PacketKind::Event, codec.attachments(payload), &socket.namespace, Some(ack));
    match codec.encode(&header, Some(payload), &mut engine.messages) {
        Ok(()) => {
            if socket.observed {
                events.push_back(Event::Sent { socket: id, payload: payload.clone() });
            }
            if tells_unsent {
                let bytes = bytes(codec, payload, &socket.namespace);
                let packet = Some((Outgoing::Attempt { socket: id, emit: ticket }, Some(ack)));
                engine.keep_written(Written { packet, before: socket.outbox.fates.written(), bytes });
            }
            if !connected {
                socket.fail_attempts(id, events);
            }
            false
        }
        Err(error) => {
            let error = EmitError::Encode(error.into());
            let Some(emit) = socket.outbox.settle(ticket) else { return false };
            socket.finish(id, emit, Fate::Refused, Err(AckError::NotSent(error)), events);
            true
        }
    }
}

/// Sends emits of a namespace that resends, as far as its window goes.
pub(super) fn queue_attempts<C: Codec>(
    id: SocketId,
    socket: &mut Socket<C>,
    engine: &mut Engine<C>,
    codec: &C,
    events: &mut VecDeque<Event<C>>,
    now: Instant,
) {
    while socket.is_connected()
        && let Some(emit) = socket.outbox.next_attempt(now)
    {
        let (ticket, key) = (emit.id, emit.reliable().and_then(|reliable| reliable.key));
        let ack = Some(key.unwrap_or(socket.acks.next()));
        match oversize(codec, &emit.payload, &socket.namespace, ack, Some(engine)) {
            None => {
                socket.outbox.queue_attempt(ticket);
                engine.queue.push_back(Outgoing::Attempt { socket: id, emit: ticket });
            }
            Some(error) => {
                let Some(emit) = socket.outbox.settle(ticket) else { return };
                let may_have_left = emit.reliable().is_some_and(Reliable::may_have_left);
                let fate = if may_have_left { emit.uncertain() } else { Fate::Refused };
                socket.finish(id, emit, fate, Err(AckError::NotSent(error)), events);
            }
        }
    }
}

fn header<N: Clone>(kind: PacketKind, attachments: usize, namespace: &N, ack: Option<u64>) -> Header<N> {
    Header { kind, attachments, namespace: namespace.clone(), ack }
}

impl<C: Codec> Manager<C> {
    /// A POST with all that waits, if a session polls and none of its POSTs is in flight.
    pub(super) fn post(&mut self) -> Option<Command<C>> {
        let Self { codec, config, rng, phase, lingering, sockets, events, now, .. } = self;
        let (now, deadline) = (*now, request_deadline(config, *now));
        let post = lingering.as_mut().and_then(|Lingering { engine, said_goodbye, .. }| {
            fill_body(engine, sockets, codec, events, config, now)?;
            // In a POST of its own: the Node server handles a packet a tick after the body, and the end of the session at
            // once, so packets beside it would be lost.
            if engine.queue.is_empty() && engine.messages.is_empty() && !*said_goodbye {
                *said_goodbye = true;
                engine.messages.push_back(Message::Text(codec.control(control::CLOSE)));
            }
            take_body(engine, sockets, codec, true, deadline)
        });
        let receipts = lingering.is_none();
        let post = post.or_else(|| {
            let Phase::Open(engine) = phase else { return None };
            fill_body(engine, sockets, codec, events, config, now)?;
            take_body(engine, sockets, codec, receipts, deadline)
        });
        let (transport, sid, body) = post?;
        let url = crate::engine::url::request(config, TransportKind::Polling, Some(&sid), rng);
        Some(Command::Post { transport, url, body })
    }

    pub(super) fn posted(&mut self, transport: TransportId) {
        if let Some(lingering) = &mut self.lingering
            && let Some(polling) = lingering.engine.polling(transport)
        {
            polling.posting = None;
            lingering.engine.covered_is_read();
            self.receipts(transport);
            self.finish_lingering(transport);
            return;
        }
        let Phase::Open(engine) = &mut self.phase else { return };
        let Some(polling) = engine.polling(transport) else { return };
        polling.posting = None;
        engine.covered_is_read();
        self.receipts(transport);
        self.switch_if_idle();
    }

    /// Closes the transport of a session that was left, once nothing waits for it any more.
    pub(super) fn finish_lingering(&mut self, transport: TransportId) {
        let done = self.lingering.as_ref().is_some_and(|Lingering { engine, said_goodbye, .. }| {
            let idle = match &engine.link {
                Link::WebSocket(_) => true,
                Link::Polling(polling) => *said_goodbye && polling.posting.is_none(),
            };
            engine.transport() == transport && idle && engine.is_drained() && engine.receipt == Receipt::None
        });
        if done {
            self.end_lingering();
        }
    }
}

/// Encodes as many packets as fit into one POST; `None` if none may be sent now.
fn fill_body<C: Codec>(
    engine: &mut Engine<C>,
    sockets: &mut Sockets<C>,
    codec: &mut C,
    events: &mut VecDeque<Event<C>>,
    config: &Config,
    now: Instant,
) -> Option<()> {
    let Link::Polling(polling) = &engine.link else { return None };
    // While the session pauses for an upgrade, a POST may still leave as long as the server holds the GET.
    if polling.posting.is_some() || (engine.upgrade.is_pausing() && polling.getting.is_none()) {
        return None;
    }
    // Attachments for which the last body had no room go first, and alone: what is encoded cannot be taken back.
    let begun = !engine.messages.is_empty();
    if let Some(pong) = engine.control(codec) {
        engine.messages.push_front(pong);
    }
    if begun {
        return Some(());
    }
    let (mut room, packets) = match engine.max_payload {
        Some(announced) => (announced, usize::MAX),
        None => (DEFAULT_MAX_PAYLOAD, DEFAULT_MAX_PACKETS),
    };
    while let Some(size) = next_size(engine, sockets, codec) {
        // What does not fit stays a packet, so that it is not lost with this transport.
        if (size > room || engine.messages.len() >= packets) && !engine.messages.is_empty() {
            break;
        }
        encode_next(engine, sockets, codec, events, config, now);
        room = room.saturating_sub(size);
    }
    Some(())
}

fn take_body<C: Codec>(
    engine: &mut Engine<C>,
    sockets: &mut Sockets<C>,
    codec: &mut C,
    receipts: bool,
    deadline: Instant,
) -> Option<(TransportId, String, C::Text)> {
    if engine.messages.is_empty() {
        return None;
    }
    let body = codec.join(&mut engine.messages, engine.max_payload);
    if receipts && engine.messages.is_empty() {
        cover(sockets);
    }
    engine.cover(Receipt::None);
    let transport = engine.transport();
    if let Link::Polling(polling) = &mut engine.link {
        polling.posting = Some(deadline);
    }
    Some((transport, engine.sid.clone(), body))
}

/// An upper bound for what the next packet of the queue adds to a polling body.
fn next_size<C: Codec>(engine: &Engine<C>, sockets: &Sockets<C>, codec: &C) -> Option<usize> {
    let (socket, payload) = match engine.queue.get(engine.next()?)? {
        Outgoing::Emit { socket, emit } => (socket, Some(&emit.payload)),
        Outgoing::Attempt { socket, emit } => {
            let outbox = sockets.get(socket.0 as usize).map(|socket| &socket.outbox);
            let emit = outbox.and_then(|outbox| outbox.get(*emit));
            (socket, emit.map(|emit| &emit.payload))
        }
        // Shorter than the bound for the header of any packet.
        Outgoing::Sync { socket } => (socket, None),
        Outgoing::Ack { socket, payload, .. } => (socket, Some(payload)),
        Outgoing::Connect { socket, payload } => (socket, payload.as_ref()),
        Outgoing::Disconnect { socket, .. } => (socket, None),
    };
    let namespace = sockets.get(socket.0 as usize).map_or(0, |socket| socket.namespace.len());
    let (size, attachments) =
        payload.map_or((0, 0), |payload| (codec.size(payload), codec.attachments(payload)));
    Some(body_size(size, attachments, namespace))
}
