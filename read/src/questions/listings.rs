//! Which streams there are, asked of the store for all who want to know: one question at a time, the next one not at
//! once, and its answer shared.
//!
//! To list a store costs with its streams, and anybody may make a session ask for it as often as its messages go. So
//! listings take a tenth of the time, unless one takes longer than a tenth of [`QuestionLimits::listings_rest`], and begin
//! at least [`QuestionLimits::listings_apart`] after one another. Who needs one that begins later than its question waits
//! for the next, together with all others who do; nobody is ever given one that began before, unless it said how old it
//! may be. A listing that has begun comes to its end whoever goes away: others wait for it. All who wait when one fails
//! share its failure: if each asked again in its turn, they would wait twice as long for the same.

use std::sync::Arc;
use std::time::Duration;

use lines::{Listing, LogReader, SharedError, StoreError};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::QuestionLimits;
use super::outages::Outages;

/// The listings of a process.
pub(super) struct Listings {
    store: Arc<dyn LogReader>,
    outages: Arc<Outages>,
    limits: QuestionLimits,
    /// Where the store is asked.
    asked_on: Handle,
    /// Locked while the store is asked: who comes meanwhile waits, and then looks whether that was one for it.
    state: Arc<Mutex<State>>,
    /// The last list that it gave. There is one at a time, whatever slow readers do.
    latest: parking_lot::Mutex<Arc<Listing>>,
}

struct State {
    /// What the store was asked last.
    last: Option<Asked>,
    /// Before then it is not asked again.
    rests_until: Instant,
}

struct Asked {
    began: Instant,
    ended: Instant,
    failed: Option<SharedError>,
}

impl Listings {
    pub(super) fn new(
        store: Arc<dyn LogReader>,
        outages: Arc<Outages>,
        limits: QuestionLimits,
        asked_on: Handle,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            outages,
            limits,
            asked_on,
            state: Arc::new(Mutex::new(State {
                last: None,
                rests_until: Instant::now(),
            })),
            latest: parking_lot::Mutex::default(),
        })
    }

    /// Every stream that ever had a line, as of a moment after this call.
    pub(super) async fn now(self: &Arc<Self>) -> Result<Arc<Listing>, StoreError> {
        let now = Instant::now();
        self.begun_since(now, now).await
    }

    /// The same, as of a moment at most so long ago.
    pub(super) async fn within(self: &Arc<Self>, age: Duration) -> Result<Arc<Listing>, StoreError> {
        let now = Instant::now();
        self.begun_since(now.checked_sub(age).unwrap_or(now), now).await
    }

    /// What the last listing said, whenever that was.
    pub(super) fn latest(&self) -> Arc<Listing> {
        Arc::clone(&self.latest.lock())
    }

    async fn begun_since(
        self: &Arc<Self>,
        since: Instant,
        asked: Instant,
    ) -> Result<Arc<Listing>, StoreError> {
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if state.last.as_ref().is_none_or(|last| !last.answers(since, asked)) {
            // All who wait for the lock by the end of this rest came before the listing begins, and share it.
            sleep_until(state.rests_until).await;
            let listings = Arc::clone(self);
            let listed = self.asked_on.spawn(async move {
                listings.ask(&mut state).await;
                state
            });
            state = listed.await.map_err(|gone| StoreError::Away(Box::new(gone)))?;
        }
        match state.last.as_ref().and_then(|last| last.failed.as_ref()) {
            Some(error) => Err(error.again()),
            None => Ok(self.latest()),
        }
    }

    async fn ask(&self, state: &mut State) {
        let began = Instant::now();
        state.rests_until = began + self.limits.listings_apart;
        let listed = self.outages.heard("streams", self.store.streams().await);
        let ended = Instant::now();
        let rest = (ended.duration_since(began) * 10).min(self.limits.listings_rest);
        state.rests_until = began + self.limits.listings_apart.max(rest);
        let failed = match listed {
            Ok(listing) => {
                *self.latest.lock() = listing;
                None
            }
            Err(error) => Some(SharedError::new(error)),
        };
        state.last = Some(Asked { began, ended, failed });
    }
}

impl Asked {
    /// Whether this is an answer to a question asked at `asked`, for which a listing must have begun at `since` or later.
    /// A failure is one for those who waited for it.
    fn answers(&self, since: Instant, asked: Instant) -> bool {
        match self.failed {
            None => self.began >= since,
            Some(_) => self.ended > asked,
        }
    }
}
