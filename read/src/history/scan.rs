//! From a question to the lines that answer it.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lines::{Batch, Extent, LogReader, Offset, StoreError, StreamName, Verdict};

use tokio::time::timeout;

use super::answer::{Answer, Format};
use super::holes::Holes;
use super::query::{Portion, Query};
use super::wanted::{Take, Wanted, numbered};
use super::{Limits, Parts};
use crate::questions::Questions;
use edge::sieve::{Account, Sieve};

/// How many lines a search backwards looks at first; then twice as many, and so on, while they are short.
const FIRST_WINDOW: u64 = 256;
/// The same, for a filter of which nobody knows how long it takes: so few lines are looked through in time, whatever it
/// is and they are.
const FIRST_COSTLY_WINDOW: u64 = 8;
/// A filter that may take so many nanoseconds for a byte is such a one: those with regular expressions.
const COSTLY: usize = 200;
/// What a line takes, in bytes, roughly: to guess how much to read for a few of them.
const USUAL_LINE: u64 = 256;
/// The least that is read at a time, in bytes.
const LEAST_READ: usize = 64 * 1024;

/// What is to be read, and what of it is wanted.
pub(super) struct Scan {
    questions: Arc<Questions>,
    limits: Limits,
    stream: StreamName,
    /// The next offset to read.
    start: Offset,
    /// The offset to stop before: what lies behind it up to `asked` is known not to be wanted.
    end: Offset,
    /// The end of what was asked for.
    asked: Offset,
    wanted: Arc<Wanted>,
    portion: Portion,
    sieve: Arc<Sieve>,
    account: Arc<Account>,
    /// What of a plain range could not be had so far.
    holes: Holes,
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
    lines: VecDeque<Spliced>,
    holes: Holes,
}

/// A line as the answer has it.
struct Spliced {
    offset: Offset,
    undecided: bool,
    bytes: Vec<u8>,
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
        query: Query,
        portion: Portion,
        extent: Extent,
        account: Arc<Account>,
    ) -> Result<Self, StoreError> {
        let Parts {
            questions,
            limits,
            sieve,
            ..
        } = parts;
        let mut start = query.from.unwrap_or_default().max(extent.first_available);
        let asked = query.to.unwrap_or(extent.next).min(extent.next);
        let mut end = asked;
        if let Some(since) = query.since {
            let first = questions.first_since(&query.stream, since).await?;
            start = start.max(first);
        }
        if let Some(until) = query.until {
            // Only to read less: a store that finds it as hard as reading is not waited for.
            let looked = timeout(limits.until_within, questions.end_before(&query.stream, until)).await;
            if let Ok(Ok(after)) = looked {
                end = end.min(after);
            }
        }
        end = end.max(start);
        let mut scan = Self {
            questions: Arc::clone(questions),
            limits: *limits,
            stream: query.stream,
            start,
            end,
            asked: asked.max(start),
            wanted: Arc::new(Wanted {
                filter: query.filter,
                since: query.since,
                until: query.until,
            }),
            portion,
            sieve: Arc::clone(sieve),
            account,
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

    /// Who reads.
    pub(super) fn reader(&self) -> &str {
        self.account.subscriber()
    }

    pub(super) fn page_bytes(&self) -> usize {
        self.limits.page_bytes
    }

    /// How long its next page may wait for its turn.
    pub(super) fn page_turn(&self) -> Duration {
        self.limits.page_turn
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
                    format.splice(offset, Verdict::Matches, line, &mut out);
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
            _ if self.portion.limit == 0 => Ok(Answer::collected(
                Vec::new(),
                Holes::default(),
                self.start,
                self.start,
                0,
            )),
            Some(last) => self.search_backwards(last, format).await,
            None => self.search_forwards(format).await,
        }
    }

    async fn search_forwards(self, format: Format) -> Result<Answer, StoreError> {
        let found = Found {
            format,
            body: Vec::new(),
            holes: Holes::default(),
            lines: 0,
            undecided: 0,
            limit: self.portion.limit,
            bytes: self.limits.answer_bytes,
        };
        let (next, found) = self.walk(found).await?;
        Ok(Answer::collected(
            found.body,
            found.holes,
            self.start,
            next,
            found.undecided,
        ))
    }

    /// Hands every line that is wanted to `take`, in order, until that says at which offset to stop, all is looked
    /// through, or as much is read or computed as one answer may. Says up to where it came: at least a line further,
    /// unless `take` stopped it.
    pub(super) async fn walk<T: Take>(&self, mut take: T) -> Result<(Offset, T), StoreError> {
        let mut budget = self.budget();
        let mut next = self.start;
        while next < self.end {
            let batches = match self.read(next, self.end).await? {
                Read::Batches(batches) => batches,
                Read::Damaged(hole) => {
                    next = hole.end;
                    take.miss(hole);
                    match self.is_late(&budget) {
                        true => break,
                        false => continue,
                    }
                }
            };
            let Some(last) = batches.last() else {
                next = self.end;
                break;
            };
            let end = last.next().min(self.end);
            budget.spend(&batches);
            let page: Arc<[Arc<Batch>]> = batches.into();
            while next < end {
                let came;
                (take, came) = self.sift(take, &page, next, end).await;
                match came {
                    ControlFlow::Continue(upto) => next = upto,
                    ControlFlow::Break(stop) => return Ok((stop, take)),
                }
                if self.is_late(&budget) {
                    break;
                }
            }
            if budget.is_spent() || self.is_late(&budget) {
                break;
            }
        }
        Ok((if next < self.end { next } else { self.asked }, take))
    }

    /// One slice of a page.
    async fn sift<T: Take>(
        &self,
        mut take: T,
        page: &Arc<[Arc<Batch>]>,
        from: Offset,
        end: Offset,
    ) -> (T, ControlFlow<Offset, Offset>) {
        let (wanted, page) = (Arc::clone(&self.wanted), Arc::clone(page));
        let work = move |slice| {
            let came = wanted.sift(&page, from, end, &mut take, slice);
            (take, came)
        };
        self.sieve.run(&self.account, work).await
    }

    /// Windows from the end backwards, each read forwards, since that is how a store reads.
    async fn search_backwards(self, last: u64, format: Format) -> Result<Answer, StoreError> {
        let mut budget = self.budget();
        let mut found: VecDeque<Spliced> = VecDeque::new();
        let mut holes = Holes::default();
        let mut bytes = 0;
        let mut from = self.end;
        let mut width = match self.is_costly() {
            true => FIRST_COSTLY_WINDOW,
            false => FIRST_WINDOW,
        };
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
            for line in newer.lines.into_iter().rev() {
                if bytes >= self.limits.answer_bytes {
                    break;
                }
                bytes += line.bytes.len();
                found.push_front(line);
            }
            if bytes >= self.limits.answer_bytes {
                break;
            }
            if before.saturating_sub(budget.bytes) < self.limits.page_bytes {
                width = width.saturating_mul(2);
            }
        }
        let enough = found.len() as u64 >= last || bytes >= self.limits.answer_bytes;
        if let (true, Some(oldest)) = (enough, found.front()) {
            from = oldest.offset;
        }
        let next = match found.get(usize::try_from(self.portion.limit).unwrap_or(usize::MAX)) {
            Some(over) => over.offset,
            None => self.asked,
        };
        let mut body = Vec::with_capacity(bytes);
        let mut undecided = 0;
        let holes = holes.within(from, next);
        let mut untold = holes.iter().peekable();
        for line in found.iter().take_while(|line| line.offset < next) {
            while let Some(hole) = untold.next_if(|hole| hole.start < line.offset) {
                format.splice_hole(hole, &mut body);
            }
            body.extend_from_slice(&line.bytes);
            undecided += u64::from(line.undecided);
        }
        untold.for_each(|hole| format.splice_hole(hole, &mut body));
        Ok(Answer::collected(body, holes, from, next, undecided))
    }

    /// Whether some hundred lines may take longer than a search has: then it gets on only by small windows.
    fn is_costly(&self) -> bool {
        self.wanted.cost() >= COSTLY
    }

    /// The last `count` lines that are wanted of a window; nothing when time runs out within it. The window reaches
    /// back to where its first batch begins, so that no batch is read for two windows, unless to look through a batch
    /// may take too long.
    async fn window(
        &self,
        start: Offset,
        end: Offset,
        count: u64,
        format: Format,
        budget: &mut Budget,
    ) -> Result<Option<Window>, StoreError> {
        let mut start = start;
        let mut next = start;
        let mut newest = Newest {
            format,
            lines: VecDeque::new(),
            holes: Holes::default(),
            bytes: 0,
            count,
            answer_bytes: self.limits.answer_bytes,
        };
        while next < end {
            if self.is_late(budget) {
                return Ok(None);
            }
            let batches = match self.read(next, end).await? {
                Read::Batches(batches) => batches,
                Read::Damaged(hole) => {
                    next = hole.end;
                    newest.miss(hole);
                    continue;
                }
            };
            let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
                break;
            };
            budget.spend(&batches);
            if first.first < start && !self.is_costly() {
                start = first.first.max(self.start);
                next = start;
            }
            next = next.max(first.first);
            let page_end = last.next().min(end);
            let page: Arc<[Arc<Batch>]> = batches.into();
            while next < page_end {
                if self.is_late(budget) {
                    return Ok(None);
                }
                let came;
                (newest, came) = self.sift(newest, &page, next, page_end).await;
                let (ControlFlow::Continue(upto) | ControlFlow::Break(upto)) = came;
                next = upto;
            }
        }
        Ok(Some(Window {
            start,
            lines: newest.lines,
            holes: newest.holes,
        }))
    }

    /// Whether a search has to end: its time is over, or the subscriber's.
    fn is_late(&self, budget: &Budget) -> bool {
        budget.is_late() || self.account.wait().is_some()
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
        match self.questions.read(&self.stream, from, bytes).await {
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

/// What a search forwards finds.
struct Found {
    format: Format,
    body: Vec<u8>,
    holes: Holes,
    lines: u64,
    undecided: u64,
    /// Lines after which it stops …
    limit: u64,
    /// … and bytes.
    bytes: usize,
}

impl Take for Found {
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset> {
        self.format.splice(offset, verdict, line, &mut self.body);
        self.lines += 1;
        self.undecided += u64::from(verdict == Verdict::Undecided);
        match self.lines >= self.limit || self.body.len() >= self.bytes {
            true => ControlFlow::Break(offset.plus(1)),
            false => ControlFlow::Continue(()),
        }
    }

    fn miss(&mut self, hole: Range<Offset>) {
        self.format.splice_hole(&hole, &mut self.body);
        self.holes.push(hole);
    }
}

/// The last lines of a window.
struct Newest {
    format: Format,
    lines: VecDeque<Spliced>,
    holes: Holes,
    bytes: usize,
    /// How many are wanted.
    count: u64,
    /// Of a whole answer.
    answer_bytes: usize,
}

impl Take for Newest {
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset> {
        let mut bytes = Vec::with_capacity(line.len() + 32);
        self.format.splice(offset, verdict, line, &mut bytes);
        self.bytes += bytes.len();
        self.lines.push_back(Spliced {
            offset,
            undecided: verdict == Verdict::Undecided,
            bytes,
        });
        // What is dropped for its bytes was in excess of an answer by itself.
        while let Some(oldest) = self.lines.front()
            && (self.lines.len() as u64 > self.count || self.bytes - oldest.bytes.len() >= self.answer_bytes)
        {
            self.bytes -= oldest.bytes.len();
            self.lines.pop_front();
        }
        ControlFlow::Continue(())
    }

    fn miss(&mut self, hole: Range<Offset>) {
        self.holes.push(hole);
    }
}

impl Budget {
    fn spend(&mut self, page: &[Arc<Batch>]) {
        let bytes: usize = page.iter().map(|batch| batch.lines.ndjson.len()).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.ends
    }

    fn is_spent(&self) -> bool {
        self.bytes == 0 || self.is_late()
    }
}
