//! A manager in virtual time, with the world's side written out by the scenario.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

use socketio_client_core::packet::{PacketKind, header};
use socketio_client_core::{
    Address, Auth, Codec, Command, Config, ConnectFailure, EmitId, EmitOptions, Event, Fate, Frame, Input,
    Instant, Manager, Message, Refused, Saved, SocketId, SocketOptions, TransportError, TransportId,
};

use crate::Face;

type Payload<F> = <<F as Face>::Codec as Codec>::Payload;

/// A duration, for short lines.
#[must_use]
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A duration, for short lines.
#[must_use]
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The Unix time in milliseconds at which the scenarios' clock stands at zero, in 2026.
pub const EPOCH: u64 = 1_790_000_000_000;

/// Authentication data and claims to a session that scenarios make.
type Claim = (Option<&'static str>, Option<(&'static str, Option<u32>)>);
const CLAIMS: &[Claim] = &[
    (Some("token"), None),
    (Some("renewed"), None),
    (Some("token"), Some(("P1", Some(3)))),
    (None, Some(("P1", None))),
    (None, Some(("P1", Some(1)))),
    (None, Some(("P1", Some(2)))),
    (None, Some(("P1", Some(3)))),
    (None, Some(("P1", Some(4)))),
    (None, Some(("P2", None))),
    (None, Some(("P2", Some(2)))),
];

/// The core, the time, and everything that came out so far.
///
/// Transports are called `w1`, `w2` … (WebSocket) and `p1`, `p2` … (polling) in the order in which they were opened.
/// Everything is kept as short lines, so that a scenario reads like a transcript.
pub struct Sim<'f, F: Face> {
    /// How payloads look.
    pub face: &'f F,
    /// Under test.
    pub manager: Manager<F::Codec>,
    /// Virtual time.
    pub now: Instant,
    /// Messages are pulled only while this is on: a sink that accepts, or one that is full.
    pub writable: bool,
    transports: Vec<(TransportId, String)>,
    open: BTreeSet<String>,
    lines: VecDeque<String>,
    events: VecDeque<String>,
    /// Payloads of the events that came, in order.
    pub messages: VecDeque<Payload<F>>,
    /// Acks that the server asked for, in order.
    pub wanted_acks: VecDeque<socketio_client_core::AckId>,
    /// Questions for authentication data, in order.
    pub auth_requests: VecDeque<socketio_client_core::AuthRequest>,
    /// Times in which events wait, in order.
    pub resyncs: VecDeque<socketio_client_core::ResyncId>,
    /// Questions for an address, in order.
    pub resolves: VecDeque<socketio_client_core::ResolveId>,
}

impl<'f, F: Face> Sim<'f, F> {
    /// Defaults, but no jitter, so that scenarios can name delays.
    pub fn new(face: &'f F) -> Self {
        Self::with(face, |_| ())
    }

    /// With other options.
    pub fn with(face: &'f F, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new("http://server").unwrap();
        config.randomization_factor = 0.0;
        config.unix_epoch = Duration::from_millis(EPOCH);
        change(&mut config);
        let manager = Manager::new(face.codec(), config, 42);
        Self {
            face,
            manager,
            now: Instant::from_millis(1_000_000),
            writable: true,
            transports: Vec::new(),
            open: BTreeSet::new(),
            lines: VecDeque::new(),
            events: VecDeque::new(),
            messages: VecDeque::new(),
            wanted_acks: VecDeque::new(),
            auth_requests: VecDeque::new(),
            resyncs: VecDeque::new(),
            resolves: VecDeque::new(),
        }
    }

    /// Makes a namespace and connects to it.
    pub fn connect(&mut self, namespace: &str) -> SocketId {
        self.connect_with(namespace, Auth::None)
    }

    /// The same with authentication data.
    pub fn connect_with(&mut self, namespace: &str, auth: Auth<Payload<F>>) -> SocketId {
        let socket = self.manager.socket(namespace, SocketOptions { auth, ..SocketOptions::default() });
        self.manager.connect(socket, self.now);
        socket
    }

    /// Connects to `/`, where emits are sent again so often.
    pub fn connect_retrying(&mut self, retries: u32) -> SocketId {
        let socket =
            self.manager.socket("/", SocketOptions { retries: Some(retries), ..SocketOptions::default() });
        self.manager.connect(socket, self.now);
        socket
    }

    /// Connects to `/` over WebSocket, as far as the server's answer.
    pub fn connected(&mut self) -> SocketId {
        let socket = self.connect("/");
        self.open_websocket("w1");
        self.expect_lines(&["w1 40"]);
        self.server("w1", "40{S1}");
        self.expect_events(&["opened websocket", "connected 0"]);
        socket
    }

    /// The WebSocket opens and the server shakes hands: ping interval 25 s, timeout 20 s.
    pub fn open_websocket(&mut self, name: &str) {
        self.expect_lines(&[&format!("open {name}")]);
        self.input(Input::Opened { transport: self.id(name) });
        self.handshake(name, &[]);
    }

    /// The server's handshake on a WebSocket.
    pub fn handshake(&mut self, name: &str, upgrades: &[&str]) {
        let handshake = self.face.handshake_wire("E1", upgrades, 25_000, 20_000, 1_000_000);
        self.raw(name, &handshake);
    }

    /// The server's handshake as the answer to the first GET.
    pub fn open_polling(&mut self, name: &str, upgrades: &[&str]) {
        self.expect_lines(&[&format!("get {name}")]);
        let handshake = self.face.handshake_wire("E1", upgrades, 25_000, 20_000, 1_000_000);
        self.got_raw(name, &handshake);
    }

    /// An emit that must be accepted.
    pub fn emit(&mut self, socket: SocketId, number: u32) -> EmitId {
        self.try_emit(socket, number, &[], EmitOptions::default()).unwrap()
    }

    /// What speaks for the codec.
    pub const fn face(&self) -> &F {
        self.face
    }

    /// An emit that is watched.
    pub fn watched(&mut self, socket: SocketId, number: u32) -> EmitId {
        let options = EmitOptions { watched: true, ..EmitOptions::default() };
        self.try_emit(socket, number, &[], options).unwrap()
    }

    /// An emit with ack that must be accepted.
    pub fn emit_with_ack(&mut self, socket: SocketId, number: u32, timeout: Option<Duration>) -> EmitId {
        let options = EmitOptions { ack: true, timeout, ..EmitOptions::default() };
        self.try_emit(socket, number, &[], options).unwrap()
    }

    /// Any emit.
    pub fn try_emit(
        &mut self,
        socket: SocketId,
        number: u32,
        attachments: &[u8],
        options: EmitOptions<'_>,
    ) -> Result<EmitId, Refused<Payload<F>>> {
        let payload = self.face.event(number, attachments);
        self.manager.emit(socket, payload, options, self.now)
    }

    /// The server sends packets on a WebSocket. `<7>` stands for the payload with number 7, `<7:2>` for one with two
    /// attachments, `<7@3>` for one with the offset 3, `{S1}` or `{S1 P1}` for the answer to CONNECT, `!` for a refusal.
    pub fn server(&mut self, name: &str, wire: &str) {
        let wire = self.expand(wire);
        self.raw(name, &wire);
    }

    /// The server sends a binary message of one byte.
    pub fn server_binary(&mut self, name: &str, byte: u8) {
        self.binary(name, self.face.binary(byte));
    }

    /// The server sends a text as it stands.
    pub fn raw(&mut self, name: &str, wire: &str) {
        let message = Message::Text(self.face.text(wire));
        self.input(Input::Message { transport: self.id(name), message });
    }

    /// The server answers a GET with packets, in the same shorthand.
    pub fn got(&mut self, name: &str, packets: &[&str]) {
        let body: Vec<String> = packets.iter().map(|wire| self.expand(wire)).collect();
        self.got_raw(name, &body.join("\u{1e}"));
    }

    /// The server answers a GET with this body.
    pub fn got_raw(&mut self, name: &str, body: &str) {
        let body = self.face.text(body);
        self.input(Input::Got { transport: self.id(name), body });
    }

    /// The server answers a POST.
    pub fn posted(&mut self, name: &str) {
        self.input(Input::Posted { transport: self.id(name) });
    }

    /// The server answers a WebSocket ping.
    pub fn pong(&mut self, name: &str) {
        self.input(Input::Pong { transport: self.id(name) });
    }

    /// A WebSocket has sent all but so many bytes of what it was handed.
    pub fn unsent(&mut self, name: &str, bytes: usize) {
        self.manager.unsent(self.id(name), bytes);
    }

    /// A WebSocket has ended, and the last so many bytes never left.
    pub fn never_left(&mut self, name: &str, bytes: usize) {
        self.manager.never_left(self.id(name), bytes);
    }

    /// The peer closes a transport, or it breaks.
    pub fn closed(&mut self, name: &str, error: TransportError) {
        self.open.remove(name);
        self.input(Input::Closed { transport: self.id(name), error });
    }

    /// The connection is cut.
    pub fn cut(&mut self, name: &str) {
        self.closed(name, TransportError::Lost { cause: "cut".into() });
    }

    /// The server says goodbye.
    pub fn goodbye(&mut self, name: &str) {
        self.closed(name, TransportError::Closed { code: Some(1001), reason: String::new() });
    }

    /// Nothing listens on the port.
    pub fn refuse(&mut self, name: &str) {
        let (address, cause) = ("server:80".into(), "connection refused".into());
        self.closed(name, TransportError::Connect { address, cause });
    }

    /// Time passes. The core is called whenever it asked for it, and must then have something else to wait for.
    pub fn advance(&mut self, duration: Duration) {
        let target = self.now + duration;
        let mut calls = 0;
        while let Some(deadline) = self.manager.poll_timeout().filter(|deadline| *deadline <= target) {
            assert!(deadline > self.now || calls < 100, "a deadline that does not move: {deadline:?}");
            calls = if deadline > self.now { 0 } else { calls + 1 };
            self.now = self.now.max(deadline);
            self.manager.handle_timeout(self.now);
            self.drain();
        }
        self.now = target;
    }

    /// Answers an attempt's question for its address.
    pub fn resolve(&mut self, url: &str, query: &[(&str, &str)]) {
        let id = self.resolves.pop_front().unwrap();
        let query = query.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
        self.manager.resolved(id, Address::parse(url).map(Some), query, self.now);
    }

    /// The same with a query and no address.
    pub fn resolve_in_place(&mut self, query: &[(&str, &str)]) {
        let id = self.resolves.pop_front().unwrap();
        let query = query.iter().map(|(k, v)| ((*k).to_string(), (*v).to_string())).collect();
        self.manager.resolved(id, Ok(None), query, self.now);
    }

    /// Everything that was sent or asked of the shell since the last call, and nothing else.
    #[track_caller]
    pub fn expect_lines(&mut self, expected: &[&str]) {
        let lines = self.lines();
        assert_eq!(lines, expected);
    }

    /// Everything that the application was told since the last call, and nothing else.
    #[track_caller]
    pub fn expect_events(&mut self, expected: &[&str]) {
        let events = self.events();
        assert_eq!(events, expected);
    }

    /// Everything that was sent or asked of the shell since the last call.
    pub fn lines(&mut self) -> Vec<String> {
        self.drain();
        self.lines.drain(..).collect()
    }

    /// Everything that the application was told since the last call.
    pub fn events(&mut self) -> Vec<String> {
        self.drain();
        self.events.drain(..).collect()
    }

    /// Whether a transport is open, as far as the shell was told.
    #[must_use]
    pub fn is_open(&self, name: &str) -> bool {
        self.open.contains(name)
    }

    fn input(&mut self, input: Input<F::Codec>) {
        self.manager.handle_input(input, self.now);
        self.drain();
    }

    fn id(&self, name: &str) -> TransportId {
        let found = self.transports.iter().find(|(_, known)| known == name);
        found.unwrap_or_else(|| panic!("no transport {name}; there are {:?}", self.transports)).0
    }

    fn name(&mut self, transport: TransportId, kind: char) -> String {
        if let Some((_, name)) = self.transports.iter().find(|(id, _)| *id == transport) {
            return name.clone();
        }
        let number = self.transports.iter().filter(|(_, name)| name.starts_with(kind)).count() + 1;
        let name = format!("{kind}{number}");
        self.transports.push((transport, name.clone()));
        self.open.insert(name.clone());
        name
    }

    /// Does what a shell does after every call.
    pub fn drain(&mut self) {
        self.manager.tell_time(self.now);
        let mut pulled = true;
        loop {
            // First and last: a message that is not there may still have queued a command.
            let mut obeyed = false;
            while let Some(command) = self.manager.poll_command() {
                self.obey(command);
                obeyed = true;
            }
            if !pulled && !obeyed {
                break;
            }
            let before = self.lines.len();
            let names: Vec<_> =
                self.transports.iter().filter(|(_, name)| self.open.contains(name)).cloned().collect();
            for (transport, name) in names {
                while self.writable {
                    let Some(frame) = self.manager.poll_message(transport) else { break };
                    let line = match frame {
                        Frame::Ping => format!("{name} ping"),
                        Frame::Message(Message::Text(text)) => {
                            format!("{name} {}", self.shorten(&self.face.show(&text)))
                        }
                        Frame::Message(Message::Binary(binary)) => {
                            format!("{name} binary {}", self.face.show_binary(&binary))
                        }
                    };
                    self.lines.push_back(line);
                }
            }
            pulled = self.lines.len() > before;
        }
        while let Some(event) = self.manager.poll_event() {
            if let Some(line) = self.tell(event) {
                self.events.push_back(line);
            }
        }
    }

    fn obey(&mut self, command: Command<F::Codec>) {
        let line = match command {
            Command::Resolve { id } => {
                self.resolves.push_back(id);
                "resolve".to_string()
            }
            Command::Open { transport, .. } => format!("open {}", self.name(transport, 'w')),
            Command::Get { transport, .. } => format!("get {}", self.name(transport, 'p')),
            Command::Post { transport, body, .. } => {
                let body = self.face.show(&body);
                let packets: Vec<_> = body.split('\u{1e}').map(|packet| self.shorten(packet)).collect();
                format!("post {} {}", self.name(transport, 'p'), packets.join(" "))
            }
            Command::Close { transport } => {
                let name = self.name(transport, '?');
                // Closing what the peer has closed is the shell's to ignore.
                if !self.open.remove(&name) {
                    return;
                }
                format!("close {name}")
            }
            Command::Keep { socket, key, payload, .. } => {
                format!("keep {} {key} {}", number(socket), self.face.read(&payload).0)
            }
            Command::Erase { socket, key } => format!("erase {} {key}", number(socket)),
            Command::Reserve { socket, up_to } => format!("reserve {} {up_to}", number(socket)),
            Command::Save { socket, saved } => {
                let what = match saved {
                    Saved::Session(_) => "save",
                    Saved::Claimed => "claim",
                    Saved::Left => "forget",
                };
                format!("{what} {}", number(socket))
            }
        };
        self.lines.push_back(line);
    }

    fn tell(&mut self, event: Event<F::Codec>) -> Option<String> {
        let value = |face: &F, payload: &Payload<F>| {
            let (number, attachments) = face.read(payload);
            if attachments.is_empty() { format!("{number}") } else { format!("{number}:{attachments:?}") }
        };
        Some(match event {
            Event::Opened { transport } => format!("opened {transport}"),
            Event::OpenFailed { error } => format!("open failed: {error}"),
            Event::Closed { reason, .. } => format!("closed {reason}"),
            Event::Waiting { attempt, delay } => format!("waiting {attempt} {}", delay.as_millis()),
            Event::ReconnectAttempt { attempt, .. } => format!("attempt {attempt}"),
            Event::Reconnected { attempt } => format!("reconnected {attempt}"),
            Event::ReconnectFailed => "reconnect failed".to_string(),
            Event::Ping => return None,
            Event::Upgrading { transport } => format!("upgrading {transport}"),
            Event::Upgraded { transport } => format!("upgraded {transport}"),
            Event::UpgradeFailed { error } => format!("upgrade failed: {error}"),
            Event::Connected { socket, recovered: false, replayed: 0, early: 0 } => {
                format!("connected {}", number(socket))
            }
            Event::Connected { socket, recovered: false, replayed: 0, early } => {
                format!("connected {} early {early}", number(socket))
            }
            Event::Connected { socket, recovered, replayed, early } => {
                assert_eq!(replayed, early);
                format!("connected {} recovered {recovered} replayed {replayed}", number(socket))
            }
            Event::Gap { socket, gap, told, resync } => {
                self.resyncs.extend(resync);
                let told = if told { "" } else { " untold" };
                let resync = if resync.is_some() { " resync" } else { "" };
                format!("gap {} {}{told}{resync}", number(socket), gap.reason)
            }
            Event::ConnectError { socket, error } => {
                let error = match error {
                    ConnectFailure::Refused(_) => "refused".to_string(),
                    other => other.to_string(),
                };
                format!("connect error {}: {error}", number(socket))
            }
            Event::Disconnected { socket, reason, .. } => format!("disconnected {} {reason}", number(socket)),
            Event::Authenticate { request, socket } => {
                self.auth_requests.push_back(request);
                format!("authenticate {}", number(socket))
            }
            Event::Message { socket, payload, ack } => {
                let line = format!("message {} {}", number(socket), value(self.face, &payload));
                self.messages.push_back(payload);
                match ack {
                    Some(ack) => {
                        self.wanted_acks.push_back(ack);
                        line + " wants ack"
                    }
                    None => line,
                }
            }
            Event::Ack { socket, emit, result } => {
                let result = match result {
                    Ok(payload) => value(self.face, &payload),
                    Err(error) => error.to_string(),
                };
                format!("ack {} #{}: {result}", number(socket), number(emit))
            }
            Event::Sent { socket, payload } => {
                format!("sent {} {}", number(socket), value(self.face, &payload))
            }
            Event::NotSent { socket, emit, error, payload } => {
                format!(
                    "not sent {} #{} {}: {error}",
                    number(socket),
                    number(emit),
                    value(self.face, &payload)
                )
            }
            Event::Fate { socket, emit, fate, payload } => {
                let back =
                    payload.map(|payload| format!(" {}", value(self.face, &payload))).unwrap_or_default();
                let detail = match fate {
                    Fate::InFlight { attempt } => format!(" {attempt}"),
                    Fate::Uncertain { attempts, key, .. } => {
                        format!(" {attempts}{}", key.map(|key| format!(" key {key}")).unwrap_or_default())
                    }
                    _ => String::new(),
                };
                format!("fate {} #{} {fate}{detail}{back}", number(socket), number(emit))
            }
            Event::Stored { socket, emit } => format!("stored {} #{}", number(socket), number(emit)),
            Event::OutboxSettled { socket, key, fate, payload, result } => {
                let result =
                    result.map(|result| format!(" {}", value(self.face, &result))).unwrap_or_default();
                format!("settled {} {key} {}: {fate}{result}", number(socket), value(self.face, &payload))
            }
            Event::OutboxError { cause, kept, lost } => format!("outbox {cause}: {kept} {lost:?}"),
            Event::DeliveryUnsupported { socket } => format!("unsupported {}", number(socket)),
            Event::Flushed { socket, emit, delivered } => {
                format!("flushed {} #{} {delivered}", number(socket), number(emit))
            }
        })
    }

    /// `42<7>` to the codec's own text.
    fn expand(&self, wire: &str) -> String {
        if let Some((header, rest)) = wire.split_once('<') {
            let body = rest.trim_end_matches('>');
            if let Some((number, offset)) = body.split_once('@') {
                let payload = self.face.offset_wire(number.parse().unwrap(), offset.parse().unwrap());
                return header.to_string() + &payload;
            }
            let (number, attachments) = body.split_once(':').unwrap_or((body, "0"));
            let (number, attachments) = (number.parse().unwrap(), attachments.parse().unwrap());
            let is_ack = matches!(header.as_bytes().get(1), Some(b'3' | b'6'));
            let payload =
                if is_ack { self.face.ack_wire(number) } else { self.face.event_wire(number, attachments) };
            return format!("{header}{payload}");
        }
        if wire.starts_with("40")
            && let Some((header, sid)) = wire.split_once('{')
        {
            let (sid, pid) = match sid.trim_end_matches('}').split_once(' ') {
                Some((sid, pid)) => (sid, Some(pid)),
                None => (sid.trim_end_matches('}'), None),
            };
            return header.to_string() + &self.face.connected_wire(sid, pid);
        }
        wire.strip_suffix('!')
            .map_or_else(|| wire.to_string(), |header| header.to_string() + &self.face.refusal_wire())
    }

    /// A line that was looked at too early.
    pub(crate) fn put_back(&mut self, line: String) {
        self.lines.push_front(line);
    }

    /// The server sends a binary message.
    pub fn binary(&mut self, name: &str, binary: <F::Codec as Codec>::Binary) {
        self.input(Input::Message { transport: self.id(name), message: Message::Binary(binary) });
    }

    /// The WebSocket handshake is done.
    pub fn ws_opened(&mut self, name: &str) {
        self.input(Input::Opened { transport: self.id(name) });
    }

    /// The codec's own text to `42<7>`, and CONNECT's payload to `<token>`, `<P1@3>` or both. Other texts stay.
    fn shorten(&self, wire: &str) -> String {
        let Some(packet) = wire.strip_prefix('4') else { return wire.to_string() };
        let Ok(parsed) = header::parse(packet) else { return wire.to_string() };
        let (header, payload) = wire.split_at(1 + parsed.payload);
        match (parsed.kind, self.face.number_in(payload)) {
            _ if payload.is_empty() => wire.to_string(),
            (PacketKind::Event | PacketKind::Ack, Some(number)) => format!("{header}<{number}>"),
            (PacketKind::Connect, _) => {
                let known = CLAIMS.iter().find(|(token, claim)| {
                    payload
                        == match (token, claim) {
                            (Some(token), None) => self.face.auth_wire(token),
                            (token, Some((pid, offset))) => self.face.claim_wire(*token, pid, *offset),
                            (None, None) => String::new(),
                        }
                });
                let Some((token, claim)) = known else { return wire.to_string() };
                let claim = claim.map(|(pid, offset)| match offset {
                    Some(offset) => format!("{pid}@{offset}"),
                    None => pid.to_string(),
                });
                let words: Vec<_> = token.map(str::to_string).into_iter().chain(claim).collect();
                format!("{header}<{}>", words.join(" "))
            }
            _ => wire.to_string(),
        }
    }
}

/// The number in an id's Debug form: ids are opaque on purpose, and that form is for people, and for these lines.
fn number(id: impl fmt::Debug) -> String {
    format!("{id:?}").chars().filter(char::is_ascii_digit).collect()
}

impl<F: Face> fmt::Debug for Sim<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("manager", &self.manager).field("now", &self.now).finish_non_exhaustive()
    }
}
