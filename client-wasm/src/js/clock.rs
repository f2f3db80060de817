//! The time, and when the one timer of a manager is due.

use std::time::Duration;

use socketio_client_core::Instant;

/// A clock that never runs backwards, and the timer that wakes the manager.
#[derive(Debug)]
pub(super) struct Timer {
    armed: Option<Instant>,
    /// The module knows of a timer.
    told: bool,
    /// `Date.now()` when it was last read.
    wall: f64,
    /// From `Date.now()` to the manager's time: grows where the former was set back, or a timer was early.
    ahead: f64,
}

/// Timers take 31 bits of milliseconds.
const LONGEST: u64 = 0x7fff_ffff;

impl Timer {
    pub(super) fn new() -> Self {
        Self { armed: None, told: false, wall: js_sys::Date::now(), ahead: 0.0 }
    }

    /// Unix time, except after somebody has set the clock back.
    pub(super) fn now(&mut self) -> Instant {
        self.read(js_sys::Date::now())
    }

    /// The same for a caller that has read `Date.now()`.
    pub(super) fn read(&mut self, wall: f64) -> Instant {
        if wall < self.wall {
            self.ahead += self.wall - wall;
        }
        self.wall = wall;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let millis = (wall + self.ahead) as u64;
        Instant::from_millis(millis)
    }

    /// The same point for `Date.now()`.
    pub(super) fn wall(&self, at: Instant) -> f64 {
        millis(at.since_epoch()) as f64 - self.ahead
    }

    /// The point at which `Date.now()` is this.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn at(&self, wall: f64) -> Instant {
        Instant::from_millis((wall + self.ahead) as u64)
    }

    /// The timer is due: whatever the clock says, the time for which it was set has come.
    pub(super) fn fired(&mut self) -> Instant {
        let now = self.now();
        let Some(at) = self.armed.take() else { return now };
        if at > now {
            self.ahead += millis(at.since(now)) as f64;
            return at;
        }
        now
    }

    /// To be due at `at`, or earlier: a timer that is set already may stay. If that is to change, after how many
    /// milliseconds; below 0: never.
    pub(super) fn arm(&mut self, at: Option<Instant>, now: Instant) -> Option<f64> {
        let wait = at.map(|at| millis(at.since(now))).filter(|wait| *wait < FOREVER);
        let wait = wait.map(|wait| wait.min(LONGEST));
        let at = wait.map(|wait| now + Duration::from_millis(wait));
        match (self.armed, at) {
            (Some(armed), Some(at)) if armed <= at => return None,
            (None, None) if !self.told => return None,
            _ => {}
        }
        self.armed = at;
        self.told = at.is_some();
        Some(wait.map_or(-1.0, |wait| wait as f64))
    }
}

/// Rounded up: a timer that comes before its time would be set again for 0 ms, until the clock goes on. Not `as_millis`,
/// which brings 128-bit division.
fn millis(duration: Duration) -> u64 {
    duration.as_secs() * 1_000 + u64::from(duration.subsec_nanos().div_ceil(1_000_000))
}

/// Ten years: what lasts longer has no deadline.
const FOREVER: u64 = 10 * 365 * 24 * 3600 * 1000;
