//! How handles, driver and dispatcher find each other: the lock, both wakers, the bounded queue, and the last handle.
//!
//! Nothing here knows what is guarded or queued, and nothing outside it wakes either task. `tests/races` compiles this file
//! with primitives that a scheduler controls, and tries how threads may interleave.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::task::AtomicWaker;

/// Locks, whatever happened to another thread under the lock: no application code runs there.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// State that handles change, and a driver that looks at it.
pub(crate) struct Watched<S> {
    inner: Mutex<Looked<S>>,
    driver: AtomicWaker,
}

/// State, and whether the driver knows that it is to look.
pub(crate) struct Looked<S> {
    state: S,
    /// Woken since it last looked.
    woken: bool,
}

impl<S> Watched<S> {
    pub(crate) fn new(state: S) -> Self {
        Self { inner: Mutex::new(Looked { state, woken: false }), driver: AtomicWaker::new() }
    }

    /// For questions, and for changes from which nothing follows.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Looked<S>> {
        lock(&self.inner)
    }

    /// One change, then the driver looks what follows from it.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        let mut looked = self.lock();
        let result = change(&mut looked.state);
        self.wake(looked);
        result
    }

    /// The same, unless the change was refused.
    pub(crate) fn try_change<T, E>(&self, change: impl FnOnce(&mut S) -> Result<T, E>) -> Result<T, E> {
        let mut looked = self.lock();
        let result = change(&mut looked.state);
        if result.is_ok() {
            self.wake(looked);
        }
        result
    }

    /// Once for any number of changes between two looks, and with the lock released: the driver takes it at once.
    fn wake(&self, mut looked: MutexGuard<'_, Looked<S>>) {
        let asleep = !std::mem::replace(&mut looked.woken, true);
        drop(looked);
        if asleep {
            self.driver.wake();
        }
    }

    /// The driver is polled. Before it looks at anything: what happens from here on polls it again.
    pub(crate) fn polled(&self, driver: &Waker) {
        self.driver.register(driver);
    }

    /// The driver looks: it sees every change so far.
    pub(crate) fn look(&self) -> MutexGuard<'_, Looked<S>> {
        let mut looked = self.lock();
        looked.woken = false;
        looked
    }
}

impl<S> Deref for Looked<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.state
    }
}

impl<S> DerefMut for Looked<S> {
    fn deref_mut(&mut self) -> &mut S {
        &mut self.state
    }
}

/// What leaves its state in order when the last handle is gone.
pub(crate) trait Finish {
    fn last_handle_is_gone(&self);
}

/// Shared by all that an application holds, and held by nothing else.
pub(crate) struct Handle<S: Finish>(pub(crate) Arc<S>);

impl<S: Finish> Handle<S> {
    pub(crate) const fn new(shared: Arc<S>) -> Self {
        Self(shared)
    }
}

impl<S: Finish> Drop for Handle<S> {
    fn drop(&mut self) {
        self.0.last_handle_is_gone();
    }
}

impl<S: Finish> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// What waits in a [`Queue`].
pub(crate) trait Queued {
    /// How many may wait, and their bytes. Beyond either the driver stops reading.
    const EVENTS: usize;
    const BYTES: usize;

    /// Bytes that it holds.
    fn size(&self) -> usize;
}

/// Capacities that an empty queue keeps. A connection where little happens has less, and goes without; what an
/// exceptional burst needed is given back.
const KEPT: Range<usize> = 8..257;

/// What is on its way from the driver to the dispatcher. Bounded by the driver, which looks at [`Queue::is_full`] before it
/// reads.
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    dispatcher: AtomicWaker,
    /// Pushed, and not yet dealt with.
    events: AtomicUsize,
    bytes: AtomicUsize,
    /// The driver waits for room.
    stalled: AtomicBool,
}

struct Inner<T> {
    events: VecDeque<T>,
    closed: bool,
    /// There is something else to do.
    nudged: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner { events: VecDeque::new(), closed: false, nudged: false }),
            dispatcher: AtomicWaker::new(),
            events: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            stalled: AtomicBool::new(false),
        }
    }
}

impl<T: Queued> Queue<T> {
    /// Opens the queue for one batch.
    pub(crate) fn fill(&self) -> Fill<'_, T> {
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

    /// Swaps all that waits with `batch`, which is empty, and stays so after a nudge where nothing waits. False once no more
    /// will come.
    pub(crate) fn poll_take(&self, cx: &Context<'_>, batch: &mut VecDeque<T>) -> Poll<bool> {
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

    /// These are dealt with: a driver that waits for room goes on.
    pub(crate) fn done<S>(&self, events: usize, bytes: usize, watched: &Watched<S>) {
        let events = self.events.fetch_sub(events, Ordering::SeqCst) - events;
        let bytes = self.bytes.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        let room = events <= T::EVENTS / 2 && bytes <= T::BYTES / 2;
        if room && self.stalled.swap(false, Ordering::SeqCst) {
            watched.driver.wake();
        }
    }

    /// Whether the driver is to stop reading. If so, [`Queue::done`] will wake it to go on.
    pub(crate) fn is_full(&self) -> bool {
        if !self.over() {
            return false;
        }
        self.stalled.store(true, Ordering::SeqCst);
        // The dispatcher may have caught up between the two.
        self.over()
    }

    fn over(&self) -> bool {
        self.events.load(Ordering::SeqCst) >= T::EVENTS || self.bytes.load(Ordering::SeqCst) >= T::BYTES
    }
}

fn give_back<T>(events: &mut VecDeque<T>) {
    if !KEPT.contains(&events.capacity()) {
        *events = VecDeque::new();
    }
}

/// A batch on its way into the queue.
pub(crate) struct Fill<'a, T> {
    queue: &'a Queue<T>,
    inner: MutexGuard<'a, Inner<T>>,
    events: usize,
    bytes: usize,
}

impl<T: Queued> Fill<'_, T> {
    pub(crate) fn push(&mut self, event: T) {
        self.events += 1;
        self.bytes += event.size();
        self.inner.events.push_back(event);
    }

    /// Events so far.
    pub(crate) const fn len(&self) -> usize {
        self.events
    }

    /// Hands the batch over. True if there is anything in it, so that [`Queue::wake`] is due.
    #[must_use]
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
