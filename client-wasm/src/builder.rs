//! Options, and what is asked again at each attempt.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use serde::Serialize;
use socketio_client_core::codec::Payload;
use socketio_client_core::{Address, Auth, Config, Delivery, EncodeError, SocketOptions, UrlError};
use thiserror::Error;

use crate::client::Client;

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
}

type Pairs = Vec<(String, String)>;
type AskAuth = Rc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Payload, String>>>>>;

/// What the application gives for each attempt and each CONNECT.
pub(crate) struct Sources {
    address: Address,
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
}

impl Sources {
    /// Calls the application.
    pub(crate) fn ask_address(&self) -> Result<(Address, Pairs), UrlError> {
        let address = match &self.url_with {
            Some(ask) => Address::parse(&ask())?,
            None => self.address.clone(),
        };
        let mut query = self.query.clone();
        query.extend(self.query_with.iter().flat_map(|ask| ask()));
        Ok((address, query))
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

    pub(crate) fn socket_options(&self) -> SocketOptions<Payload> {
        self.delivery.options(self.auth.clone(), &self.name)
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.address.namespace
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
}

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

    /// A client. It connects when the first namespace is asked for.
    ///
    /// # Errors
    /// If the URL cannot be used, or the value given to [`auth`](Self::auth) cannot be sent.
    pub fn build(self) -> Result<Client, BuildError> {
        let mut config = self.config?;
        let auth = match (&self.auth_with, self.auth) {
            (Some(_), _) => Auth::Ask,
            (None, Some(data)) => Auth::Value(data?),
            (None, None) => Auth::None,
        };
        config.websocket_ping = false;
        config.tells_unsent = true;
        config.ask_address =
            self.url_with.is_some() || self.query_with.is_some() || self.headers_with.is_some();
        let sources = Sources {
            address: config.address.clone(),
            url_with: self.url_with,
            query: config.query.clone(),
            query_with: self.query_with,
            headers: self.headers,
            headers_with: self.headers_with,
            auth,
            auth_with: self.auth_with,
            delivery: self.delivery,
            name: unique_name(),
            auto_connect: self.auto_connect,
        };
        Ok(Client::new(config, sources))
    }
}

/// A name that no other page has: more than 100 random bits.
fn unique_name() -> String {
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
