//! Where lines are kept: the truth that everything else can be repaired from.
//!
//! Knows nothing of HTTP, routes or sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;

use crate::retention::{Deletable, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use crate::{Batch, Epoch, Extent, Lines, Offset, StreamInfo, StreamName, Timestamp};

/// Keeps batches, durably, in the order of their offsets.
///
/// Every call ends within the store's deadline; one that is cancelled may still have happened.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// Which database this is. Made with the database, the same ever after.
    async fn epoch(&self) -> Result<Epoch, StoreError>;

    /// Appends each draft at the head of its stream, in one round trip when nobody else writes to these streams.
    ///
    /// The answer has one element per draft, in the same order. At most one draft per stream. `Ok` means that the
    /// batch is durable (invariant 1) and has the offsets it will have for ever (invariants 2 and 3).
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>>;

    /// What these keys were given before, each in its stream, in the same order, in one round trip; `None` for those
    /// that nothing is stored under.
    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError>;

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

    /// Every stream that ever had a line, by name.
    async fn streams(&self) -> Result<Vec<StreamInfo>, StoreError>;

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

    /// Looks at the store's clock: by it lines are stamped and removed. To be called every minute or more often.
    async fn look(&self) -> Result<Look, StoreError> {
        Ok(Look {
            now: Timestamp::now(),
            ahead: SignedDuration::ZERO,
            leap: None,
        })
    }

    /// Makes invisible what `retention` no longer keeps at the time `now`: whole batches, the oldest first. A call does
    /// a bounded piece of the work.
    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError>;

    /// Deletes what has been invisible for long enough, a bounded piece of it. The streams' floors stay (invariant 10).
    async fn delete_hidden(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        let _ = what;
        Ok(Trimmed::default())
    }

    /// What is kept, and what is on its way out.
    async fn holdings(&self) -> Result<Holdings, StoreError> {
        Ok(Holdings::default())
    }

    /// Lines that can be brought back, of `most` streams at most, by name.
    async fn hidden(&self, most: usize) -> Result<Vec<HiddenLines>, StoreError> {
        let _ = most;
        Ok(Vec::new())
    }

    /// Brings back what is not deleted yet: the same lines under the same offsets. Age takes nothing of these streams
    /// until [`LogStore::allow`], or until it would leave what was brought back.
    async fn restore(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        let _ = which;
        Ok(Vec::new())
    }

    /// Says that the store's clock is right, and that what is old by it may go, whatever it is.
    async fn allow(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Answers `Ok` when the store can take writes now.
    async fn check(&self) -> Result<(), StoreError>;
}

/// Lines of one stream that are to become one batch: one or more requests, grouped.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Whose lines they are.
    pub stream: StreamName,
    /// When they arrived; `None` for now, as the store tells the time.
    pub arrived: Option<Timestamp>,
    /// The lines.
    pub lines: Lines,
    /// The idempotency keys of the requests in it; no two the same.
    pub keys: Vec<KeyedRun>,
}

/// A request's part of a batch, found again by its idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedRun {
    /// The key, made unique per subscriber; unique per stream in the store.
    pub key: StoredKey,
    /// What tells the body from another one.
    pub digest: Digest,
    /// The request's first line within the batch, counted from 0.
    pub skip: u32,
    /// How many lines the request has in the batch.
    pub count: u32,
}

/// An idempotency key as the store keeps it: of one subscriber, at most 64 bytes of text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredKey(pub Arc<str>);

/// A fingerprint of a request's inflated body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

/// What an earlier request with some key was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorRun {
    /// The key.
    pub key: StoredKey,
    /// The fingerprint of the body it came with.
    pub digest: Digest,
    /// The first offset.
    pub first: Offset,
    /// The offset after the last line.
    pub next: Offset,
}

/// What a look at the store's clock found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The store's time.
    pub now: Timestamp,
    /// How far this machine's clock is ahead of it. Zero where it is the only one.
    pub ahead: SignedDuration,
    /// Why it is not relied on.
    pub leap: Option<Leap>,
}

/// A leap of the store's clock that nothing has confirmed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leap {
    /// How far it leapt; ahead, when positive.
    pub by: SignedDuration,
    /// It is relied on again when it has run evenly for so long from now on.
    pub believed_in: Duration,
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

/// Why lines were not stored.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Some of the draft's keys are stored already, and nothing of the draft was stored now. The others can be
    /// appended again without them.
    #[error("{} of the keys were used before", .0.len())]
    KeysUsed(Vec<PriorRun>),
    /// Certainly not stored.
    #[error("nothing was stored: {0}")]
    NotStored(#[source] StoreError),
    /// The outcome is not known: the sender repeats the request with the same key.
    #[error("the outcome is not known: {0}")]
    Unknown(#[source] StoreError),
}
