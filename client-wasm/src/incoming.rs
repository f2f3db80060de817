//! Events on their way to their listeners: those that wait for one (`hold_events`), and how far a server's own history came
//! (`offset`).

use std::rc::Rc;

use socketio_client_core::codec::Payload;
use socketio_client_core::{AuthRequest, HeldEvents, Instant, SocketId};

use crate::dispatch::Handler;
use crate::driver::{Inner, Shared};
use crate::message::Message;

/// Where an event stands in a server's history: a JSON text, or nothing if it says nothing of that.
pub(crate) type PlaceFn = dyn Fn(&Message) -> Option<String>;

/// How far a server's own history came is told with each CONNECT.
pub(crate) struct Cursor {
    /// Of the authentication data.
    pub(crate) key: String,
    pub(crate) of: Rc<PlaceFn>,
}

/// Events that wait, and whether somebody may listen to them by now.
pub(crate) struct Held {
    events: HeldEvents<Message>,
    stale: bool,
}

impl Held {
    pub(crate) fn new(names: Vec<String>, size: usize) -> Self {
        Self { events: HeldEvents::new(names, size), stale: false }
    }

    pub(crate) const fn is_stale(&self) -> bool {
        self.stale
    }

    /// Whether events of the namespace wait.
    pub(crate) fn waits(&self, socket: SocketId) -> bool {
        self.events.waiting().any(|waiting| waiting == socket)
    }

    /// There is another listener.
    pub(crate) const fn look_again(&mut self) {
        self.stale = true;
    }
}

impl Inner {
    fn is_heard(&self, socket: SocketId, event: &str) -> bool {
        self.namespaces.get(&socket).is_some_and(|namespace| namespace.router.has(event))
    }

    /// One that waited, and has a listener now. What was dropped before that is told.
    pub(crate) fn released(&mut self) -> Option<(SocketId, Message)> {
        let mut held = self.held.take_if(|held| held.stale)?;
        let released = held.events.next(|socket, event| self.is_heard(socket, event));
        held.stale = released.is_some();
        self.held = Some(held);
        let now = self.clock.now();
        if self.tell_dropped(now) {
            // Not within a call, after which this is done.
            self.drive(now);
        }
        released
    }

    /// Whether there was anything to tell.
    fn tell_dropped(&mut self, now: Instant) -> bool {
        let mut told = false;
        while let Some((socket, since)) = self.held.as_mut().and_then(|held| held.events.next_gap()) {
            self.manager.dropped(socket, since, now);
            told = true;
        }
        told
    }

    /// Whether the message is to wait.
    fn must_wait(&self, socket: SocketId, event: &str) -> bool {
        self.held.as_ref().is_some_and(|held| held.events.holds(event)) && !self.is_heard(socket, event)
    }

    fn hold(&mut self, socket: SocketId, message: Message, place: Option<String>, now: Instant) {
        let (event, size) = (message.event().to_owned(), message.size());
        let Some(held) = &mut self.held else { return };
        if held.events.hold(socket, &event, message, size, now) {
            self.places.waits(socket);
            place.into_iter().for_each(|place| self.places.advance(socket, place));
            self.tell_dropped(now);
            self.settle_places();
        }
    }

    fn settle_places(&mut self) {
        if let Some(held) = &self.held {
            self.places.settle(|socket| held.waits(socket));
        }
    }

    /// The namespace is joined, unless it has been left since.
    pub(crate) fn join_held(&mut self, socket: SocketId) {
        let active = self.manager.status(socket).active;
        if let Some(held) = self.held.as_mut().filter(|_| active) {
            held.events.join(socket);
        }
    }

    /// The namespace was left: events that waited for a listener are not for whoever joins it next.
    pub(crate) fn forget_held(&mut self, socket: SocketId) {
        if let Some(held) = &mut self.held {
            held.events.leave(socket);
            self.places.leave(socket);
        }
    }
}

impl Shared {
    /// An event that has just come.
    pub(crate) fn came(self: &Rc<Self>, socket: SocketId, message: Message) {
        let place = self.place(&message);
        if self.read(|inner| inner.must_wait(socket, message.event())) {
            // What is dropped for it is told.
            return self.call(|inner, now| inner.hold(socket, message, place, now));
        }
        self.hand_over(socket, &message);
        // After the listeners, so that what they had not handled comes again.
        if let Some(place) = place {
            self.read(|inner| inner.places.advance(socket, place));
        }
    }

    /// Where it stands in the server's history. Asks the application.
    fn place(&self, message: &Message) -> Option<String> {
        let sources = self.read(|inner| Rc::clone(&inner.sources));
        sources.cursor.as_ref().and_then(|cursor| (cursor.of)(message))
    }

    /// One that waited. How far that brings the namespace was asked when it came.
    pub(crate) fn release(&self, socket: SocketId, message: &Message) {
        self.hand_over(socket, message);
        self.read(Inner::settle_places);
    }

    fn hand_over(&self, socket: SocketId, message: &Message) {
        self.tell_namespace(socket, message.event(), |handler| {
            if let Handler::Message(call) = handler {
                call(message.clone());
            }
        });
    }

    /// Asks the application for the data of one CONNECT.
    pub(crate) fn authenticate(self: &Rc<Self>, request: AuthRequest) {
        let sources = self.read(|inner| Rc::clone(&inner.sources));
        let Some(answer) = sources.ask_auth() else {
            return self.authenticated(request, Ok(sources.known_auth()));
        };
        // The question must not keep a client open that nobody else wants.
        let shared = Rc::downgrade(self);
        wasm_bindgen_futures::spawn_local(async move {
            let data = answer.await;
            if let Some(shared) = shared.upgrade() {
                shared.authenticated(request, data.map(Some));
            }
        });
    }

    fn authenticated(&self, request: AuthRequest, data: Result<Option<Payload>, String>) {
        self.call(|inner, now| {
            let place = inner.places.get(request.socket());
            let data = match (&inner.sources.cursor, place) {
                (Some(Cursor { key, .. }), Some(place)) => {
                    data.map(|data| Some(data.unwrap_or_else(Payload::empty_object).with_field(key, place)))
                }
                _ => data,
            };
            inner.manager.authenticate(request, data, now);
        });
    }
}
