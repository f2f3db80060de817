//! What one namespace has been asked to send, and how far that got.

mod emit;
mod flushes;

use alloc::collections::{VecDeque, vec_deque};
use core::mem;

pub(crate) use emit::{Answer, Emit, Terms};

use crate::config::Config;
use crate::error::EmitError;
use crate::event::EmitId;
use crate::fate::{Fate, Fates};
use crate::queue::{self, Deadlines};
use crate::retries::{Reliable, Retries, Step};
use crate::time::Instant;

/// Holds emits while the namespace is not connected. Once it is, they move to the engine's queue, where they still count
/// here until they are encoded. Emits that are sent until they are acknowledged stay; what is in the engine's queue only
/// stands for them.
#[derive(Debug)]
pub(crate) struct Outbox<P> {
    /// In order of places.
    pub(crate) held: VecDeque<Emit<P>>,
    pub(crate) retries: Option<Retries>,
    /// Emits in the engine's queue.
    queued: usize,
    /// Answers to the server's events in the engine's queue.
    answers: usize,
    /// Bytes of held and queued emits, and of queued answers.
    bytes: usize,
    next: u64,
    /// The last emit that was accepted to be sent.
    accepted: Option<EmitId>,
    /// The last that is as far as a flush has to know.
    flushed: Option<EmitId>,
    /// The last that the receipt under way will cover.
    covered: Option<EmitId>,
    /// Who waits for `flushed`.
    flushes: VecDeque<EmitId>,
    /// Of something it will never be known whether the server has it, and no flush has been told so yet.
    uncertain: bool,
    /// The last that a flush covered that was told so.
    doubted: Option<EmitId>,
    /// Of held emits, in order of time; entries of those that are held no longer are passed over.
    expiries: Deadlines,
    /// An emit has taken the place of another one before.
    replaced: bool,
    pub(crate) fates: Fates<P>,
}

/// Tickets of the process before come below those of this one.
const FIRST_WITH_STORE: u64 = 1 << 32;

impl<P> Outbox<P> {
    pub(crate) fn new(retries: Option<Retries>) -> Self {
        let mut outbox = Self {
            held: VecDeque::new(),
            retries: None,
            queued: 0,
            answers: 0,
            bytes: 0,
            next: 0,
            accepted: None,
            flushed: None,
            covered: None,
            flushes: VecDeque::new(),
            uncertain: false,
            doubted: None,
            expiries: Deadlines::default(),
            replaced: false,
            fates: Fates::default(),
        };
        outbox.set_retries(retries);
        outbox
    }

    /// Unless something waits.
    pub(crate) fn set_retries(&mut self, retries: Option<Retries>) {
        if self.held.is_empty() && self.queued == 0 {
            if retries.as_ref().is_some_and(Retries::stores) {
                self.next = self.next.max(FIRST_WITH_STORE);
            }
            self.retries = retries;
        }
    }

    /// A ticket, whatever becomes of the emit.
    pub(crate) const fn ticket(&mut self) -> EmitId {
        let id = EmitId(self.next);
        self.next += 1;
        id
    }

    /// Whether a ticket was given.
    pub(crate) const fn was_given(&self, ticket: EmitId) -> bool {
        ticket.0 < self.next
    }

    /// Emits and answers that are kept, and their bytes.
    pub(crate) fn load(&self) -> (usize, usize) {
        (self.held.len() + self.queued + self.answers, self.bytes)
    }

    /// Whether one more of `size` bytes fits beside `in_flight` unanswered ones.
    pub(crate) fn room(&self, size: usize, in_flight: usize, config: &Config) -> Result<(), EmitError> {
        let (kept, bytes) = self.load();
        let held = kept + in_flight;
        if has_room(held, bytes, size, config) { Ok(()) } else { Err(EmitError::BufferFull { held, bytes }) }
    }

    /// How many of the oldest that were never sent must go, so that one of `size` bytes fits, or fits in the place of one with
    /// its key. `None` if all of them are not enough.
    pub(crate) fn in_the_way(
        &self,
        size: usize,
        key: Option<&str>,
        in_flight: usize,
        config: &Config,
    ) -> Option<usize> {
        let (kept, mut bytes) = self.load();
        let mut held = kept + in_flight;
        let mut replaced = key.and_then(|key| self.newest_with(key)).and_then(|at| self.held.get(at));
        let mut fresh = self.held.iter().filter(|emit| emit.is_fresh());
        let mut count = 0;
        while !has_room(held, bytes, size, config)
            && !replaced.is_some_and(|old| fits_for(old, bytes, size, config))
        {
            let old = fresh.next()?;
            (count, held, bytes) = (count + 1, held - 1, bytes - old.size);
            replaced = replaced.filter(|replaced| replaced.id != old.id);
        }
        Some(count)
    }

    /// Takes out the oldest that was never sent.
    pub(crate) fn take_oldest(&mut self) -> Option<Emit<P>> {
        let at = self.held.iter().position(Emit::is_fresh)?;
        self.take(at)
    }

    pub(crate) fn hold(&mut self, emit: Emit<P>) {
        self.accepted = Some(emit.id);
        self.bytes += emit.size;
        self.expect(&emit);
        self.fates.note(emit.id, Fate::Held);
        self.held.push_back(emit);
    }

    fn expect(&mut self, emit: &Emit<P>) {
        if let Some(expires) = emit.expires() {
            self.expiries.insert(expires, emit.id.0);
        }
    }

    /// An emit that was on its way is held again: its time may have passed meanwhile.
    pub(crate) fn expect_again(&mut self, id: EmitId) {
        if let Some(expires) = self.get(id).and_then(Emit::expires)
            && !self.expiries.contains(expires, id.0)
        {
            self.expiries.insert(expires, id.0);
        }
    }

    /// Whether an emit with this key is held that a newer one of `size` bytes may replace: there are no more of them then, but
    /// perhaps more bytes.
    pub(crate) fn fits_in_place(&self, key: &str, size: usize, config: &Config) -> bool {
        let old = self.newest_with(key).and_then(|at| self.held.get(at));
        old.is_some_and(|old| fits_for(old, self.bytes, size, config))
    }

    /// Where the newest with this key is that was never sent: what came back from a connection may have been more than one.
    fn newest_with(&self, key: &str) -> Option<usize> {
        self.held.iter().rposition(|emit| emit.key() == Some(key) && emit.is_fresh())
    }

    /// The emit takes the place of the newest with the same key that is held and was never sent, if there is one.
    ///
    /// # Errors
    /// With the emit, if there is none.
    pub(crate) fn replace(&mut self, mut emit: Emit<P>) -> Result<Emit<P>, Emit<P>> {
        let at = emit.key().and_then(|key| self.newest_with(key));
        let Some(old) = at.and_then(|at| self.held.get_mut(at)) else { return Err(emit) };
        let place = old.place();
        if let Some(terms) = &mut emit.terms {
            terms.place = Some(place);
        }
        if let (Some(new), Some(old)) = (emit.reliable_mut(), old.reliable_mut()) {
            new.takes_over(old);
        }
        let (id, expires) = (emit.id, emit.expires());
        self.bytes = self.bytes - old.size + emit.size;
        self.replaced = true;
        let old = mem::replace(old, emit);
        self.accepted = Some(id);
        if let Some(expires) = expires {
            self.expiries.insert(expires, id.0);
        }
        self.fates.note(id, Fate::Held);
        Ok(old)
    }

    /// The emit goes straight to the engine's queue.
    pub(crate) fn queue(&mut self, id: EmitId, size: usize) {
        self.accepted = Some(id);
        self.bytes += size;
        self.queued += 1;
        self.fates.note(id, Fate::Held);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Those that are held, in order.
    pub(crate) fn held(&self) -> vec_deque::Iter<'_, Emit<P>> {
        self.held.iter()
    }

    /// The next held emit moves to the engine's queue. One that may be sent again does not.
    pub(crate) fn release(&mut self) -> Option<Emit<P>> {
        if self.retries() {
            return None;
        }
        let emit = self.held.pop_front();
        if emit.is_none() {
            self.expiries.clear();
        }
        self.queued += usize::from(emit.is_some());
        emit
    }

    /// A queued emit comes back to the front; to be called from the last one to the first.
    pub(crate) fn take_back(&mut self, emit: Emit<P>) {
        self.queued -= 1;
        self.expect(&emit);
        self.held.push_front(emit);
    }

    /// An emit of an earlier process comes before all others.
    pub(crate) fn restore_first(&mut self, emit: Emit<P>) {
        self.bytes += emit.size;
        self.expect(&emit);
        self.held.push_front(emit);
    }

    /// An emit that was handed over is in the engine's queue again, because it provably never left. `before` is the last
    /// that had been handed over before it. False if a receipt says otherwise.
    pub(crate) fn unwrite(&mut self, emit: &Emit<P>, before: Option<EmitId>) -> bool {
        if self.fates.is_judged(emit.place()) {
            return false;
        }
        self.queued += 1;
        self.bytes += emit.size;
        self.fates.unwrite(before);
        // A receipt over it may have been asked for: another one is needed.
        self.covered = self.covered.min(before);
        self.flushed = self.flushed.min(before);
        self.fates.note(emit.id, Fate::Held);
        true
    }

    /// A queued emit leaves the queue: to be written, or because it is not sent after all.
    pub(crate) const fn unqueue(&mut self, size: usize) {
        self.queued -= 1;
        self.bytes -= size;
    }

    /// It is encoded, so that it counts as handed over. One whose answer is `forgotten` is as good as one without, unless
    /// its fate was told already.
    #[inline]
    pub(crate) fn wrote<Q>(&mut self, emit: &Emit<Q>, forgotten: bool) {
        let settled = forgotten && self.fates.settled(emit.id).is_some();
        self.fates.wrote(emit.place(), emit.id, forgotten || matches!(emit.answer, Answer::None), settled);
    }

    /// Where a held emit stands.
    pub(crate) fn position(&self, id: EmitId) -> Option<usize> {
        let is = |at: usize| self.held.get(at).is_some_and(|emit| emit.id == id);
        // Mostly none is missing in between.
        let first = self.held.front()?.id;
        if let Some(at) = id.0.checked_sub(first.0).map(|at| at as usize)
            && is(at)
        {
            return Some(at);
        }
        match self.held.binary_search_by_key(&id, Emit::place) {
            Ok(at) if is(at) => Some(at),
            // It may have taken the place of another one.
            _ if self.replaced => (0..self.held.len()).find(|&at| is(at)),
            _ => None,
        }
    }

    pub(crate) fn get(&self, id: EmitId) -> Option<&Emit<P>> {
        self.held.get(self.position(id)?)
    }

    pub(crate) fn get_mut(&mut self, id: EmitId) -> Option<&mut Emit<P>> {
        let at = self.position(id)?;
        self.held.get_mut(at)
    }

    /// Takes an emit out if it is still held, and was never written.
    pub(crate) fn remove(&mut self, id: EmitId) -> Option<Emit<P>> {
        let at = self.position(id)?;
        if self.held.get(at)?.reliable().is_some_and(Reliable::may_have_left) {
            return None;
        }
        self.take(at)
    }

    /// Takes an emit out, whatever became of it.
    pub(crate) fn take(&mut self, at: usize) -> Option<Emit<P>> {
        let emit = queue::remove(&mut self.held, at)?;
        if self.held.is_empty() {
            // Nobody is to be woken for it.
            self.expiries.clear();
        }
        self.bytes -= emit.size;
        if let Some(retries) = &mut self.retries {
            retries.removed(at);
        }
        Some(emit)
    }

    pub(crate) fn is_held(&self, id: EmitId) -> bool {
        self.position(id).is_some()
    }

    /// The next held emit whose time is over. One that is on its way is looked at when it comes back.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Emit<P>> {
        while let Some(id) = self.expiries.due_emit(now) {
            // One that is on its way is judged when it comes back.
            if let Some(at) = self.position(id)
                && self.held.get(at)?.reliable().is_none_or(|reliable| reliable.step != Step::InFlight)
            {
                return self.take(at);
            }
        }
        None
    }

    /// When a held emit's time, or the pause before an attempt, is over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let attempt = self.retries.as_ref().and_then(Retries::deadline);
        crate::time::earliest(self.expiries.first(), attempt)
    }

    /// An answer to an event goes to the engine's queue.
    pub(crate) const fn queue_answer(&mut self, size: usize) {
        self.answers += 1;
        self.bytes += size;
    }

    /// It has left the queue: encoded, or no longer wanted.
    pub(crate) const fn answered(&mut self, size: usize) {
        self.answers -= 1;
        self.bytes -= size;
    }
}

/// Whether one more of `size` bytes fits beside `held` emits of `bytes`.
const fn has_room(held: usize, bytes: usize, size: usize, config: &Config) -> bool {
    held < config.buffer_size && bytes.saturating_add(size) <= config.buffer_bytes
}

/// Whether one of `size` bytes fits for `old`, which is one of those with `bytes`.
const fn fits_for<P>(old: &Emit<P>, bytes: usize, size: usize, config: &Config) -> bool {
    size <= old.size || (bytes - old.size).saturating_add(size) <= config.buffer_bytes
}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;

    use super::*;

    fn emit(outbox: &mut Outbox<&'static str>) -> Emit<&'static str> {
        let id = outbox.ticket();
        Emit { id, answer: Answer::None, payload: "p", size: 10, volatile: false, told: false, terms: None }
    }

    fn keyed(outbox: &mut Outbox<&'static str>, payload: &'static str) -> Emit<&'static str> {
        let terms = Terms { expires: None, key: Some("k".into()), place: None };
        Emit { payload, terms: Some(Box::new(terms)), ..emit(outbox) }
    }

    #[test]
    fn both_bounds_refuse() {
        let config = Config { buffer_size: 2, buffer_bytes: 25, ..Config::new("http://h").unwrap() };
        let mut outbox = Outbox::new(None);
        for _ in 0..2 {
            assert_eq!(outbox.room(10, 0, &config), Ok(()));
            let emit = emit(&mut outbox);
            outbox.hold(emit);
        }
        assert!(matches!(outbox.room(1, 0, &config), Err(EmitError::BufferFull { held: 2, bytes: 20 })));
        outbox.remove(EmitId(0));
        assert_eq!(outbox.room(10, 0, &config), Ok(()));
        assert!(outbox.room(10, 1, &config).is_err(), "unanswered emits count");
        assert!(outbox.room(16, 0, &config).is_err(), "bytes count");
    }

    #[test]
    fn one_that_fits_in_a_place_has_no_more_dropped() {
        let config = Config { buffer_size: 3, buffer_bytes: 100, ..Config::new("http://h").unwrap() };
        let mut outbox = Outbox::new(None);
        for keyed_one in [true, false, true] {
            let emit = if keyed_one { keyed(&mut outbox, "old") } else { emit(&mut outbox) };
            outbox.hold(Emit { size: 30, ..emit });
        }
        // Without the first there is room in the place of the last.
        for (size, count) in [(30, 0), (40, 0), (41, 1), (70, 1), (71, 2), (100, 2)] {
            assert_eq!(outbox.in_the_way(size, Some("k"), 0, &config), Some(count), "{size}");
        }
        assert_eq!(outbox.in_the_way(30, None, 0, &config), Some(1));
        assert_eq!(outbox.in_the_way(30, None, 1, &config), Some(2));
        assert_eq!(outbox.in_the_way(30, None, 3, &config), None);
        assert_eq!(outbox.in_the_way(101, Some("k"), 0, &config), None);
    }

    #[test]
    fn one_with_a_key_takes_the_place_of_the_older() {
        let mut outbox = Outbox::new(None);
        let first = keyed(&mut outbox, "old");
        assert!(outbox.replace(first).map_err(|emit| outbox.hold(emit)).is_err(), "there is none to replace");
        let second = emit(&mut outbox);
        outbox.hold(second);
        let third = keyed(&mut outbox, "new");
        assert_eq!(outbox.replace(third).unwrap().payload, "old");
        assert_eq!((outbox.position(EmitId(2)), outbox.position(EmitId(1))), (Some(0), Some(1)));
        assert!(!outbox.is_held(EmitId(0)));
        assert_eq!(outbox.release().unwrap().payload, "new");
    }
}
