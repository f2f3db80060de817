//! Clients in that world: what their applications do, and what arrives at them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    EmitError, EmitId, EmitOptions, Fate, Input, Message, TransportError, TransportId,
};

use crate::client::{Client, Emitted, NAMESPACES, instant, number, words};
use crate::coverage::Coverage;
use crate::day::{Allocated, Weight};
use crate::dice::Dice;
use crate::disk::{Disk, Record, Write};
use crate::figures::Figures;
use crate::journal::Journal;
use crate::network::{Arrival, Link, Network};
use crate::packet::attachment;
use crate::plan::Plan;
use crate::run::Outcome;
use crate::server::{Doing, MAX_PAYLOAD, Server, Stop};

/// Wishes after which the world forgets what is over. More than most runs have.
const FORGOTTEN: u64 = 1000;

pub struct World {
    seed: u64,
    pub(crate) dice: Dice,
    /// When applications want something, and something goes wrong: whatever becomes of it.
    schedule: Dice,
    /// The same for the server's restarts, so that worlds without them stay what they are.
    restarts: Dice,
    pub(crate) journal: Journal,
    pub(crate) plan: Plan,
    pub(crate) now: u64,
    pub(crate) clients: Vec<Client>,
    /// Of several.
    pub(crate) leader: Option<usize>,
    pub(crate) next_election: u64,
    pub(crate) network: Network,
    pub(crate) server: Server,
    pub(crate) disk: Disk,
    next_number: u64,
    /// Of `/r`: numbers of which the server must have run each, and those of which it must not have.
    pub(crate) owed: BTreeSet<u64>,
    pub(crate) never: [BTreeSet<u64>; 2],
    /// Numbers that the server would not take.
    pub(crate) large: BTreeSet<u64>,
    /// Of `/r`: numbers that do not wait for others.
    pub(crate) passing: BTreeSet<u64>,
    /// Of `/`: numbers that wait for others, and the process that has emitted them. Not those whose connection has ended: over
    /// the next one others may overtake them.
    pub(crate) ordered: BTreeMap<u64, u32>,
    /// Numbers that had ended, and stand in the store all the same: they come after what was sent meanwhile.
    pub(crate) revived: BTreeSet<u64>,
    /// Numbers in a shared store, or on their way there, of whose end nobody was told.
    pub(crate) open: BTreeSet<u64>,
    /// What has left, if only to be lost on its way: on which link last, and how often its namespace had been left then, or its
    /// session had ended.
    pub(crate) sent: BTreeMap<u64, (Link, u32)>,
    /// When a number is too old to be sent.
    pub(crate) expires: BTreeMap<u64, u64>,
    /// Where the client has been told that it has joined.
    pub(crate) joined: BTreeSet<(Link, &'static str)>,
    /// Of `/r`: numbers of whose answer somebody was told, and how many handlers had begun by then.
    pub(crate) told: BTreeMap<u64, usize>,
    /// Until then there is no server, and whether nobody says so.
    down_until: u64,
    swallows: bool,
    next_emit: u64,
    next_cut: u64,
    next_restart: Option<u64>,
    wishes: u64,
    processes: u32,
    pub figures: Figures,
    pub coverage: Coverage,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World at {} ms", self.now)
    }
}

impl World {
    #[must_use]
    pub fn new(plan: Plan, seed: u64, journal: Journal) -> Self {
        let mut world = Self {
            server: Server::new(plan.exactly_once, plan.heartbeat),
            next_cut: plan.cuts,
            next_restart: plan.restarts,
            seed,
            dice: Dice::new(seed),
            schedule: Dice::new(!seed),
            restarts: Dice::of(!seed, 0),
            journal,
            figures: Figures::default(),
            coverage: Coverage::default(),
            plan,
            now: 0,
            clients: Vec::new(),
            leader: None,
            next_election: 0,
            network: Network::default(),
            disk: Disk::default(),
            next_number: 0,
            owed: BTreeSet::new(),
            never: [BTreeSet::new(), BTreeSet::new()],
            large: BTreeSet::new(),
            passing: BTreeSet::new(),
            ordered: BTreeMap::new(),
            revived: BTreeSet::new(),
            open: BTreeSet::new(),
            sent: BTreeMap::new(),
            expires: BTreeMap::new(),
            joined: BTreeSet::new(),
            told: BTreeMap::new(),
            down_until: 0,
            swallows: false,
            next_emit: 0,
            wishes: 0,
            processes: 0,
        };
        for at in 0..world.plan.clients {
            let process = world.next_process();
            let client = Client::start(&world.plan, process, &mut world.dice, 0);
            world.clients.push(client);
            if world.plan.is_shared() {
                world.begin_in_company(at);
            } else {
                world.open_store();
            }
        }
        world
    }

    #[must_use]
    pub fn outcome(self) -> Outcome {
        Outcome { figures: self.figures, coverage: self.coverage, simulated: self.now }
    }

    pub(crate) fn next_process(&mut self) -> u32 {
        self.figures.count("processes");
        self.processes += 1;
        self.processes
    }

    /// Lets it all happen: emits under cuts, then a calm in which everything ends.
    pub fn run(&mut self) {
        self.endure();
        self.check_farewell();
    }

    /// All of that but the farewell.
    pub(crate) fn endure(&mut self) {
        while self.wishes < self.plan.emits {
            self.step(true);
            if self.wishes.is_multiple_of(FORGOTTEN) {
                self.forget_ended();
            }
        }
        let (interval, patience) = self.plan.heartbeat;
        let calm = self.now + 60_000 + 2 * (interval + patience);
        while self.now < calm && !self.is_settled() {
            self.step(false);
        }
        self.check();
        self.check_once();
    }

    /// What came to its end is not looked at again, nor are connections that are gone.
    fn forget_ended(&mut self) {
        for client in &mut self.clients {
            // One that was dropped without a word takes room until it is answered.
            client.emits.retain(|_, emitted| {
                !emitted.fate.is_some_and(Fate::is_final) || (emitted.quiet && !emitted.answered)
            });
            client.dead.clear();
        }
        let (links, joined) = (&self.clients, &mut self.joined);
        joined.retain(|(link, _)| links.iter().any(|client| client.transport(*link).is_some()));
    }

    pub(crate) fn weigh(mut self, allocated: Allocated) -> Weight {
        let Client { manager, sockets, .. } = self.clients.remove(0);
        Weight::of(manager, &sockets, allocated)
    }

    /// The next thing that happens.
    pub(crate) fn step(&mut self, wild: bool) {
        let timer = self.clients.iter().filter_map(Client::timer).min();
        let write = self.disk.writes.front().map(|(at, ..)| *at);
        let elects = self.plan.is_shared() && self.leader.is_none();
        let election = elects.then_some(self.next_election);
        let wishes = [Some(self.next_emit), Some(self.next_cut), self.next_restart];
        let wishes = wishes.map(|wish| wish.filter(|_| wild));
        let next =
            [timer, write, election, self.network.next_time()].into_iter().chain(wishes).flatten().min();
        self.now = self.now.max(next.unwrap_or(self.now + 1000));
        while let Some(arrival) = self.network.take(self.now) {
            match self.found(&arrival) {
                Some(later) => self.network.at(later, arrival),
                None => self.arrive(arrival),
            }
        }
        while let Some((_, process, write)) = self.disk.writes.pop_front_if(|(at, ..)| *at <= self.now) {
            self.wrote(process, write);
            self.drain_all();
        }
        if elects && self.next_election <= self.now {
            self.elect();
        }
        if timer.is_some_and(|timer| timer <= self.now) {
            for at in 0..self.clients.len() {
                if self.clients[at].timer().is_some_and(|timer| timer <= self.now) {
                    self.pass_client_time(at);
                }
            }
        }
        let wished = wild && self.next_emit <= self.now;
        if wished {
            self.wishes += 1;
            self.next_emit = self.now + self.schedule.roll(2 * self.plan.pause);
            self.act(Self::wish);
        }
        if wild && self.next_cut <= self.now {
            self.next_cut = self.now + 1 + self.schedule.roll(2 * self.plan.cuts);
            self.act(Self::trouble);
        }
        if wild
            && let Some(pause) = self.plan.restarts
            && self.next_restart.is_some_and(|next| next <= self.now)
        {
            self.next_restart = Some(self.now + 1 + self.restarts.roll(2 * pause));
            self.act(Self::restart);
        }
        // A lazy shell is woken up by what concerns it.
        if self.plan.late == 0 || wished {
            self.drain_all();
        }
        self.check_bounds();
    }

    /// The next action, with a chance of its own: the others stay what they are if it is left out.
    fn act(&mut self, action: impl FnOnce(&mut Self)) {
        let (number, done) = self.journal.draw(self.now);
        if done {
            let others = std::mem::replace(&mut self.dice, Dice::of(self.seed, number));
            action(self);
            self.dice = others;
        }
    }

    /// What the action is.
    pub(crate) fn name(&mut self, what: &'static str) {
        self.figures.count(what);
        self.journal.action(self.now, || what.into());
    }

    fn trouble(&mut self) {
        let at = self.dice.roll(self.clients.len() as u64) as usize;
        if self.plan.store.is_some() && self.dice.one_in(4) {
            self.name("killed");
            return self.kill(at);
        }
        if self.plan.is_shared() && self.dice.one_in(4) {
            return self.resign();
        }
        if self.dice.one_in(10) {
            return self.sleep(at);
        }
        if self.dice.one_in(8) {
            self.name("stalls");
            let most = [100, 3000][self.dice.roll(2) as usize];
            let until = self.now + self.dice.roll(most);
            return self.network.stall(self.dice.one_in(2), until);
        }
        let Some(link) = self.clients[at].links.values().next_back().copied() else { return };
        if self.dice.one_in(8) {
            self.name("silences");
            self.network.silence(link);
        } else {
            self.name("cuts");
            let (frame, packet) = self.network.break_off(link, self.now, &mut self.dice);
            self.figures.add("cuts inside a frame", u64::from(frame));
            self.figures.add("cuts inside a packet", u64::from(packet));
        }
    }

    /// The server ends, and is back after a while, with what it knew or with nothing.
    fn restart(&mut self) {
        if self.now < self.down_until {
            return;
        }
        let hows = [Stop::Ordered, Stop::Killed, Stop::Killed, Stop::Forgetful, Stop::Forgetful];
        let how = hows[self.dice.roll(hows.len() as u64) as usize];
        let remembers = how != Stop::Forgetful;
        self.name(if remembers { "restarts with memory" } else { "restarts without memory" });
        let most = [30, 600][self.dice.roll(2) as usize];
        self.down_until = self.now + 1 + self.dice.roll(most);
        // A process whose machine is still there says that it has ended; who is killed has perhaps not sent all.
        let silent = self.dice.one_in(4);
        self.swallows = silent;
        for link in self.server.stop(how) {
            if silent {
                self.network.silence(link);
            } else {
                let whole = how == Stop::Ordered || self.dice.one_in(2);
                self.network.orphan(link, whole, self.now, &mut self.dice);
            }
        }
    }

    /// An application wants something.
    fn wish(&mut self) {
        let of = self.dice.roll(self.clients.len() as u64) as usize;
        let at = usize::from(self.dice.roll(3) > 0);
        let client = &mut self.clients[of];
        if client.wakes.is_some() {
            return;
        }
        let socket = client.sockets[at];
        let now = instant(self.now);
        if self.dice.one_in(40) {
            let last =
                client.emits.range((at, EmitId::from_number(0))..).next_back().map(|((_, emit), _)| *emit);
            if let Some(emit) = last {
                let cancelled = client.manager.cancel(socket, emit);
                if let Some(emitted) = client.emits.get_mut(&(at, emit)) {
                    (emitted.unwanted, emitted.cancelled) = (true, emitted.cancelled || cancelled);
                }
                self.journal.action(self.now, || {
                    format!("client {of} cancels emit {}: {cancelled:?}", emit.number())
                });
            }
            return;
        }
        let number = self.next_number;
        self.next_number += 1;
        let volatile = self.dice.one_in(10);
        let options = EmitOptions {
            ack: (at == 0 || volatile) && self.dice.one_in(3),
            volatile,
            quiet_drop: self.dice.one_in(2),
            max_age: self.dice.one_in(10).then(|| Duration::from_millis(50)),
            coalesce: (at == 0 && self.dice.one_in(10)).then_some("key"),
            ..EmitOptions::default()
        };
        let payload = if self.dice.one_in(25) {
            self.large.insert(number);
            Payload::event("op", &(number, "x".repeat(MAX_PAYLOAD))).unwrap()
        } else if self.dice.one_in(6) {
            self.figures.count("with an attachment");
            Payload::event("op", &(number, Bytes::from(attachment(number)))).unwrap()
        } else {
            Payload::event("op", &number).unwrap()
        };
        self.figures.count("emits");
        self.journal.action(self.now, || {
            format!("client {of} emits {number} to {} {}", NAMESPACES[at], words(&options))
        });
        if let Some(age) = options.max_age {
            self.expires.insert(number, self.now + age.as_millis() as u64);
        }
        if at == 0 && !volatile && options.coalesce.is_none() {
            self.ordered.insert(number, self.clients[of].process);
        } else if at == 1 && volatile {
            self.passing.insert(number);
        } else if at == 1 {
            self.owed.insert(number);
            if self.plan.is_shared() {
                self.open.insert(number);
                let record = Record { payload, expires: options.max_age.map(|age| now + age) };
                return self.ask(of, Write::Append { record });
            }
        }
        self.emit(of, at, payload, options);
    }

    fn emit(&mut self, of: usize, at: usize, payload: Payload, options: EmitOptions<'_>) {
        let number = number(&payload);
        let quiet = options.ack && options.volatile && options.quiet_drop;
        let size = payload.size();
        let terms = self.terms(of, at, &options);
        self.figures.add("volatile and must leave", u64::from(terms.link.is_some()));
        let client = &mut self.clients[of];
        match client.manager.emit(client.sockets[at], payload.clone(), options, instant(self.now)) {
            Ok(emit) => {
                let known = client.emits.insert((at, emit), Emitted::new(number, size, quiet, terms));
                assert!(known.is_none(), "a ticket twice");
            }
            Err(refused) => {
                assert!(refused.payload == payload, "{number} came back as another one");
                let too_large = matches!(refused.error, EmitError::TooLarge { .. });
                self.check_refused((of, at), number, size, &refused.error);
                self.figures.add("too large", u64::from(too_large));
                self.never[at].insert(number);
                self.owed.remove(&number);
            }
        }
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.journal.tell(self.now, || format!("arrives: {arrival:?}"));
        match arrival {
            Arrival::Opened(link) if self.now < self.down_until => {
                if self.swallows {
                    self.network.silence(link);
                } else {
                    self.network.cut(link, self.now, &mut self.dice);
                }
            }
            Arrival::Opened(link) => {
                self.network.to_client(link, Arrival::Accepted(link), self.now, &mut self.dice);
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
            Arrival::Attachment(link, bytes) => {
                let doings = self.server.attached(link, &bytes, self.now);
                self.obey(doings);
            }
            Arrival::Heartbeat(link) => {
                let doings = self.server.heartbeat(link, self.now);
                self.obey(doings);
            }
            Arrival::ServerSees(link) => self.server.gone(link),
            Arrival::Handled(job) => {
                let doings = self.server.handled(job);
                self.obey(doings);
            }
            Arrival::Accepted(link) => self.input(link, |transport| Input::Opened { transport }),
            Arrival::ToClient(link, text) => {
                let message = Message::Text(text.as_str().into());
                let Some((at, transport)) = self.find(link) else { return self.stray(link, message) };
                self.note_joined(link, &text);
                self.tell_client(at, Input::Message { transport, message });
            }
            Arrival::Pong(link) => self.input(link, |transport| Input::Pong { transport }),
            Arrival::ClientSees(link) => {
                let Some((at, transport)) = self.find(link) else { return };
                let client = &mut self.clients[at];
                client.links.remove(&transport);
                client.dead.push(transport);
                let error = TransportError::Lost { cause: "cut".into() };
                self.tell_client(at, Input::Closed { transport, error });
            }
        }
    }

    pub(crate) fn find(&self, link: Link) -> Option<(usize, TransportId)> {
        self.clients.iter().enumerate().find_map(|(at, client)| Some((at, client.transport(link)?)))
    }

    fn input(&mut self, link: Link, input: impl FnOnce(TransportId) -> Input<Json>) {
        let Some((at, transport)) = self.find(link) else { return };
        self.tell_client(at, input(transport));
    }

    fn obey(&mut self, doings: Vec<Doing>) {
        for doing in doings {
            match doing {
                Doing::Send(link, text) => {
                    self.network.to_client(link, Arrival::ToClient(link, text), self.now, &mut self.dice);
                }
                Doing::Close(link) => self.network.cut(link, self.now, &mut self.dice),
                Doing::Beat(link, time) => self.network.at(time, Arrival::Heartbeat(link)),
                Doing::Handle(job) => {
                    let time = self.now + self.dice.roll(30);
                    self.network.at(time, Arrival::Handled(job));
                }
            }
        }
    }

    fn drain_all(&mut self) {
        (0..self.clients.len()).for_each(|at| self.drain(at));
    }

    pub(crate) fn ask(&mut self, at: usize, write: Write) {
        let time = self.now + 1 + self.dice.roll(10);
        self.disk.ask(time, self.clients[at].process, write);
    }
}
