//! The client's half of exactly once: the name in CONNECT, one ack id for every attempt, and the question to the server's
//! middleware.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/json.rs"]
mod json;

use json::JsonFace;
use scenarios::{Face, Sim, millis, secs};
use socketio_client_core::codec::Payload;
use socketio_client_core::{
    Auth, Config, Delivery, Durability, EmitOptions, Fate, Restored, RestoredEmit, SocketId, SocketOptions,
};

const SYNC: &str = r#"["$delivery",{"sync":1}]"#;

fn options() -> SocketOptions<Payload> {
    SocketOptions { retries: Some(9), exactly_once: Some("q3".into()), ..SocketOptions::default() }
}

/// Connected, and asked for the middleware.
fn connected(change: impl FnOnce(&mut Config)) -> (Sim<'static, JsonFace>, SocketId) {
    let mut sim = Sim::with(&JsonFace, |config| {
        config.ack_timeout = Some(secs(1));
        change(config);
    });
    let socket = sim.manager.socket("/", options());
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.expect_lines(&[r#"w1 40{"$delivery":{"v":1,"id":"q3","base":0}}"#]);
    sim.server("w1", "40{S1}");
    sim.expect_lines(&[&format!("w1 420{SYNC}")]);
    sim.events();
    (sim, socket)
}

/// It has answered.
fn supported(change: impl FnOnce(&mut Config)) -> (Sim<'static, JsonFace>, SocketId) {
    let (mut sim, socket) = connected(change);
    sim.raw("w1", r#"430[{"v":1,"ttl":600000}]"#);
    sim.expect_events(&[]);
    (sim, socket)
}

#[test]
fn every_attempt_has_the_same_id_and_the_window_is_sixteen() {
    let (mut sim, socket) = supported(|_| {});
    for number in 1..=17 {
        sim.emit(socket, number);
    }
    let lines = sim.lines();
    assert_eq!((lines.len(), lines[0].as_str(), lines[15].as_str()), (16, "w1 421<1>", "w1 4216<16>"));
    sim.server("w1", "431<7>");
    sim.expect_lines(&["w1 4217<17>"]);
    sim.events();
    sim.cut("w1");
    sim.advance(secs(2));
    sim.open_websocket("w2");
    sim.expect_lines(&[r#"w2 40{"$delivery":{"v":1,"id":"q3","base":2}}"#]);
    sim.server("w2", "40{S2}");
    let lines = sim.lines();
    assert_eq!(lines[..3], [format!("w2 4218{SYNC}"), "w2 422<2>".into(), "w2 423<3>".into()]);
    assert_eq!(lines.len(), 17, "all sixteen again");
}

#[test]
fn a_server_without_the_middleware_is_told_and_served_all_the_same() {
    let (mut sim, socket) = connected(|config| config.retry_delay = millis(100));
    sim.emit(socket, 1);
    sim.server("w1", "431<7>");
    sim.expect_lines(&["w1 421<1>"]);
    // The answer to an emit is no answer to the question.
    sim.advance(millis(999));
    // A shell may look whenever it likes.
    sim.manager.handle_timeout(sim.now);
    sim.expect_events(&[]);
    sim.advance(millis(1));
    sim.expect_events(&["unsupported 0"]);
    sim.advance(secs(30));
    assert!(!sim.events().contains(&"unsupported 0".to_string()), "told once");
}

#[test]
fn who_answers_every_event_is_not_the_middleware() {
    for answer in [
        "[]",
        "[1]",
        r#"["v",1]"#,
        r#"[{"v":1}]"#,
        r#"[{"v":2,"ttl":1}]"#,
        r#"[{"v":"1","ttl":1}]"#,
        "[null]",
    ] {
        let (mut sim, socket) = connected(|_| {});
        sim.raw("w1", &format!("430{answer}"));
        sim.expect_events(&["unsupported 0"]);
        sim.emit(socket, 1);
        sim.expect_lines(&["w1 421<1>"]);
        // So nothing is asked: it is sent again.
        sim.advance(secs(1));
        sim.expect_lines(&["w1 421<1>"]);
    }
    // A later version may say more.
    let (mut sim, _) = connected(|_| {});
    sim.raw("w1", r#"430[{"ttl":1.5,"v":1,"more":{}}]"#);
    sim.advance(secs(1));
    sim.expect_events(&[]);
}

#[test]
fn a_middleware_that_is_there_no_longer_is_not_waited_for() {
    let (mut sim, socket) = supported(|_| {});
    sim.emit(socket, 1);
    sim.lines();
    sim.advance(secs(1));
    sim.expect_lines(&[&format!("w1 422{SYNC}")]);
    sim.raw("w1", "432[]");
    sim.expect_events(&["unsupported 0"]);
    sim.advance(secs(1));
    sim.expect_lines(&["w1 421<1>"]);
}

#[test]
fn without_the_middleware_silence_causes_another_attempt_with_the_same_id() {
    let (mut sim, socket) = connected(|_| {});
    sim.advance(secs(1));
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 421<1>"]);
    sim.advance(secs(1));
    sim.expect_lines(&["w1 421<1>"]);
    sim.server("w1", "431<7>");
    sim.expect_events(&["unsupported 0", "ack 0 #0: 7"]);
}

#[test]
fn with_the_middleware_a_late_answer_is_asked_for_and_waited_for() {
    let (mut sim, socket) = supported(|_| {});
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 421<1>"]);
    sim.advance(secs(1));
    sim.expect_lines(&[&format!("w1 422{SYNC}")]);
    sim.raw("w1", r#"432[{"v":1,"ttl":600000}]"#);
    // The connection lives, so the handler is slow: it is asked again, and the emit is not sent again.
    sim.advance(secs(1));
    sim.expect_lines(&[&format!("w1 423{SYNC}")]);
    sim.raw("w1", r#"433[{"v":1,"ttl":600000}]"#);
    sim.server("w1", "431<7>");
    sim.expect_events(&["ack 0 #0: 7"]);
}

#[test]
fn a_connection_that_does_not_answer_is_ended() {
    let (mut sim, socket) = supported(|_| {});
    sim.emit(socket, 1);
    sim.lines();
    sim.advance(secs(1));
    sim.expect_lines(&[&format!("w1 422{SYNC}")]);
    sim.advance(millis(1999));
    sim.manager.handle_timeout(sim.now);
    sim.expect_events(&[]);
    sim.advance(millis(1));
    assert_eq!(sim.events()[0], "closed transport error");
}

#[test]
fn where_nothing_else_is_a_receipt_the_middlewares_word_is() {
    let (mut sim, socket) = supported(|config| config.websocket_ping = false);
    let options = EmitOptions { volatile: true, ..Default::default() };
    let emit = sim.try_emit(socket, 1, &[], options).unwrap();
    sim.manager.watch(socket, emit);
    sim.expect_lines(&["w1 42<1>", &format!("w1 421{SYNC}")]);
    sim.raw("w1", r#"431[{"v":1,"ttl":600000}]"#);
    sim.expect_events(&["fate 0 #0 inFlight 1", "fate 0 #0 delivered"]);
}

#[test]
fn where_a_ping_is_a_receipt_the_middlewares_word_is_none() {
    let (mut sim, socket) = connected(|_| {});
    let options = EmitOptions { volatile: true, watched: true, ..Default::default() };
    let emit = sim.try_emit(socket, 1, &[], options).unwrap();
    sim.expect_lines(&["w1 42<1>", "w1 ping"]);
    // It was asked before.
    sim.raw("w1", r#"430[{"v":1,"ttl":600000}]"#);
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::InFlight { attempt: 1 }));
    sim.pong("w1");
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Delivered));
}

#[test]
fn authentication_data_with_the_librarys_own_field_is_a_mistake_that_is_named() {
    let mut sim = Sim::new(&JsonFace);
    let auth = Payload::object(&std::collections::BTreeMap::from([("$delivery", 1)])).unwrap();
    let socket = sim.manager.socket("/", SocketOptions { auth: Auth::Value(auth), ..options() });
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    let events = sim.events();
    assert!(events.iter().any(|event| event.contains("$delivery")), "{events:?}");
    assert!(!sim.manager.status(socket).active);
}

#[test]
fn a_namespace_with_a_store_is_connected_under_the_stores_name() {
    let mut sim = Sim::new(&JsonFace);
    let socket =
        sim.manager.socket("/", SocketOptions { durability: Some(Durability::StoredFirst), ..options() });
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.expect_lines(&[]);
    let restored = Restored { delivery: Some("disk".into()), next: 2048, emits: vec![] };
    sim.manager.restore(socket, restored, sim.now);
    sim.expect_lines(&["reserve 0 3072", r#"w1 40{"$delivery":{"v":1,"id":"disk","base":2048}}"#]);
    sim.manager.reserved(socket, 3072, sim.now);
    sim.server("w1", "40{S1}");
    sim.expect_lines(&[&format!("w1 422048{SYNC}")]);
}

#[test]
fn answers_of_a_server_that_lies_change_nothing() {
    let (mut sim, socket) = supported(|_| {});
    sim.emit(socket, 1);
    sim.lines();
    for wire in ["439<1>", "430<1>", "43<1>", "4318446744073709551615<1>"] {
        sim.server("w1", wire);
    }
    sim.server("w1", "431<7>");
    sim.server("w1", "431<8>");
    let events = sim.events();
    assert_eq!(events.iter().filter(|event| event.starts_with("ack")).collect::<Vec<_>>(), ["ack 0 #0: 7"]);
}

/// A name is the leader's alone: who begins to lead, and who has lost the lead, is connected anew, with it and without.
#[test]
fn the_name_goes_with_the_lead() {
    let mut sim = Sim::new(&JsonFace);
    let socket =
        sim.manager.socket("/", SocketOptions { durability: Some(Durability::StoredFirst), ..options() });
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.manager.follow(socket, sim.now);
    sim.expect_lines(&["w1 40"]);
    sim.server("w1", "40{S1}");
    sim.manager.lead(socket, Some("store".into()), 3, sim.now);
    sim.manager.reserved(socket, 1027, sim.now);
    assert_eq!(sim.manager.take_id(socket), Some(3));
    sim.expect_lines(&["reserve 0 1027", "close w1"]);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&[r#"w2 40{"$delivery":{"v":1,"id":"store","base":0}}"#]);
    sim.server("w2", "40{S2}");
    sim.expect_lines(&[&format!("w2 424{SYNC}")]);
    let payload = sim.face().event(1, &[]);
    let emit = RestoredEmit { key: 3, payload, attempts: 0, expires: None };
    sim.manager.adopt(socket, emit, None, false, sim.now);
    sim.expect_lines(&["w2 423<1>"]);
    sim.manager.follow(socket, sim.now);
    assert!(sim.events().contains(&"disconnected 0 forced close".to_string()));
    sim.expect_lines(&["close w2"]);
    sim.advance(secs(1));
    sim.open_websocket("w3");
    sim.expect_lines(&["w3 40"]);
    sim.server("w3", "40{S3}");
    sim.advance(secs(10));
    sim.expect_lines(&[]);
}

/// The connection is open before the store is, so CONNECT leaves before the emits are handed in: the server must not forget
/// them.
#[test]
fn the_first_connect_of_a_leader_forgets_nothing() {
    let mut sim = Sim::new(&JsonFace);
    let socket =
        sim.manager.socket("/", SocketOptions { durability: Some(Durability::StoredFirst), ..options() });
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.manager.lead(socket, Some("store".into()), 1024, sim.now);
    sim.expect_lines(&["reserve 0 2048", r#"w1 40{"$delivery":{"v":1,"id":"store","base":0}}"#]);
    sim.manager.reserved(socket, 2048, sim.now);
    let payload = sim.face().event(1, &[]);
    for key in [3, 5] {
        let emit = RestoredEmit { key, payload: payload.clone(), attempts: 0, expires: None };
        sim.manager.adopt(socket, emit, None, true, sim.now);
    }
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&[r#"w2 40{"$delivery":{"v":1,"id":"store","base":3}}"#]);
}

/// Two emits of an earlier process and two of this one; the first of each was sent.
fn half_sent(durability: Durability) -> (Sim<'static, JsonFace>, SocketId) {
    let mut sim = Sim::new(&JsonFace);
    let options = SocketOptions {
        durability: Some(durability),
        exactly_once: None,
        retry_window: Some(1),
        ..options()
    };
    let socket = sim.manager.socket("/", options);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    let left = |key| RestoredEmit { key, payload: payload(key), attempts: 1, expires: None };
    let restored = Restored { delivery: None, next: 2048, emits: vec![left(5), left(6)] };
    sim.manager.restore(socket, restored, sim.now);
    sim.manager.reserved(socket, 3072, sim.now);
    (sim, socket)
}

fn payload(number: u64) -> Payload {
    Payload::event("e", &number).unwrap()
}

#[test]
fn an_outbox_that_is_cleared_tells_what_became_of_each() {
    let (mut sim, socket) = half_sent(Durability::StoredFirst);
    sim.manager.observe_fates(socket, true);
    let mine = sim.emit(socket, 1);
    sim.lines();
    sim.events();
    sim.manager.clear_outbox(socket);
    let fate = |emit| sim.manager.fate(socket, emit);
    assert_eq!(fate(mine), Some(Fate::Cancelled));
    assert_eq!(sim.manager.queued(socket), 0);
    let events = sim.events();
    assert_eq!(events.iter().filter(|event| event.starts_with("settled")).count(), 2, "{events:?}");
    // What is new is as if nothing had been.
    let lines = sim.lines();
    assert_eq!(lines, ["erase 0 5", "erase 0 6", "erase 0 2048"]);
    sim.emit(socket, 2);
    assert!(sim.lines().iter().any(|line| line.starts_with("keep 0 2049")));
}

#[test]
fn what_is_restored_can_be_cleared_alone() {
    let (mut sim, socket) = half_sent(Durability::StoredFirst);
    let mine = sim.emit(socket, 1);
    sim.manager.clear_restored(socket);
    assert_eq!(sim.manager.fate(socket, mine), Some(Fate::Held));
    assert_eq!(sim.manager.queued(socket), 1);
}

#[test]
fn what_a_store_did_not_take_is_known_not_to_be_stored() {
    let (mut sim, socket) = half_sent(Durability::WriteBehind);
    sim.manager.clear_outbox(socket);
    let mine = sim.emit(socket, 1);
    let lines = sim.lines();
    assert!(lines.iter().any(|line| line.starts_with("w1 42")), "{lines:?}");
    assert_eq!(sim.manager.is_stored(socket, mine), None);
    sim.manager.kept(socket, 2048, Err("full".into()), sim.now);
    assert_eq!(sim.manager.is_stored(socket, mine), Some(false));
    assert!(matches!(sim.manager.fate(socket, mine), Some(Fate::InFlight { .. })));
}

#[test]
fn what_implies_that_emits_are_sent_again() {
    let options = |delivery: Delivery| delivery.options::<Payload>(Auth::Ask, "me");
    let plain = options(Delivery::default());
    assert_eq!((plain.retries, plain.exactly_once, plain.durability), (None, None, None));
    assert!(matches!(plain.auth, Auth::Ask));
    let once = options(Delivery { exactly_once: true, retry_window: Some(3), ..Delivery::default() });
    assert_eq!((once.retries, once.exactly_once.as_deref()), (Some(u32::MAX), Some("me")));
    assert_eq!(once.retry_window, Some(3));
    let durability = Some(Durability::WriteBehind);
    let stored = options(Delivery { durability, ..Delivery::default() });
    assert_eq!((stored.retries, stored.durability), (Some(u32::MAX), durability));
    let few = options(Delivery { retries: Some(2), exactly_once: true, durability, retry_window: None });
    assert_eq!(few.retries, Some(2));
}

#[test]
fn what_replaces_another_has_its_id_and_its_place_in_the_window() {
    let (mut sim, socket) = supported(|_| {});
    sim.cut("w1");
    let position = EmitOptions { coalesce: Some("position"), ..EmitOptions::default() };
    sim.emit(socket, 1);
    for number in [2, 3] {
        sim.try_emit(socket, number, &[], position).unwrap();
    }
    sim.emit(socket, 4);
    sim.advance(secs(2));
    sim.lines();
    sim.ws_opened("w2");
    sim.handshake("w2", &[]);
    sim.server("w2", "40{S2}");
    let lines = sim.lines();
    assert_eq!(lines[2..], ["w2 421<1>", "w2 422<3>", "w2 423<4>"], "{lines:?}");
}
