//! The store of a client's emits: what the core asks of it, and what it tells the core.

mod clear;

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use bytestring::ByteString;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    ClearError, Codec as _, Command, DecodeError, Decoded, Instant, Limits, Restored, RestoredEmit, SocketId,
};
use tokio::sync::oneshot;

pub(crate) use self::clear::Cleared;

use crate::shared::{Manager, Shared, State};
use crate::store::{Done, Opened, Record, Store, StoreError, StoreWorker};
use crate::waiters::Settled;

type Told = Box<dyn FnMut(Done) + Send>;

/// How the thread of a store is started.
pub(crate) type Start = Box<dyn FnOnce(Told) -> io::Result<StoreWorker> + Send>;

pub(crate) fn start<S: Store>(store: S) -> Start {
    Box::new(move |told| StoreWorker::start(store, told))
}

/// The store of one client.
pub(crate) struct Outbox {
    worker: Option<StoreWorker>,
    place: Place,
    namespaces: Vec<Namespace>,
    /// Who waits until it is emptied, in order.
    clears: VecDeque<oneshot::Sender<Cleared>>,
    /// What is for the driver, found among what was for the store.
    pub(crate) commands: Vec<Command<Json>>,
}

/// Where emits are kept.
enum Place {
    /// Nobody has asked for a namespace yet.
    Closed(Start),
    /// It is not known yet.
    Opening,
    /// In the store, which holds this of namespaces that nobody has asked for yet.
    Open { id: String, next: u64, records: Vec<Record> },
    /// In memory: the store cannot be used.
    Memory,
    /// Nowhere, for this reason: somebody else has the store.
    Nowhere(String),
}

struct Namespace {
    socket: SocketId,
    name: ByteString,
    /// What the store was given and has not answered yet, in order.
    asked: VecDeque<u64>,
}

impl Shared {
    /// Opens the store, unless that was done: once the first namespace is asked for, so that whoever listens to the client
    /// before that is told what is wrong with it.
    pub(crate) fn open_outbox(self: &Arc<Self>) {
        let shared = Arc::downgrade(self);
        // In one change: what the store's thread tells waits until there is somebody who obeys what follows.
        self.change(|state, now| {
            let Some(start) = state.outbox.as_mut().and_then(|outbox| outbox.opening()) else { return };
            match (start(Box::new(move |done| told(&shared, done))), &mut state.outbox) {
                (Ok(worker), Some(outbox)) => outbox.worker = Some(worker),
                (Ok(_), None) => {}
                (Err(error), _) => state.without_store(&format!("no thread for the outbox: {error}"), now),
            }
        });
    }

    /// What the store has not done yet is waited for by closing this.
    pub(crate) fn close_outbox(&self) -> Option<StoreWorker> {
        self.state.lock().outbox.as_mut()?.worker.take()
    }
}

/// On the store's thread.
fn told(shared: &Weak<Shared>, mut done: Done) {
    let Some(shared) = shared.upgrade() else { return };
    if let Done::Opened(Ok(opened)) = &mut done {
        opened.records.iter_mut().for_each(copy);
    }
    let mut settled = Vec::new();
    shared.change(|state, now| {
        state.store_told(done, now, &mut settled);
        if matches!(state.outbox.as_deref(), Some(Outbox { place: Place::Memory | Place::Nowhere(_), .. })) {
            state.forget_stored(&mut settled);
        }
    });
    settled.into_iter().for_each(Settled::tell);
}

/// A store of the application's may have made it of bytes that run its code when they are dropped, which from here on
/// happens under the lock.
fn copy(record: &mut Record) {
    record.namespace = (*record.namespace).into();
    record.text = (*record.text).into();
    for attachment in &mut record.attachments {
        *attachment = Bytes::copy_from_slice(attachment);
    }
}

impl State {
    /// A namespace is made; what the store has of it is sent first.
    pub(crate) fn join_outbox(&mut self, socket: SocketId, name: &str, now: Instant) {
        let Some(outbox) = &mut self.outbox else { return };
        outbox.namespaces.push(Namespace { socket, name: name.into(), asked: VecDeque::new() });
        outbox.provide(&mut self.manager, socket, name, now);
    }

    /// Obeys what is for the store, and gives back the rest.
    pub(crate) fn obey_store(&mut self, command: Command<Json>, now: Instant) -> Option<Command<Json>> {
        let socket = match &command {
            Command::Keep { socket, .. }
            | Command::Erase { socket, .. }
            | Command::Reserve { socket, .. } => *socket,
            _ => return Some(command),
        };
        let outbox = self.outbox.as_mut()?;
        let worker = outbox.worker.as_ref()?;
        let namespace = outbox.namespaces.iter_mut().find(|namespace| namespace.socket == socket)?;
        match command {
            Command::Keep { key, payload, expires, .. } => {
                namespace.asked.push_back(key);
                let created_at = unix_now();
                let expires_at = expires.map(|at| created_at.saturating_add(millis(at.since(now))));
                worker.append(Record {
                    namespace: namespace.name.clone(),
                    seq: key,
                    text: payload.json().into(),
                    attachments: payload.attachments().to_vec(),
                    created_at,
                    expires_at,
                    attempts: 0,
                });
            }
            Command::Erase { key, .. } => worker.erase(namespace.name.clone(), key),
            Command::Reserve { up_to, .. } => worker.reserve(up_to),
            _ => {}
        }
        None
    }

    fn store_told(&mut self, done: Done, now: Instant, settled: &mut Vec<Settled>) {
        match done {
            Done::Opened(Ok(opened)) => self.store_opened(opened, now),
            Done::Opened(Err(error @ StoreError::Locked { .. })) => {
                self.store_is(Place::Nowhere(format!("locked: {error}")), now);
                self.manager.report_store(error.to_string(), 0, Some(0));
            }
            Done::Opened(Err(error)) => {
                self.without_store(&format!("{error}; emits are kept in memory until then"), now);
            }
            Done::Appended { namespace, up_to } => {
                let Some(namespace) = self.outbox.as_mut().and_then(|outbox| outbox.named(&namespace)) else {
                    return;
                };
                while let Some(key) = namespace.asked.front().copied().filter(|key| *key <= up_to) {
                    namespace.asked.pop_front();
                    self.manager.kept(namespace.socket, key, Ok(()), now);
                }
            }
            Done::AppendFailed { namespace, seqs, error } => {
                let cause = error.to_string();
                self.manager.report_store(cause.clone(), 0, Some(0));
                let Some(namespace) = self.outbox.as_mut().and_then(|outbox| outbox.named(&namespace)) else {
                    return;
                };
                namespace.asked.retain(|key| !seqs.contains(key));
                let socket = namespace.socket;
                for key in seqs {
                    self.manager.kept(socket, key, Err(cause.clone()), now);
                }
                self.tell_unstored(socket, settled);
            }
            Done::Reserved { up_to } => {
                for namespace in self.outbox.iter().flat_map(|outbox| &outbox.namespaces) {
                    self.manager.reserved(namespace.socket, up_to, now);
                }
            }
            Done::ReserveFailed { error, .. } => {
                let cause = error.to_string();
                for namespace in self.outbox.iter().flat_map(|outbox| &outbox.namespaces) {
                    self.manager.not_reserved(namespace.socket, &cause, now);
                }
                self.manager.report_store(cause, 0, Some(0));
            }
            Done::EraseFailed { error } => self.manager.report_store(error.to_string(), 0, Some(0)),
            Done::Cleared => self.cleared(Ok(()), settled),
            Done::ClearFailed { error } => {
                self.cleared(Err(ClearError::Storage { cause: error.to_string() }), settled);
            }
            Done::Erased { .. } | Done::Closed => {}
        }
    }

    fn cleared(&mut self, result: Cleared, settled: &mut Vec<Settled>) {
        let waiter = self.outbox.as_mut().and_then(|outbox| outbox.clears.pop_front());
        settled.extend(waiter.map(|waiter| Settled::Cleared(waiter, result)));
    }

    /// Those who wait for what did not get into the store, and goes on from memory.
    fn tell_unstored(&mut self, socket: SocketId, settled: &mut Vec<Settled>) {
        let Self { manager, waiters, .. } = self;
        let waiters = waiters.iter_mut().find(|waiters| waiters.socket == socket);
        for (emit, watchers) in waiters.into_iter().flat_map(|waiters| &mut waiters.watchers) {
            if !watchers.stored.is_empty()
                && let Some(stored) = manager.is_stored(socket, *emit)
            {
                settled.extend(watchers.stored.drain(..).map(|waiter| Settled::Stored(waiter, stored)));
            }
        }
    }

    fn store_opened(&mut self, opened: Opened, now: Instant) {
        let Opened { id, next, mut records, lost, renewed, aside } = opened;
        let kept = records.len();
        let cause = match (&aside, lost) {
            (Some(aside), _) => Some(format!(
                "the outbox could not be read; a new one is begun, and the old one is now {}",
                aside.display()
            )),
            (None, Some(0)) => None,
            (None, _) => Some("some events in the outbox are damaged, and are lost".to_owned()),
        };
        let renewed = renewed
            .then(|| "the outbox has lost its name: its events may be handled a second time".to_owned());
        for cause in cause.into_iter().chain(renewed) {
            self.manager.report_store(cause, kept, lost);
        }
        let Some(outbox) = &mut self.outbox else { return };
        let cleared = !outbox.clears.is_empty();
        if cleared {
            // It is being emptied. Who has asked for a namespace is told of each of its emits.
            records.retain(|record| outbox.named(&record.namespace).is_some());
        }
        self.store_is(Place::Open { id, next, records }, now);
        if cleared {
            for namespace in self.outbox.iter().flat_map(|outbox| &outbox.namespaces) {
                self.manager.clear_restored(namespace.socket);
            }
        }
    }

    fn without_store(&mut self, cause: &str, now: Instant) {
        self.manager.report_store(cause.to_owned(), 0, Some(0));
        self.store_is(Place::Memory, now);
    }

    fn store_is(&mut self, place: Place, now: Instant) {
        let Some(outbox) = &mut self.outbox else { return };
        outbox.place = place;
        let sockets: Vec<_> = outbox.namespaces.iter().map(|it| (it.socket, it.name.clone())).collect();
        for (socket, name) in sockets {
            outbox.provide(&mut self.manager, socket, &name, now);
        }
    }

    /// Nothing will be stored.
    fn forget_stored(&mut self, settled: &mut Vec<Settled>) {
        let watchers = self.waiters.iter_mut().flat_map(|waiters| waiters.watchers.values_mut());
        settled
            .extend(watchers.flat_map(|it| it.stored.drain(..)).map(|waiter| Settled::Stored(waiter, false)));
    }
}

impl Outbox {
    pub(crate) const fn new(start: Start) -> Self {
        Self {
            worker: None,
            place: Place::Closed(start),
            namespaces: Vec::new(),
            clears: VecDeque::new(),
            commands: Vec::new(),
        }
    }

    fn opening(&mut self) -> Option<Start> {
        match std::mem::replace(&mut self.place, Place::Opening) {
            Place::Closed(start) => Some(start),
            place => {
                self.place = place;
                None
            }
        }
    }

    fn named(&mut self, name: &str) -> Option<&mut Namespace> {
        self.namespaces.iter_mut().find(|namespace| namespace.name == name)
    }

    /// Tells the core where the emits of a namespace are kept, and what was left of them.
    fn provide(&mut self, manager: &mut Manager, socket: SocketId, name: &str, now: Instant) {
        match &mut self.place {
            Place::Closed(_) | Place::Opening => {}
            Place::Memory => manager.go_without_store(socket, now),
            Place::Nowhere(cause) => manager.refuse_store(socket, cause, now),
            Place::Open { id, next, records } => {
                let mut emits = Vec::new();
                let mut lost = 0;
                for record in records.extract_if(.., |record| record.namespace == name) {
                    match restored(&record, now) {
                        Ok(emit) => emits.push(emit),
                        Err(_) => {
                            lost += 1;
                            if let Some(worker) = &self.worker {
                                worker.erase(record.namespace, record.seq);
                            }
                        }
                    }
                }
                if lost > 0 {
                    let cause = format!("the outbox holds what is no event of {name}; it is removed");
                    manager.report_store(cause, emits.len(), Some(lost));
                }
                manager.restore(socket, Restored { delivery: Some(id.clone()), next: *next, emits }, now);
            }
        }
    }
}

fn restored(record: &Record, now: Instant) -> Result<RestoredEmit<Payload>, DecodeError> {
    let left = |at: u64| Duration::from_millis(at.saturating_sub(unix_now()));
    Ok(RestoredEmit {
        key: record.seq,
        payload: event(record)?,
        attempts: record.attempts,
        expires: record.expires_at.map(|at| now + left(at)),
    })
}

/// The event of a record, read as if it had come by wire.
pub(crate) fn event(record: &Record) -> Result<Payload, DecodeError> {
    let attachments = record.attachments.len();
    let text = match attachments {
        0 => format!("42{}", record.text),
        _ => format!("45{attachments}-{}", record.text),
    };
    let limits = Limits { attachments, attachment_bytes: usize::MAX, ..Limits::default() };
    let mut decoded = Json.decode(text.into(), &limits)?;
    for attachment in &record.attachments {
        let Decoded::Partial(partial) = decoded else { break };
        decoded = Json.attach(partial, attachment.clone(), &limits)?;
    }
    match decoded {
        Decoded::Packet(_, Some(payload)) => Ok(payload),
        Decoded::Packet(_, None) | Decoded::Partial(_) => {
            Err(DecodeError::Payload { cause: "it is no event".to_owned() })
        }
    }
}

/// Milliseconds since 1970.
fn unix_now() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
