//! Events that wait for their first listener (`holdEvents`).

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use crate::event::SocketId;
use crate::time::Instant;

/// Bytes of those that wait, of all names.
const BYTES: usize = 16 << 20;

/// Of one client; for shells. `M` is what they hand to listeners.
#[derive(Debug)]
pub struct HeldEvents<M> {
    names: Vec<String>,
    size: usize,
    queues: BTreeMap<(SocketId, String), VecDeque<Waiting<M>>>,
    count: usize,
    bytes: usize,
    /// Namespaces that were told of what was dropped, and of which some wait since.
    told: Vec<SocketId>,
}

#[derive(Debug)]
struct Waiting<M> {
    message: M,
    size: usize,
    since: Instant,
}

impl<M> HeldEvents<M> {
    /// For events of these names; at most `size` of them wait.
    #[must_use]
    pub fn new(names: Vec<String>, size: usize) -> Self {
        Self { names, size, queues: BTreeMap::new(), count: 0, bytes: 0, told: Vec::new() }
    }

    /// Whether an event waits, for one that comes now.
    #[must_use]
    pub fn holds(&self, event: &str) -> bool {
        self.names.iter().any(|name| name == event)
    }

    /// One more waits; the oldest make room. If that is to be told, since when events are missing of which namespace
    /// ([`Manager::dropped`](crate::Manager::dropped)).
    pub fn hold(
        &mut self,
        socket: SocketId,
        event: &str,
        message: M,
        size: usize,
        now: Instant,
    ) -> Option<(SocketId, Instant)> {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(size);
        let waiting = Waiting { message, size, since: now };
        self.queues.entry((socket, event.to_owned())).or_default().push_back(waiting);
        let mut tell = None;
        while self.count > self.size || self.bytes > BYTES {
            // Of the longest queue: who flooded pays.
            let Some((key, queue)) = self.queues.iter_mut().max_by_key(|(_, queue)| queue.len()) else {
                break;
            };
            let Some(old) = queue.pop_front() else { break };
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(old.size);
            if !self.told.contains(&key.0) {
                self.told.push(key.0);
                tell.get_or_insert((key.0, old.since));
            }
        }
        tell
    }

    /// Those that have a listener now, in the order of each name.
    pub fn release(&mut self, is_heard: impl Fn(SocketId, &str) -> bool) -> Vec<(SocketId, M)> {
        let mut released = Vec::new();
        let Self { queues, count, bytes, told, .. } = self;
        queues.retain(|(socket, event), queue| {
            if !queue.is_empty() && !is_heard(*socket, event) {
                return true;
            }
            for Waiting { message, size, .. } in queue.drain(..) {
                *count -= 1;
                *bytes = bytes.saturating_sub(size);
                released.push((*socket, message));
            }
            false
        });
        told.retain(|socket| queues.keys().any(|(other, _)| other == socket));
        released
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    const A: SocketId = SocketId(0);
    const B: SocketId = SocketId(1);

    fn held(size: usize) -> HeldEvents<u32> {
        HeldEvents::new(alloc::vec!["a".to_string(), "b".to_string()], size)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn events_are_released_once_somebody_listens() {
        let mut held = held(10);
        assert!(held.holds("a") && !held.holds("c"));
        for (event, number) in [("a", 1), ("b", 2), ("a", 3)] {
            assert_eq!(held.hold(A, event, number, 1, at(0)), None);
        }
        assert_eq!(held.hold(B, "a", 4, 1, at(0)), None);
        assert_eq!(held.release(|_, _| false), []);
        assert_eq!(held.release(|socket, event| socket == A && event == "a"), [(A, 1), (A, 3)]);
        assert_eq!(held.release(|_, _| true), [(A, 2), (B, 4)]);
        assert_eq!((held.count, held.bytes), (0, 0));
    }

    #[test]
    fn the_oldest_make_room_and_that_is_told_once_until_all_are_released() {
        let mut held = held(2);
        for round in 0..2 {
            assert_eq!(held.hold(A, "a", 1, 1, at(round)), None);
            assert_eq!(held.hold(A, "a", 2, 1, at(round + 10)), None);
            assert_eq!(held.hold(A, "a", 3, 1, at(round + 20)), Some((A, at(round))));
            assert_eq!(held.hold(A, "a", 4, 1, at(round + 30)), None);
            assert_eq!(held.release(|_, _| true), [(A, 3), (A, 4)]);
        }
        // Who flooded pays, and is told.
        held.hold(A, "a", 1, 1, at(1));
        held.hold(A, "a", 2, 1, at(2));
        assert_eq!(held.hold(B, "b", 3, 1, at(3)), Some((A, at(1))));
    }

    #[test]
    fn bytes_are_bounded() {
        let mut held = held(usize::MAX);
        assert_eq!(held.hold(A, "a", 1, BYTES, at(1)), None);
        assert_eq!(held.hold(A, "a", 2, 1, at(2)), Some((A, at(1))));
        assert_eq!(held.release(|_, _| true), [(A, 2)]);
    }
}
