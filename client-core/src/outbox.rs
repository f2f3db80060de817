//! What one namespace has been asked to send, and how far that got.

use alloc::collections::{VecDeque, vec_deque};
use core::mem;
use core::time::Duration;

use crate::config::Config;
use crate::error::EmitError;
use crate::event::EmitId;
use crate::queue;

/// One accepted emit.
#[derive(Debug)]
pub(crate) struct Emit<P> {
    pub(crate) id: EmitId,
    pub(crate) answer: Answer,
    pub(crate) payload: P,
    pub(crate) size: usize,
    /// Dropped with its transport.
    pub(crate) volatile: bool,
    /// [`Event::Sent`](crate::Event::Sent) was told.
    pub(crate) told: bool,
}

/// The ack that an emit waits for.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It does not.
    None,
    /// By its id in the namespace's `Acks`.
    Id(u64),
    /// Every attempt has an id of its own, and so much time from when it is written.
    Each(Option<Duration>),
}

impl Answer {
    pub(crate) const fn id(&self) -> Option<u64> {
        match self {
            Self::Id(id) => Some(*id),
            Self::None | Self::Each(_) => None,
        }
    }
}

/// Resending, where a namespace has `retries`: one emit at a time, the oldest that is held, until its ack comes. It stays
/// held all the while; what is in the engine's queue only stands for it.
#[derive(Debug)]
struct Retries {
    /// Attempts after the first.
    limit: u32,
    /// Attempts that were written for the emit in front.
    attempts: u32,
    /// An attempt is in the engine's queue.
    queued: bool,
    /// One was written, and its answer may come.
    in_flight: bool,
}

impl Retries {
    const fn new(limit: u32) -> Self {
        Self { limit, attempts: 0, queued: false, in_flight: false }
    }
}

/// Holds emits while the namespace is not connected. Once it is, they move to the engine's queue, where they still count
/// here until they are encoded.
///
/// Fates are watermarks, because order is kept: one comparison, whatever the number of emits.
#[derive(Debug)]
pub(crate) struct Outbox<P> {
    held: VecDeque<Emit<P>>,
    retries: Option<Retries>,
    /// Emits in the engine's queue.
    queued: usize,
    /// Answers to the server's events in the engine's queue.
    answers: usize,
    /// Bytes of held and queued emits, and of queued answers.
    bytes: usize,
    next: u64,
    /// The last emit that was accepted to be sent.
    accepted: Option<EmitId>,
    /// The last that was handed to a transport.
    written: Option<EmitId>,
    /// The last that the receipt under way will cover.
    covered: Option<EmitId>,
    /// The last that the server has, or of which that will never be known.
    delivered: Option<EmitId>,
    /// Who waits for `delivered`.
    flushes: VecDeque<EmitId>,
    /// Of something in `delivered` it will never be known, and no flush has been told so yet.
    uncertain: bool,
}

impl<P> Outbox<P> {
    /// Unless something waits.
    pub(crate) fn set_retries(&mut self, retries: Option<u32>) {
        if self.held.is_empty() && self.queued == 0 {
            self.retries = retries.map(Retries::new);
        }
    }

    pub(crate) fn new(retries: Option<u32>) -> Self {
        Self {
            held: VecDeque::new(),
            retries: retries.map(Retries::new),
            queued: 0,
            answers: 0,
            bytes: 0,
            next: 0,
            accepted: None,
            written: None,
            covered: None,
            delivered: None,
            flushes: VecDeque::new(),
            uncertain: false,
        }
    }

    /// A ticket, whatever becomes of the emit.
    pub(crate) const fn ticket(&mut self) -> EmitId {
        let id = EmitId(self.next);
        self.next += 1;
        id
    }

    /// Whether one more of `size` bytes fits beside `in_flight` unanswered ones.
    pub(crate) fn room(&self, size: usize, in_flight: usize, config: &Config) -> Result<(), EmitError> {
        let held = self.held.len() + self.queued + self.answers + in_flight;
        if held >= config.buffer_size || self.bytes.saturating_add(size) > config.buffer_bytes {
            return Err(EmitError::BufferFull { held, bytes: self.bytes });
        }
        Ok(())
    }

    pub(crate) fn hold(&mut self, emit: Emit<P>) {
        self.accepted = Some(emit.id);
        self.bytes += emit.size;
        self.held.push_back(emit);
    }

    /// The emit goes straight to the engine's queue.
    pub(crate) const fn queue(&mut self, id: EmitId, size: usize) {
        self.accepted = Some(id);
        self.bytes += size;
        self.queued += 1;
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
        let emit = self.held.pop_front()?;
        self.queued += 1;
        Some(emit)
    }

    /// A queued emit comes back to the front; to be called from the last one to the first.
    pub(crate) fn take_back(&mut self, emit: Emit<P>) {
        self.queued -= 1;
        self.held.push_front(emit);
    }

    /// A queued emit leaves the queue: to be written, or because it is not sent after all.
    pub(crate) const fn unqueue(&mut self, size: usize) {
        self.queued -= 1;
        self.bytes -= size;
    }

    /// It is encoded, so that it counts as handed over.
    pub(crate) fn wrote(&mut self, id: EmitId) {
        self.written = self.written.max(Some(id));
    }

    /// Takes an emit out if it is still held, and was never written.
    pub(crate) fn remove(&mut self, id: EmitId) -> Option<Emit<P>> {
        let at = self.held.binary_search_by_key(&id, |emit| emit.id).ok()?;
        if at == 0 && self.retries.as_ref().is_some_and(|retries| retries.attempts > 0) {
            return None;
        }
        let emit = queue::remove(&mut self.held, at)?;
        self.bytes -= emit.size;
        Some(emit)
    }

    pub(crate) fn is_held(&self, id: EmitId) -> bool {
        self.held.binary_search_by_key(&id, |emit| emit.id).is_ok()
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

    /// Waits until all that was accepted so far has reached the server; `None` if it has.
    pub(crate) fn flush(&mut self) -> Option<EmitId> {
        let target = self.accepted?;
        if self.is_flushed(target) {
            return None;
        }
        if self.flushes.back() != Some(&target) {
            self.flushes.push_back(target);
        }
        Some(target)
    }

    /// Whether a receipt would tell somebody something now.
    pub(crate) fn wants_receipt(&self) -> bool {
        self.flushes.front().is_some_and(|&target| !self.is_unsent(target) && self.covered < self.written)
    }

    /// A receipt is asked for: it covers all that was handed over.
    pub(crate) fn cover(&mut self) {
        self.covered = self.written;
    }

    /// The receipt came.
    pub(crate) fn receipt(&mut self) {
        self.delivered = self.delivered.max(self.covered);
    }

    /// One flush that has become true.
    pub(crate) fn flushed(&mut self) -> Option<EmitId> {
        let &target = self.flushes.front()?;
        if self.is_flushed(target) { self.flushes.pop_front() } else { None }
    }

    /// The transport is gone, and no receipt will come any more for what it was handed. Returns the flushes that will
    /// never know; what they do not cover, the next one is told ([`Self::take_uncertain`]).
    pub(crate) fn write_off(&mut self) -> VecDeque<EmitId> {
        if self.delivered >= self.written {
            return VecDeque::new();
        }
        self.covered = self.written;
        self.delivered = self.written;
        self.uncertain = self.flushes.back().copied() < self.written;
        mem::take(&mut self.flushes)
    }

    /// What a flush is to be told that is asked only now, once.
    pub(crate) const fn take_uncertain(&mut self) -> bool {
        mem::replace(&mut self.uncertain, false)
    }

    fn is_unsent(&self, target: EmitId) -> bool {
        (self.queued > 0 && self.written < Some(target))
            || self.held.front().is_some_and(|emit| emit.id <= target)
    }

    fn is_flushed(&self, target: EmitId) -> bool {
        !self.is_unsent(target) && (self.delivered >= Some(target) || self.delivered >= self.written)
    }
}

/// Sending again.
impl<P> Outbox<P> {
    /// Whether emits are sent again until they are acknowledged.
    pub(crate) const fn retries(&self) -> bool {
        self.retries.is_some()
    }

    /// The emit whose attempt is to be queued next.
    pub(crate) fn next_attempt(&self) -> Option<&Emit<P>> {
        let Retries { queued: false, in_flight: false, .. } = self.retries.as_ref()? else { return None };
        self.held.front()
    }

    /// The emit of the attempt that is in the engine's queue.
    pub(crate) fn queued_attempt(&self) -> Option<&Emit<P>> {
        let Retries { queued: true, in_flight: false, .. } = self.retries.as_ref()? else { return None };
        self.held.front()
    }

    /// An attempt goes to the engine's queue, or comes back from it.
    pub(crate) const fn queue_attempt(&mut self, queued: bool) {
        if let Some(retries) = &mut self.retries {
            retries.queued = queued;
        }
    }

    /// The attempt in the engine's queue is written.
    pub(crate) fn write_attempt(&mut self) -> Option<&Emit<P>> {
        let retries = self.retries.as_mut()?;
        retries.queued = false;
        let emit = self.held.front()?;
        retries.attempts = retries.attempts.saturating_add(1);
        retries.in_flight = true;
        Some(emit)
    }

    /// No answer came to the attempt that was written. Returns the emit if that was its last.
    pub(crate) fn attempt_failed(&mut self) -> Option<Emit<P>> {
        let retries = self.retries.as_mut()?;
        let failed = mem::take(&mut retries.in_flight);
        if failed && retries.attempts > retries.limit { self.give_up() } else { None }
    }

    /// An attempt was answered. Returns the emit, unless another one is in front.
    pub(crate) fn settle(&mut self, id: EmitId) -> Option<Emit<P>> {
        let front = self.held.front()?;
        if front.id == id && self.retries() { self.give_up() } else { None }
    }

    /// The emit in front is not sent any more. An attempt of it that is queued now stands for the next one.
    pub(crate) fn give_up(&mut self) -> Option<Emit<P>> {
        if let Some(retries) = &mut self.retries {
            retries.attempts = 0;
            retries.in_flight = false;
        }
        let emit = self.held.pop_front()?;
        self.bytes -= emit.size;
        Some(emit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(outbox: &mut Outbox<&'static str>) -> Emit<&'static str> {
        let id = outbox.ticket();
        Emit { id, answer: Answer::None, payload: "p", size: 10, volatile: false, told: false }
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
    fn retries_change_only_while_nothing_waits() {
        let mut outbox = Outbox::new(None);
        let first = emit(&mut outbox);
        outbox.hold(first);
        outbox.set_retries(Some(1));
        assert!(!outbox.retries());
        outbox.remove(EmitId(0));
        outbox.set_retries(Some(1));
        assert!(outbox.retries());
    }

    #[test]
    fn a_flush_waits_for_the_receipt_over_its_emits() {
        let mut outbox = Outbox::new(None);
        assert_eq!(outbox.flush(), None);
        let first = emit(&mut outbox);
        outbox.hold(first);
        assert_eq!(outbox.flush(), Some(EmitId(0)));
        let first = outbox.release().unwrap();
        assert!(!outbox.wants_receipt());
        outbox.unqueue(first.size);
        outbox.wrote(first.id);
        assert!(outbox.wants_receipt());
        outbox.cover();
        assert!(!outbox.wants_receipt());
        assert_eq!(outbox.flushed(), None);
        outbox.receipt();
        assert_eq!((outbox.flushed(), outbox.flushed()), (Some(EmitId(0)), None));
        assert_eq!(outbox.flush(), None);
    }

    #[test]
    fn a_flush_over_a_lost_transport_is_told_so() {
        let mut outbox = Outbox::new(None);
        let first = emit(&mut outbox);
        outbox.hold(first);
        let first = outbox.release().unwrap();
        outbox.unqueue(first.size);
        outbox.wrote(first.id);
        assert_eq!(outbox.flush(), Some(EmitId(0)));
        assert_eq!(outbox.write_off(), [EmitId(0)]);
        assert_eq!((outbox.take_uncertain(), outbox.flush()), (false, None));
    }
}
