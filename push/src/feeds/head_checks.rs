//! When which head is read: a lost last batch has no successor that would tell of it (invariant 6).
//!
//! At once on a sign of loss, else 1 s after the last line, then 2, 4, … 30 s; all that are due go in one round trip. A
//! stream that moves is not read at all. So cost follows what moves, not what is watched.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lines::{LogReader, StreamName};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Limits;
use crate::feeds::feed::Feed;
use crate::feeds::pages::{Pages, pause_before};

/// Checks that are nearly due go with those that are.
const TOGETHER: Duration = Duration::from_millis(50);

/// Hints of lines that a check finds are given so long to arrive: a read of the store for each session costs more.
const ON_THEIR_WAY: Duration = Duration::from_millis(50);

/// Heads that are compared before others get their turn.
const AT_ONCE: usize = 1_000;

/// The plan of a node's checks.
#[derive(Default)]
pub(crate) struct HeadChecks {
    plan: Mutex<Plan>,
    sooner: Notify,
}

#[derive(Default)]
struct Plan {
    /// One entry that counts per feed, and void ones until their time has come.
    quiet: BinaryHeap<Reverse<Planned>>,
    /// Feeds with a sign of loss.
    lost: HashMap<StreamName, Weak<Feed>>,
}

struct Planned {
    at: Instant,
    stream: StreamName,
    feed: Weak<Feed>,
}

/// When one feed's head is to be read again. Pure.
pub(super) struct Schedule {
    /// The entry in the plan that counts; older ones are void.
    at: Option<Instant>,
    /// After so long a silence.
    step: Duration,
    /// When the stream last moved, as far as this node knows.
    moved: Instant,
}

/// What became of a planned check.
pub(crate) enum Due {
    /// Read the head.
    Now,
    /// The stream moves, its own batches tell of holes: plan it for then.
    Later(Instant),
    /// Another one was planned instead.
    Void,
}

impl Schedule {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            at: None,
            step: limits.head_first,
            moved: now,
        }
    }

    /// A batch came: a quiet stream is checked again soon. Answers when, if that is sooner than planned.
    pub(super) fn moved(&mut self, limits: &Limits, now: Instant) -> Option<Instant> {
        self.moved = now;
        if self.step == limits.head_first && self.at.is_some() {
            return None;
        }
        Some(self.after(limits.head_first, now))
    }

    /// The store told of lines.
    pub(super) fn heard(&mut self, now: Instant) {
        self.moved = now;
    }

    /// Whether the check planned for `planned` is due `now`. While lines come it is put off.
    pub(super) fn due(&mut self, planned: Instant, now: Instant, limits: &Limits) -> Due {
        if self.at != Some(planned) {
            return Due::Void;
        }
        let quiet_until = self.moved + self.step;
        if self.step == limits.head_first && quiet_until > now {
            self.at = Some(quiet_until);
            return Due::Later(quiet_until);
        }
        Due::Now
    }

    /// After how long a silence the next check follows one that found the stream `quiet`, or not.
    pub(super) fn step(&self, quiet: bool, limits: &Limits) -> Duration {
        if quiet {
            (self.step * 2).min(limits.head_last)
        } else {
            limits.head_first
        }
    }

    /// Plans the next check after this silence.
    pub(super) fn after(&mut self, step: Duration, now: Instant) -> Instant {
        let at = now + step;
        self.step = step;
        self.at = Some(at);
        at
    }
}

impl HeadChecks {
    /// Reads heads whenever they are due, for as long as it is polled. After each round it rests as long as that took: the
    /// store that senders wait for has half of its time, however often all heads are in doubt.
    /// What is gone, since retention took it or the stream was deleted, goes from feeds and `pages`, too.
    pub(crate) async fn run(&self, store: &dyn LogReader, pages: &Pages) {
        let mut attempt = 0;
        loop {
            let due = self.due().await;
            let began = Instant::now();
            let streams: Vec<_> = due.iter().map(|(stream, _)| stream.clone()).collect();
            match store.extents(&streams).await {
                Ok(extents) => {
                    attempt = 0;
                    let took = began.elapsed();
                    let mut found = due.iter().zip(&extents);
                    if found.any(|((_, feed), extent)| extent.next > feed.head()) {
                        tokio::time::sleep(ON_THEIR_WAY).await;
                    }
                    for some in due.iter().zip(extents).collect::<Vec<_>>().chunks(AT_ONCE) {
                        let now = Instant::now();
                        for ((stream, feed), extent) in some {
                            self.plan(stream, feed, feed.checked(*extent, now));
                            pages.forget_before(stream, extent.first_available);
                        }
                        tokio::task::yield_now().await;
                    }
                    tokio::time::sleep(took).await;
                }
                Err(_) => {
                    tokio::time::sleep(pause_before(attempt)).await;
                    attempt += 1;
                    self.lost(due.iter().map(|(stream, feed)| (stream, feed)));
                }
            }
        }
    }

    /// Plans a check at the time that the feed answered.
    pub(crate) fn plan(&self, stream: &StreamName, feed: &Arc<Feed>, at: Instant) {
        let mut plan = self.plan.lock();
        let soonest = plan.quiet.peek().is_none_or(|Reverse(first)| at < first.at);
        plan.quiet.push(Reverse(Planned {
            at,
            stream: stream.clone(),
            feed: Arc::downgrade(feed),
        }));
        if soonest {
            self.sooner.notify_one();
        }
    }

    /// Checks these as soon as possible.
    pub(crate) fn lost<'a>(&self, feeds: impl IntoIterator<Item = (&'a StreamName, &'a Arc<Feed>)>) {
        let mut plan = self.plan.lock();
        for (stream, feed) in feeds {
            plan.lost.insert(stream.clone(), Arc::downgrade(feed));
        }
        if !plan.lost.is_empty() {
            self.sooner.notify_one();
        }
    }

    /// Waits until checks are due, and takes them.
    async fn due(&self) -> Vec<(StreamName, Arc<Feed>)> {
        loop {
            let (due, next) = self.take_due(Instant::now());
            if !due.is_empty() {
                return due;
            }
            let waited = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.sooner.notified() => {}
                () = waited => {}
            }
        }
    }

    fn take_due(&self, now: Instant) -> (Vec<(StreamName, Arc<Feed>)>, Option<Instant>) {
        let mut plan = self.plan.lock();
        let lost = std::mem::take(&mut plan.lost);
        let mut due: Vec<_> = lost
            .into_iter()
            .filter_map(|(stream, feed)| Some((stream, feed.upgrade()?)))
            .collect();
        loop {
            let next = plan.quiet.peek().map(|Reverse(planned)| planned.at);
            if next.is_none_or(|at| at > now + TOGETHER) {
                return (due, next);
            }
            let Some(Reverse(planned)) = plan.quiet.pop() else {
                return (due, None);
            };
            let Some(feed) = planned.feed.upgrade() else {
                continue;
            };
            match feed.check_due(planned.at, now + TOGETHER) {
                Due::Now => due.push((planned.stream, feed)),
                Due::Later(at) => plan.quiet.push(Reverse(Planned { at, ..planned })),
                Due::Void => {}
            }
        }
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
