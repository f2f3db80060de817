//! What is told when events may be missing.

use core::fmt;
use core::time::Duration;

use crate::offset::Offset;

/// Why events may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The server offers no recovery (`connectionStateRecovery`).
    NoneOffered,
    /// No event had come with an offset, so there was nothing to resume from. An event to everybody once in a while helps.
    NoOffset,
    /// The server had not noticed that the connection was gone, and could not be told. A short `pingTimeout` helps.
    ServerNotNoticed,
    /// The server does not know the session: it has expired, its events were pruned, or the server was restarted.
    UnknownSession,
    /// One side left the namespace, which ends a session.
    NamespaceDisconnect,
    /// Another server answered, which keeps events of its own.
    NewNode,
    /// More events came than may be held.
    Overflow,
    /// The session was resumed in a cluster, whose seams may swallow an event.
    Seam,
    /// What an earlier process or page had stored of its session could not be used.
    Storage,
}

impl GapReason {
    /// Its name in JavaScript and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoneOffered => "none-offered",
            Self::NoOffset => "no-offset",
            Self::ServerNotNoticed => "server-not-noticed",
            Self::UnknownSession => "unknown-session",
            Self::NamespaceDisconnect => "namespace-disconnect",
            Self::NewNode => "new-node",
            Self::Overflow => "overflow",
            Self::Seam => "seam",
            Self::Storage => "storage",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A namespace is connected again, and events may be missing between then and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Whether the server resumed the session and sent what it had kept.
    pub recovered: bool,
    /// Whether it is certain that nothing is missing. Never with what is told; [`GapReason::Seam`] says why not.
    pub exact: bool,
    /// Why events may be missing.
    pub reason: GapReason,
    /// Unix time of the last packet of the connection before.
    pub since: Duration,
    /// Unix time at which the namespace was connected again.
    pub until: Duration,
    /// What lies between.
    pub outage: Duration,
    /// The last known place in the server's events.
    pub last_offset: Option<Offset>,
    /// Unix time of the last event of this namespace.
    pub last_event_at: Option<Duration>,
    /// How many are missing, where that is known. Never guessed.
    pub possibly_missed: Option<u64>,
    /// Whether the server had noticed the end of the connection before it was asked to resume the session.
    pub server_knew: bool,
}

impl Gap {
    /// More events came than wait for a listener: the oldest that was thrown away came at a Unix time.
    pub(crate) const fn overflow(since: Duration, until: Duration, recovered: bool) -> Self {
        Self {
            recovered,
            exact: false,
            reason: GapReason::Overflow,
            since,
            until,
            outage: Duration::ZERO,
            last_offset: None,
            last_event_at: Some(until),
            possibly_missed: None,
            server_knew: true,
        }
    }
}

/// Which gaps are told (`gap`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapLevel {
    /// Those in which events are missing for all that is known (`"likely"`).
    #[default]
    Likely,
    /// [`GapReason::Seam`] too, which comes with each recovery in a cluster (`"all"`).
    All,
}
