//! A namespace of the server: who is in it, what it keeps, and whom it takes for whom.

use std::collections::BTreeMap;

use super::NAMESPACES;
use crate::packet::{Message, attachment};

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Between a packet's type and what else is in it.
pub(super) fn prefix(space: usize) -> String {
    if space == 0 { String::new() } else { format!("{},", NAMESPACES[space]) }
}

/// Which namespace a packet of the client's is for, and what follows.
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

/// Who receives an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum To {
    All,
    Room,
    /// The socket of this id.
    One(String),
}

impl To {
    /// Whether a socket does.
    pub(super) fn has(&self, sid: &str, in_room: bool) -> bool {
        match self {
            Self::All => true,
            Self::Room => in_room,
            Self::One(of) => of == sid,
        }
    }
}

/// An event's arguments, and bytes that belong to them.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) data: String,
    pub(super) attachments: Vec<Vec<u8>>,
}

impl Content {
    /// That of a number.
    pub(super) fn numbered(number: u64, attached: bool) -> Self {
        if attached {
            let data = format!(r#"["e",{number},{{"_placeholder":true,"num":0}}]"#);
            return Self { data, attachments: vec![attachment(number)] };
        }
        Self { data: format!(r#"["e",{number}]"#), attachments: vec![] }
    }

    /// With one more argument, a text.
    pub(super) fn with(mut self, text: &str) -> Self {
        let end = self.data.rfind(']').unwrap();
        self.data.replace_range(end.., &format!(r#","{text}"]"#));
        self
    }

    /// Its packet: an event, or an ack.
    pub(super) fn packet(self, is_ack: bool, space: usize, id: Option<u64>) -> Vec<Message> {
        let id = id.map_or_else(String::new, |id| id.to_string());
        let (plain, binary) = if is_ack { ("3", "6") } else { ("2", "5") };
        let kind = match self.attachments.len() {
            0 => plain.into(),
            count => format!("{binary}{count}-"),
        };
        let text = format!("4{kind}{}{id}{}", prefix(space), self.data);
        [Message::Text(text)].into_iter().chain(self.attachments.into_iter().map(Message::Bytes)).collect()
    }
}

/// An event that is kept.
#[derive(Debug)]
struct Kept {
    id: String,
    content: Content,
    to: To,
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
    pub(super) missed: Vec<Content>,
}

#[derive(Debug, Default)]
pub(super) struct Namespace {
    /// By id, the Engine.IO session that carries it: the last one of that id.
    pub(super) sockets: BTreeMap<String, u32>,
    /// Who receives anything, and whether it is in the room.
    pub(super) rooms: BTreeMap<String, bool>,
    log: Vec<Kept>,
    lost: BTreeMap<String, Lost>,
    /// Acks that were asked for.
    acks: u64,
}

impl Namespace {
    pub(super) fn keep(&mut self, id: String, content: Content, to: To, clock: u64) {
        self.log.push(Kept { id, content, to, at: clock });
    }

    pub(super) const fn next_ack(&mut self) -> u64 {
        self.acks += 1;
        self.acks - 1
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
        let missed = self.log[from + 1..].iter().filter(|kept| kept.to.has(sid, *in_room));
        let missed = missed.map(|kept| kept.content.clone()).collect();
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
