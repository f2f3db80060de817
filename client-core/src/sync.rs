//! The question to the server's middleware whether it is there, and has everything: one namespace's part.

use crate::time::Instant;

/// With `exactly_once`, the first packet of each connection asks it, and later ones when it matters. At most one question
/// is open.
#[derive(Debug, Default)]
pub(crate) enum Sync {
    /// The namespace is not connected, or does without.
    #[default]
    Off,
    /// It is in the engine's queue. Whether the middleware has answered before, and is now asked whether the connection
    /// lives.
    Queued { probe: bool },
    /// Sent under this ack id.
    Asked { id: u64, deadline: Instant, probe: bool },
    /// The middleware has answered.
    Answered,
    /// It has not.
    Unsupported,
}

impl Sync {
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Asked { deadline, .. } => Some(*deadline),
            Self::Off | Self::Queued { .. } | Self::Answered | Self::Unsupported => None,
        }
    }

    /// Whether the server may have the middleware, as far as is known.
    pub(crate) const fn is_hoped_for(&self) -> bool {
        !matches!(self, Self::Off | Self::Unsupported)
    }
}
