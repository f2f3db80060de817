//! A Node server: Engine.IO sessions over WebSocket and polling, their heartbeats and upgrades, and connection state
//! recovery in memory.

mod events;
mod packets;
mod requests;
mod sessions;

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Plan;
use super::rooms::{Namespace, Yeast, prefix};
use super::stream::Stream;
use super::wire::Conn;
use super::{EPOCH, SPACES};
use crate::packet::Message;
pub(super) use events::{called, number_of};
use sessions::Session;

/// What the server wants done.
#[derive(Debug)]
pub(super) enum Doing {
    Accept(Conn),
    Send(Conn, Message),
    Answer(Conn, u16, String),
    /// With a close frame.
    Close(Conn),
}

/// How an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Kept,
    Acked,
    Volatile,
}

/// An event of a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Emit {
    pub(super) space: usize,
    pub(super) number: u64,
    pub(super) how: How,
    pub(super) to_room: bool,
    pub(super) attached: bool,
}

/// `call`, with a number, as a client emits it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) session: u32,
    pub(super) space: usize,
    pub(super) number: u64,
}

#[derive(Debug)]
pub(super) struct Server {
    plan: Plan,
    sessions: BTreeMap<u32, Session>,
    spaces: [Namespace; SPACES],
    /// What it has in common with others, in a cluster.
    streams: Option<[Stream; SPACES]>,
    yeast: Yeast,
    /// Milliseconds in which events were sent.
    used: BTreeSet<u64>,
    /// Every offset that it has ever written, and to whom.
    offsets: BTreeSet<String>,
    told: BTreeSet<String>,
    /// Which of several it is.
    at: u32,
    names: u32,
    /// What the last session of each namespace is called.
    pids: [Option<String>; SPACES],
    next_sweep: u64,
    /// How far its clock is off.
    pub(super) skew: i64,
    pub(super) refuses: bool,
    pub(super) doings: Vec<Doing>,
    /// What no client of this protocol sends, whatever happens.
    pub(super) wrong: Option<String>,
    pub(super) takeovers: u64,
    pub(super) ended_by_post: u64,
    /// Calls of a client that have come since somebody looked, and those that a listener has heard.
    pub(super) read: Vec<Call>,
    pub(super) ran: Vec<Call>,
    /// How many events the last claim of each namespace has brought back.
    pub(super) missed: [usize; SPACES],
}

/// Of a message, and of a body.
pub(super) const MAX_PAYLOAD: usize = 100_000;
/// Between two looks at what is too old.
const SWEEP: u64 = 60_000;
/// Names that each of several servers has.
const NAMES: u32 = 1_000_000;

impl Server {
    /// Servers give no two sessions the same name.
    pub(super) fn new(plan: Plan, at: u32, streams: Option<[Stream; SPACES]>) -> Self {
        Self {
            plan,
            sessions: BTreeMap::new(),
            spaces: Default::default(),
            streams,
            yeast: Yeast::default(),
            used: BTreeSet::new(),
            offsets: BTreeSet::new(),
            told: BTreeSet::new(),
            at,
            names: at * NAMES,
            pids: Default::default(),
            next_sweep: SWEEP,
            skew: 0,
            refuses: true,
            doings: Vec::new(),
            wrong: None,
            takeovers: 0,
            ended_by_post: 0,
            read: Vec::new(),
            ran: Vec::new(),
            missed: [0; SPACES],
        }
    }

    fn clock(&self, now: u64) -> u64 {
        (EPOCH + now).saturating_add_signed(self.skew)
    }

    fn name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// Every session is lost; what is kept stays.
    pub(super) fn gone_all(&mut self, now: u64) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close(id, now);
        }
    }

    /// It ends every session in good order.
    pub(super) fn dismiss_all(&mut self, now: u64) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.dismiss(id, now);
        }
    }

    /// Another process takes its place.
    pub(super) fn forget(&mut self, now: u64) {
        self.sessions.clear();
        self.spaces = Default::default();
        self.pids = Default::default();
        self.next_sweep = now + SWEEP;
    }

    /// A process knows nothing of the one before: no client can tell then that a name is given again, and those of real servers
    /// do not come again by chance.
    pub(super) fn names_anew(&mut self, space: usize) {
        self.pids[space] = None;
    }

    /// It puts its clients out of a namespace.
    pub(super) fn throw_out(&mut self, space: usize) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            if let Some((sid, _)) =
                self.sessions.get_mut(&id).and_then(|session| session.joined[space].take())
            {
                self.spaces[space].clean_up(&sid);
                self.write(id, format!("41{}", prefix(space)));
            }
        }
    }

    /// Whether something waits for the client's next GET.
    pub(super) fn is_waiting(&self) -> bool {
        // Not one that a request has begun which came twice.
        let last = self.sessions.values().rev().find(|session| session.began);
        // Of one that ends the GET is told the end, which comes no sooner than what is not written any more would have.
        last.is_some_and(|session| !session.buffer.is_empty() || session.ending)
    }

    pub(super) fn next_time(&self) -> u64 {
        self.sessions.values().filter_map(Session::next_time).min().unwrap_or(u64::MAX).min(self.next_sweep)
    }

    pub(super) fn pass_time(&mut self, now: u64) {
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
            let clock = self.clock(now);
            if let Some(keeps) = self.plan.keeps {
                self.spaces.iter_mut().for_each(|space| space.sweep(clock, keeps));
            }
        }
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.pass_session_time(id, now);
        }
    }
}
