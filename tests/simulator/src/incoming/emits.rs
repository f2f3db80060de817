//! What the application emits, and when.

use std::time::Duration;

use bytes::Bytes;
use socketio_client_core::codec::Payload;
use socketio_client_core::{EmitOptions, Fate};

use super::NAMESPACES;
use super::engine::MAX_PAYLOAD;
use super::fates::Terms;
use super::ledger::Emitted;
use super::world::World;
use crate::client::{number, words};
use crate::packet::attachment;

/// Three of them fit into a POST, and of these none.
const LARGE: usize = MAX_PAYLOAD / 3 - 1000;
const TOO_LARGE: usize = MAX_PAYLOAD;

impl World {
    /// Several at once; what `waits` is held if it cannot leave.
    pub(super) fn emit_some(&mut self, space: usize, waits: bool, count: u64) {
        for _ in 0..count {
            let options = EmitOptions { volatile: !waits, ..EmitOptions::default() };
            if self.plan.judged {
                self.emit_one(space, options);
            } else {
                let payload = Payload::event("up", &1).unwrap();
                let _ = self.manager.emit(self.sockets[space], payload, options, self.instant());
            }
        }
    }

    /// Where something has just changed: that is when most is on its way, or held.
    pub(super) fn emit_at_once(&mut self, space: usize) {
        if !self.plan.judged || !self.dice.one_in(3) || self.over {
            return;
        }
        let count = 1 + self.dice.roll(6);
        let waits = !self.dice.one_in(4);
        self.emit_some(space, waits, count);
        if self.plan.late > 0 {
            self.wake_shell();
        }
    }

    fn emit_one(&mut self, space: usize, options: EmitOptions<'_>) {
        let dice = &mut self.dice;
        let again = self.plan.window.is_some() && space == 0 && !options.volatile;
        let options = EmitOptions {
            ack: dice.one_in(3),
            timeout: dice.one_in(6).then(|| Duration::from_millis(dice.roll(5000))),
            quiet_drop: dice.one_in(2),
            max_age: dice.one_in(8).then(|| Duration::from_millis(dice.roll(5000))),
            coalesce: dice.one_in(10).then_some("key"),
            ..options
        };
        let options = if again { EmitOptions { coalesce: None, timeout: None, ..options } } else { options };
        let of = self.ledger.emits.len();
        let payload = match self.dice.roll(120) {
            0 => Payload::event("call", &(of, "x".repeat(TOO_LARGE))).unwrap(),
            1..=2 => Payload::event("call", &(of, "x".repeat(LARGE))).unwrap(),
            3..=15 => Payload::event("call", &(of, Bytes::from(attachment(of as u64)))).unwrap(),
            _ => Payload::event("call", &of).unwrap(),
        };
        self.journal.action(self.now, || format!("emits {of} to {} {}", NAMESPACES[space], words(&options)));
        self.figures.count("emits");
        let terms = Terms::new(self, space, &options, again, payload.size());
        self.figures.add("volatile and must leave", u64::from(terms.leaves));
        self.ledger.emits.push(Emitted::new(space, &options, again, terms));
        match self.manager.emit(self.sockets[space], payload, options, self.instant()) {
            Ok(emit) => self.ledger.accepted((space, emit), of),
            Err(refused) => {
                assert_eq!(number(&refused.payload), of as u64, "{of} came back as another one");
                self.figures.count("emits refused at once");
                self.check_refused(of, &refused.error);
                let emitted = &mut self.ledger.emits[of];
                (emitted.asks, emitted.fate) = (false, Some(Fate::Refused));
            }
        }
        if self.dice.one_in(20) {
            self.cancel_one(space);
        }
    }

    /// One of the last, wherever it is; or nobody waits for its answer any longer.
    fn cancel_one(&mut self, space: usize) {
        let back = self.dice.roll(20) as usize;
        let Some((emit, of)) = self.ledger.last_tickets(space).nth(back) else { return };
        if self.dice.one_in(3) {
            self.manager.forget_ack(self.sockets[space], emit);
            self.journal.action(self.now, || format!("forgets the ack of {of}"));
            self.ledger.emits[of].forgotten = true;
            self.ledger.room.settled.push(of);
            return;
        }
        let cancelled = self.manager.cancel(self.sockets[space], emit);
        self.journal.action(self.now, || format!("cancels {of}: {cancelled}"));
        self.ledger.emits[of].cancelled |= cancelled;
        self.ledger.emits[of].unwanted = true;
    }
}
