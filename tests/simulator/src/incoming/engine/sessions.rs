//! Sessions: what is written to them, their heartbeats, and how they end.

use super::super::EPOCH;
use super::super::SPACES;
use super::super::wire::Conn;
use super::{Doing, Server};
use crate::packet::Message;

/// The noop that makes room for an upgrade comes so often.
pub(super) const NOOPS: u64 = 100;
/// For an upgrade.
pub(super) const UPGRADE: u64 = 10_000;
/// To join a first namespace.
pub(super) const JOIN: u64 = 45_000;
/// For the GET that is told of the end.
const GOODBYE: u64 = 30_000;

#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) socket: Option<Conn>,
    pub(super) polling: bool,
    pub(super) get: Option<Conn>,
    pub(super) buffer: Vec<Message>,
    pub(super) upgraded: bool,
    pub(super) probing: Option<Conn>,
    /// When the upgrade has taken too long.
    pub(super) probe_until: Option<u64>,
    /// When a GET that waits is answered, so that the upgrade goes on.
    pub(super) noop_at: Option<u64>,
    pub(super) ping_at: Option<u64>,
    pub(super) dead_at: Option<u64>,
    pub(super) refreshed: bool,
    /// When it ends if no namespace was joined.
    pub(super) join_until: Option<u64>,
    /// It is ending: the next GET is told so, or one behind it.
    pub(super) ending: bool,
    pub(super) ends_at: Option<u64>,
    /// Something came over it.
    pub(super) began: bool,
    /// A packet whose attachments have not all come.
    pub(super) partial: Option<(String, Vec<Vec<u8>>)>,
    /// Of each namespace: id and private id.
    pub(super) joined: [Option<(String, String)>; SPACES],
}

impl Session {
    pub(super) fn next_time(&self) -> Option<u64> {
        let times =
            [self.ping_at, self.dead_at, self.noop_at, self.probe_until, self.join_until, self.ends_at];
        times.into_iter().flatten().min()
    }
}

impl Server {
    /// The end of a session, at once.
    pub(super) fn close(&mut self, id: u32, now: u64) {
        self.leave_all(id, now);
        let Some(session) = self.sessions.remove(&id) else { return };
        self.doings.extend(session.get.map(|get| Doing::Answer(get, 200, "1".into())));
        self.doings.extend([session.socket, session.probing].into_iter().flatten().map(Doing::Close));
    }

    /// Its sockets are lost, and can be recovered.
    fn leave_all(&mut self, id: u32, now: u64) {
        let clock = self.clock(now);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        for (space, joined) in std::mem::take(&mut session.joined).into_iter().enumerate() {
            let Some((sid, pid)) = joined else { continue };
            let lost = |clock| self.spaces[space].lost(&sid, clock);
            match &self.streams {
                Some(streams) => streams[space].borrow_mut().persist(&pid, lost(EPOCH + now)),
                None if self.plan.keeps.is_some() => {
                    let lost = lost(clock);
                    self.spaces[space].persist(&pid, lost);
                }
                None => {}
            }
            self.spaces[space].clean_up(&sid);
        }
    }

    /// It is ended in good order: one that polls is told by a GET, after all that waits.
    pub(super) fn dismiss(&mut self, id: u32, now: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if !session.polling || session.get.is_some() {
            return self.close(id, now);
        }
        if !std::mem::replace(&mut session.ending, true) && session.buffer.is_empty() {
            session.ends_at = Some(now + GOODBYE);
        }
    }

    /// A client that does what it may not: its sockets are gone before the session is.
    pub(super) fn expel(&mut self, id: u32, now: u64) {
        self.dismiss(id, now);
        self.leave_all(id, now);
    }

    pub(super) fn write(&mut self, id: u32, text: String) {
        self.write_all(id, vec![text.into()]);
    }

    pub(super) fn write_all(&mut self, id: u32, messages: Vec<Message>) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.ending) else { return };
        session.buffer.extend(messages);
        self.flush(id);
    }

    pub(super) fn flush(&mut self, id: u32) {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| !session.buffer.is_empty()) else {
            return;
        };
        if let (false, Some(conn)) = (session.polling, session.socket) {
            self.doings.extend(session.buffer.drain(..).map(|message| Doing::Send(conn, message)));
        } else if let Some(get) = session.get.take() {
            let packets: Vec<_> = session.buffer.drain(..).map(|message| message.in_body()).collect();
            self.doings.push(Doing::Answer(get, 200, packets.join("\u{1e}")));
        }
    }

    /// A GET waits.
    pub(super) fn poll(&mut self, id: u32, now: u64) {
        self.flush(id);
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.ending) else { return };
        if session.get.is_none() {
            // It has taken what waited, and the next one is told.
            session.ends_at = Some(now + GOODBYE);
        } else if let Some(get) = session.get.take() {
            self.doings.push(Doing::Answer(get, 200, "6\u{1e}1".into()));
            self.close(id, now);
        }
    }

    pub(super) fn pass_session_time(&mut self, id: u32, now: u64) {
        let is_due = |time: Option<u64>| time.is_some_and(|time| time <= now);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if is_due(session.dead_at) || is_due(session.ends_at) {
            return self.close(id, now);
        }
        if is_due(session.noop_at) {
            session.noop_at = Some(now + NOOPS);
            self.doings.extend(session.get.take().map(|get| Doing::Answer(get, 200, "6".into())));
        }
        if is_due(session.probe_until) {
            (session.noop_at, session.probe_until) = (None, None);
            self.doings.extend(session.probing.take().map(Doing::Close));
        }
        if is_due(session.ping_at) {
            session.ping_at = None;
            session.dead_at = Some(now + self.plan.heartbeat.1);
            session.refreshed = false;
            self.write(id, "2".into());
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if is_due(session.join_until) {
            session.join_until = None;
            self.expel(id, now);
        }
    }
}
