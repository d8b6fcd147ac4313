//! Keeps batches in memory: the store under the tests of sessions and of questions, held to the behaviour of the others.
//!
//! What is trimmed is gone: nothing is hidden, brought back or damaged here, and time is this machine's.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use lines::filter::needs::Needs;
use lines::log_store::{Draft, PriorRun, StoredKey};
use lines::retention::{Deleted, Deletion, Retention, Trimmed};
use lines::sketch::place;
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamInfo,
    StreamName, Timestamp,
};
use tokio::sync::Mutex;

/// The most NDJSON of a batch.
const MOST_BYTES: usize = 12 * 1024 * 1024;

/// The most batches that one call of `trim` removes.
const TRIM_BATCHES: u64 = 100;

const MINUTE_NANOS: i64 = 60_000_000_000;

#[derive(Default)]
struct Kept {
    floor: Offset,
    next: Offset,
    deleted: Offset,
    batches: Vec<Arc<Batch>>,
    keys: HashMap<StoredKey, PriorRun>,
}

#[derive(Default)]
pub(crate) struct MemoryStore {
    streams: Mutex<BTreeMap<StreamName, Kept>>,
}

impl Kept {
    fn append(&mut self, draft: Draft) -> Result<Arc<Batch>, AppendError> {
        let used: Vec<PriorRun> = draft
            .keys
            .iter()
            .filter_map(|run| self.keys.get(&run.key).cloned())
            .collect();
        if !used.is_empty() {
            return Err(AppendError::KeysUsed(used));
        }
        let batch = Arc::new(Batch {
            stream: draft.stream,
            first: self.next,
            arrived: draft.arrived.unwrap_or_else(Timestamp::now),
            lines: draft.lines,
        });
        for run in draft.keys {
            let first = batch.first.plus(run.skip.into());
            let prior = PriorRun {
                key: run.key.clone(),
                digest: run.digest,
                first,
                next: first.plus(run.count.into()),
            };
            self.keys.insert(run.key, prior);
        }
        self.next = batch.next();
        self.batches.push(Arc::clone(&batch));
        Ok(batch)
    }

    fn extent(&self) -> Extent {
        Extent {
            first_available: self.floor,
            next: self.next,
            deleted: self.deleted,
        }
    }

    fn remove_oldest(&mut self, trimmed: &mut Trimmed) {
        let batch = self.batches.remove(0);
        self.floor = batch.next();
        trimmed.batches += 1;
        trimmed.lines += u64::from(batch.lines.count);
        self.keys.retain(|_, run| run.next > self.floor);
    }

    fn is_older(&self, than: Option<Timestamp>) -> bool {
        let oldest = self.batches.first().map(|batch| batch.arrived);
        oldest.zip(than).is_some_and(|(oldest, than)| oldest < than)
    }
}

/// The stream that holds the oldest batch of all, and how much NDJSON there is.
fn oldest_of(streams: &mut BTreeMap<StreamName, Kept>) -> (Option<&mut Kept>, u64) {
    let batches = streams.values().flat_map(|kept| &kept.batches);
    let bytes = batches.map(|batch| batch.lines.ndjson.len() as u64).sum();
    let kept = streams.values_mut().filter(|kept| !kept.batches.is_empty());
    (kept.min_by_key(|kept| kept.batches[0].arrived), bytes)
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

    /// To the batch: nobody can know more without saying which lines match.
    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        let streams = self.streams.lock().await;
        let mut places = Vec::new();
        let mut at = within.start;
        for batch in streams.get(stream).into_iter().flat_map(|kept| &kept.batches) {
            place(at..batch.first, &within, &mut places);
            if needs.may_be_in(&batch.lines.ndjson) {
                place(batch.first..batch.next(), &within, &mut places);
            }
            at = batch.next();
        }
        place(at..within.end, &within, &mut places);
        Ok(places)
    }

    async fn extents(&self, wanted: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        let streams = self.streams.lock().await;
        let extent = |stream| streams.get(stream).map_or(Extent::default(), Kept::extent);
        Ok(wanted.iter().map(extent).collect())
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        let streams = self.streams.lock().await;
        let minute_ago = Timestamp::from_nanos(Timestamp::now().nanos() - MINUTE_NANOS);
        let info = |(name, kept): (&StreamName, &Kept)| {
            let lately = kept.batches.iter().filter(|batch| batch.arrived > minute_ago);
            let lines: u32 = lately.map(|batch| batch.lines.count).sum();
            StreamInfo {
                name: name.clone(),
                extent: kept.extent(),
                last_arrival: kept.batches.last().map(|batch| batch.arrived),
                lines_per_second: f64::from(lines) / 60.0,
            }
        };
        let existing = streams.iter().filter(|(_, kept)| kept.extent().exists());
        let infos = existing.map(info).map(StreamInfo::since_deleted);
        Ok(Arc::new(Listing::new(infos.collect())))
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        let streams = self.streams.lock().await;
        let kept = streams.get(stream);
        let first = kept.and_then(|kept| kept.batches.iter().find(|batch| batch.lines.newest >= since));
        Ok(match first {
            None => kept.map_or(Offset::ZERO, |kept| kept.next),
            Some(batch) => {
                let since = format!("{{\"ts\":\"{since}");
                let is_before = |line: &&[u8]| line[..since.len()] < *since.as_bytes();
                batch
                    .first
                    .plus(batch.lines.iter().take_while(is_before).count() as u64)
            }
        })
    }

    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        let streams = self.streams.lock().await;
        let Some(kept) = streams.get(stream) else {
            return Ok(Offset::ZERO);
        };
        let last = kept.batches.iter().rfind(|batch| batch.lines.oldest < until);
        Ok(last.map_or(kept.floor, |batch| batch.next()))
    }
}

#[async_trait]
impl LogStore for MemoryStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        let mut streams = self.streams.lock().await;
        let append = |draft: Draft| {
            if draft.lines.ndjson.len() > MOST_BYTES {
                return Err(AppendError::NotStored(StoreError::Away(
                    "the batch is too large".into(),
                )));
            }
            streams.entry(draft.stream.clone()).or_default().append(draft)
        };
        drafts.into_iter().map(append).collect()
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        let streams = self.streams.lock().await;
        let used = |(stream, key): &(StreamName, StoredKey)| streams.get(stream)?.keys.get(key).cloned();
        Ok(keys.iter().map(used).collect())
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        let mut trimmed = Trimmed::default();
        let mut streams = self.streams.lock().await;
        let too_old = retention
            .age
            .map(|age| Timestamp::from_nanos(now.nanos() - age.as_nanos() as i64));
        for kept in streams.values_mut() {
            while kept.is_older(too_old) {
                if trimmed.batches == TRIM_BATCHES {
                    trimmed.more = true;
                    return Ok(trimmed);
                }
                kept.remove_oldest(&mut trimmed);
            }
        }
        while let (Some(oldest), bytes) = oldest_of(&mut streams)
            && retention.bytes.is_some_and(|most| bytes > most)
        {
            oldest.remove_oldest(&mut trimmed);
        }
        Ok(trimmed)
    }

    /// The keys stay for good.
    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        let mut streams = self.streams.lock().await;
        let Some(kept) = streams.get_mut(stream).filter(|kept| kept.extent().exists()) else {
            return Ok(Deletion::Absent);
        };
        if ending.is_some_and(|ending| ending != kept.next) {
            return Ok(Deletion::Grown { next: kept.next });
        }
        let deleted = Deleted {
            from: kept.floor,
            next: kept.next,
        };
        kept.batches.clear();
        (kept.floor, kept.deleted) = (kept.next, kept.next);
        Ok(Deletion::Done(deleted))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
