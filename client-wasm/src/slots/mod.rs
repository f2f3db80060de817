//! The codec of the JavaScript face: payloads stay in JavaScript, and Rust holds their numbers.
//!
//! A payload is a reference-counted [`Slot`] of the table in `js/slots.js`. A text is a head, a slot and a length: the
//! module cuts it, parses the payload with `JSON.parse` and checks its shape before it calls, so that the core learns
//! header and verdict together and no payload byte enters WebAssembly. Headers that were read before cross as numbers.

mod table;
mod text;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use socketio_client_core::engine::PacketType;
use socketio_client_core::packet::{PacketKind, header};
use socketio_client_core::{
    Codec, Connected, Credentials, DecodeError, Decoded, EncodeError, Handshake, Limits, Message, Offset,
    Shape as OffsetShape, TransportKind,
};

pub use self::table::{Slot, freed, freeing_one_later};
use self::text::Heads;
pub use self::text::{BASE64, HANDSHAKE, Head, Header, Inbox, PACKET, Part, SentHead, Shape, Start, Text};

/// See the module.
#[derive(Debug, Default)]
pub struct Slots {
    heads: Rc<RefCell<Heads>>,
}

impl Slots {
    /// Where JavaScript leaves the texts that this codec is to read.
    #[must_use]
    pub fn inbox(&self) -> Inbox {
        Inbox::new(Rc::clone(&self.heads))
    }
}

/// A binary message.
#[derive(Clone, Debug)]
pub struct Binary {
    /// A `Uint8Array`.
    pub slot: Slot,
    /// Its bytes.
    pub length: usize,
}

/// The arguments of a packet.
#[derive(Clone)]
pub struct Payload(Rc<Value>);

struct Value {
    slot: Slot,
    /// Of its JSON.
    length: usize,
    /// Of a payload that is sent.
    parts: Vec<Binary>,
    attachments: usize,
}

impl Payload {
    fn received(slot: Slot, length: usize, attachments: usize) -> Self {
        Self(Rc::new(Value { slot, length, parts: Vec::new(), attachments }))
    }

    /// What `outgoing` in `slots.js` returned.
    #[must_use]
    pub fn outgoing(numbers: &[u32]) -> Option<Self> {
        let mut pairs = numbers.chunks_exact(2).filter_map(|pair| match pair {
            [slot, length] => Some(Binary { slot: Slot::adopt(*slot), length: *length as usize }),
            _ => None,
        });
        let Binary { slot, length } = pairs.next()?;
        let parts: Vec<_> = pairs.collect();
        Some(Self(Rc::new(Value { slot, length, attachments: parts.len(), parts })))
    }

    /// A payload whose JSON has so many bytes, and its attachments.
    #[must_use]
    pub fn with_parts(slot: u32, length: u32, parts: Vec<Binary>) -> Self {
        let slot = Slot::adopt(slot);
        Self(Rc::new(Value { slot, length: length as usize, attachments: parts.len(), parts }))
    }

    /// The same without attachments.
    #[must_use]
    pub fn plain(slot: u32, length: u32) -> Self {
        Self::received(Slot::adopt(slot), length as usize, 0)
    }

    /// For JavaScript.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.0.slot.number()
    }

    /// Hands the value to JavaScript for good, as [`Slot::leave`].
    #[must_use]
    pub fn leave(self) -> (u32, bool) {
        match Rc::try_unwrap(self.0) {
            Ok(value) => value.slot.leave(),
            Err(shared) => (shared.slot.number(), false),
        }
    }

    /// A number that is JavaScript's alone.
    #[must_use]
    pub fn hand_over(self) -> u32 {
        match self.leave() {
            (slot, true) => slot,
            (slot, false) => table::share(slot),
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({})", self.slot())
    }
}

/// A packet that waits for attachments.
#[derive(Debug)]
pub struct Partial {
    header: Header,
    payload: Payload,
    parts: Vec<Binary>,
    bytes: usize,
}

/// What `connect` of the table returns where the authentication data has the library's own field.
const TAKEN: i32 = -2;

const WEBSOCKET: &str = TransportKind::WebSocket.as_str();

/// What is wrong. The npm package has words of its own for each error, and none of these.
const fn cause(words: &'static str) -> &'static str {
    if cfg!(feature = "npm") { "" } else { words }
}

fn owned(words: &'static str) -> String {
    // Nothing is allocated for none.
    if cause(words).is_empty() { String::new() } else { words.to_owned() }
}

fn malformed(words: &'static str) -> DecodeError {
    DecodeError::Payload { cause: owned(words) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole numbers below 2^53")]
const fn whole(number: f64) -> u64 {
    number as u64
}

/// Whether a packet of this kind may have such a payload.
fn check(kind: PacketKind, shape: Shape) -> Result<(), DecodeError> {
    match (kind, shape) {
        (_, Shape::Malformed) => Err(malformed("it is not JSON")),
        (PacketKind::Event, Shape::Event)
        | (PacketKind::Ack, Shape::Event | Shape::Array)
        | (PacketKind::Connect, Shape::Object | Shape::None)
        | (PacketKind::ConnectError, Shape::Object | Shape::Text | Shape::None)
        | (PacketKind::Disconnect, Shape::None) => Ok(()),
        (PacketKind::Event, _) => Err(malformed("an event must be an array that starts with its name")),
        (PacketKind::Ack, _) => Err(malformed("an ack must be an array")),
        (PacketKind::Connect, _) => Err(malformed("the answer to a connection must be an object")),
        (PacketKind::ConnectError, _) => Err(malformed("a refusal must be an object or a text")),
        (PacketKind::Disconnect, _) => Err(malformed("a disconnection has none")),
    }
}

impl Codec for Slots {
    // Nothing that the module listens to.
    const TELLS_EACH: bool = !cfg!(feature = "npm");
    const STORES: bool = !cfg!(feature = "npm");

    type Text = Text;
    type Binary = Binary;
    type Name = Rc<str>;
    type Payload = Payload;
    type Partial = Partial;
    type Refusal = Infallible;

    fn packet_type(&self, text: &Text) -> Result<PacketType, DecodeError> {
        match text {
            Text::Part(Part { head: Head::Text(head), .. }) => PacketType::of(head),
            Text::Part(_) => Ok(PacketType::Message),
            Text::Body(_) | Text::Received(_) => Err(DecodeError::Engine { found: String::new() }),
        }
    }

    fn control(&mut self, text: &'static str) -> Text {
        Text::Part(Part::plain(text))
    }

    fn handshake(&mut self, text: &Text) -> Result<Handshake, DecodeError> {
        let error = |words| DecodeError::Handshake { cause: owned(words) };
        let Text::Part(Part { payload: Some(payload), shape: Shape::Object, .. }) = text else {
            return Err(error("it is not a JSON object"));
        };
        // Casts saturate, and NaN was left out.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let number =
            |place| Some(table::further(place)).filter(|found| *found >= 0.0).map(|found| found as u64);
        let sid = table::handshake(payload.slot());
        let (Some(sid), Some(interval), Some(timeout)) = (sid, number(0), number(1)) else {
            return Err(error("it has no sid, pingInterval or pingTimeout"));
        };
        let max_payload = number(2).map(|max| usize::try_from(max).unwrap_or(usize::MAX));
        // Others would mean nothing to the core.
        let upgrades = if number(3).is_some() { vec![WEBSOCKET.to_owned()] } else { Vec::new() };
        let (ping_interval, ping_timeout) = (Duration::from_millis(interval), Duration::from_millis(timeout));
        Ok(Handshake { sid, upgrades, ping_interval, ping_timeout, max_payload })
    }

    fn split(&mut self, body: Text, limits: &Limits) -> Result<VecDeque<Text>, DecodeError> {
        let Text::Received(texts) = body else { return Ok(VecDeque::from([body])) };
        if texts.len() > limits.packets {
            return Err(DecodeError::Limit { what: cause("packets"), limit: limits.packets });
        }
        Ok(texts)
    }

    fn join(&mut self, queue: &mut VecDeque<Message<Self>>, max: Option<usize>) -> Text {
        let mut body: Vec<Message<Self>> = Vec::new();
        let mut length = 0_usize;
        while let Some(next) = queue.pop_front() {
            let size = match &next {
                Message::Text(Text::Part(part)) => part.len(),
                Message::Binary(binary) => binary.base64_len(),
                // Nothing makes one of these for a queue.
                Message::Text(Text::Body(_) | Text::Received(_)) => 0,
            };
            let longer = length.saturating_add(size).saturating_add(usize::from(!body.is_empty()));
            if !body.is_empty() && max.is_some_and(|max| longer > max) {
                queue.push_front(next);
                break;
            }
            length = longer;
            body.push(next);
        }
        Text::Body(body)
    }

    fn base64(&mut self, text: Text) -> Result<Binary, DecodeError> {
        let Text::Part(Part { payload: Some(payload), .. }) = text else { return Err(DecodeError::Base64) };
        Ok(Binary { slot: payload.0.slot.clone(), length: payload.0.length })
    }

    fn decode(&mut self, text: Text, limits: &Limits) -> Result<Decoded<Self>, DecodeError> {
        let Text::Part(Part { head, payload, shape }) = text else {
            return Err(DecodeError::Engine { found: String::new() });
        };
        let header = match head {
            Head::Read(header) => header,
            Head::Known { id, ack } => self.heads.borrow().get(id, ack)?,
            // These only go out.
            Head::Sent { .. } => return Err(DecodeError::Header { cause: cause("not received") }),
            // Comes here only if it is no header.
            Head::Text(text) => {
                header::parse(text.get(1..).unwrap_or_default())?;
                return Err(DecodeError::Header { cause: cause("malformed") });
            }
        };
        if header.attachments > limits.attachments {
            return Err(DecodeError::Limit { what: cause("attachments"), limit: limits.attachments });
        }
        check(header.kind, shape)?;
        Ok(match payload {
            Some(payload) if header.attachments > 0 => {
                Decoded::Partial(Partial { header, payload, parts: Vec::new(), bytes: 0 })
            }
            payload => Decoded::Packet(header, payload),
        })
    }

    fn missing(&self, partial: &Partial) -> usize {
        partial.header.attachments.saturating_sub(partial.parts.len())
    }

    fn attach(
        &mut self,
        mut partial: Partial,
        binary: Binary,
        limits: &Limits,
    ) -> Result<Decoded<Self>, DecodeError> {
        partial.bytes = partial.bytes.saturating_add(binary.length);
        if partial.bytes > limits.attachment_bytes {
            let what = cause("bytes in the attachments of one packet");
            return Err(DecodeError::Limit { what, limit: limits.attachment_bytes });
        }
        partial.parts.push(binary);
        if self.missing(&partial) > 0 {
            return Ok(Decoded::Partial(partial));
        }
        let Partial { header, payload, parts, bytes } = partial;
        parts.iter().for_each(|part| table::attach(part.slot.number()));
        let slot = u32::try_from(table::assemble(payload.slot()))
            .map_err(|_| malformed("a placeholder names no attachment"))?;
        let length = payload.0.length.saturating_add(bytes);
        let payload = Payload::received(Slot::adopt(slot), length, header.attachments);
        Ok(Decoded::Packet(header, Some(payload)))
    }

    fn encode(
        &mut self,
        header: &Header,
        payload: Option<&Payload>,
        out: &mut VecDeque<Message<Self>>,
    ) -> Result<(), Infallible> {
        let head = self.heads.borrow_mut().sent(header);
        let part = Part { head, payload: payload.cloned(), shape: Shape::None };
        out.push_back(Message::Text(Text::Part(part)));
        for part in payload.map_or(&[][..], |payload| &payload.0.parts) {
            out.push_back(Message::Binary(part.clone()));
        }
        Ok(())
    }

    fn connected(&mut self, payload: &Payload) -> Result<Connected, DecodeError> {
        let sid = table::text(payload.slot(), "sid").ok_or_else(|| malformed("it has no sid"))?;
        Ok(Connected { sid, pid: table::text(payload.slot(), "pid") })
    }

    fn connect(
        &mut self,
        auth: Option<&Payload>,
        credentials: Credentials<'_>,
    ) -> Result<Option<Payload>, EncodeError> {
        let Credentials { recovery, delivery } = credentials;
        if recovery.is_none() && delivery.is_none() {
            return Ok(auth.cloned());
        }
        let (pid, offset) = recovery.unwrap_or_default();
        let offset = offset.map(Offset::to_text).unwrap_or_default();
        let (id, base) = delivery.unwrap_or_default();
        let auth_slot = auth.and_then(|auth| i32::try_from(auth.slot()).ok()).unwrap_or(-1);
        #[expect(clippy::cast_precision_loss, reason = "ids stay below 2^53")]
        let slot = table::connect(auth_slot, pid, &offset, id, base as f64);
        match u32::try_from(slot) {
            Ok(slot) => Ok(Some(Payload::plain(slot, whole(table::further(0)) as u32))),
            Err(_) if slot == TAKEN => Err(EncodeError::AuthDelivery),
            Err(_) if delivery.is_some() => Err(EncodeError::AuthNotObject),
            Err(_) => Ok(auth.cloned()),
        }
    }

    fn sync(&mut self) -> Payload {
        let slot = table::sync(1);
        Payload::plain(slot, whole(table::further(0)) as u32)
    }

    fn is_middleware(&self, answer: &Payload) -> bool {
        table::middleware(answer.slot())
    }

    fn offset(&mut self, payload: &Payload) -> Option<Offset> {
        let shape = match table::offset(payload.slot()) {
            0 => OffsetShape::Memory,
            1 => OffsetShape::Stream,
            2 => OffsetShape::Mongo,
            _ => return None,
        };
        let [millis, high, low] = [0, 1, 2].map(|place| whole(table::further(place)));
        Some(Offset { shape, millis, count: high << 32 | low })
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "any bits will do")]
    fn digest(&mut self, payload: &Payload, without_last: bool) -> u64 {
        table::digest(payload.slot(), without_last) as i64 as u64
    }

    fn attachments(&self, payload: &Payload) -> usize {
        payload.0.attachments
    }

    fn size(&self, payload: &Payload) -> usize {
        payload.0.parts.iter().fold(payload.0.length, |sum, part| sum.saturating_add(part.length))
    }

    fn largest(&self, payload: &Payload) -> (usize, usize) {
        (payload.0.length, payload.0.parts.iter().map(|part| part.length).max().unwrap_or(0))
    }
}
