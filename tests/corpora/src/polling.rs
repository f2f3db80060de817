//! Polling bodies, and bytes in them.

use std::collections::VecDeque;

use bytes::Bytes;
use bytestring::ByteString;
use socketio_client_core::codec::{Codec as _, Json};
use socketio_client_core::{DecodeError, Limits, Message};

const PACKETS: usize = 64;

/// A byte that says how large a body may be, then a body.
pub(crate) fn run(data: &[u8]) {
    let Some((&max, body)) = data.split_first() else { return };
    let Ok(body) = str::from_utf8(body) else { return };
    let limits = Limits { packets: PACKETS, ..Limits::default() };
    let count = body.split('\u{1e}').count();
    match Json.split(body.into(), &limits) {
        Ok(texts) => {
            assert_eq!(texts.len(), count);
            join(body, &texts, usize::from(max));
            texts.into_iter().for_each(base64);
        }
        Err(error) => assert!(count > PACKETS && matches!(error, DecodeError::Limit { .. }), "{error}"),
    }
}

/// What was cut is what is joined, in as many parts as it takes.
fn join(body: &str, texts: &VecDeque<ByteString>, max: usize) {
    let mut queue: VecDeque<_> = texts.iter().cloned().map(Message::<Json>::Text).collect();
    let mut parts = Vec::new();
    while !queue.is_empty() {
        let before = queue.len();
        let part = Json.join(&mut queue, Some(max));
        assert!(before > queue.len(), "nothing was taken");
        assert!(part.len() <= max || before - queue.len() == 1, "{} bytes above {max}", part.len());
        parts.push(part);
    }
    // An empty text in front leaves no separator; none is ever sent.
    if texts.iter().all(|text| !text.is_empty()) {
        assert_eq!(parts.join("\u{1e}"), body);
    }
}

fn base64(text: ByteString) {
    let length = text.len();
    let Ok(bytes) = Json.base64(text) else { return };
    assert!(bytes.len() <= length);
    let again = written(bytes.clone());
    assert_eq!(Json.base64(again).as_ref(), Ok(&bytes));
}

fn written(bytes: Bytes) -> ByteString {
    let length = bytes.len();
    let text = Json.join(&mut VecDeque::from([Message::Binary(bytes)]), None);
    assert_eq!(text.len(), 1 + length.div_ceil(3) * 4);
    text
}
