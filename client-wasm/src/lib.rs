//! Socket.IO client for the browser, in Rust: for a page, a worker, and Node.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use socketio_client_wasm::{Client, Message};
//!
//! # fn show(who: &str, text: &str) {}
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://chat.example.com").build()?; // reconnects by itself from here on
//! let chat = client.socket("/chat");
//! chat.on("message", |message: Message| {
//!     if let Ok((who, text)) = message.parse::<(String, String)>() {
//!         show(&who, &text);
//!     }
//! });
//! chat.emit("enter", &("lobby",))?; // held while offline
//! let count: u32 = chat.emit_with_ack("count", &()).timeout(Duration::from_secs(2)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The names are those of `socketio_client_native`: source that is written for it compiles here. Bounds are wider: a
//! listener need not be `Send`, so it may own an `Rc`.
//!
//! # Arguments
//!
//! In both directions `()` is no arguments, a tuple is the list of arguments, and everything else, also a `Vec` or an
//! array, is one argument; [`Arguments`] is a list whose length is known only at run time. What serialises as bytes
//! ([`Bytes`], the types of `serde_bytes`) travels as a binary attachment.
//!
//! # Callbacks
//!
//! Everything happens on the thread that built the client, inside the browser's own callbacks. Listeners are called one
//! after the other, in the order of the events, and never inside a call that the application makes: a listener may emit,
//! leave, and add or remove listeners.
//!
//! The connection is closed when the last [`Client`] and [`Socket`] is dropped. A listener that owns one keeps it open,
//! until [`Client::close`].
//!
//! # Sessions that outlive the page
//!
//! With [`ClientBuilder::recovery_store`] a page that is loaded again goes on where it was: what it missed comes once. The
//! session lies in the tab's `sessionStorage`; that of several tabs, beside their outbox, is JavaScript's alone.
//!
//! # Emits that outlive the page
//!
//! With the feature `outbox` and `ClientBuilder::outbox` emits are kept in IndexedDB until they are settled. wasm-bindgen
//! then puts a folder `snippets` beside the module, which has to be served with it.
//!
//! # What a browser cannot do
//!
//! It does not tell why a connection could not be opened, adds no headers to a WebSocket's handshake, and neither sends nor
//! shows the pings of WebSocket: over that transport [`Socket::flushed`] proves only that the browser took everything.

#[cfg(feature = "npm")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[cfg(feature = "js")]
pub mod js;
#[cfg(any(feature = "js", feature = "rust"))]
mod saved;
#[cfg(feature = "js")]
pub mod slots;

#[cfg(feature = "rust")]
mod ack;
#[cfg(feature = "rust")]
mod builder;
#[cfg(feature = "rust")]
mod channel;
#[cfg(feature = "rust")]
mod client;
#[cfg(feature = "rust")]
mod clock;
#[cfg(feature = "rust")]
mod dispatch;
#[cfg(feature = "rust")]
mod driver;
#[cfg(feature = "rust")]
mod emitter;
#[cfg(feature = "rust")]
mod fates;
#[cfg(feature = "rust")]
mod gaps;
#[cfg(feature = "rust")]
mod incoming;
#[cfg(feature = "rust")]
mod message;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "rust")]
mod page;
#[cfg(feature = "rust")]
mod recovery_store;
#[cfg(feature = "rust")]
mod socket;
#[cfg(feature = "rust")]
mod stream;
#[cfg(feature = "rust")]
mod task;
#[cfg(feature = "rust")]
mod transport;

#[cfg(feature = "rust")]
pub use self::{
    ack::EmitWithAck,
    builder::{BuildError, ClientBuilder},
    client::Client,
    emitter::Emitter,
    fates::{FateChange, Fates},
    message::{Message, Outgoing},
    recovery_store::RecoveryStore,
    socket::Socket,
    stream::Messages,
    task::{sleep, spawn},
};
#[cfg(feature = "rust")]
pub use bytes::Bytes;
#[cfg(feature = "outbox")]
pub use socketio_client_core::ClearError;
pub use socketio_client_core::{
    AckError, DecodeError, DisconnectReason, EmitError, EmitId, EncodeError, Limits, ListenerId, State,
    TransportError, TransportKind as Transport, UrlError,
};
#[cfg(feature = "rust")]
pub use socketio_client_core::{
    BufferPolicy, ClientEvent, ConnectError, Durability, Fate, FlushError, Gap, GapLevel, GapReason, Offset,
    Receipts, RecoveryDedupe,
    codec::{Arguments, Value},
};
