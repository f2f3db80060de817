//! Socket.IO client: the wasm shell.
