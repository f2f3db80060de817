//! A store that several processes share: one of them leads, and sends what all of them have stored.

use socketio_client_core::{
    Durability, EmitId, EmitOptions, Fate, Flush, RestoredEmit, SocketId, SocketOptions,
};

use crate::{Face, Sim, secs};

/// One of the processes, connected to `/`, before it knows who leads.
fn open<F: Face>(face: &F) -> (Sim<'_, F>, SocketId) {
    let mut sim = Sim::new(face);
    let options = SocketOptions {
        retries: Some(9),
        retry_window: Some(4),
        durability: Some(Durability::StoredFirst),
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

/// It has the lead; ids below `next` may be used up.
fn lead<F: Face>(sim: &mut Sim<'_, F>, socket: SocketId, next: u64) {
    sim.manager.lead(socket, None, next, sim.now);
    sim.expect_lines(&[&format!("reserve 0 {}", next + 1024)]);
    sim.manager.reserved(socket, next + 1024, sim.now);
}

/// The leader's shell hands in what is stored.
fn adopt<F: Face>(sim: &mut Sim<'_, F>, socket: SocketId, key: u64, number: u32, maybe_sent: bool) -> EmitId {
    let payload = sim.face().event(number, &[]);
    let emit = RestoredEmit { key, payload, attempts: 0, expires: None };
    sim.manager.adopt(socket, emit, None, maybe_sent, sim.now).unwrap()
}

/// What a follower has stored gets the leader's next id, and leaves on the leader's connection.
pub fn the_leader_sends_what_all_have_stored<F: Face>(face: &F) {
    let (mut leader, socket) = open(face);
    let (mut follower, other) = open(face);
    lead(&mut leader, socket, 0);
    follower.manager.follow(other, follower.now);
    let ids: Vec<_> = (0..3).map(|_| leader.manager.take_id(socket)).collect();
    assert_eq!(ids, [Some(0), Some(1), Some(2)]);
    adopt(&mut leader, socket, 0, 10, false);
    let of_the_follower = adopt(&mut leader, socket, 1, 20, false);
    adopt(&mut leader, socket, 2, 11, false);
    leader.expect_lines(&["w1 420<10>", "w1 421<20>", "w1 422<11>"]);
    leader.events();
    leader.server("w1", "431<7>");
    leader.expect_lines(&["erase 0 1"]);
    leader.expect_events(&[
        "settled 0 1 20: acknowledged 7",
        &format!("fate 0 #{} acknowledged", of_the_follower.number()),
    ]);
    follower.advance(secs(10));
    follower.expect_lines(&[]);
    follower.expect_events(&[]);
}

/// The leader is gone: who leads next sends all that is left again, in order, under the ids that it had, and new ones
/// behind it.
pub fn a_follower_takes_over_in_order<F: Face>(face: &F) {
    let (mut first, socket) = open(face);
    lead(&mut first, socket, 0);
    for (number, id) in (10..16).zip(0..) {
        assert_eq!(first.manager.take_id(socket), Some(id));
        adopt(&mut first, socket, id, number, false);
    }
    first.expect_lines(&["w1 420<10>", "w1 421<11>", "w1 422<12>", "w1 423<13>"]);
    first.server("w1", "430<7>");
    first.server("w1", "432<7>");
    first.expect_lines(&["erase 0 0", "w1 424<14>", "erase 0 2"]);
    drop(first);
    let (mut second, other) = open(face);
    second.manager.follow(other, second.now);
    lead(&mut second, other, 1024);
    for (key, number) in [(1, 11), (3, 13), (4, 14), (5, 15)] {
        adopt(&mut second, other, key, number, true);
    }
    assert_eq!(second.manager.take_id(other), Some(1024));
    adopt(&mut second, other, 1024, 20, false);
    second.expect_lines(&["w1 421<11>", "w1 423<13>", "w1 424<14>", "w1 425<15>"]);
    second.server("w1", "431<8>");
    second.expect_lines(&["erase 0 1", "w1 421024<20>"]);
    second.cut("w1");
    second.advance(secs(1));
    second.open_websocket("w2");
    second.server("w2", "40{S2}");
    second.expect_lines(&["w2 40", "w2 423<13>", "w2 424<14>", "w2 425<15>", "w2 421024<20>"]);
}

/// It was asleep, and somebody else leads by now. Nothing of what waits leaves any more, whatever comes; what became of it
/// is not known here.
pub fn who_has_lost_the_lead_sends_nothing_more<F: Face>(face: &F) {
    let (mut sim, socket) = open(face);
    lead(&mut sim, socket, 0);
    let sent = adopt(&mut sim, socket, 0, 10, false);
    sim.expect_lines(&["w1 420<10>"]);
    sim.writable = false;
    let waiting: Vec<_> = (1..6).map(|key| adopt(&mut sim, socket, key, 10 + key as u32, key == 5)).collect();
    sim.expect_lines(&[]);
    sim.events();
    sim.manager.follow(socket, sim.now);
    sim.writable = true;
    sim.expect_lines(&[]);
    for emit in waiting.into_iter().chain([sent]) {
        assert!(matches!(sim.manager.fate(socket, emit), Some(Fate::Uncertain { .. })));
    }
    sim.events();
    sim.server("w1", "430<7>");
    sim.expect_lines(&[]);
    sim.expect_events(&[]);
    sim.cut("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40"]);
    sim.advance(secs(20));
    assert!(!sim.lines().iter().any(|line| line.contains('<')));
}

/// Nor do those that were taken for an emit, and have found none.
pub fn ids_are_given_once<F: Face>(face: &F) {
    let (mut first, socket) = open(face);
    let (mut second, other) = open(face);
    lead(&mut first, socket, 0);
    second.manager.follow(other, second.now);
    assert_eq!(first.manager.take_id(socket), Some(0));
    assert_eq!(first.manager.take_id(socket), Some(1));
    adopt(&mut first, socket, 1, 11, false);
    lead(&mut second, other, 1024);
    first.manager.follow(socket, first.now);
    adopt(&mut second, other, 1, 11, true);
    assert_eq!(second.manager.take_id(other), Some(1024));
    lead(&mut first, socket, 2048);
    adopt(&mut first, socket, 1, 11, true);
    adopt(&mut first, socket, 1024, 20, true);
    assert_eq!(first.manager.take_id(socket), Some(2048));
    // Its own store may know less than it: it was restored from yesterday.
    first.manager.follow(socket, first.now);
    first.manager.lead(socket, None, 7, first.now);
    assert_eq!(first.manager.take_id(socket), Some(2049));
    assert_eq!(first.lines().last().map(String::as_str), Some("reserve 0 3073"));
}

/// Nor one that the leader learns of only with what another process has stored.
pub fn an_id_of_another_process_is_not_given_again<F: Face>(face: &F) {
    let (mut sim, socket) = open(face);
    lead(&mut sim, socket, 0);
    adopt(&mut sim, socket, 5, 10, true);
    assert_eq!(sim.manager.take_id(socket), Some(6));
}

/// What becomes of what the one before has stored is not known any longer.
pub fn a_flush_ends_with_the_lead<F: Face>(face: &F) {
    let (mut sim, socket) = open(face);
    lead(&mut sim, socket, 0);
    let emit = sim.emit(socket, 1);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(emit));
    sim.lines();
    sim.events();
    sim.manager.follow(socket, sim.now);
    let told = sim.events();
    assert!(told.contains(&format!("flushed 0 #{} false", emit.number())), "{told:?}");
}

/// Acks that a follower asks for have ids that the leader has used, too. An answer to one of them must not settle what has
/// the same id in the store: the connection is made anew.
pub fn a_followers_acks_are_not_those_of_the_store<F: Face>(face: &F) {
    let (mut sim, socket) = open(face);
    sim.manager.follow(socket, sim.now);
    let acked = EmitOptions { ack: true, volatile: true, ..EmitOptions::default() };
    let own = sim.try_emit(socket, 1, &[], acked).unwrap();
    sim.expect_lines(&["w1 420<1>"]);
    sim.events();
    sim.manager.lead(socket, None, 1024, sim.now);
    let stored = adopt(&mut sim, socket, 0, 10, true);
    sim.expect_lines(&["reserve 0 2048", "close w1"]);
    assert!(matches!(sim.manager.fate(socket, own), Some(Fate::Uncertain { .. })));
    sim.manager.reserved(socket, 2048, sim.now);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 420<10>"]);
    sim.server("w2", "430<7>");
    assert_eq!(sim.manager.fate(socket, stored), Some(Fate::Acknowledged));
}

/// A follower that has asked for none keeps its connection.
pub fn taking_over_without_a_name_keeps_the_connection<F: Face>(face: &F) {
    let (mut sim, socket) = open(face);
    sim.manager.follow(socket, sim.now);
    lead(&mut sim, socket, 1024);
    adopt(&mut sim, socket, 0, 10, true);
    sim.expect_lines(&["w1 420<10>"]);
}
