//! Sans-IO core of a Socket.IO client.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;

mod backoff;
pub mod codec;
mod config;
pub mod engine;
mod error;
mod event;
mod io;
pub mod packet;
mod rng;
mod time;

pub use codec::{Codec, Connected, Decoded, Handshake, Message};
pub use config::{Config, Limits, TransportKind};
pub use engine::url::{Address, UrlError};
pub use error::{
    AckError, ConnectFailure, DecodeError, EmitError, EncodeError, OpenError, Refused, TransportError,
};
pub use event::{AckId, AuthRequest, DisconnectReason, EmitId, Event, SocketId, State};
pub use io::{Command, Frame, Input, ResolveId, TransportId};
pub use time::Instant;
