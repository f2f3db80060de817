//! Time as the shell tells it.

use core::ops::Add;
use core::time::Duration;

/// A point on the shell's monotonic clock: the time since an epoch that the shell chooses.
///
/// The core never reads a clock. Every call that can depend on time takes `now`, which must not run backwards.
///
/// ```
/// use core::time::Duration;
/// use socketio_client_core::Instant;
///
/// let start = Instant::from_millis(1_000);
/// let later = start + Duration::from_millis(500);
/// assert_eq!(later.since(start), Duration::from_millis(500));
/// assert_eq!(start.since(later), Duration::ZERO, "saturates");
/// ```
// One number, because it is in every call: nanoseconds last for 584 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// What is due then never is.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The point `elapsed` after the shell's epoch.
    #[must_use]
    pub fn from_epoch(elapsed: Duration) -> Self {
        Self::default() + elapsed
    }

    /// The point `millis` milliseconds after the shell's epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(scaled(millis, 1_000_000))
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// How long ago `earlier` was, or zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time since the shell's epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    // One copy will do: deadlines are set in many places.
    #[inline(never)]
    fn add(self, duration: Duration) -> Self {
        let nanos = scaled(duration.as_secs(), 1_000_000_000).saturating_add(duration.subsec_nanos().into());
        Self(self.0.saturating_add(nanos))
    }
}

/// Saturates. `saturating_mul` would multiply to 128 bits.
const fn scaled(number: u64, unit: u64) -> u64 {
    if number > u64::MAX / unit { u64::MAX } else { number * unit }
}

/// Whole microseconds. `as_micros` has 128 bits.
pub(crate) fn micros(duration: Duration) -> u64 {
    scaled(duration.as_secs(), 1_000_000).saturating_add(duration.subsec_micros().into())
}

/// The earlier of two optional deadlines.
pub(crate) fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
