//! Whom a feed wakes, and when: at once for a line of a quiet stream, by the node's tick when they come faster.
//!
//! All sessions are shown the same ends of ticks, so they stand at the same cursors and share their chunks.

use std::sync::Arc;
use std::time::Duration;

use lines::Offset;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::feeds::wake::Wake;

/// So many sessions are woken before others get their turn. More of them at once overflow the runtime's local queues,
/// and then senders wait for their answers behind every session (measured: 35 ms instead of 2.4 ms with 1,000).
const WAKE_AT_ONCE: usize = 64;

/// Sessions to wake, each with its name for the stream.
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

    /// Whether waking all takes no more than one turn.
    pub(super) fn are_few(&self) -> bool {
        self.all.lock().places.len() <= WAKE_AT_ONCE
    }

    /// Wakes them, when they are few.
    pub(super) fn wake_few(&self) {
        self.wake(0);
    }

    /// Wakes them all, by turns.
    pub(super) async fn wake_all(&self) {
        let mut from = 0;
        while self.wake(from) {
            from += WAKE_AT_ONCE;
            tokio::task::yield_now().await;
        }
    }

    /// Wakes as many as may be at once. Whether there are more.
    fn wake(&self, from: usize) -> bool {
        let all = self.all.lock();
        for (wake, slot) in all.places.iter().skip(from).take(WAKE_AT_ONCE).flatten() {
            wake.mark(*slot);
        }
        all.places.len() > from + WAKE_AT_ONCE
    }
}

/// Up to where sessions are shown a stream. Pure.
#[derive(Default)]
pub(super) struct Shown {
    /// The head at the last wake-up.
    upto: Offset,
    /// Bytes of lines that came since.
    waiting_bytes: usize,
    at: Option<Instant>,
    /// Whether a task wakes the sessions at the next tick.
    ticking: bool,
}

/// What is to be done for lines that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Show them now.
    Show,
    /// Somebody has to begin to show by the tick, at this time first.
    Tick(Instant),
    /// Who shows by the tick should do so now.
    Hurry,
    /// The tick's end is early enough.
    Wait,
}

impl Shown {
    /// Lines before it are shown.
    pub(super) fn upto(&self) -> Offset {
        self.upto
    }

    /// So many bytes of lines came: of more than `most` no tick is waited for. Shows them at once where the stream was
    /// quiet for a tick, if those who watch are `few`.
    pub(super) fn came(
        &mut self,
        bytes: usize,
        most: usize,
        now: Instant,
        tick: Duration,
        few: impl FnOnce() -> bool,
    ) -> Next {
        self.waiting_bytes += bytes;
        let urgent = self.waiting_bytes >= most;
        if self.ticking {
            return if urgent { Next::Hurry } else { Next::Wait };
        }
        let next_tick = self.at.map(|at| at + tick);
        let at = next_tick.filter(|at| *at > now && !urgent).unwrap_or(now);
        if at == now && few() {
            return Next::Show;
        }
        self.ticking = true;
        Next::Tick(at)
    }

    /// Shows everything before `head`.
    pub(super) fn show(&mut self, head: Offset, now: Instant) {
        self.upto = head;
        self.waiting_bytes = 0;
        self.at = Some(now);
    }

    /// A tick's end: shows what came, or ends the ticking. Whether there was something.
    pub(super) fn tick(&mut self, head: Offset, now: Instant) -> bool {
        self.ticking = self.upto != head;
        if self.ticking {
            self.show(head, now);
        }
        self.ticking
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn however_many_watch_all_are_woken_once() {
        let watchers = Watchers::default();
        let wakes: Vec<Arc<Wake>> = (0..WAKE_AT_ONCE * 3 + 1).map(|_| Arc::default()).collect();
        for wake in &wakes {
            watchers.add(Arc::clone(wake), 0);
        }
        watchers.wake_all().await;
        for wake in &wakes {
            wake.woken().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_stream_shows_at_once_a_fast_one_by_the_tick_and_much_at_once_hurries() {
        let (tick, most, now) = (Duration::from_millis(16), 100, Instant::now());
        let mut shown = Shown::default();
        assert_eq!(shown.came(1, most, now, tick, || true), Next::Show);
        shown.show(Offset(1), now);
        assert_eq!(shown.came(1, most, now, tick, || true), Next::Tick(now + tick));
        assert_eq!(shown.came(98, most, now, tick, || true), Next::Wait);
        assert_eq!(shown.came(1, most, now, tick, || true), Next::Hurry);
        assert!(shown.tick(Offset(4), now + tick));
        assert!(
            !shown.tick(Offset(4), now + tick * 2),
            "nothing came since: no more ticks"
        );
        assert_eq!(
            shown.came(1, most, now + tick * 3, tick, || false),
            Next::Tick(now + tick * 3)
        );
    }
}
