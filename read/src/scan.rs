//! From a question to the lines that answer it: (offset, line) of one stream, forwards ([`Scan::walk`]) or from its end
//! backwards ([`last`]), page by page ([`page`]), and (stream, offset, line) of several, merged by time ([`merged`]).
//!
//! Lines are looked through in slices of the subscriber's budget ([`edge::sieve`]), off the threads that serve. What a
//! scan holds is a page of the store, and what its taker keeps.
//!
//! Knows nothing of how an answer is written, nor of HTTP.

mod budget;
mod holes;
pub mod last;
pub mod merged;
mod narrow;
pub mod page;
mod wanted;

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use edge::sieve::{Account, Sieve};
use lines::{Batch, Extent, Filter, LogReader, Offset, StoreError, StreamName, Timestamp, Verdict};
use tokio::time::timeout;

use crate::Limits;
use crate::questions::Questions;
pub use budget::Budget;
pub use holes::Holes;
use narrow::Narrow;
use page::{Pages, Read};
use wanted::Wanted;

/// What scans are made from.
#[derive(Clone)]
pub struct Scanner {
    /// The store.
    pub questions: Arc<Questions>,
    /// Where filters are put to lines.
    pub sieve: Arc<Sieve>,
    /// How much may be asked.
    pub limits: Limits,
}

/// Which lines of a stream are asked for.
pub struct Question {
    /// Whose.
    pub stream: StreamName,
    /// The first offset; without it, the first that is kept.
    pub from: Option<Offset>,
    /// The offset to stop before; without it, the head.
    pub to: Option<Offset>,
    /// Their `ts` is this or later.
    pub since: Option<Timestamp>,
    /// Their `ts` is before this.
    pub until: Option<Timestamp>,
    /// They match it.
    pub filter: Option<Filter>,
}

/// What takes the lines that are wanted, and those that the filter could not decide.
pub trait Take: Send + 'static {
    /// Takes the next one, or says at which offset to stop.
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset>;

    /// Lines cannot be had, whether they are wanted or not.
    fn miss(&mut self, hole: Range<Offset>);
}

/// What is to be read of one stream, and what of it is wanted.
pub struct Scan {
    pages: Pages,
    narrow: Narrow,
    wanted: Arc<Wanted>,
    sieve: Arc<Sieve>,
    account: Arc<Account>,
    /// The next offset to look at.
    next: Offset,
    /// The offset to stop before: what lies behind it up to `asked` is known not to be wanted.
    end: Offset,
    /// The end of what was asked for.
    asked: Offset,
    /// What was read and not looked at yet.
    page: Option<Page>,
}

/// A page under way, and where what was asked for of it ends.
struct Page {
    batches: Arc<[Arc<Batch>]>,
    end: Offset,
}

impl Scanner {
    /// Settles where to begin and to end in a stream of which so much is kept.
    pub async fn scan(
        &self,
        question: Question,
        extent: Extent,
        account: Arc<Account>,
    ) -> Result<Scan, StoreError> {
        let Question {
            stream, since, until, ..
        } = question;
        let mut start = question.from.unwrap_or_default().max(extent.first_available);
        let asked = question.to.unwrap_or(extent.next).min(extent.next);
        let mut end = asked;
        if let Some(since) = since {
            start = start.max(self.questions.first_since(&stream, since).await?);
        }
        if let Some(until) = until {
            // Only to read less: a store that finds it as hard as reading is not waited for.
            let looked = timeout(
                self.limits.until_within,
                self.questions.end_before(&stream, until),
            )
            .await;
            if let Ok(Ok(after)) = looked {
                end = end.min(after);
            }
        }
        Ok(Scan {
            narrow: Narrow::new(
                Arc::clone(&self.questions),
                stream.clone(),
                question.filter.as_ref(),
                Arc::clone(&account),
                self.limits.until_within,
            ),
            pages: Pages {
                questions: Arc::clone(&self.questions),
                stream,
                bytes: self.limits.page_bytes,
            },
            wanted: Arc::new(Wanted {
                filter: question.filter,
                since,
                until,
            }),
            sieve: Arc::clone(&self.sieve),
            account,
            next: start,
            end: end.max(start),
            asked: asked.max(start),
            page: None,
        })
    }

    /// What one scan, or several that are merged, may read.
    pub fn budget(&self) -> Budget {
        Budget::of(self.limits.scan_bytes, self.limits.scan_time)
    }
}

impl Scan {
    /// Whether every line is wanted.
    pub fn is_everything(&self) -> bool {
        self.wanted.is_everything()
    }

    /// The next offset to look at.
    pub fn at(&self) -> Offset {
        self.next
    }

    /// The end of what was asked for.
    pub fn asked(&self) -> Offset {
        self.asked
    }

    /// Where who wants more goes on: everything before is looked at, or known not to be wanted.
    pub fn next(&self) -> Offset {
        if self.is_over() { self.asked } else { self.next }
    }

    /// Whose lines these are.
    pub fn stream(&self) -> &StreamName {
        &self.pages.stream
    }

    /// As many lines as there are between the offsets, as they are kept: for a question that wants everything.
    pub fn pages(self) -> (Pages, Range<Offset>) {
        (self.pages, self.next..self.end)
    }

    /// Hands every line that is wanted to `take`, in order, until that says to stop, all is looked through, or as much is
    /// read or computed as the budget allows. [`Self::next`] says up to where it came: at least a line further, unless
    /// `take` stopped it.
    pub async fn walk<T: Take>(&mut self, mut take: T, budget: &Budget) -> Result<T, StoreError> {
        while !self.is_over() {
            let flow;
            (take, flow) = self.step(take, budget).await?;
            let is_spent = self.page.is_none() && budget.is_spent();
            if flow.is_break() || is_spent || self.is_late(budget) {
                break;
            }
        }
        Ok(take)
    }

    /// Looks at some lines: reads a page when there is none, and puts it to the question for one slice of time. Lines of
    /// which the store knows that none is wanted are passed over. Breaks where `take` stopped it.
    async fn step<T: Take>(
        &mut self,
        mut take: T,
        budget: &Budget,
    ) -> Result<(T, ControlFlow<()>), StoreError> {
        let page = match self.page.take() {
            Some(page) => page,
            None => {
                let place = self.narrow.place(self.next, self.end, budget).await;
                self.next = place.start;
                match self.pages.read(place.start, place.end).await? {
                    Read::Batches(batches) => {
                        budget.spend(&batches);
                        let Some(last) = batches.last() else {
                            self.next = place.end;
                            return Ok((take, ControlFlow::Continue(())));
                        };
                        Page {
                            end: last.next().min(place.end),
                            batches: batches.into(),
                        }
                    }
                    Read::Damaged(hole) => {
                        self.next = hole.end;
                        take.miss(hole);
                        return Ok((take, ControlFlow::Continue(())));
                    }
                }
            }
        };
        let came;
        (take, came) = self.sift(take, &page, self.next).await;
        let (ControlFlow::Continue(upto) | ControlFlow::Break(upto)) = came;
        self.next = upto;
        if came.is_continue() && upto < page.end {
            self.page = Some(page);
        }
        Ok((take, came.map_break(|_| ()).map_continue(|_| ())))
    }

    /// One slice of a page.
    async fn sift<T: Take>(
        &self,
        mut take: T,
        page: &Page,
        from: Offset,
    ) -> (T, ControlFlow<Offset, Offset>) {
        let (wanted, batches, end) = (Arc::clone(&self.wanted), Arc::clone(&page.batches), page.end);
        let work = move |slice| {
            let came = wanted.sift(&batches, from, end, &mut take, slice);
            (take, came)
        };
        self.sieve.run(&self.account, work).await
    }

    fn is_over(&self) -> bool {
        self.next >= self.end
    }

    /// Whether it has to end: its time is over, or the subscriber's.
    fn is_late(&self, budget: &Budget) -> bool {
        budget.is_late() || self.account.wait().is_some()
    }
}
