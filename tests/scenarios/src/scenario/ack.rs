//! Acks in both directions.

use socketio_client_core::{AckError, EmitError, EmitOptions, Fate, Flush};

use crate::{Face, Sim, millis, secs};

/// Answers find their emit, in any order.
pub fn answers_find_their_emit<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    sim.emit_with_ack(socket, 2, None);
    sim.expect_lines(&["w1 420<1>", "w1 421<2>"]);
    sim.server("w1", "431<20>");
    sim.server("w1", "430<10>");
    sim.expect_events(&["ack 0 #1: 20", "ack 0 #0: 10"]);
}

/// Ids that were never sent, and second answers, are ignored.
pub fn foreign_and_second_answers_are_ignored<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    sim.server("w1", "437<1>");
    sim.server("w1", "430<10>");
    sim.server("w1", "430<11>");
    sim.expect_events(&["ack 0 #0: 10"]);
}

/// A timeout always settles, and a late answer is ignored.
pub fn a_timeout_always_settles<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, Some(millis(200)));
    sim.advance(millis(199));
    sim.expect_events(&[]);
    sim.advance(millis(1));
    sim.expect_events(&[&format!("ack 0 #0: {}", AckError::Timeout)]);
    sim.server("w1", "430<10>");
    sim.expect_events(&[]);
}

/// The time runs while offline too; what was not sent by then is not sent any more.
pub fn a_timeout_while_offline_takes_the_emit_back<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let first = sim.emit_with_ack(socket, 1, Some(millis(200)));
    assert_eq!(sim.manager.flush(socket), Flush::Pending(first));
    sim.emit(socket, 2);
    sim.advance(millis(200));
    // What is not sent does not count for a flush.
    sim.expect_events(&[&format!("ack 0 #0: {}", AckError::Timeout), "flushed 0 #0 true"]);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<2>"]);
}

/// The same for one that waits for a full sink.
pub fn a_timeout_behind_a_full_sink_takes_the_emit_back<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.writable = false;
    sim.emit_with_ack(socket, 1, Some(millis(200)));
    sim.emit(socket, 2);
    sim.advance(millis(200));
    sim.writable = true;
    sim.expect_lines(&["w1 42<2>"]);
}

/// The default time comes from the configuration.
pub fn the_default_time_is_configured<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.ack_timeout = Some(secs(3)));
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    sim.emit_with_ack(socket, 2, Some(secs(1)));
    sim.advance(secs(3));
    let timeout = AckError::Timeout;
    sim.expect_events(&[&format!("ack 0 #1: {timeout}"), &format!("ack 0 #0: {timeout}")]);
}

/// With its connection an emit that was sent loses its ack; one that was not is sent later and keeps it.
pub fn a_cut_settles_what_was_sent_and_keeps_the_rest<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    sim.expect_lines(&["w1 420<1>"]);
    sim.writable = false;
    sim.emit_with_ack(socket, 2, None);
    sim.cut("w1");
    sim.expect_events(&[
        "closed transport close",
        "disconnected 0 transport close",
        &format!("ack 0 #0: {}", AckError::Disconnected),
        "waiting 1 1000",
    ]);
    sim.writable = true;
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 421<2>"]);
    sim.server("w2", "431<20>");
    assert_eq!(sim.events().last().unwrap(), "ack 0 #1: 20");
}

/// Leaving the namespace settles every ack that is on its way, and what is queued still leaves.
pub fn leaving_settles_acks<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit_with_ack(socket, 1, None);
    sim.lines();
    sim.emit_with_ack(socket, 2, None);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["w1 421<2>", "w1 ping"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 41", "close w1"]);
    let lost = AckError::Disconnected;
    sim.expect_events(&[
        "closed forced close",
        "disconnected 0 io client disconnect",
        &format!("ack 0 #0: {lost}"),
        &format!("ack 0 #1: {lost}"),
    ]);
}

/// Events that ask for an ack get it.
pub fn events_can_be_answered<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server("w1", "4212<1>");
    sim.expect_events(&["message 0 1 wants ack"]);
    let ack = sim.wanted_acks.pop_front().unwrap();
    let payload = sim.face.ack(5);
    sim.manager.ack(ack, payload, sim.now).unwrap();
    sim.expect_lines(&["w1 4312<5>"]);
}

/// An answer to an event of an earlier connection would meet a stranger, and is refused.
pub fn an_answer_does_not_cross_connections<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server("w1", "4212<1>");
    let ack = sim.wanted_acks.pop_front();
    assert!(ack.is_some());
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.lines();
    let payload = sim.face.ack(5);
    let refused = sim.manager.ack(ack.unwrap(), payload, sim.now).unwrap_err();
    assert_eq!(refused.error, EmitError::Stale);
    assert_eq!(sim.face.read(&refused.payload).0, 5);
    sim.expect_lines(&[]);
}

/// An answer that was queued when the connection broke is not sent on the next one.
pub fn a_queued_answer_dies_with_its_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.server("w1", "4212<1>");
    sim.events();
    sim.writable = false;
    let ack = sim.wanted_acks.pop_front().unwrap();
    let payload = sim.face.ack(5);
    sim.manager.ack(ack, payload, sim.now).unwrap();
    sim.cut("w1");
    sim.writable = true;
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40"]);
}

/// An ack that nobody waits for takes no room; its emit is sent all the same.
pub fn a_forgotten_ack_takes_no_room<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 1);
    let socket = sim.connect("/");
    let held = sim.emit_with_ack(socket, 1, None);
    sim.manager.forget_ack(socket, held);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
    for number in 2..5 {
        let sent = sim.emit_with_ack(socket, number, None);
        sim.drain();
        sim.manager.forget_ack(socket, sent);
    }
    sim.events();
    sim.server("w1", "430<9>");
    sim.server("w1", "432<9>");
    sim.expect_events(&[]);
}

/// An emit whose ack is forgotten while it is held is sent all the same, however much later.
pub fn a_forgotten_ack_has_no_timeout<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let held = sim.emit_with_ack(socket, 1, Some(secs(5)));
    sim.manager.forget_ack(socket, held);
    sim.advance(secs(6));
    sim.expect_events(&[]);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
}

/// Answers that a full sink holds back count towards the bound.
pub fn answers_that_wait_are_bounded<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 3);
    let socket = sim.connected();
    for id in 0..4 {
        sim.server("w1", &format!("42{id}<1>"));
    }
    sim.drain();
    sim.writable = false;
    let results: Vec<_> = (0..4)
        .map(|_| {
            let ack = sim.wanted_acks.pop_front().unwrap();
            sim.manager.ack(ack, sim.face.ack(5), sim.now).is_ok()
        })
        .collect();
    assert_eq!(results, [true, true, true, false]);
    sim.writable = true;
    sim.expect_lines(&["w1 430<5>", "w1 431<5>", "w1 432<5>"]);
    // They take no room any longer.
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 42<1>"]);
}

/// What was told as its namespace was left, with an emit that waits for a full sink, is its only end.
pub fn what_was_told_to_be_lost_has_no_other_end<F: Face>(face: &F) {
    for cancelled in [true, false] {
        let mut sim = Sim::new(face);
        let socket = sim.connected();
        sim.writable = false;
        let options =
            EmitOptions { ack: true, max_age: Some(secs(9)), watched: true, ..EmitOptions::default() };
        let emit = sim.try_emit(socket, 1, &[], options).unwrap();
        sim.events();
        sim.manager.disconnect(socket, sim.now);
        let told = sim.events();
        assert!(told.contains(&"fate 0 #0 uncertain 1".to_string()), "{told:?}");
        if cancelled {
            assert!(!sim.manager.cancel(socket, emit));
        }
        sim.advance(secs(10));
        sim.expect_events(&[]);
        assert_eq!(sim.manager.fate(socket, emit).map(Fate::as_str), Some("uncertain"));
    }
}

/// Who does not wait for an answer any longer is told of the receipt, once, whether the emit had left by then or not.
pub fn a_receipt_is_the_end_of_what_is_forgotten<F: Face>(face: &F) {
    for left in [true, false] {
        let mut sim = Sim::new(face);
        let socket = sim.connected();
        sim.manager.observe_fates(socket, true);
        sim.writable = left;
        let emit = sim.emit_with_ack(socket, 1, None);
        sim.drain();
        sim.manager.forget_ack(socket, emit);
        sim.writable = true;
        sim.expect_lines(&["w1 420<1>", "w1 ping"]);
        sim.pong("w1");
        sim.expect_events(&["fate 0 #0 held", "fate 0 #0 inFlight 1", "fate 0 #0 delivered"]);
    }
}

/// A volatile emit that was dropped has had its end, though its ack was awaited all the same.
pub fn a_forgotten_ack_is_no_second_end<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.manager.observe_fates(socket, true);
    sim.emit(socket, 1);
    let options = EmitOptions { ack: true, volatile: true, quiet_drop: true, ..EmitOptions::default() };
    let dropped = sim.try_emit(socket, 2, &[], options).unwrap();
    sim.manager.forget_ack(socket, dropped);
    sim.emit(socket, 3);
    sim.expect_lines(&["w1 42<1>", "w1 42<3>", "w1 ping"]);
    sim.pong("w1");
    let mut events = sim.events();
    events.retain(|event| event.starts_with("fate 0 #1"));
    assert_eq!(events, ["fate 0 #1 dropped 2"]);
    assert_eq!(sim.manager.fate(socket, dropped), Some(Fate::Dropped));
}
