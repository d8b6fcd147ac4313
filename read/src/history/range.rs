//! Everything from one offset to another, as it is kept: read page by page while it is sent.

use std::ops::Range;

use lines::{Offset, StoreError, Verdict};

use super::format::Format;
use crate::scan::Holes;
use crate::scan::page::{Pages, Read, numbered};

/// What is left of a range.
pub(super) struct Everything {
    pages: Pages,
    left: Range<Offset>,
    format: Format,
    holes: Holes,
}

impl Everything {
    pub(super) fn new(pages: Pages, range: Range<Offset>, format: Format) -> Self {
        Self {
            pages,
            left: range,
            format,
            holes: Holes::default(),
        }
    }

    /// What is left.
    pub(super) fn left(&self) -> Range<Offset> {
        self.left.clone()
    }

    /// The size of a page, in bytes of NDJSON.
    pub(super) fn page_bytes(&self) -> usize {
        self.pages.bytes()
    }

    /// The next page, as the answer has it. Empty at the range's end.
    pub(super) async fn page(&mut self) -> Result<Vec<u8>, StoreError> {
        let (start, end) = (self.left.start, self.left.end);
        let batches = match self.pages.read(start, end).await? {
            Read::Batches(batches) => batches,
            Read::Damaged(hole) => {
                let mut out = Vec::new();
                self.format.splice_hole(&hole, &mut out);
                self.left.start = hole.end;
                self.holes.push(hole);
                return Ok(out);
            }
        };
        let bytes: usize = batches.iter().map(|batch| batch.lines.ndjson.len()).sum();
        let mut out = Vec::with_capacity(bytes + bytes / 8);
        for batch in batches {
            for (offset, line) in numbered(&batch) {
                if offset >= self.left.start && offset < end {
                    self.format.splice(offset, Verdict::Matches, line, &mut out);
                }
            }
            self.left.start = self.left.start.max(batch.next()).min(end);
        }
        if out.is_empty() {
            self.left.start = end;
        }
        Ok(out)
    }

    /// What of it could not be had.
    pub(super) fn holes(self) -> Holes {
        self.holes
    }
}
