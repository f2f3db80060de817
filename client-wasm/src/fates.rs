//! What becomes of emits, for those who wait for it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

use futures_core::Stream;
use socketio_client_core::{EmitId, Fate, SocketId};

use crate::channel::{Receiver, Sender, channel};
use crate::driver::{Inner, Shared};
use crate::message::Outgoing;
use crate::socket::Socket;
use crate::stream::Held;

/// The fates of emits. An application that asks for none pays nothing for them.
impl Socket {
    /// What is known of an emit now. `None` if nothing is remembered any more: fates other than `delivered` are remembered
    /// for the last 4,096 emits.
    ///
    /// ```no_run
    /// # use socketio_client_wasm::Fate;
    /// # fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// if socket.fate(ticket) == Some(Fate::Held) {
    ///     println!("offline: it will be sent");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fate(&self, emit: EmitId) -> Option<Fate> {
        self.handle.read(|inner| inner.fate(self.id, emit))
    }

    /// Resolves to the emit's final fate. For an emit without ack that is `delivered` once a receipt shows that the server
    /// has read it; over WebSocket a browser has one only where [`receipts`](crate::ClientBuilder::receipts) or the server's
    /// middleware give it. `None` if nothing is remembered of it, or if the client ends before.
    ///
    /// ```no_run
    /// # use socketio_client_wasm::Fate;
    /// # async fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// match socket.settled(ticket).await {
    ///     Some(Fate::Acknowledged | Fate::Delivered) => println!("it is there"),
    ///     Some(Fate::Uncertain { .. }) => println!("it was sent, and may be there"),
    ///     fate => println!("it was never sent: {fate:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn settled(&self, emit: EmitId) -> impl Future<Output = Option<Fate>> + use<> {
        let fate = self.handle.call(|inner, _| {
            let fate = inner.watch(self.id, emit).ok_or(None)?;
            if fate.is_final() {
                return Err(Some(fate));
            }
            let waiting = inner.waiting(self.id).ok_or(None)?;
            Ok(waiting.settled.add(emit))
        });
        // The connection outlives what is waited for.
        let socket = self.clone();
        async move {
            let fate = match fate {
                Err(known) => known,
                Ok(receiver) => receiver.recv().await,
            };
            drop(socket);
            fate
        }
    }

    /// Resolves to whether the emit is in the outbox's store: true once it is, so that it is sent even if the page ends
    /// now, and true if it is there no more because the server has acknowledged it. False if it ends otherwise before, if
    /// the store fails, or if there is none.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// if socket.stored(ticket).await {
    ///     println!("from here on a crash cannot lose it");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stored(&self, emit: EmitId) -> impl Future<Output = bool> + use<> {
        let stored = self.handle.call(|inner, _| {
            if let Some(known) = inner.is_stored(self.id, emit) {
                return Err(known);
            }
            inner.watch(self.id, emit).ok_or(false)?;
            let waiting = inner.waiting(self.id).ok_or(false)?;
            Ok(waiting.stored.add(emit))
        });
        let socket = self.clone();
        async move {
            let stored = match stored {
                Err(known) => known,
                Ok(receiver) => receiver.recv().await.unwrap_or(false),
            };
            drop(socket);
            stored
        }
    }

    /// Takes an emit back. True if it was still held: then it is certainly never sent. Otherwise it was sent already or is
    /// settled; one whose ack was awaited ends as uncertain.
    ///
    /// With an outbox false also means that the store or another tab has to be asked first: the fate tells. It is taken out
    /// of the store a moment later; should the page end in that moment, the next one sends it.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let ticket = socket.emit("order", &("tea", 2))?;
    /// if !socket.cancel(ticket) {
    ///     println!("too late: {:?}", socket.fate(ticket));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[expect(clippy::must_use_candidate, reason = "it may be cancelled by those who do not care")]
    pub fn cancel(&self, emit: EmitId) -> bool {
        #[cfg(feature = "outbox")]
        if crate::outbox::is_ticket(emit) {
            return self.handle.cancel_stored(self.id, emit);
        }
        self.handle.call(|inner, _| inner.manager.cancel(self.id, emit))
    }

    /// What becomes of every emit, from now on, in order. Dropping it ends that.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_wasm::Socket) {
    /// let mut fates = socket.fates();
    /// while let Some(change) = fates.next().await {
    ///     println!("{:?} is {}", change.emit, change.fate);
    ///     if let Some(event) = change.event {
    ///         println!("{} was never sent", event.event());
    ///     }
    /// }
    /// # }
    /// ```
    pub fn fates(&self) -> Fates {
        Fates::observe(&self.handle, self.id)
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

/// The fates of a namespace's emits as they change. Dropping it ends the observation; it ends when the last handle to the
/// client is gone.
///
/// Changes wait here until they are taken. A stream that holds 100,000 of them, or 64 MiB of what was given back, takes no
/// more: it ends after those that it holds.
#[must_use = "a stream that is dropped observes nothing"]
pub struct Fates {
    receiver: Receiver<FateChange>,
    held: Rc<Held>,
    /// Dropped after the receiver, whose end it looks for.
    _observation: Observation,
}

struct Observation {
    shared: Weak<Shared>,
    socket: SocketId,
}

impl Fates {
    pub(crate) fn observe(shared: &Rc<Shared>, socket: SocketId) -> Self {
        let (sender, receiver) = channel();
        let held = Rc::<Held>::default();
        let feed = Feed { sender: Some(sender), held: Rc::clone(&held) };
        shared.read(|inner| {
            inner.manager.observe_fates(socket, true);
            if let Some(namespace) = inner.namespaces.get_mut(&socket) {
                namespace.waiting.feeds.push(feed);
            }
        });
        Self { receiver, held, _observation: Observation { shared: Rc::downgrade(shared), socket } }
    }

    fn poll_change(&self, cx: &Context<'_>) -> Poll<Option<FateChange>> {
        let change = self.receiver.poll(cx);
        if let Poll::Ready(Some(change)) = &change {
            self.held.take(size(change));
        }
        change
    }

    /// The next change; `None` once the client has ended, or the stream was full. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<FateChange> {
        poll_fn(|cx| self.poll_change(cx)).await
    }
}

impl Stream for Fates {
    type Item = FateChange;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FateChange>> {
        self.poll_change(cx)
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let ended = shared.read(|inner| inner.take_feeds(self.socket));
            shared.read(|inner| inner.return_feeds(self.socket, ended));
        }
    }
}

impl fmt::Debug for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fates").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

fn size(change: &FateChange) -> usize {
    change.event.as_ref().map_or(0, Outgoing::size)
}

/// What feeds a stream, until it is full.
#[derive(Debug)]
struct Feed {
    sender: Option<Sender<FateChange>>,
    held: Rc<Held>,
}

impl Feed {
    fn send(&mut self, change: FateChange) {
        let Some(sender) = &self.sender else { return };
        if self.held.add(size(&change)) {
            sender.send(change);
        } else {
            // Without a sender the stream ends, after what it holds.
            self.sender = None;
        }
    }

    fn is_read(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

/// Who waits for what becomes of a namespace's emits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    settled: Each<Fate>,
    stored: Each<bool>,
    feeds: Vec<Feed>,
}

/// Those who wait for one emit each.
#[derive(Debug)]
struct Each<T>(BTreeMap<EmitId, Vec<Sender<T>>>);

impl<T> Default for Each<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Each<T> {
    fn add(&mut self, emit: EmitId) -> Receiver<T> {
        let (sender, receiver) = channel();
        let waiting = self.0.entry(emit).or_default();
        waiting.retain(|waiting| !waiting.is_closed());
        waiting.push(sender);
        receiver
    }

    fn take(&mut self, emit: EmitId) -> Vec<Sender<T>> {
        self.0.remove(&emit).unwrap_or_default()
    }
}

/// What an emit's ticket tells: those that are stored are the outbox's.
impl Inner {
    fn fate(&self, socket: SocketId, emit: EmitId) -> Option<Fate> {
        #[cfg(feature = "outbox")]
        if crate::outbox::is_ticket(emit) {
            return self.link(socket)?.fate(emit);
        }
        self.manager.fate(socket, emit)
    }

    fn watch(&mut self, socket: SocketId, emit: EmitId) -> Option<Fate> {
        #[cfg(feature = "outbox")]
        if crate::outbox::is_ticket(emit) {
            return self.link(socket)?.fate(emit);
        }
        self.manager.watch(socket, emit)
    }

    fn is_stored(&self, socket: SocketId, emit: EmitId) -> Option<bool> {
        #[cfg(feature = "outbox")]
        if crate::outbox::is_ticket(emit) {
            return self.link(socket).map_or(Some(false), |link| link.is_stored(emit));
        }
        self.manager.is_stored(socket, emit)
    }
}

/// Senders are used outside the borrow: whoever waits is woken by them.
impl Inner {
    fn waiting(&mut self, socket: SocketId) -> Option<&mut Waiting> {
        self.namespaces.get_mut(&socket).map(|namespace| &mut namespace.waiting)
    }

    fn take_feeds(&mut self, socket: SocketId) -> Vec<Feed> {
        self.waiting(socket).map_or_else(Vec::new, |waiting| std::mem::take(&mut waiting.feeds))
    }

    fn return_feeds(&mut self, socket: SocketId, mut feeds: Vec<Feed>) {
        let Some(waiting) = self.waiting(socket) else { return };
        feeds.append(&mut waiting.feeds);
        feeds.retain(Feed::is_read);
        let observed = !feeds.is_empty();
        waiting.feeds = feeds;
        self.manager.observe_fates(socket, observed);
    }
}

impl Shared {
    pub(crate) fn tell_fate(&self, socket: SocketId, emit: EmitId, fate: Fate, event: Option<Outgoing>) {
        let mut feeds = self.read(|inner| inner.take_feeds(socket));
        if !feeds.is_empty() {
            for feed in &mut feeds {
                feed.send(FateChange { emit, fate, event: event.clone() });
            }
            self.read(|inner| inner.return_feeds(socket, feeds));
        }
        if !fate.is_final() {
            return;
        }
        let settled = self.read(|inner| inner.waiting(socket).map(|waiting| waiting.settled.take(emit)));
        for sender in settled.into_iter().flatten() {
            sender.send(fate);
        }
        self.tell_stored(socket, emit, fate == Fate::Acknowledged);
    }

    pub(crate) fn tell_stored(&self, socket: SocketId, emit: EmitId, stored: bool) {
        let waiting = self.read(|inner| inner.waiting(socket).map(|waiting| waiting.stored.take(emit)));
        for sender in waiting.into_iter().flatten() {
            sender.send(stored);
        }
    }
}
