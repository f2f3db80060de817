//! What the application does, and time.

use scenarios::Face;
use socketio_client_core::{EmitOptions, Fate, Flush, SocketId};

use crate::integer::Integer;
use crate::world::World;

impl World {
    pub(crate) fn step(&mut self) {
        let socket = self.sockets[self.dice.roll(3) as usize];
        match self.dice.roll(24) {
            0 => self.manager.connect(socket, self.now),
            1 if self.dice.roll(2) == 0 => {
                self.resyncs.remove(&socket);
                self.manager.disconnect(socket, self.now);
            }
            2..=5 => self.emit(socket),
            6 => self.manager.reconnect_now(self.now),
            7 => self.flush(socket),
            11 if self.dice.roll(4) == 0 => {
                self.resyncs.clear();
                self.manager.close(self.now);
            }
            12 if self.dice.roll(4) == 0 => self.manager.set_reconnection(self.dice.roll(2) == 0),
            13 if !self.wanted_acks.is_empty() => {
                let ack =
                    self.wanted_acks.swap_remove(self.dice.roll(self.wanted_acks.len() as u64) as usize);
                let _ = self.manager.ack(ack, Integer.ack(3), self.now);
            }
            14 if !self.auth_requests.is_empty() => {
                let at = self.dice.roll(self.auth_requests.len() as u64) as usize;
                let data = if self.dice.roll(4) == 0 { Err("no".to_string()) } else { Ok(None) };
                self.manager.authenticate(self.auth_requests.swap_remove(at), data, self.now);
            }
            15 => {
                let quiet_drop = self.dice.roll(2) == 0;
                let options = EmitOptions { ack: true, volatile: true, quiet_drop, ..EmitOptions::default() };
                if let Ok(emit) = self.manager.emit(socket, Integer.event(0, &[]), options, self.now) {
                    let quiet = quiet_drop && self.manager.fate(socket, emit) == Some(Fate::Dropped);
                    // Its ack may never end, as in the original.
                    if quiet { &mut self.quiet } else { &mut self.unsettled }.insert((socket, emit));
                }
            }
            8 if self.dice.roll(8) == 0 => {
                let online = self.dice.roll(2) == 0;
                self.manager.set_online(online, self.now);
            }
            16 if self.dice.roll(4) == 0 => {
                if let Some((socket, emit)) = self.unsettled.last().copied() {
                    self.manager.cancel(socket, emit);
                }
            }
            17 if self.dice.roll(8) == 0 => self.manager.set_heartbeat_deadline(self.now),
            18 if self.dice.roll(4) == 0 => self.manager.resume(self.now),
            19 if self.dice.roll(4) == 0 => {
                let on = self.dice.roll(2) == 0;
                self.manager.set_resync(socket, on);
            }
            20 if self.dice.roll(2) == 0 => self.resynced(socket),
            9..=10 => self.pass_time(),
            _ => self.world(),
        }
        self.drain();
    }

    fn emit(&mut self, socket: SocketId) {
        let ack = self.dice.roll(3) == 0;
        let timeout = (self.dice.roll(2) == 0).then_some(std::time::Duration::from_secs(3));
        let options = EmitOptions { ack, timeout, ..EmitOptions::default() };
        let number = self.next_number;
        let payload = Integer.event(number, &[]);
        let Ok(emit) = self.manager.emit(socket, payload, options, self.now) else { return };
        self.next_number += 1;
        if ack || socket == self.sockets[2] {
            assert!(self.unsettled.insert((socket, emit)), "a ticket twice");
        } else if socket == self.sockets[0] {
            self.accepted.push(number);
            self.proof.numbers.insert(emit, number);
        }
    }

    /// Sometimes of a time that is over, which must not matter.
    fn resynced(&mut self, socket: SocketId) {
        if !self.stale_resyncs.is_empty() && self.dice.roll(2) == 0 {
            let at = self.dice.roll(self.stale_resyncs.len() as u64) as usize;
            self.manager.resynced(self.stale_resyncs[at]);
            let event = self.manager.poll_event();
            assert!(event.is_none(), "{event:?} came of a time that is over");
        } else if let Some(resync) = self.resyncs.remove(&socket) {
            self.manager.resynced(resync);
            self.stale_resyncs.push(resync);
            self.released = true;
            while let Some(event) = self.manager.poll_event() {
                self.hear(event);
            }
            self.released = false;
        }
    }

    fn flush(&mut self, socket: SocketId) {
        match self.manager.flush(socket) {
            Flush::Pending(emit) => drop(self.flushes.insert((socket, emit))),
            Flush::Delivered if socket == self.sockets[0] => {
                if let Some(last) = self.proof.numbers.keys().next_back() {
                    self.proof.delivered(*last);
                }
            }
            Flush::Uncertain if socket == self.sockets[0] => {
                self.proof.uncertain =
                    self.proof.uncertain.max(self.proof.numbers.keys().next_back().copied());
            }
            Flush::Delivered | Flush::Uncertain => {}
        }
    }

    fn pass_time(&mut self) {
        let jump = std::time::Duration::from_millis(self.dice.roll(30_000));
        let target = self.now + jump;
        let mut calls = 0;
        while let Some(deadline) = self.manager.poll_timeout().filter(|deadline| *deadline <= target) {
            calls += 1;
            assert!(calls < 1000, "time does not pass: {:?}", self.manager);
            self.now = self.now.max(deadline);
            self.manager.handle_timeout(self.now);
            self.drain();
        }
        self.now = target;
    }
}
