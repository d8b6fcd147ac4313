//! A memory of what was sent lately, for protocols whose senders make no keys: a request that is repeated gets the first
//! one's answer, and is stored once.
//!
//! What a request is known by is its [`Identity`](super::Identity): an id that its protocol has anyway, or, where its
//! protocol says that this is right, its body. Two mechanisms stand behind it, and the second one decides:
//!
//! - This memory, of one collector: the first answer, for [`Limits::repeats`](super::Limits::repeats) and as far as
//!   [`Limits::repeats_memory`](super::Limits::repeats_memory) goes; and what is under way, so that a repeat waits for it,
//!   neither read into lines nor stored. Only what was accepted as a whole is remembered. After a failure, and after an
//!   outcome that is not known, the next one is a first one.
//! - The store's keys, which are made of the same identity. So a repeat is found that was sent to another collector, that
//!   comes after a crash or after this memory forgot, or whose first attempt nobody knows the outcome of.
//!
//! What that promises: by an id, that it is stored once, as long as its lines are kept. By its body, that a repeat within
//! `repeats` after the first is stored once, as long as the collectors' clocks differ by less; and that equal bodies with
//! twice that between them are two. In between it may be one or two. So equal bodies that really are two, within that time,
//! are taken for one: a protocol asks for it only where bodies carry their times, or where losing such a one is less bad
//! than having it twice. An intake without an identity is never a repeat of anything.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::key::Remembered;
use super::outcome::Outcome;

/// What an answer costs in memory beside its streams, in bytes: about.
const OVERHEAD: usize = 512;

/// What a stream of an answer costs beside its name, in bytes: about.
const STREAM: usize = 96;

/// One subscriber's answers take at most this part of the memory.
const SHARE: usize = 8;

#[derive(Clone)]
pub(super) struct Repeats(Arc<Shared>);

struct Shared {
    /// For how long an answer is remembered.
    kept: Duration,
    /// How much all answers take, in bytes.
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<[u8; 32], Known>,
    /// Which answers are remembered, oldest first.
    order: BTreeMap<u64, [u8; 32]>,
    next: u64,
    bytes: usize,
    of: HashMap<Arc<str>, Holder>,
}

/// One subscriber's answers.
#[derive(Default)]
struct Holder {
    bytes: usize,
    order: BTreeSet<u64>,
}

enum Known {
    /// The body that came first, and when its outcome is known.
    UnderWay([u8; 32], watch::Receiver<()>),
    Answered(Answered),
}

struct Answered {
    body: [u8; 32],
    outcome: Arc<Outcome>,
    bytes: usize,
    whose: Arc<str>,
    place: u64,
    until: Instant,
}

/// What a request is, as far as this collector remembers.
pub(super) enum Met {
    /// The first: its outcome is waited for by others.
    First(Flight),
    /// The repeat of one that was accepted.
    Before(Arc<Outcome>),
    /// Something else under the same id: the store says what that is.
    Another,
}

/// A first request, under way. Dropping it says that nothing came of it.
pub(super) struct Flight {
    repeats: Repeats,
    id: Remembered,
    /// Those who wait see it end.
    _ends: watch::Sender<()>,
}

impl Repeats {
    pub(super) fn new(kept: Duration, most: usize) -> Self {
        Self(Arc::new(Shared {
            kept,
            most,
            state: Mutex::default(),
        }))
    }

    /// Waits for the first of its kind, when that is under way.
    pub(super) async fn meet(&self, id: &Remembered) -> Met {
        loop {
            let mut ends = match self.look(id) {
                Ok(met) => return met,
                Err(ends) => ends,
            };
            // It never says anything: it is dropped.
            let _ = ends.changed().await;
        }
    }

    fn look(&self, id: &Remembered) -> Result<Met, watch::Receiver<()>> {
        let mut state = self.0.state.lock();
        let now = Instant::now();
        match state.known.get(&id.name) {
            Some(Known::UnderWay(body, _)) if *body != id.body => return Ok(Met::Another),
            Some(Known::UnderWay(_, ends)) => return Err(ends.clone()),
            Some(Known::Answered(answered)) if answered.until > now => {
                let same = answered.body == id.body;
                let outcome = Arc::clone(&answered.outcome);
                return Ok(if same { Met::Before(outcome) } else { Met::Another });
            }
            Some(Known::Answered(_)) => state.forget(&id.name),
            None => {}
        }
        let (ends, seen) = watch::channel(());
        state.known.insert(id.name, Known::UnderWay(id.body, seen));
        Ok(Met::First(Flight {
            repeats: self.clone(),
            id: id.clone(),
            _ends: ends,
        }))
    }
}

impl Flight {
    /// It was accepted, and its repeats will be told so.
    pub(super) fn accepted(&self, outcome: &Outcome) {
        let Shared { kept, most, state } = &*self.repeats.0;
        let bytes = cost(outcome);
        if !outcome.rejected.is_empty() || bytes > most / SHARE {
            return;
        }
        let mut state = state.lock();
        let now = Instant::now();
        let place = state.next;
        state.next += 1;
        state.put(
            self.id.name,
            Answered {
                body: self.id.body,
                outcome: Arc::new(outcome.clone()),
                bytes,
                whose: Arc::clone(&self.id.whose),
                place,
                until: now + *kept,
            },
        );
        state.make_room(&self.id.whose, *most, now);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut state = self.repeats.0.state.lock();
        if let Some(Known::UnderWay(..)) = state.known.get(&self.id.name) {
            state.known.remove(&self.id.name);
        }
    }
}

fn cost(outcome: &Outcome) -> usize {
    let streams = outcome.streams.iter();
    streams
        .map(|(name, stored)| name.as_str().len() + STREAM + size_of_val(stored.as_slice()))
        .sum::<usize>()
        + OVERHEAD
}

impl State {
    fn put(&mut self, name: [u8; 32], answered: Answered) {
        self.order.insert(answered.place, name);
        self.bytes += answered.bytes;
        let holder = self.of.entry(Arc::clone(&answered.whose)).or_default();
        holder.bytes += answered.bytes;
        holder.order.insert(answered.place);
        self.known.insert(name, Known::Answered(answered));
    }

    /// What is over goes, then the oldest of whoever has more than a share, then the oldest of all.
    fn make_room(&mut self, whose: &Arc<str>, most: usize, now: Instant) {
        while let Some(name) = self.oldest().filter(|name| self.is_over(name, now)) {
            self.forget(&name);
        }
        while let Some(name) = self.oldest_of(whose, most / SHARE) {
            self.forget(&name);
        }
        while let Some(name) = self.oldest().filter(|_| self.bytes > most) {
            self.forget(&name);
        }
    }

    fn oldest(&self) -> Option<[u8; 32]> {
        self.order.values().next().copied()
    }

    fn oldest_of(&self, whose: &Arc<str>, share: usize) -> Option<[u8; 32]> {
        let holder = self.of.get(whose).filter(|holder| holder.bytes > share)?;
        self.order.get(holder.order.first()?).copied()
    }

    fn is_over(&self, name: &[u8; 32], now: Instant) -> bool {
        matches!(self.known.get(name), Some(Known::Answered(answered)) if answered.until <= now)
    }

    fn forget(&mut self, name: &[u8; 32]) {
        let Some(Known::Answered(answered)) = self.known.remove(name) else {
            return;
        };
        self.order.remove(&answered.place);
        self.bytes -= answered.bytes;
        if let Some(holder) = self.of.get_mut(&answered.whose) {
            holder.bytes -= answered.bytes;
            holder.order.remove(&answered.place);
            if holder.order.is_empty() {
                self.of.remove(&answered.whose);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::door::{Rejects, Streams};

    const KEPT: Duration = Duration::from_secs(600);

    fn id(whose: &str, name: u8) -> Remembered {
        Remembered {
            name: [name; 32],
            body: [0; 32],
            whose: whose.into(),
        }
    }

    fn outcome(accepted: u32) -> Outcome {
        Outcome {
            accepted,
            undated: 0,
            cut: 0,
            rejected: Rejects::default(),
            streams: Streams::default(),
        }
    }

    async fn first(repeats: &Repeats, id: &Remembered) -> Flight {
        match repeats.meet(id).await {
            Met::First(flight) => flight,
            Met::Before(outcome) => panic!("{outcome:?}"),
            Met::Another => panic!("another one"),
        }
    }

    async fn is_remembered(repeats: &Repeats, id: &Remembered) -> bool {
        matches!(repeats.meet(id).await, Met::Before(_))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_remembered_for_a_while_and_the_memory_is_empty_after_it() {
        let repeats = Repeats::new(KEPT, 1 << 20);
        first(&repeats, &id("a", 1)).await.accepted(&outcome(3));
        assert!(is_remembered(&repeats, &id("a", 1)).await);
        tokio::time::advance(KEPT).await;
        assert!(!is_remembered(&repeats, &id("a", 1)).await);
        first(&repeats, &id("b", 2)).await.accepted(&outcome(3));
        tokio::time::advance(KEPT).await;
        first(&repeats, &id("c", 3)).await.accepted(&outcome(3));
        let state = repeats.0.state.lock();
        assert_eq!((state.known.len(), state.order.len(), state.of.len()), (1, 1, 1));
        assert_eq!(state.bytes, OVERHEAD);
    }

    #[tokio::test]
    async fn one_subscriber_has_a_share_and_all_together_no_more_than_there_is() {
        let repeats = Repeats::new(KEPT, 16 * OVERHEAD);
        for name in 0..=200 {
            first(&repeats, &id("many", name)).await.accepted(&outcome(1));
        }
        assert!(is_remembered(&repeats, &id("many", 200)).await);
        assert!(is_remembered(&repeats, &id("many", 199)).await);
        assert!(!is_remembered(&repeats, &id("many", 198)).await);
        for name in 201..=220 {
            first(&repeats, &id(&format!("s{name}"), name))
                .await
                .accepted(&outcome(1));
            assert!(repeats.0.state.lock().bytes <= 16 * OVERHEAD);
        }
        assert!(!is_remembered(&repeats, &id("many", 200)).await);
        assert!(is_remembered(&repeats, &id("s220", 220)).await);
    }

    #[tokio::test]
    async fn what_was_not_accepted_as_a_whole_is_not_remembered() {
        let repeats = Repeats::new(KEPT, 1 << 20);
        let mut partly = outcome(1);
        partly.rejected.told.push(crate::door::Rejected {
            line: 1,
            code: crate::door::RejectCode::Forbidden,
            error: String::new(),
        });
        first(&repeats, &id("a", 1)).await.accepted(&partly);
        drop(first(&repeats, &id("a", 1)).await);
        first(&repeats, &id("a", 1)).await.accepted(&outcome(1));
        assert!(is_remembered(&repeats, &id("a", 1)).await);
        let other = Remembered {
            body: [1; 32],
            ..id("a", 1)
        };
        assert!(matches!(repeats.meet(&other).await, Met::Another));
    }
}
