//! How long to wait before the next attempt: exponential, with full jitter, never sooner than the server asked for.

use std::time::Duration;

/// Counts failures in a row.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// `first` bounds the wait after the first failure; every further one doubles the bound, up to `most`.
    pub(crate) fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            failures: 0,
        }
    }

    /// Things went well: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: anything up to the bound, on top of what the server asked for. A server that
    /// sends many clients away gives them the same hint often enough; the jitter spreads them.
    pub(crate) fn after_failure(&mut self, hint: Option<Duration>) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(20));
        // With a hint the server has done the spreading over time, and only the crowd is left to be broken up.
        let bound = match hint {
            Some(_) => self.first,
            None => doubled.min(self.most),
        };
        self.failures = self.failures.saturating_add(1);
        hint.unwrap_or_default() + bound.mul_f64(rand::random_range(0.0..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(200);
    const MOST: Duration = Duration::from_secs(30);

    #[test]
    fn the_bound_doubles_up_to_the_most_and_starts_over_when_things_go_well() {
        let mut backoff = Backoff::new(FIRST, MOST);
        for doubling in 0..40u32 {
            let bound = FIRST.saturating_mul(1 << doubling.min(16)).min(MOST);
            let wait = backoff.after_failure(None);
            assert!(wait <= bound, "{wait:?} after {doubling} failures");
        }
        backoff.reset();
        assert!(backoff.after_failure(None) <= FIRST);
    }

    #[test]
    fn a_hint_is_waited_out_and_a_little_more() {
        let mut backoff = Backoff::new(FIRST, MOST);
        let hint = Duration::from_secs(3);
        for _ in 0..10 {
            let wait = backoff.after_failure(Some(hint));
            assert!(wait >= hint && wait <= hint + FIRST, "{wait:?}");
        }
    }
}
