//! The JavaScript client, socket.io-client 4.8.

use bytes::Bytes;
use scenarios::{Sim, millis, secs};
use socketio_client_core::codec::Payload;
use socketio_client_core::{Auth, EmitError, EmitOptions, TransportError};

use crate::json::JsonFace;
use crate::{last_delay, polling, polling_first, polling_only, websocket_only};

/// 1. After about 1,015 attempts the delay became 0 for half of them; at the cap it had no jitter; and a server that
///    accepted and dropped connections was retried at full speed for ever.
#[test]
fn js_01_backoff_never_becomes_zero_keeps_its_jitter_and_is_not_reset_by_a_mere_open() {
    let mut sim = Sim::with(&JsonFace, |config| {
        websocket_only(config);
        config.randomization_factor = 0.5;
    });
    sim.connect("/");
    let mut delays = Vec::new();
    for attempt in 1..=1500 {
        sim.drain();
        sim.refuse(&format!("w{attempt}"));
        delays.push(last_delay(&mut sim));
        sim.advance(millis(*delays.last().unwrap()) + millis(1));
        sim.lines();
    }
    let late = &delays[10..];
    assert!(late.iter().all(|delay| (2500..=5000).contains(delay)), "{late:?}");
    let distinct: std::collections::BTreeSet<_> = late.iter().collect();
    assert!(distinct.len() > 500, "spread at the cap, {} different delays", distinct.len());

    let mut sim = Sim::with(&JsonFace, websocket_only);
    sim.connect("/");
    for (attempt, delay) in [(1, 1000), (2, 2000), (3, 4000), (4, 5000)] {
        let name = format!("w{attempt}");
        sim.drain();
        sim.handshake(&name, &[]);
        sim.cut(&name);
        assert_eq!(last_delay(&mut sim), delay);
        sim.advance(millis(delay));
    }
}

/// 2. A connection that closed before the handshake was noticed only at the timeout, 20 s later.
#[test]
fn js_02_an_early_close_is_noticed_at_once() {
    for error in [
        TransportError::Closed { code: Some(1000), reason: String::new() },
        TransportError::InvalidUrl { url: "x".into(), cause: "y".into() },
        TransportError::NotWebSocket { cause: "sub-protocol".into() },
    ] {
        let mut sim = Sim::with(&JsonFace, websocket_only);
        sim.connect("/");
        sim.expect_lines(&["open w1"]);
        sim.closed("w1", error);
        assert!(sim.events()[0].starts_with("open failed"));
    }
}

/// 3. A handshake that is no JSON was an uncaught exception; one without `upgrades` too.
#[test]
fn js_03_a_handshake_that_cannot_be_read_is_an_error_of_the_attempt() {
    for wire in [
        "0{bad",
        "0",
        "0[]",
        "0null",
        r#"0{"sid":1}"#,
        r#"0{"sid":"E"}"#,
        r#"0{"sid":"E","pingInterval":-1,"pingTimeout":1}"#,
    ] {
        let mut sim = Sim::with(&JsonFace, websocket_only);
        sim.connect("/");
        sim.expect_lines(&["open w1"]);
        sim.raw("w1", wire);
        assert!(sim.events()[0].contains("handshake cannot be read"), "{wire}");
    }
    let mut sim = Sim::with(&JsonFace, websocket_only);
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    sim.raw("w1", r#"0{"sid":"E","pingInterval":25000,"pingTimeout":20000}"#);
    sim.expect_events(&["opened websocket"]);
}

/// 4. A second `connect`, or an authentication function that answered after the transport had changed, sent a second
///    CONNECT, and the server closed the connection.
#[test]
fn js_04_one_connect_for_each_namespace_and_session() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connect_with("/", Auth::Ask);
    sim.open_websocket("w1");
    let slow = sim.auth_requests.pop_front().unwrap();
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.manager.connect(socket, sim.now);
    let current = sim.auth_requests.pop_front().unwrap();
    sim.manager.authenticate(slow, Ok(None), sim.now);
    sim.manager.authenticate(current, Ok(None), sim.now);
    sim.manager.authenticate(current, Ok(None), sim.now);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["w2 40"]);
}

/// 5. Leaving before the answer to CONNECT sent nothing: a ghost stayed on the server, and coming back made the server
///    close everything.
#[test]
fn js_05_leaving_before_the_answer_leaves_no_ghost() {
    let mut sim = Sim::new(&JsonFace);
    sim.connected();
    let admin = sim.connect("/admin");
    sim.expect_lines(&["w1 40/admin,"]);
    sim.manager.disconnect(admin, sim.now);
    sim.server("w1", "40/admin,{S2}");
    sim.expect_lines(&["w1 41/admin,"]);
    sim.manager.connect(admin, sim.now);
    sim.expect_lines(&["w1 ping"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 40/admin,"]);
    sim.server("w1", "40/admin,{S3}");
    sim.expect_events(&["connected 1"]);
}

/// 6. An event followed by a close in one body was delivered in the next session; an answer to CONNECT that was
///    dispatched after the close marked a dead socket connected.
#[test]
fn js_06_nothing_is_dispatched_after_the_close() {
    let (mut sim, _) = polling(polling_only);
    sim.got("p1", &["42<1>", "1", "42<2>"]);
    let events = sim.events();
    assert_eq!(&events[..2], &["message 0 1", "closed transport close"]);
    assert!(!events.contains(&"message 0 2".to_string()));

    let mut sim = Sim::with(&JsonFace, polling_only);
    let socket = sim.connect("/");
    sim.open_polling("p1", &[]);
    sim.posted("p1");
    sim.got("p1", &["1", "40{S1}"]);
    assert!(!sim.manager.status(socket).connected);
    sim.advance(secs(1));
    sim.lines();
    assert!(!sim.events().iter().any(|event| event.starts_with("connected")));
}

/// 7. With `retries` but no time for acks, the first argument of the server's ack was taken for an error: the event was
///    sent again although it was acknowledged. The application was told a failure.
#[test]
fn js_07_an_acknowledged_event_is_not_sent_again() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connect_retrying(3);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.events();
    for (id, answer) in [r#"["ok"]"#, "[]", "[null,1]"].into_iter().enumerate() {
        sim.emit_with_ack(socket, 1, None);
        sim.expect_lines(&[&format!("w1 42{id}<1>")]);
        sim.raw("w1", &format!("43{id}{answer}"));
        let told = sim.events();
        assert!(told.len() == 1 && told[0].starts_with(&format!("ack 0 #{id}: ")), "{told:?}");
    }
    sim.advance(secs(40));
    sim.expect_lines(&[]);
}

/// 9. An ack function that was called after a reconnection sent the old id on the new session.
#[test]
fn js_09_an_ack_does_not_cross_sessions() {
    let mut sim = Sim::new(&JsonFace);
    sim.connected();
    sim.server("w1", "427<1>");
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.lines();
    let stale = sim.wanted_acks.pop_front().unwrap();
    let refused = sim.manager.ack(stale, Payload::args(&1).unwrap(), sim.now).unwrap_err();
    assert_eq!(refused.error, EmitError::Stale);
    sim.expect_lines(&[]);
}

/// 10. Any text behind an event was taken for its offset, and the next recovery failed.
#[test]
fn js_10_an_applications_text_is_no_offset() {
    let mut sim = Sim::new(&JsonFace);
    sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "42<1@3>");
    for text in ["hello", "deleted", "success", "message", "", "Q7zOKAz", "0123456789012-0", "f00ddeadbeef"] {
        sim.raw("w1", &format!(r#"42["said","{text}"]"#));
    }
    // Shaped like one, and of today, but not as this server writes them; or before the last.
    sim.raw("w1", &format!(r#"42["said","{}-0"]"#, scenarios::EPOCH + 1_000_000));
    sim.raw("w1", &format!(r#"42["said","{:x}0123456789abcdef"]"#, scenarios::EPOCH / 1000 + 1000));
    sim.server("w1", "42<2@2>");
    sim.server("w1", "427<2@4>");
    sim.lines();
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40<P1@3>"]);
}

/// 11. On a server that cannot resume sessions `recovered` was undefined; and it said true of nothing but the last
///     connection.
#[test]
fn js_11_recovered_is_true_or_false() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connected();
    assert!(!sim.manager.status(socket).recovered);
    let mut old = "w1".to_string();
    for (number, (answer, recovered)) in
        [("40{S1 P1}", false), ("40{S1 P1}", true), ("40{S2}", false)].into_iter().enumerate()
    {
        let name = format!("w{}", number + 2);
        sim.goodbye(&old);
        sim.advance(secs(1));
        sim.open_websocket(&name);
        sim.server(&name, answer);
        assert_eq!(sim.manager.status(socket).recovered, recovered, "{answer}");
        sim.server(&name, "42<1@1>");
        sim.lines();
        old = name;
    }
}

/// 12. A volatile emit while the namespace was being connected, or over a connection that had fallen silent, was buffered
///     instead of dropped.
#[test]
fn js_12_a_volatile_emit_is_dropped_while_the_namespace_is_pending() {
    let volatile = EmitOptions { volatile: true, ..EmitOptions::default() };
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.try_emit(socket, 1, &[], volatile).unwrap();
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40"]);
    sim.manager.set_heartbeat_deadline(sim.now);
    sim.try_emit(socket, 2, &[], volatile).unwrap();
    sim.server("w1", "2");
    sim.expect_lines(&["w1 3"]);
}

/// 13. What a handler emitted while buffered traffic was flushed overtook that traffic.
#[test]
fn js_13_emits_from_handlers_do_not_overtake_what_was_held() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    sim.open_websocket("w1");
    sim.writable = false;
    sim.server("w1", "40{S1}");
    assert_eq!(sim.events().last().unwrap(), "connected 0");
    sim.emit(socket, 3);
    sim.writable = true;
    sim.expect_lines(&["w1 40", "w1 42<1>", "w1 42<2>", "w1 42<3>"]);
}

/// 14. Turning reconnection off during a wait left the manager stuck: `connect` never opened anything again.
#[test]
fn js_14_turning_reconnection_off_does_not_get_stuck() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connected();
    sim.cut("w1");
    sim.manager.set_reconnection(false);
    sim.advance(secs(3600));
    sim.expect_lines(&[]);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w2"]);
}

/// 15. Packets that waited in the engine's write buffer when the connection closed were lost.
#[test]
fn js_15_what_waits_for_the_transport_survives_it() {
    let (mut sim, socket) = polling(polling_only);
    sim.emit(socket, 1);
    sim.drain();
    sim.emit(socket, 2);
    sim.emit_with_ack(socket, 3, None);
    sim.cut("p1");
    sim.advance(secs(1));
    sim.lines();
    let handshake = r#"0{"sid":"E2","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#;
    sim.got_raw("p2", handshake);
    sim.posted("p2");
    sim.got("p2", &["40{S2}"]);
    assert_eq!(sim.lines().last().unwrap(), "post p2 42<2> 420<3>");

    // So does what waits behind attachments that take several requests.
    let mut sim = Sim::with(&JsonFace, polling_only);
    let socket = sim.connect("/");
    sim.drain();
    sim.got_raw(
        "p1",
        r#"0{"sid":"E1","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#,
    );
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    let photo = serde_bytes::Bytes::new(&[7; 700]);
    let photos = Payload::event("e", &(photo, photo)).unwrap();
    sim.manager.emit(socket, photos, EmitOptions::default(), sim.now).unwrap();
    for number in 0..20 {
        sim.emit(socket, number);
    }
    sim.drain();
    sim.posted("p1");
    let posted = sim.lines().last().unwrap().matches("42<").count();
    sim.cut("p1");
    sim.advance(secs(1));
    sim.open_polling("p2", &[]);
    sim.posted("p2");
    sim.got("p2", &["40{S2}"]);
    let resent = sim.lines().last().unwrap().matches("42<").count();
    assert_eq!(posted + resent, 20, "none is lost");
}

/// 16. Closing while the first poll was under way neither aborted it nor closed the session.
#[test]
fn js_16_closing_while_opening_aborts_the_request() {
    let mut sim = Sim::with(&JsonFace, polling_only);
    let socket = sim.connect("/");
    sim.expect_lines(&["get p1"]);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["close p1"]);
}

/// 18. Managers were never freed. Dropping ours frees all that it held.
#[test]
fn js_18_a_dropped_manager_frees_what_it_held() {
    let mut sim = Sim::new(&JsonFace);
    let socket = sim.connected();
    sim.writable = false;
    let payload = Payload::event("e", &serde_bytes::Bytes::new(&[7; 100])).unwrap();
    let watched: Bytes = payload.attachments()[0].clone();
    sim.manager.emit(socket, payload, EmitOptions::default(), sim.now).unwrap();
    sim.drain();
    assert!(!watched.is_unique());
    drop(sim);
    assert!(watched.is_unique());
}

/// 20. CONNECT had no timeout, the limit of 10 attachments could not be lifted, and an emit above `maxPayload` cost the
///     connection.
#[test]
fn js_20_connect_has_a_timeout_and_the_limits_are_checked_here() {
    let mut sim = Sim::with(&JsonFace, |config| config.send_attachments = 12);
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.events();
    sim.advance(secs(20));
    assert!(sim.events()[0].starts_with("connect error 0: the server did not answer"));
    sim.expect_lines(&["w1 40", "close w1"]);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.try_emit(socket, 1, &[0; 12], EmitOptions::default()).unwrap();
    assert!(sim.try_emit(socket, 1, &[0; 13], EmitOptions::default()).is_err());
    let large = Payload::event("e", "x".repeat(1_000_000).as_str()).unwrap();
    let refused = sim.manager.emit(socket, large, EmitOptions::default(), sim.now).unwrap_err();
    assert!(matches!(refused.error, EmitError::TooLarge { limit: 1_000_000, .. }), "{}", refused.error);
    assert!(sim.is_open("w2"));

    let (mut sim, socket) = polling(polling_only);
    let photo = Payload::event("e", serde_bytes::Bytes::new(&[7; 800_000])).unwrap();
    let refused = sim.manager.emit(socket, photo, EmitOptions::default(), sim.now).unwrap_err();
    assert!(
        matches!(refused.error, EmitError::TooLarge { size: 1_066_669, .. }),
        "base64: {}",
        refused.error
    );
}

/// 21. Over polling, a packet's text and its attachments left in separate requests.
#[test]
fn js_21_a_packet_and_its_attachments_leave_in_one_request() {
    let (mut sim, socket) = polling(polling_only);
    sim.try_emit(socket, 1, &[1, 2], EmitOptions::default()).unwrap();
    sim.emit(socket, 2);
    sim.expect_lines(&["post p1 452-<1> bAQ== bAg== 42<2>"]);
}

/// 22. Writes stalled for up to 100 ms during the upgrade, until the server had released the pending GET.
#[test]
fn js_22_writes_do_not_wait_for_the_upgrade() {
    let (mut sim, socket) = polling(polling_first);
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.lines();
    sim.emit(socket, 1);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.posted("p1");
    sim.got("p1", &["6"]);
    sim.emit(socket, 2);
    sim.expect_lines(&["close p1", "w1 5", "w1 42<2>"]);
}
