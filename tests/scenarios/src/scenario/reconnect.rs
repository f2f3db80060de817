//! Attempts, backoff, limits, heartbeats.

use core::time::Duration;

use socketio_client_core::{EmitOptions, Fate, State, TransportError, TransportKind};

use crate::{Face, Sim, millis, secs};

/// A cut is followed by attempts until one succeeds; every namespace comes back.
pub fn a_cut_is_followed_by_a_new_session<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.cut("w1");
    sim.expect_events(&["closed transport close", "disconnected 0 transport close", "waiting 1 1000"]);
    assert_eq!(sim.manager.state(), State::Reconnecting);
    sim.advance(millis(999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_events(&["attempt 1"]);
    sim.open_websocket("w2");
    sim.expect_lines(&["w2 40"]);
    sim.server("w2", "40{S2}");
    sim.expect_events(&["opened websocket", "reconnected 1", "connected 0", "gap 0 none-offered"]);
    assert_eq!(sim.manager.status(socket).id, Some("S2"));
}

/// The first connection is retried like any other.
pub fn the_first_attempt_is_retried<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::WebSocket]);
    sim.connect("/");
    let cause = "websocket: cannot connect to server:80: connection refused; check the address and that the server is running";
    for (number, delay) in [(1, 1000), (2, 2000), (3, 4000), (4, 5000), (5, 5000)] {
        sim.expect_lines(&[&format!("open w{number}")]);
        sim.refuse(&format!("w{number}"));
        sim.expect_events(&[
            &format!("open failed: {cause}"),
            &format!("connect error 0: {cause}"),
            &format!("waiting {number} {delay}"),
        ]);
        sim.advance(millis(delay));
        sim.expect_events(&[&format!("attempt {number}")]);
    }
}

/// The limit of attempts is kept, and the end is told once.
pub fn the_limit_of_attempts_is_kept<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.transports = vec![TransportKind::WebSocket];
        config.reconnection_attempts = Some(2);
    });
    let socket = sim.connect("/");
    for number in 1..=3 {
        sim.refuse_next(number);
    }
    assert_eq!(sim.events().last().unwrap(), "reconnect failed");
    sim.advance(secs(3600));
    sim.expect_lines(&[]);
    sim.expect_events(&[]);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w4"]);
}

/// A server that opens sessions and drops them is retried ever more slowly: only a connected namespace ends the outage.
pub fn a_mere_open_does_not_reset_the_backoff<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect("/");
    for (number, delay) in [(1, 1000), (2, 2000), (3, 4000)] {
        let name = format!("w{number}");
        sim.open_websocket(&name);
        sim.cut(&name);
        assert_eq!(sim.events().last().unwrap(), &format!("waiting {number} {delay}"));
        sim.advance(millis(delay));
        sim.lines_after_connect();
    }
}

/// Once a namespace has connected, the next outage starts from the shortest delay.
pub fn a_connected_namespace_resets_the_backoff<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    for round in 1..=3 {
        sim.cut(&format!("w{round}"));
        assert_eq!(sim.events().last().unwrap(), "waiting 1 1000");
        sim.advance(secs(1));
        let name = format!("w{}", round + 1);
        sim.open_websocket(&name);
        sim.server(&name, "40{S}");
        sim.lines();
    }
}

/// "Reconnect now" does not wait.
pub fn reconnect_now_does_not_wait<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.cut("w1");
    sim.manager.reconnect_now(sim.now);
    sim.expect_lines(&["open w2"]);
    sim.manager.reconnect_now(sim.now);
    sim.expect_lines(&[]);
}

/// Leaving during a wait or an attempt ends it.
pub fn leaving_ends_the_attempts<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.cut("w1");
    sim.manager.disconnect(socket, sim.now);
    sim.advance(secs(60));
    sim.expect_lines(&[]);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w2"]);
    sim.manager.disconnect(socket, sim.now);
    sim.expect_lines(&["close w2"]);
    sim.advance(secs(60));
    sim.expect_lines(&[]);
    assert_eq!(sim.manager.state(), State::Disconnected);
}

/// Without reconnection a cut is final until `connect`.
pub fn without_reconnection_a_cut_is_final<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.reconnection = false);
    let socket = sim.connected();
    sim.cut("w1");
    sim.expect_events(&["closed transport close", "disconnected 0 transport close"]);
    sim.advance(secs(60));
    sim.expect_lines(&[]);
    sim.manager.connect(socket, sim.now);
    sim.expect_lines(&["open w2"]);
}

/// Turning reconnection off ends a wait, and does not get in the way of `connect`.
pub fn reconnection_can_be_turned_off_while_waiting<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.cut("w1");
    sim.manager.set_reconnection(false);
    sim.advance(secs(60));
    sim.expect_lines(&[]);
    sim.manager.connect(socket, sim.now);
    sim.open_websocket("w2");
}

/// A transport that hangs does not starve the next: each may use half of what remains.
pub fn a_hanging_transport_leaves_time_for_the_next<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.timeout = secs(20));
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    sim.advance(millis(9_999));
    sim.expect_lines(&[]);
    sim.advance(millis(1));
    sim.expect_lines(&["close w1", "get p1"]);
    sim.advance(secs(10));
    sim.expect_lines(&["close p1"]);
    sim.expect_events(&["open failed: timeout", "connect error 0: timeout", "waiting 1 1000"]);
}

/// A transport that fails is followed by the next at once; where that is not wanted, the attempt has failed.
pub fn the_next_transport_is_tried<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    sim.refuse("w1");
    sim.open_polling("p1", &[]);
    sim.expect_events(&["opened polling"]);

    let mut sim = Sim::with(face, |config| config.try_all_transports = false);
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    sim.refuse("w1");
    sim.expect_lines(&[]);
    assert!(sim.events().first().unwrap().starts_with("open failed"));
}

/// A connection that closes before the handshake is noticed at once, not at the attempt's timeout.
pub fn an_early_close_is_noticed_at_once<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::WebSocket]);
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    sim.closed("w1", TransportError::Closed { code: Some(1000), reason: String::new() });
    assert_eq!(sim.events().last().unwrap(), "waiting 1 1000");
}

/// A server that falls silent is noticed after `pingInterval + pingTimeout`; only its pings count.
pub fn silence_is_noticed<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.advance(secs(25));
    sim.raw("w1", "2");
    sim.expect_lines(&["w1 3"]);
    sim.advance(secs(40));
    sim.server("w1", "42<1>");
    sim.expect_events(&["message 0 1"]);
    sim.advance(millis(4_999));
    sim.expect_events(&[]);
    sim.advance(millis(1));
    sim.expect_events(&["closed ping timeout", "disconnected 0 ping timeout", "waiting 1 1000"]);
    sim.expect_lines(&["close w1"]);
}

/// A handshake that cannot be read is an error of the attempt.
pub fn a_bad_handshake_fails_the_attempt<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.transports = vec![TransportKind::WebSocket]);
    sim.connect("/");
    for (number, wire) in ["0{", "0", "hello", "42<1>", "", "2"].into_iter().enumerate() {
        let name = format!("w{}", number + 1);
        sim.expect_lines(&[&format!("open {name}")]);
        sim.raw(&name, wire);
        assert!(sim.events().iter().any(|event| event.starts_with("open failed")), "{wire}");
        sim.expect_lines(&[&format!("close {name}")]);
        sim.manager.reconnect_now(sim.now);
    }
}

/// A second handshake changes nothing.
pub fn a_second_handshake_is_ignored<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.handshake("w1", &[]);
    sim.server("w1", "42<1>");
    sim.expect_events(&["message 0 1"]);
}

/// Without a network nothing is tried in vain, and its return ends the wait.
pub fn the_network_can_be_cut_and_come_back<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.manager.set_online(false, sim.now);
    sim.expect_lines(&["close w1"]);
    sim.expect_events(&["closed transport close", "disconnected 0 transport close", "waiting 1 1000"]);
    sim.emit(socket, 1);
    sim.advance(secs(30));
    assert!(!sim.events().iter().any(|event| event.starts_with("opened")));
    sim.lines();
    sim.manager.set_online(true, sim.now);
    let opened = sim.lines().pop().unwrap();
    let name = opened.strip_prefix("open ").unwrap();
    let handshake = sim.face.handshake_wire("E2", &[], 25_000, 20_000, 1_000_000);
    sim.raw(name, &handshake);
    sim.server(name, "40{S2}");
    sim.expect_lines(&[&format!("{name} 40"), &format!("{name} 42<1>")]);
}

/// After an hour of sleep there is one new connection; what was held is judged by its age, and nothing runs hot.
pub fn an_hour_of_sleep<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.emit(socket, 1);
    sim.lines();
    sim.cut("w1");
    let aged = |age| EmitOptions { max_age: Some(secs(age)), ..EmitOptions::default() };
    let short = sim.try_emit(socket, 2, &[], aged(1800)).unwrap();
    let long = sim.try_emit(socket, 3, &[], aged(7200)).unwrap();
    sim.events();
    // Timers that were due meanwhile are told once, late, and all at the same time.
    sim.now = sim.now + secs(3600);
    sim.manager.handle_timeout(sim.now);
    sim.drain();
    assert_eq!(sim.manager.fate(socket, short), Some(Fate::Expired));
    assert_eq!(sim.manager.fate(socket, long), Some(Fate::Held));
    assert!(sim.manager.poll_timeout().is_some_and(|next| next > sim.now), "nothing is due at once");
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.expect_lines(&["w2 40", "w2 42<3>"]);

    // The same while connected: the silence is noticed, once.
    sim.events();
    sim.now = sim.now + secs(3600);
    sim.manager.handle_timeout(sim.now);
    sim.drain();
    sim.expect_events(&["closed ping timeout", "disconnected 0 ping timeout", "waiting 1 1000"]);
    sim.advance(secs(1));
    sim.expect_lines(&["close w2", "open w3"]);
}

/// A network that comes and goes a hundred times a second starts an attempt a second.
pub fn online_storms_start_one_attempt_a_second<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.reconnection_delay = secs(60));
    sim.connected();
    let mut opened = 0;
    for _ in 0..300 {
        sim.manager.set_online(false, sim.now);
        sim.drain();
        sim.manager.set_online(true, sim.now);
        sim.advance(millis(10));
        opened += sim.lines().iter().filter(|line| line.starts_with("open")).count();
    }
    assert!((3..=4).contains(&opened), "{opened} attempts in three seconds");
}

/// An empty list of transports is an error, not a panic; it comes a little later, when somebody may listen.
pub fn no_transports_is_an_error<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.transports = vec![];
        config.reconnection = false;
    });
    sim.connect("/");
    sim.expect_events(&[]);
    sim.advance(secs(0));
    sim.expect_events(&["open failed: No transports available", "connect error 0: No transports available"]);
}

impl<'f, F: Face> Sim<'f, F> {
    /// The attempt that is under way, or comes next, meets a closed port.
    fn refuse_next(&mut self, number: usize) {
        self.drain();
        while !self.is_open(&format!("w{number}")) {
            let deadline = self.manager.poll_timeout().unwrap();
            self.advance(deadline.since(self.now));
            self.lines();
        }
        self.refuse(&format!("w{number}"));
    }

    /// Drops the CONNECT that the last session was sent, and checks that the next attempt is under way.
    fn lines_after_connect(&mut self) {
        let lines = self.lines();
        assert!(lines.iter().any(|line| line.ends_with(" 40")), "{lines:?}");
        let opened = lines.last().unwrap().clone();
        assert!(opened.starts_with("open "), "{lines:?}");
        self.put_back(opened);
    }
}

/// The application leaves and comes back while a full sink holds what it emitted before: that comes first.
pub fn what_a_left_session_still_holds_comes_first_on_the_next<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    let socket = sim.connected();
    sim.writable = false;
    sim.emit(socket, 1);
    sim.emit(socket, 2);
    sim.manager.disconnect(socket, sim.now);
    sim.manager.connect(socket, sim.now);
    sim.emit(socket, 3);
    sim.open_websocket("w2");
    sim.server("w2", "40{S2}");
    sim.emit(socket, 4);
    sim.writable = true;
    sim.expect_lines(&["close w1", "w2 40", "w2 42<1>", "w2 42<2>", "w2 42<3>", "w2 42<4>"]);
}

/// Where there is to be no limit of time, there is none.
pub fn an_attempt_may_take_for_ever<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| {
        config.timeout = Duration::MAX;
        config.connect_timeout = Duration::MAX;
    });
    sim.connect("/");
    sim.expect_lines(&["open w1"]);
    assert_eq!(sim.manager.poll_timeout(), None);
    sim.advance(secs(1_000_000));
    sim.expect_events(&[]);
    sim.handshake("w1", &[]);
    sim.server("w1", "2");
    sim.advance(secs(44));
    sim.expect_events(&["opened websocket"]);
}

/// Each attempt goes by the options of its time.
pub fn options_are_read_anew_at_each_attempt<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.manager.config_mut().reconnection_delay = secs(3);
    sim.manager.config_mut().transports = vec![TransportKind::Polling];
    sim.cut("w1");
    assert_eq!(sim.events().last().unwrap(), "waiting 1 3000");
    sim.advance(secs(3));
    sim.expect_lines(&["get p1"]);
}

/// Who wakes up probes the connection, and ends it if no answer comes; the next attempt starts at once.
pub fn waking_up_probes_the_connection<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.lines();
    sim.manager.resume(sim.now);
    sim.expect_lines(&["w1 ping"]);
    sim.advance(millis(1999));
    sim.pong("w1");
    sim.advance(secs(10));
    sim.expect_events(&[]);
    // Whatever comes is an answer.
    sim.manager.resume(sim.now);
    sim.server("w1", "42<1>");
    sim.advance(secs(3));
    sim.expect_events(&["message 0 1"]);
    sim.pong("w1");
    sim.lines();
    sim.manager.resume(sim.now);
    sim.expect_lines(&["w1 ping"]);
    sim.advance(secs(2));
    assert_eq!(sim.events()[0], "closed ping timeout");
    sim.advance(secs(1));
    sim.expect_lines(&["close w1", "open w2"]);
}

/// After a sleep that the heartbeat did not survive there is nothing to ask.
pub fn waking_up_too_late_asks_nobody<F: Face>(face: &F) {
    let mut sim = Sim::new(face);
    sim.connected();
    sim.lines();
    sim.now = sim.now + secs(3600);
    sim.manager.resume(sim.now);
    sim.expect_lines(&[]);
    sim.manager.handle_timeout(sim.now);
    sim.expect_lines(&["close w1", "open w2"]);
}

/// Where there is no way to ask, the heartbeat decides. After a sleep that it did not survive, nothing waits.
pub fn waking_up_late_reconnects_at_once<F: Face>(face: &F) {
    let mut sim = Sim::with(face, |config| config.websocket_ping = false);
    sim.connected();
    sim.lines();
    sim.manager.resume(sim.now);
    sim.advance(secs(40));
    sim.expect_events(&[]);
    sim.now = sim.now + secs(3600);
    sim.manager.resume(sim.now);
    sim.manager.handle_timeout(sim.now);
    sim.expect_lines(&["close w1", "open w2"]);
    assert_eq!(
        sim.events(),
        ["closed ping timeout", "disconnected 0 ping timeout", "waiting 1 1000", "attempt 1"]
    );
    // Not more than once a second.
    sim.refuse("w2");
    sim.refuse("p1");
    sim.lines();
    sim.events();
    sim.manager.resume(sim.now);
    sim.manager.resume(sim.now);
    sim.expect_lines(&[]);
    sim.advance(secs(1));
    sim.manager.resume(sim.now);
    sim.expect_lines(&["open w3"]);
}
