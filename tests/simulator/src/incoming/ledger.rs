//! What the client emits, and what must be true of it:
//!
//! - an emit that was accepted has one end, and one answer if it asked for one, which fits that end; in the calm at last it has
//!   had both. A process that is killed takes its emits with it;
//! - a server has read what is delivered, and run what is acknowledged; what is said never to have left was not even handed
//!   to a transport, and what is uncertain was;
//! - each of these ends has its reason (`fates.rs`);
//! - nothing is sent twice, nor read twice, and of a namespace all is read in the order in which it was emitted; where emits are
//!   sent again until they are answered, each session reads them so, but for what was read before.
//!
//! An emit that does not wait for others has no place in that order: a volatile one, and one that takes the place of another.
//! And connections have no order among each other: what is still on its way over one that the client has given up may come after
//! what it has sent over the next, as where a server was stopped that goes on when the client has gone to another one. Such an
//! emit ends as uncertain.

use std::collections::BTreeMap;

use socketio_client_core::codec::Payload;
use socketio_client_core::{AckError, EmitId, EmitOptions, Fate, TransportId};

use super::engine::{Call, called};
use super::fates::{Room, Terms};
use super::world::World;
use super::{NAMESPACES, SPACES};
use crate::client::number;
use crate::laws::of_fate;
use crate::packet::{Packet, attachment};

/// By namespace.
pub(super) type Ticket = (usize, EmitId);

#[derive(Debug)]
pub(super) struct Emitted {
    pub(super) space: usize,
    /// It does not wait for others.
    pub(super) passes: bool,
    pub(super) asks: bool,
    /// It is sent again until it is answered.
    pub(super) again: bool,
    /// Even so the application wants it no more.
    pub(super) unwanted: bool,
    /// If it is dropped, its answer is awaited all the same.
    pub(super) quiet: bool,
    pub(super) cancelled: bool,
    /// Nobody waits for its answer any longer.
    pub(super) forgotten: bool,
    pub(super) fate: Option<Fate>,
    answer: Option<Result<(), AckError>>,
    /// Its process is gone.
    orphaned: bool,
    /// It was handed to a transport.
    handed: bool,
    /// Perhaps it never left.
    came_back: bool,
    /// A server has read it, and has run its listener.
    read: bool,
    ran: bool,
    /// It was read after one that was emitted later.
    overtaken: bool,
    pub(super) terms: Terms,
    /// The transport that it was handed to last, and how often its namespace had been left then, or its session had ended.
    pub(super) carried: Option<(TransportId, u64)>,
    /// It has ended, and stands in the queue all the same; until it is gone from there.
    pub(super) lingers: bool,
    pub(super) gone: bool,
    /// Its answer takes no room.
    pub(super) settled: bool,
}

impl Emitted {
    pub(super) const fn new(space: usize, options: &EmitOptions<'_>, again: bool, terms: Terms) -> Self {
        Self {
            space,
            passes: options.volatile || options.coalesce.is_some(),
            asks: options.ack || again,
            again,
            unwanted: false,
            quiet: options.quiet_drop,
            cancelled: false,
            forgotten: false,
            fate: None,
            answer: None,
            orphaned: false,
            handed: false,
            came_back: false,
            read: false,
            ran: false,
            overtaken: false,
            terms,
            carried: None,
            lingers: false,
            gone: false,
            settled: false,
        }
    }

    /// It is said never to have left.
    const fn stayed(&self) -> bool {
        matches!(self.fate, Some(Fate::Refused | Fate::Expired | Fate::Dropped | Fate::Cancelled))
    }

    fn is_over(&self) -> bool {
        let waits = self.asks && !self.forgotten && self.answer.is_none();
        self.fate.is_some_and(|fate| fate.is_final() && (!waits || (self.quiet && fate == Fate::Dropped)))
    }

    /// Whether its answer, if it has one, fits its end.
    fn fits(&self) -> bool {
        let Some(fate) = self.fate else { return false };
        let uncertain = matches!(fate, Fate::Uncertain { .. });
        match &self.answer {
            Some(Ok(())) => fate == Fate::Acknowledged,
            Some(Err(AckError::Disconnected)) => uncertain || fate == Fate::Dropped,
            Some(Err(AckError::Timeout)) => uncertain || matches!(fate, Fate::Expired | Fate::Dropped),
            Some(Err(AckError::Cancelled)) => uncertain || matches!(fate, Fate::Cancelled | Fate::Dropped),
            Some(Err(AckError::Dropped)) => fate == Fate::Dropped,
            Some(Err(_)) => self.stayed(),
            None => fate != Fate::Acknowledged,
        }
    }
}

/// All that was emitted, by number.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) emits: Vec<Emitted>,
    /// Of the process that lives.
    tickets: BTreeMap<Ticket, usize>,
    /// The newest that was read: of all, and in each session.
    newest: [Option<u64>; SPACES],
    in_session: BTreeMap<(u32, usize), u64>,
    pub(super) room: Room,
}

impl Ledger {
    pub(super) fn accepted(&mut self, ticket: Ticket, number: usize) {
        assert!(self.tickets.insert(ticket, number).is_none(), "{ticket:?} twice");
        self.waits(ticket.0, number);
    }

    /// The last ones of the process that lives.
    pub(super) fn last_tickets(&self, space: usize) -> impl Iterator<Item = (EmitId, usize)> {
        let from = (space, EmitId::from_number(0));
        let to = (space, EmitId::from_number(u64::MAX));
        self.tickets.range(from..=to).rev().map(|((_, emit), number)| (*emit, *number))
    }

    pub(super) fn is_over(&self) -> bool {
        self.emits.iter().all(|emitted| emitted.orphaned || emitted.is_over())
    }

    fn of(&mut self, ticket: Ticket) -> (usize, &mut Emitted) {
        let number = *self.tickets.get(&ticket).unwrap_or_else(|| panic!("{ticket:?} was never given"));
        (number, &mut self.emits[number])
    }

    /// Its process is gone.
    pub(super) fn ended(&mut self) {
        self.room = Room::default();
        for number in std::mem::take(&mut self.tickets).into_values() {
            let emitted = &mut self.emits[number];
            emitted.orphaned = !emitted.is_over();
        }
    }

    /// A packet leaves.
    pub(super) fn handed_over(&mut self, transport: TransportId, text: &str) {
        let Some(packet) = Packet::of(text) else { return };
        if matches!(packet.kind, "3" | "6") {
            return self.answer_passes(&packet);
        }
        let Some(number) = called(packet.data).filter(|_| packet.is_event()) else { return };
        self.passes(transport, number as usize);
        let emitted = &mut self.emits[number as usize];
        let before = std::mem::replace(&mut emitted.handed, true);
        emitted.came_back = false;
        assert!(!before || emitted.again, "{number} is sent again: {emitted:?}");
        assert!(!emitted.stayed(), "{number} is sent: {emitted:?}");
    }

    fn read(&mut self, Call { session, space, number }: Call) {
        let emitted = &mut self.emits[number as usize];
        assert_eq!(emitted.space, space, "{number} came to another namespace");
        let before = std::mem::replace(&mut emitted.read, true);
        assert!(!before || emitted.again, "{number} of {} was read twice", NAMESPACES[space]);
        if emitted.passes || before {
            return;
        }
        emitted.overtaken = !emitted.again && self.newest[space].is_some_and(|newest| newest > number);
        self.newest[space] = self.newest[space].max(Some(number));
        let before = self.in_session.insert((session, space), number);
        let in_order = before.is_none_or(|before| before < number);
        assert!(in_order, "{number} of {} was read after {before:?}", NAMESPACES[space]);
    }
}

impl World {
    /// What servers have read meanwhile.
    pub(super) fn note_read(&mut self) {
        for node in &mut self.nodes {
            node.server.read.drain(..).for_each(|call| self.ledger.read(call));
            for call in node.server.ran.drain(..) {
                self.ledger.emits[call.number as usize].ran = true;
            }
        }
    }

    /// What became of an emit is told.
    pub(super) fn settled(&mut self, ticket: Ticket, fate: Fate, payload: Option<&Payload>) {
        let (of, _) = self.ledger.of(ticket);
        self.check_reason(of, fate);
        let (_, emitted) = self.ledger.of(ticket);
        let before = emitted.fate.replace(fate);
        self.coverage.fate(before, fate);
        self.figures.add("emits sent again", u64::from(matches!(fate, Fate::InFlight { attempt: 2.. })));
        if fate == Fate::Held && before.is_some() {
            assert!(
                emitted.again || (!emitted.read && self.plan.tells_unsent),
                "{of} came back: {emitted:?}"
            );
            emitted.came_back = self.plan.tells_unsent;
            emitted.handed &= emitted.again;
            self.figures.count("emits that came back");
        }
        assert!(!before.is_some_and(Fate::is_final), "{of}, {emitted:?}, had an end: {before:?}");
        assert!(fate != Fate::Delivered || emitted.read, "{of} was not delivered: {emitted:?}");
        assert!(fate != Fate::Acknowledged || emitted.ran, "{of} was not handled: {emitted:?}");
        let is_sent = matches!(fate, Fate::Uncertain { .. });
        let sent = emitted.handed && (emitted.read || !emitted.came_back);
        assert!(!emitted.stayed() || !sent, "{of} was sent: {emitted:?}");
        // For an answer nobody waits where the namespace is left, though the emit may still be about to leave.
        let left = emitted.asks && self.laws[ticket.0].left;
        assert!(!is_sent || emitted.handed || left, "{of} was not sent: {emitted:?}");
        assert!(!fate.is_final() || emitted.cancelled == (fate == Fate::Cancelled), "{of}: {emitted:?}");
        let back = payload.map(number);
        assert!(back.is_none_or(|back| back == of as u64), "{back:?} came back for {of}");
        assert!(fate != Fate::Refused || back.is_some(), "{of} did not come back");
        if fate.is_final() {
            self.figures.count(of_fate(fate));
        }
    }

    /// It is answered, or never will be.
    pub(super) fn answered(&mut self, ticket: Ticket, result: Result<Payload, AckError>) {
        let (of, emitted) = self.ledger.of(ticket);
        assert!(emitted.asks, "{of} did not ask");
        let result = result.map(|answer| {
            let bytes = answer.attachments();
            let is_whole = bytes.is_empty() || bytes == [attachment(of as u64)];
            assert!(number(&answer) == of as u64 && is_whole, "{of} was answered with {}", answer.json());
        });
        let before = emitted.answer.replace(result);
        assert!(before.is_none(), "{of}, {emitted:?}, was answered: {before:?}");
        self.ledger.room.settled.push(of);
    }

    /// Everything has come to its end.
    pub(super) fn check_ledger(&mut self) {
        let ledger = &self.ledger;
        for (number, emitted) in ledger.emits.iter().enumerate().filter(|(_, emitted)| !emitted.orphaned) {
            assert!(emitted.is_over(), "{number} has no end: {emitted:?}");
            assert!(emitted.fits(), "the answer to {number} does not fit its end: {emitted:?}");
            let uncertain = matches!(emitted.fate, Some(Fate::Uncertain { .. }));
            assert!(!emitted.overtaken || uncertain, "{number} was read out of order: {emitted:?}");
            self.figures.add("emits read out of order", u64::from(emitted.overtaken));
        }
    }
}
