//! Long-polling: at most one GET and one POST at a time.

use crate::config::Config;
use crate::io::TransportId;
use crate::time::{Instant, earliest};

/// Whose turn it is. The server ends a session that sends a second GET or POST while the first is unanswered.
#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) transport: TransportId,
    /// Until when the GET that is in flight may take.
    pub(crate) getting: Option<Instant>,
    /// The same of the POST.
    pub(crate) posting: Option<Instant>,
}

impl Polling {
    pub(crate) const fn new(transport: TransportId) -> Self {
        Self { transport, getting: None, posting: None }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.getting.is_none() && self.posting.is_none()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        earliest(self.getting, self.posting)
    }
}

/// Until when a request may take that leaves now.
pub(crate) fn request_deadline(config: &Config, now: Instant) -> Instant {
    config.request_timeout.map_or(Instant::NEVER, |timeout| now + timeout)
}

/// An upper bound for the bytes that a packet adds to a polling body: base64 is a third longer, and header, separators
/// and type digits take their share.
pub(crate) const fn body_size(payload: usize, attachments: usize, namespace: usize) -> usize {
    if attachments == 0 {
        // A separator, two type digits, a comma behind the namespace, and an ack's 20 digits.
        return payload.saturating_add(namespace).saturating_add(24);
    }
    payload.saturating_add(payload / 3).saturating_add(namespace).saturating_add(8 * (attachments + 1) + 32)
}
