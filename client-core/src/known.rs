//! The last events of a session, by which those that come a second time are known again.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::offset::{Offset, Shape};
use crate::time::{Instant, micros};

/// So many are remembered.
pub(crate) const MOST: usize = 1024;

/// An offset that is further from the present, in milliseconds, is a text of the application's, unless a clock is wrong.
const NEAR: u64 = 24 * 60 * 60 * 1000;

/// Those of a server whose clock is wrong advance with ours, to so many milliseconds.
const STEADY: u64 = 5000;

/// So far apart are those that count, by our clock: three times what they may be off.
const APART: Duration = Duration::from_secs(15);

/// So many that count, behind the first, show that a clock is wrong.
const ENOUGH: u32 = 4;

/// What is remembered of an event that came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    At {
        millis: u64,
        count: u64,
        /// Otherwise it may be a text of the application's.
        believed: bool,
    },
    /// It came without an offset: a digest of its text.
    Without { digest: u64 },
    /// The same, after a replayed event was taken for it.
    Repeated,
}

/// What is made of an event's last text that could be an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    New,
    /// The event came before.
    Known,
    /// It is taken for a text of the application's.
    Text,
}

/// Offsets that were seen, of one kind of server: the first that was seen decides.
#[derive(Default)]
pub(crate) struct Known {
    shape: Option<Shape>,
    seen: VecDeque<Seen>,
    last: Option<Offset>,
    /// How far the server's clock is from ours, in milliseconds, where that was found out.
    skew: i64,
    suspect: Option<Suspect>,
    /// So many live events may be repetitions of what was replayed.
    wary: usize,
}

/// Perhaps offsets of a server whose clock is wrong.
///
/// Two texts of an application's are easily as far apart as the moments at which they came: `user001` and `user002` are one
/// millisecond. So they have to keep pace with our clock for a minute at least, in steps that are well above what they may be
/// off, while nothing comes that does not: neither another text that could be an offset, nor a true one, which is near the
/// present. Counters do not: one in decimal digits goes up by leaps in base 64. Where a server's clock is wrong and the
/// application's texts look like offsets too, none is believed, and a gap is told. That a true one was seen before proves nothing
/// for ever, since either clock may be set while a session lasts.
#[derive(Clone, Copy)]
struct Suspect {
    shape: Shape,
    skew: i64,
    /// When the last one came that counts.
    counted: Instant,
    count: u32,
}

impl Known {
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    pub(crate) const fn shape(&self) -> Option<Shape> {
        self.shape
    }

    pub(crate) const fn last(&self) -> Option<Offset> {
        self.last
    }

    /// Takes up where another process has ended.
    pub(crate) fn restored(last: Offset) -> Self {
        let mut known = Self { shape: Some(last.shape), last: Some(last), ..Self::default() };
        known.push(Seen::At { millis: last.millis, count: last.count, believed: true });
        known
    }

    /// An event came with what may be an offset, at a Unix time.
    pub(crate) fn note(&mut self, offset: Offset, replayed: bool, now: Instant, today: Duration) -> Noted {
        if self.shape.is_some_and(|shape| shape != offset.shape) {
            return Noted::Text;
        }
        let at = |believed| Seen::At { millis: offset.millis, count: offset.count, believed };
        // Also what came while a clock was found out to be wrong.
        if replayed && self.seen.iter().any(|seen| [at(true), at(false)].contains(seen)) {
            return Noted::Known;
        }
        if !self.is_of_today(offset, replayed, now, today) {
            // What MongoDB's adapter replays has no offset: there a text of the application's may come twice.
            if matches!(self.shape, Some(Shape::Memory | Shape::Stream)) {
                self.push(at(false));
            }
            return Noted::Text;
        }
        self.shape = Some(offset.shape);
        // Live ones are repeated by clusters only. Elsewhere two may have the same, when the server's clock was set back.
        let wary = self.wary > 0 && offset.shape != Shape::Memory;
        self.wary = self.wary.saturating_sub(1);
        if wary && self.seen.contains(&at(true)) {
            return Noted::Known;
        }
        self.push(at(true));
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
        Noted::New
    }

    /// An event came that has none. Only where a replay would bring it again is its digest worth its price.
    pub(crate) fn note_without(&mut self, digest: impl FnOnce() -> u64) {
        if matches!(self.shape, Some(Shape::Stream | Shape::Mongo)) {
            self.push(Seen::Without { digest: digest() });
        }
    }

    /// Whether a replayed event is one that came without its offset before the connection was lost. Each such event answers
    /// for one.
    pub(crate) fn came_without(&mut self, digest: impl FnOnce() -> u64) -> bool {
        if !self.seen.iter().any(|seen| matches!(seen, Seen::Without { .. })) {
            return false;
        }
        let digest = digest();
        match self.seen.iter_mut().find(|seen| **seen == Seen::Without { digest }) {
            Some(seen) => {
                *seen = Seen::Repeated;
                true
            }
            None => false,
        }
    }

    /// Events come again: those that were replayed, and for a while perhaps the same ones live.
    pub(crate) fn replayed(&mut self) {
        self.wary = 2 * MOST;
    }

    /// What was missed will not come again: from before it nothing is to be resumed.
    pub(crate) const fn interrupted(&mut self) {
        self.last = None;
    }

    /// The offset to resume from: of those that are known, the newest that is so much older than the last.
    pub(crate) fn resume_from(&self, overlap: Duration) -> Option<Offset> {
        let last = self.last?;
        let overlap = micros(overlap) / 1000;
        if overlap == 0 {
            return Some(last);
        }
        let known = self.seen.iter().rev().filter_map(|seen| match *seen {
            Seen::At { millis, count, believed: true } => Some(Offset { shape: last.shape, millis, count }),
            _ => None,
        });
        let far = |offset: &Offset| offset.millis.saturating_add(overlap) <= last.millis;
        // If there is none, the oldest of all.
        let oldest = || known.clone().min_by_key(|offset| (offset.millis, offset.count));
        known.clone().find(far).or_else(oldest).or(Some(last))
    }

    fn is_of_today(&mut self, offset: Offset, replayed: bool, now: Instant, today: Duration) -> bool {
        let millis = |duration: Duration| i64::try_from(micros(duration) / 1000).unwrap_or(i64::MAX);
        let server = i64::try_from(offset.millis).unwrap_or(i64::MAX);
        let skew = server.saturating_sub(millis(today));
        if skew.abs_diff(self.skew) <= NEAR {
            self.suspect = None;
            return true;
        }
        // What is replayed comes all at once.
        if replayed {
            return false;
        }
        let shape = offset.shape;
        let suspect = match self.suspect {
            Some(before) if before.shape == shape && skew.abs_diff(before.skew) <= STEADY => {
                let counts = now.since(before.counted) >= APART;
                if counts { Suspect { counted: now, count: before.count + 1, ..before } } else { before }
            }
            _ => Suspect { shape, skew, counted: now, count: 0 },
        };
        self.suspect = Some(suspect);
        if suspect.count < ENOUGH {
            return false;
        }
        (self.skew, self.suspect) = (skew, None);
        true
    }

    fn push(&mut self, seen: Seen) {
        if self.seen.len() >= MOST {
            self.seen.pop_front();
        }
        self.seen.push_back(seen);
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn what_is_replayed_does_not_lead_back() {
        let mut known = Known::default();
        assert!(note(&mut known, stream(5, 0)));
        // It had come before without its offset. Another process would hear of the fifth again, from here.
        assert_eq!(known.note(stream(3, 0), true, Instant::default(), TODAY), Noted::New);
        assert_eq!(known.last(), Some(stream(5, 0)));
        assert_eq!(known.note(stream(6, 0), true, Instant::default(), TODAY), Noted::New);
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
        assert_eq!(known.note(memory(40), true, Instant::default(), TODAY), Noted::Known);
        assert_eq!(known.note(memory(50), true, Instant::default(), TODAY), Noted::New);
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
        known.note(offset, false, Instant::default(), TODAY) != Noted::Known
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

    const YEAR: u64 = 365 * NEAR;
    const SEEDS: u64 = if cfg!(miri) { 1 } else { 200 };

    fn at(known: &mut Known, offset: Offset, now: u64) {
        let today = TODAY + Duration::from_millis(now);
        known.note(offset, false, Instant::from_millis(now), today);
    }

    #[test]
    fn a_wrong_clock_is_found_out_by_those_that_advance_with_ours() {
        let mut known = Known::default();
        for now in [0, 20_000] {
            at(&mut known, stream(YEAR, 0), now);
        }
        for now in [30_000, 60_000, 80_000, 81_000, 100_000] {
            at(&mut known, stream(YEAR + now, 0), now);
        }
        assert_eq!(known.last(), None, "the same text again, and three steps");
        at(&mut known, stream(YEAR + 400_000, 0), 110_000);
        at(&mut known, stream(YEAR + 120_000, 0), 120_000);
        assert_eq!(known.last(), None, "another text");
        for now in [140_000, 160_000, 180_000, 200_000] {
            at(&mut known, stream(YEAR + now + 4000, 0), now);
        }
        assert_eq!(known.last(), Some(stream(YEAR + 204_000, 0)));
        at(&mut known, stream(YEAR + 201_000, 0), 201_000);
        assert_eq!(known.last(), Some(stream(YEAR + 201_000, 0)));
        at(&mut known, stream(500, 0), 202_000);
        assert_eq!(known.last(), Some(stream(YEAR + 201_000, 0)), "the server's day is another now");
    }

    #[test]
    fn a_true_offset_ends_a_suspicion() {
        let mut known = Known::default();
        for now in (0..10 * 60_000).step_by(20_000) {
            at(&mut known, stream(YEAR + now, 0), now);
            if now % 60_000 == 0 {
                at(&mut known, stream(now, 1), now);
            }
            assert_eq!(known.last().unwrap().count, 1);
        }
    }

    /// A text that could be an offset: of seven digits, a word, a date, a number that is counted, another id.
    fn text(kind: u64, rng: &mut Rng, counted: u64) -> String {
        const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
        let words = ["started", "starter", "stopped", "deleted", "success", "message", "Quality", "offline"];
        let digit = |rng: &mut Rng| char::from(DIGITS[rng.between(0, 63) as usize]);
        match kind {
            0 | 1 => (0..7).map(|_| digit(rng)).collect(),
            // Those that have most in common.
            2 => "user".chars().chain((0..3).map(|_| digit(rng))).collect(),
            3 => words[rng.between(0, 7) as usize].into(),
            4 => format!("{}-{:02}", rng.between(1999, 2030), rng.between(1, 12)),
            5 => format!("{:013}-{}", rng.between(0, 9_999_999_999_999), rng.between(0, 3)),
            6 => format!("{:08x}{:016x}", rng.between(0, 0xffff_ffff), rng.next()),
            7 => format!("user{:03}", counted % 1000),
            8 => format!("t{:06}", counted % 1_000_000),
            _ => format!("{:07}", counted % 10_000_000),
        }
    }

    #[test]
    fn texts_of_the_applications_leave_the_last_offset_where_it_is() {
        for seed in 0..SEEDS {
            let mut rng = Rng::new(seed);
            let mut known = Known::default();
            // Some talk a lot, some count as fast as a film runs.
            let pause = [41, 1000, 16_000, 60_000][rng.between(0, 3) as usize];
            let (one_in, counts) = (rng.between(2, 2000), rng.between(0, 1) == 1);
            let make = [memory, |millis| stream(millis, 0)][rng.between(0, 1) as usize];
            let (mut now, mut last) = (0, make(0));
            at(&mut known, last, now);
            for counted in 0..3000 {
                now += if counts { pause } else { rng.between(0, 2 * pause) };
                if rng.between(1, one_in) == 1 {
                    last = make(now);
                    at(&mut known, last, now);
                } else {
                    let kind = if counts { 7 + seed % 3 } else { rng.between(0, 9) };
                    let Some(offset) = Offset::parse(&text(kind, &mut rng, counted)) else { continue };
                    let today = u64::try_from(TODAY.as_millis()).unwrap() + now;
                    if offset.millis.abs_diff(today) > NEAR {
                        at(&mut known, offset, now);
                    }
                }
                assert_eq!(known.last(), Some(last), "seed {seed}, event {counted}");
            }
        }
    }

    #[test]
    fn a_server_whose_clock_is_wrong_is_believed_within_minutes() {
        for seed in 0..SEEDS {
            let mut rng = Rng::new(seed);
            let mut known = Known::default();
            let (wrong, pause) = (rng.between(2 * NEAR, 20 * YEAR), rng.between(1, 60_000));
            let longest = u64::from(ENOUGH) * (micros(APART) / 1000 + pause) + pause;
            let (mut now, mut sent) = (0, 0);
            while now < 2 * longest {
                sent += rng.between(1, pause);
                // It was a while on its way.
                now = now.max(sent + rng.between(0, STEADY / 2));
                at(&mut known, memory(sent + wrong), now);
                let behind = known.last().is_none_or(|last| last != memory(sent + wrong));
                assert!(!behind || now <= longest + STEADY, "seed {seed}, at {now}");
            }
        }
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
        for (off, is_steady) in [(-5_001, false), (-5_000, true), (5_000, true), (5_001, false)] {
            let mut known = Known::default();
            for now in [0, 20_000, 40_000, 60_000] {
                at(&mut known, stream(2 * day + now, 0), now);
            }
            at(&mut known, stream((2 * day + 80_000).saturating_add_signed(off), 0), 80_000);
            assert_eq!(known.last().is_some(), is_steady, "{off}");
        }
    }

    #[test]
    fn the_ring_is_bounded() {
        let mut known = Known::default();
        for millis in 0..5000 {
            note(&mut known, stream(millis, 0));
            known.note_without(|| millis);
        }
        assert_eq!(known.seen.len(), MOST);
    }
}
