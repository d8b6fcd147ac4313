//! What this node announced, in the order in which it was wanted.
//!
//! Announcements and withdrawals of one target go through one lane: a withdrawal that overtook a later announcement
//! would cut a watched stream off.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use dispatch::{NodeId, Routes};
use edge::Coalescing;
use lines::Target;
use parking_lot::Mutex;
use tokio::sync::Notify;

const ASKED: u8 = 0;
const STANDS: u8 = 1;
const MISSING: u8 = 2;

/// Whether hints of one target find this node.
#[derive(Default)]
pub(crate) struct Announcement {
    state: AtomicU8,
    settled: Notify,
}

impl Announcement {
    /// Whether every dispatcher can see it.
    pub(crate) fn stands(&self) -> bool {
        self.state.load(Ordering::Acquire) == STANDS
    }

    /// Waits for the table's first answer, or for `within`: invariant 5 when it comes, and reading heads every
    /// second when it does not.
    pub(crate) async fn settle(&self, within: Duration) {
        let settled = async {
            loop {
                let mut settled = std::pin::pin!(self.settled.notified());
                settled.as_mut().enable();
                if self.state.load(Ordering::Acquire) != ASKED {
                    return;
                }
                settled.await;
            }
        };
        // Too slow is as good as away: the head is suspected until the table has answered.
        let _ = tokio::time::timeout(within, settled).await;
    }

    /// Without a table.
    #[cfg(test)]
    pub(crate) fn assume_stands(&self) {
        self.answered(STANDS);
    }

    fn answered(&self, state: u8) {
        self.state.store(state, Ordering::Release);
        self.settled.notify_waiters();
    }
}

/// This node's side of the route table.
pub(crate) struct Announcements {
    changes: Arc<Coalescing<Change, ()>>,
    missing: Arc<Missing>,
}

/// Announcements that failed.
#[derive(Default)]
struct Missing {
    targets: Mutex<Vec<(Target, Weak<Announcement>)>>,
    /// Whether the last announcement failed: only the first of a row is worth a warning.
    away: AtomicBool,
}

enum Change {
    Announce(Target, Weak<Announcement>),
    Withdraw(Target),
}

impl Announcements {
    pub(crate) fn new(table: Arc<dyn Routes>, node: NodeId) -> Self {
        let missing: Arc<Missing> = Arc::default();
        let failed = Arc::clone(&missing);
        let changes = Coalescing::new(move |changes| {
            let (table, node, failed) = (Arc::clone(&table), node.clone(), Arc::clone(&failed));
            async move { apply(&*table, &node, changes, &failed).await }
        });
        Self { changes, missing }
    }

    /// Announces `target` as soon as the table is free. `route` tells when it stands.
    ///
    /// Call it while holding the lock under which the target was found to be new, so that the order of changes is
    /// the order of that lock.
    pub(crate) fn announce(&self, target: Target, route: &Arc<Announcement>) {
        drop(self.changes.ask(Change::Announce(target, Arc::downgrade(route))));
    }

    /// Withdraws `target`. Call it while holding the lock under which the target was found to be unused.
    pub(crate) fn withdraw(&self, target: Target) {
        drop(self.changes.ask(Change::Withdraw(target)));
    }

    /// Asks again for what the table refused.
    pub(crate) fn retry(&self) {
        for (target, route) in std::mem::take(&mut *self.missing.targets.lock()) {
            drop(self.changes.ask(Change::Announce(target, route)));
        }
    }
}

async fn apply(table: &dyn Routes, node: &NodeId, changes: Vec<Change>, missing: &Missing) -> Vec<()> {
    let answers = vec![(); changes.len()];
    let mut last: HashMap<Target, Option<Arc<Announcement>>> = HashMap::new();
    for change in changes {
        match change {
            // A route that nobody holds any more has its withdrawal behind it.
            Change::Announce(target, route) => match route.upgrade() {
                Some(route) => last.insert(target, Some(route)),
                None => continue,
            },
            Change::Withdraw(target) => last.insert(target, None),
        };
    }
    let mut gone = Vec::new();
    let mut wanted = Vec::new();
    let mut announcements = Vec::new();
    for (target, route) in last {
        match route {
            Some(route) => {
                wanted.push(target);
                announcements.push(route);
            }
            None => gone.push(target),
        }
    }
    if !gone.is_empty()
        && let Err(error) = table.withdraw(node, &gone).await
    {
        // The table remembers what it was told; at worst a dispatcher sends hints that nobody wants.
        tracing::debug!(%error, targets = gone.len(), "routes could not be withdrawn");
    }
    if wanted.is_empty() {
        return answers;
    }
    match table.announce(node, &wanted).await {
        Ok(()) => {
            if missing.away.swap(false, Ordering::Relaxed) {
                tracing::info!("routes are announced again");
            }
            announcements.iter().for_each(|route| route.answered(STANDS));
        }
        Err(error) => {
            if !missing.away.swap(true, Ordering::Relaxed) {
                tracing::warn!(%error, "routes could not be announced, heads are read instead");
            }
            let failed = wanted.into_iter().zip(&announcements);
            missing
                .targets
                .lock()
                .extend(failed.map(|(target, route)| (target, Arc::downgrade(route))));
            announcements.iter().for_each(|route| route.answered(MISSING));
        }
    }
    answers
}
