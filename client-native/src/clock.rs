//! The client's clock: tokio's, and the time for which the machine was suspended.
//!
//! Tokio's stands still meanwhile on some systems. Connections do not survive a long sleep, and what is worth nothing after
//! a minute is worth nothing after a night.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socketio_client_core::Instant;

/// A shorter sleep makes no difference.
const NAP: Duration = Duration::from_millis(2000);

pub(crate) struct Clock {
    epoch: tokio::time::Instant,
    /// For how long the machine was suspended since the epoch.
    suspended: Box<dyn Fn() -> Duration + Send + Sync>,
    /// How much of that is known, in milliseconds.
    known: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let (machine, running) = (boot_time::Instant::now(), std::time::Instant::now());
        Self::with(move || machine.elapsed().saturating_sub(running.elapsed()))
    }

    fn with(suspended: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let epoch = tokio::time::Instant::now();
        Self { epoch, suspended: Box::new(suspended), known: AtomicU64::new(0) }
    }

    fn known(&self) -> Duration {
        Duration::from_millis(self.known.load(Ordering::Relaxed))
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed() + self.known())
    }

    /// The point of tokio's clock at the core's `instant`, or before it, if the machine sleeps until then.
    pub(crate) fn at(&self, instant: Instant) -> Option<tokio::time::Instant> {
        self.epoch.checked_add(instant.since_epoch().saturating_sub(self.known()))
    }

    /// Looks whether the machine slept since the last look.
    pub(crate) fn has_slept(&self) -> bool {
        let suspended = (self.suspended)();
        let slept = suspended.saturating_sub(self.known()) > NAP;
        if slept {
            self.known.store(u64::try_from(suspended.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        slept
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("now", &self.now()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sleep_of_the_machine_is_time() {
        let slept = Arc::new(AtomicU64::new(0));
        let seconds = Arc::clone(&slept);
        let clock = Clock::with(move || Duration::from_secs(seconds.load(Ordering::Relaxed)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.now(), Instant::from_millis(10_000));
        assert!(!clock.has_slept());
        let later = clock.at(Instant::from_millis(4_000_000)).unwrap();
        slept.store(3600, Ordering::Relaxed);
        assert!(clock.has_slept());
        assert!(!clock.has_slept(), "once");
        assert_eq!(clock.now(), Instant::from_millis(3_610_000));
        assert_eq!(clock.at(Instant::from_millis(4_000_000)).unwrap() + Duration::from_secs(3600), later);
        // A nap is not worth a word.
        slept.store(3602, Ordering::Relaxed);
        assert!(!clock.has_slept());
    }

    #[tokio::test]
    async fn the_machine_is_awake() {
        let clock = Clock::new();
        assert!(!clock.has_slept());
    }
}
