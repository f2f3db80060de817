//! One namespace.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use socketio_client_core::codec::Payload;
use socketio_client_core::{
    ConnectError, DisconnectReason, EmitError, EmitId, EmitOptions, Flush, FlushError, ListenerId, SocketId,
    State as Connection,
};
use tokio::sync::{mpsc, oneshot};

use crate::ack::EmitWithAck;
use crate::emitter::Emitter;
use crate::error::End;
use crate::listeners::{CONNECT, CONNECT_ERROR, DISCONNECT, Handler, OUTGOING, SocketRouter};
use crate::message::{Message, Outgoing};
use crate::shared::{Handle, Shared};
use crate::stream::{CAPACITY, Messages};
use crate::sync::lock;

/// A namespace of a [`Client`](crate::Client). Clones are the same namespace.
///
/// Listeners are called one after the other, in the order of the events, with no lock held. What a listener changes about
/// listeners counts from the next event on. A listener that panics ends the client.
///
/// A listener cannot borrow from one thread only:
///
/// ```compile_fail,E0277
/// # fn example(socket: socketio_client_native::Socket) {
/// let count = std::rc::Rc::new(std::cell::Cell::new(0));
/// socket.on("news", move |_| count.set(count.get() + 1));
/// # }
/// ```
#[derive(Clone)]
pub struct Socket {
    handle: Arc<Handle>,
    pub(crate) id: SocketId,
    namespace: Arc<str>,
}

impl Socket {
    pub(crate) const fn new(handle: Arc<Handle>, id: SocketId, namespace: Arc<str>) -> Self {
        Self { handle, id, namespace }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }

    /// The namespace's name, with its slash.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The server's id for this namespace's connection, while it is connected. Another one after each reconnection.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.shared().state.lock().manager.status(self.id).id.map(str::to_owned)
    }

    /// Whether the namespace is connected now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared().state.lock().manager.status(self.id).connected
    }

    /// Whether the namespace is connected, or will be by itself. False before [`connect`](Self::connect), and after a
    /// refusal, a disconnect by the server, and [`disconnect`](Self::disconnect).
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.shared().state.lock().manager.status(self.id).active
    }

    /// Whether the last connection resumed the one before, with the events in between
    /// ([`ClientBuilder::recovery`](crate::ClientBuilder::recovery)). These come right after the connection.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) {
    /// let connected = socket.clone();
    /// socket.on_connect(move || {
    ///     if !connected.recovered() {
    ///         println!("a new session: what was missed has to be asked for");
    ///     }
    /// });
    /// # }
    /// ```
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.shared().state.lock().manager.status(self.id).recovered
    }

    /// Sends an event: at once, or, while the namespace is not connected, as soon as it is. The order is kept. The ticket
    /// rises with each emit, and may be ignored.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// socket.emit("hello", "world")?;
    /// socket.emit("move", &("knight", 3, 4))?;
    /// socket.emit("leave", &())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the arguments cannot be serialised, the name is reserved, there is no room (`buffer_size`, `buffer_bytes`), the
    /// event is larger than the server accepts, it has too many attachments, or the client has ended. Nothing is sent
    /// then.
    pub fn emit<A: Serialize + ?Sized>(&self, event: &str, args: &A) -> Result<EmitId, EmitError> {
        let payload = Payload::event(event, args)?;
        self.shared().emit(self.id, payload, EmitOptions { unread: true, ..EmitOptions::default() })
    }

    /// An event whose listener on the server answers. Nothing is sent before it is awaited, or sent by
    /// [`EmitWithAck::send`].
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let sum: u32 = socket.emit_with_ack("sum", &(1, 2)).timeout(Duration::from_secs(2)).await?;
    /// let (status, body): (u16, String) = socket.emit_with_ack("fetch", "news").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> EmitWithAck<T> {
        EmitWithAck::new(self.clone(), self.id, Payload::event(event, args).map_err(EmitError::from))
    }

    /// Emits that are dropped unless they can be sent at once: for what is worth nothing later.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// socket.volatile().emit("cursor", &(10, 20))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn volatile(&self) -> Emitter<'_> {
        Emitter::new(self).volatile()
    }

    /// Emits that are worth nothing after so long: those that are still held then end as
    /// [`Fate::Expired`](crate::Fate::Expired), and are never sent. Otherwise `buffer_max_age` counts.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// socket.max_age(Duration::from_secs(30)).emit("knock", &())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn max_age(&self, age: Duration) -> Emitter<'_> {
        Emitter::new(self).max_age(age)
    }

    /// Emits of which only the newest counts: one that is still held when the next one with its key comes is dropped, and
    /// the newer one takes its place.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// socket.coalesce("volume").emit("volume", &11)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn coalesce<'a>(&'a self, key: &'a str) -> Emitter<'a> {
        Emitter::new(self).coalesce(key)
    }

    /// Resolves once everything emitted so far has reached the server, which a WebSocket pong or the answer to a POST
    /// proves. It does not prove that a listener ran: only an ack does.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// socket.emit("bye", &())?;
    /// socket.flushed().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`FlushError::Uncertain`] if nobody will know of some of it: the connection ended before, or it was given up after
    /// its last attempt. A flush is also told so of what was emitted before an earlier one, if that was not told. The others
    /// if the client ends before.
    pub fn flushed(&self) -> impl Future<Output = Result<(), FlushError>> + Send + Sync + 'static {
        let (waiter, receiver) = oneshot::channel();
        let settled = self.shared().change(|state, _| {
            if let Some(end) = &state.end {
                return Some(Err(end.clone().into()));
            }
            let emit = match state.manager.flush(self.id) {
                Flush::Delivered => return Some(Ok(())),
                Flush::Uncertain => return Some(Err(FlushError::Uncertain)),
                Flush::Pending(emit) => emit,
            };
            if let Some(waiters) = state.waiters(self.id) {
                waiters.flushes.push((emit, waiter));
            }
            None
        });
        self.clone().wait(settled, receiver)
    }

    /// Resolves once the namespace is connected: at once, if it is.
    ///
    /// # Errors
    /// If the server refuses it, if it is not going to be connected any more (also because nobody asked for it), or if
    /// the client ends. A failed attempt is no error while another one follows.
    pub fn connected(&self) -> impl Future<Output = Result<(), ConnectError>> + Send + Sync + 'static {
        let (waiter, receiver) = oneshot::channel();
        let settled = self.shared().change(|state, _| {
            if let Some(end) = &state.end {
                return Some(Err(end.clone().into()));
            }
            let status = state.manager.status(self.id);
            if status.connected {
                return Some(Ok(()));
            }
            let hopeless = !status.active || state.manager.state() == Connection::Disconnected;
            let waiters = state.waiters(self.id)?;
            if hopeless {
                return Some(Err(waiters.failure.clone().unwrap_or(ConnectError::Disconnected)));
            }
            waiters.connects.retain(|waiter| !waiter.is_closed());
            waiters.connects.push(waiter);
            None
        });
        self.clone().wait(settled, receiver)
    }

    /// Keeps a handle, so that the connection outlives what is waited for.
    async fn wait<E: From<End>>(
        self,
        settled: Option<Result<(), E>>,
        receiver: oneshot::Receiver<Result<(), E>>,
    ) -> Result<(), E> {
        match settled {
            Some(settled) => settled,
            None => match receiver.await {
                Ok(result) => result,
                Err(_) => Err(self.shared().end().unwrap_or(End::Closed).into()),
            },
        }
    }

    /// Calls `listener` for each event of this name.
    pub fn on(&self, event: &str, listener: impl Fn(Message) + Send + Sync + 'static) -> ListenerId {
        self.listen(event, Handler::Event(Arc::new(listener)))
    }

    /// Calls `listener` for the next event of this name only.
    pub fn once(&self, event: &str, listener: impl Fn(Message) + Send + Sync + 'static) -> ListenerId {
        let handler = Handler::Event(Arc::new(listener));
        self.with_router(|router| router.once(event, handler))
    }

    /// Calls `listener` for each event, before the listeners for its name.
    pub fn on_any(&self, listener: impl Fn(Message) + Send + Sync + 'static) -> ListenerId {
        let handler = Handler::Event(Arc::new(listener));
        self.with_router(|router| router.on_any(handler))
    }

    /// Calls `listener` for each event of ours that is handed to the transport.
    pub fn on_any_outgoing(&self, listener: impl Fn(Outgoing) + Send + Sync + 'static) -> ListenerId {
        let id = self.listen(OUTGOING, Handler::Outgoing(Arc::new(listener)));
        self.shared().change(|state, _| state.manager.observe(self.id, true));
        id
    }

    /// Calls `listener` each time the namespace is connected.
    pub fn on_connect(&self, listener: impl Fn() + Send + Sync + 'static) -> ListenerId {
        self.listen(CONNECT, Handler::Connect(Arc::new(listener)))
    }

    /// Calls `listener` each time the namespace, having been connected, no longer is.
    pub fn on_disconnect(&self, listener: impl Fn(DisconnectReason) + Send + Sync + 'static) -> ListenerId {
        self.listen(DISCONNECT, Handler::Disconnect(Arc::new(listener)))
    }

    /// Calls `listener` each time an attempt to connect the namespace fails.
    pub fn on_connect_error(&self, listener: impl Fn(ConnectError) + Send + Sync + 'static) -> ListenerId {
        self.listen(CONNECT_ERROR, Handler::ConnectError(Arc::new(listener)))
    }

    /// Removes a listener; false if it is gone already. A listener that is running is not interrupted.
    pub fn off(&self, listener: ListenerId) -> bool {
        // Dropped after the lock is released: it may own anything of the application's.
        let removed = lock(&self.shared().listeners).off(self.id, listener);
        if matches!(removed, Some(Handler::Outgoing(_))) {
            let wanted = !lock(&self.shared().listeners).is_unheard(self.id, OUTGOING);
            self.shared().change(|state, _| state.manager.observe(self.id, wanted));
        }
        removed.is_some()
    }

    /// Removes all listeners for events of this name, and ends their streams. `connect`, `disconnect` and `connect_error`
    /// name those of the methods alike.
    pub fn off_event(&self, event: &str) {
        let removed = lock(&self.shared().listeners).off_event(self.id, event);
        drop(removed);
    }

    /// The events of this name as a stream. Dropping it unsubscribes.
    ///
    /// ```no_run
    /// # async fn example(socket: socketio_client_native::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut news = socket.stream("news");
    /// while let Some(message) = news.next().await {
    ///     println!("{}", message.parse::<String>()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stream(&self, event: &str) -> Messages {
        let (sender, messages) = mpsc::channel(CAPACITY);
        let id = self.with_router(|router| router.on(event, Handler::Stream(sender)));
        Messages::new(Arc::clone(self.shared()), self.id, id, messages)
    }

    /// Connects the namespace, and the client if need be. Does nothing if that is under way.
    pub fn connect(&self) {
        self.shared().connect(self.id);
    }

    /// Leaves the namespace. It counts as disconnected at once; what was emitted before is still sent, and given time to be
    /// read (`close_timeout`). With the last namespace the connection is closed.
    pub fn disconnect(&self) {
        self.shared().disconnect(self.id, false);
    }

    /// The same without waiting for what was emitted, as the JavaScript client does: a Node server drops events that a
    /// DISCONNECT follows at once.
    pub fn disconnect_at_once(&self) {
        self.shared().disconnect(self.id, true);
    }

    pub(crate) fn listen(&self, event: &str, handler: Handler) -> ListenerId {
        self.with_router(|router| router.on(event, handler))
    }

    pub(crate) fn with_router<R>(&self, change: impl FnOnce(&mut SocketRouter) -> R) -> R {
        let result = change(lock(&self.shared().listeners).router(self.id));
        if self.shared().held.is_some() {
            // Somebody may listen now.
            self.shared().queue.nudge();
        }
        result
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
