//! How far a server's events came: the text behind each of them, by which a session is resumed.
//!
//! Source: Socket.IO's connection state recovery, and its adapters, each of which has texts of its own shape.

use alloc::string::String;
use core::fmt;

/// What kind of server made an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One that keeps events in memory: `Q7zOKAz`, and `Q7zOKAz.0` for the next in the same millisecond.
    Memory,
    /// Redis streams: `1795252804095-0`.
    Stream,
    /// MongoDB: 24 hexadecimal digits.
    Mongo,
}

/// Where an event stands among those of its server.
///
/// ```
/// use socketio_client_core::{Offset, Shape};
///
/// let offset = Offset::parse("1795252804095-7").unwrap();
/// assert_eq!((offset.shape, offset.millis, offset.count), (Shape::Stream, 1_795_252_804_095, 7));
/// assert_eq!(offset.to_string(), "1795252804095-7");
/// assert_eq!(Offset::parse("hello world"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offset {
    /// Who made it.
    pub shape: Shape,
    /// When: Unix time in milliseconds.
    pub millis: u64,
    /// Tells those of one moment apart.
    pub count: u64,
}

/// The server's own digits, which are not those of base64.
const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

impl Offset {
    /// Reads an offset; `None` if the text has none of the shapes, or is not what [`Display`](fmt::Display) would write.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let offset = |shape, millis, count| Some(Self { shape, millis, count });
        if let Some((millis, count)) = text.split_once('-')
            && millis.len() == 13
            && (1..=10).contains(&count.len())
        {
            return offset(Shape::Stream, number(millis, 10)?, canonical(count, 10)?);
        }
        if text.len() == 24 {
            let (seconds, rest) = text.split_at_checked(8)?;
            return offset(Shape::Mongo, number(seconds, 16)? * 1000, number(rest, 16)?);
        }
        let (time, count) = match text.split_once('.') {
            // The first one of a millisecond has none.
            Some((time, count)) if (1..=4).contains(&count.len()) => (time, canonical(count, 64)? + 1),
            Some(_) => return None,
            None => (text, 0),
        };
        if time.len() == 7 { offset(Shape::Memory, number(time, 64)?, count) } else { None }
    }
}

impl Offset {
    /// As the server wrote it.
    // By hand: what the standard library formats numbers with weighs more than this, and browsers have to load it.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut text = String::new();
        match self.shape {
            Shape::Memory => {
                push(self.millis, 64, 7, &mut text);
                if let Some(count) = self.count.checked_sub(1) {
                    text.push('.');
                    push(count, 64, 1, &mut text);
                }
            }
            Shape::Stream => {
                push(self.millis, 10, 13, &mut text);
                text.push('-');
                push(self.count, 10, 1, &mut text);
            }
            Shape::Mongo => {
                push(self.millis / 1000, 16, 8, &mut text);
                push(self.count, 16, 16, &mut text);
            }
        }
        text
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// Writes a number with at least so many digits.
fn push(number: u64, base: u64, width: usize, text: &mut String) {
    if width > 1 || number >= base {
        push(number / base, base, width.saturating_sub(1), text);
    }
    let digit = usize::try_from(number % base).unwrap_or_default();
    let digit = if base == 16 { b"0123456789abcdef".get(digit) } else { DIGITS.get(digit) };
    text.push(char::from(digit.copied().unwrap_or_default()));
}

/// Without zeros in front, which no server writes.
fn canonical(digits: &str, base: u64) -> Option<u64> {
    if digits.len() > 1 && digits.starts_with('0') { None } else { number(digits, base) }
}

/// At most 16 digits of base 16, or 13 of a smaller one, so that it cannot overflow. Base 16 has small letters only.
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_three_shapes() {
        let of = |text: &str| {
            let offset = Offset::parse(text)?;
            assert_eq!(offset.to_string(), text);
            Some((offset.shape, offset.millis, offset.count))
        };
        assert_eq!(of("Q7zOKAz"), Some((Shape::Memory, 1_795_252_372_157, 0)));
        assert_eq!(of("0000000"), Some((Shape::Memory, 0, 0)));
        assert_eq!(of("Q7zOKAz.0"), Some((Shape::Memory, 1_795_252_372_157, 1)));
        assert_eq!(of("Q7zOKA-.10"), Some((Shape::Memory, 1_795_252_372_158, 65)));
        assert_eq!(of("Q7zOKA_.____").map(|(_, _, count)| count), Some(64 * 64 * 64 * 64));
        assert_eq!(of("0000_af"), Some((Shape::Memory, (63 * 64 + 36) * 64 + 41, 0)));
        assert_eq!(of("1795252804095-9999999999"), Some((Shape::Stream, 1_795_252_804_095, 9_999_999_999)));
        assert_eq!(of("0000000000000-0"), Some((Shape::Stream, 0, 0)));
        assert_eq!(of("6b0110c40000000000000000"), Some((Shape::Mongo, 1_795_231_940_000, 0)));
        assert_eq!(of("ffffffffffffffffffffffff"), Some((Shape::Mongo, 4_294_967_295_000, u64::MAX)));
        for text in [
            "",
            "Q7zOKA",
            "Q7zOKAz.",
            "Q7zOKAz.00000",
            "Q7zOKAz.00",
            "Q7zOKAz.0.0",
            "Q7zOKA ",
            "Q7zOKAzz",
            "1795252804095-",
            "1795252804095-07",
            "1795252804095-12345678901",
            "179525280409x-0",
            "179525280409a-0",
            "6B0110c40000000000000000",
            "6b0110c4000000000000000g",
            "6b0110c4000000000000000",
            "\u{e9}\u{e9}\u{e9}0",
            "1234567\u{e9}123456789012345",
        ] {
            assert_eq!(of(text), None, "{text:?}");
        }
    }
}
