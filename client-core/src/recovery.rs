//! Connection state recovery, one namespace's part: what the server calls the session, and how far its events came.
//!
//! Only what surely is an offset counts as one: an application's own text in the same place would make the server refuse
//! the next recovery.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use crate::codec::Codec;
use crate::config::Config;
use crate::time::micros;

/// What kind of server made an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One that keeps events in memory: `Q7zOKAz`, and `Q7zOKAz.0` for the next in the same millisecond.
    Memory,
    /// Redis streams: `1795252804095-0`.
    Stream,
    /// MongoDB: 24 hexadecimal digits.
    Mongo,
}

/// What an offset's text tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who made it.
    pub shape: Shape,
    /// When: Unix time in milliseconds.
    pub millis: u64,
    /// Counts those of one millisecond.
    pub count: u64,
}

impl Stamp {
    /// Reads an offset; `None` if the text has none of the shapes.
    ///
    /// ```
    /// use socketio_client_core::{Shape, Stamp};
    ///
    /// let stamp = Stamp::of("1795252804095-7").unwrap();
    /// assert_eq!((stamp.shape, stamp.millis, stamp.count), (Shape::Stream, 1_795_252_804_095, 7));
    /// assert_eq!(Stamp::of("hello world"), None);
    /// ```
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let stamp = |shape, millis, count| Some(Self { shape, millis, count });
        if let Some((millis, count)) = text.split_once('-')
            && millis.len() == 13
            && (1..=10).contains(&count.len())
        {
            return stamp(Shape::Stream, number(millis, 10)?, number(count, 10)?);
        }
        if text.len() == 24 {
            number(text.get(8..16)?, 16)?;
            number(text.get(16..)?, 16)?;
            return stamp(Shape::Mongo, number(text.get(..8)?, 16)?.saturating_mul(1000), 0);
        }
        let (time, count) = match text.split_once('.') {
            // The first one of a millisecond has none.
            Some((time, count)) if (1..=4).contains(&count.len()) => (time, number(count, 64)? + 1),
            Some(_) => return None,
            None => (text, 0),
        };
        if time.len() == 7 { stamp(Shape::Memory, number(time, 64)?, count) } else { None }
    }
}

/// At most 13 digits, so that it cannot overflow. Base 16 has small letters only, base 64 is the server's own.
fn number(digits: &str, base: u64) -> Option<u64> {
    digits.bytes().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' if base == 16 => digit - b'a' + 10,
            _ if base != 64 => return None,
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(number * base + u64::from(digit))
    })
}

/// An offset that is further from the present, in microseconds, is a text of the application's.
const NEAR: u64 = 24 * 60 * 60 * 1_000_000;

/// See the module.
pub(crate) struct Recovery<C: Codec> {
    /// The server's private name for the session, where it can resume it.
    pid: Option<String>,
    /// The last event's.
    last: Option<(C::Offset, Stamp)>,
    /// Whether the last connection resumed the one before.
    pub(crate) recovered: bool,
    /// A session was left on this transport, whose last events may still come.
    left: bool,
    /// Events that came before the answer to CONNECT, with their ack ids.
    early: VecDeque<(C::Payload, Option<u64>)>,
    early_bytes: usize,
}

impl<C: Codec> Default for Recovery<C> {
    fn default() -> Self {
        Self { pid: None, last: None, recovered: false, left: false, early: VecDeque::new(), early_bytes: 0 }
    }
}

impl<C: Codec> Recovery<C> {
    /// What CONNECT says, if there is something to resume.
    pub(crate) fn claim(&self) -> Option<(&str, Option<&C::Offset>)> {
        self.pid.as_deref().map(|pid| (pid, self.last.as_ref().map(|(offset, _)| offset)))
    }

    /// Whether offsets are worth looking for.
    pub(crate) const fn is_offered(&self) -> bool {
        self.pid.is_some()
    }

    /// The answer to CONNECT names a session. What is known of another one is worth nothing.
    pub(crate) fn connected(&mut self, pid: Option<String>) {
        self.recovered = pid.is_some() && self.pid == pid;
        if !self.recovered {
            self.last = None;
        }
        self.pid = pid;
    }

    /// An event came with what may be an offset. `today` is Unix time.
    pub(crate) fn note(&mut self, offset: C::Offset, stamp: Stamp, today: Duration) {
        let far = micros(today).abs_diff(micros(Duration::from_millis(stamp.millis))) > NEAR;
        let follows = self.last.as_ref().is_none_or(|(_, last)| {
            let later = (stamp.millis, stamp.count) > (last.millis, last.count);
            // In a cluster the order of arrival is not that of the offsets.
            stamp.shape == last.shape && (later || stamp.shape != Shape::Memory)
        });
        if !far && follows {
            self.last = Some((offset, stamp));
        }
    }

    /// An event comes before the answer to CONNECT: one that was missed, or one that a middleware of the server sends.
    /// False if there are more than may be held.
    pub(crate) fn hold(
        &mut self,
        payload: C::Payload,
        ack: Option<u64>,
        size: usize,
        config: &Config,
    ) -> bool {
        if self.left {
            return true;
        }
        self.early_bytes = self.early_bytes.saturating_add(size);
        // The application may have no bound for itself; the peer always has one.
        let (events, bytes) = (config.limits.packets, config.limits.attachment_bytes);
        if self.early.len() >= config.buffer_size.min(events)
            || self.early_bytes > config.buffer_bytes.min(bytes)
        {
            return false;
        }
        self.early.push_back((payload, ack));
        true
    }

    /// Those events, to be delivered or thrown away.
    pub(crate) fn take_early(&mut self) -> VecDeque<(C::Payload, Option<u64>)> {
        self.early_bytes = 0;
        core::mem::take(&mut self.early)
    }

    /// The namespace is left: what the server keeps is not wanted, and may be somebody else's when it comes back.
    pub(crate) fn forget(&mut self) {
        self.take_early();
        (self.pid, self.last) = (None, None);
    }

    /// The server hears that it is left, while its events may be on their way.
    pub(crate) fn left(&mut self) {
        self.forget();
        self.left = true;
    }

    /// The transport is gone.
    pub(crate) fn session_lost(&mut self) {
        self.take_early();
        self.left = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_shapes() {
        let of = |text| Stamp::of(text).map(|stamp| (stamp.shape, stamp.millis, stamp.count));
        assert_eq!(of("Q7zOKAz"), Some((Shape::Memory, 1_795_252_372_157, 0)));
        assert_eq!(of("Q7zOKAz.0"), Some((Shape::Memory, 1_795_252_372_157, 1)));
        assert_eq!(of("Q7zOKA-.10"), Some((Shape::Memory, 1_795_252_372_158, 65)));
        assert_eq!(of("Q7zOKA_.____").map(|(_, _, count)| count), Some(64 * 64 * 64 * 64));
        assert_eq!(of("1795252804095-9999999999"), Some((Shape::Stream, 1_795_252_804_095, 9_999_999_999)));
        assert_eq!(of("6b0110c40000000000000000"), Some((Shape::Mongo, 1_795_231_940_000, 0)));
        for text in [
            "",
            "Q7zOKA",
            "Q7zOKAz.",
            "Q7zOKAz.00000",
            "Q7zOKAz.0.0",
            "Q7zOKA ",
            "Q7zOKAzz",
            "1795252804095-",
            "1795252804095-12345678901",
            "179525280409x-0",
            "6B0110c40000000000000000",
            "6b0110c4000000000000000g",
            "6b0110c4000000000000000",
            "\u{e9}\u{e9}\u{e9}0",
        ] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }
}
