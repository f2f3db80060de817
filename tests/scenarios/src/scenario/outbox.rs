//! What becomes of emits: fates, receipts, bounds, and sending again.

use socketio_client_core::{
    AckError, BufferPolicy, Codec, EmitError, EmitOptions, Fate, Flush, Receipts, SocketId, SocketOptions,
};

use crate::{Face, Sim, millis, secs};

pub(super) const WATCHED: EmitOptions<'_> = EmitOptions {
    ack: false,
    timeout: None,
    volatile: false,
    quiet_drop: false,
    busy: false,
    max_age: None,
    coalesce: None,
    watched: true,
    unread: false,
};

/// Connected with so many emits on their way at once; an answer may take a second.
fn window<'f, F: Face>(face: &'f F, retry_window: u32) -> (Sim<'f, F>, SocketId) {
    let mut sim = Sim::with(face, |config| config.ack_timeout = Some(secs(1)));
    let options =
        SocketOptions { retries: Some(9), retry_window: Some(retry_window), ..SocketOptions::default() };
    let socket = sim.manager.socket("/", options);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.events();
    (sim, socket)
}

/// Held, in flight, and delivered with a receipt or uncertain without.
pub fn fates_of_a_plain_emit<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let first = sim.watched(socket, 1);
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Held));
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>", "w1 ping"]);
    sim.expect_events(&["fate 0 #0 held", "opened websocket", "connected 0", "fate 0 #0 inFlight 1"]);
    sim.pong("w1");
    sim.expect_events(&["fate 0 #0 delivered"]);
    let second = sim.emit(socket, 2);
    sim.lines();
    assert_eq!(sim.manager.fate(socket, second), Some(Fate::InFlight { attempt: 1 }));
    sim.cut("w1");
    let uncertain = Fate::Uncertain { attempts: 1, last_sent: None, key: None };
    assert_eq!(sim.manager.fate(socket, second), Some(uncertain));
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Delivered));
    assert_eq!(sim.events().len(), 3, "nobody has asked for the second's");
    let third = sim.emit(socket, 3);
    assert_eq!(sim.manager.watch(socket, third), Some(Fate::Held));
    assert!(sim.manager.cancel(socket, third));
    sim.expect_events(&["fate 0 #2 cancelled 3"]);
}

/// A receipt does not tell what an answer will.
pub fn watched_while_it_awaits_its_answer<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    let emit = sim.emit_with_ack(socket, 1, None);
    sim.drain();
    assert_eq!(sim.manager.watch(socket, emit), Some(Fate::InFlight { attempt: 1 }));
    assert_eq!(sim.manager.flush(socket), Flush::Pending(emit));
    sim.expect_lines(&["w1 420<1>", "w1 ping"]);
    sim.pong("w1");
    sim.expect_events(&["flushed 0 #0 true"]);
    sim.server("w1", "430<7>");
    sim.expect_events(&["ack 0 #0: 7", "fate 0 #0 acknowledged"]);
}

/// The answer is what counts, or that none came.
pub fn fates_of_an_acked_emit<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    let acked = EmitOptions { ack: true, ..WATCHED };
    for number in 1..=4 {
        sim.try_emit(socket, number, &[], EmitOptions { timeout: (number == 2).then_some(secs(1)), ..acked })
            .unwrap();
    }
    sim.lines();
    sim.server("w1", "430<7>");
    sim.events();
    sim.advance(secs(1));
    sim.expect_events(&[&format!("ack 0 #1: {}", AckError::Timeout), "fate 0 #1 uncertain 1"]);
    sim.cut("w1");
    let fates: Vec<_> = sim.events().into_iter().filter(|line| line.starts_with("fate")).collect();
    assert_eq!(fates, ["fate 0 #2 uncertain 1", "fate 0 #3 uncertain 1"]);
    let fates: Vec<_> = (0..4)
        .map(|ticket| {
            sim.manager.fate(socket, socketio_client_core::EmitId::from_number(ticket)).unwrap().as_str()
        })
        .collect();
    assert_eq!(fates, ["acknowledged", "uncertain", "uncertain", "uncertain"]);
    // One whose time is over before it could be sent was certainly never sent.
    let late = sim.try_emit(socket, 5, &[], EmitOptions { timeout: Some(millis(10)), ..acked }).unwrap();
    sim.advance(millis(10));
    assert_eq!(sim.manager.fate(socket, late), Some(Fate::Expired));
}

/// However much is emitted, fates alone cost one ping a second.
pub fn receipts_are_asked_once_a_second<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.watched(socket, 1);
    sim.expect_lines(&["w1 42<1>", "w1 ping"]);
    sim.pong("w1");
    sim.watched(socket, 2);
    sim.advance(millis(999));
    sim.watched(socket, 3);
    sim.expect_lines(&["w1 42<2>", "w1 42<3>"]);
    assert_eq!(sim.manager.poll_timeout(), Some(sim.now + millis(1)));
    sim.advance(millis(1));
    sim.expect_lines(&["w1 ping"]);
    sim.events();
    sim.pong("w1");
    sim.expect_events(&["fate 0 #1 delivered", "fate 0 #2 delivered"]);
    // Where nobody asks, nothing is sent.
    sim.emit(socket, 4);
    sim.advance(secs(5));
    sim.expect_lines(&["w1 42<4>"]);
}

/// What a full sink holds back is not among what a receipt is for.
pub fn a_receipt_does_not_wait_for_what_comes_later<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    let first = sim.emit(socket, 1);
    assert_eq!(sim.manager.flush(socket), Flush::Pending(first));
    sim.expect_lines(&["w1 42<1>", "w1 ping"]);
    sim.writable = false;
    sim.emit(socket, 2);
    sim.pong("w1");
    sim.expect_events(&["flushed 0 #0 true"]);
}

/// Then nothing is known, and nothing is sent to find out.
pub fn receipts_can_be_off<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.receipts = Receipts::Off);
    let socket = sim.connected();
    let emit = sim.watched(socket, 1);
    sim.advance(secs(5));
    sim.expect_lines(&["w1 42<1>"]);
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::InFlight { attempt: 1 }));

    // And without a ping a server is not asked for a middleware that it may not have.
    let mut sim = Sim::with(face, |config| config.websocket_ping = false);
    let socket = sim.connected();
    sim.watched(socket, 1);
    sim.advance(secs(5));
    sim.expect_lines(&["w1 42<1>"]);
}

/// Where no ping can be sent, a refused namespace proves the same.
pub fn a_receipt_from_a_namespace_that_does_not_exist<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.websocket_ping = false;
        config.receipts = Receipts::Namespace;
    });
    let socket = sim.connected();
    let emit = sim.watched(socket, 1);
    sim.expect_lines(&["w1 42<1>", "w1 40/$fence,"]);
    sim.server("w1", "44/$fence,!");
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Delivered));
    assert!(sim.manager.status(socket).connected);
}

/// What is remembered is bounded, and what is not remembered is not told.
pub fn the_fate_of_the_forgotten_is_not_invented<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let first = sim.emit(socket, 1);
    sim.manager.cancel(socket, first);
    for number in 0..5000 {
        let emit = sim.emit(socket, number);
        sim.manager.cancel(socket, emit);
    }
    assert_eq!(sim.manager.fate(socket, first), None);
    let last = sim.emit(socket, 1);
    assert_eq!(sim.manager.fate(socket, last), Some(Fate::Held));
    let next = socketio_client_core::EmitId::from_number(last.number() + 1);
    assert_eq!(sim.manager.fate(socket, next), None, "it was never given");
}

/// What is held for too long is not sent any more.
pub fn old_emits_expire<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_max_age = Some(secs(3)));
    let socket = sim.connect("/");
    let first = sim.watched(socket, 1);
    sim.advance(secs(2));
    sim.emit_with_ack(socket, 2, None);
    sim.advance(secs(1));
    let expired = EmitError::Expired;
    let lines = sim.events();
    assert!(lines.contains(&format!("not sent 0 #0 1: {expired}")), "{lines:?}");
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Expired));
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 420<2>"]);
    sim.events();
    sim.advance(secs(10));
    sim.expect_events(&[]);
}

/// Its own age counts, in whatever order they come.
pub fn an_emit_may_have_an_age_of_its_own<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    for (number, age) in [(1, 5), (2, 1), (3, 3)] {
        sim.try_emit(socket, number, &[], EmitOptions { max_age: Some(secs(age)), ..WATCHED }).unwrap();
    }
    sim.emit(socket, 4);
    sim.events();
    sim.advance(secs(3));
    let fates: Vec<_> = sim.events().into_iter().filter(|line| line.starts_with("fate")).collect();
    assert_eq!(fates, ["fate 0 #1 expired 2", "fate 0 #2 expired 3"]);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    assert_eq!(sim.lines()[1..], ["w1 42<1>", "w1 42<4>", "w1 ping"]);
}

/// The oldest that were never sent are dropped, and told.
pub fn the_oldest_makes_room<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.buffer_size = 2;
        config.buffer_policy = BufferPolicy::DropOldest;
    });
    let socket = sim.connect("/");
    let first = sim.watched(socket, 1);
    sim.emit_with_ack(socket, 2, None);
    sim.emit(socket, 3);
    sim.emit(socket, 4);
    let displaced = EmitError::Displaced;
    sim.expect_events(&[
        &format!("not sent 0 #0 1: {displaced}"),
        &format!("ack 0 #1: {}", AckError::NotSent(displaced)),
        "fate 0 #0 held",
        "fate 0 #0 dropped 1",
    ]);
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Dropped));
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    assert_eq!(sim.lines()[1..], ["w1 42<3>", "w1 42<4>"]);

    // Also of one whose answer was given up.
    let mut sim = Sim::with(face, |config| {
        config.buffer_size = 1;
        config.buffer_policy = BufferPolicy::DropOldest;
    });
    let socket = sim.connect("/");
    let first = sim.emit_with_ack(socket, 1, None);
    sim.manager.forget_ack(socket, first);
    sim.emit(socket, 2);
    sim.expect_events(&[&format!("ack 0 #0: {}", AckError::NotSent(EmitError::Displaced))]);

    // One that is as large as all of it fits alone, and no larger one.
    let [small, large] = [&[][..], &[9; 3]].map(|parts| face.codec().size(&face.event(1, parts)));
    for (bytes, fits) in [(large, true), (large - 1, false)] {
        let mut sim = Sim::with(face, |config| {
            config.buffer_bytes = bytes;
            config.buffer_policy = BufferPolicy::DropOldest;
        });
        let socket = sim.connect("/");
        let first = sim.emit(socket, 1);
        assert!(small < bytes);
        assert_eq!(sim.try_emit(socket, 1, &[9; 3], EmitOptions::default()).is_ok(), fits);
        assert_eq!(sim.manager.fate(socket, first) == Some(Fate::Dropped), fits);
    }
}

/// Where all that may be dropped is not enough nothing is: it would be lost for one that is refused.
pub fn what_cannot_make_room_is_not_dropped<F: Face>(face: &F) {
    let [small, large] = [&[][..], &[9; 3]].map(|parts| face.codec().size(&face.event(1, parts)));
    for (bytes, fits) in [(small + large, true), (small + large - 1, false)] {
        let mut sim = Sim::with(face, |config| {
            config.buffer_bytes = bytes;
            config.buffer_policy = BufferPolicy::DropOldest;
        });
        let socket = sim.connect_retrying(9);
        sim.open_websocket("w1");
        sim.server("w1", "40{S1}");
        let sent = sim.emit(socket, 1);
        sim.drain();
        sim.cut("w1");
        let held = sim.emit(socket, 1);
        assert!(2 * small <= bytes);
        assert_eq!(sim.try_emit(socket, 1, &[9; 3], EmitOptions::default()).is_ok(), fits);
        assert_eq!(sim.manager.fate(socket, sent), Some(Fate::Held));
        assert_eq!(sim.manager.fate(socket, held) == Some(Fate::Dropped), fits);
    }
}

/// The new one is dropped, and told; what is held stays.
pub fn the_newest_is_dropped<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.buffer_size = 1;
        config.buffer_policy = BufferPolicy::DropNewest;
    });
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    let second = sim.emit(socket, 2);
    sim.expect_events(&[&format!("not sent 0 #1 2: {}", EmitError::Displaced)]);
    assert_eq!(sim.manager.fate(socket, second), Some(Fate::Dropped));
}

/// A volatile emit waits for nothing: it leaves, and one that is sent again stays where it stands.
pub fn a_volatile_emit_replaces_nothing<F: Face>(face: &F) {
    let (mut sim, socket) = window(face, 1);
    sim.emit(socket, 1);
    let position = EmitOptions { coalesce: Some("position"), ..WATCHED };
    let held = sim.try_emit(socket, 2, &[], position).unwrap();
    sim.expect_lines(&["w1 420<1>"]);
    sim.try_emit(socket, 3, &[], EmitOptions { volatile: true, ..position }).unwrap();
    sim.expect_lines(&["w1 42<3>", "w1 ping"]);
    assert_eq!(sim.manager.fate(socket, held), Some(Fate::Held));
    sim.server("w1", "430<7>");
    sim.expect_lines(&["w1 421<2>"]);
}

/// Also one that was never held.
pub fn a_dropped_volatile_emit_has_a_fate<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    let emit = sim.try_emit(socket, 1, &[], EmitOptions { volatile: true, ..WATCHED }).unwrap();
    sim.expect_events(&["fate 0 #0 dropped 1"]);
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Dropped));
}

/// So many are on their way at once, and the answers may come in any order.
pub fn a_window_of_attempts<F: Face>(face: &F) {
    let (mut sim, socket) = window(face, 3);
    for number in 1..=5 {
        sim.emit(socket, number);
    }
    sim.expect_lines(&["w1 420<1>", "w1 421<2>", "w1 422<3>"]);
    sim.server("w1", "430<11>");
    sim.expect_lines(&["w1 423<4>"]);
    sim.server("w1", "431<12>");
    sim.server("w1", "432<13>");
    sim.expect_lines(&["w1 424<5>"]);
    sim.expect_events(&["ack 0 #0: 11", "ack 0 #1: 12", "ack 0 #2: 13"]);
    assert_eq!(sim.manager.queued(socket), 2);
}

/// After a cut the oldest that is not settled comes first, and all that follow again, before anything newer.
pub fn a_cut_goes_back_to_the_oldest<F: Face>(face: &F) {
    let (mut sim, socket) = window(face, 3);
    for number in 1..=4 {
        sim.emit(socket, number);
    }
    sim.lines();
    sim.server("w1", "431<12>");
    sim.cut("w1");
    sim.emit(socket, 5);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 423<1>", "w2 424<3>"]);
    // An answer to what the connection before has carried is not one.
    sim.server("w2", "430<11>");
    sim.server("w2", "423<11>");
    sim.events();
    sim.server("w2", "433<11>");
    sim.expect_lines(&["w2 425<4>", "w2 426<5>"]);
    assert!(sim.events().contains(&"ack 0 #0: 11".to_string()));
}

/// The window is counted from the oldest that is not settled, so that the server need not remember more.
pub fn an_answer_out_of_order_does_not_move_the_window<F: Face>(face: &F) {
    let (mut sim, socket) = window(face, 2);
    for number in 1..=4 {
        sim.emit(socket, number);
    }
    sim.expect_lines(&["w1 420<1>", "w1 421<2>"]);
    sim.server("w1", "431<12>");
    sim.expect_lines(&[]);
    sim.server("w1", "430<11>");
    sim.expect_lines(&["w1 422<3>", "w1 423<4>"]);
}

/// On a connection that lives the pause doubles, up to a limit.
pub fn a_pause_before_another_attempt<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.ack_timeout = Some(secs(1));
        config.retry_delay = secs(2);
        config.retry_delay_max = secs(3);
        config.randomization_factor = 0.0;
    });
    let socket = sim.connect_retrying(9);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    let emit = sim.emit(socket, 1);
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
    sim.advance(millis(2999));
    sim.expect_lines(&[]);
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::InFlight { attempt: 1 }));
    sim.advance(millis(1));
    sim.expect_lines(&["w1 421<1>"]);
    sim.advance(millis(3999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["w1 422<1>"]);
    // An answer to an earlier attempt counts, also during a pause.
    sim.advance(secs(2));
    sim.server("w1", "431<7>");
    sim.advance(secs(9));
    sim.expect_lines(&[]);
    assert_eq!(sim.manager.fate(socket, emit), Some(Fate::Acknowledged));
}

/// No time, no timer: then only a lost connection causes another attempt.
pub fn without_a_time_only_a_cut_repeats<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(1);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    let emit = sim.emit(socket, 1);
    sim.expect_lines(&["w1 40", "w1 420<1>"]);
    sim.advance(secs(40));
    sim.expect_lines(&[]);
    for (old, new, lines) in [("w1", "w2", &["w2 40", "w2 421<1>"][..]), ("w2", "w3", &["w3 40"])] {
        sim.cut(old);
        sim.advance(secs(2));
        sim.open_websocket(new);
        sim.server(new, "40{S2}");
        sim.expect_lines(lines);
    }
    let Some(Fate::Uncertain { attempts: 2, last_sent: Some(_), key: None }) = sim.manager.fate(socket, emit)
    else {
        panic!("{:?}", sim.manager.fate(socket, emit))
    };
}

/// It is not sent again, and nobody claims to know what became of it.
pub fn cancelled_in_flight<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    let acked = EmitOptions { ack: true, ..WATCHED };
    let emit = sim.try_emit(socket, 1, &[], acked).unwrap();
    sim.lines();
    sim.events();
    assert!(!sim.manager.cancel(socket, emit));
    sim.expect_events(&[&format!("ack 0 #0: {}", AckError::Cancelled), "fate 0 #0 uncertain 1"]);
    sim.server("w1", "430<7>");
    sim.expect_events(&[]);
}

/// A shell may find the connection alive again before a packet says so. What was held goes first all the same.
pub fn what_is_held_is_not_overtaken<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.manager.set_heartbeat_deadline(sim.now);
    sim.emit(socket, 1);
    sim.manager.set_heartbeat_deadline(sim.now + secs(45));
    sim.emit(socket, 2);
    sim.expect_lines(&[]);
    sim.server("w1", "2");
    sim.expect_lines(&["w1 3", "w1 42<1>", "w1 42<2>"]);
}
