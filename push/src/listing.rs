//! Which streams there are, asked of the store for all who want to know: one question at a time, the next one not at
//! once, and its answer shared.
//!
//! To list a store costs with its streams, and anybody may make a session ask for it as often as its messages go. So
//! listings take a tenth of the time, unless one takes longer than half a second, and begin at least
//! [`ListingLimits::apart`] after one another. Who needs one that begins later than its question waits for the next, together with all others who do; nobody is ever
//! given one that began before, unless it said how old it may be. A listing that has begun comes to its end whoever
//! goes away: others wait for it.
//!
//! Knows nothing of sessions, feeds, routes and HTTP.

use std::sync::Arc;
use std::time::Duration;

use lines::{LogStore, StoreError, StreamInfo};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout};

/// How often a store is listed.
#[derive(Debug, Clone, Copy)]
pub struct ListingLimits {
    /// From one listing's beginning to the next one's, at least: 100 ms, and ten times as long as the last one took, up
    /// to half of `within`, so that who comes when one has just begun gets the next one in time.
    pub apart: Duration,
    /// How long the store may take: 10 s.
    pub within: Duration,
}

impl Default for ListingLimits {
    fn default() -> Self {
        Self {
            apart: Duration::from_millis(100),
            within: Duration::from_secs(10),
        }
    }
}

/// The listings of a node.
pub struct Listing {
    store: Arc<dyn LogStore>,
    limits: ListingLimits,
    /// Locked while the store is asked: who comes meanwhile waits, and then looks whether that was one for it.
    state: Arc<Mutex<State>>,
    /// The last list that it gave. There is one at a time, whatever slow readers do.
    kept: parking_lot::Mutex<Arc<Streams>>,
}

struct State {
    /// What the store said last.
    latest: Option<Latest>,
    /// Before then it is not asked again.
    rests_until: Instant,
}

struct Latest {
    began: Instant,
    outcome: Result<(), Arc<StoreError>>,
}

/// Streams in the order of their names, each once.
#[derive(Default)]
pub struct Streams(Vec<StreamInfo>);

impl Listing {
    /// Of this store.
    pub fn new(store: Arc<dyn LogStore>, limits: ListingLimits) -> Arc<Self> {
        Arc::new(Self {
            store,
            limits,
            state: Arc::new(Mutex::new(State {
                latest: None,
                rests_until: Instant::now(),
            })),
            kept: parking_lot::Mutex::default(),
        })
    }

    /// Every stream that ever had a line, as of a moment after this call.
    pub async fn now(self: &Arc<Self>) -> Result<Arc<Streams>, StoreError> {
        self.begun_since(Instant::now()).await
    }

    /// The same, as of a moment at most so long ago.
    pub async fn within(self: &Arc<Self>, age: Duration) -> Result<Arc<Streams>, StoreError> {
        let now = Instant::now();
        self.begun_since(now.checked_sub(age).unwrap_or(now)).await
    }

    /// What the last listing said, whenever that was.
    pub fn kept(&self) -> Arc<Streams> {
        Arc::clone(&self.kept.lock())
    }

    async fn begun_since(self: &Arc<Self>, since: Instant) -> Result<Arc<Streams>, StoreError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if state.latest.as_ref().is_none_or(|latest| latest.began < since) {
            // All who wait for the lock by the end of this rest came before the listing begins, and share it.
            sleep_until(state.rests_until).await;
            let listing = Arc::clone(self);
            let asked = tokio::spawn(async move {
                listing.ask(&mut state).await;
                state
            });
            state = asked.await.map_err(|_| StoreError::Timeout(self.limits.within))?;
        }
        match state.latest.as_ref().map(|latest| &latest.outcome) {
            Some(Ok(())) => Ok(self.kept()),
            Some(Err(error)) => Err(StoreError::Away(Box::new(Arc::clone(error)))),
            None => Err(StoreError::Timeout(self.limits.within)),
        }
    }

    async fn ask(&self, state: &mut State) {
        let began = Instant::now();
        state.rests_until = began + self.limits.apart;
        let asked = timeout(self.limits.within, self.store.streams()).await;
        let listed = asked.unwrap_or(Err(StoreError::Timeout(self.limits.within)));
        let rest = (began.elapsed() * 10).min(self.limits.within / 2);
        state.rests_until = began + self.limits.apart.max(rest);
        let outcome = listed.map(|streams| *self.kept.lock() = Arc::new(Streams::new(streams)));
        state.latest = Some(Latest {
            began,
            outcome: outcome.map_err(Arc::new),
        });
    }
}

impl Streams {
    fn new(mut streams: Vec<StreamInfo>) -> Self {
        streams.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Self(streams)
    }

    /// All of them.
    pub fn all(&self) -> &[StreamInfo] {
        &self.0
    }

    /// Those whose names begin so.
    pub fn beginning(&self, with: &str) -> &[StreamInfo] {
        let at = self.0.partition_point(|info| info.name.as_str() < with);
        let begins = |info: &StreamInfo| info.name.as_str().starts_with(with);
        let count = self.0[at..].partition_point(begins);
        &self.0[at..at + count]
    }
}

/// How every name begins that a pattern can match: a pattern that is one name, for the most part, need not look at all.
pub fn beginning_of(pattern: &str) -> &str {
    match pattern.find('*') {
        // `a/**` covers `a`, too.
        Some(at) => pattern[..at].trim_end_matches('/'),
        None => pattern,
    }
}
