//! What is asked of the shell, and said to the application.

use socketio_client_core::codec::Json;
use socketio_client_core::{Command, Event, Frame, Message, TransportId};

use super::{Link, Shell};
use crate::machine::{STORED, server};
use crate::source::Source;

/// Answers that wait to be heard: more than are due between two turns of the kind server, which loses none.
const ANSWERS: usize = 1024;

impl Shell {
    /// Sometimes a sink is full.
    pub(in crate::machine) fn drain(&mut self, source: &mut Source<'_>) {
        loop {
            let mut quiet = true;
            while let Some(command) = self.manager.poll_command() {
                quiet = false;
                self.obey(command);
            }
            let open = |(id, link): (&TransportId, &Link)| (*link == Link::Open).then_some(*id);
            for transport in self.links.iter().filter_map(open).collect::<Vec<_>>() {
                let room = if source.below(8) == 7 { 1 } else { usize::MAX };
                for _ in 0..room {
                    let Some(frame) = self.manager.poll_message(transport) else { break };
                    quiet = false;
                    self.pulled(transport, frame);
                }
            }
            // Pulling may queue commands.
            if let Some(command) = self.manager.poll_command() {
                quiet = false;
                self.obey(command);
            }
            if quiet {
                break;
            }
        }
        for transport in self.dead.iter().rev().take(4) {
            assert!(self.manager.poll_message(*transport).is_none(), "a message for a link that is gone");
        }
        while let Some(event) = self.manager.poll_event() {
            self.tell(&event);
            self.judge.hears(&event);
            match event {
                Event::Authenticate { request, .. } => self.questions.push(request),
                Event::Message { ack: Some(ack), .. } => self.wanted_acks.push(ack),
                Event::Gap { resync: Some(resync), .. } => self.resyncs.push(resync),
                _ => {}
            }
        }
        self.check_bounds();
    }

    /// With `TRACE` set, to see what an input does.
    pub(super) fn tell(&self, what: &dyn std::fmt::Debug) {
        if self.trace {
            eprintln!("{} {what:?}", self.now.since_epoch().as_millis());
        }
    }

    fn check_bounds(&self) {
        for socket in &self.sockets {
            let held = self.manager.held(*socket).map(|(_, payload, _)| payload.size());
            let (count, bytes) = held.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
            assert!(count <= self.buffer_size && bytes <= self.buffer_bytes, "{count} held, {bytes} bytes");
            // Those of an earlier process come on top.
            let queued = self.manager.queued(*socket);
            assert!(queued <= self.buffer_size + self.judge.restored.len(), "{queued} queued");
        }
    }

    fn obey(&mut self, command: Command<Json>) {
        self.tell(&command);
        match command {
            Command::Resolve { id } => self.resolves.push(id),
            Command::Open { transport, .. } => {
                assert!(!self.dead.contains(&transport), "a transport twice");
                assert!(self.links.insert(transport, Link::Opening).is_none(), "a transport twice");
            }
            Command::Get { transport, .. } => {
                assert!(!self.dead.contains(&transport), "a GET for a link that is gone");
                let new = Link::Polling { getting: false, posting: false };
                let Link::Polling { getting, .. } = self.links.entry(transport).or_insert(new) else {
                    panic!("a GET on a WebSocket")
                };
                assert!(!std::mem::replace(getting, true), "a second GET");
            }
            Command::Post { transport, body, .. } => {
                assert!(!self.dead.contains(&transport), "a POST for a link that is gone");
                let new = Link::Polling { getting: false, posting: false };
                let known = self.links.contains_key(&transport);
                assert!(known || body == "1", "a POST on a new transport");
                let Link::Polling { posting, .. } = self.links.entry(transport).or_insert(new) else {
                    panic!("a POST on a WebSocket")
                };
                assert!(!std::mem::replace(posting, true), "a second POST");
                let alone = !body.contains('\u{1e}');
                assert!(self.wild || alone || body.len() <= server::MAX_PAYLOAD, "{} bytes", body.len());
                body.split('\u{1e}').for_each(|text| self.sent(text));
            }
            Command::Close { transport } => {
                if self.links.contains_key(&transport) {
                    self.bury(transport);
                }
            }
            Command::Keep { socket, key, .. } => {
                assert_eq!(socket, self.sockets[STORED]);
                assert!(!self.keeps.contains(&key) && !self.kept.contains(&key), "{key} is kept twice");
                self.keeps.push_back(key);
            }
            Command::Erase { key, .. } => {
                let known = self.kept.contains(&key) || self.keeps.contains(&key);
                assert!(known, "{key} was never there");
            }
            Command::Reserve { up_to, .. } => self.reserve = self.reserve.max(Some(up_to)),
            Command::Save { .. } => {}
        }
    }

    fn pulled(&mut self, transport: TransportId, frame: Frame<Json>) {
        match frame {
            Frame::Message(Message::Text(text)) => {
                if text == "2probe" {
                    self.probed.insert(transport);
                }
                self.sent(&text);
            }
            Frame::Message(Message::Binary(_)) => {}
            Frame::Ping => {
                assert!(self.pings, "a ping that nobody can send");
                // A server may say that it has read what it was not asked for.
                let first = self.pinged.insert(transport);
                assert!(first || self.wild, "a second ping");
            }
        }
    }

    fn sent(&mut self, text: &str) {
        self.tell(&text);
        server::check_sent(text);
        self.answers.extend(server::answer(text));
        // What nobody listens to is lost.
        self.answers.truncate(ANSWERS);
    }
}
