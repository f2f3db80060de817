//! Telling the server that a connection is gone before its session is asked for again.

use socketio_client_core::{SocketId, SocketOptions, TransportError, TransportKind};

use crate::{Face, Sim, millis, secs};

/// Connected to `/` over WebSocket on a server that can resume sessions; one event came, with the offset 1.
fn offered<F: Face>(sim: &mut Sim<'_, F>) -> SocketId {
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    sim.lines();
    sim.events();
    socket
}

/// The same over polling; the next GET waits.
fn offered_by_polling<F: Face>(sim: &mut Sim<'_, F>, upgrades: &[&str]) -> SocketId {
    let socket = sim.connect("/");
    sim.open_polling("p1", upgrades);
    sim.posted("p1");
    sim.got("p1", &["40{S1 P1}", "42<1@1>"]);
    sim.lines();
    sim.events();
    socket
}

/// The server's answer to a request for a session.
fn status(code: u32, cause: &str) -> TransportError {
    TransportError::Status { status: 400, body: format!(r#"{{"code":{code},"message":"{cause}"}}"#) }
}

fn unknown() -> TransportError {
    status(1, "Session ID unknown")
}

/// The same to the handshake of a WebSocket.
fn unknown_to_websocket() -> TransportError {
    TransportError::Status { status: 400, body: "Session ID unknown".into() }
}

fn resumed<F: Face>(sim: &mut Sim<'_, F>, name: &str) {
    sim.events();
    sim.server(name, "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 0"]);
}

/// Resumed once, and lost for the second time, as far as the next attempt.
fn lost_again<F: Face>(sim: &mut Sim<'_, F>) {
    offered(sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.closed("w2", unknown_to_websocket());
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    resumed(sim, "w3");
    sim.cut("w3");
    sim.advance(secs(1));
    sim.lines();
}

/// Another WebSocket takes the place of the one that was cut, and is closed. Once the server has noticed that, the session is
/// resumed.
pub fn a_websocket_is_taken_over<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.expect_lines(&["open w2"]);
    sim.ws_opened("w2");
    sim.expect_lines(&["w2 2probe"]);
    sim.raw("w2", "3probe");
    sim.expect_lines(&["w2 5", "close w2", "open w3"]);
    // Not yet.
    for (held, next, pause) in [("w3", "w4", 5), ("w4", "w5", 10)] {
        sim.ws_opened(held);
        sim.cut(held);
        sim.advance(millis(pause - 1));
        sim.expect_lines(&[]);
        sim.advance(millis(1));
        sim.expect_lines(&[&format!("open {next}")]);
    }
    sim.closed("w5", unknown_to_websocket());
    sim.ws_opened("w6");
    sim.handshake("w6", &[]);
    sim.expect_lines(&["open w6", "w6 40<P1@1>"]);
    resumed(&mut sim, "w6");
}

/// A server may notice by itself while it is told.
pub fn a_takeover_that_comes_too_late<F: Face>(face: &F) {
    for (answered, answer, claim) in [
        (false, unknown_to_websocket(), "40<P1@1>"),
        (true, unknown_to_websocket(), "40<P1@1>"),
        (false, status(3, "Bad request"), "40"),
    ] {
        let mut sim = Sim::new(face);
        lost_again(&mut sim);
        sim.ws_opened("w4");
        sim.expect_lines(&["w4 2probe"]);
        if answered {
            sim.writable = false;
            sim.raw("w4", "3probe");
        }
        sim.cut("w4");
        sim.writable = true;
        sim.expect_lines(&["open w5"]);
        // An answer that is lost is asked for again.
        sim.cut("w5");
        sim.advance(millis(5));
        sim.expect_lines(&["open w6"]);
        sim.closed("w6", answer);
        sim.ws_opened("w7");
        sim.handshake("w7", &[]);
        sim.expect_lines(&["open w7", &format!("w7 {claim}")]);
    }
}

/// One that never notices is not asked to resume a session that it may have resumed before.
pub fn a_server_that_does_not_let_go<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    lost_again(&mut sim);
    sim.ws_opened("w4");
    sim.raw("w4", "3probe");
    sim.expect_lines(&["w4 2probe", "w4 5", "close w4", "open w5"]);
    sim.advance(millis(1000));
    sim.expect_lines(&["close w5", "open w6"]);
    sim.ws_opened("w6");
    sim.handshake("w6", &[]);
    sim.expect_lines(&["w6 40"]);
}

/// A polling session is ended with a close packet.
pub fn a_polling_session_is_ended<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::Polling]);
    offered_by_polling(&mut sim, &[]);
    sim.cut("p1");
    sim.advance(secs(1));
    sim.expect_lines(&["post p2 1"]);
    sim.posted("p2");
    sim.expect_lines(&["close p2", "get p3"]);
    let handshake = sim.face.handshake_wire("E2", &[], 25_000, 20_000, 1_000_000);
    sim.got_raw("p3", &handshake);
    sim.expect_lines(&["get p3", "post p3 40<P1@1>"]);
}

/// Where the status of a refused WebSocket cannot be seen, a GET asks first.
pub fn a_shell_without_status_asks_first<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.tells_status = false);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.expect_lines(&["get p1"]);
    sim.closed("p1", status(3, "Bad request"));
    sim.expect_lines(&["open w2"]);
    sim.ws_opened("w2");
    sim.raw("w2", "3probe");
    sim.expect_lines(&["w2 2probe", "w2 5", "close w2", "get p2"]);
    sim.closed("p2", status(3, "Bad request"));
    sim.advance(millis(5));
    sim.expect_lines(&["get p3"]);
    sim.closed("p3", unknown());
    sim.expect_lines(&["open w3"]);

    let mut sim = Sim::with(face, |config| config.tells_status = false);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.closed("p1", unknown());
    sim.lines();
    sim.ws_opened("w2");
    sim.handshake("w2", &[]);
    sim.expect_lines(&["w2 40<P1@1>"]);
}

/// A session that has moved to WebSocket cannot move again. Once, it is asked for all the same: nothing can go wrong with
/// one that was not resumed before. Then not any more.
pub fn an_upgraded_session_is_asked_for_once<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.transports = vec![TransportKind::Polling, TransportKind::WebSocket];
    });
    offered_by_polling(&mut sim, &["websocket"]);
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.got("p1", &["6"]);
    sim.lines();
    for (time, claim) in [(1, "40<P1@1>"), (2, "40")] {
        sim.cut(&format!("w{time}"));
        sim.advance(secs(1));
        sim.lines();
        let asked = format!("p{}", 2 * time);
        sim.closed(&asked, status(3, "Bad request"));
        let next = format!("p{}", 2 * time + 1);
        sim.expect_lines(&[&format!("get {next}")]);
        let handshake = sim.face.handshake_wire("E2", &["websocket"], 25_000, 20_000, 1_000_000);
        sim.got_raw(&next, &handshake);
        assert!(sim.lines().contains(&format!("post {next} {claim}")));
        sim.posted(&next);
        sim.events();
        if time == 1 {
            sim.got(&next, &["40{S1 P1}"]);
            sim.expect_events(&["connected 0 recovered true replayed 0"]);
            sim.ws_opened("w2");
            sim.raw("w2", "3probe");
            sim.got(&next, &["6"]);
            sim.lines();
        } else {
            sim.got(&next, &["40{S2 P2}"]);
            sim.expect_events(&["connected 0", "gap 0 server-not-noticed"]);
        }
    }
}

/// Whatever else becomes of it, the attempt goes on, in time.
pub fn a_takeover_that_fails_costs_a_second<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.expect_lines(&["open w2"]);
    sim.advance(millis(999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["close w2", "open w3"]);

    let mut sim = Sim::new(face);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.refuse("w2");
    sim.expect_lines(&["open w2", "open w3"]);
    // It was not found out, so the next attempt asks again.
    sim.refuse("w3");
    sim.refuse("p1");
    sim.lines();
    sim.advance(secs(2));
    sim.expect_lines(&["open w4"]);
    sim.ws_opened("w4");
    sim.raw("w4", "3probe");
    sim.expect_lines(&["w4 2probe", "w4 5", "close w4", "open w5"]);

    for wrong in ["2", "0{}", "hello"] {
        let mut sim = Sim::new(face);
        offered(&mut sim);
        sim.cut("w1");
        sim.advance(secs(1));
        sim.ws_opened("w2");
        sim.raw("w2", wrong);
        sim.expect_lines(&["open w2", "w2 2probe", "close w2", "open w3"]);
    }
}

/// A server that could not be asked, and is there a moment later, is asked then: once, and with time to answer.
pub fn a_server_that_comes_back_is_asked_again<F: Face>(face: &F) {
    for takes in [true, false] {
        let mut sim = Sim::with(face, |config| config.timeout = millis(1_010));
        offered(&mut sim);
        sim.cut("w1");
        sim.advance(secs(1));
        // As with a network that swallows everything.
        sim.advance(secs(1));
        sim.expect_lines(&["open w2", "close w2", "open w3"]);
        sim.ws_opened("w3");
        sim.handshake("w3", &[]);
        sim.expect_lines(&["open w4", "close w3"]);
        sim.advance(millis(50));
        let next = if takes {
            sim.ws_opened("w4");
            sim.raw("w4", "3probe");
            sim.expect_lines(&["w4 2probe", "w4 5", "close w4", "open w5"]);
            sim.closed("w5", unknown_to_websocket());
            "w6"
        } else {
            sim.refuse("w4");
            "w5"
        };
        sim.ws_opened(next);
        sim.handshake(next, &[]);
        sim.expect_lines(&[&format!("open {next}"), &format!("{next} 40<P1@1>")]);
    }
}

/// Who leaves meanwhile is not kept.
pub fn leaving_ends_a_takeover<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.lines();
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["close w2"]);
    sim.advance(secs(100));
    sim.expect_lines(&[]);
}

/// A server that has said goodbye is not told. One that must have noticed by itself is asked all the same, for it may have
/// been stopped: then its word counts, and without one the clock does.
pub fn a_server_that_knows_is_not_told<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim);
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.ws_opened("w2");
    sim.handshake("w2", &[]);
    sim.expect_lines(&["open w2", "w2 40<P1@1>"]);

    // A server that has heard anything since its ping waits once more for the answer. The session was resumed before, so it
    // is not claimed early.
    for (delay, answers, claim) in
        [(65, None, "40"), (66, None, "40<P1@1>"), (66, Some(3), "40"), (66, Some(1), "40<P1@1>")]
    {
        let mut sim = Sim::with(face, |config| {
            config.reconnection_delay = secs(delay);
            config.reconnection_delay_max = secs(delay);
            config.tells_status = false;
        });
        offered(&mut sim);
        sim.goodbye("w1");
        sim.advance(secs(delay));
        sim.open_websocket("w2");
        sim.server("w2", "40{S1 P1}");
        sim.lines();
        sim.cut("w2");
        sim.advance(secs(delay));
        // The WebSocket that would take over is never opened; the next one is.
        let (mut lines, mut takes_over, mut said) = (sim.lines(), false, None);
        assert_eq!(lines, ["get p1"]);
        while said.is_none() {
            for line in core::mem::take(&mut lines) {
                match (line.split_once(' ').unwrap(), answers) {
                    (("get", name), Some(3)) => {
                        takes_over = true;
                        sim.closed(name, status(3, "Bad request"));
                    }
                    (("get", name), Some(_)) => sim.closed(name, unknown()),
                    (("get", name), None) => sim.refuse(name),
                    (("open", name), _) if takes_over => {
                        takes_over = false;
                        sim.refuse(name);
                    }
                    (("open", name), _) => {
                        sim.ws_opened(name);
                        sim.handshake(name, &[]);
                    }
                    ((name, connect), _) if name.starts_with('w') => said = Some(connect.to_string()),
                    _ => {}
                }
            }
            lines = sim.lines();
        }
        assert_eq!(said.as_deref(), Some(claim), "{delay} {answers:?}");
    }
}

/// Nothing to resume, nothing to tell: no recovery, no offset, or not wanted.
pub fn no_takeover_without_need<F: Face>(face: &F) {
    for connected in ["40{S1}", "40{S1 P1}"] {
        let mut sim = Sim::new(face);
        sim.connect("/");
        sim.open_websocket("w1");
        sim.server("w1", connected);
        sim.cut("w1");
        sim.advance(secs(1));
        sim.lines();
        sim.ws_opened("w2");
        sim.handshake("w2", &[]);
        assert!(sim.lines()[0].starts_with("w2 40"));
    }
    let mut sim = Sim::with(face, |config| config.recovery_takeover = false);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40<P1@1>"]);
}

/// A claim that was not answered may have been granted: the connection on which it was made is taken over in turn.
pub fn an_unanswered_claim_may_have_been_granted<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    offered(&mut sim);
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40<P1@1>"]);
    sim.server("w2", "42<2@2>");
    sim.cut("w2");
    sim.advance(secs(2));
    sim.expect_lines(&["open w3"]);
    sim.ws_opened("w3");
    sim.raw("w3", "3probe");
    sim.expect_lines(&["w3 2probe", "w3 5", "close w3", "open w4"]);
    sim.closed("w4", unknown_to_websocket());
    sim.ws_opened("w5");
    sim.handshake("w5", &[]);
    sim.expect_lines(&["open w5", "w5 40<P1@1>"]);
    sim.events();
    sim.server("w5", "42<2@2>");
    sim.server("w5", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 1", "message 0 2"]);
}

/// Who leaves and joins again before the answer gets the session that was asked for: it was resumed once.
pub fn an_answer_to_a_claim_that_was_left<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.recovery_takeover = false);
    sim.connect("/a");
    let socket = offered(&mut sim);
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    assert!(sim.lines().contains(&"w2 40<P1@1>".to_string()));
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.server("w2", "40{S1 P1}");
    sim.server("w2", "42<2@2>");
    sim.events();
    sim.cut("w2");
    sim.advance(secs(2));
    sim.open_websocket("w3");
    assert!(sim.lines().contains(&"w3 40".to_string()));
}

/// Where there are several servers, one that does not know the session proves nothing if each keeps its own events.
pub fn an_unknown_session_may_be_elsewhere<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.others = vec![socketio_client_core::Address::parse("http://other").unwrap()];
    });
    offered(&mut sim);
    // Once it was resumed, the second time counts.
    for (old, asked, next, claim) in [("w1", "w2", "w3", "40<P1@1>"), ("w3", "w4", "w5", "40")] {
        sim.cut(old);
        sim.advance(secs(1));
        sim.closed(asked, unknown());
        sim.lines();
        sim.ws_opened(next);
        sim.handshake(next, &[]);
        sim.expect_lines(&[&format!("{next} {claim}")]);
        sim.server(next, "40{S1 P1}");
    }
}

/// A process that took up the session of another tells the server that the other's connection is gone.
pub fn a_restored_session_is_taken_over<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let options = || SocketOptions { saves: true, ..SocketOptions::default() };
    let socket = sim.manager.socket("/", options());
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.expect_lines(&["w1 40"]);
    sim.server("w1", "40{S1 P1}");
    sim.expect_lines(&["save 0"]);
    sim.server("w1", "42<1@1>");
    let saved = sim.manager.saved_session(socket).unwrap();
    assert_eq!(saved.pid, "P1");

    let mut sim = Sim::new(face);
    let socket = sim.manager.socket("/", options());
    sim.manager.restore_session(socket, Some(saved));
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w1"]);
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.expect_lines(&["w1 2probe", "w1 5", "close w1", "open w2"]);
    sim.closed("w2", unknown_to_websocket());
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    // Nobody else may claim it from now on.
    sim.expect_lines(&["open w3", "claim 0", "w3 40<P1@1>"]);
    sim.events();
    sim.server("w3", "42<2@2>");
    sim.server("w3", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 1", "message 0 2"]);
    sim.expect_lines(&["save 0"]);
    sim.manager.disconnect(socket, sim.now);
    assert_eq!(sim.lines()[0], "forget 0");
}
