//! Connections: each keeps the order of what it carries, and each may be cut.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::dice::Dice;

/// A connection's number, the same on both sides.
pub type Link = u32;

/// What arrives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arrival {
    /// At the server: a connection.
    Opened(Link),
    /// At the server.
    ToServer(Link, String),
    /// At the server, too.
    Attachment(Link, Vec<u8>),
    /// At the client: the server has accepted.
    Accepted(Link),
    /// At the client.
    ToClient(Link, String),
    /// At the client: the answer to its ping.
    Pong(Link),
    /// The client learns that the connection is gone.
    ClientSees(Link),
    /// The server does.
    ServerSees(Link),
    /// A handler of the server has done its work.
    Handled(u64),
    /// The server's heartbeat.
    Heartbeat(Link),
}

#[derive(Debug, Default)]
struct Way {
    /// When the last message arrives that was sent; the next comes no sooner.
    last: u64,
    /// By how much it is slower than others.
    lag: u64,
}

/// Messages on their way, in order of time.
#[derive(Debug, Default)]
pub struct Network {
    arrivals: BinaryHeap<Reverse<(u64, u64, Arrival)>>,
    count: u64,
    to_server: BTreeMap<Link, Way>,
    to_client: BTreeMap<Link, Way>,
    /// Until then nothing arrives at the server, or at the client.
    stalled: [u64; 2],
    /// Nothing arrives on them any more.
    cut: BTreeMap<Link, ()>,
    /// But for what was on its way when the client closed them, in its shell's hands.
    closed: BTreeSet<Link>,
}

impl Network {
    /// Something that is no message: it cannot be lost, and overtakes.
    pub fn at(&mut self, time: u64, arrival: Arrival) {
        self.count += 1;
        self.arrivals.push(Reverse((time, self.count, arrival)));
    }

    pub fn to_server(&mut self, link: Link, arrival: Arrival, now: u64, dice: &mut Dice) {
        let way = self.to_server.entry(link).or_default();
        way.last = way.last.max(now + 1 + way.lag + dice.roll(30)).max(self.stalled[0]);
        let time = way.last;
        self.at(time, arrival);
    }

    pub fn to_client(&mut self, link: Link, arrival: Arrival, now: u64, dice: &mut Dice) {
        let way = self.to_client.entry(link).or_default();
        way.last = way.last.max(now + 1 + way.lag + dice.roll(30)).max(self.stalled[1]);
        let time = way.last;
        self.at(time, arrival);
    }

    /// Both ways of a link are slower than others.
    pub fn slow(&mut self, link: Link, lag: u64) {
        self.to_server.entry(link).or_default().lag = lag;
        self.to_client.entry(link).or_default().lag = lag;
    }

    /// Nothing moves until then, to the client or to the server; order stays.
    pub fn stall(&mut self, to_client: bool, until: u64) {
        let ways = if to_client { &mut self.to_client } else { &mut self.to_server };
        ways.values_mut().for_each(|way| way.last = way.last.max(until));
        let stalled = &mut self.stalled[usize::from(to_client)];
        *stalled = until.max(*stalled);
        for Reverse((time, count, arrival)) in std::mem::take(&mut self.arrivals) {
            let waits = match &arrival {
                Arrival::Opened(_) | Arrival::ToServer(..) | Arrival::Attachment(..) => !to_client,
                Arrival::Accepted(_) | Arrival::ToClient(..) | Arrival::Pong(_) => to_client,
                _ => false,
            };
            self.arrivals.push(Reverse((if waits { time.max(until) } else { time }, count, arrival)));
        }
    }

    /// What is on its way is lost from now on, in both directions. Each side learns of it at some time; the server perhaps
    /// only by its own heartbeat.
    pub fn cut(&mut self, link: Link, now: u64, dice: &mut Dice) {
        if self.cut.insert(link, ()).is_some() {
            return;
        }
        self.at(now + dice.roll(50), Arrival::ClientSees(link));
        if !dice.one_in(4) {
            self.at(now + dice.roll(200), Arrival::ServerSees(link));
        }
    }

    /// The client has closed it. What is on its way to it is still handed in.
    pub fn close(&mut self, link: Link, now: u64, dice: &mut Dice) {
        if !self.is_cut(link) {
            self.closed.insert(link);
        }
        self.cut(link, now, dice);
    }

    /// The same as a cut, and nobody learns of it but by a heartbeat that does not come.
    pub fn silence(&mut self, link: Link) {
        self.cut.insert(link, ());
    }

    #[must_use]
    pub fn is_cut(&self, link: Link) -> bool {
        self.cut.contains_key(&link)
    }

    /// When the next thing arrives.
    #[must_use]
    pub fn next_time(&self) -> Option<u64> {
        self.arrivals.peek().map(|Reverse((time, ..))| *time)
    }

    /// What has arrived by `now`; lost messages are passed over.
    pub fn take(&mut self, now: u64) -> Option<Arrival> {
        while let Some(Reverse((time, ..))) = self.arrivals.peek()
            && *time <= now
        {
            let Reverse((_, _, arrival)) = self.arrivals.pop()?;
            let link = match &arrival {
                Arrival::Opened(link)
                | Arrival::ToServer(link, _)
                | Arrival::Attachment(link, _)
                | Arrival::Accepted(link)
                | Arrival::ToClient(link, _)
                | Arrival::Pong(link) => Some(*link),
                Arrival::ClientSees(_)
                | Arrival::ServerSees(_)
                | Arrival::Handled(_)
                | Arrival::Heartbeat(_) => None,
            };
            let strays = matches!(&arrival, Arrival::ToClient(link, _) if self.closed.contains(link));
            if strays || !link.is_some_and(|link| self.is_cut(link)) {
                return Some(arrival);
            }
        }
        None
    }
}
