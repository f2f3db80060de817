//! What is done with each call: the manager is told, has everything done that it wants, and what happened is reported.

use std::cell::RefMut;
use std::time::Duration;

use socketio_client_core::{Command, Frame, Input, Instant, Message, TransportId};

use super::clock::Arming;
use super::{Core, Inner, Link, Step, calls, report};
use crate::saved;
use crate::slots::{self, Head, Inbox, Part, Payload, SentHead, Slots, Text};

/// While a WebSocket has much to send, it is looked at again after this, in milliseconds. It has no event for that.
const RETRY: u64 = 5;

/// A WebSocket that has more bytes than this to send gets no more for a while. It is looked at again only every few
/// milliseconds, and must not run dry in between.
const HIGH_WATER: f64 = 4.0 * 1024.0 * 1024.0;

impl Inner {
    pub(super) fn payload(&mut self, slot: u32, length: u32) -> Payload {
        Payload::with_parts(slot, length, std::mem::take(&mut self.parts))
    }

    /// The next head that the module does not know, up to this one.
    fn untold_head(&mut self, id: u32) -> Option<SentHead> {
        if self.told > id {
            return None;
        }
        self.told += 1;
        self.inbox.sent(self.told - 1)
    }

    pub(super) fn now(&mut self, wall: Option<f64>) -> Instant {
        match wall {
            Some(wall) => self.timer.read(wall),
            None => self.timer.now(),
        }
    }

    /// Sets the timer anew if it would come too late.
    pub(super) fn arm(&mut self, now: Instant) -> Option<Arming> {
        let retry = self.links.iter().any(|link| link.full).then(|| now + Duration::from_millis(RETRY));
        let due = [self.manager.poll_timeout(), retry].into_iter().flatten().min();
        self.timer.arm(due, now)
    }
}

impl Core {
    // These are parts of nearly every export: what does not depend on the caller is kept out of line, so that it is
    // there once.

    /// For calls of the application: what follows is done at once. Whether there is something to poll. `wall` is the time
    /// where the caller knows it.
    pub(super) fn act_at(&self, wall: Option<f64>, act: impl FnOnce(&mut Inner, Instant)) -> bool {
        let now = {
            let (mut inner, now) = self.enter(wall);
            act(&mut inner, now);
            now
        };
        self.acted(now)
    }

    #[inline(never)]
    pub(super) fn enter(&self, wall: Option<f64>) -> (RefMut<'_, Inner>, Instant) {
        let mut inner = self.inner.borrow_mut();
        let now = inner.now(wall);
        (inner, now)
    }

    #[inline(never)]
    pub(super) fn acted(&self, now: Instant) -> bool {
        self.pump(now);
        self.inner.borrow_mut().has_event()
    }

    pub(super) fn text(&self, transport: u32, slot: Option<u32>, leave: impl FnOnce(&mut Inbox)) -> f64 {
        self.text_at(None, transport, slot, leave)
    }

    pub(super) fn text_at(
        &self,
        wall: Option<f64>,
        transport: u32,
        slot: Option<u32>,
        leave: impl FnOnce(&mut Inbox),
    ) -> f64 {
        leave(&mut self.inner.borrow_mut().inbox);
        if transport == 0 { 0.0 } else { self.left(wall, transport, slot) }
    }

    /// A text was left for this transport.
    #[inline(never)]
    pub(super) fn left(&self, wall: Option<f64>, transport: u32, slot: Option<u32>) -> f64 {
        let now = {
            let (mut inner, now) = self.enter(wall);
            // Whether or not anybody hears it, it is taken.
            let text = inner.inbox.text();
            let Some(text) = text else { return 0.0 };
            let transport = TransportId::from_number(transport);
            inner.manager.handle_input(Input::Message { transport, message: Message::Text(text) }, now);
            now
        };
        self.told(now, slot)
    }

    /// `heard` is the payload of what was handed in.
    #[inline(never)]
    pub(super) fn told(&self, now: Instant, heard: Option<u32>) -> f64 {
        self.pump(now);
        self.inner.borrow_mut().report(heard)
    }

    /// Has everything done that the manager wants. The host is called while no borrow is held.
    pub(super) fn pump(&self, now: Instant) {
        let mut unsent = None;
        loop {
            let Some(step) = self.inner.borrow_mut().step() else { break };
            match step {
                Step::Command(command) => self.obey(command),
                Step::Frame(transport, Frame::Message(message)) => {
                    let bytes = self.write(transport.number(), message);
                    unsent = Some((transport, bytes));
                    if bytes >= HIGH_WATER {
                        let mut inner = self.inner.borrow_mut();
                        inner
                            .links
                            .iter_mut()
                            .filter(|link| link.id == transport)
                            .for_each(|link| link.full = true);
                    }
                }
                Step::Frame(_, Frame::Ping) => {}
            }
        }
        // Once for all of them: what was handed over in one turn of the event loop leaves behind it.
        if let Some((transport, bytes)) = unsent {
            let mut inner = self.inner.borrow_mut();
            slots::freeing_one_later(|| inner.manager.unsent(transport, calls::index(bytes) as usize));
        }
        let arming = self.inner.borrow_mut().arm(now);
        if let Some(arming) = arming {
            let handle = arming.carry_out();
            self.inner.borrow_mut().timer.armed(&handle);
            self.host.armed(&handle);
        }
    }

    pub(super) fn obey(&self, command: Command<Slots>) {
        match command {
            Command::Resolve { id } => {
                self.inner.borrow_mut().resolve = Some(id);
                self.host.resolve();
            }
            Command::Open { transport, url } => {
                self.link(transport);
                self.host.open(transport.number(), &url);
            }
            Command::Get { transport, url } => {
                self.link(transport);
                self.host.get(transport.number(), &url);
            }
            Command::Post { transport, url, body } => {
                self.write(0, Message::Text(body));
                self.host.post(transport.number(), &url);
            }
            Command::Reserve { socket, up_to } => self.host.reserve(socket.number(), report::exact(up_to)),
            // The module stores first, and erases what is settled.
            Command::Keep { .. } | Command::Erase { .. } => {}
            Command::Save { socket, saved } => {
                // The events that came with it are not told yet.
                let stored = self.inner.borrow_mut().marks.store(socket, saved, true);
                self.host.save(socket.number(), &saved::text(&stored));
            }
            Command::Close { transport } => {
                self.inner.borrow_mut().links.retain(|link| link.id != transport);
                self.host.shut(transport.number());
            }
        }
    }

    pub(super) fn link(&self, id: TransportId) {
        let mut inner = self.inner.borrow_mut();
        if inner.links.iter().all(|link| link.id != id) {
            inner.links.push(Link { id, open: false, full: false });
        }
    }

    /// How many bytes the transport has not sent yet.
    pub(super) fn write(&self, transport: u32, message: Message<Slots>) -> f64 {
        match message {
            Message::Text(Text::Part(part)) => self.write_part(transport, part),
            Message::Binary(binary) => {
                let (slot, last) = binary.slot.leave();
                self.host.binary(transport, slot, last)
            }
            // Binary data that is to be text (`forceBase64`): the module knows.
            Message::Text(Text::Body(messages)) => {
                messages.into_iter().fold(0.0, |_, message| self.write(transport, message))
            }
            // These only come in.
            Message::Text(Text::Received(_)) => 0.0,
        }
    }

    pub(super) fn write_part(&self, transport: u32, part: Part) -> f64 {
        let (head, payload) = part.into_parts();
        let (slot, last) = payload.map_or((-1, false), |payload| {
            let (slot, last) = payload.leave();
            (i32::try_from(slot).unwrap_or(-1), last)
        });
        match head {
            Head::Sent { id, ack, .. } => {
                self.tell_heads(id);
                let (ack, freed) = (ack.map_or(-1.0, report::exact), slots::freed());
                self.host.write(transport, id, ack, slot, last, freed)
            }
            Head::Text(text) => self.host.text(transport, &text),
            // These only come in.
            Head::Read(_) | Head::Known { .. } => 0.0,
        }
    }

    /// The module learns each head before it is asked to write it.
    pub(super) fn tell_heads(&self, id: u32) {
        loop {
            let head = self.inner.borrow_mut().untold_head(id);
            let Some(head) = head else { return };
            self.host.head(head.kind as u32, &head.namespace, &head.text);
        }
    }
}
