//! How long to wait before asking again who did not answer: one rule for servers and clients.
//!
//! Full jitter: any time up to a bound that doubles with every failure, so that those who failed together do not come back
//! together. Knows nothing of who is asked, and does not wait itself. Taking turns at something that works is another thing:
//! the store does that where writers race for the end of a stream.

use std::time::Duration;

/// Between which bounds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The bound of the first pause.
    pub first: Duration,
    /// The bound of every pause.
    pub most: Duration,
}

/// The pause after so many failures in a row, not counting the last one.
pub fn pause(limits: Limits, failures: u32) -> Duration {
    let doubled = limits.first.saturating_mul(1 << failures.min(20));
    up_to(doubled.min(limits.most))
}

fn up_to(bound: Duration) -> Duration {
    bound.mul_f64(rand::random_range(0.0..=1.0))
}

/// Counts failures in a row.
#[derive(Debug, Clone)]
pub struct Backoff {
    limits: Limits,
    failures: u32,
}

impl Backoff {
    /// Without a failure so far.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, failures: 0 }
    }

    /// Things went well: the next failure is a first one.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The pause after one more failure.
    pub fn pause(&mut self) -> Duration {
        let pause = pause(self.limits, self.failures);
        self.failures = self.failures.saturating_add(1);
        pause
    }

    /// The same, never sooner than who was asked wants it. A server that sends many away gives them the same hint often
    /// enough; the jitter breaks the crowd up, and the spreading over time is the server's.
    pub fn pause_after(&mut self, hint: Option<Duration>) -> Duration {
        let pause = self.pause();
        match hint {
            Some(hint) => hint + up_to(self.limits.first),
            None => pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        first: Duration::from_millis(200),
        most: Duration::from_secs(30),
    };

    #[test]
    fn the_bound_doubles_up_to_the_most_and_starts_over_when_things_go_well() {
        let mut backoff = Backoff::new(LIMITS);
        for doubling in 0..40u32 {
            let bound = LIMITS
                .first
                .saturating_mul(1 << doubling.min(16))
                .min(LIMITS.most);
            let wait = backoff.pause();
            assert!(wait <= bound, "{wait:?} after {doubling} failures");
        }
        backoff.reset();
        assert!(backoff.pause() <= LIMITS.first);
    }

    #[test]
    fn those_who_failed_together_come_back_at_different_times() {
        let pauses: Vec<Duration> = (0..1_000).map(|_| pause(LIMITS, 100)).collect();
        for part in 0..10 {
            let within = LIMITS.most * part / 10..LIMITS.most * (part + 1) / 10;
            assert!(
                pauses.iter().any(|pause| within.contains(pause)),
                "nobody {within:?}"
            );
        }
    }

    #[test]
    fn a_hint_is_waited_out_and_a_little_more() {
        let mut backoff = Backoff::new(LIMITS);
        let hint = Duration::from_secs(3);
        for _ in 0..10 {
            let wait = backoff.pause_after(Some(hint));
            assert!(wait >= hint && wait <= hint + LIMITS.first, "{wait:?}");
        }
    }
}
