//! Where lines are kept: the truth that everything else can be repaired from.
//!
//! Knows nothing of HTTP, routes or sessions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;

use crate::retention::{Deletable, Deletion, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use crate::sketch::{Reach, Sketch};
use crate::{Batch, Lines, LogReader, Offset, StoreError, StreamName, Timestamp};

/// Keeps batches, durably, in the order of their offsets.
///
/// Every call ends within the store's deadline; one that is cancelled may still have happened.
#[async_trait]
pub trait LogStore: LogReader {
    /// Appends each draft at the head of its stream, in one round trip when nobody else writes to these streams.
    ///
    /// The answer has one element per draft, in the same order. At most one draft per stream. `Ok` means that the
    /// batch is durable (invariant 1) and has the offsets it will have for ever (invariants 2 and 3).
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>>;

    /// The same, for whoever wants no draft to wait for the others in its call: `told` is given outcomes with their drafts'
    /// places as soon as they are known, each once. A draft of which it is told nothing has an unknown outcome.
    async fn append_each(&self, drafts: Vec<Draft>, told: Told<'_>) {
        let outcomes = self.append(drafts).await;
        told(outcomes.into_iter().enumerate().collect());
    }

    /// How much has to wait for another call of [`append`](LogStore::append) to be worth its cost while one is under way.
    /// What is less goes better with the next call: the store works once for all of it.
    fn full_call(&self) -> CallLimits {
        CallLimits::default()
    }

    /// What these keys were given before, each in its stream, in the same order, in one round trip; `None` for those
    /// that nothing is stored under.
    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError>;

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

    /// Makes full batches of small neighbours, a bounded piece of the work. Nothing that anybody can ask for changes by
    /// it, but where batches begin. A store that does so by itself has nothing to do here.
    async fn merge(&self) -> Result<Merged, StoreError> {
        Ok(Merged::default())
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

    /// Deletes a stream: every line that it has is invisible to all who ask from now on, and it is as if it never had one
    /// until it is appended to again, which goes on where it ended (invariant 10). Its lines are deleted later, with what
    /// retention made invisible, and not brought back by [`LogStore::restore`]; until then their idempotency keys are
    /// answered as before, so a request that is repeated brings nothing back.
    ///
    /// With `ending` it is deleted only if it ends there: nothing goes that nobody looked at.
    ///
    /// What is appended meanwhile is deleted, or it comes after the deletion: what was acknowledged before this call is
    /// deleted. Whoever is not told the outcome may call again.
    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError>;

    /// Says that the store's clock is right, and that what is old by it may go, whatever it is.
    async fn allow(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether this process is to make sketches: of several on one store, one is, for as long as it asks every minute.
    async fn is_to_sketch(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Up to where sketches of a stream's lines are kept, of those that end at `upto` or before; nothing from a store that
    /// keeps none.
    async fn sketched(&self, stream: &StreamName, upto: Offset) -> Result<Option<Reach>, StoreError> {
        let _ = (stream, upto);
        Ok(None)
    }

    /// Keeps a sketch for as long as its lines, to answer [`LogReader::places`] from. One that begins where another does is
    /// not kept beside it. `false` when there is no room for it now.
    async fn keep_sketch(&self, stream: &StreamName, sketch: Sketch) -> Result<bool, StoreError> {
        let _ = (stream, sketch);
        Ok(true)
    }

    /// Removes the sketches that reach beyond `head`, where the stream ends: they are of lines that are no longer there, and
    /// will be others.
    async fn forget_sketches(&self, stream: &StreamName, head: Offset) -> Result<(), StoreError> {
        let _ = (stream, head);
        Ok(())
    }

    /// Answers `Ok` when the store can take writes now.
    async fn check(&self) -> Result<(), StoreError>;
}

/// Who is told outcomes of drafts, by their places in the call.
pub type Told<'a> = &'a (dyn Fn(Vec<(usize, Result<Arc<Batch>, AppendError>)>) + Send + Sync);

/// When a call is full: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Batches in it: 128.
    pub batches: usize,
    /// Bytes of NDJSON in it: 1 MiB.
    pub bytes: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            batches: 128,
            bytes: 1024 * 1024,
        }
    }
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

/// What a call of `merge` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merged {
    /// Batches that became part of others.
    pub batches: u64,
    /// What they became.
    pub into: u64,
    /// Whether the call ended before everything was done: another one goes on.
    pub more: bool,
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
