//! The one class that the npm package drives.
//!
//! It takes numbers and short texts and gives numbers back; payloads stay in the table of `js/slots.js`. What is to be done
//! (open, write, close) goes to the module's [`Host`] while no borrow is held; what happened is returned as a number, or
//! read event by event with [`Core::poll`].

mod calls;
mod clock;
mod drive;
mod host;
mod options;
mod report;

use std::cell::RefCell;

use js_sys::Function;
use socketio_client_core::{
    AckId, Command, EmitId, Event, Frame, Manager, Marks, ResolveId, SocketId, TransportId,
};
use wasm_bindgen::prelude::*;

use self::clock::Timer;
pub use self::host::Host;
use self::report::{Details, whole};
use crate::slots::{Binary, Inbox, PACKET, Slots, Start};

/// The protocol machine of one `Manager`.
#[wasm_bindgen]
pub struct Core {
    host: Host,
    inner: RefCell<Inner>,
}

struct Inner {
    manager: Manager<Slots>,
    /// Of what is stored.
    marks: Marks,
    inbox: Inbox,
    timer: Timer,
    /// The machine, or the page, has slept.
    woken: bool,
    links: Vec<Link>,
    /// Emits that the application looks at, and their payloads.
    held: Vec<(EmitId, u32)>,
    resolve: Option<ResolveId>,
    /// Of what is emitted or answered next.
    parts: Vec<Binary>,
    /// Of what is emitted next.
    terms: options::Terms,
    /// The ticket of the emit that was adopted last.
    adopted: f64,
    /// How many heads of sent packets the module knows.
    told: u32,
    /// Taken from the manager to see whether there is one.
    next: Option<Event<Slots>>,
    details: Details,
}

/// A transport of the module.
struct Link {
    id: TransportId,
    /// A WebSocket that is open.
    open: bool,
    /// It had much to send when it was last written to.
    full: bool,
}

/// Something that the manager wants done.
enum Step {
    Command(Command<Slots>),
    Frame(TransportId, Frame<Slots>),
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}

#[wasm_bindgen]
impl Core {
    /// `due` is called when [`Core::timeout`] is to be called. `native` timers are those that were there when the module
    /// was loaded. `seed` is any number.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(host: Host, due: Function, seed: f64, native: bool) -> Self {
        let codec = Slots::default();
        let inbox = codec.inbox();
        // The seed is a random number of 53 bits.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let manager = Manager::new(codec, options::defaults(), seed as u64);
        let inner = Inner {
            manager,
            marks: Marks::default(),
            inbox,
            timer: Timer::new(due, native),
            woken: false,
            links: Vec::new(),
            held: Vec::new(),
            resolve: None,
            parts: Vec::new(),
            terms: options::Terms::default(),
            adopted: -1.0,
            told: 0,
            next: None,
            details: Details::default(),
        };
        Self { host, inner: RefCell::new(inner) }
    }

    /// By `calls.rs`. Whether something happened that is to be read with [`Core::poll`].
    pub fn act(&self, what: u32, a: f64, b: f64, c: f64, d: f64) -> bool {
        self.act_at(None, |inner, now| inner.act(what, [a, b, c, d], now))
    }

    /// By `calls.rs`. No application's code runs meanwhile: the parts of a packet stay together.
    pub fn note(&self, what: u32, a: f64, b: f64) {
        self.inner.borrow_mut().note(what, a, b);
    }

    /// By `calls.rs`.
    pub fn look(&self, what: u32, a: f64) -> f64 {
        self.inner.borrow_mut().look(what, a)
    }

    /// The same with a text.
    pub fn say(&self, what: u32, text: &str, a: f64, b: f64) -> bool {
        self.act_at(None, |inner, now| inner.say(what, text, a, b, now))
    }

    /// Emits a payload with the binary parts that were told since the last one. Returns twice the ticket, and one more if
    /// there is something to poll; or, below 0, why it was refused. `wall` is `Date.now()`: what happens often does not
    /// cross to ask for it.
    pub fn emit(&self, socket: u32, slot: u32, length: u32, flags: u32, timeout: f64, wall: f64) -> f64 {
        let mut result = -1.0;
        let more = self.act_at(Some(wall), |inner, now| {
            let payload = inner.payload(slot, length);
            let terms = std::mem::take(&mut inner.terms);
            let options = options::emit(flags, timeout, &terms);
            result = match inner.manager.emit(SocketId::from_number(socket), payload, options, now) {
                Ok(emit) => report::exact(emit.number()) * 2.0,
                Err(refused) => report::refused(&refused.error),
            };
        });
        if more && result >= 0.0 { result + 1.0 } else { result }
    }

    /// Answers an event in the same way; below 0: it cannot be answered any more.
    pub fn ack(&self, socket: u32, session: u32, id: f64, slot: u32, length: u32, wall: f64) -> f64 {
        let mut refused = None;
        let more = self.act_at(Some(wall), |inner, now| {
            let payload = inner.payload(slot, length);
            let ack = AckId::from_parts(SocketId::from_number(socket), session, whole(id));
            refused = inner.manager.ack(ack, payload, now).err();
        });
        refused.map_or(f64::from(u8::from(more)), |refused| report::refused(&refused.error))
    }

    // --- What the module's transports heard. Each returns what `poll` does. ---

    /// By `calls.rs`.
    pub fn hear(&self, what: u32, transport: f64, a: f64, b: f64) -> f64 {
        let now = {
            let (mut inner, now) = self.enter(None);
            let Some(input) = inner.heard(what, [transport, a, b]) else { return 0.0 };
            inner.manager.handle_input(input, now);
            now
        };
        self.told(now, None)
    }

    /// Reads a header: where the payload starts; -1: it may go on behind what was shown; -2: it is none.
    #[must_use]
    pub fn header(&self, start: &str, whole: bool) -> i32 {
        match self.inner.borrow_mut().inbox.header(start, whole) {
            Start::At(at) => i32::try_from(at).unwrap_or(-2),
            Start::Unfinished => -1,
            Start::Malformed => -2,
        }
    }

    /// A number for the header that was read last, or -1.
    #[must_use]
    pub fn remember(&self) -> i32 {
        self.inner.borrow_mut().inbox.remember().and_then(|id| i32::try_from(id).ok()).unwrap_or(-1)
    }

    /// A text with a payload, by the constants of [`slots`](crate::slots).
    pub fn leave(&self, what: u32, transport: u32, slot: u32, shape: u8, length: u32) -> f64 {
        let heard = (what == PACKET).then_some(slot);
        self.text(transport, heard, |inbox| inbox.leave(what, slot, shape, length))
    }

    /// A packet whose header has a number; `ack` is below 0 where it has none, `wall` is `Date.now()`.
    #[expect(clippy::too_many_arguments, reason = "one call for one packet")]
    pub fn known(
        &self,
        transport: u32,
        id: u32,
        ack: f64,
        slot: u32,
        shape: u8,
        length: u32,
        wall: f64,
    ) -> f64 {
        let ack = (ack >= 0.0).then(|| whole(ack));
        self.text_at(Some(wall), transport, Some(slot), |inbox| inbox.known(id, ack, slot, shape, length))
    }

    /// A packet that the application's own parser has read; `kind` 0 to 4 as on the wire.
    pub fn parsed(&self, transport: u32, kind: u32, namespace: &str, ack: f64, slot: u32, shape: u8) -> f64 {
        self.text(transport, Some(slot), |inbox| {
            inbox.parsed(kind, namespace, (ack >= 0.0).then(|| whole(ack)), slot, shape);
        })
    }

    /// Any other text.
    pub fn control(&self, transport: u32, text: &str) -> f64 {
        self.text(transport, None, |inbox| inbox.control(text))
    }

    /// The timer is due.
    pub fn timeout(&self) -> f64 {
        let now = {
            let mut inner = self.inner.borrow_mut();
            let (now, late) = inner.timer.fired();
            if late {
                // What waits to be read is read before anything is judged: the timer is set again, for now.
                inner.woken = true;
            } else {
                inner.manager.handle_timeout(now);
                if std::mem::take(&mut inner.woken) {
                    inner.manager.resume(now);
                }
            }
            inner.links.iter_mut().for_each(|link| link.full = false);
            now
        };
        self.pump(now);
        self.poll()
    }

    // --- What happened ---

    /// The next event as a number (`report.rs`), 0 if there is none.
    pub fn poll(&self) -> f64 {
        self.inner.borrow_mut().report(None)
    }
}
