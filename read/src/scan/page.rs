//! Pages of one stream, as the store gives them.

use std::ops::Range;
use std::sync::Arc;

use lines::{Batch, LogReader, Offset, StoreError, StreamName};

use crate::questions::Questions;

/// What a line takes, in bytes, roughly: to guess how much to read for a few of them.
const USUAL_LINE: u64 = 256;
/// The least that is read at a time, in bytes.
const LEAST_READ: usize = 64 * 1024;

/// Where pages come from.
pub struct Pages {
    pub(super) questions: Arc<Questions>,
    pub(super) stream: StreamName,
    /// The size of one, in bytes of NDJSON.
    pub(super) bytes: usize,
}

/// What lies at an offset.
pub enum Read {
    /// Batches; none at the range's end. The first may begin before the range, the last end behind it.
    Batches(Vec<Arc<Batch>>),
    /// Lines that cannot be had.
    Damaged(Range<Offset>),
}

impl Pages {
    /// The size of one, in bytes of NDJSON.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes pages smaller, since so many streams are read at once.
    pub(super) fn share_with(&mut self, streams: usize) {
        let least = LEAST_READ.min(self.bytes);
        self.bytes = (self.bytes / streams.max(1)).max(least);
    }

    /// What of the range `from..end` lies at `from`; nothing at or after `end`.
    pub async fn read(&self, from: Offset, end: Offset) -> Result<Read, StoreError> {
        if from >= end {
            return Ok(Read::Batches(Vec::new()));
        }
        let guess = usize::try_from(end.since(from).saturating_mul(USUAL_LINE)).unwrap_or(usize::MAX);
        let bytes = guess.max(LEAST_READ).min(self.bytes);
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

/// A batch's lines with their offsets.
pub fn numbered(batch: &Batch) -> impl Iterator<Item = (Offset, &[u8])> {
    let offsets = (batch.first.0..).map(Offset);
    offsets.zip(batch.lines.iter())
}
