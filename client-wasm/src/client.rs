//! The handle to a connection.

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::rc::Rc;

#[cfg(feature = "outbox")]
use socketio_client_core::ClearError;
use socketio_client_core::{ClientEvent, Config, ListenerId, State, TransportKind};

use crate::builder::{ClientBuilder, Sources};
use crate::dispatch::Namespace;
use crate::driver::Shared;
use crate::socket::Socket;

/// What clients and sockets hold: when the last is dropped, the connection is closed.
pub(crate) struct Handle(Rc<Shared>);

impl Deref for Handle {
    type Target = Rc<Shared>;

    fn deref(&self) -> &Rc<Shared> {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.close_for_good();
    }
}

/// A connection to a server, with all its namespaces. Connects again by itself. Clones are handles to the same connection,
/// as are its sockets; it is closed when the last of them is dropped. A listener that owns one keeps it open, until
/// [`Client::close`].
#[derive(Clone)]
pub struct Client {
    handle: Rc<Handle>,
}

impl Client {
    /// For a server at `url`: `http`, `https`, `ws` or `wss`, with the namespace as its path.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(&url.into())
    }

    pub(crate) fn new(config: Config, sources: Sources) -> Self {
        Self { handle: Rc::new(Handle(Shared::new(config, sources))) }
    }

    /// The namespace of this name; the leading slash may be left out. The first call connects it, unless
    /// [`auto_connect`](ClientBuilder::auto_connect) is off.
    #[must_use = "dropping the last handle closes the connection"]
    pub fn socket(&self, namespace: &str) -> Socket {
        let namespace =
            if namespace.starts_with('/') { namespace.to_owned() } else { format!("/{namespace}") };
        let (id, name, new) = self.handle.call(|inner, now| {
            let sources = Rc::clone(&inner.sources);
            let id = inner.manager.socket(&namespace, sources.socket_options());
            let mut new = false;
            let entry = inner.namespaces.entry(id).or_insert_with(|| {
                new = true;
                Namespace::new(&namespace)
            });
            let name = Rc::clone(&entry.name);
            if new {
                inner.restore(id, &name);
            }
            if new && sources.auto_connect {
                inner.manager.connect(id, now);
            }
            (id, name, new)
        });
        #[cfg(feature = "outbox")]
        if let (true, Some(settings)) = (new, &self.handle.read(|inner| Rc::clone(&inner.sources)).outbox) {
            self.handle.open_outbox(id, &namespace, settings);
        }
        #[cfg(not(feature = "outbox"))]
        let _ = new;
        Socket::new(Rc::clone(&self.handle), id, name)
    }

    /// The namespace that the URL's path names; `/` if it has none.
    #[must_use = "dropping the last handle closes the connection"]
    pub fn default_socket(&self) -> Socket {
        let sources = self.handle.read(|inner| Rc::clone(&inner.sources));
        self.socket(sources.namespace())
    }

    /// Calls `handler` for everything that happens to the connection.
    pub fn on_event(&self, handler: impl Fn(ClientEvent) + 'static) -> ListenerId {
        self.handle.read(|inner| inner.listeners.on_any(Rc::new(handler)))
    }

    /// Removes a listener; false if it is gone already.
    pub fn off(&self, listener: ListenerId) -> bool {
        // Dropped outside the borrow: what it owns may call back.
        let removed = self.handle.read(|inner| inner.listeners.remove(listener));
        removed.is_some()
    }

    /// What the connection is doing.
    #[must_use]
    pub fn state(&self) -> State {
        self.handle.read(|inner| inner.manager.state())
    }

    /// What carries the session, if one is open.
    #[must_use]
    pub fn transport(&self) -> Option<TransportKind> {
        self.handle.read(|inner| inner.manager.transport())
    }

    /// Starts the next attempt at once instead of when it is due, also after [`ClientEvent::ReconnectFailed`].
    pub fn reconnect_now(&self) {
        self.handle.call(|inner, now| inner.manager.reconnect_now(now));
    }

    /// Tells that the connection may be gone without a word, because the network has changed. If it is open it is probed where
    /// that is possible ([`Receipts::Namespace`](crate::Receipts::Namespace), [`exactly_once`](ClientBuilder::exactly_once)), and
    /// ended if no answer comes within two seconds; a wait for the next attempt ends, though not more than once a second. That
    /// the machine has slept, that the page is seen again and that the network is back is noticed without this.
    pub fn network_changed(&self) {
        self.handle.call(|inner, now| inner.manager.resume(now));
    }

    /// Tells whether there is a network. Without one the session counts as lost and attempts fail; when it is back, the
    /// next attempt starts at once.
    pub fn set_offline(&self, offline: bool) {
        self.handle.call(|inner, now| inner.manager.set_online(!offline, now));
    }

    /// Leaves every namespace and closes the connection; what was emitted before still leaves first. Final until
    /// [`Socket::connect`] is called.
    pub fn close(&self) {
        let sockets = self.handle.call(|inner, now| {
            #[cfg(feature = "outbox")]
            inner.outboxes_linger(None);
            inner.manager.close(now);
            let sockets = inner.namespaces.keys().copied().collect::<Vec<_>>();
            sockets.iter().for_each(|socket| inner.forget_held(*socket));
            sockets
        });
        for socket in sockets {
            self.handle.gave_up(socket);
        }
    }

    /// Empties the outbox of each namespace that this client has, for all tabs: whoever logs a user out calls this, for its
    /// content is not encrypted. What waits in it and was never sent ends as [`Fate::Cancelled`](crate::Fate::Cancelled),
    /// everything else as [`Fate::Uncertain`](crate::Fate::Uncertain). Resolves once that is done; nothing happens without an
    /// outbox.
    ///
    /// ```no_run
    /// # async fn example(client: socketio_client_wasm::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.clear_outbox().await?;
    /// client.close();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ClearError::Storage`](crate::ClearError::Storage): what is stored may still be there, and would be sent by the next
    /// page.
    #[cfg(feature = "outbox")]
    pub fn clear_outbox(&self) -> impl Future<Output = Result<(), ClearError>> + use<> {
        let clears = self.handle.clear_outboxes();
        // The connection outlives what is waited for.
        let client = self.clone();
        async move {
            let result = crate::outbox::cleared(clears).await;
            drop(client);
            result
        }
    }

    /// Resolves once nothing is open and nothing is planned: after [`close`](Self::close), or after the last namespace was
    /// left.
    pub fn closed(&self) -> impl Future<Output = ()> + use<> {
        let closed = self.handle.call(|inner, _| inner.closed());
        async move { while poll_fn(|cx| closed.poll(cx)).await.is_some() {} }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&**self.handle).finish()
    }
}
