//! Sessions that outlive a process or a page, and what a shell stores of them.

use alloc::string::String;
use core::time::Duration;

use crate::offset::Offset;

/// What another process or page needs to take up a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSession {
    /// The server's private name for the session.
    pub pid: String,
    /// Where in the server's events to go on.
    pub offset: Option<Offset>,
    /// Whether it was resumed before. A server that keeps events in memory lets it be resumed twice, and the second time
    /// too early makes a connection that hears nothing.
    pub claimed: bool,
    /// Unix time of the last packet.
    pub heard: Duration,
    /// The connection that it had.
    pub link: SavedLink,
}

/// What is to be stored of a namespace's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Another process or page may take it up once this one is gone.
    Session(SavedSession),
    /// It is being resumed, and nobody else may. Whoever comes next has missed something.
    Claimed,
    /// There is none.
    Left,
}

/// A connection that another process or page had, which the server may not know to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedLink {
    /// The Engine.IO session's id.
    pub sid: String,
    /// What carried it.
    pub carrier: Carrier,
    /// Unix time at which the server finds out by itself at the latest.
    pub noticed_by: Duration,
}

/// What carried an Engine.IO session, which decides how the server can be told that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A WebSocket from the beginning: another one takes its place.
    WebSocket,
    /// A WebSocket to which it had moved: it cannot move again.
    Upgraded,
    /// Polling: a close packet ends it. Also a WebSocket to which it was to move, while the server has not shown that it did.
    Polling,
}
