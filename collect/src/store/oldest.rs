//! Which batches retention takes: the oldest by arrival, as whole prefixes of their streams.
//!
//! Knows no database: an implementation offers what it keeps in the order of arrival and raises the floors that come
//! out of it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use super::{Retention, Trimmed};
use crate::{Offset, Timestamp};

/// One kept batch, as retention sees it. `S` is how the implementation names a stream.
#[derive(Debug, Clone)]
pub(super) struct Kept<S> {
    pub(super) stream: S,
    pub(super) first: Offset,
    pub(super) next: Offset,
    pub(super) arrived: Timestamp,
    /// As stored.
    pub(super) bytes: u64,
}

/// Chooses what goes. Every stream has to be introduced with its floor before its batches are
/// offered.
///
/// Collectors' clocks may disagree, so the order of arrival is not quite the order of offsets. A batch whose stream
/// still keeps an earlier one waits for that one: a clock that is behind must not take younger lines with it.
pub(super) struct Oldest<S> {
    /// What arrived before this goes.
    cutoff: Option<Timestamp>,
    /// How many bytes have to go yet.
    excess: u64,
    streams: HashMap<S, Prefix>,
    chosen: Trimmed,
}

struct Prefix {
    /// What was gone before.
    was: Offset,
    /// What will be gone.
    floor: Offset,
    /// Offered, but something before them is kept. By first offset.
    waiting: BTreeMap<Offset, (Offset, Timestamp, u64)>,
}

impl<S: Clone + Eq + Hash> Oldest<S> {
    /// `total` is how many bytes the store holds, as stored.
    pub(super) fn new(retention: &Retention, now: Timestamp, total: u64) -> Self {
        Self {
            cutoff: cutoff(retention, now),
            excess: retention.bytes.map_or(0, |most| total.saturating_sub(most)),
            streams: HashMap::new(),
            chosen: Trimmed::default(),
        }
    }

    /// Whether a batch that arrived then would go. When one in the order of arrival would not, no later one would.
    pub(super) fn wants(&self, arrived: Timestamp) -> bool {
        self.too_large() || self.cutoff.is_some_and(|cutoff| arrived < cutoff)
    }

    /// Whether something has to go for the size of it all, however young it is.
    pub(super) fn too_large(&self) -> bool {
        self.excess > 0
    }

    /// Whether the stream was introduced.
    pub(super) fn knows<Q>(&self, stream: &Q) -> bool
    where
        S: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.streams.contains_key(stream)
    }

    /// Says what is gone of a stream already.
    pub(super) fn introduce(&mut self, stream: S, floor: Offset) {
        self.streams.entry(stream).or_insert(Prefix {
            was: floor,
            floor,
            waiting: BTreeMap::new(),
        });
    }

    /// Takes the next batch in the order of arrival, when it is to go.
    pub(super) fn offer(&mut self, kept: Kept<S>) {
        if !self.wants(kept.arrived) {
            return;
        }
        let Some(prefix) = self.streams.get_mut(&kept.stream) else {
            return;
        };
        if kept.first < prefix.floor {
            // Gone for readers already, still on the disk.
            self.excess = self.excess.saturating_sub(kept.bytes);
            return;
        }
        prefix
            .waiting
            .insert(kept.first, (kept.next, kept.arrived, kept.bytes));
        while let Some(first) = prefix.waiting.first_entry() {
            let (next, arrived, bytes) = *first.get();
            let wanted = self.excess > 0 || self.cutoff.is_some_and(|cutoff| arrived < cutoff);
            if *first.key() != prefix.floor || !wanted {
                break;
            }
            first.remove();
            self.chosen.batches += 1;
            self.chosen.lines += next.since(prefix.floor);
            self.excess = self.excess.saturating_sub(bytes);
            prefix.floor = next;
        }
    }

    /// What was chosen so far.
    pub(super) fn chosen(&self) -> Trimmed {
        self.chosen
    }

    /// The floors to raise.
    pub(super) fn floors(self) -> Vec<(S, Offset)> {
        self.streams
            .into_iter()
            .filter(|(_, prefix)| prefix.floor > prefix.was)
            .map(|(stream, prefix)| (stream, prefix.floor))
            .collect()
    }
}

/// What arrived before this goes for its age.
pub(super) fn cutoff(retention: &Retention, now: Timestamp) -> Option<Timestamp> {
    let age = i64::try_from(retention.age?.as_nanos()).unwrap_or(i64::MAX);
    Some(Timestamp::from_nanos(now.nanos().saturating_sub(age)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_nanos(1_000_000_000_000);

    fn kept(stream: &'static str, first: u64, next: u64, arrived: i64, bytes: u64) -> Kept<&'static str> {
        Kept {
            stream,
            first: Offset(first),
            next: Offset(next),
            arrived: Timestamp::from_nanos(arrived),
            bytes,
        }
    }

    fn floors(
        mut oldest: Oldest<&'static str>,
        batches: Vec<Kept<&'static str>>,
    ) -> Vec<(&'static str, u64)> {
        for batch in batches {
            oldest.introduce(batch.stream, Offset::ZERO);
            oldest.offer(batch);
        }
        let mut floors: Vec<_> = oldest.floors().into_iter().map(|(s, o)| (s, o.0)).collect();
        floors.sort_unstable();
        floors
    }

    fn by_bytes(total: u64, most: u64) -> Oldest<&'static str> {
        let retention = Retention {
            age: None,
            bytes: Some(most),
        };
        Oldest::new(&retention, NOW, total)
    }

    fn by_age(seconds: u64) -> Oldest<&'static str> {
        let retention = Retention {
            age: Some(Duration::from_secs(seconds)),
            bytes: None,
        };
        Oldest::new(&retention, NOW, u64::MAX)
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let batches = vec![
            kept("a", 0, 2, 1, 100),
            kept("b", 0, 5, 2, 100),
            kept("a", 2, 3, 3, 100),
            kept("b", 5, 6, 4, 100),
        ];
        assert_eq!(floors(by_bytes(400, 400), batches.clone()), []);
        assert_eq!(floors(by_bytes(400, 399), batches.clone()), [("a", 2)]);
        assert_eq!(floors(by_bytes(400, 200), batches.clone()), [("a", 2), ("b", 5)]);
        assert_eq!(floors(by_bytes(400, 0), batches), [("a", 3), ("b", 6)]);
    }

    #[test]
    fn what_arrived_before_the_cutoff_goes_and_nothing_else() {
        let cutoff = NOW.nanos() - 60_000_000_000;
        let batches = vec![
            kept("a", 0, 2, cutoff - 1, 1),
            kept("a", 2, 3, cutoff, 1),
            kept("b", 0, 1, cutoff + 1, 1),
        ];
        assert_eq!(floors(by_age(60), batches), [("a", 2)]);
    }

    #[test]
    fn a_clock_that_is_behind_takes_nothing_younger_with_it() {
        let young = NOW.nanos();
        let batches = vec![kept("a", 5, 6, 0, 1), kept("a", 0, 5, young, 1)];
        assert_eq!(floors(by_age(60), batches), []);
        let both_old = vec![kept("a", 5, 6, 0, 1), kept("a", 0, 5, 1, 1)];
        assert_eq!(floors(by_age(60), both_old), [("a", 6)]);
    }

    #[test]
    fn bytes_that_are_gone_for_readers_count_as_gone() {
        let mut oldest = by_bytes(300, 100);
        oldest.introduce("a", Offset(4));
        oldest.offer(kept("a", 0, 4, 1, 100));
        oldest.offer(kept("a", 4, 8, 2, 100));
        oldest.offer(kept("a", 8, 12, 3, 100));
        assert_eq!(
            oldest.chosen(),
            Trimmed {
                batches: 1,
                lines: 4,
                more: false
            }
        );
        assert_eq!(oldest.floors(), [("a", Offset(8))]);
    }

    #[test]
    fn an_age_longer_than_time_keeps_everything() {
        let retention = Retention {
            age: Some(Duration::MAX),
            bytes: None,
        };
        assert_eq!(
            cutoff(&retention, Timestamp::from_nanos(5)),
            Some(Timestamp::from_nanos(5 - i64::MAX))
        );
    }
}
