//! The connection as something that an application opens and closes by itself, apart from its namespaces.

use core::mem;

use super::{Lingering, Manager, Phase};
use crate::codec::{Codec, Message};
use crate::engine::upgrade::Upgrade;
use crate::event::{DisconnectReason, SocketId};
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// Opens the connection although no namespace may want it (`Manager.open`). Does nothing if it is open, being opened,
    /// or waiting for its next attempt.
    pub fn open_connection(&mut self, now: Instant) {
        self.wanted = true;
        if matches!(self.phase, Phase::Idle) {
            self.backoff.reset();
            self.start(None, now);
        }
    }

    /// Closes the connection and plans no other (`Manager._close`). Namespaces stay active: the next call that opens the
    /// connection connects them again.
    pub fn close_connection(&mut self, now: Instant) {
        self.wanted = false;
        let reconnection = mem::replace(&mut self.config.reconnection, false);
        match &self.phase {
            Phase::Open(_) => self.drop_at_once(now),
            _ => self.leave(now),
        }
        self.config.reconnection = reconnection;
    }

    /// Sends an Engine.IO message of the application's own, ahead of packets that wait. It is lost if no session is open.
    pub fn write(&mut self, message: Message<C>, now: Instant) {
        self.tell_time(now);
        if let Phase::Open(engine) = &mut self.phase {
            engine.messages.push_back(message);
            // Its bytes are not known here, so of what was before it none can be said not to have left.
            engine.forget_written(0);
        }
    }

    /// Ends the session as if it had broken, but in good order (`engine.close`): the server is told, and the next attempt
    /// is planned. While the session moves to another transport, that comes first; emits are held from now on.
    pub fn drop_connection(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Open(engine) if engine.upgrade.is_pausing() => engine.leaving = true,
            _ => self.drop_at_once(now),
        }
    }

    /// What was asked for while the session moved, now that it has, or cannot.
    pub(super) fn drop_if_leaving(&mut self) {
        if matches!(&self.phase, Phase::Open(engine) if engine.leaving) {
            self.drop_at_once(self.now);
        }
    }

    fn drop_at_once(&mut self, now: Instant) {
        let mut engine = match mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Open(engine) => engine,
            other => {
                self.phase = other;
                return;
            }
        };
        self.end_lingering();
        if let Some(transport) = mem::replace(&mut engine.upgrade, Upgrade::None).transport() {
            self.close_transport(transport);
        }
        // What the move has held up still leaves, and nobody is there to hear the answers.
        if engine.leaving {
            for (socket, id) in self.sockets.iter_mut().zip(0..) {
                for lost in socket.abandon_acks() {
                    socket.lose(SocketId(id), &lost, &mut self.events);
                }
            }
        } else {
            for outgoing in mem::take(&mut engine.queue).into_iter().rev() {
                self.give_back(outgoing);
            }
        }
        let deadline = now + self.config.close_timeout;
        let lost = self.lost(&engine, None);
        self.lingering = Some(Lingering { engine, deadline, said_goodbye: false });
        self.session_ended(DisconnectReason::ForcedClose, None, lost, now);
    }
}
