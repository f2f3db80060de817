//! The shells of those clients: what they hand in, and when. A lazy one lets things wait.

use socketio_client_core::codec::Json;
use socketio_client_core::{Input, State};

use crate::client::instant;
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
        if self.plan.late > 0 {
            if client.next.take().is_none() {
                return self.drain(at);
            }
            let inputs = std::mem::take(&mut client.inputs);
            client.manager.handle_inputs(inputs, now);
        }
        if client.manager.poll_timeout().is_some_and(|due| due <= now) {
            client.manager.handle_timeout(now);
            client.pace.fired(self.now);
        }
        self.drain_now(at);
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
