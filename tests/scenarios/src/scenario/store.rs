//! Emits that are kept in a store.

use socketio_client_core::{
    BufferPolicy, Durability, EmitError, EmitOptions, Fate, Restored, RestoredEmit, SocketId, SocketOptions,
};

use crate::{Face, Sim, secs};

fn open<'f, F: Face>(face: &'f F, durability: Durability) -> (Sim<'f, F>, SocketId) {
    let mut sim = Sim::new(face);
    let options = SocketOptions {
        retries: Some(9),
        retry_window: Some(4),
        durability: Some(durability),
        ..SocketOptions::default()
    };
    let socket = sim.manager.socket("/", options);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.events();
    (sim, socket)
}

fn restore<F: Face>(sim: &mut Sim<'_, F>, socket: SocketId, next: u64, left: &[(u64, u32)]) {
    let emits = left
        .iter()
        .map(|&(key, number)| RestoredEmit {
            key,
            payload: sim.face().event(number, &[]),
            attempts: 1,
            expires: None,
        })
        .collect();
    sim.manager.restore(socket, Restored { delivery: None, next, emits }, sim.now);
}

/// No byte leaves before the emit is in the store; it is erased once it is settled.
pub fn stored_first<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    let first = sim.watched(socket, 1);
    sim.emit(socket, 2);
    sim.expect_lines(&[]);
    assert_eq!(sim.manager.is_stored(socket, first), None);
    restore(&mut sim, socket, 0, &[]);
    sim.expect_lines(&["reserve 0 1024"]);
    assert_eq!(sim.manager.is_stored(socket, first), None);
    sim.manager.reserved(socket, 1024, sim.now);
    sim.expect_lines(&["keep 0 0 1", "keep 0 1 2"]);
    assert_eq!(sim.manager.is_stored(socket, first), None);
    sim.manager.kept(socket, 0, Ok(()), sim.now);
    assert_eq!(sim.manager.is_stored(socket, first), Some(true));
    sim.expect_lines(&["w1 420<1>"]);
    sim.expect_events(&["fate 0 #4294967296 held", "stored 0 #4294967296", "fate 0 #4294967296 inFlight 1"]);
    sim.manager.kept(socket, 1, Ok(()), sim.now);
    sim.expect_lines(&["w1 421<2>"]);
    sim.server("w1", "430<7>");
    sim.expect_lines(&["erase 0 0"]);
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Acknowledged));
    assert_eq!(sim.manager.is_stored(socket, first), Some(true));
}

/// What a store held is told once, and of a namespace that has one.
pub fn a_store_is_opened_once<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    restore(&mut sim, socket, 0, &[]);
    sim.manager.reserved(socket, 1024, sim.now);
    sim.lines();
    restore(&mut sim, socket, 9, &[(3, 1)]);
    sim.expect_lines(&[]);
    sim.emit(socket, 2);
    sim.expect_lines(&["keep 0 0 2"]);

    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(1);
    restore(&mut sim, socket, 9, &[(3, 1)]);
    assert_eq!(sim.manager.queued(socket), 0);
}

/// What is stored, or has been sent, is not dropped for something newer.
pub fn what_is_kept_makes_no_room<F: Face>(face: &F) {
    for durability in [None, Some(Durability::StoredFirst)] {
        let mut sim = Sim::with(face, |config| {
            config.buffer_size = 1;
            config.buffer_policy = BufferPolicy::DropOldest;
        });
        let options = SocketOptions { retries: Some(9), durability, ..SocketOptions::default() };
        let socket = sim.manager.socket("/", options);
        sim.manager.connect(socket, sim.now);
        sim.open_websocket("w1");
        sim.server("w1", "40{S1}");
        if durability.is_some() {
            restore(&mut sim, socket, 0, &[]);
            sim.manager.reserved(socket, 1024, sim.now);
        }
        let emit = sim.emit(socket, 1);
        if durability.is_none() {
            sim.drain();
            sim.cut("w1");
        }
        assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Held));
        let refused = sim.try_emit(socket, 2, &[], EmitOptions::default()).unwrap_err();
        assert!(matches!(refused.error, EmitError::BufferFull { .. }), "{durability:?}: {}", refused.error);
        assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Held));
    }
}

/// It leaves while it is being stored.
pub fn write_behind<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::WriteBehind);
    restore(&mut sim, socket, 0, &[]);
    sim.manager.reserved(socket, 1024, sim.now);
    sim.lines();
    sim.emit(socket, 1);
    sim.expect_lines(&["keep 0 0 1", "w1 420<1>"]);
    sim.server("w1", "430<7>");
    sim.expect_lines(&["erase 0 0"]);
    // Its word comes late, and changes nothing.
    sim.manager.kept(socket, 0, Ok(()), sim.now);
    sim.expect_lines(&[]);
}

/// The value comes back, and the others go on.
pub fn a_store_that_refuses<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    restore(&mut sim, socket, 0, &[]);
    sim.manager.reserved(socket, 1024, sim.now);
    let first = sim.watched(socket, 1);
    sim.emit(socket, 2);
    sim.lines();
    sim.events();
    sim.manager.kept(socket, 0, Err("disk full".into()), sim.now);
    let error = EmitError::Storage { cause: "disk full".into() };
    sim.expect_events(&[&format!("ack 0 #4294967296: not sent: {error}"), "fate 0 #4294967296 refused 1"]);
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Refused));
    sim.manager.kept(socket, 1, Ok(()), sim.now);
    sim.expect_lines(&["erase 0 0", "w1 421<2>"]);
    sim.manager.report_store("set aside".into(), 2, Some(1));
    sim.expect_events(&["outbox set aside: 2 Some(1)"]);
}

/// What is on its way, or was, goes on from memory where the store refuses it.
pub fn what_left_before_it_was_refused<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::WriteBehind);
    restore(&mut sim, socket, 0, &[]);
    sim.manager.reserved(socket, 1024, sim.now);
    sim.emit(socket, 1);
    sim.lines();
    sim.events();
    sim.writable = false;
    sim.emit(socket, 2);
    sim.expect_lines(&["keep 0 1 2"]);
    sim.manager.kept(socket, 1, Err("disk full".into()), sim.now);
    sim.cut("w1");
    sim.manager.kept(socket, 0, Err("disk full".into()), sim.now);
    sim.writable = true;
    assert_eq!(sim.manager.queued(socket), 2);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 420<1>", "w2 421<2>"]);
}

/// No id is used that another process might use too: more are asked for in time, and emits wait if they do not come.
pub fn ids_are_reserved<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::WriteBehind);
    restore(&mut sim, socket, 1024, &[]);
    sim.expect_lines(&["reserve 0 2048"]);
    sim.emit(socket, 1);
    sim.expect_lines(&[]);
    sim.manager.reserved(socket, 2048, sim.now);
    sim.expect_lines(&["keep 0 1024 1", "w1 421024<1>"]);
    let acked = EmitOptions { ack: true, volatile: true, ..EmitOptions::default() };
    for number in 0..1022 {
        sim.try_emit(socket, number, &[], acked).unwrap();
        sim.drain();
    }
    sim.emit(socket, 2);
    let lines = sim.lines();
    assert!(lines.contains(&"reserve 0 3072".to_string()), "{:?}", lines.last());
    assert_eq!(lines[lines.len() - 3..], ["keep 0 2047 2", "reserve 0 3072", "w1 422047<2>"]);
    sim.try_emit(socket, 3, &[], acked).unwrap();
    sim.expect_lines(&[]);
}

/// What an earlier process has left goes before anything new, under the same names, and is told when it is settled.
pub fn what_was_left_comes_first<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    sim.emit(socket, 9);
    restore(&mut sim, socket, 1024, &[(3, 1), (5, 2)]);
    sim.manager.reserved(socket, 2048, sim.now);
    sim.expect_lines(&["reserve 0 2048", "keep 0 1024 9", "w1 423<1>", "w1 425<2>"]);
    sim.events();
    sim.server("w1", "433<7>");
    sim.expect_lines(&["erase 0 3"]);
    sim.expect_events(&["settled 0 3 1: acknowledged 7"]);
    sim.manager.kept(socket, 1024, Ok(()), sim.now);
    sim.cut("w1");
    sim.events();
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 425<2>", "w2 421024<9>"]);
    sim.server("w2", "431024<8>");
    sim.expect_lines(&["erase 0 1024"]);
    assert!(sim.events().contains(&"ack 0 #4294967296: 8".to_string()));

    // In whatever order they are answered.
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    restore(&mut sim, socket, 1024, &[(3, 1), (5, 2), (6, 3)]);
    sim.expect_lines(&["reserve 0 2048", "w1 423<1>", "w1 425<2>", "w1 426<3>"]);
    sim.manager.reserved(socket, 2048, sim.now);
    sim.emit(socket, 4);
    sim.manager.kept(socket, 1024, Ok(()), sim.now);
    sim.expect_lines(&["keep 0 1024 4", "w1 421024<4>"]);
    for key in [6, 1024, 5, 3] {
        sim.server("w1", &format!("43{key}<7>"));
        sim.expect_lines(&[&format!("erase 0 {key}")]);
    }
}

/// Then all is as if there had never been one.
pub fn without_a_store_after_all<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    sim.emit(socket, 1);
    sim.manager.go_without_store(socket, sim.now);
    sim.expect_lines(&["w1 420<1>"]);
    sim.server("w1", "430<7>");
    sim.expect_events(&["ack 0 #4294967296: 7"]);

    // It was there at first: nothing waits for its word, and nothing is taken out of it.
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    restore(&mut sim, socket, 0, &[]);
    sim.manager.reserved(socket, 1024, sim.now);
    sim.emit(socket, 1);
    sim.lines();
    sim.manager.go_without_store(socket, sim.now);
    sim.expect_lines(&["w1 420<1>"]);
    sim.server("w1", "430<7>");
    sim.expect_lines(&[]);
}

/// Somebody else has the store: nothing is accepted, and nothing is sent.
pub fn a_store_that_somebody_else_has<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    let held = sim.watched(socket, 1);
    sim.manager.refuse_store(socket, "locked", sim.now);
    let error = EmitError::Storage { cause: "locked".into() };
    sim.expect_events(&[
        &format!("ack 0 #4294967296: not sent: {error}"),
        "fate 0 #4294967296 held",
        "fate 0 #4294967296 refused 1",
    ]);
    assert_eq!(sim.manager.fate(socket, held), Some(Fate::Refused));
    let refused = sim.try_emit(socket, 2, &[], EmitOptions::default());
    assert_eq!(refused.map_err(|refused| refused.error), Err(error));
    sim.expect_lines(&[]);
}

/// The disk has no room for a block of ids: what waits for one comes back, and the next emit asks again.
pub fn ids_that_cannot_be_reserved<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    restore(&mut sim, socket, 0, &[]);
    sim.emit(socket, 1);
    sim.expect_lines(&["reserve 0 1024"]);
    sim.manager.not_reserved(socket, "disk full", sim.now);
    let error = EmitError::Storage { cause: "disk full".into() };
    sim.expect_events(&[&format!("ack 0 #4294967296: not sent: {error}")]);
    sim.expect_lines(&[]);
    sim.emit(socket, 2);
    sim.expect_lines(&["reserve 0 1024"]);
    sim.manager.reserved(socket, 1024, sim.now);
    sim.expect_lines(&["keep 0 0 2"]);
    sim.manager.kept(socket, 0, Ok(()), sim.now);
    sim.expect_lines(&["w1 420<2>"]);
}

/// Whether an earlier process has sent it is not known, so its end is uncertain; also if it never left this one.
pub fn what_was_left_grows_old<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    sim.cut("w1");
    sim.events();
    let left = |key, secs_left| RestoredEmit {
        key,
        payload: sim.face().event(1, &[]),
        attempts: 0,
        expires: Some(sim.now + secs(secs_left)),
    };
    let emits = vec![left(3, 0), left(4, 2)];
    sim.manager.restore(socket, Restored { delivery: None, next: 1024, emits }, sim.now);
    assert!(!sim.manager.cancel(socket, socketio_client_core::EmitId::from_number((1 << 32) - 1)));
    sim.events();
    sim.advance(secs(1));
    sim.expect_events(&["settled 0 3 1: uncertain", "attempt 1"]);
}

/// One that was sent, and is held again, is too old as well; what becomes of it is uncertain.
pub fn too_old_after_an_attempt<F: Face>(face: &F) {
    let (mut sim, socket) = open(face, Durability::StoredFirst);
    restore(&mut sim, socket, 0, &[]);
    sim.manager.reserved(socket, 1024, sim.now);
    let aged = EmitOptions { max_age: Some(secs(2)), ..EmitOptions::default() };
    let emit = sim.try_emit(socket, 1, &[], aged).unwrap();
    sim.manager.kept(socket, 0, Ok(()), sim.now);
    sim.drain();
    sim.advance(secs(3));
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::InFlight { attempt: 1 }));
    sim.cut("w1");
    sim.lines();
    sim.advance(secs(0));
    assert!(matches!(sim.manager.fate(socket, emit), Some(Fate::Uncertain { attempts: 1, .. })));
    assert!(sim.lines().contains(&"erase 0 0".to_string()));
}

/// The namespace may be connected before there is an id to ask the middleware with; it is asked then.
pub fn the_middleware_is_asked_once_there_are_ids<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let options = SocketOptions {
        retries: Some(9),
        exactly_once: Some("me".into()),
        durability: Some(Durability::StoredFirst),
        ..SocketOptions::default()
    };
    let socket = sim.manager.socket("/", options);
    let emits = vec![RestoredEmit { key: 3, payload: sim.face().event(1, &[]), attempts: 0, expires: None }];
    let restored = Restored { delivery: Some("store".into()), next: 1024, emits };
    sim.manager.restore(socket, restored, sim.now);
    sim.expect_lines(&["reserve 0 2048"]);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    let lines = sim.lines();
    assert_eq!(lines.last().map(String::as_str), Some("w1 423<1>"), "{lines:?}");
    sim.manager.reserved(socket, 2048, sim.now);
    let lines = sim.lines();
    assert!(lines.len() == 1 && lines[0].starts_with("w1 421024"), "{lines:?}");
    sim.manager.reserved(socket, 3072, sim.now);
    sim.expect_lines(&[]);
}
