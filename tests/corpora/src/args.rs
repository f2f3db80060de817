//! JSON: whether it is, and what it says, beside what serde_json finds.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value as Reference;
use socketio_client_core::DecodeError;
use socketio_client_core::codec::{Arguments, Payload, Value};

use crate::packet::decode;

/// The arguments of an ack, without attachments.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    // It would be taken for the id.
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return;
    }
    let valid = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match decode(&format!("430{text}"), []) {
        Ok(packet) => {
            assert!(valid, "serde_json refuses {text:?}");
            let payload = packet.and_then(|(_, payload)| payload).expect("it is not empty");
            check(&payload);
            compare(&payload, text);
        }
        Err(error) => {
            let list = text.trim_ascii_start().starts_with('[');
            let deep = matches!(error, DecodeError::Limit { .. });
            assert!(!valid || !list || deep, "refuses {text:?}: {error}");
        }
    }
}

/// The same values as serde_json's.
fn compare(payload: &Payload, text: &str) {
    // It refuses surrogates without a partner, and numbers that are too large.
    let Ok(Reference::Array(expected)) = serde_json::from_str(text) else { return };
    let Arguments(values) = payload.parse::<Arguments<Vec<Value>>>().expect("serde_json reads it");
    assert_eq!(values.into_iter().map(reference).collect::<Vec<_>>(), expected, "{text:?}");
}

fn reference(value: Value) -> Reference {
    match value {
        Value::Null => Reference::Null,
        Value::Bool(value) => Reference::Bool(value),
        Value::Number(number) => Reference::Number(number),
        Value::String(text) => Reference::String(text),
        Value::Array(values) => values.into_iter().map(reference).collect(),
        Value::Object(entries) => entries.into_iter().map(|(key, value)| (key, reference(value))).collect(),
        Value::Bytes(bytes) => panic!("{bytes:?} without an attachment"),
    }
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that it can be read is what counts")]
struct Known<'a> {
    #[serde(borrow)]
    text: Option<&'a str>,
    number: Option<i32>,
    bytes: Option<Bytes>,
    rest: Option<Box<Self>>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "that it can be read is what counts")]
enum Either {
    Nothing,
    One(u8),
    Two(f32, String),
    Named { bytes: Bytes },
}

/// Whatever the application asks for, it is told.
pub(crate) fn check(payload: &Payload) {
    let json = payload.json();
    let readable = serde_json::from_str::<Reference>(json).is_ok();
    let all = payload.parse::<Arguments<Vec<Value>>>();
    // A placeholder is no value, but holds a number.
    assert!(all.is_ok() || !readable, "{all:?} of {json}");
    if let Ok(Arguments(values)) = &all {
        values.iter().for_each(|value| whole(value, payload));
    }
    let _ = payload.parse::<()>();
    let _ = payload.parse::<&str>();
    let _ = payload.parse::<(String, u64)>();
    let _ = payload.parse::<(Option<bool>, Option<f64>, Option<char>)>();
    let _ = payload.parse::<Bytes>();
    let _ = payload.parse::<(Vec<u8>, Bytes)>();
    let _ = payload.parse::<Vec<Bytes>>();
    let _ = payload.parse::<BTreeMap<String, Value>>();
    let _ = payload.parse::<BTreeMap<u64, IgnoredAny>>();
    let _ = payload.parse::<Either>();
    let _ = payload.parse::<Known<'_>>();
    let _ = payload.parse::<Arguments<(Value, IgnoredAny)>>();
    let _ = payload.parse_value::<Value>();
    let error = payload.parse::<std::net::IpAddr>().err();
    assert!(error.is_none_or(|error| error.to_string().len() < 1024), "an error repeats what came");
}

/// Every byte in it is one of an attachment.
fn whole(value: &Value, payload: &Payload) {
    match value {
        Value::Bytes(bytes) => assert!(payload.attachments().contains(bytes), "bytes from nowhere"),
        Value::Array(values) => values.iter().for_each(|value| whole(value, payload)),
        Value::Object(entries) => entries.iter().for_each(|(_, value)| whole(value, payload)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An object gets another field, and only that.
pub(crate) fn check_object(payload: &Payload) {
    let _ = payload.parse_value::<Value>();
    let Ok(Reference::Object(mut fields)) = serde_json::from_str(payload.json()) else { return };
    let with = payload.with_field("after", "7");
    let found = serde_json::from_str::<Reference>(with.json()).expect("it is JSON");
    fields.entry("after").or_insert_with(|| 7.into());
    assert_eq!(found, Reference::Object(fields), "{}", payload.json());
}
