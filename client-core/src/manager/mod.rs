//! The state machine: one connection, its namespaces, and what to do next.

mod attempt;
mod clear;
mod connection;
mod delivery;
mod emit;
mod ghost;
mod holdings;
mod namespace;
mod open;
mod outbox;
mod receipts;
mod recovery;
mod resume;
mod shared_store;
mod takeover;

pub use self::holdings::{Bounded, Holding};
pub use self::outbox::{Restored, RestoredEmit};
pub(crate) use self::resume::Probe;

use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::time::Duration;

use crate::backoff::Backoff;
use crate::codec::{Codec, Message};
use crate::config::{Config, TransportKind};
use crate::engine::packet::control;
use crate::engine::{Engine, Written};
use crate::event::{Event, SocketId, State};
use crate::io::{Command, Frame, Input, ResolveId, TransportId};
use crate::rng::Rng;
use crate::socket::{Socket, SocketOptions, SocketState, Status};
use crate::time::{Instant, earliest};

use self::ghost::Ghosts;
use self::takeover::Takeover;

/// A Socket.IO connection with its namespaces, without sockets, clock or threads.
///
/// The application's wishes and the world's events go in, together with the time; commands, messages and events come out
/// of queues. Four rules are the whole contract:
///
/// - drain the four `poll_` methods whenever convenient; draining late only delays;
/// - `now` never runs backwards;
/// - input for a transport that is gone is ignored;
/// - nothing that a peer sends can panic.
pub struct Manager<C: Codec> {
    codec: C,
    config: Config,
    rng: Rng,
    phase: Phase<C>,
    /// A session whose last namespace was left, while its queue drains.
    lingering: Option<Lingering<C>>,
    sockets: Vec<Socket<C>>,
    backoff: Backoff,
    /// What the time was last said to be: when the messages leave that are pulled next.
    now: Instant,
    online: bool,
    /// Connections of which the server may not know that they are gone.
    ghosts: Ghosts,
    /// How many of [`Config::others`] the attempt has tried.
    others_tried: usize,
    /// How much longer the attempt may ask servers about connections that are gone.
    takeover_left: Duration,
    /// When an attempt may start again because the network is back.
    next_shortcut: Instant,
    /// Until then an end of the session is one that was found out by waking up.
    resumed_until: Instant,
    /// Whether WebSocket has worked before.
    upgraded_before: bool,
    /// The application opened the connection itself, whatever becomes of its namespaces.
    wanted: bool,
    next_transport: u32,
    next_resolve: u32,
    /// More input follows at once.
    more_input: bool,
    /// Acks have made room for emits that wait, which go on after the last input.
    release_due: bool,
    commands: VecDeque<Command<C>>,
    events: VecDeque<Event<C>>,
}

/// What the connection is doing. What belongs to one phase lives in its variant and dies with it.
// Where pointers are smaller it is not that large.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "there is one, and it is mostly open")
)]
enum Phase<C: Codec> {
    Idle,
    Waiting { until: Instant, attempt: Attempt },
    Resolving { id: ResolveId, attempt: Attempt, deadline: Instant },
    TakingOver(Takeover),
    Opening(Opening),
    Open(Engine<C>),
}

/// `None` for the first attempt after the application asked for a connection; else its number and how long it waited.
type Attempt = Option<(u32, Duration)>;

struct Opening {
    transport: TransportId,
    kind: TransportKind,
    /// To be tried next, the first one last.
    rest: Vec<TransportKind>,
    attempt: Attempt,
    /// For the whole attempt.
    deadline: Instant,
    /// For this transport, so that one that hangs does not starve the next.
    share: Instant,
}

/// Bytes of an answer to a heartbeat, and more.
const CONTROL: usize = 8;

struct Lingering<C: Codec> {
    engine: Engine<C>,
    deadline: Instant,
    /// The close packet of a polling session is on its way.
    said_goodbye: bool,
}

impl<C: Codec> Manager<C> {
    /// A manager that does nothing yet. `seed` feeds jitter and cache-busters.
    pub fn new(codec: C, mut config: Config, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        if config.shuffle {
            attempt::shuffle(&mut config, &mut rng);
        }
        Self {
            codec,
            config,
            rng,
            phase: Phase::Idle,
            lingering: None,
            sockets: Vec::new(),
            backoff: Backoff::default(),
            now: Instant::default(),
            online: true,
            ghosts: Ghosts::default(),
            others_tried: 0,
            takeover_left: Duration::ZERO,
            next_shortcut: Instant::default(),
            resumed_until: Instant::default(),
            upgraded_before: false,
            wanted: false,
            next_transport: 0,
            next_resolve: 0,
            more_input: false,
            release_due: false,
            commands: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The namespace of this name, made if need be; `options` count only then. Does not connect it. A name without a slash
    /// in front gets one.
    pub fn socket(&mut self, namespace: &str, options: SocketOptions<C::Payload>) -> SocketId {
        let namespace: Cow<'_, str> =
            if namespace.starts_with('/') { namespace.into() } else { ["/", namespace].concat().into() };
        let at =
            self.sockets.iter().position(|socket| *socket.namespace == *namespace).unwrap_or_else(|| {
                // Most clients have one; growth by fours would cost a kilobyte.
                if self.sockets.is_empty() {
                    self.sockets.reserve_exact(1);
                }
                self.sockets.push(Socket::new(self.codec.name(&namespace), options));
                self.sockets.len() - 1
            });
        SocketId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Changes how emits are sent of a namespace that is not connected and for which nothing waits: all of its options but
    /// [`SocketOptions::auth`].
    pub fn set_options(&mut self, socket: SocketId, options: &SocketOptions<C::Payload>) {
        if let Some(socket) = self.sockets.get_mut(socket.0 as usize)
            && !socket.is_active()
        {
            socket.outbox.set_retries(options.resending());
        }
    }

    /// Tells what happened to transports, in order: the same as [`Manager::handle_input`] for each, and cheaper where many
    /// acks came together.
    pub fn handle_inputs(&mut self, inputs: impl IntoIterator<Item = Input<C>>, now: Instant) {
        self.more_input = true;
        for input in inputs {
            if !matches!(input, Input::Message { .. }) {
                self.release_all();
            }
            self.handle_input(input, now);
        }
        self.more_input = false;
        self.release_all();
    }

    /// The acks before are dealt with.
    fn release_all(&mut self) {
        if mem::take(&mut self.release_due) {
            for socket in self.socket_ids() {
                self.release(socket);
            }
        }
    }

    /// Tells what happened to a transport.
    pub fn handle_input(&mut self, input: Input<C>, now: Instant) {
        self.tell_time(now);
        match input {
            Input::Opened { transport } => {
                if let Phase::Open(engine) = &mut self.phase
                    && engine.upgrade.transport() == Some(transport)
                {
                    engine.upgrade.opened();
                }
                self.takeover_opened(transport);
            }
            Input::Message { transport, message } => self.message(transport, message, now),
            Input::Pong { transport } => self.pong(transport),
            Input::Got { transport, body } => {
                self.takeover_answered(transport, now);
                self.got(transport, body, now);
            }
            Input::Posted { transport } => {
                self.takeover_answered(transport, now);
                self.posted(transport);
            }
            Input::Closed { transport, error } => self.transport_closed(transport, error, now),
        }
    }

    /// Tells that time has passed. To be called at [`Manager::poll_timeout`], after input that waits has been handed in.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.tell_time(now);
        self.connection_timeout(now);
        self.namespace_timeout(now);
    }

    /// Tells the time and nothing else. For a shell that pulls messages long after its last other call: the time for an
    /// answer begins when the emit is pulled.
    pub fn tell_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// What the shell does next. To be drained after every other call.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<Command<C>> {
        self.commands.pop_front().or_else(|| self.erase()).or_else(|| self.post())
    }

    /// The next message for a WebSocket. To be pulled only while its sink accepts more; what is not pulled comes back to
    /// the application's buffers if the connection ends. May queue commands, so poll these afterwards.
    #[must_use]
    pub fn poll_message(&mut self, transport: TransportId) -> Option<Frame<C>> {
        if matches!(self.phase, Phase::TakingOver(_))
            && let Some(message) = self.takeover_message(transport)
        {
            return Some(Frame::Message(message));
        }
        if matches!(&self.phase, Phase::Open(engine) if engine.probe.is_some())
            && let Some(frame) = self.resume_probe(transport)
        {
            return Some(frame);
        }
        let receipts = self.gives_receipts(transport);
        let engine = match (&mut self.phase, &mut self.lingering) {
            (Phase::Open(engine), _) if engine.transport() == transport => engine,
            (Phase::Open(engine), _) if engine.upgrade.transport() == Some(transport) => {
                let probe = engine.upgrade.take_probe();
                return probe.then(|| Frame::Message(Message::Text(self.codec.control(control::PROBE))));
            }
            (_, Some(lingering)) if lingering.engine.transport() == transport => &mut lingering.engine,
            _ => return None,
        };
        if engine.kind() == TransportKind::Polling {
            return None;
        }
        if let Some(message) = engine.control(&mut self.codec) {
            if self.config.tells_unsent {
                engine.keep_written(Written { packet: None, before: None, bytes: CONTROL });
            }
            return Some(Frame::Message(message));
        }
        loop {
            if let Some(message) = engine.messages.pop_front() {
                return Some(Frame::Message(match message {
                    Message::Binary(_) if self.config.force_base64 => {
                        Message::Text(self.codec.join(&mut VecDeque::from([message]), None))
                    }
                    message => message,
                }));
            }
            if receipts
                && receipts::may_want_receipt(engine, &self.sockets)
                && let Some(frame) = receipts::ask_for_receipt(
                    engine,
                    &mut self.sockets,
                    &mut self.codec,
                    &mut self.events,
                    &self.config,
                    self.now,
                )
            {
                return Some(frame);
            }
            let Self { sockets, codec, events, config, now, .. } = self;
            if !delivery::encode_next(engine, sockets, codec, events, config, *now) {
                break;
            }
        }
        self.finish_lingering(transport);
        None
    }

    /// What the application is to be told, in order.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event<C>> {
        self.events.pop_front().or_else(|| self.fate_changed())
    }

    /// When [`Manager::handle_timeout`] is to be called. It can change with every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let connection = match &self.phase {
            Phase::Idle => None,
            Phase::Waiting { until, .. } => Some(*until),
            Phase::Resolving { deadline, .. } => Some(*deadline),
            Phase::TakingOver(takeover) => Some(takeover.until()),
            Phase::Opening(opening) => Some(opening.share),
            Phase::Open(engine) => Some(engine.deadline()),
        };
        let lingering = self.lingering.as_ref().map(|Lingering { engine, deadline, .. }| {
            engine.receipt_deadline().map_or(*deadline, |receipt| receipt.min(*deadline))
        });
        let soonest = self.sockets.iter().fold(earliest(connection, lingering), |soonest, socket| {
            let connect = match socket.state {
                SocketState::Authenticating { deadline, .. } | SocketState::Connecting { deadline } => {
                    deadline
                }
                SocketState::Inactive
                | SocketState::Waiting
                | SocketState::Connected { .. }
                | SocketState::Leaving => None,
            };
            let outbox = earliest(socket.outbox.deadline(), socket.sync.deadline());
            earliest(soonest, earliest(outbox, earliest(connect, socket.acks.deadline())))
        });
        let soonest = earliest(soonest, self.receipt_deadline());
        soonest.filter(|soonest| *soonest != Instant::NEVER)
    }

    /// The connection as the application sees it.
    #[must_use]
    pub const fn state(&self) -> State {
        match &self.phase {
            Phase::Idle => State::Disconnected,
            Phase::Waiting { .. } => State::Reconnecting,
            Phase::Resolving { attempt, .. } | Phase::Opening(Opening { attempt, .. }) => {
                if attempt.is_some() { State::Reconnecting } else { State::Connecting }
            }
            Phase::TakingOver(takeover) => {
                if takeover.attempt().is_some() {
                    State::Reconnecting
                } else {
                    State::Connecting
                }
            }
            Phase::Open(_) => State::Connected,
        }
    }

    /// What carries the session, if one is open.
    #[must_use]
    pub const fn transport(&self) -> Option<TransportKind> {
        match &self.phase {
            Phase::Open(engine) => Some(engine.kind()),
            _ => None,
        }
    }

    /// The namespace as the application sees it.
    #[must_use]
    pub fn status(&self, socket: SocketId) -> Status<'_> {
        let inactive = Status { connected: false, active: false, id: None, recovered: false, last_gap: None };
        self.sockets.get(socket.0 as usize).map_or(inactive, Socket::status)
    }

    /// The options. Each attempt to connect reads them anew; what is under way stays as it is.
    pub const fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Whether WebSocket worked the last time ([`Config::remember_upgrade`]).
    #[must_use]
    pub const fn upgraded_before(&self) -> bool {
        self.upgraded_before
    }

    /// Says so, where another manager has found out.
    pub const fn set_upgraded_before(&mut self, worked: bool) {
        self.upgraded_before = worked;
    }

    /// When the open session counts as lost unless a ping comes.
    #[must_use]
    pub const fn heartbeat_deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Open(engine) => Some(engine.heartbeat),
            _ => None,
        }
    }

    /// Moves that deadline, until the next ping.
    pub const fn set_heartbeat_deadline(&mut self, deadline: Instant) {
        if let Phase::Open(engine) = &mut self.phase {
            engine.heartbeat = deadline;
        }
    }

    fn transport_id(&mut self) -> TransportId {
        self.next_transport = self.next_transport.wrapping_add(1);
        TransportId(self.next_transport)
    }

    // Out of line, here and in `delivery.rs`, what is in many places.
    #[inline(never)]
    fn close_transport(&mut self, transport: TransportId) {
        self.commands.push_back(Command::Close { transport });
    }

    fn report_flushes(&mut self) {
        receipts::report_flushes(&mut self.sockets, &mut self.events);
    }
}

impl<C: Codec> fmt::Debug for Manager<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager")
            .field("state", &self.state())
            .field("transport", &self.transport())
            .field("namespaces", &self.sockets.iter().map(|socket| &*socket.namespace).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
