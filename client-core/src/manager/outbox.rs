//! What the application asks of its emits, their store, and the server's middleware.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Manager, Phase};
use crate::codec::Codec;
use crate::engine::{Outgoing, Written};
use crate::error::{EmitError, TransportError};
use crate::event::{DisconnectReason, EmitId, Event, SocketId};
use crate::fate::{Change, Fate};
use crate::io::{Command, TransportId};
use crate::outbox::{Answer, Emit, Terms};
use crate::retries::{Kept, Reliable, Retries, Step};
use crate::sync::Sync;
use crate::time::Instant;

/// What a store holds of one namespace.
#[derive(Clone, Debug)]
pub struct Restored<P> {
    /// The name under which the server knows these emits ([`SocketOptions::exactly_once`](crate::SocketOptions::exactly_once)):
    /// the one that the store was made with.
    pub delivery: Option<String>,
    /// The first ack id that no process has reserved.
    pub next: u64,
    /// Emits that are not settled, by rising keys.
    pub emits: Vec<RestoredEmit<P>>,
}

/// An emit from a store.
#[derive(Clone, Debug)]
pub struct RestoredEmit<P> {
    /// Its name there: its ack id.
    pub key: u64,
    /// Name and arguments.
    pub payload: P,
    /// How often it is known to have been sent.
    pub attempts: u32,
    /// When it is too old, if ever.
    pub expires: Option<Instant>,
}

/// Fates.
impl<C: Codec> Manager<C> {
    /// What is known of an emit. `None` for tickets that were never given, and for those of which nothing is remembered any
    /// more: final fates that are not `delivered` are remembered for the last 4,096 emits.
    #[must_use]
    pub fn fate(&self, socket: SocketId, emit: EmitId) -> Option<Fate> {
        let target = self.sockets.get(socket.0 as usize)?;
        let outbox = &target.outbox;
        if !outbox.was_given(emit) {
            return None;
        }
        if let Some(fate) = outbox.fates.settled(emit) {
            return Some(fate);
        }
        if let Some(held) = outbox.get(emit) {
            return Some(match held.reliable() {
                Some(Reliable { step: Step::InFlight | Step::Pausing, attempts, .. }) => {
                    Fate::InFlight { attempt: *attempts }
                }
                _ => Fate::Held,
            });
        }
        match target.acks.of(emit) {
            Some(true) => Some(Fate::InFlight { attempt: 1 }),
            Some(false) => Some(Fate::Held),
            None => outbox.fates.by_watermark(emit),
        }
    }

    /// Asks to be told what becomes of an emit ([`Event::Fate`], [`Event::Stored`]), and tells what is known. Where that is
    /// final already, nothing follows.
    pub fn watch(&mut self, socket: SocketId, emit: EmitId) -> Option<Fate> {
        let fate = self.fate(socket, emit)?;
        let target = self.sockets.get_mut(socket.0 as usize)?;
        if !fate.is_final() {
            target.outbox.fates.watch(emit);
            let plain = target.outbox.get(emit).is_none() && target.acks.of(emit).is_none();
            if plain && matches!(fate, Fate::InFlight { .. }) {
                target.outbox.fates.watch_in_flight(emit);
            }
        }
        Some(fate)
    }

    /// Whether an emit is in the store, or has left it because it is acknowledged. `None` if those who watch it are to be
    /// told: by [`Event::Stored`], unless its fate becomes final or [`Manager::kept`] says that it is not kept before.
    #[must_use]
    pub fn is_stored(&self, socket: SocketId, emit: EmitId) -> Option<bool> {
        let Some(target) = self.sockets.get(socket.0 as usize) else { return Some(false) };
        if !target.outbox.retries.as_ref().is_some_and(Retries::stores) {
            return Some(false);
        }
        match target.outbox.get(emit).map(Emit::reliable) {
            Some(Some(reliable)) => match reliable.kept {
                Kept::Yes => Some(true),
                Kept::Failed => Some(false),
                Kept::No | Kept::Asked => None,
            },
            Some(None) => Some(false),
            None => Some(self.fate(socket, emit) == Some(Fate::Acknowledged)),
        }
    }

    /// Whether what becomes of every emit of a namespace is told, from now on.
    pub fn observe_fates(&mut self, socket: SocketId, on: bool) {
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            target.outbox.fates.observe(on);
        }
    }

    pub(super) fn fate_changed(&mut self) -> Option<Event<C>> {
        let (change, socket) = self.sockets.iter_mut().zip(0..).find_map(|(socket, id)| {
            let change = socket.outbox.fates.change()?;
            Some((change, SocketId(id)))
        })?;
        let Change { emit, fate, payload } = change;
        Some(Event::Fate { socket, emit, fate, payload })
    }
}

/// An emit that is in a store already.
pub(super) fn stored<P>(
    id: EmitId,
    emit: RestoredEmit<P>,
    size: usize,
    timeout: Option<Duration>,
    maybe_sent: bool,
) -> Emit<P> {
    let RestoredEmit { key, payload, attempts, expires } = emit;
    let mut reliable = Reliable::new(timeout, false);
    (reliable.key, reliable.attempts) = (Some(key), attempts);
    (reliable.kept, reliable.restored, reliable.maybe_sent) = (Kept::Yes, true, maybe_sent);
    let terms = expires.map(|expires| Box::new(Terms { expires: Some(expires), key: None, place: None }));
    let answer = Answer::Reliable(reliable);
    Emit { id, answer, payload, size, volatile: false, told: false, terms }
}

/// The store.
impl<C: Codec> Manager<C> {
    /// The store of a namespace is open, and this is what it holds. Until then nothing of the namespace is sent, and with
    /// `exactly_once` it is not connected.
    pub fn restore(&mut self, socket: SocketId, restored: Restored<C::Payload>, now: Instant) {
        self.tell_time(now);
        let Restored { delivery, next, emits } = restored;
        if self.open_store(socket, delivery, next).is_none() {
            return;
        }
        let first = (1 << 32) - emits.len() as u64;
        let codec = &self.codec;
        let timeout = self.config.ack_timeout;
        let emits = emits.into_iter().map(|emit| {
            let size = codec.size(&emit.payload);
            stored(EmitId(0), emit, size, timeout, true)
        });
        let emits = emits.collect();
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            target.outbox.restore(emits, first);
        }
        self.store_is_open(socket, now);
    }

    pub(super) fn open_store(&mut self, socket: SocketId, delivery: Option<String>, next: u64) -> Option<()> {
        let target = self.sockets.get_mut(socket.0 as usize)?;
        let retries = target.outbox.retries.as_mut().filter(|retries| retries.is_opening())?;
        retries.opened(delivery, next);
        if !fault!(OutboxIdReused) {
            target.acks.begin_at(next);
        }
        Some(())
    }

    pub(super) fn store_is_open(&mut self, socket: SocketId, now: Instant) {
        self.keep(socket);
        self.join(socket, now);
        self.release(socket);
    }

    /// The store cannot be used: emits are held in memory, as if there were none.
    pub fn go_without_store(&mut self, socket: SocketId, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        if let Some(retries) = &mut target.outbox.retries {
            retries.closed();
        }
        target.outbox.forget_store();
        self.keep(socket);
        self.join(socket, now);
        self.release(socket);
    }

    /// Somebody else has the store: emits are refused, except volatile ones, and nothing is sent again.
    pub fn refuse_store(&mut self, socket: SocketId, cause: &str, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        if let Some(retries) = &mut target.outbox.retries {
            retries.closed();
            retries.refusal = Some(cause.into());
        }
        while let Some(emit) = target.outbox.take(0) {
            target.not_sent(socket, emit, EmitError::Storage { cause: cause.into() }, &mut self.events);
        }
        self.report_flushes();
        self.join(socket, now);
    }

    /// No more ids could be reserved ([`Command::Reserve`]): emits that wait for one are refused. The next emit has it tried
    /// again.
    pub fn not_reserved(&mut self, socket: SocketId, cause: &str, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let Some(retries) = target.outbox.retries.as_mut().filter(|retries| retries.stores()) else { return };
        retries.not_reserved();
        let mut refused = Vec::new();
        while let Some(id) = target.outbox.last_without_key()
            && let Some(emit) = target.outbox.remove(id)
        {
            refused.push(emit);
        }
        for emit in refused.into_iter().rev() {
            target.not_sent(socket, emit, EmitError::Storage { cause: cause.into() }, &mut self.events);
        }
        self.report_flushes();
    }

    /// Tells the application of something that happened to a store ([`Event::OutboxError`]).
    pub fn report_store(&mut self, cause: String, kept: usize, lost: Option<u64>) {
        self.events.push_back(Event::OutboxError { cause, kept, lost });
    }

    /// An emit is in the store ([`Command::Keep`]), or why it is not.
    pub fn kept(&mut self, socket: SocketId, key: u64, result: Result<(), String>, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let Some(emit) = target.outbox.with_key(key) else { return };
        let ticket = emit.id;
        let fresh = emit.reliable().is_some_and(|reliable| reliable.attempts == 0);
        let Some(reliable) = emit.reliable_mut() else { return };
        match result {
            Ok(()) => {
                reliable.kept = Kept::Yes;
                if target.outbox.fates.tells(ticket) {
                    self.events.push_back(Event::Stored { socket, emit: ticket });
                }
            }
            // It is on its way already, and goes on from memory.
            Err(_) if !fresh || reliable.step != Step::Held => reliable.kept = Kept::Failed,
            Err(cause) => {
                if let Some(emit) = target.outbox.remove(ticket) {
                    target.not_sent(socket, emit, EmitError::Storage { cause }, &mut self.events);
                }
            }
        }
        self.release(socket);
    }

    /// Ids below `up_to` are reserved ([`Command::Reserve`]).
    pub fn reserved(&mut self, socket: SocketId, up_to: u64, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        if let Some(retries) = &mut target.outbox.retries {
            retries.reserved(up_to);
        }
        // The namespace was connected before there was an id to ask with.
        if target.is_connected() && matches!(target.sync, Sync::Off) {
            self.ask_middleware(socket);
        }
        self.keep(socket);
        self.release(socket);
    }

    /// Gives keys to emits that have none yet, and has them stored.
    pub(super) fn keep(&mut self, socket: SocketId) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        while let Some(emit) = target.outbox.give_key(&mut target.acks) {
            if C::STORES
                && let Some(key) = emit.reliable().and_then(|reliable| reliable.key)
            {
                let (payload, expires) = (emit.payload.clone(), emit.expires());
                self.commands.push_back(Command::Keep { socket, key, payload, expires });
            }
        }
        let next = target.acks.next();
        if let Some(up_to) = target.outbox.retries.as_mut().and_then(|retries| retries.reserve(next)) {
            self.commands.push_back(Command::Reserve { socket, up_to });
        }
    }

    /// What is to be taken out of a store.
    pub(super) fn erase(&mut self) -> Option<Command<C>> {
        if !C::STORES {
            return None;
        }
        self.sockets.iter_mut().zip(0..).find_map(|(socket, id)| {
            let key = socket.outbox.retries.as_mut()?.erase.pop_front()?;
            Some(Command::Erase { socket: SocketId(id), key })
        })
    }

    /// Held emits that are too old, and pauses between attempts.
    pub(super) fn outbox_timeout(&mut self, socket: SocketId, now: Instant) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let due = target.outbox.deadline().is_some_and(|deadline| deadline <= now);
        while let Some(emit) = target.outbox.expired(now) {
            target.not_sent(socket, emit, EmitError::Expired, &mut self.events);
        }
        if due {
            self.release(socket);
        }
        self.middleware_timeout(socket, now);
    }
}

/// The server's middleware.
impl<C: Codec> Manager<C> {
    /// The namespace is connected: the first packet asks for the middleware.
    pub(super) fn ask_middleware(&mut self, socket: SocketId) {
        let (Some(target), Phase::Open(engine)) = (self.sockets.get_mut(socket.0 as usize), &mut self.phase)
        else {
            return;
        };
        let delivery = target.outbox.retries.as_ref().is_some_and(|retries| retries.name().is_some());
        if delivery && target.allows_ids() {
            target.sync = Sync::Queued { probe: false };
            engine.queue.push_back(Outgoing::Sync { socket });
        }
    }

    /// Asks whether the connection lives, unless that is being asked.
    pub(super) fn probe_middleware(&mut self, socket: SocketId) {
        let (Some(target), Phase::Open(engine)) = (self.sockets.get_mut(socket.0 as usize), &mut self.phase)
        else {
            return;
        };
        if matches!(target.sync, Sync::Answered) && target.allows_ids() {
            target.sync = Sync::Queued { probe: true };
            engine.queue.push_back(Outgoing::Sync { socket });
        }
    }

    pub(super) fn sync_answered(&mut self, socket: SocketId, id: u64, answer: &C::Payload) {
        let (Some(target), Phase::Open(engine)) = (self.sockets.get_mut(socket.0 as usize), &self.phase)
        else {
            return;
        };
        if !matches!(target.sync, Sync::Asked { id: asked, .. } if asked == id) {
            return;
        }
        if !self.codec.is_middleware(answer) {
            // Who answers every event has answered this one too.
            target.sync = Sync::Unsupported;
            self.events.push_back(Event::DeliveryUnsupported { socket });
            return;
        }
        target.sync = Sync::Answered;
        if super::receipts::is_only_receipt(engine, &self.config) {
            target.outbox.fates.receipt();
        }
    }

    fn middleware_timeout(&mut self, socket: SocketId, now: Instant) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        match target.sync {
            Sync::Asked { deadline, probe: true, .. } if deadline <= now => {
                self.end_session(DisconnectReason::TransportError, Some(TransportError::Timeout), now);
            }
            Sync::Asked { deadline, probe: false, .. } if deadline <= now => {
                target.sync = Sync::Unsupported;
                self.events.push_back(Event::DeliveryUnsupported { socket });
            }
            _ => {}
        }
    }
}

/// What never left.
impl<C: Codec> Manager<C> {
    /// Tells how many bytes, at most, of what a WebSocket was handed it has not sent yet. What has left can be forgotten. To
    /// be told now and then while much is written, with [`Config::tells_unsent`](crate::Config::tells_unsent).
    pub fn unsent(&mut self, transport: TransportId, bytes: usize) {
        if let Phase::Open(engine) = &mut self.phase
            && engine.transport() == transport
        {
            engine.forget_written(bytes);
        }
    }

    /// A WebSocket has ended, and the last so many of the bytes that it was handed never left: packets that lie within them
    /// go back to their places. To be told just before [`Input::Closed`](crate::Input::Closed).
    pub fn never_left(&mut self, transport: TransportId, bytes: usize) {
        let Phase::Open(engine) = &mut self.phase else { return };
        if engine.transport() != transport {
            return;
        }
        let mut bytes = bytes;
        while let Some(Written { packet, before, .. }) = engine.take_written(&mut bytes) {
            let Some((mut outgoing, ack)) = packet else { continue };
            let Some(target) = self.sockets.get_mut(outgoing.socket().0 as usize) else { continue };
            let comes_back = match &mut outgoing {
                Outgoing::Emit { emit, .. } if target.outbox.fates.is_judged(emit.place()) => false,
                Outgoing::Emit { emit, .. } => {
                    let waits = ack.is_none_or(|ack| target.acks.mark_unsent(ack));
                    if !waits {
                        // Its answer was forgotten, unless its end was told.
                        emit.answer = Answer::None;
                    }
                    (waits || target.outbox.fates.settled(emit.id).is_none())
                        && target.outbox.unwrite(emit, before)
                }
                Outgoing::Attempt { emit, .. } => {
                    let waits = target.outbox.unwrite_attempt(*emit);
                    if let (true, Some(ack)) = (waits, ack) {
                        target.acks.remove(ack);
                    }
                    waits
                }
                _ => false,
            };
            if comes_back {
                engine.queue.push_front(outgoing);
            }
        }
    }
}
