//! A panic ends a task in a browser, and nobody would be told.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(js_namespace = console)]
extern "C" {
    fn error(message: &str);
}

/// Writes panics to the console from now on.
pub(crate) fn show() {
    std::panic::set_hook(Box::new(|info| error(&info.to_string())));
}
