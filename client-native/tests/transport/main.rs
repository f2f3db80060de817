//! The native transports against servers that are written out byte by byte, over pipes in memory.
//!
//! All but real sockets runs in paused time under a deadline of one virtual minute, so a hang fails at once.

mod http;
mod support;
mod tcp;
#[cfg(feature = "rustls")]
mod tls;
mod ws;
