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
mod tests;
