//! How the connection does, in numbers.

use std::collections::BTreeMap;

use super::Chat;
use crate::socketio::{EmitId, Fate};

/// What the status panel shows.
#[derive(Default)]
pub(crate) struct Numbers {
    pub(crate) transport: Option<String>,
    /// The server's id for us.
    pub(crate) session: Option<String>,
    /// Of the last event that the server answered, in milliseconds.
    pub(crate) round_trip: Option<f64>,
    /// Whether the last connection resumed the one before; `None` for the first.
    pub(crate) recovered: Option<bool>,
    /// Bytes of messages that were never handed to a transport.
    pub(crate) held: usize,
}

/// Learns from fates alone: nothing is sent for the sake of a number.
#[derive(Default)]
pub(super) struct Meter {
    /// When those that are under way were sent.
    sent: BTreeMap<EmitId, f64>,
    /// Bytes of each that is not.
    held: BTreeMap<EmitId, usize>,
    sizes: BTreeMap<EmitId, usize>,
    round_trip: Option<f64>,
}

impl Meter {
    /// A message of ours, before anything has become of it.
    pub(super) fn hold(&mut self, emit: EmitId, bytes: usize) {
        self.sizes.insert(emit, bytes);
        self.held.insert(emit, bytes);
    }

    pub(super) fn fate(&mut self, emit: EmitId, fate: Fate) {
        let now = js_sys::Date::now();
        match fate {
            Fate::Held => {
                let bytes = self.sizes.get(&emit).copied().unwrap_or_default();
                self.held.insert(emit, bytes);
                return;
            }
            Fate::InFlight { .. } => {
                self.sent.insert(emit, now);
            }
            Fate::Acknowledged => {
                // A clock that was set back tells nothing.
                let time = self.sent.get(&emit).map(|sent| now - sent).filter(|time| *time >= 0.0);
                self.round_trip = time.or(self.round_trip);
            }
            _ => {}
        }
        self.held.remove(&emit);
        if fate.is_final() {
            self.sent.remove(&emit);
            self.sizes.remove(&emit);
        }
    }
}

impl Chat {
    pub(crate) fn numbers(&self) -> Numbers {
        let meter = self.meter.borrow();
        let left: usize = self.left().iter().map(|left| left.text.len()).sum();
        Numbers {
            transport: self.client.transport().map(|transport| transport.to_string()),
            session: self.socket.id(),
            round_trip: meter.round_trip,
            recovered: (self.connections.get() > 1).then(|| self.socket.recovered()),
            held: meter.held.values().sum::<usize>() + left,
        }
    }
}
