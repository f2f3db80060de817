//! One connection to one server.

use std::future::Future;
use std::sync::Arc;

#[cfg(feature = "outbox")]
use socketio_client_core::ClearError;
use socketio_client_core::{ClientEvent, ListenerId, State, TransportKind as Transport};

use crate::builder::ClientBuilder;
use crate::shared::{Handle, Shared};
use crate::socket::Socket;
use crate::sync::lock;

/// A connection to a server, with any number of namespaces. Clones are the same connection.
///
/// It is opened when the first namespace is asked for, kept open, and opened again when it is lost. When the last `Client`
/// and [`Socket`] is dropped, what was emitted still leaves (for at most two seconds), then it is closed.
#[derive(Clone, Debug)]
pub struct Client {
    handle: Arc<Handle>,
}

impl Client {
    /// Options for a client of the server at `url`: `http`, `https`, `ws` or `wss`. Its path names the namespace of
    /// [`Client::default_socket`].
    ///
    /// ```no_run
    /// use socketio_client_native::Client;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder("http://localhost:3000").build()?;
    /// let socket = client.default_socket();
    /// socket.connected().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(&url.into())
    }

    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { handle: Arc::new(Handle::new(shared)) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.0
    }

    /// The namespace of this name (`/chat`; `chat` means the same), made if need be. A new one connects by itself, unless
    /// `auto_connect` is off.
    #[must_use]
    pub fn socket(&self, namespace: &str) -> Socket {
        let namespace =
            if namespace.starts_with('/') { namespace.to_owned() } else { format!("/{namespace}") };
        let id = self.shared().socket(&namespace);
        #[cfg(feature = "outbox")]
        self.shared().open_outbox();
        Socket::new(Arc::clone(&self.handle), id, namespace.into())
    }

    /// The namespace that the URL's path names; `/` where it has none.
    #[must_use]
    pub fn default_socket(&self) -> Socket {
        self.socket(&self.shared().setup.default_namespace)
    }

    /// Calls `listener` for what happens to the connection.
    ///
    /// ```no_run
    /// # use socketio_client_native::{Client, ClientEvent};
    /// # fn example(client: Client) {
    /// client.on_event(|event| match event {
    ///     ClientEvent::Waiting { attempt, delay } => eprintln!("attempt {attempt} in {delay:?}"),
    ///     ClientEvent::Open { transport } => eprintln!("connected over {transport}"),
    ///     _ => {}
    /// });
    /// # }
    /// ```
    pub fn on_event(&self, listener: impl Fn(ClientEvent) + Send + Sync + 'static) -> ListenerId {
        lock(&self.shared().listeners).client.on_any(Arc::new(listener))
    }

    /// Removes a listener; false if it is gone already.
    pub fn off(&self, listener: ListenerId) -> bool {
        let removed = lock(&self.shared().listeners).client.remove(listener);
        removed.is_some()
    }

    /// The connection's state.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared().state.lock().manager.state()
    }

    /// What carries the connection, while it is open.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.shared().state.lock().manager.transport()
    }

    /// Starts the next attempt at once instead of when it is due. Also starts again after
    /// [`ClientEvent::ReconnectFailed`].
    pub fn reconnect_now(&self) {
        self.shared().change(|state, now| {
            if state.end.is_none() {
                state.manager.reconnect_now(now);
            }
        });
    }

    /// Tells that the connection may be gone without a word, because the network has changed. If it is open it is probed, and
    /// ended if no answer comes within two seconds; a wait for the next attempt ends, though not more than once a second.
    /// That the machine has slept is noticed without this, within ten seconds.
    pub fn network_changed(&self) {
        self.shared().change(|state, now| {
            if state.end.is_none() {
                state.manager.resume(now);
            }
        });
    }

    /// Tells whether the network is gone. While it is, the connection counts as lost, and attempts fail; when it is back,
    /// the next attempt starts at once.
    pub fn set_offline(&self, offline: bool) {
        self.shared().change(|state, now| {
            if state.end.is_none() {
                state.manager.set_online(!offline, now);
            }
        });
    }

    /// Leaves every namespace and closes the connection, once what was emitted has left (at most two seconds).
    /// [`Socket::connect`] opens it again.
    pub fn close(&self) {
        self.shared().close();
    }

    /// Empties the outbox: whoever logs a user out calls this, for its content is not encrypted. What waits in it and was
    /// never sent ends as [`Fate::Cancelled`](crate::Fate::Cancelled), everything else as
    /// [`Fate::Uncertain`](crate::Fate::Uncertain), at once; what is emitted from then on stays. What earlier processes have
    /// left goes too, without a word where nobody has asked for its namespace. Resolves once the store is empty; nothing
    /// happens without an outbox.
    ///
    /// ```no_run
    /// # async fn example(client: socketio_client_native::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// client.clear_outbox().await?;
    /// client.close();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ClearError::Storage`](crate::ClearError::Storage): what is stored may still be there, and would be sent by the next
    /// process. The others if the client has ended.
    #[cfg(feature = "outbox")]
    pub fn clear_outbox(&self) -> impl Future<Output = Result<(), ClearError>> + Send + Sync + use<> {
        let cleared = self.shared().clear_outbox();
        // The connection outlives what is waited for.
        let client = self.clone();
        async move {
            let closed = || client.shared().end().unwrap_or(crate::error::End::Closed).into();
            cleared.await.unwrap_or_else(|_| Err(closed()))
        }
    }

    /// Resolves once nothing is open and nothing is planned: after [`close`](Self::close), or after the last namespace was
    /// left, when the server has said goodbye too (or a second has passed).
    ///
    /// ```no_run
    /// # async fn example(client: socketio_client_native::Client) {
    /// client.close();
    /// client.closed().await;
    /// # }
    /// ```
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        let closed = self.shared().closed();
        async move {
            // The driver is gone, and with it every transport.
            let _ = closed.await;
        }
    }
}
