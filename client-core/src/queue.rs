//! Queues whose entries come and leave nearly in order. `VecDeque` can insert and remove anywhere, with code for every way
//! in which its two halves may lie, which is a hundredth of what a page downloads.

use alloc::collections::VecDeque;

/// Takes an entry out, which goes to the nearer end first.
#[inline(never)]
pub(crate) fn remove<T>(queue: &mut VecDeque<T>, at: usize) -> Option<T> {
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

/// Puts an entry where it belongs in a queue that is in order.
pub(crate) fn insert<T: Ord>(queue: &mut VecDeque<T>, entry: T) {
    let mut at = queue.len();
    queue.push_back(entry);
    while at > 0 && queue.get(at) < queue.get(at - 1) {
        queue.swap(at, at - 1);
        at -= 1;
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
            insert(&mut queue, at);
            assert_eq!(queue, (0..7).collect::<VecDeque<_>>());
            assert_eq!(remove(&mut queue, 7), None);
        }
        assert_eq!(remove(&mut VecDeque::<u8>::new(), 0), None);
    }
}
