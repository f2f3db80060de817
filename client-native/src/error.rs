//! What can go wrong above the transports.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use socketio_client_core::codec::{Payload, Value};
use socketio_client_core::{
    AckError, ConnectFailure, DecodeError, EmitError, EncodeError, OpenError, TransportError,
    TransportKind as Transport, UrlError,
};
use thiserror::Error;

/// A client could not be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// `build` was called outside a tokio runtime.
    #[error("no tokio runtime here; call `build` inside one, for example under `#[tokio::main]`")]
    NoRuntime,
    /// The runtime has no timers.
    #[error("the tokio runtime has no timers; build it with `enable_all`")]
    NoTimers,
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The value given to `auth` cannot be sent.
    #[error("authentication data: {0}")]
    Auth(#[from] EncodeError),
}

/// The connection, or one namespace, could not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The last transport that was tried failed. It is tried again, unless reconnection is off.
    #[error("{transport}: {error}")]
    Transport {
        /// Which one.
        transport: Transport,
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
            // Whatever the core adds is reported as what it resembles most.
            OpenError::Timeout | _ => Self::Timeout,
        }
    }
}

impl From<ConnectFailure<Payload>> for ConnectError {
    fn from(failure: ConnectFailure<Payload>) -> Self {
        match failure {
            ConnectFailure::Open(error) => error.into(),
            ConnectFailure::Refused(payload) => refused(&payload),
            ConnectFailure::NoSid => Self::OldServer,
            ConnectFailure::Auth { cause } => Self::Auth { cause },
            ConnectFailure::Timeout | _ => Self::Timeout,
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

/// Whether everything has reached the server will not be known.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The connection ended before the server confirmed what was sent: it may or may not have arrived.
    #[error("the connection ended before the server confirmed what was sent")]
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

/// Why a client does nothing any more. What waits for it is told by the error of its kind.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// The last handle was dropped, or the runtime has shut down.
    Closed,
    Panicked(Arc<str>),
}

impl From<End> for ConnectError {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            End::Panicked(message) => Self::Panicked { message: message.as_ref().into() },
        }
    }
}

impl From<End> for FlushError {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            End::Panicked(message) => Self::Panicked { message: message.as_ref().into() },
        }
    }
}

impl From<End> for EmitError {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            End::Panicked(message) => Self::Panicked { message: message.as_ref().into() },
        }
    }
}

impl From<End> for AckError {
    fn from(end: End) -> Self {
        match end {
            End::Closed => Self::Closed,
            End::Panicked(message) => Self::Panicked { message: message.as_ref().into() },
        }
    }
}
