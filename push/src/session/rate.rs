//! How often something may be done.

use std::time::Duration;

use tokio::time::Instant;

/// So many a second, and so many at once.
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
    /// How many may come now.
    allowance: f64,
    since: Instant,
}

impl Rate {
    pub(crate) fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self {
            per_second,
            burst,
            allowance: burst,
            since: now,
        }
    }

    /// Makes it another rate. What may come now stays, up to the new burst.
    pub(crate) fn adjust(&mut self, per_second: f64, burst: f64) {
        self.per_second = per_second;
        self.burst = burst;
    }

    /// Whether one more may come now.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.since).as_secs_f64() * self.per_second;
        self.since = now;
        self.allowance = (self.allowance + earned).min(self.burst);
        let may = self.allowance >= 1.0;
        if may {
            self.allowance -= 1.0;
        }
        may
    }

    /// How many may come a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.per_second
    }

    /// How long until the next one may come.
    pub(crate) fn wait(&self) -> Duration {
        Duration::from_secs_f64((1.0 - self.allowance).max(0.0) / self.per_second)
    }
}
