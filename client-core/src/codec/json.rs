//! The codec for Rust applications.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use bytestring::ByteString;

use super::payload::{PLAIN, RESERVED};
use super::placeholder::Placeholders;
use super::scan::{Deaf, scan, without_lone_surrogates};
use super::{Codec, Connected, Credentials, Decoded, Handshake, Message, Payload, handshake, polling};
use crate::config::Limits;
use crate::engine::PacketType;
use crate::error::{DecodeError, EncodeError};
use crate::offset::Offset;
use crate::packet::{Header, PacketKind, header};

/// Payloads as JSON text, checked on arrival and parsed when the application asks, straight into its types.
///
/// ```
/// use socketio_client_core::codec::{Json, Payload};
/// use socketio_client_core::{Codec, Decoded, Limits};
///
/// let mut codec = Json;
/// let text = r#"42/chat,["message","hello"]"#.into();
/// let Decoded::Packet(header, Some(payload)) = codec.decode(text, &Limits::default())? else { panic!() };
/// assert_eq!(header.namespace, "/chat");
/// assert_eq!(payload.event_name(), "message");
/// assert_eq!(payload.parse::<String>()?, "hello");
/// # Ok::<(), socketio_client_core::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json;

/// A packet whose attachments have not all come.
///
/// ```
/// use socketio_client_core::codec::Json;
/// use socketio_client_core::{Codec, Decoded, Limits};
///
/// let limits = Limits::default();
/// let text = r#"451-["photo",{"_placeholder":true,"num":0}]"#.into();
/// let Decoded::Partial(partial) = Json.decode(text, &limits)? else { panic!() };
/// assert_eq!(Json.missing(&partial), 1);
/// assert!(matches!(Json.attach(partial, b"x"[..].into(), &limits)?, Decoded::Packet(..)));
/// # Ok::<(), socketio_client_core::DecodeError>(())
/// ```
#[derive(Debug)]
pub struct Partial {
    header: Header,
    payload: Payload,
    attachments: Vec<Bytes>,
    /// Of the attachments.
    bytes: usize,
}

impl Codec for Json {
    type Text = ByteString;
    type Binary = Bytes;
    type Name = ByteString;
    type Payload = Payload;
    type Partial = Partial;
    type Refusal = EncodeError;

    fn packet_type(&self, text: &ByteString) -> Result<PacketType, DecodeError> {
        PacketType::of(text)
    }

    fn control(&mut self, text: &'static str) -> ByteString {
        ByteString::from_static(text)
    }

    fn handshake(&mut self, text: &ByteString) -> Result<Handshake, DecodeError> {
        handshake::handshake(text)
    }

    fn split(&mut self, body: ByteString, limits: &Limits) -> Result<VecDeque<ByteString>, DecodeError> {
        polling::split(&body, limits)
    }

    fn join(&mut self, queue: &mut VecDeque<Message<Self>>, max: Option<usize>) -> ByteString {
        polling::join(queue, max)
    }

    fn base64(&mut self, text: ByteString) -> Result<Bytes, DecodeError> {
        polling::base64(&text)
    }

    fn decode(&mut self, text: ByteString, limits: &Limits) -> Result<Decoded<Self>, DecodeError> {
        let Some(packet) = text.strip_prefix('4') else {
            return Err(DecodeError::Engine { found: text.chars().take(32).collect() });
        };
        let parsed = header::parse(packet)?;
        if parsed.attachments > limits.attachments {
            return Err(DecodeError::Limit { what: "attachments", limit: limits.attachments });
        }
        let header = Header {
            kind: parsed.kind,
            attachments: parsed.attachments,
            namespace: match parsed.namespace {
                header::ROOT => ByteString::from_static(header::ROOT),
                namespace => text.slice_ref(namespace),
            },
            ack: parsed.ack,
        };
        let start = text.len() - packet.len() + parsed.payload;
        let payload = if start < text.len() {
            Some(payload(text, start, &header)?)
        } else {
            match header.kind {
                PacketKind::Event | PacketKind::Ack => return Err(malformed("it is missing")),
                PacketKind::Connect | PacketKind::Disconnect | PacketKind::ConnectError => None,
            }
        };
        Ok(match payload {
            Some(payload) if header.attachments > 0 => {
                // The peer's word for their number reserves nothing.
                Decoded::Partial(Partial { header, payload, attachments: Vec::new(), bytes: 0 })
            }
            payload => Decoded::Packet(header, payload),
        })
    }

    fn missing(&self, partial: &Partial) -> usize {
        partial.header.attachments.saturating_sub(partial.attachments.len())
    }

    fn attach(
        &mut self,
        mut partial: Partial,
        binary: Bytes,
        limits: &Limits,
    ) -> Result<Decoded<Self>, DecodeError> {
        partial.bytes = partial.bytes.saturating_add(binary.len());
        if partial.bytes > limits.attachment_bytes {
            return Err(DecodeError::Limit {
                what: "bytes in the attachments of one packet",
                limit: limits.attachment_bytes,
            });
        }
        partial.attachments.push(binary);
        Ok(if self.missing(&partial) == 0 {
            partial.payload.attach(partial.attachments);
            Decoded::Packet(partial.header, Some(partial.payload))
        } else {
            Decoded::Partial(partial)
        })
    }

    fn encode(
        &mut self,
        header: &Header,
        payload: Option<&Payload>,
        out: &mut VecDeque<Message<Self>>,
    ) -> Result<(), EncodeError> {
        let text = match payload {
            Some(payload) if is_plain(header, payload) => payload.text().clone(),
            payload => frame(header, payload.map_or("", Payload::json)),
        };
        out.push_back(Message::Text(text));
        let attachments = payload.map_or(&[][..], Payload::attachments);
        if !attachments.is_empty() {
            out.extend(attachments.iter().cloned().map(Message::Binary));
        }
        Ok(())
    }

    fn encode_last(
        &mut self,
        header: &Header,
        payload: Payload,
        out: &mut VecDeque<Message<Self>>,
    ) -> Result<(), (EncodeError, Payload)> {
        if is_plain(header, &payload) {
            out.push_back(Message::Text(payload.into_text()));
            return Ok(());
        }
        self.encode(header, Some(&payload), out).map_err(|error| (error, payload))
    }

    fn name(&self, namespace: &str) -> ByteString {
        match namespace {
            header::ROOT => ByteString::from_static(header::ROOT),
            namespace => namespace.into(),
        }
    }

    fn connected(&mut self, payload: &Payload) -> Result<Connected, DecodeError> {
        handshake::connected(payload)
    }

    fn connect(
        &mut self,
        auth: Option<&Payload>,
        credentials: Credentials<'_>,
    ) -> Result<Option<Payload>, EncodeError> {
        match credentials {
            Credentials { recovery: None, delivery: None } => Ok(auth.cloned()),
            credentials => handshake::connect(auth, credentials).map(Some),
        }
    }

    fn sync(&mut self) -> Payload {
        Payload::unchecked(r#"["$delivery",{"sync":1}]"#.into())
    }

    fn is_middleware(&self, answer: &Payload) -> bool {
        serde_json::from_str(answer.json()).is_ok_and(|answer: serde_json::Value| {
            let [version, ttl] = ["/0/v", "/0/ttl"].map(|place| answer.pointer(place));
            version.and_then(serde_json::Value::as_u64) == Some(1)
                && ttl.is_some_and(serde_json::Value::is_number)
        })
    }

    fn offset(&mut self, payload: &Payload) -> Option<Offset> {
        let (_, offset) = last_text(payload.args_json())?;
        Offset::parse(offset)
    }

    fn digest(&mut self, payload: &Payload, without_last: bool) -> u64 {
        let args = payload.args_json();
        let args = match last_text(args) {
            Some((before, _)) if without_last => before,
            _ => args.trim_ascii_end(),
        };
        let name = fnv(FNV, payload.event_name().as_bytes());
        let text = fnv(fnv(name, &[0]), args.as_bytes());
        payload.attachments().iter().fold(text, |hash, part| fnv(fnv(hash, &[1]), part))
    }

    fn attachments(&self, payload: &Payload) -> usize {
        payload.attachments().len()
    }

    fn size(&self, payload: &Payload) -> usize {
        payload.size()
    }

    fn largest(&self, payload: &Payload) -> (usize, usize) {
        (payload.json().len(), payload.attachments().iter().map(Bytes::len).max().unwrap_or(0))
    }
}

fn malformed(cause: &str) -> DecodeError {
    DecodeError::Payload { cause: cause.to_string() }
}

/// One pass over the text, except for what no known server sends.
fn payload(text: ByteString, start: usize, header: &Header) -> Result<Payload, DecodeError> {
    let mut text = text;
    let mut shape = if header.attachments == 0 {
        scan(&text, start, &mut Deaf)?
    } else {
        let mut placeholders = Placeholders::new(header.attachments);
        let shape = scan(&text, start, &mut placeholders)?;
        match placeholders.rewritten(&text, start) {
            Some(rewritten) => {
                text = rewritten.into();
                scan(&text, start, &mut Deaf)?
            }
            None => shape,
        }
    };
    if shape.lone {
        text = without_lone_surrogates(&text, start).into();
        shape.lone = false;
    }
    let mut payload = Payload::received(text, start, &shape);
    match (header.kind, shape.first) {
        (PacketKind::Event, b'[') => {
            payload.find_name(&shape)?;
            if RESERVED.contains(&payload.event_name()) {
                return Err(malformed("the event's name is reserved"));
            }
        }
        (PacketKind::Ack, b'[') | (PacketKind::Connect, b'{') | (PacketKind::ConnectError, b'{' | b'"') => {}
        (PacketKind::Event, _) => return Err(malformed("an event must be an array")),
        (PacketKind::Ack, _) => return Err(malformed("an ack must be an array")),
        (PacketKind::Connect, _) => return Err(malformed("the answer to a connection must be an object")),
        (PacketKind::ConnectError, _) => return Err(malformed("a refusal must be an object or a text")),
        (PacketKind::Disconnect, _) => return Err(malformed("a disconnection has none")),
    }
    Ok(payload)
}

/// Whether the payload's text is sent as it was built.
fn is_plain(header: &Header, payload: &Payload) -> bool {
    header.kind == PacketKind::Event
        && header.ack.is_none()
        && header.namespace == header::ROOT
        && payload.is_plain()
}

/// A text of exact capacity, so that it becomes shared without another copy.
fn frame(header: &Header, json: &str) -> ByteString {
    let digits = |number: u64| number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut size = PLAIN.len() + json.len();
    if header.attachments > 0 {
        size += digits(header.attachments as u64) + 1;
    }
    if header.namespace != header::ROOT {
        size += header.namespace.len() + 1;
    }
    size += header.ack.map_or(0, digits);
    let mut text = String::with_capacity(size);
    text.push('4');
    header::write(header, &mut text);
    text.push_str(json);
    text.into()
}

/// The last argument, if it is a text, and what comes before it.
fn last_text(args: &str) -> Option<(&str, &str)> {
    // A closing quote at the very end is that of the last argument. An opening one that is part of a longer text has a
    // backslash in front.
    let (before, text) = args.trim_ascii_end().strip_suffix('"')?.rsplit_once('"')?;
    let before = before.trim_ascii_end();
    if before.is_empty() {
        Some((before, text))
    } else {
        Some((before.strip_suffix(',')?.trim_ascii_end(), text))
    }
}

/// Fowler, Noll and Vo's hash: it is short, and only what one server has sent is compared.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
