//! How far a server's own history came (`offset`): told with each CONNECT, so that the server sends what is newer.

use std::sync::{Mutex, MutexGuard};

use socketio_client_core::codec::Payload;
use socketio_client_core::{Places, SocketId};

use crate::message::Message;
use crate::sync::lock;

/// Where an event stands in the server's history: a JSON text, or nothing if it says nothing of that.
pub(crate) type CursorFn = dyn Fn(&Message) -> Option<String> + Send + Sync;

/// Of one client.
pub(crate) struct Cursor {
    key: String,
    of: Box<CursorFn>,
    places: Mutex<Places>,
}

impl Cursor {
    pub(crate) fn new(key: String, of: Box<CursorFn>) -> Self {
        Self { key, of, places: Mutex::default() }
    }

    /// Where it stands. Asks the application.
    pub(crate) fn of(&self, message: &Message) -> Option<String> {
        (self.of)(message)
    }

    /// How far each namespace has come.
    pub(crate) fn places(&self) -> MutexGuard<'_, Places> {
        lock(&self.places)
    }

    /// Authentication data with it; keys of the application's win.
    pub(crate) fn add_to(&self, socket: SocketId, auth: Option<Payload>) -> Option<Payload> {
        match self.places().get(socket) {
            Some(place) => Some(auth.unwrap_or_else(Payload::empty_object).with_field(&self.key, place)),
            None => auth,
        }
    }
}
