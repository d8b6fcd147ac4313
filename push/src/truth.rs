//! Questions to the store that many sessions ask at once: heads, the list of streams, the epoch. Shared, each with a
//! deadline.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lines::{Batch, Epoch, Extent, LogStore, Offset, StoreError, StreamName, Timestamp, log_store::Damage};
use tokio::sync::OnceCell;

use crate::Limits;
use crate::lane::Lane;
use crate::listing::{Listing, Streams};

/// The store did not answer. It was logged where that was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store does not answer at the moment")]
pub(crate) struct StoreAway;

/// What the store says, or nothing.
type Answer<T> = Result<T, StoreAway>;

/// The store, as sessions and feeds ask it.
pub(crate) struct Truth {
    store: Arc<dyn LogStore>,
    questions: Arc<Questions>,
    epoch: OnceCell<Epoch>,
    extents: Arc<Lane<Vec<StreamName>, Answer<Vec<Extent>>>>,
    listing: Arc<Listing>,
}

impl Truth {
    pub(crate) fn new(store: Arc<dyn LogStore>, listing: Arc<Listing>, limits: &Limits) -> Self {
        let at_once = limits.heads_at_once;
        let questions = Arc::new(Questions {
            within: limits.store_within,
            away: AtomicBool::new(false),
        });
        let parts = (Arc::clone(&store), Arc::clone(&questions));
        let extents = Lane::new(move |asked: Vec<Vec<StreamName>>| {
            let (store, questions) = parts.clone();
            async move {
                let known = read_extents(&*store, &questions, &asked, at_once).await;
                asked.iter().map(|streams| pick(&known, streams)).collect()
            }
        });
        Self {
            store,
            questions,
            epoch: OnceCell::new(),
            extents,
            listing,
        }
    }

    /// Which database this is. Asked once.
    pub(crate) async fn epoch(&self) -> Answer<&Epoch> {
        let ask = || self.questions.ask("epoch", self.store.epoch());
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
    pub(crate) async fn listing(&self) -> Answer<Arc<Streams>> {
        self.questions.ask("streams", self.listing.now()).await
    }

    /// A page of a stream, or the damage that lies where it should begin; see [`LogStore::read`]. Damage is an answer: the
    /// store is there, and asking again changes nothing.
    pub(crate) async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Answer<Result<Vec<Arc<Batch>>, Damage>> {
        let read = async {
            match self.store.read(stream, from, max_bytes).await {
                Err(StoreError::Damaged(damage)) => Ok(Err(damage)),
                other => other.map(Ok),
            }
        };
        self.questions.ask("read", read).await
    }

    /// The first line of a stream since some time; see [`LogStore::first_since`].
    pub(crate) async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Answer<Offset> {
        let first = self.store.first_since(stream, since);
        self.questions.ask("first_since", first).await
    }
}

/// Gives questions their deadline, and says in the log when the store goes away and comes back: once, not for each of
/// a thousand sessions.
struct Questions {
    within: Duration,
    away: AtomicBool,
}

impl Questions {
    async fn ask<T>(
        &self,
        question: &'static str,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Answer<T> {
        let answer = match tokio::time::timeout(self.within, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Timeout(self.within)),
        };
        match answer {
            Ok(answer) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the store answers sessions again");
                }
                Ok(answer)
            }
            Err(error) => {
                match self.away.swap(true, Ordering::Relaxed) {
                    false => tracing::warn!(question, %error, "the store does not answer sessions"),
                    true => tracing::debug!(question, %error, "the store does not answer sessions"),
                }
                Err(StoreAway)
            }
        }
    }
}

async fn read_extents(
    store: &dyn LogStore,
    questions: &Questions,
    asked: &[Vec<StreamName>],
    at_once: usize,
) -> HashMap<StreamName, Extent> {
    let mut streams: Vec<StreamName> = asked.iter().flatten().cloned().collect();
    streams.sort_unstable();
    streams.dedup();
    let mut known = HashMap::with_capacity(streams.len());
    for some in streams.chunks(at_once) {
        match questions.ask("extents", store.extents(some)).await {
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
