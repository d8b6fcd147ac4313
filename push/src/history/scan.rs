//! From a question to the lines that answer it.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Instant;

use collect::store::StoreError;
use collect::{Batch, Extent, LogStore, Offset, StreamName};

use super::answer::{Answer, Format};
use super::holes::Holes;
use super::query::{Portion, Query};
use super::wanted::{Wanted, numbered};
use super::{Limits, Parts, in_time};

/// How many lines a search backwards looks at first; then twice as many, and so on, while they are short.
const FIRST_WINDOW: u64 = 256;
/// What a line takes, in bytes, roughly: to guess how much to read for a few of them.
const USUAL_LINE: u64 = 256;
/// The least that is read at a time, in bytes.
const LEAST_READ: usize = 64 * 1024;

/// What is to be read, and what of it is wanted.
pub(super) struct Scan {
    store: Arc<dyn LogStore>,
    limits: Limits,
    stream: StreamName,
    /// The next offset to read.
    start: Offset,
    /// The offset to stop before: what lies behind it up to `asked` is known not to be wanted.
    end: Offset,
    /// The end of what was asked for.
    asked: Offset,
    wanted: Wanted,
    portion: Portion,
    /// What of a plain range could not be had so far.
    holes: Holes,
}

/// What a look through the range comes to.
pub(super) enum Found<'a> {
    /// A line that is wanted.
    Line(Offset, &'a [u8]),
    /// Lines that cannot be had, whether they are wanted or not.
    Damaged(Range<Offset>),
}

/// What lies at an offset.
enum Read {
    /// Batches; none at the range's end.
    Batches(Vec<Arc<Batch>>),
    /// Lines that cannot be had.
    Damaged(Range<Offset>),
}

/// What was found on the way back.
struct Window {
    /// Where it begins.
    start: Offset,
    /// With their offsets, spliced.
    lines: VecDeque<(Offset, Vec<u8>)>,
    holes: Holes,
}

/// What a search may still read.
struct Budget {
    bytes: usize,
    ends: Instant,
}

impl Scan {
    /// Settles where to begin and to end.
    pub(super) async fn plan(
        parts: &Parts,
        query: &Query,
        portion: Portion,
        extent: Extent,
    ) -> Result<Self, StoreError> {
        let Parts { store, limits, .. } = parts;
        let mut start = query.from.unwrap_or_default().max(extent.first_available);
        let asked = query.to.unwrap_or(extent.next).min(extent.next);
        let mut end = asked;
        if let Some(since) = query.since {
            let first = in_time(limits.store_deadline, store.first_since(&query.stream, since)).await?;
            start = start.max(first);
        }
        if let Some(until) = query.until {
            // Only to read less: a store that finds it as hard as reading is not waited for.
            let after = in_time(limits.store_deadline / 4, store.end_before(&query.stream, until)).await;
            end = end.min(after.unwrap_or(end));
        }
        end = end.max(start);
        let mut scan = Self {
            store: Arc::clone(store),
            limits: *limits,
            stream: query.stream.clone(),
            start,
            end,
            asked: asked.max(start),
            wanted: Wanted {
                filter: query.filter.clone(),
                since: query.since,
                until: query.until,
            },
            portion,
            holes: Holes::default(),
        };
        if scan.wanted.is_everything() {
            if let Some(last) = portion.last {
                scan.start = scan.start.max(Offset(scan.end.0.saturating_sub(last)));
            }
            scan.end = scan.end.min(scan.start.plus(portion.limit));
        }
        Ok(scan)
    }

    /// Whether the answer is everything from one offset to another.
    pub(super) fn is_plain_range(&self) -> bool {
        self.wanted.is_everything()
    }

    pub(super) fn start(&self) -> Offset {
        self.start
    }

    pub(super) fn end(&self) -> Offset {
        self.end
    }

    /// The next page of a plain range, spliced. Empty at the range's end.
    pub(super) async fn page(&mut self, format: Format) -> Result<Vec<u8>, StoreError> {
        let batches = match self.read(self.start, self.end).await? {
            Read::Batches(batches) => batches,
            Read::Damaged(hole) => {
                let mut out = Vec::new();
                format.splice_hole(&hole, &mut out);
                self.start = hole.end;
                self.holes.push(hole);
                return Ok(out);
            }
        };
        let bytes: usize = batches.iter().map(|batch| batch.lines.ndjson.len()).sum();
        let mut out = Vec::with_capacity(bytes + bytes / 8);
        for batch in batches {
            for (offset, line) in numbered(&batch) {
                if offset >= self.start && offset < self.end {
                    format.splice(offset, line, &mut out);
                }
            }
            self.start = self.start.max(batch.next()).min(self.end);
        }
        if out.is_empty() {
            self.start = self.end;
        }
        Ok(out)
    }

    /// What of a plain range could not be had.
    pub(super) fn holes(self) -> Holes {
        self.holes
    }

    /// Looks at lines one by one, and collects those that are wanted.
    pub(super) async fn search(self, format: Format) -> Result<Answer, StoreError> {
        match self.portion.last {
            _ if self.portion.limit == 0 => {
                let none = Holes::default();
                Ok(Answer::collected(Vec::new(), none, self.start, self.start))
            }
            Some(last) => self.search_backwards(last, format).await,
            None => self.search_forwards(format).await,
        }
    }

    async fn search_forwards(self, format: Format) -> Result<Answer, StoreError> {
        let (mut body, mut holes) = (Vec::new(), Holes::default());
        let mut count = 0;
        let next = self.walk(|found| match found {
            Found::Line(offset, line) => {
                format.splice(offset, line, &mut body);
                count += 1;
                match count >= self.portion.limit || body.len() >= self.limits.answer_bytes {
                    true => ControlFlow::Break(offset.plus(1)),
                    false => ControlFlow::Continue(()),
                }
            }
            Found::Damaged(hole) => {
                format.splice_hole(&hole, &mut body);
                holes.push(hole);
                ControlFlow::Continue(())
            }
        });
        let next = next.await?;
        Ok(Answer::collected(body, holes, self.start, next))
    }

    /// Hands every line that is wanted, and what cannot be had, to `take`, in order, until that says at which offset to stop, all is looked
    /// through, or as much is read as one answer may. Says up to where it came: at least a page further, unless `take`
    /// stopped it.
    pub(super) async fn walk(
        &self,
        mut take: impl FnMut(Found<'_>) -> ControlFlow<Offset>,
    ) -> Result<Offset, StoreError> {
        let mut budget = self.budget();
        let mut next = self.start;
        while next < self.end {
            let batches = match self.read(next, self.end).await? {
                Read::Batches(batches) => batches,
                Read::Damaged(hole) => {
                    next = hole.end;
                    if let ControlFlow::Break(stop) = take(Found::Damaged(hole)) {
                        return Ok(stop);
                    }
                    if budget.is_spent() {
                        break;
                    }
                    continue;
                }
            };
            if batches.is_empty() {
                next = self.end;
            }
            for batch in batches {
                budget.spend(&batch);
                for (offset, line) in self.wanted.of(&batch, next, self.end) {
                    if let ControlFlow::Break(stop) = take(Found::Line(offset, line)) {
                        return Ok(stop);
                    }
                }
                next = batch.next().max(next);
            }
            // Only here, so that every answer gets on by a page.
            if budget.is_spent() {
                break;
            }
        }
        Ok(if next < self.end { next } else { self.asked })
    }

    /// Windows from the end backwards, each read forwards, since that is how a store reads.
    async fn search_backwards(self, last: u64, format: Format) -> Result<Answer, StoreError> {
        let mut budget = self.budget();
        let mut found: VecDeque<(Offset, Vec<u8>)> = VecDeque::new();
        let mut holes = Holes::default();
        let mut bytes = 0;
        let mut from = self.end;
        let mut width = FIRST_WINDOW;
        while from > self.start && (found.len() as u64) < last && !budget.is_spent() {
            let window = Offset(from.0.saturating_sub(width)).max(self.start);
            let missing = last - found.len() as u64;
            let before = budget.bytes;
            let Some(newer) = self.window(window, from, missing, format, &mut budget).await? else {
                break;
            };
            from = newer.start;
            let later = std::mem::replace(&mut holes, newer.holes);
            holes.extend(later);
            for (offset, line) in newer.lines.into_iter().rev() {
                if bytes >= self.limits.answer_bytes {
                    break;
                }
                bytes += line.len();
                found.push_front((offset, line));
            }
            if bytes >= self.limits.answer_bytes {
                break;
            }
            if before.saturating_sub(budget.bytes) < self.limits.page_bytes {
                width = width.saturating_mul(2);
            }
        }
        let enough = found.len() as u64 >= last || bytes >= self.limits.answer_bytes;
        if let (true, Some((oldest, _))) = (enough, found.front()) {
            from = *oldest;
        }
        let next = match found.get(usize::try_from(self.portion.limit).unwrap_or(usize::MAX)) {
            Some((over, _)) => *over,
            None => self.asked,
        };
        let mut body = Vec::with_capacity(bytes);
        let holes = holes.within(from, next);
        let mut untold = holes.iter().peekable();
        for (offset, line) in found.iter().take_while(|(offset, _)| *offset < next) {
            while let Some(hole) = untold.next_if(|hole| hole.start < *offset) {
                format.splice_hole(hole, &mut body);
            }
            body.extend_from_slice(line);
        }
        untold.for_each(|hole| format.splice_hole(hole, &mut body));
        Ok(Answer::collected(body, holes, from, next))
    }

    /// The last `count` lines that are wanted of a window; nothing when time runs out within it. The window reaches
    /// back to where its first batch begins, so that no batch is read for two windows.
    async fn window(
        &self,
        start: Offset,
        end: Offset,
        count: u64,
        format: Format,
        budget: &mut Budget,
    ) -> Result<Option<Window>, StoreError> {
        let mut start = start;
        let mut found: VecDeque<(Offset, Vec<u8>)> = VecDeque::new();
        let mut holes = Holes::default();
        let mut bytes = 0;
        let mut next = start;
        while next < end {
            if budget.is_late() {
                return Ok(None);
            }
            let batches = match self.read(next, end).await? {
                Read::Batches(batches) => batches,
                Read::Damaged(hole) => {
                    next = hole.end;
                    holes.push(hole);
                    continue;
                }
            };
            if batches.is_empty() {
                break;
            }
            for batch in batches {
                budget.spend(&batch);
                if batch.first < start {
                    start = batch.first.max(self.start);
                    next = start;
                }
                for (offset, line) in self.wanted.of(&batch, next, end) {
                    let mut spliced = Vec::with_capacity(line.len() + 32);
                    format.splice(offset, line, &mut spliced);
                    bytes += spliced.len();
                    found.push_back((offset, spliced));
                    // What is dropped for its bytes was in excess of an answer by itself.
                    while let Some((_, oldest)) = found.front()
                        && (found.len() as u64 > count || bytes - oldest.len() >= self.limits.answer_bytes)
                    {
                        bytes -= oldest.len();
                        found.pop_front();
                    }
                }
                next = batch.next().max(next);
            }
        }
        Ok(Some(Window {
            start,
            lines: found,
            holes,
        }))
    }

    fn budget(&self) -> Budget {
        Budget {
            bytes: self.limits.scan_bytes,
            ends: Instant::now() + self.limits.scan_time,
        }
    }

    /// One page of the store, from `from`; nothing at or after `end`.
    async fn read(&self, from: Offset, end: Offset) -> Result<Read, StoreError> {
        if from >= end {
            return Ok(Read::Batches(Vec::new()));
        }
        let guess = usize::try_from(end.since(from).saturating_mul(USUAL_LINE)).unwrap_or(usize::MAX);
        let bytes = guess.max(LEAST_READ).min(self.limits.page_bytes);
        let page = self.store.read(&self.stream, from, bytes);
        match in_time(self.limits.store_deadline, page).await {
            Ok(mut batches) => {
                batches.retain(|batch| batch.first < end && batch.next() > from);
                Ok(Read::Batches(batches))
            }
            Err(StoreError::Damaged(damage)) if damage.from >= end => Ok(Read::Batches(Vec::new())),
            Err(StoreError::Damaged(damage)) => {
                let to = damage.to.max(from.plus(1)).min(end);
                Ok(Read::Damaged(damage.from.max(from)..to))
            }
            Err(error) => Err(error),
        }
    }
}

impl Budget {
    fn spend(&mut self, batch: &Batch) {
        self.bytes = self.bytes.saturating_sub(batch.lines.ndjson.len());
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.ends
    }

    fn is_spent(&self) -> bool {
        self.bytes == 0 || self.is_late()
    }
}
