//! A bound on the memory of all requests at once: of their bodies while they are read and parsed, and of their answers
//! until they are sent. It is shared among subscribers: each has a share, and what others do not need is lent beyond it,
//! but for one share that stays free for them. When memory is short, what is lent is called back, and then the slowest
//! body has to go.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::refused::Refused;

/// Memory is counted in pieces of so many bytes.
const PIECE: usize = 16 * 1024;

/// A body is not called slow before.
const YOUNG: Duration = Duration::from_secs(1);

/// How long the memory of a body that has to go is waited for.
const GOES_WITHIN: Duration = Duration::from_secs(1);

/// What all requests together may hold.
#[derive(Clone)]
pub(super) struct Memory(Arc<Shared>);

struct Shared {
    /// Of all requests, in bytes.
    total: usize,
    /// Of one subscriber's, but for its first one. More is lent.
    share: usize,
    state: Mutex<State>,
    /// Told when memory was given back.
    freed: Notify,
}

#[derive(Default)]
struct State {
    used: usize,
    next: u64,
    subscribers: HashMap<Arc<str>, Account>,
    /// Bodies that are being read.
    reading: HashMap<u64, Arc<Reading>>,
}

/// What one subscriber holds. Its first request may hold as much as it needs.
#[derive(Default)]
struct Account {
    of: BTreeMap<u64, usize>,
    /// Of all of them.
    total: usize,
}

/// A body on its way.
struct Reading {
    subscriber: Arc<str>,
    begun: Instant,
    /// How many bytes of it have come, as they come.
    received: AtomicUsize,
    held: AtomicUsize,
    go: CancellationToken,
}

/// What one request holds. Given back when it is dropped.
pub struct Held {
    shared: Arc<Shared>,
    subscriber: Arc<str>,
    id: u64,
    /// Needed.
    bytes: usize,
    /// Taken: whole pieces.
    taken: usize,
    reading: Option<Arc<Reading>>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Why there is no memory.
#[derive(Debug, PartialEq, Eq)]
enum Short {
    /// The subscriber holds its share, and there is no more to lend.
    Share,
    /// All of it is held, and nobody is slower.
    Memory,
    /// All of it is held, and somebody goes.
    SomebodyGoes,
}

impl Memory {
    /// At most `total` bytes at once. `share` of one subscriber, and more as long as `share` stays free for others.
    pub(super) fn new(total: usize, share: usize) -> Self {
        Self(Arc::new(Shared {
            total,
            share,
            state: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// For one request of a subscriber, whose body is going to be read. Holds nothing yet.
    pub(super) fn hold(&self, subscriber: &str) -> Held {
        let subscriber: Arc<str> = subscriber.into();
        let reading = Arc::new(Reading {
            subscriber: Arc::clone(&subscriber),
            begun: Instant::now(),
            received: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            go: CancellationToken::new(),
        });
        let mut state = self.0.state.lock();
        let id = state.next;
        state.next += 1;
        state.reading.insert(id, Arc::clone(&reading));
        let account = state.subscribers.entry(Arc::clone(&subscriber)).or_default();
        account.of.insert(id, 0);
        drop(state);
        Held {
            shared: Arc::clone(&self.0),
            subscriber,
            id,
            bytes: 0,
            taken: 0,
            reading: Some(reading),
        }
    }
}

impl Held {
    /// Holds `bytes` more, or says that there is no room. Never waits.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.take(bytes).map_err(|_| Refused::Busy)
    }

    /// The same, and waits a moment for a slower body to go. Only for a body that is being read, which can be told to go
    /// itself: so nobody waits for whoever waits.
    pub async fn grow_or_wait(&mut self, bytes: usize) -> Result<(), Refused> {
        let until = Instant::now() + GOES_WITHIN;
        let shared = Arc::clone(&self.shared);
        loop {
            let freed = shared.freed.notified();
            match self.take(bytes) {
                Ok(()) => return Ok(()),
                Err(Short::SomebodyGoes) if timeout_at(until, freed).await.is_ok() => {}
                Err(_) => return Err(Refused::Busy),
            }
        }
    }

    /// The same for what will be needed when the body is parsed, when waiting is no longer possible: it is there then.
    pub async fn reserve(&mut self, bytes: usize) -> Result<(), Refused> {
        self.grow_or_wait(bytes).await?;
        self.bytes -= bytes;
        Ok(())
    }

    /// How much of the body has come.
    pub fn received(&self, bytes: usize) {
        if let Some(reading) = &self.reading {
            reading.received.store(bytes, Relaxed);
        }
    }

    /// Waits until others need the memory more. Nothing of this is held while it is waited for.
    pub fn has_to_go(&self) -> CancellationToken {
        match &self.reading {
            Some(reading) => reading.go.clone(),
            None => CancellationToken::new(),
        }
    }

    /// The body is read: from now on it cannot be told to go.
    pub fn is_read(&mut self) {
        if self.reading.take().is_some() {
            self.shared.state.lock().reading.remove(&self.id);
        }
    }

    /// Keeps so many bytes, or fewer when it holds fewer.
    pub(super) fn shrink(&mut self, bytes: usize) {
        self.bytes = self.bytes.min(bytes);
        let keeps = self.bytes.div_ceil(PIECE) * PIECE;
        self.give_back(self.taken.saturating_sub(keeps));
    }

    fn take(&mut self, bytes: usize) -> Result<(), Short> {
        let wanted = self.bytes.saturating_add(bytes);
        let more = wanted
            .div_ceil(PIECE)
            .saturating_mul(PIECE)
            .saturating_sub(self.taken);
        if more > 0 {
            self.shared.take(&self.subscriber, self.id, more)?;
            self.taken += more;
            if let Some(reading) = &self.reading {
                reading.held.store(self.taken, Relaxed);
            }
        }
        self.bytes = wanted;
        Ok(())
    }

    fn give_back(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.taken -= bytes;
        let mut state = self.shared.state.lock();
        state.used = state.used.saturating_sub(bytes);
        if let Some(account) = state.subscribers.get_mut(&self.subscriber) {
            account.give_back(self.id, bytes);
        }
        drop(state);
        self.shared.freed.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.is_read();
        self.give_back(self.taken);
        let mut state = self.shared.state.lock();
        if let Some(account) = state.subscribers.get_mut(&self.subscriber) {
            account.of.remove(&self.id);
            if account.of.is_empty() {
                state.subscribers.remove(&self.subscriber);
            }
        }
    }
}

impl Shared {
    fn take(&self, subscriber: &Arc<str>, id: u64, more: usize) -> Result<(), Short> {
        let mut state = self.state.lock();
        let account = state.subscribers.get(subscriber);
        if account.is_some_and(|account| account.is_beyond(self.share, id, more)) {
            if state.used.saturating_add(more) > self.total.saturating_sub(self.share) {
                return Err(Short::Share);
            }
        } else if state.used.saturating_add(more) > self.total {
            return Err(state.make_room(id, more, self));
        }
        state.used += more;
        if let Some(account) = state.subscribers.get_mut(subscriber) {
            account.take(id, more);
        }
        Ok(())
    }
}

impl Account {
    /// Whether a request, when it holds `more`, holds what is only lent.
    fn is_beyond(&self, share: usize, id: u64, more: usize) -> bool {
        match self.of.first_key_value() {
            Some((first, _)) if *first == id => false,
            Some((_, held)) => self.total.saturating_sub(*held).saturating_add(more) > share,
            None => false,
        }
    }

    fn take(&mut self, id: u64, bytes: usize) {
        if let Some(held) = self.of.get_mut(&id) {
            *held += bytes;
            self.total += bytes;
        }
    }

    fn give_back(&mut self, id: u64, bytes: usize) {
        if let Some(held) = self.of.get_mut(&id) {
            *held = held.saturating_sub(bytes);
            self.total = self.total.saturating_sub(bytes);
        }
    }
}

/// A body that could go.
struct Candidate<'a> {
    body: &'a Reading,
    is_lent: bool,
    pace: f64,
    held: usize,
}

impl State {
    /// Tells bodies to go, when that makes enough room: what is lent first, and then the slowest, when they are slower than
    /// the one that needs the memory.
    fn make_room(&self, id: u64, more: usize, shared: &Shared) -> Short {
        let now = Instant::now();
        let own = self.reading.get(&id).map_or(f64::INFINITY, |body| body.pace(now));
        let mut staying = self.used.saturating_add(more);
        let mut candidates = Vec::new();
        for (other, body) in &self.reading {
            let held = body.held.load(Relaxed);
            if body.go.is_cancelled() {
                staying = staying.saturating_sub(held);
            } else if *other != id && held > 0 {
                let account = self.subscribers.get(&body.subscriber);
                let is_lent = account.is_some_and(|account| account.is_beyond(shared.share, *other, 0));
                let pace = body.pace(now);
                if is_lent || pace < own {
                    candidates.push(Candidate {
                        body,
                        is_lent,
                        pace,
                        held,
                    });
                }
            }
        }
        let could_go: usize = candidates.iter().map(|candidate| candidate.held).sum();
        if staying.saturating_sub(could_go) > shared.total {
            return Short::Memory;
        }
        candidates.sort_unstable_by(|one, other| {
            let lent_first = other.is_lent.cmp(&one.is_lent);
            lent_first.then(one.pace.total_cmp(&other.pace))
        });
        for Candidate { body, held, .. } in candidates {
            if staying <= shared.total {
                break;
            }
            metrics::counter!("tailcast_ingest_bodies_released_total").increment(1);
            body.go.cancel();
            staying = staying.saturating_sub(held);
        }
        Short::SomebodyGoes
    }
}

impl Reading {
    /// How much comes a second for each byte that is held: what is slow by this measure holds much for long.
    fn pace(&self, now: Instant) -> f64 {
        let age = now.duration_since(self.begun);
        if age < YOUNG {
            return f64::INFINITY;
        }
        let received = self.received.load(Relaxed) as f64;
        let held = self.held.load(Relaxed).max(1) as f64;
        received / held / age.as_secs_f64()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[tokio::test]
    async fn a_subscriber_gets_its_share_and_one_request_always() {
        let memory = Memory::new(100 * MIB, 25 * MIB);
        let mut large = memory.hold("alice");
        large.grow(60 * MIB).unwrap();
        let mut second = memory.hold("alice");
        second.grow(20 * MIB).unwrap();
        let mut third = memory.hold("alice");
        assert_eq!(third.grow(6 * MIB), Err(Refused::Busy));
        memory.hold("bob").grow(20 * MIB).unwrap();
        third.grow(5 * MIB).unwrap();
        third.shrink(1);
        third.grow(4 * MIB).unwrap();
    }

    #[tokio::test]
    async fn what_nobody_needs_is_lent_and_a_share_stays_free_for_others() {
        let memory = Memory::new(100 * MIB, 25 * MIB);
        let mut fleet = Vec::new();
        for _ in 0..7 {
            fleet.push(memory.hold("fleet"));
            fleet.last_mut().unwrap().grow(10 * MIB).unwrap();
        }
        let mut eighth = memory.hold("fleet");
        assert_eq!(eighth.grow(10 * MIB), Err(Refused::Busy));
        let mut first = memory.hold("bob");
        first.grow(25 * MIB).unwrap();
        drop(fleet);
        eighth.grow(60 * MIB).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lent_is_called_back_before_anybody_slower_has_to_go() {
        let memory = Memory::new(100 * MIB, 20 * MIB);
        let mut slow = memory.hold("slow");
        slow.grow(MIB).unwrap();
        slow.received(1);
        let mut fleet: Vec<Held> = (0..7).map(|_| memory.hold("fleet")).collect();
        for body in &mut fleet {
            body.grow(10 * MIB).unwrap();
            body.received(10 * MIB);
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        let mut bob = memory.hold("bob");
        bob.grow(20 * MIB).unwrap();
        assert_eq!(bob.grow(15 * MIB), Err(Refused::Busy), "until they went");
        let gone = fleet
            .iter()
            .filter(|body| body.has_to_go().is_cancelled())
            .count();
        assert_eq!((gone, slow.has_to_go().is_cancelled()), (1, false));
        fleet.retain(|body| !body.has_to_go().is_cancelled());
        bob.grow(15 * MIB).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_to_go_when_that_would_not_be_enough() {
        let memory = Memory::new(10 * MIB, 10 * MIB);
        let mut read = memory.hold("read");
        read.grow(6 * MIB).unwrap();
        read.is_read();
        let mut slow = memory.hold("slow");
        slow.grow(3 * MIB).unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(memory.hold("new").grow(5 * MIB), Err(Refused::Busy));
        assert!(!slow.has_to_go().is_cancelled());
    }

    #[tokio::test]
    async fn everything_that_was_held_is_given_back() {
        let memory = Memory::new(MIB, MIB);
        for bytes in [1, PIECE, PIECE + 1, MIB] {
            let mut held = memory.hold("alice");
            held.grow(bytes).unwrap();
            held.shrink(bytes / 2);
            held.is_read();
        }
        memory.hold("alice").grow(MIB).unwrap();
        let state = memory.0.state.lock();
        assert_eq!(state.used, 0);
        assert!(state.subscribers.is_empty() && state.reading.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn when_memory_is_short_the_slowest_body_goes_and_nobody_else() {
        let memory = Memory::new(10 * MIB, 10 * MIB);
        let mut bodies: Vec<Held> = ["slow", "slowest", "fast"].map(|name| memory.hold(name)).into();
        for (body, received) in bodies.iter_mut().zip([50_000, 10_000, MIB]) {
            body.grow(3 * MIB).unwrap();
            body.received(received);
        }
        let gone = |bodies: &[Held]| -> Vec<bool> {
            bodies
                .iter()
                .map(|body| body.has_to_go().is_cancelled())
                .collect()
        };
        // All are young.
        assert_eq!(memory.hold("new").grow(2 * MIB), Err(Refused::Busy));
        assert_eq!(gone(&bodies), [false, false, false]);

        tokio::time::advance(Duration::from_secs(5)).await;
        let mut new = memory.hold("new");
        let waits = tokio::spawn(async move { new.grow_or_wait(2 * MIB).await.map(|()| new) });
        tokio::task::yield_now().await;
        assert_eq!(gone(&bodies), [false, true, false]);
        bodies.remove(1);
        waits.await.unwrap().unwrap();
        // A body that is read does not go any more, and the slowest one cannot make others go.
        bodies[1].is_read();
        assert_eq!(bodies[0].grow(6 * MIB), Err(Refused::Busy));
        assert_eq!(gone(&bodies), [false, false]);
    }
}
