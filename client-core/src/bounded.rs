//! Events that wait for the core itself, bounded.

use alloc::collections::VecDeque;

use crate::config::Config;

/// Events with what is needed to answer them.
pub(crate) struct Bounded<P, A> {
    pub(crate) events: VecDeque<(P, A)>,
    pub(crate) bytes: usize,
}

impl<P, A> Default for Bounded<P, A> {
    fn default() -> Self {
        Self { events: VecDeque::new(), bytes: 0 }
    }
}

impl<P, A> Bounded<P, A> {
    /// False if there are more than may be held.
    pub(crate) fn push(&mut self, payload: P, ack: A, size: usize, config: &Config) -> bool {
        self.bytes = self.bytes.saturating_add(size);
        let (events, bytes) = bounds(config);
        if self.events.len() >= events || self.bytes > bytes {
            return false;
        }
        self.events.push_back((payload, ack));
        true
    }

    /// All of them, in order.
    pub(crate) fn into_events(self) -> VecDeque<(P, A)> {
        self.events
    }
}

/// How many of them may wait, and of how many bytes. The application may have no bound for itself; the peer always has one.
pub(crate) fn bounds(config: &Config) -> (usize, usize) {
    let limits = &config.limits;
    (config.buffer_size.min(limits.packets), config.buffer_bytes.min(limits.attachment_bytes))
}
