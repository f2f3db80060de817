//! Emits on other terms than the usual ones.

use std::time::Duration;

use serde::Serialize;
use socketio_client_core::codec::Payload;
use socketio_client_core::{EmitError, EmitId, EmitOptions};

use crate::socket::Socket;

/// How an event is to be emitted: [`Socket::volatile`], [`Socket::max_age`], [`Socket::coalesce`], and what they are combined
/// with. `socket.coalesce("position").max_age(Duration::from_secs(5)).emit("position", &(x, y))`.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is sent before `emit`"]
pub struct Emitter<'a> {
    socket: &'a Socket,
    options: EmitOptions<'a>,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(socket: &'a Socket) -> Self {
        Self { socket, options: EmitOptions::default() }
    }

    /// Dropped, without error, unless the namespace is connected and the transport takes it now.
    pub const fn volatile(mut self) -> Self {
        self.options.volatile = true;
        self
    }

    /// Not sent any more once it was held for so long (`maxAge`).
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.options.max_age = Some(age);
        self
    }

    /// Replaces an emit with the same key that is still held, in its place (`coalesce`).
    pub const fn coalesce(mut self, key: &'a str) -> Self {
        self.options.coalesce = Some(key);
        self
    }

    /// Sends an event, as [`Socket::emit`].
    ///
    /// # Errors
    /// If it cannot be sent, or finds no room in the buffer. Nothing is held then.
    pub fn emit<A: Serialize + ?Sized>(&self, event: &str, args: &A) -> Result<EmitId, EmitError> {
        self.socket.send(Payload::event(event, args)?, self.options)
    }
}
