//! What must be true of every event.

use std::collections::BTreeMap;

use bytes::Bytes;
use socketio_client_core::{Gap, GapReason, ResyncId};

use super::engine::How;
use super::world::World;
use super::{EPOCH, NAMESPACES};
use crate::packet::attachment;

/// An event that nothing stands in the way of has been delivered by then.
pub(super) const PATIENCE: u64 = 5000;

#[derive(Debug)]
pub(super) struct Sent {
    at: u64,
    /// When it arrives, or would have: after all that was sent to the client before.
    due: u64,
    how: How,
    /// It has come to the shell; there it may wait.
    came: bool,
    delivered: bool,
    /// It was, to a process that is gone.
    before: bool,
    /// To a process that is gone while something waited that came before it.
    again: bool,
    /// It waited where the namespace was left.
    thrown_away: bool,
    /// The core has it.
    handed_in: bool,
    /// The server's clock was set back before it: its offset is below one that went before.
    behind: bool,
    attached: bool,
}

/// Of one namespace.
#[derive(Debug, Default)]
pub(super) struct Law {
    pub(super) sent: Vec<Sent>,
    /// The client has joined once.
    pub(super) began: bool,
    /// Since when the client is connected.
    pub(super) joined: Option<u64>,
    /// The namespace was left, by whomever.
    pub(super) left: bool,
    pub(super) resyncing: Option<ResyncId>,
    /// It is made good what was missed: what waited is delivered.
    pub(super) releases: bool,
    /// A gap may be told now, and now only.
    may_tell: bool,
    /// The last of those that do not wait, and of those that may.
    last: [Option<u64>; 2],
    /// When the last event came.
    heard: u64,
    /// What was delivered since it was stored how far that is, and when the last event before that came.
    unmarked: Vec<usize>,
    marked: u64,
    gaps: Vec<(u64, u64)>,
    /// How far each server's clock has come.
    clocks: BTreeMap<usize, i64>,
}

impl Law {
    /// What is on its way comes later than it would have.
    pub(super) fn delay(&mut self, now: u64, until: u64) {
        for sent in self.sent.iter_mut().filter(|sent| sent.due >= now && !sent.delivered) {
            sent.due = sent.due.max(until);
        }
    }

    /// The core has it, on a connection where the namespace is joined.
    pub(super) fn handed_in(&mut self, number: u64) {
        if self.joined.is_some() && self.resyncing.is_none() {
            self.sent[number as usize].handed_in = true;
        }
    }

    /// All that was delivered is behind what is stored.
    pub(super) fn marked(&mut self) {
        self.unmarked.clear();
        self.marked = self.heard;
    }

    /// The namespace was left while it waited.
    pub(super) fn thrown_away(&mut self, number: u64) {
        self.sent[number as usize].thrown_away = true;
    }

    /// The client's process is gone; perhaps an event waited there.
    pub(super) fn ended(&mut self, waited: bool) {
        self.joined = None;
        self.may_tell = false;
        for sent in &mut self.sent {
            sent.before = sent.delivered;
        }
        let unmarked = std::mem::take(&mut self.unmarked);
        if waited {
            unmarked.into_iter().for_each(|number| self.sent[number].again = true);
            self.heard = self.marked;
        }
    }
}

/// An event that the client ought to hear.
#[derive(Debug)]
pub(super) struct Watch {
    until: u64,
    space: usize,
    number: usize,
    joined: u64,
}

impl World {
    pub(super) fn sent(&mut self, space: usize, how: How, attached: bool) {
        let due = self.due();
        let clock = i64::try_from(self.now).unwrap() + self.nodes[self.at].server.skew;
        let law = &mut self.laws[space];
        let newest = law.clocks.entry(self.at).or_insert(clock);
        let behind = clock < *newest;
        *newest = clock.max(*newest);
        law.sent.push(Sent {
            at: self.now,
            due,
            how,
            came: false,
            delivered: false,
            before: false,
            again: false,
            thrown_away: false,
            handed_in: false,
            behind,
            attached,
        });
        self.figures.count(match how {
            How::Kept => "kept",
            How::Acked => "acked",
            How::Volatile => "volatile",
        });
        if self.nodes[self.at].server.is_waiting() {
            self.waiting.push((space, law.sent.len() - 1));
        }
        if let Some(joined) = law.joined.filter(|joined| *joined > self.harm)
            && how != How::Volatile
        {
            let number = law.sent.len() - 1;
            self.watches.push_back(Watch { until: self.now + PATIENCE, space, number, joined });
        }
    }

    /// A server has been stopped until now.
    pub(super) fn due_now(&mut self, space: usize, number: usize) {
        self.laws[space].sent[number].due = self.due();
    }

    /// When what is sent now is heard at the latest, if it is not lost.
    fn due(&self) -> u64 {
        self.wire.latest.max(self.now).max(self.asleep_until) + self.plan.lateness()
    }

    /// What waited is on its way, or never will be.
    pub(super) fn written(&mut self) {
        if !self.waiting.is_empty() && !self.is_waiting() {
            let due = self.due();
            for (space, number) in self.waiting.drain(..) {
                self.laws[space].sent[number].due = due;
            }
        }
    }

    pub(super) fn joined(&mut self, space: usize, recovered: bool, replayed: usize) {
        self.figures.count("joins");
        let joined = self.now - self.lateness();
        let law = &mut self.laws[space];
        assert!(law.joined.replace(joined).is_none(), "joined twice");
        law.left = false;
        law.began = true;
        law.may_tell = true;
        if recovered {
            self.figures.count("recovered");
            self.figures.add("replayed", replayed as u64);
            // Of those that wait it is not known yet.
            if law.resyncing.is_none() && !(self.plan.is_cluster && self.plan.resyncs[space]) {
                let known = self.nodes[self.at].server.missed[space].saturating_sub(replayed);
                self.figures.add("dropped as known", known as u64);
            }
        }
    }

    pub(super) fn gap(&mut self, space: usize, gap: &Gap) {
        let millis = |time: std::time::Duration| time.as_millis() as u64;
        let late = self.lateness();
        let law = &mut self.laws[space];
        assert!(std::mem::take(&mut law.may_tell), "{gap:?} without a connection, or a second time");
        // A store that tells nothing does not tell since when.
        let (since, until) = (millis(gap.since).saturating_sub(EPOCH), millis(gap.until) - EPOCH);
        assert!(until <= self.now && self.now <= until + late, "{gap:?}, told at {}", self.now);
        assert!(since <= until, "{gap:?}");
        let knows = !gap.since.is_zero();
        assert!(knows || self.plan.stores, "{gap:?}");
        assert!(!knows || since >= law.heard, "{gap:?} begins before what was heard at {}", law.heard);
        law.gaps.push((since, until));
        self.figures.count(match gap.reason {
            GapReason::NoneOffered => "gap: none-offered",
            GapReason::NoOffset => "gap: no-offset",
            GapReason::ServerNotNoticed => "gap: server-not-noticed",
            GapReason::UnknownSession => "gap: unknown-session",
            GapReason::NamespaceDisconnect => "gap: namespace-disconnect",
            GapReason::NewNode => "gap: new-node",
            GapReason::Overflow => "gap: overflow",
            GapReason::Seam => "gap: seam",
            GapReason::Storage => "gap: storage",
            _ => "gap: another",
        });
    }

    pub(super) fn arrived(&mut self, space: usize, number: u64, attachments: &[Bytes]) {
        let (now, late) = (self.now, self.lateness());
        let law = &mut self.laws[space];
        let joined = law.joined.is_some() || law.releases;
        assert!(joined, "{number} of {} before the namespace has joined, at {now}", NAMESPACES[space]);
        assert!(
            law.resyncing.is_none() || law.releases,
            "{number} of {} did not wait, at {now}",
            NAMESPACES[space]
        );
        law.may_tell = false;
        // What waited was heard before.
        if law.resyncing.is_none() {
            law.heard = now - late;
        }
        let sent = &mut law.sent[number as usize];
        let expected = if sent.attached { vec![attachment(number)] } else { vec![] };
        assert_eq!(attachments, expected, "another attachment than that of {number}");
        sent.came = true;
    }

    /// The application has heard it.
    pub(super) fn told(&mut self, space: usize, number: u64) {
        let (now, is_late) = (self.now, self.is_late(number));
        let law = &mut self.laws[space];
        law.unmarked.push(number as usize);
        let sent = &mut law.sent[number as usize];
        let name = NAMESPACES[space];
        // Of an event that came without an offset another process knows nothing.
        // Nor where it stands in the log, if its offset says something else.
        let unknown = sent.behind || (self.plan.is_cluster && sent.how != How::Kept);
        let again = std::mem::take(&mut sent.again);
        if (again || unknown) && std::mem::take(&mut sent.before) {
            self.figures.count("again in another process");
            return;
        }
        assert!(!std::mem::replace(&mut sent.delivered, true), "{number} of {name} twice, at {now}");
        let last = &mut law.last[usize::from(is_late)];
        let in_order = last.is_none_or(|last| last < number);
        assert!(in_order || self.plan.is_cluster, "{number} of {name} after {last:?}, at {now}");
        if !in_order {
            self.figures.count("late");
        }
        *last = Some(number);
        self.figures.count("delivered");
    }

    /// Nobody is deaf, and nobody talks to a connection that is dead.
    pub(super) fn check_time(&mut self) {
        while let Some(Watch { until, space, number, joined }) =
            self.watches.pop_front_if(|watch| watch.until <= self.now)
        {
            let law = &self.laws[space];
            let quiet = law.joined == Some(joined) && joined > self.harm && law.resyncing.is_none();
            let sent = &law.sent[number];
            assert!(
                !quiet || sent.came,
                "deaf in {}: {number}, sent at {}, was not heard by {until}, joined at {joined}",
                NAMESPACES[space],
                sent.at
            );
        }
        let now = self.now;
        self.silent.retain(|(deadline, conn)| {
            let lives = self.wire.live.contains(conn);
            assert!(!lives || now < *deadline, "the connection {conn} is dead, and in use until {now}");
            lives
        });
    }

    pub(super) fn check(&mut self) {
        for node in &self.nodes {
            self.figures.add("take-overs", node.server.takeovers);
            self.figures.add("polling sessions ended", node.server.ended_by_post);
        }
        for (law, name) in self.laws.iter().zip(NAMESPACES) {
            for (number, Sent { at, due, how, came, delivered, thrown_away, handed_in, .. }) in
                law.sent.iter().enumerate()
            {
                if *delivered {
                    continue;
                }
                if *thrown_away {
                    self.figures.count("thrown away");
                    continue;
                }
                let covered = law.gaps.iter().any(|(since, until)| since <= due && at <= until);
                self.figures.count(match (covered, how) {
                    (true, _) => "in a gap",
                    (false, How::Kept) => {
                        panic!("{number} of {name} is lost: sent at {at}, due at {due}, gaps {:?}", law.gaps)
                    }
                    (false, _) if *handed_in && !came => {
                        panic!("{number} of {name}, sent at {at}, was read and is lost")
                    }
                    (false, _) => "passed by",
                });
            }
            let heard = law.sent.last().is_some_and(|sent| sent.delivered);
            assert!(heard, "the last event of {name} was not heard");
        }
    }
}
