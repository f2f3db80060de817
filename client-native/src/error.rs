//! What can go wrong above the transports.

use std::sync::Arc;

#[cfg(feature = "outbox")]
use socketio_client_core::ClearError;
use socketio_client_core::{AckError, ConnectError, EmitError, EncodeError, FlushError, UrlError};
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
    /// Both a list of servers and a function that names one.
    #[error("`urls` and `url_with` exclude each other: let the function name the servers in turn")]
    TwoSources,
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

#[cfg(feature = "outbox")]
impl From<End> for ClearError {
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
