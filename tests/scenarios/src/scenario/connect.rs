//! Connecting to namespaces, and leaving them.

use socketio_client_core::{Auth, SocketOptions, State, TransportError, TransportKind};

use crate::{Face, Sim, millis, secs};

/// The first namespace opens the connection.
pub fn opens_the_connection_and_then_the_namespace<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    assert_eq!(sim.manager.state(), State::Disconnected);
    let socket = sim.connect("/");
    assert_eq!(sim.manager.state(), State::Connecting);
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40"]);
    sim.expect_events(&["opened websocket"]);
    assert!(!sim.manager.status(socket).connected && sim.manager.status(socket).active);
    sim.server("w1", "40{S1}");
    sim.expect_events(&["connected 0"]);
    assert_eq!(sim.manager.status(socket).id, Some("S1"));
    assert_eq!(sim.manager.state(), State::Connected);
    sim.expect_lines(&[]);
}

/// Four namespaces share one connection; a refused one and an unknown one leave the others alone.
pub fn namespaces_share_one_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    for namespace in ["/", "/a", "/b", "/c"] {
        sim.connect(namespace);
    }
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40", "w1 40/a,", "w1 40/b,", "w1 40/c,"]);
    sim.server("w1", "40{S0}");
    sim.server("w1", "44/a,!");
    sim.server("w1", "40/b,{S2}");
    sim.server("w1", "44/c,!");
    sim.expect_events(&[
        "opened websocket",
        "connected 0",
        "connect error 1: refused",
        "connected 2",
        "connect error 3: refused",
    ]);
    sim.server("w1", "42/b,<5>");
    sim.server("w1", "42<6>");
    sim.expect_events(&["message 2 5", "message 0 6"]);
    let later = sim.connect("/d");
    sim.expect_lines(&["w1 40/d,"]);
    sim.server("w1", "40/d,{S4}");
    sim.expect_events(&["connected 4"]);
    assert!(sim.manager.status(later).connected);
}

/// A refused namespace is not asked for again by itself, and the connection that nobody uses is closed.
pub fn a_refusal_is_final_until_connect<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40"]);
    sim.server("w1", "44!");
    sim.expect_lines(&["close w1"]);
    sim.expect_events(&["opened websocket", "closed forced close", "connect error 0: refused"]);
    assert!(!sim.manager.status(socket).active);
    sim.advance(secs(60));
    sim.expect_lines(&[]);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w2"]);
}

/// Connecting twice sends one CONNECT: a second one would make the server close the connection.
pub fn connect_is_idempotent<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["w1 40"]);
    sim.manager.connect(socket, sim.now);
    sim.server("w1", "40{S1}");
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&[]);
}

/// Authentication data is sent with CONNECT.
pub fn auth_travels_with_connect<F: Face>(face: &F) {
    let auth = face.auth("token");
    let mut sim = Sim::new(face);
    sim.connect_with("/", Auth::Value(auth));
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40<token>"]);
}

/// Where it is asked for, CONNECT waits, and each attempt asks again.
pub fn auth_is_asked_again_at_every_attempt<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect_with("/", Auth::Ask);
    sim.open_websocket("w1");
    sim.expect_lines(&[]);
    sim.expect_events(&["opened websocket", "authenticate 0"]);
    let request = sim.auth_requests.pop_front().unwrap();
    let auth = sim.face.auth("token");
    sim.manager.authenticate(request, Ok(Some(auth)), sim.now);
    sim.expect_lines(&["w1 40<token>"]);
    sim.server("w1", "40{S1}");
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    let stale = request;
    let request = sim.auth_requests.pop_front().unwrap();
    let auth = sim.face.auth("token");
    sim.manager.authenticate(stale, Ok(Some(auth)), sim.now);
    sim.expect_lines(&[]);
    let auth = sim.face.auth("renewed");
    sim.manager.authenticate(request, Ok(Some(auth)), sim.now);
    sim.expect_lines(&["w2 40<renewed>"]);
}

/// A provider that fails is reported like a refusal.
pub fn auth_that_fails_is_reported<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect_with("/", Auth::Ask);
    sim.open_websocket("w1");
    let request = sim.auth_requests.pop_front().unwrap();
    sim.manager.authenticate(request, Err("no token".into()), sim.now);
    sim.expect_events(&[
        "opened websocket",
        "authenticate 0",
        "closed forced close",
        "connect error 0: no authentication data: no token",
    ]);
    assert!(!sim.manager.status(socket).active);
    sim.expect_lines(&["close w1"]);
}

/// The application leaves: what was emitted goes first, then, once the server has read it, DISCONNECT, then the transport
/// closes.
pub fn disconnect_flushes_and_closes<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["w1 42<1>", "w1 ping"]);
    sim.expect_events(&["closed forced close", "disconnected 0 io client disconnect"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 41", "close w1"]);
    sim.advance(secs(120));
    sim.expect_lines(&[]);
    assert_eq!(sim.manager.state(), State::Disconnected);
}

/// The client is closed: it leaves all namespaces, and a connection that was lost is not made again.
pub fn closing_leaves_all<F: Face>(face: &F) {
    for is_open in [true, false] {
        let mut sim = Sim::new(face);
        sim.connected();
        sim.connect("/a");
        sim.server("w1", "40/a,{S2}");
        sim.lines();
        if !is_open {
            sim.cut("w1");
        }
        sim.manager.close(sim.now);
        sim.drain();
        sim.advance(secs(120));
        assert_eq!(
            (sim.manager.state(), sim.is_open("w1"), sim.is_open("w2")),
            (State::Disconnected, false, false)
        );
    }
}

/// Where nobody can ask whether the server has read everything, it is given a moment; and if it never answers, no more than
/// `close_timeout`.
pub fn a_goodbye_gives_the_server_a_moment<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.websocket_ping = false);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["w1 42<1>"]);
    sim.advance(millis(199));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["w1 41", "close w1"]);

    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["w1 42<1>", "w1 ping"]);
    sim.advance(secs(2));
    sim.expect_lines(&["close w1"]);
}

/// Nothing waits where nothing was sent, or where the application wants it so.
pub fn a_goodbye_can_be_said_at_once<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["w1 41", "close w1"]);

    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.manager.disconnect_at_once(socket, sim.now);
    sim.expect_lines(&["w1 42<1>", "w1 41", "close w1"]);
}

/// A namespace that is left while the connection goes on waits in the same way, and so does its next CONNECT.
pub fn a_namespace_is_left_once_its_events_are_read<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let root = sim.connected();
    let other = sim.connect("/a");
    sim.server("w1", "40/a,{S2}");
    sim.lines();
    sim.emit(other, 1);
    sim.manager.disconnect(other, sim.now);
    sim.manager.connect(other, sim.now);
    sim.emit(root, 2);
    sim.expect_lines(&["w1 42/a,<1>", "w1 ping", "w1 42<2>"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 41/a,", "w1 ping"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 40/a,"]);
}

/// Leaving one namespace keeps the connection for the others.
pub fn leaving_one_namespace_keeps_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    let admin = sim.connect("/admin");
    sim.expect_lines(&["w1 40/admin,"]);
    sim.server("w1", "40/admin,{S2}");
    sim.manager.disconnect(admin, sim.now);
    sim.expect_lines(&["w1 41/admin,"]);
    sim.expect_events(&["connected 1", "disconnected 1 io client disconnect"]);
    assert!(sim.is_open("w1"));
}

/// A kicked client stays out.
pub fn a_kick_is_final<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.server("w1", "41");
    sim.expect_events(&["closed forced close", "disconnected 0 io server disconnect"]);
    sim.expect_lines(&["close w1"]);
    sim.advance(secs(300));
    sim.expect_lines(&[]);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w2"]);
}

/// Leaving before the answer to CONNECT: the DISCONNECT follows the answer, because the server closes the whole
/// connection over one that comes earlier.
pub fn leaving_while_connecting_leaves_no_ghost<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    let admin = sim.connect("/admin");
    sim.expect_lines(&["w1 40/admin,"]);
    // Twice is once.
    sim.manager.disconnect(admin, sim.now);
    sim.manager.disconnect(admin, sim.now);
    sim.expect_lines(&[]);
    sim.server("w1", "40/admin,{S2}");
    sim.expect_lines(&["w1 41/admin,"]);
    sim.expect_events(&[]);
    sim.manager.connect(admin, sim.now);
    sim.expect_lines(&["w1 ping"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 40/admin,"]);
}

/// Leaving and coming back while the answer is awaited: one CONNECT, and its answer counts.
pub fn coming_back_while_leaving_adopts_the_answer<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    let admin = sim.connect("/admin");
    sim.expect_lines(&["w1 40/admin,"]);
    sim.manager.disconnect(admin, sim.now);
    sim.manager.connect(admin, sim.now);
    sim.server("w1", "40/admin,{S2}");
    sim.expect_lines(&[]);
    sim.expect_events(&["connected 1"]);
}

/// A server that does not answer CONNECT is noticed.
pub fn an_unanswered_connect_is_reported<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.connect_timeout = secs(7));
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40"]);
    sim.events();
    sim.advance(millis(6999));
    sim.expect_events(&[]);
    sim.advance(millis(1));
    let late = "the server did not answer the connection to the namespace in time";
    sim.expect_events(&[&format!("connect error 0: {late}"), "closed transport error", "waiting 1 1000"]);
    assert!(sim.manager.status(socket).active, "it is tried again");
}

/// While other namespaces use the connection it is kept, and a late answer counts.
pub fn a_late_answer_to_connect_counts<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.connect_timeout = secs(7));
    sim.connected();
    sim.connect("/slow");
    sim.advance(secs(8));
    assert_eq!(sim.events().len(), 1);
    assert!(sim.is_open("w1"));
    sim.server("w1", "40/slow,{S2}");
    sim.expect_events(&["connected 1"]);
}

/// A reply without `sid` is a server of version 2; saying so once is enough.
pub fn a_server_of_version_2_is_named<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect("/");
    sim.open_websocket("w1");
    sim.raw("w1", "40");
    let events = sim.events();
    assert!(events.last().unwrap().contains("v2.x"), "{events:?}");
    sim.advance(secs(60));
    sim.expect_lines(&["w1 40", "close w1"]);
}

/// Whoever asks the next connection whether it lives asks nothing about what was written to the one that was left.
pub fn the_next_connection_proves_nothing_of_the_one_before<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.manager.observe_fates(socket, true);
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 42<1>", "w1 ping"]);
    sim.emit(socket, 2);
    sim.expect_lines(&["w1 42<2>"]);
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w2"]);
    sim.ws_opened("w2");
    sim.handshake("w2", &[]);
    sim.manager.resume(sim.now);
    sim.expect_lines(&["w2 40", "w2 ping"]);
    sim.events();
    sim.pong("w1");
    sim.expect_events(&["fate 0 #0 delivered"]);
}

/// A server that answers CONNECT before it has left is not asked any more once the namespace was left, or refused.
pub fn an_answer_before_the_question<F: Face>(face: &F) {
    for answer in ["44/a,!", "40/a,", "40/a,{S2}"] {
        let mut sim = Sim::new(face);
        sim.connected();
        let other = sim.manager.socket("/a", SocketOptions::default());
        sim.manager.connect(other, sim.now);
        sim.writable = false;
        sim.server("w1", answer);
        sim.manager.disconnect(other, sim.now);
        sim.writable = true;
        let mut lines = sim.lines();
        for _ in 0..2 {
            sim.pong("w1");
            lines.extend(sim.lines());
        }
        assert!(!lines.contains(&"w1 40/a,".to_string()), "{answer}");
    }
}

/// Input for a transport that is gone changes nothing.
pub fn late_input_is_ignored<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.cut("w1");
    sim.events();
    sim.server("w1", "42<1>");
    sim.server("w1", "40{S9}");
    sim.closed("w1", TransportError::Offline);
    sim.pong("w1");
    sim.expect_events(&[]);
    sim.expect_lines(&[]);
}

/// An attempt's address can be asked for.
pub fn the_address_can_be_asked_for<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.ask_address = true);
    sim.connect("/");
    sim.expect_lines(&["resolve"]);
    sim.resolve("http://elsewhere", &[("k", "v")]);
    sim.open_websocket("w1");
    sim.cut("w1");
    sim.advance(secs(1));
    assert_eq!(sim.lines().last().unwrap(), "resolve");
    sim.resolve("nonsense", &[]);
    assert!(sim.events().iter().any(|event| event.starts_with("open failed: websocket: the URL")));
}

/// What waits here when the server ends the namespace is not sent into the void, which would make the server close the
/// whole connection, but held for the next time.
pub fn a_kick_keeps_what_was_not_handed_over<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    let admin = sim.connect("/admin");
    sim.server("w1", "40/admin,{S2}");
    sim.server("w1", "42/admin,7<9>");
    sim.lines();
    sim.events();
    sim.writable = false;
    sim.emit(admin, 1);
    sim.emit_with_ack(admin, 2, None);
    sim.manager.ack(sim.wanted_acks[0], face.ack(3), sim.now).unwrap();
    sim.server("w1", "41/admin,");
    sim.expect_events(&["disconnected 1 io server disconnect"]);
    sim.writable = true;
    sim.expect_lines(&[]);
    sim.manager.connect(admin, sim.now);
    sim.server("w1", "40/admin,{S3}");
    sim.expect_lines(&["w1 40/admin,", "w1 42/admin,<1>", "w1 42/admin,0<2>"]);
}

/// Once it is the last one on the connection, a namespace that the server does not answer gets another connection.
pub fn an_unanswered_connect_does_not_outlast_the_others<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let root = sim.connected();
    sim.connect("/slow");
    sim.advance(secs(20));
    assert!(sim.events()[0].starts_with("connect error 1: the server did not answer"));
    sim.manager.disconnect(root, sim.now);
    sim.raw("w1", "2");
    sim.expect_events(&["disconnected 0 io client disconnect"]);
    sim.lines();
    sim.advance(secs(20));
    sim.expect_lines(&["close w1"]);
    let events = sim.events();
    assert_eq!(events.last().unwrap(), "waiting 1 1000", "{events:?}");
}

/// CONNECT does not follow DISCONNECT at once: a Node server that reads both together closes the whole connection.
pub fn coming_back_waits_until_the_server_has_let_go<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let root = sim.connected();
    let admin = sim.connect("/admin");
    sim.server("w1", "40/admin,{S2}");
    sim.lines();
    sim.manager.disconnect(admin, sim.now);
    sim.manager.connect(admin, sim.now);
    sim.emit(root, 1);
    sim.expect_lines(&["w1 41/admin,", "w1 ping", "w1 42<1>"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 40/admin,"]);

    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::Polling]);
    sim.connect("/");
    let admin = sim.connect("/admin");
    sim.open_polling("p1", &[]);
    sim.posted("p1");
    sim.got("p1", &["40{S1}", "40/admin,{S2}"]);
    sim.lines();
    sim.manager.disconnect(admin, sim.now);
    sim.manager.connect(admin, sim.now);
    sim.expect_lines(&["post p1 41/admin,"]);
    sim.posted("p1");
    sim.expect_lines(&["post p1 40/admin,"]);
}

/// A provider that does not answer is reported; a late answer counts.
pub fn a_late_authentication_is_reported_and_counts<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.connect_timeout = secs(7));
    sim.connect_with("/", Auth::Ask);
    sim.open_websocket("w1");
    sim.events();
    sim.advance(secs(8));
    sim.expect_events(&["connect error 0: no authentication data: no answer in time, still waiting"]);
    let request = sim.auth_requests.pop_front().unwrap();
    sim.manager.authenticate(request, Ok(None), sim.now);
    sim.expect_lines(&["w1 40"]);
}

/// Names that cannot be written to the wire are refused here; a slash that is missing is added.
pub fn namespaces_have_names<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect("/a,b");
    sim.expect_events(&["connect error 0: a namespace's name cannot hold a comma"]);
    sim.expect_lines(&[]);
    sim.connect("chat");
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40/chat,"]);
}
