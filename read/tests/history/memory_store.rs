//! Keeps batches in memory, as a store is told to by its trait and nothing more.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use lines::log_store::{Draft, PriorRun, StoredKey};
use lines::retention::{Retention, Trimmed};
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamInfo,
    StreamName, Timestamp,
};
use tokio::sync::Mutex;

#[derive(Default)]
struct Kept {
    floor: Offset,
    next: Offset,
    batches: Vec<Arc<Batch>>,
}

#[derive(Default)]
pub(crate) struct MemoryStore {
    streams: Mutex<BTreeMap<StreamName, Kept>>,
}

#[async_trait]
impl LogReader for MemoryStore {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(Epoch::from_text("memory"))
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        let streams = self.streams.lock().await;
        let mut bytes = 0;
        let batches = streams.get(stream).into_iter().flat_map(|kept| &kept.batches);
        let page = batches.filter(|batch| batch.next() > from).take_while(|batch| {
            let taken = bytes == 0 || bytes < max_bytes;
            bytes += batch.lines.ndjson.len();
            taken
        });
        Ok(page.cloned().collect())
    }

    async fn extents(&self, wanted: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        let streams = self.streams.lock().await;
        let extent = |stream| {
            streams.get(stream).map_or(Extent::default(), |kept| Extent {
                first_available: kept.floor,
                next: kept.next,
            })
        };
        Ok(wanted.iter().map(extent).collect())
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        let streams = self.streams.lock().await;
        let info = |(name, kept): (&StreamName, &Kept)| StreamInfo {
            name: name.clone(),
            extent: Extent {
                first_available: kept.floor,
                next: kept.next,
            },
            last_arrival: kept.batches.last().map(|batch| batch.arrived),
            lines_per_second: 0.0,
        };
        Ok(Arc::new(Listing::new(streams.iter().map(info).collect())))
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        let streams = self.streams.lock().await;
        let kept = streams.get(stream);
        let first = kept.and_then(|kept| kept.batches.iter().find(|batch| batch.lines.newest >= since));
        // A store may be this coarse only between the batch's first line and the one it names: here it is exact.
        Ok(match first {
            None => kept.map_or(Offset::ZERO, |kept| kept.next),
            Some(batch) => {
                let since = format!("{{\"ts\":\"{since}");
                let skipped = batch
                    .lines
                    .iter()
                    .take_while(|line| line[..since.len()] < *since.as_bytes());
                batch.first.plus(skipped.count() as u64)
            }
        })
    }
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        let mut streams = self.streams.lock().await;
        let mut append = |draft: Draft| {
            let kept = streams.entry(draft.stream.clone()).or_default();
            let batch = Arc::new(Batch {
                stream: draft.stream,
                first: kept.next,
                arrived: draft.arrived.unwrap_or_else(Timestamp::now),
                lines: draft.lines,
            });
            kept.next = batch.next();
            kept.batches.push(Arc::clone(&batch));
            Ok(batch)
        };
        drafts.into_iter().map(&mut append).collect()
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        Ok(vec![None; keys.len()])
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        let mut trimmed = Trimmed::default();
        let Some(age) = retention.age else {
            return Ok(trimmed);
        };
        let oldest = Timestamp::from_nanos(now.nanos() - age.as_nanos() as i64);
        for kept in self.streams.lock().await.values_mut() {
            while let Some(batch) = kept.batches.first().filter(|batch| batch.arrived < oldest) {
                kept.floor = batch.next();
                trimmed.batches += 1;
                trimmed.lines += u64::from(batch.lines.count);
                kept.batches.remove(0);
            }
        }
        Ok(trimmed)
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
