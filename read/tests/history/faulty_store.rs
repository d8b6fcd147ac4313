//! A store in memory that goes away, or says nothing, when it is told to.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use lines::filter::needs::Needs;
use lines::log_reader::Damage;
use lines::log_store::{Draft, PriorRun, StoredKey};
use lines::retention::{Deletion, Retention, Trimmed};
use lines::{
    AppendError, Batch, Epoch, Extent, Lines, Listing, LogReader, LogStore, Offset, StoreError, StreamName,
    Timestamp,
};
use parking_lot::Mutex;

use crate::memory_store::MemoryStore;

/// How long a question may take, as every store has to promise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct FaultyStore {
    pub(crate) inner: MemoryStore,
    /// Every question fails.
    pub(crate) away: AtomicBool,
    /// No question is answered before its deadline.
    pub(crate) silent: AtomicBool,
    /// Every question for heads panics.
    pub(crate) panics: AtomicBool,
    /// When that is, if not after [`DEADLINE`].
    pub(crate) deadline: Mutex<Option<Duration>>,
    /// Reads from this offset on fail, when it is not 0.
    pub(crate) broken_from: AtomicUsize,
    /// Lines of streams that are damaged: from and to.
    pub(crate) damaged: Mutex<Vec<(String, u64, u64)>>,
    /// A stream whose reads fail.
    pub(crate) unreadable: Mutex<Option<String>>,
    /// A stream of which it has something that cannot be.
    pub(crate) corrupt: Mutex<Option<String>>,
    /// It cannot say of any lines what they lack.
    pub(crate) knows_nothing: AtomicBool,
    /// How often heads were asked for.
    pub(crate) heads: AtomicUsize,
    /// How often all streams were listed.
    pub(crate) listings: AtomicUsize,
    /// How long each listing takes.
    pub(crate) listing_takes: Mutex<Duration>,
    /// The names of the threads on which either was.
    pub(crate) asked_on: Mutex<Vec<String>>,
    /// How much was read.
    pub(crate) reads: AtomicUsize,
    /// After so many reads, when it is not 0, all lines of a stream are one batch.
    pub(crate) joined_after: AtomicUsize,
}

impl FaultyStore {
    fn note_thread(&self) {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        self.asked_on.lock().push(name);
    }

    async fn fault(&self) -> Result<(), StoreError> {
        if self.silent.load(Ordering::SeqCst) {
            let deadline = self.deadline.lock().unwrap_or(DEADLINE);
            tokio::time::sleep(deadline).await;
            return Err(StoreError::Timeout(deadline));
        }
        if self.away.load(Ordering::SeqCst) {
            Err(StoreError::Away("unplugged".into()))
        } else {
            Ok(())
        }
    }
}

/// These batches as one.
fn joined(batches: &[Arc<Batch>]) -> Option<Arc<Batch>> {
    let (first, last) = (batches.first()?, batches.last()?);
    let lines = Lines {
        ndjson: batches
            .iter()
            .flat_map(|batch| batch.lines.ndjson.to_vec())
            .collect(),
        count: batches.iter().map(|batch| batch.lines.count).sum(),
        oldest: batches.iter().map(|batch| batch.lines.oldest).min()?,
        newest: batches.iter().map(|batch| batch.lines.newest).max()?,
    };
    Some(Arc::new(Batch {
        stream: first.stream.clone(),
        first: first.first,
        arrived: last.arrived,
        lines,
    }))
}

#[async_trait]
impl LogReader for FaultyStore {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        self.inner.epoch().await
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        self.fault().await?;
        let reads = self.reads.fetch_add(1, Ordering::SeqCst);
        let broken = self.broken_from.load(Ordering::SeqCst) as u64;
        if broken > 0 && from.0 >= broken {
            return Err(StoreError::Away("unplugged".into()));
        }
        if self.unreadable.lock().as_deref() == Some(stream.as_str()) {
            return Err(StoreError::Away("unplugged".into()));
        }
        let joined_after = self.joined_after.load(Ordering::SeqCst);
        if joined_after > 0 && reads >= joined_after {
            let all = self.inner.read(stream, Offset(0), usize::MAX).await?;
            return Ok(joined(&all)
                .filter(|whole| from < whole.next())
                .into_iter()
                .collect());
        }
        let mut batches = self.inner.read(stream, from, max_bytes).await?;
        let damaged = self.damaged.lock();
        let of_stream = damaged.iter().filter(|(name, ..)| name == stream.as_str());
        for &(_, first, next) in of_stream {
            let (first, next) = (Offset(first), Offset(next));
            if first <= from && from < next {
                return Err(StoreError::Damaged(Damage {
                    stream: stream.clone(),
                    from: first,
                    to: next,
                    what: "spoilt".to_owned(),
                }));
            }
            batches.retain(|batch| from >= next || batch.next() <= first);
        }
        Ok(batches)
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        self.fault().await?;
        assert!(!self.panics.load(Ordering::SeqCst), "heads are not asked for");
        self.heads.fetch_add(1, Ordering::SeqCst);
        self.note_thread();
        tokio::task::yield_now().await;
        let corrupt = self.corrupt.lock().clone();
        if let Some(stream) = streams
            .iter()
            .find(|stream| corrupt.as_deref() == Some(stream.as_str()))
        {
            return Err(StoreError::Corrupt {
                stream: stream.clone(),
                what: "spoilt".to_owned(),
            });
        }
        self.inner.extents(streams).await
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        self.fault().await?;
        self.listings.fetch_add(1, Ordering::SeqCst);
        self.note_thread();
        tokio::task::yield_now().await;
        let takes = *self.listing_takes.lock();
        tokio::time::sleep(takes).await;
        self.inner.streams().await
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        self.fault().await?;
        self.inner.first_since(stream, since).await
    }

    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        self.fault().await?;
        if self.knows_nothing.load(Ordering::SeqCst) {
            return Err(StoreError::Away("unplugged".into()));
        }
        self.inner.places(stream, within, needs).await
    }
}

#[async_trait]
impl LogStore for FaultyStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        self.inner.append(drafts).await
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        self.inner.used_keys(keys).await
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        self.inner.trim(retention, now).await
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        self.inner.delete_stream(stream, ending).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.fault().await
    }
}
