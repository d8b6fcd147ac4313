//! How long things took, counted in buckets, so that a million of them take no more memory than one.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;

/// Buckets of an octave: a value is known to 1/32 of itself.
const PARTS: u64 = 32;

/// Up to 2^41 microseconds, 25 days.
const BUCKETS: usize = (37 * PARTS) as usize;

/// Counts of durations, in microseconds. Many may count at once.
#[derive(Debug)]
pub(super) struct Histogram {
    counts: Box<[AtomicU64]>,
    most: AtomicU64,
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
    pub(super) fn new() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            most: AtomicU64::new(0),
        }
    }

    /// Counts `duration` as often as `times` says.
    pub(super) fn add(&self, duration: Duration, times: u64) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)].fetch_add(times, Relaxed);
        self.most.fetch_max(micros, Relaxed);
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.counts.iter().for_each(|count| count.store(0, Relaxed));
        self.most.store(0, Relaxed);
    }

    /// How many were longer than `duration`, to the precision of a bucket.
    pub(super) fn longer_than(&self, duration: Duration) -> u64 {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros) + 1..]
            .iter()
            .map(|count| count.load(Relaxed))
            .sum()
    }

    /// `None` when nothing was counted.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let most = self.most.load(Relaxed);
        let at = |part: f64| {
            let rank = ((all as f64 * part).ceil() as u64).max(1);
            let mut seen = 0;
            let found = counts.iter().position(|count| {
                seen += count;
                seen >= rank
            });
            found.map_or(most, |index| last_of(index).min(most)) as f64 / 1_000.0
        };
        (all > 0).then(|| Percentiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: most as f64 / 1_000.0,
        })
    }
}

fn bucket(micros: u64) -> usize {
    let index = match micros.checked_ilog2() {
        Some(octave) if micros >= PARTS => {
            let shift = octave - PARTS.ilog2();
            u64::from(shift) * PARTS + (micros >> shift)
        }
        _ => micros,
    };
    (index as usize).min(BUCKETS - 2)
}

/// The greatest value of a bucket.
fn last_of(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * PARTS {
        return index;
    }
    let shift = index / PARTS - 1;
    let first = (PARTS + index % PARTS) << shift;
    first + (1 << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_thirtieth() {
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
            assert!((want..want * 31.0 / 30.0).contains(&got), "{got} for {want}");
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
    fn every_value_lies_in_its_bucket_and_buckets_touch() {
        let mut before = None;
        for micros in (0..5_000).chain([1 << 20, (1 << 40) - 1]) {
            let index = bucket(micros);
            assert!(last_of(index) >= micros);
            assert!(index == 0 || last_of(index - 1) < micros);
            assert!(before <= Some(index));
            before = Some(index);
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }
}
