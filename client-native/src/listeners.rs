//! Who is called for what.

use std::sync::Arc;

use socketio_client_core::{
    ClientEvent, ConnectError, DisconnectReason, Gap, ListenerId, Router, SocketId, Taken,
};
use tokio::sync::mpsc;

use crate::feed::Feed;
use crate::gaps::ResyncFn;
use crate::message::{Message, Outgoing};

/// Under these names the listeners of a namespace's own events are kept. A server that sends events of such names reaches
/// nobody, since the handlers are of another kind.
pub(crate) const CONNECT: &str = "connect";
pub(crate) const DISCONNECT: &str = "disconnect";
pub(crate) const CONNECT_ERROR: &str = "connect_error";
pub(crate) const OUTGOING: &str = "\0outgoing";
pub(crate) const FATES: &str = "\0fates";
pub(crate) const GAP: &str = "\0gap";
pub(crate) const RESYNC: &str = "\0resync";

#[derive(Clone)]
pub(crate) enum Handler {
    Event(Arc<dyn Fn(Message) + Send + Sync>),
    Stream(mpsc::Sender<Message>),
    Fates(Arc<Feed>),
    Outgoing(Arc<dyn Fn(Outgoing) + Send + Sync>),
    Connect(Arc<dyn Fn() + Send + Sync>),
    Disconnect(Arc<dyn Fn(DisconnectReason) + Send + Sync>),
    ConnectError(Arc<dyn Fn(ConnectError) + Send + Sync>),
    Gap(Arc<dyn Fn(Gap) + Send + Sync>),
    Resync(Arc<ResyncFn>),
}

pub(crate) type ClientHandler = Arc<dyn Fn(ClientEvent) + Send + Sync>;

pub(crate) type SocketRouter = Router<Handler>;

#[derive(Default)]
pub(crate) struct Listeners {
    sockets: Vec<(SocketId, SocketRouter)>,
    pub(crate) client: Router<ClientHandler>,
}

impl Listeners {
    pub(crate) fn router(&mut self, socket: SocketId) -> &mut SocketRouter {
        let at = self.sockets.iter().position(|(id, _)| *id == socket).unwrap_or_else(|| {
            self.sockets.push((socket, Router::new()));
            self.sockets.len() - 1
        });
        &mut self.sockets[at].1
    }

    pub(crate) fn take(&mut self, socket: SocketId, event: &str) -> Option<Taken<Handler>> {
        let (_, router) = self.sockets.iter_mut().find(|(id, _)| *id == socket)?;
        Some(router.take(event))
    }

    /// Whether somebody listens to events of this name in particular.
    pub(crate) fn is_heard(&self, socket: SocketId, event: &str) -> bool {
        self.sockets.iter().any(|(id, router)| *id == socket && router.has(event))
    }

    pub(crate) fn off(&mut self, socket: SocketId, id: ListenerId) -> Option<Handler> {
        self.router(socket).remove(id)
    }

    pub(crate) fn off_event(&mut self, socket: SocketId, event: &str) -> Vec<Handler> {
        self.router(socket).remove_event(event)
    }

    /// Whether nobody listens to outgoing events.
    pub(crate) fn is_unheard(&mut self, socket: SocketId, event: &str) -> bool {
        let named = |handler: &Handler| matches!(handler, Handler::Outgoing(_));
        self.take(socket, event).is_none_or(|taken| !taken.iter().any(named))
    }

    /// Everybody, to be dropped outside the lock.
    pub(crate) fn close(&mut self) -> Self {
        std::mem::take(self)
    }
}
