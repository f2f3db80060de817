//! What kind of run it is, and what happened in it.

use std::fmt;
use std::ops::AddAssign;

use socketio_client_core::{BufferPolicy, Durability};

#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether the server has the middleware, and the client asks for it.
    pub exactly_once: bool,
    pub window: u32,
    /// Whether emits are kept in a store, and the client's process is killed now and then.
    pub store: Option<Durability>,
    /// Clients that share the store, of which one leads, if there are several.
    pub clients: usize,
    /// Whether the transport answers pings.
    pub ping: bool,
    pub policy: BufferPolicy,
    /// Connections are cut once in so many milliseconds, about.
    pub cuts: u64,
    /// Time for an answer.
    pub ack_timeout: Option<u64>,
    /// The server's `pingInterval` and `pingTimeout`.
    pub heartbeat: (u64, u64),
    /// Emits in all.
    pub emits: u64,
}

impl Plan {
    pub(crate) const fn is_shared(&self) -> bool {
        self.clients > 1
    }
}

/// What happened.
#[derive(Debug, Default, Clone, Copy)]
pub struct Figures {
    /// Connections that were cut.
    pub cuts: u64,
    /// Connections that fell silent, of which nobody was told.
    pub silences: u64,
    pub processes: u64,
    /// How often a client of several got the lead.
    pub leads: u64,
    /// How often one lost it alive.
    pub resigned: u64,
    /// Emits that the server would not have taken, and that came back.
    pub too_large: u64,
    /// Volatile emits that were dropped without a word.
    pub quiet_drops: u64,
    pub emits: u64,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.silences += other.silences;
        self.processes += other.processes;
        self.leads += other.leads;
        self.resigned += other.resigned;
        self.too_large += other.too_large;
        self.quiet_drops += other.quiet_drops;
        self.emits += other.emits;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, silences, processes, leads, resigned, too_large, quiet_drops, emits } = self;
        write!(f, "{cuts} cuts, {silences} connections fell silent, {processes} processes, ")?;
        write!(f, "{leads} took the lead, {resigned} lost it alive, {emits} emits, ")?;
        write!(f, "{too_large} came back too large, {quiet_drops} dropped without a word")
    }
}
