//! One watched stream: its recent lines, and the one wake-up for all of its sessions.
//!
//! A line of a quiet stream wakes the sessions at once. Faster lines are coalesced by the node's tick ([`crate::feeds::tick`]):
//! what fan-out costs is the number of writes, not the number of lines. All sessions see the same ends of ticks, so they
//! stand at the same cursors and share their frames.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use lines::{Batch, Extent, Offset, StreamName};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Limits;
use crate::feeds::announcements::Announcement;
use crate::feeds::budget::Budget;
use crate::feeds::head::{Head, News};
use crate::feeds::tick::Tick;
use crate::feeds::wake::Wake;
use crate::feeds::window::Piece;
use crate::wire::frame::{Frame, View};

/// So much of `feed_bytes` may wait for a tick; then the sessions are woken early.
const EARLY_PART: usize = 8;

/// So many sessions are woken before others get their turn. More of them at once overflow the runtime's local queues,
/// and then senders wait for their answers behind every session (measured: 35 ms instead of 2.4 ms with 1,000).
const WAKE_AT_ONCE: usize = 64;

/// What a push node holds for one stream that somebody watches.
pub(crate) struct Feed {
    limits: Arc<Limits>,
    /// Says how long a tick is.
    tick: Arc<Tick>,
    /// What all feeds of the node hold.
    budget: Arc<Budget>,
    state: Mutex<State>,
    /// Told when too much waits for the tick's end.
    hurry: Notify,
    watchers: Mutex<Watchers>,
    /// How many members there are; counted by [`crate::feeds`] under its lock.
    pub(crate) members: AtomicUsize,
    /// Whether hints find this node.
    pub(crate) route: Arc<Announcement>,
}

struct State {
    head: Head,
    /// Whether the budget knows that there is something to give.
    enlisted: bool,
    /// Up to where sessions are shown the stream: the head at the last wake-up.
    shown: Offset,
    /// Bytes of lines that came since.
    unshown_bytes: usize,
    shown_at: Option<Instant>,
    /// Whether a task wakes the sessions at the next tick.
    ticking: bool,
    /// Whether the store was read since the feed began: before that, a jump is no repair.
    opened: bool,
    look: Look,
}

/// When the head is to be read again.
struct Look {
    /// The entry in [`crate::feeds::head_checks`] that counts; older ones are void.
    at: Option<Instant>,
    /// After so long a silence.
    step: Duration,
    /// When the stream last moved, as far as this node knows.
    moved: Instant,
}

/// What became of a planned look at the head.
pub(crate) enum Due {
    /// Look.
    Now,
    /// The stream moves, its own batches tell of holes: plan it for then.
    Later(Instant),
    /// Another one was planned instead.
    Void,
}

/// What a session gets at its cursor.
pub(crate) enum Pull {
    /// Lines.
    Frame(Frame),
    /// Nothing yet: the feed will wake it.
    AtHead,
    /// Lines that a filter has to look through: [`crate::cursors::filtering`] does.
    Sift(Piece),
    /// Lines that the feed no longer has, or never had: read the store.
    Behind,
}

impl Feed {
    pub(crate) fn new(stream: StreamName, limits: Arc<Limits>, tick: Arc<Tick>, budget: Arc<Budget>) -> Self {
        Self {
            state: Mutex::new(State {
                head: Head::new(stream),
                enlisted: false,
                shown: Offset::ZERO,
                unshown_bytes: 0,
                shown_at: None,
                ticking: false,
                opened: false,
                look: Look {
                    at: None,
                    step: limits.head_first,
                    moved: Instant::now(),
                },
            }),
            limits,
            tick,
            budget,
            hurry: Notify::new(),
            watchers: Mutex::default(),
            members: AtomicUsize::new(0),
            route: Arc::default(),
        }
    }

    /// The offset after the last line that is known of.
    pub(crate) fn head(&self) -> Offset {
        self.state.lock().head.head()
    }

    /// Takes a batch that was stored. Answers when the head is to be looked at, if it is sooner than planned.
    pub(crate) fn take(self: &Arc<Self>, batch: Arc<Batch>) -> Option<Instant> {
        let mut state = self.state.lock();
        let bytes = batch.lines.ndjson.len();
        let held = state.head.window().held();
        let news = state.head.take(batch);
        state.head.window().shed(self.limits.feed_bytes);
        let holds = state.head.window().held();
        self.budget.account(held, holds);
        if holds > 0 && !std::mem::replace(&mut state.enlisted, true) {
            self.budget.enlist(self);
        }
        if news == News::Old {
            drop(state);
            self.budget.bound();
            return None;
        }
        state.count(news);
        state.unshown_bytes += bytes;
        let look = state.moved(&self.limits);
        self.show(state);
        self.budget.bound();
        look
    }

    /// Lets go of the older half of what is held. Whether anything is left.
    pub(crate) fn give(&self) -> bool {
        let mut state = self.state.lock();
        let held = state.head.window().held();
        state.head.window().halve();
        let left = state.head.window().held();
        self.budget.account(held, left);
        state.enlisted = left > 0;
        state.enlisted
    }

    /// Takes what the store says of the head.
    pub(crate) fn heard(self: &Arc<Self>, extent: Extent) -> News {
        let mut state = self.state.lock();
        let held = state.head.window().held();
        let news = state.head.heard(extent.next);
        self.budget.account(held, state.head.window().held());
        if news == News::Old {
            state.opened = true;
            return news;
        }
        state.count(news);
        state.opened = true;
        state.look.moved = Instant::now();
        self.show(state);
        news
    }

    /// The lines at `cursor` that `view` wants.
    pub(crate) fn pull(&self, cursor: Offset, view: &View) -> Pull {
        let mut state = self.state.lock();
        let shown = state.shown;
        if cursor >= shown {
            return Pull::AtHead;
        }
        let window = state.head.window();
        let frame = match view {
            View::All => {
                let held = window.held();
                let frame = window.cut(cursor, shown, self.limits.frame_bytes);
                self.budget.account(held, window.held());
                drop(state);
                self.budget.bound();
                frame
            }
            View::Matching(_) => match window.known(cursor, view) {
                None => match window.piece(cursor, shown, self.limits.filter_bytes) {
                    Some(piece) => return Pull::Sift(piece),
                    None => None,
                },
                known => known,
            },
        };
        frame.map_or(Pull::Behind, Pull::Frame)
    }

    /// Keeps the frame that came of a [`Pull::Sift`] for all who want the same.
    pub(crate) fn remember(&self, view: &View, frame: &Frame) {
        {
            let mut state = self.state.lock();
            let held = state.head.window().held();
            state.head.window().remember(view, frame);
            self.budget.account(held, state.head.window().held());
        }
        self.budget.bound();
    }

    /// Where the newest lines begin, of about so many bytes.
    pub(crate) fn newest(&self, bytes: usize) -> Offset {
        let mut state = self.state.lock();
        let shown = state.shown;
        let window = state.head.window();
        window.newest(bytes).unwrap_or(shown).min(shown)
    }

    /// Wakes `signal` with `slot` whenever there is something new, until the watch is dropped by [`Feed::unwatch`].
    pub(crate) fn watch(&self, wake: Arc<Wake>, slot: u32) -> usize {
        self.watchers.lock().add(wake, slot)
    }

    /// Ends a watch.
    pub(crate) fn unwatch(&self, watch: usize) {
        self.watchers.lock().remove(watch);
    }

    /// Shows the sessions what came: at once after a quiet tick, else at the end of this one, or before that when much
    /// waits for it.
    fn show(self: &Arc<Self>, mut state: parking_lot::MutexGuard<'_, State>) {
        let now = Instant::now();
        let urgent = state.unshown_bytes >= self.limits.feed_bytes / EARLY_PART;
        if state.ticking {
            drop(state);
            if urgent {
                self.hurry.notify_one();
            }
            return;
        }
        let next_tick = state.shown_at.map(|at| at + self.tick.length());
        let at = next_tick.filter(|at| *at > now && !urgent).unwrap_or(now);
        if at == now && self.watchers.lock().all.len() <= WAKE_AT_ONCE {
            state.show(now);
            drop(state);
            self.watchers.lock().wake(0);
            return;
        }
        state.ticking = true;
        tokio::spawn(Arc::clone(self).ticks(at));
    }

    /// Wakes the sessions by the tick for as long as lines come.
    async fn ticks(self: Arc<Self>, mut at: Instant) {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = self.hurry.notified() => {}
            }
            let now = Instant::now();
            {
                let mut state = self.state.lock();
                if state.shown == state.head.head() {
                    state.ticking = false;
                    return;
                }
                state.show(now);
            }
            self.wake_all().await;
            at = now + self.tick.length();
        }
    }

    async fn wake_all(&self) {
        let mut from = 0;
        loop {
            from += WAKE_AT_ONCE;
            let more = {
                let watchers = self.watchers.lock();
                watchers.wake(from - WAKE_AT_ONCE);
                watchers.all.len() > from
            };
            if !more {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Whether the look planned for `planned` is due `now`. While lines come it is put off, to the time in the answer.
    pub(crate) fn due(&self, planned: Instant, now: Instant) -> Due {
        let mut state = self.state.lock();
        let look = &mut state.look;
        if look.at != Some(planned) {
            return Due::Void;
        }
        let quiet_until = look.moved + look.step;
        if look.step == self.limits.head_first && quiet_until > now {
            look.at = Some(quiet_until);
            return Due::Later(quiet_until);
        }
        Due::Now
    }

    /// Takes what the store said after a join. Answers when the head is to be looked at, if it is sooner than planned.
    ///
    /// A feed that knows its stream does not jump: the store is often ahead by hints that are on their way.
    pub(crate) fn open(self: &Arc<Self>, extent: Extent, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        if !state.opened {
            drop(state);
            return Some(self.looked(extent, now));
        }
        (extent.next > state.head.head()).then(|| {
            state.look.step = self.limits.head_first;
            state.look.at = Some(now + self.limits.head_first);
            now + self.limits.head_first
        })
    }

    /// Takes the answer of a look, and says when to look again. A feed that was quiet for long lets go of its lines.
    pub(crate) fn looked(self: &Arc<Self>, extent: Extent, now: Instant) -> Instant {
        let news = self.heard(extent);
        let mut state = self.state.lock();
        let step = match news {
            _ if !self.route.stands() => self.limits.head_first,
            News::Old => (state.look.step * 2).min(self.limits.head_last),
            News::Next | News::Jump(_) => self.limits.head_first,
        };
        if step >= self.limits.head_last && state.shown == state.head.head() {
            let held = state.head.window().held();
            state.head.window().clear();
            self.budget.account(held, 0);
        }
        state.look.step = step;
        state.look.at = Some(now + step);
        now + step
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let held = self.state.get_mut().head.window().held();
        self.budget.account(held, 0);
    }
}

impl State {
    fn show(&mut self, now: Instant) {
        self.shown = self.head.head();
        self.unshown_bytes = 0;
        self.shown_at = Some(now);
    }

    /// The stream moved: a quiet one is looked at again soon.
    fn moved(&mut self, limits: &Limits) -> Option<Instant> {
        let now = Instant::now();
        self.look.moved = now;
        if self.look.step == limits.head_first && self.look.at.is_some() {
            return None;
        }
        self.look.step = limits.head_first;
        self.look.at = Some(now + limits.head_first);
        self.look.at
    }

    fn count(&mut self, news: News) {
        if let (News::Jump(lines), true) = (news, self.opened) {
            metrics::counter!("tailcast_feed_repairs_total").increment(1);
            tracing::debug!(stream = %self.head.window().stream(), lines, "lines came without a hint, sessions read the store");
        }
    }
}

/// Sessions to wake, each with its name for this stream.
#[derive(Default)]
struct Watchers {
    all: Vec<Option<(Arc<Wake>, u32)>>,
    free: Vec<usize>,
}

impl Watchers {
    fn add(&mut self, wake: Arc<Wake>, slot: u32) -> usize {
        match self.free.pop() {
            Some(at) => {
                self.all[at] = Some((wake, slot));
                at
            }
            None => {
                self.all.push(Some((wake, slot)));
                self.all.len() - 1
            }
        }
    }

    fn remove(&mut self, watch: usize) {
        self.all[watch] = None;
        self.free.push(watch);
    }

    /// Wakes as many as may be at once.
    fn wake(&self, from: usize) {
        for (wake, slot) in self.all.iter().skip(from).take(WAKE_AT_ONCE).flatten() {
            wake.mark(*slot);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::batch;

    fn feed() -> Arc<Feed> {
        let stream = StreamName::parse("s").unwrap();
        let limits = Arc::new(Limits::default());
        let feed = Feed::new(
            stream,
            Arc::clone(&limits),
            Tick::new(limits),
            Budget::new(usize::MAX),
        );
        feed.route.assume_stands();
        Arc::new(feed)
    }

    fn extent(next: u64) -> Extent {
        Extent {
            first_available: Offset(0),
            next: Offset(next),
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
            let next = feed.looked(extent(5), now);
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [2, 4, 8, 16, 30, 30, 30]);
        let look = feed.take(batch("s", 5, 1)).unwrap();
        assert!(look <= Instant::now() + Duration::from_secs(1));
        assert!(feed.take(batch("s", 6, 1)).is_none(), "it is planned already");
        assert!(
            matches!(feed.due(look, look), Due::Later(_)),
            "a stream that moves is not read"
        );
        assert!(matches!(feed.due(now, now), Due::Void));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_of_a_quiet_stream_is_shown_at_once_and_the_next_ones_by_the_tick() {
        let feed = feed();
        feed.open(extent(0), Instant::now());
        feed.take(batch("s", 0, 1));
        assert!(matches!(feed.pull(Offset(0), &View::All), Pull::Frame(frame) if frame.next == Offset(1)));
        feed.take(batch("s", 1, 1));
        feed.take(batch("s", 2, 1));
        assert!(matches!(feed.pull(Offset(1), &View::All), Pull::AtHead));
        tokio::time::sleep(Limits::default().tick * 2).await;
        assert!(matches!(feed.pull(Offset(1), &View::All), Pull::Frame(frame) if frame.next == Offset(3)));
    }

    #[tokio::test]
    async fn however_many_watch_all_are_woken_for_a_single_line() {
        let feed = feed();
        feed.open(extent(0), Instant::now());
        let wakes: Vec<Arc<Wake>> = (0..WAKE_AT_ONCE * 3 + 1).map(|_| Arc::default()).collect();
        for wake in &wakes {
            feed.watch(Arc::clone(wake), 0);
        }
        feed.take(batch("s", 0, 1));
        for wake in &wakes {
            wake.woken().await;
        }
    }
}
