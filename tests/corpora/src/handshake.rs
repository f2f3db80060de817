//! What opens a session and connects a namespace.

use std::time::Duration;

use serde_json::{Value, json};
use socketio_client_core::codec::{Codec as _, Json};
use socketio_client_core::{Credentials, Handshake, Offset};

use crate::packet::decode;

/// JSON, as the server's handshake, as its answer to CONNECT, and as our own authentication data.
pub(crate) fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match Json.handshake(&format!("0{text}").into()) {
        Ok(handshake) => check(&handshake),
        Err(error) => assert!(error.to_string().len() < 1024, "an error repeats what came: {error}"),
    }
    let Ok(Some((_, Some(payload)))) = decode(&format!("40{text}"), []) else { return };
    if let Ok(connected) = Json.connected(&payload) {
        assert!(!connected.sid.is_empty());
    }
    let offset = Offset::parse("1795252804095-7");
    let every = [
        Credentials { recovery: None, delivery: None },
        Credentials { recovery: Some(("p\"1", None)), delivery: None },
        Credentials { recovery: Some(("p", offset)), delivery: Some(("d\u{7}", u64::MAX)) },
    ];
    for credentials in every {
        let Ok(Some(object)) = Json.connect(Some(&payload), credentials) else { continue };
        // Numbers that are too large are ours to pass on.
        let Ok(Value::Object(given)) = serde_json::from_str(payload.json()) else { continue };
        let Ok(Value::Object(mut sent)) = serde_json::from_str(object.json()) else {
            panic!("no object: {}", object.json())
        };
        for (key, value) in given {
            assert_eq!(sent.remove(&key), Some(value), "{key} in {}", object.json());
        }
        assert!(sent.keys().all(|key| ["pid", "offset", "$delivery"].contains(&key.as_str())), "{sent:?}");
    }
}

fn check(handshake: &Handshake) {
    const LONGEST: Duration = Duration::from_millis(u32::MAX as u64);
    let Handshake { sid, upgrades, ping_interval, ping_timeout, max_payload } = handshake;
    assert!(!sid.is_empty() && *ping_interval <= LONGEST && *ping_timeout <= LONGEST);
    assert_ne!(*max_payload, Some(0));
    let [interval, timeout] = [ping_interval, ping_timeout].map(|time| time.as_secs_f64() * 1000.0);
    let text = json!({ "sid": sid, "upgrades": upgrades, "pingInterval": interval, "pingTimeout": timeout });
    let again = Json.handshake(&format!("0{text}").into()).expect("what was read can be written");
    assert_eq!((&again.sid, &again.upgrades), (sid, upgrades));
    let close = |one: Duration, other: Duration| one.abs_diff(other) < Duration::from_micros(1);
    assert!(close(again.ping_interval, *ping_interval) && close(again.ping_timeout, *ping_timeout));
}
