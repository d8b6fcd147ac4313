//! When which head is read: a lost last batch has no successor that would tell of it (invariant 6).
//!
//! At once on a sign of loss, else 1 s after the last line, then 2, 4, … 30 s; all that are due go in one round trip. A
//! stream that moves is not read at all. So cost follows what moves, not what is watched.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Weak};
use std::time::Duration;

use lines::StreamName;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::feeds::feed::{Due, Feed};

/// Looks that are nearly due go with those that are.
const TOGETHER: Duration = Duration::from_millis(50);

/// The plan of a node's looks.
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

impl HeadChecks {
    /// Plans a look at the time that the feed answered.
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

    /// Looks at these as soon as possible.
    pub(crate) fn lost<'a>(&self, feeds: impl IntoIterator<Item = (&'a StreamName, &'a Arc<Feed>)>) {
        let mut plan = self.plan.lock();
        for (stream, feed) in feeds {
            plan.lost.insert(stream.clone(), Arc::downgrade(feed));
        }
        if !plan.lost.is_empty() {
            self.sooner.notify_one();
        }
    }

    /// Waits until looks are due, and takes them.
    pub(crate) async fn due(&self) -> Vec<(StreamName, Arc<Feed>)> {
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
            match feed.due(planned.at, now + TOGETHER) {
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
