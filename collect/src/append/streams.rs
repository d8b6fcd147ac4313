//! How many streams a subscriber may make. A stream costs a place in every listing for ever, and nothing to name.
//!
//! Whether a stream exists is known without asking for those that were written to lately. Of the others it shows when
//! they are stored: one that begins at offset 0 is new. So they are charged as if they were new, and given back when they
//! turn out not to be; the store is asked only when the charge would be too much, after a restart for example.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use lines::{LogStore, StoreError, StreamName};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::AppendLimits;

/// How many streams one subscriber may make, at each collector.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// At once, after a while of making none: 5,000.
    pub burst: usize,
    /// How many more each minute: 1,000.
    pub per_minute: usize,
    /// Of how many streams it is known that they exist: 1,000,000, in up to 20 MiB.
    pub known: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            burst: 5_000,
            per_minute: 1_000,
            known: 1_000_000,
        }
    }
}

/// Why no more streams can be made.
#[derive(Debug, thiserror::Error)]
pub enum TooManyStreams {
    /// More than can ever be at once.
    #[error("one request may make {most} streams")]
    AtOnce {
        /// The bound.
        most: usize,
    },
    /// Too many for now.
    #[error("enough streams were made for now")]
    ForNow {
        /// When there may be more.
        again: Duration,
    },
    /// The store does not say whether they exist.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many names are looked at before others get their turn.
const SLICE: usize = 512;

/// How many streams are asked of the store at once.
const ASKED: usize = 256;

/// So many subscribers are remembered before those that made no streams lately are forgotten.
const SUBSCRIBERS: usize = 10_000;

pub(super) struct Streams {
    limits: watch::Receiver<AppendLimits>,
    known: Mutex<Known>,
    purses: Mutex<HashMap<Arc<str>, Purse>>,
}

impl Streams {
    pub(super) fn new(limits: watch::Receiver<AppendLimits>) -> Self {
        Self {
            limits,
            known: Mutex::new(Known::new()),
            purses: Mutex::default(),
        }
    }

    /// As they are now.
    fn limits(&self) -> StreamLimits {
        self.limits.borrow().streams
    }

    /// Charges `subscriber` for those of `names` that are or may be new; says which, by their place.
    pub(super) async fn charge(
        &self,
        store: &dyn LogStore,
        subscriber: &Arc<str>,
        names: &[&StreamName],
    ) -> Result<Vec<usize>, TooManyStreams> {
        let unknown = self.unknown(names).await;
        if unknown.is_empty() || self.take(subscriber, unknown.len()).is_ok() {
            return Ok(unknown);
        }
        let mut new = Vec::new();
        for asked in unknown.chunks(ASKED) {
            let streams: Vec<StreamName> = asked.iter().map(|&at| names[at].clone()).collect();
            let extents = store.extents(&streams).await?;
            for ((&at, stream), extent) in asked.iter().zip(&streams).zip(extents) {
                if extent.exists() {
                    self.exists(stream)
                } else {
                    new.push(at)
                }
            }
            // What is too much already is not asked about any further.
            self.afford(subscriber, new.len())?;
        }
        self.take(subscriber, new.len())?;
        Ok(new)
    }

    /// Those of which it is not known that they exist, by their place.
    async fn unknown(&self, names: &[&StreamName]) -> Vec<usize> {
        let mut unknown = Vec::new();
        let most = self.limits().known;
        for (at, slice) in names.chunks(SLICE).enumerate() {
            if at > 0 {
                tokio::task::yield_now().await;
            }
            let mut known = self.known.lock();
            let slice = slice
                .iter()
                .enumerate()
                .filter(|(_, name)| !known.has(name, most));
            unknown.extend(slice.map(|(place, _)| at * SLICE + place));
        }
        unknown
    }

    /// Remembers that a stream exists.
    pub(super) fn exists(&self, stream: &StreamName) {
        let most = self.limits().known;
        self.known.lock().learn(stream, most);
    }

    /// Gives back what was charged for streams that are not new, or were not made.
    pub(super) fn give_back(&self, subscriber: &Arc<str>, streams: usize) {
        let burst = self.limits().burst as f64;
        if let Some(purse) = self.purses.lock().get_mut(subscriber) {
            purse.left = (purse.left + streams as f64).min(burst);
        }
    }

    fn take(&self, subscriber: &Arc<str>, streams: usize) -> Result<(), TooManyStreams> {
        let limits = self.limits();
        let mut purses = self.purses.lock();
        if purses.len() >= SUBSCRIBERS {
            purses.retain(|_, purse| purse.fill(&limits) < limits.burst as f64);
        }
        let purse = purses
            .entry(Arc::clone(subscriber))
            .or_insert_with(|| Purse::full(&limits));
        purse.afford(streams, &limits)?;
        purse.left -= streams as f64;
        Ok(())
    }

    fn afford(&self, subscriber: &Arc<str>, streams: usize) -> Result<(), TooManyStreams> {
        let limits = self.limits();
        match self.purses.lock().get_mut(subscriber) {
            Some(purse) => purse.afford(streams, &limits),
            None => Purse::full(&limits).afford(streams, &limits),
        }
    }
}

/// How many streams a subscriber may make now.
struct Purse {
    left: f64,
    filled: Instant,
}

impl Purse {
    fn full(limits: &StreamLimits) -> Self {
        Self {
            left: limits.burst as f64,
            filled: Instant::now(),
        }
    }

    fn fill(&mut self, limits: &StreamLimits) -> f64 {
        let now = Instant::now();
        let minutes = now.duration_since(self.filled).as_secs_f64() / 60.0;
        self.filled = now;
        self.left = (self.left + minutes * limits.per_minute as f64).min(limits.burst as f64);
        self.left
    }

    fn afford(&mut self, streams: usize, limits: &StreamLimits) -> Result<(), TooManyStreams> {
        if streams > limits.burst {
            return Err(TooManyStreams::AtOnce { most: limits.burst });
        }
        let missing = streams as f64 - self.fill(limits);
        if missing <= 0.0 {
            return Ok(());
        }
        let seconds = missing * 60.0 / limits.per_minute.max(1) as f64;
        Err(TooManyStreams::ForNow {
            again: Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        })
    }
}

/// Streams that exist, by a hash of their name that nobody outside can foresee. One that is taken for another costs its
/// maker nothing.
struct Known {
    hash: RandomState,
    /// Learned or met lately; at most half of all.
    young: HashSet<u64>,
    /// Before that.
    old: HashSet<u64>,
}

impl Known {
    fn new() -> Self {
        Self {
            hash: RandomState::new(),
            young: HashSet::new(),
            old: HashSet::new(),
        }
    }

    fn has(&mut self, stream: &StreamName, most: usize) -> bool {
        let hash = self.hash.hash_one(stream);
        if self.young.contains(&hash) {
            return true;
        }
        let met_again = self.old.contains(&hash);
        if met_again {
            self.put(hash, most);
        }
        met_again
    }

    fn learn(&mut self, stream: &StreamName, most: usize) {
        let hash = self.hash.hash_one(stream);
        self.put(hash, most);
    }

    fn put(&mut self, hash: u64, most: usize) {
        if self.young.len() >= (most / 2).max(1) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stream(number: usize) -> StreamName {
        StreamName::parse(&format!("s/{number}")).unwrap()
    }

    #[test]
    fn streams_that_are_met_again_stay_known_and_the_others_make_room() {
        let mut known = Known::new();
        for number in 0..1000 {
            known.learn(&stream(number), 20);
            assert!(known.has(&stream(0), 20), "{number}");
        }
        let still = (0..1000).filter(|&number| known.has(&stream(number), 20)).count();
        assert!((10..=20).contains(&still), "{still}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_purse_fills_up_to_its_bound() {
        let (limits, told) = watch::channel(AppendLimits {
            streams: StreamLimits {
                burst: 100,
                per_minute: 60,
                known: 10,
            },
            ..AppendLimits::default()
        });
        let streams = Streams::new(told);
        let alice: Arc<str> = "alice".into();
        let again = |outcome| match outcome {
            Err(TooManyStreams::ForNow { again }) => again,
            other => panic!("{other:?}"),
        };
        streams.take(&alice, 100).unwrap();
        assert_eq!(again(streams.take(&alice, 10)), Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(10)).await;
        streams.take(&alice, 10).unwrap();
        streams.give_back(&alice, 3);
        streams.take(&alice, 3).unwrap();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert!(matches!(
            streams.take(&alice, 101),
            Err(TooManyStreams::AtOnce { most: 100 })
        ));
        streams.take(&alice, 100).unwrap();
        again(streams.take(&alice, 1));
        streams.take(&"bob".into(), 100).unwrap();
        limits.send_modify(|limits| limits.streams.per_minute = 600);
        assert_eq!(
            again(streams.take(&alice, 10)),
            Duration::from_secs(1),
            "a limit that changes is heeded by the next"
        );
        limits.send_modify(|limits| limits.streams.burst = 5);
        assert!(matches!(
            streams.take(&alice, 6),
            Err(TooManyStreams::AtOnce { most: 5 })
        ));
    }
}
