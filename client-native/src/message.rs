//! Events that came, and packets that left.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde::Serialize;
use serde::de::Deserialize;
use socketio_client_core::codec::Payload;
use socketio_client_core::{AckId, DecodeError, EmitError};

use crate::shared::Shared;

/// An event from the server. Clones share everything.
///
/// A message is no handle: keeping one does not keep the connection open.
#[derive(Clone)]
pub struct Message {
    payload: Payload,
    answer: Option<Arc<Answer>>,
    replayed: bool,
}

/// The right to answer one event, once.
struct Answer {
    shared: Arc<Shared>,
    id: AckId,
    used: AtomicBool,
}

impl Message {
    pub(crate) fn new(payload: Payload, ack: Option<AckId>, replayed: bool, shared: &Arc<Shared>) -> Self {
        let answer =
            ack.map(|id| Arc::new(Answer { shared: Arc::clone(shared), id, used: AtomicBool::new(false) }));
        Self { payload, answer, replayed }
    }

    /// Bytes that it holds.
    pub(crate) fn size(&self) -> usize {
        self.payload.size()
    }

    /// The event's name.
    #[must_use]
    pub fn event(&self) -> &str {
        self.payload.event_name()
    }

    /// The arguments: `()` for none, a tuple for several, any other type for the first. Further arguments are ignored;
    /// missing ones can be read as `Option`.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) {
    /// socket.on("message", |message| match message.parse::<(String, String)>() {
    ///     Ok((who, text)) => println!("{who}: {text}"),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the arguments do not fit the type.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        self.payload.parse()
    }

    /// The arguments as JSON texts between commas, with placeholders for attachments.
    #[must_use]
    pub fn args_json(&self) -> &str {
        self.payload.args_json()
    }

    /// The binary attachments, in the order of their numbers. No copies.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.payload.attachments()
    }

    /// Whether it was missed, and came when the session was resumed.
    #[must_use]
    pub const fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// Whether the server waits for an answer.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.answer.is_some()
    }

    /// Answers. Only the first answer counts.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) {
    /// socket.on("ping", |message| {
    ///     let _ = message.ack(&("pong",));
    /// });
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EmitError::NoAckWanted`] if the server asked for none, [`EmitError::AlreadyAcknowledged`] if it was answered
    /// before, [`EmitError::Stale`] if the connection on which the event came has ended, and those of
    /// [`Socket::emit`](crate::Socket::emit). The event can be answered again after [`EmitError::BufferFull`],
    /// [`EmitError::TooLarge`], [`EmitError::TooManyAttachments`] and [`EmitError::Encode`].
    pub fn ack<A: Serialize + ?Sized>(&self, args: &A) -> Result<(), EmitError> {
        let Some(answer) = &self.answer else { return Err(EmitError::NoAckWanted) };
        let payload = Payload::args(args)?;
        if answer.used.swap(true, Ordering::AcqRel) {
            return Err(EmitError::AlreadyAcknowledged);
        }
        let sent = answer.shared.ack(answer.id, payload);
        if sent.is_err() {
            answer.used.store(false, Ordering::Release);
        }
        sent
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("json", &self.payload.json())
            .field("attachments", &self.payload.attachments().len())
            .field("wants_ack", &self.wants_ack())
            .finish()
    }
}

/// An event that was handed to the transport.
#[derive(Clone)]
pub struct Outgoing(pub(crate) Payload);

impl Outgoing {
    /// The event of a stored record.
    ///
    /// # Errors
    /// If it is none: then another program has written it.
    #[cfg(feature = "outbox")]
    pub fn from_record(record: &crate::store::Record) -> Result<Self, DecodeError> {
        crate::outbox::event(record).map(Self)
    }

    /// The event's name.
    #[must_use]
    pub fn event(&self) -> &str {
        self.0.event_name()
    }

    /// The arguments; see [`Message::parse`].
    ///
    /// # Errors
    /// If the arguments do not fit the type.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        self.0.parse()
    }

    /// The arguments as JSON texts between commas, with placeholders for attachments.
    #[must_use]
    pub fn args_json(&self) -> &str {
        self.0.args_json()
    }

    /// The binary attachments, in the order of their numbers. No copies.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.0.attachments()
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("json", &self.0.json())
            .field("attachments", &self.0.attachments().len())
            .finish()
    }
}
