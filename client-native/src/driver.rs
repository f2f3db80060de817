//! The task that owns the connection: it reads, asks the core, and writes, in batches.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socketio_client_core::codec::Json;
use socketio_client_core::{Command, Frame, Input, Instant, Saved, State as Connection, TransportId};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::dispatcher::panic_message;
use crate::error::End;
use crate::links::{Link, Read, frame_size};
use crate::provider::{Headers, Provider};
use crate::requests::{Done, Pending, Request};
use crate::shared::{Shared, State};
use crate::transport::{Http, ws};
use crate::waiters::Settled;

/// Messages, and their bytes, read from one WebSocket before the core sees them.
const READ_BATCH: usize = 256;
const READ_BYTES: usize = 256 * 1024;
/// Frames, and their bytes, pulled before they are written.
const WRITE_BATCH: usize = 256;
const WRITE_BYTES: usize = 64 * 1024;
/// Rounds before other tasks have their turn.
const ROUNDS: usize = 8;
/// How long a sleep of the machine goes unnoticed at most, once it is awake.
const LOOK: Duration = Duration::from_secs(10);
/// Rounds that a deadline waits for input that is already here.
const PATIENCE: u32 = 16;

/// What the core says.
struct Outcome {
    deadline: Option<Instant>,
    /// The client has ended, and the core wants nothing any more.
    idle: bool,
    /// There is something for the dispatcher.
    events: bool,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    provider: Provider,
    http: Http,
    limits: ws::Limits,
    links: Vec<Link>,
    pending: Vec<Pending>,
    closing: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Sessions are being claimed in the recovery store. Nothing is sent until they are: who comes after this process, should
    /// it be killed, must not find what the server was asked for.
    claiming: Vec<JoinHandle<()>>,
    /// Of the polling session, asked for once.
    headers: Option<(TransportId, Headers)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When the timer rings; perhaps too early, never too late.
    armed: Option<Instant>,
    deferred: u32,
    /// The machine has slept, and the core does not know it yet.
    woken: bool,
    inputs: Vec<Input<Json>>,
    frames: Vec<(TransportId, Frame<Json>)>,
    commands: Vec<Command<Json>>,
    settled: Vec<Settled>,
    /// To be told once the last transport is gone.
    closers: Vec<oneshot::Sender<()>>,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, provider: Provider, http: Http, limits: ws::Limits) -> Self {
        Self {
            shared,
            provider,
            http,
            limits,
            links: Vec::new(),
            pending: Vec::new(),
            closing: Vec::new(),
            claiming: Vec::new(),
            headers: None,
            timer: None,
            armed: None,
            deferred: 0,
            woken: false,
            inputs: Vec::new(),
            frames: Vec::new(),
            commands: Vec::new(),
            settled: Vec::new(),
            closers: Vec::new(),
        }
    }

    /// Reads, asks, writes. True if there is more to do at once.
    fn round(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.closing.retain_mut(|closing| closing.as_mut().poll(cx).is_pending());
        self.claiming.retain_mut(|claim| Pin::new(claim).poll(cx).is_pending());
        let closing = self.closing.len();
        let drained = self.gather(cx);
        let mut more = !drained;
        if let Some(timer) = &mut self.timer
            && self.armed.is_some()
            && timer.as_mut().poll(cx).is_ready()
        {
            self.armed = None;
            self.woken |= self.shared.clock.has_slept();
        }
        let Outcome { deadline, idle, events } = self.consult(drained);
        more |= self.write(cx);
        self.settled.drain(..).for_each(Settled::tell);
        if self.settled.capacity() <= 4 {
            // An idle connection goes without.
            self.settled = Vec::new();
        }
        // After those who wait: they run in this order.
        if events {
            self.shared.queue.wake();
        }
        more |= !self.commands.is_empty();
        self.obey();
        more |= self.closing.len() > closing;
        if self.links.is_empty() && self.pending.is_empty() && self.closing.is_empty() {
            if idle && self.closes_outbox() {
                return Poll::Ready(false);
            }
            for closer in self.closers.drain(..) {
                // Who has stopped waiting does not mind.
                let _ = closer.send(());
            }
            if idle {
                return Poll::Ready(true);
            }
        }
        more |= self.arm(deadline, cx);
        if more { Poll::Ready(false) } else { Poll::Pending }
    }

    /// Collects input. False if there may be more at once.
    fn gather(&mut self, cx: &mut Context<'_>) -> bool {
        let full = self.shared.queue.is_full();
        let claiming = !self.claiming.is_empty();
        let mut at = 0;
        while let Some(pending) = self.pending.get_mut(at) {
            if pending.waits(full, claiming) {
                at += 1;
                continue;
            }
            let Poll::Ready(done) = pending.future.as_mut().poll(cx) else {
                at += 1;
                continue;
            };
            let transport = self.pending.swap_remove(at).transport;
            self.inputs.push(match done {
                Done::Opened(Ok(ws)) => {
                    self.links.push(Link::new(transport, ws));
                    Input::Opened { transport }
                }
                Done::Got(Ok(body)) => Input::Got { transport, body },
                Done::Posted(Ok(())) => Input::Posted { transport },
                Done::Opened(Err(error)) | Done::Got(Err(error)) | Done::Posted(Err(error)) => {
                    Input::Closed { transport, error }
                }
            });
        }
        let mut drained = true;
        let mut at = 0;
        while let Some(link) = self.links.get_mut(at) {
            let read = match link.flush(cx) {
                Err(error) => {
                    self.inputs.push(Input::Closed { transport: link.id, error });
                    Read::Ended
                }
                Ok(()) if full => Read::Drained,
                Ok(()) => link.read(cx, (READ_BATCH, READ_BYTES), &mut self.inputs),
            };
            drained &= read != Read::More;
            if read == Read::Ended {
                let link = self.links.swap_remove(at);
                self.closing.push(Box::pin(link.close()));
            } else {
                at += 1;
            }
        }
        drained
    }

    /// The one critical section: input in; commands, frames and events out.
    fn consult(&mut self, drained: bool) -> Outcome {
        let now = self.shared.now();
        let mut state = self.shared.state.look();
        state.seen = now;
        state.manager.tell_time(now);
        state.manager.handle_inputs(self.inputs.drain(..), now);
        if drained && std::mem::take(&mut self.woken) && state.end.is_none() {
            state.manager.resume(now);
        }
        // Input that is here goes before a deadline: after a long sleep the heartbeat may just not have been read yet.
        if state.manager.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.deferred += 1;
            if drained || self.deferred > PATIENCE {
                state.manager.handle_timeout(now);
                self.deferred = 0;
            }
        }
        take_commands(&mut state, &mut self.commands, now);
        let mut room = if self.claims() { 0 } else { WRITE_BYTES };
        for link in self.links.iter().filter(|link| link.is_writable()) {
            while self.frames.len() < WRITE_BATCH && room > 0 {
                let Some(frame) = state.manager.poll_message(link.id) else { break };
                room = room.saturating_sub(frame_size(&frame));
                self.frames.push((link.id, frame));
            }
        }
        take_commands(&mut state, &mut self.commands, now);
        let events = self.shared.hand_over(&mut state, &mut self.settled, now);
        let disconnected = state.manager.state() == Connection::Disconnected;
        if disconnected {
            self.closers.append(&mut state.closers);
        }
        let idle = disconnected && state.end.is_some();
        let mark = self.shared.recovery.as_ref().and_then(|recovery| recovery.deadline());
        let deadline = [mark, state.manager.poll_timeout()].into_iter().flatten().min();
        Outcome { deadline, idle, events }
    }

    /// Whether sessions are being claimed, or are to be.
    fn claims(&self) -> bool {
        let claim = |command: &_| matches!(command, Command::Save { saved: Saved::Claimed, .. });
        self.shared.recovery.is_some() && (!self.claiming.is_empty() || self.commands.iter().any(claim))
    }

    /// Writes what was pulled, with one flush for each WebSocket. True if there may be more to pull, or to tell.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut more = self.frames.len() >= WRITE_BATCH;
        let mut room = WRITE_BYTES;
        let mut broken = None;
        for (id, frame) in self.frames.drain(..) {
            room = room.saturating_sub(frame_size(&frame));
            if let Some(link) = self.links.iter_mut().find(|link| link.id == id)
                && broken.is_none()
                && let Err(error) = link.feed(frame)
            {
                broken = Some((id, error));
            }
        }
        more |= room == 0;
        for link in &mut self.links {
            if let Err(error) = link.flush(cx) {
                broken.get_or_insert((link.id, error));
            }
        }
        if let Some((transport, error)) = broken {
            self.links.retain(|link| link.id != transport);
            self.inputs.push(Input::Closed { transport, error });
            more = true;
        }
        more
    }

    /// Begins to close the store, if there is one: what is settled is not to be sent again by the next process.
    #[cfg(feature = "outbox")]
    fn closes_outbox(&mut self) -> bool {
        let Some(worker) = self.shared.close_outbox() else { return false };
        let closed = tokio::task::spawn_blocking(|| worker.close());
        self.closing.push(Box::pin(async { drop(closed.await) }));
        true
    }

    #[cfg(not(feature = "outbox"))]
    #[expect(clippy::unused_self, reason = "there is no store to close")]
    const fn closes_outbox(&self) -> bool {
        false
    }

    fn obey(&mut self) {
        let mut claims = false;
        let mut commands = std::mem::take(&mut self.commands);
        for command in commands.drain(..) {
            match command {
                Command::Resolve { id } => {
                    let asked = self.ask(|provider| (provider.address(), provider.query()));
                    if let Some((address, query)) = asked {
                        self.shared.change(|state, now| state.manager.resolved(id, address, query, now));
                    }
                }
                Command::Open { transport, url } => {
                    let Some(headers) = self.ask(Provider::headers) else { continue };
                    let (http, limits) = (self.http.clone(), self.limits);
                    self.begin(transport, Request::Open, async move {
                        Done::Opened(ws::open(&http, &url, &headers, limits).await.map(Box::new))
                    });
                }
                Command::Get { transport, url } => {
                    let Some(headers) = self.session_headers(transport) else { continue };
                    let (http, limit) = (self.http.clone(), self.limits.incoming);
                    self.begin(transport, Request::Get, async move {
                        Done::Got(http.get(&url, &headers, limit).await)
                    });
                }
                Command::Post { transport, url, body } => {
                    let Some(headers) = self.session_headers(transport) else { continue };
                    let http = self.http.clone();
                    self.begin(transport, Request::Post, async move {
                        Done::Posted(http.post(&url, &headers, body.into_bytes()).await)
                    });
                }
                // They have been obeyed, or no namespace has a store.
                Command::Keep { .. } | Command::Erase { .. } | Command::Reserve { .. } => {}
                Command::Save { socket, saved } => {
                    claims |= saved == Saved::Claimed;
                    if let Some(recovery) = &self.shared.recovery {
                        recovery.obey(socket, saved);
                    }
                }
                Command::Close { transport } => {
                    self.pending.retain(|pending| pending.transport != transport);
                    self.headers.take_if(|(id, _)| *id == transport);
                    if let Some(at) = self.links.iter().position(|link| link.id == transport) {
                        let link = self.links.swap_remove(at);
                        self.closing.push(Box::pin(link.close()));
                    }
                }
            }
        }
        // For its capacity.
        self.commands = commands;
        if let Some(recovery) = &self.shared.recovery {
            if claims {
                self.claiming.push(recovery.written());
            }
            recovery.settle();
        }
    }

    fn begin(
        &mut self,
        transport: TransportId,
        request: Request,
        future: impl Future<Output = Done> + Send + 'static,
    ) {
        self.pending.push(Pending { transport, request, future: Box::pin(future) });
    }

    /// Calls a function of the application's. If it panics, the client has ended.
    fn ask<T>(&self, question: impl Fn(&Provider) -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(|| question(&self.provider))) {
            Ok(answer) => Some(answer),
            Err(panic) => {
                self.shared.fail(&panic_message(&*panic));
                None
            }
        }
    }

    /// One answer for all requests of a polling session.
    fn session_headers(&mut self, transport: TransportId) -> Option<Headers> {
        if let Some((id, headers)) = &self.headers
            && *id == transport
        {
            return Some(Arc::clone(headers));
        }
        let headers: Headers = self.ask(Provider::headers)?.into();
        self.headers = Some((transport, Arc::clone(&headers)));
        Some(headers)
    }

    /// Sees to it that the timer rings no later than `deadline`, and often enough to notice that the machine has slept. True
    /// if it has rung.
    fn arm(&mut self, deadline: Option<Instant>, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = deadline else { return false };
        // A deadline that moved back is noticed when the timer rings; most never come.
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return false;
        }
        let deadline = deadline.min(self.shared.now() + LOOK);
        let Some(at) = self.shared.clock.at(deadline) else { return false };
        let timer = match &mut self.timer {
            Some(timer) => {
                timer.as_mut().reset(at);
                timer
            }
            None => self.timer.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        self.armed = Some(deadline);
        let rung = timer.as_mut().poll(cx).is_ready();
        if rung {
            self.armed = None;
        }
        rung
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.shared.state.polled(cx.waker());
        for _ in 0..ROUNDS {
            match self.round(cx) {
                Poll::Ready(true) => return Poll::Ready(()),
                Poll::Ready(false) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What the core wants, but for what the store is told at once: that does not wait for the disk.
#[cfg_attr(not(feature = "outbox"), expect(unused_variables, reason = "only a store asks for the time"))]
fn take_commands(state: &mut State, commands: &mut Vec<Command<Json>>, now: Instant) {
    #[cfg(feature = "outbox")]
    if let Some(outbox) = &mut state.outbox {
        commands.append(&mut outbox.commands);
    }
    while let Some(command) = state.manager.poll_command() {
        #[cfg(feature = "outbox")]
        let Some(command) = state.obey_store(command, now) else { continue };
        commands.push(command);
    }
}

impl Drop for Driver {
    /// Also when the runtime shuts down: nobody is left waiting.
    fn drop(&mut self) {
        self.shared.abandon(End::Closed);
        self.shared.end_tasks();
        #[cfg(feature = "outbox")]
        if let Some(worker) = self.shared.close_outbox() {
            worker.close();
        }
        self.shared.queue.close();
    }
}
