//! Receipts: proofs that the server has read what was sent.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::{Lingering, Manager, Phase};
use crate::codec::{Codec, Message};
use crate::config::{Config, Receipts, TransportKind};
use crate::engine::packet::control;
use crate::engine::{Engine, Outgoing, Receipt, Written};
use crate::event::{Event, SocketId};
use crate::io::{Frame, TransportId};
use crate::socket::Socket;
use crate::sync::Sync;
use crate::time::Instant;

type Sockets<C> = [Socket<C>];

/// Between two receipts that only fates wait for.
const RECEIPTS: Duration = Duration::from_millis(1000);

/// A namespace that no server has, whose refusal is a receipt.
pub(super) const FENCE: &str = "/$fence";

/// Whether the middleware's word is the only proof there is.
pub(super) fn is_only_receipt<C: Codec>(engine: &Engine<C>, config: &Config) -> bool {
    engine.kind() == TransportKind::WebSocket && !config.websocket_ping && config.receipts == Receipts::Auto
}

/// Whether somebody may wait for a receipt that nobody has asked for. Mostly nobody does, and this is looked at for each
/// packet.
#[inline]
pub(super) fn may_want_receipt<C: Codec>(engine: &Engine<C>, sockets: &Sockets<C>) -> bool {
    engine.receipt == Receipt::None
        && (engine.is_blocked() || sockets.iter().any(|socket| socket.outbox.awaits_receipt()))
}

/// Asks for a receipt over a WebSocket if somebody waits for one, in the best way there is.
pub(super) fn ask_for_receipt<C: Codec>(
    engine: &mut Engine<C>,
    sockets: &mut Sockets<C>,
    codec: &mut C,
    events: &mut VecDeque<Event<C>>,
    config: &Config,
    now: Instant,
) -> Option<Frame<C>> {
    let blocked = engine.is_blocked();
    let flushes = sockets.iter().any(|socket| socket.outbox.wants_receipt());
    let watched = config.receipts != Receipts::Off
        && now >= engine.next_receipt
        // One for all that is there, unless there is no end of it.
        && (engine.queue.is_empty() || now >= engine.next_receipt + RECEIPTS)
        && sockets.iter().any(|socket| socket.outbox.fates.wants_receipt());
    if !blocked && !flushes && !watched {
        return None;
    }
    if config.websocket_ping || config.receipts == Receipts::Namespace {
        cover(sockets);
        engine.cover(Receipt::Asked);
        engine.next_receipt = now + RECEIPTS;
        if config.websocket_ping {
            return Some(Frame::Ping);
        }
        engine.keep_written(Written { packet: None, before: None, bytes: control::FENCE.len() });
        return Some(Frame::Message(Message::Text(codec.control(control::FENCE))));
    }
    if flushes {
        sockets.iter_mut().for_each(|socket| socket.outbox.cover(false));
        receipt(sockets, events, false);
    }
    if watched {
        engine.next_receipt = now + RECEIPTS;
        for (socket, id) in sockets.iter_mut().zip(0..) {
            if socket.outbox.fates.wants_receipt() && matches!(socket.sync, Sync::Answered) {
                socket.sync = Sync::Queued { probe: false };
                engine.queue.push_back(Outgoing::Sync { socket: SocketId(id) });
            }
        }
    }
    if blocked {
        engine.cover(Engine::<C>::moment(now));
    }
    None
}

/// All that is handed over so far is covered by the receipt that is asked for now.
pub(super) fn cover<C: Codec>(sockets: &mut Sockets<C>) {
    sockets.iter_mut().for_each(|socket| socket.outbox.cover(true));
}

/// The receipt came; without `proof` there is none, and all that is known is that the transport took it.
pub(super) fn receipt<C: Codec>(sockets: &mut Sockets<C>, events: &mut VecDeque<Event<C>>, proof: bool) {
    sockets.iter_mut().for_each(|socket| socket.outbox.receipt(proof));
    report_flushes(sockets, events);
}

pub(super) fn report_flushes<C: Codec>(sockets: &mut Sockets<C>, events: &mut VecDeque<Event<C>>) {
    for (socket, id) in sockets.iter_mut().zip(0..) {
        socket.report_flushes(SocketId(id), events);
    }
}

impl<C: Codec> Socket<C> {
    pub(super) fn report_flushes(&mut self, id: SocketId, events: &mut VecDeque<Event<C>>) {
        while let Some(emit) = self.outbox.flushed() {
            events.push_back(Event::Flushed { socket: id, emit, delivered: true });
        }
    }
}

impl<C: Codec> Manager<C> {
    pub(super) fn pong(&mut self, transport: TransportId) {
        let engine = match (&mut self.phase, &mut self.lingering) {
            (Phase::Open(engine), _) if engine.transport() == transport => engine,
            (_, Some(lingering)) if lingering.engine.transport() == transport => &mut lingering.engine,
            _ => return,
        };
        if engine.receipt == Receipt::Asked {
            engine.covered_is_read();
            self.receipts(transport);
            self.finish_lingering(transport);
        }
    }

    /// Whether receipts of this transport count. As long as a session that was left goes on, no namespace is connected on
    /// a newer one, so all that was handed over left on the former.
    pub(super) fn gives_receipts(&self, transport: TransportId) -> bool {
        self.lingering.as_ref().is_none_or(|lingering| lingering.engine.transport() == transport)
    }

    pub(super) fn receipts(&mut self, transport: TransportId) {
        if !self.gives_receipts(transport) {
            return;
        }
        receipt(&mut self.sockets, &mut self.events, self.config.receipts != Receipts::Off);
    }

    /// The refusal of the namespace that does not exist.
    pub(super) fn fence_answered(&mut self) {
        let Phase::Open(engine) = &self.phase else { return };
        let transport = engine.transport();
        self.pong(transport);
    }

    /// When a receipt may be asked for that only fates wait for.
    pub(super) fn receipt_deadline(&self) -> Option<Instant> {
        let Phase::Open(engine) = &self.phase else { return None };
        let wanted = self.sockets.iter().any(|socket| socket.outbox.fates.wants_receipt());
        (wanted && self.now < engine.next_receipt).then_some(engine.next_receipt)
    }

    /// The moment is over that the server was given to read what cannot be asked for.
    pub(super) fn moment_over(&mut self, now: Instant) {
        if let Phase::Open(engine) = &mut self.phase
            && engine.is_read(now)
        {
            engine.covered_is_read();
        }
        if let Some(Lingering { engine, .. }) = &mut self.lingering
            && engine.is_read(now)
        {
            engine.covered_is_read();
        }
    }
}
