//! What the application sends: emits, the answers to events, and what is known of them.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::{Manager, Phase, delivery};
use crate::codec::Codec;
use crate::config::BufferPolicy;
use crate::engine::Outgoing;
use crate::error::{AckError, EmitError, Refused};
use crate::event::{AckId, EmitId, Event, Flush, SocketId};
use crate::fate::Fate;
use crate::outbox::{Answer, Emit, Terms};
use crate::retries::Reliable;
use crate::socket::{EmitOptions, SocketState};
use crate::time::Instant;

impl<C: Codec> Manager<C> {
    /// Accepts an emit: it is sent at once, or held until the namespace is connected. The ticket rises with each call.
    ///
    /// # Errors
    /// With the payload handed back, if it is too large for the server, has too many attachments, or finds no room. A
    /// volatile emit that cannot be sent at once is dropped without error.
    pub fn emit(
        &mut self,
        socket: SocketId,
        payload: C::Payload,
        options: EmitOptions<'_>,
        now: Instant,
    ) -> Result<EmitId, Refused<C::Payload>> {
        self.tell_time(now);
        let size = self.codec.size(&payload);
        let attachments = self.codec.attachments(&payload);
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else {
            return Err(Refused { error: EmitError::Closed, payload });
        };
        if attachments > self.config.send_attachments {
            let error =
                EmitError::TooManyAttachments { count: attachments, limit: self.config.send_attachments };
            return Err(Refused { error, payload });
        }
        let engine = match &mut self.phase {
            Phase::Open(engine) => Some(engine),
            _ => None,
        };
        let retried = target.outbox.retries() && !options.volatile;
        // A volatile one never waits, and stands in nobody's place.
        let coalesce = options.coalesce.filter(|_| !options.volatile);
        if retried && let Some(cause) = target.outbox.retries.as_ref().and_then(|it| it.refusal.clone()) {
            return Err(Refused { error: EmitError::Storage { cause }, payload });
        }
        let ack = (options.ack || retried).then(|| target.acks.next());
        let oversize = delivery::oversize(&self.codec, &payload, &target.namespace, ack, engine.as_deref());
        if let Some(error) = oversize {
            return Err(Refused { error, payload });
        }
        // Over a silent connection nothing is sent that could be held, and what is held goes first.
        let passes = target.outbox.is_empty() || target.outbox.retries();
        let engine = engine.filter(|engine| target.is_connected() && passes && engine.takes_emits(now));
        let timeout = options.timeout.or(self.config.ack_timeout);
        let room = target.outbox.room(size, target.acks.in_flight(), &self.config);
        let writable = !options.busy
            && engine.as_ref().is_some_and(|engine| engine.is_writable())
            && (!options.ack || target.allows_ids());
        if options.volatile && !writable {
            let emit = target.outbox.ticket();
            if options.watched {
                target.outbox.fates.watch(emit);
            }
            target.outbox.fates.settle(emit, Fate::Dropped, Some(payload));
            if options.ack && options.quiet_drop && room.is_ok() {
                let ack = target.acks.register(emit, timeout.map(|timeout| now + timeout));
                target.acks.mark_dropped(ack);
            } else if options.ack {
                self.events.push_back(Event::Ack { socket, emit, result: Err(AckError::Dropped) });
            }
            return Ok(emit);
        }
        let dropped = match room {
            Ok(()) => false,
            Err(_) if coalesce.is_some_and(|key| target.outbox.fits_in_place(key, size, &self.config)) => {
                false
            }
            Err(error) => match self.config.buffer_policy {
                BufferPolicy::DropNewest => true,
                BufferPolicy::DropOldest
                    if target.make_room(socket, size, coalesce, &self.config, &mut self.events) =>
                {
                    false
                }
                BufferPolicy::Refuse | BufferPolicy::DropOldest => return Err(Refused { error, payload }),
            },
        };
        let id = target.outbox.ticket();
        if options.watched {
            target.outbox.fates.watch(id);
        }
        let answer = if retried {
            Answer::Reliable(Reliable::new(timeout, options.unread))
        } else if options.ack {
            Answer::Id(target.acks.register(id, timeout.map(|timeout| now + timeout)))
        } else {
            Answer::None
        };
        let expires = options.max_age.or(self.config.buffer_max_age).map(|age| now + age);
        let terms = (expires.is_some() || coalesce.is_some())
            .then(|| Box::new(Terms { expires, key: coalesce.map(Arc::from), place: None }));
        let mut emit = Emit { id, answer, payload, size, volatile: options.volatile, told: false, terms };
        if dropped {
            target.not_sent(socket, emit, EmitError::Displaced, &mut self.events);
            return Ok(id);
        }
        if coalesce.is_some() {
            match target.outbox.replace(emit) {
                Ok(old) => {
                    target.not_sent(socket, old, EmitError::Displaced, &mut self.events);
                    return Ok(id);
                }
                Err(given_back) => emit = given_back,
            }
        }
        match engine {
            Some(engine) if !retried => {
                target.outbox.queue(id, size);
                delivery::tell_sent(socket, target, &mut emit, &mut self.events);
                engine.queue.push_back(Outgoing::Emit { socket, emit });
            }
            _ => {
                target.outbox.line_up(&mut emit);
                target.outbox.hold(emit);
                if retried {
                    self.keep(socket);
                    self.release(socket);
                }
            }
        }
        Ok(id)
    }

    /// Takes an emit back. True if it was still held: then it is certainly never sent. An ack that it asked for settles as
    /// cancelled in any case; one that was on its way already ends as uncertain.
    pub fn cancel(&mut self, socket: SocketId, emit: EmitId) -> bool {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return false };
        let queued = match &mut self.phase {
            Phase::Open(engine) => engine.withdraw_emit(socket, emit),
            _ => None,
        };
        if let Some(queued) = &queued {
            target.outbox.unqueue(queued.size);
        }
        if let Some(removed) = queued.or_else(|| target.outbox.remove(emit)) {
            if target.is_told(&removed) {
                return false;
            }
            match removed.answer {
                Answer::None => target.outbox.fates.settle(emit, Fate::Cancelled, Some(removed.payload)),
                Answer::Id(id) => {
                    target.outbox.fates.settle(emit, Fate::Cancelled, Some(removed.payload));
                    if target.acks.remove(id).is_some() {
                        self.events.push_back(Event::Ack { socket, emit, result: Err(AckError::Cancelled) });
                    }
                }
                Answer::Reliable(_) => {
                    let result = Err(AckError::Cancelled);
                    target.finish(socket, removed, Fate::Cancelled, result, &mut self.events);
                    self.release(socket);
                }
            }
            self.report_flushes();
            return true;
        }
        if let Some(removed) = target.outbox.settle(emit) {
            let fate = removed.uncertain();
            target.finish(socket, removed, fate, Err(AckError::Cancelled), &mut self.events);
            self.release(socket);
        } else if target.acks.of(emit) == Some(true) {
            target.acks.forget(emit);
            // One that was dropped waits for its ack all the same.
            if target.outbox.fates.settled(emit).is_none() {
                target.outbox.fates.settle(emit, Fate::UNCERTAIN, None);
            }
            self.events.push_back(Event::Ack { socket, emit, result: Err(AckError::Cancelled) });
        }
        false
    }

    /// Drops an emit that is still held, without a word: an ack that it asked for ends as if the emit had been lost on its
    /// way, when its time is over or with the connection.
    pub fn discard(&mut self, socket: SocketId, emit: EmitId) {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return };
        let Some(removed) = target.outbox.remove(emit) else { return };
        let ack = removed.answer.id();
        target.outbox.fates.settle(emit, Fate::Dropped, Some(removed.payload));
        if let Some(id) = ack {
            target.acks.mark_dropped(id);
        }
        self.report_flushes();
    }

    /// Emits that wait until the namespace is connected, in order, with the ids of the acks that they ask for. Those that
    /// are sent again until they are acknowledged are not among them.
    pub fn held(&self, socket: SocketId) -> impl Iterator<Item = (EmitId, &C::Payload, Option<u64>)> {
        let target = self.sockets.get(socket.0 as usize).filter(|target| !target.outbox.retries());
        let held = target.map_or_else(Default::default, |target| target.outbox.held());
        held.map(|emit| (emit.id, &emit.payload, emit.answer.id()))
    }

    /// How many emits wait to be acknowledged, sent or not, where
    /// [`SocketOptions::retries`](crate::SocketOptions::retries) has them sent again.
    #[must_use]
    pub fn queued(&self, socket: SocketId) -> usize {
        let target = self.sockets.get(socket.0 as usize).filter(|target| target.outbox.retries());
        target.map_or(0, |target| target.outbox.held().count())
    }

    /// Emits whose acks may still come, held ones included; one for each attempt.
    pub fn pending_acks(&self, socket: SocketId) -> impl Iterator<Item = EmitId> {
        self.sockets.get(socket.0 as usize).into_iter().flat_map(|target| target.acks.emits())
    }

    /// Nobody waits for the ack of this emit any longer, so that an answer that never comes takes no room. The emit itself
    /// is not taken back.
    pub fn forget_ack(&mut self, socket: SocketId, emit: EmitId) {
        if let Some(target) = self.sockets.get_mut(socket.0 as usize) {
            // From now on only a receipt tells what becomes of it, unless it was dropped.
            if target.outbox.get(emit).is_none()
                && target.acks.of(emit) == Some(true)
                && target.outbox.fates.settled(emit).is_none()
                && target.outbox.fates.tells(emit)
            {
                target.outbox.fates.watch_in_flight(emit);
            }
            target.acks.forget(emit);
        }
    }

    /// Answers an event that asked for an ack.
    ///
    /// # Errors
    /// With the payload handed back, if the connection on which the event came has ended, or there is no room.
    pub fn ack(&mut self, ack: AckId, payload: C::Payload, now: Instant) -> Result<(), Refused<C::Payload>> {
        self.tell_time(now);
        let AckId { socket, session, id } = ack;
        let size = self.codec.size(&payload);
        let attachments = self.codec.attachments(&payload);
        if attachments > self.config.send_attachments {
            let error =
                EmitError::TooManyAttachments { count: attachments, limit: self.config.send_attachments };
            return Err(Refused { error, payload });
        }
        let (Some(target), Phase::Open(engine)) = (self.sockets.get_mut(socket.0 as usize), &mut self.phase)
        else {
            return Err(Refused { error: EmitError::Stale, payload });
        };
        if !matches!(target.state, SocketState::Connected { session: current, .. } if current == session) {
            return Err(Refused { error: EmitError::Stale, payload });
        }
        if let Some(error) =
            delivery::oversize(&self.codec, &payload, &target.namespace, Some(id), Some(engine))
        {
            return Err(Refused { error, payload });
        }
        if let Err(error) = target.outbox.room(size, target.acks.in_flight(), &self.config) {
            return Err(Refused { error, payload });
        }
        target.outbox.queue_answer(size);
        engine.queue.push_back(Outgoing::Ack { socket, id, payload, size });
        Ok(())
    }

    /// Asks whether all that the namespace has emitted so far has reached the server. The proof is a WebSocket pong or the
    /// answer to a POST; without [`Config::websocket_ping`](crate::Config::websocket_ping) it is only that the WebSocket
    /// took it. For an emit that is sent until it is answered it is the answer; one that was given up is uncertain.
    /// Emits that were cancelled, or not sent for another reason, do not count: they have had an event of their own. Nor do
    /// those that a store has kept of another process.
    pub fn flush(&mut self, socket: SocketId) -> Flush {
        let Some(target) = self.sockets.get_mut(socket.0 as usize) else { return Flush::Delivered };
        if target.outbox.take_uncertain() {
            return Flush::Uncertain;
        }
        target.outbox.flush().map_or(Flush::Delivered, Flush::Pending)
    }

    /// Whether [`Event::Sent`] is wanted for each packet of this namespace.
    pub fn observe(&mut self, socket: SocketId, on: bool) {
        if let Some(socket) = self.sockets.get_mut(socket.0 as usize) {
            socket.observed = on;
        }
    }
}
