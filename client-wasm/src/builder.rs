//! Options, and what is asked again at each attempt.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
#[cfg(feature = "outbox")]
use std::time::Duration;

use serde::Serialize;
use socketio_client_core::codec::Payload;
use socketio_client_core::{Address, Auth, Config, Delivery, EncodeError, SocketOptions, UrlError};
#[cfg(feature = "outbox")]
use socketio_client_core::{BufferPolicy, Durability};
use thiserror::Error;

use crate::client::Client;
use crate::incoming::{Cursor, Held};
use crate::message::Message;
use crate::recovery_store::RecoveryStore;

/// A client could not be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The value given to `auth` cannot be sent.
    #[error("authentication data: {0}")]
    Auth(#[from] EncodeError),
    /// Both a list of servers and a function that names one.
    #[error("`urls` and `url_with` exclude each other: let the function name the servers in turn")]
    TwoSources,
}

type Pairs = Vec<(String, String)>;
type AskAuth = Rc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Payload, String>>>>>;

/// What the application gives for each attempt and each CONNECT.
pub(crate) struct Sources {
    namespace: String,
    url_with: Option<Rc<dyn Fn() -> String>>,
    query: Pairs,
    query_with: Option<Rc<dyn Fn() -> Pairs>>,
    pub(crate) headers: Pairs,
    headers_with: Option<Rc<dyn Fn() -> Pairs>>,
    auth: Auth<Payload>,
    auth_with: Option<AskAuth>,
    delivery: Delivery,
    /// By which a server with the middleware knows this page again.
    name: String,
    pub(crate) auto_connect: bool,
    hold_events: Vec<String>,
    hold_size: usize,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) recovery_store: Option<RecoveryStore>,
    #[cfg(feature = "outbox")]
    pub(crate) outbox: Option<crate::outbox::Settings>,
}

impl Sources {
    /// Calls the application.
    /// Of several servers the core knows which one is next.
    pub(crate) fn ask_address(&self) -> Result<Option<Address>, UrlError> {
        self.url_with.as_ref().map(|ask| Address::parse(&ask())).transpose()
    }

    /// Calls the application.
    pub(crate) fn ask_query(&self) -> Pairs {
        let mut query = self.query.clone();
        query.extend(self.query_with.iter().flat_map(|ask| ask()));
        query
    }

    /// Calls the application.
    pub(crate) fn ask_headers(&self) -> Pairs {
        let mut headers = self.headers.clone();
        headers.extend(self.headers_with.iter().flat_map(|ask| ask()));
        headers
    }

    /// Calls the application.
    pub(crate) fn ask_auth(&self) -> Option<impl Future<Output = Result<Payload, String>> + use<>> {
        self.auth_with.as_ref().map(|ask| ask())
    }

    /// What the application gave once.
    pub(crate) fn known_auth(&self) -> Option<Payload> {
        match &self.auth {
            Auth::Value(data) => Some(data.clone()),
            Auth::None | Auth::Ask => None,
        }
    }

    pub(crate) fn socket_options(&self) -> SocketOptions<Payload> {
        // How far a history came is added each time.
        let auth = if self.cursor.is_some() { Auth::Ask } else { self.auth.clone() };
        SocketOptions { saves: self.recovery_store.is_some(), ..self.delivery.options(auth, &self.name) }
    }

    pub(crate) fn held(&self) -> Option<Held> {
        (!self.hold_events.is_empty()).then(|| Held::new(self.hold_events.clone(), self.hold_size))
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }
}

/// Options of a client, with the names and defaults of the JavaScript client wherever it has them.
#[must_use = "nothing happens before `build`"]
pub struct ClientBuilder {
    config: Result<Config, UrlError>,
    auth: Option<Result<Payload, EncodeError>>,
    auth_with: Option<AskAuth>,
    url_with: Option<Rc<dyn Fn() -> String>>,
    query_with: Option<Rc<dyn Fn() -> Pairs>>,
    headers: Pairs,
    headers_with: Option<Rc<dyn Fn() -> Pairs>>,
    delivery: Delivery,
    auto_connect: bool,
    hold_events: Vec<String>,
    hold_size: usize,
    cursor: Option<Cursor>,
    recovery_store: Option<RecoveryStore>,
    #[cfg(feature = "outbox")]
    outbox: Option<String>,
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
            auth: None,
            auth_with: None,
            url_with: None,
            query_with: None,
            headers: Vec::new(),
            headers_with: None,
            delivery: Delivery::default(),
            auto_connect: true,
            hold_events: Vec::new(),
            hold_size: 1000,
            cursor: None,
            recovery_store: None,
            #[cfg(feature = "outbox")]
            outbox: None,
            #[cfg(feature = "outbox")]
            outbox_durability: Durability::default(),
            #[cfg(feature = "outbox")]
            outbox_max_age: OUTBOX_MAX_AGE,
        }
    }

    fn set(mut self, set: impl FnOnce(&mut Config)) -> Self {
        // A URL that cannot be used is reported by `build`.
        if let Ok(config) = &mut self.config {
            set(config);
        }
        self
    }

    socketio_client_core::config_setters!();

    /// Adds a parameter to every request. To be repeated for more.
    pub fn query(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(|config| config.query.push((key.into(), value.into())))
    }

    /// Adds a header to every polling request. A browser lets nobody add headers to a WebSocket's handshake.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sent with each namespace's CONNECT; an object (a struct or a map). The server finds it in `handshake.auth`.
    pub fn auth(mut self, data: impl Serialize) -> Self {
        self.auth = Some(Payload::object(&data));
        self.auth_with = None;
        self
    }

    /// The same, asked again at every CONNECT, for tokens that expire. Where the future's value cannot be sent, the
    /// namespace ends in a `connect_error`.
    pub fn auth_with<F, A>(mut self, ask: F) -> Self
    where
        F: Fn() -> A + 'static,
        A: Future<Output: Serialize> + 'static,
    {
        self.auth_with = Some(Rc::new(move || {
            let answer = ask();
            Box::pin(async move { Payload::object(&answer.await).map_err(|error| error.to_string()) })
        }));
        self
    }

    /// Asked at each attempt instead of the URL given to [`Client::builder`], for instance to go round a list of servers.
    pub fn url_with(mut self, ask: impl Fn() -> String + 'static) -> Self {
        self.url_with = Some(Rc::new(ask));
        self
    }

    /// Asked at each attempt, and added to [`query`](Self::query).
    pub fn query_with(mut self, ask: impl Fn() -> Vec<(String, String)> + 'static) -> Self {
        self.query_with = Some(Rc::new(ask));
        self
    }

    /// Asked at each attempt, and added to [`header`](Self::header).
    pub fn headers_with(mut self, ask: impl Fn() -> Vec<(String, String)> + 'static) -> Self {
        self.headers_with = Some(Rc::new(ask));
        self
    }

    /// For a server that keeps a history of its own: where each event stands in it. The last place whose listeners have
    /// returned is sent with each CONNECT under this key of the authentication data, unless that has it, so that the server can
    /// send what is newer (the `serverOffset` of Socket.IO's tutorial).
    ///
    /// ```no_run
    /// # fn example() -> Result<(), socketio_client_wasm::BuildError> {
    /// use socketio_client_wasm::Client;
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
        of: impl Fn(&Message) -> Option<T> + 'static,
    ) -> Self {
        let of = move |message: &Message| {
            let place = Payload::args(&(of(message)?,)).ok()?;
            place.attachments().is_empty().then(|| place.args_json().to_owned())
        };
        self.cursor = Some(Cursor { key: key.into(), of: Rc::new(of) });
        self
    }

    /// Where the sessions of this page are kept for the one that comes after it (`recoveryStore`), with what was missed in
    /// between: [`RecoveryStore::Session`] is the tab's `sessionStorage`. A path, as a native client has it, stands for that.
    ///
    /// The client connects once it is known what the page before has left. A duplicated tab gets a copy, and leaves it alone as
    /// long as the first one lives, which a Web Lock tells; so where a browser has no Web Locks (pages without HTTPS), in a
    /// worker and in Node, nothing is kept. What is damaged, or kept from the page by the browser (a sandboxed frame), is told as
    /// a gap with [`GapReason::Storage`](crate::GapReason::Storage). A client that is closed, or dropped, leaves nothing.
    ///
    /// Events that still wait for their first listener ([`hold_events`](Self::hold_events)) when the page goes come to the next
    /// one, and with them again what came after the first of these, or up to a second before it.
    ///
    /// ```no_run
    /// # fn show(text: &str) {}
    /// # fn example() -> Result<(), socketio_client_wasm::BuildError> {
    /// use socketio_client_wasm::{Client, RecoveryStore};
    ///
    /// let client = Client::builder("https://chat.example.com").recovery_store(RecoveryStore::Session).build()?;
    /// let socket = client.socket("/");
    /// // After a reload, too: what was missed comes once, right after the connection.
    /// socket.on("message", |message| show(message.args_json()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Sessions beside the outbox, which all tabs share (`recoveryStore: "outbox"`), are JavaScript's alone.
    pub fn recovery_store(mut self, store: impl Into<RecoveryStore>) -> Self {
        self.recovery_store = Some(store.into());
        self
    }

    /// A name under which emits are kept in the browser until they are settled, so that they outlive the page (`outbox`): one
    /// database for each namespace, shared by all tabs of the origin that give it this name. One tab sends for all of them,
    /// and another one goes on where it ends, or its namespace is not connected, nor will be by itself. What an earlier page
    /// has left is sent first, once its namespace is asked for ([`Client::socket`]), and told as [`ClientEvent::OutboxSettled`](crate::ClientEvent::OutboxSettled); what is wrong with
    /// the database as [`ClientEvent::OutboxError`](crate::ClientEvent::OutboxError).
    ///
    /// Implies [`retries`](Self::retries) without limit, unless there are some; with
    /// [`exactly_once`](Self::exactly_once) and the server's middleware each event is run once. Volatile emits are not
    /// kept. Its content is not encrypted.
    #[cfg(feature = "outbox")]
    pub fn outbox(mut self, name: impl Into<String>) -> Self {
        self.outbox = Some(name.into());
        self
    }

    /// A client. It connects when the first namespace is asked for.
    ///
    /// # Errors
    /// If the URL cannot be used, the value given to [`auth`](Self::auth) cannot be sent, or there are both
    /// [`urls`](Self::urls) and [`url_with`](Self::url_with).
    pub fn build(self) -> Result<Client, BuildError> {
        let mut config = self.config?;
        if self.url_with.is_some() && !config.others.is_empty() {
            return Err(BuildError::TwoSources);
        }
        let auth = match (&self.auth_with, self.auth) {
            (Some(_), _) => Auth::Ask,
            (None, Some(data)) => Auth::Value(data?),
            (None, None) => Auth::None,
        };
        config.websocket_ping = false;
        config.tells_unsent = true;
        config.tells_status = false;
        config.ask_address =
            self.url_with.is_some() || self.query_with.is_some() || self.headers_with.is_some();
        // Answered once it is known what is stored.
        config.ask_address |= self.recovery_store.is_some();
        #[cfg(feature = "outbox")]
        let outbox = self.outbox.map(|name| crate::outbox::Settings {
            name,
            durability: self.outbox_durability,
            max_age: self.outbox_max_age,
            size: config.buffer_size,
            bytes: config.buffer_bytes,
            refuses: config.buffer_policy != BufferPolicy::DropNewest,
            buffer_max_age: config.buffer_max_age,
        });
        #[cfg_attr(not(feature = "outbox"), expect(unused_mut, reason = "only an outbox changes it"))]
        let mut delivery = self.delivery;
        #[cfg(feature = "outbox")]
        if outbox.is_some() {
            delivery.durability = Some(self.outbox_durability);
        }
        let sources = Sources {
            namespace: config.address.namespace.clone(),
            url_with: self.url_with,
            query: config.query.clone(),
            query_with: self.query_with,
            headers: self.headers,
            headers_with: self.headers_with,
            auth,
            auth_with: self.auth_with,
            delivery,
            name: unique_name(),
            auto_connect: self.auto_connect,
            hold_events: self.hold_events,
            hold_size: self.hold_size,
            cursor: self.cursor,
            recovery_store: self.recovery_store,
            #[cfg(feature = "outbox")]
            outbox,
        };
        Ok(Client::new(config, sources))
    }
}

/// A name that no other page has: more than 100 random bits.
pub(crate) fn unique_name() -> String {
    // 53 bits are all that `Math.random` has; it is not a secret, and the time is in it too.
    let part = || js_sys::Math::random() * 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^53")]
    let [first, second, now] = [part(), part(), js_sys::Date::now()].map(|number| number as u64);
    format!("{first:x}-{second:x}-{now:x}")
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and authentication data are secrets.
        f.debug_struct("ClientBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}
