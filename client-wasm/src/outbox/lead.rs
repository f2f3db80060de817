//! Whether this tab may lead: not while its namespace is not connected, nor will be by itself. Another tab may send then.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use socketio_client_core::codec::Json;
use socketio_client_core::{Manager, SocketId, State};

use super::values::exact;
use super::{Durable, Link};
use crate::dispatch::Namespace;
use crate::driver::{Inner, Shared};

fn stands(manager: &Manager<Json>, socket: SocketId) -> bool {
    manager.status(socket).active && manager.state() != State::Disconnected
}

impl Inner {
    pub(super) fn stands(&self, socket: SocketId) -> bool {
        stands(&self.manager, socket)
    }

    /// The application leaves this namespace, or all of them: an ack that is under way has as long as the goodbye.
    pub(crate) fn outboxes_linger(&mut self, only: Option<SocketId>) {
        let Self { manager, namespaces, .. } = self;
        let left = namespaces.iter_mut().filter(|(socket, _)| only.is_none_or(|only| **socket == only));
        for (socket, namespace) in left {
            if let Some(link) = &mut namespace.outbox {
                link.lingers = manager.status(*socket).connected;
            }
        }
    }

    /// Nobody listens any longer; what is acknowledged while the goodbye leaves is erased all the same.
    pub(crate) fn keep_outboxes(
        &mut self,
        mut forgotten: BTreeMap<SocketId, Namespace>,
    ) -> BTreeMap<SocketId, Namespace> {
        for (socket, namespace) in &mut forgotten {
            if let Some(link) = namespace.outbox.take() {
                let kept = self.namespaces.entry(*socket).or_insert_with(|| Namespace::new(&namespace.name));
                kept.outbox = Some(link);
            }
        }
        forgotten
    }

    /// The outboxes of which that has changed, and how long what is under way has if they are not to lead.
    fn changes(&mut self) -> Vec<(Rc<Durable>, Option<Duration>)> {
        let Self { manager, namespaces, .. } = self;
        let grace = manager.config_mut().close_timeout;
        let change = |socket: SocketId, link: &mut Link| {
            let stands = stands(manager, socket);
            let lingers = std::mem::take(&mut link.lingers);
            if std::mem::replace(&mut link.stands, stands) == stands {
                return None;
            }
            let grace = if lingers { grace } else { Duration::ZERO };
            Some((Rc::clone(&link.durable), (!stands).then_some(grace)))
        };
        let links = namespaces.iter_mut().filter_map(|(socket, of)| Some((*socket, of.outbox.as_mut()?)));
        links.filter_map(|(socket, link)| change(socket, link)).collect()
    }
}

impl Shared {
    /// What outboxes are to do. Outside the borrow: they may answer at once.
    pub(crate) fn tend_outboxes(&self) {
        while let Some((socket, up_to)) = self.read(|inner| inner.reserves.pop_front()) {
            if let Some(durable) = self.durable(socket) {
                durable.reserve(exact(up_to));
            }
        }
        self.stand_or_retire();
    }

    fn stand_or_retire(&self) {
        for (durable, retires) in self.read(Inner::changes) {
            match retires {
                None => durable.stand(),
                Some(grace) => durable.retire(grace.as_secs_f64() * 1000.0),
            }
        }
    }
}
