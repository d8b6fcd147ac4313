//! Questions to the store that many sessions ask at once: heads, the list of streams, the epoch. Shared, each with a
//! deadline.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use collect::stream::StreamInfo;
use collect::{Epoch, Extent, LogStore, StreamName};
use tokio::sync::OnceCell;

use crate::Limits;
use crate::lane::Lane;

/// The store did not answer. It was logged where that was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store does not answer at the moment")]
pub(crate) struct StoreAway;

/// What the store says, or nothing.
type Answer<T> = Result<T, StoreAway>;

/// All streams, for all who asked.
type Listing = Arc<Vec<StreamInfo>>;

/// The store, as sessions and feeds ask it.
pub(crate) struct Truth {
    store: Arc<dyn LogStore>,
    within: Duration,
    epoch: OnceCell<Epoch>,
    extents: Arc<Lane<Vec<StreamName>, Answer<Vec<Extent>>>>,
    listings: Arc<Lane<(), Answer<Listing>>>,
}

impl Truth {
    pub(crate) fn new(store: Arc<dyn LogStore>, limits: &Limits) -> Self {
        let (within, at_once) = (limits.store_within, limits.heads_at_once);
        let asked = Arc::clone(&store);
        let extents = Lane::new(move |questions: Vec<Vec<StreamName>>| {
            let store = Arc::clone(&asked);
            async move {
                let known = read_extents(&*store, &questions, at_once, within).await;
                questions.iter().map(|streams| pick(&known, streams)).collect()
            }
        });
        let asked = Arc::clone(&store);
        let listings = Lane::new(move |questions: Vec<()>| {
            let store = Arc::clone(&asked);
            async move {
                let listing = answered("streams", within, store.streams()).await.map(Arc::new);
                questions.iter().map(|()| listing.clone()).collect()
            }
        });
        Self {
            store,
            within,
            epoch: OnceCell::new(),
            extents,
            listings,
        }
    }

    /// Which database this is. Asked once.
    pub(crate) async fn epoch(&self) -> Answer<&Epoch> {
        let ask = || answered("epoch", self.within, self.store.epoch());
        self.epoch.get_or_try_init(ask).await
    }

    /// What is kept of each stream, in the same order, as of a moment after this call.
    pub(crate) async fn extents(&self, streams: Vec<StreamName>) -> Answer<Vec<Extent>> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        self.extents.ask(streams).await.unwrap_or(Err(StoreAway))
    }

    /// Every stream that ever had a line, as of a moment after this call.
    pub(crate) async fn listing(&self) -> Answer<Listing> {
        self.listings.ask(()).await.unwrap_or(Err(StoreAway))
    }

    /// The store, for questions that nobody shares.
    pub(crate) fn store(&self) -> &Arc<dyn LogStore> {
        &self.store
    }

    /// The deadline of one question.
    pub(crate) fn within(&self) -> Duration {
        self.within
    }
}

/// The answer to one question, or `StoreAway`: here is where that is logged.
pub(crate) async fn answered<T>(
    question: &'static str,
    within: Duration,
    answer: impl Future<Output = Result<T, collect::store::StoreError>>,
) -> Answer<T> {
    match tokio::time::timeout(within, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::warn!(question, %error, "the store did not answer a question of sessions");
            Err(StoreAway)
        }
        Err(_) => {
            tracing::warn!(
                question,
                waited_s = within.as_secs(),
                "the store did not answer a question of sessions in time"
            );
            Err(StoreAway)
        }
    }
}

async fn read_extents(
    store: &dyn LogStore,
    questions: &[Vec<StreamName>],
    at_once: usize,
    within: Duration,
) -> HashMap<StreamName, Extent> {
    let mut streams: Vec<StreamName> = questions.iter().flatten().cloned().collect();
    streams.sort_unstable();
    streams.dedup();
    let mut known = HashMap::with_capacity(streams.len());
    for some in streams.chunks(at_once) {
        match answered("extents", within, store.extents(some)).await {
            Ok(extents) => known.extend(some.iter().cloned().zip(extents)),
            // The rest would wait as long for the same.
            Err(StoreAway) => break,
        }
    }
    known
}

fn pick(known: &HashMap<StreamName, Extent>, streams: &[StreamName]) -> Answer<Vec<Extent>> {
    let picked = streams.iter().map(|stream| known.get(stream).copied());
    picked.collect::<Option<_>>().ok_or(StoreAway)
}
