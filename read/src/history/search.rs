//! Lines that are looked at one by one, and collected as an answer has them.

use std::ops::{ControlFlow, Range};

use lines::{Offset, StoreError, Verdict};

use super::format::Format;
use super::query::Portion;
use crate::scan::{Budget, Holes, Scan, Take};

/// What a search found.
pub(super) struct Found {
    /// Everything that was asked for from here …
    pub(super) from: Offset,
    /// … up to here is in it.
    pub(super) next: Offset,
    /// The lines, as the answer has them.
    pub(super) body: Vec<u8>,
    /// Lines that could not be had.
    pub(super) holes: Holes,
    /// Lines that the filter gave up on.
    pub(super) undecided: u64,
}

/// The lines that are wanted, of which an answer has at most so many bytes.
pub(super) async fn search(
    scan: Scan,
    portion: Portion,
    format: Format,
    bytes: usize,
    budget: &Budget,
) -> Result<Found, StoreError> {
    match portion.last {
        _ if portion.limit == 0 => Ok(Found {
            from: scan.at(),
            next: scan.at(),
            body: Vec::new(),
            holes: Holes::default(),
            undecided: 0,
        }),
        Some(last) => backwards(&scan, last, portion.limit, format, bytes, budget).await,
        None => forwards(scan, portion.limit, format, bytes, budget).await,
    }
}

async fn forwards(
    mut scan: Scan,
    limit: u64,
    format: Format,
    bytes: usize,
    budget: &Budget,
) -> Result<Found, StoreError> {
    let from = scan.at();
    let collected = Collected {
        format,
        body: Vec::new(),
        holes: Holes::default(),
        lines: 0,
        undecided: 0,
        limit,
        bytes,
    };
    let collected = scan.walk(collected, budget).await?;
    Ok(Found {
        from,
        next: scan.next(),
        body: collected.body,
        holes: collected.holes,
        undecided: collected.undecided,
    })
}

async fn backwards(
    scan: &Scan,
    last: u64,
    limit: u64,
    format: Format,
    bytes: usize,
    budget: &Budget,
) -> Result<Found, StoreError> {
    let found = scan.last(last, bytes, budget).await?;
    let next = match found.lines.get(usize::try_from(limit).unwrap_or(usize::MAX)) {
        Some(over) => over.offset,
        None => scan.asked(),
    };
    let holes = found.holes.within(found.from, next);
    let mut untold = holes.iter().peekable();
    let (mut body, mut undecided) = (Vec::new(), 0);
    for kept in found.lines.into_iter().take_while(|kept| kept.offset < next) {
        while let Some(hole) = untold.next_if(|hole| hole.start < kept.offset) {
            format.splice_hole(hole, &mut body);
        }
        format.splice(kept.offset, kept.verdict, &kept.line, &mut body);
        undecided += u64::from(kept.verdict == Verdict::Undecided);
    }
    untold.for_each(|hole| format.splice_hole(hole, &mut body));
    Ok(Found {
        from: found.from,
        next,
        body,
        holes,
        undecided,
    })
}

/// What a search forwards has found so far.
struct Collected {
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

impl Take for Collected {
    fn take(&mut self, offset: Offset, line: &[u8], verdict: Verdict) -> ControlFlow<Offset> {
        self.format.splice(offset, verdict, line, &mut self.body);
        self.lines += 1;
        self.undecided += u64::from(verdict == Verdict::Undecided);
        if self.lines >= self.limit || self.body.len() >= self.bytes {
            ControlFlow::Break(offset.plus(1))
        } else {
            ControlFlow::Continue(())
        }
    }

    fn miss(&mut self, hole: Range<Offset>) {
        self.format.splice_hole(&hole, &mut self.body);
        self.holes.push(hole);
    }
}
