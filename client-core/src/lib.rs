//! Sans-IO core of a Socket.IO client: Engine.IO 4 and Socket.IO 5, complete, without sockets, clock, threads or
//! randomness of its own.
//!
//! A [`Manager`] is one connection with its namespaces. Wishes of the application, [`Input`] from the world and the time
//! go in; [`Command`]s, [`Frame`]s and [`Event`]s come out of queues. A shell opens the transports, moves the messages,
//! tells the time and calls the application. The same inputs give the same outputs, always.
//!
//! ```
//! use socketio_client_core::codec::{Json, Payload};
//! use socketio_client_core::{Command, Config, EmitOptions, Event, Frame, Input, Instant, Manager, Message, SocketOptions};
//!
//! let now = Instant::from_millis(0);
//! let mut manager = Manager::new(Json, Config::new("http://localhost:3000")?, 42);
//! let socket = manager.socket("/", SocketOptions::default());
//! manager.connect(socket, now);
//! manager.emit(socket, Payload::event("hello", "world")?, EmitOptions::default(), now)?;
//!
//! let Some(Command::Open { transport, url }) = manager.poll_command() else { panic!() };
//! assert_eq!(url, "ws://localhost:3000/socket.io/?EIO=4&transport=websocket");
//! manager.handle_input(Input::Opened { transport }, now);
//! for text in [r#"0{"sid":"E","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#, r#"40{"sid":"S"}"#] {
//!     manager.handle_input(Input::Message { transport, message: Message::Text(text.into()) }, now);
//!     while let Some(Frame::Message(Message::Text(text))) = manager.poll_message(transport) {
//!         assert!(["40", r#"42["hello","world"]"#].contains(&&*text));
//!     }
//! }
//! assert!(matches!(manager.poll_event(), Some(Event::Opened { .. })));
//! assert!(matches!(manager.poll_event(), Some(Event::Connected { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;

#[macro_use]
mod fault;

mod acks;
mod backoff;
mod bounded;
pub mod codec;
mod config;
pub mod engine;
mod error;
mod event;
#[cfg(feature = "json")]
mod face;
mod fate;
mod gap;
mod held;
mod io;
mod known;
mod manager;
mod offset;
mod outbox;
pub mod packet;
mod queue;
mod record;
mod recovery;
mod retries;
mod retry_after;
mod rng;
mod router;
mod saved;
mod setters;
mod socket;
mod sparse;
mod store;
mod sync;
mod time;

pub use codec::{Codec, Connected, Credentials, Decoded, Handshake, Message};
pub use config::{BufferPolicy, Config, Limits, Receipts, RecoveryDedupe, TransportKind};
pub use engine::url::{Address, UrlError};
pub use error::{
    AckError, ConnectFailure, DecodeError, EmitError, EncodeError, OpenError, Refused, TransportError,
};
pub use event::{AckId, AuthRequest, DisconnectReason, EmitId, Event, Flush, ResyncId, SocketId, State};
#[cfg(feature = "json")]
#[doc(hidden)]
pub use face::Replays;
#[cfg(feature = "json")]
pub use face::{ClearError, ClientEvent, ConnectError, FlushError};
pub use fate::Fate;
#[cfg(socketio_faults)]
pub use fault::Fault;
pub use gap::{Gap, GapLevel, GapReason};
pub use held::{HeldEvents, Places};
pub use io::{Command, Frame, Input, ResolveId, TransportId};
#[doc(hidden)]
pub use manager::{Bounded, Holding};
pub use manager::{Manager, Restored, RestoredEmit};
pub use offset::{Offset, Shape};
pub use record::{Record, RecordError};
pub use retry_after::retry_after;
pub use router::{ListenerId, Router, Taken};
pub use saved::{Carrier, Marks, Saved, SavedLink, SavedSession};
pub use socket::{Auth, Delivery, Durability, EmitOptions, SocketOptions, Status};
pub use time::Instant;
