//! What happens a thousand times a second is logged once a minute, with how often it happened.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

const EVERY: Duration = Duration::from_secs(60);

/// Counts, and says when to tell.
#[derive(Debug, Default)]
pub(crate) struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    told: Option<Instant>,
    since: u64,
}

impl Seldom {
    /// It happened. When it is time to tell: how often it has, since it was last told.
    pub(crate) fn happened(&self) -> Option<u64> {
        self.happened_at(Instant::now())
    }

    fn happened_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        state.since += 1;
        if state.told.is_some_and(|told| now.duration_since(told) < EVERY) {
            return None;
        }
        state.told = Some(now);
        Some(std::mem::take(&mut state.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_is_told_and_then_once_a_minute_how_often_it_was() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.happened_at(start), Some(1));
        assert_eq!(seldom.happened_at(start + EVERY / 2), None);
        assert_eq!(seldom.happened_at(start + EVERY / 2), None);
        assert_eq!(seldom.happened_at(start + EVERY), Some(3));
    }
}
