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

/// The next quote, backslash or control character, or the end. Eight bytes at a time.
#[inline]
fn plain(bytes: &[u8], start: usize) -> usize {
    let (words, tail) = bytes.get(start..).unwrap_or_default().as_chunks::<8>();
    let mut at = start;
    for word in words {
        let found = special(u64::from_le_bytes(*word));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = tail.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
    at + rest.unwrap_or(tail.len())
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
fn digits(bytes: &[u8], mut at: usize) -> usize {
    while byte(bytes, at).is_ascii_digit() {
        at += 1;
    }
    at
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
mod tests {
    use super::*;
    use crate::rng::Rng;
    use alloc::vec::Vec;
    use serde::de::IgnoredAny;

    fn valid(text: &str) -> bool {
        scan(text, 0, &mut Deaf).is_ok()
    }

    #[test]
    fn shapes_are_measured() {
        let shape = scan(r#"42[ "a" , 1,[2] ] "#, 2, &mut Deaf).unwrap();
        assert_eq!((shape.first, shape.head, shape.rest, shape.last), (b'[', 4, 10, 16));
        let shape = scan("[]", 0, &mut Deaf).unwrap();
        assert_eq!((shape.head, shape.rest, shape.last), (1, 0, 1));
        assert_eq!(scan(" {\"a\":[1,2]}", 0, &mut Deaf).unwrap().first, b'{');
    }

    #[test]
    fn what_json_parse_accepts() {
        for text in [
            "0",
            "-0",
            "-0.0e+1",
            "1E400",
            "123456789012345678901234567890",
            "true",
            "false",
            "null",
            "\"\"",
            "[]",
            "{}",
            "[[],{}]",
            " \t\r\n[ 1 , 2 ] \n",
            r#"{"a":1,"a":2,"":{}}"#,
            "\"\u{2028}\u{7f}\"",
            r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00""#,
            r#""\ud800""#,
            r#""\udc00\ud800\u0041""#,
            r#""é漢😀""#,
        ] {
            assert!(valid(text), "{text}");
            serde_json::from_str::<IgnoredAny>(text).unwrap();
        }
    }

    #[test]
    fn what_json_parse_refuses() {
        for text in [
            "",
            " ",
            "01",
            "-",
            "+1",
            ".5",
            "1.",
            "1.e1",
            "1e",
            "1e+",
            "0x1",
            "1_0",
            "NaN",
            "Infinity",
            "tru",
            "truee",
            "nul",
            "undefined",
            "'a'",
            "\"",
            "\"\\\"",
            "\"\n\"",
            "\"\u{1e}\"",
            "\"\u{0}\"",
            r#""\x41""#,
            r#""\u12""#,
            r#""\u12g4""#,
            r#""\u""#,
            "[",
            "]",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1}",
            "{",
            "}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\" 1}",
            "{\"a\":1]",
            "{,}",
            "1 1",
            "[]]",
            "\u{feff}1",
            "\u{a0}1",
            "[1]/**/",
            "\u{0}",
            "1\u{0}",
        ] {
            assert!(!valid(text), "{text:?}");
            assert!(serde_json::from_str::<IgnoredAny>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn special_bytes_are_found_at_every_place() {
        for hit in [b'"', b'\\', 0, 0x1f] {
            for place in 0..24 {
                for filler in [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut bytes = Vec::from([filler; 24]);
                    bytes[place] = hit;
                    assert_eq!(plain(&bytes, 0), place, "{hit} among {filler}");
                }
            }
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nest = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(valid(&nest(MAX_DEPTH)));
        assert!(serde_json::from_str::<serde_json::Value>(&nest(MAX_DEPTH)).is_ok());
        let error = scan(&nest(MAX_DEPTH + 1), 0, &mut Deaf).unwrap_err();
        assert!(matches!(error, DecodeError::Limit { limit: MAX_DEPTH, .. }));
        assert!(scan(&"{\"a\":".repeat(1_000_000), 0, &mut Deaf).is_err());
    }

    #[test]
    fn surrogates_without_a_partner_become_the_replacement_character() {
        for (text, fixed) in [
            (r#"["\ud800","\\ud800"]"#, r#"["\ufffd","\\ud800"]"#),
            (r#"["\udc00\ud800\u0041\n"]"#, r#"["\ufffd\ufffd\u0041\n"]"#),
            (r#"["\ud83d\ude00\ud83d"]"#, r#"["\ud83d\ude00\ufffd"]"#),
        ] {
            assert!(scan(text, 0, &mut Deaf).unwrap().lone);
            assert_eq!(without_lone_surrogates(text, 0), fixed);
            assert!(!scan(fixed, 0, &mut Deaf).unwrap().lone);
            serde_json::from_str::<serde_json::Value>(fixed).unwrap();
        }
    }

    #[test]
    fn verdict_of_mutated_texts_is_that_of_serde_json() {
        const SEEDS: [&str; 4] = [
            r#"["event",{"a":[1,-2.5e3,true,null],"b":{"c":"\u00e9\ud83d\ude00\n"}},"x",[],{}]"#,
            r#"{"message":"no","data":{"code":-0,"list":[false,0.1,1E9]}}"#,
            r#" [ 1 , "two\"\\" , { "three" : [ [ ] ] } ] "#,
            r#""é漢😀 plain text that is longer than eight bytes""#,
        ];
        let alphabet = b"[]{}\",:\\u0123456789eE+-.truefalsnd \n\x00\x1f\x1eaD";
        let mut rng = Rng::new(7);
        let mut accepted = 0;
        for round in 0..20_000 {
            let mut bytes = SEEDS[round % SEEDS.len()].as_bytes().to_vec();
            for _ in 0..=rng.between(0, 2) {
                let at = rng.between(0, bytes.len() as u64 - 1) as usize;
                let new = alphabet[rng.between(0, alphabet.len() as u64 - 1) as usize];
                match rng.between(0, 3) {
                    0 => bytes[at] = new,
                    1 => bytes.insert(at, new),
                    2 if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let oracle = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            assert_eq!(valid(&text), oracle, "{text:?}");
            accepted += usize::from(oracle);
        }
        assert!(accepted > 200, "mutations that stay valid are part of the test: {accepted}");
    }
}
