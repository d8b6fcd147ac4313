//! The one wake-up of a session: which of its streams have something new, so that a session on a thousand streams
//! does not ask all of them.
//!
//! Marks are bits, so a stream that wakes a busy session a hundred times costs one mark; nothing here grows with what
//! the session has not taken yet (invariant 7).

use std::mem;
use std::sync::atomic::{AtomicU32, Ordering};

use lines::StreamName;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// New streams that wait for a session, at most; beyond that it lists the store instead.
const MAX_OFFERS: usize = 1_000;

/// What feeds and patterns tell one session.
#[derive(Default)]
pub(crate) struct Wake {
    marks: Mutex<Marks>,
    notify: Notify,
    /// How many read what it is told of, if it is a group's: a session alone is not counted.
    readers: AtomicU32,
}

/// What was told since the session last asked.
#[derive(Default)]
struct Marks {
    slots: Slots,
    /// Whether a slot was marked: who marked the first one wakes the session.
    marked: bool,
    news: News,
}

/// What a session was told, its slots aside.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// Streams that a held pattern met.
    pub(crate) offers: Vec<StreamName>,
    /// There were more of them than are kept here: list the store.
    pub(crate) too_many_offers: bool,
    /// The session ends, and why.
    pub(crate) ending: Option<Ending>,
}

/// Why a session ends of which nobody asked that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The node is being stopped: leave then.
    Leave(Instant),
    /// What its reader was let in by was taken back: at once.
    Revoked,
}

impl Wake {
    /// Marks a slot. Whether it is the first one since the session last asked: then it has to be [roused](Self::rouse),
    /// once, whatever else is marked until it asks.
    #[must_use]
    pub(crate) fn mark(&self, slot: u32) -> bool {
        let mut marks = self.marks.lock();
        marks.slots.insert(slot);
        !mem::replace(&mut marks.marked, true)
    }

    /// Wakes the session.
    pub(crate) fn rouse(&self) {
        self.notify.notify_one();
    }

    /// Marks a slot, and wakes the session.
    pub(crate) fn tell(&self, slot: u32) {
        let _ = self.mark(slot);
        self.rouse();
    }

    /// How many read what it is told of.
    pub(crate) fn readers(&self) -> u64 {
        u64::from(self.readers.load(Ordering::Relaxed).max(1))
    }

    /// A session follows the group that is told.
    pub(crate) fn read_by_one_more(&self) {
        self.readers.fetch_add(1, Ordering::Relaxed);
    }

    /// One does not any more.
    pub(crate) fn read_by_one_less(&self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    /// Offers a stream that a pattern of the session met, and wakes the session.
    pub(crate) fn offer(&self, stream: &StreamName) {
        {
            let mut marks = self.marks.lock();
            let news = &mut marks.news;
            if news.offers.len() < MAX_OFFERS {
                news.offers.push(stream.clone())
            } else {
                news.too_many_offers = true
            }
        }
        self.notify.notify_one();
    }

    /// Ends when there is something to take. Cancel-safe: a wake-up that nobody waited for is kept.
    pub(crate) async fn woken(&self) {
        self.notify.notified().await;
    }

    /// Tells the session to end, and wakes it. Who was revoked is not told to come back instead.
    pub(crate) fn end(&self, ending: Ending) {
        {
            let told = &mut self.marks.lock().news.ending;
            if *told != Some(Ending::Revoked) {
                *told = Some(ending);
            }
        }
        self.notify.notify_one();
    }

    /// Takes everything that was told, the slots into `slots`.
    pub(crate) fn take(&self, slots: &mut Slots) -> News {
        let mut marks = self.marks.lock();
        slots.take_from(&mut marks.slots);
        marks.marked = false;
        mem::take(&mut marks.news)
    }
}

/// A set of small numbers.
#[derive(Default, Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slots(Vec<u64>);

impl Slots {
    pub(crate) fn insert(&mut self, slot: u32) {
        let word = slot as usize / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (slot % 64);
    }

    /// Whether it was in.
    pub(crate) fn remove(&mut self, slot: u32) -> bool {
        let Some(word) = self.0.get_mut(slot as usize / 64) else {
            return false;
        };
        let before = *word;
        *word &= !(1 << (slot % 64));
        before != *word
    }

    /// Whether it is in.
    pub(crate) fn has(&self, slot: u32) -> bool {
        let word = self.0.get(slot as usize / 64);
        word.is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    /// All of them, the lowest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let found = self.at_or_above(next)?;
            next = found + 1;
            Some(found)
        })
    }

    /// Adds everything that is in `other`.
    pub(crate) fn add(&mut self, other: &Self) {
        if other.0.len() > self.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine |= theirs;
        }
    }

    /// The next one at `from` or above, else the lowest: so all get their turn.
    pub(crate) fn next_from(&self, from: u32) -> Option<u32> {
        self.at_or_above(from).or_else(|| self.at_or_above(0))
    }

    fn at_or_above(&self, from: u32) -> Option<u32> {
        let first = from as usize / 64;
        let below = (1u64 << (from % 64)) - 1;
        self.0.iter().enumerate().skip(first).find_map(|(i, &word)| {
            let word = if i == first { word & !below } else { word };
            (word != 0).then(|| i as u32 * 64 + word.trailing_zeros())
        })
    }

    /// Moves everything that is in `other` here.
    fn take_from(&mut self, other: &mut Self) {
        self.add(other);
        other.0.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_take_turns() {
        let mut slots = Slots::default();
        for slot in [3, 64, 200] {
            slots.insert(slot);
        }
        let turns: Vec<_> = [0, 4, 65, 201].map(|from| slots.next_from(from)).into();
        assert_eq!(turns, [Some(3), Some(64), Some(200), Some(3)]);
        for slot in [3, 64, 200] {
            slots.remove(slot);
        }
        assert_eq!(slots.next_from(0), None);
    }

    #[tokio::test]
    async fn a_slot_that_is_marked_often_is_told_once() {
        let wake = Wake::default();
        assert!(wake.mark(7));
        for _ in 0..100 {
            assert!(!wake.mark(7), "somebody wakes it already");
        }
        wake.rouse();
        wake.woken().await;
        let mut slots = Slots::default();
        assert_eq!(wake.take(&mut slots), News::default());
        assert_eq!(slots.next_from(0), Some(7));
        let mut again = Slots::default();
        wake.take(&mut again);
        assert_eq!(again.next_from(0), None);
        assert!(wake.mark(7), "it asked since");
    }

    #[test]
    fn more_new_streams_than_are_kept_are_not_forgotten() {
        let wake = Wake::default();
        let stream = StreamName::parse("new").unwrap();
        for _ in 0..=MAX_OFFERS {
            wake.offer(&stream);
        }
        let news = wake.take(&mut Slots::default());
        assert_eq!((news.offers.len(), news.too_many_offers), (MAX_OFFERS, true));
    }
}
