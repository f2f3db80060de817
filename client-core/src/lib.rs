//! Sans-IO core of a Socket.IO client.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;

mod acks;
mod backoff;
pub mod codec;
mod config;
pub mod engine;
mod error;
mod event;
#[cfg(feature = "json")]
mod face;
mod io;
mod manager;
mod outbox;
pub mod packet;
mod rng;
mod router;
mod socket;
mod time;

pub use codec::{Codec, Connected, Decoded, Handshake, Message};
pub use config::{Config, Limits, TransportKind};
pub use engine::url::{Address, UrlError};
pub use error::{
    AckError, ConnectFailure, DecodeError, EmitError, EncodeError, OpenError, Refused, TransportError,
};
pub use event::{AckId, AuthRequest, DisconnectReason, EmitId, Event, SocketId, State};
#[cfg(feature = "json")]
pub use face::{ClientEvent, ConnectError, FlushError};
pub use io::{Command, Frame, Input, ResolveId, TransportId};
pub use manager::Manager;
pub use router::{ListenerId, Router, Taken};
pub use socket::{Auth, EmitOptions, SocketOptions, Status};
pub use time::Instant;
