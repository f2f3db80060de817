//! The client's shell: what it hands in, and when. A lazy one lets things wait.

use std::collections::BTreeMap;

use socketio_client_core::codec::Json;
use socketio_client_core::{Bounded, DisconnectReason, Holding, Input, Message, State, TransportId};

use super::NAMESPACES;
use super::engine::number_of;
use super::rooms::space_of;
use super::wire::Conn;
use super::world::World;
use crate::packet::{self, Packet};

/// What waits in a shell, and what it knows of sessions.
#[derive(Debug, Default)]
pub(super) struct Shell {
    inputs: Vec<Input<Json>>,
    /// When it looks at what waits.
    pub(super) next: Option<u64>,
    pub(super) session: Sessions,
    /// When the application has heard everything.
    pub(super) heard: u64,
    /// When the newest session has said last that it lives.
    pub(super) lived: u64,
    /// How far a namespace is above a bound, by what came back because it never left.
    above: BTreeMap<(usize, Bounded), usize>,
}

/// Which session a transport belongs to, and where a session has joined.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    of: Vec<(TransportId, String)>,
    joined: Vec<(String, usize)>,
    /// Namespaces that the application has left, though what was emitted before is still to leave.
    leaving: Vec<usize>,
    /// Transports that are gone.
    pub(super) ended: Vec<TransportId>,
    /// The newest session.
    newest: String,
    /// It has begun, or said that it lives.
    pub(super) lived: bool,
}

/// What comes as text: a packet, or a body of them.
fn text_of(input: &Input<Json>) -> Option<(TransportId, &str)> {
    match input {
        Input::Message { transport, message: Message::Text(text) } => Some((*transport, text)),
        Input::Got { transport, body } => Some((*transport, body)),
        _ => None,
    }
}

impl Sessions {
    pub(super) fn begin(&mut self, transport: TransportId, sid: &str) {
        self.of.retain(|(of, _)| *of != transport);
        self.of.push((transport, sid.into()));
    }

    fn sid(&self, transport: TransportId) -> Option<&String> {
        self.of.iter().find(|(of, _)| *of == transport).map(|(_, sid)| sid)
    }

    fn set(&mut self, transport: TransportId, space: usize, joined: bool) {
        let Some(sid) = self.sid(transport).cloned() else { return };
        let of = (sid, space);
        self.joined.retain(|other| *other != of);
        if joined {
            self.joined.push(of);
        }
    }

    /// From now on nobody listens to what the server says of it, until it is joined again.
    pub(super) fn leave(&mut self, space: usize) {
        self.leaving.push(space);
    }

    pub(super) fn end(&mut self, transport: TransportId) {
        if !self.ended.contains(&transport) {
            self.ended.push(transport);
        }
    }

    fn hear(&mut self, input: &Input<Json>) {
        if let Some((transport, text)) = text_of(input) {
            text.split('\u{1e}').for_each(|packet| self.hear_packet(transport, packet));
        }
    }

    /// Events without attachments that it brings from the newest session, where it has joined.
    fn events(&self, input: &Input<Json>) -> Vec<(usize, u64)> {
        let Some((_, text)) = text_of(input).filter(|(of, _)| self.sid(*of) == Some(&self.newest)) else {
            return Vec::new();
        };
        let event = |text| {
            let packet = Packet::of(text).filter(|packet| packet.kind == "2")?;
            let of = |(sid, space): &&(String, usize)| {
                *sid == self.newest && NAMESPACES[*space] == packet.namespace
            };
            let (_, space) = self.joined.iter().find(of)?;
            Some((*space, number_of("e", packet.data)?))
        };
        text.split('\u{1e}').filter_map(event).collect()
    }

    fn hear_packet(&mut self, transport: TransportId, packet: &str) {
        if let Some((_, rest)) = packet.strip_prefix('0').and_then(|_| packet.split_once(r#""sid":""#)) {
            self.begin(transport, rest.split('"').next().unwrap());
            self.newest = self.sid(transport).cloned().unwrap_or_default();
            self.lived = true;
        } else if packet == "2" {
            self.lived |= self.sid(transport) == Some(&self.newest);
        } else if let Some(rest) = packet.strip_prefix("40") {
            let (space, _) = space_of(rest);
            self.leaving.retain(|left| *left != space);
            self.set(transport, space, true);
        } else if let Some(rest) = packet.strip_prefix("41").or_else(|| packet.strip_prefix("44")) {
            let (space, _) = space_of(rest);
            if !self.leaving.contains(&space) {
                self.set(transport, space, false);
            }
        }
    }

    /// Nothing leaves before the namespace has joined the session that carries it.
    pub(super) fn check(&mut self, transport: TransportId, packet: &str) {
        if let Some(rest) = packet.strip_prefix("41") {
            return self.set(transport, space_of(rest).0, false);
        }
        let Some(rest) = ["42", "43"].iter().find_map(|kind| packet.strip_prefix(kind)) else { return };
        let (space, _) = space_of(rest);
        let sid = self.sid(transport).expect("a transport that has a session");
        assert!(
            self.joined.contains(&(sid.clone(), space)),
            "{packet} before the namespace has joined {sid}"
        );
    }
}

impl World {
    pub(super) fn hand_in(&mut self, input: Input<Json>) {
        if self.plan.late > 0 {
            self.shell.inputs.push(input);
            return self.wake_shell();
        }
        self.shell.session.hear(&input);
        let events = self.shell.session.events(&input);
        if std::mem::take(&mut self.shell.session.lived) {
            self.shell.lived = self.now;
        }
        // Commands that wait may still name it, but none that comes after.
        if let Input::Closed { transport, .. } = &input {
            self.shell.session.end(*transport);
        }
        self.manager.handle_input(input, self.instant());
        // Behind what ends a connection nothing is read.
        if self.manager.state() == State::Connected {
            for (space, number) in events {
                self.laws[space].handed_in(number);
            }
        }
        self.check_bounds();
    }

    /// A connection has ended: the last bytes may never have left.
    pub(super) fn tell_unsent(&mut self, conn: Conn) {
        if !self.plan.tells_unsent || !self.wire.live.contains(&conn) {
            return;
        }
        let bytes = self.dice.roll(self.wire.never_left(conn) as u64 + 1) as usize;
        let transport = self.wire.conns[&conn].transport;
        self.journal.tell(self.now, || format!("the last {bytes} bytes never left {conn}"));
        let before: Vec<_> = self.holdings().map(|(_, holding)| holding.much).collect();
        self.manager.never_left(transport, bytes);
        // It was accepted, and had made room: it is kept, and nothing else is taken beside it.
        let mut came_back = Vec::new();
        for ((space, Holding { what, much, most }), before) in self.holdings().zip(before) {
            if matches!(what, Bounded::Emits | Bounded::EmitBytes) && much > most {
                came_back.push(((space, what), (much - most).min(much - before)));
            }
        }
        for (of, emits) in came_back {
            *self.shell.above.entry(of).or_default() += emits;
        }
    }

    fn holdings(&self) -> impl Iterator<Item = (usize, Holding)> {
        let spaces = self.sockets.iter().enumerate();
        spaces.flat_map(|(space, socket)| self.manager.holdings(*socket).map(move |holding| (space, holding)))
    }

    /// It looks at what waits, later.
    pub(super) fn wake_shell(&mut self) {
        if self.shell.next.is_none() {
            self.shell.next = Some(self.now + 1 + self.dice.roll(self.plan.late));
        }
    }

    /// Does what the core wants, and hears what it tells, or does so later.
    pub(super) fn drain(&mut self) {
        if self.plan.late > 0 {
            return self.wake_shell();
        }
        self.obey_client();
        self.hear_client();
    }

    /// A lazy shell looks at everything that waits, in one go.
    pub(super) fn run_shell(&mut self) {
        self.shell.next = None;
        let inputs = std::mem::take(&mut self.shell.inputs);
        self.figures.add("late looks", u64::from(!inputs.is_empty()));
        self.figures.add("late looks at several inputs", u64::from(inputs.len() > 1));
        inputs.iter().for_each(|input| self.shell.session.hear(input));
        let now = self.instant();
        self.manager.handle_inputs(inputs, now);
        if self.manager.poll_timeout().is_some_and(|at| at <= now) {
            self.manager.handle_timeout(now);
            self.pace.fired(self.now);
        }
        self.obey_client();
        if self.dice.one_in(4) {
            // The application may wait longer than the network.
            return self.wake_shell();
        }
        self.hear_client();
    }

    /// How old what the application hears may be.
    pub(super) const fn lateness(&self) -> u64 {
        if self.plan.late == 0 { 0 } else { self.now - self.shell.heard }
    }

    /// No buffer holds more than it may, whatever waits in the shell.
    pub(super) fn check_bounds(&mut self) {
        let (mut above, mut full) = (BTreeMap::new(), Vec::new());
        for (space, Holding { what, much, most }) in self.holdings() {
            let over = much.saturating_sub(most);
            let came_back = self.shell.above.get(&(space, what)).copied().unwrap_or_default();
            assert!(over <= came_back, "{much} {what:?} in {}, of at most {most}", NAMESPACES[space]);
            if over > 0 {
                above.insert((space, what), over);
            }
            match what {
                Bounded::Emits if much == most => full.push("full of emits"),
                _ if much == most => full.push("full"),
                Bounded::Attachments if much > 0 => full.push("half a packet"),
                _ => {}
            }
        }
        self.shell.above = above;
        full.into_iter().for_each(|figure| self.figures.count(figure));
    }

    /// Nothing is sent on a connection that is gone.
    pub(super) fn check_dead(&mut self) {
        let ended = &self.shell.session.ended;
        for transport in ended.iter().rev().take(4) {
            let frame = self.manager.poll_message(*transport);
            assert!(frame.is_none(), "a frame for a transport that is gone");
        }
    }
    /// A session whose pings come is not ended for want of them. What a lazy shell hears is too old to tell.
    pub(super) fn check_heartbeat(&self, reason: DisconnectReason) {
        // It may find out by waking up, and slow timers tell it later.
        let wakes = self.now <= self.fires(self.pace.hurried_until()).max(self.throttle.1);
        if reason != DisconnectReason::PingTimeout || self.plan.late > 0 || wakes {
            return;
        }
        let (interval, patience) = self.plan.heartbeat;
        let lived = self.shell.lived;
        assert!(self.now >= lived + interval + patience, "given up at {}, pinged at {lived}", self.now);
    }

    /// A shell may hand in what was on its way when it was told to close the connection.
    pub(super) fn stray(&mut self, conn: Conn, message: packet::Message) {
        if !self.plan.grown || self.plan.late > 0 || !self.wire.closed.contains(&conn) {
            return;
        }
        let Some(of) = self.wire.conns.get(&conn) else { return };
        let (transport, message) = (of.transport, message.into());
        self.figures.count("strays");
        self.manager.handle_input(Input::Message { transport, message }, self.instant());
    }
}
