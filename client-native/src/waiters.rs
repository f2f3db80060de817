//! Who waits for what, and what they are told.

use std::collections::BTreeMap;

use socketio_client_core::{ConnectError, EmitId, Fate, FlushError, SocketId, State as Connection};
use tokio::sync::oneshot;

#[cfg(feature = "outbox")]
use crate::outbox::Cleared;
use crate::queue::Fill;
use crate::shared::{AckResult, Event, State};

/// Who waits for what on one namespace.
pub(crate) struct Waiters {
    pub(crate) socket: SocketId,
    pub(crate) acks: BTreeMap<EmitId, oneshot::Sender<AckResult>>,
    pub(crate) flushes: Vec<(EmitId, oneshot::Sender<Result<(), FlushError>>)>,
    pub(crate) connects: Vec<oneshot::Sender<Result<(), ConnectError>>>,
    pub(crate) watchers: BTreeMap<EmitId, Watchers>,
    /// Streams of all fates.
    pub(crate) observers: usize,
    /// Why it is not connected.
    pub(crate) failure: Option<ConnectError>,
}

/// Who waits for what becomes of one emit.
#[derive(Default)]
pub(crate) struct Watchers {
    pub(crate) settled: Vec<oneshot::Sender<Fate>>,
    pub(crate) stored: Vec<oneshot::Sender<bool>>,
}

/// A waiter and what it is told, once the lock is released.
pub(crate) enum Settled {
    Ack(oneshot::Sender<AckResult>, AckResult),
    Flush(oneshot::Sender<Result<(), FlushError>>, Result<(), FlushError>),
    Connect(oneshot::Sender<Result<(), ConnectError>>, Result<(), ConnectError>),
    Fate(oneshot::Sender<Fate>, Fate),
    Stored(oneshot::Sender<bool>, bool),
    #[cfg(feature = "outbox")]
    Cleared(oneshot::Sender<Cleared>, Cleared),
}

impl Settled {
    /// A waiter that is gone does not mind.
    pub(crate) fn tell(self) {
        match self {
            Self::Ack(waiter, result) => drop(waiter.send(result)),
            Self::Flush(waiter, result) => drop(waiter.send(result)),
            Self::Connect(waiter, result) => drop(waiter.send(result)),
            Self::Fate(waiter, fate) => drop(waiter.send(fate)),
            Self::Stored(waiter, stored) => drop(waiter.send(stored)),
            #[cfg(feature = "outbox")]
            Self::Cleared(waiter, result) => drop(waiter.send(result)),
        }
    }
}

impl Waiters {
    pub(crate) fn new(socket: SocketId) -> Self {
        Self {
            socket,
            acks: BTreeMap::new(),
            flushes: Vec::new(),
            connects: Vec::new(),
            watchers: BTreeMap::new(),
            observers: 0,
            failure: None,
        }
    }
}

impl State {
    pub(crate) fn waiters(&mut self, socket: SocketId) -> Option<&mut Waiters> {
        self.waiters.iter_mut().find(|waiters| waiters.socket == socket)
    }

    /// Takes the core's events: those that somebody awaits into `settled`, those that listeners may want into `events`.
    pub(crate) fn drain(&mut self, events: &mut Fill<'_>, settled: &mut Vec<Settled>) {
        let mut connection_changed = false;
        while let Some(event) = self.manager.poll_event() {
            match event {
                Event::Ack { socket, emit, result } => {
                    let waiters = self.waiters.iter_mut().find(|waiters| waiters.socket == socket);
                    if let Some(waiter) = waiters.and_then(|waiters| waiters.acks.remove(&emit)) {
                        settled.push(Settled::Ack(waiter, result));
                    } else if result.is_err() {
                        events.push(Event::Ack { socket, emit, result });
                    }
                    continue;
                }
                Event::Flushed { socket, emit, delivered } => {
                    let Some(waiters) = self.waiters(socket) else { continue };
                    let result = if delivered { Ok(()) } else { Err(FlushError::Uncertain) };
                    let told = waiters.flushes.extract_if(.., |(waits_for, _)| *waits_for == emit);
                    settled.extend(told.map(|(_, waiter)| Settled::Flush(waiter, result.clone())));
                    continue;
                }
                Event::Fate { socket, emit, fate, ref payload } => {
                    let Some(waiters) = self.waiters(socket) else { continue };
                    if fate.is_final()
                        && let Some(Watchers { settled: fates, stored }) = waiters.watchers.remove(&emit)
                    {
                        settled.extend(fates.into_iter().map(|waiter| Settled::Fate(waiter, fate)));
                        let safe = fate == Fate::Acknowledged;
                        settled.extend(stored.into_iter().map(|waiter| Settled::Stored(waiter, safe)));
                    }
                    // What is handed back is dropped by the dispatcher: it may be the application's.
                    if waiters.observers == 0 && payload.is_none() {
                        continue;
                    }
                }
                Event::Stored { socket, emit } => {
                    let waiters = self.waiters(socket);
                    if let Some(watchers) = waiters.and_then(|waiters| waiters.watchers.get_mut(&emit)) {
                        settled.extend(watchers.stored.drain(..).map(|waiter| Settled::Stored(waiter, true)));
                    }
                    continue;
                }
                Event::Connected { socket, .. } => {
                    connection_changed = true;
                    if let Some(waiters) = self.waiters(socket) {
                        waiters.failure = None;
                    }
                }
                Event::ConnectError { socket, ref error } => {
                    connection_changed = true;
                    if let Some(waiters) = self.waiters(socket) {
                        waiters.failure = Some(error.clone().into());
                    }
                }
                Event::Disconnected { socket, .. } => {
                    connection_changed = true;
                    if let Some(waiters) = self.waiters(socket) {
                        waiters.failure = None;
                    }
                }
                Event::ReconnectFailed => {
                    connection_changed = true;
                    for waiters in &mut self.waiters {
                        waiters.failure = Some(ConnectError::ReconnectFailed);
                    }
                }
                Event::Closed { .. } => connection_changed = true,
                _ => {}
            }
            events.push(event);
        }
        if connection_changed {
            self.settle_connects(settled);
        }
    }

    /// Tells those who wait for a namespace, where there is something to tell.
    pub(crate) fn settle_connects(&mut self, settled: &mut Vec<Settled>) {
        let idle = self.manager.state() == Connection::Disconnected;
        for waiters in &mut self.waiters {
            if waiters.connects.is_empty() {
                continue;
            }
            let status = self.manager.status(waiters.socket);
            let result = if status.connected {
                Ok(())
            } else if idle || !status.active {
                Err(waiters.failure.clone().unwrap_or(ConnectError::Disconnected))
            } else {
                continue;
            };
            settled.extend(waiters.connects.drain(..).map(|waiter| Settled::Connect(waiter, result.clone())));
        }
    }
}
