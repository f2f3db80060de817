//! What the Rust faces, native and browser, tell an application in the same words.

use alloc::string::{String, ToString};
use core::fmt;
use core::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::codec::{Json, Payload};
use crate::config::TransportKind;
use crate::error::{ConnectFailure, DecodeError, OpenError};
use crate::event::{DisconnectReason, Event};

/// What happens to the connection itself, below all namespaces.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// A session with the server is open. Namespaces are connected to next.
    Open {
        /// What carries it.
        transport: TransportKind,
    },
    /// An attempt failed. `Waiting` or `ReconnectFailed` follows, unless reconnection is off.
    OpenError(ConnectError),
    /// The session ended.
    Close(DisconnectReason),
    /// The next attempt starts after `delay`.
    Waiting {
        /// Counted from 1 in each outage.
        attempt: u32,
        /// From now.
        delay: Duration,
    },
    /// The attempt starts now.
    ReconnectAttempt {
        /// Counted from 1 in each outage.
        attempt: u32,
        /// How long it waited.
        delay: Duration,
    },
    /// The attempt opened a session.
    Reconnect {
        /// Which one did.
        attempt: u32,
    },
    /// The limit of attempts is reached; nothing happens until `connect` or `reconnect_now` is called.
    ReconnectFailed,
    /// The server's heartbeat came and was answered.
    Ping,
    /// The session moved to a better transport.
    Upgrade(TransportKind),
    /// The better transport did not work, for this reason; the session goes on over the one that it has.
    UpgradeError(String),
}

impl ClientEvent {
    /// Takes the events of the connection; those of a namespace are handed back.
    ///
    /// # Errors
    /// With the event, if it belongs to a namespace.
    pub fn of(event: Event<Json>) -> Result<Self, Event<Json>> {
        Ok(match event {
            Event::Opened { transport } => Self::Open { transport },
            Event::OpenFailed { error } => Self::OpenError(ConnectError::Open(error)),
            Event::Closed { reason, .. } => Self::Close(reason),
            Event::Waiting { attempt, delay } => Self::Waiting { attempt, delay },
            Event::ReconnectAttempt { attempt, delay } => Self::ReconnectAttempt { attempt, delay },
            Event::Reconnected { attempt } => Self::Reconnect { attempt },
            Event::ReconnectFailed => Self::ReconnectFailed,
            Event::Ping => Self::Ping,
            Event::Upgraded { transport } => Self::Upgrade(transport),
            Event::UpgradeFailed { error } => Self::UpgradeError(error.to_string()),
            event => return Err(event),
        })
    }
}

/// A namespace is not connected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The connection itself could not be opened. It is tried again, unless reconnection is off.
    #[error(transparent)]
    Open(OpenError),
    /// The server refused the namespace, and is not asked again until `connect` is called.
    #[error("{0}")]
    Refused(Refusal),
    /// The server did not answer in time. A late answer still connects.
    #[error("the server did not answer the connection to the namespace in time")]
    Timeout,
    /// A Socket.IO server of version 2.
    #[error(
        "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible"
    )]
    NoSid,
    /// The authentication data could not be obtained or serialised. Not tried again until `connect` is called.
    #[error("no authentication data: {cause}")]
    Auth {
        /// Why.
        cause: String,
    },
    /// Nobody asks for the namespace: it was left, or the client was closed.
    #[error("the namespace was left, or the client was closed")]
    Closed,
}

impl From<ConnectFailure<Payload>> for ConnectError {
    fn from(failure: ConnectFailure<Payload>) -> Self {
        match failure {
            ConnectFailure::Open(error) => Self::Open(error),
            ConnectFailure::Refused(payload) => Self::Refused(Refusal::new(payload)),
            ConnectFailure::Timeout => Self::Timeout,
            ConnectFailure::NoSid => Self::NoSid,
            ConnectFailure::Auth { cause } => Self::Auth { cause },
        }
    }
}

/// Why a server refused a namespace: what its middleware gave to `next(error)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    message: String,
    payload: Payload,
}

impl Refusal {
    fn new(payload: Payload) -> Self {
        #[derive(Deserialize)]
        struct Said {
            message: String,
        }
        let message = payload
            .parse_value::<Said>()
            .map(|said| said.message)
            // Servers of version 2 send a text.
            .or_else(|_| payload.parse_value::<String>())
            .unwrap_or_else(|_| "the server refused the namespace".to_string());
        Self { message, payload }
    }

    /// The error's `message`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error's `data`.
    ///
    /// # Errors
    /// If there is none, or it does not fit the type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        #[derive(Deserialize)]
        struct With<T> {
            data: T,
        }
        self.payload.parse_value::<With<T>>().map(|with| with.data)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// It is not known whether all that was emitted has reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The connection ended first.
    #[error("the connection ended before the server had confirmed everything")]
    Uncertain,
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
}
