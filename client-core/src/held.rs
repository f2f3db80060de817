//! Events that wait for their first listener (`holdEvents`).

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::event::SocketId;
use crate::time::Instant;

/// Bytes of those that wait, of all names.
const BYTES: usize = 16 << 20;

/// Of one client; for shells. `M` is what they hand to listeners.
#[derive(Debug)]
pub struct HeldEvents<M> {
    names: Vec<String>,
    size: usize,
    queues: BTreeMap<(SocketId, String), Queue<M>>,
    count: usize,
    bytes: usize,
    /// How many have ever waited.
    number: u64,
    dropped: BTreeMap<SocketId, Dropped>,
    /// Namespaces that were left: what still comes of them is nobody's.
    left: Vec<SocketId>,
}

#[derive(Debug)]
struct Queue<M> {
    events: VecDeque<Waiting<M>>,
    bytes: usize,
}

#[derive(Debug)]
struct Waiting<M> {
    message: M,
    size: usize,
    since: Instant,
    number: u64,
}

/// Of one namespace, since somebody listened last.
#[derive(Debug, Default)]
struct Dropped {
    names: Vec<String>,
    /// When the oldest came that is in no gap yet.
    since: Option<Instant>,
    /// The first was told at once; the others are when somebody listens.
    told: bool,
}

impl Dropped {
    /// Once for what was dropped until now, whatever is still dropped of a name to which nobody listens.
    fn heard(&mut self) {
        self.names.clear();
        self.told = false;
    }
}

impl<M> HeldEvents<M> {
    /// For events of these names; at most `size` of them wait.
    #[must_use]
    pub const fn new(names: Vec<String>, size: usize) -> Self {
        Self {
            names,
            size,
            queues: BTreeMap::new(),
            count: 0,
            bytes: 0,
            number: 0,
            dropped: BTreeMap::new(),
            left: Vec::new(),
        }
    }

    /// Whether an event waits, for one that comes now.
    #[must_use]
    pub fn holds(&self, event: &str) -> bool {
        self.names.iter().any(|name| name == event)
    }

    /// Namespaces of which something waits: what is stored of them must not run ahead of that.
    pub fn waiting(&self) -> impl Iterator<Item = SocketId> + '_ {
        self.queues.keys().map(|(socket, _)| *socket)
    }

    /// One more waits; the oldest make room, of which [`Self::next_gap`] tells. False if the namespace was left: then it is
    /// nobody's.
    pub fn hold(&mut self, socket: SocketId, event: &str, message: M, size: usize, now: Instant) -> bool {
        if self.left.contains(&socket) {
            return false;
        }
        self.count += 1;
        self.bytes = self.bytes.saturating_add(size);
        self.number += 1;
        let queue = self.queues.entry((socket, event.to_owned()));
        let queue = queue.or_insert_with(|| Queue { events: VecDeque::new(), bytes: 0 });
        queue.bytes = queue.bytes.saturating_add(size);
        queue.events.push_back(Waiting { message, size, since: now, number: self.number });
        while self.count > self.size || self.bytes > BYTES {
            let Some((key, old)) = self.longest().and_then(|key| Some((key.clone(), self.pop(&key)?))) else {
                break;
            };
            let (socket, event) = key;
            let dropped = self.dropped.entry(socket).or_default();
            if !dropped.names.contains(&event) {
                dropped.names.push(event);
            }
            dropped.since = Some(dropped.since.map_or(old.since, |since| since.min(old.since)));
        }
        true
    }

    /// Who flooded pays; among equals, whose oldest is the oldest of all.
    fn longest(&self) -> Option<(SocketId, String)> {
        let many = self.count > self.size;
        let rank = |queue: &Queue<M>| {
            let oldest = queue.events.front().map(|waiting| Reverse(waiting.number));
            (if many { queue.events.len() } else { queue.bytes }, oldest)
        };
        self.queues.iter().max_by_key(|(_, queue)| rank(queue)).map(|(key, _)| key.clone())
    }

    fn pop(&mut self, key: &(SocketId, String)) -> Option<Waiting<M>> {
        let queue = self.queues.get_mut(key)?;
        let waiting = queue.events.pop_front()?;
        queue.bytes = queue.bytes.saturating_sub(waiting.size);
        self.count -= 1;
        self.bytes = self.bytes.saturating_sub(waiting.size);
        if queue.events.is_empty() {
            self.queues.remove(key);
        }
        Some(waiting)
    }

    /// One that has a listener now; of its name the oldest. Asked again after each, for the listener may be gone by then, and
    /// before anything newer is delivered.
    pub fn next(&mut self, is_heard: impl Fn(SocketId, &str) -> bool) -> Option<(SocketId, M)> {
        // Of some names all that waited was dropped.
        for (socket, dropped) in &mut self.dropped {
            if dropped.names.iter().any(|event| is_heard(*socket, event)) {
                dropped.heard();
            }
        }
        let (key, _) = self.queues.iter().find(|((socket, event), _)| is_heard(*socket, event))?;
        let key = key.clone();
        let message = self.pop(&key)?.message;
        if let Some(dropped) = self.dropped.get_mut(&key.0) {
            dropped.heard();
        }
        Some((key.0, message))
    }

    /// A namespace of which events were dropped, and since when they are missing
    /// ([`Manager::dropped`](crate::Manager::dropped)). To be asked after each call, until there is none: each that was dropped
    /// lies in a gap. Of one namespace one is told at once, and one more for all that followed when somebody listens.
    pub fn next_gap(&mut self) -> Option<(SocketId, Instant)> {
        // Somebody has listened, and all was told.
        self.dropped.retain(|_, dropped| dropped.told || dropped.since.is_some());
        let (socket, dropped) = self.dropped.iter_mut().find(|(_, dropped)| !dropped.told)?;
        dropped.told = true;
        Some((*socket, dropped.since.take()?))
    }

    /// The application, or the server, has left the namespace: what waited is not for whoever joins it next.
    pub fn leave(&mut self, socket: SocketId) {
        self.queues.retain(|(of, _), queue| {
            if *of == socket {
                self.count -= queue.events.len();
                self.bytes = self.bytes.saturating_sub(queue.bytes);
            }
            *of != socket
        });
        self.dropped.remove(&socket);
        if !self.left.contains(&socket) {
            self.left.push(socket);
        }
    }

    /// The namespace is joined: what comes from now on is for this application.
    pub fn join(&mut self, socket: SocketId) {
        self.left.retain(|left| *left != socket);
    }
}

/// How far each namespace has come in its server's own history (`offset`); for shells. A place is a JSON text.
#[derive(Debug, Default)]
pub struct Places {
    last: BTreeMap<SocketId, String>,
    /// Where the namespace was before the first of those that wait for a listener.
    before: BTreeMap<SocketId, Option<String>>,
}

impl Places {
    /// What CONNECT says. An event that waits for a listener has come: the server is not to send it again.
    #[must_use]
    pub fn get(&self, socket: SocketId) -> Option<&str> {
        self.last.get(&socket).map(String::as_str)
    }

    /// So far it has come.
    pub fn advance(&mut self, socket: SocketId, to: String) {
        self.last.insert(socket, to);
    }

    /// Something of the namespace waits from now on.
    pub fn waits(&mut self, socket: SocketId) {
        self.before.entry(socket).or_insert_with(|| self.last.get(&socket).cloned());
    }

    /// Nothing does, but of these namespaces.
    pub fn settle(&mut self, waiting: impl Fn(SocketId) -> bool) {
        self.before.retain(|socket, _| waiting(*socket));
    }

    /// What waited is thrown away, so that the namespace has not come so far.
    pub fn leave(&mut self, socket: SocketId) {
        match self.before.remove(&socket) {
            Some(Some(place)) => drop(self.last.insert(socket, place)),
            Some(None) => drop(self.last.remove(&socket)),
            None => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    const A: SocketId = SocketId(0);
    const B: SocketId = SocketId(1);

    fn held(size: usize) -> HeldEvents<u32> {
        HeldEvents::new(vec!["a".to_string(), "b".to_string()], size)
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn gaps(held: &mut HeldEvents<u32>) -> Vec<(SocketId, Instant)> {
        core::iter::from_fn(|| held.next_gap()).collect()
    }

    /// The gaps that follow.
    fn hold(
        held: &mut HeldEvents<u32>,
        socket: SocketId,
        event: &str,
        number: u32,
        millis: u64,
    ) -> Vec<(SocketId, Instant)> {
        held.hold(socket, event, number, 1, at(millis));
        gaps(held)
    }

    fn all(held: &mut HeldEvents<u32>) -> Vec<u32> {
        core::iter::from_fn(|| held.next(|_, _| true)).map(|(_, number)| number).collect()
    }

    #[test]
    fn events_are_released_once_somebody_listens() {
        let mut held = held(10);
        assert!(held.holds("a") && !held.holds("c"));
        for (event, number) in [("a", 1), ("b", 2), ("a", 3)] {
            assert_eq!(hold(&mut held, A, event, number, 0), []);
        }
        assert_eq!(hold(&mut held, B, "a", 4, 0), []);
        assert_eq!(held.next(|_, _| false), None);
        assert_eq!(held.next(|socket, event| socket == A && event == "a"), Some((A, 1)));
        // Its listener wanted one.
        assert_eq!(held.next(|_, event| event == "b"), Some((A, 2)));
        assert_eq!(held.waiting().collect::<Vec<_>>(), [A, B]);
        assert_eq!(held.next(|socket, _| socket == B), Some((B, 4)));
        assert_eq!(held.next(|socket, event| socket == A && event == "a"), Some((A, 3)));
        assert_eq!(held.next(|_, _| true), None);
        assert_eq!((held.count, held.bytes, held.queues.len()), (0, 0, 0));
    }

    #[test]
    fn the_oldest_make_room_and_each_lies_in_a_gap() {
        let mut held = held(2);
        for round in [0, 100] {
            assert_eq!(hold(&mut held, A, "a", 1, round), []);
            assert_eq!(hold(&mut held, A, "a", 2, round + 10), []);
            assert_eq!(hold(&mut held, A, "a", 3, round + 20), [(A, at(round))]);
            // What follows is told when somebody listens.
            assert_eq!(hold(&mut held, A, "a", 4, round + 30), []);
            assert_eq!(hold(&mut held, A, "a", 5, round + 40), []);
            assert_eq!(held.next(|_, _| true), Some((A, 4)));
            assert_eq!(gaps(&mut held), [(A, at(round + 10))]);
            assert_eq!(held.next(|_, _| true), Some((A, 5)));
            assert_eq!(gaps(&mut held), []);
        }
        // Who flooded pays, and is told.
        hold(&mut held, A, "a", 1, 201);
        hold(&mut held, A, "a", 2, 202);
        assert_eq!(hold(&mut held, B, "b", 3, 203), [(A, at(201))]);
    }

    #[test]
    fn one_event_may_drop_those_of_two_namespaces() {
        let mut held = held(10);
        for (socket, event, size, millis) in
            [(A, "a", 1, 1), (A, "a", BYTES / 2 - 1, 2), (B, "a", BYTES / 2, 3), (A, "b", BYTES / 2, 4)]
        {
            held.hold(socket, event, 0, size, at(millis));
        }
        assert_eq!(gaps(&mut held), [(A, at(1)), (B, at(3))]);
    }

    #[test]
    fn what_was_dropped_is_told_though_nothing_of_its_name_waits() {
        let mut held = held(1);
        hold(&mut held, A, "a", 1, 1);
        assert_eq!(hold(&mut held, B, "a", 2, 2), [(A, at(1))]);
        assert_eq!(hold(&mut held, A, "a", 3, 3), [(B, at(2))]);
        assert_eq!(hold(&mut held, B, "b", 4, 4), []);
        // Of another name somebody listens.
        assert_eq!(held.next(|socket, event| socket == A && event == "b"), None);
        assert_eq!(gaps(&mut held), []);
        assert_eq!(held.next(|socket, event| socket == A && event == "a"), None);
        assert_eq!(gaps(&mut held), [(A, at(3))]);
    }

    #[test]
    fn a_flood_of_one_name_is_told_once_while_another_is_heard() {
        let mut held = held(1);
        hold(&mut held, A, "a", 1, 1);
        assert_eq!(hold(&mut held, A, "b", 2, 2), [(A, at(1))]);
        let mut told = 0;
        for millis in 3..100 {
            hold(&mut held, A, "b", 3, millis);
            assert_eq!(held.next(|_, event| event == "a"), None);
            told += gaps(&mut held).len();
        }
        assert_eq!(told, 1);
        assert_eq!(held.next(|_, _| true), Some((A, 3)));
        assert_eq!(gaps(&mut held), [(A, at(3))]);
    }

    #[test]
    fn one_that_is_older_than_what_was_told_lies_in_the_next_gap() {
        let mut held = held(4);
        hold(&mut held, A, "b", 1, 1);
        for millis in 2..=4 {
            hold(&mut held, A, "a", 2, millis);
        }
        assert_eq!(hold(&mut held, A, "a", 3, 5), [(A, at(2))]);
        // Now `b` is the longest.
        for millis in 6..=9 {
            assert_eq!(hold(&mut held, A, "b", 4, millis), []);
        }
        assert_eq!(held.next(|_, event| event == "a").map(|(socket, _)| socket), Some(A));
        assert_eq!(gaps(&mut held), [(A, at(1))]);
    }

    #[test]
    fn among_equals_the_oldest_makes_room() {
        for names in [["a", "b"], ["b", "a"]] {
            let mut held = held(1);
            hold(&mut held, A, names[0], 1, 1);
            assert_eq!(hold(&mut held, A, names[1], 2, 1), [(A, at(1))]);
            assert_eq!(all(&mut held), [2]);
        }
    }

    #[test]
    fn bytes_are_bounded_and_who_has_most_of_them_pays() {
        let mut held = held(usize::MAX);
        held.hold(A, "a", 1, BYTES - 2, at(1));
        held.hold(A, "b", 2, 1, at(2));
        held.hold(A, "b", 3, 1, at(3));
        assert_eq!(gaps(&mut held), []);
        held.hold(A, "b", 4, 1, at(4));
        assert_eq!(gaps(&mut held), [(A, at(1))]);
        assert_eq!(all(&mut held), [2, 3, 4]);
        assert_eq!((held.count, held.bytes), (0, 0));
    }

    #[test]
    fn a_flood_is_of_events_or_of_bytes() {
        let mut large = held(3);
        let mut many = held(2);
        for (socket, size, millis) in [(A, 1, 1), (A, 1, 2), (B, BYTES, 3)] {
            large.hold(socket, "a", 0, size, at(millis));
            many.hold(socket, "a", 0, size.min(9), at(millis));
        }
        assert_eq!(gaps(&mut large), [(B, at(3))]);
        assert_eq!(gaps(&mut many), [(A, at(1))]);
    }

    #[test]
    fn whoever_joins_next_gets_nothing_of_what_waited() {
        let mut held = held(2);
        for number in 1..=4 {
            hold(&mut held, A, "a", number, u64::from(number));
        }
        held.leave(A);
        // On its way still.
        assert_eq!(hold(&mut held, A, "a", 5, 5), []);
        assert_eq!(hold(&mut held, B, "a", 6, 6), []);
        held.join(A);
        assert_eq!(hold(&mut held, A, "a", 7, 7), []);
        assert_eq!(all(&mut held), [7, 6]);
        assert_eq!((gaps(&mut held).len(), held.count, held.bytes), (0, 0, 0));
    }

    #[test]
    fn a_place_behind_events_that_are_thrown_away_is_none() {
        let mut places = Places::default();
        for first in [None, Some("1")] {
            first.into_iter().for_each(|place| places.advance(A, place.to_string()));
            places.waits(A);
            places.advance(A, "2".to_string());
            places.waits(A);
            places.advance(A, "3".to_string());
            assert_eq!(places.get(A), Some("3"));
            places.leave(A);
            assert_eq!(places.get(A), first);
        }
        places.waits(A);
        places.advance(A, "4".to_string());
        places.settle(|_| false);
        places.leave(A);
        assert_eq!(places.get(A), Some("4"));
    }
}
