//! Servers, each with events and sessions of its own, or a cluster. All send the same events.

use super::SPACES;
use super::engine::{Emit, Server};
use super::plan::Plan;
use super::stream::Stream;
use super::wire::Conn;
use super::world::World;

/// In the order in which the client knows them.
pub(super) const HOSTS: [&str; 2] = ["http://server", "http://other"];

#[derive(Debug)]
pub(super) struct Node {
    pub(super) server: Server,
    /// Until then it does nothing.
    pub(super) frozen_until: u64,
    /// Until then nobody reaches it.
    pub(super) down_until: u64,
    /// Events that it has not sent yet, for it is stopped.
    late: Vec<Emit>,
}

impl Node {
    pub(super) fn all(plan: &Plan) -> Vec<Self> {
        let streams = plan.is_cluster.then(<[Stream; SPACES]>::default);
        let node = |at| Self {
            server: Server::new(plan.clone(), at, streams.clone()),
            frozen_until: 0,
            down_until: 0,
            late: Vec::new(),
        };
        (0..).map(node).take(plan.nodes).collect()
    }

    /// Whether it has events to send once it goes on.
    pub(super) const fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    fn next_time(&self) -> u64 {
        let late = if self.late.is_empty() { u64::MAX } else { 0 };
        self.server.next_time().min(late).max(self.frozen_until)
    }
}

impl World {
    /// The one that the client heard last.
    pub(super) fn node(&mut self) -> &mut Node {
        &mut self.nodes[self.at]
    }

    pub(super) fn next_node_time(&self) -> u64 {
        self.nodes.iter().map(Node::next_time).min().unwrap_or(u64::MAX)
    }

    /// Timers first: a process that was stopped looks at its clock before it looks at what has come.
    pub(super) fn pass_node_time(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].next_time() > self.now {
                continue;
            }
            self.nodes[at].server.pass_time(self.now);
            self.obey();
            for emit in std::mem::take(&mut self.nodes[at].late) {
                self.nodes[at].server.emit(emit, self.now);
                self.obey();
                if at == self.at {
                    self.due_now(emit.space, emit.number as usize);
                }
            }
        }
    }

    pub(super) fn emit_everywhere(&mut self, emit: Emit) {
        for node in &mut self.nodes {
            if self.now < node.frozen_until {
                node.late.push(emit);
            } else {
                node.server.emit(emit, self.now);
            }
        }
        self.obey();
    }

    /// Whether something waits for the client's next GET.
    pub(super) fn is_waiting(&self) -> bool {
        self.nodes[self.at].server.is_waiting()
    }

    /// Where a connection goes, if it is still known.
    pub(super) fn node_of(&self, conn: Conn) -> Option<usize> {
        self.wire.conns.get(&conn).map(|of| of.node)
    }
}
