//! Socket.IO client: the native shell.
