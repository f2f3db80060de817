//! When a client connects again, and how its timers run.

use std::time::Duration;

use socketio_client_core::codec::Json;
use socketio_client_core::{Config, Event};

/// A timer that is due at once again so often never ends.
const SPINS: u32 = 50;

/// The end of a connection that comes so soon after waking up is one that it has found out.
const HURRY: u64 = 2000;

/// Of one client.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the next attempt may begin.
    next: Option<u64>,
    hurried_until: u64,
    /// So many delays in a row were the longest that there are.
    longest: u32,
    /// When a timer fired last, and how often.
    fired: (u64, u32),
}

impl Pace {
    /// The client woke up: for a while the next attempt may begin at once.
    pub(crate) const fn hurry(&mut self, now: u64) {
        self.hurried_until = now + HURRY;
    }

    /// Until when it is finding out what has become of its connection.
    pub(crate) const fn hurried_until(&self) -> u64 {
        self.hurried_until
    }

    /// Delays double up to a bound and are spread, and no attempt begins before its time. What is heard may be so old.
    pub(crate) fn hear(&mut self, event: &Event<Json>, config: &Config, now: u64, late: u64) {
        match event {
            Event::Waiting { attempt, delay } => {
                let most = config.reconnection_delay_max;
                let doubled = config.reconnection_delay.saturating_mul(1 << (attempt - 1).min(20)).min(most);
                let spread = doubled.mul_f64(config.randomization_factor);
                let (low, high) = (doubled - spread, (doubled + spread).min(most));
                assert!(
                    (low..=high).contains(delay),
                    "attempt {attempt} after {delay:?}, not {low:?} to {high:?}"
                );
                self.longest = if *delay == most { self.longest + 1 } else { 0 };
                assert!(self.longest < 2, "attempt {attempt} after {delay:?} again: it is not spread");
                self.next = Some((now + millis(*delay)).saturating_sub(late));
            }
            Event::ReconnectAttempt { attempt, .. } => {
                let next = self.next.take().filter(|_| now > self.hurried_until + late).unwrap_or_default();
                assert!(next <= now, "attempt {attempt} at {now}, not before {next}");
            }
            _ => {}
        }
    }

    /// A timer fired, and all that it brought was done.
    pub(crate) fn fired(&mut self, now: u64) {
        let (before, times) = self.fired;
        self.fired = (now, if before == now { times + 1 } else { 1 });
        assert!(self.fired.1 <= SPINS, "a timer fires again and again, at {now}");
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
