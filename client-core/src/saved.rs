//! Sessions that outlive a process or a page, and what a shell stores of them.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::event::SocketId;
use crate::offset::Offset;

/// What another process or page needs to take up a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSession {
    /// The server's private name for the session.
    pub pid: String,
    /// Where in the server's events to go on.
    pub offset: Option<Offset>,
    /// Whether it was resumed before. A server that keeps events in memory lets it be resumed twice, and the second time
    /// too early makes a connection that hears nothing.
    pub claimed: bool,
    /// Unix time of the last packet.
    pub heard: Duration,
    /// The connection that it had.
    pub link: SavedLink,
}

/// What is to be stored of a namespace's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// Another process or page may take it up once this one is gone.
    Session(SavedSession),
    /// It is being resumed, and nobody else may. Whoever comes next has missed something.
    Claimed,
    /// There is none.
    Left,
}

impl SavedSession {
    /// With the connection that it has now, but no further than it was stored before.
    fn behind(self, mark: Option<&Self>) -> Self {
        // Without an offset, as behind another session, whoever takes it up is told of a gap.
        let known = mark.filter(|mark| mark.pid == self.pid).and_then(|mark| mark.offset);
        let offset = self.offset.and(known);
        let heard = mark.map_or(self.heard, |mark| mark.heard.min(self.heard));
        Self { offset, heard, ..self }
    }
}

/// How far the application has come with each namespace's events; for shells that write it down from time to time. When the
/// core wants a session to be stored ([`Command::Save`](crate::Command::Save)), events that are behind its offset may still
/// be on their way to the application, or wait for a listener.
#[derive(Debug, Default)]
pub struct Marks(Vec<(SocketId, SavedSession)>);

impl Marks {
    /// What is to be stored of a namespace. `waits`: not all of its events that have come are dealt with; then it stays where
    /// it was when this was asked last, with the connection that it has now.
    pub fn store(&mut self, socket: SocketId, saved: Saved, waits: bool) -> Saved {
        let at = self.0.iter().position(|(of, _)| *of == socket);
        match saved {
            Saved::Session(session) => {
                let before = at.map(|at| self.0.swap_remove(at).1);
                let session = if waits { session.behind(before.as_ref()) } else { session };
                self.0.push((socket, session.clone()));
                Saved::Session(session)
            }
            // Where it goes on, if the server resumes it.
            Saved::Claimed => Saved::Claimed,
            Saved::Left => {
                at.map(|at| self.0.swap_remove(at));
                Saved::Left
            }
        }
    }
}

/// A connection that another process or page had, which the server may not know to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedLink {
    /// The Engine.IO session's id.
    pub sid: String,
    /// What carried it.
    pub carrier: Carrier,
    /// Unix time at which the server finds out by itself at the latest.
    pub noticed_by: Duration,
}

/// What carried an Engine.IO session, which decides how the server can be told that it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A WebSocket from the beginning: another one takes its place.
    WebSocket,
    /// A WebSocket to which it had moved: it cannot move again.
    Upgraded,
    /// Polling: a close packet ends it. Also a WebSocket to which it was to move, while the server has not shown that it did.
    Polling,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketId = SocketId(0);

    fn session(pid: &str, offset: Option<&str>, heard: u64, sid: &str) -> SavedSession {
        SavedSession {
            pid: pid.into(),
            offset: offset.and_then(Offset::parse),
            claimed: heard > 1,
            heard: Duration::from_millis(heard),
            link: SavedLink {
                sid: sid.into(),
                carrier: Carrier::WebSocket,
                noticed_by: Duration::from_millis(heard),
            },
        }
    }

    fn store(marks: &mut Marks, session: SavedSession, waits: bool) -> SavedSession {
        match marks.store(SOCKET, Saved::Session(session), waits) {
            Saved::Session(session) => session,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_waits_keeps_the_mark_where_it_was_and_the_link_is_new() {
        let mut marks = Marks::default();
        let [first, second, third] = ["Q7zOKAz.0", "Q7zOKAz.1", "Q7zOKAz.2"].map(Some);
        store(&mut marks, session("p", first, 1, "a"), false);
        assert_eq!(marks.store(SOCKET, Saved::Claimed, true), Saved::Claimed);
        let stored = store(&mut marks, session("p", second, 2, "b"), true);
        let expected = session("p", second, 2, "b");
        let expected = SavedSession {
            offset: first.and_then(Offset::parse),
            heard: Duration::from_millis(1),
            ..expected
        };
        assert_eq!(stored, expected);
        assert_eq!(store(&mut marks, session("p", third, 3, "b"), true).offset, expected.offset);
        // While what was missed is made good, that has to be done again.
        assert_eq!(store(&mut marks, session("p", None, 3, "b"), true).offset, None);
        assert_eq!(store(&mut marks, session("p", third, 3, "b"), true).offset, None);
        // All is dealt with.
        let dealt_with = session("p", third, 4, "b");
        assert_eq!(store(&mut marks, dealt_with.clone(), false), dealt_with);
    }

    #[test]
    fn behind_another_session_there_is_no_offset() {
        let mut marks = Marks::default();
        store(&mut marks, session("p", Some("Q7zOKAz.0"), 1, "a"), false);
        let stored = store(&mut marks, session("other", Some("Q7zOKAz.5"), 5, "b"), true);
        assert_eq!((stored.offset, stored.heard), (None, Duration::from_millis(1)));
        assert_eq!(marks.store(SOCKET, Saved::Left, false), Saved::Left);
        let stored = store(&mut marks, session("other", Some("Q7zOKAz.5"), 5, "b"), true);
        assert_eq!((stored.offset, stored.heard), (None, Duration::from_millis(5)));
    }
}
