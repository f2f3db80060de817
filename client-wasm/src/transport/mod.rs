//! What the browser offers: WebSocket and `fetch`.

pub(crate) mod fetch;
pub(crate) mod ws;

use wasm_bindgen::{JsCast, JsValue};

/// Host and port of a URL.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest).to_owned()
}

/// What JavaScript threw, in words.
fn reason(thrown: &JsValue) -> String {
    thrown.dyn_ref::<js_sys::Error>().map_or_else(
        || thrown.as_string().unwrap_or_else(|| "unknown error".to_owned()),
        |error| String::from(error.message()),
    )
}
