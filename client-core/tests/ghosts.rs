//! Connections that are gone, where more than one is remembered, or there is hardly time to ask about them.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/integer.rs"]
mod integer;

use integer::Integer;
use scenarios::{Sim, millis, secs};
use socketio_client_core::{Address, Config, SocketId, TransportError, TransportKind};

fn websocket_only(change: impl FnOnce(&mut Config)) -> Sim<'static, Integer> {
    Sim::with(&Integer, |config| {
        config.transports = vec![TransportKind::WebSocket];
        change(config);
    })
}

/// Connected to `/`, where an event came.
fn offered(sim: &mut Sim<'_, Integer>) -> SocketId {
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    sim.lines();
    sim.events();
    socket
}

fn unknown() -> TransportError {
    TransportError::Status { status: 400, body: "Session ID unknown".into() }
}

/// Two namespaces, each with its session on a connection of its own, the second of which is cut.
fn two_ghosts(sim: &mut Sim<'_, Integer>) {
    let socket = offered(sim);
    sim.connect("/a");
    sim.server("w1", "40/a,{S2 P2}");
    sim.server("w1", "42/a,<1@1>");
    sim.cut("w1");
    sim.advance(secs(1));
    sim.refuse("w2");
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    // About the first one it is asked when it is there, in vain.
    sim.refuse("w4");
    sim.ws_opened("w5");
    sim.handshake("w5", &[]);
    sim.server("w5", "44!");
    sim.server("w5", "40/a,{S2 P2}");
    sim.cut("w5");
    sim.manager.connect(socket, sim.now);
    sim.lines();
    sim.events();
    sim.advance(secs(1));
    sim.expect_lines(&["open w6"]);
}

/// Another server refused the namespace in between. Its session is where it was.
#[test]
fn a_refusal_elsewhere_does_not_move_the_session() {
    for (back, reason) in [(false, "gap 0 new-node"), (true, "gap 0 unknown-session")] {
        let mut sim = websocket_only(|config| config.others = vec![Address::parse("http://other").unwrap()]);
        let socket = offered(&mut sim);
        sim.goodbye("w1");
        sim.advance(secs(1));
        sim.refuse("w2");
        sim.ws_opened("w3");
        sim.handshake("w3", &[]);
        sim.server("w3", "44!");
        sim.lines();
        assert_eq!(sim.manager.config_mut().address.host, "other");
        sim.manager.connect(socket, sim.now);
        sim.expect_lines(&["open w4"]);
        let next = if back {
            sim.refuse("w4");
            assert_eq!(sim.manager.config_mut().address.host, "server");
            "w5"
        } else {
            "w4"
        };
        sim.ws_opened(next);
        sim.handshake(next, &[]);
        sim.events();
        sim.server(next, "40{S2 P2}");
        sim.expect_events(&["connected 0", reason]);
    }
}

/// What a silent server takes of the time is not the attempt's.
#[test]
fn asking_takes_no_time_from_the_attempt() {
    for timeout in [400, 1_000, 1_001] {
        let mut sim = websocket_only(|config| config.timeout = millis(timeout));
        offered(&mut sim);
        sim.cut("w1");
        sim.advance(secs(1));
        sim.expect_lines(&["open w2"]);
        sim.advance(secs(1));
        sim.expect_lines(&["close w2", "open w3"]);
        sim.events();
        sim.advance(millis(timeout - 1));
        sim.expect_lines(&[]);
        sim.advance(millis(1));
        sim.expect_lines(&["close w3"]);
        assert_eq!(sim.events()[0], "open failed: timeout");
    }
}

/// The server is reached when the time is nearly over: to be asked, and to be reached once more, it takes as much again.
#[test]
fn a_server_that_was_reached_late_is_reached_again() {
    let mut sim = websocket_only(|config| config.timeout = millis(1_000));
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.advance(secs(1));
    sim.expect_lines(&["open w2", "close w2", "open w3"]);
    sim.advance(millis(999));
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.expect_lines(&["open w4", "close w3"]);
    sim.advance(secs(1));
    sim.expect_lines(&["close w4", "open w5"]);
    sim.advance(millis(999));
    sim.ws_opened("w5");
    sim.handshake("w5", &[]);
    sim.expect_lines(&["w5 40<P1@1>"]);
}

/// Several connections share the time in which a server is asked. About those for which there was none it is asked when it
/// has been reached, and they share that time too.
#[test]
fn the_time_is_for_all_connections_together() {
    let mut sim = websocket_only(|_| ());
    two_ghosts(&mut sim);
    sim.ws_opened("w6");
    sim.raw("w6", "3probe");
    sim.expect_lines(&["w6 2probe", "w6 5", "close w6", "open w7"]);
    sim.advance(millis(1_000));
    sim.expect_lines(&["close w7", "open w8"]);
    sim.ws_opened("w8");
    sim.handshake("w8", &[]);
    sim.expect_lines(&["open w9", "close w8"]);
    sim.advance(millis(999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["close w9", "open w10"]);
    sim.ws_opened("w10");
    sim.handshake("w10", &[]);
    assert_eq!(sim.lines().len(), 2, "both namespaces connect");
}

/// A server that answers at once is asked about each.
#[test]
fn what_is_left_of_the_time_is_for_the_next() {
    let mut sim = websocket_only(|_| ());
    two_ghosts(&mut sim);
    sim.advance(millis(600));
    sim.closed("w6", unknown());
    sim.expect_lines(&["open w7"]);
    sim.advance(millis(399));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["close w7", "open w8"]);
}

/// No time at all: nothing is asked.
#[test]
fn without_time_nothing_is_asked() {
    let mut sim = websocket_only(|config| config.recovery_takeover_timeout = millis(0));
    offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.ws_opened("w2");
    sim.handshake("w2", &[]);
    sim.expect_lines(&["open w2", "w2 40<P1@1>"]);
}
