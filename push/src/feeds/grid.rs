//! When sessions are shown what came: one grid of instants for all feeds of a node.
//!
//! A write to a session costs about the same whatever is in it, so the cost of fan-out is the number of writes. Feeds that
//! got lines wait for the grid's next instant; there all of them are shown up to their heads, and then every session that
//! watches any of them is woken, once: what came in a tick, of however many streams, leaves in one write. Where the next
//! instant has passed already, lines go at once, and the grid moves on. [`tick`](super::tick) says how far apart
//! instants are.
//!
//! One task does all of this, one round after the other, so none begins before everybody was woken for the last one: a
//! node that can do no more gathers more.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::feeds::feed::Feed;
use crate::feeds::shown::Haste;
use crate::feeds::tick::Tick;
use crate::feeds::wake::Wake;

/// So many sessions are woken before others get their turn. More of them at once overflow the runtime's local queues,
/// and then senders wait for their answers behind every session (measured: 35 ms instead of 2.4 ms with 1,000).
const WAKE_AT_ONCE: usize = 64;

/// So many marks are made before others get their turn: about 0.1 ms.
pub(crate) const MARK_AT_ONCE: usize = 2_048;

/// The instants of a node.
pub(crate) struct Grid {
    tick: Tick,
    /// Held for a moment by whoever brings lines, and by the grid when it takes them.
    waiting: Mutex<Waiting>,
    /// Told when the first feed waits for an instant.
    came: Notify,
    /// Told when a feed is not to wait for it.
    hurry: Notify,
}

/// The feeds that have something to show. They hold the grid, so it does not hold them.
#[derive(Default)]
struct Waiting {
    /// Each once.
    feeds: Vec<Weak<Feed>>,
    /// When the first of them came.
    since: Option<Instant>,
    /// Each once; they may be among the others, too.
    urgent: Vec<Weak<Feed>>,
}

/// When rounds may begin. Pure.
struct Pace {
    /// When the next instant is.
    next: Instant,
    /// When the last round was over.
    done: Instant,
    /// Before then nothing is shown as urgent: after such a round fan-out rests for as long as it took.
    hurries_from: Instant,
}

/// What a round came to.
#[derive(Default)]
struct Round {
    /// Who is woken, each once.
    wakes: Vec<Arc<Wake>>,
    /// Writes that it would have been, had every batch gone at once.
    due: u64,
}

impl Grid {
    pub(crate) fn new(tick: Tick) -> Arc<Self> {
        Arc::new(Self {
            tick,
            waiting: Mutex::default(),
            came: Notify::new(),
            hurry: Notify::new(),
        })
    }

    /// A feed has something to show. Never waits. The feed itself knows which list it is on.
    pub(crate) fn came(&self, feed: &Arc<Feed>, haste: Haste) {
        let mut waiting = self.waiting.lock();
        match haste {
            Haste::Urgent => {
                waiting.urgent.push(Arc::downgrade(feed));
                self.hurry.notify_one();
            }
            Haste::Instant => {
                waiting.feeds.push(Arc::downgrade(feed));
                if waiting.since.is_none() {
                    waiting.since = Some(Instant::now());
                    self.came.notify_one();
                }
            }
        }
    }

    /// Somebody who was woken by the grid took so long to wake others in turn: that is part of the round, too.
    pub(crate) fn took(&self, time: Duration) {
        self.tick.took(time);
    }

    /// Shows what comes, for as long as it is polled.
    pub(crate) async fn run(&self) {
        tokio::join!(self.tick.run(), self.show_what_comes());
    }

    async fn show_what_comes(&self) {
        let mut pace = Pace::new(Instant::now());
        loop {
            tokio::select! {
                // The urgent ones are shown at instants, too: neither keeps the other waiting.
                biased;
                due = self.instant(pace.next) => {
                    let begun = Instant::now();
                    self.show(&[Haste::Instant, Haste::Urgent]).await;
                    pace.shown(due, begun, Instant::now(), |late| self.tick.after(late));
                }
                () = self.hurry(pace.hurries_from) => {
                    let begun = Instant::now();
                    self.show(&[Haste::Urgent]).await;
                    pace.hurried(begun, Instant::now());
                }
            }
        }
    }

    /// Ends when something is urgent, from then on at the earliest.
    async fn hurry(&self, from: Instant) {
        // Before the word is taken: an instant that comes first leaves it, and shows what is urgent, too.
        if from > Instant::now() {
            tokio::time::sleep_until(from).await;
        }
        self.hurry.notified().await;
    }

    /// Ends at the first instant from `next` on at which something waits, and says when that was due.
    async fn instant(&self, next: Instant) -> Instant {
        loop {
            let since = self.waiting.lock().since;
            if let Some(since) = since {
                if next > Instant::now() {
                    tokio::time::sleep_until(next).await;
                }
                return next.max(since);
            }
            self.came.notified().await;
        }
    }

    /// Shows the feeds of these lists up to their heads, and then wakes everybody who watches any of them.
    async fn show(&self, lists: &[Haste]) {
        // All of them, before anybody is told of one.
        let mut shown = Vec::new();
        for &list in lists {
            let feeds = self.waiting.lock().take(list);
            let feeds = feeds.iter().filter_map(Weak::upgrade);
            shown.extend(feeds.filter_map(|feed| Some((feed.show(list)?, feed))));
        }
        let round = Round::of(&shown).await;
        let writes = round.wakes.iter().map(|wake| wake.readers()).sum();
        self.tick.woke(round.due, writes);
        wake_by_turns(&round.wakes).await;
    }
}

/// Wakes them all, by turns, and ends when those of the last turn had theirs.
pub(crate) async fn wake_by_turns(wakes: &[Arc<Wake>]) {
    for some in wakes.chunks(WAKE_AT_ONCE) {
        some.iter().for_each(|wake| wake.rouse());
        tokio::task::yield_now().await;
    }
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self {
            next: now,
            done: now,
            hurries_from: now,
        }
    }

    /// Everything was shown, as was `due`; `after` is the law, which is told how late that began.
    fn shown(&mut self, due: Instant, begun: Instant, done: Instant, after: impl Fn(Duration) -> Duration) {
        // An instant is not late for what a round before it took: that is time of fan-out's own.
        let due = due.max(self.done);
        self.next = done.max(due + after(begun - due));
        (self.done, self.hurries_from) = (done, done);
    }

    /// What is urgent was shown.
    fn hurried(&mut self, begun: Instant, done: Instant) {
        (self.done, self.hurries_from) = (done, done + (done - begun));
    }
}

impl Waiting {
    fn take(&mut self, list: Haste) -> Vec<Weak<Feed>> {
        match list {
            Haste::Instant => {
                self.since = None;
                std::mem::take(&mut self.feeds)
            }
            Haste::Urgent => std::mem::take(&mut self.urgent),
        }
    }
}

impl Round {
    /// Marks all sessions that watch what was shown, by turns. Each feed comes with the number of its batches.
    async fn of(shown: &[(u32, Arc<Feed>)]) -> Self {
        let (mut round, mut turn) = (Self::default(), 0);
        for (batches, feed) in shown {
            let mut at = Some(0);
            while let Some(from) = at {
                let (readers, next) = feed.mark_watchers(from, MARK_AT_ONCE, &mut round.wakes);
                round.due += readers * u64::from(*batches);
                turn += MARK_AT_ONCE.min(usize::try_from(readers).unwrap_or(MARK_AT_ONCE)) + 1;
                at = next;
                if turn >= MARK_AT_ONCE {
                    turn = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
        round
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lines::StreamName;

    use super::*;
    use crate::Limits;
    use crate::feeds::budget::Budget;
    use crate::testing::batch;

    const TICK: Duration = Duration::from_millis(20);

    /// A grid that runs, and the feeds of some streams.
    struct World {
        grid: Arc<Grid>,
        feeds: Vec<Arc<Feed>>,
    }

    impl World {
        fn new(streams: usize) -> Self {
            let limits = Arc::new(Limits {
                tick: TICK,
                ..Limits::default()
            });
            let grid = Grid::new(Tick::new(Arc::clone(&limits)));
            let running = Arc::clone(&grid);
            tokio::spawn(async move { running.run().await });
            let feed = |nth| {
                let stream = StreamName::parse(&format!("s{nth}")).unwrap();
                let (limits, grid) = (Arc::clone(&limits), Arc::clone(&grid));
                Arc::new(Feed::new(stream, limits, grid, Budget::new(usize::MAX)))
            };
            let feeds = (0..streams).map(feed).collect();
            Self { grid, feeds }
        }

        /// A session that watches all of them.
        fn session(&self) -> Arc<Wake> {
            let wake = Arc::<Wake>::default();
            for (slot, feed) in (0..).zip(&self.feeds) {
                feed.watch(Arc::clone(&wake), slot);
            }
            wake
        }

        fn line(&self, nth: usize, offset: u64) {
            self.feeds[nth].take(batch(&format!("s{nth}"), offset, 1));
        }

        /// Up to where sessions see a stream.
        fn shown(&self, nth: usize) -> u64 {
            self.feeds[nth].shown().0
        }
    }

    /// How long it takes until the session is woken.
    async fn woken(wake: &Wake) -> Duration {
        let begun = Instant::now();
        wake.woken().await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_node_shows_at_once_and_then_by_the_tick() {
        let world = World::new(1);
        let session = world.session();
        for quiet in [Duration::ZERO, TICK, TICK * 100] {
            tokio::time::sleep(quiet).await;
            let offset = world.shown(0);
            world.line(0, offset);
            assert_eq!(woken(&session).await, Duration::ZERO);
            let _ = session.take(&mut Default::default());
            world.line(0, offset + 1);
            world.line(0, offset + 2);
            assert_eq!(woken(&session).await, TICK);
            let _ = session.take(&mut Default::default());
            assert_eq!(world.shown(0), offset + 3);
            tokio::time::sleep(TICK).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_streams_share_their_instants_and_a_session_is_woken_once_for_all_of_them() {
        let world = World::new(10);
        let sessions: Vec<_> = (0..WAKE_AT_ONCE * 2 + 1).map(|_| world.session()).collect();
        for tick in 0..5 {
            for nth in 0..10 {
                // Each comes at a time of its own.
                world.line(nth, tick);
                tokio::time::sleep(TICK / 20).await;
            }
            tokio::time::sleep(TICK).await;
            let mut slots = Default::default();
            for session in &sessions {
                session.woken().await;
                assert!(futures_util::poll!(std::pin::pin!(session.woken())).is_pending());
                let _ = session.take(&mut slots);
                assert!((0..10).all(|slot| slots.remove(slot)));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_line_waits_longer_than_a_tick_whenever_it_comes() {
        let world = World::new(3);
        let mut came = [0; 3];
        for step in 0..1_000u64 {
            let nth = (step * step % 3) as usize;
            world.line(nth, came[nth]);
            came[nth] += 1;
            if step % 7 == 0 {
                tokio::time::sleep(TICK).await;
                assert_eq!([0, 1, 2].map(|nth| world.shown(nth)), came);
            }
            tokio::time::sleep(Duration::from_millis(step * 31 % 23)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn much_at_once_is_shown_before_the_instant_and_others_wait_for_it() {
        let world = World::new(2);
        let session = world.session();
        world.line(0, 0);
        world.line(1, 0);
        tokio::task::yield_now().await;
        let _ = (woken(&session).await, session.take(&mut Default::default()));
        world.line(1, 1);
        let much = batch("s0", 1, 10_000);
        assert!(much.lines.ndjson.len() > Limits::default().feed_bytes / 8);
        world.feeds[0].take(much);
        assert_eq!(woken(&session).await, Duration::ZERO);
        let mut slots = Default::default();
        let _ = session.take(&mut slots);
        assert!(slots.remove(0) && !slots.remove(1));
        assert_eq!(woken(&session).await, TICK);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instant_waits_for_no_urgent_feed_and_shows_it_too() {
        let world = World::new(2);
        let session = world.session();
        world.line(0, 0);
        world.line(1, 0);
        let _ = (woken(&session).await, session.take(&mut Default::default()));
        tokio::task::yield_now().await;
        world.line(1, 1);
        world.feeds[0].take(batch("s0", 1, 10_000));
        tokio::time::advance(TICK).await;
        session.woken().await;
        let mut slots = Default::default();
        let _ = session.take(&mut slots);
        assert!(slots.remove(0) && slots.remove(1));
        assert!(futures_util::poll!(std::pin::pin!(session.woken())).is_pending());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_instant_waits_until_those_who_wake_others_are_done() {
        let world = World::new(1);
        let session = world.session();
        world.line(0, 0);
        woken(&session).await;
        world.grid.took(TICK * 3);
        for wait in [TICK * 3, TICK] {
            let _ = session.take(&mut Default::default());
            let next = world.shown(0);
            world.line(0, next);
            assert_eq!(woken(&session).await, wait);
        }
    }

    #[test]
    fn urgent_rounds_rest_as_long_as_they_take_but_make_no_instant_late() {
        let (now, ms) = (Instant::now(), Duration::from_millis);
        let mut pace = Pace::new(now);
        pace.hurried(now, now + ms(10));
        assert_eq!((pace.hurries_from, pace.next), (now + ms(20), now));
        // It was due while the urgent ones were shown.
        let begun = now + ms(10);
        pace.shown(now + ms(3), begun, begun + ms(2), |late| {
            assert_eq!(late, Duration::ZERO);
            ms(24)
        });
        assert_eq!(pace.next, begun + ms(24));
        assert_eq!(pace.hurries_from, begun + ms(2));
        let due = pace.next;
        pace.shown(due, due + ms(1), due + ms(9), |late| {
            assert_eq!(late, ms(1));
            ms(2)
        });
        assert_eq!(pace.next, due + ms(9), "everybody is woken before the next one");
    }
}
