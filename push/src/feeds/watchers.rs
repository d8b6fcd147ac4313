//! The sessions that watch one feed, each with its name for the stream.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::feeds::wake::Wake;

/// Who watches.
#[derive(Default)]
pub(super) struct Watchers {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    /// Ends with one that is taken.
    places: Vec<Option<(Arc<Wake>, u32)>>,
    /// The lowest is taken first, so that places at the end come free. Those beyond the end count as none.
    free: BinaryHeap<Reverse<usize>>,
}

impl Watchers {
    /// Marks `slot` of `wake` from now on; the answer ends it.
    pub(super) fn add(&self, wake: Arc<Wake>, slot: u32) -> usize {
        let mut all = self.all.lock();
        match all.free.pop() {
            Some(Reverse(at)) if at < all.places.len() => {
                all.places[at] = Some((wake, slot));
                at
            }
            // All others lie beyond the end, too, which moves now.
            _ => {
                all.free.clear();
                if all.places.is_empty() {
                    // Mostly the only one.
                    all.places.reserve_exact(1);
                }
                all.places.push(Some((wake, slot)));
                all.places.len() - 1
            }
        }
    }

    /// Ends a watch.
    pub(super) fn remove(&self, watch: usize) {
        let mut all = self.all.lock();
        all.places[watch] = None;
        all.free.push(Reverse(watch));
        all.trim();
    }

    /// Marks the slots of those at the places from `from` on, `most` of them. Who was not marked before is added to
    /// `wakes`. Answers how many read that, and where to go on if there are more.
    pub(super) fn mark(&self, from: usize, most: usize, wakes: &mut Vec<Arc<Wake>>) -> (u64, Option<usize>) {
        let all = self.all.lock();
        let mut readers = 0;
        for (wake, slot) in all.places.iter().skip(from).take(most).flatten() {
            readers += wake.readers();
            if wake.mark(*slot) {
                wakes.push(Arc::clone(wake));
            }
        }
        let next = from + most;
        (readers, (next < all.places.len()).then_some(next))
    }
}

impl All {
    /// Gives back the places at the end, so that a feed which had many sessions is small again.
    fn trim(&mut self) {
        while self.places.last().is_some_and(Option::is_none) {
            self.places.pop();
        }
        let used = self.places.len();
        if used < self.places.capacity() / 4 {
            self.places.shrink_to(used * 2);
            self.free.retain(|Reverse(at)| *at < used);
            self.free.shrink_to(used);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_watch_each_is_marked_once() {
        let watchers = Watchers::default();
        let wakes: Vec<Arc<Wake>> = (0..100).map(|_| Arc::default()).collect();
        let watches: Vec<_> = wakes
            .iter()
            .map(|wake| watchers.add(Arc::clone(wake), 0))
            .collect();
        watchers.remove(watches[50]);
        let (mut readers, mut woken, mut at) = (0, Vec::new(), Some(0));
        while let Some(from) = at {
            let (count, next) = watchers.mark(from, 7, &mut woken);
            (readers, at) = (readers + count, next);
        }
        assert_eq!((readers, woken.len()), (99, 99));
        assert!(!woken.iter().any(|wake| Arc::ptr_eq(wake, &wakes[50])));
        watchers.mark(0, 100, &mut woken);
        assert_eq!(woken.len(), 99, "they have not asked since");
    }

    #[test]
    fn places_are_used_again_and_those_of_many_who_left_are_given_back() {
        let watchers = Watchers::default();
        let wake = Arc::<Wake>::default();
        let mut watches: Vec<usize> = (0..1_000).map(|_| watchers.add(Arc::clone(&wake), 0)).collect();
        // In an order that has nothing to do with that of the places.
        for nth in 0..990 {
            watchers.remove(watches.swap_remove(nth * 7919 % (1_000 - nth)));
        }
        while watches.len() < 500 {
            watches.push(watchers.add(Arc::clone(&wake), 0));
        }
        let different: std::collections::HashSet<_> = watches.iter().copied().collect();
        assert_eq!(different.len(), 500, "two have one place");
        assert_eq!(watchers.mark(0, usize::MAX / 2, &mut Vec::new()).0, 500);
        watches.into_iter().for_each(|watch| watchers.remove(watch));
        let all = watchers.all.lock();
        assert_eq!((all.places.capacity(), all.free.capacity()), (0, 0));
    }
}
