//! Socket.IO client: the native shell.

#[doc(hidden)]
pub mod transport;
