//! What is told when events may be missing.

use std::time::Duration;

use socketio_client_core::{Gap, GapReason, SocketId, SocketOptions};

use crate::{EPOCH, Face, Sim, millis, secs};

fn connected_as<F: Face>(sim: &mut Sim<'_, F>, answer: &str) -> SocketId {
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", answer);
    sim.lines();
    sim.events();
    socket
}

/// The next connection's answer; what the application is told.
fn next<F: Face>(sim: &mut Sim<'_, F>, old: &str, new: &str, answer: &str) -> Vec<String> {
    sim.goodbye(old);
    sim.advance(secs(1));
    sim.open_websocket(new);
    sim.events();
    sim.server(new, answer);
    sim.lines();
    sim.events()
}

fn last<F: Face>(sim: &Sim<'_, F>, socket: SocketId) -> Gap {
    *sim.manager.status(socket).last_gap.unwrap()
}

/// The first connection has nothing to miss, one that was resumed has missed nothing, and neither has a gap.
pub fn none_where_nothing_is_missing<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = connected_as(&mut sim, "40{S1 P1}");
    assert_eq!(sim.manager.status(socket).last_gap, None);
    sim.server("w1", "42<1@1>");
    sim.events();
    assert_eq!(next(&mut sim, "w1", "w2", "40{S1 P1}"), ["connected 0 recovered true replayed 0"]);
    assert_eq!(sim.manager.status(socket).last_gap, None);

    // The first one may have been asked for twice.
    let mut sim = Sim::new(face);
    sim.connect("/");
    sim.open_websocket("w1");
    sim.lines();
    assert_eq!(next(&mut sim, "w1", "w2", "40{S1 P1}"), ["connected 0"]);
}

/// Each has its reason.
pub fn why_events_may_be_missing<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    connected_as(&mut sim, "40{S1}");
    assert_eq!(next(&mut sim, "w1", "w2", "40{S2}"), ["connected 0", "gap 0 none-offered"]);

    let mut sim = Sim::new(face);
    connected_as(&mut sim, "40{S1 P1}");
    assert_eq!(next(&mut sim, "w1", "w2", "40{S2 P2}"), ["connected 0", "gap 0 no-offset"]);

    let mut sim = Sim::new(face);
    let socket = connected_as(&mut sim, "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    sim.events();
    assert_eq!(next(&mut sim, "w1", "w2", "40{S2 P2}"), ["connected 0", "gap 0 unknown-session"]);
    sim.server("w2", "41");
    sim.lines();
    sim.events();
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w3");
    sim.events();
    sim.server("w3", "40{S3 P3}");
    sim.expect_events(&["connected 0", "gap 0 namespace-disconnect"]);

    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    connected_as(&mut sim, "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    for _ in 0..3 {
        sim.server("w2", "42<2>");
    }
    sim.advance(secs(2));
    sim.lines();
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.expect_lines(&["w3 40"]);
    sim.events();
    sim.server("w3", "40{S2 P2}");
    sim.expect_events(&["connected 0", "gap 0 overflow"]);

    let mut sim = Sim::new(face);
    let socket = sim.manager.socket("/", SocketOptions::default());
    sim.manager.restore_session(socket, None);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.events();
    sim.server("w1", "40{S1 P1}");
    sim.expect_events(&["connected 0", "gap 0 storage"]);

    // A shell that looks while the core waits for an address. Later it is too late.
    let mut sim = Sim::with(face, |config| config.ask_address = true);
    let sockets = ["/", "/late"].map(|name| sim.connect(name));
    sim.expect_lines(&["resolve"]);
    sim.manager.restore_session(sockets[0], None);
    sim.resolve_in_place(&[]);
    sim.manager.restore_session(sockets[1], None);
    sim.open_websocket("w1");
    sim.events();
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "40/late,{S2 P2}");
    sim.expect_events(&["connected 0", "gap 0 storage", "connected 1"]);
}

/// Another server has events of its own.
pub fn another_node_knows_nothing<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.transports.truncate(1);
        config.others = vec![socketio_client_core::Address::parse("http://other").unwrap()];
    });
    connected_as(&mut sim, "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    sim.cut("w1");
    sim.advance(secs(1));
    sim.refuse("w2");
    // The first server does not answer: on with the other, at once.
    sim.refuse("w3");
    sim.lines();
    sim.ws_opened("w4");
    sim.handshake("w4", &[]);
    sim.expect_lines(&["w4 40<P1@1>"]);
    sim.events();
    sim.server("w4", "40{S2 P2}");
    sim.expect_events(&["connected 0", "gap 0 new-node"]);
    // It is the first to be tried from now on, and the one that failed comes last.
    assert_eq!(sim.manager.config_mut().address.host, "other");
    sim.cut("w4");
    sim.advance(secs(1));
    sim.refuse("w5");
    sim.refuse("w6");
    assert_eq!(sim.events().last().unwrap(), "waiting 2 2000");
}

/// Where only the query is asked for, the server that worked last is tried first, and none is forgotten.
pub fn several_servers_stay_where_the_query_is_asked_for<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.transports.truncate(1);
        config.ask_address = true;
        config.others = vec![socketio_client_core::Address::parse("http://other").unwrap()];
    });
    sim.connect("/");
    sim.expect_lines(&["resolve"]);
    sim.resolve_in_place(&[("k", "1")]);
    sim.expect_lines(&["open w1"]);
    sim.refuse("w1");
    sim.open_websocket("w2");
    for (old, new) in [("w2", "w3"), ("w3", "w4")] {
        sim.cut(old);
        sim.advance(secs(2));
        assert_eq!(sim.lines().last().unwrap(), "resolve");
        sim.resolve_in_place(&[("k", "2")]);
        sim.open_websocket(new);
        let config = sim.manager.config_mut();
        assert_eq!(config.address.host, "other");
        assert_eq!(config.others.len(), 1);
        assert_ne!(config.others[0].host, "other");
        assert_eq!(config.query, [("k".to_string(), "2".to_string())]);
    }
}

/// What is known of it.
pub fn a_gap_says_what_is_known<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = connected_as(&mut sim, "40{S1 P1}");
    sim.advance(secs(3));
    sim.server("w1", "42<1@7>");
    sim.advance(secs(2));
    sim.raw("w1", "2");
    let unix = |sim: &Sim<'_, F>| Duration::from_millis(EPOCH) + sim.now.since_epoch();
    let since = unix(&sim);
    sim.lines();
    sim.advance(secs(4));
    next(&mut sim, "w1", "w2", "40{S2 P2}");
    let gap = last(&sim, socket);
    assert_eq!((gap.recovered, gap.exact, gap.reason), (false, false, GapReason::UnknownSession));
    assert_eq!((gap.since, gap.until, gap.outage), (since, unix(&sim), secs(5)));
    assert_eq!(gap.last_offset.unwrap().millis, EPOCH + 7);
    assert_eq!(gap.last_event_at, Some(since - secs(2)));
    assert_eq!((gap.possibly_missed, gap.server_knew), (None, true));
}

/// An application that leaves on a silent connection.
pub fn who_leaves_misses_what_came_after_the_last_word<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = connected_as(&mut sim, "40{S1 P1}");
    sim.server("w1", "42<1@7>");
    let since = Duration::from_millis(EPOCH) + sim.now.since_epoch();
    sim.advance(secs(3));
    sim.manager.disconnect(socket, sim.now);
    sim.advance(secs(2));
    sim.lines();
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w2");
    sim.server("w2", "40{S2 P2}");
    assert_eq!(last(&sim, socket).since, since);
}

fn resyncing<F: Face>(sim: &mut Sim<'_, F>) -> SocketId {
    let socket = sim.connect("/");
    sim.manager.set_resync(socket, true);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.events();
    socket
}

/// Live events wait until what was missed is made good. Answers do not.
pub fn events_wait_for_a_resync<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = resyncing(&mut sim);
    assert_eq!(next(&mut sim, "w1", "w2", "40{S2}"), ["connected 0", "gap 0 none-offered resync"]);
    sim.server("w2", "42<1>");
    sim.server("w2", "425<2>");
    sim.emit_with_ack(socket, 7, None);
    sim.expect_lines(&["w2 420<7>"]);
    sim.server("w2", "430<8>");
    sim.expect_events(&["ack 0 #0: 8"]);
    // Another gap before that: an end of the first time is none of the second.
    assert_eq!(next(&mut sim, "w2", "w3", "40{S3}"), ["connected 0", "gap 0 none-offered resync"]);
    sim.server("w3", "42<3>");
    let (first, second) = (sim.resyncs.pop_front().unwrap(), sim.resyncs.pop_front().unwrap());
    sim.manager.resynced(first);
    sim.expect_events(&[]);
    sim.manager.resynced(second);
    sim.expect_events(&["message 0 1", "message 0 2 wants ack", "message 0 3"]);
    sim.server("w3", "42<4>");
    sim.expect_events(&["message 0 4"]);
    // An answer to an event of a connection that is gone does not reach the next one.
    let stale = sim.wanted_acks.pop_front().unwrap();
    assert!(sim.manager.ack(stale, face.ack(1), sim.now).is_err());
}

/// As many as the buffer takes.
pub fn events_that_wait_are_bounded<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    let socket = resyncing(&mut sim);
    next(&mut sim, "w1", "w2", "40{S2 P2}");
    for _ in 0..3 {
        sim.server("w2", "42<1@1>");
    }
    assert_eq!(sim.events()[0], "closed parse error");
    sim.advance(millis(2000));
    sim.lines();
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.expect_lines(&["w3 40"]);
    sim.events();
    sim.server("w3", "40{S3 P3}");
    sim.expect_events(&["connected 0", "gap 0 overflow resync"]);
    assert!(sim.manager.status(socket).connected);
}

/// Who leaves does not wait for anything.
pub fn leaving_ends_a_resync<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = resyncing(&mut sim);
    next(&mut sim, "w1", "w2", "40{S2}");
    sim.server("w2", "42<1>");
    sim.manager.disconnect(socket, sim.now);
    sim.events();
    let resync = sim.resyncs.pop_front().unwrap();
    sim.manager.resynced(resync);
    sim.expect_events(&[]);
}

/// Events that waited and are thrown away are missing: the next gap begins where they did.
pub fn what_waited_in_vain_is_missing<F: Face>(face: &F) {
    for end in ["leave", "thrown out", "overflow"] {
        let mut sim = Sim::with(face, |config| config.buffer_size = 2);
        let socket = resyncing(&mut sim);
        next(&mut sim, "w1", "w2", "40{S2 P2}");
        let joined = sim.manager.status(socket).last_gap.unwrap().until;
        sim.advance(millis(500));
        sim.server("w2", "42<1@1>");
        sim.advance(millis(500));
        match end {
            "leave" => sim.manager.disconnect(socket, sim.now),
            "thrown out" => sim.server("w2", "41"),
            _ => (0..2).for_each(|_| sim.server("w2", "42<1@1>")),
        }
        sim.lines();
        sim.events();
        sim.manager.connect(socket, sim.now);
        sim.advance(millis(2000));
        sim.open_websocket("w3");
        sim.server("w3", "40{S3 P3}");
        assert_eq!(sim.manager.status(socket).last_gap.unwrap().since, joined, "{end}");
    }
}

/// It may be what was replayed that is too much: the connection ends there, and what is left of it is missing too.
pub fn a_replay_that_is_too_much_for_a_resync<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 3);
    let socket = resyncing(&mut sim);
    next(&mut sim, "w1", "w2", "40{S2 P2}");
    let joined = sim.manager.status(socket).last_gap.unwrap().until;
    sim.server("w2", "42<1@1>");
    sim.server("w2", "42<2@2>");
    sim.goodbye("w2");
    sim.advance(secs(1));
    sim.lines();
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.expect_lines(&["w3 40<P2@2>"]);
    sim.events();
    for wire in ["42<3@3>", "42<4@4>", "42<5@5>", "40{S2 P2}"] {
        sim.server("w3", wire);
    }
    sim.expect_events(&[
        "connected 0 recovered true replayed 0",
        "closed parse error",
        "disconnected 0 parse error",
        "waiting 1 1000",
    ]);
    sim.manager.resynced(sim.resyncs.pop_front().unwrap());
    sim.expect_events(&[]);
    sim.advance(secs(1));
    sim.lines();
    sim.ws_opened("w4");
    sim.handshake("w4", &[]);
    sim.expect_lines(&["w4 40"]);
    sim.events();
    sim.server("w4", "40{S3 P3}");
    sim.expect_events(&["connected 0", "gap 0 overflow resync"]);
    assert_eq!(sim.manager.status(socket).last_gap.unwrap().since, joined);
}
