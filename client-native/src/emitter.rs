//! Emits on terms of their own.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use socketio_client_core::codec::Payload;
use socketio_client_core::{EmitError, EmitId, EmitOptions};

use crate::socket::Socket;

/// See [`Socket::volatile`], [`Socket::max_age`] and [`Socket::coalesce`], which can be combined.
#[derive(Clone, Copy)]
#[must_use = "call `emit`"]
pub struct Emitter<'a> {
    socket: &'a Socket,
    options: EmitOptions<'a>,
}

impl<'a> Emitter<'a> {
    pub(crate) fn new(socket: &'a Socket) -> Self {
        Self { socket, options: EmitOptions { unread: true, ..EmitOptions::default() } }
    }

    /// Now or never.
    pub const fn volatile(mut self) -> Self {
        self.options.volatile = true;
        self
    }

    /// For so long it may be held.
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.options.max_age = Some(age);
        self
    }

    /// In the place of an older one with the same key.
    pub const fn coalesce(mut self, key: &'a str) -> Self {
        self.options.coalesce = Some(key);
        self
    }

    /// Sends an event. That it is dropped later is no error; [`Socket::settled`] tells.
    ///
    /// # Errors
    /// As [`Socket::emit`].
    pub fn emit<A: Serialize + ?Sized>(&self, event: &str, args: &A) -> Result<EmitId, EmitError> {
        let payload = Payload::event(event, args)?;
        self.socket.shared().emit(self.socket.id, payload, self.options)
    }
}

impl fmt::Debug for Emitter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EmitOptions { volatile, max_age, coalesce, .. } = &self.options;
        f.debug_struct("Emitter")
            .field("namespace", &self.socket.namespace())
            .field("volatile", volatile)
            .field("max_age", max_age)
            .field("coalesce", coalesce)
            .finish_non_exhaustive()
    }
}
