//! Events, and the offsets by which they are asked for again.

use serde_json::Value;

use super::super::EPOCH;
use super::super::rooms::{offset_at, prefix};
use super::{How, NAMES, Server};

/// What a volatile event ends in is so much older than an offset would be.
const EARLIER: u64 = 2 * 3_600_000;

impl Server {
    /// An event for all, or for the room in which all are.
    pub(in crate::incoming) fn emit(&mut self, space: usize, number: u64, how: How, to_room: bool, now: u64) {
        let mut clock = self.clock(now);
        // A clock that is set back does not meet the same millisecond again: two events of one name are one to a client.
        while self.used.contains(&clock) && !self.yeast.is_at(clock) {
            self.skew += 1;
            clock += 1;
        }
        self.used.insert(clock);
        let mut data = match self.text(number, how) {
            Some(text) => format!(r#"["e",{number},"{text}"]"#),
            None => format!(r#"["e",{number}]"#),
        };
        if let Some(streams) = &self.streams {
            let id = streams[space].borrow_mut().keep(number, &data, to_room, EPOCH + now);
            if how == How::Kept {
                data = format!(r#"["e",{number},"{id}"]"#);
            }
        } else if how == How::Kept && self.plan.keeps.is_some() {
            let id = self.yeast.next(clock);
            self.offsets.insert(id.clone());
            data = format!(r#"["e",{number},"{id}"]"#);
            self.spaces[space].keep(id, data.clone(), to_room, clock);
        }
        let ack = if how == How::Acked { number.to_string() } else { String::new() };
        let text = format!("42{}{ack}{data}", prefix(space));
        let of = &self.spaces[space];
        let members = of.rooms.iter().filter(|(_, in_room)| !to_room || **in_room);
        let sessions: Vec<(u32, String)> =
            members.filter_map(|(sid, _)| Some((*of.sockets.get(sid)?, sid.clone()))).collect();
        for (id, sid) in sessions {
            let Some(session) = self.sessions.get(&id) else { continue };
            if how != How::Volatile || !session.polling || session.get.is_some() {
                let text = self.with_trap(&text, how, &sid, clock);
                self.write(id, text);
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
    fn with_trap(&mut self, text: &str, how: How, sid: &str, clock: u64) -> String {
        let traps = self.plan.grown && self.plan.keeps.is_some() && self.streams.is_none();
        if how == How::Kept {
            self.told.insert(sid.into());
        } else if traps && how == How::Volatile && self.told.contains(sid) && !text.ends_with(r#""]"#) {
            let offset = offset_at(clock - EARLIER);
            return text.replace(']', &format!(r#","{offset}"]"#));
        }
        text.into()
    }

    /// Whoever claims a session of this server names an event that it has sent.
    pub(super) fn check_claim(&self, auth: &Value) {
        let (Some(pid), Some(offset)) = (auth["pid"].as_str(), auth["offset"].as_str()) else { return };
        let number: Option<u32> = pid.strip_prefix('P').and_then(|number| number.parse().ok());
        if self.streams.is_none() && number.is_some_and(|number| number / NAMES == self.at) {
            assert!(self.offsets.contains(offset), "{offset}, by which {pid} is claimed, is no offset");
        }
    }
}
