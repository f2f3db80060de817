//! What a WebSocket was handed and says that it never sent.

use socketio_client_core::{AckError, BufferPolicy, EmitOptions, Fate, SocketOptions};

use crate::{Face, Sim, secs};

const UNCERTAIN: Fate = Fate::Uncertain { attempts: 1, last_sent: None, key: None };

/// It leaves again, in its place and once. What may have left is not sent again, and neither is anything where the shell was
/// not to tell.
pub fn what_never_left_comes_back<F: Face>(face: &F) {
    for tells in [true, false] {
        let mut sim = Sim::with(face, |config| {
            config.tells_unsent = tells;
            config.buffer_size = 4;
        });
        let socket = sim.connected();
        let first = sim.emit(socket, 1);
        sim.lines();
        sim.unsent("w1", 0);
        let second = sim.emit(socket, 2);
        let third = sim.emit_with_ack(socket, 3, None);
        sim.emit(socket, 4);
        sim.expect_lines(&["w1 42<2>", "w1 420<3>", "w1 42<4>"]);
        sim.writable = false;
        sim.emit(socket, 5);
        sim.never_left("w1", usize::MAX);
        sim.cut("w1");
        sim.writable = true;
        let fates = [first, second, third].map(|emit| sim.manager.fate(socket, emit));
        let back = if tells { Fate::Held } else { UNCERTAIN };
        assert_eq!(fates, [UNCERTAIN, back, back].map(Some));
        sim.advance(secs(1));
        sim.open_websocket("w2");
        sim.server("w2", "40{S2}");
        let all = ["w2 40", "w2 42<2>", "w2 420<3>", "w2 42<4>", "w2 42<5>"];
        assert_eq!(sim.lines(), if tells { &all[..] } else { &["w2 40", "w2 42<5>"] });
        sim.events();
        sim.server("w2", "430<7>");
        sim.expect_events(if tells { &["ack 0 #2: 7"] } else { &[] });
        // They count once.
        sim.writable = false;
        for number in 0..4 {
            sim.emit(socket, number);
        }
    }
}

/// What has left but for its last byte may arrive.
pub fn what_has_left_in_part_does_not_come_back<F: Face>(face: &F) {
    let whole = face.event_wire(1, 1).len() + "4251-".len() + 1;
    for (bytes, fate) in [(whole - 1, UNCERTAIN), (2 * whole + 100, Fate::Held)] {
        let mut sim = Sim::with(face, |config| config.tells_unsent = true);
        let socket = sim.connected();
        let emit = sim.try_emit(socket, 1, &[5], EmitOptions::default()).unwrap();
        sim.lines();
        sim.never_left("w1", bytes);
        sim.cut("w1");
        assert_eq!(sim.manager.fate(socket, emit), Some(fate), "{bytes}");
    }
}

/// A receipt says more than the transport.
pub fn what_the_server_has_read_does_not_come_back<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.tells_unsent = true);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    let second = sim.watched(socket, 2);
    sim.expect_lines(&["w1 420<1>", "w1 42<2>", "w1 ping"]);
    sim.pong("w1");
    sim.emit(socket, 3);
    sim.lines();
    sim.events();
    sim.never_left("w1", usize::MAX);
    sim.cut("w1");
    assert!(sim.events().contains(&format!("ack 0 #0: {}", AckError::Disconnected)));
    assert_eq!(sim.manager.fate(socket, second), Some(Fate::Delivered));
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 42<3>"]);
}

/// A volatile one had its only chance: it ends there, also where one before it comes back, and never as delivered.
pub fn a_volatile_one_that_never_left_is_dropped<F: Face>(face: &F) {
    for watched in [false, true] {
        let mut sim = Sim::with(face, |config| config.tells_unsent = true);
        let socket = sim.connected();
        sim.emit(socket, 1);
        sim.expect_lines(&["w1 42<1>"]);
        let options = EmitOptions { volatile: true, watched, ..EmitOptions::default() };
        let volatile = sim.try_emit(socket, 2, &[], options).unwrap();
        assert_eq!(sim.lines().first().map(String::as_str), Some("w1 42<2>"));
        sim.never_left("w1", usize::MAX);
        sim.cut("w1");
        let told = sim.events().iter().filter(|event| event.contains("dropped")).count();
        assert_eq!(told, usize::from(watched));
        sim.advance(secs(1));
        sim.open_websocket("w2");
        sim.server("w2", "40{S2}");
        let last = sim.watched(socket, 3);
        sim.expect_lines(&["w2 40", "w2 42<1>", "w2 42<3>", "w2 ping"]);
        sim.pong("w2");
        let fates = [volatile, last].map(|emit| sim.manager.fate(socket, emit));
        assert_eq!(fates, [Fate::Dropped, Fate::Delivered].map(Some));
    }
}

/// Whose answer nobody waits for any longer is as good as one that asked for none.
pub fn what_never_left_comes_back_without_its_ack<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.tells_unsent = true);
    let socket = sim.connected();
    sim.emit(socket, 1);
    let emit = sim.emit_with_ack(socket, 2, None);
    sim.manager.watch(socket, emit);
    sim.expect_lines(&["w1 42<1>", "w1 420<2>"]);
    sim.manager.forget_ack(socket, emit);
    sim.lines();
    sim.never_left("w1", usize::MAX);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 42<1>", "w2 42<2>", "w2 ping"]);
    sim.pong("w2");
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Delivered));
}

/// An attempt that never left is none.
pub fn what_never_left_was_no_attempt<F: Face>(face: &F) {
    for left in [true, false] {
        let mut sim = Sim::with(face, |config| config.tells_unsent = true);
        let options = SocketOptions { retries: Some(0), ..SocketOptions::default() };
        let socket = sim.manager.socket("/", options);
        sim.manager.connect(socket, sim.now);
        sim.open_websocket("w1");
        sim.server("w1", "40{S1}");
        let emit = sim.emit(socket, 1);
        sim.expect_lines(&["w1 40", "w1 420<1>"]);
        if left {
            sim.unsent("w1", 0);
        }
        sim.never_left("w1", usize::MAX);
        sim.cut("w1");
        let fate = sim.manager.fate(socket, emit);
        assert_eq!(fate == Some(Fate::Held), !left, "{fate:?}");
        sim.advance(secs(1));
        sim.open_websocket("w2");
        sim.server("w2", "40{S2}");
        let lines = sim.lines();
        assert_eq!(lines.len(), if left { 1 } else { 2 }, "{lines:?}");
        let first = Some(Fate::InFlight { attempt: 1 });
        assert_eq!(sim.manager.fate(socket, emit) == first, !left);
    }
}

/// An attempt that a full sink held back until its connection was gone was never sent: it is the first to make room.
pub fn what_has_come_back_makes_room<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.buffer_size = 1;
        config.buffer_policy = BufferPolicy::DropOldest;
    });
    let socket = sim.connect_retrying(9);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.writable = false;
    let old = sim.emit(socket, 1);
    sim.cut("w1");
    sim.writable = true;
    sim.emit(socket, 2);
    assert_eq!(sim.manager.fate(socket, old), Some(Fate::Dropped));
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 420<2>"]);
}
