//! What happens to transports, and what is sent on them.

use std::collections::BTreeSet;

use socketio_client_core::{Command, Frame, Input, Message, TransportError, TransportId};

use crate::integer::Integer;
use crate::server::answers;
use crate::world::{Link, World};

const WIRES: &[&str] = &[
    "40=S1",
    "40/a,=S2",
    "44!",
    "44/a,!",
    "41",
    "41/a,",
    "42#5",
    "42/a,#6",
    "421#7",
    "430#1",
    "431#1",
    "43/a,2#1",
    "40=S1P1",
    "40=S1P2",
    // With the offsets 0 and 1.
    "42#268435461",
    "42#4563402757",
    "40/r,=S3",
    "40/r,=S3P1",
    "41/r,",
    "43/r,0#1",
    "43/r,1#1",
    "43/r,2#1",
    "43/r,3#1",
    "2",
    "3",
    "3probe",
    "6",
    "1",
    "5",
    "x",
    "",
    "42",
    "452-#1",
    "bAQ==",
    "b!",
    "0#E2;websocket;25000;20000;1000",
];

impl World {
    /// Something happens to the transports.
    pub(crate) fn world(&mut self) {
        let count = if self.batches { 1 + self.dice.roll(8) } else { 1 };
        (0..count).for_each(|_| self.happen());
        self.hand_in();
    }

    /// What the manager is told next.
    pub(crate) fn give(&mut self, input: Input<Integer>) {
        if self.batches {
            self.inputs.push(input);
        } else {
            self.manager.handle_input(input, self.now);
        }
    }

    /// It is told now.
    pub(crate) fn hand_in(&mut self) {
        if self.batches {
            self.manager.handle_inputs(self.inputs.drain(..), self.now);
        }
    }

    /// Something happens to one of them.
    fn happen(&mut self) {
        let at = self.dice.roll(self.links.len().max(1) as u64) as usize;
        let Some((&transport, _)) = self.links.iter().nth(at) else { return };
        let wire = WIRES[self.dice.roll(WIRES.len() as u64) as usize];
        let fails = self.dice.roll(12) == 0;
        let link = self.links.get_mut(&transport).unwrap();
        let input = if fails {
            self.links.remove(&transport);
            if self.batches {
                // What never left is told just before the end, and other input may wait.
                self.handed.remove(&transport);
            } else {
                self.stuck(transport);
            }
            Input::Closed { transport, error: TransportError::Lost { cause: "chaos".into() } }
        } else {
            match link {
                Link::WebSocketOpening => {
                    *link = Link::WebSocketOpen;
                    self.give(Input::Opened { transport });
                    let text = "0#E1;websocket;25000;20000;1000".to_string();
                    Input::Message { transport, message: Message::Text(text) }
                }
                Link::WebSocketOpen if wire.is_empty() => {
                    Input::Message { transport, message: Message::Binary(1) }
                }
                Link::WebSocketOpen if wire == "6" => {
                    self.proof.prove(transport, true);
                    self.handed.remove(&transport);
                    Input::Pong { transport }
                }
                Link::WebSocketOpen => Input::Message { transport, message: Message::Text(wire.into()) },
                Link::Polling { getting, .. } if *getting && self.dice.roll(2) == 0 => {
                    *getting = false;
                    let body = if self.manager.transport().is_none() {
                        format!("0#E1;websocket;25000;20000;1000\u{1e}{wire}")
                    } else {
                        wire.to_string()
                    };
                    Input::Got { transport, body }
                }
                Link::Polling { posting, .. } if *posting => {
                    *posting = false;
                    self.proof.prove(transport, false);
                    Input::Posted { transport }
                }
                Link::Polling { .. } => return,
            }
        };
        self.give(input);
    }

    /// The last frames that a WebSocket was handed never left.
    fn stuck(&mut self, transport: TransportId) {
        let handed = self.handed.remove(&transport).unwrap_or_default();
        let count = self.dice.roll(handed.len() as u64 + 1) as usize;
        let stuck = &handed[handed.len() - count..];
        let numbers: BTreeSet<u32> = stuck.iter().filter_map(|(_, packet)| plain_number(packet)).collect();
        stuck.iter().filter_map(|(_, packet)| retried_number(packet)).for_each(|n| self.retried.stuck(n));
        let bytes = stuck.iter().map(|(bytes, _)| bytes).sum();
        self.manager.never_left(transport, bytes);
        self.sent.retain(|number| !numbers.contains(number));
        if let Some((unproven, covered)) = self.proof.unproven.get_mut(&transport) {
            unproven.retain(|number| !numbers.contains(number));
            *covered = None;
        }
        self.stuck.extend(numbers);
    }

    pub(crate) fn drain(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(command) = self.manager.poll_command() {
                quiet = false;
                self.obey(command);
            }
            let open: Vec<_> = self
                .links
                .iter()
                .filter(|(_, link)| **link == Link::WebSocketOpen)
                .map(|(id, _)| *id)
                .collect();
            for transport in open {
                // Sometimes the sink is full.
                while self.dice.roll(8) > 0 {
                    let Some(frame) = self.manager.poll_message(transport) else { break };
                    quiet = false;
                    self.pulled(transport, &frame);
                }
            }
            if quiet {
                break;
            }
        }
        while let Some(event) = self.manager.poll_event() {
            self.hear(event);
        }
    }

    pub(crate) fn obey(&mut self, command: Command<Integer>) {
        match command {
            Command::Open { transport, .. } => {
                assert!(self.links.insert(transport, Link::WebSocketOpening).is_none(), "a transport twice");
            }
            Command::Get { transport, .. } => {
                let link =
                    self.links.entry(transport).or_insert(Link::Polling { getting: false, posting: false });
                let Link::Polling { getting, .. } = link else { panic!("GET on a WebSocket") };
                assert!(!std::mem::replace(getting, true), "a second GET");
            }
            Command::Post { transport, body, .. } => {
                // That of a session that was lost.
                if body == "1" {
                    self.links.entry(transport).or_insert(Link::Polling { getting: false, posting: false });
                }
                // A session whose transport has just failed may still be told to post; the shell would ignore it.
                if let Some(Link::Polling { posting, .. }) = self.links.get_mut(&transport) {
                    assert!(!std::mem::replace(posting, true), "a second POST");
                    body.split('\u{1e}').for_each(|packet| self.sent(transport, packet));
                    self.replies.extend(body.split('\u{1e}').flat_map(answers));
                } else {
                    panic!("POST on a transport that is gone");
                }
            }
            Command::Close { transport } => drop(self.links.remove(&transport)),
            Command::Resolve { .. }
            | Command::Keep { .. }
            | Command::Erase { .. }
            | Command::Reserve { .. }
            | Command::Save { .. } => {
                unreachable!("not asked for")
            }
        }
    }

    pub(crate) fn pulled(&mut self, transport: TransportId, frame: &Frame<Integer>) {
        let handed = match frame {
            Frame::Message(Message::Text(text)) => (text.len(), text.clone()),
            Frame::Message(Message::Binary(_)) => (1, String::new()),
            Frame::Ping => (0, String::new()),
        };
        self.handed.entry(transport).or_default().push(handed);
        if self.dice.roll(8) == 0 {
            let last = self.handed[&transport].iter().rev().take(self.dice.roll(5) as usize);
            self.manager.unsent(transport, last.map(|(bytes, _)| bytes).sum());
        }
        match frame {
            Frame::Message(Message::Text(text)) => self.sent(transport, text),
            Frame::Message(Message::Binary(_)) => {}
            Frame::Ping => {
                let (unproven, covered) = self.proof.unproven.entry(transport).or_default();
                assert!(covered.replace(unproven.len()).is_none(), "a second ping");
            }
        }
        if !self.websocket_ping {
            self.proof.prove(transport, false);
        }
    }

    /// Plain emits of `/` leave in the order in which they were accepted, each at most once.
    pub(crate) fn sent(&mut self, transport: TransportId, packet: &str) {
        if let Some(number) = retried_number(packet) {
            self.retried.sent(number);
        }
        for (socket, prefix) in self.sockets.iter().zip(["40@", "40/a,@", "40/r,@"]) {
            assert!(
                !self.left.contains(socket) || !packet.starts_with(prefix),
                "{packet} claims what was left"
            );
        }
        let Some(number) = plain_number(packet) else { return };
        assert!(self.accepted.contains(&number), "{number} was not accepted");
        assert!(self.sent.last().is_none_or(|last| *last < number), "{number} after {:?}", self.sent.last());
        self.sent.push(number);
        self.proof.unproven.entry(transport).or_default().0.push(number);
    }
}

/// Of an attempt of `/r`.
pub(crate) fn retried_number(packet: &str) -> Option<u32> {
    let (_, number) = packet.strip_prefix("42/r,")?.split_once('#')?;
    number.parse().ok().filter(|number| *number > 0)
}

/// Of a plain emit of `/`.
pub(crate) fn plain_number(packet: &str) -> Option<u32> {
    packet.strip_prefix("42#").and_then(|number| number.parse().ok())
}
