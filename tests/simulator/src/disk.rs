//! What is durable, and what is left of a process that is killed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use socketio_client_core::codec::Payload;
use socketio_client_core::{Fate, Instant, Restored, RestoredEmit};

use crate::client::{Client, NAMESPACES, instant, number};
use crate::world::World;

/// What the store is asked, in order.
#[derive(Debug)]
pub(crate) enum Write {
    Keep {
        key: u64,
        record: Record,
    },
    /// In a store that is shared: the leader finds a key for it.
    Append {
        record: Record,
    },
    Erase {
        key: u64,
    },
    Reserve {
        up_to: u64,
    },
}

/// An emit in the store.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) payload: Payload,
    pub(crate) expires: Option<Instant>,
}

impl Record {
    fn restored(&self, key: u64) -> RestoredEmit<Payload> {
        RestoredEmit { key, payload: self.payload.clone(), attempts: 0, expires: self.expires }
    }
}

/// What is durable.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) records: BTreeMap<u64, Record>,
    /// Without key.
    pub(crate) appended: VecDeque<Record>,
    pub(crate) next: u64,
    /// Numbers that were ever durable.
    pub(crate) ever: BTreeSet<u64>,
    /// Asked by a process, and not done: when it will be.
    pub(crate) writes: VecDeque<(u64, u32, Write)>,
}

impl Disk {
    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.appended.is_empty() && self.writes.is_empty()
    }

    pub(crate) fn ask(&mut self, time: u64, process: u32, write: Write) {
        let time = self.writes.back().map_or(time, |(last, ..)| time.max(*last));
        self.writes.push_back((time, process, write));
    }
}

impl World {
    /// An application's process is killed, and started again. What it has asked of the store may be done or not.
    pub(crate) fn kill(&mut self, at: usize) {
        let process = self.next_process();
        let killed = std::mem::replace(&mut self.clients[at].process, process);
        let asked = self.disk.writes.iter().filter(|(_, of, _)| *of == killed).count();
        let mut done = self.dice.roll(asked as u64 + 1);
        for (time, of, write) in std::mem::take(&mut self.disk.writes) {
            let mine = of == killed;
            if mine && done == 0 {
                self.forget(write);
                continue;
            }
            done -= u64::from(mine);
            // What several append keeps its order.
            if mine && !matches!(write, Write::Append { .. }) {
                self.wrote(killed, write);
            } else {
                self.disk.writes.push_back((time, of, write));
            }
        }
        let client = &mut self.clients[at];
        for link in std::mem::take(&mut client.links).into_values() {
            self.network.cut(link, self.now, &mut self.dice);
        }
        for emitted in client.emits.values().filter(|emitted| !emitted.fate.is_some_and(Fate::is_final)) {
            self.ordered.remove(&emitted.number);
        }
        // What stood in no store is lost with its process.
        let kept: BTreeSet<u64> = self.disk.records.values().map(|record| number(&record.payload)).collect();
        let read = &self.server.read;
        for ((_, _), emitted) in client.emits.iter().filter(|((at, _), _)| *at == 1) {
            let number = emitted.number;
            if !kept.contains(&number) && !read.contains(&(NAMESPACES[1].into(), number)) {
                self.owed.remove(&number);
            }
        }
        self.clients[at] = Client::start(&self.plan, process, &mut self.dice, self.now);
        if self.plan.is_shared() {
            self.begin_in_company(at);
        } else {
            self.open_store();
        }
    }

    /// What was asked is not done.
    pub(crate) fn forget(&mut self, write: Write) {
        match write {
            // It is sent again.
            Write::Erase { key } => {
                if let Some(record) = self.disk.records.get(&key) {
                    let number = number(&record.payload);
                    self.never[1].remove(&number);
                    self.told.remove(&number);
                    self.revived.insert(number);
                }
            }
            Write::Append { record } => {
                let number = number(&record.payload);
                self.owed.remove(&number);
                self.open.remove(&number);
            }
            Write::Keep { .. } | Write::Reserve { .. } => {}
        }
    }

    /// Of the only client.
    pub(crate) fn open_store(&mut self) {
        if self.plan.store.is_none() {
            return;
        }
        let emits = self.disk.records.iter().map(|(key, record)| record.restored(*key)).collect();
        let restored = Restored { delivery: Some("disk".into()), next: self.disk.next, emits };
        let client = &mut self.clients[0];
        client.manager.restore(client.sockets[1], restored, instant(self.now));
        self.drain(0);
    }

    /// Who asked for it is told, if it lives.
    pub(crate) fn wrote(&mut self, process: u32, write: Write) {
        let now = instant(self.now);
        let client = self.clients.iter_mut().find(|client| client.process == process);
        match write {
            Write::Keep { key, record } => {
                assert!(key < self.disk.next, "the id {key} was not reserved");
                self.disk.ever.insert(number(&record.payload));
                assert!(self.disk.records.insert(key, record).is_none(), "the id {key} twice");
                if let Some(client) = client {
                    client.manager.kept(client.sockets[1], key, Ok(()), now);
                }
            }
            Write::Append { record } => {
                self.disk.ever.insert(number(&record.payload));
                self.disk.appended.push_back(record);
                self.hand_in();
            }
            Write::Erase { key } => drop(self.disk.records.remove(&key)),
            Write::Reserve { up_to } => {
                self.disk.next = self.disk.next.max(up_to);
                if let Some(client) = client {
                    client.manager.reserved(client.sockets[1], up_to, now);
                }
            }
        }
    }
}

/// A store that several clients share.
impl World {
    /// A client begins. It may learn at once that another one leads, or be told nothing until somebody is elected.
    pub(crate) fn begin_in_company(&mut self, at: usize) {
        if self.leader == Some(at) {
            self.leader = None;
            self.next_election = self.now + self.dice.roll(200);
        }
        if self.dice.one_in(2) {
            self.follow(at);
        }
        self.drain(at);
    }

    fn follow(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.manager.follow(client.sockets[1], instant(self.now));
    }

    /// The leader slept for too long: the others are free to elect another one. Nothing of what it wants of the store is
    /// done any more.
    pub(crate) fn resign(&mut self) {
        let Some(at) = self.leader.take() else { return };
        self.name("lost the lead");
        self.next_election = self.now + self.dice.roll(100);
        let process = self.clients[at].process;
        let (fenced, others) = self
            .disk
            .writes
            .drain(..)
            .partition(|(_, of, write)| *of == process && matches!(write, Write::Erase { .. }));
        self.disk.writes = others;
        let fenced: VecDeque<_> = fenced;
        for (_, _, write) in fenced {
            self.forget(write);
        }
        self.follow(at);
        self.drain(at);
    }

    pub(crate) fn elect(&mut self) {
        let at = self.dice.roll(self.clients.len() as u64) as usize;
        self.figures.count("took the lead");
        self.leader = Some(at);
        for other in (0..self.clients.len()).filter(|other| *other != at) {
            self.follow(other);
        }
        let now = instant(self.now);
        let client = &mut self.clients[at];
        client.manager.lead(client.sockets[1], Some("disk".into()), self.disk.next, now);
        // It is handed in by and by.
        self.drain(at);
        let client = &mut self.clients[at];
        for (key, record) in &self.disk.records {
            client.manager.adopt(client.sockets[1], record.restored(*key), None, true, now);
        }
        self.hand_in();
        (0..self.clients.len()).for_each(|at| self.drain(at));
    }

    /// What has no key gets one, and is handed to the leader, if there is one.
    fn hand_in(&mut self) {
        let Some(leader) = self.leader else { return };
        let client = &mut self.clients[leader];
        while let Some(record) = self.disk.appended.pop_front() {
            let key = client.manager.take_id(client.sockets[1]).unwrap();
            if key >= self.disk.next {
                self.disk.next = key + 1024;
            }
            let emit = record.restored(key);
            assert!(self.disk.records.insert(key, record).is_none(), "the id {key} twice");
            client.manager.adopt(client.sockets[1], emit, None, false, instant(self.now));
        }
    }
}
