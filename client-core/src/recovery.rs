//! Connection state recovery, one namespace's part: what the server calls the session, how far its events came, and what
//! is held meanwhile.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use crate::bounded::Bounded;
use crate::config::Config;
use crate::event::AckId;
use crate::gap::{Gap, GapReason};
use crate::io::TransportId;
use crate::known::Known;
use crate::offset::{Offset, Shape};
use crate::saved::{SavedLink, SavedSession};
use crate::time::Instant;

/// What the server can resume.
pub(crate) struct Session {
    pid: String,
    pub(crate) known: Known,
    claimed: bool,
}

/// Whether the server knows that a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It has said so.
    Given,
    /// It finds out at that time at the latest.
    Expected { by: Instant, ghost: TransportId },
}

impl Notice {
    pub(crate) fn is_given(self, now: Instant) -> bool {
        match self {
            Self::Given => true,
            Self::Expected { by, .. } => by <= now,
        }
    }
}

/// A connection that is gone.
pub(crate) struct Lost {
    pub(crate) transport: TransportId,
    /// Unix time of the last packet.
    pub(crate) heard: Duration,
    pub(crate) notice: Notice,
    pub(crate) link: SavedLink,
}

/// Why the namespace is not connected any longer, and since when.
#[derive(Clone, Copy, Debug)]
struct Outage {
    /// The connection on which it was connected last. A later one may have asked for it in vain.
    home: Option<TransportId>,
    /// Unix time of the last packet.
    since: Duration,
    notice: Notice,
    /// Known before the server is asked to resume the session.
    reason: Option<GapReason>,
    /// What CONNECT has said.
    claim: Claim,
}

/// What CONNECT says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    None,
    /// The server may not know yet that the session's connection is gone.
    Early,
    Made,
}

/// Events before the answer to CONNECT, with their ack ids.
type Early<P> = VecDeque<(P, Option<u64>)>;

/// Events wait until the application has made good what it missed.
pub(crate) struct Resync<P> {
    number: u32,
    /// Unix times: since when events are missed, and before which none of those that wait came.
    missed: Duration,
    since: Duration,
    pub(crate) held: Bounded<P, Option<AckId>>,
}

/// See the module.
pub(crate) struct Recovery<P> {
    pub(crate) session: Option<Session>,
    /// The one that was claimed last and is not resumed any more: the server may not have noticed the end of its connection.
    spent: Option<String>,
    /// Whether the last connection resumed the one before.
    pub(crate) recovered: bool,
    /// Whether it was said to be the same session, so that events may come again.
    pub(crate) repeats: bool,
    /// While the namespace is not connected, unless it never was.
    outage: Option<Outage>,
    /// The connection that is gone, until its session is claimed: another process may go on from there.
    ended: Option<SavedLink>,
    last_event: Option<Instant>,
    last_gap: Option<Gap>,
    /// A session was left on this transport, or is asked for, whose events may still come: they are nobody's.
    ignores_early: bool,
    pub(crate) early: Bounded<P, Option<u64>>,
    pub(crate) resync: Option<Resync<P>>,
    resyncs: u32,
}

impl<P> Default for Recovery<P> {
    fn default() -> Self {
        Self {
            session: None,
            spent: None,
            recovered: false,
            repeats: false,
            outage: None,
            ended: None,
            last_event: None,
            last_gap: None,
            ignores_early: false,
            early: Bounded::default(),
            resync: None,
            resyncs: 0,
        }
    }
}

impl<P> Recovery<P> {
    pub(crate) const fn last_gap(&self) -> Option<&Gap> {
        self.last_gap.as_ref()
    }

    /// What another process or page is to know, of the connection that is `open` or has ended. While the namespace makes good
    /// what it missed, the other one will have to do that again: without an offset it is told of a gap since then.
    pub(crate) fn saved(&self, open: Option<(Duration, SavedLink)>) -> Option<SavedSession> {
        let Session { pid, known, claimed } = self.session.as_ref()?;
        let (heard, link) = match self.outage {
            Some(outage) => (outage.since, self.ended.clone()?),
            None => open?,
        };
        let (offset, heard) = match &self.resync {
            Some(resync) => (None, resync.missed),
            None => (known.last(), heard),
        };
        Some(SavedSession { pid: pid.clone(), offset, claimed: *claimed, heard, link })
    }

    /// Takes up a stored session, or tells that there was one which cannot be read.
    pub(crate) fn restore(&mut self, saved: Option<SavedSession>, notice: Notice) {
        let (since, reason) = match saved {
            Some(SavedSession { pid, offset, claimed, heard, .. }) => {
                let known = offset.map_or_else(Known::default, Known::restored);
                self.session = Some(Session { pid, known, claimed });
                (heard, None)
            }
            None => (Duration::ZERO, Some(GapReason::Storage)),
        };
        let home = match notice {
            Notice::Expected { ghost, .. } => Some(ghost),
            Notice::Given => None,
        };
        self.outage = Some(Outage { home, since, notice, reason, claim: Claim::None });
        self.ended = None;
    }

    /// Whether the server should be told that this transport is gone before it is asked to resume the session.
    pub(crate) fn needs_notice(&self, of: TransportId) -> bool {
        let Some(Outage { notice: Notice::Expected { ghost, .. }, .. }) = self.outage else {
            return false;
        };
        let resumable = self.session.as_ref().is_some_and(|session| session.known.last().is_some());
        resumable && ghost == of
    }

    /// The connection on which it was connected last, while it is not.
    pub(crate) fn home(&self) -> Option<TransportId> {
        self.outage.and_then(|outage| outage.home)
    }

    /// The server says that it still has this transport, whatever the time: it may have been stopped meanwhile.
    pub(crate) fn is_held(&mut self, of: TransportId) {
        if let Some(Outage { notice: Notice::Expected { by, ghost }, .. }) = &mut self.outage
            && *ghost == of
        {
            *by = Instant::NEVER;
        }
    }

    /// The server knows that a transport is gone.
    pub(crate) fn noticed(&mut self, of: TransportId) {
        if let Some(Outage { notice, .. }) = &mut self.outage
            && matches!(notice, Notice::Expected { ghost, .. } if *ghost == of)
        {
            *notice = Notice::Given;
        }
    }

    /// Whether the server may be one that keeps events in memory, for all that is known.
    pub(crate) fn may_be_in_memory(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.known.shape().is_none_or(|s| s == Shape::Memory))
    }

    /// What CONNECT says, if there is something to resume.
    pub(crate) fn claim(&mut self, config: &Config, now: Instant) -> Option<(&str, Option<Offset>)> {
        let in_memory = self.may_be_in_memory();
        let (session, outage) = (self.session.as_mut()?, self.outage.as_mut()?);
        let noticed = outage.notice.is_given(now);
        // A server that keeps events in memory would give away a session whose last connection it still serves, and take
        // the namespace's rooms from the new one when it notices.
        if !noticed && session.claimed && in_memory && !fault!(SecondClaim) {
            outage.claim = Claim::None;
            if outage.reason != Some(GapReason::NewNode) {
                outage.reason = Some(GapReason::ServerNotNoticed);
            }
            return None;
        }
        if outage.reason == Some(GapReason::ServerNotNoticed) {
            outage.reason = None;
        }
        outage.claim = if noticed { Claim::Made } else { Claim::Early };
        session.claimed = true;
        self.ended = None;
        let overlap = config.recovery_overlap.unwrap_or(match session.known.shape() {
            Some(Shape::Stream) => OVERLAP,
            _ => Duration::ZERO,
        });
        Some((&session.pid, session.known.resume_from(overlap)))
    }

    /// The answer to CONNECT names a session. What is known of another one is worth nothing, and a server that names this one
    /// has resumed it only if CONNECT said from which event on. Returns what may be missing.
    pub(crate) fn connected(&mut self, pid: Option<String>, until: Duration, now: Instant) -> Option<Gap> {
        let outage = self.outage.take();
        let before = self.session.take();
        let last_offset = before.as_ref().and_then(|session| session.known.last());
        let none_offered = before.is_none();
        let in_memory = before.as_ref().is_some_and(|session| session.known.shape() == Some(Shape::Memory));
        let claimed = outage.is_some_and(|outage| outage.claim != Claim::None);
        let asked = claimed && last_offset.is_some();
        self.repeats = match (before, pid) {
            (Some(mut session), Some(pid)) if session.pid == pid => {
                session.known.replayed();
                if !asked {
                    session.known.interrupted();
                }
                self.session = Some(session);
                true
            }
            (before, pid) => {
                // The answer to a claim that was made before the namespace was left and joined again; or a server that gives
                // the same name twice.
                let claimed = (none_offered && claimed) || (pid.is_some() && pid == self.spent);
                self.give_up(before);
                self.session = pid.map(|pid| Session { pid, known: Known::default(), claimed });
                false
            }
        };
        self.recovered = self.repeats && asked;
        let Outage { since, notice, reason, claim, .. } = outage?;
        self.last_gap = None;
        if self.recovered && in_memory {
            return None;
        }
        let gap = Gap {
            recovered: self.recovered,
            exact: false,
            reason: match (reason, claim) {
                _ if self.recovered => GapReason::Seam,
                (Some(reason), _) => reason,
                _ if none_offered => GapReason::NoneOffered,
                _ if last_offset.is_none() => GapReason::NoOffset,
                (None, Claim::Early) => GapReason::ServerNotNoticed,
                (None, Claim::Made | Claim::None) => GapReason::UnknownSession,
            },
            since,
            until,
            outage: if since.is_zero() { since } else { until.saturating_sub(since) },
            last_offset,
            last_event_at: self.last_event.map(|at| until.saturating_sub(now.since(at))),
            possibly_missed: None,
            server_knew: notice.is_given(now),
        };
        self.last_gap = Some(gap);
        Some(gap)
    }

    /// The events by which those that come twice are known. Without a session no offset is worth looking for.
    pub(crate) fn known(&mut self) -> Option<&mut Known> {
        self.session.as_mut().map(|session| &mut session.known)
    }

    pub(crate) const fn heard_event(&mut self, now: Instant) {
        self.last_event = Some(now);
    }

    /// A node answers: another one has events of its own.
    pub(crate) fn arrived(&mut self, elsewhere: bool) {
        let elsewhere = elsewhere && self.may_be_in_memory();
        let Some(outage) = &mut self.outage else { return };
        match outage.reason {
            None | Some(GapReason::ServerNotNoticed) if elsewhere => outage.reason = Some(GapReason::NewNode),
            Some(GapReason::NewNode) if !elsewhere => outage.reason = None,
            _ => {}
        }
    }

    /// An event comes before the answer to CONNECT: one that was missed, or one that a middleware of the server sends.
    /// False if there are more than may be held.
    pub(crate) fn hold(&mut self, payload: P, ack: Option<u64>, size: usize, config: &Config) -> bool {
        self.ignores_early || self.early.push(payload, ack, size, config)
    }

    /// Those events, to be delivered or thrown away.
    pub(crate) fn take_early(&mut self) -> Early<P> {
        core::mem::take(&mut self.early).into_events()
    }

    /// The answer to CONNECT is no. The session stays, for the next attempt.
    pub(crate) fn refused(&mut self) {
        self.take_early();
        if let Some(outage) = &mut self.outage {
            outage.claim = Claim::None;
        }
    }

    /// Events that had come were thrown away.
    pub(crate) const fn dropped(&mut self, since: Duration, until: Duration) -> Gap {
        let gap = Gap::overflow(since, until, self.recovered);
        self.last_gap = Some(gap);
        gap
    }

    /// Events of the namespace wait from now on. Returns the number of this time.
    pub(crate) fn begin_resync(&mut self, gap: &Gap) -> u32 {
        self.resyncs = self.resyncs.wrapping_add(1);
        let number = self.resyncs;
        self.resync = Some(match self.resync.take() {
            Some(before) => Resync { number, missed: before.missed.min(gap.since), ..before },
            None => Resync { number, missed: gap.since, since: gap.until, held: Bounded::default() },
        });
        self.resyncs
    }

    /// Whether events wait.
    pub(crate) const fn is_resyncing(&self) -> bool {
        self.resync.is_some()
    }

    /// Another one that waits. False if there are more than may be held.
    pub(crate) fn hold_back(&mut self, payload: P, ack: Option<AckId>, size: usize, config: &Config) -> bool {
        self.resync.as_mut().is_none_or(|resync| resync.held.push(payload, ack, size, config))
    }

    /// What was missed is made good: the events that waited, unless it is a later time by now.
    pub(crate) fn end_resync(&mut self, number: u32) -> VecDeque<(P, Option<AckId>)> {
        match self.resync.take() {
            Some(resync) if resync.number == number => resync.held.into_events(),
            other => {
                self.resync = other;
                VecDeque::new()
            }
        }
    }

    /// More came than may be held, so the connection was ended: nothing is resumed, or it would come again.
    pub(crate) fn overflowed(&mut self, heard: Duration) {
        let session = self.session.take();
        self.give_up(session);
        self.outage_since(heard, Notice::Given).reason = Some(GapReason::Overflow);
        self.stop_resync();
    }

    fn give_up(&mut self, session: Option<Session>) {
        if let Some(Session { pid, claimed: true, .. }) = session {
            self.spent = Some(pid);
        }
    }

    /// The namespace is left before it is connected. `asked`: its CONNECT is on its way to the server.
    pub(crate) fn forget(&mut self, asked: bool) {
        // What the server replays, if it was asked to resume the session, is not known any longer by what came before.
        self.ignores_early |= asked && self.outage.is_some_and(|outage| outage.claim != Claim::None);
        self.forget_session(Duration::ZERO, false);
    }

    /// What the server keeps is not wanted, and may be somebody else's when it comes back.
    fn forget_session(&mut self, heard: Duration, was_connected: bool) {
        self.take_early();
        let session = self.session.take();
        self.give_up(session);
        if was_connected || self.outage.is_some() {
            self.outage_since(heard, Notice::Given).reason = Some(GapReason::NamespaceDisconnect);
        }
        self.stop_resync();
    }

    /// Events that waited are thrown away: they are missing too.
    fn stop_resync(&mut self) {
        if let (Some(Resync { since, .. }), Some(outage)) = (self.resync.take(), &mut self.outage) {
            outage.since = outage.since.min(since);
        }
    }

    /// The server hears that it is left, while its events may be on their way.
    pub(crate) fn left(&mut self, heard: Duration) {
        self.forget_session(heard, true);
        self.ignores_early = true;
    }

    /// The transport is gone, on which the namespace was connected, or was being connected.
    pub(crate) fn session_lost(&mut self, lost: &Lost, was_connected: bool) {
        let Lost { transport, heard, notice, ref link } = *lost;
        self.take_early();
        self.ignores_early = false;
        match &mut self.outage {
            // A server that was asked to resume the session may have done so on this transport.
            Some(outage) if outage.claim != Claim::None => {
                outage.notice = notice;
                if self.session.is_none() {
                    outage.claim = Claim::None;
                }
            }
            None if was_connected => {
                self.outage_since(heard, notice).home = Some(transport);
                self.ended = Some(link.clone());
            }
            Some(_) | None => {}
        }
    }

    fn outage_since(&mut self, since: Duration, notice: Notice) -> &mut Outage {
        self.outage.get_or_insert(Outage { home: None, since, notice, reason: None, claim: Claim::None })
    }
}

/// Offsets of a cluster do not come in order: so far back the server is asked to begin.
const OVERLAP: Duration = Duration::from_millis(100);
