//! Socket.IO packets: a text, and its attachments.

use std::collections::VecDeque;

use bytes::Bytes;
use socketio_client_core::codec::{Codec as _, Json, Payload};
use socketio_client_core::packet::{Header, PacketKind};
use socketio_client_core::{DecodeError, Decoded, Limits, Message};

use crate::args;

const ATTACHMENTS: usize = 8;
const BYTES: usize = 64;

/// A text, and its attachments between bytes 0xff, which no text has.
pub(crate) fn run(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0xff);
    let Ok(text) = str::from_utf8(parts.next().unwrap_or_default()) else { return };
    let attachments: Vec<_> = parts.map(Bytes::copy_from_slice).collect();
    match decode(text, attachments) {
        Ok(Some((header, payload))) => check(text, &header, payload.as_ref()),
        Ok(None) => {}
        Err(error) => assert!(error.to_string().len() < 1024, "an error repeats what came: {error}"),
    }
}

pub(crate) type Packet = (Header, Option<Payload>);

/// `None` if attachments are missing.
pub(crate) fn decode(
    text: &str,
    attachments: impl IntoIterator<Item = Bytes>,
) -> Result<Option<Packet>, DecodeError> {
    let limits = Limits { attachments: ATTACHMENTS, attachment_bytes: BYTES, ..Limits::default() };
    let mut attachments = attachments.into_iter();
    let mut decoded = Json.decode(text.into(), &limits)?;
    loop {
        match decoded {
            Decoded::Packet(header, payload) => {
                let bytes = payload.iter().flat_map(Payload::attachments).map(Bytes::len).sum::<usize>();
                assert!(header.attachments <= ATTACHMENTS && bytes <= BYTES, "above the limits");
                return Ok(Some((header, payload)));
            }
            Decoded::Partial(partial) => {
                assert!(Json.missing(&partial) > 0, "a part that is whole");
                let Some(attachment) = attachments.next() else { return Ok(None) };
                decoded = Json.attach(partial, attachment, &limits)?;
            }
        }
    }
}

fn check(text: &str, header: &Header, payload: Option<&Payload>) {
    assert!(header.namespace.starts_with('/'), "{:?}", header.namespace);
    let attachments = payload.map_or(&[][..], Payload::attachments);
    assert_eq!(header.attachments, attachments.len());
    let (again_text, again) = again(header, payload);
    assert_eq!(&again.0, header, "{text:?} written as {again_text:?}");
    assert_eq!(again.1.as_ref(), payload, "{text:?} written as {again_text:?}");
    // Escapes of what cannot be kept, and placeholders in another form, are what can grow.
    assert!(again_text.len() <= 4 * text.len() + 64, "{} bytes became {}", text.len(), again_text.len());
    let Some(payload) = payload else { return };
    assert_eq!(Json.attachments(payload), attachments.len());
    assert_eq!(Json.size(payload), payload.size());
    assert!(matches!(header.kind, PacketKind::Event) || payload.event_name().is_empty());
    let digests = |payload: &Payload| [false, true].map(|without_last| Json.digest(payload, without_last));
    assert_eq!(again.1.as_ref().map(digests), Some(digests(payload)));
    if let Some(offset) = Json.offset(payload) {
        let last = format!("\"{offset}\"");
        assert!(payload.args_json().trim_ascii_end().ends_with(&last), "{last} in {}", payload.json());
    }
    if matches!(header.kind, PacketKind::Event | PacketKind::Ack) {
        args::check(payload);
    } else {
        args::check_object(payload);
    }
    let _ = (Json.is_middleware(payload), Json.connected(payload));
}

/// As it is written and read again.
pub(crate) fn again(header: &Header, payload: Option<&Payload>) -> (String, Packet) {
    let mut out = VecDeque::new();
    Json.encode(header, payload, &mut out).expect("what was read can be written");
    let (text, attachments) = taken(out);
    let packet = decode(&text, attachments).expect("what was written can be read");
    (text, packet.expect("all of its attachments are there"))
}

pub(crate) fn taken(messages: VecDeque<Message<Json>>) -> (String, Vec<Bytes>) {
    let mut text = None;
    let mut attachments = Vec::new();
    for message in messages {
        match message {
            Message::Text(written) => assert!(text.replace(written.to_string()).is_none(), "two texts"),
            Message::Binary(bytes) => attachments.push(bytes),
        }
    }
    (text.expect("a text"), attachments)
}
