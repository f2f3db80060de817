//! Long-polling requests by `fetch`.

use js_sys::{Promise, Reflect, Uint8Array};
use socketio_client_core::{TransportError, TransportKind, retry_after};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Headers, ReadableStreamDefaultReader, RequestInit, Response};

use super::{authority, reason};

#[wasm_bindgen]
extern "C" {
    // Not a method of `Window`: a worker has no window.
    #[wasm_bindgen(js_name = fetch, catch)]
    fn fetch(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
}

/// Characters of an error page that are worth showing.
const SHOWN: usize = 512;

/// A request under way. Dropping it aborts it.
#[derive(Debug)]
pub(crate) struct Request(AbortController);

impl Drop for Request {
    fn drop(&mut self) {
        // After the answer this does nothing.
        self.0.abort();
    }
}

/// Sends a GET, or a POST where there is a body. `done` is called once, and not before this has returned. `limit` is for
/// the answer's body, in bytes.
pub(crate) fn send(
    url: &str,
    body: Option<&str>,
    headers: &[(String, String)],
    limit: usize,
    done: impl FnOnce(Result<String, TransportError>) + 'static,
) -> Result<Request, TransportError> {
    let refused =
        |thrown: JsValue| TransportError::Connect { address: authority(url), cause: reason(&thrown) };
    let unsupported = |_| TransportError::Unsupported { transport: TransportKind::Polling };
    let abort = AbortController::new().map_err(unsupported)?;
    let init = RequestInit::new();
    init.set_signal(Some(&abort.signal()));
    init.set_method("GET");
    let fields = Headers::new().map_err(unsupported)?;
    if let Some(body) = body {
        init.set_method("POST");
        init.set_body(&JsValue::from_str(body));
        // One of the types that cost no question to the server beforehand (CORS).
        fields.set("content-type", "text/plain;charset=UTF-8").map_err(refused)?;
    }
    for (name, value) in headers {
        fields.append(name, value).map_err(refused)?;
    }
    init.set_headers(&fields);

    let promise = fetch(url, &init).map_err(|thrown| {
        if thrown.is_instance_of::<js_sys::ReferenceError>() { unsupported(thrown) } else { refused(thrown) }
    })?;
    let address = authority(url);
    spawn_local(async move { done(answer(promise, address, limit).await) });
    Ok(Request(abort))
}

async fn answer(promise: Promise, address: String, limit: usize) -> Result<String, TransportError> {
    let response = JsFuture::from(promise).await.map_err(|thrown| TransportError::Connect {
        address,
        cause: format!(
            "{} (the browser says no more: refused, unknown host, certificate, or an answer without the CORS headers \
             that a page of another origin needs)",
            reason(&thrown)
        ),
    })?;
    let response: Response = response.unchecked_into();
    let body = read(&response, limit).await;
    if response.status() != 200 {
        let body = body.unwrap_or_default();
        let body = String::from_utf8_lossy(&body).chars().take(SHOWN).collect();
        // Of another origin it is seen only where the server exposes it (`Access-Control-Expose-Headers`).
        let asked = response.headers().get("retry-after").ok().flatten();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let now = (js_sys::Date::now() / 1000.0) as u64;
        let retry_after = asked.and_then(|value| retry_after(&value, now));
        return Err(TransportError::Status { status: response.status(), body, retry_after });
    }
    String::from_utf8(body?).map_err(|_| TransportError::NotText)
}

/// Piece by piece, so that a body without end is not collected by the browser first.
async fn read(response: &Response, limit: usize) -> Result<Vec<u8>, TransportError> {
    let lost = |thrown: JsValue| TransportError::Http { cause: reason(&thrown) };
    let mut body = Vec::new();
    let Some(stream) = response.body() else { return Ok(body) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    loop {
        let piece = JsFuture::from(reader.read()).await.map_err(lost)?;
        if Reflect::get(&piece, &"done".into()).map_err(lost)?.is_truthy() {
            return Ok(body);
        }
        let value: Uint8Array = Reflect::get(&piece, &"value".into()).map_err(lost)?.unchecked_into();
        if body.len().saturating_add(value.length() as usize) > limit {
            let _ = reader.cancel();
            return Err(TransportError::TooLarge { limit });
        }
        let start = body.len();
        body.resize(start + value.length() as usize, 0);
        value.copy_to(body.get_mut(start..).unwrap_or_default());
    }
}
