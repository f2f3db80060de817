//! What the module and this one say to each other.

use std::time::Duration;

use js_sys::{Array, JsString, Object, Reflect, Uint8Array};
use socketio_client_core::codec::{Json, Payload};
use socketio_client_core::{AckError, Codec as _, DecodeError, Decoded, EmitId, Fate, Limits};
use wasm_bindgen::closure::WasmClosure;
use wasm_bindgen::prelude::*;

use super::FIRST;

/// Below 2^53 all of them are exact.
#[expect(clippy::cast_precision_loss, reason = "ids and tickets stay below 2^53")]
pub(super) const fn exact(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and they are whole")]
pub(super) const fn whole(number: f64) -> u64 {
    number as u64
}

pub(super) fn number_of(emit: EmitId) -> f64 {
    exact(emit.number() - FIRST)
}

pub(super) fn ticket_of(number: f64) -> EmitId {
    EmitId::from_number(FIRST + whole(number))
}

pub(super) fn set(object: &Object, name: &str, value: &JsValue) {
    // It fails only for what is frozen.
    let _ = Reflect::set(object, &name.into(), value);
}

pub(super) fn get(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Owned by JavaScript: the module may call it after the client is gone.
pub(super) fn method<F: ?Sized + WasmClosure>(object: &Object, name: &str, closure: Closure<F>) {
    set(object, name, &closure.into_js_value());
}

pub(super) fn reason(error: &JsValue) -> String {
    get(error, "message").as_string().unwrap_or_else(|| String::from(JsString::from(error.clone())))
}

/// Text and binary parts, as the module keeps them.
pub(super) fn message(payload: &Payload) -> JsValue {
    let parts: Array =
        payload.attachments().iter().map(|part| JsValue::from(Uint8Array::from(&**part))).collect();
    Array::of2(&payload.json().into(), &parts).into()
}

/// `given`: how long it may be held where it does not outlive the page, `stored`: where it does.
pub(super) fn entry(
    number: u64,
    payload: &Payload,
    given: Option<Duration>,
    stored: Duration,
    timeout: Option<Duration>,
) -> Object {
    let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let parts: Array =
        payload.attachments().iter().map(|part| JsValue::from(Uint8Array::from(&**part))).collect();
    let entry = Object::new();
    set(&entry, "ref", &exact(number).into());
    set(&entry, "text", &payload.json().into());
    set(&entry, "parts", &parts);
    set(&entry, "size", &payload.size().into());
    set(&entry, "emittedAt", &js_sys::Date::now().into());
    let expires = Object::new();
    set(&expires, "given", &given.map_or(f64::INFINITY, millis).into());
    set(&expires, "stored", &millis(stored).into());
    set(&entry, "expiresIn", &expires);
    if let Some(timeout) = timeout {
        set(&entry, "timeout", &millis(timeout).into());
    }
    entry
}

pub(super) fn change(fate: Fate) -> Object {
    let change = Object::new();
    set(&change, "fate", &fate.as_str().into());
    if let Fate::InFlight { attempt: attempts } | Fate::Uncertain { attempts, .. } = fate {
        set(&change, "attempts", &attempts.into());
    }
    change
}

pub(super) fn fate_of(change: &JsValue) -> Fate {
    #[expect(clippy::cast_possible_truncation, reason = "counted up from 0")]
    let attempts = get(change, "attempts").as_f64().map_or(1, |attempts| whole(attempts) as u32);
    match get(change, "fate").as_string().as_deref() {
        Some("held") => Fate::Held,
        Some("inFlight") => Fate::InFlight { attempt: attempts },
        Some("delivered") => Fate::Delivered,
        Some("acknowledged") => Fate::Acknowledged,
        Some("expired") => Fate::Expired,
        Some("dropped") => Fate::Dropped,
        Some("cancelled") => Fate::Cancelled,
        Some("refused") => Fate::Refused,
        _ => Fate::Uncertain { attempts, last_sent: None, key: None },
    }
}

/// A message of the module's, read as if it had come by wire.
fn read(message: &JsValue, plain: &str, binary: &str, id: &str) -> Result<Payload, String> {
    let message = message.dyn_ref::<Array>().ok_or("it is no message")?;
    let text = message.get(0).as_string().ok_or("it has no text")?;
    let parts = Array::from(&message.get(1));
    let attachments = parts.length() as usize;
    let text = match attachments {
        0 => format!("{plain}{id}{text}"),
        _ => format!("{binary}{attachments}-{id}{text}"),
    };
    let limits = Limits { attachments, attachment_bytes: usize::MAX, ..Limits::default() };
    let told = |error: DecodeError| error.to_string();
    let mut decoded = Json.decode(text.into(), &limits).map_err(told)?;
    for part in parts.iter() {
        let Decoded::Partial(partial) = decoded else { break };
        let part = Uint8Array::new(&part).to_vec();
        decoded = Json.attach(partial, part.into(), &limits).map_err(told)?;
    }
    match decoded {
        Decoded::Packet(_, Some(payload)) => Ok(payload),
        Decoded::Packet(_, None) | Decoded::Partial(_) => Err("it is no event".to_owned()),
    }
}

pub(super) fn event(message: &JsValue) -> Result<Payload, String> {
    read(message, "42", "45", "")
}

/// What another tab tells may be of another version.
pub(super) fn acknowledgement(answer: &JsValue) -> Result<Payload, AckError> {
    let undecodable = |cause| AckError::Decode(DecodeError::Payload { cause });
    read(answer, "43", "46", "0").map_err(undecodable)
}

// What the module imports has to be beside it.
macro_rules! beside {
    ($($path:literal $name:ident)*) => {$(
        #[wasm_bindgen(module = $path)]
        extern "C" {
            type $name;
        }
    )*};
}
beside! {
    "/js/src/shared-session.js" SharedSession
    "/js/src/store/index.js" OutboxError
    "/js/src/store/outbox.js" Outbox
    "/js/src/store/database.js" Database
    "/js/src/store/election.js" Locks
    "/js/src/store/errors.js" Fenced
    "/js/src/store/entries.js" Entries
    "/js/src/store/leader.js" Leader
    "/js/src/store/memory.js" Memory
    "/js/src/store/page.js" PageLife
    "/js/src/store/pause.js" Pause
    "/js/src/store/record.js" Record
    "/js/src/store/session.js" Session
    "/js/src/store/stock.js" Stock
}
