//! Whether a fate has its reason: what was asked of the emit, what happened to its connection, or no room.
//!
//! Fates of one namespace are heard in the order in which they came about, each emit's first before those of later ones. So what
//! has been heard of a namespace is what waited there when the next emit was dropped, or had others dropped, however late
//! that is heard.

use socketio_client_core::{BufferPolicy, EmitError, EmitId, EmitOptions, Fate};

use crate::client::{BUFFER, BUFFER_BYTES, Client, Emitted, NAMESPACES, number};
use crate::network::Link;
use crate::world::World;

/// How an emit may end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) volatile: bool,
    pub(crate) coalesced: bool,
    pub(crate) ack: bool,
    /// When nobody waits for its answer any longer, if it is sent once.
    pub(crate) deadline: Option<u64>,
    /// On which link it could leave at once, if it is volatile, as far as that is known.
    pub(crate) link: Option<Link>,
    /// How often its namespace had been left, or its session had ended, when it was emitted.
    pub(crate) partings: u32,
}

/// What waits of a namespace, or for an answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
}

impl Load {
    pub(crate) const fn add(&mut self, count: usize, bytes: usize) {
        self.count += count;
        self.bytes += bytes;
    }

    const fn take(&mut self, count: usize, bytes: usize) {
        self.count -= count;
        self.bytes -= bytes;
    }

    /// Whether one more of that size finds no room.
    pub(crate) const fn exceeds(self, size: usize, (count, bytes): (usize, usize)) -> bool {
        self.count >= count || self.bytes + size > bytes
    }

    const fn is_full(self, size: usize) -> bool {
        self.exceeds(size, (BUFFER, BUFFER_BYTES))
    }
}

impl Emitted {
    fn count(&self, again: bool, load: &mut Load) {
        match self.fate {
            Some(Fate::Held) => load.add(1, self.size),
            Some(Fate::InFlight { .. }) if again => load.add(1, self.size),
            Some(Fate::InFlight { .. }) => load.add(usize::from(self.terms.ack), 0),
            // Its answer is awaited as if it had left.
            Some(Fate::Dropped) if self.quiet && !self.gone => load.add(1, 0),
            Some(_) if self.lingers && !self.gone => load.add(1, self.size),
            _ => {}
        }
    }
}

/// Of one client and one of its namespaces.
impl World {
    /// By what was heard; with what was `unheard`, as much as there may be.
    pub(crate) fn load(&self, client: usize, at: usize, unheard: bool) -> Load {
        let mut load = Load::default();
        let emits = &self.clients[client].emits;
        for emitted in emits.iter().filter(|((of, _), _)| *of == at).map(|(_, emitted)| emitted) {
            if emitted.fate.is_some() {
                emitted.count(at == 1 && !emitted.terms.volatile, &mut load);
            } else if unheard {
                load.add(1, emitted.size);
            }
        }
        if at == 1 {
            // Of earlier processes, or other ones. What has ended is still there for a moment.
            for payload in self.disk.records.values().map(|record| &record.payload) {
                let number = number(payload);
                if !emits.values().any(|emitted| emitted.number == number) {
                    load.add(1, payload.size());
                }
            }
        }
        load
    }

    /// What may make room for others, where that is known: nothing stands in a queue, and all was heard.
    fn may_make_room(&self, client: usize, at: usize) -> Option<Vec<(EmitId, &Emitted)>> {
        let Client { links, emits, .. } = &self.clients[client];
        let joined = links.values().any(|link| self.joined.contains(&(*link, NAMESPACES[at])));
        if joined || self.plan.late > 0 || (at == 1 && self.plan.store.is_some()) {
            return None;
        }
        let waits = |emitted: &Emitted| {
            let sent = self.sent.contains_key(&emitted.number);
            emitted.fate == Some(Fate::Held) && !emitted.terms.volatile && !sent
        };
        let of = emits.iter().filter(|((of, _), emitted)| *of == at && waits(emitted));
        Some(of.map(|((_, emit), emitted)| (*emit, emitted)).collect())
    }

    pub(crate) fn terms(&self, client: usize, at: usize, options: &EmitOptions<'_>) -> Terms {
        let EmitOptions { ack, volatile, .. } = *options;
        let once = at == 0 || volatile;
        Terms {
            volatile,
            coalesced: options.coalesce.is_some() && !volatile,
            ack,
            deadline: self.plan.ack_timeout.filter(|_| ack && once).map(|timeout| self.now + timeout),
            link: if volatile { self.way_out(client, at, ack) } else { None },
            partings: self.clients[client].partings[at],
        }
    }

    /// The link on which an emit leaves at once, if that is certain.
    fn way_out(&self, client: usize, at: usize, ack: bool) -> Option<Link> {
        let client = &self.clients[client];
        // Something may stand before it; a lazy shell may know more than its core; and perhaps there is no ack id yet.
        let waits = |((of, _), emitted): (&(usize, EmitId), &Emitted)| {
            *of == at && at == 0 && emitted.fate == Some(Fate::Held)
        };
        if client.full
            || client.next.is_some()
            || (ack && at == 1 && self.plan.store.is_some())
            || client.emits.iter().any(waits)
        {
            return None;
        }
        let joined = |link: &Link| self.joined.contains(&(*link, NAMESPACES[at]));
        client.links.values().copied().find(|link| Some(*link) > client.left && joined(link))
    }

    /// It was refused at once, with what waits now.
    pub(crate) fn check_refused(&self, of: (usize, usize), number: u64, size: usize, error: &EmitError) {
        match error {
            EmitError::TooLarge { .. } => {
                assert!(self.large.contains(&number), "{number} is not too large");
            }
            EmitError::BufferFull { .. } => {
                let mut load = self.load(of.0, of.1, true);
                assert!(load.is_full(size), "{number} was refused although there is room");
                assert!(self.plan.policy != BufferPolicy::DropNewest, "{number} was refused, not dropped");
                let others =
                    self.may_make_room(of.0, of.1).filter(|_| self.plan.policy == BufferPolicy::DropOldest);
                for (_, other) in others.into_iter().flatten() {
                    load.take(1, other.size);
                }
                assert!(load.is_full(size), "{number} was refused although others could make room");
            }
            other => panic!("{number} was refused: {other}"),
        }
    }

    /// Before it is noted.
    pub(crate) fn check_reason(&mut self, client: usize, at: usize, emit: EmitId, fate: Fate) {
        let Some(emitted) = self.clients[client].emits.get(&(at, emit)) else { return };
        let number = emitted.number;
        let late = emitted.terms.deadline.is_some_and(|deadline| deadline <= self.now);
        match fate {
            Fate::Refused => assert!(self.large.contains(&number), "{number} was refused: {emitted:?}"),
            Fate::Expired => {
                assert!(late || self.is_too_old(number), "{number} was not too old: {emitted:?}");
            }
            Fate::Dropped => self.check_dropped(client, at, emit, emitted),
            Fate::Uncertain { .. } if at == 1 && !emitted.terms.volatile => {
                // Its time counts where it is held, or its last attempt was not answered in time.
                let held = emitted.fate == Some(Fate::Held) || self.plan.ack_timeout.is_some();
                let old = held && self.is_too_old(number);
                assert!(emitted.unwanted || old, "{number} was given up: {emitted:?}");
            }
            Fate::Uncertain { .. } => {
                let lost = self.sent.get(&number).is_some_and(|carried| self.is_lost(client, at, *carried));
                let unwanted = emitted.unwanted && emitted.terms.ack;
                assert!(lost || late || unwanted, "{number} is uncertain, on what lives: {emitted:?}");
            }
            _ => {}
        }
        let cancelled = fate == Fate::Cancelled;
        assert!(!fate.is_final() || emitted.cancelled == cancelled, "{number}, {fate}: {emitted:?}");
        let emitted = self.clients[client].emits.get_mut(&(at, emit)).expect("it was there");
        emitted.lingers = fate == Fate::Expired && emitted.terms.ack;
        self.clients[client].told[at] = Some(emit);
    }

    /// Of what an earlier process has stored, or another one, the end has fewer reasons: nobody takes it back, or drops it.
    pub(crate) fn check_stored_reason(&self, number: u64, fate: Fate) {
        let (old, large) = (self.is_too_old(number), self.large.contains(&number));
        let reason = match fate {
            Fate::Acknowledged => true,
            Fate::Expired => old,
            Fate::Refused => large,
            Fate::Uncertain { .. } => old || large,
            _ => false,
        };
        assert!(reason, "{number} of the store is {fate}");
    }

    /// The link is gone, or its session was left, or the namespace in it.
    fn is_lost(&self, client: usize, at: usize, (link, partings): (Link, u32)) -> bool {
        let client = &self.clients[client];
        client.transport(link).is_none() || client.partings[at] != partings
    }

    fn is_too_old(&self, number: u64) -> bool {
        self.expires.get(&number).is_some_and(|expires| *expires <= self.now)
    }

    fn check_dropped(&self, client: usize, at: usize, emit: EmitId, emitted: &Emitted) {
        let Emitted { number, terms, fate, .. } = emitted;
        let newest = self.plan.policy == BufferPolicy::DropNewest;
        match (fate, terms.link) {
            // That it could not leave is reason enough.
            (None, None) if terms.volatile => {}
            (None, _) => {
                let full = newest && self.load(client, at, false).is_full(emitted.size);
                assert!(full, "{number} was dropped although there is room: {emitted:?}");
            }
            (Some(_), Some(link)) if terms.volatile => {
                let lost = self.is_lost(client, at, (link, terms.partings));
                assert!(lost, "{number} was dropped on {link}, which lives: {emitted:?}");
            }
            (Some(_), _) if terms.volatile => {}
            _ if self.is_replaced(client, at, emit, emitted) => {}
            _ => {
                assert!(
                    self.makes_room(client, at),
                    "{number} was dropped although there is room: {emitted:?}"
                );
                let stored = at == 1 && self.disk.ever.contains(number);
                assert!(!stored, "{number} was dropped, and stands in the store: {emitted:?}");
                // One that took the place of another stands where that was.
                let older = |(other, of): &(EmitId, &Emitted)| *other < emit && !of.terms.coalesced;
                let others = self.may_make_room(client, at).filter(|_| !terms.coalesced);
                let oldest = !others.into_iter().flatten().any(|other| older(&other));
                assert!(oldest, "{number} was dropped, and is not the oldest: {emitted:?}");
            }
        }
    }

    /// What was heard last is that a newer one is held with the same key.
    fn is_replaced(&self, client: usize, at: usize, emit: EmitId, emitted: &Emitted) -> bool {
        let Client { told, emits, .. } = &self.clients[client];
        let newer = told[at].filter(|newer| *newer > emit).and_then(|newer| emits.get(&(at, newer)));
        emitted.terms.coalesced
            && newer.is_some_and(|newer| newer.terms.coalesced && newer.fate == Some(Fate::Held))
    }

    /// The next emit of which nothing was heard needs room.
    fn makes_room(&self, client: usize, at: usize) -> bool {
        let load = self.load(client, at, false);
        let emits = &self.clients[client].emits;
        let mut unheard = emits.iter().filter(|((of, _), emitted)| *of == at && emitted.fate.is_none());
        self.plan.policy == BufferPolicy::DropOldest
            && unheard.next().is_some_and(|(_, emitted)| load.is_full(emitted.size))
    }

    /// An emit is handed over: those before it stand in the queue no longer. What that makes of the room counts when all of it
    /// was heard.
    pub(crate) fn passes_by(&mut self, client: usize, number: u64) {
        let Client { emits, gone, .. } = &mut self.clients[client];
        let Some(((at, _), emitted)) = emits.iter().find(|(_, emitted)| emitted.number == number) else {
            return;
        };
        // One that took the place of another stands before later ones.
        if !emitted.terms.coalesced {
            let before = |of: &Emitted| of.lingers && of.number < number;
            gone.extend(emits.iter().filter(|((of, _), e)| of == at && before(e)).map(|(ticket, _)| *ticket));
        }
    }

    /// All of it was heard.
    pub(crate) fn note_heard(&mut self, client: usize) {
        let Client { emits, gone, answered, .. } = &mut self.clients[client];
        for ticket in gone.drain(..) {
            if let Some(emitted) = emits.get_mut(&ticket) {
                emitted.gone = true;
            }
        }
        for ticket in answered.drain(..) {
            if let Some(emitted) = emits.get_mut(&ticket) {
                emitted.gone |= emitted.fate == Some(Fate::Dropped);
            }
        }
    }
}
