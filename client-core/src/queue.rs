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

/// Puts an entry where it belongs in a queue that is in order of `key`.
pub(crate) fn insert<T, K: Ord>(queue: &mut VecDeque<T>, entry: T, key: impl Fn(&T) -> K) {
    let mut at = queue.len();
    queue.push_back(entry);
    while at > 0 && queue.get(at).map(&key) < queue.get(at - 1).map(&key) {
        queue.swap(at, at - 1);
        at -= 1;
    }
}

/// Pairs of numbers in order. One type, and one code, for all that is looked up by a time or a ticket.
#[derive(Debug, Default)]
pub(crate) struct Pairs(VecDeque<(u64, u64)>);

impl Pairs {
    #[inline(never)]
    pub(crate) fn insert(&mut self, first: u64, second: u64) {
        insert(&mut self.0, (first, second), |pair| *pair);
    }

    fn find(&self, first: u64, second: u64) -> Option<usize> {
        self.0.binary_search(&(first, second)).ok()
    }

    #[inline(never)]
    pub(crate) fn contains(&self, first: u64, second: u64) -> bool {
        self.find(first, second).is_some()
    }

    /// Whether it was there.
    #[inline(never)]
    pub(crate) fn remove(&mut self, first: u64, second: u64) -> bool {
        self.find(first, second).and_then(|at| remove(&mut self.0, at)).is_some()
    }

    pub(crate) fn front(&self) -> Option<(u64, u64)> {
        self.0.front().copied()
    }

    pub(crate) fn back(&self) -> Option<(u64, u64)> {
        self.0.back().copied()
    }

    #[inline(never)]
    pub(crate) fn pop_front(&mut self) -> Option<(u64, u64)> {
        self.0.pop_front()
    }

    pub(crate) fn pop_back(&mut self) -> Option<(u64, u64)> {
        self.0.pop_back()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().copied()
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
            insert(&mut queue, at, |entry| *entry);
            assert_eq!(queue, (0..7).collect::<VecDeque<_>>());
            assert_eq!(remove(&mut queue, 7), None);
        }
        assert_eq!(remove(&mut VecDeque::<u8>::new(), 0), None);
    }
}
