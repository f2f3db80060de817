//! A Node server: Engine.IO sessions over WebSocket and polling, their heartbeats and upgrades, and connection state
//! recovery in memory.

mod events;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::plan::Plan;
use super::rooms::{Namespace, Yeast, prefix, space_of};
use super::stream::Stream;
use super::wire::{Conn, Kind};
use super::{EPOCH, NAMESPACES, SPACES};
use crate::dice::Dice;

/// What the server wants done.
#[derive(Debug)]
pub(super) enum Doing {
    Accept(Conn),
    Send(Conn, String),
    Answer(Conn, u16, String),
    /// With a close frame, or the end of a request.
    Close(Conn),
}

/// How an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Kept,
    Acked,
    Volatile,
}

#[derive(Debug, Default)]
struct Session {
    socket: Option<Conn>,
    polling: bool,
    get: Option<Conn>,
    buffer: Vec<String>,
    upgraded: bool,
    probing: Option<Conn>,
    /// When a GET that waits is answered, so that the upgrade goes on.
    noop_at: Option<u64>,
    ping_at: Option<u64>,
    dead_at: Option<u64>,
    refreshed: bool,
    /// Something came over it.
    began: bool,
    /// Of each namespace: id and private id.
    joined: [Option<(String, String)>; SPACES],
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
    pub(super) takeovers: u64,
    pub(super) ended_by_post: u64,
    /// How many events the last claim of each namespace has brought back.
    pub(super) missed: [usize; SPACES],
}

const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD: &str = r#"{"code":3,"message":"Bad request"}"#;
/// The client has not completed an upgrade.
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
            takeovers: 0,
            ended_by_post: 0,
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

    fn session(&mut self, sid: &str) -> Option<(u32, &mut Session)> {
        let id = sid.strip_prefix('E')?.parse().ok()?;
        Some((id, self.sessions.get_mut(&id)?))
    }

    fn begin(&mut self, session: Session, now: u64) -> String {
        let (interval, patience) = self.plan.heartbeat;
        let id = self.name();
        let upgrades = if session.polling { r#""websocket""# } else { "" };
        self.sessions.insert(id, Session { ping_at: Some(now + interval), ..session });
        format!(
            r#"0{{"sid":"E{id}","upgrades":[{upgrades}],"pingInterval":{interval},"pingTimeout":{patience},"maxPayload":100000}}"#
        )
    }

    pub(super) fn request(
        &mut self,
        conn: Conn,
        kind: Kind,
        sid: Option<&str>,
        body: &str,
        now: u64,
        dice: &mut Dice,
    ) {
        let Some(sid) = sid else {
            let polling = kind == Kind::Get;
            let socket = (!polling).then_some(conn);
            let handshake = self.begin(Session { socket, polling, ..Session::default() }, now);
            if polling {
                self.doings.push(Doing::Answer(conn, 200, handshake));
            } else {
                self.doings.extend([Doing::Accept(conn), Doing::Send(conn, handshake)]);
            }
            return;
        };
        let Some((id, session)) = self.session(sid) else {
            let body = if kind == Kind::WebSocket { "Session ID unknown" } else { UNKNOWN };
            return self.doings.push(Doing::Answer(conn, 400, body.into()));
        };
        match kind {
            Kind::WebSocket if session.upgraded || session.probing.is_some() => {
                self.doings.extend([Doing::Accept(conn), Doing::Close(conn)]);
            }
            Kind::WebSocket => {
                session.probing = Some(conn);
                self.doings.push(Doing::Accept(conn));
            }
            _ if !session.polling => self.doings.push(Doing::Answer(conn, 400, BAD.into())),
            Kind::Get if session.get.is_some() => {
                self.doings.push(Doing::Answer(conn, 400, BAD.into()));
                self.close(id, now);
            }
            Kind::Get => {
                session.get = Some(conn);
                self.flush(id);
            }
            Kind::Post => {
                for packet in body.split('\u{1e}') {
                    self.ended_by_post += u64::from(packet == "1");
                    self.packet(id, packet, true, now, dice);
                }
                self.doings.push(Doing::Answer(conn, 200, "ok".into()));
            }
        }
    }

    /// A POST that ends in the middle ends its session.
    pub(super) fn broke_off(&mut self, sid: Option<&str>, now: u64) {
        if let Some((id, _)) = sid.and_then(|sid| self.session(sid)) {
            self.close(id, now);
        }
    }

    pub(super) fn message(&mut self, conn: Conn, text: &str, now: u64, dice: &mut Dice) {
        let of = |session: &Session| session.socket == Some(conn) || session.probing == Some(conn);
        let Some((id, session)) = self.sessions.iter_mut().find(|(_, session)| of(session)) else { return };
        let id = *id;
        if session.socket == Some(conn) {
            return self.packet(id, text, false, now, dice);
        }
        match text {
            "2probe" => {
                session.noop_at = session.polling.then_some(now + 100);
                self.doings.push(Doing::Send(conn, "3probe".into()));
            }
            "5" => {
                self.takeovers += u64::from(!session.polling);
                session.probing = None;
                session.noop_at = None;
                // So a ping that waits for its answer is forgotten, and another one never comes without that answer.
                session.dead_at = None;
                session.upgraded = true;
                session.polling = false;
                let old = session.socket.replace(conn).or(session.get.take());
                self.doings.extend(old.map(Doing::Close));
                self.flush(id);
            }
            _ => {
                session.probing = None;
                self.doings.push(Doing::Close(conn));
            }
        }
    }

    /// The server learns that a connection is closed.
    pub(super) fn gone(&mut self, conn: Conn, now: u64) {
        let mut of = None;
        for (id, session) in &mut self.sessions {
            if session.probing == Some(conn) {
                session.probing = None;
                session.noop_at = None;
            }
            if session.socket == Some(conn) || session.get == Some(conn) {
                of = Some(*id);
            }
        }
        if let Some(id) = of {
            self.close(id, now);
        }
    }

    /// Every session is lost; what is kept stays.
    pub(super) fn gone_all(&mut self, now: u64) {
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.close(id, now);
        }
    }

    /// Another process takes its place.
    pub(super) fn forget(&mut self, now: u64) {
        self.sessions.clear();
        self.spaces = Default::default();
        self.pids = Default::default();
        self.next_sweep = now + SWEEP;
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

    fn close(&mut self, id: u32, now: u64) {
        let clock = self.clock(now);
        let Some(session) = self.sessions.remove(&id) else { return };
        for (space, joined) in session.joined.into_iter().enumerate() {
            let Some((sid, pid)) = joined else { continue };
            let lost = |clock| self.spaces[space].lost(&sid, clock);
            match &self.streams {
                Some(streams) => streams[space].borrow_mut().persist(&pid, lost(EPOCH + now)),
                None if self.plan.keeps.is_some() => {
                    let lost = lost(clock);
                    self.spaces[space].persist(&pid, lost);
                }
                None => {}
            }
            self.spaces[space].clean_up(&sid);
        }
        self.doings
            .extend([session.socket, session.get, session.probing].into_iter().flatten().map(Doing::Close));
    }

    fn write(&mut self, id: u32, text: String) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.socket {
            Some(conn) if !session.polling => self.doings.push(Doing::Send(conn, text)),
            _ => {
                session.buffer.push(text);
                self.flush(id);
            }
        }
    }

    fn flush(&mut self, id: u32) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.buffer.is_empty()) else {
            return;
        };
        if let (false, Some(conn)) = (session.polling, session.socket) {
            self.doings.extend(session.buffer.drain(..).map(|text| Doing::Send(conn, text)));
        } else if let Some(get) = session.get.take() {
            let body = std::mem::take(&mut session.buffer).join("\u{1e}");
            self.doings.push(Doing::Answer(get, 200, body));
        }
    }

    /// Whether something waits for the client's next GET.
    pub(super) fn is_waiting(&self) -> bool {
        // Not one that a request has begun which came twice.
        let last = self.sessions.values().rev().find(|session| session.began);
        last.is_some_and(|session| !session.buffer.is_empty())
    }

    pub(super) fn next_time(&self) -> u64 {
        let times = |of: &Session| [of.ping_at, of.dead_at, of.noop_at].into_iter().flatten().min();
        self.sessions.values().filter_map(times).min().unwrap_or(u64::MAX).min(self.next_sweep)
    }

    pub(super) fn pass_time(&mut self, now: u64) {
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
            let clock = self.clock(now);
            if let Some(keeps) = self.plan.keeps {
                self.spaces.iter_mut().for_each(|space| space.sweep(clock, keeps));
            }
        }
        let is_due = |time: Option<u64>| time.is_some_and(|time| time <= now);
        for id in self.sessions.keys().copied().collect::<Vec<_>>() {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if is_due(session.dead_at) {
                self.close(id, now);
                continue;
            }
            if is_due(session.noop_at) {
                session.noop_at = Some(now + 100);
                if session.get.is_some() {
                    self.write(id, "6".into());
                }
            }
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if is_due(session.ping_at) {
                session.ping_at = None;
                session.dead_at = Some(now + self.plan.heartbeat.1);
                session.refreshed = false;
                self.write(id, "2".into());
            }
        }
    }

    fn packet(&mut self, id: u32, text: &str, polling: bool, now: u64, dice: &mut Dice) {
        let (interval, patience) = self.plan.heartbeat;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.began = true;
        if text == "3" {
            session.dead_at = None;
            session.ping_at = Some(now + interval);
            return;
        }
        if session.dead_at.is_some() && !std::mem::replace(&mut session.refreshed, true) {
            session.dead_at = Some(now + patience);
        }
        if text == "1" {
            if polling {
                self.close(id, now);
            }
            return;
        }
        let packet = text.strip_prefix('4').unwrap_or_else(|| panic!("the client sent {text}"));
        let (kind, rest) = packet.split_at(1);
        let (space, data) = space_of(rest);
        match kind {
            "0" => self.connect(id, space, data, now, dice),
            "1" => {
                if let Some((sid, _)) = session.joined[space].take() {
                    self.spaces[space].clean_up(&sid);
                }
            }
            "2" | "3" => {}
            other => panic!("the client sent a packet of type {other}: {text}"),
        }
    }

    fn connect(&mut self, id: u32, space: usize, data: &str, now: u64, dice: &mut Dice) {
        let auth: Value = if data.is_empty() { Value::Null } else { serde_json::from_str(data).unwrap() };
        let clock = self.clock(now);
        self.check_claim(&auth);
        let restored = match (self.plan.keeps, auth["pid"].as_str(), auth["offset"].as_str()) {
            (Some(keeps), Some(pid), Some(offset)) => match &self.streams {
                Some(streams) => streams[space].borrow_mut().restore(pid, offset, EPOCH + now, keeps),
                None => self.spaces[space].restore(pid, offset, clock, keeps),
            }
            .map(|restored| (restored, pid.to_owned())),
            _ => None,
        };
        let recovered = restored.is_some();
        self.missed[space] = 0;
        let (sid, pid) = match restored {
            Some((restored, pid)) => {
                self.spaces[space].rooms.insert(restored.sid.clone(), restored.in_room);
                self.missed[space] = restored.missed.len();
                for data in restored.missed {
                    self.write(id, format!("42{}{data}", prefix(space)));
                }
                (restored.sid, pid)
            }
            None => {
                let (sid, pid) = (format!("S{}", self.name()), format!("P{}", self.name()));
                let lies = self.plan.lies && auth["pid"].is_null();
                (sid, self.pids[space].take().filter(|_| lies).unwrap_or(pid))
            }
        };
        self.pids[space] = Some(pid.clone());
        let asks = !recovered || !self.plan.skips_middlewares;
        if asks && self.refuses && dice.one_in(self.plan.refuses) {
            self.spaces[space].clean_up(&sid);
            return self.write(id, format!(r#"44{}{{"message":"no"}}"#, prefix(space)));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let before = session.joined[space].replace((sid.clone(), pid.clone()));
        assert!(before.is_none(), "a second CONNECT to {}", NAMESPACES[space]);
        let of = &mut self.spaces[space];
        of.sockets.insert(sid.clone(), id);
        // The application has those join the room that are new.
        if !recovered {
            of.rooms.insert(sid.clone(), true);
        }
        let pid = if self.plan.keeps.is_some() { format!(r#","pid":"{pid}""#) } else { String::new() };
        self.write(id, format!(r#"40{}{{"sid":"{sid}"{pid}}}"#, prefix(space)));
    }
}
