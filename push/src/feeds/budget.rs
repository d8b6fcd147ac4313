//! What all feeds of a node hold together, and who gives first when that is too much.
//!
//! The store has whatever a feed lets go of, and sessions that want it read it there, together; and what a group lets go
//! of its feeds may have. So none has a right to keep anything: they give by turns, each the older half of what it has.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Who holds bytes that the budget counts.
pub(crate) trait Giver: Send + Sync {
    /// Lets go of the older half of what is held. Whether anything is left.
    fn give(&self) -> bool;
}

/// The bytes of all feeds and groups.
pub(crate) struct Budget {
    /// Bytes of lines, of chunks and of bundles, at most.
    most: usize,
    held: AtomicUsize,
    /// Everybody who holds something, once. Whose turn it is to give stands first.
    givers: Mutex<VecDeque<Weak<dyn Giver>>>,
}

impl Budget {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            held: AtomicUsize::new(0),
            givers: Mutex::default(),
        })
    }

    /// What is held.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// One that had nothing holds something.
    pub(crate) fn enlist(&self, giver: Weak<dyn Giver>) {
        self.givers.lock().push_back(giver);
    }

    /// One holds `after` instead of `before`.
    pub(crate) fn account(&self, before: usize, after: usize) {
        if after >= before {
            self.held.fetch_add(after - before, Ordering::Relaxed)
        } else {
            self.held.fetch_sub(before - after, Ordering::Relaxed)
        };
    }

    /// Forgets those who are no more.
    pub(crate) fn sweep(&self) {
        self.givers.lock().retain(|giver| giver.strong_count() > 0);
    }

    /// Lets them give until all together hold no more than they may. Not to be called under a giver's lock.
    pub(crate) fn bound(&self) {
        while self.held() > self.most {
            let Some(giver) = self.givers.lock().pop_front() else {
                return;
            };
            if let Some(one) = giver.upgrade()
                && one.give()
            {
                self.givers.lock().push_back(giver);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lines::{Offset, StreamName};

    use super::*;
    use crate::Limits;
    use crate::feeds::feed::Feed;
    use crate::feeds::grid::Grid;
    use crate::feeds::shown::Haste;
    use crate::feeds::tick::Tick;
    use crate::feeds::window::Pull;
    use crate::testing::{ALL, batch};

    fn feeds(count: usize, budget: &Arc<Budget>) -> Vec<Arc<Feed>> {
        let limits = Arc::new(Limits::default());
        let grid = Grid::new(Tick::new(Arc::clone(&limits)));
        let feed = |nth| {
            let stream = StreamName::parse(&format!("s{nth}")).unwrap();
            let (limits, grid) = (Arc::clone(&limits), Arc::clone(&grid));
            Arc::new(Feed::new(stream, limits, grid, Arc::clone(budget)))
        };
        (0..count).map(feed).collect()
    }

    fn holds(feed: &Feed) -> bool {
        feed.show(Haste::Instant);
        matches!(feed.pull(Offset(0), &ALL), Pull::Chunk(_))
    }

    #[tokio::test]
    async fn feeds_never_hold_more_than_they_may_with_their_chunks() {
        let most = 10 * batch("s", 0, 20).lines.ndjson.len();
        let budget = Budget::new(most);
        let feeds = feeds(50, &budget);
        for (nth, feed) in feeds.iter().enumerate() {
            feed.take(batch(&format!("s{nth}"), 0, 20));
            assert!(budget.held() <= most);
            assert!(holds(feed), "what came last is there for those who are woken");
            assert!(budget.held() <= most, "chunks count, too");
        }
        let holding = feeds.iter().filter(|feed| holds(feed)).count();
        assert!((1..=10).contains(&holding), "{holding} feeds hold something");
        drop(feeds);
        assert_eq!(budget.held(), 0);
    }

    #[tokio::test]
    async fn a_feed_that_holds_much_gives_before_one_that_just_came_has_nothing() {
        let one = batch("s0", 0, 20).lines.ndjson.len();
        let budget = Budget::new(8 * one);
        let feeds = feeds(2, &budget);
        for nth in 0..8 {
            feeds[0].take(batch("s0", nth * 20, 20));
        }
        feeds[1].take(batch("s1", 0, 20));
        assert!(holds(&feeds[1]));
        assert!(!holds(&feeds[0]), "its older half is gone");
        feeds[0].show(Haste::Instant);
        let newest = feeds[0].pull(Offset(140), &ALL);
        assert!(matches!(newest, Pull::Chunk(_)), "its newer half is there");
    }
}
