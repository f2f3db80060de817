//! Messages in polling bodies.

use alloc::collections::VecDeque;
use alloc::string::String;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use bytestring::ByteString;

use super::{Json, Message};
use crate::config::Limits;
use crate::error::DecodeError;

/// Between messages. It cannot occur inside one: JSON has no raw control characters, nor has base64.
const SEPARATOR: char = '\u{1e}';

/// What is cut from a body of this many bytes may keep it alive; so may what is at least half of it. An event of ten bytes
/// that waits for the application must not hold the 16 MiB that came with it.
const SHARED: usize = 1024;

/// Writes padding; reads also what `atob` reads without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

pub(super) fn split(body: &ByteString, limits: &Limits) -> Result<VecDeque<ByteString>, DecodeError> {
    let mut texts = VecDeque::new();
    for text in body.split(SEPARATOR) {
        if texts.len() == limits.packets {
            return Err(DecodeError::Limit { what: "packets in a polling body", limit: limits.packets });
        }
        let shares = body.len() <= SHARED || text.len() >= body.len() / 2;
        texts.push_back(if shares { body.slice_ref(text) } else { text.into() });
    }
    Ok(texts)
}

pub(super) fn join(queue: &mut VecDeque<Message<Json>>, max: Option<usize>) -> ByteString {
    let max = max.unwrap_or(usize::MAX);
    let mut size = 0;
    let mut count = 0;
    for message in &*queue {
        let with_next = match message {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => 1 + bytes.len().div_ceil(3).saturating_mul(4),
        }
        .saturating_add(if count == 0 { 0 } else { size + SEPARATOR.len_utf8() });
        if count > 0 && with_next > max {
            break;
        }
        size = with_next;
        count += 1;
    }
    if count == 1 && matches!(queue.front(), Some(Message::Text(_))) {
        // The usual case needs no copy.
        if let Some(Message::Text(text)) = queue.pop_front() {
            return text;
        }
    }
    let mut body = String::with_capacity(size);
    for message in queue.drain(..count) {
        if !body.is_empty() {
            body.push(SEPARATOR);
        }
        match message {
            Message::Text(text) => body.push_str(&text),
            Message::Binary(bytes) => {
                body.push('b');
                BASE64.encode_string(bytes, &mut body);
            }
        }
    }
    body.into()
}

pub(super) fn base64(text: &str) -> Result<Bytes, DecodeError> {
    let data = text.strip_prefix('b').ok_or(DecodeError::Base64)?;
    BASE64.decode(data).map(Bytes::from).map_err(|_| DecodeError::Base64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn texts(body: &str) -> Vec<ByteString> {
        split(&body.into(), &Limits::default()).unwrap().into()
    }

    fn queue() -> VecDeque<Message<Json>> {
        VecDeque::from([
            Message::Text("4abc".into()),
            Message::Binary(Bytes::from_static(b"\x01\x02\x1e\x03")),
            Message::Text("4é".into()),
        ])
    }

    #[test]
    fn small_bodies_are_cut_and_share_their_buffer() {
        let body = ByteString::from("40\u{1e}42[\"a\"]\u{1e}bAAA=");
        let texts = split(&body, &Limits::default()).unwrap();
        assert_eq!(texts, ["40", "42[\"a\"]", "bAAA="]);
        assert_eq!(texts[1].as_ptr(), body[3..].as_ptr());
    }

    #[test]
    fn what_is_small_does_not_keep_a_large_body() {
        let large = alloc::format!("6{}", "x".repeat(SHARED));
        let body = ByteString::from(alloc::format!("42[\"a\"]\u{1e}{large}"));
        let texts = split(&body, &Limits::default()).unwrap();
        assert_eq!(texts, ["42[\"a\"]", &large]);
        let inside = |text: &str| body.as_bytes().as_ptr_range().contains(&text.as_ptr());
        assert!(!inside(&texts[0]) && inside(&texts[1]));
    }

    #[test]
    fn empty_parts_are_kept_for_the_engine_to_refuse() {
        assert_eq!(texts(""), [""]);
        assert_eq!(texts("2\u{1e}"), ["2", ""]);
    }

    #[test]
    fn the_number_of_packets_is_bounded() {
        let limits = Limits { packets: 2, ..Limits::default() };
        assert!(split(&"2\u{1e}2".into(), &limits).is_ok());
        assert_eq!(
            split(&"2\u{1e}2\u{1e}2".into(), &limits),
            Err(DecodeError::Limit { what: "packets in a polling body", limit: 2 })
        );
    }

    #[test]
    fn bodies_hold_as_much_as_the_server_accepts_and_at_least_one_message() {
        let whole = "4abc\u{1e}bAQIeAw==\u{1e}4é";
        assert_eq!(join(&mut queue(), None), whole);
        for max in 0..=whole.len() {
            let mut queue = queue();
            let mut bodies = vec![];
            while !queue.is_empty() {
                let before = queue.len();
                let body = join(&mut queue, Some(max));
                assert!(before - queue.len() == 1 || body.len() <= max, "{body:?} above {max}");
                bodies.push(body);
            }
            assert_eq!(bodies.join("\u{1e}"), whole);
            let expected = match max {
                18.. => 1,
                13.. => 2,
                _ => 3,
            };
            assert_eq!(bodies.len(), expected, "{max}");
        }
    }

    #[test]
    fn a_single_text_is_handed_on_without_a_copy() {
        let text = ByteString::from(String::from("42[\"a\"]"));
        let mut queue = VecDeque::from([Message::Text(text.clone())]);
        assert_eq!(join(&mut queue, Some(1)).as_ptr(), text.as_ptr());
        assert_eq!(join(&mut queue, None), "");
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, bytes) in [
            ("b", &b""[..]),
            ("bAQIeAwQ=", b"\x01\x02\x1e\x03\x04"),
            ("bAQIeAwQ", b"\x01\x02\x1e\x03\x04"),
            ("b+/8=", b"\xfb\xff"),
        ] {
            assert_eq!(base64(text).unwrap(), bytes);
        }
        for text in ["", "AAAA", "b*", "bA", "b-_8=", "bAAAA=", "bAA\u{1e}A", "bé"] {
            assert_eq!(base64(text), Err(DecodeError::Base64), "{text}");
        }
    }
}
