//! Queues whose entries come and leave nearly in order. `VecDeque` can insert and remove anywhere, with code for every way
//! in which its two halves may lie, which is a hundredth of what a page downloads.

use alloc::collections::VecDeque;

use crate::event::EmitId;
use crate::time::Instant;

/// Takes an entry out. Mostly it is the first.
#[inline]
pub(crate) fn remove<T>(queue: &mut VecDeque<T>, at: usize) -> Option<T> {
    if at == 0 { queue.pop_front() } else { remove_inner(queue, at) }
}

/// It goes to the nearer end first.
#[inline(never)]
fn remove_inner<T>(queue: &mut VecDeque<T>, at: usize) -> Option<T> {
    let last = queue.len().checked_sub(1)?;
    if at > last {
        return None;
    }
    if at <= last / 2 {
        (0..at).rev().for_each(|at| queue.swap(at, at + 1));
        queue.pop_front()
    } else {
        (at..last).for_each(|at| queue.swap(at, at + 1));
        queue.pop_back()
    }
}

/// What can be told to have left a queue before it is taken out.
pub(crate) trait Leave {
    fn has_left(&self) -> bool;
    fn leave(&mut self);
}

/// An entry leaves, wherever it stands. From the middle it leaves a gap, as moving those behind it would cost a part of all
/// that wait. Gaps go once they come to an end, or are more than half.
#[inline]
pub(crate) fn leave<T: Leave>(queue: &mut VecDeque<T>, gaps: &mut usize, at: usize) {
    if at == 0 {
        queue.pop_front();
    } else if let Some(entry) = queue.get_mut(at) {
        entry.leave();
        *gaps += 1;
    }
    if *gaps > 0 {
        close_gaps(queue, gaps);
    }
}

#[inline(never)]
fn close_gaps<T: Leave>(queue: &mut VecDeque<T>, gaps: &mut usize) {
    while queue.front().is_some_and(T::has_left) {
        queue.pop_front();
        *gaps -= 1;
    }
    while queue.back().is_some_and(T::has_left) {
        queue.pop_back();
        *gaps -= 1;
    }
    if *gaps > queue.len() / 2 {
        for _ in 0..queue.len() {
            if let Some(entry) = queue.pop_front()
                && !entry.has_left()
            {
                queue.push_back(entry);
            }
        }
        *gaps = 0;
    }
}

/// Puts an entry where it belongs in a queue that is in order of `key`.
pub(crate) fn insert<T, K: Ord>(queue: &mut VecDeque<T>, entry: T, key: impl Fn(&T) -> K) {
    let mut at = queue.len();
    queue.push_back(entry);
    while at > 0 && queue.get(at).map(&key) < queue.get(at - 1).map(&key) {
        queue.swap(at, at - 1);
        at -= 1;
    }
}

/// Two numbers, and whether they have left.
type Pair = (u64, u64, bool);

impl Leave for Pair {
    fn has_left(&self) -> bool {
        self.2
    }

    fn leave(&mut self) {
        self.2 = true;
    }
}

/// Pairs of numbers in order. One type, and one code, for all that is looked up by a time or a ticket.
#[derive(Debug, Default)]
pub(crate) struct Pairs {
    /// Neither the first nor the last one has left.
    pairs: VecDeque<Pair>,
    gaps: usize,
}

impl Pairs {
    #[inline(never)]
    pub(crate) fn insert(&mut self, first: u64, second: u64) {
        insert(&mut self.pairs, (first, second, false), |pair| *pair);
    }

    fn find(&self, first: u64, second: u64) -> Option<usize> {
        self.pairs.binary_search(&(first, second, false)).ok()
    }

    #[inline(never)]
    pub(crate) fn contains(&self, first: u64, second: u64) -> bool {
        self.find(first, second).is_some()
    }

    /// Whether it was there.
    #[inline(never)]
    pub(crate) fn remove(&mut self, first: u64, second: u64) -> bool {
        let found = self.find(first, second);
        if let Some(at) = found {
            leave(&mut self.pairs, &mut self.gaps, at);
        }
        found.is_some()
    }

    pub(crate) fn front(&self) -> Option<(u64, u64)> {
        self.pairs.front().map(|&(first, second, _)| (first, second))
    }

    pub(crate) fn back(&self) -> Option<(u64, u64)> {
        self.pairs.back().map(|&(first, second, _)| (first, second))
    }

    #[inline(never)]
    pub(crate) fn pop_front(&mut self) -> Option<(u64, u64)> {
        let front = self.front();
        leave(&mut self.pairs, &mut self.gaps, 0);
        front
    }

    pub(crate) fn pop_back(&mut self) -> Option<(u64, u64)> {
        let back = self.back()?;
        let last = self.pairs.len() - 1;
        leave(&mut self.pairs, &mut self.gaps, last);
        Some(back)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.pairs.iter().filter(|pair| !pair.has_left()).map(|&(first, second, _)| (first, second))
    }

    pub(crate) fn len(&self) -> usize {
        self.pairs.len() - self.gaps
    }

    pub(crate) fn clear(&mut self) {
        self.pairs.clear();
        self.gaps = 0;
    }
}

/// Numbers of emits, or of acks, by the time at which something is to be done about them.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(Pairs);

impl Deadlines {
    pub(crate) fn insert(&mut self, at: Instant, number: u64) {
        self.0.insert(at.nanos(), number);
    }

    pub(crate) fn remove(&mut self, at: Instant, number: u64) {
        self.0.remove(at.nanos(), number);
    }

    pub(crate) fn contains(&self, at: Instant, number: u64) -> bool {
        self.0.contains(at.nanos(), number)
    }

    pub(crate) fn first(&self) -> Option<Instant> {
        self.0.front().map(|(at, _)| Instant::from_nanos(at))
    }

    /// The first whose time has come, and takes it out.
    pub(crate) fn due(&mut self, now: Instant) -> Option<u64> {
        let (at, number) = self.0.front()?;
        if at > now.nanos() {
            return None;
        }
        self.0.pop_front();
        Some(number)
    }

    pub(crate) fn due_emit(&mut self, now: Instant) -> Option<EmitId> {
        self.due(now).map(EmitId)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn every_place_in_either_half() {
        for at in 0..7 {
            let mut queue: VecDeque<_> = (0..7).collect();
            assert_eq!(remove(&mut queue, at), Some(at));
            assert_eq!(queue, (0..7).filter(|other| *other != at).collect::<VecDeque<_>>());
            insert(&mut queue, at, |entry| *entry);
            assert_eq!(queue, (0..7).collect::<VecDeque<_>>());
            assert_eq!(remove(&mut queue, 7), None);
        }
        assert_eq!(remove(&mut VecDeque::<u8>::new(), 0), None);
    }

    /// Any order of 0..97 but the ordinary one.
    fn orders() -> impl Iterator<Item = Vec<u64>> {
        (1..97).map(|step| (0..97).map(|at| at * step % 97).collect())
    }

    #[test]
    fn pairs_leave_in_any_order() {
        for order in orders() {
            let mut pairs = Pairs::default();
            (0..97).for_each(|first| pairs.insert(first, first));
            let mut left: VecDeque<_> = (0..97).collect();
            for first in order {
                assert!(pairs.remove(first, first) && !pairs.remove(first, first));
                left.retain(|other| *other != first);
                let ends = [left.front(), left.back()].map(|end| end.map(|end| (*end, *end)));
                assert_eq!([pairs.front(), pairs.back()], ends);
                assert_eq!(pairs.len(), left.len());
                assert!(pairs.iter().map(|(first, _)| first).eq(left.iter().copied()));
                assert!(pairs.pairs.len() <= 2 * left.len(), "gaps are fewer than what waits");
            }
        }
    }

    #[test]
    fn a_pair_comes_again_beside_its_gap() {
        let mut pairs = Pairs::default();
        (0..9).for_each(|first| pairs.insert(first, 0));
        assert!(pairs.remove(4, 0) && !pairs.contains(4, 0));
        pairs.insert(4, 0);
        assert!(pairs.contains(4, 0) && pairs.iter().count() == 9);
        assert!(pairs.remove(4, 0) && !pairs.contains(4, 0));
        assert_eq!((0..8).filter_map(|_| pairs.pop_front()).map(|(first, _)| first).sum::<u64>(), 32);
        assert_eq!((pairs.pop_front(), pairs.len()), (None, 0));
    }
}
