//! Attempts of the emits in an outbox.

use alloc::vec::Vec;
use core::time::Duration;

use super::{FIRST_ORDER, Kept, Step};
use crate::acks::Acks;
use crate::config::Config;
use crate::event::EmitId;
use crate::fate::Fate;
use crate::outbox::{Emit, Outbox};
use crate::rng::Rng;
use crate::time::Instant;

/// What an attempt that was not answered in time leads to.
pub(crate) enum TimedOut<P> {
    /// It was the last one.
    GaveUp(Emit<P>),
    /// Another one follows.
    Again,
    /// With the server's middleware another attempt on a connection that lives is for nothing: it is to be proven that it
    /// does, or ended.
    Probe { key: u64, timeout: Option<Duration> },
}
impl<P> Outbox<P> {
    /// Whether emits are sent again until they are acknowledged.
    pub(crate) const fn retries(&self) -> bool {
        self.retries.is_some()
    }

    /// Gives the emit its place in the order of those that are sent again.
    pub(crate) fn line_up(&mut self, emit: &mut Emit<P>) {
        if let (Some(retries), Some(reliable)) = (&mut self.retries, emit.reliable_mut()) {
            reliable.order = retries.orders;
            retries.orders += 1;
        }
    }

    /// The next emit that gets its key now; the store wants it.
    pub(crate) fn give_key(&mut self, acks: &mut Acks) -> Option<&Emit<P>> {
        let retries = self.retries.as_mut().filter(|retries| retries.keys())?;
        while let Some(emit) = self.held.get(retries.keyed) {
            let Some(reliable) = emit.reliable() else { break };
            if reliable.key.is_none() && !retries.allows(acks.next()) {
                return None;
            }
            retries.keyed += 1;
            let at = retries.keyed - 1;
            let Some(reliable) = self.held.get_mut(at).and_then(Emit::reliable_mut) else { break };
            reliable.key.get_or_insert_with(|| acks.skip());
            if retries.store.is_some() && reliable.kept == Kept::No {
                reliable.kept = Kept::Asked;
                return self.held.get(at);
            }
        }
        None
    }

    /// The lowest key of an emit that is not settled.
    pub(crate) fn lowest_key(&self) -> Option<u64> {
        let held = self.held.iter().filter_map(|emit| emit.reliable()?.key).min();
        let given = self.retries.as_ref().and_then(|retries| retries.store).and_then(|store| store.given());
        held.into_iter().chain(given).min()
    }

    /// Whether an answer to the question of the store is awaited for an emit with this key.
    pub(crate) fn with_key(&mut self, key: u64) -> Option<&mut Emit<P>> {
        // Those in front have keys, which rise.
        let of = |emit: &Emit<P>| emit.reliable().and_then(|reliable| reliable.key);
        let at = self.held.partition_point(|emit| of(emit).is_some_and(|other| other < key));
        self.held.get_mut(at).filter(|emit| of(emit) == Some(key))
    }

    /// The newest emit that waits for a key.
    pub(crate) fn last_without_key(&self) -> Option<EmitId> {
        let emit = self.held.back()?;
        emit.reliable()?.key.is_none().then_some(emit.id)
    }

    /// There is no store after all: nothing waits for it.
    pub(crate) fn forget_store(&mut self) {
        for emit in &mut self.held {
            if let Some(reliable) = emit.reliable_mut() {
                reliable.kept = Kept::No;
            }
        }
    }

    /// Emits of an earlier process come before all others.
    pub(crate) fn restore(&mut self, emits: Vec<Emit<P>>, first: u64) {
        let count = emits.len();
        let first_order = FIRST_ORDER - count as u64;
        for (mut emit, at) in emits.into_iter().rev().zip((0..count as u64).rev()) {
            emit.id = EmitId(first + at);
            if let Some(reliable) = emit.reliable_mut() {
                reliable.order = first_order + at;
            }
            self.restore_first(emit);
        }
        if let Some(retries) = &mut self.retries {
            retries.keyed += count;
        }
    }

    /// The emit whose attempt is to be queued next.
    pub(crate) fn next_attempt(&mut self, now: Instant) -> Option<&Emit<P>> {
        while let Some(id) = self.retries.as_mut()?.pauses.due_emit(now) {
            if let Some(at) = self.position(id)
                && self.held.get(at)?.reliable()?.step == Step::Pausing
            {
                return self.held.get(at);
            }
        }
        let retries = self.retries.as_ref()?;
        let emit = self.held.get(retries.handed_out)?;
        let reliable = emit.reliable()?;
        let oldest = self.held.front()?.reliable()?.order;
        if reliable.order - oldest >= retries.window || (retries.keys() && reliable.key.is_none()) {
            return None;
        }
        if retries.store.is_some_and(|store| store.stored_first) && reliable.kept != Kept::Yes {
            return None;
        }
        Some(emit)
    }

    /// An attempt goes to the engine's queue.
    pub(crate) fn queue_attempt(&mut self, id: EmitId) {
        let Some(at) = self.position(id) else { return };
        if let Some(retries) = &mut self.retries {
            retries.handed_out = retries.handed_out.max(at + 1);
        }
        if let Some(reliable) = self.held.get_mut(at).and_then(Emit::reliable_mut) {
            reliable.step = Step::Queued;
        }
    }

    /// It comes back from there, because the connection has ended, or the namespace was left.
    pub(crate) fn take_attempt_back(&mut self, id: EmitId) {
        self.step(id, Step::Held);
        self.expect_again(id);
    }

    fn step(&mut self, id: EmitId, step: Step) {
        if let Some(reliable) = self.get_mut(id).and_then(Emit::reliable_mut) {
            reliable.step = step;
        }
    }

    /// The attempt in the engine's queue is written, if it is still wanted.
    pub(crate) fn write_attempt(&mut self, id: EmitId, now: Instant) -> Option<&mut Emit<P>> {
        let at = self.position(id)?;
        let reliable = self.held.get_mut(at)?.reliable_mut()?;
        if reliable.step != Step::Queued {
            return None;
        }
        reliable.step = Step::InFlight;
        reliable.attempts = reliable.attempts.saturating_add(1);
        reliable.last_sent = Some(now);
        let attempt = reliable.attempts;
        self.fates.note(id, Fate::InFlight { attempt });
        self.held.get_mut(at)
    }

    /// The attempt that was written provably never left, and is in the engine's queue again. False if it is settled.
    pub(crate) fn unwrite_attempt(&mut self, id: EmitId) -> bool {
        let Some(reliable) = self.get_mut(id).and_then(Emit::reliable_mut) else { return false };
        if reliable.step != Step::InFlight {
            return false;
        }
        reliable.attempts = reliable.attempts.saturating_sub(1);
        reliable.step = Step::Queued;
        self.fates.note(id, Fate::Held);
        true
    }

    /// No answers will come to attempts that were written. Returns the emits of which these were the last, in order; the
    /// others are sent again from the first on.
    pub(crate) fn attempts_failed(&mut self) -> Vec<Emit<P>> {
        let Some(retries) = &mut self.retries else { return Vec::new() };
        let (limit, handed_out) = (retries.limit, retries.handed_out);
        retries.pauses.clear();
        let mut given_up = Vec::new();
        for at in (0..handed_out.min(self.held.len())).rev() {
            let Some(reliable) = self.held.get_mut(at).and_then(Emit::reliable_mut) else { continue };
            match reliable.step {
                Step::InFlight | Step::Pausing if reliable.attempts > limit => given_up.extend(self.take(at)),
                Step::InFlight | Step::Pausing => {
                    reliable.step = Step::Held;
                    self.held_again(at);
                }
                Step::Queued | Step::Held => {}
            }
        }
        given_up.reverse();
        given_up
    }

    fn held_again(&mut self, at: usize) {
        let Some(id) = self.held.get(at).map(|emit| emit.id) else { return };
        self.fates.note(id, Fate::Held);
        self.expect_again(id);
    }

    /// The namespace is connected anew: all that was handed out is sent again, from the first on.
    pub(crate) fn restart(&mut self) {
        let Some(retries) = &mut self.retries else { return };
        if fault!(WindowNotReset) {
            return;
        }
        retries.pauses.clear();
        let handed_out = core::mem::take(&mut retries.handed_out);
        for emit in self.held.iter_mut().take(handed_out) {
            if let Some(reliable) = emit.reliable_mut() {
                reliable.step = Step::Held;
            }
        }
    }

    /// An attempt was not answered in time.
    pub(crate) fn attempt_timed_out(
        &mut self,
        id: EmitId,
        middleware: bool,
        now: Instant,
        config: &Config,
        rng: &mut Rng,
    ) -> Option<TimedOut<P>> {
        let at = self.position(id)?;
        let retries = self.retries.as_mut()?;
        let reliable = self.held.get_mut(at)?.reliable_mut()?;
        if reliable.step != Step::InFlight {
            return None;
        }
        if let Some(key) = reliable.key.filter(|_| middleware) {
            return Some(TimedOut::Probe { key, timeout: reliable.timeout });
        }
        if reliable.attempts > retries.limit {
            return self.take(at).map(TimedOut::GaveUp);
        }
        reliable.step = Step::Pausing;
        let pause = crate::backoff::retry_delay(reliable.attempts.saturating_sub(1), config, rng);
        retries.pauses.insert(now + pause, id.0);
        self.expect_again(id);
        Some(TimedOut::Again)
    }

    /// An attempt was answered.
    pub(crate) fn settle(&mut self, id: EmitId) -> Option<Emit<P>> {
        if !self.retries() {
            return None;
        }
        let at = self.position(id)?;
        self.take(at)
    }
}
