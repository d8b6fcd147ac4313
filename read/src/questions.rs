//! Questions to the store, asked once for all who have the same one at the same time.
//!
//! A decorator: it reads as the store that it wraps, so whoever asks need not know. The epoch is asked for once;
//! what is asked of extents while an answer is awaited goes in one question (coalescing); listings are shared
//! ([`listings`]); and an outage is told in the log once, not for each of a thousand who met it ([`outages`]). The only
//! deadline is the store's own.
//!
//! Knows nothing of sessions, feeds and HTTP.

mod listings;
mod outages;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use edge::Coalescing;
use lines::filter::needs::Needs;
use lines::{
    Batch, Epoch, Extent, Listing, LogReader, Offset, SharedError, StoreError, StreamName, Timestamp,
};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use listings::Listings;
use outages::Outages;

/// How a store is asked.
#[derive(Debug, Clone, Copy)]
pub struct QuestionLimits {
    /// Streams whose heads are asked for in one round trip: 1,000.
    pub heads: usize,
    /// From the beginning of one listing of all streams to that of the next one, at least: 100 ms.
    pub listings_apart: Duration,
    /// The most that it is when a listing takes long: 5 s. Up to there it is ten times as long as the last one took.
    pub listings_rest: Duration,
}

impl Default for QuestionLimits {
    fn default() -> Self {
        Self {
            heads: 1_000,
            listings_apart: Duration::from_millis(100),
            listings_rest: Duration::from_secs(5),
        }
    }
}

/// What is kept of some streams, in the order in which they were asked for.
type Extents = Result<Vec<Extent>, SharedError>;

/// The store, as all readers of a process ask it.
pub struct Questions {
    store: Arc<dyn LogReader>,
    epoch: OnceCell<Epoch>,
    extents: Arc<Coalescing<Vec<StreamName>, Extents>>,
    listings: Arc<Listings>,
    outages: Arc<Outages>,
}

impl Questions {
    /// To this store. What is asked for many at once is asked on the threads of `asked_on`: those of whoever came first may
    /// have a lower priority than others who wait for the same answer.
    pub fn new(store: Arc<dyn LogReader>, limits: QuestionLimits, asked_on: Handle) -> Arc<Self> {
        let outages = Arc::<Outages>::default();
        let heads = Arc::new(Heads {
            store: Arc::clone(&store),
            outages: Arc::clone(&outages),
            at_once: limits.heads.max(1),
        });
        let answer = move |asked| {
            let heads = Arc::clone(&heads);
            async move { heads.answer(asked).await }
        };
        let for_all = |extents: &Extents| match extents {
            Err(error) if error.is_absence() => Some(Err(error.clone())),
            _ => None,
        };
        let extents = Coalescing::sharing(answer, for_all, asked_on.clone());
        Arc::new(Self {
            listings: Listings::new(Arc::clone(&store), Arc::clone(&outages), limits, asked_on),
            store,
            epoch: OnceCell::new(),
            extents,
            outages,
        })
    }

    /// Every stream that ever had a line, as of a moment at most so long ago.
    pub async fn streams_within(&self, age: Duration) -> Result<Arc<Listing>, StoreError> {
        self.listings.within(age).await
    }

    /// What the last listing said, whenever that was.
    pub fn latest_streams(&self) -> Arc<Listing> {
        self.listings.latest()
    }
}

#[async_trait]
impl LogReader for Questions {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        let ask = || async { self.outages.heard("epoch", self.store.epoch().await) };
        self.epoch.get_or_try_init(ask).await.cloned()
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        let read = self.store.read(stream, from, max_bytes).await;
        self.outages.heard("read", read)
    }

    /// As of a moment after this call: an answer under way is never shared with it.
    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        match self.extents.ask(streams.to_vec()).await {
            Ok(answer) => answer.map_err(|error| error.again()),
            // Whoever answers has panicked.
            Err(gone) => Err(StoreError::Away(Box::new(gone))),
        }
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        self.listings.now().await
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        let first = self.store.first_since(stream, since).await;
        self.outages.heard("first_since", first)
    }

    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        let end = self.store.end_before(stream, until).await;
        self.outages.heard("end_before", end)
    }

    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        let places = self.store.places(stream, within, needs).await;
        self.outages.heard("places", places)
    }
}

/// Asks for the extents of many streams.
struct Heads {
    store: Arc<dyn LogReader>,
    outages: Arc<Outages>,
    /// In one round trip.
    at_once: usize,
}

impl Heads {
    async fn answer(&self, asked: Vec<Vec<StreamName>>) -> Vec<Extents> {
        let mut streams: Vec<StreamName> = asked.iter().flatten().cloned().collect();
        streams.sort_unstable();
        streams.dedup();
        let (known, failed) = self.read(&streams).await;
        let mut answers = Vec::with_capacity(asked.len());
        for streams in &asked {
            answers.push(match (pick(&known, streams), &failed) {
                (Some(extents), _) => Ok(extents),
                // It would wait as long for the same.
                (None, Some(error)) if asked.len() == 1 || error.is_absence() => Err(error.clone()),
                // Somebody else's stream may be what is wrong.
                (None, _) => self.alone(streams).await,
            });
        }
        answers
    }

    /// What is known of these streams, and why the rest is not.
    async fn read(&self, streams: &[StreamName]) -> (HashMap<StreamName, Extent>, Option<SharedError>) {
        let mut known = HashMap::with_capacity(streams.len());
        let mut failed = None;
        for some in streams.chunks(self.at_once) {
            match self.outages.heard("extents", self.store.extents(some).await) {
                Ok(extents) => known.extend(some.iter().cloned().zip(extents)),
                Err(error) => {
                    let error = SharedError::new(error);
                    let ends = error.is_absence();
                    failed = Some(error);
                    if ends {
                        break;
                    }
                }
            }
        }
        (known, failed)
    }

    async fn alone(&self, streams: &[StreamName]) -> Extents {
        match self.read(streams).await {
            (_, Some(error)) => Err(error),
            (known, None) => {
                let picked = streams.iter().map(|stream| known.get(stream).copied());
                Ok(picked.map(Option::unwrap_or_default).collect())
            }
        }
    }
}

fn pick(known: &HashMap<StreamName, Extent>, streams: &[StreamName]) -> Option<Vec<Extent>> {
    streams.iter().map(|stream| known.get(stream).copied()).collect()
}
