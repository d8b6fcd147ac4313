//! The last lines that are wanted: windows from the end backwards, each read forwards, since that is how a store reads.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};

use lines::{Offset, StoreError, Verdict};

use super::page::Read;
use super::{Budget, Holes, Page, Scan, Take};

/// How many lines are looked at first; then twice as many, and so on, while they are short.
const FIRST_WINDOW: u64 = 256;
/// The same, for a filter of which nobody knows how long it takes: so few lines are looked through in time, whatever it
/// is and they are.
const FIRST_COSTLY_WINDOW: u64 = 8;
/// A filter that may take so many nanoseconds for a byte is such a one: those with regular expressions.
const COSTLY: usize = 200;

/// A line, and what the filter says of it.
#[derive(Debug)]
pub struct Kept {
    /// Where it is.
    pub offset: Offset,
    /// Whether the filter gave up on it.
    pub verdict: Verdict,
    /// Its object, without a line feed.
    pub line: Box<[u8]>,
}

/// The last lines, in the order of their offsets.
#[derive(Debug)]
pub struct Last {
    /// Everything wanted from here on is in it.
    pub from: Offset,
    /// The lines.
    pub lines: VecDeque<Kept>,
    /// Lines that could not be had.
    pub holes: Holes,
}

/// What was found on the way back.
struct Window {
    /// Where it begins.
    start: Offset,
    newest: Newest,
}

impl Scan {
    /// The last `count` lines that are wanted, or fewer of which the newest have so many bytes, or those that the budget
    /// reached.
    pub async fn last(&self, count: u64, bytes: usize, budget: &Budget) -> Result<Last, StoreError> {
        let mut found = VecDeque::new();
        let mut holes = Holes::default();
        let mut held = 0;
        let mut from = self.end;
        let mut width = if self.is_costly() {
            FIRST_COSTLY_WINDOW
        } else {
            FIRST_WINDOW
        };
        while from > self.next && (found.len() as u64) < count && held < bytes && !budget.is_spent() {
            let Some(place) = self.narrow.place_before(self.next, from, budget).await else {
                from = self.next;
                break;
            };
            from = place.end;
            let start = Offset(from.0.saturating_sub(width)).max(self.next);
            let before = budget.left();
            let newest = Newest {
                count: count - found.len() as u64,
                most: bytes,
                ..Newest::default()
            };
            let Some(Window { start, newest }) = self.window(start, from, newest, budget).await? else {
                break;
            };
            from = start;
            let later = std::mem::replace(&mut holes, newest.holes);
            holes.extend(later);
            for line in newest.lines.into_iter().rev() {
                if held >= bytes {
                    break;
                }
                held += line.line.len();
                found.push_front(line);
            }
            if before.saturating_sub(budget.left()) < self.pages.bytes() {
                width = width.saturating_mul(2);
            }
        }
        let is_enough = found.len() as u64 >= count || held >= bytes;
        if let (true, Some(oldest)) = (is_enough, found.front()) {
            from = oldest.offset;
        }
        Ok(Last {
            from,
            lines: found,
            holes,
        })
    }

    /// Whether some hundred lines may take longer than a search has: then it gets on only by small windows.
    fn is_costly(&self) -> bool {
        self.wanted.cost() >= COSTLY
    }

    /// The newest lines that are wanted of a window; nothing when time runs out within it. The window reaches back to
    /// where its first batch begins, so that no batch is read for two windows, unless to look through a batch may take too
    /// long.
    async fn window(
        &self,
        start: Offset,
        end: Offset,
        mut newest: Newest,
        budget: &Budget,
    ) -> Result<Option<Window>, StoreError> {
        let mut start = start;
        let mut next = start;
        let mut begun = false;
        while next < end {
            if self.is_late(budget) {
                return Ok(None);
            }
            let place = self.narrow.place(next, end, budget).await;
            next = place.start;
            let batches = match self.pages.read(next, place.end).await? {
                Read::Batches(batches) => batches,
                Read::Damaged(hole) => {
                    next = hole.end;
                    newest.miss(hole);
                    continue;
                }
            };
            let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
                next = place.end;
                continue;
            };
            budget.spend(&batches);
            // Of the first batch alone: a later read may find one that was merged meanwhile of what was looked at already.
            if !std::mem::replace(&mut begun, true) && first.first < start && !self.is_costly() {
                start = first.first.max(self.next);
                next = start;
            }
            next = next.max(first.first);
            let page = Page {
                end: last.next().min(place.end),
                batches: batches.into(),
            };
            while next < page.end {
                if self.is_late(budget) {
                    return Ok(None);
                }
                let came;
                (newest, came) = self.sift(newest, &page, next).await;
                let (ControlFlow::Continue(upto) | ControlFlow::Break(upto)) = came;
                next = upto;
            }
        }
        Ok(Some(Window { start, newest }))
    }
}

/// The last lines of a window.
#[derive(Default)]
struct Newest {
    lines: VecDeque<Kept>,
    holes: Holes,
    bytes: usize,
    /// How many are wanted.
    count: u64,
    /// Of all of them, in bytes.
    most: usize,
}

impl Take for Newest {
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset> {
        self.bytes += line.len();
        self.lines.push_back(Kept {
            offset,
            verdict,
            line: line.into(),
        });
        // What is dropped for its bytes was in excess of an answer by itself.
        while let Some(oldest) = self.lines.front()
            && (self.lines.len() as u64 > self.count || self.bytes - oldest.line.len() >= self.most)
        {
            self.bytes -= oldest.line.len();
            self.lines.pop_front();
        }
        ControlFlow::Continue(())
    }

    fn miss(&mut self, hole: Range<Offset>) {
        self.holes.push(hole);
    }
}
