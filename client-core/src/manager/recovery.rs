//! Events on their way to the application, and those that were missed.

use core::time::Duration;

use super::{Manager, Phase};
use crate::codec::Codec;
use crate::config::RecoveryDedupe;
use crate::error::DecodeError;
use crate::event::{AckId, DisconnectReason, Event, ResyncId, SocketId};
use crate::gap::{Gap, GapLevel};
use crate::io::Command;
use crate::known::Noted;
use crate::offset::Shape;
use crate::recovery::Notice;
use crate::saved::{Saved, SavedSession};
use crate::socket::SocketState;
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// Takes up the session of a process or page that is gone; `None` if it had one that cannot be read. To be called before
    /// [`Manager::connect`], or before the first [`Command::Resolve`] is answered.
    pub fn restore_session(&mut self, socket: SocketId, saved: Option<SavedSession>) {
        let saved = saved.filter(|_| self.config.recovery);
        let link = saved.as_ref().map(|saved| saved.link.clone());
        let notice = link.map_or(Notice::Given, |link| self.restore_link(link));
        // Where it is not known yet, a connection has not begun.
        let begun = matches!(self.phase, Phase::TakingOver(_) | Phase::Opening(_) | Phase::Open(_));
        if let Some(target) = self.sockets.get_mut(socket.0 as usize)
            && !(begun && target.is_active())
        {
            target.recovery.restore(saved, notice);
        }
    }

    /// What another process or page would need to go on where the namespace is now, or where it was when it lost its
    /// connection: who asks after everything was handled asks too late for what came last before the end. `None` if the server
    /// cannot resume the session, and from when the next connection is asked for the namespace until that has it.
    #[must_use]
    pub fn saved_session(&self, socket: SocketId) -> Option<SavedSession> {
        let target = self.sockets.get(socket.0 as usize)?;
        let open = match (&target.state, &self.phase) {
            (SocketState::Waiting, _) => None,
            (SocketState::Connected { .. }, Phase::Open(engine)) => {
                let noticed_by = self.config.unix(Self::noticed_by(engine));
                Some((self.config.unix(engine.heard), engine.saved(noticed_by)))
            }
            _ => return None,
        };
        target.recovery.saved(open)
    }

    /// Whether events of a namespace wait after each gap that is told, until the application has made good what it missed.
    pub fn set_resync(&mut self, socket: SocketId, on: bool) {
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            target.resync = on;
        }
    }

    /// What was missed is made good ([`Event::Gap`]): the events that waited are delivered. Nothing happens if another gap
    /// was told since.
    pub fn resynced(&mut self, resync: ResyncId) {
        let ResyncId { socket, number } = resync;
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        for (payload, ack) in target.recovery.end_resync(number) {
            self.events.push_back(Event::Message { socket, payload, ack });
        }
        if !target.recovery.is_resyncing() {
            self.save(socket);
        }
    }

    /// The shell held events that nobody listened to, and has thrown away some, the oldest of which came at `since`
    /// ([`HeldEvents`](crate::HeldEvents)). That is a gap, and is made good as one.
    pub fn dropped(&mut self, socket: SocketId, since: Instant, now: Instant) {
        self.tell_time(now);
        let (since, until) = (self.config.unix(since), self.config.unix(now));
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            let gap = target.recovery.dropped(since, until);
            self.tell_gap(socket, gap, true);
        }
    }

    fn tell_gap(&mut self, socket: SocketId, gap: Gap, told: bool) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let number = (told && target.resync).then(|| target.recovery.begin_resync(&gap));
        let resync = number.map(|number| ResyncId { socket, number });
        self.events.push_back(Event::Gap { socket, gap, told, resync });
    }

    pub(super) fn save(&mut self, socket: SocketId) {
        if self.sockets.get(socket.0 as usize).is_some_and(|target| target.saves)
            && let Some(session) = self.saved_session(socket)
        {
            self.commands.push_back(Command::Save { socket, saved: Saved::Session(session) });
        }
    }

    pub(super) fn forget_saved(&mut self, socket: SocketId) {
        if self.sockets.get(socket.0 as usize).is_some_and(|target| target.saves) {
            self.commands.push_back(Command::Save { socket, saved: Saved::Left });
        }
    }

    /// Unix time of the last packet of the session that is open.
    pub(super) fn heard(&self) -> Duration {
        match &self.phase {
            Phase::Open(engine) => self.config.unix(engine.heard),
            _ => self.config.unix(self.now),
        }
    }

    /// An event for the application, perhaps one that was replayed. False if it came before.
    pub(super) fn deliver(
        &mut self,
        socket: SocketId,
        payload: C::Payload,
        ack: Option<u64>,
        replayed: bool,
    ) -> bool {
        let now = self.now;
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return false };
        if let Some(known) = target.recovery.known() {
            // One that wants an ack has no offset: its last argument is the application's.
            let offset = if ack.is_none() { self.codec.offset(&payload) } else { None };
            let noted = offset.map(|offset| known.note(offset, replayed, now, self.config.unix(now)));
            if noted == Some(Noted::Known) {
                return false;
            }
            if match self.config.recovery_dedupe {
                Some(dedupe) => dedupe == RecoveryDedupe::Content,
                None => known.shape() == Some(Shape::Stream),
            } {
                // Behind what is replayed is an offset, though it may be too old to be believed.
                if replayed && noted.is_some() {
                    if known.came_without(|| self.codec.digest(&payload, true)) {
                        return false;
                    }
                } else if noted != Some(Noted::New) {
                    known.note_without(|| self.codec.digest(&payload, false));
                }
            }
        }
        target.recovery.heard_event(now);
        let session = target.sessions;
        let ack = ack.map(|id| AckId { socket, session, id });
        if !target.recovery.is_resyncing() {
            self.events.push_back(Event::Message { socket, payload, ack });
            return true;
        }
        let size = self.codec.size(&payload);
        if !target.recovery.hold_back(payload, ack, size, &self.config) {
            self.overflowed(socket, "events while what was missed is made good");
        }
        true
    }

    /// An event came before the answer to CONNECT.
    pub(super) fn hold_early(&mut self, socket: SocketId, payload: C::Payload, ack: Option<u64>) {
        if fault!(ReplayBeforeAnswer) {
            self.deliver(socket, payload, ack, true);
            return;
        }
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let size = self.codec.size(&payload);
        if !target.recovery.hold(payload, ack, size, &self.config) {
            self.overflowed(socket, "events before the answer to CONNECT");
        }
    }

    /// Ends the connection. Resumed, it would end the same way.
    fn overflowed(&mut self, socket: SocketId, what: &'static str) {
        let (now, heard) = (self.now, self.heard());
        let limit = self.config.buffer_size.min(self.config.limits.packets);
        let error = DecodeError::Limit { what, limit };
        self.end_session(DisconnectReason::ParseError, Some(error.into()), now);
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            target.recovery.overflowed(heard);
            if target.saves {
                self.commands.push_back(Command::Save { socket, saved: Saved::Claimed });
            }
        }
    }

    /// Tells that the namespace is connected, and what may be missing, and delivers what came before.
    pub(super) fn replay(&mut self, socket: SocketId, gap: Option<Gap>) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let early = target.recovery.take_early();
        let (recovered, repeats) = (target.recovery.recovered, target.recovery.repeats);
        let connected = self.events.len();
        self.events.push_back(Event::Connected { socket, recovered, replayed: 0, early: 0 });
        if let Some(gap) = gap {
            let told = !gap.recovered || self.config.gap == GapLevel::All;
            self.tell_gap(socket, gap, told);
        }
        let (mut delivered, mut next) = (0, true);
        for (payload, ack) in early {
            delivered += usize::from(self.deliver(socket, payload, ack, repeats));
            // More than may wait has ended the connection: the rest is in the gap of those that waited.
            let target = self.sockets.get(socket.0 as usize).filter(|target| target.is_connected());
            next = target.is_some_and(|target| !target.recovery.is_resyncing());
            if target.is_none() {
                break;
            }
        }
        // Only now is it known how many did not come before. Those that wait are not next, nor those that are thrown away.
        if let Some(Event::Connected { replayed, early, .. }) = self.events.get_mut(connected) {
            *early = if next { delivered } else { 0 };
            *replayed = if recovered { *early } else { 0 };
        }
    }

    /// A session is open: whether another server has it than had the namespace.
    pub(super) fn arrived(&mut self) {
        for socket in &mut self.sockets {
            let home = socket.recovery.home();
            let elsewhere = home.is_some_and(|home| self.ghosts.is_elsewhere(home, &self.config.address));
            socket.recovery.arrived(elsewhere);
        }
    }
}
