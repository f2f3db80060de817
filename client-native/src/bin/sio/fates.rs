//! What becomes of emits with an id.

use std::collections::BTreeMap;
use std::pin::Pin;

use futures_util::stream::{SelectAll, Stream, StreamExt as _};
use serde_json::value::RawValue;
use socketio_client_native::{EmitId, FateChange, Socket};

use crate::lines::Line;
use crate::session::Shared;

type Changes = Pin<Box<dyn Stream<Item = (usize, FateChange)> + Send>>;

/// The ids of emits that are not settled, by namespace and ticket.
#[derive(Default)]
pub(crate) struct Fates {
    ids: BTreeMap<(usize, EmitId), Box<RawValue>>,
    /// Of the namespaces that emit with ids.
    changes: SelectAll<Changes>,
    watched: Vec<usize>,
}

impl Fates {
    /// To be called before an emit with an id.
    pub(crate) fn watch(&mut self, at: usize, socket: &Socket) {
        if !self.watched.contains(&at) {
            self.watched.push(at);
            self.changes.push(Box::pin(socket.fates().map(move |change| (at, change))));
        }
    }

    /// To be called right after it, before anything else is awaited.
    pub(crate) fn add(&mut self, at: usize, emit: EmitId, id: Box<RawValue>) {
        self.ids.insert((at, emit), id);
    }

    /// The next change. `None` if nothing is watched.
    pub(crate) async fn next(&mut self) -> Option<(usize, FateChange)> {
        self.changes.next().await
    }

    /// Prints a change.
    pub(crate) fn tell(&mut self, (at, change): (usize, FateChange), shared: &Shared) {
        let place = (at, change.emit);
        if let Some(id) = self.ids.get(&place) {
            shared.write(&Line::Fate { id, fate: change.fate.as_str() });
        }
        if change.fate.is_final() {
            self.ids.remove(&place);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Those that are not settled.
    pub(crate) fn open(&self) -> impl Iterator<Item = (usize, EmitId)> {
        self.ids.keys().copied()
    }
}
