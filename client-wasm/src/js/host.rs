//! What the module does for Rust.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The module's object for one manager. No code of the application runs in any of these.
    #[derive(Debug)]
    pub type Host;

    /// Asks for the options of this attempt, with `options`, and `address` or `unresolved` (`calls.rs`).
    #[wasm_bindgen(method)]
    pub(super) fn resolve(this: &Host);
    #[wasm_bindgen(method)]
    pub(super) fn open(this: &Host, transport: u32, url: &str);
    #[wasm_bindgen(method)]
    pub(super) fn get(this: &Host, transport: u32, url: &str);
    /// The body is what was written for transport 0.
    #[wasm_bindgen(method)]
    pub(super) fn post(this: &Host, transport: u32, url: &str);
    #[wasm_bindgen(method)]
    pub(super) fn shut(this: &Host, transport: u32);
    /// What goes before an ack id and a payload. It has the next number from now on, the first of all 0.
    #[wasm_bindgen(method)]
    pub(super) fn head(this: &Host, kind: u32, namespace: &str, text: &str);
    /// A text message; `ack` and `slot` are below 0 where there is none, and a `last` slot is the module's to forget, as is
    /// `freed`, unless below 0. Returns how many bytes the transport has not sent yet, as the next two do.
    #[wasm_bindgen(method)]
    pub(super) fn write(
        this: &Host,
        transport: u32,
        head: u32,
        ack: f64,
        slot: i32,
        last: bool,
        freed: i32,
    ) -> f64;
    #[wasm_bindgen(method)]
    pub(super) fn text(this: &Host, transport: u32, text: &str) -> f64;
    #[wasm_bindgen(method)]
    pub(super) fn binary(this: &Host, transport: u32, slot: u32, last: bool) -> f64;
    /// Ack ids of a namespace are to be reserved, up to this one.
    #[wasm_bindgen(method)]
    pub(super) fn reserve(this: &Host, socket: u32, up_to: f64);
    /// A namespace's session is to be stored, or where the text is empty to be forgotten, before this returns.
    #[wasm_bindgen(method)]
    pub(super) fn save(this: &Host, socket: u32, text: &str);
    /// A timer was set; undefined: none is.
    #[wasm_bindgen(method)]
    pub(super) fn armed(this: &Host, handle: &JsValue);
}
