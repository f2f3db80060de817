//! Options, with the JavaScript client's names and defaults wherever it has them.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::engine::url::{Address, UrlError};
use crate::gap::GapLevel;
use crate::time::Instant;

/// A way to carry Engine.IO packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

impl TransportKind {
    /// The protocol's name for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens to an emit for which there is no room. What is in flight, or in a store, is never dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BufferPolicy {
    /// It is refused, with the value handed back (`"refuse"`).
    #[default]
    Refuse,
    /// The oldest ones that were never sent make room for it (`"dropOldest"`).
    DropOldest,
    /// It is dropped itself, and told as such (`"dropNewest"`).
    DropNewest,
}

/// What may be used as a receipt: a proof that the server has read what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Receipts {
    /// The answer to a POST, a WebSocket pong where the shell can ping, and the server's middleware for
    /// [`SocketOptions::exactly_once`](crate::SocketOptions::exactly_once).
    #[default]
    Auto,
    /// Also the refusal of a namespace that does not exist. Not for servers that accept every namespace.
    Namespace,
    /// None: the fate of an emit without ack stays `inFlight`, then `uncertain`.
    Off,
}

/// How a replayed event is known to have come before (`recoveryDedupe`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryDedupe {
    /// By its offset (`"offset"`).
    Offset,
    /// Also by what it says, where the first time it had none: a cluster replays acked and volatile events, which come
    /// without (`"content"`). An event that was missed and says the same as one of those is taken for it.
    Content,
}

/// Bounds on what a peer may send. Beyond them the connection is closed as `parse error` or `transport error`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message or polling body. Default 16 MiB. The shell enforces it while reading.
    pub message: usize,
    /// Attachments of one packet. Default 1,000.
    pub attachments: usize,
    /// Bytes of one packet's attachments together, and of the events before the answer to CONNECT. Default 16 MiB.
    pub attachment_bytes: usize,
    /// Time from a packet's text to its last attachment. Default 30 s.
    pub completion: Duration,
    /// Packets in one polling body, and events before the answer to CONNECT. Default 100,000.
    pub packets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 16 << 20,
            attachments: 1000,
            attachment_bytes: 16 << 20,
            completion: Duration::from_secs(30),
            packets: 100_000,
        }
    }
}

/// Options of one connection.
///
/// ```
/// use core::time::Duration;
/// use socketio_client_core::Config;
///
/// let config = Config { timeout: Duration::from_secs(5), ..Config::new("https://chat.example.com/admin")? };
/// assert_eq!(config.address.namespace, "/admin");
/// # Ok::<(), socketio_client_core::UrlError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The Unix time at the shell's epoch, where its [`Instant`](crate::Instant)s begin. An offset of a day that is not
    /// near is none, so without this no session is resumed. Default 0.
    pub unix_epoch: Duration,
    /// Host, port, TLS, and the query and namespace that the URL names.
    pub address: Address,
    /// Ask the shell for address and query at each attempt ([`Command::Resolve`](crate::Command::Resolve)). Default
    /// false.
    pub ask_address: bool,
    /// Request path. Default `/socket.io`.
    pub path: String,
    /// Whether the request path ends in a slash (`addTrailingSlash`). Default true.
    pub add_trailing_slash: bool,
    /// Added to every request, before the URL's own query.
    pub query: Vec<(String, String)>,
    /// A cache-buster on every request; `None` means on polling only (`timestampRequests`). Default `None`.
    pub timestamp_requests: Option<bool>,
    /// The cache-buster's name (`timestampParam`). Default `t`.
    pub timestamp_param: String,
    /// In order of preference; the first opens the session. Default WebSocket, then polling: it connects in a tenth of
    /// the time. (The JavaScript client's default is the other way round.)
    pub transports: Vec<TransportKind>,
    /// Whether a polling session tries to move to WebSocket. Default true.
    pub upgrade: bool,
    /// Whether an attempt goes on with the next transport when one fails (`tryAllTransports`). Default true here, false
    /// in the JavaScript client.
    pub try_all_transports: bool,
    /// Whether a session starts with WebSocket if it worked before (`rememberUpgrade`). Default false.
    pub remember_upgrade: bool,
    /// Whether attachments travel as base64 over WebSocket too, in both directions (`forceBase64`). Default false.
    pub force_base64: bool,
    /// Time for one GET or POST (`requestTimeout`). Default none.
    pub request_timeout: Option<Duration>,
    /// Time for a whole attempt, over all transports. Default 20 s; [`Duration::MAX`] means none, also for the others. What
    /// [`Config::recovery_takeover_timeout`] allows comes on top.
    pub timeout: Duration,
    /// Time for the answer to one namespace's CONNECT. Default 20 s. (The JavaScript client waits for ever.)
    pub connect_timeout: Duration,
    /// Time for the upgrade's probe. Default 10 s.
    pub upgrade_timeout: Duration,
    /// Time to hand over what is queued when the last namespace is left. Default 2 s.
    pub close_timeout: Duration,
    /// Time for acks whose emit names none (`ackTimeout`). Default none.
    pub ack_timeout: Option<Duration>,
    /// Whether to resume sessions where the server can, so that events that were missed are delivered. Default true.
    pub recovery: bool,
    /// Whether a server that may not know that a connection is gone is told before it is asked to resume the session
    /// (`recoveryTakeover`). Default true.
    pub recovery_takeover: bool,
    /// Time for that in one attempt, for all connections together (`recoveryTakeoverTimeout`). Default 1 s. A server that
    /// says nothing, and is reached afterwards, is told then, for which there is as much again.
    pub recovery_takeover_timeout: Duration,
    /// How much older than the newest the offset is from which the server resumes (`recoveryOverlap`). Default: 100 ms
    /// where offsets do not come in order (Redis streams), else none.
    pub recovery_overlap: Option<Duration>,
    /// How a replayed event is known to have come before (`recoveryDedupe`). Default: by content where the server replays
    /// what had no offset (Redis streams), else by offset.
    pub recovery_dedupe: Option<RecoveryDedupe>,
    /// Which gaps are told (`gap`). Default [`GapLevel::Likely`].
    pub gap: GapLevel,
    /// Other servers, tried in turn when one cannot be reached (`urls`), or does not answer. Where one works, the next attempts
    /// begin there.
    pub others: Vec<Address>,
    /// Whether the servers are tried in another order by each client. Default false.
    pub shuffle: bool,
    /// Whether to connect again by itself. Default true.
    pub reconnection: bool,
    /// Attempts per outage (`reconnectionAttempts`). Default no limit.
    pub reconnection_attempts: Option<u32>,
    /// Before the first of them (`reconnectionDelay`). Default 1 s. A server that answers with `Retry-After` is left alone for
    /// at least as long as it asks, though for at most ten times the longest delay.
    pub reconnection_delay: Duration,
    /// The delay doubles up to this (`reconnectionDelayMax`). Default 5 s.
    pub reconnection_delay_max: Duration,
    /// How far a delay is spread, 0 to 1 (`randomizationFactor`). Default 0.5.
    pub randomization_factor: f64,
    /// The pause before an emit is sent again on a connection that lives, doubled each time (`retryDelay`). Default none.
    pub retry_delay: Duration,
    /// The pause doubles up to this (`retryDelayMax`), and is spread by `randomization_factor`. Default 5 s.
    pub retry_delay_max: Duration,
    /// Emits of one namespace that may wait to be sent or acknowledged (`bufferSize`). Default 10,000. What comes back because it
    /// never left ([`Manager::never_left`](crate::Manager::never_left)) is kept beyond it.
    pub buffer_size: usize,
    /// Bytes of those that wait to be sent (`bufferBytes`), and the same of what comes back. Default 16 MiB.
    pub buffer_bytes: usize,
    /// How long an emit is held before it is too old to be sent (`bufferMaxAge`). Default none: for ever.
    pub buffer_max_age: Option<Duration>,
    /// What happens when there is no room (`bufferPolicy`). Default [`BufferPolicy::Refuse`].
    pub buffer_policy: BufferPolicy,
    /// What may be used as a proof that the server has read what was sent (`receipts`). Default [`Receipts::Auto`].
    pub receipts: Receipts,
    /// Attachments of one packet that we send. Default 10: a stock Node server closes the connection above that.
    pub send_attachments: usize,
    /// Bounds on what the peer may send.
    pub limits: Limits,
    /// Whether [`Frame::Ping`](crate::Frame::Ping) can be sent. Default true; a browser cannot.
    pub websocket_ping: bool,
    /// Whether the shell can tell how much of what a WebSocket was handed has not left, with
    /// [`Manager::unsent`](crate::Manager::unsent) and [`Manager::never_left`](crate::Manager::never_left). Default false; a
    /// browser can (`bufferedAmount`).
    pub tells_unsent: bool,
    /// Whether the shell can tell with which HTTP status a server refused a WebSocket. Default true; a browser cannot.
    pub tells_status: bool,
}

impl Config {
    /// The defaults for `url`: `http`, `https`, `ws` or `wss`, with the namespace as its path.
    ///
    /// # Errors
    /// If the URL has no host, another scheme, or a port that is none.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Address::parse(url).map(Self::at)
    }

    /// The Unix time of a point on the shell's clock.
    pub(crate) fn unix(&self, at: Instant) -> Duration {
        self.unix_epoch.saturating_add(at.since_epoch())
    }

    /// The defaults for an address.
    #[must_use]
    pub fn at(address: Address) -> Self {
        Self {
            unix_epoch: Duration::ZERO,
            address,
            ask_address: false,
            path: "/socket.io".to_string(),
            add_trailing_slash: true,
            query: Vec::new(),
            timestamp_requests: None,
            timestamp_param: "t".to_string(),
            transports: vec![TransportKind::WebSocket, TransportKind::Polling],
            upgrade: true,
            try_all_transports: true,
            remember_upgrade: false,
            force_base64: false,
            request_timeout: None,
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(2),
            ack_timeout: None,
            recovery: true,
            recovery_takeover: true,
            recovery_takeover_timeout: Duration::from_secs(1),
            recovery_overlap: None,
            recovery_dedupe: None,
            gap: GapLevel::Likely,
            others: Vec::new(),
            shuffle: false,
            reconnection: true,
            reconnection_attempts: None,
            reconnection_delay: Duration::from_secs(1),
            reconnection_delay_max: Duration::from_secs(5),
            randomization_factor: 0.5,
            retry_delay: Duration::ZERO,
            retry_delay_max: Duration::from_secs(5),
            buffer_size: 10_000,
            buffer_bytes: 16 << 20,
            buffer_max_age: None,
            buffer_policy: BufferPolicy::Refuse,
            receipts: Receipts::Auto,
            send_attachments: 10,
            limits: Limits::default(),
            websocket_ping: true,
            tells_unsent: false,
            tells_status: true,
        }
    }
}
