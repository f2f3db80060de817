//! Which states a client was seen in, and which way it went from one to another: by what its getters and events tell.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use socketio_client_core::codec::Json;
use socketio_client_core::{Fate, Manager, SocketId, State, TransportKind};

/// What has states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Connection,
    Namespace,
    Fate,
}

type Way = (&'static str, &'static str);

/// One run of a hundred or so has one of these; so many runs have all of them.
const RARE: [Way; 1] = [("connecting", "disconnected")];
const MANY: u64 = 2000;

impl Part {
    const ALL: [Self; 3] = [Self::Connection, Self::Namespace, Self::Fate];

    fn all_ways() -> impl Iterator<Item = (Self, Way)> {
        Self::ALL.into_iter().flat_map(|part| part.ways().iter().map(move |way| (part, *way)))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Namespace => "namespace",
            Self::Fate => "fate of an emit",
        }
    }

    /// What there is to see.
    const fn ways(self) -> &'static [Way] {
        match self {
            Self::Connection => &[
                ("disconnected", "connecting"),
                ("connecting", "websocket"),
                ("connecting", "polling"),
                ("connecting", "reconnecting"),
                ("connecting", "disconnected"),
                ("reconnecting", "websocket"),
                ("reconnecting", "polling"),
                ("reconnecting", "disconnected"),
                ("polling", "websocket"),
                ("polling", "reconnecting"),
                ("polling", "disconnected"),
                ("websocket", "reconnecting"),
                ("websocket", "disconnected"),
            ],
            Self::Namespace => &[
                ("inactive", "waiting"),
                ("waiting", "joined"),
                ("waiting", "recovered"),
                ("waiting", "inactive"),
                ("joined", "waiting"),
                ("joined", "inactive"),
                ("recovered", "waiting"),
                ("recovered", "inactive"),
            ],
            Self::Fate => &[
                ("new", "held"),
                ("new", "dropped"),
                ("held", "inFlight"),
                ("held", "refused"),
                ("held", "expired"),
                ("held", "dropped"),
                ("held", "cancelled"),
                ("held", "uncertain"),
                ("inFlight", "held"),
                ("inFlight", "inFlight"),
                ("inFlight", "delivered"),
                ("inFlight", "acknowledged"),
                ("inFlight", "uncertain"),
            ],
        }
    }
}

/// How often each way was gone.
#[derive(Debug, Default, Clone)]
pub struct Coverage(BTreeMap<(Part, Way), u64>);

impl Coverage {
    pub(crate) fn add(&mut self, part: Part, from: &'static str, to: &'static str) {
        *self.0.entry((part, (from, to))).or_default() += 1;
    }

    pub(crate) fn fate(&mut self, before: Option<Fate>, fate: Fate) {
        self.add(Part::Fate, before.map_or("new", Fate::as_str), fate.as_str());
    }

    /// Every way once.
    #[cfg(test)]
    pub(crate) fn full() -> Self {
        Self(Part::all_ways().map(|way| (way, 1)).collect())
    }

    fn of(&self, part: Part, way: Way) -> u64 {
        self.0.get(&(part, way)).copied().unwrap_or_default()
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        other.0.into_iter().for_each(|(way, times)| *self.0.entry(way).or_default() += times);
    }
}

/// A table, and the ways that nobody went.
impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| of a | from | to | times |\n|---|---|---|---|")?;
        for part in Part::ALL {
            let ways = part.ways();
            for way in ways {
                writeln!(f, "| {} | {} | {} | {} |", part.name(), way.0, way.1, self.of(part, *way))?;
            }
            let others = self.0.iter().filter(|((of, way), _)| *of == part && !ways.contains(way));
            for ((_, (from, to)), times) in others {
                writeln!(f, "| {} | {from} | {to} | {times}, not in the list |", part.name())?;
            }
        }
        Ok(())
    }
}

impl Coverage {
    /// Ways that nobody went, of those that are gone in so many runs.
    pub(crate) fn never(&self, runs: u64) -> impl Iterator<Item = String> {
        let is_gone = move |(_, way): &(Part, Way)| runs >= MANY || !RARE.contains(way);
        Part::all_ways().filter(|(part, way)| self.of(*part, *way) == 0).filter(is_gone).map(words)
    }

    /// Ways that were gone, though there are none.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = String> {
        self.0.keys().filter(|(part, way)| !part.ways().contains(way)).copied().map(words)
    }

    /// Ways that were gone, and that there are.
    #[must_use]
    pub fn share(&self) -> (usize, usize) {
        let all = Part::all_ways().count();
        (all - self.never(MANY).count(), all)
    }
}

fn words((part, (from, to)): (Part, Way)) -> String {
    format!("{}, {from} to {to}", part.name())
}

/// Looks at one client as it goes.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    connection: Option<&'static str>,
    namespaces: Vec<Option<&'static str>>,
}

impl Watcher {
    pub(crate) fn look(&mut self, manager: &Manager<Json>, sockets: &[SocketId], coverage: &mut Coverage) {
        let connection = match (manager.state(), manager.transport()) {
            (State::Connected, Some(TransportKind::Polling)) => "polling",
            (State::Connected, _) => "websocket",
            (State::Disconnected, _) => "disconnected",
            (State::Connecting, _) => "connecting",
            (State::Reconnecting, _) => "reconnecting",
        };
        note(&mut self.connection, connection, Part::Connection, coverage);
        self.namespaces.resize(sockets.len(), None);
        for (before, socket) in self.namespaces.iter_mut().zip(sockets) {
            let status = manager.status(*socket);
            let now = match (status.connected, status.recovered, status.active) {
                (true, true, _) => "recovered",
                (true, false, _) => "joined",
                (false, _, true) => "waiting",
                (false, _, false) => "inactive",
            };
            note(before, now, Part::Namespace, coverage);
        }
    }
}

fn note(before: &mut Option<&'static str>, now: &'static str, part: Part, coverage: &mut Coverage) {
    if let Some(before) = before.replace(now).filter(|before| *before != now) {
        coverage.add(part, before, now);
    }
}
