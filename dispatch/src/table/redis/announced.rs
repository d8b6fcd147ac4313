//! What this process announced, and what Redis has yet to be told of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use lines::Target;
use parking_lot::Mutex;

/// One node's announcements. Many callers change them; whoever has the turn tells Redis for all.
#[derive(Default)]
pub(super) struct Announced {
    /// Held while Redis is told: calls of one node follow each other, and those that wait are done together.
    pub(super) turn: tokio::sync::Mutex<Upkeep>,
    wanted: Mutex<Wanted>,
    /// Whether a call ended without having told Redis: what it announced counts later than its caller thinks.
    late: AtomicBool,
}

/// A call that is to tell Redis something. Dropped before it did, the next renewal hears of it.
pub(super) struct Attempt<'a> {
    late: &'a AtomicBool,
    done: bool,
}

impl Attempt<'_> {
    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.late.store(true, Ordering::Relaxed);
        }
    }
}

/// What the renewals remember.
#[derive(Default)]
pub(super) struct Upkeep {
    /// Whether this process ever took the lease out.
    pub(super) leased: bool,
    /// Connections that had broken at the last renewal.
    pub(super) breaks: u64,
    /// Announce everything once more at the next renewal: another node may still be sweeping what it took for dead.
    pub(super) again: bool,
}

#[derive(Default)]
struct Wanted {
    targets: HashSet<Target>,
    /// Targets that Redis does not know to be announced or withdrawn, each with the change that made it so.
    untold: HashMap<Target, u64>,
    /// Counts changes.
    changes: u64,
}

/// What to tell Redis next.
#[derive(Default)]
pub(super) struct Untold {
    pub(super) present: Vec<Target>,
    pub(super) absent: Vec<Target>,
    changes: Vec<u64>,
}

impl Untold {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Targets and the count of changes at one moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) targets: usize,
    pub(super) untold: usize,
    changes: u64,
}

impl Announced {
    pub(super) fn announce(&self, targets: &[Target]) {
        let mut wanted = self.wanted.lock();
        for target in targets {
            wanted.targets.insert(target.clone());
            wanted.change(target);
        }
    }

    /// A withdrawal that Redis has not been told of is remembered while there are at most `bound` such; beyond, a
    /// route may stay until the node leaves, which costs hints and no line.
    pub(super) fn withdraw(&self, targets: &[Target], bound: usize) {
        let mut wanted = self.wanted.lock();
        for target in targets {
            wanted.targets.remove(target);
            if wanted.untold.len() < bound || wanted.untold.contains_key(target) {
                wanted.change(target);
            }
        }
    }

    pub(super) fn withdraw_all(&self) {
        let mut wanted = self.wanted.lock();
        for target in std::mem::take(&mut wanted.targets) {
            wanted.change(&target);
        }
    }

    pub(super) fn announce_all_again(&self) {
        let mut wanted = self.wanted.lock();
        for target in wanted.targets.clone() {
            wanted.change(&target);
        }
    }

    /// Whether Redis was told of all changes of these targets.
    pub(super) fn is_told(&self, targets: &[Target]) -> bool {
        let wanted = self.wanted.lock();
        targets.iter().all(|target| !wanted.untold.contains_key(target))
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let wanted = self.wanted.lock();
        Snapshot {
            targets: wanted.targets.len(),
            untold: wanted.untold.len(),
            changes: wanted.changes,
        }
    }

    pub(super) fn attempt(&self) -> Attempt<'_> {
        Attempt {
            late: &self.late,
            done: false,
        }
    }

    /// Whether an attempt failed since the last call.
    pub(super) fn take_late(&self) -> bool {
        self.late.swap(false, Ordering::Relaxed)
    }

    /// At most `most` targets, in no order.
    pub(super) fn untold(&self, most: usize) -> Untold {
        let wanted = self.wanted.lock();
        let mut next = Untold::default();
        let mut absent_changes = Vec::new();
        for (target, &change) in wanted.untold.iter().take(most) {
            if wanted.targets.contains(target) {
                next.present.push(target.clone());
                next.changes.push(change);
            } else {
                next.absent.push(target.clone());
                absent_changes.push(change);
            }
        }
        next.changes.append(&mut absent_changes);
        next
    }

    /// Redis knows these. What changed again meanwhile stays to be told.
    pub(super) fn told(&self, told: &Untold) {
        let mut wanted = self.wanted.lock();
        for (target, change) in told.present.iter().chain(&told.absent).zip(&told.changes) {
            if wanted.untold.get(target) == Some(change) {
                wanted.untold.remove(target);
            }
        }
    }
}

impl Wanted {
    fn change(&mut self, target: &Target) {
        self.changes += 1;
        self.untold.insert(target.clone(), self.changes);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_change_made_while_redis_is_told_is_told_afterwards() {
        let announced = Announced::default();
        let target = [Target::parse("payments/api").unwrap()];
        announced.announce(&target);
        let first = announced.untold(10);
        assert_eq!(first.present, target);
        announced.withdraw(&target, 10);
        announced.told(&first);
        assert!(!announced.is_told(&target));
        let second = announced.untold(10);
        assert_eq!((second.present.len(), &second.absent[..]), (0, &target[..]));
        announced.told(&second);
        assert!(announced.is_told(&target) && announced.untold(10).is_empty());
    }

    #[test]
    fn withdrawals_that_cannot_be_told_do_not_grow_without_bound() {
        let announced = Announced::default();
        let targets: Vec<Target> = (0..20)
            .map(|i| Target::parse(&format!("s/{i}")).unwrap())
            .collect();
        announced.announce(&targets);
        announced.told(&announced.untold(100));
        announced.withdraw(&targets, 5);
        assert_eq!(announced.untold(100).absent.len(), 5);
        assert_eq!(announced.snapshot().targets, 0);
    }
}
