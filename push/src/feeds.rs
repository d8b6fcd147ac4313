//! The feeds of a node: who joins them, who leaves, and where hints arrive.

pub(crate) mod announcements;
pub(crate) mod budget;
pub(crate) mod feed;
pub(crate) mod grid;
pub(crate) mod groups;
pub(crate) mod head;
pub(crate) mod head_checks;
pub(crate) mod pages;
pub(crate) mod patterns;
mod shown;
pub(crate) mod tick;
pub(crate) mod view;
pub(crate) mod wake;
mod watchers;
pub(crate) mod window;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dispatch::{NodeId, Routes};
use lines::{Batch, Hint, LogReader, Offset, StreamName, Target};
use parking_lot::{Mutex, RwLock};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Limits;
use crate::feeds::announcements::Announcements;
use crate::feeds::budget::Budget;
use crate::feeds::feed::Feed;
use crate::feeds::grid::Grid;
use crate::feeds::groups::Groups;
use crate::feeds::head_checks::HeadChecks;
use crate::feeds::pages::Pages;
use crate::feeds::patterns::Patterns;
use crate::feeds::tick::Tick;
use crate::feeds::view::View;
use crate::feeds::wake::Wake;
use crate::feeds::window::Pull;

/// How often what was left behind is looked through.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Streams of a listing that patterns meet before others get their turn.
const MET_AT_ONCE: usize = 1_000;

/// All that a node watches.
pub(crate) struct Feeds {
    limits: Arc<Limits>,
    store: Arc<dyn LogReader>,
    /// When lines are shown.
    pub(crate) grid: Arc<Grid>,
    announcements: Arc<Announcements>,
    pub(crate) patterns: Arc<Patterns>,
    /// When which head is read.
    checks: HeadChecks,
    by_stream: RwLock<HashMap<StreamName, Arc<Feed>>>,
    /// What all of them hold, with their groups.
    budget: Arc<Budget>,
    /// Sessions that follow the same streams alike.
    pub(crate) groups: Arc<Groups>,
    /// Feeds that lost their last member, and when.
    left: Mutex<Vec<(Instant, StreamName)>>,
}

impl Feeds {
    pub(crate) fn new(
        store: Arc<dyn LogReader>,
        table: Arc<dyn Routes>,
        node: NodeId,
        limits: Arc<Limits>,
    ) -> Arc<Self> {
        let announcements = Arc::new(Announcements::new(table, node));
        let grid = Grid::new(Tick::new(Arc::clone(&limits)));
        let budget = Budget::new(limits.feeds_bytes);
        Arc::new(Self {
            store,
            groups: Groups::new(Arc::clone(&limits), Arc::clone(&grid), Arc::clone(&budget)),
            grid,
            patterns: Patterns::new(Arc::clone(&announcements), limits.offered),
            announcements,
            checks: HeadChecks::default(),
            by_stream: RwLock::default(),
            budget,
            left: Mutex::default(),
            limits,
        })
    }

    /// Joins the feeds of these streams: announces the routes that are new, and waits until they stand, or for as
    /// long as the limits say. What is read of the store after this, together with the feeds, is complete
    /// (invariant 5).
    pub(crate) async fn join(self: &Arc<Self>, streams: &[StreamName]) -> Vec<Member> {
        let members: Vec<Member> = streams.iter().map(|stream| self.member(stream)).collect();
        let deadline = Instant::now() + self.limits.announce_within;
        for member in &members {
            member
                .feed
                .route
                .settle(deadline.saturating_duration_since(Instant::now()))
                .await;
        }
        members
    }

    fn member(self: &Arc<Self>, stream: &StreamName) -> Member {
        let known = self.by_stream.read();
        if let Some(feed) = known.get(stream) {
            return Member::new(self, stream, feed);
        }
        drop(known);
        let mut all = self.by_stream.write();
        let feed = all.entry(stream.clone()).or_insert_with(|| {
            let feed = Arc::new(Feed::new(
                stream.clone(),
                Arc::clone(&self.limits),
                Arc::clone(&self.grid),
                Arc::clone(&self.budget),
            ));
            self.announcements
                .announce(Target::Stream(stream.clone()), &feed.route);
            feed
        });
        Member::new(self, stream, feed)
    }

    /// Takes a hint in. Never waits.
    pub(crate) fn deliver(&self, hint: Hint) {
        match hint {
            Hint::Batch(batch) => self.take(batch),
            Hint::Lost(stream) => {
                if let Some(feed) = self.by_stream.read().get(&stream) {
                    self.checks.lost([(&stream, feed)]);
                }
                self.patterns.met(&stream);
            }
            Hint::AnyLost => {
                self.checks.lost(self.by_stream.read().iter());
                self.patterns.list_soon();
            }
        }
    }

    fn take(&self, batch: Arc<Batch>) {
        self.patterns.met(&batch.stream);
        let stream = batch.stream.clone();
        let all = self.by_stream.read();
        let Some(feed) = all.get(&stream) else {
            return;
        };
        if let Some(check) = feed.take(batch) {
            self.checks.plan(&stream, feed, check);
        }
    }

    /// Shows what comes, checks heads, lists streams and lets go of what nobody needs, each in a task of its own: what one
    /// of them has to do at a stretch holds up no other.
    pub(crate) fn begin(self: &Arc<Self>, pages: &Arc<Pages>, tasks: &mut JoinSet<()>) {
        let grid = Arc::clone(&self.grid);
        tasks.spawn(async move { grid.run().await });
        let (feeds, pages) = (Arc::clone(self), Arc::clone(pages));
        tasks.spawn(async move { feeds.checks.run(&*feeds.store, &pages).await });
        let feeds = Arc::clone(self);
        tasks.spawn(async move { feeds.sweep().await });
        let feeds = Arc::clone(self);
        tasks.spawn(async move { feeds.list().await });
    }

    /// Lets go of what nobody came back to, and asks again for routes that are missing.
    async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP_EVERY).await;
            self.announcements.retry();
            self.withdraw_left();
            metrics::gauge!("tailcast_feeds").set(self.by_stream.read().len() as f64);
            self.budget.sweep();
            metrics::gauge!("tailcast_feed_bytes").set(self.budget.held() as f64);
            self.patterns.withdraw_left(self.limits.linger);
        }
    }

    fn withdraw_left(&self) {
        let Some(before) = Instant::now().checked_sub(self.limits.linger) else {
            return;
        };
        let gone: Vec<StreamName> = {
            let mut left = self.left.lock();
            let count = left.partition_point(|(at, _)| *at <= before);
            left.drain(..count).map(|(_, stream)| stream).collect()
        };
        for stream in gone {
            let mut all = self.by_stream.write();
            // A member that joins does so under this lock: it is counted, or finds no feed and makes one.
            let unused = all
                .get(&stream)
                .is_some_and(|feed| feed.members.load(Ordering::Acquire) == 0);
            if unused {
                all.remove(&stream);
                self.announcements.withdraw(Target::Stream(stream));
            }
        }
    }

    /// Lists the streams while patterns are held, so that a new one whose hints were all lost is met, too.
    async fn list(&self) {
        let mut attempt = 0;
        loop {
            self.patterns.list_due(self.limits.list_every).await;
            match self.store.streams().await {
                Ok(listing) => {
                    attempt = 0;
                    for some in listing.chunks(MET_AT_ONCE) {
                        some.iter().for_each(|info| self.patterns.met(&info.name));
                        tokio::task::yield_now().await;
                    }
                }
                Err(_) => {
                    tokio::time::sleep(crate::feeds::pages::pause_before(attempt)).await;
                    attempt += 1;
                    self.patterns.list_soon();
                }
            }
        }
    }
}

/// A session's place in a feed. Leaving is dropping it.
pub(crate) struct Member {
    feeds: Arc<Feeds>,
    stream: StreamName,
    feed: Arc<Feed>,
    watch: Option<usize>,
}

impl Member {
    /// Call it while holding the lock of `by_stream`, or a place in the feed.
    fn new(feeds: &Arc<Feeds>, stream: &StreamName, feed: &Arc<Feed>) -> Self {
        feed.members.fetch_add(1, Ordering::AcqRel);
        Self {
            feeds: Arc::clone(feeds),
            stream: stream.clone(),
            feed: Arc::clone(feed),
            watch: None,
        }
    }

    /// Another place in the same feed.
    pub(crate) fn again(&self) -> Self {
        // This one is counted, so the feed is not let go of meanwhile.
        Self::new(&self.feeds, &self.stream, &self.feed)
    }

    /// Whose feed it is.
    pub(crate) fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// Tells the feed what the store said after the join, and answers the head.
    pub(crate) fn open(&self, extent: lines::Extent) -> Offset {
        if let Some(at) = self.feed.open(extent, Instant::now()) {
            self.feeds.checks.plan(&self.stream, &self.feed, at);
        }
        self.feed.head()
    }

    /// From now on the feed marks `slot` of `signal` when something is new.
    pub(crate) fn watch(&mut self, wake: Arc<Wake>, slot: u32) {
        self.watch = Some(self.feed.watch(wake, slot));
    }

    /// The lines at `cursor` that `view` wants.
    pub(crate) fn pull(&self, cursor: Offset, view: &View) -> Pull {
        self.feed.pull(cursor, view)
    }

    /// The feed itself.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// The offset after the last line that is known of.
    pub(crate) fn head(&self) -> Offset {
        self.feed.head()
    }

    /// Where the newest lines begin, of about so many bytes.
    pub(crate) fn newest(&self, bytes: usize) -> Offset {
        self.feed.newest(bytes)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(watch) = self.watch {
            self.feed.unwatch(watch);
        }
        if self.feed.members.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.feeds.left.lock().push((Instant::now(), self.stream.clone()));
        }
    }
}
