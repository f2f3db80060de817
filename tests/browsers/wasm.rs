//! The scenario list for a page.

// Exports to JavaScript cannot be documented twice, and are not part of anything.
#![allow(missing_docs, missing_debug_implementations)]

extern crate socketio_client_wasm as socketio;

#[path = "../wasm/panics.rs"]
mod panics;
#[path = "rust-face.rs"]
mod rust_face;

use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    panics::show();
}

#[wasm_bindgen]
pub async fn run(name: &str, url: &str, run: &str) -> Result<Vec<String>, JsError> {
    rust_face::run(name, url, run, |builder| builder).await.map_err(|error| JsError::new(&error))
}
