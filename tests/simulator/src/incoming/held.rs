//! Events to whose name nobody listens yet. The application adds its listener, and takes it away again, as it likes.

use bytes::Bytes;
use socketio_client_core::{AckId, HeldEvents, Marks, Saved, SavedSession, SocketId};

use super::NAMESPACES;
use super::world::World;
use crate::dice::Dice;

/// The name that not everybody listens to all the time.
const LATE: &str = "late";
/// Its chance is its own.
const CHANCE: u32 = u32::MAX;
/// It has more room than events come: nothing is dropped.
const ROOM: usize = 1_000_000;

/// What waits in the shell, and how far that lets come what is stored.
#[derive(Debug)]
pub(super) struct Holding {
    events: HeldEvents<(u64, Option<AckId>)>,
    marks: Marks,
    dice: Dice,
    /// Until when it is as it is, and whether it listens.
    turns: u64,
    listens: bool,
}

impl Holding {
    pub(super) fn new(seed: u64) -> Self {
        let events = HeldEvents::new(vec![LATE.into()], ROOM);
        Self { events, marks: Marks::default(), dice: Dice::of(seed, CHANCE), turns: 0, listens: true }
    }

    /// Another process has none of what waits.
    pub(super) fn ended(&mut self) {
        self.events = HeldEvents::new(vec![LATE.into()], ROOM);
        self.marks = Marks::default();
    }

    pub(super) fn waits(&self, socket: SocketId) -> bool {
        self.events.waiting().any(|waiting| waiting == socket)
    }

    pub(super) fn restored(&mut self, socket: SocketId, session: &SavedSession) {
        self.marks.store(socket, Saved::Session(session.clone()), false);
    }

    /// The core asks for it: events that came with it are on their way.
    pub(super) fn asked(&mut self, socket: SocketId, saved: Saved) -> Saved {
        self.marks.store(socket, saved, true)
    }

    /// After all that has come was heard.
    pub(super) fn heard(&mut self, socket: SocketId, session: SavedSession) -> Saved {
        let waits = self.waits(socket);
        self.marks.store(socket, Saved::Session(session), waits)
    }

    pub(super) fn joined(&mut self, socket: SocketId) {
        self.events.join(socket);
    }
}

impl World {
    /// One event in three has that name.
    pub(super) const fn is_late(&self, number: u64) -> bool {
        self.plan.holds && number.is_multiple_of(3)
    }

    /// The listener comes or goes; for one that is there nothing waits.
    pub(super) fn listen(&mut self) {
        let Holding { dice, turns, listens, .. } = &mut self.holding;
        if *turns <= self.now {
            *listens = !*listens;
            *turns = self.now + 1 + dice.roll(600_000);
        }
        *listens |= self.now >= self.plan.wild;
        let listens = *listens;
        while let Some((socket, (number, ack))) = self.holding.events.next(|_, _| listens) {
            self.told(socket.number() as usize, number);
            self.answer(ack);
        }
    }

    /// The namespace was left.
    pub(super) fn leave(&mut self, socket: SocketId) {
        let law = &mut self.laws[socket.number() as usize];
        while let Some((_, (number, _))) = self.holding.events.next(|of, _| of == socket) {
            law.thrown_away(number);
        }
        self.holding.events.leave(socket);
    }

    /// An event has come, which may have to wait.
    pub(super) fn came(&mut self, socket: SocketId, number: u64, attachments: &[Bytes], ack: Option<AckId>) {
        let space = socket.number() as usize;
        self.arrived(space, number, attachments);
        if !self.is_late(number) || self.holding.listens {
            self.told(space, number);
            return self.answer(ack);
        }
        let now = self.instant();
        if self.holding.events.hold(socket, LATE, (number, ack), 1, now) {
            self.figures.count("held");
        } else {
            self.laws[space].thrown_away(number);
        }
        assert_eq!(self.holding.events.next_gap(), None, "dropped in {}", NAMESPACES[space]);
    }
}
