//! From polling to WebSocket, in the background.

use socketio_client_core::{AckError, Config, Fate, SocketId, TransportError, TransportKind};

use crate::{Face, Sim, secs};

pub(super) fn polling_first(config: &mut Config) {
    config.transports = vec![TransportKind::Polling, TransportKind::WebSocket];
}

impl<'f, F: Face> Sim<'f, F> {
    /// Connected over polling; the probe's WebSocket is being opened and a GET waits.
    fn upgrading(face: &'f F) -> (Self, SocketId) {
        let mut sim = Self::with(face, polling_first);
        let socket = sim.connect("/");
        sim.open_polling("p1", &["websocket", "webtransport"]);
        sim.expect_lines(&["open w1", "get p1", "post p1 40"]);
        sim.posted("p1");
        sim.got("p1", &["40{S1}"]);
        sim.expect_lines(&["get p1"]);
        sim.expect_events(&["opened polling", "connected 0"]);
        (sim, socket)
    }

    /// The probe is answered and the GET released; a POST holds the move up.
    fn pausing(face: &'f F) -> (Self, SocketId) {
        let (mut sim, socket) = Self::upgrading(face);
        sim.ws_opened("w1");
        sim.raw("w1", "3probe");
        sim.lines();
        sim.emit(socket, 1);
        sim.expect_lines(&["post p1 42<1>"]);
        sim.got("p1", &["6"]);
        (sim, socket)
    }
}

/// Probe, answer, the pending GET released by the server, `5`, and everything else over WebSocket.
pub fn the_session_moves_to_websocket<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::upgrading(face);
    sim.ws_opened("w1");
    sim.expect_lines(&["w1 2probe"]);
    sim.raw("w1", "3probe");
    sim.expect_lines(&[]);
    sim.got("p1", &["6"]);
    sim.expect_lines(&["close p1", "w1 5"]);
    sim.expect_events(&["upgrading websocket", "upgraded websocket"]);
    assert_eq!(sim.manager.transport(), Some(TransportKind::WebSocket));
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 42<1>"]);
    sim.server("w1", "42<2>");
    sim.expect_events(&["message 0 2"]);
}

/// Polling goes on during the probe, in both directions.
pub fn polling_goes_on_during_the_probe<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::upgrading(face);
    sim.ws_opened("w1");
    sim.lines();
    sim.emit(socket, 1);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.posted("p1");
    sim.got("p1", &["42<2>"]);
    sim.expect_lines(&["get p1"]);
    sim.expect_events(&["message 0 2"]);
}

/// Writes do not wait for the server to release the GET: they go out by POST until it does.
pub fn writes_go_on_while_the_get_is_released<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::pausing(face);
    sim.emit(socket, 2);
    sim.expect_lines(&[]);
    sim.posted("p1");
    sim.expect_lines(&["close p1", "w1 5", "w1 42<2>"]);
}

/// A probe that cannot be opened costs nothing.
pub fn a_probe_that_fails_keeps_the_session<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::upgrading(face);
    sim.closed("w1", TransportError::NotWebSocket { cause: "status 400".into() });
    assert!(sim.events()[0].starts_with("upgrade failed"));
    sim.emit(socket, 1);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.posted("p1");
    sim.got("p1", &["42<2>"]);
    sim.expect_lines(&["get p1"]);
    sim.expect_events(&["message 0 2"]);
}

/// A probe that is answered by something else is closed.
pub fn a_wrong_answer_to_the_probe_keeps_the_session<F: Face>(face: &F) {
    for wire in ["3", "42<1>", "", "xyz", "6"] {
        let (mut sim, _) = Sim::upgrading(face);
        sim.ws_opened("w1");
        sim.expect_lines(&["w1 2probe"]);
        sim.raw("w1", wire);
        sim.expect_lines(&["close w1"]);
        assert!(sim.events()[0].starts_with("upgrade failed"), "{wire}");
        sim.got("p1", &["42<2>"]);
        sim.expect_lines(&["get p1"]);
    }
}

/// A probe that is never answered is given up.
pub fn a_silent_probe_is_given_up<F: Face>(face: &F) {
    let (mut sim, _) = Sim::upgrading(face);
    sim.ws_opened("w1");
    sim.expect_lines(&["w1 2probe"]);
    sim.advance(secs(10));
    sim.expect_lines(&["close w1"]);
    sim.expect_events(&["upgrade failed: no answer in time"]);
}

/// A probe that breaks after its answer, before the session has moved: polling is taken up again.
pub fn a_probe_that_breaks_late_resumes_polling<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::pausing(face);
    sim.cut("w1");
    sim.expect_lines(&["get p1"]);
    sim.posted("p1");
    sim.emit(socket, 2);
    sim.expect_lines(&["post p1 42<2>"]);
}

/// The application ends the session while it moves: it moves first, what was emitted before leaves, and what is emitted
/// later is held.
pub fn an_end_waits_for_the_move<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::upgrading(face);
    sim.manager.config_mut().reconnection = false;
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.lines();
    sim.emit(socket, 1);
    sim.manager.drop_connection(sim.now);
    sim.emit(socket, 2);
    sim.expect_lines(&["post p1 42<1>"]);
    sim.posted("p1");
    sim.expect_events(&["upgrading websocket"]);
    sim.got("p1", &["6"]);
    sim.expect_lines(&["close p1", "w1 5", "close w1"]);
    sim.expect_events(&["upgraded websocket", "closed forced close", "disconnected 0 forced close"]);
    assert_eq!(sim.manager.held(socket).count(), 1);
}

/// The session cannot move after all: then it ends.
pub fn an_end_waits_no_longer_than_the_move<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::upgrading(face);
    sim.manager.config_mut().reconnection = false;
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.lines();
    sim.manager.drop_connection(sim.now);
    sim.emit(socket, 1);
    sim.expect_lines(&[]);
    sim.cut("w1");
    let events = sim.events();
    assert!(events[1].starts_with("upgrade failed"), "{events:?}");
    assert_eq!(events[2..], ["closed forced close", "disconnected 0 forced close"]);
    sim.expect_lines(&["post p1 1"]);
}

/// The session's end ends the probe too.
pub fn the_end_of_the_session_ends_the_probe<F: Face>(face: &F) {
    let (mut sim, _) = Sim::upgrading(face);
    sim.closed("p1", TransportError::Lost { cause: "reset".into() });
    sim.expect_lines(&["close w1"]);
}

/// No probe where it is not wanted, not offered, or not possible.
pub fn no_probe_without_need<F: Face>(face: &F) {
    for (upgrade, offered, transports) in [
        (false, "websocket", vec![TransportKind::Polling, TransportKind::WebSocket]),
        (true, "webtransport", vec![TransportKind::Polling, TransportKind::WebSocket]),
        (true, "websocket", vec![TransportKind::Polling]),
    ] {
        let mut sim = Sim::with(face, |config| {
            config.upgrade = upgrade;
            config.transports = transports;
        });
        sim.connect("/");
        sim.open_polling("p1", &[offered]);
        sim.expect_lines(&["get p1", "post p1 40"]);
    }
}

/// What worked before is tried first, where that is wanted, until it fails.
pub fn a_remembered_upgrade_starts_with_websocket<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        polling_first(config);
        config.remember_upgrade = true;
    });
    sim.connect("/");
    sim.open_polling("p1", &["websocket"]);
    sim.posted("p1");
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.got("p1", &["40{S1}"]);
    sim.lines();
    sim.cut("w1");
    sim.advance(secs(1));
    sim.expect_lines(&["open w2"]);
    sim.refuse("w2");
    sim.expect_lines(&["get p2"]);
    sim.refuse("p2");
    sim.advance(secs(2));
    sim.expect_lines(&["get p3"]);
}

/// Another manager may have found out that WebSocket works.
pub fn what_works_can_be_told<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        polling_first(config);
        config.remember_upgrade = true;
    });
    assert!(!sim.manager.upgraded_before());
    sim.manager.set_upgraded_before(true);
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    sim.handshake("w1", &[]);
    assert!(sim.manager.upgraded_before());
}

/// The end of the session waits for the move, and so do emits: they leave, but nobody hears what is answered.
pub fn an_end_that_waits_for_the_move_settles_acks<F: Face>(face: &F) {
    let (mut sim, socket) = Sim::pausing(face);
    let emit = sim.emit_with_ack(socket, 2, None);
    sim.manager.drop_connection(sim.now);
    sim.lines();
    sim.events();
    sim.posted("p1");
    sim.expect_lines(&["close p1", "w1 5", "w1 420<2>", "close w1"]);
    assert!(sim.events().contains(&format!("ack 0 #1: {}", AckError::Disconnected)));
    let uncertain = Fate::Uncertain { attempts: 1, last_sent: None, key: None };
    assert_eq!(sim.manager.fate(socket, emit), Some(uncertain));
}
