//! Makes sketches of lines, by which searches pass over what they would read in vain: beside appends, from what is stored.
//!
//! It comes after, so that no append waits for it: lines are read again once a stream has enough of them for a sketch.
//! Lines that have none yet are read by searches as ever. What was begun is made anew after a crash. Of several processes on
//! one store one does this, as long as the store says that it is to; should two of them do so for a moment, each looks first how
//! far the other one has come.
//!
//! A sketch takes the same room whatever its lines; so it is of as many lines as take [`Sizes::block`] bytes a block where they
//! are compressed, which is what keeps all sketches below a twentieth of what is stored.
//!
//! Knows no database.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::sketch::{BLOCKS, Draft, Reach, told};
use lines::{Batch, Extent, LogStore, Offset, StoreError, StreamInfo, StreamName};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::encoding::{Compression, compress};

/// What is read at a time, in bytes of NDJSON.
const PAGE_BYTES: usize = 1024 * 1024;
/// How much of a block is compressed to learn how small all of it becomes: as much as a merged batch has.
const SAMPLE_BYTES: usize = 256 * 1024;

/// How often streams are looked for that have grown.
const EVERY: Duration = Duration::from_secs(30);
/// A listing that takes long comes less often: for so many times as long there is no other one.
const LISTING_RESTS: u32 = 50;
/// How long it counts that this process is to make sketches. It asks again after that, whatever it does: the store gives the
/// turn to another process when this one does not ask every minute.
const TURN: Duration = Duration::from_secs(30);

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
    /// When the store last said that it is this process that makes sketches.
    turn: Option<Instant>,
    /// How long the last listing took.
    listing_took: Duration,
}

/// How far one stream has come.
#[derive(Debug, Clone, Copy)]
struct Progress {
    /// Lines before this one have a sketch, or can have none.
    done: Offset,
    /// Before the stream ends here, it has too few more.
    wanted: Offset,
    /// Where the stream ended when it was last looked at.
    seen: Offset,
    /// Whether the sketches that there were are known to be of its lines.
    is_checked: bool,
}

/// A sketch that is being made, and what is known of how much room its lines take.
struct Work {
    sizes: Sizes,
    draft: Draft,
    /// Bytes of the last block's lines.
    raw: usize,
    /// The first of these lines, together: they may come one by one, and are compressed together once they are merged.
    sample: Vec<u8>,
    /// How much of the sample was compressed.
    measured: usize,
    /// How small lines become: so many bytes of so many.
    ratio: (usize, usize),
    /// What the blocks before the last one take, compressed.
    before: usize,
}

/// What came of an attempt.
enum Made {
    /// A sketch is kept that reaches up to here.
    Kept(Offset),
    /// These lines can have none.
    Hole(Offset),
    /// The stream has too few lines so far: it may have enough when it ends here.
    TooFew(Offset),
    /// Not now, and of no other stream: there is no room, or it is another process that does it.
    Later,
    /// The store keeps no sketches.
    Never,
}

/// What is left to do when a stream was looked at.
enum Left {
    /// The other streams.
    Others,
    /// Nothing now.
    Later,
    /// Nothing, ever.
    Never,
}

impl Sketcher {
    /// For this store.
    pub fn new(store: Arc<dyn LogStore>, sizes: Sizes) -> Self {
        Self {
            store,
            sizes,
            streams: HashMap::new(),
            turn: None,
            listing_took: Duration::ZERO,
        }
    }

    /// Works until `shutdown`. What fails is tried again the next time.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let work = async {
            loop {
                match self.round().await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::debug!(%error, "no sketches could be made, trying again later");
                    }
                }
                self.rest(EVERY.max(self.listing_took * LISTING_RESTS)).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => {}
        }
    }

    /// Makes every sketch that can be made now, if it is this process that makes them. `false` when the store keeps none at all.
    /// Rests after each for as long as it took: so it never takes more than half of a processor.
    pub async fn round(&mut self) -> Result<bool, StoreError> {
        if !self.has_turn().await? {
            return Ok(true);
        }
        let began = Instant::now();
        let listing = self.store.streams().await?;
        self.listing_took = began.elapsed();
        let mut first_error = None;
        for info in listing.iter() {
            match self.stream(info).await {
                Ok(Left::Others) => {}
                // To read the other streams would be for nothing, too.
                Ok(Left::Later) => break,
                Ok(Left::Never) => return Ok(false),
                // Something of this stream may be what is wrong.
                Err(error) if !error.is_absence() => first_error = first_error.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        first_error.map_or(Ok(true), Err)
    }

    /// Whether it is this process that makes sketches. What it knew of streams is out of date when it is so again.
    async fn has_turn(&mut self) -> Result<bool, StoreError> {
        if self.turn.is_some_and(|since| since.elapsed() < TURN) {
            return Ok(true);
        }
        let asked = Instant::now();
        let has_turn = self.store.is_to_sketch().await?;
        self.turn = has_turn.then_some(asked);
        if !has_turn {
            self.streams.clear();
            self.listing_took = Duration::ZERO;
        }
        Ok(has_turn)
    }

    /// Rests, and keeps its turn meanwhile if it has it.
    async fn rest(&mut self, time: Duration) {
        let ends = Instant::now() + time;
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            sleep(left.min(TURN)).await;
            if left <= TURN {
                return;
            }
            if let Err(error) = self.has_turn().await {
                tracing::debug!(%error, "it is not known who makes sketches, asking again later");
            }
        }
    }

    async fn stream(&mut self, info: &StreamInfo) -> Result<Left, StoreError> {
        let (name, extent) = (&info.name, info.extent);
        let mut progress = self
            .streams
            .get(name)
            .copied()
            // A stream that became shorter is another one: the database went back.
            .filter(|known| known.seen <= extent.next)
            .unwrap_or_else(|| Progress::unknown(extent, self.sizes));
        progress.seen = extent.next;
        while extent.next >= progress.wanted {
            let began = Instant::now();
            if !progress.is_checked {
                let Some(done) = self.check(name, extent).await? else {
                    return Ok(Left::Never);
                };
                progress.done = progress.done.max(done);
                progress.is_checked = true;
            }
            let made = self.make(name, progress.done.max(extent.first_available), extent.next);
            match made.await? {
                Made::Kept(next) | Made::Hole(next) => {
                    progress.done = next;
                    progress.wanted = next.plus(self.sizes.fewest);
                }
                Made::TooFew(wanted) => progress.wanted = wanted.max(extent.next.plus(1)),
                Made::Later => return Ok(Left::Later),
                Made::Never => return Ok(Left::Never),
            }
            self.streams.insert(name.clone(), progress);
            self.rest(began.elapsed()).await;
        }
        if let Some(known) = self.streams.get_mut(name) {
            known.seen = extent.next;
        }
        Ok(Left::Others)
    }

    /// Makes the next sketch of a stream, whose lines up to `head` are there.
    async fn make(&mut self, stream: &StreamName, done: Offset, head: Offset) -> Result<Made, StoreError> {
        let Some(sketched) = self.store.sketched(stream, head).await? else {
            return Ok(Made::Never);
        };
        let begin = done.max(sketched.next);
        let mut work = Work::new(begin, self.sizes);
        while work.draft.next() < head {
            if !self.has_turn().await? {
                return Ok(Made::Later);
            }
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
                if !self.store.keep_sketch(stream, sketch).await? {
                    return Ok(Made::Later);
                }
                metrics::counter!("tailcast_store_sketched_lines_total").increment(next.since(begin));
                metrics::counter!("tailcast_store_sketch_bytes_total").increment(bytes as u64);
                return Ok(Made::Kept(next));
            }
        }
        Ok(Made::TooFew(work.wanted(begin)))
    }

    /// Up to where sketches are of the lines that are there; nothing from a store that keeps none. In a database that was brought
    /// back from a backup of two moments the last ones may be of lines that were lost: beyond the stream's end, or of
    /// offsets that other lines have by now. Those are removed.
    async fn check(&self, stream: &StreamName, extent: Extent) -> Result<Option<Offset>, StoreError> {
        let Some(newest) = self.store.sketched(stream, Offset(u64::MAX)).await? else {
            return Ok(None);
        };
        let mut reach = newest;
        while reach.next > extent.first_available && !self.is_of(stream, reach, extent).await? {
            let before = Offset(reach.next.0.saturating_sub(1));
            reach = self.store.sketched(stream, before).await?.unwrap_or_default();
        }
        if reach != newest {
            let (sketched, right) = (newest.next, reach.next);
            tracing::warn!(%stream, %sketched, %right, "sketches are of lines that are no longer there, they are removed");
            self.store.forget_sketches(stream, reach.next).await?;
        }
        Ok(Some(reach.next))
    }

    /// Whether the last line that a sketch is of is the one that is there. A damaged one says nothing.
    async fn is_of(&self, stream: &StreamName, reach: Reach, extent: Extent) -> Result<bool, StoreError> {
        let last = Offset(reach.next.0.saturating_sub(1));
        if last >= extent.next {
            // It was listed a moment ago, and grows.
            let extents = self.store.extents(std::slice::from_ref(stream)).await?;
            if extents.first().is_none_or(|extent| last >= extent.next) {
                return Ok(false);
            }
        }
        let batches = match self.store.read(stream, last, 1).await {
            Ok(batches) => batches,
            Err(StoreError::Damaged(_)) => return Ok(true),
            Err(error) => return Err(error),
        };
        let line = batches.first().and_then(|batch| {
            let skip = usize::try_from(last.0.checked_sub(batch.first.0)?).ok()?;
            batch.lines.iter().nth(skip)
        });
        Ok(line.is_none_or(|line| told(line) == reach.last))
    }
}

impl Progress {
    /// Of a stream of which so much is kept.
    fn unknown(extent: Extent, sizes: Sizes) -> Self {
        Self {
            done: extent.first_available,
            wanted: extent.first_available.plus(sizes.fewest),
            seen: extent.next,
            is_checked: false,
        }
    }
}

impl Work {
    fn new(first: Offset, sizes: Sizes) -> Self {
        Self {
            sizes,
            draft: Draft::new(first),
            raw: 0,
            sample: Vec::new(),
            measured: 0,
            ratio: (1, 1),
            before: 0,
        }
    }

    /// Adds a batch, and says whether that was the last one.
    fn add(&mut self, batch: &Batch) -> bool {
        if self.draft.blocks() == 0 || self.is_full() {
            self.before += self.block();
            self.draft.begin();
            self.sample.clear();
            (self.raw, self.measured) = (0, 0);
        }
        self.draft.add(batch);
        let ndjson = &batch.lines.ndjson;
        self.raw += ndjson.len();
        let room = SAMPLE_BYTES - self.sample.len();
        self.sample.extend_from_slice(&ndjson[..ndjson.len().min(room)]);
        if self.is_full() && self.sample.len() > self.measured * 2 {
            self.measure();
        }
        self.draft.blocks() == BLOCKS && self.is_full()
    }

    fn measure(&mut self) {
        let sample = self.sample.len();
        let small = compress(&self.sample, Compression::Zstd).map_or(sample, |small| small.len());
        self.ratio = (small.max(1), sample.max(1));
        self.measured = sample;
    }

    /// What the last block takes, compressed.
    fn block(&self) -> usize {
        let (small, of) = self.ratio;
        self.raw.saturating_mul(small) / of
    }

    fn is_full(&self) -> bool {
        self.block() >= self.sizes.block
    }

    /// Where the lines may end that are enough, by what these were like.
    fn wanted(&self, begin: Offset) -> Offset {
        let lines = self.draft.next().since(begin).max(self.sizes.fewest);
        let whole = (self.sizes.block * BLOCKS) as u64;
        let all = (self.before + self.block()) as u64;
        let enough = lines.saturating_mul(whole) / all.clamp(1, whole);
        begin.plus(enough.clamp(lines + lines / 16, lines.saturating_mul(64)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lines::{Line, Lines, Timestamp};

    use super::*;

    const SIZES: Sizes = Sizes {
        block: 36 * 1024,
        fewest: 16,
    };

    /// What the lines take that a sketch is of, compressed together, when they come so many at a time.
    fn sketched(a_batch: u64) -> usize {
        let mut work = Work::new(Offset::ZERO, SIZES);
        let mut all = Vec::new();
        let mut next = 0;
        loop {
            let line = |nth: u64| {
                let number = nth.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                Line {
                    ts: Timestamp::from_nanos(nth as i64 * 1_000_000),
                    level: None,
                    message: format!(
                        "payment accepted for order {:08x} after {} ms",
                        number >> 32,
                        nth % 700
                    ),
                    fields: Vec::new(),
                }
            };
            let lines: Vec<Line> = (next..next + a_batch).map(line).collect();
            let batch = Batch {
                stream: StreamName::parse("s").unwrap(),
                first: Offset(next),
                arrived: Timestamp::from_nanos(0),
                lines: Lines::encode(&lines).unwrap(),
            };
            next += a_batch;
            all.extend_from_slice(&batch.lines.ndjson);
            if work.add(&batch) {
                break;
            }
        }
        let merged = all.chunks(SAMPLE_BYTES);
        merged
            .map(|part| compress(part, Compression::Zstd).unwrap().len())
            .sum()
    }

    #[test]
    fn a_sketch_is_of_as_many_lines_as_take_some_room_together_however_few_came_at_a_time() {
        let whole = SIZES.block * BLOCKS;
        for a_batch in [1, 30, 2_000] {
            let bytes = sketched(a_batch);
            assert!(bytes > whole - whole / 6, "{a_batch} a batch: {bytes} of {whole}");
            assert!(bytes < whole + whole / 3, "{a_batch} a batch: {bytes} of {whole}");
        }
    }
}
