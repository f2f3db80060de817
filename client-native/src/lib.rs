//! Socket.IO client for tokio.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use socketio_client_native::{Client, Message};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://chat.example.com").build()?; // reconnects by itself from here on
//! let chat = client.socket("/chat");
//! chat.on("message", |message: Message| {
//!     if let Ok((who, text)) = message.parse::<(String, String)>() {
//!         println!("{who}: {text}");
//!     }
//! });
//! chat.emit("enter", &("lobby",))?; // held while offline
//! let count: u32 = chat.emit_with_ack("count", &()).timeout(Duration::from_secs(2)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Arguments
//!
//! In both directions `()` is no arguments, a tuple is the list of arguments, and everything else, also a `Vec` or an
//! array, is one argument; [`Arguments`] is a list whose length is known only at run time. What serialises as bytes
//! ([`Bytes`], the types of `serde_bytes`) travels as a binary attachment.
//!
//! # What a cut does not lose
//!
//! Where the server has `connectionStateRecovery`, events that were missed come right after the reconnection, once, and
//! [`Socket::recovered`] is true. With [`ClientBuilder::retries`] an emit is sent again until the server's handler has
//! answered it:
//!
//! ```no_run
//! # use std::time::Duration;
//! # use socketio_client_native::Client;
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://shop.example.com")
//!     .retries(Some(3))
//!     .ack_timeout(Some(Duration::from_secs(5)))
//!     .build()?;
//! client.socket("/orders").emit("order", &("tea", 2))?; // in order, at least once, unless four attempts fail
//! # Ok(())
//! # }
//! ```
//!
//! # Tasks
//!
//! Each client has two tasks on the runtime that it was built on. The *driver* owns the connection. The *dispatcher* calls
//! listeners, one after the other, in the order of the events, and no lock is held meanwhile: a listener may emit, leave,
//! and add or remove listeners. A slow listener delays the events behind it, but not the heartbeat: a multi-thread runtime
//! calls listeners on the threads that it has for what blocks (`spawn_blocking`), and needs one to spare for each client whose
//! listeners block, and one for what writes a recovery store. Events that wait for
//! a listener are bounded (4,096, or 16 MiB); beyond that the client stops reading, and the server is held back.
//!
//! The connection is closed when the last [`Client`] and [`Socket`] is dropped. A listener that owns one keeps it open,
//! until [`Client::close`].

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod ack;
mod auth;
mod builder;
mod client;
mod clock;
mod cursor;
mod dispatcher;
mod driver;
mod emitter;
mod error;
mod fates;
mod feed;
mod gaps;
mod links;
mod listeners;
mod message;
#[cfg(feature = "outbox")]
mod outbox;
mod provider;
mod queue;
mod recovery_store;
mod requests;
mod shared;
mod socket;
#[cfg(feature = "outbox")]
pub mod store;
mod stream;
mod sync;
#[doc(hidden)]
pub mod transport;
mod waiters;

use std::future::Future;
use std::time::Duration;

pub use ack::EmitWithAck;
pub use builder::ClientBuilder;
pub use bytes::Bytes;
pub use client::Client;
pub use emitter::Emitter;
pub use error::BuildError;
pub use fates::{FateChange, Fates};
pub use message::{Message, Outgoing};
pub use socket::Socket;
#[cfg(feature = "outbox")]
pub use socketio_client_core::ClearError;
pub use socketio_client_core::codec::{Arguments, Value};
pub use socketio_client_core::{
    AckError, BufferPolicy, ClientEvent, ConnectError, DecodeError, DisconnectReason, Durability, EmitError,
    EmitId, EncodeError, Fate, FlushError, Gap, GapLevel, GapReason, Limits, ListenerId, Offset, Receipts,
    RecoveryDedupe, State, TransportError, TransportKind as Transport, UrlError,
};
pub use stream::Messages;
pub use transport::{BoxedIo, Connector, TlsOptions};

/// Runs a future in the background. The same call exists in the browser, so that one source compiles for both.
///
/// # Panics
/// Outside a tokio runtime.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

/// Waits. The same call exists in the browser, so that one source compiles for both.
pub fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
    tokio::time::sleep(duration)
}
