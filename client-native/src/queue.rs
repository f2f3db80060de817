//! Events on their way from the driver to the dispatcher.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use crate::shared::{Event, lock};

/// Events that may wait for listeners, and their bytes. Beyond either the driver stops reading.
const EVENTS: usize = 4096;
const BYTES: usize = 16 << 20;
/// Capacities that an empty queue keeps. A connection where little happens has less, and goes without; what an
/// exceptional burst needed is given back.
const KEPT: Range<usize> = 8..257;

/// Bounded by the driver, which looks at [`Queue::is_full`] before it reads.
#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    dispatcher: AtomicWaker,
    /// Pushed, and not yet dealt with.
    events: AtomicUsize,
    bytes: AtomicUsize,
    /// The driver waits for room.
    stalled: AtomicBool,
}

#[derive(Default)]
struct Inner {
    events: VecDeque<Event>,
    closed: bool,
    /// There is something else to do.
    nudged: bool,
}

impl Queue {
    /// Opens the queue for one batch.
    pub(crate) fn fill(&self) -> Fill<'_> {
        Fill { queue: self, inner: lock(&self.inner), events: 0, bytes: 0 }
    }

    /// Wakes the dispatcher.
    pub(crate) fn wake(&self) {
        self.dispatcher.wake();
    }

    /// Has the dispatcher look, though there may be no events.
    pub(crate) fn nudge(&self) {
        lock(&self.inner).nudged = true;
        self.dispatcher.wake();
    }

    /// No more will come.
    pub(crate) fn close(&self) {
        lock(&self.inner).closed = true;
        self.dispatcher.wake();
    }

    /// Swaps all that waits with `batch`, which is empty, and stays so after a nudge where nothing waits. False once no more will come.
    pub(crate) fn poll_take(&self, cx: &Context<'_>, batch: &mut VecDeque<Event>) -> Poll<bool> {
        self.dispatcher.register(cx.waker());
        let mut inner = lock(&self.inner);
        if std::mem::take(&mut inner.nudged) {
            std::mem::swap(&mut inner.events, batch);
            return Poll::Ready(true);
        }
        if inner.events.is_empty() {
            give_back(batch);
            give_back(&mut inner.events);
            return if inner.closed { Poll::Ready(false) } else { Poll::Pending };
        }
        std::mem::swap(&mut inner.events, batch);
        Poll::Ready(true)
    }

    /// These are dealt with. True if the driver waits for that.
    #[must_use]
    pub(crate) fn done(&self, events: usize, bytes: usize) -> bool {
        let events = self.events.fetch_sub(events, Ordering::SeqCst) - events;
        let bytes = self.bytes.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        events <= EVENTS / 2 && bytes <= BYTES / 2 && self.stalled.swap(false, Ordering::SeqCst)
    }

    /// Whether the driver is to stop reading. If so, [`Queue::done`] will tell when to go on.
    pub(crate) fn is_full(&self) -> bool {
        if !self.over() {
            return false;
        }
        self.stalled.store(true, Ordering::SeqCst);
        // The dispatcher may have caught up between the two.
        self.over()
    }

    fn over(&self) -> bool {
        self.events.load(Ordering::SeqCst) >= EVENTS || self.bytes.load(Ordering::SeqCst) >= BYTES
    }
}

fn give_back(events: &mut VecDeque<Event>) {
    if !KEPT.contains(&events.capacity()) {
        *events = VecDeque::new();
    }
}

/// A batch on its way into the queue.
pub(crate) struct Fill<'a> {
    queue: &'a Queue,
    inner: MutexGuard<'a, Inner>,
    events: usize,
    bytes: usize,
}

impl Fill<'_> {
    pub(crate) fn push(&mut self, event: Event) {
        self.events += 1;
        self.bytes += size(&event);
        self.inner.events.push_back(event);
    }

    /// Events so far.
    pub(crate) const fn len(&self) -> usize {
        self.events
    }

    /// Hands the batch over. True if there is anything in it, so that [`Queue::wake`] is due.
    pub(crate) fn finish(self) -> bool {
        if self.events == 0 {
            return false;
        }
        // Before the lock is released, so that the dispatcher cannot subtract first.
        self.queue.events.fetch_add(self.events, Ordering::SeqCst);
        self.queue.bytes.fetch_add(self.bytes, Ordering::SeqCst);
        true
    }
}

/// Bytes that an event holds.
pub(crate) fn size(event: &Event) -> usize {
    let (Event::Message { payload, .. }
    | Event::Sent { payload, .. }
    | Event::NotSent { payload, .. }
    | Event::Fate { payload: Some(payload), .. }) = event
    else {
        return 0;
    };
    payload.size()
}
