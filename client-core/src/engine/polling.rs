//! Long-polling: at most one GET and one POST at a time.

use crate::io::TransportId;

/// Whose turn it is. The server ends a session that sends a second GET or POST while the first is unanswered.
#[derive(Debug)]
pub(crate) struct Polling {
    pub(crate) transport: TransportId,
    pub(crate) getting: bool,
    pub(crate) posting: bool,
}

impl Polling {
    pub(crate) const fn new(transport: TransportId) -> Self {
        Self { transport, getting: false, posting: false }
    }
}

/// An upper bound for the bytes that a packet adds to a polling body: base64 is a third longer, and header, separators
/// and type digits take their share.
pub(crate) const fn body_size(payload: usize, attachments: usize, namespace: usize) -> usize {
    payload.saturating_add(payload / 3).saturating_add(namespace).saturating_add(8 * (attachments + 1) + 32)
}
