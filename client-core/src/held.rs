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
    /// Namespaces that were told of what was dropped, and to which nobody has listened since.
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
            let emptied = queue.is_empty().then(|| key.clone());
            let socket = key.0;
            self.count -= 1;
            self.bytes = self.bytes.saturating_sub(old.size);
            if let Some(emptied) = emptied {
                self.queues.remove(&emptied);
            }
            if !self.told.contains(&socket) {
                self.told.push(socket);
                tell.get_or_insert((socket, old.since));
            }
        }
        tell
    }

    /// One that has a listener now; of its name the oldest. Asked again after each, for the listener may be gone by then, and
    /// before anything newer is delivered.
    pub fn next(&mut self, is_heard: impl Fn(SocketId, &str) -> bool) -> Option<(SocketId, M)> {
        let (key, _) = self.queues.iter().find(|((socket, event), _)| is_heard(*socket, event))?;
        let key = key.clone();
        let queue = self.queues.get_mut(&key)?;
        let Waiting { message, size, .. } = queue.pop_front()?;
        self.count -= 1;
        self.bytes = self.bytes.saturating_sub(size);
        if queue.is_empty() {
            self.queues.remove(&key);
        }
        self.told.retain(|socket| *socket != key.0);
        Some((key.0, message))
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
        assert_eq!(held.next(|_, _| false), None);
        assert_eq!(held.next(|socket, event| socket == A && event == "a"), Some((A, 1)));
        // Its listener wanted one.
        assert_eq!(held.next(|_, event| event == "b"), Some((A, 2)));
        assert_eq!(held.next(|socket, _| socket == B), Some((B, 4)));
        assert_eq!(held.next(|socket, event| socket == A && event == "a"), Some((A, 3)));
        assert_eq!(held.next(|_, _| true), None);
        assert_eq!((held.count, held.bytes, held.queues.len()), (0, 0, 0));
    }

    #[test]
    fn the_oldest_make_room_and_that_is_told_once_until_somebody_listens() {
        let mut held = held(2);
        for round in 0..2 {
            assert_eq!(held.hold(A, "a", 1, 1, at(round)), None);
            assert_eq!(held.hold(A, "a", 2, 1, at(round + 10)), None);
            assert_eq!(held.hold(A, "a", 3, 1, at(round + 20)), Some((A, at(round))));
            assert_eq!(held.hold(A, "a", 4, 1, at(round + 30)), None);
            assert_eq!(held.next(|_, _| true), Some((A, 3)));
            assert_eq!(held.hold(A, "a", 5, 1, at(round + 40)), None);
            assert_eq!(held.hold(A, "a", 6, 1, at(round + 50)), Some((A, at(round + 30))));
            assert_eq!([5, 6].map(|_| held.next(|_, _| true).unwrap()), [(A, 5), (A, 6)]);
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
        assert_eq!(held.next(|_, _| true), Some((A, 2)));
    }
}
