//! A client, a server and what is between them, for an hour of virtual time.

use std::collections::VecDeque;

use socketio_client_core::codec::Json;
use socketio_client_core::{EmitOptions, Instant, Manager, Saved, SocketId};

use super::NAMESPACES;
use super::engine::{Doing, How};
use super::laws::{Law, Watch};
use super::nodes::Node;
use super::plan::{Figures, Plan};
use super::process;
use super::wire::{Arrival, Conn, Kind, To, Wire};
use crate::dice::Dice;

pub struct World {
    pub(super) dice: Dice,
    pub(super) plan: Plan,
    pub(super) now: u64,
    pub(super) manager: Manager<Json>,
    pub(super) sockets: [SocketId; 2],
    pub(super) wire: Wire,
    pub(super) nodes: Vec<Node>,
    /// The one that the client heard last.
    pub(super) at: usize,
    /// What is stored of each namespace's session.
    pub(super) stored: [Option<Saved>; 2],
    pub(super) laws: [Law; 2],
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
    pub figures: Figures,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "World at {} ms", self.now)
    }
}

impl World {
    #[must_use]
    pub fn new(plan: Plan, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let (mut manager, sockets) = process::start(&plan, &mut dice);
        sockets.into_iter().for_each(|socket| manager.connect(socket, Instant::default()));
        Self {
            dice,
            now: 0,
            manager,
            sockets,
            wire: Wire::new(plan.latency),
            nodes: Node::all(&plan),
            at: 0,
            stored: Default::default(),
            laws: Default::default(),
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
            figures: Figures::default(),
        }
    }

    pub(super) fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// Lets it all happen, then a calm in which everything must come back, and be heard.
    pub fn run(&mut self) {
        while self.now < self.plan.wild {
            self.step(true);
        }
        self.down_until = self.now;
        for node in &mut self.nodes {
            (node.frozen_until, node.down_until, node.server.refuses) = (self.now, self.now, false);
        }
        let (interval, patience) = self.plan.heartbeat;
        let calm = self.now + 60_000 + 2 * (interval + patience);
        while self.now < calm {
            self.step(false);
        }
        for (space, name) in NAMESPACES.into_iter().enumerate() {
            assert!(self.laws[space].joined.is_some(), "{name} is not connected");
            self.emit(space, How::Kept, false);
        }
        self.next_event = u64::MAX;
        let end = self.now + 10_000;
        while self.now < end {
            self.step(false);
        }
        self.check();
    }

    fn step(&mut self, wild: bool) {
        let timer = self.manager.poll_timeout().map_or(u64::MAX, |at| {
            u64::try_from(at.since_epoch().as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
        });
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
                Some(until) => self.wire.at(until, arrival),
                None => self.arrive(arrival),
            }
        }
        if timer <= self.now {
            self.manager.handle_timeout(self.instant());
        }
        if self.next_event <= self.now {
            self.send_something();
        }
        if trouble <= self.now {
            self.trouble();
        }
        self.drain();
        self.check_time();
    }

    fn send_something(&mut self) {
        if self.dice.one_in(200) {
            self.quiet = !self.quiet;
        }
        let (busy, quiet) = self.plan.events;
        // Quiet times end by themselves.
        self.quiet &= !self.dice.one_in(6);
        self.next_event = self.now + 1 + self.dice.roll(2 * if self.quiet { quiet } else { busy });
        if self.nodes.iter().all(|node| self.now < node.frozen_until) {
            return;
        }
        if self.dice.one_in(20) {
            let socket = self.sockets[self.dice.roll(2) as usize];
            let payload = socketio_client_core::codec::Payload::event("up", &1).unwrap();
            let volatile = EmitOptions { volatile: true, ..EmitOptions::default() };
            let _ = self.manager.emit(socket, payload, volatile, self.instant());
        }
        let space = self.dice.roll(2) as usize;
        let how = match self.dice.roll(8) {
            0 => How::Acked,
            1 => How::Volatile,
            _ => How::Kept,
        };
        let to_room = self.dice.one_in(2);
        self.emit(space, how, to_room);
    }

    /// Events begin with the client's first connection.
    fn emit(&mut self, space: usize, how: How, to_room: bool) {
        if !self.laws[space].began {
            return;
        }
        let number = self.laws[space].sent.len() as u64;
        self.emit_everywhere(space, number, how, to_room);
        self.sent(space, how);
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
        match arrival {
            Arrival::Request(conn) => {
                let Some(of) = self.wire.conns.get(&conn) else { return };
                let (kind, node, sid, body) = (of.kind, of.node, of.sid.clone(), of.body.clone());
                let server = &mut self.nodes[node].server;
                server.request(conn, kind, sid.as_deref(), &body, self.now, &mut self.dice);
            }
            Arrival::ToServer(conn, text) => {
                let Some(node) = self.node_of(conn) else { return };
                self.nodes[node].server.message(conn, &text, self.now, &mut self.dice);
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
        let doings: Vec<_> =
            self.nodes.iter_mut().flat_map(|node| std::mem::take(&mut node.server.doings)).collect();
        for doing in doings {
            let (conn, arrival) = match doing {
                Doing::Accept(conn) => (conn, Arrival::Accepted(conn)),
                Doing::Send(conn, text) => (conn, Arrival::ToClient(conn, text)),
                Doing::Answer(conn, status, body) => (conn, Arrival::Answer(conn, status, body)),
                Doing::Close(conn) => match self.wire.conns.get(&conn).map(|of| of.kind) {
                    Some(Kind::WebSocket) => (conn, Arrival::ClientSees(conn, Some(1005))),
                    Some(_) => (conn, Arrival::Answer(conn, 200, "1".into())),
                    None => continue,
                },
            };
            self.wire.send(conn, To::Client, arrival, self.now, &mut self.dice);
        }
        self.written();
    }
}
