//! How long to wait before the next try.

use std::time::Duration;

use rand::RngExt;

/// Full jitter: any time up to a bound that doubles with every try, so that those who failed together do not come
/// back together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    limits: BackoffLimits,
    bound: Duration,
}

/// Between which bounds.
#[derive(Debug, Clone, Copy)]
pub struct BackoffLimits {
    /// The bound of the first pause.
    pub first: Duration,
    /// The bound of every pause.
    pub most: Duration,
}

impl Backoff {
    pub(crate) fn new(limits: BackoffLimits) -> Self {
        Self {
            limits,
            bound: limits.first,
        }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = rand::rng().random_range(Duration::ZERO..=self.bound);
        self.bound = self.bound.saturating_mul(2).min(self.limits.most);
        pause
    }

    /// It worked.
    pub(crate) fn reset(&mut self) {
        self.bound = self.limits.first;
    }
}
