//! What the Rust faces, native and browser, tell an application in the same words.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::codec::{Json, Payload, Value};
use crate::config::TransportKind;
use crate::error::{AckError, ConnectFailure, DecodeError, EmitError, OpenError, TransportError};
use crate::event::{DisconnectReason, EmitId, Event, SocketId};
use crate::fate::Fate;

/// What happens to a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The connection is open; its namespaces are being connected to.
    Open {
        /// Over which transport.
        transport: TransportKind,
    },
    /// An attempt failed.
    OpenError(ConnectError),
    /// The connection ended.
    Close {
        /// In the JavaScript client's words.
        reason: DisconnectReason,
        /// What broke, or what the server sent that it may not; `None` if nothing did.
        error: Option<TransportError>,
    },
    /// The next attempt is planned.
    Waiting {
        /// Counted from 1 in each outage.
        attempt: u32,
        /// From now.
        delay: Duration,
    },
    /// An attempt to reconnect starts.
    ReconnectAttempt {
        /// Counted from 1 in each outage.
        attempt: u32,
        /// How long it waited.
        delay: Duration,
    },
    /// An attempt to reconnect has opened the connection.
    Reconnect {
        /// Which one.
        attempt: u32,
    },
    /// All attempts that `reconnection_attempts` allows have failed. `reconnect_now` starts again.
    ReconnectFailed,
    /// The server's heartbeat came, and was answered.
    Ping,
    /// The connection moved to a better transport.
    Upgrade(TransportKind),
    /// The better transport did not work; the connection goes on as it was.
    UpgradeError(String),
    /// An event that was accepted while offline is too large for this server. It was not sent.
    NotSent {
        /// Its ticket.
        emit: EmitId,
        /// Why.
        error: EmitError,
    },
    /// An event was not acknowledged, although `retries` had it sent again, and nobody waits for its ack. It may or may not
    /// have been handled.
    NotAcknowledged {
        /// Its ticket.
        emit: EmitId,
        /// How the last attempt ended.
        error: AckError,
    },
    /// An event that an earlier process had left in the outbox is settled (`outbox_settled`).
    OutboxSettled {
        /// Its number in the outbox: its ack id.
        seq: u64,
        /// What became of it.
        fate: Fate,
        /// What was sent: name and arguments.
        event: Payload,
        /// What the server answered.
        answer: Option<Payload>,
    },
    /// The outbox failed, or has lost something (`outbox_error`).
    OutboxError {
        /// What happened, and what to do.
        cause: String,
        /// Events of an earlier process that were found and are sent.
        kept: usize,
        /// Events that were there and cannot be read; `None` if their number is not known.
        lost: Option<u64>,
    },
    /// The server has no middleware for `exactly_once`, or it did not answer in time: a handler may see an event twice.
    DeliveryUnsupported,
    /// A listener panicked, which ended the client.
    Panicked {
        /// The panic's word.
        message: String,
    },
}

impl ClientEvent {
    /// What an event of the core says of the connection; `None` if it is for the listeners of a namespace. Acks that
    /// somebody waits for are not to be handed in.
    #[must_use]
    pub fn of(event: &Event<Json>) -> Option<Self> {
        Some(match event {
            Event::Opened { transport } => Self::Open { transport: *transport },
            Event::OpenFailed { error } => Self::OpenError(error.clone().into()),
            Event::Closed { reason, error } => Self::Close { reason: *reason, error: error.clone() },
            Event::Waiting { attempt, delay } => Self::Waiting { attempt: *attempt, delay: *delay },
            Event::ReconnectAttempt { attempt, delay } => {
                Self::ReconnectAttempt { attempt: *attempt, delay: *delay }
            }
            Event::Reconnected { attempt } => Self::Reconnect { attempt: *attempt },
            Event::ReconnectFailed => Self::ReconnectFailed,
            Event::Ping => Self::Ping,
            Event::Upgraded { transport } => Self::Upgrade(*transport),
            Event::UpgradeFailed { error } => Self::UpgradeError(error.to_string()),
            Event::NotSent { emit, error, .. } => Self::NotSent { emit: *emit, error: error.clone() },
            Event::Ack { emit, result: Err(error), .. } => {
                Self::NotAcknowledged { emit: *emit, error: error.clone() }
            }
            Event::OutboxSettled { key, fate, payload, result, .. } => {
                let (event, answer) = (payload.clone(), result.clone());
                Self::OutboxSettled { seq: *key, fate: *fate, event, answer }
            }
            Event::OutboxError { cause, kept, lost } => {
                Self::OutboxError { cause: cause.clone(), kept: *kept, lost: *lost }
            }
            Event::DeliveryUnsupported { .. } => Self::DeliveryUnsupported,
            Event::Upgrading { .. }
            | Event::Fate { .. }
            | Event::Stored { .. }
            | Event::Connected { .. }
            | Event::Gap { .. }
            | Event::ConnectError { .. }
            | Event::Disconnected { .. }
            | Event::Authenticate { .. }
            | Event::Message { .. }
            | Event::Ack { .. }
            | Event::Sent { .. }
            | Event::Flushed { .. } => return None,
        })
    }
}

/// The connection, or one namespace, could not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The last transport that was tried failed. It is tried again, unless reconnection is off.
    #[error("{transport}: {error}")]
    Transport {
        /// Which one.
        transport: TransportKind,
        /// How.
        error: TransportError,
    },
    /// No answer within `timeout`, or within `connect_timeout` for the namespace. It is tried again, unless reconnection
    /// is off.
    #[error("no answer in time")]
    Timeout,
    /// The list of transports is empty.
    #[error("no transports to choose from; give `transports` at least one")]
    NoTransports,
    /// The server refused the namespace. It is not asked again until `connect` is called.
    #[error("the server refused the namespace: {message}")]
    Refused {
        /// The server's word.
        message: String,
        /// What the server added to it.
        data: Option<Value>,
    },
    /// The namespace's name holds a comma, which ends it on the wire.
    #[error("a namespace's name cannot hold a comma; choose another")]
    InvalidNamespace,
    /// A Socket.IO server of version 2.
    #[error("the server speaks Socket.IO 2, this client 3 and later; update the server")]
    OldServer,
    /// The function given to `auth_with` gave nothing that can be sent. The namespace is not tried again until `connect`
    /// is called.
    #[error("no authentication data: {cause}")]
    Auth {
        /// What went wrong.
        cause: String,
    },
    /// All attempts that `reconnection_attempts` allows have failed.
    #[error("all attempts to reconnect have failed")]
    ReconnectFailed,
    /// The namespace is not connected, and nobody asks for that: call `connect`.
    #[error("the namespace is disconnected; call `connect`")]
    Disconnected,
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// A listener panicked, which ended the client.
    #[error("a listener panicked, which ended the client: {message}")]
    Panicked {
        /// The panic's word.
        message: String,
    },
}

impl ConnectError {
    /// What the server added to a refusal, as a type of the application's. `None` if it added nothing, or if this is no
    /// refusal.
    ///
    /// # Errors
    /// If it does not fit.
    pub fn data<T: DeserializeOwned>(&self) -> Option<Result<T, DecodeError>> {
        let Self::Refused { data: Some(data), .. } = self else { return None };
        let payload = Payload::args(&(data,)).map_err(|error| DecodeError::Type { cause: error.to_string() });
        Some(payload.and_then(|payload| payload.parse::<(T,)>().map(|(data,)| data)))
    }
}

impl From<OpenError> for ConnectError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Transport { transport, error } => Self::Transport { transport, error },
            OpenError::NoTransports => Self::NoTransports,
            OpenError::Timeout => Self::Timeout,
        }
    }
}

impl From<ConnectFailure<Payload>> for ConnectError {
    fn from(failure: ConnectFailure<Payload>) -> Self {
        match failure {
            ConnectFailure::Open(error) => error.into(),
            ConnectFailure::Refused(payload) => refused(&payload),
            ConnectFailure::NoSid => Self::OldServer,
            ConnectFailure::InvalidNamespace => Self::InvalidNamespace,
            ConnectFailure::Auth { cause } => Self::Auth { cause },
            ConnectFailure::Timeout => Self::Timeout,
        }
    }
}

/// `{"message": …, "data": …}`; anything else that a server sends is shown as it came.
fn refused(payload: &Payload) -> ConnectError {
    let mut message = None;
    let mut data = None;
    if let Ok(Value::Object(entries)) = payload.parse_value() {
        for (key, value) in entries {
            match (key.as_str(), value) {
                ("message", Value::String(text)) => message = Some(text),
                ("data", value) => data = Some(value),
                _ => {}
            }
        }
    }
    ConnectError::Refused { message: message.unwrap_or_else(|| payload.json().to_owned()), data }
}

/// How many of the next messages were missed, by namespace: [`Event::Connected`] says it before they come.
#[derive(Debug, Default)]
pub struct Replays(Vec<(SocketId, usize)>);

impl Replays {
    /// A namespace is connected.
    pub fn begin(&mut self, socket: SocketId, replayed: usize) {
        self.0.retain(|(other, _)| *other != socket);
        if replayed > 0 {
            self.0.push((socket, replayed));
        }
    }

    /// A message comes: whether it was missed.
    pub fn next(&mut self, socket: SocketId) -> bool {
        let left = self.0.iter_mut().find(|(other, left)| *other == socket && *left > 0);
        left.is_some_and(|(_, left)| {
            *left -= 1;
            true
        })
    }
}

/// Whether everything has reached the server will not be known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The connection ended before the server confirmed what was sent, or the last attempt was not answered: it may or may
    /// not have arrived.
    #[error("the server did not confirm all that was sent; it may or may not have arrived")]
    Uncertain,
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// A listener panicked, which ended the client.
    #[error("a listener panicked, which ended the client: {message}")]
    Panicked {
        /// The panic's word.
        message: String,
    },
}

/// The outbox was not emptied: what is stored may still be there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClearError {
    /// The store could not do it.
    #[error("the outbox was not emptied: {cause}")]
    Storage {
        /// What went wrong.
        cause: String,
    },
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// A listener panicked, which ended the client.
    #[error("a listener panicked, which ended the client: {message}")]
    Panicked {
        /// The panic's word.
        message: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;

    #[test]
    fn as_many_as_were_missed_of_each_namespace() {
        let (one, other) = (SocketId(0), SocketId(1));
        let mut replays = Replays::default();
        replays.begin(one, 2);
        replays.begin(other, 1);
        assert_eq!(
            [one, one, one, other, other].map(|of| replays.next(of)),
            [true, true, false, true, false]
        );
        // The next connection's, whatever is left of the last one's.
        replays.begin(one, 2);
        replays.begin(one, 1);
        assert_eq!([one, one].map(|of| replays.next(of)), [true, false]);
        replays.begin(one, 1);
        replays.begin(one, 0);
        assert!(!replays.next(one));
    }

    #[test]
    fn a_refusal_says_why() {
        let error = refused(&Payload::object(&BTreeMap::from([("message", "no")])).unwrap());
        assert_eq!(error.to_string(), "the server refused the namespace: no");
        assert_eq!(error.data::<u8>(), None);

        let error = refused(&Payload::object(&BTreeMap::from([("data", Vec::from([1, 2]))])).unwrap());
        assert_eq!(error.to_string(), r#"the server refused the namespace: {"data":[1,2]}"#);
        assert_eq!(error.data::<(u8, u8)>(), Some(Ok((1, 2))));
        assert!(matches!(error.data::<String>(), Some(Err(_))));
    }
}
