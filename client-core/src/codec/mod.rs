//! The seam between the protocol machine and the payloads that it carries without looking inside.
//!
//! The header is the core's ([`packet::header`](crate::packet::header)); the payload is the codec's. A codec is pure and
//! total: no IO, no application code, no call back into the manager, and no panic on anything that a peer can send.

#[cfg(feature = "json")]
mod args;
#[cfg(feature = "json")]
mod de;
#[cfg(feature = "json")]
mod handshake;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod key;
#[cfg(feature = "json")]
mod list;
#[cfg(feature = "json")]
mod payload;
#[cfg(feature = "json")]
mod placeholder;
#[cfg(feature = "json")]
mod polling;
#[cfg(feature = "json")]
mod scan;
#[cfg(feature = "json")]
mod ser;
#[cfg(feature = "json")]
mod spread;
#[cfg(feature = "json")]
mod value;

#[cfg(feature = "json")]
pub use self::{
    args::Arguments,
    json::{Json, Partial},
    payload::Payload,
    value::Value,
};

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use crate::config::Limits;
use crate::engine::PacketType;
use crate::error::{DecodeError, EncodeError};
use crate::offset::Offset;
use crate::packet::Header;

/// One Engine.IO message as a transport carries it.
pub enum Message<C: Codec + ?Sized> {
    /// Engine.IO type and data.
    Text(C::Text),
    /// Raw bytes.
    Binary(C::Binary),
}

/// A packet, or as much of it as has come.
pub enum Decoded<C: Codec + ?Sized> {
    /// Whole.
    Packet(Header<C::Name>, Option<C::Payload>),
    /// Attachments are missing.
    Partial(C::Partial),
}

/// The server's first word in a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The session's id; opaque.
    pub sid: String,
    /// Transports that the server offers to move to; unknown names are fine.
    pub upgrades: Vec<String>,
    /// Between two heartbeats.
    pub ping_interval: Duration,
    /// How late a heartbeat may be.
    pub ping_timeout: Duration,
    /// Bytes of one message that the server accepts, where it says so.
    pub max_payload: Option<usize>,
}

/// Bytes of a session's id, which each of its requests repeats. Servers make some twenty.
const LONGEST_SID: usize = 4096;

impl Handshake {
    /// Whether there can be a session.
    pub(crate) fn checked(self) -> Result<Self, DecodeError> {
        if self.sid.len() > LONGEST_SID {
            return Err(DecodeError::Handshake { cause: "the sid is too long".into() });
        }
        Ok(self)
    }
}

/// The server's answer to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// The socket's id.
    pub sid: String,
    /// The private id, where the server can resume sessions.
    pub pid: Option<String>,
}

/// What CONNECT says beside the application's authentication data.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// `pid` and `offset` of the session to resume.
    pub recovery: Option<(&'a str, Option<Offset>)>,
    /// `$delivery`: by which the server knows emits again, and the lowest ack id of one that is not settled.
    pub delivery: Option<(&'a str, u64)>,
}

/// Texts, payloads and their forms on the wire.
pub trait Codec {
    /// Whether each namespace is told what happens to all of them: that the connection could not be opened, or ended. Where
    /// size counts, a face to which [`Event::OpenFailed`](crate::Event::OpenFailed) and
    /// [`Event::Closed`](crate::Event::Closed) suffice turns it off.
    const TELLS_EACH: bool = true;

    /// Whether the core has emits stored ([`Command::Keep`](crate::Command::Keep), [`Command::Erase`](crate::Command::Erase)).
    /// Otherwise the shell stores first, and hands in what is stored ([`Manager::adopt`](crate::Manager::adopt)).
    const STORES: bool = true;

    /// A text message or a polling body.
    type Text;
    /// A binary message.
    type Binary;
    /// A namespace's name. Cheap to clone.
    type Name: Clone + fmt::Debug + Deref<Target = str> + for<'a> From<&'a str>;
    /// The arguments of a packet, with their attachments. Cheap to clone.
    type Payload: Clone;
    /// A packet that waits for attachments. Lives in the engine and dies with its transport.
    type Partial;
    /// Why [`Codec::encode`] refuses; [`Infallible`](core::convert::Infallible) if it never does.
    type Refusal: Into<EncodeError>;

    /// What an Engine.IO text is ([`PacketType::of`]).
    ///
    /// # Errors
    /// If it is no Engine.IO packet.
    fn packet_type(&self, text: &Self::Text) -> Result<PacketType, DecodeError>;

    /// One of the core's own short texts, such as `3` or `2probe`.
    fn control(&mut self, text: &'static str) -> Self::Text;

    /// Reads `0{"sid":…}`.
    ///
    /// # Errors
    /// If it is not JSON, or lacks `sid`, `pingInterval` or `pingTimeout`. Unknown fields and upgrades are fine.
    fn handshake(&mut self, text: &Self::Text) -> Result<Handshake, DecodeError>;

    /// The Engine.IO texts of a polling body, cut at U+001E. Binary messages stay base64 texts.
    ///
    /// # Errors
    /// If there are more than [`Limits::packets`].
    fn split(&mut self, body: Self::Text, limits: &Limits) -> Result<VecDeque<Self::Text>, DecodeError>;

    /// Takes messages from the front of `queue` into one polling body, joined by U+001E, binary as base64. Stops before
    /// the message that would make it longer than `max` bytes, but takes at least one.
    fn join(&mut self, queue: &mut VecDeque<Message<Self>>, max: Option<usize>) -> Self::Text;

    /// The bytes of a base64 text (`b…`).
    ///
    /// # Errors
    /// If it is not base64.
    fn base64(&mut self, text: Self::Text) -> Result<Self::Binary, DecodeError>;

    /// Reads a Socket.IO packet from an Engine.IO text (`4…`).
    ///
    /// # Errors
    /// If header or payload are malformed, or announce more than `limits` allow.
    fn decode(&mut self, text: Self::Text, limits: &Limits) -> Result<Decoded<Self>, DecodeError>;

    /// Reads a Socket.IO packet from a binary message that no packet announced. Text-based codecs have none.
    ///
    /// # Errors
    /// By default always [`DecodeError::UnexpectedBinary`].
    fn decode_binary(&mut self, binary: Self::Binary, limits: &Limits) -> Result<Decoded<Self>, DecodeError> {
        let _ = (binary, limits);
        Err(DecodeError::UnexpectedBinary)
    }

    /// How many attachments a partial packet still waits for.
    fn missing(&self, partial: &Self::Partial) -> usize;

    /// Adds the next attachment.
    ///
    /// # Errors
    /// If `limits` are passed, or the finished packet is malformed.
    fn attach(
        &mut self,
        partial: Self::Partial,
        binary: Self::Binary,
        limits: &Limits,
    ) -> Result<Decoded<Self>, DecodeError>;

    /// Appends the messages of one packet: a text (`4…`), then its attachments. The header's `attachments` is already
    /// [`Codec::attachments`] of the payload.
    ///
    /// # Errors
    /// If a user's parser refuses. Nothing is appended then.
    fn encode(
        &mut self,
        header: &Header<Self::Name>,
        payload: Option<&Self::Payload>,
        out: &mut VecDeque<Message<Self>>,
    ) -> Result<(), Self::Refusal>;

    /// The same for a payload that is not needed afterwards, and may become the message itself.
    ///
    /// # Errors
    /// With the payload handed back. Nothing is appended then.
    fn encode_last(
        &mut self,
        header: &Header<Self::Name>,
        payload: Self::Payload,
        out: &mut VecDeque<Message<Self>>,
    ) -> Result<(), (Self::Refusal, Self::Payload)> {
        self.encode(header, Some(&payload), out).map_err(|error| (error, payload))
    }

    /// A namespace's name, which each header that is written has a clone of.
    fn name(&self, namespace: &str) -> Self::Name {
        namespace.into()
    }

    /// Reads the payload of the answer to CONNECT.
    ///
    /// # Errors
    /// If it has no `sid`.
    fn connected(&mut self, payload: &Self::Payload) -> Result<Connected, DecodeError>;

    /// The payload of CONNECT: the authentication data, `pid` and `offset` of the session to resume, and `$delivery`. Keys of
    /// the authentication data win, and what is no object is sent alone.
    ///
    /// # Errors
    /// With `$delivery`: if the authentication data is no object, or has such a field.
    fn connect(
        &mut self,
        auth: Option<&Self::Payload>,
        credentials: Credentials<'_>,
    ) -> Result<Option<Self::Payload>, EncodeError>;

    /// The event `["$delivery",{"sync":1}]`, which only the server's middleware answers.
    fn sync(&mut self) -> Self::Payload;

    /// Whether an answer to it is the middleware's, `[{"v":1,"ttl":600000}]`: an application may answer every event.
    fn is_middleware(&self, answer: &Self::Payload) -> bool;

    /// The last argument of an event, if it is a text shaped like an offset ([`Offset::parse`]).
    fn offset(&mut self, payload: &Self::Payload) -> Option<Offset>;

    /// A hash of what an event says, attachments included, by which the same event is known again; `without_last` leaves out
    /// its last argument.
    fn digest(&mut self, payload: &Self::Payload, without_last: bool) -> u64;

    /// Attachments of a payload.
    fn attachments(&self, payload: &Self::Payload) -> usize;

    /// Bytes of a payload with its attachments.
    fn size(&self, payload: &Self::Payload) -> usize;

    /// Bytes of the text that a payload becomes, header not counted, and of its largest attachment.
    fn largest(&self, payload: &Self::Payload) -> (usize, usize);
}

impl<C: Codec + ?Sized> fmt::Debug for Message<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Binary(_) => "Binary",
        })
    }
}

impl<C: Codec + ?Sized> fmt::Debug for Decoded<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(header, _) => write!(f, "Packet({header:?})"),
            Self::Partial(_) => f.write_str("Partial"),
        }
    }
}
