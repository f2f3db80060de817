//! What became of emits, for those who ask.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::Stream;
use socketio_client_core::{EmitId, Fate, ListenerId, SocketId};
use tokio::sync::oneshot;

use crate::feed::{Changes, feed};
use crate::listeners::{FATES, Handler};
use crate::message::Outgoing;
use crate::shared::Shared;
use crate::socket::Socket;
use crate::sync::lock;

/// The fates of emits. An application that asks for none pays nothing for them.
impl Socket {
    /// What is known of an emit now. `None` if nothing is remembered any more: fates other than `delivered` are remembered
    /// for the last 4,096 emits.
    ///
    /// ```no_run
    /// # use socketio_client_native::Fate;
    /// # fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// if socket.fate(ticket) == Some(Fate::Held) {
    ///     println!("offline: it will be sent");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fate(&self, emit: EmitId) -> Option<Fate> {
        self.shared().state.lock().manager.fate(self.id, emit)
    }

    /// Resolves to the emit's final fate. For an emit without ack that is `delivered` once a receipt shows that the server
    /// has read it. `None` if nothing is remembered of it, or if the client ends before.
    ///
    /// ```no_run
    /// # use socketio_client_native::Fate;
    /// # async fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// match socket.settled(ticket).await {
    ///     Some(Fate::Acknowledged | Fate::Delivered) => println!("it is there"),
    ///     Some(Fate::Uncertain { .. }) => println!("it was sent, and may be there"),
    ///     fate => println!("it was never sent: {fate:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn settled(&self, emit: EmitId) -> impl Future<Output = Option<Fate>> + Send + Sync + use<> {
        let (waiter, receiver) = oneshot::channel();
        let known = self.shared().change(|state, _| {
            match (state.manager.watch(self.id, emit), state.waiters(self.id)) {
                (Some(fate), Some(waiters)) if !fate.is_final() => {
                    let watchers = waiters.watchers.entry(emit).or_default();
                    watchers.settled.retain(|waiter| !waiter.is_closed());
                    watchers.settled.push(waiter);
                    None
                }
                (fate, _) => Some(fate.filter(|fate| fate.is_final())),
            }
        });
        // The connection outlives what is waited for.
        let socket = self.clone();
        async move {
            let fate = match known {
                Some(fate) => fate,
                None => receiver.await.ok(),
            };
            drop(socket);
            fate
        }
    }

    /// Resolves to whether the emit is in the outbox's store: true once it is, so that it is sent even if the process ends
    /// now, and true if it is there no more because the server has acknowledged it. False if it ends otherwise before, if
    /// the store fails, or if there is none.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// if socket.stored(ticket).await {
    ///     println!("from here on a crash cannot lose it");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stored(&self, emit: EmitId) -> impl Future<Output = bool> + Send + Sync + use<> {
        let (waiter, receiver) = oneshot::channel();
        let known = self.shared().change(|state, _| {
            if let Some(stored) = state.manager.is_stored(self.id, emit) {
                return Some(stored);
            }
            let watched = state.manager.watch(self.id, emit);
            let Some(waiters) = state.waiters(self.id).filter(|_| watched.is_some()) else {
                return Some(false);
            };
            let watchers = waiters.watchers.entry(emit).or_default();
            watchers.stored.retain(|waiter| !waiter.is_closed());
            watchers.stored.push(waiter);
            None
        });
        let socket = self.clone();
        async move {
            let stored = match known {
                Some(stored) => stored,
                None => receiver.await.unwrap_or(false),
            };
            drop(socket);
            stored
        }
    }

    /// Takes an emit back. True if it was still held: then it is certainly never sent. Otherwise it was sent already or is
    /// settled; one whose ack was awaited ends as uncertain.
    ///
    /// Its record leaves the outbox's store at once, which takes the disk some milliseconds; should the process die before
    /// that, the next one sends it.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// if !socket.cancel(ticket) {
    ///     println!("too late: {:?}", socket.fate(ticket));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self, emit: EmitId) -> bool {
        self.shared().cancel(self.id, emit)
    }

    /// What becomes of every emit, from now on, in order. Dropping it ends that.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_native::Socket) {
    /// let mut fates = socket.fates();
    /// while let Some(change) = fates.next().await {
    ///     println!("{:?} is {}", change.emit, change.fate);
    ///     if let Some(event) = change.event {
    ///         println!("{} was never sent", event.event());
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn fates(&self) -> Fates {
        let (feed, changes) = feed();
        let listener =
            lock(&self.shared().listeners).router(self.id).on(FATES, Handler::Fates(Arc::new(feed)));
        self.shared().observe_fates(self.id, true);
        Fates { shared: Arc::clone(self.shared()), socket: self.id, listener, changes }
    }
}

/// What has become of one emit.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FateChange {
    /// Which.
    pub emit: EmitId,
    /// What is known of it now.
    pub fate: Fate,
    /// The emit itself, handed back, where it is certain that it was never sent.
    pub event: Option<Outgoing>,
}

/// The fates of a namespace's emits, as a [`Stream`]. Dropping it ends the observation.
///
/// Changes wait here until they are taken: nothing else waits for its reader. A stream that holds 100,000 of them, or 64 MiB
/// of what was handed back, takes no more: it ends after those that it holds. It also ends once the client has ended.
pub struct Fates {
    shared: Arc<Shared>,
    socket: SocketId,
    listener: ListenerId,
    changes: Changes,
}

impl Fates {
    /// The next change; `None` once the client has ended, or the stream was full. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<FateChange> {
        poll_fn(|cx| self.changes.poll(cx)).await
    }
}

impl Stream for Fates {
    type Item = FateChange;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FateChange>> {
        self.changes.poll(cx)
    }
}

impl Drop for Fates {
    fn drop(&mut self) {
        let removed = lock(&self.shared.listeners).off(self.socket, self.listener);
        drop(removed);
        self.shared.observe_fates(self.socket, false);
    }
}

impl fmt::Debug for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fates").field("waiting", &self.changes.len()).finish_non_exhaustive()
    }
}
