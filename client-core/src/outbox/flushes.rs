//! How far flushes know of the emits: receipts.

use alloc::collections::VecDeque;
use core::mem;

use super::Outbox;
use crate::event::EmitId;

impl<P> Outbox<P> {
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

    /// Whether somebody waits for a receipt, asked for or not.
    pub(crate) fn awaits_receipt(&self) -> bool {
        !self.flushes.is_empty() || self.fates.awaits_receipt()
    }

    /// Whether a receipt would tell a flush something now.
    pub(crate) fn wants_receipt(&self) -> bool {
        self.flushes
            .front()
            .is_some_and(|&target| !self.is_unsent(target) && self.covered < self.fates.written())
    }

    /// A receipt is asked for: it covers all that was handed over. Without `proof` it tells flushes only.
    pub(crate) fn cover(&mut self, proof: bool) {
        self.covered = self.fates.written();
        if proof {
            self.fates.cover();
        }
    }

    /// The receipt came; `proof` if the server itself gave it.
    pub(crate) fn receipt(&mut self, proof: bool) {
        self.flushed = self.flushed.max(self.covered);
        if proof {
            self.fates.receipt();
        }
    }

    /// One flush that has become true.
    pub(crate) fn flushed(&mut self) -> Option<EmitId> {
        let &target = self.flushes.front()?;
        if self.is_flushed(target) { self.flushes.pop_front() } else { None }
    }

    /// The transport is gone, and no receipt will come any more for what it was handed. Returns the flushes that will
    /// never know; what they do not cover, the next one is told ([`Self::take_uncertain`]).
    pub(crate) fn write_off(&mut self) -> VecDeque<EmitId> {
        self.fates.write_off();
        let written = self.fates.written();
        if self.flushed >= written {
            return VecDeque::new();
        }
        self.covered = written;
        self.flushed = written;
        let last = self.flushes.back().copied();
        self.uncertain |= last < written;
        self.doubted = self.doubted.max(last);
        mem::take(&mut self.flushes)
    }

    /// Nobody will know whether the emit at this place has reached the server. Returns one flush that covers it, until there
    /// is none; if there was none, the next flush is told ([`Self::take_uncertain`]).
    pub(crate) fn doubt(&mut self, place: EmitId) -> Option<EmitId> {
        let told = self.flushes.back().copied().filter(|&target| target >= place);
        if told.is_some() {
            self.flushes.pop_back();
        }
        self.doubted = self.doubted.max(told);
        self.uncertain |= self.doubted < Some(place);
        told
    }

    /// What a flush is to be told that is asked only now, once.
    pub(crate) const fn take_uncertain(&mut self) -> bool {
        mem::replace(&mut self.uncertain, false)
    }

    fn is_unsent(&self, target: EmitId) -> bool {
        (self.queued > 0 && self.fates.written() < Some(target))
            || self.held.front().is_some_and(|emit| emit.place() <= target)
    }

    fn is_flushed(&self, target: EmitId) -> bool {
        let written = self.fates.written();
        !self.is_unsent(target) && (self.flushed >= Some(target) || self.flushed >= written)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Emit};
    use super::*;

    fn emit(outbox: &mut Outbox<&'static str>) -> Emit<&'static str> {
        let id = outbox.ticket();
        Emit { id, answer: Answer::None, payload: "p", size: 10, volatile: false, told: false, terms: None }
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
        outbox.wrote(&first, false);
        assert!(outbox.wants_receipt());
        outbox.cover(true);
        assert!(!outbox.wants_receipt());
        assert_eq!(outbox.flushed(), None);
        outbox.receipt(true);
        assert_eq!((outbox.flushed(), outbox.flushed()), (Some(EmitId(0)), None));
        assert_eq!(outbox.flush(), None);
    }

    #[test]
    fn a_flush_waits_again_for_what_never_left() {
        let mut outbox = Outbox::new(None);
        let first = emit(&mut outbox);
        outbox.hold(first);
        outbox.flush();
        let first = outbox.release().unwrap();
        outbox.unqueue(first.size);
        outbox.wrote(&first, false);
        outbox.cover(true);
        assert!(outbox.unwrite(&first, None));
        assert!(outbox.write_off().is_empty() && !outbox.wants_receipt());
        outbox.unqueue(first.size);
        outbox.wrote(&first, false);
        assert!(outbox.wants_receipt(), "what was asked of the lost transport proves nothing");
    }

    #[test]
    fn a_flush_over_a_lost_transport_is_told_so() {
        let mut outbox = Outbox::new(None);
        let first = emit(&mut outbox);
        outbox.hold(first);
        let first = outbox.release().unwrap();
        outbox.unqueue(first.size);
        outbox.wrote(&first, false);
        assert_eq!(outbox.flush(), Some(EmitId(0)));
        assert_eq!(outbox.write_off(), [EmitId(0)]);
        assert_eq!((outbox.take_uncertain(), outbox.flush()), (false, None));
    }
}
