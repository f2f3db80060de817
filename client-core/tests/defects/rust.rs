//! The Rust client, rust_socketio 0.6.

use bytes::Bytes;
use scenarios::{Sim, millis, secs};
use serde::{Deserialize, Serialize};
use socketio_client_core::EmitOptions;

use crate::json::JsonFace;
use crate::{polling, polling_only, websocket_only};

/// A. An event without arguments was delivered as "message".
#[test]
fn rust_a_an_event_without_arguments_keeps_its_name() {
    let mut sim = Sim::new(&JsonFace);
    sim.connected();
    sim.raw("w1", r#"42["noargs"]"#);
    let payload = sim.messages.pop_front().unwrap();
    assert_eq!(payload.event_name(), "noargs");
    payload.parse::<()>().unwrap();
}

/// B. A binary attachment was cut at U+001E, and the rest was an error.
#[test]
fn rust_b_binary_data_is_not_cut_at_the_separator() {
    #[derive(Deserialize)]
    struct Photo(#[serde(with = "serde_bytes")] Vec<u8>);
    let mut sim = Sim::new(&JsonFace);
    sim.connected();
    sim.raw("w1", r#"451-["photo",{"_placeholder":true,"num":0}]"#);
    sim.binary("w1", Bytes::from_static(&[1, 2, 0x1e, 3, 4]));
    let Photo(bytes) = sim.messages.pop_front().unwrap().parse().unwrap();
    assert_eq!(bytes, [1, 2, 0x1e, 3, 4]);
}

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Mixed {
    #[serde(with = "serde_bytes")]
    v: Vec<u8>,
    id: u32,
}

/// C. Binary data beside other values turned the arguments into part of the event's name.
#[test]
fn rust_c_binary_data_beside_other_values() {
    let mut sim = Sim::new(&JsonFace);
    sim.connected();
    sim.raw("w1", r#"451-["mixed",{"v":{"_placeholder":true,"num":0},"id":7}]"#);
    sim.binary("w1", Bytes::from_static(&[9]));
    let payload = sim.messages.pop_front().unwrap();
    assert_eq!(payload.event_name(), "mixed");
    assert_eq!(payload.parse::<Mixed>().unwrap(), Mixed { v: vec![9], id: 7 });
}

/// D. Of several attachments all but the first were lost.
#[test]
fn rust_d_every_attachment_arrives_at_its_place() {
    let mut sim = Sim::new(&JsonFace);
    sim.connected();
    sim.raw("w1", r#"452-["two",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#);
    sim.binary("w1", Bytes::from_static(b"first"));
    sim.binary("w1", Bytes::from_static(b"second"));
    let (one, zero): (serde_bytes::ByteBuf, serde_bytes::ByteBuf) =
        sim.messages.pop_front().unwrap().parse().unwrap();
    assert_eq!((&one[..], &zero[..]), (&b"second"[..], &b"first"[..]));
}

/// E. A binary emit with ack was sent as an ack.
#[test]
fn rust_e_a_binary_emit_with_ack_is_an_event() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connected();
    sim.try_emit(socket, 1, &[5], EmitOptions { ack: true, ..EmitOptions::default() }).unwrap();
    sim.expect_lines(&["w1 451-0<1>", "w1 binary 5"]);
}

/// F. An emit with ack from inside an ack's handler was a deadlock.
#[test]
fn rust_f_an_ack_may_be_followed_by_an_emit_with_ack() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connected();
    for number in 0..3 {
        sim.emit_with_ack(socket, number, None);
        sim.expect_lines(&[&format!("w1 42{number}<{number}>")]);
        sim.server("w1", &format!("43{number}<9>"));
        sim.expect_events(&[&format!("ack 0 #{number}: 9")]);
    }
}

/// G. An emit right after connecting left before the answer to CONNECT, and the server closed the connection.
#[test]
fn rust_g_nothing_is_sent_before_the_answer_to_connect() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 40"]);
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 42<1>"]);
}

/// H. `disconnect` from inside a handler was a deadlock.
#[test]
fn rust_h_an_event_may_be_followed_by_disconnect() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connected();
    sim.server("w1", "42<1>");
    sim.expect_events(&["message 0 1"]);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_events(&["closed forced close", "disconnected 0 io client disconnect"]);
    sim.expect_lines(&["w1 41", "close w1"]);
}

/// I. The limit of attempts was not kept, and no or hundreds of close events came.
#[test]
fn rust_i_the_limit_of_attempts_is_kept_and_told_once() {
    let mut sim = Sim::with(&JsonFace, |config| {
        websocket_only(config);
        config.reconnection_attempts = Some(2);
    });
    sim.connected();
    sim.cut("w1");
    for name in ["w2", "w3"] {
        sim.advance(secs(5));
        sim.refuse(name);
    }
    sim.advance(secs(3600));
    let events = sim.events();
    let count = |what: &str| events.iter().filter(|event| event.starts_with(what)).count();
    assert_eq!((count("closed"), count("disconnected"), count("reconnect failed")), (1, 1, 1), "{events:?}");
    assert_eq!(count("attempt"), 2);
}

/// J. An ack that never came was never reported, and its entry stayed.
#[test]
fn rust_j_an_ack_timeout_is_reported() {
    let mut sim = Sim::with(&JsonFace, |config| config.buffer_size = 1);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, Some(millis(200)));
    sim.lines();
    sim.advance(millis(200));
    sim.expect_events(&["ack 0 #0: operation has timed out"]);
    sim.emit(socket, 2);
}

/// K. A large body over polling was parsed piece by piece.
#[test]
fn rust_k_a_large_event_over_polling_is_read_whole() {
    let (mut sim, _) = polling(polling_only);
    let text = "x".repeat(400_000);
    sim.got_raw("p1", &format!(r#"42["large","{text}"]"#));
    assert_eq!(sim.messages.pop_front().unwrap().parse::<String>().unwrap(), text);
}
