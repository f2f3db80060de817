//! Driver, dispatcher and handles in the order of `driver.rs`, `dispatcher.rs` and `shared.rs`, with nothing to do but to wake
//! each other. A wake-up that is lost is a thread that waits for ever, which the scheduler notices.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use shuttle::future::block_on;
use shuttle::sync::mpsc::{Receiver, Sender, channel};
use shuttle::sync::{Arc, Mutex};
use shuttle::thread;

use super::sync::{Finish, Handle, Queue, Queued, Watched, lock};
use crate::Scenario;

/// Small ones, so that every limit is met.
const ROUNDS: usize = 2;
const READ: usize = 2;
const TURN: usize = 2;

/// An event, as its size.
struct Event(usize);

impl Queued for Event {
    const EVENTS: usize = 4;
    const BYTES: usize = 40;

    fn size(&self) -> usize {
        self.0
    }
}

#[derive(Default)]
struct State {
    /// Emits, as who waits for them to leave.
    emits: Vec<Sender<()>>,
    ended: bool,
}

struct Shared {
    state: Watched<State>,
    queue: Queue<Event>,
    /// Told by the dispatcher as soon as it looks.
    listeners: Mutex<Vec<Sender<()>>>,
    /// Events in the queue. No business of the scheduler's.
    waiting: AtomicUsize,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Watched::new(State::default()),
            queue: Queue::default(),
            listeners: Mutex::default(),
            waiting: AtomicUsize::new(0),
        })
    }

    /// Tells when the emit has left.
    fn emit(&self) -> Receiver<()> {
        let (left, leaves) = channel();
        let accept = |state: &mut State| {
            state.emits.push(left);
            Ok(())
        };
        let emitted = self.state.try_change(|state| if state.ended { Err("ended") } else { accept(state) });
        emitted.expect("there is a handle");
        leaves
    }

    /// Tells when the dispatcher knows the listener.
    fn listen(&self) -> Receiver<()> {
        let (known, is_known) = channel();
        lock(&self.listeners).push(known);
        self.queue.nudge();
        is_known
    }
}

impl Finish for Shared {
    fn last_handle_is_gone(&self) {
        self.state.change(|state| state.ended = true);
    }
}

struct Driver {
    shared: Arc<Shared>,
    /// What the server has sent.
    wire: VecDeque<Event>,
    settled: Vec<Sender<()>>,
}

impl Driver {
    fn round(&mut self) -> Poll<bool> {
        let full = self.shared.queue.is_full();
        let read = if full { 0 } else { READ.min(self.wire.len()) };
        let more = !full && self.wire.len() > read;
        let mut state = self.shared.state.look();
        let mut events = self.shared.queue.fill();
        self.settled.append(&mut state.emits);
        self.wire.drain(..read).for_each(|event| events.push(event));
        let waiting = self.shared.waiting.fetch_add(read, Ordering::Relaxed) + read;
        assert!(waiting < Event::EVENTS + READ, "{waiting} events wait");
        let events = events.finish();
        let idle = state.ended;
        drop(state);
        // Who has stopped waiting does not mind, here and below.
        self.settled.drain(..).for_each(|settled| settled.send(()).unwrap_or(()));
        if events {
            self.shared.queue.wake();
        }
        if idle {
            return Poll::Ready(true);
        }
        if more { Poll::Ready(false) } else { Poll::Pending }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.state.polled(cx.waker());
        for _ in 0..ROUNDS {
            match self.round() {
                Poll::Ready(true) => return Poll::Ready(()),
                Poll::Ready(false) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

async fn dispatch(shared: Arc<Shared>, heard: Sender<usize>) {
    let mut batch = VecDeque::new();
    while poll_fn(|cx| shared.queue.poll_take(cx, &mut batch)).await {
        let mut goes_on = true;
        while goes_on {
            let listeners = std::mem::take(&mut *lock(&shared.listeners));
            listeners.into_iter().for_each(|known| known.send(()).unwrap_or(()));
            let turn = TURN.min(batch.len());
            let bytes = batch.drain(..turn).map(|event| event.size()).sum();
            shared.waiting.fetch_sub(turn, Ordering::Relaxed);
            heard.send(turn).unwrap_or(());
            shared.queue.done(turn, bytes, &shared.state);
            goes_on = !batch.is_empty();
        }
    }
}

/// A client that runs, and what the application has of it.
struct Client {
    handle: Option<Arc<Handle<Shared>>>,
    heard: Receiver<usize>,
    tasks: Vec<thread::JoinHandle<()>>,
}

impl Client {
    /// The server sends events of these sizes at once. A runtime that shuts down drops the driver after so many polls.
    fn new(wire: &[usize], polls: Option<usize>) -> Self {
        let shared = Shared::new();
        let wire = wire.iter().map(|size| Event(*size)).collect();
        let driver = Driver { shared: Arc::clone(&shared), wire, settled: Vec::new() };
        let (heard, hears) = channel();
        let dispatcher = dispatch(Arc::clone(&shared), heard);
        let driver = thread::spawn(move || {
            block_on(async {
                let mut driver = pin!(driver);
                let mut polls = polls;
                poll_fn(|cx| {
                    if polls.as_mut().is_some_and(|left| std::mem::replace(left, left.saturating_sub(1)) == 0) {
                        return Poll::Ready(());
                    }
                    let polled = driver.as_mut().poll(cx);
                    if polls.is_some() {
                        cx.waker().wake_by_ref();
                    }
                    polled
                })
                .await;
            });
        });
        let dispatcher = thread::spawn(move || block_on(dispatcher));
        Self { handle: Some(Arc::new(Handle::new(shared))), heard: hears, tasks: vec![driver, dispatcher] }
    }

    fn handle(&self) -> Arc<Handle<Shared>> {
        Arc::clone(self.handle.as_ref().expect("not given away"))
    }

    fn hear(&self, mut events: usize) {
        while events > 0 {
            events -= self.heard.recv().expect("the dispatcher runs");
        }
    }

    /// Without the application both tasks end.
    fn end(mut self) {
        self.handle = None;
        self.tasks.into_iter().for_each(|task| task.join().expect("no panic"));
    }
}

fn each_emit_leaves() {
    let client = Client::new(&[], None);
    let threads = [1, 2].map(|emits| {
        let handle = client.handle();
        thread::spawn(move || {
            for _ in 0..2 {
                let leave: Vec<_> = (0..emits).map(|_| handle.0.emit()).collect();
                leave.into_iter().for_each(|leaves| leaves.recv().expect("the driver runs"));
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    client.end();
}

fn each_event_is_heard() {
    let client = Client::new(&[1, 1, 1], None);
    client.hear(3);
    client.end();
}

fn a_stalled_driver_goes_on() {
    // Full by count, then by bytes, then by both.
    let client = Client::new(&[1, 1, 1, 1, 1, 1, 30, 30, 1, 20, 20, 1], None);
    client.hear(12);
    client.end();
}

fn emits_leave_while_events_stall() {
    let client = Client::new(&[1, 1, 1, 1, 40, 1, 1], None);
    let handle = client.handle();
    let emits = thread::spawn(move || {
        for _ in 0..2 {
            handle.0.emit().recv().expect("the driver runs");
        }
    });
    client.hear(7);
    emits.join().expect("no panic");
    client.end();
}

fn a_new_listener_is_noticed() {
    let client = Client::new(&[1], None);
    let handle = client.handle();
    let listens = thread::spawn(move || {
        for _ in 0..2 {
            handle.0.listen().recv().expect("the dispatcher runs");
        }
    });
    client.hear(1);
    listens.join().expect("no panic");
    client.end();
}

fn the_last_handle_ends_both_tasks() {
    let mut client = Client::new(&[1, 1, 1, 1, 1, 1], None);
    let threads = [0, 1].map(|emits| {
        let handle = client.handle();
        thread::spawn(move || (0..emits).for_each(|_| drop(handle.0.emit())))
    });
    client.handle = None;
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    client.end();
}

fn a_runtime_that_shuts_down_leaves_nobody_waiting() {
    let client = Client::new(&[1, 1, 1, 1, 1], Some(2));
    let handle = client.handle();
    // An emit that is never taken is told with the state, which is dropped.
    let emits = thread::spawn(move || drop(handle.0.emit()));
    emits.join().expect("no panic");
    client.end();
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("each_emit_leaves", each_emit_leaves),
    ("each_event_is_heard", each_event_is_heard),
    ("a_stalled_driver_goes_on", a_stalled_driver_goes_on),
    ("emits_leave_while_events_stall", emits_leave_while_events_stall),
    ("a_new_listener_is_noticed", a_new_listener_is_noticed),
    ("the_last_handle_ends_both_tasks", the_last_handle_ends_both_tasks),
    ("a_runtime_that_shuts_down_leaves_nobody_waiting", a_runtime_that_shuts_down_leaves_nobody_waiting),
];
