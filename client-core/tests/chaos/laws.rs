//! What the application is told, and whether that may be.

use scenarios::Face;
use socketio_client_core::{DisconnectReason, Event, Fate};

use crate::integer::Integer;
use crate::world::World;

impl World {
    pub(crate) fn hear(&mut self, event: Event<Integer>) {
        if let Event::Gap { socket, resync, told, .. } = event {
            assert!(self.may_tell.remove(&socket), "a gap without a connection, or a second one");
            assert!(told || resync.is_none(), "events wait for what is not told");
            if let Some(resync) = resync {
                self.stale_resyncs.extend(self.resyncs.insert(socket, resync));
            }
            return;
        }
        if let Some((expected, left)) = self.early.take().filter(|(_, left)| *left > 0) {
            let Event::Message { socket, .. } = &event else { panic!("{event:?} instead of a message") };
            assert_eq!(*socket, expected);
            self.early = Some((expected, left - 1));
        }
        match event {
            Event::Ack { socket, emit, .. } => {
                let known = self.unsettled.remove(&(socket, emit)) || self.quiet.remove(&(socket, emit));
                assert!(known, "settled twice: {emit:?}");
            }
            Event::Connected { socket, recovered, replayed, early } => {
                assert!(self.connected.insert(socket), "connected twice");
                self.may_tell.insert(socket);
                assert!(!(self.left.remove(&socket) && recovered), "recovered what was left");
                assert_eq!(replayed, if recovered { early } else { 0 });
                self.early = Some((socket, early));
            }
            Event::Disconnected { socket, reason, .. } => {
                assert!(self.connected.remove(&socket), "disconnected twice");
                if !matches!(reason, DisconnectReason::TransportClose | DisconnectReason::PingTimeout) {
                    // Left, or more had come than may wait.
                    self.resyncs.remove(&socket);
                }
                if matches!(reason, DisconnectReason::ClientDisconnect | DisconnectReason::ServerDisconnect) {
                    self.left.insert(socket);
                }
            }
            Event::Message { socket, ack, .. } => {
                assert!(!self.resyncs.contains_key(&socket), "a message that ought to wait");
                let may_come = self.released || self.connected.contains(&socket);
                assert!(may_come, "a message while disconnected");
                self.may_tell.remove(&socket);
                self.wanted_acks.extend(ack);
            }
            Event::Authenticate { request, .. } => self.auth_requests.push(request),
            Event::Flushed { socket, emit, delivered } => {
                assert!(self.flushes.remove(&(socket, emit)), "a flush twice");
                match delivered {
                    _ if socket != self.sockets[0] => {}
                    true => self.proof.delivered(emit),
                    false => self.proof.uncertain = self.proof.uncertain.max(Some(emit)),
                }
            }
            Event::Fate { socket, emit, fate, .. } => {
                let before = self.fates.insert((socket, emit), fate);
                assert!(!before.is_some_and(Fate::is_final), "{emit:?} was {before:?}, and is {fate:?}");
                let now = self.manager.fate(socket, emit).unwrap();
                assert!(now == fate || !fate.is_final(), "{emit:?} was told as {fate:?}, and is {now:?}");
                let number = self.proof.numbers.get(&emit).filter(|_| socket == self.sockets[0]);
                if let (Fate::Delivered, Some(number)) = (fate, number) {
                    assert!(self.proof.proven.contains(number), "{number} is not known to have come");
                }
            }
            Event::NotSent { payload, .. } => {
                let (number, _) = Integer.read(&payload);
                self.accepted.retain(|accepted| *accepted != number);
                self.proof.numbers.retain(|_, accepted| *accepted != number);
            }
            _ => {}
        }
    }
}
