//! From the core's events to the application's listeners and futures.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    AckError, ClientEvent, ConnectError, DisconnectReason, EmitId, Event, FlushError, Gap, ResolveId, Router,
    SocketId,
};

use crate::channel::Sender;
use crate::driver::Shared;
use crate::fates::Waiting;
use crate::gaps::ResyncFn;
use crate::message::{Message, Outgoing};

/// Listens to the connection.
pub(crate) type ClientHandler = Rc<dyn Fn(ClientEvent)>;

/// Listens to a namespace. One router holds all kinds, so that an id is enough to remove any.
#[derive(Clone)]
pub(crate) enum Handler {
    Message(Rc<dyn Fn(Message)>),
    Outgoing(Rc<dyn Fn(Outgoing)>),
    Connect(Rc<dyn Fn()>),
    Disconnect(Rc<dyn Fn(DisconnectReason)>),
    ConnectError(Rc<dyn Fn(ConnectError)>),
    Gap(Rc<dyn Fn(Gap)>),
}

/// No event of a server can have these names.
pub(crate) mod lifecycle {
    pub(crate) const CONNECT: &str = "connect";
    pub(crate) const DISCONNECT: &str = "disconnect";
    pub(crate) const CONNECT_ERROR: &str = "connect_error";
    /// Listens to what leaves.
    pub(crate) const OUTGOING: &str = "\0outgoing";
    pub(crate) const GAP: &str = "\0gap";
}

/// Who waits for what on one namespace.
pub(crate) struct Namespace {
    pub(crate) name: Rc<str>,
    pub(crate) router: Router<Handler>,
    pub(crate) acks: BTreeMap<EmitId, Sender<Result<Payload, AckError>>>,
    pub(crate) flushes: Vec<(EmitId, Sender<Result<(), FlushError>>)>,
    pub(crate) connects: Vec<Sender<Result<(), ConnectError>>>,
    pub(crate) waiting: Waiting,
    /// What makes good what was missed.
    pub(crate) resync: Option<Rc<ResyncFn>>,
    #[cfg(feature = "outbox")]
    pub(crate) outbox: Option<crate::outbox::Link>,
    /// Why it is not connected, where that is known.
    pub(crate) error: Option<ConnectError>,
}

impl Namespace {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            router: Router::new(),
            acks: BTreeMap::new(),
            flushes: Vec::new(),
            connects: Vec::new(),
            waiting: Waiting::default(),
            resync: None,
            #[cfg(feature = "outbox")]
            outbox: None,
            error: None,
        }
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.name).finish_non_exhaustive()
    }
}

enum News {
    Resolve(ResolveId),
    /// Held until now.
    Released(SocketId, Message),
    /// By the core; what it says of stored emits is the outbox's.
    Event(Event<Json>),
    /// By the outbox.
    #[cfg(feature = "outbox")]
    Told(Event<Json>),
}

impl Shared {
    /// Tells the application all that has happened, in order. A nested call does nothing: the outer one goes on.
    pub(crate) fn dispatch(self: &Rc<Self>) {
        if self.read(|inner| std::mem::replace(&mut inner.dispatching, true)) {
            return;
        }
        while let Some(news) = self.read(|inner| {
            let known = inner.knows_sessions();
            let resolve = inner.resolve.take_if(|_| known).map(News::Resolve);
            #[cfg(feature = "outbox")]
            let resolve = resolve.or_else(|| inner.told.pop_front().map(News::Told));
            // Held ones came before all that waits.
            let released = || inner.released().map(|(socket, message)| News::Released(socket, message));
            resolve.or_else(released).or_else(|| inner.events.pop_front().map(News::Event))
        }) {
            match news {
                News::Resolve(id) => self.resolve(id),
                News::Released(socket, message) => self.release(socket, &message),
                #[cfg(feature = "outbox")]
                News::Told(event) => self.tell(event),
                #[cfg(feature = "outbox")]
                News::Event(event) => {
                    if let Some(event) = self.tell_outbox(event) {
                        self.tell(event);
                    }
                }
                #[cfg(not(feature = "outbox"))]
                News::Event(event) => self.tell(event),
            }
        }
        self.read(|inner| inner.dispatching = false);
    }

    /// Asks the application where the next attempt is to go.
    fn resolve(&self, id: ResolveId) {
        let sources = self.read(|inner| Rc::clone(&inner.sources));
        let headers = sources.ask_headers();
        let (address, query) = (sources.ask_address(), sources.ask_query());
        self.call(|inner, now| {
            inner.headers = headers;
            inner.manager.resolved(id, address, query, now);
        });
    }

    fn tell(self: &Rc<Self>, event: Event<Json>) {
        if matches!(event, Event::ReconnectFailed) {
            self.settle_all(&ConnectError::ReconnectFailed);
        }
        if let Event::Ack { socket, emit, .. } = event
            && let Some(sender) = self.read(|inner| inner.namespaces.get_mut(&socket)?.acks.remove(&emit))
        {
            let Event::Ack { result, .. } = event else { return };
            return sender.send(result);
        }
        if let Some(event) = ClientEvent::of(&event) {
            return self.tell_client(&event);
        }
        match event {
            Event::Connected { socket, replayed, .. } => {
                self.read(|inner| {
                    inner.replays.begin(socket, replayed);
                    inner.join_held(socket);
                });
                self.forget_error(socket);
                self.settle_connects(socket, &Ok(()));
                self.tell_namespace(socket, lifecycle::CONNECT, |handler| {
                    if let Handler::Connect(call) = handler {
                        call();
                    }
                });
            }
            Event::Gap { socket, gap, told, resync } => {
                if told {
                    self.tell_namespace(socket, lifecycle::GAP, |handler| {
                        if let Handler::Gap(call) = handler {
                            call(gap);
                        }
                    });
                }
                if let Some(id) = resync {
                    self.begin_resync(socket, gap, id);
                }
            }
            Event::ConnectError { socket, error } => {
                let error = ConnectError::from(error);
                let given_up = self.read(|inner| {
                    // Where this was the last attempt, that is what those who wait are told.
                    let last = inner.events.iter().any(|event| matches!(event, Event::ReconnectFailed));
                    let given_up = !inner.manager.status(socket).active || (inner.is_idle() && !last);
                    if given_up && let Some(namespace) = inner.namespaces.get_mut(&socket) {
                        namespace.error = Some(error.clone());
                    }
                    given_up
                });
                if given_up {
                    self.settle_connects(socket, &Err(error.clone()));
                }
                self.tell_namespace(socket, lifecycle::CONNECT_ERROR, |handler| {
                    if let Handler::ConnectError(call) = handler {
                        call(error.clone());
                    }
                });
            }
            Event::Disconnected { socket, reason, .. } => {
                if matches!(reason, DisconnectReason::ClientDisconnect | DisconnectReason::ServerDisconnect) {
                    self.read(|inner| inner.forget_held(socket));
                }
                self.forget_error(socket);
                self.tell_namespace(socket, lifecycle::DISCONNECT, |handler| {
                    if let Handler::Disconnect(call) = handler {
                        call(reason);
                    }
                });
            }
            Event::Authenticate { request, socket: _ } => self.authenticate(request),
            Event::Message { socket, payload, ack } => {
                let replayed = self.read(|inner| inner.replays.next(socket));
                self.came(socket, Message::new(payload, ack, replayed, Rc::downgrade(self)));
            }
            Event::Sent { socket, payload } => {
                let outgoing = Outgoing::new(payload);
                self.tell_namespace(socket, lifecycle::OUTGOING, |handler| {
                    if let Handler::Outgoing(call) = handler {
                        call(outgoing.clone());
                    }
                });
            }
            Event::Flushed { socket, emit, delivered } => {
                let result = if delivered { Ok(()) } else { Err(FlushError::Uncertain) };
                let settled = self.read(|inner| {
                    let flushes = inner.namespaces.get_mut(&socket).map(|namespace| &mut namespace.flushes);
                    flushes.map_or_else(Vec::new, |flushes| {
                        flushes.extract_if(.., |(last, _)| *last == emit).collect()
                    })
                });
                for (_, sender) in settled {
                    sender.send(result.clone());
                }
            }
            Event::Fate { socket, emit, fate, payload } => {
                self.tell_fate(socket, emit, fate, payload.map(Outgoing::new));
            }
            Event::Stored { socket, emit } => self.tell_stored(socket, emit, true),
            // What concerns the connection was told above.
            _ => {}
        }
    }

    fn tell_client(&self, event: &ClientEvent) {
        let handlers = self.read(|inner| inner.listeners.take(""));
        for handler in handlers.iter() {
            handler(event.clone());
        }
    }

    /// Shows `call` the listeners for any name and those for this one: it picks those of the right kind.
    pub(crate) fn tell_namespace(&self, socket: SocketId, name: &str, call: impl Fn(&Handler)) {
        let handlers =
            self.read(|inner| inner.namespaces.get_mut(&socket).map(|namespace| namespace.router.take(name)));
        for handler in handlers.iter().flat_map(|handlers| handlers.iter()) {
            call(handler);
        }
    }

    pub(crate) fn settle_connects(&self, socket: SocketId, result: &Result<(), ConnectError>) {
        let waiting = self.read(|inner| {
            inner.namespaces.get_mut(&socket).map(|namespace| std::mem::take(&mut namespace.connects))
        });
        for sender in waiting.into_iter().flatten() {
            sender.send(result.clone());
        }
    }

    /// No further attempt is made.
    fn settle_all(&self, error: &ConnectError) {
        let sockets = self.read(|inner| {
            for namespace in inner.namespaces.values_mut() {
                namespace.error = Some(error.clone());
            }
            inner.namespaces.keys().copied().collect::<Vec<_>>()
        });
        for socket in sockets {
            self.settle_connects(socket, &Err(error.clone()));
        }
    }

    /// What was wrong before no longer is why it is not connected.
    pub(crate) fn forget_error(&self, socket: SocketId) {
        self.read(|inner| {
            if let Some(namespace) = inner.namespaces.get_mut(&socket) {
                namespace.error = None;
            }
        });
    }
}
