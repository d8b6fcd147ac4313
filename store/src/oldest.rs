//! Which batches retention takes: the oldest by arrival, as whole prefixes of their streams.
//!
//! Knows no database: an implementation offers what it keeps in the order of arrival, reads what lies before that where
//! it is asked to, and raises the floors that come out of it.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use lines::{Offset, Timestamp, retention::Retention};

use super::clock::TOLERANCE;

/// So many times as many batches as one trim may take are looked at.
const LOOKS: u64 = 10;

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

/// A floor to raise, and what disappears below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raise<S> {
    pub(super) stream: S,
    pub(super) was: Offset,
    pub(super) floor: Offset,
    pub(super) batches: u64,
    pub(super) bytes: u64,
    pub(super) why: Why,
}

/// Why batches go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// They arrived too long ago.
    Age,
    /// The store is too large.
    Size,
}

/// What to do with the next batch in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Offer it.
    Offer,
    /// Leave it, and begin with it the next time.
    Enough,
    /// Leave it, and all after it.
    Done,
}

/// Lines that nobody offered lie before those that are to go: they have to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap<S> {
    pub(super) stream: S,
    pub(super) from: Offset,
    pub(super) to: Offset,
}

/// Chooses what goes. Every stream has to be introduced before its batches are offered.
///
/// Clocks may have been wrong when batches were stamped, so the order of arrival need not be the order of offsets:
///
/// - A batch that claims to have arrived later than now is as old as those after it say: it goes with them.
/// - Any other one that is young by its stamp keeps what comes after it, however old that claims to be: a clock that
///   was behind must not take younger lines with it.
pub(super) struct Oldest<S> {
    /// What arrived before this goes.
    cutoff: Option<Timestamp>,
    /// What arrived after this did not.
    latest: Timestamp,
    /// How many bytes have to go yet.
    excess: u64,
    /// How many batches may go.
    most: u64,
    chosen: u64,
    looked_at: u64,
    /// The stamp of the last one that was looked at.
    last: Option<Timestamp>,
    streams: HashMap<S, Prefix>,
}

struct Prefix {
    was: Offset,
    /// What will be gone.
    floor: Offset,
    /// Whether age may take nothing.
    held: bool,
    /// Offered and not reached yet. By first offset.
    offered: BTreeMap<Offset, Offered>,
    batches: u64,
    bytes: u64,
    why: Why,
}

struct Offered {
    next: Offset,
    bytes: u64,
    why: Why,
}

impl<S: Clone + Eq + Hash> Oldest<S> {
    /// `excess` is by how many bytes the store is larger than it may be; at most about `most` batches are chosen.
    pub(super) fn new(retention: &Retention, now: Timestamp, excess: u64, most: u64) -> Self {
        Self {
            cutoff: cutoff(retention, now),
            latest: now.plus(TOLERANCE),
            excess,
            most,
            chosen: 0,
            looked_at: 0,
            last: None,
            streams: HashMap::new(),
        }
    }

    /// Whether something has to go for the size of it all, however young it is.
    pub(super) fn too_large(&self) -> bool {
        self.excess > 0
    }

    /// What to do with a batch that arrived then. Batches with one stamp are looked at together, so that the next trim
    /// can begin after it.
    pub(super) fn next(&mut self, arrived: Timestamp) -> Next {
        if !self.too_large() && !self.is_old(arrived) {
            return Next::Done;
        }
        let enough = self.chosen >= self.most || self.looked_at >= self.most.saturating_mul(LOOKS);
        if enough && self.last != Some(arrived) {
            return Next::Enough;
        }
        self.looked_at += 1;
        self.last = Some(arrived);
        Next::Offer
    }

    /// The stamp up to which everything was looked at.
    pub(super) fn looked_up_to(&self) -> Option<Timestamp> {
        self.last
    }

    /// Whether the stream was introduced.
    pub(super) fn knows<Q>(&self, stream: &Q) -> bool
    where
        S: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.streams.contains_key(stream)
    }

    /// Says what is gone of a stream already, and whether age may take nothing of it.
    pub(super) fn introduce(&mut self, stream: S, floor: Offset, held: bool) {
        self.streams.entry(stream).or_insert(Prefix {
            was: floor,
            floor,
            held,
            offered: BTreeMap::new(),
            batches: 0,
            bytes: 0,
            why: Why::Age,
        });
    }

    /// Takes a batch for which [`Oldest::next`] said so.
    pub(super) fn offer(&mut self, kept: Kept<S>) {
        let old = self.is_old(kept.arrived);
        let Some(prefix) = self.streams.get_mut(&kept.stream) else {
            return;
        };
        // Gone for readers already, still on the disk.
        if kept.first < prefix.floor {
            return;
        }
        let why = match old && !prefix.held {
            true => Why::Age,
            false if self.excess > 0 => Why::Size,
            false => return,
        };
        self.excess = self.excess.saturating_sub(kept.bytes);
        self.chosen += 1;
        let offered = Offered {
            next: kept.next,
            bytes: kept.bytes,
            why,
        };
        prefix.offered.insert(kept.first, offered);
        prefix.advance();
    }

    /// What lies before offered batches and was not offered. Each is to be read from its beginning, and
    /// [`Oldest::fill`]ed or given up, until there are none.
    pub(super) fn gaps(&self) -> Vec<Gap<S>> {
        let before = |(stream, prefix): (&S, &Prefix)| {
            let (&first, _) = prefix.offered.first_key_value()?;
            Some(Gap {
                stream: stream.clone(),
                from: prefix.floor,
                to: first,
            })
        };
        self.streams.iter().filter_map(before).collect()
    }

    /// Takes the batches at the beginning of a gap, in their order. What is young by a stamp that can be right keeps
    /// itself and all after it.
    pub(super) fn fill(&mut self, gap: &Gap<S>, batches: Vec<Kept<S>>) {
        if batches.is_empty() {
            return self.give_up(&gap.stream);
        }
        for kept in batches {
            let goes = self.is_old(kept.arrived) || kept.arrived > self.latest;
            let Some(prefix) = self.streams.get_mut(&gap.stream) else {
                return;
            };
            if !goes || kept.first != prefix.floor {
                return self.give_up(&gap.stream);
            }
            let why = match prefix.offered.first_key_value() {
                Some((_, offered)) => offered.why,
                None => return,
            };
            self.excess = self.excess.saturating_sub(kept.bytes);
            self.chosen += 1;
            prefix.take(kept.next, kept.bytes, why);
            prefix.advance();
        }
    }

    /// Leaves what was offered of a stream and not reached.
    fn give_up(&mut self, stream: &S) {
        if let Some(prefix) = self.streams.get_mut(stream) {
            prefix.offered.clear();
        }
    }

    /// The floors to raise.
    pub(super) fn floors(self) -> Vec<Raise<S>> {
        let raised = self.streams.into_iter().filter(|(_, it)| it.floor > it.was);
        raised
            .map(|(stream, prefix)| Raise {
                stream,
                was: prefix.was,
                floor: prefix.floor,
                batches: prefix.batches,
                bytes: prefix.bytes,
                why: prefix.why,
            })
            .collect()
    }

    fn is_old(&self, arrived: Timestamp) -> bool {
        self.cutoff.is_some_and(|cutoff| arrived < cutoff)
    }
}

impl Prefix {
    /// Reaches as far as there is no gap.
    fn advance(&mut self) {
        while let Some(first) = self.offered.first_entry() {
            if *first.key() > self.floor {
                return;
            }
            let Offered { next, bytes, why } = first.remove();
            self.take(next, bytes, why);
        }
    }

    fn take(&mut self, next: Offset, bytes: u64, why: Why) {
        self.floor = self.floor.max(next);
        self.batches += 1;
        self.bytes += bytes;
        if why == Why::Size {
            self.why = Why::Size;
        }
    }
}

/// What arrived before this goes for its age.
pub(super) fn cutoff(retention: &Retention, now: Timestamp) -> Option<Timestamp> {
    retention.age.map(|age| now.minus(age))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_nanos(1_700_000_000_000_000_000);
    const LONG_AGO: i64 = NOW.nanos() - 1_000_000_000_000;
    const FUTURE: i64 = NOW.nanos() + 300 * 86_400 * 1_000_000_000;

    fn kept(stream: &'static str, first: u64, next: u64, arrived: i64, bytes: u64) -> Kept<&'static str> {
        Kept {
            stream,
            first: Offset(first),
            next: Offset(next),
            arrived: Timestamp::from_nanos(arrived),
            bytes,
        }
    }

    /// Offers in the order of arrival, reads gaps, and gives the floors.
    fn floors(mut oldest: Oldest<&'static str>, kept: Vec<Kept<&'static str>>) -> Vec<(&'static str, u64)> {
        let mut ordered = kept.clone();
        ordered.sort_by_key(|kept| kept.arrived);
        for kept in ordered {
            if oldest.next(kept.arrived) != Next::Offer {
                break;
            }
            oldest.introduce(kept.stream, Offset::ZERO, false);
            oldest.offer(kept);
        }
        loop {
            let gaps = oldest.gaps();
            if gaps.is_empty() {
                break;
            }
            for gap in gaps {
                let within =
                    |it: &&Kept<_>| it.stream == gap.stream && it.first >= gap.from && it.first < gap.to;
                let mut found: Vec<_> = kept.iter().filter(within).cloned().collect();
                found.sort_by_key(|kept| kept.first);
                oldest.fill(&gap, found);
            }
        }
        let mut floors: Vec<_> = oldest
            .floors()
            .into_iter()
            .map(|raise| (raise.stream, raise.floor.0))
            .collect();
        floors.sort_unstable();
        floors
    }

    fn by_size(excess: u64) -> Oldest<&'static str> {
        Oldest::new(&Retention::default(), NOW, excess, u64::MAX)
    }

    fn by_age(seconds: u64) -> Oldest<&'static str> {
        let retention = Retention {
            age: Some(Duration::from_secs(seconds)),
            bytes: None,
        };
        Oldest::new(&retention, NOW, 0, u64::MAX)
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let batches = vec![
            kept("a", 0, 2, 1, 100),
            kept("b", 0, 5, 2, 100),
            kept("a", 2, 3, 3, 100),
            kept("b", 5, 6, 4, 100),
        ];
        assert_eq!(floors(by_size(0), batches.clone()), []);
        assert_eq!(floors(by_size(1), batches.clone()), [("a", 2)]);
        assert_eq!(floors(by_size(200), batches.clone()), [("a", 2), ("b", 5)]);
        assert_eq!(floors(by_size(400), batches), [("a", 3), ("b", 6)]);
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
    fn a_clock_that_was_behind_takes_nothing_younger_with_it() {
        let young = NOW.nanos();
        let batches = vec![kept("a", 5, 6, 0, 1), kept("a", 0, 5, young, 1)];
        assert_eq!(floors(by_age(60), batches), []);
        let both_old = vec![kept("a", 5, 6, 0, 1), kept("a", 0, 5, 1, 1)];
        assert_eq!(floors(by_age(60), both_old), [("a", 6)]);
    }

    #[test]
    fn what_claims_to_come_from_the_future_is_as_old_as_what_follows_it() {
        let batches = vec![
            kept("a", 0, 5, FUTURE, 1),
            kept("a", 5, 6, LONG_AGO, 1),
            kept("a", 6, 8, FUTURE, 1),
            kept("a", 8, 9, LONG_AGO + 1, 1),
            kept("a", 9, 10, FUTURE, 1),
            kept("a", 10, 11, NOW.nanos(), 1),
            kept("b", 0, 1, FUTURE, 1),
        ];
        assert_eq!(
            floors(by_age(60), batches.clone()),
            [("a", 9)],
            "the last one has no old one after it"
        );
        assert_eq!(floors(by_size(1), batches), [("a", 6)]);
    }

    #[test]
    fn what_waits_does_not_use_up_what_may_be_chosen() {
        let retention = Retention {
            age: Some(Duration::from_secs(60)),
            bytes: None,
        };
        let mut batches = vec![kept("a", 0, 1, NOW.nanos(), 1)];
        batches.extend((1..10).map(|i| kept("a", i, i + 1, LONG_AGO + i as i64, 1)));
        batches.push(kept("b", 0, 1, LONG_AGO + 100, 1));
        let oldest = Oldest::new(&retention, NOW, 0, 10);
        assert_eq!(floors(oldest, batches), [("b", 1)]);
    }

    #[test]
    fn batches_with_one_stamp_are_looked_at_together() {
        let mut oldest = by_size(u64::MAX);
        oldest.most = 2;
        let mut next = |nanos| {
            let next = oldest.next(Timestamp::from_nanos(nanos));
            if next == Next::Offer {
                oldest.introduce("a", Offset::ZERO, false);
                let first = oldest.chosen;
                oldest.offer(kept("a", first, first + 1, nanos, 1));
            }
            next
        };
        assert_eq!(
            [1, 1, 1, 2].map(&mut next),
            [Next::Offer, Next::Offer, Next::Offer, Next::Enough]
        );
        assert_eq!(oldest.looked_up_to(), Some(Timestamp::from_nanos(1)));
    }

    #[test]
    fn what_is_held_goes_for_size_alone() {
        let retention = Retention {
            age: Some(Duration::from_secs(60)),
            bytes: None,
        };
        for (excess, expected) in [(0, vec![]), (1, vec![Why::Size])] {
            let mut oldest = Oldest::new(&retention, NOW, excess, 10);
            oldest.introduce("a", Offset::ZERO, true);
            oldest.offer(kept("a", 0, 1, 1, 100));
            let why: Vec<_> = oldest.floors().iter().map(|raise| raise.why).collect();
            assert_eq!(why, expected);
        }
    }

    #[test]
    fn what_is_gone_for_readers_is_not_chosen_again() {
        let mut oldest = by_size(150);
        oldest.introduce("a", Offset(4), false);
        oldest.offer(kept("a", 0, 4, 1, 100));
        oldest.offer(kept("a", 4, 8, 2, 100));
        oldest.offer(kept("a", 8, 12, 3, 100));
        let raise = oldest.floors().remove(0);
        assert_eq!(
            (raise.was, raise.floor, raise.batches, raise.bytes),
            (Offset(4), Offset(12), 2, 200)
        );
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
