//! Long-polling.

use socketio_client_core::{Config, EmitOptions, Flush, Message, TransportError, TransportKind};

use crate::{Face, Sim, secs};

fn polling_only(config: &mut Config) {
    config.transports = vec![TransportKind::Polling];
}

impl<'f, F: Face> Sim<'f, F> {
    /// Polling only, connected to `/`; a GET waits.
    pub(super) fn polling(face: &'f F) -> (Self, socketio_client_core::SocketId) {
        let mut sim = Self::with(face, polling_only);
        let socket = sim.connect("/");
        sim.open_polling("p1", &["websocket"]);
        sim.expect_lines(&["get p1", "post p1 40"]);
        sim.posted("p1");
        sim.got("p1", &["40{S1}"]);
        sim.expect_lines(&["get p1"]);
        sim.expect_events(&["opened polling", "connected 0"]);
        (sim, socket)
    }
}

/// One GET waits at any time; each answer is followed by the next.
pub fn one_get_waits_at_any_time<F: Face>(face: &F) {
    let (mut sim, _) = Sim::polling(face);
    sim.got("p1", &["42<1>", "42<2>"]);
    sim.expect_events(&["message 0 1", "message 0 2"]);
    sim.expect_lines(&["get p1"]);
    sim.got("p1", &["6"]);
    sim.expect_lines(&["get p1"]);
}

/// One POST is in flight at any time; what comes meanwhile leaves together with the next.
pub fn one_post_is_in_flight_at_any_time<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    sim.expect_lines(&["post p1 42<1> 42<2>"]);
    sim.emit(socket, 3);
    sim.emit(socket, 4);
    sim.expect_lines(&[]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 42<3> 42<4>"]);
}

/// What was held is shown as sent right behind the connection, and an emit at once, though they may have to wait for a
/// POST; and once only.
pub fn emits_are_shown_as_sent_at_once<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    let socket = sim.connect("/");
    sim.manager.observe(socket, true);
    sim.emit(socket, 1);
    sim.open_polling("p1", &[]);
    sim.expect_lines(&["get p1", "post p1 40"]);
    sim.got("p1", &["40{S1}"]);
    sim.expect_events(&["opened polling", "connected 0", "sent 0 1"]);
    sim.expect_lines(&["get p1"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 42<1>"]);
    sim.expect_events(&[]);
    sim.emit(socket, 2);
    sim.expect_lines(&[]);
    sim.expect_events(&["sent 0 2"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 42<2>"]);
    sim.expect_events(&[]);
}

/// A message of the application's own leaves ahead of packets that wait, and nowhere without a session.
pub fn messages_of_the_application_are_sent<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.emit(socket, 2);
    sim.manager.write(Message::Text(face.text("6")), sim.now);
    sim.drain();
    sim.expect_lines(&[]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 6"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 42<2>"]);
    sim.cut("p1");
    sim.lines();
    sim.manager.write(Message::Text(face.text("6")), sim.now);
    sim.drain();
    sim.expect_lines(&[]);
}

/// A packet and its attachments leave in one POST, as base64.
pub fn attachments_leave_with_their_packet<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.try_emit(socket, 1, &[65], EmitOptions::default()).unwrap();
    sim.expect_lines(&["post p1 451-<1> bQQ=="]);
}

/// Attachments arrive as base64.
pub fn attachments_arrive_as_base64<F: Face>(face: &F) {
    let (mut sim, _) = Sim::polling(face);
    sim.got("p1", &["451-<1:1>", "bQQ=="]);
    sim.expect_events(&["message 0 1:[65]"]);
}

/// A body stays within what the server accepts; the rest follows, in order.
pub fn bodies_stay_within_max_payload<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    let socket = sim.connect("/");
    sim.expect_lines(&["get p1"]);
    let handshake = sim.face.handshake_wire("E1", &[], 25_000, 20_000, 200);
    sim.got_raw("p1", &handshake);
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    sim.lines();
    for number in 1000..1040 {
        sim.emit(socket, number);
    }
    let mut sent = Vec::new();
    let mut posts = 0;
    loop {
        let lines = sim.lines();
        let Some(line) = lines.last() else { break };
        let body = line.strip_prefix("post p1 ").unwrap();
        let packets: Vec<_> = body.split(' ').map(str::to_string).collect();
        let bytes: usize = packets.iter().map(|_| 3 + sim.face.event_wire(1000, 0).len()).sum();
        assert!(bytes <= 200, "{bytes}: {body}");
        sent.extend(packets);
        posts += 1;
        sim.posted("p1");
    }
    assert!(posts > 1);
    assert_eq!(sent, (1000..1040).map(|number| format!("42<{number}>")).collect::<Vec<_>>());
}

/// What has no room in a body is not lost with it.
pub fn what_has_no_room_waits_for_another_body<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    let socket = sim.connect("/");
    sim.drain();
    sim.got_raw("p1", &face.handshake_wire("E1", &[], 25_000, 20_000, 200));
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    sim.lines();
    for number in 1000..1040 {
        sim.emit(socket, number);
    }
    let first = sim.lines();
    sim.goodbye("p1");
    sim.advance(secs(1));
    sim.lines();
    sim.got_raw("p2", &face.handshake_wire("E2", &[], 25_000, 20_000, 1_000_000));
    sim.posted("p2");
    sim.got("p2", &["40{S2}"]);
    let second = sim.lines();
    let sent = |lines: &[String]| {
        let packets =
            lines.iter().flat_map(|line| line.split(' ')).filter(|packet| packet.starts_with("42<"));
        packets.map(str::to_string).collect::<Vec<_>>()
    };
    let all: Vec<_> = (1000..1040).map(|number| format!("42<{number}>")).collect();
    assert_eq!([sent(&first), sent(&second)].concat(), all, "{first:?} {second:?}");
}

/// Heartbeats are answered by a POST, in front of everything else.
pub fn heartbeats_are_answered<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.emit(socket, 2);
    sim.got("p1", &["2"]);
    sim.expect_lines(&["get p1"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 3 42<2>"]);
}

/// The server's close packet ends the session.
pub fn a_close_packet_ends_the_session<F: Face>(face: &F) {
    let (mut sim, _) = Sim::polling(face);
    sim.got("p1", &["42<1>", "1", "42<2>"]);
    sim.expect_events(&[
        "message 0 1",
        "closed transport close",
        "disconnected 0 transport close",
        "waiting 1 1000",
    ]);
    sim.expect_lines(&["close p1"]);
}

/// Leaving posts what waits, then DISCONNECT, then a close packet, each alone, beside which a Node server would drop them, and then
/// lets go of the GET.
pub fn leaving_says_goodbye<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 41"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 1"]);
    sim.posted("p1");
    sim.expect_lines(&["close p1"]);
}

/// Leaving while the first GET is unanswered aborts it, so that no session is left behind.
pub fn leaving_while_opening_aborts_the_get<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    let socket = sim.connect("/");
    sim.expect_lines(&["get p1"]);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["close p1"]);
}

/// A failed request ends the session; what was not posted is kept.
pub fn a_failed_request_ends_the_session<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.emit(socket, 2);
    sim.closed(
        "p1",
        TransportError::Status { status: 400, body: "Session ID unknown".into(), retry_after: None },
    );
    sim.expect_events(&["closed transport error", "disconnected 0 transport error", "waiting 1 1000"]);
    sim.advance(secs(1));
    sim.open_polling("p2", &[]);
    sim.expect_lines(&["get p2", "post p2 40"]);
    sim.posted("p2");
    sim.got("p2", &["40{S2}"]);
    sim.expect_lines(&["get p2", "post p2 42<2>"]);
}

/// A flush ends with the answer to the POST.
pub fn a_flush_ends_with_the_answer_to_the_post<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    assert!(matches!(sim.manager.flush(socket), Flush::Pending(_)));
    sim.expect_lines(&["post p1 42<1>"]);
    sim.expect_events(&[]);
    sim.posted("p1");
    sim.expect_events(&["flushed 0 #0 true"]);
}

/// A volatile emit is dropped while a POST is in flight.
pub fn volatile_emits_are_dropped_during_a_post<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    let volatile = EmitOptions { volatile: true, ..EmitOptions::default() };
    sim.try_emit(socket, 1, &[], volatile).unwrap();
    sim.expect_lines(&["post p1 42<1>"]);
    sim.try_emit(socket, 2, &[], volatile).unwrap();
    sim.posted("p1");
    sim.expect_lines(&[]);
}

/// A body that is no Engine.IO payload, as a proxy's error page, ends the session with a reason.
pub fn a_foreign_body_ends_the_session<F: Face>(face: &F) {
    let (mut sim, _) = Sim::polling(face);
    sim.got_raw("p1", "<html>");
    sim.expect_events(&["closed transport error", "disconnected 0 transport error", "waiting 1 1000"]);
}

/// Packets in the handshake's own body are read after it.
pub fn packets_behind_the_handshake_are_read<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    sim.connect("/");
    sim.expect_lines(&["get p1"]);
    let handshake = sim.face.handshake_wire("E1", &[], 25_000, 20_000, 1_000_000);
    sim.got_raw("p1", &format!("{handshake}\u{1e}2\u{1e}6"));
    sim.expect_lines(&["get p1", "post p1 3 40"]);
}

/// A flush over an emit whose time ran out before it left does not wait for a POST that is never sent.
pub fn a_flush_over_an_emit_that_never_left_ends<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::polling(face);
    sim.emit(socket, 1);
    sim.drain();
    let last = sim.emit_with_ack(socket, 2, Some(secs(1)));
    assert_eq!(sim.manager.flush(socket), Flush::Pending(last));
    sim.advance(secs(1));
    sim.events();
    sim.posted("p1");
    sim.expect_events(&["flushed 0 #1 true"]);
}

/// A request that takes too long ends the session, or the attempt.
pub fn a_request_may_take_only_so_long<F: Face>(face: &F) {
    let change = |config: &mut Config| {
        config.transports = vec![TransportKind::Polling];
        config.request_timeout = Some(secs(5));
    };
    let told = ["closed transport error", "disconnected 0 transport error", "waiting 1 1000"];
    let connected = || {
        let mut sim = Sim::with(face, change);
        let socket = sim.connect("/");
        sim.open_polling("p1", &[]);
        sim.posted("p1");
        sim.got("p1", &["40{S1}"]);
        sim.lines();
        sim.events();
        (sim, socket)
    };
    let (mut sim, _) = connected();
    sim.advance(secs(5));
    sim.expect_events(&told);

    let (mut sim, socket) = connected();
    sim.advance(secs(4));
    sim.emit(socket, 1);
    sim.drain();
    sim.got("p1", &["6"]);
    sim.advance(secs(4));
    sim.expect_events(&[]);
    sim.got("p1", &["6"]);
    sim.advance(secs(1));
    sim.expect_events(&told);

    let mut sim = Sim::with(face, change);
    sim.connect("/");
    sim.advance(secs(5));
    let failed = format!("polling: {}", TransportError::Timeout);
    sim.expect_events(&[
        &format!("open failed: {failed}"),
        &format!("connect error 0: {failed}"),
        "waiting 1 1000",
    ]);
}

/// A GET that waits is no sign that the connection is gone, and nothing can be asked.
pub fn waking_up_does_not_end_a_session<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    sim.connect("/");
    sim.open_polling("p1", &[]);
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    sim.events();
    sim.lines();
    sim.manager.resume(sim.now);
    sim.advance(secs(5));
    sim.expect_events(&[]);
    sim.expect_lines(&[]);
}

/// The answer to a POST is no receipt for a packet whose attachments had no room in it.
pub fn a_body_is_a_receipt_for_what_is_in_it<F: Face>(face: &F) {
    let mut sim = Sim::with(face, polling_only);
    let socket = sim.connect("/");
    sim.drain();
    let size = face.event_wire(1, 3).len() + "453-".len();
    sim.got_raw("p1", &face.handshake_wire("E1", &[], 25_000, 20_000, size));
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    sim.events();
    sim.try_emit(socket, 1, &[5, 6, 7], EmitOptions::default()).unwrap();
    assert!(matches!(sim.manager.flush(socket), Flush::Pending(_)));
    sim.lines();
    sim.posted("p1");
    sim.expect_events(&[]);
    while !sim.lines().is_empty() {
        sim.posted("p1");
    }
    sim.expect_events(&["flushed 0 #0 true"]);
}
