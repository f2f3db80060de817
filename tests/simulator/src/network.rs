//! Connections: each keeps the order of what it carries, and each may be cut.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::cut::{Frame, cut, frame_bytes};
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

/// About as many bytes has a handshake, or its answer.
const HANDSHAKE: usize = 150;

impl Arrival {
    /// How many bytes it takes on a link, one way, if that carries it, and whether it is an attachment.
    fn frame(&self, on: Link, to_client: bool) -> Option<(usize, bool)> {
        let (link, way, bytes, is_attachment) = match self {
            Self::Opened(link) => (link, false, HANDSHAKE, false),
            Self::ToServer(link, text) => (link, false, frame_bytes(text.len(), true), false),
            Self::Attachment(link, bytes) => (link, false, frame_bytes(bytes.len(), true), true),
            Self::Accepted(link) => (link, true, HANDSHAKE, false),
            Self::ToClient(link, text) => (link, true, frame_bytes(text.len(), false), false),
            Self::Pong(link) => (link, true, frame_bytes(0, false), false),
            Self::ClientSees(_) | Self::ServerSees(_) | Self::Handled(_) | Self::Heartbeat(_) => return None,
        };
        (*link == on && way == to_client).then_some((bytes, is_attachment))
    }
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
    /// But for these, which were on their way before the place where it broke.
    spared: BTreeSet<u64>,
    /// And for what was on its way when the client closed them, in its shell's hands.
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

    /// It breaks at some byte of what is on its way, in each direction: what went before that arrives, and then both sides may
    /// learn of it, as of a cut. Whether that was inside a frame, and between a packet and its attachment.
    pub fn break_off(&mut self, link: Link, now: u64, dice: &mut Dice) -> (bool, bool) {
        if self.cut.insert(link, ()).is_some() {
            return (false, false);
        }
        let (mut inside_frame, mut inside_packet, mut last) = (false, false, now);
        for to_client in [false, true] {
            let cut = cut(&self.flying(link, to_client), dice);
            inside_frame |= cut.inside_frame;
            inside_packet |= cut.inside_packet;
            last = last.max(cut.last);
            self.spared.extend(cut.spared);
        }
        self.at(last + dice.roll(50), Arrival::ClientSees(link));
        if !dice.one_in(4) {
            self.at(last + dice.roll(200), Arrival::ServerSees(link));
        }
        (inside_frame, inside_packet)
    }

    /// What is on its way on a link, in order.
    fn flying(&self, link: Link, to_client: bool) -> Vec<Frame> {
        let frame = |Reverse((time, count, arrival)): &Reverse<(u64, u64, Arrival)>| {
            let (bytes, is_attachment) = arrival.frame(link, to_client)?;
            Some(Frame { at: *time, count: *count, bytes, is_attachment })
        };
        let mut flying: Vec<_> = self.arrivals.iter().filter_map(frame).collect();
        flying.sort_by_key(|frame| (frame.at, frame.count));
        flying
    }

    /// The server's process has ended: nothing arrives there any more. What it has sent does, all of it or up to some byte, and
    /// then the client learns of the end.
    pub fn orphan(&mut self, link: Link, whole: bool, now: u64, dice: &mut Dice) {
        if self.cut.insert(link, ()).is_some() {
            return;
        }
        let mut flying = self.flying(link, true);
        if !whole {
            let spared = cut(&flying, dice).spared.len();
            flying.truncate(spared);
        }
        let last = flying.last().map_or(now, |frame| frame.at);
        self.spared.extend(flying.iter().map(|frame| frame.count));
        self.at(last + dice.roll(50), Arrival::ClientSees(link));
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
            let Reverse((_, count, arrival)) = self.arrivals.pop()?;
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
            let spared = self.spared.remove(&count);
            if strays || spared || !link.is_some_and(|link| self.is_cut(link)) {
                return Some(arrival);
            }
        }
        None
    }
}
