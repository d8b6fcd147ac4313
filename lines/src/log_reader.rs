//! The half of a store that readers have: who holds nothing else cannot write.
//!
//! Knows nothing of HTTP, routes or sessions.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::filter::needs::Needs;
use crate::{Batch, Epoch, Extent, Listing, Offset, StreamName, Timestamp};

/// Answers questions about what is kept.
///
/// Every call ends within the store's deadline: it is the only one that a question has.
#[async_trait]
pub trait LogReader: Send + Sync {
    /// Which database this is. Made with the database, the same ever after.
    async fn epoch(&self) -> Result<Epoch, StoreError>;

    /// Batches that hold lines at or after `from`, in order and without holes between them, the first of them
    /// perhaps beginning before `from`. About `max_bytes` of NDJSON, at least one batch when there is any.
    /// Nothing below the stream's floor is returned: a first batch that begins after `from` means that retention
    /// took what lay between.
    ///
    /// Damage is never passed over: batches end before it, and where it lies at `from` the answer is
    /// [`StoreError::Damaged`], with both ends. Whoever reads goes on at its end.
    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError>;

    /// What is kept of each stream, in the same order, in one round trip.
    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError>;

    /// Every stream that ever had a line, as of a moment after this call.
    async fn streams(&self) -> Result<Arc<Listing>, StoreError>;

    /// The offset of the first kept line whose `ts` is `since` or later; the head when there is none. A batch that is
    /// damaged and says that it has such a line counts from its first line on.
    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError>;

    /// An offset from which on no line has a `ts` before `until`; the smaller, the less is read in vain. The head is
    /// always right.
    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        let _ = until;
        let extents = self.extents(std::slice::from_ref(stream)).await?;
        Ok(extents.first().copied().unwrap_or_default().next)
    }

    /// Where within these offsets, which end at the head at most, lines may be that have what is needed: ranges in order, none touching the next. No line
    /// outside of them has it, damaged ones included; the fewer there are, the less is read in vain. All of it is always
    /// right.
    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        let _ = (stream, needs);
        Ok(vec![within])
    }
}

/// Lines that cannot be served, now or later: their batch is damaged, or is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Whose.
    pub stream: StreamName,
    /// The first of them.
    pub from: Offset,
    /// Where what can be served goes on, or the head.
    pub to: Offset,
    /// What was found.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stream,
            from,
            to,
            what,
        } = self;
        write!(f, "lines {from} up to {to} of {stream} are damaged: {what}")
    }
}

/// Why the store did not answer a question.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or refused to work.
    #[error("the store is away: {0}")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has no room for more lines, and takes some again once retention or somebody else makes room. It can be read.
    #[error("the store is full: {0}")]
    Full(String),
    /// It said nothing in time.
    #[error("the store did not answer within {0:?}")]
    Timeout(Duration),
    /// These lines cannot be served, now or later. Others of the stream can.
    #[error("{0}")]
    Damaged(Damage),
    /// The database itself is damaged: what is asked for cannot be found in it, and perhaps nothing can.
    #[error("the database is damaged: {0}")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What it holds breaks a rule: somebody else wrote to it, or its medium is damaged.
    #[error("the store holds something of {stream} that cannot be right: {what}")]
    Corrupt {
        /// Where.
        stream: StreamName,
        /// What was found.
        what: String,
    },
}

impl StoreError {
    /// Whether the store is not there, or has no answer at the moment. Asking again later may help; of what it holds this
    /// says nothing.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Away(_) | Self::Full(_) | Self::Timeout(_) => true,
            Self::Damaged(_) | Self::Broken(_) | Self::Corrupt { .. } => false,
        }
    }
}
