//! The handle to a namespace.

use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use socketio_client_core::codec::Payload;
use socketio_client_core::{
    AckError, ConnectError, DisconnectReason, EmitError, EmitId, EmitOptions, Flush, FlushError, ListenerId,
    SocketId,
};

use crate::ack::EmitWithAck;
use crate::channel::{Receiver, Sender, channel};
use crate::client::Handle;
use crate::dispatch::{Handler, lifecycle};
use crate::driver::{Inner, Shared};
use crate::emitter::Emitter;
use crate::incoming::Held;
use crate::message::{Message, Outgoing};
use crate::stream::{self, Messages};

/// A namespace of a [`Client`](crate::Client). Clones are handles to the same namespace.
///
/// Listeners run in the order of the events, and never inside a call that the application makes.
#[derive(Clone)]
pub struct Socket {
    pub(crate) handle: Rc<Handle>,
    pub(crate) id: SocketId,
    namespace: Rc<str>,
}

impl Socket {
    pub(crate) fn new(handle: Rc<Handle>, id: SocketId, namespace: Rc<str>) -> Self {
        Self { handle, id, namespace }
    }

    /// Its name, such as `/` or `/chat`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The server's id for it, while connected. Another after each reconnect.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.handle.read(|inner| inner.manager.status(self.id).id.map(str::to_owned))
    }

    /// Whether events go both ways now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.read(|inner| inner.manager.status(self.id).connected)
    }

    /// Whether it is connected, or being connected again by itself.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.handle.read(|inner| inner.manager.status(self.id).active)
    }

    /// Whether the last connection resumed the one before, with the events in between
    /// ([`ClientBuilder::recovery`](crate::ClientBuilder::recovery)). These come right after the connection.
    ///
    /// ```no_run
    /// # fn example(socket: socketio_client_wasm::Socket) {
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
        self.handle.read(|inner| inner.manager.status(self.id).recovered)
    }

    /// Sends an event: at once if connected, else it is held and sent after the connection, in order. `()` is no
    /// arguments, a tuple is the list of arguments, everything else is one argument.
    ///
    /// # Errors
    /// If it cannot be sent, or finds no room in the buffer. Nothing is held then.
    pub fn emit<A: Serialize + ?Sized>(&self, event: &str, args: &A) -> Result<EmitId, EmitError> {
        self.send(Payload::event(event, args)?, EmitOptions::default())
    }

    /// The same, with an answer by the server's handler:
    /// `let n: u32 = socket.emit_with_ack("count", &()).await?`. Sent when awaited.
    pub fn emit_with_ack<T: DeserializeOwned>(
        &self,
        event: &str,
        args: &(impl Serialize + ?Sized),
    ) -> EmitWithAck<T> {
        EmitWithAck::new(self.clone(), Payload::event(event, args))
    }

    /// For what is of no interest a moment later: `socket.volatile().emit("cursor", &(x, y))`.
    pub fn volatile(&self) -> Emitter<'_> {
        Emitter::new(self).volatile()
    }

    /// Emits that are worth nothing after so long: those that are still held then end as
    /// [`Fate::Expired`](crate::Fate::Expired), and are never sent. Otherwise `buffer_max_age` counts.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
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
    /// # fn example(socket: socketio_client_wasm::Socket) -> Result<(), Box<dyn std::error::Error>> {
    /// socket.coalesce("volume").emit("volume", &11)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn coalesce<'a>(&'a self, key: &'a str) -> Emitter<'a> {
        Emitter::new(self).coalesce(key)
    }

    pub(crate) fn send(&self, payload: Payload, options: EmitOptions<'_>) -> Result<EmitId, EmitError> {
        #[cfg(feature = "outbox")]
        if !options.volatile && self.has_outbox() {
            return self.handle.store_emit(self.id, payload, options, |_, _| {});
        }
        self.handle
            .call(|inner, now| inner.manager.emit(self.id, payload, options, now))
            .map_err(|refused| refused.error)
    }

    /// The same, and `sender` has the answer.
    pub(crate) fn send_with_ack(
        &self,
        payload: Payload,
        options: EmitOptions<'_>,
        sender: Sender<Result<Payload, AckError>>,
    ) -> Result<EmitId, AckError> {
        let add = |inner: &mut Inner, emit| {
            if let Some(namespace) = inner.namespaces.get_mut(&self.id) {
                namespace.acks.insert(emit, sender);
            }
        };
        #[cfg(feature = "outbox")]
        if self.has_outbox() {
            return Ok(self.handle.store_emit(self.id, payload, options, add)?);
        }
        self.handle.call(|inner, now| {
            let emit = inner.manager.emit(self.id, payload, options, now).map_err(|refused| refused.error)?;
            add(inner, emit);
            Ok(emit)
        })
    }

    #[cfg(feature = "outbox")]
    fn has_outbox(&self) -> bool {
        self.handle.read(|inner| inner.outbox(self.id).is_some())
    }

    /// What earlier pages have left in the outbox and is not settled, with its number there, in order. Known once this tab
    /// sends for all of them. What becomes of it is told as
    /// [`ClientEvent::OutboxSettled`](crate::ClientEvent::OutboxSettled).
    #[cfg(feature = "outbox")]
    #[must_use]
    pub fn outbox_left(&self) -> Vec<(u64, Outgoing)> {
        self.handle.read(|inner| {
            let left = inner.outbox(self.id).into_iter().flat_map(|link| link.left());
            left.map(|(seq, payload)| (seq, Outgoing::new(payload.clone()))).collect()
        })
    }

    /// Resolves once all that was emitted before this call has left: over polling when the server has confirmed it, over
    /// WebSocket when the browser has taken it, which gives no proof.
    ///
    /// # Errors
    /// If nobody will know of some of it: the connection ended first, or it was given up after its last attempt. A flush is also
    /// told so of what was emitted before an earlier one, if that was not told.
    pub fn flushed(&self) -> impl Future<Output = Result<(), FlushError>> + 'static {
        let receiver = self.handle.call(|inner, _| {
            let last = match inner.manager.flush(self.id) {
                Flush::Delivered => return Err(Ok(())),
                Flush::Uncertain => return Err(Err(FlushError::Uncertain)),
                Flush::Pending(last) => last,
            };
            let flushes = inner.namespaces.get_mut(&self.id).map(|namespace| &mut namespace.flushes);
            let (sender, receiver) = channel();
            flushes.ok_or(Err(FlushError::Closed))?.push((last, sender));
            Ok(receiver)
        });
        self.clone().wait(receiver, FlushError::Closed)
    }

    /// Resolves once the namespace is connected, at once if it is.
    ///
    /// # Errors
    /// If it is not going to be: the server refused it, nobody asked for it, or no further attempt is made. A failed
    /// attempt is no error while another one follows.
    pub fn connected(&self) -> impl Future<Output = Result<(), ConnectError>> + 'static {
        let receiver = self.handle.read(|inner| {
            let status = inner.manager.status(self.id);
            if status.connected {
                return Err(Ok(()));
            }
            let hopeless = !status.active || inner.is_idle();
            let namespace = inner.namespaces.get_mut(&self.id).ok_or(Err(ConnectError::Closed))?;
            if hopeless {
                return Err(Err(namespace.error.clone().unwrap_or(ConnectError::Disconnected)));
            }
            let (sender, receiver) = channel();
            namespace.connects.retain(|waiting| !waiting.is_closed());
            namespace.connects.push(sender);
            Ok(receiver)
        });
        self.clone().wait(receiver, ConnectError::Closed)
    }

    /// Keeps a handle, so that the connection outlives what is waited for.
    async fn wait<E>(
        self,
        receiver: Result<Receiver<Result<(), E>>, Result<(), E>>,
        closed: E,
    ) -> Result<(), E> {
        match receiver {
            Err(known) => known,
            Ok(receiver) => receiver.recv().await.unwrap_or(Err(closed)),
        }
    }

    /// Calls `handler` for each event of this name.
    pub fn on(&self, event: &str, handler: impl Fn(Message) + 'static) -> ListenerId {
        self.add(|router| router.on(event, Handler::Message(Rc::new(handler))))
    }

    /// Calls `handler` for the next event of this name only.
    pub fn once(&self, event: &str, handler: impl Fn(Message) + 'static) -> ListenerId {
        self.add(|router| router.once(event, Handler::Message(Rc::new(handler))))
    }

    /// Calls `handler` for each event, before the listeners for its name.
    pub fn on_any(&self, handler: impl Fn(Message) + 'static) -> ListenerId {
        self.add(|router| router.on_any(Handler::Message(Rc::new(handler))))
    }

    /// Calls `handler` for each event of ours that is handed to the transport.
    pub fn on_any_outgoing(&self, handler: impl Fn(Outgoing) + 'static) -> ListenerId {
        self.handle.read(|inner| inner.manager.observe(self.id, true));
        self.add(|router| router.on(lifecycle::OUTGOING, Handler::Outgoing(Rc::new(handler))))
    }

    /// Calls `handler` each time the namespace is connected.
    pub fn on_connect(&self, handler: impl Fn() + 'static) -> ListenerId {
        self.add(|router| router.on(lifecycle::CONNECT, Handler::Connect(Rc::new(handler))))
    }

    /// Calls `handler` each time the namespace is no longer connected.
    pub fn on_disconnect(&self, handler: impl Fn(DisconnectReason) + 'static) -> ListenerId {
        self.add(|router| router.on(lifecycle::DISCONNECT, Handler::Disconnect(Rc::new(handler))))
    }

    /// Calls `handler` each time the namespace could not be connected; [`is_active`](Self::is_active) tells whether the
    /// client goes on trying.
    pub fn on_connect_error(&self, handler: impl Fn(ConnectError) + 'static) -> ListenerId {
        self.add(|router| router.on(lifecycle::CONNECT_ERROR, Handler::ConnectError(Rc::new(handler))))
    }

    pub(crate) fn add(
        &self,
        add: impl FnOnce(&mut socketio_client_core::Router<Handler>) -> ListenerId,
    ) -> ListenerId {
        let (listener, held) = self.handle.read(|inner| {
            let namespace = inner.namespaces.entry(self.id);
            let new = || crate::dispatch::Namespace::new(&self.namespace);
            (add(&mut namespace.or_insert_with(new).router), inner.held.is_some())
        });
        if held {
            // Somebody may listen now: told after this call, as everything.
            self.handle.call(|inner, _| inner.held.as_mut().map(Held::look_again));
        }
        listener
    }

    /// Removes one listener, of whatever kind; false if it is gone already.
    pub fn off(&self, listener: ListenerId) -> bool {
        self.handle.off(self.id, listener)
    }

    /// Removes all listeners for events of this name, and ends their streams. `connect`, `disconnect` and `connect_error`
    /// name those of the methods alike.
    pub fn off_event(&self, event: &str) {
        let removed = self
            .handle
            .read(|inner| inner.namespaces.get_mut(&self.id).map(|it| it.router.remove_event(event)));
        drop(removed);
    }

    /// The events of this name as a stream. Dropping it unsubscribes. See [`Messages`] for what becomes of events that are
    /// not taken.
    pub fn stream(&self, event: &str) -> Messages {
        let (feed, receiver, held) = stream::feed();
        let listener = self.on(event, feed);
        Messages::new(receiver, held, Rc::downgrade(&self.handle), self.id, listener)
    }

    /// Connects, if [`auto_connect`](crate::ClientBuilder::auto_connect) is off, after [`disconnect`](Self::disconnect), or
    /// after the server refused or ended the namespace.
    pub fn connect(&self) {
        self.handle.forget_error(self.id);
        self.handle.call(|inner, now| inner.manager.connect(self.id, now));
    }

    /// Leaves the namespace; what was emitted before still leaves first, and the server is given the time to read it, up to
    /// [`close_timeout`](crate::ClientBuilder::close_timeout). The connection stays open for the others, and is closed with
    /// the last.
    pub fn disconnect(&self) {
        self.handle.call(|inner, now| {
            #[cfg(feature = "outbox")]
            inner.outboxes_linger(Some(self.id));
            inner.manager.disconnect(self.id, now);
            inner.forget_held(self.id);
        });
        self.handle.gave_up(self.id);
    }

    /// The same without that time, as the JavaScript client does: a Node server drops events that it reads together with the
    /// goodbye.
    pub fn disconnect_at_once(&self) {
        self.handle.call(|inner, now| {
            inner.manager.disconnect_at_once(self.id, now);
            inner.forget_held(self.id);
        });
        self.handle.gave_up(self.id);
    }
}

impl Shared {
    pub(crate) fn off(&self, socket: SocketId, listener: ListenerId) -> bool {
        // Dropped outside the borrow: what it owns may call back.
        let removed = self.read(|inner| {
            let router = &mut inner.namespaces.get_mut(&socket)?.router;
            let removed = router.remove(listener)?;
            let listens = |handler: &Handler| matches!(handler, Handler::Outgoing(_));
            if listens(&removed) && !router.take(lifecycle::OUTGOING).iter().any(listens) {
                inner.manager.observe(socket, false);
            }
            Some(removed)
        });
        removed.is_some()
    }

    /// The application left a namespace: nobody is to wait for it to be connected.
    pub(crate) fn gave_up(&self, socket: SocketId) {
        self.forget_error(socket);
        self.settle_connects(socket, &Err(ConnectError::Disconnected));
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
