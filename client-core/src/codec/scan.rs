//! Whether a text is JSON, in one pass, without recursion and without building anything.
//!
//! Source: RFC 8259, which is what `JSON.parse` accepts: also surrogate escapes without a partner.

use alloc::format;
use alloc::string::String;

use crate::error::DecodeError;

/// Arrays and objects inside one another. serde_json stops one level later, so a payload that was let in can be parsed.
pub(super) const MAX_DEPTH: usize = 127;

/// What a valid payload looks like from outside. Offsets are those of the scanned text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Its first byte, which tells its type.
    pub(super) first: u8,
    /// Of an array: where the first element, or the closing bracket, stands.
    pub(super) head: usize,
    /// Of an array: where the second element stands; 0 if there is none.
    pub(super) rest: usize,
    /// Where the last byte stands: the closing bracket of an array.
    pub(super) last: usize,
    /// Whether a string holds a surrogate without a partner.
    pub(super) lone: bool,
}

/// Listens to a scan. Everything is inlined, so [`Deaf`] costs nothing.
pub(super) trait Watch {
    /// An object opens.
    fn open_object(&mut self, at: usize);
    /// An array opens.
    fn open_array(&mut self);
    /// A key, with its quotes.
    fn key(&mut self, text: &str, start: usize, end: usize);
    /// A string, number or literal.
    fn scalar(&mut self, text: &str, start: usize, end: usize);
    /// An array closes.
    fn close_array(&mut self);
    /// An object closes; `end` is after its brace.
    fn close_object(&mut self, end: usize) -> Result<(), DecodeError>;
}

/// Takes no notice.
pub(super) struct Deaf;

impl Watch for Deaf {
    #[inline]
    fn open_object(&mut self, _: usize) {}
    #[inline]
    fn open_array(&mut self) {}
    #[inline]
    fn key(&mut self, _: &str, _: usize, _: usize) {}
    #[inline]
    fn scalar(&mut self, _: &str, _: usize, _: usize) {}
    #[inline]
    fn close_array(&mut self) {}
    #[inline]
    fn close_object(&mut self, _: usize) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Scans `text` from `start` to its end.
pub(super) fn scan<W: Watch>(text: &str, start: usize, watch: &mut W) -> Result<Shape, DecodeError> {
    let bytes = text.as_bytes();
    let mut at = space(bytes, start);
    let mut shape = Shape { first: byte(bytes, at), head: 0, rest: 0, last: 0, lone: false };
    let mut depth = 0;
    // One bit for each open container: set for an object.
    let mut objects = 0_u128;

    'value: loop {
        let begin = at;
        match byte(bytes, at) {
            b'"' => {
                at = string(bytes, at, &mut shape.lone)?;
                watch.scalar(text, begin, at);
            }
            open @ (b'{' | b'[') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(DecodeError::Limit {
                        what: "arrays and objects in one another",
                        limit: MAX_DEPTH,
                    });
                }
                at = space(bytes, at + 1);
                objects <<= 1;
                if open == b'{' {
                    watch.open_object(begin);
                    objects |= 1;
                    if byte(bytes, at) != b'}' {
                        at = key(text, at, watch, &mut shape.lone)?;
                        continue 'value;
                    }
                } else {
                    watch.open_array();
                    if depth == 1 {
                        shape.head = at;
                    }
                    if byte(bytes, at) != b']' {
                        continue 'value;
                    }
                }
            }
            b'-' | b'0'..=b'9' => {
                at = number(bytes, at)?;
                watch.scalar(text, begin, at);
            }
            first => {
                let word: &[u8] = match first {
                    b't' => b"true",
                    b'f' => b"false",
                    b'n' => b"null",
                    _ => return Err(malformed("a value expected", at)),
                };
                if !bytes.get(at..).is_some_and(|rest| rest.starts_with(word)) {
                    return Err(malformed("a value expected", at));
                }
                at += word.len();
                watch.scalar(text, begin, at);
            }
        }
        // After a value, or before the closing bracket of an empty container.
        loop {
            if depth == 0 {
                shape.last = at.saturating_sub(1);
                at = space(bytes, at);
                return if at == bytes.len() { Ok(shape) } else { Err(malformed("the end expected", at)) };
            }
            at = space(bytes, at);
            let in_object = objects & 1 == 1;
            match byte(bytes, at) {
                b',' if in_object => {
                    at = key(text, space(bytes, at + 1), watch, &mut shape.lone)?;
                    continue 'value;
                }
                b',' => {
                    at = space(bytes, at + 1);
                    if depth == 1 && shape.rest == 0 {
                        shape.rest = at;
                    }
                    continue 'value;
                }
                b'}' if in_object => watch.close_object(at + 1)?,
                b']' if !in_object => watch.close_array(),
                _ => return Err(malformed("a comma or a closing bracket expected", at)),
            }
            at += 1;
            depth -= 1;
            objects >>= 1;
        }
    }
}

/// From a key to its value.
#[inline]
fn key<W: Watch>(text: &str, start: usize, watch: &mut W, lone: &mut bool) -> Result<usize, DecodeError> {
    let bytes = text.as_bytes();
    if byte(bytes, start) != b'"' {
        return Err(malformed("a key expected", start));
    }
    let end = string(bytes, start, lone)?;
    watch.key(text, start, end);
    let colon = space(bytes, end);
    if byte(bytes, colon) != b':' {
        return Err(malformed("a colon expected", colon));
    }
    Ok(space(bytes, colon + 1))
}

/// From a string's opening quote to behind its closing one.
#[inline]
pub(super) fn string(bytes: &[u8], start: usize, lone: &mut bool) -> Result<usize, DecodeError> {
    let mut at = start + 1;
    loop {
        at = plain(bytes, at);
        match byte(bytes, at) {
            b'"' => return Ok(at + 1),
            b'\\' => at = escape(bytes, at, lone)?,
            _ if at >= bytes.len() => return Err(malformed("a closing quote expected", at)),
            _ => return Err(malformed("a control character must be escaped", at)),
        }
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// The next quote, backslash or control character, or the end. Eight bytes at a time; 32 where a string turns out long.
#[inline]
fn plain(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let (words, _) = bytes.get(at..).unwrap_or_default().as_chunks::<8>();
    for word in words.iter().take(4) {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    plain_long(bytes, at)
}

fn plain_long(bytes: &[u8], mut at: usize) -> usize {
    let (blocks, _) = bytes.get(at..).unwrap_or_default().as_chunks::<32>();
    for block in blocks {
        // Without a branch inside, the compiler makes vector instructions of it.
        if block.iter().fold(0, |found, &byte| found | u8::from(is_special(byte))) != 0 {
            break;
        }
        at += 32;
    }
    let (words, rest) = bytes.get(at..).unwrap_or_default().as_chunks::<8>();
    for word in words {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + rest.iter().position(|&byte| is_special(byte)).unwrap_or(rest.len())
}

#[inline]
const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}

/// Sets the high bit of the first byte that ends a plain run; bits above that one mean nothing.
///
/// `x - 1` borrows into the high bit of a byte only if it is below the subtrahend, or above one that borrowed. A quote
/// with its second bit flipped is 0x20, next to the control characters, so one subtraction finds both.
#[inline]
const fn special(word: u64) -> u64 {
    let quote_or_control = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (quote_or_control | backslash) & !word & HIGH
}

/// From a backslash to behind its escape.
#[cold]
fn escape(bytes: &[u8], at: usize, lone: &mut bool) -> Result<usize, DecodeError> {
    match byte(bytes, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
        b'u' => match unit(bytes, at) {
            Some(0xd800..=0xdbff) if matches!(unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => Ok(at + 12),
            Some(unit) => {
                *lone |= matches!(unit, 0xd800..=0xdfff);
                Ok(at + 6)
            }
            None => Err(malformed("four hexadecimal digits expected", at + 2)),
        },
        _ => Err(malformed("unknown escape", at)),
    }
}

/// The UTF-16 unit of `\uXXXX`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let [b'\\', b'u', digits @ ..] = bytes.get(at..at + 6)? else { return None };
    digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

#[inline]
fn number(bytes: &[u8], start: usize) -> Result<usize, DecodeError> {
    let mut at = start + usize::from(byte(bytes, start) == b'-');
    match byte(bytes, at) {
        b'0' => at += 1,
        b'1'..=b'9' => at = digits(bytes, at),
        _ => return Err(malformed("a digit expected", at)),
    }
    if byte(bytes, at) == b'.' {
        at = some_digits(bytes, at + 1)?;
    }
    if matches!(byte(bytes, at), b'e' | b'E') {
        at += 1;
        at += usize::from(matches!(byte(bytes, at), b'+' | b'-'));
        at = some_digits(bytes, at)?;
    }
    Ok(at)
}

#[inline]
fn digits(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
}

fn some_digits(bytes: &[u8], at: usize) -> Result<usize, DecodeError> {
    let end = digits(bytes, at);
    if end == at { Err(malformed("a digit expected", at)) } else { Ok(end) }
}

#[inline]
fn space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(byte(bytes, at), b' ' | b'\t' | b'\n' | b'\r') {
        at += 1;
    }
    at
}

/// NUL at the end, which JSON allows nowhere.
#[inline]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

#[cold]
fn malformed(cause: &str, at: usize) -> DecodeError {
    DecodeError::Payload { cause: format!("{cause} at byte {at}") }
}

/// The same valid JSON with U+FFFD for each surrogate without a partner, which no Rust string can hold. No offset
/// changes.
#[cold]
pub(super) fn without_lone_surrogates(text: &str, start: usize) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = start;
    let mut copied = 0;
    // In valid JSON a backslash always starts an escape.
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(|&b| b == b'\\')) {
        at += offset;
        let mut lone = false;
        let end = escape(bytes, at, &mut lone).unwrap_or(at + 2);
        if lone {
            out.push_str(text.get(copied..at).unwrap_or_default());
            out.push_str("\\ufffd");
            copied = end;
        }
        at = end;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests;
