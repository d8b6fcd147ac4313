//! Lines of several streams as one: (stream, offset, line), by time.
//!
//! Of the lines that come next in each stream, the one with the least `ts` comes first; of equal ones, that of the first
//! stream by name. Lines of one stream stay in the order of their offsets, which are not in the order of their times: where
//! times go back within a stream, so they do here.
//!
//! What is held is a page of each stream and what is wanted of it: together about as much as for one stream alone, or 64 KiB
//! for each where they are many. How many they may be is bounded.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use futures_util::{StreamExt, TryStreamExt, stream};
use lines::{Offset, StoreError, StreamName, Verdict};

use super::last::Kept;
use super::{Budget, Scan, Take};

/// Streams that are read at once when a merge begins.
const FILLED_AT_ONCE: usize = 8;

/// What comes next.
#[derive(Debug)]
pub enum Merged {
    /// A line that is wanted, or that the filter gave up on.
    Line(StreamName, Kept),
    /// Lines of a stream that cannot be had.
    Hole(StreamName, Range<Offset>),
}

/// More streams than are merged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at most {most} streams can be read as one")]
pub struct TooMany {
    /// So many can.
    pub most: usize,
}

/// Several scans, read as one.
pub struct Merge {
    /// By the names of their streams, each once.
    strands: Vec<Strand>,
    budget: Budget,
}

/// One of them.
struct Strand {
    scan: Scan,
    waiting: Waiting,
    /// Whether anything of it was looked at. That much is, whatever the budget: so whoever goes on gets on.
    begun: bool,
}

/// What was found of a stream and is not taken yet.
#[derive(Default)]
struct Waiting {
    found: VecDeque<Found>,
}

enum Found {
    Line(Kept),
    Hole(Range<Offset>),
}

impl Merge {
    /// Of scans of different streams, at most `most`, which share the budget.
    pub fn of(mut scans: Vec<Scan>, most: usize, budget: Budget) -> Result<Self, TooMany> {
        scans.sort_by(|a, b| a.stream().cmp(b.stream()));
        scans.dedup_by(|a, b| a.stream() == b.stream());
        let count = scans.len();
        if count > most {
            return Err(TooMany { most });
        }
        let strands = scans.into_iter().map(|mut scan| {
            scan.pages.share_with(count);
            Strand {
                scan,
                waiting: Waiting::default(),
                begun: false,
            }
        });
        Ok(Self {
            strands: strands.collect(),
            budget,
        })
    }

    /// The next line. Nothing when all is looked through or the budget is spent: [`Self::next`] says which.
    pub async fn line(&mut self) -> Result<Option<Merged>, StoreError> {
        let budget = &self.budget;
        let empty = self.strands.iter_mut().filter(|strand| strand.lacks_lines());
        stream::iter(empty.map(|strand| strand.fill(budget)))
            .buffer_unordered(FILLED_AT_ONCE)
            .try_collect::<()>()
            .await?;
        // What a stream would have that was not looked through may come before all that others have.
        if self.strands.iter().any(Strand::lacks_lines) {
            return Ok(None);
        }
        let with_lines = self
            .strands
            .iter_mut()
            .filter(|strand| !strand.waiting.found.is_empty());
        let Some(first) = with_lines.min_by(|a, b| a.time().cmp(b.time())) else {
            return Ok(None);
        };
        let stream = first.scan.stream().clone();
        Ok(first.waiting.found.pop_front().map(|found| match found {
            Found::Line(kept) => Merged::Line(stream, kept),
            Found::Hole(hole) => Merged::Hole(stream, hole),
        }))
    }

    /// Where each stream goes on: everything before is told. At their ends all is.
    pub fn next(&self) -> impl Iterator<Item = (&StreamName, Offset)> {
        self.strands
            .iter()
            .map(|strand| (strand.scan.stream(), strand.next()))
    }

    /// Whether there is no more in any of the streams.
    pub fn is_over(&self) -> bool {
        let mut strands = self.strands.iter();
        strands.all(|strand| strand.scan.is_over() && strand.waiting.found.is_empty())
    }
}

impl Strand {
    /// Whether nothing waits, though there may be more.
    fn lacks_lines(&self) -> bool {
        self.waiting.found.is_empty() && !self.scan.is_over()
    }

    /// Looks on until something is found, all is looked through, or the budget is spent.
    async fn fill(&mut self, budget: &Budget) -> Result<(), StoreError> {
        while self.lacks_lines() && !(self.begun && self.has_to_end(budget)) {
            self.begun = true;
            let waiting = std::mem::take(&mut self.waiting);
            (self.waiting, _) = self.scan.step(waiting, budget).await?;
        }
        Ok(())
    }

    fn has_to_end(&self, budget: &Budget) -> bool {
        self.scan.is_late(budget) || self.scan.page.is_none() && budget.is_spent()
    }

    /// When what comes next was: all lines write times in one length, so that text order is time order. Holes have none,
    /// and come at once.
    fn time(&self) -> &[u8] {
        match self.waiting.found.front() {
            Some(Found::Line(kept)) => time_of(&kept.line),
            _ => b"",
        }
    }

    fn next(&self) -> Offset {
        match self.waiting.found.front() {
            Some(Found::Line(kept)) => kept.offset,
            Some(Found::Hole(hole)) => hole.start,
            None => self.scan.next(),
        }
    }
}

/// The `ts` that a line begins with.
fn time_of(line: &[u8]) -> &[u8] {
    let ts = line.strip_prefix(b"{\"ts\":\"").unwrap_or(b"");
    ts.split(|&byte| byte == b'"').next().unwrap_or(b"")
}

impl Take for Waiting {
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset> {
        self.found.push_back(Found::Line(Kept {
            offset,
            verdict,
            line: line.into(),
        }));
        ControlFlow::Continue(())
    }

    fn miss(&mut self, hole: Range<Offset>) {
        self.found.push_back(Found::Hole(hole));
    }
}
