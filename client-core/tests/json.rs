//! Every scenario with JSON payloads.

// Tests: a wrong assumption is to end them.
#![allow(clippy::unwrap_used)]

#[path = "face/json.rs"]
mod json;

use json::JsonFace;
use scenarios::Sim;
use socketio_client_core::TransportKind;

scenarios::scenario_tests!(JsonFace);

/// python-engineio lets fall what comes in a body of more than 16 packets, says OK to it, and may announce no limits.
#[test]
fn where_no_limit_is_announced_a_body_has_sixteen_packets() {
    let mut sim = Sim::with(&JsonFace, |config| config.transports = vec![TransportKind::Polling]);
    let socket = sim.connect("/");
    for number in 1..=40 {
        sim.emit(socket, number);
    }
    sim.expect_lines(&["get p1"]);
    sim.got_raw("p1", r#"0{"sid":"E1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#);
    sim.expect_lines(&["get p1", "post p1 40"]);
    sim.posted("p1");
    sim.got("p1", &["40{S1}"]);
    let mut sent = Vec::new();
    while let Some(post) = sim.lines().into_iter().find(|line| line.starts_with("post ")) {
        sent.push(post.matches("42<").count());
        sim.posted("p1");
    }
    assert_eq!(sent, [16, 16, 8]);
}
