//! Clocks and memory of the process itself.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::job::Measured;

/// CPU time (user and system, all threads) and elapsed time since its start.
#[derive(Debug)]
pub struct Meter {
    cpu: Duration,
    wall: Instant,
}

impl Meter {
    /// Starts both clocks.
    #[must_use]
    pub fn start() -> Self {
        Self { cpu: cpu(), wall: Instant::now() }
    }

    /// Nanoseconds of CPU time so far.
    #[must_use]
    pub fn cpu_ns(&self) -> u64 {
        nanos(cpu().saturating_sub(self.cpu))
    }

    /// Both, as a measurement.
    #[must_use]
    pub fn stop(&self) -> Measured {
        Measured {
            cpu_ns: Some(self.cpu_ns()),
            wall_ns: Some(nanos(self.wall.elapsed())),
            ..Measured::default()
        }
    }
}

fn cpu() -> Duration {
    // Not getrusage: the same two shares, in nanoseconds and not in scheduler ticks.
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Anonymous resident memory of this process, in KiB.
///
/// # Errors
/// `/proc` does not say.
pub fn anonymous_kib() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?.parse().ok())
        .ok_or_else(|| "/proc/self/status has no RssAnon".to_owned())
}

/// The value below which `share` (0 to 1) of the values lie.
#[must_use]
pub fn percentile(values: &mut [u64], share: f64) -> Option<u64> {
    values.sort_unstable();
    let last = values.len().checked_sub(1)?;
    values.get((last as f64 * share).round() as usize).copied()
}

/// Returns once `progress` has not moved for three seconds: the contestant hangs.
pub async fn stalled(progress: impl Fn() -> u64) {
    let mut seen = progress();
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let now = progress();
        if now == seen {
            return;
        }
        seen = now;
    }
}
