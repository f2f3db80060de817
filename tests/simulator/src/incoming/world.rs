//! A client, a server and what is between them, for an hour of virtual time.

use std::collections::VecDeque;

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{EmitOptions, Instant, Manager, Saved, SocketId};

use super::NAMESPACES;
use super::engine::{Doing, Emit, How};
use super::held::Holding;
use super::laws::{Law, Watch};
use super::ledger::Ledger;
use super::nodes::Node;
use super::plan::Plan;
use super::process;
use super::shell::Shell;
use super::wire::{Arrival, Conn, Kind, Overtaken, To, Wire};
use crate::coverage::{Coverage, Watcher};
use crate::day::{Allocated, Weight};
use crate::dice::Dice;
use crate::figures::Figures;
use crate::journal::Journal;
use crate::pace::Pace;
use crate::run::Outcome;

/// A client remembers fewer events, and fates of fewer emits.
const REMEMBERED: u64 = 1500;
const FATES: usize = 4500;

pub struct World {
    seed: u64,
    pub(super) dice: Dice,
    /// When something happens, whatever becomes of it.
    schedule: Dice,
    pub(super) journal: Journal,
    pub(super) plan: Plan,
    pub(super) now: u64,
    pub(super) manager: Manager<Json>,
    pub(super) sockets: Vec<SocketId>,
    pub(super) wire: Wire,
    pub(super) nodes: Vec<Node>,
    /// The one that the client heard last.
    pub(super) at: usize,
    /// What is stored of each namespace's session.
    pub(super) stored: Vec<Option<Saved>>,
    pub(super) laws: Vec<Law>,
    /// Events that are sent after something that waits for a GET.
    pub(super) waiting: Vec<(usize, usize)>,
    pub(super) watches: VecDeque<Watch>,
    /// Connections over which nothing comes any more, and when the client must have found out.
    pub(super) silent: Vec<(u64, Conn)>,
    /// When something last happened to connections.
    pub(super) harm: u64,
    /// Until then there is no network, which either says so, or swallows what is sent.
    pub(super) down_until: u64,
    pub(super) swallows: bool,
    pub(super) next_trouble: u64,
    next_event: u64,
    quiet: bool,
    pub(super) shell: Shell,
    pub(super) holding: Holding,
    pub(super) ledger: Ledger,
    pub(super) pace: Pace,
    /// Until then the client's machine sleeps, and whether its shell tells when it has woken up.
    pub(super) asleep_until: u64,
    pub(super) tells_waking: bool,
    /// Timers fire once in so many milliseconds, until then.
    pub(super) throttle: (u64, u64),
    /// So many of the next requests come twice.
    pub(super) doubles: u64,
    /// The client is to be quiet for ever.
    pub(super) over: bool,
    /// Commands and frames of the client, and how often its timer fired.
    pub(super) doings: u64,
    pub(super) timers: u64,
    pub(super) watcher: Watcher,
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
        let mut dice = Dice::new(seed);
        let (mut manager, sockets) = process::start(&plan, &mut dice);
        sockets.iter().for_each(|socket| manager.connect(*socket, Instant::default()));
        Self {
            seed,
            dice,
            schedule: Dice::new(!seed),
            journal,
            now: 0,
            manager,
            sockets,
            wire: Wire::new(plan.latency),
            nodes: Node::all(&plan),
            at: 0,
            stored: vec![None; plan.namespaces],
            laws: (0..plan.namespaces).map(|_| Law::default()).collect(),
            waiting: Vec::new(),
            watches: VecDeque::new(),
            silent: Vec::new(),
            harm: 0,
            down_until: 0,
            swallows: false,
            next_trouble: plan.troubles,
            next_event: 0,
            quiet: false,
            plan,
            shell: Shell::default(),
            holding: Holding::new(seed),
            ledger: Ledger::default(),
            pace: Pace::default(),
            asleep_until: 0,
            tells_waking: false,
            throttle: (1, 0),
            doubles: 0,
            over: false,
            doings: 0,
            timers: 0,
            watcher: Watcher::default(),
            figures: Figures::default(),
            coverage: Coverage::default(),
        }
    }

    #[must_use]
    pub fn outcome(mut self) -> Outcome {
        let Overtaken { times, by_faster } = self.wire.overtaken;
        self.figures.add("overtaken by the next transport", times);
        self.figures.add("overtaken by a faster transport", by_faster);
        Outcome { figures: self.figures, coverage: self.coverage, simulated: self.now }
    }

    pub(super) fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Lets it all happen, then a calm in which everything must come back, and be heard.
    pub fn run(&mut self) {
        self.endure();
        self.check_farewell();
    }

    /// All of that but the farewell.
    pub(crate) fn endure(&mut self) {
        while self.now < self.plan.wild {
            self.step(true);
        }
        self.down_until = self.now;
        // With few that may wait, and many that come, it would never end.
        let reload = std::mem::replace(&mut self.plan.reload, 1);
        self.clear_up();
        for node in &mut self.nodes {
            (node.frozen_until, node.down_until, node.server.refuses) = (self.now, self.now, false);
        }
        let (interval, patience) = self.plan.heartbeat;
        let calm = self.now.max(self.harm) + 60_000 + 2 * (interval + patience) + reload;
        while self.now < calm {
            self.step(false);
        }
        for (space, name) in NAMESPACES.into_iter().enumerate().take(self.plan.namespaces) {
            assert!(self.laws[space].joined.is_some(), "{name} is not connected");
            self.emit(space, How::Kept, false, false);
        }
        self.next_event = u64::MAX;
        self.pass(10_000);
        // Where one emit waits for the answer to the one before, many take a while.
        let most = self.now + 600_000;
        while self.plan.window.is_some() && !self.ledger.is_over() && self.now < most {
            self.step(false);
        }
        self.check();
        self.check_ledger();
        self.check_quiet();
    }

    /// Whatever remembers the last events, and the last fates, is full afterwards: events begin anew with each session, and a
    /// client of this world emits little.
    pub(crate) fn fill(&mut self) {
        for space in 0..self.plan.namespaces {
            let socket = self.sockets[space];
            // What is told of so many would be heard by nobody.
            self.manager.observe_fates(socket, false);
            for _ in 0..FATES {
                let payload = Payload::event("up", &1).unwrap();
                let emit =
                    self.manager.emit(socket, payload, EmitOptions::default(), self.instant()).unwrap();
                self.manager.cancel(socket, emit);
            }
        }
        for _ in 0..REMEMBERED {
            (0..self.plan.namespaces).for_each(|space| self.emit(space, How::Kept, false, false));
            self.pass(20);
        }
        self.pass(10_000);
    }

    fn pass(&mut self, time: u64) {
        let end = self.now + time;
        while self.now < end {
            self.step(false);
        }
    }

    pub(crate) fn weigh(self, allocated: Allocated) -> Weight {
        Weight::of(self.manager, &self.sockets, allocated)
    }

    pub(super) fn step(&mut self, wild: bool) {
        let timer = self.next_client_time();
        let server = self.next_node_time();
        let trouble = if wild { self.next_trouble } else { u64::MAX };
        let arrival = self.wire.next_time().unwrap_or(u64::MAX);
        let next = timer.min(server).min(trouble).min(arrival).min(self.next_event);
        self.now = self.now.max(next);
        if server <= self.now {
            self.pass_node_time();
        }
        while let Some(arrival) = self.wire.take(self.now) {
            match self.frozen_until(&arrival) {
                // In the kernel's hands meanwhile.
                Some(until) => self.wire.put_back(until, arrival),
                None if self.asleep_until > self.now && arrival.is_for_client() => {
                    self.wire.put_back(self.asleep_until, arrival);
                }
                None => self.arrive(arrival),
            }
        }
        self.pass_client_time(timer);
        let acted = self.next_event <= self.now || trouble <= self.now;
        if self.next_event <= self.now {
            self.plan_event();
            self.act(Self::send_something);
        }
        if trouble <= self.now {
            self.plan_trouble();
            self.act(Self::trouble);
        }
        // A lazy shell is woken up by what concerns it.
        if self.plan.late == 0 || acted {
            self.drain();
        }
        self.check_time();
        self.check_bounds();
    }

    /// The next action. It has a chance of its own, so that the others stay what they are if it is left out.
    fn act(&mut self, action: impl FnOnce(&mut Self)) {
        let (number, done) = self.journal.draw(self.now);
        if !self.plan.grown {
            return action(self);
        }
        if done {
            let others = std::mem::replace(&mut self.dice, Dice::of(self.seed, number));
            action(self);
            self.dice = others;
        }
    }

    /// Chance that the times of actions come from.
    const fn times(&mut self) -> &mut Dice {
        if self.plan.grown { &mut self.schedule } else { &mut self.dice }
    }

    fn plan_trouble(&mut self) {
        let troubles = self.plan.troubles;
        let dice = self.times();
        // Often several things go wrong at once.
        let pause = if dice.one_in(3) { 1500 } else { 2 * troubles };
        let mut pause = dice.roll(pause);
        if self.plan.grown && self.schedule.one_in(12) {
            pause += self.schedule.roll(900_000);
        }
        self.next_trouble = self.now + 1 + pause;
    }

    fn plan_event(&mut self) {
        let turns = self.times().one_in(200);
        self.quiet ^= turns;
        let (busy, quiet) = self.plan.events;
        // Quiet times end by themselves.
        self.quiet &= !self.times().one_in(6);
        let most = 2 * if self.quiet { quiet } else { busy };
        self.next_event = self.now + 1 + self.times().roll(most);
    }

    fn send_something(&mut self) {
        if self.nodes.iter().all(|node| self.now < node.frozen_until) {
            return;
        }
        if self.dice.one_in(20) && self.asleep_until <= self.now {
            let space = self.some_space();
            self.journal.action(self.now, || "the client emits".into());
            // What cannot leave waits, up to its bound.
            let waits = self.plan.grown && self.dice.one_in(2);
            let emits = if waits { 1 + self.dice.roll(40) } else { 1 };
            self.emit_some(space, waits, emits);
        }
        let space = self.some_space();
        let how = match self.dice.roll(8) {
            0 => How::Acked,
            1 => How::Volatile,
            _ => How::Kept,
        };
        let to_room = self.dice.one_in(2);
        let attached = self.plan.grown && self.dice.one_in(6);
        let number = self.laws[space].sent.len();
        self.figures.add("with an attachment", u64::from(attached));
        let with = if attached { ", with an attachment" } else { "" };
        self.journal.action(self.now, || format!("event {number} to {}, {how:?}{with}", NAMESPACES[space]));
        self.emit(space, how, to_room, attached);
    }

    pub(super) fn some_space(&mut self) -> usize {
        self.dice.roll(self.plan.namespaces as u64) as usize
    }

    /// What the action is.
    pub(super) fn name(&mut self, what: &'static str) {
        self.figures.count(what);
        self.journal.action(self.now, || what.into());
    }

    /// Events begin with the client's first connection.
    fn emit(&mut self, space: usize, how: How, to_room: bool, attached: bool) {
        if !self.laws[space].began {
            return;
        }
        let number = self.laws[space].sent.len() as u64;
        self.emit_everywhere(Emit { space, number, how, to_room, attached });
        self.sent(space, how, attached);
    }

    /// When the client's timer fires, or its shell looks at what waits.
    fn next_client_time(&self) -> u64 {
        if let Some(next) = self.shell.next {
            return next.max(self.asleep_until);
        }
        let due = self.manager.poll_timeout().map(|at| at.since_epoch().as_nanos().div_ceil(1_000_000));
        due.map_or(u64::MAX, |due| self.fires(u64::try_from(due).unwrap_or(u64::MAX)))
    }

    fn pass_client_time(&mut self, due: u64) {
        self.wake();
        // Whoever has no timer is not called.
        self.timers += u64::from(due <= self.now);
        // What came just now is handed in first.
        if self.now < due || self.now < self.next_client_time() {
            return;
        }
        if self.plan.late > 0 {
            return if self.shell.next.is_some() { self.run_shell() } else { self.wake_shell() };
        }
        self.manager.handle_timeout(self.instant());
        self.ledger.room.touched = true;
        self.pace.fired(self.now);
    }

    /// When a server goes on to which this has come while it is stopped.
    fn frozen_until(&self, arrival: &Arrival) -> Option<u64> {
        let (Arrival::Request(conn)
        | Arrival::ToServer(conn, _)
        | Arrival::Ping(conn)
        | Arrival::ServerSees(conn)) = arrival
        else {
            return None;
        };
        let until = self.nodes[self.node_of(*conn)?].frozen_until;
        (self.now < until).then_some(until)
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.journal.tell(self.now, || format!("arrives: {arrival:?}"));
        match arrival {
            Arrival::Request(conn) => {
                let Some(of) = self.wire.conns.get(&conn) else { return };
                let (kind, node, url, body) = (of.kind, of.node, of.url.clone(), of.body.clone());
                let server = &mut self.nodes[node].server;
                if of.breaks && kind == Kind::Post {
                    server.broke_off(of.sid.as_deref(), self.now);
                    self.wire.send(
                        conn,
                        To::Client,
                        Arrival::ClientSees(conn, None),
                        self.now,
                        &mut self.dice,
                    );
                    return self.obey();
                }
                server.request(conn, kind, &url, &body, self.now, &mut self.dice);
            }
            Arrival::ToServer(conn, message) => {
                let Some(node) = self.node_of(conn) else { return };
                self.nodes[node].server.message(conn, &message, self.now, &mut self.dice);
            }
            Arrival::Ping(conn) => {
                self.wire.send(conn, To::Client, Arrival::Pong(conn), self.now, &mut self.dice);
            }
            Arrival::ServerSees(conn) => {
                self.nodes.iter_mut().for_each(|node| node.server.gone(conn, self.now));
                if !self.wire.live.contains(&conn) {
                    self.wire.end(conn);
                }
            }
            other => return self.at_client(other),
        }
        self.obey();
    }

    pub(super) fn obey(&mut self) {
        let wrong = self.nodes.iter().find_map(|node| node.server.wrong.as_deref());
        assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        self.note_read();
        let doings: Vec<_> =
            self.nodes.iter_mut().flat_map(|node| std::mem::take(&mut node.server.doings)).collect();
        for doing in doings {
            let (conn, arrival) = match doing {
                Doing::Accept(conn) => (conn, Arrival::Accepted(conn)),
                Doing::Send(conn, message) => (conn, Arrival::ToClient(conn, message)),
                Doing::Answer(conn, status, body) => (conn, Arrival::Answer(conn, status, body)),
                Doing::Close(conn) => (conn, Arrival::ClientSees(conn, Some(1005))),
            };
            self.wire.send(conn, To::Client, arrival, self.now, &mut self.dice);
        }
        self.written();
    }
}
