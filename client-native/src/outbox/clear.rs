//! What is not to be in the store any longer, at once: an emit that is cancelled, or all.

use std::sync::Arc;

use socketio_client_core::{ClearError, EmitId, Instant, SocketId};
use tokio::sync::oneshot;

use super::{Outbox, Place};
use crate::shared::{Shared, State};
use crate::store::Record;

pub(crate) type Cleared = Result<(), ClearError>;

impl Shared {
    /// Takes an emit back. That it leaves the store is made durable now: what was acknowledged is known to the server if it
    /// comes back after a crash, but this one would be sent for the first time.
    pub(crate) fn cancel(&self, socket: SocketId, emit: EmitId) -> bool {
        self.change(|state, now| {
            let cancelled = state.manager.cancel(socket, emit);
            state.tell_store(now);
            if let Some(worker) = state.outbox.as_ref().and_then(|outbox| outbox.worker.as_ref()) {
                worker.flush();
            }
            cancelled
        })
    }

    /// Takes back all that the store has or is to have, and empties it. It is opened for that: what earlier processes have
    /// left goes too.
    pub(crate) fn clear_outbox(self: &Arc<Self>) -> oneshot::Receiver<Cleared> {
        self.open_outbox();
        let (waiter, cleared) = oneshot::channel();
        // Neither runs under the lock: what wakes who waits, and what drops the records of a store.
        if let Err((waiter, known)) = self.change(|state, now| state.clear_outbox(waiter, now)) {
            let _ = waiter.send(known);
        }
        cleared
    }
}

impl State {
    fn clear_outbox(
        &mut self,
        waiter: oneshot::Sender<Cleared>,
        now: Instant,
    ) -> Result<Vec<Record>, (oneshot::Sender<Cleared>, Cleared)> {
        if let Some(end) = &self.end {
            return Err((waiter, Err(end.clone().into())));
        }
        let Some(outbox) = &self.outbox else { return Err((waiter, Ok(()))) };
        for namespace in &outbox.namespaces {
            self.manager.clear_outbox(namespace.socket);
        }
        // What was to be kept is, and then goes with the rest; what is emitted from here on stays.
        self.tell_store(now);
        match self.outbox.as_deref_mut() {
            Some(outbox @ Outbox { worker: Some(_), .. }) => Ok(outbox.clear(waiter)),
            _ => Err((waiter, Err(ClearError::Storage { cause: "it has no thread".to_owned() }))),
        }
    }

    /// Tells the store now what the driver would tell it in a moment.
    fn tell_store(&mut self, now: Instant) {
        if self.outbox.is_none() {
            return;
        }
        let mut rest = Vec::new();
        while let Some(command) = self.manager.poll_command() {
            rest.extend(self.obey_store(command, now));
        }
        if let Some(outbox) = &mut self.outbox {
            outbox.commands.append(&mut rest);
        }
    }
}

impl Outbox {
    /// Gives back the records that nobody was given yet.
    fn clear(&mut self, waiter: oneshot::Sender<Cleared>) -> Vec<Record> {
        if let Some(worker) = &self.worker {
            worker.clear();
        }
        self.clears.push_back(waiter);
        match &mut self.place {
            Place::Open { records, .. } => std::mem::take(records),
            Place::Closed(_) | Place::Opening | Place::Memory | Place::Nowhere(_) => Vec::new(),
        }
    }
}
