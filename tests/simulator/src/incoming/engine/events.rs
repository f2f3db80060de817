//! Events, and the offsets by which they are asked for again.

use serde_json::Value;

use super::super::rooms::{Content, To, offset_at};
use super::super::{EPOCH, NAMESPACES};
use super::{Call, Emit, How, NAMES, Server};
use crate::packet::{Message, Packet};

/// What a volatile event ends in is so much older than an offset would be.
const EARLIER: u64 = 2 * 3_600_000;

/// The number with which `call` is emitted.
pub(in crate::incoming) fn called(data: &str) -> Option<u64> {
    number_of("call", data)
}

/// The number of an event of that name.
pub(in crate::incoming) fn number_of(name: &str, data: &str) -> Option<u64> {
    let args: Value = serde_json::from_str(data).ok()?;
    args[1].as_u64().filter(|_| args[0] == name)
}

impl Server {
    /// An event for all, or for the room in which all are.
    pub(in crate::incoming) fn emit(&mut self, emit: Emit, now: u64) {
        let Emit { space, number, how, to_room, attached } = emit;
        let mut content = Content::numbered(number, attached);
        if let Some(text) = self.text(number, how) {
            content = content.with(&text);
        }
        let to = if to_room { To::Room } else { To::All };
        if let Some(streams) = &self.streams {
            let id = streams[space].borrow_mut().keep(emit, &content, EPOCH + now);
            let content = if how == How::Kept { content.with(&id) } else { content };
            let clock = self.tick(now);
            return self.tell(space, content, how, &to, clock);
        }
        self.send(space, content, how, to, now);
    }

    /// An event of an application that is no cluster's.
    pub(super) fn send(&mut self, space: usize, content: Content, how: How, to: To, now: u64) {
        let clock = self.tick(now);
        if how != How::Kept || self.plan.keeps.is_none() {
            return self.tell(space, content, how, &to, clock);
        }
        let id = self.yeast.next(clock);
        self.offsets.insert(id.clone());
        let content = content.with(&id);
        self.spaces[space].keep(id, content.clone(), to.clone(), clock);
        self.tell(space, content, how, &to, clock);
    }

    /// The time of an event: a clock that is set back does not meet the same millisecond again, as two events of one name are one
    /// to a client.
    fn tick(&mut self, now: u64) -> u64 {
        let mut clock = self.clock(now);
        while self.used.contains(&clock) && !self.yeast.is_at(clock) {
            self.skew += 1;
            clock += 1;
        }
        self.used.insert(clock);
        clock
    }

    fn tell(&mut self, space: usize, content: Content, how: How, to: &To, clock: u64) {
        let ack = (how == How::Acked).then(|| self.spaces[space].next_ack());
        let of = &self.spaces[space];
        let members = of.rooms.iter().filter(|(sid, in_room)| to.has(sid, **in_room));
        let sessions: Vec<(u32, String)> =
            members.filter_map(|(sid, _)| Some((*of.sockets.get(sid)?, sid.clone()))).collect();
        for (id, sid) in sessions {
            let Some(session) = self.sessions.get(&id) else { continue };
            if how != How::Volatile || !session.polling || session.get.is_some() {
                let content = self.with_trap(content.clone(), how, &sid, clock);
                self.write_all(id, content.packet(false, space, ack));
            }
        }
    }

    /// Some volatile events end in a text of the application's that would be an offset of another day.
    fn text(&self, number: u64, how: How) -> Option<String> {
        let traps = self.plan.grown && self.plan.keeps.is_some() && how == How::Volatile;
        (traps && !number.is_multiple_of(3)).then(|| format!("user{:03}", number % 1000))
    }

    /// Others end in one that could be an offset of today. Only where the client has heard
    /// of a true one can it tell them apart.
    fn with_trap(&mut self, content: Content, how: How, sid: &str, clock: u64) -> Content {
        let traps = self.plan.grown && self.plan.keeps.is_some() && self.streams.is_none();
        if how == How::Kept {
            self.told.insert(sid.into());
        } else if traps && how == How::Volatile && self.told.contains(sid) && !content.data.ends_with(r#""]"#)
        {
            return content.with(&offset_at(clock - EARLIER));
        }
        content
    }

    /// Whoever claims a session of this server names an event that it has sent.
    pub(super) fn check_claim(&mut self, auth: &Value) {
        let (Some(pid), Some(offset)) = (auth["pid"].as_str(), auth["offset"].as_str()) else { return };
        let number: Option<u32> = pid.strip_prefix('P').and_then(|number| number.parse().ok());
        if self.streams.is_none() && number.is_some_and(|number| number / NAMES == self.at) {
            let known = self.offsets.contains(offset);
            let wrong = || format!("{offset}, by which {pid} is claimed, is no offset");
            self.wrong = self.wrong.take().or_else(|| (!known).then(wrong));
        }
    }

    /// It has come, even if the session is over by then, and it is thrown away.
    pub(super) fn note_read(&mut self, id: u32, message: &Message) {
        if let Message::Text(text) = message
            && let Some(packet) = Packet::of(text).filter(Packet::is_event)
            && let Some(space) = NAMESPACES.iter().position(|of| *of == packet.namespace)
        {
            let call = |number| Call { session: id, space, number };
            self.read.extend(called(packet.data).map(call));
        }
    }

    /// What the application does about an event of a client's: `echo` is sent back, `hint` too, but volatile; both and `call`
    /// are acknowledged with what they brought, as far as their arguments are written as JavaScript writes them.
    pub(super) fn happen(&mut self, id: u32, space: usize, ack: Option<u64>, content: Content, now: u64) {
        let Some((sid, _)) = self.sessions.get(&id).and_then(|session| session.joined[space].clone()) else {
            return;
        };
        let name = serde_json::from_str::<Vec<Value>>(&content.data).unwrap()[0].to_string();
        match name.as_str() {
            r#""echo""# => self.send(space, content.clone(), How::Kept, To::One(sid), now),
            r#""hint""# => return self.send(space, content, How::Volatile, To::One(sid), now),
            r#""call""# => {
                let call = |number| Call { session: id, space, number };
                self.ran.extend(called(&content.data).map(call));
            }
            _ => return,
        }
        if let Some(ack) = ack {
            let rest = content.data[1 + name.len()..].trim_start_matches(',');
            let answer = Content { data: format!("[{rest}"), ..content };
            self.write_all(id, answer.packet(true, space, Some(ack)));
        }
    }
}
