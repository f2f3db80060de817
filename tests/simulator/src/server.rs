//! A Socket.IO server: Engine.IO over WebSocket, events, acks, and the middleware for exactly once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::network::Link;
use crate::packet::{Packet, attachment};

/// What the server wants done.
#[derive(Debug)]
pub enum Doing {
    Send(Link, String),
    Close(Link),
    /// [`Server::heartbeat`] is due then.
    Beat(Link, u64),
    /// A handler begins; it ends with [`Server::handled`] of this number.
    Handle(u64),
}

/// Namespaces that a link is connected to, and by what name for exactly once.
#[derive(Debug, Default)]
struct Session {
    connected: BTreeMap<String, Option<String>>,
    /// When it is pinged, or given up where the answer to a ping has not come.
    beat: u64,
    pinged: bool,
    /// What came instead of the answer gave it more time, once.
    refreshed: bool,
    /// The text of a packet whose attachment has not come.
    partial: Option<String>,
}

/// The name, the namespace and the ack id.
type Key = (String, String, u64);

#[derive(Debug)]
enum Claim {
    /// Its handler works.
    Running,
    Done(u64),
}

/// A handler that works.
#[derive(Debug)]
struct Job {
    link: Link,
    namespace: String,
    id: Option<u64>,
    number: u64,
    key: Option<Key>,
}

/// How the server's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Its handlers come to their end, and their results are kept.
    Ordered,
    /// At once: what its handlers were working on has no result, and runs again if it comes again.
    Killed,
    /// That, and no result was kept.
    Forgetful,
}

/// When it ended.
#[derive(Debug)]
pub struct Stopped {
    pub how: Stop,
    /// How many handlers of `/r` had begun by then.
    pub runs: usize,
    /// Numbers of `/r` whose handlers had not come to their end.
    pub in_doubt: BTreeSet<u64>,
}

#[derive(Debug, Default)]
pub struct Server {
    /// Whether it has the middleware.
    middleware: bool,
    interval: u64,
    patience: u64,
    sessions: BTreeMap<Link, Session>,
    claims: BTreeMap<Key, Claim>,
    /// Where the answer to a claim goes that is being worked on.
    waiting: BTreeMap<Key, (Link, u64)>,
    jobs: BTreeMap<u64, Job>,
    next_job: u64,
    /// Sessions of namespaces.
    names: u64,
    /// Numbers that were read, on each namespace.
    pub read: BTreeSet<(String, u64)>,
    /// Numbers whose handler ran, in order, on each namespace.
    pub ran: BTreeMap<String, Vec<u64>>,
    /// Numbers whose handler came to its end, and had somebody to answer.
    pub answered: BTreeSet<u64>,
    pub stops: Vec<Stopped>,
}

/// What a handler answers to a number.
#[must_use]
pub const fn answer(number: u64) -> u64 {
    number * 7 + 1
}

/// Bytes of a message above which the server would close the connection.
pub const MAX_PAYLOAD: usize = 300;

impl Server {
    #[must_use]
    pub fn new(middleware: bool, (interval, patience): (u64, u64)) -> Self {
        Self { middleware, interval, patience, ..Self::default() }
    }

    /// A new connection: the handshake.
    pub fn opened(&mut self, link: Link, now: u64) -> Vec<Doing> {
        let beat = now + self.interval;
        self.sessions.insert(link, Session { beat, ..Session::default() });
        let Self { interval, patience, .. } = self;
        let handshake = format!(
            r#"0{{"sid":"E{link}","upgrades":[],"pingInterval":{interval},"pingTimeout":{patience},"maxPayload":{MAX_PAYLOAD}}}"#
        );
        vec![Doing::Send(link, handshake), Doing::Beat(link, beat)]
    }

    /// The server's heartbeat: a ping, or the end of a link that was silent for too long.
    pub fn heartbeat(&mut self, link: Link, now: u64) -> Vec<Doing> {
        let Some(session) = self.sessions.get_mut(&link).filter(|session| session.beat == now) else {
            return vec![];
        };
        if session.pinged {
            return self.end(link);
        }
        (session.pinged, session.refreshed, session.beat) = (true, false, now + self.patience);
        vec![Doing::Send(link, "2".into()), Doing::Beat(link, session.beat)]
    }

    fn end(&mut self, link: Link) -> Vec<Doing> {
        self.gone(link);
        vec![Doing::Close(link)]
    }

    /// It lives: the next heartbeat comes later.
    fn hear(&mut self, link: Link, is_pong: bool, now: u64) -> Vec<Doing> {
        let Some(session) = self.sessions.get_mut(&link) else { return vec![] };
        if is_pong {
            (session.pinged, session.beat) = (false, now + self.interval);
        } else if session.pinged && !std::mem::replace(&mut session.refreshed, true) {
            session.beat = now + self.patience;
        } else {
            return vec![];
        }
        vec![Doing::Beat(link, session.beat)]
    }

    pub fn gone(&mut self, link: Link) {
        self.sessions.remove(&link);
    }

    /// Its process ends, and the next one knows of events by their ids what stands in a database. Returns its connections.
    pub fn stop(&mut self, how: Stop) -> Vec<Link> {
        // What a killed process has claimed is free for the next one, as if the lease had ended.
        let mut in_doubt = BTreeSet::new();
        if how != Stop::Ordered {
            let jobs = std::mem::take(&mut self.jobs).into_values();
            in_doubt.extend(jobs.filter(|job| job.namespace == "/r").map(|job| job.number));
            self.claims.retain(|_, claim| how == Stop::Killed && matches!(claim, Claim::Done(_)));
        }
        self.waiting.clear();
        let runs = self.ran.get("/r").map_or(0, Vec::len);
        self.stops.push(Stopped { how, runs, in_doubt });
        std::mem::take(&mut self.sessions).into_keys().collect()
    }

    /// A message on a link.
    pub fn message(&mut self, link: Link, text: &str, now: u64) -> Vec<Doing> {
        let mut doings = self.hear(link, text == "3", now);
        doings.extend(self.take(link, text));
        doings
    }

    fn take(&mut self, link: Link, text: &str) -> Vec<Doing> {
        let Some(session) = self.sessions.get_mut(&link) else { return vec![] };
        assert!(text.len() <= MAX_PAYLOAD, "the server would close the connection: {text}");
        let Some(Packet { kind, attachments, namespace, id, data }) = Packet::of(text) else {
            assert_eq!(text, "3", "the client sends only packets and pongs");
            return vec![];
        };
        assert!(session.partial.is_none(), "{text} where an attachment has to come");
        match kind {
            "0" => self.connect(link, namespace, data),
            "1" if session.connected.remove(namespace).is_some() => vec![],
            "1" => self.end(link),
            "2" => self.event(link, namespace, id, data),
            "5" => {
                assert_eq!(attachments, 1, "{text}");
                session.partial = Some(text.into());
                vec![]
            }
            other => panic!("the client sent a packet of type {other}: {text}"),
        }
    }

    /// An attachment on a link.
    pub fn attached(&mut self, link: Link, bytes: &[u8], now: u64) -> Vec<Doing> {
        let mut doings = self.hear(link, false, now);
        let Some(session) = self.sessions.get_mut(&link) else { return vec![] };
        let partial = session.partial.take();
        let text = partial.unwrap_or_else(|| panic!("an attachment without its packet, on {link}"));
        let Packet { namespace, id, data, .. } = Packet::of(&text).unwrap();
        let args: Value = serde_json::from_str(data).unwrap();
        assert_eq!(args[2], json!({ "_placeholder": true, "num": 0 }), "{text}");
        assert_eq!(bytes, attachment(args[1].as_u64().unwrap()), "another attachment than that of {text}");
        doings.extend(self.event(link, namespace, id, data));
        doings
    }

    fn connect(&mut self, link: Link, namespace: &str, data: &str) -> Vec<Doing> {
        let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
        let auth: Value = if data.is_empty() { Value::Null } else { serde_json::from_str(data).unwrap() };
        let name = auth["$delivery"]["id"].as_str().map(str::to_owned).filter(|_| self.middleware);
        if let (Some(name), Some(base)) = (&name, auth["$delivery"]["base"].as_u64()) {
            // Nothing below is asked for again: the client has said so.
            self.claims.retain(|(of, at, id), _| of != name || at != namespace || *id >= base);
        }
        let session = self.sessions.get_mut(&link).unwrap();
        assert!(session.connected.insert(namespace.into(), name).is_none(), "a second CONNECT");
        self.names += 1;
        vec![Doing::Send(link, format!(r#"40{prefix}{{"sid":"S{}"}}"#, self.names))]
    }

    fn event(&mut self, link: Link, namespace: &str, id: Option<u64>, data: &str) -> Vec<Doing> {
        // Who sends to a namespace that is not connected is not heard any more.
        let Some(name) = self.sessions[&link].connected.get(namespace).cloned() else {
            return self.end(link);
        };
        let args: Value = serde_json::from_str(data).unwrap();
        if args[0] == "$delivery" {
            let answers = self.middleware && name.is_some();
            let id = id.expect("the question wants an answer");
            return if answers {
                vec![send_ack(link, namespace, id, r#"{"v":1,"ttl":600000}"#)]
            } else {
                vec![]
            };
        }
        let number = args[1].as_u64().unwrap();
        self.read.insert((namespace.into(), number));
        let key = name.zip(id).map(|(name, id)| (name, namespace.to_owned(), id));
        if let (Some(key), Some(id)) = (&key, id) {
            match self.claims.get(key) {
                Some(Claim::Done(value)) => return vec![send_ack(link, namespace, id, &value.to_string())],
                Some(Claim::Running) => {
                    self.waiting.insert(key.clone(), (link, id));
                    return vec![];
                }
                None => drop(self.claims.insert(key.clone(), Claim::Running)),
            }
        }
        self.ran.entry(namespace.into()).or_default().push(number);
        self.next_job += 1;
        self.jobs.insert(self.next_job, Job { link, namespace: namespace.into(), id, number, key });
        vec![Doing::Handle(self.next_job)]
    }

    /// A handler has done its work: it answers, where somebody asked.
    pub fn handled(&mut self, job: u64) -> Vec<Doing> {
        let Some(Job { link, namespace, id, number, key }) = self.jobs.remove(&job) else { return vec![] };
        let Some(id) = id else { return vec![] };
        let value = answer(number);
        self.answered.insert(number);
        let mut target = (link, id);
        if let Some(key) = key {
            target = self.waiting.remove(&key).unwrap_or(target);
            self.claims.insert(key, Claim::Done(value));
        }
        let (link, id) = target;
        if !self.sessions.get(&link).is_some_and(|session| session.connected.contains_key(&namespace)) {
            return vec![];
        }
        vec![send_ack(link, &namespace, id, &value.to_string())]
    }
}

fn send_ack(link: Link, namespace: &str, id: u64, value: &str) -> Doing {
    let prefix = if namespace == "/" { String::new() } else { format!("{namespace},") };
    Doing::Send(link, format!("43{prefix}{id}[{value}]"))
}
