//! What the application hears, and whether it may.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use socketio_client_core::codec::Json;
use socketio_client_core::{EmitId, Event, Fate, SocketId};

/// What was promised for an emit.
pub(super) enum Promise {
    /// One [`Event::Ack`].
    Ack,
    /// The same, or none: it was dropped without a word.
    Perhaps,
    /// At most one [`Event::NotSent`].
    Nothing,
}

#[derive(Default)]
pub(super) struct Judge {
    /// Emits that have not settled.
    pub(super) open: BTreeMap<(SocketId, EmitId), Promise>,
    pub(super) connected: BTreeSet<SocketId>,
    /// Namespaces whose events may wait, and be told later.
    pub(super) resyncing: BTreeSet<SocketId>,
    pub(super) flushes: BTreeSet<(SocketId, EmitId)>,
    fates: BTreeMap<(SocketId, EmitId), Fate>,
    /// Messages that must come next, and of which namespace.
    replayed: Option<(SocketId, usize)>,
    /// Stored emits of an earlier process that have no end yet.
    pub(super) restored: BTreeSet<u64>,
}

/// Ten times [`Config::reconnection_delay_max`](socketio_client_core::Config::reconnection_delay_max), as long as a
/// server's `Retry-After` is heeded.
const LONGEST_DELAY: Duration = Duration::from_secs(50);

impl Judge {
    pub(super) fn hears(&mut self, event: &Event<Json>) {
        let gap = matches!(event, Event::Gap { .. });
        if let Some((expected, left)) = self.replayed.filter(|(_, left)| *left > 0 && !gap) {
            let Event::Message { socket, .. } = event else { panic!("{event:?} instead of a message") };
            assert_eq!(*socket, expected);
            self.replayed = Some((expected, left - 1));
        }
        match event {
            Event::Ack { socket, emit, .. } => match self.open.remove(&(*socket, *emit)) {
                Some(Promise::Ack | Promise::Perhaps) => {}
                Some(Promise::Nothing) => panic!("{event:?} without having been asked for"),
                None => panic!("{event:?} of what is settled"),
            },
            Event::NotSent { socket, emit, .. } => match self.open.remove(&(*socket, *emit)) {
                Some(Promise::Nothing) => {}
                _ => panic!("{event:?} of what is settled, or has an ack"),
            },
            Event::Connected { socket, replayed, .. } => {
                assert!(self.connected.insert(*socket), "connected twice");
                self.replayed = Some((*socket, *replayed));
            }
            Event::Disconnected { socket, .. } => {
                assert!(self.connected.remove(socket), "disconnected twice");
            }
            Event::Message { socket, .. } => {
                let may_come = self.connected.contains(socket) || self.resyncing.contains(socket);
                assert!(may_come, "a message while disconnected");
            }
            Event::Flushed { socket, emit, .. } => {
                assert!(self.flushes.remove(&(*socket, *emit)), "a flush twice");
            }
            Event::Fate { socket, emit, fate, .. } => {
                let before = self.fates.insert((*socket, *emit), *fate);
                assert!(!before.is_some_and(Fate::is_final), "{emit:?} was {before:?}, and is {fate:?}");
            }
            Event::OutboxSettled { key, .. } => assert!(self.restored.remove(key), "{key} settled twice"),
            Event::Waiting { attempt, delay } => {
                assert!(*attempt > 0 && *delay <= LONGEST_DELAY, "{event:?} after {delay:?}");
            }
            _ => {}
        }
    }

    /// What is not observed any longer is not told of.
    pub(super) fn observes(&mut self, socket: SocketId, on: bool) {
        self.fates.retain(|(of, _), fate| on || *of != socket || fate.is_final());
    }

    /// What has not left, though its namespace is connected.
    pub(super) fn held(&self) -> Option<EmitId> {
        let is_held = |((socket, emit), fate): (&(SocketId, EmitId), &Fate)| {
            (*fate == Fate::Held && self.connected.contains(socket)).then_some(*emit)
        };
        self.fates.iter().find_map(is_held)
    }

    /// Everything that was to have an end has had it.
    pub(super) fn all_settled(&self) {
        let open: Vec<_> = self
            .open
            .iter()
            .filter(|(_, promise)| matches!(promise, Promise::Ack))
            .map(|(at, _)| at)
            .collect();
        assert!(open.is_empty(), "no end: {open:?}");
        assert_eq!(self.held(), None, "held to the end");
        assert!(self.flushes.is_empty(), "flushes without an end: {:?}", self.flushes);
        assert!(self.restored.is_empty(), "stored emits without an end: {:?}", self.restored);
    }
}
