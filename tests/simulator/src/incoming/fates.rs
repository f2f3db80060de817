//! Whether a fate of the client's emits has its reason, as in the world of emits: fates of one namespace are heard in the order
//! in which they came about, so that what was heard of it is what waited there then.

use socketio_client_core::{BufferPolicy, EmitError, EmitOptions, Fate, TransportId, TransportKind};

use super::ledger::{Emitted, Ledger};
use super::world::World;
use super::{NAMESPACES, SPACES};
use crate::fates::Load;
use crate::packet::Packet;

/// What is held of a namespace has so many bytes at most: the default.
const BYTES: usize = 16 << 20;

/// How an emit may end.
#[derive(Debug)]
pub(super) struct Terms {
    volatile: bool,
    coalesced: bool,
    too_large: bool,
    pub(super) size: usize,
    /// When it is too old to be sent.
    expires: Option<u64>,
    /// When nobody waits for its answer any longer, if it is sent once.
    deadline: Option<u64>,
    /// It could leave at once, as far as that is known.
    pub(super) leaves: bool,
    /// How often its namespace had been left, or its session had ended, when it was emitted.
    partings: u64,
}

/// What is known of room: all but what waits is as it was when everything had been heard.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// By namespace: emits that may wait, and the last of which something was heard.
    waiting: [Vec<usize>; SPACES],
    told: [Option<usize>; SPACES],
    /// Answers to the server's events that may wait.
    answers: [usize; SPACES],
    /// Since then: those that stand in a queue no longer, and those that wait for no answer.
    gone: Vec<usize>,
    pub(super) settled: Vec<usize>,
    /// And so many answers have left, or never will.
    answers_gone: [usize; SPACES],
    /// The core may have changed, or has more in its queue, since its shell looked.
    pub(super) touched: bool,
    /// Something is being heard, and there may be more.
    pub(super) hearing: bool,
    /// The session has ended: of the next one no answer waits.
    closed: bool,
    /// By namespace: how often it was left, or its session ended.
    pub(super) partings: [u64; SPACES],
}

impl Terms {
    pub(super) fn new(
        world: &World,
        space: usize,
        options: &EmitOptions<'_>,
        again: bool,
        size: usize,
    ) -> Self {
        let after = |time: std::time::Duration| world.now + time.as_millis() as u64;
        Self {
            volatile: options.volatile,
            coalesced: options.coalesce.is_some() && !options.volatile,
            too_large: size >= super::engine::MAX_PAYLOAD,
            size,
            expires: options.max_age.map(after),
            deadline: options.timeout.filter(|_| options.ack && !again).map(after),
            leaves: options.volatile && world.leaves_at_once(space),
            partings: world.ledger.room.partings[space],
        }
    }

    fn is_over(&self, now: u64) -> bool {
        self.expires.into_iter().chain(self.deadline).any(|time| time <= now)
    }
}

impl Emitted {
    fn count(&self, load: &mut Load) {
        match self.fate {
            Some(Fate::Held) => load.add(1, self.terms.size),
            Some(Fate::InFlight { .. }) if self.again => load.add(1, self.terms.size),
            // Its answer is awaited, also as if it had left.
            Some(Fate::InFlight { .. }) => load.add(usize::from(self.asks && !self.settled), 0),
            Some(Fate::Dropped) if self.quiet && self.asks => load.add(usize::from(!self.settled), 0),
            Some(_) if self.lingers && !self.gone => load.add(1, self.terms.size),
            _ => {}
        }
    }

    fn counts(&self) -> bool {
        let mut load = Load::default();
        self.count(&mut load);
        load.count > 0 || !self.fate.is_some_and(Fate::is_final)
    }
}

impl Ledger {
    /// By what was heard; with what was `unheard`, as much as there may be.
    fn load(&mut self, space: usize, unheard: bool) -> Load {
        let Self { emits, room, .. } = self;
        room.waiting[space].retain(|number| emits[*number].counts());
        let mut load = Load::default();
        load.add(room.answers[space], 0);
        for emitted in room.waiting[space].iter().map(|number| &emits[*number]) {
            if emitted.fate.is_some() {
                emitted.count(&mut load);
            } else if unheard {
                load.add(1, emitted.terms.size);
            }
        }
        load
    }

    pub(super) fn waits(&mut self, space: usize, number: usize) {
        self.room.waiting[space].push(number);
        self.room.touched = true;
    }

    /// A packet is handed over, on this transport.
    pub(super) fn passes(&mut self, transport: TransportId, number: usize) {
        let Self { emits, room, .. } = self;
        let Emitted { space, .. } = emits[number];
        emits[number].carried = Some((transport, room.partings[space]));
        // One that took the place of another stands before later ones.
        let all = !emits[number].terms.coalesced;
        let passed = |of: &&usize| **of == number || (all && **of < number);
        room.gone.extend(room.waiting[space].iter().filter(passed).filter(|of| emits[**of].lingers));
    }

    /// An answer to an event waits for its turn, or leaves.
    pub(super) const fn answers(&mut self, space: usize) {
        self.room.answers[space] += 1;
        self.room.touched = true;
    }

    pub(super) fn answer_passes(&mut self, packet: &Packet<'_>) {
        let space = NAMESPACES.iter().position(|name| *name == packet.namespace);
        let space = space.expect("a namespace that there is");
        self.room.answers_gone[space] += 1;
    }

    /// The session has ended, of all namespaces; or one was left.
    pub(super) fn parted(&mut self, space: Option<usize>) {
        match space {
            Some(space) => self.room.partings[space] += 1,
            None => {
                self.room.closed = true;
                self.room.partings.iter_mut().for_each(|partings| *partings += 1);
            }
        }
    }

    /// A namespace has joined: whatever waited on a session before is gone.
    pub(super) fn joined(&mut self) {
        if std::mem::take(&mut self.room.closed) {
            self.room.answers_gone = self.room.answers;
        }
    }

    /// All of it was heard.
    pub(super) fn all_heard(&mut self) {
        let Self { emits, room, .. } = self;
        room.hearing = false;
        room.gone.drain(..).for_each(|number| emits[number].gone = true);
        room.settled.drain(..).for_each(|number| emits[number].settled = true);
        for (answers, gone) in room.answers.iter_mut().zip(&mut room.answers_gone) {
            *answers = answers.saturating_sub(std::mem::take(gone));
        }
    }
}

impl World {
    fn is_full(&mut self, space: usize, size: usize, unheard: bool) -> bool {
        self.ledger.load(space, unheard).exceeds(size, (self.plan.held, BYTES))
    }

    /// Whether an emit leaves at once, if that is certain: over a WebSocket, where nothing stands before it, nothing has changed
    /// that was not heard, and no namespace is left.
    fn leaves_at_once(&self, space: usize) -> bool {
        let (interval, patience) = self.plan.heartbeat;
        let room = &self.ledger.room;
        let waits = |number: &usize| self.ledger.emits[*number].fate == Some(Fate::Held);
        self.plan.late == 0
            && !room.touched
            && !room.hearing
            && self.plan.transports == [TransportKind::WebSocket]
            && self.laws[space].joined.is_some()
            && self.laws.iter().all(|law| !law.left)
            && self.now < self.shell.lived + interval + patience
            && !room.waiting[space].iter().any(waits)
    }

    /// What was refused at once finds no room, or is too large.
    pub(super) fn check_refused(&mut self, number: usize, error: &EmitError) {
        let Emitted { space, ref terms, .. } = self.ledger.emits[number];
        let (size, too_large) = (terms.size, terms.too_large);
        match error {
            EmitError::TooLarge { .. } => assert!(too_large, "{number} is not too large"),
            EmitError::BufferFull { .. } => {
                let full = self.is_full(space, size, true);
                assert!(full, "{number} was refused although there is room");
                assert!(self.plan.policy != BufferPolicy::DropNewest, "{number} was refused, not dropped");
            }
            other => panic!("{number} was refused: {other}"),
        }
    }

    /// Before it is noted.
    pub(super) fn check_reason(&mut self, number: usize, fate: Fate) {
        let emitted = &self.ledger.emits[number];
        let (space, terms) = (emitted.space, &emitted.terms);
        match fate {
            Fate::Refused => assert!(terms.too_large, "{number} was refused: {emitted:?}"),
            Fate::Expired => assert!(terms.is_over(self.now), "{number} was not too old: {emitted:?}"),
            Fate::Dropped => self.check_dropped(number),
            Fate::Uncertain { .. } if emitted.again => {
                // Its time counts only where it is held.
                let old = emitted.fate == Some(Fate::Held) && terms.is_over(self.now);
                assert!(emitted.unwanted || old, "{number} was given up: {emitted:?}");
            }
            Fate::Uncertain { .. } => {
                // One that was not handed over was left behind with its namespace, which is looked at elsewhere. A session that
                // polled may live on over a WebSocket.
                let lost = emitted.carried.is_none_or(|(transport, partings)| {
                    self.shell.session.ended.contains(&transport)
                        || partings != self.ledger.room.partings[space]
                });
                let late = terms.deadline.is_some_and(|deadline| deadline <= self.now);
                let unwanted = emitted.unwanted && emitted.asks;
                assert!(lost || late || unwanted, "{number} is uncertain, on what lives: {emitted:?}");
            }
            _ => {}
        }
        let emitted = &mut self.ledger.emits[number];
        // It may stand in the queue all the same, and even leave.
        let queued = emitted.asks && !emitted.again && emitted.fate == Some(Fate::Held);
        emitted.lingers = queued && matches!(fate, Fate::Expired | Fate::Uncertain { .. });
        self.ledger.room.told[space] = Some(number);
    }

    /// It found no room, or made room, or made way; or it could not leave, and is not to be held.
    fn check_dropped(&mut self, number: usize) {
        let emitted = &self.ledger.emits[number];
        let (space, terms, size) = (emitted.space, &emitted.terms, emitted.terms.size);
        let parted = terms.partings != self.ledger.room.partings[space];
        let (newest, oldest) = (BufferPolicy::DropNewest, BufferPolicy::DropOldest);
        let reason = match emitted.fate {
            None if terms.volatile && !terms.leaves => true,
            None => self.plan.policy == newest && self.is_full(space, size, false),
            Some(_) if terms.volatile => parted,
            Some(_) if self.is_replaced(number) => true,
            Some(_) => self.plan.policy == oldest && self.makes_room(space),
        };
        assert!(reason, "{number} was dropped without need: {:?}", self.ledger.emits[number]);
    }

    /// What was heard last is that a newer one is held with the same key.
    fn is_replaced(&self, number: usize) -> bool {
        let Ledger { emits, room, .. } = &self.ledger;
        let newer = room.told[emits[number].space].filter(|newer| *newer > number);
        let holds = |newer: usize| emits[newer].terms.coalesced && emits[newer].fate == Some(Fate::Held);
        emits[number].terms.coalesced && newer.is_some_and(holds)
    }

    /// The next emit of which nothing was heard needs room.
    fn makes_room(&mut self, space: usize) -> bool {
        let load = self.ledger.load(space, false);
        let Ledger { emits, room, .. } = &self.ledger;
        let mut unheard = room.waiting[space].iter().filter(|number| emits[**number].fate.is_none());
        unheard.next().is_some_and(|number| load.exceeds(emits[*number].terms.size, (self.plan.held, BYTES)))
    }
}
