//! How long things took, counted so that a million of them take no more memory than one.

use std::time::Duration;

use hdrhistogram::Histogram as Counts;
use parking_lot::Mutex;
use serde::Serialize;

/// In microseconds: 25 days. What took longer counts as that.
const LONGEST: u64 = 1 << 41;

/// Two digits: a value is known to 1/100 of itself.
const DIGITS: u8 = 2;

/// Counts of durations. Many may count at once.
#[derive(Debug)]
pub(super) struct Histogram(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    micros: Counts<u64>,
    /// Exactly.
    most: Duration,
}

/// What is said of many durations, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Percentiles {
    pub(super) p50: f64,
    pub(super) p90: f64,
    pub(super) p99: f64,
    pub(super) p99_9: f64,
    pub(super) max: f64,
}

impl Histogram {
    #[allow(clippy::expect_used, reason = "the bounds are constants")]
    pub(super) fn new() -> Self {
        let micros = Counts::new_with_bounds(1, LONGEST, DIGITS).expect("bounds that a histogram can have");
        Self(Mutex::new(Counted {
            micros,
            most: Duration::ZERO,
        }))
    }

    /// Counts `duration` as often as `times` says.
    pub(super) fn add(&self, duration: Duration, times: u64) {
        let mut counted = self.0.lock();
        counted.micros.saturating_record_n(micros(duration), times);
        counted.most = counted.most.max(duration);
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let mut counted = self.0.lock();
        counted.micros.reset();
        counted.most = Duration::ZERO;
    }

    /// How many were longer than `duration`, to the precision of what is known.
    pub(super) fn longer_than(&self, duration: Duration) -> u64 {
        let counted = self.0.lock();
        counted.micros.len() - counted.micros.count_between(0, micros(duration))
    }

    /// `None` when nothing was counted.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        let counted = self.0.lock();
        let most = counted.most.as_secs_f64() * 1_000.0;
        let at = |part| (counted.micros.value_at_quantile(part) as f64 / 1_000.0).min(most);
        (!counted.micros.is_empty()).then(|| Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: most,
        })
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros())
        .unwrap_or(u64::MAX)
        .min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_hundredth() {
        let histogram = Histogram::new();
        assert_eq!(histogram.percentiles(), None);
        for millis in 1..=10_000 {
            histogram.add(Duration::from_millis(millis), 1);
        }
        let got = histogram.percentiles().unwrap();
        let want = [
            (got.p50, 5_000.0),
            (got.p90, 9_000.0),
            (got.p99, 9_900.0),
            (got.p99_9, 9_990.0),
        ];
        for (got, want) in want {
            assert!((want..want * 101.0 / 100.0).contains(&got), "{got} for {want}");
        }
        assert_eq!(got.max, 10_000.0);
    }

    #[test]
    fn what_is_counted_often_weighs_more() {
        let histogram = Histogram::new();
        histogram.add(Duration::from_micros(7), 99);
        histogram.add(Duration::from_secs(1), 1);
        let got = histogram.percentiles().unwrap();
        assert_eq!(
            (got.p50, got.p99, got.p99_9, got.max),
            (0.007, 0.007, 1_000.0, 1_000.0)
        );
        assert_eq!(histogram.longer_than(Duration::from_millis(10)), 1);
        histogram.clear();
        assert_eq!(histogram.percentiles(), None);
    }

    #[test]
    fn what_takes_longer_than_anything_is_counted_all_the_same() {
        let histogram = Histogram::new();
        histogram.add(Duration::MAX, 1);
        assert_eq!(histogram.longer_than(Duration::from_secs(86_400)), 1);
        assert_eq!(
            histogram.percentiles().unwrap().max,
            Duration::MAX.as_secs_f64() * 1_000.0
        );
    }
}
