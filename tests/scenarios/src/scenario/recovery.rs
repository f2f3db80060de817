//! Sessions that the server resumes, and what was missed meanwhile.

use socketio_client_core::{Auth, Codec, Config, SocketId};

use crate::{Face, Sim, millis, secs};

/// Connected to `/` on a server that can resume sessions; the last event had this offset.
fn offered<F: Face>(sim: &mut Sim<'_, F>, wires: &[&str]) -> SocketId {
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    for wire in wires {
        sim.server("w1", wire);
    }
    sim.lines();
    sim.events();
    socket
}

/// The server ends the connection, and the next one is opened, as far as CONNECT.
fn cut<F: Face>(sim: &mut Sim<'_, F>, old: &str, new: &str) {
    sim.lines();
    sim.goodbye(old);
    sim.advance(secs(1));
    sim.open_websocket(new);
    sim.events();
}

/// Missed events come right after the connection, before anything that waits to be sent, and once.
pub fn what_was_missed_is_delivered<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1@1>", "42<2@2>"]);
    assert!(!sim.manager.status(socket).recovered);
    sim.goodbye("w1");
    sim.emit(socket, 9);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40<P1@2>"]);
    sim.events();
    sim.server("w2", "42<3@3>");
    sim.server("w2", "42<4@4>");
    sim.expect_events(&[]);
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 2", "message 0 3", "message 0 4"]);
    sim.expect_lines(&["w2 42<9>"]);
    assert!(sim.manager.status(socket).recovered);
    sim.server("w2", "42<5>");
    sim.expect_events(&["message 0 5"]);
    cut(&mut sim, "w2", "w3");
    sim.expect_lines(&["w3 40<P1@4>"]);
}

/// What the server answers with another session is not lost, but nothing was resumed, and the old offset is worth
/// nothing.
pub fn another_session_is_no_recovery<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1@1>"]);
    cut(&mut sim, "w1", "w2");
    sim.server("w2", "42<2>");
    sim.server("w2", "40{S2 P2}");
    sim.expect_events(&["connected 0 early 1", "gap 0 unknown-session", "message 0 2"]);
    assert!(!sim.manager.status(socket).recovered);
    cut(&mut sim, "w2", "w3");
    sim.expect_lines(&["w3 40<P2>"]);
    sim.server("w3", "40{S3}");
    sim.expect_events(&["connected 0", "gap 0 no-offset"]);
    cut(&mut sim, "w3", "w4");
    sim.expect_lines(&["w4 40"]);
}

/// Events that come before a refusal were not meant for us. The session stays, for the next attempt.
pub fn a_refusal_throws_away_what_came_before<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1@1>"]);
    cut(&mut sim, "w1", "w2");
    sim.server("w2", "42<2@2>");
    sim.server("w2", "44!");
    sim.expect_events(&["closed forced close", "connect error 0: refused"]);
    sim.lines();
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w3");
    sim.expect_lines(&["w3 40<P1@1>"]);
    sim.server("w3", "40{S1 P1}");
    assert_eq!(sim.events().last().unwrap(), "connected 0 recovered true replayed 0");
}

/// What came before the answer dies with its connection; it is sent again on the next.
pub fn a_cut_before_the_answer_loses_nothing<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim, &["42<1@1>"]);
    cut(&mut sim, "w1", "w2");
    sim.server("w2", "42<2@2>");
    sim.lines();
    sim.goodbye("w2");
    sim.advance(secs(2));
    sim.open_websocket("w3");
    sim.events();
    sim.server("w3", "42<2@2>");
    sim.server("w3", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 1", "message 0 2"]);
    sim.expect_lines(&["w3 40<P1@1>"]);
}

/// A session that either side has left is over for the server too, and may be somebody else's next time.
pub fn leaving_forgets_the_session<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1@1>"]);
    sim.manager.disconnect(socket, sim.now);
    sim.lines();
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40"]);

    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1@1>"]);
    sim.server("w1", "41");
    sim.lines();
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40"]);

    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1@1>"]);
    sim.goodbye("w1");
    sim.manager.disconnect(socket, sim.now);
    sim.lines();
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40"]);
}

/// An event without an offset leaves the last one standing, and so does one that wants an ack: what looks like an offset
/// there is the application's.
pub fn not_every_event_has_an_offset<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim, &["42<1@1>", "42<2>", "427<3@3>"]);
    cut(&mut sim, "w1", "w2");
    sim.expect_lines(&["w2 40<P1@1>"]);
}

/// What looks like an offset but is of another day, or older than the last, is not one.
pub fn an_offset_is_of_today_and_above_the_last<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    // The clock stands at 1,000 s.
    offered(&mut sim, &["42<1@87500000>"]);
    cut(&mut sim, "w1", "w2");
    sim.expect_lines(&["w2 40<P1>"]);
    sim.server("w2", "40{S1 P1}");
    sim.server("w2", "42<2@3>");
    sim.server("w2", "42<3@1>");
    cut(&mut sim, "w2", "w3");
    sim.expect_lines(&["w3 40<P1@3>"]);
}

/// Authentication data travels with the claim.
pub fn a_claim_carries_the_authentication_data<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect_with("/", Auth::Value(face.auth("token")));
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "42<1@3>");
    cut(&mut sim, "w1", "w2");
    sim.expect_lines(&["w2 40<token P1@3>"]);
}

/// Each namespace has a session of its own.
pub fn namespaces_recover_apart<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim, &["42<1@1>"]);
    sim.connect("/admin");
    sim.server("w1", "40/admin,{S2 P2}");
    sim.server("w1", "42/admin,<2@2>");
    sim.lines();
    cut(&mut sim, "w1", "w2");
    sim.expect_lines(&["w2 40<P1@1>", "w2 40/admin,<P2@2>"]);
    sim.server("w2", "42/admin,<3@3>");
    sim.server("w2", "40{S1 P1}");
    sim.server("w2", "40/admin,{S2 P2}");
    sim.expect_events(&[
        "connected 0 recovered true replayed 0",
        "connected 1 recovered true replayed 1",
        "message 1 3",
    ]);
}

/// Nothing is claimed and nothing said to be resumed where the application wants none of it.
pub fn recovery_can_be_turned_off<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.recovery = false);
    offered(&mut sim, &["42<1@1>"]);
    cut(&mut sim, "w1", "w2");
    sim.expect_lines(&["w2 40"]);
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0", "gap 0 none-offered"]);
}

/// A server that floods before it answers costs no more than the buffer, and its session.
pub fn too_many_events_before_the_answer_end_the_session<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    offered(&mut sim, &["42<1@1>"]);
    cut(&mut sim, "w1", "w2");
    for _ in 0..3 {
        sim.server("w2", "42<2@2>");
    }
    assert_eq!(sim.events()[0], "closed parse error");
    sim.lines();
    sim.advance(millis(2000));
    sim.open_websocket("w3");
    sim.expect_lines(&["w3 40"]);

    let bounds: [fn(&mut Config); 3] = [
        |config| config.buffer_bytes = 3,
        |config| config.limits.packets = 1,
        |config| config.limits.attachment_bytes = 3,
    ];
    for bound in bounds {
        let mut sim = Sim::with(face, bound);
        sim.connect("/");
        sim.open_websocket("w1");
        sim.server("w1", "42<1>");
        sim.server("w1", "42<2>");
        assert!(sim.events().contains(&"closed parse error".to_string()));
    }

    // To the byte.
    let mut size = usize::MAX;
    for _ in 0..2 {
        let mut sim = Sim::with(face, |config| config.buffer_bytes = size);
        sim.connect("/");
        sim.open_websocket("w1");
        sim.server("w1", "42<1>");
        sim.server("w1", "40{S1}");
        sim.expect_events(&["opened websocket", "connected 0 early 1", "message 0 1"]);
        size = face.codec().size(&sim.messages[0]);
    }
}

/// A middleware may send events before the answer to the very first CONNECT. One that wants an ack gets it.
pub fn events_before_the_first_answer_are_delivered<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "427<1>");
    sim.expect_events(&["opened websocket"]);
    sim.server("w1", "40{S1}");
    sim.expect_events(&["connected 0 early 1", "message 0 1 wants ack"]);
    let ack = sim.wanted_acks.pop_front().unwrap();
    sim.manager.ack(ack, face.ack(5), sim.now).unwrap();
    sim.expect_lines(&["w1 40", "w1 437<5>"]);
}

/// The last events of a session that was left do not reach the next one.
pub fn events_do_not_cross_sessions<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    let admin = sim.connect("/admin");
    sim.server("w1", "40/admin,{S2 P2}");
    sim.manager.disconnect(admin, sim.now);
    sim.manager.connect(admin, sim.now);
    sim.lines();
    sim.pong("w1");
    sim.events();
    sim.server("w1", "42/admin,<1@1>");
    sim.server("w1", "40/admin,{S3}");
    sim.expect_events(&["connected 1", "gap 1 namespace-disconnect"]);
}

/// A server that names the session again although nobody has claimed it has resumed nothing. What it repeats is known.
pub fn a_session_that_nobody_claimed_is_not_resumed<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.recovery_takeover = false);
    let socket = offered(&mut sim, &["42<1@1>"]);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40<P1@1>"]);
    sim.server("w2", "40{S1 P1}");
    assert_eq!(sim.events().last().unwrap(), "connected 0 recovered true replayed 0");
    sim.server("w2", "42<2@2>");
    sim.cut("w2");
    sim.advance(secs(1));
    sim.open_websocket("w3");
    sim.expect_lines(&["w3 40"]);
    sim.events();
    sim.server("w3", "42<2@2>");
    sim.server("w3", "42<4@4>");
    sim.server("w3", "40{S1 P1}");
    sim.expect_events(&["connected 0 early 1", "gap 0 server-not-noticed", "message 0 4"]);
    let status = sim.manager.status(socket);
    assert!(!status.recovered && !status.last_gap.unwrap().recovered);
    // It was claimed before, whatever the server says.
    sim.cut("w3");
    sim.advance(secs(1));
    sim.open_websocket("w4");
    sim.expect_lines(&["w4 40"]);
}

/// What was missed before it said so does not come later, behind what was sent after it.
pub fn a_session_is_not_resumed_from_before_a_gap<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.recovery_takeover = false);
    offered(&mut sim, &["42<1@1>"]);
    for (old, new, claim) in [("w1", "w2", "w2 40<P1@1>"), ("w2", "w3", "w3 40")] {
        sim.cut(old);
        sim.advance(secs(1));
        sim.open_websocket(new);
        sim.expect_lines(&[claim]);
        sim.server(new, "40{S1 P1}");
    }
    cut(&mut sim, "w3", "w4");
    sim.expect_lines(&["w4 40<P1>"]);
}

/// Nor has one that was not told from where.
pub fn a_session_without_an_offset_is_not_resumed<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim, &["42<1>"]);
    cut(&mut sim, "w1", "w2");
    sim.expect_lines(&["w2 40<P1>"]);
    sim.server("w2", "42<2@2>");
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0 early 1", "gap 0 no-offset", "message 0 2"]);
    assert!(!sim.manager.status(socket).recovered);
    cut(&mut sim, "w2", "w3");
    sim.expect_lines(&["w3 40<P1@2>"]);
}

/// The session's private id decides: not the public one, and not that of another namespace.
pub fn other_names_are_no_recovery<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim, &["42<1@1>"]);
    sim.connect("/admin");
    sim.server("w1", "40/admin,{S2 P2}");
    sim.server("w1", "42/admin,<2@2>");
    sim.events();
    cut(&mut sim, "w1", "w2");
    sim.server("w2", "40{S1 P2}");
    sim.server("w2", "40/admin,{S2 P1}");
    sim.expect_events(&["connected 0", "gap 0 unknown-session", "connected 1", "gap 1 unknown-session"]);
    sim.lines();
    cut(&mut sim, "w2", "w3");
    sim.expect_lines(&["w3 40<P2>", "w3 40/admin,<P1>"]);
}
