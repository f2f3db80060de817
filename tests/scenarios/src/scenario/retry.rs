//! Emits that are sent again until they are acknowledged.

use core::time::Duration;

use socketio_client_core::{
    AckError, EmitError, EmitOptions, Fate, Flush, SocketId, SocketOptions, TransportKind,
};

use crate::{Face, Sim, millis, secs};

/// Connected to `/` with these retries; an answer may take a second.
fn connected<'f, F: Face>(face: &'f F, retries: u32) -> (Sim<'f, F>, SocketId) {
    let mut sim = Sim::with(face, |config| config.ack_timeout = Some(secs(1)));
    let socket = sim.connect_retrying(retries);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.events();
    (sim, socket)
}

fn lost(emit: u32, error: AckError) -> String {
    format!("ack 0 #{emit}: {error}")
}

/// The next one leaves when the one before was answered; each is told once, whether an ack was asked for or not.
pub fn one_emit_at_a_time<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(3);
    sim.emit(socket, 1);
    sim.emit_with_ack(socket, 2, None);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.emit(socket, 3);
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
    assert_eq!(sim.manager.queued(socket), 3);
    sim.events();
    sim.server("w1", "430<7>");
    sim.expect_lines(&["w1 421<2>"]);
    sim.server("w1", "431<8>");
    sim.server("w1", "431<8>");
    sim.expect_lines(&["w1 422<3>"]);
    sim.server("w1", "432<9>");
    sim.expect_events(&["ack 0 #0: 7", "ack 0 #1: 8", "ack 0 #2: 9"]);
    assert_eq!((sim.manager.queued(socket), sim.manager.pending_acks(socket).count()), (0, 0));
    assert!(
        sim.manager.poll_timeout().is_some_and(|due| due.since(sim.now) > secs(40)),
        "only the heartbeat"
    );
}

/// Attempts end after their time, and with the last of them the emit. Then it is the next one's turn.
pub fn silence_causes_another_attempt<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 2);
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    sim.expect_lines(&["w1 420<1>"]);
    sim.advance(millis(999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["w1 421<1>"]);
    sim.advance(secs(1));
    sim.expect_lines(&["w1 422<1>"]);
    sim.expect_events(&[]);
    sim.advance(secs(1));
    sim.expect_events(&[&lost(0, AckError::Timeout)]);
    sim.expect_lines(&["w1 423<2>"]);
}

/// A time of its own counts for each attempt of an emit.
pub fn an_emit_may_have_a_time_of_its_own<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 1);
    sim.emit_with_ack(socket, 1, Some(secs(3)));
    sim.drain();
    sim.advance(millis(2999));
    sim.expect_lines(&["w1 420<1>"]);
    sim.advance(millis(1));
    sim.expect_lines(&["w1 421<1>"]);
    sim.advance(secs(3));
    sim.expect_events(&[&lost(0, AckError::Timeout)]);
}

/// Time does not run while an emit waits, neither offline nor behind a full sink.
pub fn time_begins_when_an_attempt_is_written<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.ack_timeout = Some(secs(1)));
    let socket = sim.connect_retrying(0);
    sim.emit(socket, 1);
    sim.advance(secs(5));
    sim.open_websocket("w1");
    sim.writable = false;
    sim.server("w1", "40{S1}");
    sim.advance(secs(10));
    sim.events();
    sim.writable = true;
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
    sim.advance(millis(999));
    sim.expect_events(&[]);
    sim.advance(millis(1));
    sim.expect_events(&[&lost(0, AckError::Timeout)]);
}

/// Whichever attempt is answered, the emit is settled, and once.
pub fn a_late_answer_counts<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 5);
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    sim.drain();
    sim.advance(secs(2));
    sim.expect_lines(&["w1 420<1>", "w1 421<1>", "w1 422<1>"]);
    sim.server("w1", "431<7>");
    sim.server("w1", "430<8>");
    sim.server("w1", "432<9>");
    sim.expect_events(&["ack 0 #0: 7"]);
    sim.expect_lines(&["w1 423<2>"]);
}

/// An answer that comes while the next attempt waits for a full sink makes that attempt unnecessary.
pub fn a_late_answer_spares_an_attempt<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 5);
    sim.emit(socket, 1);
    sim.lines();
    sim.writable = false;
    sim.advance(secs(1));
    sim.server("w1", "430<7>");
    sim.emit(socket, 2);
    sim.expect_events(&["ack 0 #0: 7"]);
    sim.writable = true;
    sim.expect_lines(&["w1 421<2>"]);

    let (mut sim, socket) = connected(face, 5);
    sim.emit(socket, 1);
    sim.lines();
    sim.writable = false;
    sim.advance(secs(1));
    sim.server("w1", "430<7>");
    sim.writable = true;
    sim.expect_lines(&[]);
    sim.emit(socket, 2);
    sim.expect_lines(&["w1 421<2>"]);
}

/// A connection that ends is an attempt that failed, also without a time for answers. The oldest goes first on the next.
pub fn a_cut_causes_another_attempt<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(1);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.emit(socket, 1);
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
    sim.cut("w1");
    sim.emit(socket, 2);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 421<1>"]);
    sim.events();
    // An answer to the former session's attempt is foreign here.
    sim.server("w2", "430<7>");
    sim.expect_events(&[]);
    sim.cut("w2");
    sim.expect_events(&[
        "closed transport close",
        "disconnected 0 transport close",
        &lost(0, AckError::Disconnected),
        "waiting 1 1000",
    ]);
    sim.advance(secs(1));
    sim.open_websocket("w3");
    sim.server("w3", "40{S3}");
    sim.expect_lines(&["w3 40", "w3 422<2>"]);
}

/// An attempt that was never written does not count.
pub fn what_was_not_written_is_no_attempt<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 0);
    sim.writable = false;
    sim.emit(socket, 1);
    sim.cut("w1");
    sim.events();
    sim.writable = true;
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 420<1>"]);
    sim.server("w2", "430<7>");
    assert_eq!(sim.events().last().unwrap(), "ack 0 #0: 7");
}

/// What was emitted before leaves first, and is sent again when the namespace is connected again.
pub fn leaving_ends_an_attempt<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 1);
    sim.writable = false;
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    sim.manager.disconnect(socket, sim.now);
    sim.writable = true;
    sim.expect_lines(&["w1 420<1>", "w1 ping"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 41", "close w1"]);
    sim.expect_events(&["closed forced close", "disconnected 0 io client disconnect"]);
    assert_eq!(sim.manager.pending_acks(socket).count(), 0);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 421<1>"]);
    sim.events();
    sim.server("w2", "41");
    sim.expect_events(&[
        "closed forced close",
        "disconnected 0 io server disconnect",
        &lost(0, AckError::Disconnected),
    ]);
}

/// The last attempt that leaves with its namespace ends the emit.
pub fn the_last_attempt_may_leave_with_its_namespace<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 0);
    sim.writable = false;
    let emit = sim.emit(socket, 1);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(emit));
    sim.manager.disconnect(socket, sim.now);
    sim.writable = true;
    sim.expect_lines(&["w1 420<1>", "w1 ping"]);
    sim.pong("w1");
    sim.expect_lines(&["w1 41", "close w1"]);
    sim.expect_events(&[
        "closed forced close",
        "disconnected 0 io client disconnect",
        &lost(0, AckError::Disconnected),
        "flushed 0 #0 false",
    ]);
    assert_eq!(sim.manager.queued(socket), 0);
}

/// Volatile emits do not wait for anything, and are not sent again.
pub fn volatile_emits_pass<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 3);
    sim.emit(socket, 1);
    sim.drain();
    let volatile = EmitOptions { volatile: true, ..EmitOptions::default() };
    sim.try_emit(socket, 2, &[], volatile).unwrap();
    sim.drain();
    sim.try_emit(socket, 3, &[], EmitOptions { ack: true, ..volatile }).unwrap();
    sim.expect_lines(&["w1 420<1>", "w1 42<2>", "w1 421<3>"]);
    sim.server("w1", "431<7>");
    sim.expect_events(&["ack 0 #2: 7"]);
    sim.advance(secs(1));
    sim.expect_lines(&["w1 422<1>"]);
}

/// Only what was never written can be taken back; the other is not sent again, and what became of it is not known.
pub fn what_was_written_is_not_cancelled<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 3);
    let first = sim.emit(socket, 1);
    let second = sim.emit(socket, 2);
    let third = sim.emit(socket, 3);
    sim.drain();
    assert!(sim.manager.cancel(socket, second));
    assert!(!sim.manager.cancel(socket, second));
    assert!(!sim.manager.cancel(socket, first));
    sim.server("w1", "430<7>");
    sim.expect_lines(&["w1 420<1>", "w1 421<3>"]);
    sim.expect_events(&[&lost(1, AckError::Cancelled), &lost(0, AckError::Cancelled)]);
    assert_eq!(sim.manager.fate(socket, second), Some(Fate::Cancelled));
    assert!(matches!(sim.manager.fate(socket, first), Some(Fate::Uncertain { attempts: 1, .. })));
    sim.manager.forget_ack(socket, third);
    sim.server("w1", "431<8>");
    sim.expect_events(&["ack 0 #2: 8"]);
    assert!(!sim.manager.cancel(socket, third));

    // One that waits for a full sink was not written either, and makes room for the next.
    let (mut sim, socket) = connected(face, 3);
    sim.writable = false;
    let first = sim.emit(socket, 1);
    sim.emit(socket, 2);
    assert!(sim.manager.cancel(socket, first));
    sim.writable = true;
    sim.expect_lines(&["w1 420<2>"]);
}

/// A flush is over when the answers are there. What was given up is uncertain, and so are the flushes that cover it.
pub fn a_flush_waits_for_the_answers<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 0);
    let first = sim.emit(socket, 1);
    sim.drain();
    assert_eq!(sim.manager.flush(socket), Flush::Pending(first));
    let second = sim.emit(socket, 2);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(second));
    sim.server("w1", "430<7>");
    sim.expect_events(&["ack 0 #0: 7", "flushed 0 #0 true"]);
    sim.drain();
    sim.advance(secs(1));
    sim.expect_events(&[&lost(1, AckError::Timeout), "flushed 0 #1 false"]);
    assert_eq!(sim.manager.flush(socket), Flush::Delivered);

    // The next flush is told, if none waited. What the application itself gave up does not count.
    for (cancelled, told) in [(false, Flush::Uncertain), (true, Flush::Delivered)] {
        let emit = sim.emit(socket, 3);
        sim.drain();
        if cancelled {
            sim.manager.cancel(socket, emit);
        }
        sim.advance(secs(1));
        assert!(matches!(sim.manager.fate(socket, emit), Some(Fate::Uncertain { .. })));
        assert_eq!((sim.manager.flush(socket), sim.manager.flush(socket)), (told, Flush::Delivered));
    }
}

/// Each flush is told of what it covers, and the next one of nothing that an earlier one was told.
pub fn flushes_are_told_once<F: Face>(face: &F) {
    // Two that are given up together.
    let mut sim = Sim::with(face, |config| config.ack_timeout = Some(secs(1)));
    let options = SocketOptions { retries: Some(0), retry_window: Some(2), ..SocketOptions::default() };
    let socket = sim.manager.socket("/", options);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.emit(socket, 1);
    let second = sim.emit(socket, 2);
    sim.drain();
    sim.events();
    assert_eq!(sim.manager.flush(socket), Flush::Pending(second));
    sim.advance(secs(1));
    sim.expect_events(&[&lost(0, AckError::Timeout), "flushed 0 #1 false", &lost(1, AckError::Timeout)]);
    assert_eq!(sim.manager.flush(socket), Flush::Delivered);
    // And with the connection.
    let volatile = EmitOptions { volatile: true, ..EmitOptions::default() };
    sim.emit(socket, 3);
    sim.drain();
    let fourth = sim.try_emit(socket, 4, &[], volatile).unwrap();
    sim.drain();
    assert_eq!(sim.manager.flush(socket), Flush::Pending(fourth));
    sim.cut("w1");
    assert_eq!(sim.events().iter().filter(|event| *event == "flushed 0 #3 false").count(), 1);
    assert_eq!(sim.manager.flush(socket), Flush::Delivered);

    // What came behind a flush is not forgotten with its end.
    let (mut sim, socket) = connected(face, 0);
    let first = sim.try_emit(socket, 1, &[], volatile).unwrap();
    assert_eq!(sim.manager.flush(socket), Flush::Pending(first));
    sim.emit(socket, 2);
    sim.drain();
    sim.advance(secs(1));
    sim.expect_events(&[&lost(1, AckError::Timeout)]);
    sim.cut("w1");
    assert!(sim.events().contains(&"flushed 0 #0 false".to_string()));
    assert_eq!((sim.manager.flush(socket), sim.manager.flush(socket)), (Flush::Uncertain, Flush::Delivered));
}

/// It waits for what is sent again, and for nothing else, connected or not.
pub fn a_flush_ends_while_offline<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 3);
    let emit = sim.emit(socket, 1);
    sim.drain();
    sim.cut("w1");
    assert_eq!(sim.manager.flush(socket), Flush::Pending(emit));
    sim.manager.disconnect(socket, sim.now);
    sim.events();
    sim.manager.cancel(socket, emit);
    sim.expect_events(&[&lost(0, AckError::Cancelled), "flushed 0 #0 true"]);
}

/// Those that wait are bounded, and the one that is under way counts once.
pub fn what_waits_is_bounded<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    let socket = sim.connect_retrying(9);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.emit(socket, 1);
    sim.drain();
    sim.emit(socket, 2);
    let refused = sim.try_emit(socket, 3, &[], EmitOptions::default()).unwrap_err();
    assert!(matches!(refused.error, EmitError::BufferFull { held: 2, .. }), "{}", refused.error);
    sim.server("w1", "430<7>");
    sim.emit(socket, 3);
}

/// A server that never answers costs a bounded number of ids, whatever the number of attempts.
pub fn endless_attempts_take_no_room<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, u32::MAX);
    sim.emit(socket, 1);
    sim.drain();
    for second in 0..40 {
        if second % 20 == 0 {
            sim.server("w1", "2");
        }
        sim.advance(secs(1));
    }
    assert_eq!(sim.manager.pending_acks(socket).count(), 16);
    sim.server("w1", "430<7>");
    sim.expect_events(&[]);
    sim.server("w1", "4325<7>");
    sim.expect_events(&["ack 0 #0: 7"]);
    assert_eq!(sim.manager.pending_acks(socket).count(), 0);
}

/// What turns out too large for the server is given up, and the next one sent.
pub fn an_emit_that_is_too_large_makes_way<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(3);
    sim.try_emit(socket, 1, &[5; 10], EmitOptions::default()).unwrap();
    sim.emit(socket, 2);
    sim.drain();
    let size = face.event_wire(2, 0).len() + 3;
    let handshake = face.handshake_wire("E1", &[], 25_000, 20_000, size);
    sim.raw("w1", &handshake);
    sim.server("w1", "40{S1}");
    assert_eq!(sim.lines().last().unwrap(), "w1 420<2>");
    let told = sim.events();
    assert!(told.iter().any(|event| event.starts_with("ack 0 #0: not sent: ")), "{told:?}");
}

/// Over polling, attempts leave in POSTs.
pub fn polling_carries_attempts<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.transports = vec![TransportKind::Polling];
        config.ack_timeout = Some(secs(1));
    });
    let socket = sim.connect_retrying(1);
    sim.open_polling("p1", &[]);
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    sim.lines();
    sim.try_emit(socket, 1, &[5], EmitOptions::default()).unwrap();
    sim.emit(socket, 2);
    sim.expect_lines(&["post p1 451-0<1> bBQ=="]);
    sim.posted("p1");
    sim.advance(secs(1));
    sim.expect_lines(&["post p1 451-1<1> bBQ=="]);
    sim.posted("p1");
    sim.got("p1", &["431<7>"]);
    assert_eq!(sim.lines(), ["get p1", "post p1 422<2>"]);
}

/// Listeners for what leaves see each attempt.
pub fn each_attempt_is_observed<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 1);
    sim.manager.observe(socket, true);
    sim.emit(socket, 1);
    sim.drain();
    sim.advance(secs(1));
    sim.expect_events(&["sent 0 1", "sent 0 1"]);
}

/// A time without end is none.
pub fn a_time_without_end_is_none<F: Face>(face: &F) {
    let (mut sim, socket) = connected(face, 1);
    sim.emit_with_ack(socket, 1, Some(Duration::MAX));
    sim.expect_lines(&["w1 420<1>"]);
    sim.advance(secs(30));
    sim.expect_lines(&[]);
    sim.expect_events(&[]);
}

/// How a namespace sends is changed only as long as nothing waits.
pub fn what_waits_is_sent_as_it_was_emitted<F: Face>(face: &F) {
    for (waits, line) in [(true, "w1 420<1>"), (false, "w1 42<1>")] {
        let mut sim = Sim::new(face);
        let retrying = SocketOptions { retries: Some(1), ..SocketOptions::default() };
        let socket = sim.manager.socket("/", retrying);
        if waits {
            sim.emit(socket, 1);
        }
        sim.manager.set_options(socket, &SocketOptions::default());
        if !waits {
            sim.emit(socket, 1);
        }
        sim.manager.connect(socket, sim.now);
        sim.open_websocket("w1");
        sim.server("w1", "40{S1}");
        sim.expect_lines(&["w1 40", line]);
    }
}
