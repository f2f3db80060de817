//! Emits: held, sent in order, bounded, flushed.

use socketio_client_core::{AckError, EmitError, EmitOptions, Flush, TransportKind};

use crate::{Face, Sim, secs};

/// Nothing is sent before the server has answered CONNECT; then everything is, in order.
pub fn emits_are_held_until_the_namespace_is_connected<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    sim.open_websocket("w1");
    sim.emit(socket, 2);
    sim.expect_lines(&["w1 40"]);
    sim.server("w1", "40{S1}");
    sim.emit(socket, 3);
    sim.expect_lines(&["w1 42<1>", "w1 42<2>", "w1 42<3>"]);
}

/// Tickets rise by one with each emit, whatever becomes of it.
pub fn tickets_rise<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let tickets: Vec<_> = (0..3).map(|n| sim.emit(socket, n)).collect();
    assert!(tickets.is_sorted() && tickets[0] != tickets[1] && tickets[1] != tickets[2]);
}

/// Attachments follow their packet, and nothing comes between.
pub fn attachments_follow_their_packet<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.try_emit(socket, 1, &[7, 8], EmitOptions::default()).unwrap();
    sim.emit(socket, 2);
    sim.expect_lines(&["w1 452-<1>", "w1 binary 7", "w1 binary 8", "w1 42<2>"]);
}

/// Attachments come in, in order, as part of their packet.
pub fn attachments_arrive_with_their_packet<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server("w1", "452-<1:2>");
    sim.server_binary("w1", 7);
    sim.raw("w1", "2");
    sim.expect_lines(&["w1 3"]);
    sim.server_binary("w1", 8);
    sim.expect_events(&["message 0 1:[7, 8]"]);
}

/// Beyond either bound an emit is refused with the value handed back, and what was accepted is kept.
pub fn a_full_buffer_refuses_and_hands_the_value_back<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    let refused = sim.try_emit(socket, 3, &[], EmitOptions::default()).unwrap_err();
    assert!(matches!(refused.error, EmitError::BufferFull { held: 2, .. }), "{}", refused.error);
    assert_eq!(sim.face.read(&refused.payload).0, 3);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>", "w1 42<2>"]);
    sim.emit(socket, 4);
    sim.expect_lines(&["w1 42<4>"]);
}

/// Unanswered emits count towards the bound, so that acks that never come cannot fill the memory.
pub fn unanswered_emits_count<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    sim.emit_with_ack(socket, 2, None);
    sim.expect_lines(&["w1 420<1>", "w1 421<2>"]);
    assert!(sim.try_emit(socket, 3, &[], EmitOptions::default()).is_err());
    sim.server("w1", "430<9>");
    sim.emit(socket, 3);
}

/// A sink that is full holds packets back in the core, and they count as held.
pub fn a_full_sink_holds_packets_back<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 3);
    let socket = sim.connected();
    sim.writable = false;
    for number in 1..=3 {
        sim.emit(socket, number);
    }
    assert!(sim.try_emit(socket, 4, &[], EmitOptions::default()).is_err());
    sim.expect_lines(&[]);
    sim.writable = true;
    sim.expect_lines(&["w1 42<1>", "w1 42<2>", "w1 42<3>"]);
}

/// More attachments than a stock server takes are refused here.
pub fn too_many_attachments_are_refused<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    let refused = sim.try_emit(socket, 1, &[0; 11], EmitOptions::default()).unwrap_err();
    assert_eq!(refused.error, EmitError::TooManyAttachments { count: 11, limit: 10 });
    sim.try_emit(socket, 1, &[0; 10], EmitOptions::default()).unwrap();
    // In answers too, which are given back.
    sim.server("w1", "4212<1>");
    sim.events();
    let ack = sim.wanted_acks.pop_front().unwrap();
    for count in [11, 12] {
        let payload = sim.face().event(1, &vec![0; count]);
        let refused = sim.manager.ack(ack, payload, sim.now).unwrap_err();
        assert_eq!(refused.error, EmitError::TooManyAttachments { count, limit: 10 });
        let given = sim.face().event(1, &vec![0; count]);
        assert_eq!(sim.face().read(&refused.payload), sim.face().read(&given));
    }
    let payload = sim.face().event(1, &[0; 10]);
    sim.manager.ack(ack, payload, sim.now).unwrap();
}

/// A volatile emit is sent only if it can leave at once.
pub fn volatile_emits_are_dropped_unless_they_leave_at_once<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let volatile = EmitOptions { volatile: true, ..EmitOptions::default() };
    let socket = sim.connect("/");
    sim.try_emit(socket, 1, &[], volatile).unwrap();
    sim.open_websocket("w1");
    sim.try_emit(socket, 2, &[], volatile).unwrap();
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40"]);
    sim.try_emit(socket, 3, &[], volatile).unwrap();
    sim.try_emit(socket, 4, &[], volatile).unwrap();
    sim.expect_lines(&["w1 42<3>"]);
    sim.writable = false;
    sim.emit(socket, 5);
    sim.drain();
    sim.try_emit(socket, 6, &[], volatile).unwrap();
    sim.writable = true;
    sim.expect_lines(&["w1 42<5>"]);
}

/// A volatile emit with ack settles at once when it is dropped.
pub fn a_dropped_volatile_emit_settles_its_ack<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.try_emit(socket, 1, &[], EmitOptions { ack: true, volatile: true, ..EmitOptions::default() })
        .unwrap();
    sim.expect_events(&[&format!("ack 0 #0: {}", AckError::Dropped)]);
}

/// What was not handed over when the transport died goes back to the front, in order.
pub fn what_was_not_handed_over_comes_first_after_reconnecting<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 42<1>"]);
    sim.writable = false;
    sim.emit(socket, 2);
    sim.try_emit(socket, 3, &[9], EmitOptions::default()).unwrap();
    sim.drain();
    sim.cut("w1");
    sim.emit(socket, 4);
    sim.writable = true;
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 42<2>", "w2 451-<3>", "w2 binary 9", "w2 42<4>"]);
}

/// Emitting while the application handles a disconnection is held for the next connection.
pub fn emits_after_a_cut_are_held<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.cut("w1");
    for number in 0..500 {
        sim.emit(socket, number);
    }
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40"]);
    sim.server("w2", "40{S2}");
    let sent = sim.lines();
    let expected: Vec<_> = (0..500).map(|number| format!("w2 42<{number}>")).collect();
    assert_eq!(sent, expected);
}

/// A held emit can be taken back.
pub fn a_held_emit_can_be_cancelled<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    let second = sim.emit_with_ack(socket, 2, None);
    assert!(sim.manager.cancel(socket, second));
    assert!(!sim.manager.cancel(socket, second), "only once");
    sim.expect_events(&[&format!("ack 0 #1: {}", AckError::Cancelled)]);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>"]);
}

/// A flush ends when a pong proves that the server has read everything.
pub fn a_flush_waits_for_the_pong<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    assert_eq!(sim.manager.flush(socket), Flush::Delivered, "nothing was emitted");
    sim.emit(socket, 1);
    let last = sim.emit(socket, 2);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(last));
    sim.expect_lines(&["w1 42<1>", "w1 42<2>", "w1 ping"]);
    sim.expect_events(&[]);
    sim.pong("w1");
    sim.expect_events(&["flushed 0 #1 true"]);
    assert_eq!(sim.manager.flush(socket), Flush::Delivered);
}

/// A flush over a connection that breaks says that it is not known.
pub fn a_flush_over_a_broken_connection_says_so<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    assert!(matches!(sim.manager.flush(socket), Flush::Pending(_)));
    sim.lines();
    sim.cut("w1");
    let events = sim.events();
    assert!(events.contains(&"flushed 0 #0 false".to_string()), "{events:?}");
}

/// A flush of what is held waits for the connection.
pub fn a_flush_while_offline_waits<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let emit = sim.emit(socket, 1);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(emit));
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>", "w1 ping"]);
    sim.pong("w1");
    assert_eq!(sim.events().last().unwrap(), "flushed 0 #0 true");
}

/// Without WebSocket pings a flush ends when the WebSocket has taken everything.
pub fn a_flush_without_pings_ends_when_all_is_written<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.websocket_ping = false);
    let socket = sim.connected();
    sim.emit(socket, 1);
    assert!(matches!(sim.manager.flush(socket), Flush::Pending(_)));
    sim.expect_lines(&["w1 42<1>"]);
    sim.expect_events(&["flushed 0 #0 true"]);
}

/// Outgoing packets are shown where that is asked for, when they leave.
pub fn observed_packets_are_shown_when_they_leave<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.manager.observe(socket, true);
    sim.emit(socket, 1);
    sim.expect_events(&[]);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_events(&["opened websocket", "connected 0", "sent 0 1"]);
    sim.manager.observe(socket, false);
    sim.emit(socket, 2);
    sim.expect_events(&[]);
}

/// A flush that is asked for only after the connection broke is told so too, once.
pub fn a_flush_after_a_broken_connection_says_so<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.lines();
    sim.cut("w1");
    sim.events();
    assert_eq!(sim.manager.flush(socket), Flush::Uncertain, "nothing proves that it came");
    assert_eq!(sim.manager.flush(socket), Flush::Delivered);
}

/// A flush that is under way when the application leaves gets its receipt, or is told that there is none.
pub fn leaving_waits_for_the_receipt_of_a_flush<F: Face>(face: &F) {
    for answered in [true, false] {
        let mut sim = Sim::new(face);
        let socket = sim.connected();
        sim.emit(socket, 1);
        assert!(matches!(sim.manager.flush(socket), Flush::Pending(_)));
        sim.manager.disconnect(socket, sim.now);
        sim.expect_lines(&["w1 42<1>", "w1 ping"]);
        sim.events();
        if answered {
            sim.pong("w1");
            sim.expect_lines(&["w1 41", "close w1"]);
        } else {
            sim.advance(secs(2));
            sim.expect_lines(&["close w1"]);
        }
        sim.expect_events(&[&format!("flushed 0 #0 {answered}")]);
    }
}

/// One that is late, of a connection that is gone, proves nothing; nor while the next one is being left.
pub fn a_pong_proves_what_its_own_connection_carried<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.emit(socket, 1);
    assert!(matches!(sim.manager.flush(socket), Flush::Pending(_)));
    sim.expect_lines(&["w2 40", "w2 42<1>", "w2 ping"]);
    sim.events();
    sim.pong("w1");
    sim.expect_events(&[]);
    sim.manager.disconnect(socket, sim.now);
    sim.events();
    sim.pong("w1");
    sim.expect_lines(&[]);
    sim.expect_events(&[]);
    sim.pong("w2");
    sim.expect_lines(&["w2 41", "close w2"]);
    sim.expect_events(&["flushed 0 #0 true"]);
}

/// A session that was left and the next one go on side by side: each proves only what was handed to it.
pub fn a_receipt_of_the_next_session_proves_nothing_about_the_one_before<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::Polling]);
    let socket = sim.connect("/");
    sim.open_polling("p1", &[]);
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    let emit = sim.emit(socket, 1);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(emit));
    sim.drain();
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.lines();
    sim.events();
    let handshake = sim.face.handshake_wire("E2", &[], 25_000, 20_000, 1_000_000);
    sim.got_raw("p2", &handshake);
    sim.expect_lines(&["get p2", "post p2 40"]);
    sim.posted("p2");
    sim.expect_events(&["opened polling"]);
    sim.got("p2", &["40{S2}"]);
    sim.expect_events(&["flushed 0 #0 false", "connected 0", "gap 0 namespace-disconnect"]);
}

/// A volatile emit that a full sink held back when the transport died is not sent on the next one.
pub fn a_volatile_emit_does_not_outlive_its_transport<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.writable = false;
    sim.try_emit(socket, 1, &[], EmitOptions { ack: true, volatile: true, ..EmitOptions::default() })
        .unwrap();
    sim.emit(socket, 2);
    sim.cut("w1");
    assert!(sim.events().contains(&format!("ack 0 #0: {}", AckError::Dropped)));
    sim.advance(secs(1));
    sim.writable = true;
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 42<2>"]);
}

/// Nor is one accepted when the heartbeat is overdue, though nobody has noticed yet.
pub fn a_volatile_emit_over_a_silent_connection_is_dropped<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.now = sim.now + secs(45);
    sim.try_emit(socket, 1, &[], EmitOptions { ack: true, volatile: true, ..EmitOptions::default() })
        .unwrap();
    sim.expect_lines(&[]);
    sim.expect_events(&[&format!("ack 0 #0: {}", AckError::Dropped)]);
}

/// What is emitted when the server's ping is overdue is held, and the session ends; a face may know the deadline better.
pub fn emits_over_a_silent_connection_are_held<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    assert_eq!(sim.manager.heartbeat_deadline(), Some(sim.now + secs(45)));
    sim.manager.set_heartbeat_deadline(sim.now);
    sim.emit(socket, 1);
    assert!(sim.manager.poll_timeout().is_some_and(|due| due <= sim.now));
    sim.expect_lines(&[]);
    sim.advance(secs(0));
    sim.expect_events(&["closed ping timeout", "disconnected 0 ping timeout", "waiting 1 1000"]);
    sim.advance(secs(1));
    sim.lines();
    sim.handshake("w2", &[]);
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 42<1>"]);
}

/// If the ping comes after all, what was held leaves, in order.
pub fn a_late_ping_releases_what_was_held<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.manager.set_heartbeat_deadline(sim.now);
    sim.emit(socket, 1);
    sim.emit_with_ack(socket, 2, None);
    sim.server("w1", "2");
    sim.emit(socket, 3);
    sim.expect_lines(&["w1 3", "w1 42<1>", "w1 420<2>", "w1 42<3>"]);

    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(1);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.manager.set_heartbeat_deadline(sim.now);
    sim.emit(socket, 1);
    sim.expect_lines(&[]);
    sim.server("w1", "2");
    sim.expect_lines(&["w1 3", "w1 420<1>"]);
}

/// A drop that is not to be told ends like a loss on the way: when the time is over, with the connection, or never.
pub fn a_quiet_drop_ends_like_a_loss<F: Face>(face: &F) {
    let timeout = Some(secs(5));
    let options =
        EmitOptions { ack: true, volatile: true, quiet_drop: true, timeout, ..EmitOptions::default() };
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.try_emit(socket, 1, &[], options).unwrap();
    sim.expect_events(&[]);
    sim.advance(secs(5));
    let events = sim.events();
    assert_eq!(events, [format!("ack 0 #0: {}", AckError::Timeout)]);

    let mut sim = Sim::with(face, |config| config.buffer_size = 1);
    let socket = sim.connected();
    sim.writable = false;
    sim.emit(socket, 1);
    sim.try_emit(socket, 2, &[], options).unwrap();
    sim.expect_events(&[&format!("ack 0 #1: {}", AckError::Dropped)]);
    sim.writable = true;
    sim.drain();
    sim.writable = false;
    sim.manager.set_heartbeat_deadline(sim.now);
    sim.try_emit(socket, 3, &[], EmitOptions { timeout: None, ..options }).unwrap();
    sim.expect_events(&[]);
    sim.cut("w1");
    assert_eq!(sim.events()[2], format!("ack 0 #2: {}", AckError::Disconnected));
}

/// What is held can be looked at and dropped. The ack of what was dropped ends like that of a loss.
pub fn what_is_held_can_be_seen_and_dropped<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    let second = sim.emit_with_ack(socket, 2, Some(secs(5)));
    let third = sim.emit_with_ack(socket, 3, None);
    let held: Vec<_> =
        sim.manager.held(socket).map(|(_, payload, ack)| (face.read(payload).0, ack)).collect();
    assert_eq!(held, [(1, None), (2, Some(0)), (3, Some(1))]);
    assert_eq!(sim.manager.pending_acks(socket).collect::<Vec<_>>(), [second, third]);
    sim.manager.discard(socket, second);
    sim.manager.discard(socket, second);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>", "w1 421<3>"]);
    assert_eq!((sim.manager.held(socket).count(), sim.manager.queued(socket)), (0, 0));
    sim.events();
    sim.advance(secs(5));
    sim.expect_events(&[&format!("ack 0 #1: {}", AckError::Timeout)]);
    assert_eq!(sim.manager.pending_acks(socket).collect::<Vec<_>>(), [third]);
}

/// Where a WebSocket is to carry no binary data, attachments leave as base64, and come so.
pub fn attachments_may_be_base64_over_websocket<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.force_base64 = true);
    let socket = sim.connected();
    sim.try_emit(socket, 1, &[1, 2], EmitOptions::default()).unwrap();
    sim.expect_lines(&["w1 452-<1>", "w1 bAQ==", "w1 bAg=="]);
    sim.server("w1", "451-<3:1>");
    sim.raw("w1", "bBQ==");
    sim.expect_events(&["message 0 3:[5]"]);
}

/// What was on its way to a transport that broke takes no more room than before.
pub fn what_comes_back_counts_once<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    let socket = sim.connected();
    for (old, new) in [("w1", "w2"), ("w2", "w3")] {
        sim.writable = false;
        sim.emit(socket, 1);
        sim.emit(socket, 2);
        sim.cut(old);
        sim.writable = true;
        sim.advance(secs(1));
        sim.open_websocket(new);
        sim.server(new, "40{S2}");
        assert_eq!(sim.lines()[1..], [format!("{new} 42<1>"), format!("{new} 42<2>")]);
    }
}
