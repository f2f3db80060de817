//! Telling the server that a connection is gone before its session is asked for again.

use socketio_client_core::{SocketId, TransportError, TransportKind};

use super::upgrade::polling_first;
use crate::{Face, Sim, millis, secs};

/// Connected to `/` over WebSocket on a server that can resume sessions; one event came, with the offset 1.
pub(super) fn offered<F: Face>(sim: &mut Sim<'_, F>) -> SocketId {
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

/// The same, moved to a WebSocket over which nothing has come yet.
fn moved<F: Face>(face: &F) -> Sim<'_, F> {
    let mut sim = Sim::with(face, polling_first);
    offered_by_polling(&mut sim, &["websocket"]);
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.got("p1", &["6"]);
    sim
}

/// The server's answer to a request for a session.
pub(super) fn status(code: u32, cause: &str) -> TransportError {
    TransportError::Status {
        status: 400,
        body: format!(r#"{{"code":{code},"message":"{cause}"}}"#),
        retry_after: None,
    }
}

pub(super) fn unknown() -> TransportError {
    status(1, "Session ID unknown")
}

/// The same to the handshake of a WebSocket.
pub(super) fn unknown_to_websocket() -> TransportError {
    TransportError::Status { status: 400, body: "Session ID unknown".into(), retry_after: None }
}

fn resumed<F: Face>(sim: &mut Sim<'_, F>, name: &str) {
    sim.events();
    sim.server(name, "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 0"]);
}

/// Resumed once, and lost for the second time, as far as the next attempt.
pub(super) fn lost_again<F: Face>(sim: &mut Sim<'_, F>) {
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
    // Not yet. A server may close the WebSocket for which it has no use, or leave that to us.
    for (held, next, pause, closes) in
        [("w3", "w4", 5, true), ("w4", "w5", 10, false), ("w5", "w6", 20, true)]
    {
        sim.ws_opened(held);
        if closes {
            sim.cut(held);
        }
        sim.advance(millis(pause - 1));
        sim.expect_lines(&[]);
        sim.advance(millis(1));
        let (close, open) = (format!("close {held}"), format!("open {next}"));
        let lines: &[&str] = if closes { &[&open] } else { &[&close, &open] };
        sim.expect_lines(lines);
    }
    sim.closed("w6", unknown_to_websocket());
    sim.ws_opened("w7");
    sim.handshake("w7", &[]);
    sim.expect_lines(&["open w7", "w7 40<P1@1>"]);
    resumed(&mut sim, "w7");
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

/// The server has it still, and nothing will end it: its word is the last.
pub fn what_could_not_be_taken_over_is_not_waited_for<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    lost_again(&mut sim);
    sim.ws_opened("w4");
    sim.cut("w4");
    sim.expect_lines(&["w4 2probe", "open w5"]);
    sim.ws_opened("w5");
    sim.expect_lines(&["close w5", "open w6"]);
    sim.ws_opened("w6");
    sim.handshake("w6", &[]);
    sim.expect_lines(&["w6 40"]);
}

/// Where there is one server, it has noticed by itself: what was resumed once is asked for again.
pub fn what_the_server_has_not_any_more_is_not_taken_over<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    lost_again(&mut sim);
    sim.closed("w4", unknown_to_websocket());
    sim.ws_opened("w5");
    sim.handshake("w5", &[]);
    sim.expect_lines(&["open w5", "w5 40<P1@1>"]);
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

/// A polling session is ended with a close packet. That it was taken is as good as the server's word: what was resumed once is
/// asked for again.
pub fn a_polling_session_is_ended<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::Polling]);
    offered_by_polling(&mut sim, &[]);
    for (lost, asked, next) in [("p1", "p2", "p3"), ("p3", "p4", "p5")] {
        sim.cut(lost);
        sim.advance(secs(1));
        sim.expect_lines(&[&format!("post {asked} 1")]);
        sim.posted(asked);
        sim.expect_lines(&[&format!("close {asked}"), &format!("get {next}")]);
        let handshake = sim.face.handshake_wire("E2", &[], 25_000, 20_000, 1_000_000);
        sim.got_raw(next, &handshake);
        sim.expect_lines(&[&format!("get {next}"), &format!("post {next} 40<P1@1>")]);
        sim.posted(next);
        sim.events();
        sim.got(next, &["40{S1 P1}"]);
        sim.expect_events(&["connected 0 recovered true replayed 0"]);
        sim.lines();
    }
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

/// It had it, and has noticed: what was resumed once is asked for again.
pub fn a_shell_without_status_hears_the_servers_word<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.tells_status = false);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.closed("p1", unknown());
    sim.ws_opened("w2");
    sim.handshake("w2", &[]);
    resumed(&mut sim, "w2");
    sim.cut("w2");
    sim.advance(secs(1));
    sim.closed("p2", status(3, "Bad request"));
    sim.ws_opened("w3");
    sim.raw("w3", "3probe");
    sim.closed("p3", unknown());
    sim.lines();
    sim.ws_opened("w4");
    sim.handshake("w4", &[]);
    sim.expect_lines(&["w4 40<P1@1>"]);
}

/// A session that has moved to WebSocket cannot move again. Once, it is asked for all the same: nothing can go wrong with
/// one that was not resumed before. Then not any more.
pub fn an_upgraded_session_is_asked_for_once<F: Face>(face: &F) {
    let mut sim = moved(face);
    sim.server("w1", "42<2@2>");
    sim.lines();
    for (time, claim) in [(1, "40<P1@2>"), (2, "40")] {
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
            sim.raw("w2", "2");
            sim.lines();
            sim.events();
        } else {
            sim.got(&next, &["40{S2 P2}"]);
            sim.expect_events(&["connected 0", "gap 0 server-not-noticed"]);
        }
    }
}

/// A server that has given an upgrade up closes its WebSocket, and has the session where it was: there it is ended.
pub fn a_session_that_did_not_move_is_ended<F: Face>(face: &F) {
    let mut sim = moved(face);
    sim.lines();
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.expect_lines(&["post p2 1"]);
    sim.posted("p2");
    sim.expect_lines(&["close p2", "get p3"]);
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

/// Another WebSocket is on its way to the place of the one that was cut: it is opened, it asks, or it was there, and now the
/// server is asked whether it has noticed.
fn taking_over<F: Face>(face: &F, step: usize) -> Sim<'_, F> {
    let mut sim = Sim::new(face);
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    if step > 0 {
        sim.ws_opened("w2");
    }
    if step > 1 {
        sim.raw("w2", "3probe");
    }
    sim.lines();
    sim
}

/// Nobody can be asked, or asked again, without a network.
pub fn a_takeover_ends_with_the_network<F: Face>(face: &F) {
    for step in 0..3 {
        let mut sim = taking_over(face, step);
        sim.manager.set_online(false, sim.now);
        sim.lines();
        assert!((2..9).all(|number| !sim.is_open(&format!("w{number}"))), "{step}");
    }
}

/// What says nothing of the session is no reason to ask again.
pub fn an_answer_of_somebody_else_ends_a_takeover<F: Face>(face: &F) {
    let mut sim = taking_over(face, 2);
    let error = TransportError::Status { status: 502, body: "Bad Gateway".into(), retry_after: None };
    sim.closed("w3", error);
    sim.expect_lines(&["open w4"]);
    sim.ws_opened("w4");
    sim.handshake("w4", &[]);
    sim.expect_lines(&["w4 40<P1@1>"]);
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

/// A process that is stopped says nothing, and goes on with its sessions: after that the clock is no reason to ask for one.
pub fn silence_is_not_the_clock<F: Face>(face: &F) {
    for silent in [true, false] {
        let mut sim = Sim::with(face, |config| {
            config.reconnection_delay = secs(66);
            config.reconnection_delay_max = secs(66);
        });
        offered(&mut sim);
        sim.cut("w1");
        sim.advance(secs(66));
        sim.closed("w2", unknown_to_websocket());
        sim.ws_opened("w3");
        sim.handshake("w3", &[]);
        resumed(&mut sim, "w3");
        sim.cut("w3");
        sim.advance(secs(66));
        sim.lines();
        if silent {
            sim.advance(secs(1));
        } else {
            sim.refuse("w4");
        }
        sim.ws_opened("w5");
        sim.handshake("w5", &[]);
        sim.refuse("w6");
        sim.lines();
        sim.ws_opened("w7");
        sim.handshake("w7", &[]);
        sim.expect_lines(&[if silent { "w7 40" } else { "w7 40<P1@1>" }]);
    }
}
