//! What can go wrong, who is at fault, and what to do next.

use alloc::string::String;
use core::convert::Infallible;
use core::fmt;
use core::time::Duration;

use thiserror::Error;

use crate::config::TransportKind;

/// A transport could not be opened, or broke.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The URL cannot be used.
    #[error("the URL {url:?} cannot be used: {cause}")]
    InvalidUrl {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        cause: String,
    },
    /// No connection: unknown host, refused, unreachable.
    #[error("cannot connect to {address}: {cause}; check the address and that the server is running")]
    Connect {
        /// Host and port.
        address: String,
        /// The operating system's word.
        cause: String,
    },
    /// The TLS handshake failed.
    #[error("no TLS session with {address}: {cause}")]
    Tls {
        /// Host and port.
        address: String,
        /// The TLS library's word, and what to do about it.
        cause: String,
    },
    /// The server answered with an HTTP status other than the one that the protocol asks for.
    #[error("the server answered with HTTP status {status}{}: {body}", with_wait(*.retry_after))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The first 512 characters of the body.
        body: String,
        /// How long it asks to be left alone (`Retry-After`): the next attempt waits at least that long, though at most
        /// ten times [`Config::reconnection_delay_max`](crate::Config::reconnection_delay_max).
        retry_after: Option<Duration>,
    },
    /// The server's answer is not a WebSocket handshake.
    #[error("the server does not speak WebSocket here: {cause}; check the path, and any proxy on the way")]
    NotWebSocket {
        /// What was missing.
        cause: String,
    },
    /// The server's answer is not HTTP, or broke off.
    #[error("the server's HTTP answer cannot be read: {cause}")]
    Http {
        /// The HTTP library's word.
        cause: String,
    },
    /// The server closed the connection in an orderly way.
    #[error("the server closed the connection{}{}", with_code(*.code), with_reason(.reason))]
    Closed {
        /// WebSocket close code, where one was sent.
        code: Option<u16>,
        /// WebSocket close reason.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection was lost: {cause}")]
    Lost {
        /// The operating system's word.
        cause: String,
    },
    /// The server sent more than [`Limits::message`](crate::Limits::message) allows.
    #[error("the server sent a message of more than {limit} bytes; raise the limit if that is expected")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The server sent something that should be text, and is not UTF-8.
    #[error("the server sent text that is not UTF-8")]
    NotText,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// This build, or this platform, cannot do that.
    #[error("the transport {transport} is not available here")]
    Unsupported {
        /// What was asked for.
        transport: TransportKind,
    },
    /// The network was reported gone.
    #[error("the network is offline")]
    Offline,
    /// The server sent what no Engine.IO server sends.
    #[error("{0}")]
    Protocol(#[from] DecodeError),
}

/// What another library says about a peer's text, which it may quote at length.
#[cfg(feature = "json")]
pub(crate) fn brief(cause: &impl fmt::Display) -> String {
    let text = alloc::format!("{cause}");
    match text.char_indices().nth(200) {
        Some((end, _)) => String::from(text.get(..end).unwrap_or_default()) + "…",
        None => text,
    }
}

fn with_code(code: Option<u16>) -> String {
    code.map_or_else(String::new, |code| alloc::format!(" with code {code}"))
}

fn with_wait(wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| alloc::format!(", to be asked again in {} s", wait.as_secs()))
}

fn with_reason(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { alloc::format!(": {reason}") }
}

/// The peer sent something that is not Socket.IO, or more than the limits allow. The connection is closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not an Engine.IO packet.
    #[error(
        "the server sent {found:?}, which is no Engine.IO packet; is this a Socket.IO server of version 3 or later?"
    )]
    Engine {
        /// The first characters.
        found: String,
    },
    /// The handshake cannot be read.
    #[error("the server's handshake cannot be read: {cause}")]
    Handshake {
        /// What is wrong with it.
        cause: String,
    },
    /// Not a Socket.IO header.
    #[error("the server sent a malformed packet: {cause}")]
    Header {
        /// What is wrong with it.
        cause: &'static str,
    },
    /// The payload is not JSON, or not of the shape that its packet type demands.
    #[error("the server sent a malformed payload: {cause}")]
    Payload {
        /// What is wrong with it.
        cause: String,
    },
    /// Base64 that cannot be read.
    #[error("the server sent malformed base64")]
    Base64,
    /// A packet arrived while attachments of the one before were missing.
    #[error("the server sent another packet while {missing} attachments were missing")]
    AttachmentsMissing {
        /// How many.
        missing: usize,
    },
    /// Binary data that belongs to no packet.
    #[error("the server sent binary data that no packet announced")]
    UnexpectedBinary,
    /// A bound was passed.
    #[error("the server sent more than the limit allows: {what} above {limit}")]
    Limit {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The attachments of a packet did not arrive in time.
    #[error("the server did not complete a packet with attachments in time")]
    Incomplete,
    /// The value does not fit the type that the application asked for.
    #[error("the payload does not fit the expected type: {cause}")]
    Type {
        /// serde's word.
        cause: String,
    },
}

/// The application's value cannot be put on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The type's own `Serialize` refused, or produced what JSON has no room for.
    #[error("the arguments cannot be serialised: {cause}")]
    Value {
        /// serde's word, or the parser's.
        cause: String,
    },
    /// The event name belongs to the library.
    #[error("\"{name}\" is a reserved event name")]
    Reserved {
        /// The name.
        name: String,
    },
    /// The authentication payload must be an object.
    #[error("authentication data must be an object (a struct or a map)")]
    AuthNotObject,
    /// With `exactly_once` the authentication payload has a field of the library's own.
    #[error("authentication data has a field `$delivery`, which `exactlyOnce` needs for itself; rename it")]
    AuthDelivery,
}

impl From<Infallible> for EncodeError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// An emit was not accepted. Nothing was sent and nothing is held.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EmitError {
    /// [`Config::buffer_size`](crate::Config::buffer_size) or
    /// [`Config::buffer_bytes`](crate::Config::buffer_bytes) is reached.
    #[error("the buffer is full ({held} emits, {bytes} bytes); wait for `flushed`, or raise `buffer_size`")]
    BufferFull {
        /// Emits that wait, or whose ack is awaited.
        held: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// Larger than the server accepts in one message; sending it would cost the connection.
    #[error(
        "{size} bytes are more than the {limit} that the server accepts in one message (its maxHttpBufferSize)"
    )]
    TooLarge {
        /// Bytes of the largest message.
        size: usize,
        /// The server's `maxPayload`.
        limit: usize,
    },
    /// More attachments than [`Config::send_attachments`](crate::Config::send_attachments).
    #[error(
        "{count} attachments are more than {limit}; a stock Node server closes the connection above 10, \
         so raise `send_attachments` only for a server that accepts more"
    )]
    TooManyAttachments {
        /// Binary values in the arguments.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// It was held for longer than its age limit. It was never sent.
    #[error("the emit was held for longer than its age limit (`maxAge`, `bufferMaxAge`), and was never sent")]
    Expired,
    /// It made room for a newer one, or a newer one with the same key has replaced it. It was never sent.
    #[error("the emit was dropped for a newer one (`bufferPolicy`, `coalesce`), and was never sent")]
    Displaced,
    /// The store did not take it. It was never sent.
    #[error("the emit could not be stored, and was never sent: {cause}")]
    Storage {
        /// The store's word.
        cause: String,
    },
    /// The event that this ack would answer came over a connection that has ended.
    #[error(
        "the event was received on a connection that has ended since; its sender no longer waits for the ack"
    )]
    Stale,
    /// The event was answered before; only the first answer counts.
    #[error("the event was answered already")]
    AlreadyAcknowledged,
    /// The event's sender asked for no ack.
    #[error("the event asks for no ack")]
    NoAckWanted,
    /// The client was closed.
    #[error("the client was closed")]
    Closed,
    /// A listener panicked, which ended the client.
    #[error("a listener panicked, which ended the client: {message}")]
    Panicked {
        /// The panic's word.
        message: String,
    },
    /// The arguments cannot be put on the wire.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// An emit that was not accepted, with the value handed back.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{error}")]
pub struct Refused<P> {
    /// Why.
    pub error: EmitError,
    /// What was to be sent.
    pub payload: P,
}

impl<P> fmt::Debug for Refused<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refused({:?})", self.error)
    }
}

/// No ack will come. The event may or may not have been handled, except where the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AckError {
    /// No ack within the time allowed (`timeout`, or `ackTimeout`).
    #[error("operation has timed out")]
    Timeout,
    /// The connection ended after the event was handed to it.
    #[error("socket has been disconnected")]
    Disconnected,
    /// Cancelled by the caller.
    #[error("the emit was cancelled")]
    Cancelled,
    /// A volatile emit was dropped because the transport was not ready. It was never sent.
    #[error("the volatile emit was dropped: the transport was not ready")]
    Dropped,
    /// The emit was refused. It was never sent.
    #[error("not sent: {0}")]
    NotSent(#[from] EmitError),
    /// The ack came, and does not fit the type that the caller asked for.
    #[error("the ack came, but {0}")]
    Decode(#[from] DecodeError),
    /// The client was closed, or its runtime ended.
    #[error("the client was closed")]
    Closed,
    /// A listener panicked, which ended the client.
    #[error("a listener panicked, which ended the client: {message}")]
    Panicked {
        /// The panic's word.
        message: String,
    },
}

/// The connection to the server could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The last transport that was tried failed.
    #[error("{transport}: {error}")]
    Transport {
        /// Which one.
        transport: TransportKind,
        /// How.
        error: TransportError,
    },
    /// The attempt as a whole took longer than [`Config::timeout`](crate::Config::timeout).
    #[error("timeout")]
    Timeout,
    /// The list of transports is empty.
    #[error("No transports available")]
    NoTransports,
}

/// A namespace could not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectFailure<P> {
    /// The connection itself failed; it is tried again unless reconnection is off.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The server refused (`CONNECT_ERROR`). It is not asked again until `connect` is called.
    #[error("the server refused the namespace")]
    Refused(P),
    /// The server did not answer CONNECT within [`Config::connect_timeout`](crate::Config::connect_timeout). A late
    /// answer still connects.
    #[error("the server did not answer the connection to the namespace in time")]
    Timeout,
    /// The reply has no `sid`: a Socket.IO server of version 2.
    #[error(
        "It seems you are trying to reach a Socket.IO server in v2.x with a v3.x client, but they are not compatible"
    )]
    NoSid,
    /// The name holds a comma, which ends it on the wire. Choose another.
    #[error("a namespace's name cannot hold a comma")]
    InvalidNamespace,
    /// The authentication data could not be obtained. If it failed, the namespace is not tried again until `connect` is
    /// called; if it is late, it still counts when it comes.
    #[error("no authentication data: {cause}")]
    Auth {
        /// What the provider said.
        cause: String,
    },
}
