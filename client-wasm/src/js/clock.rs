//! The time, and the one timer of a manager.

use std::time::Duration;

use js_sys::Function;
use socketio_client_core::Instant;
use wasm_bindgen::prelude::*;

use crate::saved::millis;

// Not `js_sys::global` and `Reflect`, which look for older engines' names of it first.
#[wasm_bindgen]
extern "C" {
    type Global;
    #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
    static GLOBAL: Global;
    #[wasm_bindgen(method, getter, js_name = setTimeout)]
    fn set_timeout(this: &Global) -> Callable;
    #[wasm_bindgen(method, getter, js_name = clearTimeout)]
    fn clear_timeout(this: &Global) -> Callable;

    #[derive(Clone, Debug)]
    type Callable;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn set(this: &Callable, nobody: &JsValue, due: &Function, wait: f64) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = call)]
    fn clear(this: &Callable, nobody: &JsValue, handle: &JsValue) -> Result<(), JsValue>;
}

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
    set: Callable,
    clear: Callable,
}

impl Timers {
    fn current() -> Self {
        GLOBAL.with(|global| Self { set: global.set_timeout(), clear: global.clear_timeout() })
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

/// More than this is no busy machine, in milliseconds.
const LATE: u64 = 2000;

/// Timers take 31 bits of milliseconds.
const LONGEST: u64 = 0x7fff_ffff;

impl Timer {
    pub(super) fn new(due: Function, native: bool) -> Self {
        let timers = if native { NATIVE.with(Clone::clone) } else { Timers::current() };
        Self { due, timers, armed: None, told: false, wall: js_sys::Date::now(), ahead: 0.0 }
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

    /// The timer is due: whatever the clock says, the time for which it was set has come. Whether it comes so late that the
    /// machine, or the page, has slept.
    pub(super) fn fired(&mut self) -> (Instant, bool) {
        let now = self.now();
        let Some((at, _)) = self.armed.take() else { return (now, false) };
        if at > now {
            self.ahead += millis(at.since(now)) as f64;
            return (at, false);
        }
        (now, millis(now.since(at)) > LATE)
    }

    /// To be due at `at`, or earlier: a timer that is set already may stay. What is to be done for it, where no borrow is
    /// held: an application's own timers may call back at once.
    pub(super) fn arm(&mut self, at: Option<Instant>, now: Instant) -> Option<Arming> {
        let wait = at.map(|at| millis(at.since(now))).filter(|wait| *wait < FOREVER);
        let at = wait.map(|wait| now + Duration::from_millis(wait.min(LONGEST)));
        match (&self.armed, at) {
            (Some((armed, _)), Some(at)) if *armed <= at => return None,
            (None, None) if !self.told => return None,
            _ => {}
        }
        let old = self.armed.take().map(|(_, handle)| handle);
        self.told = at.is_some();
        self.armed = at.map(|at| (at, JsValue::UNDEFINED));
        let wait = at.map(|at| millis(at.since(now)) as f64);
        Some(Arming { timers: self.timers.clone(), due: self.due.clone(), old, wait })
    }

    /// The timer that was set.
    pub(super) fn armed(&mut self, handle: &JsValue) {
        if let Some((_, set)) = &mut self.armed {
            *set = handle.clone();
        }
    }
}

/// A timer to be cleared, and one to be set.
pub(super) struct Arming {
    timers: Timers,
    due: Function,
    old: Option<JsValue>,
    wait: Option<f64>,
}

impl Arming {
    /// The timer that is set now, or undefined.
    pub(super) fn carry_out(self) -> JsValue {
        if let Some(handle) = self.old {
            let _ = self.timers.clear.clear(&JsValue::UNDEFINED, &handle);
        }
        let set = self.wait.and_then(|wait| self.timers.set.set(&JsValue::UNDEFINED, &self.due, wait).ok());
        set.unwrap_or_default()
    }
}

/// Ten years: what lasts longer has no deadline.
const FOREVER: u64 = 10 * 365 * 24 * 3600 * 1000;
