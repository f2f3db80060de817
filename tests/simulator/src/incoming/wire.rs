//! Connections: WebSockets and HTTP requests. Each way keeps its order, and each may be lost by itself.

use std::collections::{BTreeMap, BTreeSet};

use socketio_client_core::{ResyncId, TransportId};

use crate::cut::{Cut, Frame, cut, frame_bytes};
use crate::dice::Dice;
use crate::packet::Message;

pub(super) type Conn = u32;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    WebSocket,
    Get,
    Post,
}

#[derive(Debug)]
pub(super) enum Arrival {
    /// At the server: a handshake or a request.
    Request(Conn),
    ToServer(Conn, Message),
    /// A WebSocket ping, which no server code sees.
    Ping(Conn),
    /// The server learns that it is closed.
    ServerSees(Conn),
    /// At the client.
    Accepted(Conn),
    ToClient(Conn, Message),
    Pong(Conn),
    /// An HTTP status and body.
    Answer(Conn, u16, String),
    /// The client learns that it is closed: with a WebSocket's close code, or without a word.
    ClientSees(Conn, Option<u16>),
    /// The application wants to join a namespace again.
    Rejoin(usize),
    /// It has made good what it missed.
    Resynced(ResyncId),
}

impl Arrival {
    pub(super) const fn is_for_client(&self) -> bool {
        !matches!(self, Self::Request(_) | Self::ToServer(..) | Self::Ping(_) | Self::ServerSees(_))
    }
}

/// About as many bytes has a handshake, or its answer.
const HANDSHAKE: usize = 150;

impl Arrival {
    /// What one side has to say to the other.
    const fn is_data(&self) -> bool {
        matches!(self, Self::Request(_) | Self::ToServer(..) | Self::ToClient(..) | Self::Answer(..))
    }

    /// Bytes that the client has handed over.
    const fn handed(&self) -> usize {
        match self {
            Self::ToServer(_, message) => message.size(),
            _ => 0,
        }
    }

    /// How many bytes it takes on a WebSocket, and whether it is an attachment.
    fn frame(&self) -> (usize, bool) {
        match self {
            Self::ToServer(_, message) => (frame_bytes(message.size(), true), message.is_bytes()),
            Self::ToClient(_, message) => (frame_bytes(message.size(), false), message.is_bytes()),
            Self::Ping(_) => (frame_bytes(0, true), false),
            Self::Pong(_) | Self::ClientSees(..) | Self::ServerSees(_) => (frame_bytes(0, false), false),
            Self::Request(_) | Self::Accepted(_) | Self::Answer(..) | Self::Rejoin(_) | Self::Resynced(_) => {
                (HANDSHAKE, false)
            }
        }
    }
}

#[derive(Debug, Default)]
struct Way {
    /// When the last message arrives that was sent; the next comes no sooner.
    last: u64,
    dead: bool,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) transport: TransportId,
    pub(super) kind: Kind,
    /// The number of the server.
    pub(super) node: usize,
    pub(super) url: String,
    pub(super) sid: Option<String>,
    pub(super) body: String,
    up: Way,
    down: Way,
    /// Bytes of messages that the client has handed over, and that are lost or on their way.
    pub(super) unsent: usize,
    /// The client knows that the server has accepted it.
    pub(super) accepted: bool,
    /// By how much everything on it is slower than on others.
    pub(super) lag: u64,
    /// What is on its way breaks off in the middle.
    pub(super) breaks: bool,
}

impl Connection {
    pub(super) fn new(transport: TransportId, kind: Kind, url: &str, body: String) -> Self {
        let sid = url.split_once("sid=").map(|(_, rest)| rest.split('&').next().unwrap().to_owned());
        let node = super::nodes::HOSTS.iter().position(|host| {
            let rest = url.split_once("://").map(|(_, rest)| rest).unwrap();
            rest.starts_with(host.trim_start_matches("http://"))
        });
        let node = node.unwrap();
        let (up, down) = (Way::default(), Way::default());
        let url = url.to_owned();
        Self {
            transport,
            kind,
            node,
            url,
            sid,
            body,
            up,
            down,
            unsent: 0,
            accepted: false,
            lag: 0,
            breaks: false,
        }
    }

    /// The same request.
    pub(super) fn again(&self) -> Self {
        let (up, down) = (Way::default(), Way::default());
        Self {
            url: self.url.clone(),
            sid: self.sid.clone(),
            body: self.body.clone(),
            up,
            down,
            unsent: 0,
            accepted: false,
            breaks: false,
            ..*self
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Server,
    Client,
}

/// The last that has come over a transport which takes the place of older ones.
#[derive(Debug)]
struct Came {
    transport: TransportId,
    /// Its number, in the order of what was sent.
    count: u64,
    node: usize,
    lag: u64,
}

/// How often something came that was sent before what had already come over the next transport.
#[derive(Debug, Default)]
pub(super) struct Overtaken {
    pub(super) times: u64,
    /// By one whose connection is faster as a whole.
    pub(super) by_faster: u64,
}

/// On which way, if it can be lost.
type Travelling = (Option<(Conn, To)>, Arrival);

#[derive(Debug)]
pub(super) struct Wire {
    latency: u64,
    arrivals: BTreeMap<(u64, u64), Travelling>,
    count: u64,
    /// The number of what was taken last.
    taken: u64,
    pub(super) conns: BTreeMap<Conn, Connection>,
    /// Those that the client has open.
    pub(super) live: BTreeSet<Conn>,
    /// Those that it has closed: what is on its way to it may still be handed in.
    pub(super) closed: BTreeSet<Conn>,
    next: Conn,
    /// When the last of all that was sent to the client arrives, or would have.
    pub(super) latest: u64,
    /// Until then nothing arrives at the server, or at the client.
    stalled: [u64; 2],
    /// What still arrives on connections that are dead.
    spared: BTreeSet<u64>,
    /// At the server, and at the client: of two the older transport has come further.
    came: [Vec<Came>; 2],
    pub(super) overtaken: Overtaken,
}

impl Wire {
    pub(super) fn new(latency: u64) -> Self {
        let (arrivals, conns) = (BTreeMap::new(), BTreeMap::new());
        let (live, closed) = (BTreeSet::new(), BTreeSet::new());
        Self {
            latency,
            arrivals,
            count: 0,
            taken: 0,
            conns,
            live,
            closed,
            next: 0,
            latest: 0,
            stalled: [0; 2],
            spared: BTreeSet::new(),
            came: Default::default(),
            overtaken: Overtaken::default(),
        }
    }

    pub(super) fn open(&mut self, connection: Connection) -> Conn {
        self.next += 1;
        self.conns.insert(self.next, connection);
        self.live.insert(self.next);
        self.next
    }

    /// Neither side has it any more.
    pub(super) fn end(&mut self, conn: Conn) {
        self.conns.remove(&conn);
        self.live.remove(&conn);
    }

    /// Something that cannot be lost, and overtakes.
    pub(super) fn at(&mut self, time: u64, arrival: Arrival) {
        self.put(time, None, arrival);
    }

    /// Bytes of a WebSocket that is cut which may never have left the client.
    pub(super) fn never_left(&self, conn: Conn) -> usize {
        let is_cut = |of: &&Connection| of.kind == Kind::WebSocket && of.up.dead;
        self.conns.get(&conn).filter(is_cut).map_or(0, |of| of.unsent)
    }

    /// What was taken last is found later, before what was sent after it.
    pub(super) fn put_back(&mut self, time: u64, arrival: Arrival) {
        self.arrivals.insert((time, self.taken), (None, arrival));
    }

    fn put(&mut self, time: u64, way: Option<(Conn, To)>, arrival: Arrival) {
        self.count += 1;
        self.arrivals.insert((time, self.count), (way, arrival));
    }

    pub(super) fn send(&mut self, conn: Conn, to: To, arrival: Arrival, now: u64, dice: &mut Dice) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let lag = connection.lag;
        let way = if to == To::Server { &mut connection.up } else { &mut connection.down };
        let time = now + 1 + lag + dice.roll(self.latency);
        way.last = way.last.max(time).max(self.stalled[to as usize]);
        let time = way.last;
        if to == To::Client {
            self.latest = self.latest.max(time);
        }
        connection.unsent += arrival.handed();
        self.put(time, Some((conn, to)), arrival);
    }

    /// Nothing moves that way until then; order stays.
    pub(super) fn stall(&mut self, to: To, until: u64) {
        self.stalled[to as usize] = self.stalled[to as usize].max(until);
        for connection in self.conns.values_mut() {
            let way = if to == To::Server { &mut connection.up } else { &mut connection.down };
            way.last = way.last.max(until);
        }
        let rest = self.arrivals.split_off(&(until, 0));
        for ((time, count), travelling) in std::mem::replace(&mut self.arrivals, rest) {
            let waits = travelling.0.is_some_and(|(_, of)| of == to);
            self.arrivals.insert((if waits { until } else { time }, count), travelling);
        }
        if to == To::Client {
            self.latest = self.latest.max(until);
        }
    }

    /// What is on its way is lost, and what will be sent.
    pub(super) fn lose(&mut self, conn: Conn, to: To) {
        let Some(connection) = self.conns.get_mut(&conn) else { return };
        let way = if to == To::Server { &mut connection.up } else { &mut connection.down };
        way.dead = true;
    }

    /// A WebSocket breaks one way, at some byte of what is on its way: what went before that arrives, and nothing else does.
    pub(super) fn break_off(&mut self, conn: Conn, to: To, dice: &mut Dice) -> Cut {
        let is_dead = |of: &Connection| if to == To::Server { of.up.dead } else { of.down.dead };
        if self.conns.get(&conn).is_none_or(is_dead) {
            return Cut::default();
        }
        let on = Some((conn, to));
        let flying = self.arrivals.iter().filter(|(_, (way, _))| *way == on);
        let frames: Vec<_> = flying
            .map(|((at, count), (_, arrival))| {
                let (bytes, is_attachment) = arrival.frame();
                Frame { at: *at, count: *count, bytes, is_attachment }
            })
            .collect();
        let cut = cut(&frames, dice);
        self.spared.extend(&cut.spared);
        let spared = self.arrivals.iter().filter(|((_, count), _)| cut.spared.contains(count));
        let spared: usize = spared.map(|(_, (_, arrival))| arrival.handed()).sum();
        if let Some(connection) = self.conns.get_mut(&conn) {
            connection.unsent -= spared;
        }
        self.lose(conn, to);
        cut
    }

    /// When the last of what is on its way to the client arrives.
    pub(super) fn last_to_client(&self, conn: Conn) -> u64 {
        let on = Some((conn, To::Client));
        let flying = self.arrivals.iter().filter(|(_, (way, _))| *way == on);
        flying.map(|((at, _), _)| *at).max().unwrap_or_default()
    }

    /// A WebSocket that goes on with a session takes the place of older transports, which may still be heard.
    fn note_order(&mut self, conn: Conn, to: To, count: u64, arrival: &Arrival) {
        let Some(of) = self.conns.get(&conn).filter(|_| arrival.is_data()) else { return };
        let Connection { transport, node, lag, .. } = *of;
        let came = &mut self.came[to as usize];
        let before = |came: &&Came| came.node == node && came.transport > transport && came.count > count;
        self.overtaken.times += u64::from(came.iter().any(|came| before(&came)));
        self.overtaken.by_faster += u64::from(came.iter().filter(before).any(|came| came.lag < lag));
        if of.kind == Kind::WebSocket && of.sid.is_some() && !matches!(arrival, Arrival::Request(_)) {
            // Whom these have overtaken, it has too.
            came.retain(|other| other.node != node || other.transport > transport || other.count > count);
            came.push(Came { transport, count, node, lag });
        }
    }

    /// Those of a transport that the client has open.
    pub(super) fn of(&self, transport: TransportId) -> Vec<Conn> {
        let is_of = |conn: &&Conn| self.conns.get(*conn).is_some_and(|of| of.transport == transport);
        self.live.iter().filter(is_of).copied().collect()
    }

    pub(super) fn next_time(&self) -> Option<u64> {
        self.arrivals.first_key_value().map(|((time, _), _)| *time)
    }

    pub(super) fn take(&mut self, now: u64) -> Option<Arrival> {
        while self.next_time().is_some_and(|time| time <= now) {
            let ((_, count), (way, arrival)) = self.arrivals.pop_first()?;
            let spared = self.spared.remove(&count);
            let lost = way.is_some_and(|(conn, to)| {
                self.conns
                    .get(&conn)
                    .is_none_or(|of| if to == To::Server { of.up.dead } else { of.down.dead })
            });
            if let (Some((conn, _)), false) = (way, lost)
                && let Some(connection) = self.conns.get_mut(&conn)
            {
                connection.unsent -= arrival.handed();
            }
            if !lost || spared {
                if let Some((conn, to)) = way {
                    self.note_order(conn, to, count, &arrival);
                }
                self.taken = count;
                return Some(arrival);
            }
        }
        None
    }
}
