//! Which lines of a page are wanted.

use std::ops::ControlFlow;
use std::sync::Arc;

use edge::sieve::Slice;
use lines::{Batch, Filter, Offset, Timestamp, Verdict};

use super::Take;
use super::page::numbered;

/// So many lines are cheaper asked together than one by one, whether any of them may match.
const MANY: u32 = 16;

/// What a line must be like, beyond its place.
pub(super) struct Wanted {
    pub(super) filter: Option<Filter>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Wanted {
    pub(super) fn is_everything(&self) -> bool {
        self.filter.is_none() && self.since.is_none() && self.until.is_none()
    }

    /// The most that a byte of lines costs, in nanoseconds or so.
    pub(super) fn cost(&self) -> usize {
        self.filter.as_ref().map_or(1, Filter::cost)
    }

    /// Hands the lines of a page from `from` up to `end` that are wanted to `take`, for as long as the slice goes on,
    /// though at least one line is looked at. Goes on at the offset in the answer, or stops there.
    pub(super) fn sift(
        &self,
        page: &[Arc<Batch>],
        from: Offset,
        end: Offset,
        take: &mut impl Take,
        mut slice: Slice,
    ) -> ControlFlow<Offset, Offset> {
        let cost = self.cost();
        let mut next = from;
        for batch in page.iter().filter(|batch| batch.next() > from) {
            let Some(bounds) = self.bounds(batch) else {
                next = batch.next().min(end);
                if slice.is_over_after(batch.lines.ndjson.len()) {
                    return ControlFlow::Continue(next);
                }
                continue;
            };
            let skip = usize::try_from(next.since(batch.first)).unwrap_or(usize::MAX);
            for (offset, line) in numbered(batch).skip(skip) {
                if offset >= end {
                    return ControlFlow::Continue(end);
                }
                match bounds.judge(line) {
                    Verdict::Differs => {}
                    verdict => {
                        if let ControlFlow::Break(stop) = take.take(offset, line, verdict) {
                            return ControlFlow::Break(stop);
                        }
                    }
                }
                next = offset.plus(1);
                if slice.is_over_after(line.len().saturating_mul(cost)) {
                    return ControlFlow::Continue(next);
                }
            }
        }
        ControlFlow::Continue(next)
    }

    /// What is still to be asked of each line of a batch; nothing when none of them is wanted.
    fn bounds(&self, batch: &Batch) -> Option<Bounds<'_>> {
        let lines = &batch.lines;
        let none = self.since.is_some_and(|since| lines.newest < since)
            || self.until.is_some_and(|until| lines.oldest >= until)
            || lines.count >= MANY
                && self
                    .filter
                    .as_ref()
                    .is_some_and(|filter| !filter.may_match(&lines.ndjson));
        (!none).then(|| Bounds {
            since: self.since.filter(|since| lines.oldest < *since).map(Bound::of),
            until: self.until.filter(|until| lines.newest >= *until).map(Bound::of),
            filter: self.filter.as_ref(),
        })
    }
}

struct Bounds<'a> {
    since: Option<Bound>,
    until: Option<Bound>,
    filter: Option<&'a Filter>,
}

impl Bounds<'_> {
    fn judge(&self, line: &[u8]) -> Verdict {
        let in_time = self.since.as_ref().is_none_or(|since| !since.is_after(line))
            && self.until.as_ref().is_none_or(|until| until.is_after(line));
        match (in_time, self.filter) {
            (true, Some(filter)) => filter.judge(line),
            (in_time, _) => in_time.into(),
        }
    }
}

/// A time as it stands in lines. They all write times in one length, so that text order is time order: nothing is
/// parsed.
struct Bound(String);

impl Bound {
    fn of(time: Timestamp) -> Self {
        Self(time.to_string())
    }

    /// Whether this time is after the line's.
    fn is_after(&self, line: &[u8]) -> bool {
        let ts = line.strip_prefix(b"{\"ts\":\"").unwrap_or(b"");
        let ts = ts.get(..self.0.len()).unwrap_or(b"");
        self.0.as_bytes() > ts
    }
}
