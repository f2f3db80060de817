//! The shells of those clients: what they hand in, and when. A lazy one lets things wait.

use std::collections::BTreeSet;

use socketio_client_core::codec::Json;
use socketio_client_core::{Command, Frame, Input, Message, State};

use crate::client::{Client, instant};
use crate::disk::{Record, Write};
use crate::network::{Arrival, Link};
use crate::world::World;

/// Time for a goodbye.
const GOODBYE: u64 = 10_000;

impl World {
    pub(crate) fn tell_client(&mut self, at: usize, input: Input<Json>) {
        if self.plan.late > 0 {
            self.clients[at].inputs.push(input);
        } else {
            self.clients[at].manager.handle_input(input, instant(self.now));
        }
        self.drain(at);
    }

    /// Does what a core wants and hears what it tells, or does so later.
    pub(crate) fn drain(&mut self, at: usize) {
        if self.clients[at].wakes.is_some() {
            return;
        }
        if self.plan.late == 0 {
            return self.drain_now(at);
        }
        if self.clients[at].next.is_none() {
            self.clients[at].next = Some(self.now + 1 + self.dice.roll(self.plan.late));
        }
    }

    /// A timer is due; a lazy shell looks at everything that waits, in one go.
    pub(crate) fn pass_client_time(&mut self, at: usize) {
        let now = instant(self.now);
        let client = &mut self.clients[at];
        if client.wakes.take().is_some() && client.tells_waking {
            client.pace.hurry(self.now);
            client.manager.resume(now);
        }
        if self.plan.late > 0 {
            if client.next.take().is_none() {
                return self.drain(at);
            }
            let inputs = std::mem::take(&mut client.inputs);
            self.figures.add("late looks", u64::from(!inputs.is_empty()));
            self.figures.add("late looks at several inputs", u64::from(inputs.len() > 1));
            client.manager.handle_inputs(inputs, now);
        }
        if client.manager.poll_timeout().is_some_and(|due| due <= now) {
            client.manager.handle_timeout(now);
            client.pace.fired(self.now);
        }
        self.drain_now(at);
        self.clients[at].heard = (self.plan.late > 0).then_some(self.now);
    }

    /// A machine sleeps: what arrives is found when it wakes up, and the clock has gone on.
    pub(crate) fn sleep(&mut self, at: usize) {
        self.name("sleeps");
        let most = [300, 3000][self.dice.roll(2) as usize];
        let client = &mut self.clients[at];
        client.tells_waking = self.dice.one_in(2);
        client.wakes.get_or_insert(self.now + self.dice.roll(most));
        client.heard.get_or_insert(self.now);
    }

    /// When what arrives is found, if that is later.
    pub(crate) fn found(&self, arrival: &Arrival) -> Option<u64> {
        let (Arrival::Accepted(link)
        | Arrival::ToClient(link, _)
        | Arrival::Pong(link)
        | Arrival::ClientSees(link)) = arrival
        else {
            return None;
        };
        let (at, _) = self.find(*link)?;
        self.clients[at].wakes.filter(|wakes| self.now < *wakes)
    }

    /// Does what a core wants, and hears what it tells.
    pub(crate) fn drain_now(&mut self, at: usize) {
        let mut full = BTreeSet::new();
        let mut pulled = true;
        loop {
            // First and last: a message that is not there may still have queued a command.
            let mut obeyed = false;
            while let Some(command) = self.clients[at].manager.poll_command() {
                obeyed = true;
                self.journal.tell(self.now, || format!("client {at}: {command:?}"));
                self.command(at, command);
            }
            if !pulled && !obeyed {
                break;
            }
            pulled = false;
            for (transport, link) in self.clients[at].links.clone() {
                // Sometimes the transport takes no more for a while.
                while !full.contains(&transport) {
                    if self.dice.one_in(10) {
                        full.insert(transport);
                        break;
                    }
                    let Some(frame) = self.clients[at].manager.poll_message(transport) else { break };
                    pulled = true;
                    let arrival = match frame {
                        Frame::Message(Message::Text(text)) => {
                            self.leaves(at, link, &text);
                            self.check_joined(link, &text);
                            Arrival::ToServer(link, text.to_string())
                        }
                        Frame::Message(Message::Binary(bytes)) => Arrival::Attachment(link, bytes.to_vec()),
                        Frame::Ping => Arrival::ToServer(link, "ping".into()),
                    };
                    self.journal.tell(self.now, || format!("client {at} -> {link}: {arrival:?}"));
                    self.network.to_server(link, arrival, self.now, &mut self.dice);
                }
            }
        }
        self.clients[at].full = !full.is_empty();
        let Client { manager, sockets, dead, watcher, .. } = &mut self.clients[at];
        watcher.look(manager, sockets, &mut self.coverage);
        for transport in dead {
            assert!(manager.poll_message(*transport).is_none(), "a frame for a transport that is gone");
        }
        while let Some(event) = self.clients[at].manager.poll_event() {
            self.journal.tell(self.now, || format!("client {at} hears {event:?}"));
            let client = &mut self.clients[at];
            let late = client.heard.map_or(0, |heard| self.now - heard);
            client.pace.hear(&event, client.manager.config_mut(), self.now, late);
            self.hear(at, event);
        }
        self.note_heard(at);
    }

    fn command(&mut self, at: usize, command: Command<Json>) {
        let client = &mut self.clients[at];
        match command {
            Command::Open { transport, .. } => {
                let link = client.link(transport);
                if self.plan.lag > 0 {
                    self.network.slow(link, self.dice.roll(self.plan.lag));
                }
                client.links.insert(transport, link);
                self.network.to_server(link, Arrival::Opened(link), self.now, &mut self.dice);
            }
            Command::Close { transport } => {
                client.dead.push(transport);
                if let Some(link) = client.links.remove(&transport) {
                    self.network.close(link, self.now, &mut self.dice);
                }
            }
            Command::Keep { key, payload, expires, .. } => {
                self.ask(at, Write::Keep { key, record: Record { payload, expires } });
            }
            Command::Erase { key, .. } => self.ask(at, Write::Erase { key }),
            Command::Reserve { up_to, .. } => self.ask(at, Write::Reserve { up_to }),
            other => panic!("{other:?} was not asked for"),
        }
    }

    /// A shell may hand in what was on its way when it was told to close the connection.
    pub(crate) fn stray(&mut self, link: Link, message: Message<Json>) {
        let Some((at, transport)) =
            self.clients.iter().enumerate().find_map(|(at, client)| Some((at, client.closed(link)?)))
        else {
            return;
        };
        if self.clients[at].wakes.is_none() {
            self.figures.count("strays");
            let is_next = |of: Link| of > link && self.clients[at].transport(of).is_some();
            let late = self.joined.iter().any(|(of, _)| is_next(*of));
            self.figures.add("strays overtaken by the next connection", u64::from(late));
            self.tell_client(at, Input::Message { transport, message });
        }
    }

    /// No timer survives its owner, and no connection.
    pub(crate) fn check_farewell(&mut self) {
        for at in 0..self.clients.len() {
            for socket in self.clients[at].sockets {
                self.clients[at].manager.disconnect(socket, instant(self.now));
            }
            self.drain(at);
        }
        let end = self.now + GOODBYE;
        while self.now < end {
            self.step(false);
        }
        for client in &self.clients {
            assert_eq!(client.manager.state(), State::Disconnected, "every namespace was left");
            assert_eq!(client.manager.poll_timeout(), None, "a timer survives its owner");
            assert!(client.links.is_empty(), "connections survive: {:?}", client.links);
        }
    }
}
