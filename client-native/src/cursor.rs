//! How far a server's own history came (`offset`): told with each CONNECT, so that the server sends what is newer.

use std::collections::BTreeMap;
use std::sync::Mutex;

use socketio_client_core::SocketId;
use socketio_client_core::codec::Payload;

use crate::message::Message;
use crate::shared::lock;

/// Where an event stands in the server's history: a JSON text, or nothing if it says nothing of that.
pub(crate) type CursorFn = dyn Fn(&Message) -> Option<String> + Send + Sync;

/// Of one client.
pub(crate) struct Cursor {
    key: String,
    of: Box<CursorFn>,
    last: Mutex<BTreeMap<SocketId, String>>,
}

impl Cursor {
    pub(crate) fn new(key: String, of: Box<CursorFn>) -> Self {
        Self { key, of, last: Mutex::default() }
    }

    /// Where it stands. Asks the application.
    pub(crate) fn of(&self, message: &Message) -> Option<String> {
        (self.of)(message)
    }

    /// So far the listeners have come.
    pub(crate) fn advance(&self, socket: SocketId, to: String) {
        lock(&self.last).insert(socket, to);
    }

    /// Authentication data with it; keys of the application's win.
    pub(crate) fn add_to(&self, socket: SocketId, auth: Option<Payload>) -> Option<Payload> {
        let last = lock(&self.last).get(&socket).cloned();
        match last {
            Some(last) => Some(auth.unwrap_or_else(Payload::empty_object).with_field(&self.key, &last)),
            None => auth,
        }
    }
}
