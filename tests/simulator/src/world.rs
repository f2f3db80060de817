//! The client in that world: what its application does, and the laws that hold whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    Auth, BufferPolicy, Command, Config, Delivery, Durability, EmitId, EmitOptions, Event, Fate, Frame,
    Input, Instant, Manager, Message, SocketId, TransportError, TransportId, TransportKind,
};

use crate::dice::Dice;
use crate::disk::{Disk, Record, Write};
use crate::network::{Arrival, Link, Network};
use crate::server::{Doing, Server, answer};

/// What kind of run it is.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether the server has the middleware, and the client asks for it.
    pub exactly_once: bool,
    pub window: u32,
    /// Whether emits are kept in a store, and the client's process is killed now and then.
    pub store: Option<Durability>,
    /// Whether the transport answers pings.
    pub ping: bool,
    pub policy: BufferPolicy,
    /// Connections are cut once in so many milliseconds, about.
    pub cuts: u64,
    /// Time for an answer.
    pub ack_timeout: Option<u64>,
    /// Emits in all.
    pub emits: u64,
}

/// One emit of the process that runs.
#[derive(Debug)]
pub(crate) struct Emitted {
    number: u64,
    fate: Option<Fate>,
}

const BUFFER: usize = 40;
/// Namespaces: plain and acked emits, and emits that are sent until they are acknowledged.
pub(crate) const NAMESPACES: [&str; 2] = ["/", "/r"];

pub struct World {
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
    pub(crate) now: u64,
    pub(crate) manager: Manager<Json>,
    pub(crate) sockets: [SocketId; 2],
    pub(crate) links: BTreeMap<TransportId, Link>,
    pub(crate) dead: Vec<TransportId>,
    pub(crate) network: Network,
    pub(crate) server: Server,
    pub(crate) disk: Disk,
    pub(crate) emits: BTreeMap<(usize, EmitId), Emitted>,
    next_number: u64,
    /// Of `/r`: numbers of which the server must have run each, and those of which it must not have.
    pub(crate) owed: BTreeSet<u64>,
    pub(crate) never: [BTreeSet<u64>; 2],
    next_emit: u64,
    next_cut: u64,
    /// Processes so far.
    pub processes: u64,
    pub cut: u64,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World at {} ms", self.now)
    }
}

pub(crate) fn instant(now: u64) -> Instant {
    Instant::from_millis(now)
}

pub(crate) fn start(plan: &Plan, dice: &mut Dice, now: u64) -> (Manager<Json>, [SocketId; 2]) {
    let mut config = Config::new("http://server").unwrap();
    config.transports = vec![TransportKind::WebSocket];
    config.reconnection_delay = Duration::from_millis(20);
    config.reconnection_delay_max = Duration::from_millis(200);
    config.timeout = Duration::from_secs(1);
    config.connect_timeout = Duration::from_secs(1);
    config.buffer_size = BUFFER;
    config.buffer_policy = plan.policy;
    config.ack_timeout = plan.ack_timeout.map(Duration::from_millis);
    config.websocket_ping = plan.ping;
    let mut manager = Manager::new(Json, config, dice.roll(1 << 30));
    let plain = manager.socket(NAMESPACES[0], Delivery::default().options(Auth::None, ""));
    let delivery = Delivery {
        retries: Some(u32::MAX),
        retry_window: Some(plan.window),
        exactly_once: plan.exactly_once,
        durability: plan.store,
    };
    let reliable = manager.socket(NAMESPACES[1], delivery.options(Auth::None, "process"));
    for socket in [plain, reliable] {
        manager.observe_fates(socket, true);
        manager.connect(socket, instant(now));
    }
    (manager, [plain, reliable])
}

impl World {
    #[must_use]
    pub fn new(plan: Plan, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let (manager, sockets) = start(&plan, &mut dice, 0);
        let mut world = Self {
            server: Server::new(plan.exactly_once),
            next_cut: plan.cuts,
            dice,
            plan,
            now: 0,
            manager,
            sockets,
            links: BTreeMap::new(),
            dead: Vec::new(),
            network: Network::default(),
            disk: Disk::default(),
            emits: BTreeMap::new(),
            next_number: 0,
            owed: BTreeSet::new(),
            never: [BTreeSet::new(), BTreeSet::new()],
            next_emit: 0,
            processes: 1,
            cut: 0,
        };
        world.open_store();
        world
    }

    /// Lets it all happen: emits under cuts, then a calm in which everything ends.
    pub fn run(&mut self) {
        while self.next_number < self.plan.emits {
            self.step(true);
        }
        let calm = self.now + 60_000;
        while self.now < calm && !self.is_settled() {
            self.step(false);
        }
        self.check();
    }

    fn is_settled(&self) -> bool {
        self.disk.records.is_empty()
            && self.disk.writes.is_empty()
            && self.manager.queued(self.sockets[1]) == 0
            && self.emits.values().all(|emit| emit.fate.is_some_and(|fate| self.is_end(fate)))
    }

    /// Without pings nothing tells of a plain emit.
    fn is_end(&self, fate: Fate) -> bool {
        fate.is_final() || (!self.plan.ping && matches!(fate, Fate::InFlight { .. }))
    }

    /// The next thing that happens.
    fn step(&mut self, wild: bool) {
        let timer = self.manager.poll_timeout().map(|at| {
            let nanos = at.since_epoch().as_nanos();
            u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
        });
        let write = self.disk.writes.front().map(|(at, _)| *at);
        let wishes = if wild { [Some(self.next_emit), Some(self.next_cut)] } else { [None, None] };
        let next = [timer, write, self.network.next_time()].into_iter().chain(wishes).flatten().min();
        let Some(next) = next else {
            self.now += 1000;
            return;
        };
        self.now = self.now.max(next);
        let now = instant(self.now);
        while let Some(arrival) = self.network.take(self.now) {
            self.arrive(arrival);
            self.drain();
        }
        while let Some((_, write)) = self.disk.writes.pop_front_if(|(at, _)| *at <= self.now) {
            self.wrote(write, true);
            self.drain();
        }
        if timer.is_some_and(|timer| timer <= self.now) {
            self.manager.handle_timeout(now);
        }
        if wild && self.next_emit <= self.now {
            self.wish();
            self.next_emit = self.now + self.dice.roll(20);
        }
        if wild && self.next_cut <= self.now {
            self.next_cut = self.now + 1 + self.dice.roll(2 * self.plan.cuts);
            self.trouble();
        }
        self.drain();
    }

    fn trouble(&mut self) {
        if self.plan.store.is_some() && self.dice.one_in(4) {
            return self.kill();
        }
        if let Some(link) = self.links.values().next_back().copied() {
            self.cut += 1;
            self.network.cut(link, self.now, &mut self.dice);
        }
    }

    /// The application wants something.
    fn wish(&mut self) {
        let at = usize::from(self.dice.roll(3) > 0);
        let socket = self.sockets[at];
        let now = instant(self.now);
        if self.dice.one_in(40) {
            let last =
                self.emits.range((at, EmitId::from_number(0))..).next_back().map(|((_, emit), _)| *emit);
            if let Some(emit) = last {
                self.manager.cancel(socket, emit);
            }
            return;
        }
        let number = self.next_number;
        self.next_number += 1;
        let options = EmitOptions {
            ack: at == 0 && self.dice.one_in(3),
            volatile: at == 0 && self.dice.one_in(10),
            max_age: self.dice.one_in(10).then(|| Duration::from_millis(50)),
            coalesce: (at == 0 && self.dice.one_in(10)).then_some("key"),
            ..EmitOptions::default()
        };
        let payload = Payload::event("op", &number).unwrap();
        match self.manager.emit(socket, payload, options, now) {
            Ok(emit) => {
                let known = self.emits.insert((at, emit), Emitted { number, fate: None });
                assert!(known.is_none(), "a ticket twice");
                if at == 1 {
                    self.owed.insert(number);
                }
            }
            Err(_) => drop(self.never[at].insert(number)),
        }
        assert!(self.manager.queued(self.sockets[1]) <= BUFFER + self.disk.records.len(), "the bound holds");
    }

    fn arrive(&mut self, arrival: Arrival) {
        let now = instant(self.now);
        match arrival {
            Arrival::Opened(link) => {
                self.network.to_client(link, Arrival::Accepted(link), self.now, &mut self.dice);
                self.network.at(self.now + Server::interval(), Arrival::Heartbeat(link));
                let doings = self.server.opened(link, self.now);
                self.obey(doings);
            }
            Arrival::ToServer(link, text) if text == "ping" => {
                self.network.to_client(link, Arrival::Pong(link), self.now, &mut self.dice);
            }
            Arrival::ToServer(link, text) => {
                let doings = self.server.message(link, &text, self.now);
                self.obey(doings);
            }
            Arrival::Heartbeat(link) => {
                let doings = self.server.heartbeat(link, self.now);
                if !doings.is_empty() {
                    self.network.at(self.now + Server::interval(), Arrival::Heartbeat(link));
                }
                self.obey(doings);
            }
            Arrival::ServerSees(link) => self.server.gone(link),
            Arrival::Handled(job) => {
                let doings = self.server.handled(job);
                self.obey(doings);
            }
            Arrival::Accepted(link) => {
                if let Some(transport) = self.transport(link) {
                    self.manager.handle_input(Input::Opened { transport }, now);
                }
            }
            Arrival::ToClient(link, text) => {
                if let Some(transport) = self.transport(link) {
                    let message = Message::Text(text.into());
                    self.manager.handle_input(Input::Message { transport, message }, now);
                }
            }
            Arrival::Pong(link) => {
                if let Some(transport) = self.transport(link) {
                    self.manager.handle_input(Input::Pong { transport }, now);
                }
            }
            Arrival::ClientSees(link) => {
                if let Some(transport) = self.transport(link) {
                    self.links.remove(&transport);
                    self.dead.push(transport);
                    let error = TransportError::Lost { cause: "cut".into() };
                    self.manager.handle_input(Input::Closed { transport, error }, now);
                }
            }
        }
    }

    fn transport(&self, link: Link) -> Option<TransportId> {
        self.links.iter().find(|(_, of)| **of == link).map(|(transport, _)| *transport)
    }

    fn obey(&mut self, doings: Vec<Doing>) {
        for doing in doings {
            match doing {
                Doing::Send(link, text) => {
                    self.network.to_client(link, Arrival::ToClient(link, text), self.now, &mut self.dice);
                }
                Doing::Close(link) => self.network.cut(link, self.now, &mut self.dice),
                Doing::Handle(job) => {
                    let time = self.now + self.dice.roll(30);
                    self.network.at(time, Arrival::Handled(job));
                }
            }
        }
    }

    /// Does what the core wants, and hears what it tells.
    pub(crate) fn drain(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(command) = self.manager.poll_command() {
                quiet = false;
                self.command(command);
            }
            for (transport, link) in self.links.clone() {
                // Sometimes the transport takes no more for a while.
                while !self.dice.one_in(10) {
                    let Some(frame) = self.manager.poll_message(transport) else { break };
                    quiet = false;
                    let text = match frame {
                        Frame::Message(Message::Text(text)) => text.to_string(),
                        Frame::Message(Message::Binary(_)) => unreachable!("nothing binary is sent"),
                        Frame::Ping => "ping".into(),
                    };
                    self.check_order(&text);
                    self.network.to_server(link, Arrival::ToServer(link, text), self.now, &mut self.dice);
                }
            }
            if quiet {
                break;
            }
        }
        for transport in &self.dead {
            assert!(self.manager.poll_message(*transport).is_none(), "a frame for a transport that is gone");
        }
        while let Some(event) = self.manager.poll_event() {
            self.hear(event);
        }
    }

    /// Nothing leaves that is to be stored first, and is not.
    fn check_order(&self, text: &str) {
        let (Some(Durability::StoredFirst), Some(packet)) = (self.plan.store, text.strip_prefix("42/r,"))
        else {
            return;
        };
        if let Some((_, rest)) = packet.split_once(r#"["op","#) {
            let number = rest.trim_end_matches(']').parse().unwrap();
            assert!(self.disk.ever.contains(&number), "{number} left before it was stored");
        }
    }

    fn command(&mut self, command: Command<Json>) {
        let later = self.now + 1 + self.dice.roll(10);
        let later = self.disk.writes.back().map_or(later, |(at, _)| later.max(*at));
        match command {
            Command::Open { transport, .. } => {
                // Numbers of transports begin anew with each process.
                let link = transport.number() + u32::try_from(self.processes).unwrap() * 100_000;
                self.links.insert(transport, link);
                self.network.to_server(link, Arrival::Opened(link), self.now, &mut self.dice);
            }
            Command::Close { transport } => {
                self.dead.push(transport);
                if let Some(link) = self.links.remove(&transport) {
                    self.network.cut(link, self.now, &mut self.dice);
                }
            }
            Command::Keep { key, payload, expires, .. } => {
                let record = Record { payload, expires };
                self.disk.writes.push_back((later, Write::Keep { key, record }));
            }
            Command::Erase { key, .. } => self.disk.writes.push_back((later, Write::Erase { key })),
            Command::Reserve { up_to, .. } => self.disk.writes.push_back((later, Write::Reserve { up_to })),
            other => panic!("{other:?} was not asked for"),
        }
    }

    fn hear(&mut self, event: Event<Json>) {
        match event {
            Event::Fate { socket, emit, fate, .. } => {
                let at = usize::from(socket == self.sockets[1]);
                // Those of an earlier process have no ticket that this one has given.
                let Some(emitted) = self.emits.get_mut(&(at, emit)) else { return };
                let before = emitted.fate.replace(fate);
                assert!(!before.is_some_and(Fate::is_final), "{emitted:?} had an end: {before:?}");
                let number = emitted.number;
                self.ended(at, number, fate);
            }
            Event::OutboxSettled { fate, payload, result, .. } => {
                self.ended(1, number(&payload), fate);
                self.answered(number(&payload), result);
            }
            Event::Ack { socket, emit, result: Ok(result) } => {
                let at = usize::from(socket == self.sockets[1]);
                if let Some(emitted) = self.emits.get(&(at, emit)) {
                    let number = emitted.number;
                    self.answered(number, Some(result));
                }
            }
            _ => {}
        }
    }

    fn answered(&self, number: u64, result: Option<Payload>) {
        let value: Option<u64> = result.map(|result| result.parse().unwrap());
        assert!(value.is_none_or(|value| value == answer(number)), "{number} was answered with {value:?}");
    }

    /// A final fate is true.
    fn ended(&mut self, at: usize, number: u64, fate: Fate) {
        let namespace = NAMESPACES[at].to_owned();
        match fate {
            Fate::Delivered => {
                assert!(self.server.read.contains(&(namespace, number)), "{number} was not delivered");
            }
            Fate::Acknowledged => {
                assert!(self.server.ran[&namespace].contains(&number), "{number} was not handled");
            }
            Fate::Refused | Fate::Expired | Fate::Dropped | Fate::Cancelled => {
                self.never[at].insert(number);
                self.owed.remove(&number);
            }
            Fate::Uncertain { .. } => drop(self.owed.remove(&number)),
            _ => {}
        }
    }

    fn check(&self) {
        for ((_, emit), emitted) in &self.emits {
            let fate = emitted.fate;
            assert!(fate.is_some_and(|fate| self.is_end(fate)), "{emit:?} has no end: {emitted:?}");
        }
        for (namespace, never) in NAMESPACES.iter().zip(&self.never) {
            for number in never {
                let read = self.server.read.contains(&((*namespace).to_owned(), *number));
                assert!(!read, "{number} was said never to have been sent");
            }
        }
        let none = Vec::new();
        let ran = self.server.ran.get("/r").unwrap_or(&none);
        let missing: Vec<_> = self.owed.iter().filter(|number| !ran.contains(number)).collect();
        assert!(missing.is_empty(), "lost: {missing:?}");
        let mut seen = BTreeSet::new();
        let first: Vec<_> = ran.iter().filter(|number| seen.insert(**number)).collect();
        assert!(first.is_sorted(), "out of order: {first:?}");
        if self.plan.exactly_once {
            assert_eq!(first.len(), ran.len(), "run twice: {ran:?}");
        }
        assert!(self.disk.records.is_empty(), "left in the store: {:?}", self.disk.records.keys());
    }
}

pub(crate) fn number(payload: &Payload) -> u64 {
    payload.parse().unwrap()
}
