//! Emits that are sent again until their ack comes.

mod attempts;

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

pub(crate) use attempts::TimedOut;

use crate::fate::Fate;
use crate::queue::Deadlines;
use crate::store::Store;
use crate::time::Instant;

/// What an emit has that is sent until its ack comes.
#[derive(Debug)]
pub(crate) struct Reliable {
    /// Time for each attempt, from when it is written.
    pub(crate) timeout: Option<Duration>,
    /// The ack id of every attempt, and its name in the store; without one each attempt has an id of its own.
    pub(crate) key: Option<u64>,
    /// That were written.
    pub(crate) attempts: u32,
    /// The ack id of the last attempt.
    ack: Option<u64>,
    /// Others had other ids.
    has_more_acks: bool,
    pub(crate) step: Step,
    pub(crate) kept: Kept,
    /// Nobody wants the answer.
    pub(crate) unread: bool,
    /// It was accepted by another process, or by the shell itself: its end is told by its key.
    pub(crate) restored: bool,
    /// That process may have sent it.
    pub(crate) maybe_sent: bool,
    last_sent: Option<Instant>,
    /// Rises by one with each: the window counts those that are settled out of order.
    order: u64,
}

/// Where an emit stands that is sent until its ack comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Waits for its turn.
    Held,
    /// An attempt is in the engine's queue.
    Queued,
    /// An attempt was written.
    InFlight,
    /// An attempt was not answered in time; the next one waits.
    Pausing,
}

/// Whether an emit is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    No,
    Asked,
    Yes,
    /// The store did not take it: it goes on from memory.
    Failed,
}

/// The time for an answer to an attempt.
const SHORTEST: Duration = Duration::from_millis(1);

impl Reliable {
    pub(crate) fn new(timeout: Option<Duration>, unread: bool) -> Self {
        // An attempt that is over as it begins would be made for ever at one moment.
        let timeout = timeout.map(|timeout| timeout.max(SHORTEST));
        Self {
            timeout,
            key: None,
            attempts: 0,
            ack: None,
            has_more_acks: false,
            step: Step::Held,
            kept: Kept::No,
            unread,
            restored: false,
            maybe_sent: false,
            last_sent: None,
            order: 0,
        }
    }

    /// Whether it was never handed to a transport, and stands in no store.
    pub(crate) const fn is_fresh(&self) -> bool {
        !self.may_have_left() && matches!((self.step, self.kept), (Step::Held, Kept::No | Kept::Failed))
    }

    /// Whether it was handed to a transport; of an earlier process that is not known.
    pub(crate) const fn may_have_left(&self) -> bool {
        self.attempts > 0 || self.maybe_sent
    }

    /// What is known when no answer will come any more.
    pub(crate) const fn uncertain(&self) -> Fate {
        if !self.may_have_left() {
            return Fate::Cancelled;
        }
        Fate::Uncertain { attempts: self.attempts, last_sent: self.last_sent, key: self.key }
    }

    /// An attempt is written under this ack id.
    pub(crate) fn ack(&mut self, id: u64) {
        self.has_more_acks |= self.ack.is_some_and(|other| other != id);
        self.ack = Some(id);
    }

    /// The only ack id that it has had, or none; `None` if there were several.
    pub(crate) const fn only_ack(&self) -> Option<Option<u64>> {
        if self.has_more_acks { None } else { Some(self.ack) }
    }

    pub(crate) const fn takes_over(&mut self, old: &Self) {
        self.key = old.key;
        self.order = old.order;
    }
}

/// How the emits of a namespace are sent again.
#[derive(Debug)]
pub(crate) struct Retries {
    /// Attempts after the first.
    limit: u32,
    /// How far the newest emit that is sent may be ahead of the oldest that is not settled.
    window: u64,
    /// By which the server knows emits again: together with their keys.
    pub(crate) delivery: Option<String>,
    pub(crate) store: Option<Store>,
    /// Emits in front that were handed out since the namespace was connected.
    handed_out: usize,
    /// Emits in front that have keys, where they have any.
    keyed: usize,
    orders: u64,
    /// Before further attempts, in order of time.
    pauses: Deadlines,
    /// To be taken out of the store.
    pub(crate) erase: VecDeque<u64>,
    /// Why nothing is accepted.
    pub(crate) refusal: Option<String>,
}

/// Orders of emits of earlier processes come below.
const FIRST_ORDER: u64 = 1 << 32;
impl Retries {
    pub(crate) fn new(limit: u32, window: u32, delivery: Option<String>, store: Option<bool>) -> Self {
        let store = store.map(Store::new);
        Self {
            limit,
            window: if window == 0 { 1 } else { window as u64 },
            delivery,
            store,
            handed_out: 0,
            keyed: 0,
            orders: FIRST_ORDER,
            pauses: Deadlines::default(),
            erase: VecDeque::new(),
            refusal: None,
        }
    }

    pub(crate) const fn stores(&self) -> bool {
        self.store.is_some()
    }

    /// Whether the store is still being opened, or another process has it.
    pub(crate) const fn is_opening(&self) -> bool {
        matches!(self.store, Some(store) if !store.is_open())
    }

    /// Whether the namespace cannot be connected before the store is open, which knows its name.
    pub(crate) const fn waits_for_its_name(&self) -> bool {
        self.delivery.is_some() && matches!(self.store, Some(store) if store.is_opening())
    }

    /// Whether the connection cannot be the leader's: it was made without the name, which another process uses, or `next` is
    /// not the first ack id on it that may stand in the store as well.
    pub(crate) const fn must_connect_anew(&self, next: u64) -> bool {
        let Some(store) = self.store else { return false };
        (self.delivery.is_some() && store.is_elsewhere()) || store.shares_ids(next)
    }

    /// Its name, unless another process uses it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.delivery.as_deref().filter(|_| self.store.is_none_or(|store| store.is_open()))
    }

    /// Whether an ack id may be used.
    pub(crate) fn allows(&self, id: u64) -> bool {
        self.store.is_none_or(|store| store.allows(id))
    }

    /// Up to where ids are to be reserved now.
    pub(crate) fn reserve(&mut self, next: u64) -> Option<u64> {
        self.store.as_mut()?.reserve(next)
    }

    pub(crate) fn reserved(&mut self, up_to: u64) {
        if let Some(store) = &mut self.store {
            store.reserved(up_to);
        }
    }

    /// The store is open, and its ids below `next` may be used up.
    pub(crate) fn opened(&mut self, delivery: Option<String>, next: u64) {
        if let Some(store) = &mut self.store {
            store.open(next);
            if self.delivery.is_some() {
                self.delivery = delivery.or(self.delivery.take());
            }
        }
    }

    /// There is no store after all.
    pub(crate) fn closed(&mut self) {
        self.store = None;
    }

    /// What was asked for last was not reserved: the next emit asks again.
    pub(crate) const fn not_reserved(&mut self) {
        if let Some(store) = &mut self.store {
            store.not_reserved();
        }
    }

    /// Whether emits get keys.
    const fn keys(&self) -> bool {
        self.delivery.is_some() || self.store.is_some()
    }

    /// The emit at a place in the queue is gone.
    pub(crate) const fn removed(&mut self, at: usize) {
        self.handed_out -= (at < self.handed_out) as usize;
        self.keyed -= (at < self.keyed) as usize;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pauses.first()
    }
}
