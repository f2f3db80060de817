//! HTTP requests over one pool of kept-alive connections, with the cookies that servers set.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::{Parts, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::cookies::Cookies;
use super::stream::AnsweredInTls;
use super::{Connector, TransportError, connector};

/// Below the 5 seconds after which Node closes an idle connection: a request sent at that very moment is lost, and
/// whether a lost POST was carried out cannot be known.
const IDLE: Duration = Duration::from_secs(4);
/// Polling has one GET and one POST under way.
const IDLE_CONNECTIONS: usize = 2;
/// Characters of an error's body that are kept.
const STATUS_BODY_CHARS: usize = 512;
/// The server's answer to a POST is `ok`; more than this is not worth reading for the sake of the connection.
const POST_ANSWER: usize = 4096;
/// Bytes that are read at a time, and the most that an answer's head may have, as in Node. hyper's own 400 KB hold a thread of
/// the runtime, and its timers, for as long as a flood of interim answers takes to read.
const READ: usize = 16 << 10;

/// An HTTP/1.1 client. Clones share connections and cookies. Redirects are not followed.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client<Connector, Full<Bytes>>,
    /// For handshakes: keeps no connection, and takes none that was used before.
    fresh: Client<Connector, Full<Bytes>>,
    cookies: Cookies,
}

impl Http {
    /// A client whose connections are opened by `connector`.
    pub fn new(connector: Connector) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(READ)
            .build(connector.clone());
        let fresh = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(READ)
            .build(connector);
        Self { client, fresh, cookies: Cookies::default() }
    }

    /// Asks for `url` and gives the whole body, of at most `limit` bytes. Dropping the future closes the connection.
    ///
    /// # Errors
    /// [`TransportError::Status`] for every status but 200, [`TransportError::TooLarge`] above the limit,
    /// [`TransportError::NotText`] for a body that is not UTF-8, and whatever keeps the answer from arriving.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(String, String)],
        limit: usize,
    ) -> Result<ByteString, TransportError> {
        let target = Target::parse(url)?;
        let request = target.request(Method::GET, header_map(headers)?, Bytes::new());
        let body = self.answer(request, &target, limit).await?;
        ByteString::try_from(body).map_err(|_| TransportError::NotText)
    }

    /// Sends `body` as text. Done when the server has answered with 200. Dropping the future closes the connection.
    ///
    /// # Errors
    /// [`TransportError::Status`] for every status but 200, and whatever keeps the answer from arriving.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: impl Into<Bytes>,
    ) -> Result<(), TransportError> {
        let target = Target::parse(url)?;
        let mut headers = header_map(headers)?;
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        headers.entry(header::CONTENT_TYPE).or_insert(text);
        let request = target.request(Method::POST, headers, body.into());
        // The answer's text says nothing that its status does not.
        match self.answer(request, &target, POST_ANSWER).await {
            Ok(_) | Err(TransportError::TooLarge { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn answer(
        &self,
        request: Request<Full<Bytes>>,
        target: &Target,
        limit: usize,
    ) -> Result<Bytes, TransportError> {
        let response = self.send(&self.client, request, target).await?;
        if response.status() != StatusCode::OK {
            return Err(status_error(response).await);
        }
        // An announced length is refused before anything is read.
        if response.body().size_hint().lower() > limit as u64 {
            return Err(TransportError::TooLarge { limit });
        }
        let body = read(response.into_body(), limit).await.map_err(|error| classify(&error, target))?;
        body.ok_or(TransportError::TooLarge { limit })
    }

    async fn send(
        &self,
        client: &Client<Connector, Full<Bytes>>,
        mut request: Request<Full<Bytes>>,
        target: &Target,
    ) -> Result<Response<Incoming>, TransportError> {
        self.cookies.add(&mut request);
        let response = client.request(request).await.map_err(|error| classify(&error, target))?;
        self.cookies.keep(&target.uri, response.headers());
        Ok(response)
    }

    /// One request, one answer as it is, over a connection of its own, as browsers do it: a Node server leaves a
    /// handshake for a path that it does not know unanswered where the connection has carried an answer before.
    pub(super) async fn handshake(
        &self,
        request: Request<Full<Bytes>>,
        target: &Target,
    ) -> Result<Response<Incoming>, TransportError> {
        self.send(&self.fresh, request, target).await
    }
}

/// A URL that can be asked for.
pub(super) struct Target {
    uri: Uri,
}

impl Target {
    /// Accepts http, https, ws and wss; the latter two become the former, so that they share connections.
    pub(super) fn parse(url: &str) -> Result<Self, TransportError> {
        let invalid = |cause: &dyn std::fmt::Display| TransportError::InvalidUrl {
            url: url.to_owned(),
            cause: cause.to_string(),
        };
        let uri: Uri = url.parse().map_err(|error| invalid(&error))?;
        let mut parts: Parts = uri.into_parts();
        parts.scheme = match parts
            .scheme
            .as_ref()
            .map(|scheme| scheme.as_str().to_ascii_lowercase())
            .as_deref()
        {
            Some("http" | "ws") => Some(Scheme::HTTP),
            Some("https" | "wss") => Some(Scheme::HTTPS),
            Some(other) => {
                return Err(invalid(&format_args!("the scheme {other:?} is none of http, https, ws, wss")));
            }
            None => {
                return Err(invalid(&"it has no scheme: begin it with http://, https://, ws:// or wss://"));
            }
        };
        let uri = Uri::from_parts(parts).map_err(|error| invalid(&error))?;
        if uri.host().is_none_or(str::is_empty) {
            return Err(invalid(&"it has no host"));
        }
        Ok(Self { uri })
    }

    pub(super) fn request(
        &self,
        method: Method,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    fn address(&self) -> String {
        connector::address(&self.uri)
    }

    fn secure(&self) -> bool {
        self.uri.scheme() == Some(&Scheme::HTTPS)
    }
}

/// The application's headers. Those that frame the message or belong to the WebSocket handshake are the transport's.
pub(super) fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, TransportError> {
    let mut map = HeaderMap::with_capacity(headers.len() + 6);
    for (name, value) in headers {
        let unusable =
            |why: &str| TransportError::Http { cause: format!("the header {name:?} cannot be sent: {why}") };
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| unusable("its name is not a header name"))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| unusable("its value holds control characters"))?;
        let handshake = key.as_str().starts_with("sec-websocket-") && key != header::SEC_WEBSOCKET_PROTOCOL;
        let framing =
            [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::UPGRADE];
        if handshake || framing.contains(&key) {
            return Err(unusable("the transport sets it itself; remove it from the configured headers"));
        }
        map.append(key, value);
    }
    Ok(map)
}

/// An answer with the wrong status, with the beginning of what it says.
pub(super) async fn status_error(response: Response<Incoming>) -> TransportError {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let location = response.headers().get(header::LOCATION).filter(|_| status.is_redirection());
    let body = if let Some(location) = location {
        let location = String::from_utf8_lossy(location.as_bytes());
        let location: String = location.chars().take(STATUS_BODY_CHARS).collect();
        format!("redirected to {location}; redirects are not followed, so use that URL")
    } else {
        body_start(response.into_body()).await
    };
    TransportError::Status { status: status.as_u16(), body, retry_after }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    socketio_client_core::retry_after(value, now.as_secs())
}

/// The whole of a body, unless it is too long. In one buffer: pieces of a byte each would take many times as much.
async fn read(mut body: Incoming, limit: usize) -> Result<Option<Bytes>, hyper::Error> {
    let (mut first, mut whole) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if first.len() + whole.len() + piece.len() > limit {
            return Ok(None);
        }
        if first.is_empty() && whole.is_empty() {
            first = piece;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&piece);
        }
    }
    Ok(Some(if whole.is_empty() { first } else { whole.freeze() }))
}

/// The first characters of a body; less where it breaks off, since its status matters more.
async fn body_start(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    // UTF-8 needs at most 4 bytes for a character.
    while bytes.len() < 4 * STATUS_BODY_CHARS {
        match body.frame().await {
            Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..])),
            Some(Err(_)) | None => break,
        }
    }
    String::from_utf8_lossy(&bytes).chars().take(STATUS_BODY_CHARS).collect()
}

/// Finds the kind of a failure in hyper's chain of causes.
pub(super) fn classify(error: &(dyn Error + 'static), target: &Target) -> TransportError {
    let mut text = String::new();
    let mut http = None;
    let mut broken = None;
    let mut link = Some(error);
    while let Some(error) = link {
        // The client's own layer only says in which step something failed.
        if !error.is::<hyper_util::client::legacy::Error>() {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{error}");
        }
        if let Some(known) = error.downcast_ref::<TransportError>() {
            return known.clone();
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            http = http.or(Some(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.get_ref().is_some_and(|inner| inner.is::<AnsweredInTls>()) {
                let cause = "the server speaks TLS on this port: use https:// or wss://".to_owned();
                return TransportError::Tls { address: target.address(), cause };
            }
            broken = Some(error);
        }
        link = error.source();
    }
    let address = target.address();
    if http.is_some_and(hyper::Error::is_parse) {
        // hyper tells this one from others in servers only.
        let cause = if text.contains("head is too large") {
            format!("the head of the answer of {address} is longer than {} KiB", READ >> 10)
        } else {
            format!("{address} did not answer in HTTP/1.1 ({text}); is this the port of a Socket.IO server?")
        };
        return TransportError::Http { cause };
    }
    // Either end of the stream inside an answer: hyper reports a body's as an error of the stream.
    let eof = broken.is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof);
    if eof
        || http.is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed())
    {
        let hint =
            if target.secure() { "" } else { "; if it expects TLS on this port, use https:// or wss://" };
        let cause = format!("{address} closed the connection before its answer was complete{hint}");
        return TransportError::Http { cause };
    }
    match broken {
        Some(error) => TransportError::Lost { cause: format!("{address}: {error}") },
        None => TransportError::Http { cause: format!("{address}: {text}") },
    }
}
