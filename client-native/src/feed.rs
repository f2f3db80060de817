//! What feeds a stream of fates, until it is full.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::fates::FateChange;
use crate::sync::lock;

/// Changes that a stream holds for a reader who does not come, and the bytes of what they hand back.
const MAX_HELD: usize = 100_000;
const MAX_HELD_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct Feed {
    /// Without it the stream ends, after what it holds.
    sender: Mutex<Option<UnboundedSender<FateChange>>>,
    held: Arc<Held>,
}

#[derive(Debug, Default)]
struct Held {
    changes: AtomicUsize,
    bytes: AtomicUsize,
}

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Changes {
    receiver: UnboundedReceiver<FateChange>,
    held: Arc<Held>,
}

pub(crate) fn feed() -> (Feed, Changes) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let held = Arc::<Held>::default();
    (Feed { sender: Mutex::new(Some(sender)), held: Arc::clone(&held) }, Changes { receiver, held })
}

impl Feed {
    /// Wakes the reader, so no lock may be held.
    pub(crate) fn send(&self, change: FateChange) {
        let Some(sender) = lock(&self.sender).clone() else { return };
        if self.held.add(size(&change)) {
            // A reader who is gone does not mind.
            let _ = sender.send(change);
        } else {
            let last = lock(&self.sender).take();
            drop(last);
        }
    }
}

impl Changes {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<FateChange>> {
        let change = self.receiver.poll_recv(cx);
        if let Poll::Ready(Some(change)) = &change {
            self.held.take(size(change));
        }
        change
    }

    pub(crate) fn len(&self) -> usize {
        self.receiver.len()
    }
}

impl Held {
    /// Whether there is room. Only one thread adds at a time; that another one takes makes more.
    fn add(&self, bytes: usize) -> bool {
        let changes = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        changes <= MAX_HELD && bytes <= MAX_HELD_BYTES
    }

    fn take(&self, bytes: usize) {
        self.changes.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn size(change: &FateChange) -> usize {
    change.event.as_ref().map_or(0, |event| event.0.size())
}
