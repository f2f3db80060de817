//! A namespace's durable outbox: between the module that has the database and knows which tab leads (`js/src/durable.js`),
//! the core of the tab that leads, and the application.
//!
//! An emit is stored first, and handed to the core with the ack id that the store gave it, in whichever tab that is. So its
//! ticket is none of the core's: it is counted here.

mod clear;
mod lead;
mod values;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use js_sys::{Array, Function, Object, Promise};
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{
    AckError, Durability, EmitError, EmitId, EmitOptions, Event, Fate, Instant, RestoredEmit, SocketId,
};
use wasm_bindgen::prelude::*;

pub(crate) use self::clear::cleared;
use self::values::{
    acknowledgement, change, entry, event, exact, fate_of, get, message, method, number_of, reason, set,
    ticket_of, whole,
};
use crate::driver::{Inner, Shared};

#[wasm_bindgen(module = "/js/src/durable.js")]
extern "C" {
    pub(crate) type Durable;
    #[wasm_bindgen(constructor)]
    fn new(context: &Object, idle: bool) -> Durable;
    #[wasm_bindgen(method)]
    fn stand(this: &Durable);
    #[wasm_bindgen(method)]
    fn retire(this: &Durable, grace: f64);
    #[wasm_bindgen(method)]
    fn emit(this: &Durable, entry: &Object);
    #[wasm_bindgen(method)]
    fn cancel(this: &Durable, number: f64);
    #[wasm_bindgen(method)]
    fn clear(this: &Durable) -> Promise;
    #[wasm_bindgen(method)]
    fn reserve(this: &Durable, up_to: f64) -> JsValue;
    #[wasm_bindgen(method)]
    fn changed(this: &Durable, ticket: f64, change: &Object) -> bool;
    #[wasm_bindgen(method)]
    fn settled(this: &Durable, key: f64, change: &Object);
}

/// What a builder was told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) durability: Durability,
    pub(crate) max_age: Duration,
    /// Bounds, as of emits in memory.
    pub(crate) size: usize,
    pub(crate) bytes: usize,
    /// Without room the newest is refused; otherwise dropped. What is stored makes room for none.
    pub(crate) refuses: bool,
    pub(crate) buffer_max_age: Option<Duration>,
}

/// Tickets of stored emits begin here; the core's are smaller.
const FIRST: u64 = 1 << 60;
/// Final fates are remembered of so many.
const REMEMBERED: usize = 4096;

/// The outbox of one namespace.
pub(crate) struct Link {
    durable: Rc<Durable>,
    emits: BTreeMap<EmitId, Entry>,
    bytes: usize,
    count: u64,
    ended: VecDeque<(EmitId, Fate)>,
    settings: Settings,
    /// What earlier pages have left, by its number there.
    left: BTreeMap<u64, Payload>,
    /// The core said that what was to be cancelled was never sent.
    cancelled: bool,
    /// Whether its namespace is connected, or will be by itself: only then may this tab send for all.
    stands: bool,
    /// The application leaves, and what is under way has some time.
    lingers: bool,
}

/// An emit of this page that is not settled.
#[derive(Debug)]
struct Entry {
    fate: Fate,
    /// Unknown while the store is asked.
    stored: Option<bool>,
    payload: Payload,
}

impl Link {
    fn end(&mut self, emit: EmitId, fate: Fate) -> Option<Entry> {
        let entry = self.emits.remove(&emit)?;
        self.bytes = self.bytes.saturating_sub(entry.payload.size());
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back((emit, fate));
        Some(entry)
    }

    pub(crate) fn fate(&self, emit: EmitId) -> Option<Fate> {
        let ended = || self.ended.iter().rev().find(|(ended, _)| *ended == emit).map(|(_, fate)| *fate);
        self.emits.get(&emit).map(|entry| entry.fate).or_else(ended)
    }

    pub(crate) fn left(&self) -> impl Iterator<Item = (u64, &Payload)> {
        self.left.iter().map(|(key, payload)| (*key, payload))
    }

    /// `None` while that is not decided.
    pub(crate) fn is_stored(&self, emit: EmitId) -> Option<bool> {
        match self.emits.get(&emit) {
            Some(entry) => entry.stored,
            None => Some(self.fate(emit) == Some(Fate::Acknowledged)),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("emits", &self.emits.len()).finish_non_exhaustive()
    }
}

/// Whether the ticket is of an emit that an outbox has.
pub(crate) const fn is_ticket(emit: EmitId) -> bool {
    emit.number() >= FIRST
}

impl Inner {
    pub(crate) fn link(&self, socket: SocketId) -> Option<&Link> {
        self.namespaces.get(&socket)?.outbox.as_ref()
    }

    pub(crate) fn outbox(&mut self, socket: SocketId) -> Option<&mut Link> {
        self.namespaces.get_mut(&socket)?.outbox.as_mut()
    }
}

/// What the application does.
impl Shared {
    /// Opens the outbox of a new namespace.
    pub(crate) fn open_outbox(self: &Rc<Self>, socket: SocketId, namespace: &str, settings: &Settings) {
        let context = Context { shared: Rc::downgrade(self), socket };
        // The database has one namespace: its emits have one order.
        let name = format!("{}{namespace}", settings.name);
        let stands = self.read(|inner| inner.stands(socket));
        let durable = Rc::new(Durable::new(&context.object(&name, namespace, settings), !stands));
        let link = Link {
            durable,
            emits: BTreeMap::new(),
            bytes: 0,
            count: 0,
            ended: VecDeque::new(),
            settings: settings.clone(),
            left: BTreeMap::new(),
            cancelled: false,
            stands,
            lingers: false,
        };
        self.read(|inner| {
            if let Some(namespace) = inner.namespaces.get_mut(&socket) {
                namespace.outbox = Some(link);
            }
        });
    }

    /// Stores an emit; whoever waits for its answer is told by `ready` of its ticket before anything is.
    pub(crate) fn store_emit(
        &self,
        socket: SocketId,
        payload: Payload,
        options: EmitOptions<'_>,
        ready: impl FnOnce(&mut Inner, EmitId),
    ) -> Result<EmitId, EmitError> {
        let (durable, emit, entry) = self.read(|inner| {
            let link = inner.outbox(socket).ok_or(EmitError::Closed)?;
            let bytes = link.bytes.saturating_add(payload.size());
            let settings = &link.settings;
            let full = link.emits.len() >= settings.size || bytes > settings.bytes;
            if full && settings.refuses {
                return Err(EmitError::BufferFull { held: link.emits.len(), bytes: link.bytes });
            }
            let given = options.max_age.or(settings.buffer_max_age);
            let stored = given.map_or(settings.max_age, |age| age.min(settings.max_age));
            link.count += 1;
            link.bytes = bytes;
            let emit = EmitId::from_number(FIRST + link.count);
            let entry = entry(link.count, &payload, given, stored, options.timeout);
            link.emits.insert(emit, Entry { fate: Fate::Held, stored: None, payload });
            let durable = Rc::clone(&link.durable);
            ready(inner, emit);
            Ok((durable, emit, entry))
        })?;
        durable.emit(&entry);
        Ok(emit)
    }

    /// True if it is certain now that it is never sent.
    pub(crate) fn cancel_stored(&self, socket: SocketId, emit: EmitId) -> bool {
        let link = |inner: &mut Inner| inner.outbox(socket).map(|link| Rc::clone(&link.durable));
        let Some(durable) = self.read(link) else { return false };
        durable.cancel(number_of(emit));
        self.read(|inner| inner.outbox(socket).is_some_and(|link| std::mem::take(&mut link.cancelled)))
    }
}

/// What happens to the core.
impl Shared {
    fn durable(&self, socket: SocketId) -> Option<Rc<Durable>> {
        self.read(|inner| inner.outbox(socket).map(|link| Rc::clone(&link.durable)))
    }

    /// Tells the outbox what it has to know of an event of the core; gives back what is for the application.
    pub(crate) fn tell_outbox(&self, event: Event<Json>) -> Option<Event<Json>> {
        match event {
            Event::Fate { socket, emit, fate, .. } => {
                let known = |durable: Rc<Durable>| durable.changed(exact(emit.number()), &change(fate));
                if self.durable(socket).is_some_and(known) { None } else { Some(event) }
            }
            Event::OutboxSettled { socket, key, fate, ref payload, ref result } => {
                let Some(durable) = self.durable(socket) else { return Some(event) };
                let change = change(fate);
                if let Some(answer) = result {
                    set(&change, "answer", &message(answer));
                }
                set(&change, "value", &message(payload));
                durable.settled(exact(key), &change);
                None
            }
            event => Some(event),
        }
    }
}

/// What the module calls. It calls back within calls to it, so none of these may be made while [`Inner`] is borrowed, and
/// what the application is to hear of them waits for its turn.
#[derive(Clone)]
struct Context {
    shared: Weak<Shared>,
    socket: SocketId,
}

impl Context {
    fn act<R>(&self, act: impl FnOnce(&mut Inner, SocketId, Instant) -> R) -> Option<R> {
        let shared = self.shared.upgrade()?;
        let done = shared.call(|inner, now| act(inner, self.socket, now));
        Some(done)
    }

    fn object(&self, name: &str, namespace: &str, settings: &Settings) -> Object {
        let object = Object::new();
        set(&object, "name", &name.into());
        set(&object, "namespace", &namespace.into());
        set(&object, "writeBehind", &(settings.durability == Durability::WriteBehind).into());
        // There they are those of the whole store, which other tabs fill too.
        set(&object, "bufferSize", &exact(settings.size as u64).into());
        set(&object, "bufferBytes", &exact(settings.bytes as u64).into());
        set(&object, "bufferPolicy", &if settings.refuses { "refuse" } else { "dropNewest" }.into());

        let it = self.clone();
        method(
            &object,
            "lead",
            Closure::<dyn Fn(String, f64, Function)>::new(move |id, next, adopt: Function| {
                let Some(shared) = it.shared.upgrade() else { return };
                shared.read(|inner| {
                    let now = inner.clock.now();
                    inner.manager.lead(it.socket, Some(id), whole(next), now);
                });
                // What is stored is handed in before CONNECT is written, which says where that begins.
                let _ = adopt.call0(&JsValue::UNDEFINED);
                it.act(|_, _, _| {});
            }),
        );
        let it = self.clone();
        method(
            &object,
            "resign",
            Closure::<dyn Fn()>::new(move || {
                it.act(|inner, socket, now| {
                    // Another tab sends it now.
                    if let Some(link) = inner.outbox(socket) {
                        link.left.clear();
                    }
                    inner.manager.follow(socket, now);
                });
            }),
        );
        let it = self.clone();
        method(
            &object,
            "reserved",
            Closure::<dyn Fn(f64)>::new(move |up_to| {
                it.act(|inner, socket, now| inner.manager.reserved(socket, whole(up_to), now));
            }),
        );
        let it = self.clone();
        method(
            &object,
            "sequence",
            Closure::<dyn Fn() -> f64>::new(move || {
                it.act(|inner, socket, _| inner.manager.take_id(socket)).flatten().map_or(f64::NAN, exact)
            }),
        );
        let it = self.clone();
        method(
            &object,
            "cancel",
            Closure::<dyn Fn(f64)>::new(move |ticket| {
                it.act(|inner, socket, _| {
                    let cancelled = inner.manager.cancel(socket, EmitId::from_number(whole(ticket)));
                    if let Some(link) = inner.outbox(socket) {
                        link.cancelled = cancelled;
                    }
                });
            }),
        );
        let encode = |text: JsValue, parts: JsValue| -> Result<JsValue, JsValue> {
            let message = Array::of2(&text, &parts).into();
            // One that cannot be read is found out here.
            event(&message).map(|_| message).map_err(|cause| JsError::new(&cause).into())
        };
        method(
            &object,
            "encode",
            Closure::<dyn Fn(JsValue, JsValue) -> Result<JsValue, JsValue>>::new(encode),
        );
        method(&object, "forget", Closure::<dyn Fn()>::new(|| {}));
        let it = self.clone();
        let adopt = move |key: f64, message: JsValue, terms: JsValue, adopted: Function| {
            it.adopt(key, &message, &terms, &adopted)
        };
        method(&object, "adopt", Closure::<dyn Fn(f64, JsValue, JsValue, Function)>::new(adopt));

        let it = self.clone();
        method(
            &object,
            "changed",
            Closure::<dyn Fn(f64, JsValue)>::new(move |number, change| it.changed(number, &change)),
        );
        let it = self.clone();
        method(&object, "kept", Closure::<dyn Fn(f64, bool)>::new(move |number, kept| it.kept(number, kept)));
        let it = self.clone();
        method(&object, "settled", Closure::<dyn Fn(JsValue)>::new(move |change| it.settled(&change)));
        let it = self.clone();
        method(&object, "failed", Closure::<dyn Fn(JsValue)>::new(move |error| it.failed(&error)));
        object
    }

    fn adopt(&self, key: f64, message: &JsValue, terms: &JsValue, adopted: &Function) {
        let Ok(payload) = event(message) else { return };
        let millis =
            |name| get(terms, name).as_f64().map(|millis| Duration::from_secs_f64(millis.max(0.0) / 1000.0));
        let (max_age, timeout) = (millis("maxAge"), millis("timeout"));
        let [maybe_sent, earlier] = ["maybeSent", "earlier"].map(|name| get(terms, name).is_truthy());
        let ticket = self.act(|inner, socket, now| {
            if earlier && let Some(link) = inner.outbox(socket) {
                link.left.insert(whole(key), payload.clone());
            }
            let expires = max_age.map(|age| now + age);
            let emit = RestoredEmit { key: whole(key), payload, attempts: 0, expires };
            inner.manager.adopt(socket, emit, timeout, maybe_sent, now)
        });
        if let Some(ticket) = ticket.flatten() {
            let _ = adopted.call1(&JsValue::UNDEFINED, &exact(ticket.number()).into());
        }
    }

    /// The fate of an emit of this page.
    fn changed(&self, number: f64, change: &JsValue) {
        let emit = ticket_of(number);
        let fate = fate_of(change);
        let error = get(change, "error");
        let answer = get(change, "answer");
        self.act(|inner, socket, _| {
            let Some(link) = inner.outbox(socket) else { return };
            if !fate.is_final() {
                if let Some(entry) = link.emits.get_mut(&emit) {
                    entry.fate = fate;
                    inner.told.push_back(Event::Fate { socket, emit, fate, payload: None });
                }
                return;
            }
            let Some(Entry { payload, .. }) = link.end(emit, fate) else { return };
            let result = match fate {
                Fate::Acknowledged => acknowledgement(&answer),
                Fate::Uncertain { .. } => Err(AckError::Disconnected),
                Fate::Cancelled => Err(AckError::Cancelled),
                Fate::Expired => Err(AckError::NotSent(EmitError::Expired)),
                Fate::Dropped => Err(AckError::NotSent(EmitError::Displaced)),
                _ => Err(AckError::NotSent(EmitError::Storage { cause: reason(&error) })),
            };
            let unsent = !matches!(fate, Fate::Acknowledged | Fate::Uncertain { .. });
            inner.told.push_back(Event::Ack { socket, emit, result });
            inner.told.push_back(Event::Fate { socket, emit, fate, payload: unsent.then_some(payload) });
        });
    }

    /// Whether the store has taken an emit. One that left before may go on without.
    fn kept(&self, number: f64, kept: bool) {
        let emit = ticket_of(number);
        let told = self.act(|inner, socket, _| {
            let entry = inner.outbox(socket).and_then(|link| link.emits.get_mut(&emit));
            entry.is_some_and(|entry| entry.stored.replace(kept).is_none())
        });
        if told == Some(true)
            && let Some(shared) = self.shared.upgrade()
        {
            shared.tell_stored(self.socket, emit, kept);
        }
    }

    /// An emit that another page has left.
    fn settled(&self, change: &JsValue) {
        let Ok(payload) = event(&get(change, "value")) else { return };
        let key = get(change, "seq").as_f64().map_or(0, whole);
        let answer = get(change, "answer");
        let result = acknowledgement(&answer).ok();
        let fate = fate_of(change);
        self.act(|inner, socket, _| {
            if let Some(link) = inner.outbox(socket) {
                link.left.remove(&key);
            }
            inner.told.push_back(Event::OutboxSettled { socket, key, fate, payload, result });
        });
    }

    fn failed(&self, error: &JsValue) {
        let number = |name| get(error, name).as_f64().map(whole);
        let (cause, kept, lost) = (reason(error), number("kept").unwrap_or(0), number("lost"));
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        self.act(|inner, _, _| inner.told.push_back(Event::OutboxError { cause, kept, lost }));
    }
}
