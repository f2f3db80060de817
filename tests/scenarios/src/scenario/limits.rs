//! Peers that lie, flood, or never finish.

use socketio_client_core::{Codec, EmitError, EmitOptions, TransportKind};

use crate::{Face, Sim, millis, secs};

/// Malformed packets close the connection, and it is opened again.
pub fn malformed_packets_close_the_connection<F: Face>(face: &F) {
    for wire in ["4", "47", "4x", "42garbage", "45-", "451-", "4599999999999-[]"] {
        let mut sim = Sim::new(face);
        sim.connected();
        sim.raw("w1", wire);
        sim.expect_events(&["closed parse error", "disconnected 0 parse error", "waiting 1 1000"]);
        sim.expect_lines(&["close w1"]);
    }
}

/// What is no Engine.IO packet at all ends the session as a transport error.
pub fn foreign_texts_close_the_connection<F: Face>(face: &F) {
    for wire in ["", "x", "HTTP/1.1 200 OK", "\u{1e}"] {
        let mut sim = Sim::new(face);
        sim.connected();
        sim.raw("w1", wire);
        sim.expect_events(&["closed transport error", "disconnected 0 transport error", "waiting 1 1000"]);
    }
}

/// Binary data that no packet announced.
pub fn unannounced_binary_closes_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server_binary("w1", 1);
    assert_eq!(sim.events()[0], "closed parse error");
}

/// A packet while attachments of the one before are missing.
pub fn a_packet_between_attachments_closes_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server("w1", "452-<1:2>");
    sim.server_binary("w1", 7);
    sim.server("w1", "42<2>");
    assert_eq!(sim.events()[0], "closed parse error");
}

/// More attachments than the limit are refused when they are announced.
pub fn too_many_announced_attachments_close_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.limits.attachments = 2);
    sim.connected();
    sim.server("w1", "453-<1:3>");
    assert_eq!(sim.events()[0], "closed parse error");
}

/// More bytes than the limit are refused when they come.
pub fn too_many_attachment_bytes_close_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.limits.attachment_bytes = 1);
    sim.connected();
    sim.server("w1", "452-<1:2>");
    sim.server_binary("w1", 1);
    sim.expect_events(&[]);
    sim.server_binary("w1", 2);
    assert_eq!(sim.events()[0], "closed parse error");
}

/// Attachments that never come.
pub fn an_unfinished_packet_closes_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.limits.completion = secs(5));
    sim.connected();
    sim.server("w1", "452-<1:2>");
    sim.advance(secs(3));
    sim.server_binary("w1", 1);
    sim.advance(millis(1_999));
    sim.expect_events(&[]);
    sim.advance(millis(1));
    sim.expect_events(&["closed parse error", "disconnected 0 parse error", "waiting 1 1000"]);
}

/// A half-received packet dies with its connection.
pub fn a_partial_packet_dies_with_its_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server("w1", "452-<1:2>");
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.server("w2", "42<5>");
    assert_eq!(sim.events().last().unwrap(), "message 0 5");
}

/// An emit larger than the server accepts is refused here: sent, it would cost the connection.
pub fn an_emit_above_max_payload_is_refused<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let emit = sim.emit(socket, 1_000_001);
    sim.expect_lines(&["open w1"]);
    let small = sim.face.event_wire(1, 0).len() + 2;
    let handshake = sim.face.handshake_wire("E1", &[], 25_000, 20_000, small);
    sim.raw("w1", &handshake);
    let refused = sim.try_emit(socket, 1_000_002, &[], EmitOptions::default()).unwrap_err();
    assert!(matches!(refused.error, EmitError::TooLarge { .. }));
    sim.emit(socket, 1);
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>"]);
    let events = sim.events();
    assert!(events.iter().any(|event| event.starts_with("not sent 0 #0 1000001:")), "{emit:?}: {events:?}");
}

/// Pings that flood a full sink are answered once.
pub fn a_flood_of_pings_is_answered_once<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.writable = false;
    for _ in 0..10_000 {
        sim.raw("w1", "2");
    }
    sim.writable = true;
    sim.expect_lines(&["w1 3"]);
}

/// A polling body of more packets than the limit.
pub fn a_body_of_too_many_packets_ends_the_session<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.limits.packets = 10;
        config.transports = vec![TransportKind::Polling];
    });
    sim.connect("/");
    sim.open_polling("p1", &[]);
    sim.events();
    sim.got_raw("p1", &["6"; 11].join("\u{1e}"));
    assert_eq!(sim.events()[0], "closed transport error");
}

/// Packets for namespaces that were never asked for.
pub fn foreign_namespaces_are_ignored<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    for wire in ["40/x,{S}", "42/x,<1>", "41/x,", "44/x,!", "43/x,1<1>"] {
        sim.server("w1", wire);
    }
    sim.expect_events(&[]);
    assert!(sim.is_open("w1"));
}

/// The size that counts is that of the message on the wire: with ack id and count of attachments, and in base64 where
/// the session polls.
pub fn what_max_payload_is_compared_with_is_what_is_sent<F: Face>(face: &F) {
    let bare = face.event_wire(1, 0).len() + 2;
    let one = face.event_wire(1, 1).len() + 2;
    for (transport, max, attachments, ack, fits) in [
        (TransportKind::WebSocket, bare, 0, false, true),
        (TransportKind::WebSocket, bare, 0, true, false),
        (TransportKind::WebSocket, bare + 1, 0, true, true),
        (TransportKind::WebSocket, one + 1, 1, false, false),
        (TransportKind::WebSocket, one + 2, 1, false, true),
        (TransportKind::Polling, one + 2, 1, false, true),
    ] {
        let mut sim = Sim::with(face, |config| config.transports = vec![transport]);
        let socket = sim.connect("/");
        let handshake = sim.face.handshake_wire("E1", &[], 25_000, 20_000, max);
        match transport {
            TransportKind::Polling => {
                sim.drain();
                sim.got_raw("p1", &handshake);
                sim.posted("p1");
                sim.got("p1", &["40{S1}"]);
            }
            _ => {
                sim.drain();
                sim.raw("w1", &handshake);
                sim.server("w1", "40{S1}");
            }
        }
        sim.lines();
        let options = EmitOptions { ack, ..EmitOptions::default() };
        let result = sim.try_emit(socket, 1, &[65][..attachments], options);
        assert_eq!(result.is_ok(), fits, "{max} {attachments} {ack}");
    }
}

/// Whatever a packet may have in front of its payload counts, to the byte.
pub fn a_namespace_and_what_follows_it_count<F: Face>(face: &F) {
    let text = face.event_wire(1, 1).len();
    for (front, before, missing) in
        [("451-/admin,0", 0, 1), ("451-/admin,0", 0, 0), ("451-/admin,10", 10, 1), ("451-/admin,10", 10, 0)]
    {
        let max = text + front.len() - missing;
        let mut sim = Sim::new(face);
        let socket = sim.connect("/admin");
        sim.drain();
        let handshake = sim.face.handshake_wire("E1", &[], 25_000, 20_000, max);
        sim.raw("w1", &handshake);
        sim.server("w1", "40/admin,{S1}");
        for _ in 0..before {
            sim.emit_with_ack(socket, 1, None);
        }
        let options = EmitOptions { ack: true, ..EmitOptions::default() };
        let result = sim.try_emit(socket, 1, &[65], options);
        assert_eq!(result.is_ok(), missing == 0, "{front} {max}");
    }
}

/// What has left takes no room, to the byte.
pub fn one_after_the_other_fits<F: Face>(face: &F) {
    let size = face.codec().size(&face.event(1, &[]));
    let mut sim = Sim::with(face, |config| config.buffer_bytes = size);
    let socket = sim.connected();
    for _ in 0..3 {
        sim.emit(socket, 1);
        assert!(sim.try_emit(socket, 1, &[], EmitOptions::default()).is_err());
        sim.expect_lines(&["w1 42<1>"]);
    }

    let size = face.codec().size(&face.ack(5));
    let mut sim = Sim::with(face, |config| config.buffer_bytes = size);
    sim.connected();
    for id in 0..3 {
        sim.server("w1", &format!("42{id}<1>"));
        let ack = sim.wanted_acks.pop_front().unwrap();
        sim.lines();
        sim.manager.ack(ack, sim.face.ack(5), sim.now).unwrap();
        sim.expect_lines(&[&format!("w1 43{id}<5>")]);
    }
}
