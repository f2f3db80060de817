//! Options of a client.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _};
use std::panic::catch_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
#[cfg(feature = "outbox")]
use socketio_client_core::Durability;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{Auth, Config, Delivery, EncodeError, HeldEvents, UrlError};

use tokio::runtime::RuntimeFlavor;

use crate::client::Client;
use crate::cursor::Cursor;
use crate::dispatcher;
use crate::driver::Driver;
use crate::error::BuildError;
use crate::message::Message;
#[cfg(feature = "outbox")]
use crate::outbox::{self, Outbox};
use crate::provider::Provider;
use crate::recovery_store::RecoveryStore;
use crate::shared::{AuthFn, Manager, Setup, Shared};
#[cfg(feature = "outbox")]
use crate::store::{FileStore, Store};
use crate::transport::{Connector, Http, TlsOptions, ws};

/// Options of a client; see [`Client::builder`].
///
/// ```no_run
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
///
/// use socketio_client_native::{BuildError, Client, Transport};
///
/// # fn example() -> Result<Client, BuildError> {
/// Client::builder("https://chat.example.com/admin")
///     .auth_with(|| async { std::collections::BTreeMap::from([("token", "fresh")]) })
///     .transports([Transport::WebSocket])
///     .ack_timeout(Some(Duration::from_secs(5)))
///     .build()
/// # }
/// ```
#[must_use = "call `build`"]
pub struct ClientBuilder {
    /// The last one is kept as an error until `build`.
    config: Result<Config, UrlError>,
    provider: Provider,
    auth: Result<Auth<Payload>, EncodeError>,
    auth_with: Option<Box<AuthFn>>,
    delivery: Delivery,
    auto_connect: bool,
    recovery_store: Option<PathBuf>,
    hold_events: Vec<String>,
    hold_size: usize,
    cursor: Option<Cursor>,
    connector: Option<Connector>,
    ca_file: Option<PathBuf>,
    #[cfg(feature = "outbox")]
    outbox: Option<outbox::Start>,
    #[cfg(feature = "outbox")]
    outbox_durability: Durability,
    #[cfg(feature = "outbox")]
    outbox_max_age: Duration,
}

/// After a week nobody remembers what was emitted.
#[cfg(feature = "outbox")]
const OUTBOX_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);

impl ClientBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            config: Config::new(url),
            provider: Provider::default(),
            auth: Ok(Auth::None),
            auth_with: None,
            delivery: Delivery::default(),
            auto_connect: true,
            recovery_store: None,
            hold_events: Vec::new(),
            hold_size: 1000,
            cursor: None,
            connector: None,
            ca_file: None,
            #[cfg(feature = "outbox")]
            outbox: None,
            #[cfg(feature = "outbox")]
            outbox_durability: Durability::default(),
            #[cfg(feature = "outbox")]
            outbox_max_age: OUTBOX_MAX_AGE,
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Config)) -> Self {
        if let Ok(config) = &mut self.config {
            set(config);
        }
        self
    }

    socketio_client_core::config_setters!();

    /// Adds a pair to the query of every request.
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let pair = (key.into(), value.into());
        self.provider.query.push(pair.clone());
        self.set(|config| config.query.push(pair))
    }

    /// Adds a header to every request.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.provider.headers.push((name.into(), value.into()));
        self
    }

    /// Authentication data for every namespace: something that serialises as an object.
    pub fn auth(mut self, auth: impl Serialize) -> Self {
        self.auth = Payload::object(&auth).map(Auth::Value);
        self.auth_with = None;
        self
    }

    /// Authentication data that is asked for each time a namespace is connected. The future is dropped once the client has
    /// ended.
    pub fn auth_with<F, Fut>(mut self, auth: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output: Serialize> + Send + 'static,
    {
        self.auth = Ok(Auth::Ask);
        self.auth_with = Some(Box::new(move || {
            let data = auth();
            Box::pin(async move { Payload::object(&data.await).map_err(|error| error.to_string()) })
        }));
        self
    }

    /// A URL that is asked for at each attempt, instead of the one given to [`Client::builder`]. What its path names does
    /// not matter.
    pub fn url_with(mut self, url: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.provider.url_with = Some(Box::new(url));
        self.set(|config| config.ask_address = true)
    }

    /// Pairs for the query that are asked for at each attempt.
    pub fn query_with(mut self, query: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static) -> Self {
        self.provider.query_with = Some(Box::new(query));
        self.set(|config| config.ask_address = true)
    }

    /// Headers that are asked for at each attempt, and again for the WebSocket to which a polling session moves.
    pub fn headers_with(
        mut self,
        headers: impl Fn() -> Vec<(String, String)> + Send + Sync + 'static,
    ) -> Self {
        self.provider.headers_with = Some(Box::new(headers));
        self
    }

    /// A PEM file with root certificates to trust besides the system's. Read at the first TLS connection.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(path.into());
        self
    }

    /// How connections are opened, instead of by TCP: a proxy's tunnel, a Unix socket, a pipe in memory.
    ///
    /// ```no_run
    /// use socketio_client_native::{BoxedIo, Client, Connector};
    ///
    /// # fn example() -> Result<Client, socketio_client_native::BuildError> {
    /// let connector = Connector::from_dial(|_uri| async {
    ///     let stream = tokio::net::TcpStream::connect("127.0.0.1:9000").await?;
    ///     Ok(Box::new(stream) as BoxedIo)
    /// });
    /// Client::builder("http://behind.the.tunnel").connector(connector).build()
    /// # }
    /// ```
    pub fn connector(mut self, connector: Connector) -> Self {
        self.connector = Some(connector);
        self
    }

    /// For a server that keeps a history of its own: where each event stands in it. The last place whose listeners have
    /// returned is sent with each CONNECT under this key of the authentication data, unless that has it, so that the server can
    /// send what is newer (the `serverOffset` of Socket.IO's tutorial).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), socketio_client_native::BuildError> {
    /// use socketio_client_native::Client;
    ///
    /// let client = Client::builder("https://chat.example.com")
    ///     .offset("serverOffset", |message| {
    ///         let (_text, id) = message.parse::<(String, u64)>().ok()?;
    ///         Some(id)
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn offset<T: Serialize>(
        mut self,
        key: impl Into<String>,
        of: impl Fn(&Message) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        let of = move |message: &Message| serde_json::to_string(&of(message)?).ok();
        self.cursor = Some(Cursor::new(key.into(), Box::new(of)));
        self
    }

    /// A file from which the next process takes up the sessions of this one (`recoveryStore`), with what was missed in
    /// between. One process has it at a time, and a copy of it is worth nothing (outside Unix that is known by the time at
    /// which a file was made, if the file system has it); whoever cannot use it is told of a gap with
    /// [`GapReason::Storage`](crate::GapReason::Storage).
    ///
    /// A client that is dropped leaves its sessions to the next process, where they are then; [`Client::close`] ends them.
    /// Events whose listeners had not returned come again, and with them those that were read since the last mark before
    /// them. There is a mark each 200 ms, so that after a process was killed what came in these comes again. What a
    /// [stream](crate::Socket::stream) has taken counts as handled.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), socketio_client_native::BuildError> {
    /// use socketio_client_native::Client;
    ///
    /// let client = Client::builder("https://chat.example.com").recovery_store("chat.session").build()?;
    /// let socket = client.socket("/");
    /// socket.on("message", |message| println!("{}", message.args_json()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn recovery_store(mut self, path: impl Into<PathBuf>) -> Self {
        self.recovery_store = Some(path.into());
        self
    }

    /// A file in which emits are kept until they are settled, so that they outlive this process (`outbox`). It is made if
    /// it is not there, and one client has it at a time: another one's emits are refused. What an earlier process has left
    /// in it is sent first, once its namespace is asked for ([`Client::socket`]), and told as
    /// [`ClientEvent::OutboxSettled`](crate::ClientEvent::OutboxSettled); what is wrong with it as
    /// [`ClientEvent::OutboxError`](crate::ClientEvent::OutboxError). It is opened once the first namespace is asked for, so
    /// listen to the client before that.
    ///
    /// Implies [`retries`](Self::retries) without limit, unless there are some; with
    /// [`exactly_once`](Self::exactly_once) and the server's middleware each event is run once. Volatile emits are not
    /// kept. Its content is not encrypted.
    ///
    /// ```no_run
    /// use socketio_client_native::{Client, ClientEvent};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::builder("https://shop.example.com").exactly_once(true).outbox("orders.outbox").build()?;
    /// client.on_event(|event| match event {
    ///     ClientEvent::OutboxSettled { event, fate, .. } => println!("{} of last time is {fate}", event.json()),
    ///     ClientEvent::OutboxError { cause, .. } => eprintln!("{cause}"),
    ///     _ => {}
    /// });
    /// let orders = client.socket("/orders");
    /// let ticket = orders.emit("order", &("tea", 2))?;
    /// orders.stored(ticket).await; // whatever happens now, it will be sent
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "outbox")]
    pub fn outbox(self, path: impl Into<PathBuf>) -> Self {
        self.outbox_store(FileStore::new(path))
    }

    /// The same with a store of another kind.
    #[cfg(feature = "outbox")]
    pub fn outbox_store(mut self, store: impl Store) -> Self {
        self.outbox = Some(outbox::start(store));
        self
    }

    /// Starts the client's tasks. It connects once a namespace is asked for.
    ///
    /// # Errors
    /// Outside a tokio runtime, in a runtime without timers, if the URL cannot be used, if the authentication data is no
    /// object, or if there are both [`urls`](Self::urls) and [`url_with`](Self::url_with).
    pub fn build(self) -> Result<Client, BuildError> {
        let mut config = self.config?;
        let auth = self.auth?;
        if self.provider.url_with.is_some() && !config.others.is_empty() {
            return Err(BuildError::TwoSources);
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        if catch_unwind(|| tokio::time::sleep(Duration::ZERO)).is_err() {
            return Err(BuildError::NoTimers);
        }
        let tls = TlsOptions { ca_file: self.ca_file };
        let connector = match self.connector {
            Some(connector) if tls.ca_file.is_none() => connector,
            Some(connector) => connector.tls(tls),
            None => Connector::new(tls),
        };
        let limits = ws::Limits {
            incoming: config.limits.message,
            outgoing: config.buffer_bytes.saturating_add(WRITE_SLACK),
        };
        let default_namespace = config.address.namespace.clone();
        // A clock before 1970 resumes no sessions, and harms nothing else. The shell's own begins now.
        config.unix_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        #[cfg_attr(not(feature = "outbox"), expect(unused_mut, reason = "only an outbox changes it"))]
        let mut delivery = self.delivery;
        #[cfg(feature = "outbox")]
        if self.outbox.is_some() {
            delivery.durability = Some(self.outbox_durability);
            let age = self.outbox_max_age;
            config.buffer_max_age = Some(config.buffer_max_age.map_or(age, |shorter| shorter.min(age)));
        }
        let ages = config.buffer_max_age.is_some();
        let recovery = self.recovery_store.map(|path| {
            let server = format!("{}:{}{}", config.address.host, config.address.port, config.path);
            Arc::new(RecoveryStore::open(&path, server))
        });
        let held = (!self.hold_events.is_empty()).then(|| HeldEvents::new(self.hold_events, self.hold_size));
        let manager = Manager::new(Json, config, random());
        let setup = Setup {
            threads: runtime.runtime_flavor() != RuntimeFlavor::CurrentThread,
            auth,
            auth_with: self.auth_with,
            delivery,
            ages,
            auto_connect: self.auto_connect,
            default_namespace,
        };
        let shared = Arc::new(Shared::new(manager, setup, recovery, held, self.cursor));
        #[cfg(feature = "outbox")]
        if let Some(start) = self.outbox {
            shared.state.lock().outbox = Some(Box::new(Outbox::new(start)));
        }
        let http = Http::new(connector);
        runtime.spawn(Driver::new(Arc::clone(&shared), self.provider, http, limits));
        runtime.spawn(dispatcher::run(Arc::clone(&shared)));
        Ok(Client::new(shared))
    }
}

/// From the operating system, which the standard library asks.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A name that no other process has.
pub(crate) fn unique_name() -> String {
    format!("{:016x}{:016x}", random(), random())
}

/// Room in the write buffer for batches of small frames beside the largest message.
const WRITE_SLACK: usize = 256 * 1024;

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
