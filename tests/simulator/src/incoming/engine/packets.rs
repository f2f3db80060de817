//! Packets: of Engine.IO, then of Socket.IO. What is none ends its session, as does one that is not for now.

use serde_json::Value;

use super::super::rooms::{Content, prefix};
use super::super::{EPOCH, NAMESPACES};
use super::Server;
use crate::dice::Dice;
use crate::packet::{Message, Packet};

/// Whether a packet's payload is one that its type has.
fn is_valid(kind: &str, data: &str) -> bool {
    let value = || serde_json::from_str::<Value>(data).ok();
    match kind {
        "0" => data.is_empty() || value().is_some_and(|value| value.is_object()),
        "1" => data.is_empty(),
        "2" | "5" => value().is_some_and(|value| value[0].is_string() || value[0].is_number()),
        "3" | "6" => value().is_some_and(|value| value.is_array()),
        _ => false,
    }
}

impl Server {
    pub(super) fn packet(&mut self, id: u32, message: &Message, polling: bool, now: u64, dice: &mut Dice) {
        let (interval, patience) = self.plan.heartbeat;
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.began = true;
        let text = match message {
            Message::Text(text) => text.as_str(),
            Message::Bytes(_) => "4",
        };
        let kind = text.chars().next();
        if polling && kind == Some('1') {
            self.ended_by_post += 1;
            // The GET that waits is answered before the session is gone.
            self.doings.extend(session.get.take().map(|get| super::Doing::Answer(get, 200, "6".into())));
            return self.close(id, now);
        }
        // Of one that is ending nothing else is heard.
        if session.ending {
            return;
        }
        if kind == Some('3') {
            session.dead_at = None;
            session.ping_at = Some(now + interval);
            return;
        }
        if session.dead_at.is_some() && !std::mem::replace(&mut session.refreshed, true) {
            session.dead_at = Some(now + patience);
        }
        match kind {
            Some('4') => self.decode(id, message, now, dice),
            Some('0' | '1' | '5' | '6') => {}
            // Nor does a client ping.
            _ => {
                self.wrong = Some(format!("the client sent {text}"));
                self.close(id, now);
            }
        }
    }

    /// A text is a packet, or begins one; bytes belong to one that has begun.
    fn decode(&mut self, id: u32, message: &Message, now: u64, dice: &mut Dice) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (text, attachments) = match (session.partial.take(), message) {
            (None, Message::Text(text)) => (text.clone(), vec![]),
            (Some((text, mut attachments)), Message::Bytes(bytes)) => {
                attachments.push(bytes.clone());
                (text, attachments)
            }
            (_, message) => return self.spoil(id, format!("{message:?} out of turn"), now),
        };
        let packet = Packet::of(&text).filter(|packet| is_valid(packet.kind, packet.data));
        let Some(packet) = packet else { return self.spoil(id, format!("the client sent {text}"), now) };
        if attachments.len() < packet.attachments {
            session.partial = Some((text, attachments));
            return;
        }
        self.obey(id, &packet, attachments, now, dice);
    }

    /// The client sent what is no packet.
    fn spoil(&mut self, id: u32, what: String, now: u64) {
        self.wrong = Some(what);
        self.dismiss(id, now);
    }

    fn obey(&mut self, id: u32, packet: &Packet<'_>, attachments: Vec<Vec<u8>>, now: u64, dice: &mut Dice) {
        let Packet { kind, namespace, id: ack, data, .. } = *packet;
        let space = NAMESPACES.iter().position(|of| *of == namespace);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let is_joined = space.is_some_and(|space| session.joined[space].is_some());
        match (kind, space) {
            ("0", None) => {
                self.wrong = Some(format!("CONNECT to {namespace}"));
                self.write(id, format!(r#"44{namespace},{{"message":"Invalid namespace"}}"#));
            }
            ("0", Some(space)) if !is_joined => self.connect(id, space, data, now, dice),
            ("1", Some(space)) if is_joined => {
                if let Some((sid, _)) = session.joined[space].take() {
                    self.spaces[space].clean_up(&sid);
                }
            }
            ("2" | "5", Some(space)) if is_joined => {
                self.happen(id, space, ack, Content { data: data.into(), attachments }, now);
            }
            ("3" | "6", Some(_)) if is_joined => {}
            // The server may have put it out meanwhile.
            _ => {
                if kind == "0" {
                    self.wrong = Some(format!("a second CONNECT to {namespace}"));
                }
                self.expel(id, now);
            }
        }
    }

    fn connect(&mut self, id: u32, space: usize, data: &str, now: u64, dice: &mut Dice) {
        let auth: Value = if data.is_empty() { Value::Null } else { serde_json::from_str(data).unwrap() };
        let clock = self.clock(now);
        self.check_claim(&auth);
        let restored = match (self.plan.keeps, auth["pid"].as_str(), auth["offset"].as_str()) {
            (Some(keeps), Some(pid), Some(offset)) => match &self.streams {
                Some(streams) => streams[space].borrow_mut().restore(pid, offset, EPOCH + now, keeps),
                None => self.spaces[space].restore(pid, offset, clock, keeps),
            }
            .map(|restored| (restored, pid.to_owned())),
            _ => None,
        };
        let recovered = restored.is_some();
        self.missed[space] = 0;
        let (sid, pid) = match restored {
            Some((restored, pid)) => {
                self.spaces[space].rooms.insert(restored.sid.clone(), restored.in_room);
                self.missed[space] = restored.missed.len();
                for content in restored.missed {
                    self.write_all(id, content.packet(false, space, None));
                }
                (restored.sid, pid)
            }
            None => {
                let (sid, pid) = (format!("S{}", self.name()), format!("P{}", self.name()));
                let lies = self.plan.lies && auth["pid"].is_null();
                (sid, self.pids[space].take().filter(|_| lies).unwrap_or(pid))
            }
        };
        self.pids[space] = Some(pid.clone());
        let asks = !recovered || !self.plan.skips_middlewares;
        if asks && self.refuses && dice.one_in(self.plan.refuses) {
            self.spaces[space].clean_up(&sid);
            return self.write(id, format!(r#"44{}{{"message":"no"}}"#, prefix(space)));
        }
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.joined[space] = Some((sid.clone(), pid.clone()));
        session.join_until = None;
        let of = &mut self.spaces[space];
        of.sockets.insert(sid.clone(), id);
        // The application has those join the room that are new.
        if !recovered {
            of.rooms.insert(sid.clone(), true);
        }
        let pid = if self.plan.keeps.is_some() { format!(r#","pid":"{pid}""#) } else { String::new() };
        self.write(id, format!(r#"40{}{{"sid":"{sid}"{pid}}}"#, prefix(space)));
    }
}
