//! Makes sketches of lines, by which searches pass over what they would read in vain: beside appends, from what is stored.
//!
//! It comes after, so that no append waits for it: lines are read again once a stream has enough of them for a sketch.
//! Lines that have none yet are read by searches as ever. What was begun is made anew after a crash. Several processes may
//! do this on one store: each looks first how far another one has come.
//!
//! A sketch takes the same room whatever its lines; so it is of as many lines as take [`Sizes::block`] bytes a block where they
//! are compressed, which is what keeps all sketches below a twentieth of what is stored.
//!
//! Knows no database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lines::sketch::{BLOCKS, Draft};
use lines::{Batch, LogStore, Offset, StoreError, StreamInfo, StreamName};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::encoding::{Compression, compress};

/// What is read at a time, in bytes of NDJSON.
const PAGE_BYTES: usize = 1024 * 1024;
/// How much of a block is compressed to learn how small all of it becomes.
const SAMPLE_BYTES: usize = 64 * 1024;

/// How often streams are looked for that have grown.
const EVERY: Duration = Duration::from_secs(30);

/// Of how many lines sketches are.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// What the lines of a block take, compressed, in bytes: 144 KiB. A block's part of a sketch takes 6 kB.
    pub block: usize,
    /// A stream with fewer lines that have no sketch is not looked at: 4,096. They are read in a few milliseconds.
    pub fewest: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            block: 144 * 1024,
            fewest: 4096,
        }
    }
}

/// Makes sketches, again and again.
pub struct Sketcher {
    store: Arc<dyn LogStore>,
    sizes: Sizes,
    /// What is known of the streams that are large enough.
    streams: HashMap<StreamName, Progress>,
}

/// How far one stream has come.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// Lines before this one have a sketch, or can have none.
    done: Offset,
    /// Before the stream ends here, it has too few more.
    wanted: Offset,
}

/// A sketch that is being made, and what is known of how much room its lines take.
struct Work {
    sizes: Sizes,
    draft: Draft,
    /// What the last block takes, compressed.
    block: usize,
    /// What all of it takes.
    all: usize,
    /// How small lines become: so many bytes of so many.
    ratio: (usize, usize),
}

/// What came of an attempt.
enum Made {
    /// A sketch is kept that reaches up to here.
    Kept(Offset),
    /// These lines can have none.
    Hole(Offset),
    /// The stream has too few lines so far: it may have enough when it ends here.
    TooFew(Offset),
    /// The store keeps no sketches.
    Never,
}

impl Sketcher {
    /// For this store.
    pub fn new(store: Arc<dyn LogStore>, sizes: Sizes) -> Self {
        Self {
            store,
            sizes,
            streams: HashMap::new(),
        }
    }

    /// Works until `shutdown`. What fails is tried again the next time.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                ticks.tick().await;
                match self.round().await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::debug!(%error, "no sketches could be made, trying again later");
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Makes every sketch that can be made now. `false` when the store keeps none at all. Rests after each for as long as it
    /// took: so it never takes more than half of a processor.
    pub async fn round(&mut self) -> Result<bool, StoreError> {
        let listing = self.store.streams().await?;
        let mut first_error = None;
        for info in listing.iter() {
            match self.stream(info).await {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                // Something of this stream may be what is wrong.
                Err(error) if !error.is_absence() => first_error = first_error.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        first_error.map_or(Ok(true), Err)
    }

    async fn stream(&mut self, info: &StreamInfo) -> Result<bool, StoreError> {
        let (name, extent) = (&info.name, info.extent);
        let mut progress = self.streams.get(name).copied().unwrap_or(Progress {
            done: extent.first_available,
            wanted: extent.first_available.plus(self.sizes.fewest),
        });
        while extent.next >= progress.wanted {
            let began = Instant::now();
            let made = self
                .make(name, progress.done.max(extent.first_available), extent.next)
                .await?;
            match made {
                Made::Kept(next) | Made::Hole(next) => {
                    progress.done = next;
                    progress.wanted = next.plus(self.sizes.fewest);
                }
                Made::TooFew(wanted) => progress.wanted = wanted.max(extent.next.plus(1)),
                Made::Never => return Ok(false),
            }
            self.streams.insert(name.clone(), progress);
            sleep(began.elapsed()).await;
        }
        Ok(true)
    }

    /// Makes the next sketch of a stream, whose lines up to `head` are there.
    async fn make(&self, stream: &StreamName, done: Offset, head: Offset) -> Result<Made, StoreError> {
        let Some(mut sketched) = self.store.sketched(stream).await? else {
            return Ok(Made::Never);
        };
        if sketched > head {
            sketched = self.check(stream, sketched).await?;
        }
        let begin = done.max(sketched);
        let mut work = Work::new(begin, self.sizes);
        while work.draft.next() < head {
            let at = work.draft.next();
            let batches = match self.store.read(stream, at, PAGE_BYTES).await {
                Ok(batches) => batches,
                // Without a sketch they are read, and so whoever searches is told.
                Err(StoreError::Damaged(damage)) => return Ok(Made::Hole(damage.to.max(at.plus(1)))),
                Err(error) => return Err(error),
            };
            match batches.first() {
                None => break,
                // Retention was quicker.
                Some(first) if first.first > at => return Ok(Made::Hole(first.first)),
                Some(_) => {}
            }
            let adding = tokio::task::spawn_blocking(move || {
                let is_full = batches.iter().any(|batch| work.add(batch));
                (work, is_full)
            });
            let is_full;
            (work, is_full) = adding
                .await
                .map_err(|stopped| StoreError::Away(Box::new(stopped)))?;
            if is_full {
                let (next, sketch) = (work.draft.next(), work.draft.done());
                let bytes: usize = sketch.slices.iter().map(|slice| slice.len()).sum();
                self.store.keep_sketch(stream, sketch).await?;
                metrics::counter!("tailcast_store_sketched_lines_total").increment(next.since(begin));
                metrics::counter!("tailcast_store_sketch_bytes_total").increment(bytes as u64);
                return Ok(Made::Kept(next));
            }
        }
        Ok(Made::TooFew(work.wanted(begin)))
    }

    /// Up to where sketches are of lines that are there. In a database that was brought back from a backup they may reach
    /// beyond the stream's end, and other lines will have these offsets.
    async fn check(&self, stream: &StreamName, sketched: Offset) -> Result<Offset, StoreError> {
        let extents = self.store.extents(std::slice::from_ref(stream)).await?;
        let head = extents.first().copied().unwrap_or_default().next;
        if sketched <= head {
            return Ok(sketched);
        }
        tracing::warn!(%stream, %sketched, %head, "sketches reach beyond the end of a stream, they are removed");
        self.store.forget_sketches(stream, head).await?;
        Ok(self.store.sketched(stream).await?.unwrap_or_default())
    }
}

impl Work {
    fn new(first: Offset, sizes: Sizes) -> Self {
        Self {
            sizes,
            draft: Draft::new(first),
            block: sizes.block,
            all: 0,
            ratio: (1, 1),
        }
    }

    /// Adds a batch, and says whether that was the last one.
    fn add(&mut self, batch: &Batch) -> bool {
        let ndjson = &batch.lines.ndjson;
        if self.block >= self.sizes.block {
            self.block = 0;
            self.draft.begin();
            let sample = &ndjson[..ndjson.len().min(SAMPLE_BYTES)];
            let small = compress(sample, Compression::Zstd).map_or(sample.len(), |small| small.len());
            self.ratio = (small.max(1), sample.len().max(1));
        }
        self.draft.add(batch);
        let (small, of) = self.ratio;
        let bytes = ndjson.len().saturating_mul(small) / of;
        self.block += bytes;
        self.all += bytes;
        self.draft.blocks() == BLOCKS && self.block >= self.sizes.block
    }

    /// Where the lines may end that are enough, by what these were like.
    fn wanted(&self, begin: Offset) -> Offset {
        let lines = self.draft.next().since(begin).max(self.sizes.fewest);
        let whole = (self.sizes.block * BLOCKS) as u64;
        let enough = lines.saturating_mul(whole) / (self.all as u64).clamp(1, whole);
        begin.plus(enough.clamp(lines + lines / 16, lines.saturating_mul(64)))
    }
}
