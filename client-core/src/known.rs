//! The last events of a session, by which those that come a second time are known again.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::offset::{Offset, Shape};
use crate::time::{Instant, micros};

/// So many are remembered.
const MOST: usize = 1024;

/// An offset that is further from the present, in milliseconds, is a text of the application's, unless a clock is wrong.
const NEAR: u64 = 24 * 60 * 60 * 1000;

/// Two of a server whose clock is wrong advance with ours, to so many milliseconds.
const STEADY: u64 = 5000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    At {
        millis: u64,
        count: u64,
    },
    /// It came without an offset: a digest of its text.
    Without {
        digest: u64,
    },
    /// The same, after a replayed event was taken for it.
    Repeated,
}

/// Offsets that were seen, of one kind of server: the first that was seen decides.
#[derive(Default)]
pub(crate) struct Known {
    shape: Option<Shape>,
    events: VecDeque<Event>,
    last: Option<Offset>,
    /// How far the server's clock is from ours, in milliseconds, where that was found out.
    skew: i64,
    /// What may be an offset of a server whose clock is wrong.
    suspect: Option<(Offset, Instant)>,
    /// So many live events may be repetitions of what was replayed.
    wary: usize,
}

impl Known {
    pub(crate) const fn shape(&self) -> Option<Shape> {
        self.shape
    }

    pub(crate) const fn last(&self) -> Option<Offset> {
        self.last
    }

    /// Takes up where another process has ended.
    pub(crate) fn restored(last: Offset) -> Self {
        let mut known = Self { shape: Some(last.shape), last: Some(last), ..Self::default() };
        known.push(Event::At { millis: last.millis, count: last.count });
        known
    }

    /// An event came with what may be an offset, at a Unix time. False if it came before.
    pub(crate) fn note(&mut self, offset: Offset, replayed: bool, now: Instant, today: Duration) -> bool {
        if self.shape.is_some_and(|shape| shape != offset.shape) || !self.is_of_today(offset, now, today) {
            return true;
        }
        self.shape = Some(offset.shape);
        let event = Event::At { millis: offset.millis, count: offset.count };
        // Live ones are repeated by clusters only. Elsewhere two may have the same, when the server's clock was set back.
        let wary = self.wary > 0 && offset.shape != Shape::Memory;
        self.wary = self.wary.saturating_sub(1);
        if (replayed || wary) && self.events.contains(&event) {
            return false;
        }
        self.push(event);
        let follows = self.last.is_none_or(|last| (offset.millis, offset.count) > (last.millis, last.count));
        let takes = match offset.shape {
            // One below may be a text of the application's. What is replayed never is, even if the server's clock was set back.
            Shape::Memory => follows || replayed || fault!(VolatileOffset),
            // In a cluster the order of arrival is not that of the offsets; that of a replay is.
            _ => follows || !replayed,
        };
        if takes {
            self.last = Some(offset);
        }
        true
    }

    /// An event came that has none. Only where a replay would bring it again is its digest worth its price.
    pub(crate) fn note_without(&mut self, digest: impl FnOnce() -> u64) {
        if matches!(self.shape, Some(Shape::Stream | Shape::Mongo)) {
            self.push(Event::Without { digest: digest() });
        }
    }

    /// Whether a replayed event is one that came without its offset before the connection was lost. Each such event answers
    /// for one.
    pub(crate) fn came_without(&mut self, digest: impl FnOnce() -> u64) -> bool {
        if !self.events.iter().any(|event| matches!(event, Event::Without { .. })) {
            return false;
        }
        let digest = digest();
        match self.events.iter_mut().find(|event| **event == Event::Without { digest }) {
            Some(event) => {
                *event = Event::Repeated;
                true
            }
            None => false,
        }
    }

    /// Events come again: those that were replayed, and for a while perhaps the same ones live.
    pub(crate) fn replayed(&mut self) {
        self.wary = 2 * MOST;
    }

    /// The offset to resume from: of those that are known, the newest that is so much older than the last.
    pub(crate) fn resume_from(&self, overlap: Duration) -> Option<Offset> {
        let last = self.last?;
        let overlap = micros(overlap) / 1000;
        if overlap == 0 {
            return Some(last);
        }
        let known = self.events.iter().rev().filter_map(|event| match *event {
            Event::At { millis, count } => Some(Offset { shape: last.shape, millis, count }),
            Event::Without { .. } | Event::Repeated => None,
        });
        let far = |offset: &Offset| offset.millis.saturating_add(overlap) <= last.millis;
        // If there is none, the oldest of all.
        let oldest = || known.clone().min_by_key(|offset| (offset.millis, offset.count));
        known.clone().find(far).or_else(oldest).or(Some(last))
    }

    fn is_of_today(&mut self, offset: Offset, now: Instant, today: Duration) -> bool {
        let millis = |duration: Duration| i64::try_from(micros(duration) / 1000).unwrap_or(i64::MAX);
        let server = i64::try_from(offset.millis).unwrap_or(i64::MAX);
        let skew = server.saturating_sub(millis(today));
        if skew.abs_diff(self.skew) <= NEAR {
            return true;
        }
        // The clock of one side is wrong if this goes on as our own time does; a text of the application's does not.
        if let Some((before, then)) = self.suspect
            && before.shape == offset.shape
            && offset.millis > before.millis
            && (offset.millis - before.millis).abs_diff(micros(now.since(then)) / 1000) <= STEADY
        {
            self.skew = skew;
            self.suspect = None;
            return true;
        }
        self.suspect = Some((offset, now));
        false
    }

    fn push(&mut self, event: Event) {
        if self.events.len() >= MOST {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replayed_does_not_lead_back() {
        let mut known = Known::default();
        assert!(note(&mut known, stream(5, 0)));
        // It had come before without its offset. Another process would hear of the fifth again, from here.
        assert!(known.note(stream(3, 0), true, Instant::default(), TODAY));
        assert_eq!(known.last(), Some(stream(5, 0)));
        assert!(known.note(stream(6, 0), true, Instant::default(), TODAY));
        assert_eq!(known.last(), Some(stream(6, 0)));
        // Live ones that are late do: what is between them may be late too.
        assert!(note(&mut known, stream(4, 0)));
        assert_eq!(known.last(), Some(stream(4, 0)));
    }

    #[test]
    fn below_the_last_is_what_is_replayed_after_the_clock_was_set_back() {
        let mut known = Known::default();
        assert!(note(&mut known, memory(700)));
        assert!(note(&mut known, memory(40)));
        assert_eq!(known.last(), Some(memory(700)), "it may be a text of the application's");
        assert!(!known.note(memory(40), true, Instant::default(), TODAY));
        assert!(known.note(memory(50), true, Instant::default(), TODAY));
        assert_eq!(known.last(), Some(memory(50)));
    }

    const TODAY: Duration = Duration::from_millis(1_795_252_804_095);

    fn stream(millis: u64, count: u64) -> Offset {
        Offset { shape: Shape::Stream, millis: 1_795_252_804_095 + millis, count }
    }

    fn memory(millis: u64) -> Offset {
        Offset { shape: Shape::Memory, ..stream(millis, 0) }
    }

    fn note(known: &mut Known, offset: Offset) -> bool {
        known.note(offset, false, Instant::default(), TODAY)
    }

    #[test]
    fn what_came_before_is_known_only_after_a_replay() {
        let mut known = Known::default();
        assert!(note(&mut known, stream(1, 0)));
        assert!(note(&mut known, stream(1, 0)), "a server that repeats itself is believed");
        known.replayed();
        assert!(!note(&mut known, stream(1, 0)));
        assert!(note(&mut known, stream(2, 0)));
        assert!(!note(&mut known, stream(2, 0)));
    }

    #[test]
    fn an_event_without_offset_answers_for_one() {
        let mut known = Known::default();
        known.note_without(|| unreachable!("nothing is replayed that came before the first offset"));
        assert!(!known.came_without(|| unreachable!()));
        assert!(note(&mut known, stream(1, 0)));
        known.note_without(|| 7);
        assert!(!known.came_without(|| 8));
        assert!(known.came_without(|| 7));
        assert!(!known.came_without(|| 7));
    }

    #[test]
    fn an_overlap_ends_at_an_offset_that_exists() {
        let mut known = Known::default();
        assert_eq!(known.resume_from(Duration::from_millis(100)), None);
        for (millis, count) in [(0, 0), (40, 0), (60, 1), (150, 0), (130, 2)] {
            note(&mut known, stream(millis, count));
        }
        let from = |millis| known.resume_from(Duration::from_millis(millis));
        assert_eq!(from(0), Some(stream(130, 2)));
        assert_eq!(from(70), Some(stream(60, 1)));
        assert_eq!(from(100), Some(stream(0, 0)));
        assert_eq!(from(1000), Some(stream(0, 0)));
    }

    #[test]
    fn the_first_shape_is_locked() {
        let mut known = Known::default();
        note(&mut known, stream(1, 0));
        note(&mut known, memory(9));
        assert_eq!(known.last(), Some(stream(1, 0)));
    }

    #[test]
    fn a_wrong_clock_is_found_out_by_two_that_advance_with_ours() {
        let mut known = Known::default();
        let year = 365 * 24 * 60 * 60 * 1000;
        let at = |known: &mut Known, millis: u64, now: u64| {
            let today = TODAY + Duration::from_millis(now);
            known.note(stream(millis, 0), false, Instant::from_millis(now), today);
        };
        at(&mut known, year, 0);
        at(&mut known, year, 1_000);
        at(&mut known, year, 10_000);
        assert_eq!(known.last(), None, "the same text again");
        at(&mut known, year + 90_000, 20_000);
        assert_eq!(known.last(), None, "another text");
        at(&mut known, year + 100_000, 30_000);
        assert_eq!(known.last(), Some(stream(year + 100_000, 0)));
        at(&mut known, year + 101_000, 31_000);
        assert_eq!(known.last(), Some(stream(year + 101_000, 0)));
        at(&mut known, 500, 32_000);
        assert_eq!(known.last(), Some(stream(year + 101_000, 0)), "the server's day is another now");
    }

    #[test]
    fn how_far_a_clock_may_be_off() {
        let day = 24 * 60 * 60 * 1000;
        for (millis, is_near) in [(day, true), (day + 1, false)] {
            let mut known = Known::default();
            note(&mut known, stream(millis, 0));
            assert_eq!(known.last().is_some(), is_near);
            let mut known = Known::default();
            known.note(stream(0, 0), false, Instant::default(), TODAY + Duration::from_millis(millis));
            assert_eq!(known.last().is_some(), is_near);
        }
        for (millis, is_steady) in [(4_999, false), (5_000, true), (15_000, true), (15_001, false)] {
            let mut known = Known::default();
            note(&mut known, stream(2 * day, 0));
            let ten = Duration::from_secs(10);
            known.note(stream(2 * day + millis, 0), false, Instant::default() + ten, TODAY + ten);
            assert_eq!(known.last().is_some(), is_steady, "{millis}");
        }
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut known = Known::default();
        for millis in 0..5000 {
            note(&mut known, stream(millis, 0));
            known.note_without(|| millis);
        }
        assert_eq!(known.events.len(), MOST);
    }
}
