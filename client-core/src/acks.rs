//! Acks that one namespace's emits wait for.

use alloc::vec::Vec;

use crate::event::EmitId;
use crate::queue::Deadlines;
use crate::sparse::Sparse;
use crate::time::Instant;

/// Every entry leaves exactly once: answered, expired, lost with its connection, or cancelled.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    /// Never reset, so that a late answer cannot meet a newer emit.
    next: u64,
    /// By id: answers come nearly in order.
    pending: Sparse<u64, Pending>,
    /// In order of time.
    deadlines: Deadlines,
    in_flight: usize,
}

#[derive(Debug)]
struct Pending {
    emit: EmitId,
    deadline: Option<Instant>,
    sent: bool,
    /// Nobody waits for the answer.
    forgotten: bool,
    /// One of several that an emit may have.
    attempt: bool,
    /// Its emit was dropped, and it ends as if that had been lost.
    dropped: bool,
}

impl Pending {
    /// An attempt is handed to a transport as soon as it is made.
    const fn new(emit: EmitId, deadline: Option<Instant>, attempt: bool) -> Self {
        Self { emit, deadline, sent: attempt, forgotten: false, attempt, dropped: false }
    }

    fn forget(&mut self, id: u64, deadlines: &mut Deadlines) {
        self.forgotten = true;
        if let Some(deadline) = self.deadline.take() {
            deadlines.remove(deadline, id);
        }
    }
}

/// Earlier attempts of one emit whose answers still count.
const ATTEMPTS: usize = 16;

/// An entry that has left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) emit: EmitId,
    pub(crate) sent: bool,
    pub(crate) attempt: bool,
    /// What became of its emit was told before.
    pub(crate) dropped: bool,
}

impl Acks {
    /// Entries whose emit was handed to a transport, and is nowhere else.
    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The id that the next emit gets.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// An id that nobody waits for.
    pub(crate) const fn skip(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    pub(crate) fn register(&mut self, emit: EmitId, deadline: Option<Instant>) -> u64 {
        self.push(Pending::new(emit, deadline, false))
    }

    /// One more attempt of an emit is handed to a transport, after so many.
    pub(crate) fn attempt(&mut self, emit: EmitId, earlier: u32, deadline: Option<Instant>) -> u64 {
        if earlier as usize >= ATTEMPTS {
            let mut attempts = self.of_emit(emit).map(|(id, _)| id);
            if let Some(oldest) = attempts.next()
                && attempts.count() + 1 >= ATTEMPTS
            {
                self.remove(oldest);
            }
        }
        self.push(Pending::new(emit, deadline, true))
    }

    /// One more attempt of an emit whose attempts all have the same id.
    pub(crate) fn attempt_again(&mut self, id: u64, emit: EmitId, deadline: Option<Instant>) {
        self.remove(id);
        self.insert(id, Pending::new(emit, deadline, true));
    }

    /// Ids below were used by an earlier process.
    pub(crate) fn begin_at(&mut self, id: u64) {
        self.next = self.next.max(id);
    }

    /// Whether somebody waits for an answer.
    pub(crate) fn is_awaited(&self, id: u64) -> bool {
        self.pending.get(id).is_some_and(|pending| !pending.forgotten)
    }

    /// Whether an emit's answer is awaited, and whether it was sent.
    pub(crate) fn of(&self, emit: EmitId) -> Option<bool> {
        self.of_emit(emit).next().map(|(_, pending)| pending.sent)
    }

    fn push(&mut self, pending: Pending) -> u64 {
        let id = self.skip();
        self.insert(id, pending);
        id
    }

    fn insert(&mut self, id: u64, pending: Pending) {
        if let Some(deadline) = pending.deadline {
            self.deadlines.insert(deadline, id);
        }
        self.pending.insert(id, pending);
    }

    fn of_emit(&self, emit: EmitId) -> impl Iterator<Item = (u64, &Pending)> {
        self.pending.iter().filter(move |(_, pending)| pending.emit == emit)
    }

    /// The emit is settled: answers to its other attempts mean nothing.
    pub(crate) fn settled(&mut self, emit: EmitId) {
        loop {
            let Some((id, _)) = self.of_emit(emit).next() else { return };
            self.remove(id);
        }
    }

    /// Emits that wait for an answer.
    pub(crate) fn emits(&self) -> impl Iterator<Item = EmitId> {
        self.pending.iter().filter(|(_, pending)| !pending.forgotten).map(|(_, pending)| pending.emit)
    }

    /// The emit is handed to a transport. False if nobody waits any longer, so that it need not be sent.
    pub(crate) fn mark_sent(&mut self, id: u64) -> bool {
        let Some(pending) = self.pending.get_mut(id) else { return false };
        if pending.forgotten {
            self.remove(id);
            return true;
        }
        if !pending.sent {
            pending.sent = true;
            self.in_flight += 1;
        }
        true
    }

    /// The emit was dropped: its ack ends as if it had been lost on its way.
    pub(crate) fn mark_dropped(&mut self, id: u64) {
        if self.mark_sent(id)
            && let Some(pending) = self.pending.get_mut(id)
        {
            pending.dropped = true;
        }
    }

    /// The emit has come back from its transport, which it never left. False if nobody waits any longer.
    pub(crate) fn mark_unsent(&mut self, id: u64) -> bool {
        let Some(pending) = self.pending.get_mut(id) else { return false };
        if pending.sent {
            pending.sent = false;
            self.in_flight -= 1;
        }
        true
    }

    /// The server answered. `None` for ids that were never sent, or are settled.
    pub(crate) fn answered(&mut self, id: u64) -> Option<EmitId> {
        let mut id = id;
        if fault!(LateAckSettlesNext) && self.pending.get(id).is_none() {
            let next = |(other, pending): &(u64, &Pending)| pending.sent && !pending.attempt && *other > id;
            id = self.pending.iter().find(next)?.0;
        }
        if !matches!(self.pending.get(id)?, Pending { sent: true, dropped: false, .. }) {
            return None;
        }
        self.remove(id).map(|settled| settled.emit)
    }

    /// Whatever the reason, nobody waits any longer.
    #[inline]
    pub(crate) fn remove(&mut self, id: u64) -> Option<Settled> {
        let Pending { emit, deadline, sent, attempt, dropped, .. } = self.pending.remove(id)?;
        if let Some(deadline) = deadline {
            self.deadlines.remove(deadline, id);
        }
        self.in_flight -= usize::from(sent && !attempt);
        Some(Settled { emit, sent, attempt, dropped })
    }

    /// Nobody waits for this emit's answer any longer. If it has not been sent, it still will be.
    pub(crate) fn forget(&mut self, emit: EmitId) {
        let Some((id, pending)) = self.pending.iter_mut().find(|(_, pending)| pending.emit == emit) else {
            return;
        };
        if pending.attempt {
            // Its emit is sent again until the answer comes.
        } else if pending.sent {
            self.remove(id);
        } else {
            pending.forget(id, &mut self.deadlines);
        }
    }

    /// One entry whose time is over. That of an attempt stays: a late answer is as good.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<Settled> {
        let id = self.deadlines.due(now)?;
        match self.pending.get_mut(id) {
            Some(Pending { emit, deadline, attempt: true, .. }) => {
                *deadline = None;
                Some(Settled { emit: *emit, sent: true, attempt: true, dropped: false })
            }
            _ => self.remove(id),
        }
    }

    /// The connection ended: no answer will come for what was handed to it. Attempts are not named.
    pub(crate) fn lost(&mut self) -> Vec<Settled> {
        let mut lost = Vec::new();
        let deadlines = &mut self.deadlines;
        self.pending.retain(|id, mut pending| {
            if !pending.sent {
                return Some(pending);
            }
            pending.forget(id, deadlines);
            let Pending { emit, attempt, dropped, .. } = pending;
            lost.extend((!attempt).then_some(Settled { emit, sent: true, attempt, dropped }));
            None
        });
        self.in_flight = 0;
        if fault!(AckIdsReused) {
            self.next = 0;
        }
        lost
    }

    /// The namespace was left by the application: no answer will come for anything that is on its way to the server. What
    /// is still queued leaves all the same.
    pub(crate) fn abandon(&mut self, is_held: impl Fn(EmitId) -> bool) -> Vec<Settled> {
        let mut settled = self.lost();
        for (id, pending) in self.pending.iter_mut().filter(|(_, p)| !p.forgotten && !is_held(p.emit)) {
            pending.forget(id, &mut self.deadlines);
            let Pending { emit, attempt, dropped, .. } = *pending;
            settled.push(Settled { emit, sent: false, attempt, dropped });
        }
        settled
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_leaves_once() {
        let mut acks = Acks::default();
        let at = Instant::from_millis;
        let first = acks.register(EmitId(10), Some(at(5)));
        let second = acks.register(EmitId(11), None);
        assert_eq!(acks.answered(first), None, "not sent yet");
        assert!(acks.mark_sent(first) && acks.mark_sent(second));
        assert_eq!(acks.in_flight(), 2);
        assert_eq!(acks.deadline(), Some(at(5)));
        assert_eq!(acks.expired(at(4)), None);
        assert_eq!(
            acks.expired(at(5)),
            Some(Settled { emit: EmitId(10), sent: true, attempt: false, dropped: false })
        );
        assert_eq!(acks.answered(first), None);
        assert_eq!(acks.lost().iter().map(|lost| lost.emit).collect::<Vec<_>>(), [EmitId(11)]);
        assert_eq!((acks.in_flight(), acks.deadline()), (0, None));
        assert!(!acks.mark_sent(second));
    }

    fn sent(count: u64) -> Acks {
        let mut acks = Acks::default();
        for emit in 0..count {
            let id = acks.register(EmitId(emit), Some(Instant::from_millis(emit)));
            assert!(acks.mark_sent(id));
        }
        acks
    }

    #[test]
    fn answers_come_in_any_order() {
        for step in (1..97).step_by(if cfg!(miri) { 32 } else { 1 }) {
            let mut acks = sent(97);
            for answered in 1..=97 {
                let id = answered * step % 97;
                assert_eq!(acks.answered(id), Some(EmitId(id)));
                assert_eq!(
                    (acks.answered(id), acks.mark_sent(id), acks.mark_unsent(id)),
                    (None, false, false)
                );
                assert!(!acks.is_awaited(id) && acks.of(EmitId(id)).is_none());
                let left = 97 - answered as usize;
                assert_eq!((acks.in_flight(), acks.emits().count()), (left, left));
                assert_eq!(acks.pending.len(), left);
            }
            assert_eq!((acks.deadline(), acks.pending.len()), (None, 0));
        }
    }

    #[test]
    fn what_has_left_is_not_lost_with_the_connection() {
        let mut acks = sent(5);
        assert!(acks.answered(2).is_some());
        acks.forget(EmitId(2));
        acks.settled(EmitId(2));
        assert_eq!(acks.abandon(|_| false).iter().map(|lost| lost.emit.0).collect::<Vec<_>>(), [0, 1, 3, 4]);
        let mut acks = sent(5);
        assert!(acks.answered(2).is_some());
        assert_eq!(acks.lost().iter().map(|lost| lost.emit.0).collect::<Vec<_>>(), [0, 1, 3, 4]);
        assert_eq!((acks.in_flight(), acks.pending.len(), acks.deadline()), (0, 0, None));
    }

    #[test]
    fn an_attempt_under_the_same_id_takes_its_place_again() {
        for answered in 0..5 {
            let mut acks = sent(5);
            acks.answered(answered);
            acks.attempt_again(2, EmitId(2), Some(Instant::from_millis(9)));
            assert_eq!(acks.of(EmitId(2)), Some(true));
            let emits = (0..5).filter(|emit| *emit != answered || *emit == 2);
            assert!(acks.emits().map(|emit| emit.0).eq(emits));
            assert_eq!((acks.answered(2), acks.answered(2)), (Some(EmitId(2)), None));
            acks.settled(EmitId(3));
            assert!((0..5).all(|id| acks.answered(id).is_none() || (id != 2 && id != 3 && id != answered)));
            assert_eq!((acks.pending.len(), acks.deadline()), (0, None));
        }
    }
}
