//! The sessions that watch one feed, each with its name for the stream.

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
    places: Vec<Option<(Arc<Wake>, u32)>>,
    free: Vec<usize>,
}

impl Watchers {
    /// Marks `slot` of `wake` from now on; the answer ends it.
    pub(super) fn add(&self, wake: Arc<Wake>, slot: u32) -> usize {
        let mut all = self.all.lock();
        match all.free.pop() {
            Some(at) => {
                all.places[at] = Some((wake, slot));
                at
            }
            None => {
                all.places.push(Some((wake, slot)));
                all.places.len() - 1
            }
        }
    }

    /// Ends a watch.
    pub(super) fn remove(&self, watch: usize) {
        let mut all = self.all.lock();
        all.places[watch] = None;
        all.free.push(watch);
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
}
