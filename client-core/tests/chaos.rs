//! Random wishes, networks and servers, in virtual time: whatever happens, the promises hold.
//!
//! `CHAOS_SEED` and `CHAOS_RUNS` choose other runs; a failure names its seed.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/integer.rs"]
mod integer;
#[path = "face/server.rs"]
mod server;

use std::collections::{BTreeMap, BTreeSet};

use integer::Integer;
use scenarios::Face;
use server::{Proof, Retried, answers};
use socketio_client_core::{
    AckId, Auth, AuthRequest, BufferPolicy, Command, Config, DisconnectReason, EmitId, EmitOptions, Event,
    Fate, Flush, Frame, Input, Instant, Manager, Message, ResyncId, SocketId, SocketOptions, TransportError,
    TransportId, TransportKind,
};

/// Numbers that depend on the seed only.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What the shell knows of a transport.
#[derive(Debug, PartialEq, Eq)]
enum Link {
    WebSocketOpening,
    WebSocketOpen,
    Polling { getting: bool, posting: bool },
}

struct World {
    dice: Dice,
    manager: Manager<Integer>,
    now: Instant,
    links: BTreeMap<TransportId, Link>,
    sockets: Vec<SocketId>,
    /// Emits with ack that have not settled.
    unsettled: BTreeSet<(SocketId, EmitId)>,
    /// Those that were dropped without a word.
    quiet: BTreeSet<(SocketId, EmitId)>,
    /// The number that each plain emit carried, in order.
    accepted: Vec<u32>,
    sent: Vec<u32>,
    next_number: u32,
    connected: BTreeSet<SocketId>,
    proof: Proof,
    flushes: BTreeSet<(SocketId, EmitId)>,
    wanted_acks: Vec<AckId>,
    auth_requests: Vec<AuthRequest>,
    websocket_ping: bool,
    /// What a kind server answers to what was posted.
    replies: Vec<String>,
    /// `/r` sends again what is not acknowledged.
    retried: Retried,
    /// Messages that must come next, and of which namespace.
    early: Option<(SocketId, usize)>,
    /// Namespaces whose session was left.
    left: BTreeSet<SocketId>,
    /// The last time of each namespace in which its events wait, and those before.
    resyncs: BTreeMap<SocketId, ResyncId>,
    stale_resyncs: Vec<ResyncId>,
    /// What waited is told.
    released: bool,
    /// Namespaces that have just joined: a gap may be told.
    may_tell: BTreeSet<SocketId>,
    /// What was told of each emit last.
    fates: BTreeMap<(SocketId, EmitId), Fate>,
    /// What each WebSocket was handed: bytes, and the packet.
    handed: BTreeMap<TransportId, Vec<(usize, String)>>,
    /// Numbers of which it was told that they never left. They may be sent again.
    stuck: BTreeSet<u32>,
}

const WIRES: &[&str] = &[
    "40=S1",
    "40/a,=S2",
    "44!",
    "44/a,!",
    "41",
    "41/a,",
    "42#5",
    "42/a,#6",
    "421#7",
    "430#1",
    "431#1",
    "43/a,2#1",
    "40=S1P1",
    "40=S1P2",
    // With the offsets 0 and 1.
    "42#268435461",
    "42#4563402757",
    "40/r,=S3",
    "40/r,=S3P1",
    "41/r,",
    "43/r,0#1",
    "43/r,1#1",
    "43/r,2#1",
    "43/r,3#1",
    "2",
    "3",
    "3probe",
    "6",
    "1",
    "5",
    "x",
    "",
    "42",
    "452-#1",
    "bAQ==",
    "b!",
    "0#E2;websocket;25000;20000;1000",
];

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut config = Config::new("http://server").unwrap();
        config.transports = match dice.roll(4) {
            0 => vec![TransportKind::WebSocket],
            1 => vec![TransportKind::Polling],
            2 => vec![TransportKind::Polling, TransportKind::WebSocket],
            _ => vec![TransportKind::WebSocket, TransportKind::Polling],
        };
        config.reconnection_attempts = (dice.roll(3) == 0).then_some(2);
        config.buffer_size = 20;
        config.unix_epoch = std::time::Duration::from_millis(scenarios::EPOCH);
        config.ack_timeout = (dice.roll(2) == 0).then_some(std::time::Duration::from_secs(2));
        config.remember_upgrade = dice.roll(2) == 0;
        config.websocket_ping = dice.roll(2) == 0;
        config.tells_unsent = dice.roll(2) == 0;
        config.buffer_policy = match dice.roll(3) {
            0 => BufferPolicy::Refuse,
            1 => BufferPolicy::DropOldest,
            _ => BufferPolicy::DropNewest,
        };
        config.buffer_max_age = (dice.roll(3) == 0).then_some(std::time::Duration::from_secs(20));
        config.retry_delay = std::time::Duration::from_millis(dice.roll(2) * 300);
        let retry_window = Some(1 + u32::try_from(dice.roll(3)).unwrap());
        let websocket_ping = config.websocket_ping;
        let mut manager = Manager::new(Integer, config, seed);
        let limit = u32::try_from(dice.roll(3)).unwrap();
        let sockets = [("/", Auth::None, None), ("/a", Auth::Ask, None), ("/r", Auth::None, Some(limit))]
            .map(|(namespace, auth, retries)| {
                manager.socket(
                    namespace,
                    SocketOptions { auth, retries, retry_window, ..SocketOptions::default() },
                )
            })
            .to_vec();
        sockets.iter().for_each(|socket| manager.observe_fates(*socket, true));
        Self {
            dice,
            manager,
            now: Instant::from_millis(1),
            links: BTreeMap::new(),
            sockets,
            unsettled: BTreeSet::new(),
            quiet: BTreeSet::new(),
            accepted: Vec::new(),
            sent: Vec::new(),
            next_number: 1,
            connected: BTreeSet::new(),
            proof: Proof::default(),
            flushes: BTreeSet::new(),
            wanted_acks: Vec::new(),
            auth_requests: Vec::new(),
            websocket_ping,
            replies: Vec::new(),
            retried: Retried::new(limit),
            early: None,
            left: BTreeSet::new(),
            resyncs: BTreeMap::new(),
            stale_resyncs: Vec::new(),
            released: false,
            may_tell: BTreeSet::new(),
            fates: BTreeMap::new(),
            handed: BTreeMap::new(),
            stuck: BTreeSet::new(),
        }
    }

    fn step(&mut self) {
        let socket = self.sockets[self.dice.roll(3) as usize];
        match self.dice.roll(24) {
            0 => self.manager.connect(socket, self.now),
            1 if self.dice.roll(2) == 0 => {
                self.resyncs.remove(&socket);
                self.manager.disconnect(socket, self.now);
            }
            2..=5 => self.emit(socket),
            6 => self.manager.reconnect_now(self.now),
            7 => self.flush(socket),
            11 if self.dice.roll(4) == 0 => {
                self.resyncs.clear();
                self.manager.close(self.now);
            }
            12 if self.dice.roll(4) == 0 => self.manager.set_reconnection(self.dice.roll(2) == 0),
            13 if !self.wanted_acks.is_empty() => {
                let ack =
                    self.wanted_acks.swap_remove(self.dice.roll(self.wanted_acks.len() as u64) as usize);
                let _ = self.manager.ack(ack, Integer.ack(3), self.now);
            }
            14 if !self.auth_requests.is_empty() => {
                let at = self.dice.roll(self.auth_requests.len() as u64) as usize;
                let data = if self.dice.roll(4) == 0 { Err("no".to_string()) } else { Ok(None) };
                self.manager.authenticate(self.auth_requests.swap_remove(at), data, self.now);
            }
            15 => {
                let quiet_drop = self.dice.roll(2) == 0;
                let options = EmitOptions { ack: true, volatile: true, quiet_drop, ..EmitOptions::default() };
                if let Ok(emit) = self.manager.emit(socket, Integer.event(0, &[]), options, self.now) {
                    let quiet = quiet_drop && self.manager.fate(socket, emit) == Some(Fate::Dropped);
                    // Its ack may never end, as in the original.
                    if quiet { &mut self.quiet } else { &mut self.unsettled }.insert((socket, emit));
                }
            }
            8 if self.dice.roll(8) == 0 => {
                let online = self.dice.roll(2) == 0;
                self.manager.set_online(online, self.now);
            }
            16 if self.dice.roll(4) == 0 => {
                if let Some((socket, emit)) = self.unsettled.last().copied() {
                    self.manager.cancel(socket, emit);
                }
            }
            17 if self.dice.roll(8) == 0 => self.manager.set_heartbeat_deadline(self.now),
            18 if self.dice.roll(4) == 0 => self.manager.resume(self.now),
            19 if self.dice.roll(4) == 0 => {
                let on = self.dice.roll(2) == 0;
                self.manager.set_resync(socket, on);
            }
            20 if self.dice.roll(2) == 0 => self.resynced(socket),
            9..=10 => self.pass_time(),
            _ => self.world(),
        }
        self.drain();
    }

    fn emit(&mut self, socket: SocketId) {
        let ack = self.dice.roll(3) == 0;
        let timeout = (self.dice.roll(2) == 0).then_some(std::time::Duration::from_secs(3));
        let options = EmitOptions { ack, timeout, ..EmitOptions::default() };
        let number = self.next_number;
        let payload = Integer.event(number, &[]);
        let Ok(emit) = self.manager.emit(socket, payload, options, self.now) else { return };
        self.next_number += 1;
        if ack || socket == self.sockets[2] {
            assert!(self.unsettled.insert((socket, emit)), "a ticket twice");
        } else if socket == self.sockets[0] {
            self.accepted.push(number);
            self.proof.numbers.insert(emit, number);
        }
    }

    /// Sometimes of a time that is over, which must not matter.
    fn resynced(&mut self, socket: SocketId) {
        if !self.stale_resyncs.is_empty() && self.dice.roll(2) == 0 {
            let at = self.dice.roll(self.stale_resyncs.len() as u64) as usize;
            self.manager.resynced(self.stale_resyncs[at]);
            let event = self.manager.poll_event();
            assert!(event.is_none(), "{event:?} came of a time that is over");
        } else if let Some(resync) = self.resyncs.remove(&socket) {
            self.manager.resynced(resync);
            self.stale_resyncs.push(resync);
            self.released = true;
            while let Some(event) = self.manager.poll_event() {
                self.hear(event);
            }
            self.released = false;
        }
    }

    fn flush(&mut self, socket: SocketId) {
        match self.manager.flush(socket) {
            Flush::Pending(emit) => drop(self.flushes.insert((socket, emit))),
            Flush::Delivered if socket == self.sockets[0] => {
                if let Some(last) = self.proof.numbers.keys().next_back() {
                    self.proof.delivered(*last);
                }
            }
            Flush::Uncertain if socket == self.sockets[0] => {
                self.proof.uncertain =
                    self.proof.uncertain.max(self.proof.numbers.keys().next_back().copied());
            }
            Flush::Delivered | Flush::Uncertain => {}
        }
    }

    fn pass_time(&mut self) {
        let jump = std::time::Duration::from_millis(self.dice.roll(30_000));
        let target = self.now + jump;
        let mut calls = 0;
        while let Some(deadline) = self.manager.poll_timeout().filter(|deadline| *deadline <= target) {
            calls += 1;
            assert!(calls < 1000, "time does not pass: {:?}", self.manager);
            self.now = self.now.max(deadline);
            self.manager.handle_timeout(self.now);
            self.drain();
        }
        self.now = target;
    }

    /// Something happens to one of the transports.
    fn world(&mut self) {
        let at = self.dice.roll(self.links.len().max(1) as u64) as usize;
        let Some((&transport, _)) = self.links.iter().nth(at) else { return };
        let wire = WIRES[self.dice.roll(WIRES.len() as u64) as usize];
        let fails = self.dice.roll(12) == 0;
        let link = self.links.get_mut(&transport).unwrap();
        let input = if fails {
            self.links.remove(&transport);
            self.stuck(transport);
            Input::Closed { transport, error: TransportError::Lost { cause: "chaos".into() } }
        } else {
            match link {
                Link::WebSocketOpening => {
                    *link = Link::WebSocketOpen;
                    self.manager.handle_input(Input::Opened { transport }, self.now);
                    let text = "0#E1;websocket;25000;20000;1000".to_string();
                    Input::Message { transport, message: Message::Text(text) }
                }
                Link::WebSocketOpen if wire.is_empty() => {
                    Input::Message { transport, message: Message::Binary(1) }
                }
                Link::WebSocketOpen if wire == "6" => {
                    self.proof.prove(transport, true);
                    self.handed.remove(&transport);
                    Input::Pong { transport }
                }
                Link::WebSocketOpen => Input::Message { transport, message: Message::Text(wire.into()) },
                Link::Polling { getting, .. } if *getting && self.dice.roll(2) == 0 => {
                    *getting = false;
                    let body = if self.manager.transport().is_none() {
                        format!("0#E1;websocket;25000;20000;1000\u{1e}{wire}")
                    } else {
                        wire.to_string()
                    };
                    Input::Got { transport, body }
                }
                Link::Polling { posting, .. } if *posting => {
                    *posting = false;
                    self.proof.prove(transport, false);
                    Input::Posted { transport }
                }
                Link::Polling { .. } => return,
            }
        };
        self.manager.handle_input(input, self.now);
    }

    /// The last frames that a WebSocket was handed never left.
    fn stuck(&mut self, transport: TransportId) {
        let handed = self.handed.remove(&transport).unwrap_or_default();
        let count = self.dice.roll(handed.len() as u64 + 1) as usize;
        let stuck = &handed[handed.len() - count..];
        let numbers: BTreeSet<u32> = stuck.iter().filter_map(|(_, packet)| plain_number(packet)).collect();
        stuck.iter().filter_map(|(_, packet)| retried_number(packet)).for_each(|n| self.retried.stuck(n));
        let bytes = stuck.iter().map(|(bytes, _)| bytes).sum();
        self.manager.never_left(transport, bytes);
        self.sent.retain(|number| !numbers.contains(number));
        if let Some((unproven, covered)) = self.proof.unproven.get_mut(&transport) {
            unproven.retain(|number| !numbers.contains(number));
            *covered = None;
        }
        self.stuck.extend(numbers);
    }

    fn drain(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(command) = self.manager.poll_command() {
                quiet = false;
                self.obey(command);
            }
            let open: Vec<_> = self
                .links
                .iter()
                .filter(|(_, link)| **link == Link::WebSocketOpen)
                .map(|(id, _)| *id)
                .collect();
            for transport in open {
                // Sometimes the sink is full.
                while self.dice.roll(8) > 0 {
                    let Some(frame) = self.manager.poll_message(transport) else { break };
                    quiet = false;
                    self.pulled(transport, &frame);
                }
            }
            if quiet {
                break;
            }
        }
        while let Some(event) = self.manager.poll_event() {
            self.hear(event);
        }
    }

    fn obey(&mut self, command: Command<Integer>) {
        match command {
            Command::Open { transport, .. } => {
                assert!(self.links.insert(transport, Link::WebSocketOpening).is_none(), "a transport twice");
            }
            Command::Get { transport, .. } => {
                let link =
                    self.links.entry(transport).or_insert(Link::Polling { getting: false, posting: false });
                let Link::Polling { getting, .. } = link else { panic!("GET on a WebSocket") };
                assert!(!std::mem::replace(getting, true), "a second GET");
            }
            Command::Post { transport, body, .. } => {
                // That of a session that was lost.
                if body == "1" {
                    self.links.entry(transport).or_insert(Link::Polling { getting: false, posting: false });
                }
                // A session whose transport has just failed may still be told to post; the shell would ignore it.
                if let Some(Link::Polling { posting, .. }) = self.links.get_mut(&transport) {
                    assert!(!std::mem::replace(posting, true), "a second POST");
                    body.split('\u{1e}').for_each(|packet| self.sent(transport, packet));
                    self.replies.extend(body.split('\u{1e}').flat_map(answers));
                } else {
                    panic!("POST on a transport that is gone");
                }
            }
            Command::Close { transport } => drop(self.links.remove(&transport)),
            Command::Resolve { .. }
            | Command::Keep { .. }
            | Command::Erase { .. }
            | Command::Reserve { .. }
            | Command::Save { .. } => {
                unreachable!("not asked for")
            }
        }
    }

    fn pulled(&mut self, transport: TransportId, frame: &Frame<Integer>) {
        let handed = match frame {
            Frame::Message(Message::Text(text)) => (text.len(), text.clone()),
            Frame::Message(Message::Binary(_)) => (1, String::new()),
            Frame::Ping => (0, String::new()),
        };
        self.handed.entry(transport).or_default().push(handed);
        if self.dice.roll(8) == 0 {
            let last = self.handed[&transport].iter().rev().take(self.dice.roll(5) as usize);
            self.manager.unsent(transport, last.map(|(bytes, _)| bytes).sum());
        }
        match frame {
            Frame::Message(Message::Text(text)) => self.sent(transport, text),
            Frame::Message(Message::Binary(_)) => {}
            Frame::Ping => {
                let (unproven, covered) = self.proof.unproven.entry(transport).or_default();
                assert!(covered.replace(unproven.len()).is_none(), "a second ping");
            }
        }
        if !self.websocket_ping {
            self.proof.prove(transport, false);
        }
    }

    /// Plain emits of `/` leave in the order in which they were accepted, each at most once.
    fn sent(&mut self, transport: TransportId, packet: &str) {
        if let Some(number) = retried_number(packet) {
            self.retried.sent(number);
        }
        for (socket, prefix) in self.sockets.iter().zip(["40@", "40/a,@", "40/r,@"]) {
            assert!(
                !self.left.contains(socket) || !packet.starts_with(prefix),
                "{packet} claims what was left"
            );
        }
        let Some(number) = plain_number(packet) else { return };
        assert!(self.accepted.contains(&number), "{number} was not accepted");
        assert!(self.sent.last().is_none_or(|last| *last < number), "{number} after {:?}", self.sent.last());
        self.sent.push(number);
        self.proof.unproven.entry(transport).or_default().0.push(number);
    }

    fn hear(&mut self, event: Event<Integer>) {
        if let Event::Gap { socket, resync, told, .. } = event {
            assert!(self.may_tell.remove(&socket), "a gap without a connection, or a second one");
            assert!(told || resync.is_none(), "events wait for what is not told");
            if let Some(resync) = resync {
                self.stale_resyncs.extend(self.resyncs.insert(socket, resync));
            }
            return;
        }
        if let Some((expected, left)) = self.early.take().filter(|(_, left)| *left > 0) {
            let Event::Message { socket, .. } = &event else { panic!("{event:?} instead of a message") };
            assert_eq!(*socket, expected);
            self.early = Some((expected, left - 1));
        }
        match event {
            Event::Ack { socket, emit, .. } => {
                let known = self.unsettled.remove(&(socket, emit)) || self.quiet.remove(&(socket, emit));
                assert!(known, "settled twice: {emit:?}");
            }
            Event::Connected { socket, recovered, replayed, early } => {
                assert!(self.connected.insert(socket), "connected twice");
                self.may_tell.insert(socket);
                assert!(!(self.left.remove(&socket) && recovered), "recovered what was left");
                assert_eq!(replayed, if recovered { early } else { 0 });
                self.early = Some((socket, early));
            }
            Event::Disconnected { socket, reason, .. } => {
                assert!(self.connected.remove(&socket), "disconnected twice");
                if !matches!(reason, DisconnectReason::TransportClose | DisconnectReason::PingTimeout) {
                    // Left, or more had come than may wait.
                    self.resyncs.remove(&socket);
                }
                if matches!(reason, DisconnectReason::ClientDisconnect | DisconnectReason::ServerDisconnect) {
                    self.left.insert(socket);
                }
            }
            Event::Message { socket, ack, .. } => {
                assert!(!self.resyncs.contains_key(&socket), "a message that ought to wait");
                let may_come = self.released || self.connected.contains(&socket);
                assert!(may_come, "a message while disconnected");
                self.may_tell.remove(&socket);
                self.wanted_acks.extend(ack);
            }
            Event::Authenticate { request, .. } => self.auth_requests.push(request),
            Event::Flushed { socket, emit, delivered } => {
                assert!(self.flushes.remove(&(socket, emit)), "a flush twice");
                match delivered {
                    _ if socket != self.sockets[0] => {}
                    true => self.proof.delivered(emit),
                    false => self.proof.uncertain = self.proof.uncertain.max(Some(emit)),
                }
            }
            Event::Fate { socket, emit, fate, .. } => {
                let before = self.fates.insert((socket, emit), fate);
                assert!(!before.is_some_and(Fate::is_final), "{emit:?} was {before:?}, and is {fate:?}");
                let now = self.manager.fate(socket, emit).unwrap();
                assert!(now == fate || !fate.is_final(), "{emit:?} was told as {fate:?}, and is {now:?}");
                let number = self.proof.numbers.get(&emit).filter(|_| socket == self.sockets[0]);
                if let (Fate::Delivered, Some(number)) = (fate, number) {
                    assert!(self.proof.proven.contains(number), "{number} is not known to have come");
                }
            }
            Event::NotSent { payload, .. } => {
                let (number, _) = Integer.read(&payload);
                self.accepted.retain(|accepted| *accepted != number);
                self.proof.numbers.retain(|_, accepted| *accepted != number);
            }
            _ => {}
        }
    }

    /// A kind world in the end: everything that was accepted leaves, and every ack settles.
    fn calm_down(&mut self) {
        self.manager.set_online(true, self.now);
        self.manager.set_reconnection(true);
        for socket in self.sockets.clone() {
            self.manager.disconnect(socket, self.now);
        }
        self.resyncs.clear();
        self.drain();
        self.now = self.now + std::time::Duration::from_secs(60);
        self.manager.handle_timeout(self.now);
        self.drain();
        assert!(self.links.is_empty(), "left open: {:?}", self.links);
        assert_eq!(self.manager.poll_timeout(), None, "nothing to wait for");
        self.replies.clear();
        for socket in self.sockets.clone() {
            self.manager.connect(socket, self.now);
        }
        for _ in 0..200 {
            self.kindness();
        }
        let left: BTreeSet<u32> = self.sent.iter().copied().collect();
        self.accepted.retain(|number| left.contains(number) || !self.stuck.contains(number));
        assert_eq!(self.sent, self.accepted, "everything that was accepted has left, in order, once");
        assert!(self.unsettled.is_empty(), "{:?}", self.unsettled);
        assert_eq!(self.manager.queued(self.sockets[2]), 0, "everything that was sent again is settled");
        assert!(self.flushes.is_empty(), "flushes without an end: {:?}", self.flushes);
        for (emit, fate) in &self.fates {
            let unproven = matches!(fate, Fate::InFlight { .. }) && !self.websocket_ping;
            assert!(fate.is_final() || unproven, "{emit:?} has no end: {fate:?}");
        }
    }

    fn kindness(&mut self) {
        while let Some(command) = self.manager.poll_command() {
            self.obey(command);
        }
        let transports: Vec<_> = self.links.keys().copied().collect();
        for transport in transports {
            match self.links.get_mut(&transport) {
                Some(link @ Link::WebSocketOpening) => {
                    *link = Link::WebSocketOpen;
                    self.manager.handle_input(Input::Opened { transport }, self.now);
                    let text =
                        if self.manager.transport().is_none() { "0#E9;;25000;20000;1000" } else { "3" };
                    let message = Message::Text(text.to_string());
                    self.manager.handle_input(Input::Message { transport, message }, self.now);
                }
                Some(Link::WebSocketOpen) => {
                    while let Some(frame) = self.manager.poll_message(transport) {
                        self.pulled(transport, &frame);
                        let Frame::Message(Message::Text(text)) = frame else {
                            self.proof.prove(transport, true);
                            self.manager.handle_input(Input::Pong { transport }, self.now);
                            continue;
                        };
                        for reply in answers(&text) {
                            let message = Message::Text(reply);
                            self.manager.handle_input(Input::Message { transport, message }, self.now);
                        }
                    }
                }
                Some(Link::Polling { getting: getting @ true, posting }) => {
                    *getting = false;
                    let posted = std::mem::take(posting);
                    if posted {
                        self.proof.prove(transport, false);
                    }
                    let body = if self.manager.transport().is_none() {
                        "0#E9;;25000;20000;1000".to_string()
                    } else {
                        let replies = std::iter::once("6".to_string()).chain(self.replies.drain(..));
                        replies.collect::<Vec<_>>().join("\u{1e}")
                    };
                    self.manager.handle_input(Input::Got { transport, body }, self.now);
                    if posted {
                        self.manager.handle_input(Input::Posted { transport }, self.now);
                    }
                }
                Some(Link::Polling { .. }) => {}
                None => {}
            }
        }
        self.now = self.now + std::time::Duration::from_millis(100);
        self.manager.handle_timeout(self.now);
        while let Some(event) = self.manager.poll_event() {
            self.hear(event);
        }
        for request in std::mem::take(&mut self.auth_requests) {
            self.manager.authenticate(request, Ok(None), self.now);
        }
        // A limit of attempts may have been reached.
        if self.links.is_empty() {
            self.manager.reconnect_now(self.now);
        }
    }
}

/// Of an attempt of `/r`.
fn retried_number(packet: &str) -> Option<u32> {
    let (_, number) = packet.strip_prefix("42/r,")?.split_once('#')?;
    number.parse().ok().filter(|number| *number > 0)
}

/// Of a plain emit of `/`.
fn plain_number(packet: &str) -> Option<u32> {
    packet.strip_prefix("42#").and_then(|number| number.parse().ok())
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn promises_hold_whatever_happens() {
    let first = variable("CHAOS_SEED", 1);
    let runs = variable("CHAOS_RUNS", 2_000);
    println!("seeds {first}..{}", first + runs);
    for seed in first..first + runs {
        let result = std::panic::catch_unwind(|| {
            let mut world = World::new(seed);
            for _ in 0..300 {
                world.step();
            }
            world.calm_down();
        });
        assert!(result.is_ok(), "CHAOS_SEED={seed} CHAOS_RUNS=1 shows it again");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut world = World::new(seed);
        (0..300).for_each(|_| world.step());
        (world.sent, world.accepted, world.now, format!("{:?}", world.manager))
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}
