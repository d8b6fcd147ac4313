//! One watched stream: its recent lines, up to the head, for all of its sessions.
//!
//! When it shows them, and who is woken then, is in [`grid`](super::grid); when its head is read again in
//! [`head_checks`](super::head_checks).

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};

use lines::{Batch, Extent, Offset, StreamName};
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::Limits;
use crate::feeds::announcements::Announcement;
use crate::feeds::budget::{Budget, Giver};
use crate::feeds::grid::Grid;
use crate::feeds::head::{Head, News};
use crate::feeds::head_checks::{Due, Schedule};
use crate::feeds::shown::{Haste, Shown};
use crate::feeds::view::{Chunk, View};
use crate::feeds::wake::Wake;
use crate::feeds::watchers::Watchers;
use crate::feeds::window::Pull;

/// So much of `feed_bytes` may wait for an instant; then the sessions are woken before it.
const EARLY_PART: usize = 8;

/// What a push node holds for one stream that somebody watches.
pub(crate) struct Feed {
    limits: Arc<Limits>,
    /// Says when lines are shown.
    grid: Arc<Grid>,
    /// What all feeds of the node hold.
    budget: Arc<Budget>,
    state: Mutex<State>,
    watchers: Watchers,
    /// How many members there are; counted by [`crate::feeds`] under its lock.
    pub(crate) members: AtomicUsize,
    /// Whether hints find this node.
    pub(crate) route: Arc<Announcement>,
}

struct State {
    head: Head,
    /// Whether the budget knows that there is something to give.
    enlisted: bool,
    shown: Shown,
    /// Whether the store was read since the feed began: before that, a jump is no repair.
    opened: bool,
    checks: Schedule,
}

impl Feed {
    pub(crate) fn new(stream: StreamName, limits: Arc<Limits>, grid: Arc<Grid>, budget: Arc<Budget>) -> Self {
        Self {
            state: Mutex::new(State {
                head: Head::new(stream),
                enlisted: false,
                shown: Shown::default(),
                opened: false,
                checks: Schedule::new(&limits, Instant::now()),
            }),
            limits,
            grid,
            budget,
            watchers: Watchers::default(),
            members: AtomicUsize::new(0),
            route: Arc::default(),
        }
    }

    /// The offset after the last line that is known of.
    pub(crate) fn head(&self) -> Offset {
        self.state.lock().head.head()
    }

    /// Takes a batch that was stored. Answers when the head is to be checked, if it is sooner than planned.
    pub(crate) fn take(self: &Arc<Self>, batch: Arc<Batch>) -> Option<Instant> {
        let mut state = self.state.lock();
        let bytes = batch.lines.ndjson.len();
        let held = state.head.window().held();
        let news = state.head.take(batch);
        state.head.window().shed(self.limits.feed_bytes);
        let holds = state.head.window().held();
        self.budget.account(held, holds);
        if holds > 0 && !std::mem::replace(&mut state.enlisted, true) {
            let this: Weak<Self> = Arc::downgrade(self);
            self.budget.enlist(this);
        }
        if news == News::Old {
            drop(state);
            self.budget.bound();
            return None;
        }
        state.count(news);
        let check = state.checks.moved(&self.limits, Instant::now());
        self.came(state, bytes);
        self.budget.bound();
        check
    }

    /// Takes what the store says of the head.
    fn heard(self: &Arc<Self>, extent: Extent) -> News {
        let mut state = self.state.lock();
        let held = state.head.window().held();
        let news = state.head.heard(extent.next);
        state.head.forget_before(extent.first_available);
        self.budget.account(held, state.head.window().held());
        if news == News::Old {
            state.opened = true;
            return news;
        }
        state.count(news);
        state.checks.heard(Instant::now());
        if std::mem::replace(&mut state.opened, true) {
            self.came(state, 0);
        } else {
            let head = state.head.head();
            state.shown.open(head);
        }
        news
    }

    /// The lines at `cursor` that `view` wants.
    pub(crate) fn pull(&self, cursor: Offset, view: &View) -> Pull {
        let pulled = self.look(cursor, view);
        if matches!(pulled, Pull::Chunk(_)) {
            self.budget.bound();
        }
        pulled
    }

    /// The same under the lock of one who holds bytes, too: it has to see to the budget's bound when it has let go of that.
    pub(crate) fn look(&self, cursor: Offset, view: &View) -> Pull {
        let mut state = self.state.lock();
        let shown = state.shown.upto();
        if cursor >= shown {
            return Pull::AtHead;
        }
        let window = state.head.window();
        let chunk = if view.filter.is_none() {
            let held = window.held();
            let chunk = window.cut(cursor, shown, self.limits.frame_bytes, view);
            self.budget.account(held, window.held());
            chunk
        } else {
            match window.known(cursor, view) {
                None => match window.piece(cursor, shown, self.limits.filter_bytes) {
                    Some(piece) => return Pull::Sift(piece),
                    None => None,
                },
                known => known,
            }
        };
        chunk.map_or(Pull::Behind, Pull::Chunk)
    }

    /// Keeps the chunk that came of a [`Pull::Sift`] for all who want the same.
    pub(crate) fn remember(&self, view: &View, chunk: &Chunk) {
        {
            let mut state = self.state.lock();
            let held = state.head.window().held();
            state.head.window().remember(view, chunk);
            self.budget.account(held, state.head.window().held());
        }
        self.budget.bound();
    }

    /// Where the newest lines begin, of about so many bytes.
    pub(crate) fn newest(&self, bytes: usize) -> Offset {
        let mut state = self.state.lock();
        let shown = state.shown.upto();
        let window = state.head.window();
        window.newest(bytes).unwrap_or(shown).min(shown)
    }

    /// Marks `slot` of `wake` whenever there is something new, until the watch is dropped by [`Feed::unwatch`].
    pub(crate) fn watch(&self, wake: Arc<Wake>, slot: u32) -> usize {
        self.watchers.add(wake, slot)
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&self, watch: usize) {
        self.watchers.remove(watch);
    }

    /// Something came: sessions are shown it at the grid's next instant.
    fn came(self: &Arc<Self>, mut state: MutexGuard<'_, State>, bytes: usize) {
        let haste = state.shown.came(bytes, self.limits.feed_bytes / EARLY_PART);
        drop(state);
        if let Some(haste) = haste {
            self.grid.came(self, haste);
        }
    }

    /// The grid took it from this list: shows sessions all that is there. Answers how many batches came since it last did,
    /// if anything did.
    pub(crate) fn show(&self, from_list: Haste) -> Option<u32> {
        let mut state = self.state.lock();
        let head = state.head.head();
        state.shown.show(head, from_list)
    }

    /// Up to where sessions see it.
    #[cfg(test)]
    pub(crate) fn shown(&self) -> Offset {
        self.state.lock().shown.upto()
    }

    /// Marks those who watch, at the places from `from` on, `most` of them. See [`Watchers::mark`].
    pub(crate) fn mark_watchers(
        &self,
        from: usize,
        most: usize,
        wakes: &mut Vec<Arc<Wake>>,
    ) -> (u64, Option<usize>) {
        self.watchers.mark(from, most, wakes)
    }

    /// Whether the check planned for `planned` is due `now`.
    pub(crate) fn check_due(&self, planned: Instant, now: Instant) -> Due {
        self.state.lock().checks.due(planned, now, &self.limits)
    }

    /// Takes what the store said after a join. Answers when the head is to be checked, if it is sooner than planned.
    ///
    /// A feed that knows its stream does not jump: the store is often ahead by hints that are on their way.
    pub(crate) fn open(self: &Arc<Self>, extent: Extent, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        if !state.opened {
            drop(state);
            return Some(self.checked(extent, now));
        }
        let held = state.head.window().held();
        state.head.forget_before(extent.first_available);
        self.budget.account(held, state.head.window().held());
        let ahead = extent.next > state.head.head();
        ahead.then(|| state.checks.after(self.limits.head_first, now))
    }

    /// Takes what a check found, and says when the next one is due. A feed that was quiet for long lets go of its lines.
    pub(crate) fn checked(self: &Arc<Self>, extent: Extent, now: Instant) -> Instant {
        let news = self.heard(extent);
        let mut state = self.state.lock();
        let quiet = news == News::Old && self.route.stands();
        let step = state.checks.step(quiet, &self.limits);
        if step >= self.limits.head_last && state.shown.upto() == state.head.head() {
            let held = state.head.window().held();
            state.head.window().clear();
            self.budget.account(held, 0);
        }
        state.checks.after(step, now)
    }
}

impl Giver for Feed {
    fn give(&self) -> bool {
        let mut state = self.state.lock();
        let held = state.head.window().held();
        state.head.window().halve();
        let left = state.head.window().held();
        self.budget.account(held, left);
        state.enlisted = left > 0;
        state.enlisted
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let held = self.state.get_mut().head.window().held();
        self.budget.account(held, 0);
    }
}

impl State {
    fn count(&mut self, news: News) {
        if let (News::Jump(lines), true) = (news, self.opened) {
            metrics::counter!("tailcast_feed_repairs_total").increment(1);
            tracing::debug!(stream = %self.head.window().stream(), lines, "lines came without a hint, sessions read the store");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::feeds::tick::Tick;
    use crate::testing::{ALL, batch};

    fn feed() -> Arc<Feed> {
        let stream = StreamName::parse("s").unwrap();
        let limits = Arc::new(Limits::default());
        let grid = Grid::new(Tick::new(Arc::clone(&limits)));
        let feed = Feed::new(stream, limits, grid, Budget::new(usize::MAX));
        feed.route.assume_stands();
        Arc::new(feed)
    }

    fn extent(next: u64) -> Extent {
        Extent {
            first_available: Offset(0),
            next: Offset(next),
            ..Extent::default()
        }
    }

    /// Invariant 6: cost follows what moves, not what is watched.
    #[tokio::test]
    async fn a_quiet_head_is_read_ever_more_seldom_and_soon_again_after_a_line() {
        let feed = feed();
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        feed.open(extent(5), now);
        for _ in 0..7 {
            let next = feed.checked(extent(5), now);
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
        let check = feed.take(batch("s", 5, 1)).unwrap();
        assert!(check <= Instant::now() + Duration::from_secs(1));
        assert!(feed.take(batch("s", 6, 1)).is_none(), "it is planned already");
        assert!(
            matches!(feed.check_due(check, check), Due::Later(_)),
            "a stream that moves is not read"
        );
        assert!(matches!(feed.check_due(now, now), Due::Void));
    }

    /// A stream that is deleted has its floor at its head: whoever subscribes tells the feed.
    #[tokio::test]
    async fn a_feed_lets_go_of_lines_before_a_floor_that_it_hears_of() {
        let feed = feed();
        feed.open(extent(5), Instant::now());
        feed.take(batch("s", 5, 3));
        let deleted = |floor| Extent {
            first_available: Offset(floor),
            ..extent(8)
        };
        feed.open(deleted(5), Instant::now());
        assert!(feed.budget.held() > 0);
        feed.open(deleted(8), Instant::now());
        assert_eq!((feed.budget.held(), feed.head()), (0, Offset(8)));
        feed.take(batch("s", 5, 3));
        assert_eq!(
            feed.budget.held(),
            0,
            "a hint that comes late brings nothing back"
        );
        feed.take(batch("s", 8, 1));
        assert!(feed.budget.held() > 0, "it goes on");
    }

    #[tokio::test]
    async fn what_is_there_when_a_feed_is_opened_is_shown_to_who_comes_and_what_comes_later_at_an_instant() {
        let feed = feed();
        feed.take(batch("s", 0, 1));
        feed.open(extent(2), Instant::now());
        assert!(
            matches!(feed.pull(Offset(1), &ALL), Pull::Behind),
            "the store has it"
        );
        feed.take(batch("s", 2, 1));
        assert!(matches!(feed.pull(Offset(2), &ALL), Pull::AtHead));
        assert_eq!(feed.show(Haste::Instant), Some(2));
        assert!(matches!(feed.pull(Offset(2), &ALL), Pull::Chunk(chunk) if chunk.next == Offset(3)));
    }
}
