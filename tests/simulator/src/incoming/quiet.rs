//! What a client does that nothing happens to, and one that is left.

use super::world::World;
use socketio_client_core::State;

/// Time for a goodbye, on a slow connection.
const GOODBYE: u64 = 15_000;
/// To answer a heartbeat: with a pong, or a POST and the next GET.
const DOINGS: u64 = 3;

impl World {
    /// A quiet network has a quiet client: it answers heartbeats, and wakes up for nothing else.
    pub(super) fn check_quiet(&mut self) {
        let beats = 4;
        let (doings, timers) = (self.doings, self.timers);
        let end = self.now + (beats - 1) * self.plan.heartbeat.0;
        while self.now < end {
            self.step(false);
        }
        let (doings, timers) = (self.doings - doings, self.timers - timers);
        assert!(
            doings <= beats * DOINGS,
            "{doings} commands and frames in {beats} heartbeats of a quiet network"
        );
        // A lazy shell's own.
        let most = beats * if self.plan.late > 0 { 50 } else { 3 };
        assert!(timers <= most, "{timers} timers in {beats} heartbeats of a quiet network");
    }

    /// No timer survives its owner, and no connection.
    pub(super) fn check_farewell(&mut self) {
        self.over = true;
        for socket in self.sockets.clone() {
            self.manager.disconnect(socket, self.instant());
        }
        self.drain();
        let end = self.now + GOODBYE;
        while self.now < end {
            self.step(false);
        }
        assert_eq!(self.manager.state(), State::Disconnected, "every namespace was left");
        assert_eq!(self.manager.poll_timeout(), None, "a timer survives its owner");
        assert!(self.wire.live.is_empty(), "connections survive: {:?}", self.wire.live);
    }
}
