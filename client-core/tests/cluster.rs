//! Sessions that a cluster resumes: Redis streams, whose offsets come out of order, and which replay more than was missed.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/json.rs"]
mod json;

use json::JsonFace;
use scenarios::{EPOCH, Sim, secs};
use socketio_client_core::{Config, GapLevel, GapReason, RecoveryDedupe};

/// An event on the wire with a stream's offset, in milliseconds from the clock's beginning.
fn event(number: u32, offset: &str) -> String {
    let (millis, count) = offset.split_once('-').unwrap();
    let millis = EPOCH + millis.parse::<u64>().unwrap();
    format!(r#"42["e",{number},"{millis}-{count}"]"#)
}

fn connected(change: impl FnOnce(&mut Config)) -> Sim<'static, JsonFace> {
    let mut sim = Sim::with(&JsonFace, change);
    sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.lines();
    sim.events();
    sim
}

/// The next connection, as far as CONNECT, which is returned.
fn next(sim: &mut Sim<'_, JsonFace>, old: &str, new: &str) -> String {
    sim.goodbye(old);
    sim.advance(secs(1));
    sim.open_websocket(new);
    sim.events();
    sim.lines().pop().unwrap()
}

fn claim(offset: &str) -> String {
    let (millis, count) = offset.split_once('-').unwrap();
    format!(r#"w2 40{{"pid":"P1","offset":"{}-{count}"}}"#, EPOCH + millis.parse::<u64>().unwrap())
}

/// The server is asked to begin a little earlier, at an offset that it knows; what comes twice is delivered once.
#[test]
fn offsets_out_of_order_lose_nothing() {
    let mut sim = connected(|_| ());
    for (number, offset) in [(1, "1000-0"), (2, "1050-0"), (4, "1120-0"), (5, "1160-1")] {
        sim.raw("w1", &event(number, offset));
    }
    assert_eq!(next(&mut sim, "w1", "w2"), claim("1050-0"));
    // The third was overtaken by the fourth, and missed.
    for (number, offset) in [(3, "1110-0"), (4, "1120-0"), (5, "1160-1"), (6, "1170-0")] {
        sim.raw("w2", &event(number, offset));
    }
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&[
        "connected 0 recovered true replayed 2",
        "gap 0 seam untold",
        "message 0 3",
        "message 0 6",
    ]);
    // At the seam the server sends some again.
    sim.raw("w2", &event(6, "1170-0"));
    sim.raw("w2", &event(7, "1180-0"));
    sim.expect_events(&["message 0 7"]);
}

/// Volatile events and those that want an ack come without offset, and are replayed with one.
#[test]
fn what_came_without_offset_does_not_come_twice() {
    let mut sim = connected(|_| ());
    sim.raw("w1", &event(1, "1000-0"));
    sim.raw("w1", r#"427["e",2]"#);
    sim.raw("w1", r#"42["e",3]"#);
    sim.raw("w1", r#"42["e",3]"#);
    sim.events();
    next(&mut sim, "w1", "w2");
    // Of the third kind one was missed.
    for (number, offset) in [(2, "1001-0"), (3, "1002-0"), (3, "1003-0"), (3, "1004-0")] {
        sim.raw("w2", &event(number, offset));
    }
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 1", "gap 0 seam untold", "message 0 3"]);

    let mut sim = connected(|config| config.recovery_dedupe = Some(RecoveryDedupe::Offset));
    sim.raw("w1", &event(1, "1000-0"));
    sim.raw("w1", r#"42["e",2]"#);
    next(&mut sim, "w1", "w2");
    sim.raw("w2", &event(2, "1001-0"));
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 1", "gap 0 seam untold", "message 0 2"]);
}

/// Also if they end in a text that could be an offset, of this kind or another, but is none.
#[test]
fn what_could_be_an_offset_does_not_come_twice() {
    for text in ["started", "1495252804095-0"] {
        let mut sim = connected(|_| ());
        sim.raw("w1", &event(1, "1000-0"));
        sim.raw("w1", &format!(r#"42["e",2,"{text}"]"#));
        sim.events();
        next(&mut sim, "w1", "w2");
        for (number, offset) in [(2, "1001-0"), (2, "1002-0")] {
            let offset = event(number, offset).split('"').rev().nth(1).unwrap().to_owned();
            sim.raw("w2", &format!(r#"42["e",{number},"{text}","{offset}"]"#));
        }
        sim.server("w2", "40{S1 P1}");
        // Of two that are the same one was missed.
        sim.expect_events(&["connected 0 recovered true replayed 1", "gap 0 seam untold", "message 0 2"]);
    }
}

/// Whoever wants to know is told of each seam.
#[test]
fn seams_are_told_to_who_asks() {
    let mut sim = connected(|config| config.gap = GapLevel::All);
    sim.raw("w1", &event(1, "1000-0"));
    next(&mut sim, "w1", "w2");
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 0", "gap 0 seam"]);
}

/// A cluster gives a session to one claim only, so it is asked for although it may not know of the loss.
#[test]
fn a_cluster_may_be_asked_early() {
    let mut sim = connected(|config| config.recovery_takeover = false);
    for (old, new) in [("w1", "w2"), ("w2", "w3"), ("w3", "w4")] {
        sim.raw(old, &event(1, "1000-0"));
        sim.cut(old);
        sim.advance(secs(1));
        sim.open_websocket(new);
        assert!(sim.lines().pop().unwrap().contains("offset"));
        sim.events();
        sim.server(new, "40{S1 P1}");
        sim.events();
    }
    sim.cut("w4");
    sim.advance(secs(1));
    sim.open_websocket("w5");
    sim.events();
    sim.server("w5", "40{S2 P2}");
    sim.expect_events(&["connected 0", "gap 0 server-not-noticed"]);
}

/// Who leaves while a session is asked for, and joins again, is not told of what that session replays: by what is known of it no
/// longer, it may have come before.
#[test]
fn what_is_replayed_for_a_claim_that_was_left_is_dropped() {
    let mut sim = connected(|_| ());
    let socket = sim.manager.socket("/", socketio_client_core::SocketOptions::default());
    // Something else keeps the connection.
    sim.connect("/b");
    sim.raw("w1", &event(1, "1000-0"));
    sim.raw("w1", r#"427["e",2]"#);
    sim.events();
    sim.lines();
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    assert!(sim.lines().iter().any(|line| line.contains("offset")));
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.events();
    sim.raw("w2", &event(2, "1001-0"));
    sim.server("w2", "40{S1 P1}");
    sim.raw("w2", &event(3, "5000-0"));
    sim.expect_events(&["connected 0", "gap 0 namespace-disconnect", "message 0 3"]);
}

/// A server whose clock is wrong by a year is resumed all the same, once that is known.
#[test]
fn a_wrong_clock_does_not_prevent_recovery() {
    let mut sim = connected(|_| ());
    let year = 365 * 24 * 60 * 60 * 1000_u64;
    for seconds in (0..90).step_by(15) {
        sim.advance(secs(15));
        sim.raw("w1", "2");
        sim.raw("w1", &event(1, &format!("{}-0", year + seconds * 1000)));
    }
    sim.lines();
    assert_eq!(next(&mut sim, "w1", "w2"), claim(&format!("{}-0", year + 60_000)));
}

/// A server that says nothing of recovery and then answers with a session of another kind changes nothing that is known.
#[test]
fn a_server_that_changes_its_offsets_is_not_believed() {
    let mut sim = connected(|_| ());
    sim.raw("w1", &event(1, "1000-0"));
    let mongo = format!("{:08x}0123456789abcdef", (EPOCH + 2000) / 1000);
    sim.raw("w1", &format!(r#"42["e",2,"{mongo}"]"#));
    sim.events();
    assert_eq!(next(&mut sim, "w1", "w2"), claim("1000-0"));
    // It sends again what was never missed, repeats itself, and goes on.
    for (number, offset) in [(1, "1000-0"), (3, "3000-0"), (3, "3000-0"), (1, "1000-0")] {
        sim.raw("w2", &event(number, offset));
    }
    sim.server("w2", "40{S1 P1}");
    sim.expect_events(&["connected 0 recovered true replayed 1", "gap 0 seam untold", "message 0 3"]);
    assert_eq!(GapReason::Seam.to_string(), "seam");
}
