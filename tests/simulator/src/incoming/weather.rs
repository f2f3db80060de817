//! What goes wrong in the larger world: stalls, sleep, slow timers, bodies that break off, requests that come twice.

use super::wire::{Arrival, Connection, Kind, To};
use super::world::World;

impl World {
    pub(super) fn weather(&mut self) {
        match self.dice.roll(6) {
            0..=1 => self.stall(),
            2 if self.asleep_until <= self.now => self.sleep(),
            3 => {
                self.name("slow timers");
                let period = [1000, 60_000][self.dice.roll(2) as usize];
                self.throttle = (period, self.now + self.dice.roll(600_000));
                self.excuse(self.throttle.1);
            }
            4 => {
                self.name("bodies cut short");
                for conn in self.wire.live.clone() {
                    if let Some(of) = self.wire.conns.get_mut(&conn).filter(|of| of.kind != Kind::WebSocket) {
                        of.breaks = true;
                    }
                }
            }
            _ => {
                self.name("requests twice");
                self.doubles = 1 + self.dice.roll(8);
            }
        }
    }

    /// Nothing moves for a time; then all of it arrives.
    fn stall(&mut self) {
        self.name("stalls");
        let most = [500, 5000, 60_000, 200_000][self.dice.roll(4) as usize];
        let until = self.now + self.dice.roll(most);
        // Who does not ask the server cannot know that it learns of nothing.
        let ways: &[To] = match self.dice.roll(3) {
            0 if self.plan.takeover => &[To::Server],
            1 if self.plan.takeover => &[To::Server, To::Client],
            _ => &[To::Client],
        };
        ways.iter().for_each(|way| self.wire.stall(*way, until));
        // What was on its way before a silence comes later.
        let patience = self.patience();
        for (deadline, conn) in &mut self.silent {
            *deadline = (*deadline).max(self.wire.last_to_client(*conn) + patience);
        }
        self.delay(until);
    }

    /// The machine sleeps: what arrives is found when it wakes up, and the clock has gone on.
    fn sleep(&mut self) {
        self.name("sleeps");
        let most = [2000, 30_000, 600_000][self.dice.roll(3) as usize];
        self.asleep_until = self.now + self.dice.roll(most);
        self.tells_waking = self.dice.one_in(2);
        self.delay(self.asleep_until);
        self.excuse(self.asleep_until);
    }

    /// What is on its way is heard later than it would be.
    fn delay(&mut self, until: u64) {
        self.harm = self.harm.max(until + 1);
        let now = self.now;
        // A lazy shell looks later still.
        let heard = until + self.plan.lateness();
        for law in &mut self.laws {
            law.delay(now, heard);
        }
    }

    /// Until then nobody has to find out that a connection is dead.
    fn excuse(&mut self, until: u64) {
        let deadline = until + self.patience();
        for (of, _) in &mut self.silent {
            *of = (*of).max(deadline);
        }
    }

    /// In which a dead connection is found out.
    pub(super) const fn patience(&self) -> u64 {
        let (interval, patience) = self.plan.heartbeat;
        let time = interval + patience + 2000;
        if time > 25_000 { time } else { 25_000 }
    }

    /// When timers and inputs reach the client again as they should.
    pub(super) fn awake(&self) -> u64 {
        self.now.max(self.asleep_until).max(self.throttle.1)
    }

    /// When the client's timer fires that is due at a time.
    pub(super) fn fires(&self, due: u64) -> u64 {
        let (period, until) = self.throttle;
        let due = if self.now < until { due.max(self.now).next_multiple_of(period).min(until) } else { due };
        due.max(self.asleep_until)
    }

    /// Waking up is told after what waited.
    pub(super) fn wake(&mut self) {
        if self.asleep_until <= self.now && std::mem::take(&mut self.tells_waking) {
            self.resume();
        }
    }

    pub(super) fn resume(&mut self) {
        self.pace.hurry(self.now);
        self.manager.resume(self.instant());
    }

    /// Somebody on the way sends an attempt to connect once more; nobody waits for the answer.
    pub(super) fn double(&mut self, request: Connection) {
        // Of a session that polls a second GET would take what the first one waits for.
        let attempt = request.kind == Kind::WebSocket || request.sid.is_none();
        if self.doubles == 0 || !attempt {
            return;
        }
        self.doubles -= 1;
        self.figures.count("requests that came twice");
        self.harm = self.harm.max(self.now + 1);
        let conn = self.wire.open(request);
        self.wire.live.remove(&conn);
        self.wire.lose(conn, To::Client);
        self.wire.send(conn, To::Server, Arrival::Request(conn), self.now, &mut self.dice);
        if self.dice.one_in(2) {
            let time = self.now + 500 + self.dice.roll(5000);
            self.wire.at(time, Arrival::ServerSees(conn));
        }
    }

    /// All is well again.
    pub(super) fn clear_up(&mut self) {
        self.throttle = (1, 0);
        self.doubles = 0;
    }
}
