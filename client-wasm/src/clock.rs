//! The time, and the one timer. Nothing here needs a window: a worker and Node have the same globals.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use js_sys::Function;
use socketio_client_core::Instant;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, millis: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(handle: &JsValue);
    #[wasm_bindgen(js_name = queueMicrotask)]
    pub(crate) fn queue_microtask(callback: &Function);
}

/// A monotonic clock that goes on while the computer sleeps.
///
/// `performance.now()` never runs backwards, but stands still during sleep on most platforms; `Date.now()` goes on, but
/// can be set. So the first is followed, and where the second runs ahead of it by a second between two readings, that is
/// taken for sleep. Nothing tells a clock that is set forward from that: what was to end within that time ends, `max_age`
/// among it, and a connection is made anew, once. A clock that is set back changes nothing.
#[derive(Debug)]
pub(crate) struct Clock {
    started: f64,
    /// Both clocks at the last reading, in milliseconds.
    steady: Cell<f64>,
    wall: Cell<f64>,
    asleep: Cell<f64>,
}

/// A timer that is later than this is not late because the machine is busy.
const LATE: Duration = Duration::from_secs(2);

/// Less is the wall clock being adjusted.
const SLEEP: f64 = 1000.0;

impl Clock {
    pub(crate) fn new() -> Self {
        let steady = performance_now();
        Self {
            started: steady,
            steady: Cell::new(steady),
            wall: Cell::new(js_sys::Date::now()),
            asleep: Cell::new(0.0),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        let steady = performance_now();
        let wall = js_sys::Date::now();
        let asleep = (wall - self.wall.replace(wall)) - (steady - self.steady.replace(steady));
        if asleep > SLEEP {
            self.asleep.set(self.asleep.get() + asleep);
        }
        let millis = (steady - self.started + self.asleep.get()).max(0.0);
        Instant::from_epoch(Duration::from_secs_f64(millis / 1000.0))
    }
}

/// A `setTimeout` that is cleared when this is dropped. One callback serves for ever.
pub(crate) struct Timer {
    callback: Closure<dyn Fn()>,
    armed: Option<(JsValue, Instant)>,
}

impl Timer {
    pub(crate) fn new(callback: impl Fn() + 'static) -> Self {
        Self { callback: Closure::new(callback), armed: None }
    }

    /// Sees to it that the callback runs at `due`, or earlier: a deadline that moves away, as that of the heartbeat does
    /// with each ping, costs no call into JavaScript until the timer has run.
    pub(crate) fn arm(&mut self, due: Option<Instant>, now: Instant) {
        let Some(due) = due else { return self.clear() };
        // One that is overdue slept with the computer, and has as long to go as when it fell asleep.
        if self.armed.as_ref().is_some_and(|(_, armed)| *armed <= due && *armed > now) {
            return;
        }
        self.clear();
        let handle = set_timeout(self.callback.as_ref().unchecked_ref(), millis(due.since(now)));
        // What was overdue before it was set does not make it late.
        self.armed = Some((handle, due.max(now)));
    }

    /// The callback is running: it has to be armed again. Whether it comes so late that the machine, or the page, has slept.
    pub(crate) fn fired(&mut self, now: Instant) -> bool {
        self.armed.take().is_some_and(|(_, due)| now.since(due) > LATE)
    }

    fn clear(&mut self) {
        if let Some((handle, _)) = self.armed.take() {
            clear_timeout(&handle);
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("due", &self.armed.as_ref().map(|(_, due)| due)).finish_non_exhaustive()
    }
}

/// For `setTimeout`: rounded up, or it would come a moment too early and have to be set again; and no more than its 31
/// bits, above which it runs at once.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).ceil().clamp(0.0, f64::from(i32::MAX))
}
