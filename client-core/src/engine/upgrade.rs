//! Moving a polling session to WebSocket, with a probe first.
//!
//! Source: Engine.IO protocol, revision 4, "Upgrade".

use crate::io::TransportId;
use crate::time::Instant;

/// The session goes on over polling until the very end, so a probe that fails costs nothing.
#[derive(Debug)]
pub(crate) enum Upgrade {
    /// None is under way.
    None,
    /// The WebSocket is being opened, or its `2probe` is unanswered.
    Probing { transport: TransportId, deadline: Instant, step: Probe },
    /// The server has answered the probe. No further GET is sent; once nothing is in flight, the session moves.
    Pausing { transport: TransportId, deadline: Instant },
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    Opening,
    Opened,
    Sent,
}

/// Whether the session has moved from polling to a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    No,
    /// Nothing has come there yet. A server that had given the upgrade up by then, as after a sleep of ours, has the session
    /// where it was, and closes the WebSocket.
    Unanswered,
    /// The server knows.
    Yes,
}

impl Upgrade {
    pub(crate) const fn transport(&self) -> Option<TransportId> {
        match self {
            Self::None => None,
            Self::Probing { transport, .. } | Self::Pausing { transport, .. } => Some(*transport),
        }
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::None => None,
            Self::Probing { deadline, .. } | Self::Pausing { deadline, .. } => Some(*deadline),
        }
    }

    pub(crate) const fn is_pausing(&self) -> bool {
        matches!(self, Self::Pausing { .. })
    }

    pub(crate) fn opened(&mut self) {
        if let Self::Probing { step, .. } = self
            && *step == Probe::Opening
        {
            *step = Probe::Opened;
        }
    }

    /// Whether `2probe` is to be sent now; at most once.
    pub(crate) fn take_probe(&mut self) -> bool {
        match self {
            Self::Probing { step, .. } if *step == Probe::Opened => {
                *step = Probe::Sent;
                true
            }
            _ => false,
        }
    }
}
