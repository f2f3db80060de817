//! Texts as (head, slot, length), and headers that were read before.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use socketio_client_core::packet::{self, PacketKind, header};
use socketio_client_core::{DecodeError, Message};

use super::{Binary, Payload, Slot, Slots, cause};

/// Of a packet. Not the core's default, which would bring the reference counts of `bytes` and all of their functions.
pub type Header = packet::Header<Rc<str>>;

/// What `JSON.parse` made of a payload; the same numbers as in `slots.js`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// There is none.
    None,
    /// Not JSON.
    Malformed,
    /// An array that starts with an event's name.
    Event,
    /// Any other array.
    Array,
    /// An object.
    Object,
    /// A text.
    Text,
    /// A number, `true`, `false` or `null`.
    Other,
}

impl Shape {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::None,
            2 => Self::Event,
            3 => Self::Array,
            4 => Self::Object,
            5 => Self::Text,
            6 => Self::Other,
            _ => Self::Malformed,
        }
    }
}

/// What stands before a payload.
#[derive(Clone, Debug)]
pub enum Head {
    /// As text: all of a message of Engine.IO's own.
    Text(Rc<str>),
    /// What goes before a payload that is sent.
    Sent {
        /// The number of all but the ack id.
        id: u32,
        /// The same as text.
        text: Rc<str>,
        /// The one thing that differs each time.
        ack: Option<u64>,
    },
    /// Read just now.
    Read(Header),
    /// Read before, by its number.
    Known {
        /// As `remember` gave it out.
        id: u32,
        /// The one thing that differs each time.
        ack: Option<u64>,
    },
}

/// One text message.
#[derive(Clone, Debug)]
pub struct Part {
    pub(super) head: Head,
    pub(super) payload: Option<Payload>,
    pub(super) shape: Shape,
}

impl Part {
    pub(crate) fn plain(text: &str) -> Self {
        Self { head: Head::Text(text.into()), payload: None, shape: Shape::None }
    }

    /// What JavaScript writes before the payload's JSON.
    #[must_use]
    pub fn head(&self) -> Cow<'_, str> {
        match &self.head {
            Head::Text(text) => Cow::Borrowed(text),
            Head::Sent { text, ack: None, .. } => Cow::Borrowed(text),
            Head::Sent { text, ack: Some(ack), .. } => Cow::Owned(format!("{text}{ack}")),
            // These only come in.
            Head::Read(_) | Head::Known { .. } => Cow::Borrowed(""),
        }
    }

    /// What JavaScript writes behind the head.
    #[must_use]
    pub const fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// Head and payload, each for JavaScript.
    #[must_use]
    pub fn into_parts(self) -> (Head, Option<Payload>) {
        (self.head, self.payload)
    }

    pub(super) fn len(&self) -> usize {
        let head = match &self.head {
            Head::Text(text) => text.len(),
            Head::Sent { text, ack, .. } => {
                text.len() + ack.map_or(0, |ack| ack.checked_ilog10().unwrap_or(0) as usize + 1)
            }
            Head::Read(_) | Head::Known { .. } => 0,
        };
        head + self.payload.as_ref().map_or(0, |payload| payload.0.length)
    }
}

/// A text message, or a polling body.
#[derive(Debug)]
pub enum Text {
    /// One.
    Part(Part),
    /// Several that are sent; binary ones become base64.
    Body(Vec<Message<Slots>>),
    /// Several that came.
    Received(VecDeque<Self>),
}

/// Headers that JavaScript knows by number, so that no text crosses for them.
#[derive(Debug, Default)]
pub(super) struct Heads {
    read: Vec<Header>,
    sent: Vec<SentHead>,
    /// Where the last one was found: most come in runs.
    hint: usize,
}

/// What goes before ack id and payload of a packet that is sent.
#[derive(Clone, Debug)]
pub struct SentHead {
    /// As on the wire.
    pub kind: PacketKind,
    /// Of the packet.
    pub namespace: Rc<str>,
    /// All of it.
    pub text: Rc<str>,
    attachments: usize,
}

impl SentHead {
    fn is_of(&self, header: &Header) -> bool {
        self.kind == header.kind
            && self.attachments == header.attachments
            && *self.namespace == *header.namespace
    }
}

impl Heads {
    /// A server that makes up names cannot fill the memory.
    const MAX: usize = 256;

    pub(super) fn get(&self, id: u32, ack: Option<u64>) -> Result<Header, DecodeError> {
        let found =
            self.read.get(id as usize).ok_or(DecodeError::Header { cause: cause("unknown number") })?;
        Ok(Header { ack, ..found.clone() })
    }

    /// Only what comes often.
    fn add(&mut self, header: &Header) -> Option<u32> {
        if !matches!(header.kind, PacketKind::Event | PacketKind::Ack) || self.read.len() >= Self::MAX {
            return None;
        }
        self.read.push(Header { ack: None, ..header.clone() });
        u32::try_from(self.read.len() - 1).ok()
    }

    /// What is sent differs by namespace and number of attachments only, both of which are the application's.
    pub(super) fn sent(&mut self, header: &Header) -> Head {
        let hit = self.sent.get(self.hint).is_some_and(|head| head.is_of(header));
        if !hit {
            self.hint = self.sent.iter().position(|head| head.is_of(header)).unwrap_or_else(|| {
                let mut text = String::from("4");
                header::write(&Header { ack: None, ..header.clone() }, &mut text);
                let Header { kind, attachments, ref namespace, .. } = *header;
                self.sent.push(SentHead {
                    kind,
                    attachments,
                    namespace: Rc::clone(namespace),
                    text: text.into(),
                });
                self.sent.len() - 1
            });
        }
        let text = self.sent.get(self.hint).map_or_else(|| Rc::from(""), |head| Rc::clone(&head.text));
        Head::Sent { id: u32::try_from(self.hint).unwrap_or(u32::MAX), text, ack: header.ack }
    }
}

/// A packet with the header that was read last. These have the same numbers in `slots.js`.
pub const PACKET: u32 = 0;
/// The server's handshake.
pub const HANDSHAKE: u32 = 1;
/// The bytes of a base64 text.
pub const BASE64: u32 = 2;

/// Where JavaScript's `Reader` leaves texts. What it says has been parsed and checked before any call.
#[derive(Debug)]
pub struct Inbox {
    heads: Rc<RefCell<Heads>>,
    read: Option<Header>,
    texts: VecDeque<Text>,
}

/// What to do with a header's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The payload starts after so many UTF-16 units.
    At(usize),
    /// The header may go on behind what was shown.
    Unfinished,
    /// No header. Decoding the text tells why.
    Malformed,
}

impl Inbox {
    pub(super) fn new(heads: Rc<RefCell<Heads>>) -> Self {
        Self { heads, read: None, texts: VecDeque::new() }
    }

    /// Reads a header from the start of an Engine.IO text (`4…`); `whole` if that is all of it.
    pub fn header(&mut self, start: &str, whole: bool) -> Start {
        let Some(packet) = start.strip_prefix('4') else { return Start::Malformed };
        let Ok(parsed) = header::parse(packet) else { return Start::Malformed };
        let Some(head) = start.get(..parsed.payload + 1) else { return Start::Malformed };
        if head.len() == start.len() && !whole {
            return Start::Unfinished;
        }
        self.read = Some(Header {
            kind: parsed.kind,
            attachments: parsed.attachments,
            namespace: parsed.namespace.into(),
            ack: parsed.ack,
        });
        Start::At(head.encode_utf16().count())
    }

    /// A number for the header that was read last, if it may have one.
    pub fn remember(&mut self) -> Option<u32> {
        self.read.as_ref().and_then(|header| self.heads.borrow_mut().add(header))
    }

    /// A payload: what of, is one of the constants above.
    pub fn leave(&mut self, what: u32, slot: u32, shape: u8, length: u32) {
        let payload = adopt(slot, shape, length);
        let head = match what {
            HANDSHAKE => Head::Text("0".into()),
            BASE64 => Head::Text("b".into()),
            _ => match self.read.take() {
                Some(header) => Head::Read(header),
                None => return self.control("4"),
            },
        };
        self.push(head, payload, shape);
    }

    /// A packet with a header that has a number.
    pub fn known(&mut self, id: u32, ack: Option<u64>, slot: u32, shape: u8, length: u32) {
        self.push(Head::Known { id, ack }, adopt(slot, shape, length), shape);
    }

    /// A packet that the application's own parser has read; `kind` is 0 to 4, as on the wire.
    pub fn parsed(&mut self, kind: u32, namespace: &str, ack: Option<u64>, slot: u32, shape: u8) {
        let payload = adopt(slot, shape, 0);
        let kind = match kind {
            0 => PacketKind::Connect,
            1 => PacketKind::Disconnect,
            2 => PacketKind::Event,
            3 => PacketKind::Ack,
            4 => PacketKind::ConnectError,
            _ => return self.control("4"),
        };
        self.push(
            Head::Read(Header { kind, attachments: 0, namespace: namespace.into(), ack }),
            payload,
            shape,
        );
    }

    /// The head with this number of those that are sent.
    #[must_use]
    pub fn sent(&self, id: u32) -> Option<SentHead> {
        self.heads.borrow().sent.get(id as usize).cloned()
    }

    /// Any other text.
    pub fn control(&mut self, text: &str) {
        self.texts.push_back(Text::Part(Part::plain(text)));
    }

    /// The oldest of the texts that were left.
    pub fn text(&mut self) -> Option<Text> {
        self.texts.pop_front()
    }

    /// All of them, as a polling body.
    pub fn body(&mut self) -> Text {
        Text::Received(std::mem::take(&mut self.texts))
    }

    fn push(&mut self, head: Head, payload: Option<Payload>, shape: u8) {
        self.texts.push_back(Text::Part(Part { head, payload, shape: Shape::of(shape) }));
    }
}

/// The slot is taken over whatever becomes of the text.
fn adopt(slot: u32, shape: u8, length: u32) -> Option<Payload> {
    let there = !matches!(Shape::of(shape), Shape::None | Shape::Malformed);
    there.then(|| Payload::received(Slot::adopt(slot), length as usize, 0))
}

impl Binary {
    pub(super) const fn base64_len(&self) -> usize {
        1 + self.length.div_ceil(3) * 4
    }
}
