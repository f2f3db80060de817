//! What goes wrong.

use super::wire::{Arrival, Kind, To};
use super::world::World;

impl World {
    pub(super) fn trouble(&mut self) {
        self.harm = self.harm.max(self.now + 1);
        if self.plan.grown && self.dice.one_in(3) {
            return self.weather();
        }
        let awake = self.asleep_until <= self.now;
        match self.dice.roll(20) {
            0..=3 => {
                self.name("cuts");
                self.cut(true, true);
            }
            4..=6 => {
                self.name("half-open: ours was closed");
                self.cut(true, false);
            }
            7..=9 => {
                self.name("half-open: silence");
                self.cut(false, false);
            }
            10 => {
                self.name("half-open: the server's was closed");
                self.cut(false, true);
            }
            11 => {
                self.name("half-open: deaf one way");
                self.lose(To::Client);
            }
            12..=13 => self.outage(),
            // What a stopped process has not sent comes before all that it does.
            14 if !self.node().is_late() => {
                self.name("closed by the server");
                let now = self.now;
                self.node().server.dismiss_all(now);
            }
            15 if self.nodes.len() > 1 && self.dice.one_in(2) => {
                self.name("one of two servers down");
                let most = [2000, 20_000, 300_000][self.dice.roll(3) as usize];
                let until = self.now + self.dice.roll(most);
                self.node().down_until = until;
                let server = self.dice.one_in(2);
                self.cut(true, server);
            }
            15 => {
                self.name("restarts with memory");
                let now = self.now;
                self.node().server.gone_all(now);
                self.cut(true, true);
                self.rest(false);
            }
            16 if self.dice.one_in(2) => {
                self.name("restarts without memory");
                let now = self.now;
                self.node().server.forget(now);
                let told = !self.dice.one_in(3);
                self.cut(told, true);
                self.rest(false);
            }
            16..=17 if awake => {
                let space = self.some_space();
                if self.dice.one_in(2) && !self.node().is_late() {
                    self.name("thrown out");
                    self.node().server.throw_out(space);
                } else {
                    self.name("left");
                    // All of them: what waits leaves over the old session, while the next one begins.
                    let all = self.plan.judged && self.dice.one_in(2);
                    let spaces = if all { 0..self.plan.namespaces } else { space..space + 1 };
                    spaces.for_each(|space| self.leave_one(space));
                }
            }
            18 if self.plan.stops && self.dice.one_in(2) => {
                self.name("stopped");
                let most = [2000, 20_000, 100_000, 300_000][self.dice.roll(4) as usize];
                let until = self.now + self.dice.roll(most);
                self.node().frozen_until = until;
                self.harm = self.harm.max(until + 1);
            }
            18 => {
                self.name("clock set");
                let skew = i64::try_from(self.dice.roll(20_000)).unwrap() - 10_000;
                self.node().server.skew += skew;
            }
            19 if awake && self.plan.stores && !self.dice.one_in(4) && self.restart() => {
                self.name("other processes");
            }
            _ if awake => {
                self.name("woken up");
                self.resume();
            }
            _ => {}
        }
        self.obey();
    }

    fn leave_one(&mut self, space: usize) {
        if self.plan.judged {
            let count = self.dice.roll(4);
            self.emit_some(space, true, count);
        }
        self.manager.disconnect(self.sockets[space], self.instant());
        self.drain();
        // Also where there is no connection whose end would be told.
        self.leave(self.sockets[space]);
        self.rejoin(space);
    }

    fn lose(&mut self, to: To) {
        for conn in self.wire.live.clone() {
            // What is on its way to the client may still come.
            let heard = self.awake().max(self.wire.last_to_client(conn));
            if self.plan.grown && self.wire.conns[&conn].kind == Kind::WebSocket {
                let cut = self.wire.break_off(conn, to, &mut self.dice);
                self.harm = self.harm.max(cut.last + 1);
                self.figures.add("cut inside a frame", u64::from(cut.inside_frame));
                self.figures.add("cut inside a packet", u64::from(cut.inside_packet));
            } else {
                // A request that breaks in the middle is weather.
                self.wire.lose(conn, to);
            }
            if self.wire.conns[&conn].kind != Kind::Post {
                self.silent.push((heard + self.patience(), conn));
            }
        }
    }

    /// Every connection is dead. One side may be told.
    fn cut(&mut self, client: bool, server: bool) {
        // What was handed over just now is on its way.
        if self.plan.judged && self.asleep_until <= self.now {
            let space = self.some_space();
            self.emit_at_once(space);
            self.drain();
        }
        self.lose(To::Server);
        self.lose(To::Client);
        for conn in self.wire.live.clone() {
            if client {
                let time = self.now + self.dice.roll(50);
                self.wire.at(time, Arrival::ClientSees(conn, None));
            }
            if server {
                let time = self.now + self.dice.roll(200);
                self.wire.at(time, Arrival::ServerSees(conn));
            }
        }
    }

    /// For a while there is no network.
    fn outage(&mut self) {
        self.name("outages");
        let (client, server) = (self.dice.one_in(2), self.dice.one_in(3));
        self.cut(client, server);
        let swallows = self.dice.one_in(2);
        self.rest(swallows);
    }

    fn rest(&mut self, swallows: bool) {
        let most = [200, 2000, 20_000, 100_000, 300_000, 900_000][self.dice.roll(6) as usize];
        self.swallows = swallows;
        self.down_until = self.now + self.dice.roll(most);
        let rest = self.now + self.dice.roll(most);
        if !self.plan.grown {
            self.next_trouble = self.next_trouble.max(rest);
        }
    }
}
