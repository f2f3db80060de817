//! What JavaScript sees of the slot codec.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::slots::{Inbox, Slots, Start, Text};

/// Where the `Reader` of `slots.js` leaves texts: numbers, and no text that is longer than a header.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct Texts(Rc<RefCell<Inbox>>);

impl Texts {
    /// For texts that this codec is to read. Rust keeps a clone, and takes from it what was left.
    #[must_use]
    pub fn new(codec: &Slots) -> Self {
        Self(Rc::new(RefCell::new(codec.inbox())))
    }

    /// The oldest of the texts that were left.
    #[must_use]
    pub fn text(&self) -> Option<Text> {
        self.0.borrow_mut().text()
    }

    /// All of them, as a polling body.
    #[must_use]
    pub fn body(&self) -> Text {
        self.0.borrow_mut().body()
    }
}

#[wasm_bindgen]
impl Texts {
    /// Where the payload starts; -1: the header may go on behind what was shown; -2: no header.
    #[must_use]
    pub fn header(&self, start: &str, whole: bool) -> i32 {
        match self.0.borrow_mut().header(start, whole) {
            Start::At(at) => i32::try_from(at).unwrap_or(-2),
            Start::Unfinished => -1,
            Start::Malformed => -2,
        }
    }

    /// A number for the header that was read last, or -1.
    #[must_use]
    pub fn remember(&self) -> i32 {
        self.0.borrow_mut().remember().and_then(|id| i32::try_from(id).ok()).unwrap_or(-1)
    }

    /// A packet with the header that was read last.
    pub fn packet(&self, slot: u32, shape: u8, length: u32) {
        self.0.borrow_mut().packet(slot, shape, length);
    }

    /// A packet whose header has a number; `ack` is -1 where it has none.
    pub fn known(&self, id: u32, ack: f64, slot: u32, shape: u8, length: u32) {
        // JavaScript hands over at most 15 digits this way.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number below 2^53"
        )]
        let ack = (ack >= 0.0).then_some(ack as u64);
        self.0.borrow_mut().known(id, ack, slot, shape, length);
    }

    /// The server's handshake.
    pub fn handshake(&self, slot: u32, shape: u8, length: u32) {
        self.0.borrow_mut().handshake(slot, shape, length);
    }

    /// The bytes of a base64 text.
    pub fn base64(&self, slot: u32, shape: u8, length: u32) {
        self.0.borrow_mut().base64(slot, shape, length);
    }

    /// Any other text.
    pub fn control(&self, text: &str) {
        self.0.borrow_mut().control(text);
    }
}
