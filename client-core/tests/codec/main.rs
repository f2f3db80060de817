//! The JSON codec from outside: wire texts in, application types out, and back.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

mod arguments;
mod bytes;
mod hostile;
mod others;
mod shapes;
mod sharing;

use std::collections::VecDeque;

use ::bytes::Bytes;
use serde::{Deserialize, Serialize};
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::packet::{Header, PacketKind};
use socketio_client_core::{Codec, DecodeError, Decoded, Limits, Message};

pub(crate) type Packet = (Header, Option<Payload>);

pub(crate) fn decode_with(text: &str, attachments: &[&[u8]], limits: &Limits) -> Result<Packet, DecodeError> {
    let mut decoded = Json.decode(text.into(), limits)?;
    let mut attachments = attachments.iter();
    loop {
        match decoded {
            Decoded::Packet(header, payload) => {
                assert_eq!(attachments.next(), None, "more attachments than {text} wants");
                return Ok((header, payload));
            }
            Decoded::Partial(partial) => {
                assert_eq!(Json.missing(&partial), attachments.len());
                let next = attachments.next().expect("fewer attachments than the text wants");
                decoded = Json.attach(partial, Bytes::copy_from_slice(next), limits)?;
            }
        }
    }
}

pub(crate) fn decode(text: &str, attachments: &[&[u8]]) -> Result<Packet, DecodeError> {
    decode_with(text, attachments, &Limits::default())
}

pub(crate) fn payload(text: &str, attachments: &[&[u8]]) -> Payload {
    decode(text, attachments).unwrap().1.unwrap()
}

pub(crate) fn header(
    kind: PacketKind,
    namespace: &str,
    ack: Option<u64>,
    payload: Option<&Payload>,
) -> Header {
    let attachments = payload.map_or(0, |payload| Json.attachments(payload));
    Header { kind, attachments, namespace: namespace.into(), ack }
}

/// Text, and the attachments behind it.
pub(crate) fn encode(header: &Header, payload: Option<&Payload>) -> (String, Vec<Bytes>) {
    let mut out = VecDeque::new();
    Json.encode(header, payload, &mut out).unwrap();
    let Some(Message::Text(text)) = out.pop_front() else { panic!("a packet starts with a text") };
    let attachments = out.into_iter().map(|message| match message {
        Message::Binary(bytes) => bytes,
        Message::Text(text) => panic!("{text}"),
    });
    (text.to_string(), attachments.collect())
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Photo {
    #[serde(with = "serde_bytes")]
    pub(crate) data: Vec<u8>,
    pub(crate) id: u32,
}
