//! The scenarios of the core with the slot codec, whose payloads are JavaScript's. `slots.test.mjs` runs them.

// A wrong assumption is to end a scenario; exports to JavaScript need no second documentation.
#![allow(missing_docs, missing_debug_implementations, clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Uint8Array;
use scenarios::Face;
use socketio_client_core::{Codec, Credentials, Decoded, Limits, Message, Offset};
use socketio_client_wasm::slots::{Binary, Inbox, Payload, Slot, Slots, Start, Text};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/slots.js")]
extern "C" {
    fn put(value: &JsValue) -> u32;
    fn value(slot: u32) -> JsValue;
    fn json(slot: u32) -> String;
    fn base64(slot: u32) -> String;
    fn outgoing(value: &JsValue) -> Vec<u32>;
    fn live() -> u32;

    type Reader;
    #[wasm_bindgen(constructor)]
    fn new(door: Texts) -> Reader;
    #[wasm_bindgen(method)]
    fn read(this: &Reader, text: &str);
    #[wasm_bindgen(method, js_name = readBody)]
    fn read_body(this: &Reader, body: &str, max: u32);
}

// What the test's own module says of values: `globalThis.scenario`.
#[wasm_bindgen(js_namespace = scenario)]
extern "C" {
    /// An event's arguments.
    fn event(number: u32, attachments: &[u8]) -> JsValue;
    /// An ack's.
    fn answer(number: u32) -> JsValue;
    /// CONNECT's object.
    fn token(text: &str) -> JsValue;
    /// The number in a payload, then its attachments' bytes.
    fn numbers(value: &JsValue) -> Vec<u32>;
}

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

    /// A text with a payload.
    pub fn leave(&self, what: u32, _transport: u32, slot: u32, shape: u8, length: u32) {
        self.0.borrow_mut().leave(what, slot, shape, length);
    }

    /// A packet whose header has a number; `ack` is -1 where it has none.
    pub fn known(&self, _transport: u32, id: u32, ack: f64, slot: u32, shape: u8, length: u32) {
        // JavaScript hands over at most 15 digits this way.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number below 2^53"
        )]
        let ack = (ack >= 0.0).then_some(ack as u64);
        self.0.borrow_mut().known(id, ack, slot, shape, length);
    }

    /// Any other text.
    pub fn control(&self, _transport: u32, text: &str) {
        self.0.borrow_mut().control(text);
    }
}

/// A codec and JavaScript's half of it, new in each scenario.
struct SlotFace {
    door: RefCell<Option<(Texts, Reader)>>,
}

impl SlotFace {
    fn read(&self, wire: &str) -> Text {
        let door = self.door.borrow();
        let (texts, reader) = door.as_ref().unwrap();
        if wire.contains('\u{1e}') {
            reader.read_body(wire, 1_000_000);
            return texts.body();
        }
        reader.read(wire);
        texts.text().unwrap()
    }
}

fn show(text: &Text) -> String {
    match text {
        Text::Part(part) => {
            part.head().into_owned() + &part.payload().map(|payload| json(payload.slot())).unwrap_or_default()
        }
        Text::Body(messages) => {
            let texts = messages.iter().map(|message| match message {
                Message::Text(text) => show(text),
                Message::Binary(binary) => format!("b{}", base64(binary.slot.number())),
            });
            texts.collect::<Vec<_>>().join("\u{1e}")
        }
        Text::Received(texts) => texts.iter().map(show).collect::<Vec<_>>().join("\u{1e}"),
    }
}

impl Face for SlotFace {
    type Codec = Slots;

    fn codec(&self) -> Slots {
        let codec = Slots::default();
        let texts = Texts::new(&codec);
        *self.door.borrow_mut() = Some((texts.clone(), Reader::new(texts)));
        codec
    }

    fn text(&self, wire: &str) -> Text {
        self.read(wire)
    }

    fn show(&self, text: &Text) -> String {
        show(text)
    }

    fn binary(&self, byte: u8) -> Binary {
        Binary { slot: Slot::adopt(put(&Uint8Array::from([byte].as_slice()))), length: 1 }
    }

    fn show_binary(&self, binary: &Binary) -> u8 {
        Uint8Array::from(value(binary.slot.number())).get_index(0)
    }

    fn event(&self, number: u32, attachments: &[u8]) -> Payload {
        Payload::outgoing(&outgoing(&event(number, attachments))).unwrap()
    }

    fn ack(&self, number: u32) -> Payload {
        Payload::outgoing(&outgoing(&answer(number))).unwrap()
    }

    fn auth(&self, text: &str) -> Payload {
        Payload::outgoing(&outgoing(&token(text))).unwrap()
    }

    fn read(&self, payload: &Payload) -> (u32, Vec<u8>) {
        let numbers = numbers(&value(payload.slot()));
        let (number, bytes) = numbers.split_first().unwrap();
        (*number, bytes.iter().map(|byte| u8::try_from(*byte).unwrap()).collect())
    }
}

/// The names of all scenarios.
#[wasm_bindgen]
pub fn scenarios() -> Vec<String> {
    scenarios::all::<SlotFace>().iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// Runs one; returns how many more values JavaScript keeps afterwards. `failed` gets the message of a panic.
#[wasm_bindgen]
pub fn run(name: &str, failed: js_sys::Function) -> u32 {
    thread_local!(static FAILED: RefCell<Option<js_sys::Function>> = const { RefCell::new(None) });
    FAILED.set(Some(failed));
    std::panic::set_hook(Box::new(|info| {
        let message = info.to_string();
        FAILED.with_borrow(|failed| {
            failed.as_ref().map(|failed| failed.call1(&JsValue::NULL, &message.into()))
        });
    }));
    let (_, scenario) = scenarios::all::<SlotFace>().iter().find(|(known, _)| *known == name).unwrap();
    let before = live();
    let face = SlotFace { door: RefCell::default() };
    scenario(&face);
    drop(face);
    live() - before
}

/// What the codec makes of one text: an error, or the header and the payload as JSON. Each text is read twice, so that
/// the second time its header is one that is known.
#[wasm_bindgen]
pub fn decode(wire: &str) -> String {
    let face = SlotFace { door: RefCell::default() };
    let mut codec = face.codec();
    let mut once = || {
        let text = face.read(wire);
        match codec.decode(text, &Limits::default()) {
            Err(error) => error.to_string(),
            Ok(Decoded::Partial(_)) => "partial".to_owned(),
            Ok(Decoded::Packet(header, payload)) => {
                let payload = payload.map(|payload| json(payload.slot())).unwrap_or_default();
                format!("{:?} {} {:?} {payload}", header.kind, header.namespace, header.ack)
            }
        }
    };
    let first = once();
    assert_eq!(once(), first);
    first
}

/// Whether a text behind an event counts as an offset. Both readers, JavaScript's and Rust's, must say the same of it.
#[wasm_bindgen]
pub fn is_offset(text: &str) -> bool {
    let payload = |args: &[&str]| {
        let args: js_sys::Array = args.iter().map(|arg| JsValue::from_str(arg)).collect();
        Payload::outgoing(&outgoing(&args)).unwrap()
    };
    let mut codec = Slots::default();
    assert!(codec.offset(&payload(&[text])).is_none(), "the event's name is none");
    let found = codec.offset(&payload(&["x", "y", text]));
    assert_eq!(found, Offset::parse(text), "{text}");
    found.is_some()
}

/// CONNECT's object as JSON.
#[wasm_bindgen]
pub fn claim(auth: &JsValue, pid: &str, offset: Option<String>) -> String {
    let mut codec = Slots::default();
    let auth = (!auth.is_undefined()).then(|| Payload::outgoing(&outgoing(auth)).unwrap());
    let offset = offset.and_then(|offset| Offset::parse(&offset));
    let credentials = Credentials { recovery: Some((pid, offset)), delivery: None };
    json(codec.connect(auth.as_ref(), credentials).unwrap().unwrap().slot())
}

/// Whether what an event says is known again: without its offset, once it came with one.
#[wasm_bindgen]
pub fn is_known_again(first: &JsValue, again: &JsValue) -> bool {
    let payload = |args: &JsValue| Payload::outgoing(&outgoing(args)).unwrap();
    let mut codec = Slots::default();
    codec.digest(&payload(first), false) == codec.digest(&payload(again), true)
}
