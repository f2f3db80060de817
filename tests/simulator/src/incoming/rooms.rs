//! A namespace of the server: who is in it, what it keeps, and whom it takes for whom.

use std::collections::BTreeMap;

use super::NAMESPACES;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Between a packet's type and what else is in it.
pub(super) fn prefix(space: usize) -> String {
    if space == 0 { String::new() } else { format!("{},", NAMESPACES[space]) }
}

/// Which namespace a packet is for, and what follows.
pub(super) fn space_of(rest: &str) -> (usize, &str) {
    if !rest.starts_with('/') {
        return (0, rest);
    }
    let (name, data) = rest.split_once(',').unwrap_or((rest, ""));
    let space = NAMESPACES.iter().position(|of| *of == name);
    (space.unwrap_or_else(|| panic!("a packet for {name}")), data)
}

/// What the offset of an event at a time looks like.
pub(super) fn offset_at(clock: u64) -> String {
    encode(clock)
}

fn encode(mut number: u64) -> String {
    let mut text = Vec::new();
    loop {
        text.push(DIGITS[(number % 64) as usize]);
        number /= 64;
        if number == 0 {
            break;
        }
    }
    text.reverse();
    String::from_utf8(text).unwrap()
}

/// Makes the names of events, for all namespaces.
#[derive(Debug, Default)]
pub(super) struct Yeast {
    before: u64,
    count: u64,
}

impl Yeast {
    pub(super) const fn is_at(&self, clock: u64) -> bool {
        self.before == clock
    }

    pub(super) fn next(&mut self, clock: u64) -> String {
        if clock != self.before {
            (self.before, self.count) = (clock, 0);
            return encode(clock);
        }
        self.count += 1;
        format!("{}.{}", encode(clock), encode(self.count - 1))
    }
}

/// An event that is kept.
#[derive(Debug)]
struct Kept {
    id: String,
    data: String,
    to_room: bool,
    at: u64,
}

/// A session whose connection was lost.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) sid: String,
    pub(super) in_room: bool,
    pub(super) at: u64,
}

#[derive(Debug)]
pub(super) struct Restored {
    pub(super) sid: String,
    pub(super) in_room: bool,
    pub(super) missed: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Namespace {
    /// By id, the Engine.IO session that carries it: the last one of that id.
    pub(super) sockets: BTreeMap<String, u32>,
    /// Who receives anything, and whether it is in the room.
    pub(super) rooms: BTreeMap<String, bool>,
    log: Vec<Kept>,
    lost: BTreeMap<String, Lost>,
}

impl Namespace {
    pub(super) fn keep(&mut self, id: String, data: String, to_room: bool, clock: u64) {
        self.log.push(Kept { id, data, to_room, at: clock });
    }

    /// The loss of a connection was noticed.
    pub(super) fn persist(&mut self, pid: &str, lost: Lost) {
        self.lost.insert(pid.into(), lost);
    }

    pub(super) fn lost(&self, sid: &str, clock: u64) -> Lost {
        let in_room = self.rooms.get(sid).is_some_and(|in_room| *in_room);
        Lost { sid: sid.into(), in_room, at: clock }
    }

    /// Whoever else has this id receives nothing any more.
    pub(super) fn clean_up(&mut self, sid: &str) {
        self.sockets.remove(sid);
        self.rooms.remove(sid);
    }

    /// What is asked for stays there to be asked for again.
    pub(super) fn restore(&mut self, pid: &str, offset: &str, clock: u64, keeps: u64) -> Option<Restored> {
        let Lost { sid, in_room, at } = self.lost.get(pid)?;
        if at + keeps < clock {
            self.lost.remove(pid);
            return None;
        }
        let from = self.log.iter().position(|kept| kept.id == offset)?;
        // One without rooms is in no room, and to everybody goes to everybody.
        let missed = self.log[from + 1..].iter().filter(|kept| !kept.to_room || *in_room);
        let missed = missed.map(|kept| kept.data.clone()).collect();
        Some(Restored { sid: sid.clone(), in_room: *in_room, missed })
    }

    pub(super) fn sweep(&mut self, clock: u64, keeps: u64) {
        let threshold = clock.saturating_sub(keeps);
        self.lost.retain(|_, lost| lost.at >= threshold);
        if let Some(last) = self.log.iter().rposition(|kept| kept.at < threshold) {
            self.log.drain(..=last);
        }
    }
}
