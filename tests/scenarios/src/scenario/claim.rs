//! When a session is asked for again, and about which connection the server is asked before.

use socketio_client_core::{Address, Instant, SocketId, SocketOptions, TransportKind};

use super::takeover::{lost_again, offered, status, unknown, unknown_to_websocket};
use crate::{EPOCH, Face, Sim, millis, secs};

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

/// A session that is claimed on `w2`, which another namespace keeps open.
fn claimed<F: Face>(face: &F) -> (Sim<'_, F>, SocketId) {
    let mut sim = Sim::with(face, |config| config.recovery_takeover = false);
    sim.connect("/a");
    let socket = offered(&mut sim);
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    assert!(sim.lines().contains(&"w2 40<P1@1>".to_string()));
    (sim, socket)
}

/// Leaves and joins again, and is told of a session whose connection is lost: that one is not claimed.
fn is_not_claimed_again<F: Face>(mut sim: Sim<'_, F>, socket: SocketId, session: &str) {
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.server("w2", session);
    sim.server("w2", "42<2@2>");
    sim.lines();
    sim.cut("w2");
    sim.advance(secs(2));
    sim.open_websocket("w3");
    assert!(sim.lines().contains(&"w3 40".to_string()));
}

/// Who leaves and joins again before the answer gets the session that was asked for: it was resumed once.
pub fn an_answer_to_a_claim_that_was_left<F: Face>(face: &F) {
    let (sim, socket) = claimed(face);
    is_not_claimed_again(sim, socket, "40{S1 P1}");
}

/// A server may give a new session the name of one that was claimed. It may not have noticed the end of that one's connection.
pub fn a_name_that_is_given_again<F: Face>(face: &F) {
    let (mut sim, socket) = claimed(face);
    sim.server("w2", "40{S1 P1}");
    is_not_claimed_again(sim, socket, "40{S2 P1}");
}

/// Where there are several servers, one that does not know the session proves nothing if each keeps its own events.
pub fn an_unknown_session_may_be_elsewhere<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.others = vec![Address::parse("http://other").unwrap()];
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

/// The connection of a process before is taken over, and `w3` opened.
fn take_over<F: Face>(sim: &mut Sim<'_, F>) {
    sim.expect_lines(&["open w1"]);
    sim.ws_opened("w1");
    sim.raw("w1", "3probe");
    sim.expect_lines(&["w1 2probe", "w1 5", "close w1", "open w2"]);
    sim.closed("w2", unknown_to_websocket());
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
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
    take_over(&mut sim);
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

/// The server is asked about a connection once, however many sessions of it are restored.
pub fn restored_sessions_have_one_connection<F: Face>(face: &F) {
    let sockets = |sim: &mut Sim<'_, F>| {
        let options = || SocketOptions { saves: true, ..SocketOptions::default() };
        ["/", "/a"].map(|namespace| sim.manager.socket(namespace, options()))
    };
    let mut sim = Sim::new(face);
    let both = sockets(&mut sim);
    both.into_iter().for_each(|socket| sim.manager.connect(socket, sim.now));
    sim.open_websocket("w1");
    for text in ["40{S1 P1}", "42<1@1>", "40/a,{S2 P2}", "42/a,<2@2>"] {
        sim.server("w1", text);
    }
    let saved = both.map(|socket| sim.manager.saved_session(socket));

    let mut sim = Sim::new(face);
    for (socket, saved) in sockets(&mut sim).into_iter().zip(saved) {
        assert!(saved.is_some());
        sim.manager.restore_session(socket, saved);
        sim.manager.connect(socket, sim.now);
    }
    take_over(&mut sim);
    sim.expect_lines(&["open w3", "claim 0", "claim 1", "w3 40<P1@1>", "w3 40/a,<P2@2>"]);
}

/// A server that does not answer, as one whose process is stopped, takes no more of an attempt than the second in which it is
/// asked, where there is another one. It comes last from then on.
pub fn a_frozen_server_is_left_for_the_next<F: Face>(face: &F) {
    for elsewhere in [true, false] {
        let mut sim = Sim::with(face, |config| {
            config.others.extend(elsewhere.then(|| Address::parse("http://other").unwrap()));
        });
        offered(&mut sim);
        sim.cut("w1");
        sim.advance(secs(1));
        sim.expect_lines(&["open w2"]);
        sim.advance(millis(1000));
        sim.expect_lines(&["close w2", "open w3"]);
        assert_eq!(sim.manager.config_mut().address.host == "other", elsewhere);
        if elsewhere {
            sim.ws_opened("w3");
            sim.handshake("w3", &[]);
            sim.lines();
            sim.events();
            sim.server("w3", "40{S2 P2}");
            sim.expect_events(&["connected 0", "gap 0 new-node"]);
        }
    }
}

/// What another server does not know is not for want of patience: the reason is that it is another one.
pub fn another_server_is_the_reason<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.others = vec![Address::parse("http://other").unwrap()];
    });
    // A session that was resumed once is not asked for where the server may not have noticed.
    lost_again(&mut sim);
    sim.advance(millis(1000));
    sim.expect_lines(&["close w4", "open w5"]);
    sim.ws_opened("w5");
    sim.handshake("w5", &[]);
    sim.expect_lines(&["w5 40"]);
    sim.events();
    sim.server("w5", "40{S2 P2}");
    sim.expect_events(&["connected 0", "gap 0 new-node"]);
    // From now on that is where the session is.
    sim.server("w5", "42<2@2>");
    sim.goodbye("w5");
    sim.advance(secs(1));
    sim.open_websocket("w6");
    sim.expect_lines(&["w6 40<P2@2>"]);
    sim.events();
    sim.server("w6", "40{S3 P3}");
    sim.expect_events(&["connected 0", "gap 0 unknown-session"]);
}

/// The one that answers in the end counts, and not one that was reached before.
pub fn the_server_that_answers_is_the_reason<F: Face>(face: &F) {
    for (home, reason) in [(false, "new-node"), (true, "server-not-noticed")] {
        let mut sim = Sim::with(face, |config| {
            config.others = vec![Address::parse("http://other").unwrap()];
            config.transports = vec![TransportKind::WebSocket];
        });
        lost_again(&mut sim);
        for refused in ["w4", "w5"] {
            sim.refuse(refused);
        }
        // The other one.
        sim.ws_opened("w6");
        sim.handshake("w6", &[]);
        sim.cut("w6");
        sim.advance(secs(2));
        let mut last = "w7";
        if home {
            // Asked about its session, now and once it is reached, it says nothing.
            sim.refuse("w7");
            sim.refuse("w8");
            sim.ws_opened("w9");
            sim.handshake("w9", &[]);
            sim.refuse("w10");
            last = "w11";
        }
        sim.ws_opened(last);
        sim.handshake(last, &[]);
        sim.events();
        sim.server(last, "40{S2 P2}");
        sim.expect_events(&["connected 0", &format!("gap 0 {reason}")]);
    }
}

/// A namespace was refused on a connection that is lost in turn: the server is asked about the one before, on which the
/// session was. One that needs nothing is not asked about.
pub fn an_older_connection_is_asked_about_too<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    lost_again(&mut sim);
    // The server cannot be asked, and does not know by itself.
    sim.refuse("w4");
    sim.ws_opened("w5");
    sim.handshake("w5", &[]);
    sim.refuse("w6");
    sim.ws_opened("w7");
    sim.handshake("w7", &[]);
    assert_eq!(sim.lines().last().unwrap(), "w7 40");
    sim.server("w7", "44!");
    sim.cut("w7");
    sim.events();
    sim.lines();
    let socket = sim.manager.socket("/", SocketOptions::default());
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w8"]);
    sim.ws_opened("w8");
    sim.raw("w8", "3probe");
    sim.expect_lines(&["w8 2probe", "w8 5", "close w8", "open w9"]);
    sim.closed("w9", unknown_to_websocket());
    sim.ws_opened("w10");
    sim.handshake("w10", &[]);
    sim.expect_lines(&["open w10", "w10 40<P1@1>"]);
}

/// A session that is stored, and in the middle of making good what it missed: on `w3`.
fn resyncing<F: Face>(face: &F) -> (Sim<'_, F>, SocketId) {
    let mut sim = Sim::new(face);
    let socket = sim.manager.socket("/", SocketOptions { saves: true, ..SocketOptions::default() });
    sim.manager.set_resync(socket, true);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    sim.cut("w1");
    sim.advance(secs(1));
    sim.closed("w2", unknown_to_websocket());
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.server("w3", "40{S2 P2}");
    (sim, socket)
}

/// A process that ends while it makes good what it missed leaves that to the next one.
pub fn an_unfinished_resync_is_done_again<F: Face>(face: &F) {
    let (mut sim, socket) = resyncing(face);
    let since = sim.manager.status(socket).last_gap.unwrap().since;
    sim.server("w3", "42<2@2>");
    let saved = sim.manager.saved_session(socket).unwrap();
    assert_eq!((saved.offset, saved.heard), (None, since));
    // The shell throws away events, of which one came before that. Then newer ones.
    let missed = since - millis(1);
    for oldest in [missed, since] {
        sim.manager.dropped(socket, Instant::default() + (oldest - millis(EPOCH)), sim.now);
        assert_eq!(sim.manager.saved_session(socket).unwrap().heard, missed);
    }

    sim.lines();
    let resync = sim.resyncs.pop_back().unwrap();
    sim.manager.resynced(resync);
    sim.expect_lines(&["save 0"]);
    let saved = sim.manager.saved_session(socket).unwrap();
    assert!(saved.offset.is_some() && saved.heard > since);
}

/// How far events had come can be stored after the connection has ended too, until the next one is asked for the namespace.
pub fn a_session_is_stored_after_its_end<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.manager.socket("/", SocketOptions { saves: true, ..SocketOptions::default() });
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.server("w1", "42<1@1>");
    let before = sim.manager.saved_session(socket).unwrap();
    sim.advance(secs(1));
    sim.server("w1", "42<2@2>");
    let last = sim.manager.saved_session(socket).unwrap();
    assert!(last.offset != before.offset && last.heard > before.heard);
    sim.cut("w1");
    assert_eq!(sim.manager.saved_session(socket).as_ref(), Some(&last));
    sim.advance(secs(1));
    sim.closed("w2", unknown_to_websocket());
    sim.lines();
    assert_eq!(sim.manager.saved_session(socket), Some(last));
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.expect_lines(&["claim 0", "w3 40<P1@2>"]);
    assert_eq!(sim.manager.saved_session(socket), None);
    // Nor if that connection is lost: the server may have said yes.
    sim.cut("w3");
    assert_eq!(sim.manager.saved_session(socket), None);

    // Left, it is nobody's.
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim);
    sim.cut("w1");
    assert!(sim.manager.saved_session(socket).is_some());
    sim.manager.disconnect(socket, sim.now);
    assert_eq!(sim.manager.saved_session(socket), None);
    sim.manager.connect(socket, sim.now);
    assert_eq!(sim.manager.saved_session(socket), None);
}

/// What was missed is made good only after the connection has ended: the next process has not missed it.
pub fn a_resync_ends_after_the_connection<F: Face>(face: &F) {
    let (mut sim, socket) = resyncing(face);
    sim.server("w3", "42<2@2>");
    sim.cut("w3");
    assert_eq!(sim.manager.saved_session(socket).unwrap().offset, None);
    sim.lines();
    let resync = sim.resyncs.pop_front().unwrap();
    sim.manager.resynced(resync);
    sim.expect_lines(&["save 0"]);
    assert!(sim.manager.saved_session(socket).unwrap().offset.is_some());
}

/// A claim that was lost with its transport says nothing of the next one, on which the server sends before its answer.
pub fn a_claim_that_was_lost_hides_nothing<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = offered(&mut sim);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.closed("w2", unknown_to_websocket());
    sim.ws_opened("w3");
    sim.handshake("w3", &[]);
    sim.cut("w3");
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.advance(secs(3));
    sim.lines();
    sim.ws_opened("w4");
    sim.handshake("w4", &[]);
    sim.expect_lines(&["w4 40"]);
    sim.events();
    sim.server("w4", "42<5>");
    sim.server("w4", "40{S2 P2}");
    sim.expect_events(&["connected 0 early 1", "gap 0 namespace-disconnect", "message 0 5"]);
}
