//! Queues whose entries come and leave nearly in order. `VecDeque` can insert and remove anywhere, with code for every way
//! in which its two halves may lie, which is a hundredth of what a page downloads.

use alloc::collections::VecDeque;

use crate::event::EmitId;
use crate::sparse::Sparse;
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

/// Pairs of numbers in order. One type, and one code, for all that is looked up by a time or a ticket.
#[derive(Debug, Default)]
pub(crate) struct Pairs(Sparse<(u64, u64), ()>);

impl Pairs {
    #[inline(never)]
    pub(crate) fn insert(&mut self, first: u64, second: u64) {
        self.0.insert((first, second), ());
    }

    #[inline(never)]
    pub(crate) fn contains(&self, first: u64, second: u64) -> bool {
        self.0.get((first, second)).is_some()
    }

    /// Whether it was there.
    #[inline(never)]
    pub(crate) fn remove(&mut self, first: u64, second: u64) -> bool {
        self.0.remove((first, second)).is_some()
    }

    pub(crate) fn front(&self) -> Option<(u64, u64)> {
        self.0.first()
    }

    pub(crate) fn back(&self) -> Option<(u64, u64)> {
        self.0.last()
    }

    pub(crate) fn pop_front(&mut self) -> Option<(u64, u64)> {
        let (first, second) = self.front()?;
        self.remove(first, second);
        Some((first, second))
    }

    pub(crate) fn pop_back(&mut self) -> Option<(u64, u64)> {
        let (first, second) = self.back()?;
        self.remove(first, second);
        Some((first, second))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().map(|(pair, ())| pair)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
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
    use super::*;

    #[test]
    fn every_place_in_either_half() {
        for at in 0..7 {
            let mut queue: VecDeque<_> = (0..7).collect();
            assert_eq!(remove(&mut queue, at), Some(at));
            assert_eq!(queue, (0..7).filter(|other| *other != at).collect::<VecDeque<_>>());
            assert_eq!(remove(&mut queue, 6), None);
        }
        assert_eq!(remove(&mut VecDeque::<u8>::new(), 0), None);
    }

    #[test]
    fn pairs_are_taken_from_both_ends() {
        let mut pairs = Pairs::default();
        (0..9).for_each(|first| pairs.insert(first, 0));
        assert!(pairs.remove(4, 0) && !pairs.contains(4, 0) && !pairs.remove(4, 0));
        assert_eq!((pairs.pop_front(), pairs.pop_back(), pairs.len()), (Some((0, 0)), Some((8, 0)), 6));
        assert!(pairs.iter().map(|(first, _)| first).eq([1, 2, 3, 5, 6, 7]));
        while pairs.pop_front().is_some() {}
        assert_eq!((pairs.pop_back(), pairs.len()), (None, 0));
    }
}
