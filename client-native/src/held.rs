//! Events that wait for their first listener (`holdEvents`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use socketio_client_core::SocketId;

use crate::listeners::Listeners;
use crate::message::Message;
use crate::shared::lock;

/// Bytes of those that wait, of all names.
const BYTES: usize = 16 << 20;

/// Of one client.
pub(crate) struct HeldEvents {
    names: Vec<String>,
    size: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    queues: BTreeMap<(SocketId, String), VecDeque<Message>>,
    count: usize,
    bytes: usize,
    /// Namespaces that were told of what was dropped.
    told: Vec<SocketId>,
}

impl HeldEvents {
    pub(crate) fn new(names: Vec<String>, size: usize) -> Self {
        Self { names, size, inner: Mutex::default() }
    }

    pub(crate) fn holds(&self, event: &str) -> bool {
        self.names.iter().any(|name| name == event)
    }

    /// One more waits; the oldest make room. True if that is to be told.
    pub(crate) fn hold(&self, socket: SocketId, message: Message) -> bool {
        let mut dropped = Vec::new();
        let mut inner = lock(&self.inner);
        inner.count += 1;
        inner.bytes = inner.bytes.saturating_add(message.size());
        inner.queues.entry((socket, message.event().to_owned())).or_default().push_back(message);
        while inner.count > self.size || inner.bytes > BYTES {
            // Of the longest queue: who flooded pays.
            let longest = inner.queues.iter_mut().max_by_key(|(_, queue)| queue.len());
            let Some(old) = longest.and_then(|(_, queue)| queue.pop_front()) else { break };
            inner.count -= 1;
            inner.bytes = inner.bytes.saturating_sub(old.size());
            dropped.push(old);
        }
        let tell = !dropped.is_empty() && !inner.told.contains(&socket);
        if tell {
            inner.told.push(socket);
        }
        drop(inner);
        tell
    }

    /// Those that have a listener now, in order.
    pub(crate) fn release(&self, listeners: &Listeners, released: &mut VecDeque<(SocketId, Message)>) {
        let mut inner = lock(&self.inner);
        let heard: Vec<_> = inner
            .queues
            .keys()
            .filter(|(socket, event)| listeners.is_heard(*socket, event))
            .cloned()
            .collect();
        for key in heard {
            let queue = inner.queues.remove(&key).unwrap_or_default();
            inner.count -= queue.len();
            inner.bytes -= queue.iter().map(Message::size).sum::<usize>();
            released.extend(queue.into_iter().map(|message| (key.0, message)));
        }
    }
}
