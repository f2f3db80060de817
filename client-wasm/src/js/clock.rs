//! The time, and the one timer of a manager.

use std::time::Duration;

use js_sys::{Function, Reflect};
use socketio_client_core::Instant;
use wasm_bindgen::prelude::*;

thread_local! {
    /// As they were when the module was loaded.
    static NATIVE: Timers = Timers::current();
}

/// Called when the module is loaded.
#[wasm_bindgen(start)]
pub(super) fn loaded() {
    NATIVE.with(|_| ());
}

/// What the host's global object has at some time. Applications, or their tests, replace these.
#[derive(Clone, Debug)]
struct Timers {
    set: JsValue,
    clear: JsValue,
}

impl Timers {
    fn current() -> Self {
        let global = js_sys::global();
        let get = |name: &str| Reflect::get(&global, &JsValue::from_str(name)).unwrap_or_default();
        Self { set: get("setTimeout"), clear: get("clearTimeout") }
    }
}

/// A clock that never runs backwards, and the timer that wakes the manager.
#[derive(Debug)]
pub(super) struct Timer {
    due: Function,
    timers: Timers,
    armed: Option<(Instant, JsValue)>,
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
    pub(super) fn new(due: Function, native: bool) -> Self {
        let timers = if native { NATIVE.with(Clone::clone) } else { Timers::current() };
        Self { due, timers, armed: None, told: false, wall: js_sys::Date::now(), ahead: 0.0 }
    }

    /// Unix time, except after somebody has set the clock back.
    pub(super) fn now(&mut self) -> Instant {
        let wall = js_sys::Date::now();
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
        at.since_epoch().as_millis() as f64 - self.ahead
    }

    /// The point at which `Date.now()` is this.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    pub(super) fn at(&self, wall: f64) -> Instant {
        Instant::from_millis((wall + self.ahead) as u64)
    }

    /// The timer is due: whatever the clock says, the time for which it was set has come.
    pub(super) fn fired(&mut self) -> Instant {
        let now = self.now();
        let Some((at, _)) = self.armed.take() else { return now };
        if at > now {
            self.ahead += at.since(now).as_millis() as f64;
            return at;
        }
        now
    }

    /// To be due at `at`, or earlier: a timer that is set already may stay. What is set now, if that has
    /// changed: the timer, or undefined.
    pub(super) fn arm(&mut self, at: Option<Instant>, now: Instant) -> Option<JsValue> {
        // Rounded up: a timer that comes before its time would be set again for 0 ms, until the clock goes on.
        let millis = |at: Instant| u64::try_from(at.since(now).as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let wait = at.map(millis).filter(|wait| *wait < FOREVER);
        let at = wait.map(|wait| now + Duration::from_millis(wait.min(LONGEST)));
        match (&self.armed, at) {
            (Some((armed, _)), Some(at)) if *armed <= at => return None,
            (None, None) if !self.told => return None,
            _ => {}
        }
        if let Some((_, handle)) = self.armed.take() {
            let _ = self.timers.clear.unchecked_ref::<Function>().call1(&JsValue::UNDEFINED, &handle);
        }
        self.told = at.is_some();
        let Some(at) = at else { return Some(JsValue::UNDEFINED) };
        let wait = JsValue::from_f64(at.since(now).as_millis() as f64);
        let handle =
            self.timers.set.unchecked_ref::<Function>().call2(&JsValue::UNDEFINED, &self.due, &wait).unwrap_or_default();
        self.armed = Some((at, handle.clone()));
        Some(handle)
    }
}

/// Ten years: what lasts longer has no deadline.
const FOREVER: u64 = 10 * 365 * 24 * 3600 * 1000;
