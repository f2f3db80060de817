//! Emits that replace older ones with the same key.

use socketio_client_core::{BufferPolicy, Codec, EmitError, EmitOptions, Fate};

use super::outbox::WATCHED;
use crate::{Face, Sim, secs};

const POSITION: EmitOptions<'_> = EmitOptions { coalesce: Some("position"), ..WATCHED };

/// A newer position replaces the one that is held, and stands where that stood.
pub fn a_key_replaces_in_place<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 2);
    let socket = sim.connect("/");
    let first = sim.try_emit(socket, 1, &[], POSITION).unwrap();
    sim.emit(socket, 2);
    let third = sim.try_emit(socket, 3, &[], POSITION).unwrap();
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Dropped));
    assert_eq!(sim.manager.fate(socket, third), Some(Fate::Held));
    sim.events();
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    assert_eq!(sim.lines()[1..], ["w1 42<3>", "w1 42<2>", "w1 ping"]);
    sim.pong("w1");
    assert_eq!(sim.manager.fate(socket, third), Some(Fate::Delivered));
    // What has left is not replaced.
    let fourth = sim.try_emit(socket, 4, &[], POSITION).unwrap();
    assert!(fourth > third);
    assert_eq!(sim.lines(), ["w1 42<4>"]);
}

/// What a newer one is in the place of is out of its way, and nothing else is.
pub fn a_key_does_not_pass_the_bound_of_bytes<F: Face>(face: &F) {
    let [small, large] = [&[][..], &[9; 3]].map(|parts| face.codec().size(&face.event(1, parts)));
    for (policy, bytes, left) in [
        (BufferPolicy::Refuse, 2 * small, 2),
        (BufferPolicy::DropNewest, 2 * small, 2),
        // The other one is older.
        (BufferPolicy::DropOldest, large, 1),
        (BufferPolicy::Refuse, small + large, 2),
    ] {
        let mut sim = Sim::with(face, |config| {
            config.buffer_bytes = bytes;
            config.buffer_policy = policy;
        });
        let socket = sim.connect("/");
        let other = sim.watched(socket, 1);
        let old = sim.try_emit(socket, 2, &[], POSITION).unwrap();
        let new = sim.try_emit(socket, 3, &[9; 3], POSITION);
        let fate = |emit| sim.manager.fate(socket, emit);
        let replaced = left == 1 || bytes > 2 * small;
        assert_eq!(fate(old), Some(if replaced { Fate::Dropped } else { Fate::Held }), "{policy:?} {bytes}");
        assert_eq!(
            fate(other),
            Some(if left == 1 { Fate::Dropped } else { Fate::Held }),
            "{policy:?} {bytes}"
        );
        match new {
            Ok(new) => assert_eq!(fate(new), Some(if replaced { Fate::Held } else { Fate::Dropped })),
            Err(refused) => {
                assert!(policy == BufferPolicy::Refuse && !replaced);
                assert_eq!(refused.error, EmitError::BufferFull { held: 2, bytes });
            }
        }
        assert_eq!(sim.manager.held(socket).count(), left, "{policy:?} {bytes}");
    }

    // Only the last one takes room.
    let mut sim = Sim::with(face, |config| config.buffer_bytes = 2 * small);
    let socket = sim.connect("/");
    for number in 1..=9 {
        sim.try_emit(socket, number, &[], POSITION).unwrap();
    }
    sim.emit(socket, 1);
    assert!(sim.try_emit(socket, 2, &[], EmitOptions::default()).is_err());
}

/// What has another key, or none, is not in the way of being replaced: it counts.
pub fn a_key_is_for_its_own_place<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.buffer_size = 1);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    assert!(sim.try_emit(socket, 2, &[], POSITION).is_err());

    let [large, larger] = [&[9; 2][..], &[9; 3]].map(|parts| face.codec().size(&face.event(1, parts)));
    let mut sim = Sim::with(face, |config| config.buffer_bytes = large + larger);
    let socket = sim.connect("/");
    sim.try_emit(socket, 1, &[9; 3], EmitOptions::default()).unwrap();
    sim.try_emit(socket, 2, &[9; 2], POSITION).unwrap();
    assert!(sim.try_emit(socket, 3, &[9; 3], POSITION).is_err());
    sim.try_emit(socket, 4, &[9; 2], POSITION).unwrap();
}

/// It is known by its own ticket.
pub fn what_has_replaced_another_can_be_cancelled<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.emit(socket, 1);
    sim.try_emit(socket, 2, &[], POSITION).unwrap();
    sim.emit(socket, 3);
    let last = sim.try_emit(socket, 4, &[], POSITION).unwrap();
    assert!(sim.manager.cancel(socket, last));
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.expect_lines(&["w1 40", "w1 42<1>", "w1 42<3>"]);
}

/// Of two that came back the newer one makes way: what is newest comes last.
pub fn of_two_that_came_back_the_newer_is_replaced<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.writable = false;
    let [older, newer] = [1, 2].map(|number| sim.try_emit(socket, number, &[], POSITION).unwrap());
    sim.cut("w1");
    sim.writable = true;
    sim.try_emit(socket, 3, &[], POSITION).unwrap();
    let fates = [older, newer].map(|emit| sim.manager.fate(socket, emit));
    assert_eq!(fates, [Some(Fate::Held), Some(Fate::Dropped)]);
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    assert_eq!(sim.lines()[..3], ["w2 40", "w2 42<1>", "w2 42<3>"]);
}

/// An attempt that a full sink held back, and that came back from there, is as good as one that was never made.
pub fn what_has_come_back_is_replaced<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connect_retrying(1);
    sim.open_websocket("w1");
    sim.server("w1", "40{S1}");
    sim.lines();
    sim.writable = false;
    let first = sim.try_emit(socket, 1, &[], POSITION).unwrap();
    sim.cut("w1");
    sim.writable = true;
    sim.try_emit(socket, 2, &[], POSITION).unwrap();
    assert_eq!(sim.manager.fate(socket, first), Some(Fate::Dropped));
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    assert_eq!(sim.lines()[..2], ["w2 40", "w2 420<2>"]);
}
