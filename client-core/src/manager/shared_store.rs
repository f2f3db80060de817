//! A store that several processes share, as the tabs of a browser do: one of them sends, and its shell hands in what is stored.

use alloc::string::String;
use core::time::Duration;

use super::Manager;
use super::outbox::{RestoredEmit, stored};
use crate::codec::Codec;
use crate::event::{EmitId, SocketId};
use crate::fate::Fate;
use crate::socket::SocketState;
use crate::store::Store;
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// As [`Manager::restore`], for a store that several processes share, and of which this one now has the lead. What it
    /// holds is handed in by [`Manager::adopt`]. If the namespace is connected without its name, or under ack ids that the
    /// store may hold, the connection is made anew.
    pub fn lead(&mut self, socket: SocketId, delivery: Option<String>, next: u64, now: Instant) {
        self.tell_time(now);
        if let Some(target) = self.sockets.get(socket.0 as usize)
            && let Some(retries) = &target.outbox.retries
            && retries.must_connect_anew(target.acks.next())
        {
            self.connect_anew(socket, now);
        }
        if self.open_store(socket, delivery, next).is_some() {
            // CONNECT may leave before they are there: the server is not to forget any of them.
            if let Some(store) = self.store_of(socket) {
                store.hands_in(next);
            }
            self.store_is_open(socket, now);
        }
    }

    fn store_of(&mut self, socket: SocketId) -> Option<&mut Store> {
        self.sockets.get_mut(socket.0 as usize)?.outbox.retries.as_mut()?.store.as_mut()
    }

    fn connect_anew(&mut self, socket: SocketId, now: Instant) {
        let state = self.sockets.get(socket.0 as usize).map(|target| &target.state);
        if matches!(state, Some(SocketState::Connected { .. } | SocketState::Connecting { .. })) {
            self.drop_connection(now);
        }
    }

    /// Another process has the store of a namespace, and sends what is in it. The namespace is connected without its name, for
    /// which the connection is made anew if it was the leader's, and emits that were to be sent until they are acknowledged
    /// are forgotten here. Until [`Manager::lead`].
    pub fn follow(&mut self, socket: SocketId, now: Instant) {
        self.tell_time(now);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let Some(retries) = &mut target.outbox.retries else { return };
        let named = retries.name().is_some();
        let Some(store) = &mut retries.store else { return };
        store.follow(target.acks.next());
        for at in (0..target.outbox.held.len()).rev() {
            if target.outbox.held.get(at).is_some_and(|emit| emit.reliable().is_some())
                && let Some(emit) = target.outbox.take(at)
            {
                target.acks.settled(emit.id);
                target.outbox.fates.settle(emit.id, Fate::UNCERTAIN, None);
                if emit.reliable().is_some_and(|reliable| !reliable.restored) {
                    target.doubt(socket, emit.place(), &mut self.events);
                }
            }
        }
        if named {
            self.connect_anew(socket, now);
        }
        self.join(socket, now);
    }

    /// Takes the next ack id for an emit that is being stored.
    pub fn take_id(&mut self, socket: SocketId) -> Option<u64> {
        let target = self.sockets.get_mut(socket.0 as usize)?;
        let id = target.acks.skip();
        if let Some(store) = self.store_of(socket) {
            store.take(id);
        }
        Some(id)
    }

    /// Sends an emit that is in the store, also one that another process has put there. What becomes of it is told under its
    /// ticket, its end by its key ([`Event::OutboxSettled`](crate::Event::OutboxSettled)). `timeout` as in
    /// [`EmitOptions`](crate::EmitOptions); `maybe_sent`: another process may have sent it before.
    pub fn adopt(
        &mut self,
        socket: SocketId,
        emit: RestoredEmit<C::Payload>,
        timeout: Option<Duration>,
        maybe_sent: bool,
        now: Instant,
    ) -> Option<EmitId> {
        self.tell_time(now);
        let target = self.sockets.get_mut(socket.0 as usize)?;
        let store = target.outbox.retries.as_mut()?.store.as_mut()?;
        store.took(emit.key);
        target.acks.begin_at(emit.key + 1);
        let id = target.outbox.ticket();
        let size = self.codec.size(&emit.payload);
        let timeout = timeout.or(self.config.ack_timeout);
        let mut emit = stored(id, emit, size, timeout, maybe_sent);
        target.outbox.fates.watch(id);
        target.outbox.line_up(&mut emit);
        target.outbox.hold(emit);
        self.keep(socket);
        self.release(socket);
        Some(id)
    }
}
