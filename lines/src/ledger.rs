//! Small durable state: values of some KiB under keys, changed by compare and set, and watched.
//!
//! Knows nothing of lines or streams, nor of what anybody keeps in it.

mod key;
mod write;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::key::{KeyError, KeyPrefix, LedgerKey, MAX_KEY_BYTES};
pub use self::write::{Action, Expect, MAX_VALUE_BYTES, MAX_WRITES, Write, check};

/// Keeps small values durably, and tells of every change of them.
///
/// Each commit that changes anything moves the ledger to its next revision: 1, 2, 3, … without holes. Commits that
/// nothing depends on each other may share one. Whoever sees a revision, anywhere, can see all before it.
///
/// Every call ends within the store's deadline, [`Ledger::changes`] after what it may wait as well. A call that is
/// cancelled may still have happened; nothing else is lost by it.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// What is kept under a key, durably: a commit that was acknowledged before the call is seen. Only while a database
    /// changes its primary may an answer be some seconds old; what must not rest on such an answer expects its revision
    /// in [`Ledger::commit`].
    async fn get(&self, key: &LedgerKey) -> Result<Option<Entry>, LedgerError>;

    /// The entries whose keys begin with `prefix` and come after `after`, in the order of their bytes: `most` of them at
    /// most, fewer when they are large. A page is what the ledger held at one revision, its own.
    ///
    /// Whoever lists and then watches asks for changes after the *first* page's revision, and heeds a change only when
    /// its revision is greater than that of the entry it is about.
    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&LedgerKey>,
        most: usize,
    ) -> Result<Page, LedgerError>;

    /// Does all of the writes or none: when every key is as its write expects it. No key may stand in it twice. Answers
    /// the revision at which it is done, durably and for all to see; for writes that change nothing, one at which all
    /// was as expected.
    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, CommitError>;

    /// What changed after `after` under `prefix`, in order: as soon as there is anything, and no changes after waiting
    /// for `within`. Whoever asks next for what came after [`Changes::upto`] misses nothing, however long that takes, or
    /// is told [`WatchError::StartOver`].
    async fn changes(
        &self,
        prefix: &KeyPrefix,
        after: Revision,
        within: Duration,
    ) -> Result<Changes, WatchError>;
}

/// A state of the ledger; 0 is the empty one that it began with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Revision(pub u64);

impl Revision {
    /// Before every change.
    pub const ZERO: Self = Self(0);

    /// The one after it.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is kept under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: LedgerKey,
    /// The revision that made it what it is. A key that was deleted and made again never has an earlier one.
    pub revision: Revision,
    /// The value, at most [`MAX_VALUE_BYTES`].
    pub value: Bytes,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What the ledger held under these keys…
    pub entries: Vec<Entry>,
    /// … at this revision.
    pub revision: Revision,
    /// Whether there may be more after the last of them.
    pub more: bool,
}

/// A key that was given a value, or lost it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: LedgerKey,
    /// The revision that did it. Changes of one commit have the same and come together.
    pub revision: Revision,
    /// The value since then; `None` when the key was deleted.
    pub value: Option<Bytes>,
}

/// What a watcher is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The changes, by revision.
    pub changes: Vec<Change>,
    /// There are no others up to this revision.
    pub upto: Revision,
}

/// Why the ledger did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It cannot be reached, or refused to work.
    #[error("the ledger is away: {0}")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has no room. It can be read.
    #[error("the ledger is full: {0}")]
    Full(String),
    /// It said nothing in time.
    #[error("the ledger did not answer within {0:?}")]
    Timeout(Duration),
    /// What it holds breaks a rule: somebody else wrote to it, or its medium is damaged.
    #[error("the ledger holds something that cannot be right: {0}")]
    Damaged(String),
}

/// Why a commit was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A key was not as expected; nothing was done.
    #[error("{key} is not as it was expected to be")]
    Conflict {
        /// The first such key.
        key: LedgerKey,
        /// What is there.
        current: Option<Entry>,
    },
    /// No ledger takes such writes; nothing was done.
    #[error("the writes are no commit: {0}")]
    Refused(&'static str),
    /// Certainly not done.
    #[error("nothing was done: {0}")]
    NotDone(#[source] LedgerError),
    /// It may have been done, or be done yet. Whoever wants to know repeats it with the same expectations, which fail if
    /// it was done: [`CommitError::Conflict`] then shows what it put, told from others' by something of one's own in it.
    #[error("the outcome is not known: {0}")]
    Unknown(#[source] LedgerError),
}

/// Why there are no changes to tell.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Changes after that revision are not kept any more, or it is of another ledger: list, and go on from there.
    #[error("changes after revision {after} are not known any more")]
    StartOver {
        /// Which revision that was.
        after: Revision,
    },
    /// The ledger did not answer. The same question can be asked again.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}
