//! The task that calls the application's listeners, one after the other, with no lock held.

use std::any::Any;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use socketio_client_core::{
    ClientEvent, ConnectError, DisconnectReason, Gap, HeldEvents, Replays, ResyncId, SocketId, Taken,
};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::auth::authenticate;
use crate::error::End;
use crate::fates::FateChange;
use crate::gaps::Resync;
use crate::listeners::{CONNECT, CONNECT_ERROR, DISCONNECT, FATES, GAP, Handler, OUTGOING, RESYNC};
use crate::message::{Message, Outgoing};
use crate::shared::{Event, Shared};
use crate::sync::{Queued as _, lock};

/// Events, and their bytes, after which the driver hears that there is room again, and other tasks have their turn.
const TURN: usize = 64;
const TURN_BYTES: usize = 1 << 20;

/// A listener panicked: its word.
struct Panicked(String);

pub(crate) async fn run(shared: Arc<Shared>) {
    let mut work =
        Work { shared: Arc::clone(&shared), batch: VecDeque::new(), replays: Replays::default(), dealt: 0 };
    let mut guard = Guard { shared: &shared, finished: false };
    'client: while poll_fn(|cx| shared.queue.poll_take(cx, &mut work.batch)).await {
        // One turn at least: somebody may listen to what is held.
        let mut goes_on = true;
        while goes_on {
            let mut stopped;
            (work, stopped) = shared
                .may_block(move || {
                    let stopped = work.turns();
                    (work, stopped)
                })
                .await;
            goes_on = !work.batch.is_empty() || matches!(stopped, Ok(Some(_)));
            while let Ok(Some(Stalled { stream, message, rest })) = stopped {
                // The only error is that nobody reads it any more.
                let _ = stream.send(message).await;
                let Some((taken, next, message)) = rest else {
                    stopped = Ok(None);
                    break;
                };
                stopped = shared.may_block(move || deliver(taken, next, message)).await;
            }
            if let Err(Panicked(message)) = stopped {
                fail(&shared, message);
                break 'client;
            }
            if !work.batch.is_empty() {
                tokio::task::yield_now().await;
            }
        }
    }
    guard.finished = true;
}

/// What is to be told.
struct Work {
    shared: Arc<Shared>,
    batch: VecDeque<Event>,
    replays: Replays,
    /// Events that are dealt with, and not reported yet.
    dealt: usize,
}

impl Work {
    /// As many turns as there are events for, where no other task waits for this thread: to get here takes long on a busy
    /// machine.
    fn turns(&mut self) -> Result<Option<Stalled>, Panicked> {
        let mut stopped = self.turn();
        while self.shared.setup.threads && !self.batch.is_empty() && matches!(stopped, Ok(None)) {
            stopped = self.turn();
        }
        stopped
    }

    /// Deals with a turn's worth of events, or up to a stream that is full.
    fn turn(&mut self) -> Result<Option<Stalled>, Panicked> {
        let shared = &self.shared;
        let (mut events, mut bytes) = (0, 0);
        let mut stopped = Ok(None);
        while events < TURN && bytes < TURN_BYTES && matches!(stopped, Ok(None)) {
            // They came before all that waits.
            if let Some((socket, message)) = released(shared) {
                // How far that brings it was asked when it came.
                stopped = tell(shared, socket, message);
                settle(shared);
                continue;
            }
            let Some(event) = self.batch.pop_front() else { break };
            events += 1;
            bytes += event.size();
            stopped = dispatch(shared, &mut self.replays, event);
        }
        self.dealt += events;
        // What a stream has no room for, or made its listener panic, is not dealt with: the former is by the next turn.
        if let (Some(recovery), Ok(None)) = (&shared.recovery, &stopped) {
            let held = shared.held.as_ref().map_or_else(Vec::new, |held| lock(held).waiting().collect());
            recovery.handled(std::mem::take(&mut self.dealt), held);
        }
        shared.queue.done(events, bytes, &shared.state);
        stopped
    }
}

/// Whatever ends the dispatcher: streams end, and what listeners own is freed.
struct Guard<'a> {
    shared: &'a Shared,
    finished: bool,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if !self.finished && std::thread::panicking() {
            self.shared.fail("the dispatcher was stopped");
        } else if !self.finished {
            // The runtime shuts down; the driver may go after this.
            self.shared.finish(End::Closed);
            self.shared.abandon(End::Closed);
        }
        let listeners = lock(&self.shared.listeners).close();
        drop(listeners);
    }
}

/// Tells who listens to the client, ends it, and tells everybody who waits.
fn fail(shared: &Arc<Shared>, message: String) {
    shared.fail(&message);
    // Those listeners may panic too; the first panic is what counts.
    let _ = client_event(shared, &ClientEvent::Panicked { message });
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "not a text".to_owned())
}

/// Calls application code.
fn call(listener: impl FnOnce()) -> Result<(), Panicked> {
    catch_unwind(AssertUnwindSafe(listener)).map_err(|panic| Panicked(panic_message(&*panic)))
}

/// What waits for a stream, and those who get it afterwards.
struct Stalled {
    stream: mpsc::Sender<Message>,
    message: Message,
    rest: Option<(Taken<Handler>, usize, Message)>,
}

/// Not async: a future would copy each event several times.
fn dispatch(shared: &Arc<Shared>, replays: &mut Replays, event: Event) -> Result<Option<Stalled>, Panicked> {
    match event {
        Event::Message { socket, payload, ack } => {
            let replayed = replays.next(socket);
            let message = Message::new(payload, ack, replayed, shared);
            if let Some(held) = &shared.held
                && lock(held).holds(message.event())
                && !lock(&shared.listeners).is_heard(socket, message.event())
            {
                return hold(shared, held, socket, message).map(|()| None);
            }
            return pass_on(shared, socket, message);
        }
        Event::Sent { socket, payload } => {
            let outgoing = Outgoing(payload);
            each(shared, socket, OUTGOING, |handler| {
                if let Handler::Outgoing(handler) = handler {
                    handler(outgoing.clone());
                }
            })
        }
        Event::Connected { socket, replayed, .. } => {
            replays.begin(socket, replayed);
            join(shared, socket);
            each(shared, socket, CONNECT, |handler| {
                if let Handler::Connect(handler) = handler {
                    handler();
                }
            })
        }
        Event::Gap { socket, gap, told, resync } => {
            let told = if told { tell_gap(shared, socket, gap) } else { Ok(()) };
            told.and_then(|()| resync.map_or(Ok(()), |id| begin_resync(shared, socket, gap, id)))
        }
        Event::Disconnected { socket, reason, .. } => {
            if matches!(reason, DisconnectReason::ClientDisconnect | DisconnectReason::ServerDisconnect) {
                shared.forget_held(socket);
            }
            each(shared, socket, DISCONNECT, |handler| {
                if let Handler::Disconnect(handler) = handler {
                    handler(reason);
                }
            })
        }
        Event::ConnectError { socket, error } => {
            let error = ConnectError::from(error);
            each(shared, socket, CONNECT_ERROR, |handler| {
                if let Handler::ConnectError(handler) = handler {
                    handler(error.clone());
                }
            })
        }
        Event::Fate { socket, emit, fate, payload } => {
            let change = FateChange { emit, fate, event: payload.map(Outgoing) };
            each(shared, socket, FATES, |handler| {
                if let Handler::Fates(feed) = handler {
                    feed.send(change.clone());
                }
            })
        }
        Event::Authenticate { request, .. } => {
            authenticate(shared, request);
            Ok(())
        }
        event => ClientEvent::of(&event).map_or(Ok(()), |event| client_event(shared, &event)),
    }
    .map(|()| None)
}

/// One that was held, and has a listener now. What was dropped before that is told.
fn released(shared: &Shared) -> Option<(SocketId, Message)> {
    let held = shared.held.as_ref()?;
    let released = {
        let listeners = lock(&shared.listeners);
        lock(held).next(|socket, event| listeners.is_heard(socket, event))
    };
    tell_dropped(shared, held);
    released
}

/// To who listens; how far that brings the namespace is known afterwards.
fn pass_on(shared: &Shared, socket: SocketId, message: Message) -> Result<Option<Stalled>, Panicked> {
    let place = place(shared, &message)?;
    let stalled = tell(shared, socket, message)?;
    // After the listeners, so that what they had not handled comes again.
    if let (Some(cursor), Some(place)) = (&shared.cursor, place) {
        cursor.places().advance(socket, place);
    }
    Ok(stalled)
}

/// Where it stands in the server's history. Asks the application.
fn place(shared: &Shared, message: &Message) -> Result<Option<String>, Panicked> {
    let mut place = None;
    if let Some(cursor) = &shared.cursor {
        call(|| place = cursor.of(message))?;
    }
    Ok(place)
}

fn tell(shared: &Shared, socket: SocketId, message: Message) -> Result<Option<Stalled>, Panicked> {
    let taken = lock(&shared.listeners).take(socket, message.event());
    match taken.filter(|taken| !taken.is_empty()) {
        Some(taken) => deliver(taken, 0, message),
        None => Ok(None),
    }
}

/// Nobody listens yet. What there is no room for is told.
fn hold(
    shared: &Shared,
    held: &Mutex<HeldEvents<Message>>,
    socket: SocketId,
    message: Message,
) -> Result<(), Panicked> {
    let place = place(shared, &message)?;
    let (event, size) = (message.event().to_owned(), message.size());
    if !lock(held).hold(socket, &event, message, size, shared.clock.now()) {
        return Ok(());
    }
    if let Some(cursor) = &shared.cursor {
        let mut places = cursor.places();
        places.waits(socket);
        place.into_iter().for_each(|place| places.advance(socket, place));
    }
    tell_dropped(shared, held);
    settle(shared);
    Ok(())
}

fn tell_dropped(shared: &Shared, held: &Mutex<HeldEvents<Message>>) {
    loop {
        let gap = lock(held).next_gap();
        let Some((socket, since)) = gap else { break };
        shared.change(|state, now| state.manager.dropped(socket, since, now));
    }
}

/// What waited may have been told.
fn settle(shared: &Shared) {
    if let (Some(cursor), Some(held)) = (&shared.cursor, &shared.held) {
        let waiting: Vec<_> = lock(held).waiting().collect();
        cursor.places().settle(|socket| waiting.contains(&socket));
    }
}

/// Events may wait again, unless the namespace has been left since.
fn join(shared: &Shared, socket: SocketId) {
    if let Some(held) = &shared.held
        && shared.state.lock().manager.status(socket).active
    {
        lock(held).join(socket);
    }
}

fn tell_gap(shared: &Shared, socket: SocketId, gap: Gap) -> Result<(), Panicked> {
    each(shared, socket, GAP, |handler| {
        if let Handler::Gap(handler) = handler {
            handler(gap);
        }
    })
}

/// The application makes good what it missed. Nobody may want that any longer.
fn begin_resync(shared: &Arc<Shared>, socket: SocketId, gap: Gap, id: ResyncId) -> Result<(), Panicked> {
    let mut resync = Some(Resync::new(Arc::clone(shared), id));
    each(shared, socket, RESYNC, |handler| {
        if let Handler::Resync(load) = handler {
            let load = load(gap);
            if let Some(resync) = resync.take() {
                resync.run(load);
            }
        }
    })
}

/// Hands a message to the handlers from the one at `next` on. Stops at a stream that is full; one that is gone is passed
/// over.
fn deliver(taken: Taken<Handler>, next: usize, message: Message) -> Result<Option<Stalled>, Panicked> {
    let mut handlers = taken.iter().skip(next).peekable();
    let mut message = message;
    let mut at = next;
    while let Some(handler) = handlers.next() {
        at += 1;
        // The last one gets the message itself.
        let copy = handlers.peek().map(|_| message.clone());
        match handler {
            Handler::Event(handler) => call(|| handler(message))?,
            Handler::Stream(stream) => {
                if let Err(TrySendError::Full(message)) = stream.try_send(message) {
                    let stream = stream.clone();
                    drop(handlers);
                    let rest = copy.map(|copy| (taken, at, copy));
                    return Ok(Some(Stalled { stream, message, rest }));
                }
            }
            Handler::Fates(_)
            | Handler::Outgoing(_)
            | Handler::Connect(_)
            | Handler::Disconnect(_)
            | Handler::ConnectError(_)
            | Handler::Gap(_)
            | Handler::Resync(_) => {}
        }
        let Some(copy) = copy else { break };
        message = copy;
    }
    Ok(None)
}

fn each(
    shared: &Shared,
    socket: SocketId,
    event: &str,
    mut listener: impl FnMut(&Handler),
) -> Result<(), Panicked> {
    let taken = lock(&shared.listeners).take(socket, event);
    taken.iter().flat_map(|taken| taken.iter()).try_for_each(|handler| call(|| listener(handler)))
}

fn client_event(shared: &Shared, event: &ClientEvent) -> Result<(), Panicked> {
    let taken = lock(&shared.listeners).client.take("");
    taken.iter().try_for_each(|handler| call(|| handler(event.clone())))
}
