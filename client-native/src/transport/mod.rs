//! Native transports: bytes over TCP or TLS, as HTTP requests or as a WebSocket. No protocol above that.
//!
//! One [`Connector`] dials for everything, one pooled client ([`Http`]) runs on it, and the WebSocket handshake
//! ([`ws::open`]) is one of that client's requests: TLS, proxies and headers are set up in one place only.
//! Deadlines are the caller's: every future here may be dropped at any point, which closes what it had opened.

mod connector;
mod cookies;
mod http;
mod stream;
#[cfg(feature = "rustls")]
mod tls;
pub mod ws;

pub use connector::{Connector, TlsOptions};
pub use http::Http;
pub use socketio_client_core::TransportError;
pub use stream::{BoxedIo, Io};
pub use ws::WebSocket;
