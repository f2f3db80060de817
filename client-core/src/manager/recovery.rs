//! Events on their way to the application, and those that were missed.

use super::Manager;
use crate::codec::Codec;
use crate::error::DecodeError;
use crate::event::{AckId, DisconnectReason, Event, SocketId};
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// An event for the application.
    pub(super) fn deliver(&mut self, socket: SocketId, payload: C::Payload, ack: Option<u64>) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        // One that wants an ack has no offset: its last argument is the application's.
        if ack.is_none()
            && target.recovery.is_offered()
            && let Some((offset, stamp)) = self.codec.offset(&payload)
        {
            let today = self.config.unix_epoch.saturating_add(self.now.since_epoch());
            target.recovery.note(offset, stamp, today);
        }
        let session = target.sessions;
        let ack = ack.map(|id| AckId { socket, session, id });
        self.events.push_back(Event::Message { socket, payload, ack });
    }

    /// An event came before the answer to CONNECT.
    pub(super) fn hold_early(
        &mut self,
        socket: SocketId,
        payload: C::Payload,
        ack: Option<u64>,
        now: Instant,
    ) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let size = self.codec.size(&payload);
        if target.recovery.hold(payload, ack, size, &self.config) {
            return;
        }
        // Another try would end the same way.
        target.recovery.forget();
        let limit = self.config.buffer_size.min(self.config.limits.packets);
        let error = DecodeError::Limit { what: "events before the answer to CONNECT", limit };
        self.end_session(DisconnectReason::ParseError, Some(error.into()), now);
    }

    /// Tells that the namespace is connected, and delivers what came before.
    pub(super) fn replay(&mut self, socket: SocketId) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let early = target.recovery.take_early();
        let recovered = target.recovery.recovered;
        self.events.push_back(Event::Connected { socket, recovered, replayed: early.len() });
        for (payload, ack) in early {
            self.deliver(socket, payload, ack);
        }
    }
}
