//! Patterns that sessions hold, and the new streams that meet them.
//!
//! A stream is offered once to the sessions that held a matching pattern then. One that comes later lists the store
//! after it holds its pattern, so it needs no second offer: whatever was offered before it came is stored and listed.
//! And one that could not take what it was offered, or had it and lost it, knows that itself: so what was offered to
//! others never decides what a session gets.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use auth::{Action, Subscriber, may};
use lines::{Pattern, StreamName, Target};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::feeds::announcements::{Announcement, Announcements};
use crate::feeds::wake::Wake;

/// The patterns of a node.
pub(crate) struct Patterns {
    announcements: Arc<Announcements>,
    /// How many streams are remembered as offered.
    remembered: usize,
    state: Mutex<State>,
    list_soon: Notify,
}

#[derive(Default)]
struct State {
    held: HashMap<Pattern, Held>,
    offered: HashSet<StreamName>,
    last_id: u64,
    left: Vec<(Instant, Pattern)>,
}

struct Held {
    route: Arc<Announcement>,
    holders: HashMap<u64, Holder>,
}

struct Holder {
    subscriber: Subscriber,
    wake: Arc<Wake>,
}

impl Patterns {
    pub(crate) fn new(announcements: Arc<Announcements>, remembered: usize) -> Arc<Self> {
        Arc::new(Self {
            announcements,
            remembered,
            state: Mutex::default(),
            list_soon: Notify::new(),
        })
    }

    /// A stream has lines: whoever holds a pattern that it meets, and may read it, is offered it, the first time.
    pub(crate) fn met(&self, stream: &StreamName) {
        let mut state = self.state.lock();
        let state = &mut *state;
        if state.held.is_empty() || state.offered.contains(stream) {
            return;
        }
        if state.offered.len() >= self.remembered {
            // Offering again is harmless: sessions know what they have.
            state.offered.clear();
        }
        state.offered.insert(stream.clone());
        let matching = state.held.iter().filter(|(pattern, _)| pattern.matches(stream));
        for holder in matching.flat_map(|(_, held)| held.holders.values()) {
            if may(&holder.subscriber, Action::Read, stream) {
                holder.wake.offer(stream);
            }
        }
    }

    /// Lists the streams as soon as possible.
    pub(crate) fn list_soon(&self) {
        self.list_soon.notify_one();
    }

    /// Waits until the streams are to be listed.
    pub(crate) async fn list_due(&self, every: Duration) {
        loop {
            tokio::select! {
                () = self.list_soon.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
            if !self.state.lock().held.is_empty() {
                return;
            }
        }
    }

    /// Takes patterns back that nobody came back to.
    pub(crate) fn withdraw_left(&self, linger: Duration) {
        let Some(before) = Instant::now().checked_sub(linger) else {
            return;
        };
        let mut state = self.state.lock();
        let count = state.left.partition_point(|(at, _)| *at <= before);
        let gone: Vec<_> = state.left.drain(..count).map(|(_, pattern)| pattern).collect();
        for pattern in gone {
            let unused = state
                .held
                .get(&pattern)
                .is_some_and(|held| held.holders.is_empty());
            if unused {
                state.held.remove(&pattern);
                self.announcements.withdraw(Target::Pattern(pattern));
            }
        }
        if state.held.is_empty() {
            state.offered.clear();
        }
    }
}

/// A session's hold on a pattern. Letting go is dropping it.
pub(crate) struct Hold {
    patterns: Arc<Patterns>,
    pattern: Pattern,
    id: u64,
}

impl Hold {
    /// Holds a pattern: its new streams are offered to `signal` from now on. Ends when its route stands, or after
    /// `within`.
    pub(crate) async fn take(
        patterns: &Arc<Patterns>,
        pattern: Pattern,
        subscriber: &Subscriber,
        wake: &Arc<Wake>,
        within: Duration,
    ) -> Self {
        let (hold, route) = {
            let mut state = patterns.state.lock();
            state.last_id += 1;
            let id = state.last_id;
            let held = state.held.entry(pattern.clone()).or_insert_with(|| {
                let route = Arc::default();
                patterns
                    .announcements
                    .announce(Target::Pattern(pattern.clone()), &route);
                Held {
                    route,
                    holders: HashMap::new(),
                }
            });
            let (subscriber, wake) = (subscriber.clone(), Arc::clone(wake));
            held.holders.insert(id, Holder { subscriber, wake });
            let patterns = Arc::clone(patterns);
            (
                Self {
                    patterns,
                    pattern,
                    id,
                },
                Arc::clone(&held.route),
            )
        };
        route.settle(within).await;
        hold
    }

    /// From now on new streams are offered as far as `subscriber` may read them.
    pub(crate) fn regrant(&self, subscriber: &Subscriber) {
        let mut state = self.patterns.state.lock();
        let held = state.held.get_mut(&self.pattern);
        if let Some(holder) = held.and_then(|held| held.holders.get_mut(&self.id)) {
            holder.subscriber = subscriber.clone();
        }
    }

    /// What is held.
    pub(crate) fn pattern(&self) -> &Pattern {
        &self.pattern
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.patterns.state.lock();
        let Some(held) = state.held.get_mut(&self.pattern) else {
            return;
        };
        held.holders.remove(&self.id);
        if held.holders.is_empty() {
            let left = (Instant::now(), self.pattern.clone());
            state.left.push(left);
        }
    }
}
