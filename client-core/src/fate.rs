//! What became of emits.

use alloc::collections::VecDeque;
use core::fmt;

use crate::event::EmitId;
use crate::queue::Pairs;
use crate::time::Instant;

/// What is known of one emit. Each ends in one final fate.
///
/// ```
/// use socketio_client_core::Fate;
///
/// assert!(!Fate::InFlight { attempt: 1 }.is_final());
/// assert_eq!(Fate::Delivered.as_str(), "delivered");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// Ours alone: it was never handed to a transport, or came back because it provably never left.
    Held,
    /// Handed to a transport: the server may or may not have it.
    InFlight {
        /// Counted from 1.
        attempt: u32,
    },
    /// The server has read it. Whether a listener handled it is not known: only an ack tells.
    Delivered,
    /// The server's listener answered.
    Acknowledged,
    /// Not accepted: no room, too large, not encodable, or not storable. Certainly never sent.
    Refused,
    /// Its time passed while it was held. Certainly never sent.
    Expired,
    /// Removed to make room, replaced by a newer one, or volatile while it could not be sent. Certainly never sent.
    Dropped,
    /// Cancelled by the application while it was held. Certainly never sent.
    Cancelled,
    /// It was sent at least once, or was about to be when its namespace was left, and no answer will come: the server may or may
    /// not have it.
    Uncertain {
        /// How often it was sent.
        attempts: u32,
        /// When it was last sent, where that was noted: for emits that are sent again until they are acknowledged.
        last_sent: Option<Instant>,
        /// Its ack id, by which the server knows it again, with
        /// [`SocketOptions::exactly_once`](crate::SocketOptions::exactly_once).
        key: Option<u64>,
    },
}

impl Fate {
    /// Whether it stays so.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Held | Self::InFlight { .. })
    }

    /// The fate's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::InFlight { .. } => "inFlight",
            Self::Delivered => "delivered",
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Dropped => "dropped",
            Self::Cancelled => "cancelled",
            Self::Uncertain { .. } => "uncertain",
        }
    }

    /// Of an emit that is sent once.
    pub(crate) const UNCERTAIN: Self = Self::Uncertain { attempts: 1, last_sent: None, key: None };
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fate that somebody wants to hear of.
#[derive(Debug)]
pub(crate) struct Change<P> {
    pub(crate) emit: EmitId,
    pub(crate) fate: Fate,
    /// What was never sent.
    pub(crate) payload: Option<P>,
}

/// Fates that are remembered one by one, and connections that left some uncertain.
const REMEMBERED: usize = 4096;
const RANGES: usize = 64;

/// The fates of one namespace's emits.
///
/// Those of emits without ack are watermarks, because order is kept: one comparison, whatever the number of emits. The
/// others are remembered one by one, up to a number.
#[derive(Debug)]
pub(crate) struct Fates<P> {
    /// All changes are told.
    observed: bool,
    /// Those of these are, beside which stands 0.
    watched: Pairs,
    /// Emits without ack of which somebody wants to hear and that wait for a receipt: place and ticket, in order of places.
    in_flight: Pairs,
    /// Final fates that no watermark tells, the last ones.
    settled: VecDeque<(EmitId, Fate)>,
    /// Of tickets below it nothing is known any more.
    floor: u64,
    /// The last that was handed to a transport.
    written: Option<EmitId>,
    /// The last that the receipt under way will cover.
    covered: Option<EmitId>,
    /// The last that is known to be with the server, or to be lost in uncertainty.
    judged: Option<EmitId>,
    /// From the first to the second: connections that ended before a receipt came.
    lost: Pairs,
    changes: VecDeque<Change<P>>,
}

impl<P> Default for Fates<P> {
    fn default() -> Self {
        Self {
            observed: false,
            watched: Pairs::default(),
            in_flight: Pairs::default(),
            settled: VecDeque::new(),
            floor: 0,
            written: None,
            covered: None,
            judged: None,
            lost: Pairs::default(),
            changes: VecDeque::new(),
        }
    }
}

impl<P> Fates<P> {
    /// Whether every change is told.
    pub(crate) const fn observe(&mut self, on: bool) {
        self.observed = on;
    }

    /// Changes of this emit are told, until it is settled.
    pub(crate) fn watch(&mut self, emit: EmitId) {
        if !self.watched.contains(emit.0, 0) {
            self.watched.insert(emit.0, 0);
        }
    }

    /// The emit is in flight as an emit without ack, and somebody begins to watch it.
    pub(crate) fn watch_in_flight(&mut self, emit: EmitId) {
        if !self.in_flight.contains(emit.0, emit.0) {
            self.in_flight.insert(emit.0, emit.0);
        }
    }

    #[inline]
    pub(crate) fn tells(&self, emit: EmitId) -> bool {
        self.observed || (self.may_watch(emit) && self.watched.contains(emit.0, 0))
    }

    /// Mostly nobody does, or what is watched is the newest.
    #[inline]
    fn may_watch(&self, emit: EmitId) -> bool {
        self.watched.front().is_some_and(|(first, _)| first <= emit.0)
    }

    /// What is to be told, in order.
    pub(crate) fn change(&mut self) -> Option<Change<P>> {
        self.changes.pop_front()
    }

    /// Not final.
    #[inline]
    pub(crate) fn note(&mut self, emit: EmitId, fate: Fate) {
        if self.tells(emit) {
            self.changes.push_back(Change { emit, fate, payload: None });
        }
    }

    /// Final, and told by no watermark.
    pub(crate) fn settle(&mut self, emit: EmitId, fate: Fate, payload: Option<P>) {
        if self.settled.len() == REMEMBERED
            && let Some((EmitId(oldest), _)) = self.settled.pop_front()
        {
            self.floor = self.floor.max(oldest + 1);
        }
        self.settled.push_back((emit, fate));
        self.tell_final(emit, fate, payload);
    }

    fn tell_final(&mut self, emit: EmitId, fate: Fate, payload: Option<P>) {
        let watched = self.may_watch(emit) && self.watched.remove(emit.0, 0);
        if self.observed || watched {
            self.changes.push_back(Change { emit, fate, payload });
        }
    }

    /// An emit is handed to a transport. One without ack waits for a receipt from now on.
    #[inline]
    pub(crate) fn wrote(&mut self, place: EmitId, emit: EmitId, plain: bool, settled: bool) {
        self.written = self.written.max(Some(place));
        if settled || (!self.tells(emit) && place == emit) {
            return;
        }
        self.note(emit, Fate::InFlight { attempt: 1 });
        if plain {
            self.in_flight.insert(place.0, emit.0);
        }
    }

    /// The last that was handed to a transport.
    pub(crate) const fn written(&self) -> Option<EmitId> {
        self.written
    }

    /// Whether somebody waits for a receipt.
    pub(crate) fn awaits_receipt(&self) -> bool {
        self.in_flight.front().is_some()
    }

    /// Whether somebody waits for a receipt that nobody has asked for.
    pub(crate) fn wants_receipt(&self) -> bool {
        self.in_flight.back().is_some_and(|(place, _)| self.covered < Some(EmitId(place)))
    }

    /// A receipt is asked for: it covers all that was handed over.
    pub(crate) fn cover(&mut self) {
        self.covered = self.written;
    }

    /// The receipt came.
    pub(crate) fn receipt(&mut self) {
        self.judged = self.judged.max(self.covered);
        self.judge(Fate::Delivered);
    }

    /// The transport is gone, and no receipt will come any more for what it was handed.
    pub(crate) fn write_off(&mut self) {
        if let Some(written) = self.written
            && self.judged < Some(written)
        {
            if self.lost.len() == RANGES
                && let Some((_, last)) = self.lost.pop_front()
            {
                self.floor = self.floor.max(last + 1);
            }
            self.lost.insert(self.judged.map_or(0, |EmitId(judged)| judged + 1), written.0);
            self.judged = Some(written);
        }
        self.covered = self.written;
        self.judge(Fate::UNCERTAIN);
    }

    fn judge(&mut self, fate: Fate) {
        while let Some((place, emit)) = self.in_flight.front()
            && Some(EmitId(place)) <= self.judged
        {
            self.in_flight.pop_front();
            let (place, emit) = (EmitId(place), EmitId(emit));
            if place == emit {
                self.tell_final(emit, fate, None);
            } else {
                self.settle(emit, fate, None);
            }
        }
    }

    /// Whether a receipt has come for it, or none will.
    pub(crate) fn is_judged(&self, place: EmitId) -> bool {
        self.judged >= Some(place)
    }

    /// Written ones have come back, because they provably never left; `last` is the last that has not.
    pub(crate) fn unwrite(&mut self, last: Option<EmitId>) {
        self.written = last.max(self.judged);
        self.covered = self.covered.min(self.written);
        while self.in_flight.back().is_some_and(|(place, _)| Some(EmitId(place)) > self.written) {
            self.in_flight.pop_back();
        }
    }

    /// The final fate of an emit that was remembered.
    pub(crate) fn settled(&self, emit: EmitId) -> Option<Fate> {
        self.settled.iter().rev().find(|(settled, _)| *settled == emit).map(|(_, fate)| *fate)
    }

    /// The fate of an emit of which the watermarks tell: without ack, and not held; `None` if it is forgotten.
    pub(crate) fn by_watermark(&self, emit: EmitId) -> Option<Fate> {
        if emit.0 < self.floor {
            return None;
        }
        let at = Some(emit);
        if at > self.written {
            return Some(Fate::Held);
        }
        if self.in_flight.iter().any(|(_, in_flight)| in_flight == emit.0) || at > self.judged {
            return Some(Fate::InFlight { attempt: 1 });
        }
        let lost = self.lost.iter().any(|(first, last)| (first..=last).contains(&emit.0));
        Some(if lost { Fate::UNCERTAIN } else { Fate::Delivered })
    }
}
