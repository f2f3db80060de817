//! An event from the server, and one on its way to it.

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use socketio_client_core::codec::Payload;
use socketio_client_core::{AckId, DecodeError, EmitError};

use crate::driver::Shared;

/// An event that the server sent. A clone is the same event: it can be acknowledged once.
#[derive(Clone)]
pub struct Message {
    payload: Payload,
    ack: Option<Rc<Answer>>,
    replayed: bool,
    shared: Weak<Shared>,
}

struct Answer {
    id: AckId,
    given: Cell<bool>,
}

impl Message {
    pub(crate) fn new(payload: Payload, ack: Option<AckId>, replayed: bool, shared: Weak<Shared>) -> Self {
        let ack = ack.map(|id| Rc::new(Answer { id, given: Cell::new(false) }));
        Self { payload, ack, replayed, shared }
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
    /// # Errors
    /// [`DecodeError::Type`] if they do not fit.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        self.payload.parse()
    }

    /// The arguments as JSON texts between commas, with placeholders for attachments.
    #[must_use]
    pub fn args_json(&self) -> &str {
        self.payload.args_json()
    }

    /// The binary attachments.
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
        self.ack.is_some()
    }

    /// Answers the event. Arguments as in [`Socket::emit`](crate::Socket::emit).
    ///
    /// # Errors
    /// If the server asked for none, has got it already, or the connection on which the event came has ended; or if the
    /// arguments cannot be sent.
    pub fn ack<A: Serialize + ?Sized>(&self, args: &A) -> Result<(), EmitError> {
        let ack = self.ack.as_ref().ok_or(EmitError::NoAckWanted)?;
        if ack.given.get() {
            return Err(EmitError::AlreadyAcknowledged);
        }
        let payload = Payload::args(args)?;
        let shared = self.shared.upgrade().ok_or(EmitError::Closed)?;
        shared.call(|inner, now| inner.manager.ack(ack.id, payload, now)).map_err(|refused| refused.error)?;
        ack.given.set(true);
        Ok(())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("payload", &self.payload)
            .field("wants_ack", &self.wants_ack())
            .finish_non_exhaustive()
    }
}

/// An event of ours: handed to the transport just now, or given back because it was never sent.
#[derive(Clone, Debug)]
pub struct Outgoing(Payload);

impl Outgoing {
    pub(crate) fn new(payload: Payload) -> Self {
        Self(payload)
    }

    /// Bytes that it holds.
    pub(crate) fn size(&self) -> usize {
        self.0.size()
    }

    /// The event's name.
    #[must_use]
    pub fn event(&self) -> &str {
        self.0.event_name()
    }

    /// The arguments, as by [`Message::parse`].
    ///
    /// # Errors
    /// [`DecodeError::Type`] if they do not fit.
    pub fn parse<'de, T: Deserialize<'de>>(&'de self) -> Result<T, DecodeError> {
        self.0.parse()
    }

    /// The arguments as JSON texts between commas, with placeholders for attachments.
    #[must_use]
    pub fn args_json(&self) -> &str {
        self.0.args_json()
    }

    /// The binary attachments.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.0.attachments()
    }
}
