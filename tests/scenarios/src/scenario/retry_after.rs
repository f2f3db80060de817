//! A server that asks to be left alone for a while.

use core::time::Duration;

use socketio_client_core::{Address, Config, TransportError, TransportKind};

use crate::{Face, Sim, millis, secs};

fn busy(wait: Duration) -> TransportError {
    TransportError::Status { status: 503, body: "busy".into(), retry_after: Some(wait) }
}

fn websocket_only(config: &mut Config) {
    config.transports = vec![TransportKind::WebSocket];
}

/// Refused in this way; returns what is told of the next attempt.
fn refused<F: Face>(sim: &mut Sim<'_, F>, name: &str, wait: Duration) -> String {
    sim.lines();
    sim.closed(name, busy(wait));
    sim.events().pop().unwrap()
}

/// The next attempt waits as long as the server asks, and the number is told; the one after that as long as ever.
pub fn the_next_attempt_waits_as_long_as_it_is_asked_to<F: Face>(face: &F) {
    let mut sim = Sim::with(face, websocket_only);
    sim.connect("/");
    sim.lines();
    sim.closed("w1", busy(secs(30)));
    let cause = "websocket: the server answered with HTTP status 503, to be asked again in 30 s: busy";
    sim.expect_events(&[
        &format!("open failed: {cause}"),
        &format!("connect error 0: {cause}"),
        "waiting 1 30000",
    ]);
    sim.advance(millis(29_999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["open w2"]);
    sim.refuse("w2");
    assert_eq!(sim.events().pop().unwrap(), "waiting 2 2000");
}

/// Not for ever: ten times the longest delay.
pub fn no_server_is_waited_for_longer_than_ten_times_the_longest_delay<F: Face>(face: &F) {
    let mut sim = Sim::with(face, websocket_only);
    sim.connect("/");
    assert_eq!(refused(&mut sim, "w1", Duration::from_secs(u64::MAX)), "waiting 1 50000");
}

/// A wish that is shorter than the delay changes nothing.
pub fn a_delay_that_is_longer_than_asked_for_stays<F: Face>(face: &F) {
    let mut sim = Sim::with(face, websocket_only);
    sim.connect("/");
    assert_eq!(refused(&mut sim, "w1", millis(999)), "waiting 1 1000");
    sim.advance(secs(1));
    assert_eq!(refused(&mut sim, "w2", Duration::ZERO), "waiting 2 2000");
}

/// Clients that were told the same do not come back together.
pub fn the_wait_is_spread_but_never_shorter<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        websocket_only(config);
        config.randomization_factor = 0.5;
    });
    sim.connect("/");
    let mut seen = Vec::new();
    for number in 1..=20 {
        let told = refused(&mut sim, &format!("w{number}"), secs(30));
        let delay: u64 = told.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((30_000..=32_500).contains(&delay), "{delay}");
        seen.push(delay);
        sim.advance(secs(33));
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 10, "{seen:?}");
}

/// A network that is back is no reason; the application's word is.
pub fn only_the_application_comes_earlier<F: Face>(face: &F) {
    let mut sim = Sim::with(face, websocket_only);
    sim.connect("/");
    refused(&mut sim, "w1", secs(30));
    sim.advance(secs(5));
    sim.manager.set_online(false, sim.now);
    sim.manager.set_online(true, sim.now);
    sim.expect_lines(&[]);
    sim.manager.reconnect_now(sim.now);
    sim.expect_lines(&["open w2"]);
}

/// The request of a session that was open counts as well, and a connected namespace ends it.
pub fn a_session_that_ends_so_is_followed_by_the_wait<F: Face>(face: &F) {
    let (mut sim, _) = Sim::polling(face);
    sim.lines();
    sim.closed("p1", busy(secs(20)));
    sim.expect_events(&["closed transport error", "disconnected 0 transport error", "waiting 1 20000"]);
    sim.advance(secs(20));
    sim.open_polling("p2", &[]);
    sim.expect_lines(&["get p2", "post p2 40"]);
    sim.posted("p2");
    sim.got("p2", &["40{S2}"]);
    sim.lines();
    sim.events();
    sim.closed("p2", TransportError::Lost { cause: "reset".into() });
    assert_eq!(sim.events().pop().unwrap(), "waiting 1 1000");
}

/// Of several servers the others are asked at once, and only the one that is asked next can make it wait.
pub fn other_servers_need_not_be_left_alone<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        websocket_only(config);
        config.others = vec![Address::parse("http://second").unwrap()];
    });
    sim.connect("/");
    sim.lines();
    sim.closed("w1", busy(secs(30)));
    sim.expect_lines(&["open w2"]);
    sim.refuse("w2");
    assert_eq!(sim.events().pop().unwrap(), "waiting 1 1000");
}
