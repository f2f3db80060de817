//! What an outbox holds is taken back, all at once.

use super::Manager;
use crate::codec::Codec;
use crate::error::AckError;
use crate::event::SocketId;
use crate::retries::Reliable;

impl<C: Codec> Manager<C> {
    /// Takes back every emit that is sent until it is acknowledged: what was never sent ends as cancelled, everything else as
    /// uncertain. What is kept of them is to be erased.
    pub fn clear_outbox(&mut self, socket: SocketId) {
        self.take_back(socket, |_| true);
    }

    /// The same for those only that earlier processes have left.
    pub fn clear_restored(&mut self, socket: SocketId) {
        self.take_back(socket, |reliable| reliable.restored);
    }

    fn take_back(&mut self, socket: SocketId, wanted: impl Fn(&Reliable) -> bool) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let mut at = 0;
        while let Some(emit) = target.outbox.held.get(at) {
            if !emit.reliable().is_some_and(&wanted) {
                at += 1;
                continue;
            }
            let Some(emit) = target.outbox.take(at) else { break };
            let fate = emit.uncertain();
            target.finish(socket, emit, fate, Err(AckError::Cancelled), &mut self.events);
        }
        self.release(socket);
        self.report_flushes();
    }
}
