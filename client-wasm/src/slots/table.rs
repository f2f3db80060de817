//! Numbers for values that JavaScript keeps.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

// The table itself, and whatever has to look inside a value: pure functions over it.
#[wasm_bindgen(module = "/js/slots.js")]
extern "C" {
    fn release(slot: u32);
    /// A number for a text.
    pub(super) fn put(value: &str) -> u32;
    /// One more number for the same value.
    pub(super) fn share(slot: u32) -> u32;
    /// The text in a field.
    pub(super) fn text(slot: u32, name: &str) -> Option<String>;
    /// The id in the server's handshake. Further, below 0 or NaN where there is none: the interval of pings, the time for
    /// one, the bytes of a message, and whether WebSocket is offered.
    pub(super) fn handshake(slot: u32) -> Option<String>;
    /// One of the attachments for `assemble`, in turn.
    pub(super) fn attach(slot: u32);
    /// A new number for a value with those attachments in the places of its placeholders, or -1.
    pub(super) fn assemble(slot: u32) -> i32;
    /// The shape of the last argument if that is an offset, or -1. Further: its time, and its count in two halves.
    pub(super) fn offset(slot: u32) -> i32;
    /// A hash of what an event says.
    pub(super) fn digest(slot: u32, without_last: bool) -> f64;
    /// A number for CONNECT's object, -1 if the authentication data is no object, or -2 if it has a field `$delivery` where
    /// one is added. Further: the bytes of its text.
    pub(super) fn connect(auth: i32, pid: &str, offset: &str, delivery: &str, base: f64) -> i32;
    /// A number for the question to the server's middleware, in this version. Further: the bytes of its text.
    pub(super) fn sync(version: u32) -> u32;
    /// Whether an answer to it is the middleware's.
    pub(super) fn middleware(slot: u32) -> bool;
    /// What the last of these had to say further.
    pub(super) fn further(place: u32) -> f64;
}

thread_local! {
    /// A number that JavaScript is told of with the next message, which saves a call; below 0: none.
    static FREED: Cell<i32> = const { Cell::new(-1) };
    static LATER: Cell<bool> = const { Cell::new(false) };
}

/// While `within` runs, JavaScript is told of the first number that is freed only when it is told something else.
pub fn freeing_one_later(within: impl FnOnce()) {
    LATER.set(true);
    within();
    LATER.set(false);
}

/// The number that is to be told; or below 0.
pub fn freed() -> i32 {
    FREED.replace(-1)
}

/// A value's number. JavaScript forgets the value when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Slot(Rc<Owned>);

#[derive(Debug)]
struct Owned(u32);

impl Drop for Owned {
    fn drop(&mut self) {
        match i32::try_from(self.0) {
            Ok(number) if LATER.get() && FREED.get() < 0 => FREED.set(number),
            _ => release(self.0),
        }
    }
}

impl Slot {
    /// Takes over a number that JavaScript has given out.
    #[must_use]
    pub fn adopt(slot: u32) -> Self {
        Self(Rc::new(Owned(slot)))
    }

    /// A number for a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::adopt(put(text))
    }

    /// For JavaScript.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.0
    }

    /// Its number, and whether this was the last clone: then JavaScript has to forget the value by itself, which saves the
    /// call.
    #[must_use]
    pub fn leave(self) -> (u32, bool) {
        let number = self.number();
        match Rc::try_unwrap(self.0) {
            Ok(owned) => {
                std::mem::forget(owned);
                (number, true)
            }
            Err(_) => (number, false),
        }
    }
}
