//! What is done to the client, one line of the table each, and what has to come of it.

use socketio_client_native::{ConnectError, DecodeError, DisconnectReason, Transport, TransportError};

use crate::server::Attack;
use crate::subject::{App, BUFFER, LIMITS, Word};
use crate::{opening, polling, websocket};

pub(crate) const WEBSOCKET: &[Transport] = &[Transport::WebSocket];
pub(crate) const POLLING: &[Transport] = &[Transport::Polling];
const UPGRADED: &[Transport] = &[Transport::Polling, Transport::WebSocket];

/// What the application is told.
#[derive(Clone, Copy)]
pub(crate) enum Told {
    /// The connection was not opened, and why.
    NotOpened(fn(&TransportError) -> bool),
    /// The attempt took too long.
    TimedOut,
    /// The connection ended, and why.
    Closed(DisconnectReason, fn(&TransportError) -> bool),
    /// The server has gone silent.
    Silent,
    /// Nothing: the session goes on, and what comes behind the attack is heard.
    Survives,
    /// The session goes on where it was.
    NotUpgraded(&'static str),
}

impl Told {
    pub(crate) fn is(self, word: &Word) -> bool {
        match (self, word) {
            (Self::NotOpened(of), Word::Open(ConnectError::Transport { error, .. })) => of(error),
            (Self::TimedOut, Word::Open(error)) => {
                matches!(
                    error,
                    ConnectError::Timeout | ConnectError::Transport { error: TransportError::Timeout, .. }
                )
            }
            (Self::Closed(wanted, of), Word::Closed(reason, Some(error))) => wanted == *reason && of(error),
            (Self::Silent, Word::Closed(DisconnectReason::PingTimeout, None)) => true,
            (Self::Survives, Word::Done) => true,
            (Self::NotUpgraded(says), Word::Upgrade(cause)) => cause.contains(says),
            _ => false,
        }
    }
}

/// What the client may hold meanwhile, by what it was configured to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Nothing that the server sends.
    Nothing,
    /// One message: the buffer in which it gathers doubles, and a polling body is put together from its pieces.
    Message,
    /// A message, and the attachments of one packet.
    Attachments,
    /// A message with placeholders that are none, what is noted of each, and the message without them.
    Placeholders,
    /// A polling body, what it is cut into, and what waits to be told of it.
    Packets,
    /// What waits to be told, and is small.
    Events,
    /// A message, and the events that wait for the application, which keep the body alive that they came in.
    Queue,
    /// What waits until the server reads.
    Written,
    /// The same, small events that wait to be told, and answers that wait to be written.
    Answers,
}

/// A client, its runtime and this test's threads: buffers of sockets, and what is printed.
const ITSELF: usize = 1 << 20;
/// Bytes beside its text that an event or a packet has while it waits.
const EACH: usize = 512;
/// The native client's queue (`client-native/src/lib.rs`, "Tasks").
const QUEUE: (usize, usize) = (4096, 16 << 20);
/// What waits to be told, and what is just being told, which change places: two queues, and both double.
const WAITING: usize = 2 * QUEUE.0 * EACH;

impl Bound {
    pub(crate) const fn bytes(self) -> usize {
        let message = ITSELF + 3 * LIMITS.message;
        match self {
            Self::Nothing => ITSELF,
            Self::Message => message,
            Self::Attachments => message + 2 * LIMITS.attachment_bytes,
            // These double too.
            Self::Packets => message + 2 * LIMITS.packets * EACH + WAITING,
            Self::Queue => message + WAITING + QUEUE.1,
            Self::Placeholders => message + 4 * LIMITS.message,
            Self::Events => ITSELF + WAITING,
            // A text that is written doubles its buffer, and so does what is on its way out.
            Self::Written => ITSELF + 2 * BUFFER,
            Self::Answers => ITSELF + WAITING + 4 * BUFFER,
        }
    }
}

pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) transports: &'static [Transport],
    pub(crate) attack: Attack,
    pub(crate) app: App,
    pub(crate) told: Told,
    pub(crate) bound: Bound,
}

impl Row {
    pub(crate) const fn transport(&self) -> &'static str {
        match (self.attack, self.transports) {
            (Attack::Probe(_), _) => "upgrade",
            (_, [Transport::Polling]) => "polling",
            _ => "WebSocket",
        }
    }

    pub(crate) const fn app(mut self, app: App) -> Self {
        self.app = app;
        self
    }
}

pub(crate) const fn row(
    name: &'static str,
    transports: &'static [Transport],
    attack: Attack,
    told: Told,
    bound: Bound,
) -> Row {
    Row { name, transports, attack, app: App::Hears, told, bound }
}

pub(crate) const fn upgrade(name: &'static str, attack: Attack, told: Told, bound: Bound) -> Row {
    row(name, UPGRADED, attack, told, bound)
}

/// What could be decoded as nothing.
pub(crate) fn decode(error: &TransportError, is: fn(&DecodeError) -> bool) -> bool {
    matches!(error, TransportError::Protocol(error) if is(error))
}

/// More than may be sent of this.
pub(crate) fn limit(error: &TransportError, counted: &str, bound: usize) -> bool {
    matches!(error, TransportError::Protocol(DecodeError::Limit { what, limit })
        if *what == counted && *limit == bound)
}

pub(crate) fn too_large(error: &TransportError) -> bool {
    matches!(error, TransportError::TooLarge { limit } if *limit == LIMITS.message)
}

pub(crate) fn violation(error: &TransportError) -> bool {
    matches!(error, TransportError::Lost { cause } if cause.contains("violated the WebSocket protocol"))
}

pub(crate) fn all() -> Vec<Row> {
    let mut rows = opening::rows();
    rows.extend(websocket::rows());
    rows.extend(polling::rows());
    rows
}
