//! How long to wait before the next attempt.

use core::time::Duration;

use crate::config::Config;
use crate::error::TransportError;
use crate::rng::Rng;
use crate::time::{Instant, micros};

/// A server is left alone for as long as it asks, up to so many times the longest delay.
const PATIENCE: u32 = 10;

const fn patience(config: &Config) -> Duration {
    config.reconnection_delay_max.saturating_mul(PATIENCE)
}

/// Counts the attempts of one outage.
///
/// It is reset when a namespace has connected, not when a transport opens: a server that accepts connections and drops
/// them must not be retried at full speed for ever.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
    /// The server has asked to be left alone until then (`Retry-After`).
    not_before: Option<Instant>,
}

impl Backoff {
    pub(crate) const fn reset(&mut self) {
        *self = Self { attempts: 0, not_before: None };
    }

    /// What a server said instead of an answer.
    pub(crate) fn heed(&mut self, error: &TransportError, config: &Config, now: Instant) {
        if let TransportError::Status { retry_after: Some(asked), .. } = error {
            self.not_before = self.not_before.max(Some(now + (*asked).min(patience(config))));
        }
    }

    /// Another server is next, which has not asked for anything.
    pub(crate) const fn other_server(&mut self) {
        self.not_before = None;
    }

    /// Whether a server still wants to be left alone.
    pub(crate) fn is_asked_to_wait(&self, now: Instant) -> bool {
        self.not_before.is_some_and(|until| now < until)
    }

    /// The number of the next attempt, counted from 1, and the delay before it; `None` once the limit is reached.
    pub(crate) fn next(&mut self, config: &Config, rng: &mut Rng, now: Instant) -> Option<(u32, Duration)> {
        if config.reconnection_attempts.is_some_and(|limit| self.attempts >= limit) {
            return None;
        }
        let mut delay = delay(self.attempts, config, rng);
        if let Some(until) = self.not_before
            && now < until
        {
            // Spread, too: a server that is too busy tells every client the same.
            let spread = rng.between(0, permille(micros(delay), config.randomization_factor));
            let asked = until.since(now).saturating_add(Duration::from_micros(spread));
            delay = delay.max(asked.min(patience(config)));
        }
        self.attempts = self.attempts.saturating_add(1);
        Some((self.attempts, delay))
    }
}

/// `reconnection_delay` doubled `exponent` times, capped, and only then spread: were the spread drawn before the cap,
/// a whole fleet would come back at the same moment after a long outage.
fn delay(exponent: u32, config: &Config, rng: &mut Rng) -> Duration {
    doubled(
        exponent,
        config.reconnection_delay,
        config.reconnection_delay_max,
        config.randomization_factor,
        rng,
    )
}

/// The pause before an emit is sent again on a connection that lives, in the same way.
pub(crate) fn retry_delay(exponent: u32, config: &Config, rng: &mut Rng) -> Duration {
    doubled(exponent, config.retry_delay, config.retry_delay_max, config.randomization_factor, rng)
}

fn doubled(exponent: u32, first: Duration, cap: Duration, factor: f64, rng: &mut Rng) -> Duration {
    let cap = micros(cap);
    if fault!(JitterBeforeCap) {
        let base = micros(first).saturating_mul(1 << exponent.min(20));
        let spread = permille(base, factor);
        return Duration::from_micros(rng.between(base - spread, base + spread).min(cap));
    }
    let mut base = micros(first).min(cap);
    for _ in 0..exponent {
        // Once it is at the cap, or stands at zero, it stays.
        if base == cap || base == 0 {
            break;
        }
        base = base.saturating_add(base).min(cap);
    }
    let spread = permille(base, factor);
    let low = base.saturating_sub(spread);
    let high = base.saturating_add(spread).min(cap);
    Duration::from_micros(rng.between(low, high))
}

/// `base * factor`, with the factor clamped to 0..=1 and rounded to a thousandth.
fn permille(base: u64, factor: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=1000")]
    let permille = (factor.clamp(0.0, 1.0) * 1000.0) as u64;
    base / 1000 * permille
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("http://localhost").unwrap()
    }

    #[test]
    fn delays_double_until_the_cap_and_are_spread_there_too() {
        let config = config();
        let mut rng = Rng::new(7);
        for (exponent, low, high) in
            [(0, 500, 1500), (1, 1000, 3000), (2, 2000, 5000), (3, 2500, 5000), (9, 2500, 5000)]
        {
            let delays: alloc::vec::Vec<_> =
                (0..200).map(|_| delay(exponent, &config, &mut rng).as_millis()).collect();
            assert!(delays.iter().all(|d| (low..=high).contains(d)), "{exponent}: {delays:?}");
            let (min, max) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
            assert!(max - min > (high - low) / 2, "{exponent}: hardly spread, {min}..{max}");
        }
    }

    #[test]
    fn an_outage_of_a_week_never_makes_the_delay_zero() {
        let config = config();
        let (mut rng, mut backoff) = (Rng::new(1), Backoff::default());
        for _ in 0..if cfg!(miri) { 2_000 } else { 200_000 } {
            let (_, delay) = backoff.next(&config, &mut rng, Instant::from_millis(0)).unwrap();
            assert!(delay >= Duration::from_millis(500), "{delay:?}");
        }
    }

    #[test]
    fn no_jitter_when_the_factor_is_zero_or_nonsense() {
        for factor in [0.0, -3.0, f64::NAN] {
            let config = Config { randomization_factor: factor, ..config() };
            assert_eq!(delay(1, &config, &mut Rng::new(3)), Duration::from_secs(2));
        }
    }
}
