//! What is durable, and what is left of a process that is killed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use socketio_client_core::codec::Payload;
use socketio_client_core::{Instant, Restored, RestoredEmit};

use crate::world::{World, instant, number, start};

/// What the store is asked, in order.
#[derive(Debug)]
pub(crate) enum Write {
    Keep { key: u64, record: Record },
    Erase { key: u64 },
    Reserve { up_to: u64 },
}

/// An emit in the store.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) payload: Payload,
    pub(crate) expires: Option<Instant>,
}

/// What is durable.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) records: BTreeMap<u64, Record>,
    pub(crate) next: u64,
    /// Numbers that were ever durable.
    pub(crate) ever: BTreeSet<u64>,
    /// Asked, and not done: when it will be.
    pub(crate) writes: VecDeque<(u64, Write)>,
}

impl World {
    /// The application's process is killed, and started again. What it has asked of the store may be done or not.
    pub(crate) fn kill(&mut self) {
        let done = self.dice.roll(self.disk.writes.len() as u64 + 1);
        for _ in 0..done {
            if let Some((_, write)) = self.disk.writes.pop_front() {
                self.wrote(write, false);
            }
        }
        // What was to be erased, and was not, is sent again.
        for (_, write) in self.disk.writes.drain(..) {
            if let Write::Erase { key } = write
                && let Some(record) = self.disk.records.get(&key)
            {
                self.never[1].remove(&number(&record.payload));
            }
        }
        for link in std::mem::take(&mut self.links).into_values() {
            self.network.cut(link, self.now, &mut self.dice);
        }
        // What stood in no store is lost with its process.
        let kept: BTreeSet<u64> = self.disk.records.values().map(|record| number(&record.payload)).collect();
        self.owed
            .retain(|number| kept.contains(number) || self.server.read.contains(&("/r".into(), *number)));
        self.emits.clear();
        self.dead.clear();
        self.processes += 1;
        (self.manager, self.sockets) = start(&self.plan, &mut self.dice, self.now);
        self.open_store();
    }

    pub(crate) fn open_store(&mut self) {
        if self.plan.store.is_none() {
            return;
        }
        let emits = self.disk.records.iter().map(|(key, Record { payload, expires })| RestoredEmit {
            key: *key,
            payload: payload.clone(),
            attempts: 0,
            expires: *expires,
        });
        let restored =
            Restored { delivery: Some("disk".into()), next: self.disk.next, emits: emits.collect() };
        self.manager.restore(self.sockets[1], restored, instant(self.now));
        self.drain();
    }

    pub(crate) fn wrote(&mut self, write: Write, told: bool) {
        let (socket, now) = (self.sockets[1], instant(self.now));
        match write {
            Write::Keep { key, record } => {
                assert!(key < self.disk.next, "the id {key} was not reserved");
                self.disk.ever.insert(number(&record.payload));
                assert!(self.disk.records.insert(key, record).is_none(), "the id {key} twice");
                if told {
                    self.manager.kept(socket, key, Ok(()), now);
                }
            }
            Write::Erase { key } => drop(self.disk.records.remove(&key)),
            Write::Reserve { up_to } => {
                self.disk.next = up_to;
                if told {
                    self.manager.reserved(socket, up_to, now);
                }
            }
        }
    }
}
