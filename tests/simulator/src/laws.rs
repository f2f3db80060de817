//! What the application is told must be true, and complete at the end. That it has its reason stands in `fates.rs`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{AckError, Durability, Event, Fate};

use crate::client::{BUFFER, BUFFER_BYTES, NAMESPACES, number};
use crate::network::Link;
use crate::packet::Packet;
use crate::server::{Stop, Stopped, answer};
use crate::world::World;

impl World {
    /// Without pings nothing tells of a plain emit.
    fn is_end(&self, fate: Fate) -> bool {
        fate.is_final() || (!self.plan.ping && matches!(fate, Fate::InFlight { .. }))
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.disk.is_empty()
            && self.clients.iter().all(|client| {
                client.manager.queued(client.sockets[1]) == 0
                    && client.emits.values().all(|emit| emit.fate.is_some_and(|fate| self.is_end(fate)))
            })
    }

    /// It leaves. Nothing does that is to be stored first, and is not.
    pub(crate) fn leaves(&mut self, client: usize, link: Link, text: &str) {
        let Some(packet) = Packet::of(text).filter(Packet::is_event) else { return };
        let args: Value = serde_json::from_str(packet.data).unwrap();
        let Some(number) = args[1].as_u64() else { return };
        let at = usize::from(packet.namespace == NAMESPACES[1]);
        self.sent.insert(number, (link, self.clients[client].partings[at]));
        self.passes_by(client, number);
        if self.plan.store == Some(Durability::StoredFirst) && packet.namespace == NAMESPACES[1] {
            let stored = self.disk.ever.contains(&number) || self.passing.contains(&number);
            assert!(stored, "{number} left before it was stored");
        }
    }

    /// The server says that a namespace is joined.
    pub(crate) fn note_joined(&mut self, link: Link, text: &str) {
        if let Some(rest) = text.strip_prefix("40") {
            self.joined.insert((link, space(rest)));
        }
    }

    /// Nothing leaves before the namespace has joined, on the link that carries it.
    pub(crate) fn check_joined(&self, link: Link, text: &str) {
        if let Some(packet) = Packet::of(text).filter(Packet::is_event) {
            let joined = self.joined.iter().any(|(of, space)| *of == link && *space == packet.namespace);
            assert!(joined, "{text} before the namespace has joined");
        }
    }

    /// No namespace holds more than it may. What is sent until it is acknowledged counts until then, and of what awaits an
    /// answer the number.
    pub(crate) fn check_bounds(&self) {
        // What waits in a lazy shell, or one that sleeps, was not heard.
        for client in self.clients.iter().filter(|client| client.next.or(client.wakes).is_none()) {
            for (at, socket) in client.sockets.into_iter().enumerate() {
                let acks: BTreeSet<_> = client.manager.pending_acks(socket).collect();
                let (mut count, mut bytes) = (0, 0);
                for ((of, emit), emitted) in &client.emits {
                    let waits = at == 1 && !self.passing.contains(&emitted.number);
                    let held = match emitted.fate {
                        Some(Fate::Held) => true,
                        Some(Fate::InFlight { .. }) => waits,
                        _ => false,
                    };
                    if *of == at {
                        count += usize::from(held || acks.contains(emit));
                        bytes += if held { emitted.size } else { 0 };
                    }
                }
                assert!(count <= BUFFER, "{count} emits are held in {}", NAMESPACES[at]);
                assert!(bytes <= BUFFER_BYTES, "{bytes} bytes are held in {}", NAMESPACES[at]);
            }
        }
    }

    pub(crate) fn hear(&mut self, client: usize, event: Event<Json>) {
        let reliable = self.clients[client].sockets[1];
        match event {
            Event::Fate { socket, emit, fate, payload } => {
                let at = usize::from(socket == reliable);
                self.check_reason(client, at, emit, fate);
                // Those of an earlier process, or of another one, have no ticket that this one has given.
                let Some(emitted) = self.clients[client].emits.get_mut(&(at, emit)) else { return };
                let before = emitted.fate.replace(fate);
                self.coverage.fate(before, fate);
                if fate.is_final() {
                    self.figures.count(of_fate(fate));
                } else if matches!(fate, Fate::InFlight { attempt: 2.. }) {
                    self.figures.count("retries");
                }
                assert!(!before.is_some_and(Fate::is_final), "{emitted:?} had an end: {before:?}");
                let of = emitted.number;
                let returned = payload.as_ref().map(number);
                assert!(returned.is_none_or(|returned| returned == of), "{returned:?} came back for {of}");
                assert!(fate != Fate::Refused || returned.is_some(), "{of} did not come back");
                self.ended(at, of, fate);
            }
            Event::OutboxSettled { fate, payload, result, .. } => {
                self.open.remove(&number(&payload));
                self.check_stored_reason(number(&payload), fate);
                self.ended(1, number(&payload), fate);
                self.answered(number(&payload), result);
            }
            Event::Ack { socket, emit, result } => {
                let at = usize::from(socket == reliable);
                let client = &mut self.clients[client];
                let Some(emitted) = client.emits.get_mut(&(at, emit)) else { return };
                client.answered.push((at, emit));
                assert!(!std::mem::replace(&mut emitted.answered, true), "{emitted:?} was answered twice");
                let number = emitted.number;
                match result {
                    Ok(result) => self.answered(number, Some(result)),
                    // Without room for an ack that never comes, it is told all the same.
                    Err(AckError::Dropped) => {}
                    Err(_) => {
                        let quiet = emitted.quiet && emitted.fate == Some(Fate::Dropped);
                        self.figures.add("dropped without a word", u64::from(quiet));
                    }
                }
            }
            Event::Disconnected { socket, .. } => {
                let client = &mut self.clients[client];
                client.partings[usize::from(socket == reliable)] += 1;
                client.left = client.left.max(client.links.values().max().copied());
            }
            Event::Reconnected { .. } => self.figures.count("reconnects"),
            Event::Connected { recovered: true, .. } => self.figures.count("recoveries"),
            _ => {}
        }
    }

    fn answered(&self, number: u64, result: Option<Payload>) {
        let Some(result) = result else { return };
        let value: Option<u64> = result.parse().ok();
        assert_eq!(value, Some(answer(number)), "{number} was answered with {}", result.json());
    }

    /// A final fate is true.
    fn ended(&mut self, at: usize, number: u64, fate: Fate) {
        let namespace = NAMESPACES[at].to_owned();
        match fate {
            Fate::Delivered => {
                assert!(self.server.read.contains(&(namespace, number)), "{number} was not delivered");
            }
            Fate::Acknowledged => {
                assert!(self.server.answered.contains(&number), "{number} was not handled");
                if at == 1 {
                    self.told.entry(number).or_insert(self.server.ran[&namespace].len());
                }
            }
            Fate::Refused | Fate::Expired | Fate::Dropped | Fate::Cancelled => {
                assert!(!self.sent.contains_key(&number), "{number} is {fate}, and was handed over");
                self.never[at].insert(number);
                self.owed.remove(&number);
                self.figures
                    .add("too large", u64::from(fate == Fate::Refused && self.large.contains(&number)));
            }
            Fate::Uncertain { .. } => {
                // Only of what another process may have sent it cannot be known that it never left.
                let known = !self.sent.contains_key(&number) && !self.disk.ever.contains(&number);
                assert!(!known, "{number} was never sent");
                self.owed.remove(&number);
                self.ordered.remove(&number);
            }
            _ => {}
        }
    }

    /// What is sent once comes once at most, and in the order of its process.
    fn check_plain(&self) {
        let mut seen = BTreeSet::new();
        let mut newest = BTreeMap::new();
        for number in self.server.ran.get(NAMESPACES[0]).into_iter().flatten() {
            assert!(seen.insert(number), "{number} of {} came twice", NAMESPACES[0]);
            if let Some(process) = self.ordered.get(number) {
                let before = newest.insert(process, number);
                assert!(before < Some(number), "{number} of {} came after {before:?}", NAMESPACES[0]);
            }
        }
    }

    /// With the middleware nothing runs twice, but for what the server has forgotten in between, and what its handlers were
    /// working on as it was killed; and nothing at all of whose answer the client has told.
    pub(crate) fn check_once(&mut self) {
        if !self.plan.exactly_once {
            return;
        }
        let Self { server, told, figures, .. } = self;
        let ran = server.ran.get(NAMESPACES[1]).map_or(&[][..], Vec::as_slice);
        let mut stops = server.stops.iter().peekable();
        let (mut known, mut forgotten) = (BTreeSet::new(), BTreeSet::new());
        let mut in_doubt = BTreeSet::<u64>::new();
        for (at, number) in ran.iter().enumerate() {
            while let Some(Stopped { how, in_doubt: ended, .. }) = stops.next_if(|stop| stop.runs <= at) {
                if *how == Stop::Forgetful {
                    forgotten.append(&mut known);
                } else {
                    known.retain(|number| !ended.contains(number));
                    in_doubt.extend(ended);
                }
            }
            assert!(known.insert(*number), "{number} ran twice, in one memory of the server: {ran:?}");
            let told = told.get(number).is_some_and(|told| *told <= at);
            assert!(!told, "{number} ran again, of whose answer somebody was told: {ran:?}");
            figures.add("run again by a server that forgot", u64::from(forgotten.remove(number)));
            figures.add("run again in doubt", u64::from(in_doubt.remove(number)));
        }
    }

    pub(crate) fn check(&self) {
        for ((_, emit), emitted) in self.clients.iter().flat_map(|client| &client.emits) {
            let fate = emitted.fate;
            assert!(fate.is_some_and(|fate| self.is_end(fate)), "{emit:?} has no end: {emitted:?}");
        }
        for (namespace, never) in NAMESPACES.iter().zip(&self.never) {
            for number in never {
                let read = self.server.read.contains(&((*namespace).to_owned(), *number));
                assert!(!read, "{number} was said never to have been sent");
            }
        }
        self.check_plain();
        let none = Vec::new();
        let ran = self.server.ran.get(NAMESPACES[1]).unwrap_or(&none);
        let missing: Vec<_> = self.owed.iter().filter(|number| !ran.contains(number)).collect();
        assert!(missing.is_empty(), "lost: {missing:?}");
        let mut seen = BTreeSet::new();
        let first: Vec<_> = ran.iter().filter(|number| seen.insert(**number)).collect();
        let waits = |number: &u64| !self.passing.contains(number) && !self.revived.contains(number);
        let first: Vec<_> = first.into_iter().filter(|number| waits(number)).collect();
        assert!(first.is_sorted(), "out of order: {first:?}");
        assert!(self.disk.is_empty(), "left in the store: {:?}", self.disk);
        assert!(self.open.is_empty(), "stored, and without an end: {:?}", self.open);
    }
}

/// Which namespace a packet is for.
fn space(rest: &str) -> &'static str {
    NAMESPACES[usize::from(rest.starts_with(NAMESPACES[1]))]
}

pub(crate) const fn of_fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Delivered => "fate: delivered",
        Fate::Acknowledged => "fate: acknowledged",
        Fate::Refused => "fate: refused",
        Fate::Expired => "fate: expired",
        Fate::Dropped => "fate: dropped",
        Fate::Cancelled => "fate: cancelled",
        Fate::Uncertain { .. } => "fate: uncertain",
        _ => "fate: another",
    }
}
