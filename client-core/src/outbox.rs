//! What one namespace has been asked to send, and how far that got.

use alloc::collections::VecDeque;
use core::mem;

use crate::config::Config;
use crate::error::EmitError;
use crate::event::EmitId;

/// One accepted emit.
#[derive(Debug)]
pub(crate) struct Emit<P> {
    pub(crate) id: EmitId,
    /// Id in the namespace's `Acks`.
    pub(crate) ack: Option<u64>,
    pub(crate) payload: P,
    pub(crate) size: usize,
    /// Dropped with its transport.
    pub(crate) volatile: bool,
}

/// Holds emits while the namespace is not connected. Once it is, they move to the engine's queue, where they still count
/// here until they are encoded.
///
/// Fates are watermarks, because order is kept: one comparison, whatever the number of emits.
#[derive(Debug)]
pub(crate) struct Outbox<P> {
    held: VecDeque<Emit<P>>,
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

impl<P> Default for Outbox<P> {
    fn default() -> Self {
        Self {
            held: VecDeque::new(),
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
}

impl<P> Outbox<P> {
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

    /// The next held emit moves to the engine's queue.
    pub(crate) fn release(&mut self) -> Option<Emit<P>> {
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

    /// Takes an emit out if it is still held.
    pub(crate) fn remove(&mut self, id: EmitId) -> Option<Emit<P>> {
        let at = self.held.binary_search_by_key(&id, |emit| emit.id).ok()?;
        let emit = self.held.remove(at)?;
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
        if self.queued > 0 {
            return self.written < Some(target);
        }
        self.held.front().is_some_and(|emit| emit.id <= target)
    }

    fn is_flushed(&self, target: EmitId) -> bool {
        !self.is_unsent(target) && (self.delivered >= Some(target) || self.delivered >= self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emit(outbox: &mut Outbox<&'static str>) -> Emit<&'static str> {
        Emit { id: outbox.ticket(), ack: None, payload: "p", size: 10, volatile: false }
    }

    #[test]
    fn both_bounds_refuse() {
        let config = Config { buffer_size: 2, buffer_bytes: 25, ..Config::new("http://h").unwrap() };
        let mut outbox = Outbox::default();
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
    fn a_flush_waits_for_the_receipt_over_its_emits() {
        let mut outbox = Outbox::default();
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
        let mut outbox = Outbox::default();
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
