//! Texts of the application's that could be offsets, and servers whose clock is wrong.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/json.rs"]
mod json;

use json::JsonFace;
use scenarios::{EPOCH, Sim, secs};
use socketio_client_core::{Offset, Shape};

const DAY: u64 = 24 * 60 * 60 * 1000;

fn connected() -> Sim<'static, JsonFace> {
    let mut sim = Sim::new(&JsonFace);
    sim.connect("/");
    sim.open_websocket("w1");
    sim.server("w1", "40{S1 P1}");
    sim.lines();
    sim
}

/// What a server writes whose clock is so much ahead of ours.
fn written(sim: &Sim<'_, JsonFace>, shape: Shape, ahead: u64) -> String {
    let now = u64::try_from(sim.now.since_epoch().as_millis()).unwrap();
    Offset { shape, millis: EPOCH + now + ahead, count: 0 }.to_string()
}

/// The server sends an event that ends in a text.
fn say(sim: &mut Sim<'_, JsonFace>, text: &str) {
    sim.raw("w1", &format!(r#"42["e",1,"{text}"]"#));
}

/// What the next connection claims.
fn claimed(mut sim: Sim<'_, JsonFace>) -> String {
    sim.lines();
    sim.goodbye("w1");
    sim.advance(secs(1));
    sim.open_websocket("w2");
    sim.lines().pop().unwrap()
}

fn claim(offset: &str) -> String {
    format!(r#"w2 40{{"pid":"P1","offset":"{offset}"}}"#)
}

/// Two ordinary texts, a moment apart in both senses, behind a volatile event each.
#[test]
fn ordinary_texts_do_not_spoil_the_offset() {
    for (one, other) in [("user001", "user002"), ("started", "starter"), ("item-01", "item-02")] {
        let mut sim = connected();
        let offset = written(&sim, Shape::Memory, 0);
        say(&mut sim, &offset);
        for text in [one, other] {
            sim.advance(secs(1));
            say(&mut sim, text);
        }
        sim.advance(secs(1));
        let mut last = String::new();
        for ahead in [0, 5] {
            last = written(&sim, Shape::Memory, ahead);
            say(&mut sim, &last);
        }
        assert_eq!(claimed(sim), claim(&last), "{one} {other}");
    }
}

/// Nor do they tell what kind of server it is.
#[test]
fn ordinary_texts_do_not_decide_the_shape() {
    let mut sim = connected();
    for text in ["user001", "user002", "user003"] {
        say(&mut sim, text);
        sim.advance(secs(1));
    }
    let offset = written(&sim, Shape::Stream, 0);
    say(&mut sim, &offset);
    assert_eq!(claimed(sim), claim(&offset));
}

/// A server whose clock is wrong is believed after a while, and from then on at once.
#[test]
fn a_server_whose_clock_is_wrong_is_believed() {
    let mut sim = connected();
    for _ in 0..10 {
        sim.raw("w1", "2");
        let offset = written(&sim, Shape::Memory, 400 * DAY);
        say(&mut sim, &offset);
        sim.advance(secs(10));
    }
    let offset = written(&sim, Shape::Memory, 400 * DAY);
    say(&mut sim, &offset);
    assert_eq!(claimed(sim), claim(&offset));
}

/// While it is not believed yet that a clock was set, what came live is not delivered once more from the last offset on.
#[test]
fn nothing_comes_twice_while_a_clock_is_found_out() {
    for shape in [Shape::Memory, Shape::Stream] {
        let mut sim = connected();
        let last = written(&sim, shape, 0);
        say(&mut sim, &last);
        sim.advance(secs(1));
        let set = written(&sim, shape, 2 * DAY);
        say(&mut sim, &set);
        sim.goodbye("w1");
        sim.advance(secs(1));
        sim.open_websocket("w2");
        assert_eq!(sim.lines().pop().unwrap(), claim(&last));
        sim.events();
        sim.raw("w2", &format!(r#"42["e",1,"{set}"]"#));
        let missed = written(&sim, shape, 2 * DAY);
        sim.raw("w2", &format!(r#"42["e",2,"{missed}"]"#));
        sim.server("w2", "40{S1 P1}");
        let events = sim.events();
        assert_eq!(events.first().unwrap(), "connected 0 recovered true replayed 1");
        assert_eq!(events.last().unwrap(), "message 0 2");
    }
}
