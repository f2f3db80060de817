//! Between the core and the browser: obeys the core's commands, and feeds it what the browser's callbacks tell.
//!
//! Everything runs on one thread, inside callbacks of the browser and calls of the application. The borrow of
//! [`Inner`] ends before any code of the application runs, and that code runs only in [`Shared::dispatch`], never inside
//! a call that the application makes.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytestring::ByteString;
use socketio_client_core::codec::Json;
use socketio_client_core::{
    Command, Config, Event, Input, Instant, Manager, Places, Replays, ResolveId, Router, SocketId, State,
    TransportError, TransportId,
};
use wasm_bindgen::prelude::*;

use crate::builder::Sources;
use crate::channel::{Receiver, Sender, channel};
use crate::clock::{Clock, Timer, queue_microtask};
use crate::dispatch::{ClientHandler, Namespace};
use crate::incoming::Held;
use crate::page::{News, Page};
use crate::recovery_store::Sessions;
use crate::transport::fetch::{self, Request};
use crate::transport::ws::{HIGH_WATER, Heard, Link};

/// While the browser has much to send, it is looked at again after this. A WebSocket has no event for that.
const RETRY: Duration = Duration::from_millis(5);

/// What all handles share.
pub(crate) struct Shared(RefCell<Inner>);

/// A client. Callbacks of the browser hold only a `Weak` to it.
pub(crate) struct Inner {
    shared: Weak<Shared>,
    pub(crate) clock: Clock,
    pub(crate) manager: Manager<Json>,
    links: Vec<(TransportId, Link)>,
    requests: Vec<(TransportId, Method, Request)>,
    timer: Timer,
    /// The machine, or the page, has slept.
    woken: bool,
    /// What the page tells.
    _page: Page,
    /// [`Shared::dispatch`] will run after the application's call.
    soon: bool,
    pub(crate) dispatching: bool,
    /// Polled from the core, not yet told.
    pub(crate) events: VecDeque<Event<Json>>,
    /// By outboxes, not yet told.
    #[cfg(feature = "outbox")]
    pub(crate) told: VecDeque<Event<Json>>,
    /// Ack ids that the core wants outboxes to reserve.
    #[cfg(feature = "outbox")]
    pub(crate) reserves: VecDeque<(SocketId, u64)>,
    /// Which messages were missed.
    pub(crate) replays: Replays,
    pub(crate) resolve: Option<ResolveId>,
    pub(crate) sources: Rc<Sources>,
    pub(crate) held: Option<Held>,
    /// How far servers' own histories came, as JSON texts.
    pub(crate) places: Places,
    /// For polling; a browser adds none to a WebSocket.
    pub(crate) headers: Vec<(String, String)>,
    limit: usize,
    pub(crate) namespaces: BTreeMap<SocketId, Namespace>,
    pub(crate) listeners: Router<ClientHandler>,
    /// Who waits for the connection's end.
    closers: Vec<Sender<()>>,
    /// Those that outlive the page.
    pub(crate) sessions: Option<Sessions>,
    /// The last handle is gone; this keeps the rest until the goodbye has left.
    lingering: Option<Rc<Shared>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Get,
    Post,
}

impl Shared {
    pub(crate) fn new(mut config: Config, sources: Sources) -> Rc<Self> {
        // 53 bits are all that `Math.random` has. It need not be secret: it spreads reconnects, and names requests.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 2^53")]
        let (seed, today) =
            ((js_sys::Math::random() * 9_007_199_254_740_992.0) as u64, js_sys::Date::now() as u64);
        // The clock begins now too.
        config.unix_epoch = Duration::from_millis(today);
        let limit = config.limits.message;
        let is_local = config.address.host == "localhost";
        let client = Rc::new_cyclic(|shared: &Weak<Self>| {
            let sessions = sources.recovery_store.map(|_| Sessions::new(&config, shared));
            let (due, told) = (shared.clone(), shared.clone());
            Self(RefCell::new(Inner {
                shared: shared.clone(),
                clock: Clock::new(),
                manager: Manager::new(Json, config, seed),
                links: Vec::new(),
                requests: Vec::new(),
                timer: Timer::new(move || react(&due, Inner::due)),
                woken: false,
                _page: Page::new(is_local, move |news| react(&told, |inner, now| inner.page_told(news, now))),
                soon: false,
                dispatching: false,
                events: VecDeque::new(),
                #[cfg(feature = "outbox")]
                told: VecDeque::new(),
                #[cfg(feature = "outbox")]
                reserves: VecDeque::new(),
                replays: Replays::default(),
                resolve: None,
                headers: sources.headers.clone(),
                held: sources.held(),
                places: Places::default(),
                sources: Rc::new(sources),
                limit,
                namespaces: BTreeMap::new(),
                listeners: Router::new(),
                closers: Vec::new(),
                sessions,
                lingering: None,
            }))
        });
        client.open_sessions();
        client
    }

    /// Looks, without changing anything that the core has to act on.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&mut Inner) -> R) -> R {
        look(&mut self.0.borrow_mut())
    }

    /// For calls of the application: what follows is sent at once, and told to the application after its call.
    pub(crate) fn call<R>(&self, act: impl FnOnce(&mut Inner, Instant) -> R) -> R {
        let mut inner = self.0.borrow_mut();
        let now = inner.clock.now();
        let result = act(&mut inner, now);
        inner.drive(now);
        if inner.has_news() && !inner.dispatching && !inner.soon {
            inner.soon = true;
            let shared = inner.shared.clone();
            // It cannot be taken back, so JavaScript owns it: the client may be gone when it runs.
            let soon = Closure::once_into_js(move || react(&shared, |inner, _| inner.soon = false));
            queue_microtask(soon.unchecked_ref());
        }
        drop(inner);
        #[cfg(feature = "outbox")]
        self.tend_outboxes();
        result
    }

    /// The last handle is gone: leaves, and keeps what is needed until that is done.
    pub(crate) fn close_for_good(self: &Rc<Self>) {
        let forgotten = self.call(|inner, now| {
            #[cfg(feature = "outbox")]
            inner.outboxes_linger(None);
            inner.manager.close(now);
            inner.lingering = Some(Rc::clone(self));
            let forgotten = std::mem::take(&mut inner.namespaces);
            #[cfg(feature = "outbox")]
            let forgotten = inner.keep_outboxes(forgotten);
            (forgotten, std::mem::take(&mut inner.listeners))
        });
        // Outside the borrow: what the application's closures own is dropped with them.
        drop(forgotten);
    }
}

/// Something happened in the world: tells the core, obeys it, and tells the application.
pub(crate) fn react(shared: &Weak<Shared>, act: impl FnOnce(&mut Inner, Instant)) {
    let Some(shared) = shared.upgrade() else { return };
    {
        let mut inner = shared.0.borrow_mut();
        let now = inner.clock.now();
        act(&mut inner, now);
        inner.drive(now);
    }
    #[cfg(feature = "outbox")]
    shared.tend_outboxes();
    shared.dispatch();
}

impl Inner {
    fn has_news(&self) -> bool {
        #[cfg(feature = "outbox")]
        if !self.told.is_empty() {
            return true;
        }
        let resolves = self.resolve.is_some() && self.knows_sessions();
        !self.events.is_empty() || resolves || self.held.as_ref().is_some_and(Held::is_stale)
    }

    /// Carries out all that the core wants, until it wants no more.
    pub(crate) fn drive(&mut self, now: Instant) {
        self.manager.tell_time(now);
        let mut pulled = true;
        loop {
            // Commands come first, for a session is claimed before it is asked for; and last, for a message that is not there
            // may still have queued one.
            let mut obeyed = false;
            while let Some(command) = self.manager.poll_command() {
                self.obey(command, now);
                obeyed = true;
            }
            if !pulled && !obeyed {
                break;
            }
            pulled = self.pull();
        }
        while let Some(event) = self.manager.poll_event() {
            if let (Some(sessions), Event::Message { .. } | Event::Ping) = (&mut self.sessions, &event) {
                sessions.heard(now);
            }
            self.events.push_back(event);
        }
        let full = self.links.iter().any(|(_, link)| link.is_open() && link.unsent() >= HIGH_WATER);
        let retry = full.then(|| now + RETRY);
        let due = [self.manager.poll_timeout(), retry].into_iter().flatten().min();
        self.timer.arm(due, now);
        if self.links.is_empty() && self.requests.is_empty() && self.is_idle() {
            // Dropping them tells those who wait; they run later.
            self.closers.clear();
            // Whoever calls this holds another.
            self.lingering = None;
        }
    }

    /// Hands messages to WebSockets while they have room.
    fn pull(&mut self) -> bool {
        let Self { manager, links, .. } = self;
        let mut pulled = false;
        for (transport, link) in links.iter().filter(|(_, link)| link.is_open()) {
            let mut unsent = link.unsent();
            manager.unsent(*transport, unsent);
            while unsent < HIGH_WATER
                && let Some(frame) = manager.poll_message(*transport)
            {
                link.write(frame);
                unsent = link.unsent();
                pulled = true;
            }
        }
        pulled
    }

    fn obey(&mut self, command: Command<Json>, now: Instant) {
        match command {
            Command::Resolve { id } => self.resolve = Some(id),
            Command::Open { transport, url } => self.open(transport, &url, now),
            Command::Get { transport, url } => self.request(transport, Method::Get, &url, None, now),
            Command::Post { transport, url, body } => {
                self.request(transport, Method::Post, &url, Some(&body), now);
            }
            #[cfg(feature = "outbox")]
            Command::Reserve { socket, up_to } => self.reserves.push_back((socket, up_to)),
            // An outbox stores first, and erases what is settled.
            Command::Keep { .. } | Command::Erase { .. } => {}
            Command::Save { socket, saved } => self.save(socket, saved, now),
            #[cfg(not(feature = "outbox"))]
            Command::Reserve { .. } => {}
            Command::Close { transport } => {
                self.links.retain(|(id, _)| *id != transport);
                self.requests.retain(|(id, _, _)| *id != transport);
            }
        }
    }

    fn open(&mut self, transport: TransportId, url: &str, now: Instant) {
        let shared = self.shared.clone();
        let hear = move |heard| {
            react(&shared, |inner, now| {
                let input = match heard {
                    Heard::Opened => Input::Opened { transport },
                    Heard::Message(message) => Input::Message { transport, message },
                    Heard::Closed { error, unsent } => {
                        // Firefox ends connections before it tells a page that it goes.
                        inner.write_sessions(now);
                        inner.manager.never_left(transport, unsent);
                        Input::Closed { transport, error }
                    }
                };
                inner.manager.handle_input(input, now);
            });
        };
        match Link::open(url, self.limit, hear) {
            Ok(link) => self.links.push((transport, link)),
            Err(error) => self.manager.handle_input(Input::Closed { transport, error }, now),
        }
    }

    fn request(
        &mut self,
        transport: TransportId,
        method: Method,
        url: &str,
        body: Option<&ByteString>,
        now: Instant,
    ) {
        let shared = self.shared.clone();
        let done = move |answer: Result<String, TransportError>| {
            react(&shared, |inner, now| {
                inner.requests.retain(|(id, kind, _)| (*id, *kind) != (transport, method));
                let input = match (answer, method) {
                    (Ok(body), Method::Get) => Input::Got { transport, body: body.into() },
                    (Ok(_), Method::Post) => Input::Posted { transport },
                    (Err(error), _) => {
                        inner.write_sessions(now);
                        Input::Closed { transport, error }
                    }
                };
                inner.manager.handle_input(input, now);
            });
        };
        match fetch::send(url, body.map(|body| &**body), &self.headers, self.limit, done) {
            Ok(request) => self.requests.push((transport, method, request)),
            Err(error) => self.manager.handle_input(Input::Closed { transport, error }, now),
        }
    }

    /// Ends when nothing is open and nothing is planned.
    pub(crate) fn closed(&mut self) -> Receiver<()> {
        let (closer, closed) = channel();
        self.closers.push(closer);
        closed
    }

    fn due(&mut self, now: Instant) {
        if self.timer.fired(now) {
            // What waits to be read is read before anything is judged: the timer is set again, for now.
            self.woken = true;
            return;
        }
        self.manager.handle_timeout(now);
        if std::mem::take(&mut self.woken) {
            self.manager.resume(now);
        }
    }

    fn page_told(&mut self, news: News, now: Instant) {
        match news {
            News::Offline => {
                self.write_sessions(now);
                self.manager.set_online(false, now);
            }
            News::Online => {
                self.manager.set_online(true, now);
                self.manager.resume(now);
            }
            News::Seen => self.manager.resume(now),
        }
    }

    /// Nothing is open and nothing is planned.
    pub(crate) fn is_idle(&self) -> bool {
        self.manager.state() == State::Disconnected
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.try_borrow() {
            Ok(inner) => inner.manager.fmt(f),
            Err(_) => f.write_str("Manager"),
        }
    }
}
