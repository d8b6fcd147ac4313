//! How often a subscriber may change something that is kept: what is kept has a history, and turns, which all of them share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Subscribers of whom it is known that they changed something lately. Beyond that those are forgotten who did not.
const SUBSCRIBERS: usize = 10_000;

/// How many changes everybody has left: a burst, and so many in a minute.
pub struct Pace {
    burst: f64,
    per_second: f64,
    left: Mutex<HashMap<Arc<str>, Left>>,
}

struct Left {
    changes: f64,
    at: Instant,
}

impl Pace {
    /// So many at once, and so many in a minute, for each.
    pub fn new(burst: u32, per_minute: u32) -> Self {
        Self {
            burst: f64::from(burst.max(1)),
            per_second: f64::from(per_minute.max(1)) / 60.0,
            left: Mutex::default(),
        }
    }

    /// Takes one change, or says when there is one again.
    pub fn take(&self, subscriber: &str) -> Result<(), Duration> {
        self.take_at(subscriber, Instant::now())
    }

    fn take_at(&self, subscriber: &str, now: Instant) -> Result<(), Duration> {
        let mut all = self.left.lock();
        if all.len() >= SUBSCRIBERS {
            all.retain(|_, left| self.filled(left, now) < self.burst);
        }
        let left = match all.get_mut(subscriber) {
            Some(left) => left,
            None => all.entry(subscriber.into()).or_insert(Left {
                changes: self.burst,
                at: now,
            }),
        };
        let changes = self.filled(left, now);
        if changes < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - changes) / self.per_second));
        }
        *left = Left {
            changes: changes - 1.0,
            at: now,
        };
        Ok(())
    }

    fn filled(&self, left: &Left, now: Instant) -> f64 {
        let seconds = now.saturating_duration_since(left.at).as_secs_f64();
        (left.changes + seconds * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_changes_too_much_waits_and_nobody_else_does() {
        let pace = Pace::new(2, 60);
        let now = Instant::now();
        assert_eq!(pace.take_at("ann", now), Ok(()));
        assert_eq!(pace.take_at("ann", now), Ok(()));
        assert_eq!(pace.take_at("ann", now), Err(Duration::from_secs(1)));
        assert_eq!(pace.take_at("bob", now), Ok(()));
        let later = now + Duration::from_secs(1);
        assert_eq!(pace.take_at("ann", later), Ok(()));
        assert!(pace.take_at("ann", later).is_err());
    }
}
