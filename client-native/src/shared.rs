//! What handles, driver and dispatcher share.

use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    AckError, AckId, Auth, Delivery, EmitError, EmitId, EmitOptions, HeldEvents, Instant, Refused, SocketId,
    SocketOptions,
};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinError};

use crate::clock::Clock;
use crate::cursor::Cursor;
use crate::error::End;
use crate::listeners::Listeners;
use crate::message::Message;
#[cfg(feature = "outbox")]
use crate::outbox::Outbox;
use crate::queue::Queue;
use crate::recovery_store::RecoveryStore;
use crate::sync::{self, Finish, Watched, lock};
use crate::waiters::{Settled, Waiters};

pub(crate) type Manager = socketio_client_core::Manager<Json>;
pub(crate) type Event = socketio_client_core::Event<Json>;
pub(crate) type AckResult = Result<Payload, AckError>;

pub(crate) type AuthFuture = Pin<Box<dyn Future<Output = Result<Payload, String>> + Send>>;
pub(crate) type AuthFn = dyn Fn() -> AuthFuture + Send + Sync;

/// Held by every [`Client`](crate::Client) and [`Socket`](crate::Socket), and by nothing else.
pub(crate) type Handle = sync::Handle<Shared>;

pub(crate) struct Shared {
    pub(crate) state: Watched<State>,
    /// Apart from `state`, so that dispatching does not wait for the driver. Never locked while `state` is.
    pub(crate) listeners: Mutex<Listeners>,
    pub(crate) queue: Queue,
    pub(crate) setup: Setup,
    /// By which a server with the middleware knows this process again, unless it has an outbox.
    name: String,
    pub(crate) clock: Clock,
    /// How far the server's history came.
    pub(crate) cursor: Option<Cursor>,
    /// Events that wait for their first listener.
    pub(crate) held: Option<Mutex<HeldEvents<Message>>>,
    /// Where the next process finds the sessions.
    pub(crate) recovery: Option<Arc<RecoveryStore>>,
}

/// What a client was built with.
pub(crate) struct Setup {
    /// The runtime has threads besides the one that runs a listener.
    pub(crate) threads: bool,
    pub(crate) auth: Auth<Payload>,
    pub(crate) auth_with: Option<Box<AuthFn>>,
    pub(crate) delivery: Delivery,
    /// Emits are held for a limited time.
    pub(crate) ages: bool,
    pub(crate) auto_connect: bool,
    /// The namespace that the URL names.
    pub(crate) default_namespace: String,
}

pub(crate) struct State {
    pub(crate) manager: Manager,
    pub(crate) waiters: Vec<Waiters>,
    /// Who waits for the connection's end.
    pub(crate) closers: Vec<oneshot::Sender<()>>,
    /// Those that run futures of the application's. None once the driver is gone.
    tasks: Option<Vec<AbortHandle>>,
    /// Set once; nothing is accepted afterwards.
    pub(crate) end: Option<End>,
    /// When the driver last looked. Good enough where only order matters.
    pub(crate) seen: Instant,
    #[cfg(feature = "outbox")]
    pub(crate) outbox: Option<Box<Outbox>>,
}

#[expect(
    clippy::result_large_err,
    reason = "what is refused is handed back, to be dropped with no lock held"
)]
impl Shared {
    pub(crate) fn new(
        manager: Manager,
        setup: Setup,
        recovery: Option<Arc<RecoveryStore>>,
        held: Option<HeldEvents<Message>>,
        cursor: Option<Cursor>,
    ) -> Self {
        Self {
            state: Watched::new(State {
                manager,
                waiters: Vec::new(),
                closers: Vec::new(),
                tasks: Some(Vec::new()),
                end: None,
                seen: Instant::default(),
                #[cfg(feature = "outbox")]
                outbox: None,
            }),
            listeners: Mutex::default(),
            queue: Queue::default(),
            setup,
            name: crate::builder::unique_name(),
            clock: Clock::new(),
            cursor,
            held: held.map(Mutex::new),
            recovery,
        }
    }

    /// Calls listeners, which may block their thread: where the runtime has several, on one that it has for that. Not in
    /// place: whenever the system is slow to run the thread that takes over, the next call would start another one.
    pub(crate) async fn may_block<R: Send + 'static>(
        &self,
        listeners: impl FnOnce() -> R + Send + 'static,
    ) -> R {
        if !self.setup.threads {
            return listeners();
        }
        match tokio::task::spawn_blocking(listeners).await.map_err(JoinError::try_into_panic) {
            Ok(result) => result,
            Err(Ok(panic)) => resume_unwind(panic),
            // The runtime shuts down, and this task with it.
            Err(Err(_)) => std::future::pending().await,
        }
    }

    /// Runs a future of the application's, for as long as there is a driver: it may never end by itself.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(future).abort_handle();
        let mut state = self.state.lock();
        if let Some(tasks) = &mut state.tasks {
            tasks.retain(|task| !task.is_finished());
            tasks.push(task);
        } else {
            drop(state);
            task.abort();
        }
    }

    /// The driver is gone.
    pub(crate) fn end_tasks(&self) {
        let tasks = self.state.lock().tasks.take();
        tasks.into_iter().flatten().for_each(|task| task.abort());
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// One change, then the driver looks what follows from it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut State, Instant) -> R) -> R {
        let now = self.now();
        self.state.change(|state| change(state, now))
    }

    /// The namespace, and whether it is new.
    pub(crate) fn socket(&self, namespace: &str) -> SocketId {
        self.change(|state, now| {
            let auth = if self.cursor.is_some() { Auth::Ask } else { self.setup.auth.clone() };
            let options = self.setup.delivery.options(auth, &self.name);
            let options = SocketOptions { saves: self.recovery.is_some(), ..options };
            let id = state.manager.socket(namespace, options);
            if !state.waiters.iter().any(|waiters| waiters.socket == id) {
                state.waiters.reserve_exact(1);
                state.waiters.push(Waiters::new(id));
                if let Some(recovery) = &self.recovery {
                    recovery.restore(&mut state.manager, id, namespace);
                }
                #[cfg(feature = "outbox")]
                state.join_outbox(id, namespace, now);
                if self.setup.auto_connect && state.end.is_none() {
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
        let emitted = self.state.try_change(|state| {
            // What is refused may run the application's code when it is dropped: not here.
            if let Some(end) = &state.end {
                return Err(Refused { error: end.clone().into(), payload });
            }
            // Time counts for acks and ages only, and asking for it costs as much as all the rest.
            let now = if self.setup.ages || options.max_age.is_some() { self.now() } else { state.seen };
            state.manager.emit(socket, payload, options, now)
        });
        emitted.map_err(|refused| refused.error)
    }

    pub(crate) fn emit_with_ack(
        &self,
        socket: SocketId,
        payload: Payload,
        options: EmitOptions<'_>,
    ) -> Result<(EmitId, oneshot::Receiver<AckResult>), EmitError> {
        let (waiter, receiver) = oneshot::channel();
        let now = self.now();
        let emitted = self.state.try_change(|state| {
            if let Some(end) = &state.end {
                return Err(Refused { error: end.clone().into(), payload });
            }
            let id = state.manager.emit(socket, payload, options, now)?;
            if let Some(waiters) = state.waiters(socket) {
                waiters.acks.insert(id, waiter);
            }
            Ok(id)
        });
        emitted.map(|id| (id, receiver)).map_err(|refused| refused.error)
    }

    pub(crate) fn forget_ack(&self, socket: SocketId, emit: EmitId) {
        let mut state = self.state.lock();
        state.manager.forget_ack(socket, emit);
        if let Some(waiters) = state.waiters(socket) {
            waiters.acks.remove(&emit);
        }
    }

    #[cfg(not(feature = "outbox"))]
    pub(crate) fn cancel(&self, socket: SocketId, emit: EmitId) -> bool {
        self.change(|state, _| state.manager.cancel(socket, emit))
    }

    /// A stream of all fates begins or ends.
    pub(crate) fn observe_fates(&self, socket: SocketId, begins: bool) {
        self.change(|state, _| {
            let Some(waiters) = state.waiters(socket) else { return };
            let observers = &mut waiters.observers;
            *observers = if begins { *observers + 1 } else { observers.saturating_sub(1) };
            let any = *observers > 0;
            state.manager.observe_fates(socket, any);
        });
    }

    /// Tells when nothing is open and nothing is planned.
    pub(crate) fn closed(&self) -> oneshot::Receiver<()> {
        let (closer, closed) = oneshot::channel();
        self.change(|state, _| state.closers.push(closer));
        closed
    }

    pub(crate) fn ack(&self, ack: AckId, payload: Payload) -> Result<(), EmitError> {
        let answered = self.state.try_change(|state| match &state.end {
            Some(end) => Err(Refused { error: end.clone().into(), payload }),
            None => state.manager.ack(ack, payload, state.seen),
        });
        answered.map_err(|refused| refused.error)
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.state.lock().end.clone()
    }

    /// Everything is left, until somebody connects again.
    pub(crate) fn close(&self) {
        let mut settled = Vec::new();
        let left = self.change(|state, now| {
            state.manager.close(now);
            state.settle_connects(&mut settled);
            state.waiters.iter().map(|waiters| waiters.socket).collect::<Vec<_>>()
        });
        left.into_iter().for_each(|socket| self.forget_held(socket));
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

    pub(crate) fn disconnect(&self, socket: SocketId, at_once: bool) {
        let mut settled = Vec::new();
        self.change(|state, now| {
            match at_once {
                true => state.manager.disconnect_at_once(socket, now),
                false => state.manager.disconnect(socket, now),
            }
            state.settle_connects(&mut settled);
        });
        self.forget_held(socket);
        settled.into_iter().for_each(Settled::tell);
    }

    /// The namespace was left: events that waited for a listener are not for whoever joins it next.
    pub(crate) fn forget_held(&self, socket: SocketId) {
        let Some(held) = &self.held else { return };
        lock(held).leave(socket);
        if let Some(cursor) = &self.cursor {
            cursor.places().leave(socket);
        }
    }

    /// Nothing is accepted from now on; what is queued still leaves. Sessions that are stored are left to the next process.
    pub(crate) fn finish(&self, end: End) {
        let mut settled = Vec::new();
        let events = self.change(|state, now| {
            let mut events = false;
            match &self.recovery {
                Some(recovery) => {
                    // What the core has to tell yet is behind the last mark.
                    events = self.hand_over(state, &mut settled, now);
                    recovery.close(&state.manager);
                    state.manager.close_connection(now);
                }
                None => state.manager.close(now),
            }
            state.end.get_or_insert(end);
            events
        });
        if let Some(recovery) = &self.recovery {
            recovery.leave();
        }
        settled.into_iter().for_each(Settled::tell);
        if events {
            self.queue.wake();
        }
    }

    /// What has happened goes to the dispatcher. True if it has to be woken.
    pub(crate) fn hand_over(&self, state: &mut State, settled: &mut Vec<Settled>, now: Instant) -> bool {
        let mut events = self.queue.fill();
        state.drain(&mut events, settled);
        if let Some(recovery) = &self.recovery {
            recovery.pushed(events.len(), &state.manager, now);
        }
        events.finish()
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
            let mut state = self.state.lock();
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

impl Finish for Shared {
    fn last_handle_is_gone(&self) {
        self.finish(End::Closed);
    }
}
