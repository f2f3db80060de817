//! The client's shell and its application.

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    AckId, Command, ConnectFailure, DisconnectReason, Event, Frame, Input, Message, SocketId, TransportError,
};

use super::wire::{Arrival, Conn, Connection, Kind, To};
use super::world::World;
use crate::packet;

impl World {
    pub(super) fn at_client(&mut self, arrival: Arrival) {
        if let Arrival::Accepted(conn) | Arrival::ToClient(conn, _) | Arrival::Answer(conn, ..) = &arrival
            && self.wire.live.contains(conn)
            && let Some(node) = self.node_of(*conn)
        {
            self.at = node;
        }
        match arrival {
            Arrival::Accepted(conn) => {
                if let Some(of) = self.wire.conns.get_mut(&conn) {
                    of.accepted = true;
                }
                self.input(conn, |transport| Input::Opened { transport });
            }
            Arrival::ToClient(conn, message) => {
                self.stray(conn, message.clone());
                self.input(conn, |transport| Input::Message { transport, message: message.into() });
            }
            Arrival::Pong(conn) => self.input(conn, |transport| Input::Pong { transport }),
            // It breaks off in the middle.
            Arrival::Answer(conn, ..) if self.wire.conns.get(&conn).is_some_and(|of| of.breaks) => {
                let error = TransportError::Lost { cause: "cut short".into() };
                self.last(conn, |transport| Input::Closed { transport, error });
            }
            Arrival::Answer(conn, 200, body) => {
                let kind = self.wire.conns.get(&conn).map(|of| of.kind);
                self.last(conn, |transport| match kind {
                    Some(Kind::Get) => Input::Got { transport, body: body.into() },
                    _ => Input::Posted { transport },
                });
            }
            Arrival::Answer(conn, status, body) => {
                let error = TransportError::Status { status, body, retry_after: None };
                self.last(conn, |transport| Input::Closed { transport, error });
            }
            Arrival::ClientSees(conn, code) => {
                let error = match code {
                    Some(code) => TransportError::Closed { code: Some(code), reason: String::new() },
                    None => TransportError::Lost { cause: "cut".into() },
                };
                self.tell_unsent(conn);
                self.last(conn, |transport| Input::Closed { transport, error });
            }
            Arrival::Rejoin(_) if self.over => {}
            Arrival::Rejoin(space) => {
                // A lazy shell has not looked since the last namespace was left.
                self.watcher.look(&self.manager, &self.sockets, &mut self.coverage);
                self.manager.connect(self.sockets[space], self.instant());
            }
            Arrival::Resynced(resync) => {
                let space = resync.parts().0.number() as usize;
                // Nothing is told of what waits before.
                self.hear_client();
                self.manager.resynced(resync);
                self.laws[space].releases = true;
                // Also a lazy shell: what waited is heard now.
                self.obey_client();
                self.hear_client();
                let law = &mut self.laws[space];
                law.releases = false;
                law.resyncing = law.resyncing.take().filter(|current| *current != resync);
            }
            Arrival::Request(_) | Arrival::ToServer(..) | Arrival::Ping(_) | Arrival::ServerSees(_) => {
                unreachable!("at the server")
            }
        }
        self.drain();
    }

    fn input(&mut self, conn: Conn, input: impl FnOnce(socketio_client_core::TransportId) -> Input<Json>) {
        if !self.wire.live.contains(&conn) {
            return;
        }
        let Some(of) = self.wire.conns.get(&conn) else { return };
        let input = input(of.transport);
        self.hand_in(input);
    }

    /// Nothing comes after it on this connection.
    fn last(&mut self, conn: Conn, input: impl FnOnce(socketio_client_core::TransportId) -> Input<Json>) {
        if !self.wire.live.contains(&conn) {
            return;
        }
        self.wire.live.remove(&conn);
        let Some(of) = self.wire.conns.get(&conn) else { return };
        let (transport, kind) = (of.transport, of.kind);
        if kind != Kind::WebSocket {
            self.wire.end(conn);
        }
        self.hand_in(input(transport));
    }

    /// Does what the core wants.
    pub(super) fn obey_client(&mut self) {
        let mut pulled = true;
        loop {
            // First and last: a message that is not there may still have queued a command.
            let mut obeyed = false;
            while let Some(command) = self.manager.poll_command() {
                obeyed = true;
                self.doings += 1;
                self.journal.tell(self.now, || format!("client: {command:?}"));
                self.command(command);
            }
            if !pulled && !obeyed {
                break;
            }
            pulled = false;
            for conn in self.wire.live.iter().copied().collect::<Vec<_>>() {
                let Some(of) = self.wire.conns.get(&conn) else { continue };
                let (transport, kind) = (of.transport, of.kind);
                if kind != Kind::WebSocket || !of.accepted {
                    continue;
                }
                while let Some(frame) = self.manager.poll_message(transport) {
                    pulled = true;
                    self.doings += 1;
                    self.journal.tell(self.now, || format!("client -> {conn}: {}", text_of(&frame)));
                    let arrival = match frame {
                        Frame::Message(Message::Text(text)) => {
                            self.shell.session.check(transport, &text);
                            self.ledger.handed_over(transport, &text);
                            Arrival::ToServer(conn, packet::Message::Text(text.to_string()))
                        }
                        Frame::Message(Message::Binary(bytes)) => {
                            Arrival::ToServer(conn, packet::Message::Bytes(bytes.to_vec()))
                        }
                        Frame::Ping => Arrival::Ping(conn),
                    };
                    self.wire.send(conn, To::Server, arrival, self.now, &mut self.dice);
                }
                if self.plan.tells_unsent {
                    self.manager.unsent(transport, self.wire.conns[&conn].unsent);
                }
            }
        }
        self.ledger.room.touched = false;
        self.check_dead();
        self.watcher.look(&self.manager, &self.sockets, &mut self.coverage);
    }

    /// Hears what the core tells.
    pub(super) fn hear_client(&mut self) {
        self.listen();
        self.ledger.room.hearing = true;
        while let Some(event) = self.manager.poll_event() {
            let late = self.lateness();
            self.pace.hear(&event, self.manager.config_mut(), self.now, late);
            self.journal.tell(self.now, || format!("client hears {event:?}"));
            self.hear(event);
        }
        self.ledger.all_heard();
        self.shell.heard = self.now;
        self.store();
    }

    fn command(&mut self, command: Command<Json>) {
        let (transport, url, kind, body) = match command {
            Command::Open { transport, url } => (transport, url, Kind::WebSocket, String::new()),
            Command::Get { transport, url } => (transport, url, Kind::Get, String::new()),
            Command::Post { transport, url, body } => (transport, url, Kind::Post, body.to_string()),
            Command::Close { transport } => {
                self.shell.session.end(transport);
                for conn in self.wire.of(transport) {
                    self.wire.live.remove(&conn);
                    self.wire.closed.insert(conn);
                    self.wire.send(conn, To::Server, Arrival::ServerSees(conn), self.now, &mut self.dice);
                }
                return;
            }
            Command::Save { socket, saved } => {
                self.stored[socket.number() as usize] = Some(self.holding.asked(socket, saved));
                return;
            }
            other => panic!("{other:?} was not asked for"),
        };
        assert!(!self.shell.session.ended.contains(&transport), "{kind:?} for a transport that is gone");
        let same = self.wire.of(transport);
        assert!(same.iter().all(|conn| self.wire.conns[conn].kind != kind), "two {kind:?} at once");
        let mut connection = Connection::new(transport, kind, &url, body);
        if let Some(sid) = &connection.sid {
            self.shell.session.begin(transport, sid);
        }
        if kind == Kind::Post {
            for packet in connection.body.split('\u{1e}') {
                self.shell.session.check(transport, packet);
                self.ledger.handed_over(transport, packet);
            }
        }
        connection.lag = if self.plan.lag > 0 { self.dice.roll(self.plan.lag) } else { 0 };
        let again = connection.again();
        let conn = self.wire.open(connection);
        let reached = self.node_of(conn).is_some_and(|node| self.nodes[node].down_until <= self.now);
        if self.down_until <= self.now && reached {
            self.wire.send(conn, To::Server, Arrival::Request(conn), self.now, &mut self.dice);
            self.double(again);
        } else {
            self.wire.lose(conn, To::Server);
            self.wire.lose(conn, To::Client);
            if !self.swallows {
                let time = self.now + 1 + self.dice.roll(self.plan.latency);
                self.wire.at(time, Arrival::ClientSees(conn, None));
            }
        }
    }

    fn hear(&mut self, event: Event<Json>) {
        let space = |socket: SocketId| socket.number() as usize;
        match event {
            Event::Connected { socket, recovered, replayed, .. } => {
                self.holding.joined(socket);
                self.ledger.joined();
                self.joined(space(socket), recovered, replayed);
                self.emit_at_once(space(socket));
            }
            Event::Gap { socket, gap, told, resync } => {
                assert!(told, "{gap:?} was not told");
                self.gap(space(socket), &gap);
                if let Some(resync) = resync {
                    self.laws[space(socket)].resyncing = Some(resync);
                    let time = self.now + 1 + self.dice.roll(self.plan.reload);
                    self.wire.at(time, Arrival::Resynced(resync));
                }
            }
            Event::Message { socket, payload, ack } => {
                let args: serde_json::Value = serde_json::from_str(payload.json()).unwrap();
                let number = args[1].as_u64().unwrap();
                self.came(socket, number, payload.attachments(), ack);
            }
            Event::Disconnected { socket, reason, .. } => {
                self.laws[space(socket)].joined = None;
                self.ledger.parted(Some(space(socket)));
                if reason == DisconnectReason::ClientDisconnect {
                    self.shell.session.leave(space(socket));
                }
                if matches!(reason, DisconnectReason::ServerDisconnect | DisconnectReason::ClientDisconnect) {
                    self.laws[space(socket)].left = true;
                    self.leave(socket);
                    self.rejoin(space(socket));
                }
            }
            Event::ConnectError { socket, error: ConnectFailure::Refused(_) | ConnectFailure::NoSid } => {
                self.figures.count("refused");
                self.rejoin(space(socket));
            }
            Event::Closed { reason, .. } => {
                self.ledger.parted(None);
                self.check_heartbeat(reason);
            }
            Event::Reconnected { .. } => self.figures.count("reconnects"),
            Event::Upgrading { .. } | Event::Upgraded { .. } if self.plan.judged => {
                let space = self.some_space();
                self.emit_at_once(space);
            }
            Event::Fate { socket, emit, fate, payload } => {
                self.settled((space(socket), emit), fate, payload.as_ref());
            }
            Event::Ack { socket, emit, result } => self.answered((space(socket), emit), result),
            _ => {}
        }
    }

    pub(super) fn answer(&mut self, ack: Option<AckId>) {
        if let Some(ack) = ack {
            let answered = self.manager.ack(ack, Payload::args(&1).unwrap(), self.instant());
            if answered.is_ok() {
                self.ledger.answers(ack.parts().0.number() as usize);
            }
        }
    }

    /// Later.
    pub(super) fn rejoin(&mut self, space: usize) {
        let soon = self.plan.judged && self.dice.one_in(2);
        let time = self.now + 1 + self.dice.roll(if soon { 50 } else { 5000 });
        self.wire.at(time, Arrival::Rejoin(space));
    }
}

impl From<packet::Message> for Message<Json> {
    fn from(message: packet::Message) -> Self {
        match message {
            packet::Message::Text(text) => Self::Text(text.into()),
            packet::Message::Bytes(bytes) => Self::Binary(bytes.into()),
        }
    }
}

fn text_of(frame: &Frame<Json>) -> &str {
    match frame {
        Frame::Message(Message::Text(text)) => text,
        Frame::Message(Message::Binary(_)) => "binary",
        Frame::Ping => "ping",
    }
}
