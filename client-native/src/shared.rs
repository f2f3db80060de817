//! What handles, driver and dispatcher share.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::task::AtomicWaker;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    AckError, AckId, Auth, ConnectError, Delivery, EmitError, EmitId, EmitOptions, FlushError, Instant,
    SocketId, State as Connection,
};
use tokio::sync::oneshot;

use crate::error::End;
use crate::listeners::Listeners;
use crate::queue::{Fill, Queue};

pub(crate) type Manager = socketio_client_core::Manager<Json>;
pub(crate) type Event = socketio_client_core::Event<Json>;
pub(crate) type AckResult = Result<Payload, AckError>;

pub(crate) type AuthFuture = Pin<Box<dyn Future<Output = Result<Payload, String>> + Send>>;
pub(crate) type AuthFn = dyn Fn() -> AuthFuture + Send + Sync;

/// Locks, whatever happened to another thread under the lock: no application code runs there.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// Apart from `state`, so that dispatching does not wait for the driver. Never locked while `state` is.
    pub(crate) listeners: Mutex<Listeners>,
    pub(crate) queue: Queue,
    pub(crate) driver: AtomicWaker,
    /// The runtime has threads besides the one that runs a listener.
    threads: bool,
    pub(crate) auth: Auth<Payload>,
    pub(crate) auth_with: Option<Box<AuthFn>>,
    delivery: Delivery,
    /// By which a server with the middleware knows this process again.
    name: String,
    pub(crate) auto_connect: bool,
    /// The namespace that the URL names.
    pub(crate) default_namespace: String,
    epoch: tokio::time::Instant,
}

pub(crate) struct State {
    pub(crate) manager: Manager,
    pub(crate) waiters: Vec<Waiters>,
    /// Who waits for the connection's end.
    pub(crate) closers: Vec<oneshot::Sender<()>>,
    /// Set once; nothing is accepted afterwards.
    pub(crate) end: Option<End>,
    /// When the driver last looked. Good enough where only order matters.
    pub(crate) seen: Instant,
}

/// Who waits for what on one namespace.
pub(crate) struct Waiters {
    pub(crate) socket: SocketId,
    pub(crate) acks: BTreeMap<EmitId, oneshot::Sender<AckResult>>,
    pub(crate) flushes: Vec<(EmitId, oneshot::Sender<Result<(), FlushError>>)>,
    pub(crate) connects: Vec<oneshot::Sender<Result<(), ConnectError>>>,
    /// Why it is not connected.
    pub(crate) failure: Option<ConnectError>,
}

/// A waiter and what it is told, once the lock is released.
pub(crate) enum Settled {
    Ack(oneshot::Sender<AckResult>, AckResult),
    Flush(oneshot::Sender<Result<(), FlushError>>, Result<(), FlushError>),
    Connect(oneshot::Sender<Result<(), ConnectError>>, Result<(), ConnectError>),
}

impl Settled {
    /// A waiter that is gone does not mind.
    pub(crate) fn tell(self) {
        match self {
            Self::Ack(waiter, result) => drop(waiter.send(result)),
            Self::Flush(waiter, result) => drop(waiter.send(result)),
            Self::Connect(waiter, result) => drop(waiter.send(result)),
        }
    }
}

impl Shared {
    pub(crate) fn new(
        manager: Manager,
        auth: Auth<Payload>,
        auth_with: Option<Box<AuthFn>>,
        delivery: Delivery,
        auto_connect: bool,
        default_namespace: String,
        threads: bool,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                manager,
                waiters: Vec::new(),
                closers: Vec::new(),
                end: None,
                seen: Instant::default(),
            }),
            listeners: Mutex::default(),
            queue: Queue::default(),
            driver: AtomicWaker::new(),
            threads,
            auth,
            auth_with,
            delivery,
            name: crate::builder::unique_name(),
            auto_connect,
            default_namespace,
            epoch: tokio::time::Instant::now(),
        }
    }

    /// Wakes the driver.
    pub(crate) fn wake(&self) {
        self.driver.wake();
    }

    /// Calls listeners, which may block their thread. Where the runtime has other threads, one of them takes over what
    /// this one does for the runtime: waiting for sockets and timers, and tasks that it was about to run.
    pub(crate) fn may_block<R>(&self, listeners: impl FnOnce() -> R) -> R {
        if self.threads { tokio::task::block_in_place(listeners) } else { listeners() }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }

    /// The clock's point at the core's `instant`.
    pub(crate) fn deadline(&self, instant: Instant) -> Option<tokio::time::Instant> {
        self.epoch.checked_add(instant.since_epoch())
    }

    /// One change, then the driver looks what follows from it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State, Instant) -> R) -> R {
        let now = self.now();
        let result = change(&mut lock(&self.state), now);
        self.wake();
        result
    }

    /// The namespace, and whether it is new.
    pub(crate) fn socket(&self, namespace: &str) -> SocketId {
        self.change(|state, now| {
            let id = state.manager.socket(namespace, self.delivery.options(self.auth.clone(), &self.name));
            if !state.waiters.iter().any(|waiters| waiters.socket == id) {
                state.waiters.reserve_exact(1);
                state.waiters.push(Waiters::new(id));
                if self.auto_connect && state.end.is_none() {
                    state.manager.connect(id, now);
                }
            }
            id
        })
    }

    pub(crate) fn emit(
        &self,
        socket: SocketId,
        payload: Payload,
        options: EmitOptions<'_>,
    ) -> Result<EmitId, EmitError> {
        // A refused payload is dropped after the lock is released: what it holds may be the application's.
        let emitted = {
            let mut state = lock(&self.state);
            if let Some(end) = &state.end {
                return Err(end.clone().into());
            }
            // Time counts for acks only, and asking for it costs as much as all the rest.
            let seen = state.seen;
            state.manager.emit(socket, payload, options, seen)
        };
        let id = emitted.map_err(|refused| refused.error)?;
        self.wake();
        Ok(id)
    }

    pub(crate) fn emit_with_ack(
        &self,
        socket: SocketId,
        payload: Payload,
        options: EmitOptions<'_>,
    ) -> Result<(EmitId, oneshot::Receiver<AckResult>), EmitError> {
        let (waiter, receiver) = oneshot::channel();
        let emitted = self.change(|state, now| {
            if let Some(end) = &state.end {
                return Err(EmitError::from(end.clone()));
            }
            let emitted = state.manager.emit(socket, payload, options, now);
            if let (Ok(id), Some(waiters)) = (&emitted, state.waiters(socket)) {
                waiters.acks.insert(*id, waiter);
            }
            Ok(emitted)
        })?;
        emitted.map(|id| (id, receiver)).map_err(|refused| refused.error)
    }

    pub(crate) fn forget_ack(&self, socket: SocketId, emit: EmitId) {
        let mut state = lock(&self.state);
        state.manager.forget_ack(socket, emit);
        if let Some(waiters) = state.waiters(socket) {
            waiters.acks.remove(&emit);
        }
    }

    /// Tells when nothing is open and nothing is planned.
    pub(crate) fn closed(&self) -> oneshot::Receiver<()> {
        let (closer, closed) = oneshot::channel();
        self.change(|state, _| state.closers.push(closer));
        closed
    }

    pub(crate) fn ack(&self, ack: AckId, payload: Payload) -> Result<(), EmitError> {
        let answered = {
            let mut state = lock(&self.state);
            if let Some(end) = &state.end {
                return Err(end.clone().into());
            }
            let seen = state.seen;
            state.manager.ack(ack, payload, seen)
        };
        answered.map_err(|refused| refused.error)?;
        self.wake();
        Ok(())
    }

    pub(crate) fn end(&self) -> Option<End> {
        lock(&self.state).end.clone()
    }

    /// Everything is left, until somebody connects again.
    pub(crate) fn close(&self) {
        let mut settled = Vec::new();
        self.change(|state, now| {
            state.manager.close(now);
            state.settle_connects(&mut settled);
        });
        settled.into_iter().for_each(Settled::tell);
    }

    pub(crate) fn connect(&self, socket: SocketId) {
        self.change(|state, now| {
            if state.end.is_none() {
                if let Some(waiters) = state.waiters(socket) {
                    waiters.failure = None;
                }
                state.manager.connect(socket, now);
            }
        });
    }

    pub(crate) fn disconnect(&self, socket: SocketId) {
        let mut settled = Vec::new();
        self.change(|state, now| {
            state.manager.disconnect(socket, now);
            state.settle_connects(&mut settled);
        });
        settled.into_iter().for_each(Settled::tell);
    }

    /// Nothing is accepted from now on; what is queued still leaves.
    pub(crate) fn finish(&self, end: End) {
        self.change(|state, now| {
            state.manager.close(now);
            state.end.get_or_insert(end);
        });
    }

    /// A handler panicked: nobody is left waiting.
    pub(crate) fn fail(&self, message: &str) {
        let end = End::Panicked(message.into());
        self.finish(end.clone());
        self.abandon(end);
    }

    /// Lets go of everybody who waits. They find the reason in `end`.
    pub(crate) fn abandon(&self, end: End) {
        let waiters = {
            let mut state = lock(&self.state);
            state.end.get_or_insert(end);
            std::mem::take(&mut state.waiters)
        };
        drop(waiters);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Waiters {
    fn new(socket: SocketId) -> Self {
        Self { socket, acks: BTreeMap::new(), flushes: Vec::new(), connects: Vec::new(), failure: None }
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

/// Held by every [`Client`](crate::Client) and [`Socket`](crate::Socket), and by nothing else.
#[derive(Debug)]
pub(crate) struct Handle(pub(crate) Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.finish(End::Closed);
    }
}
