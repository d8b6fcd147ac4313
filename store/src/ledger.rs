//! What the ledgers of both stores do alike: commits that wait become groups, groups are judged, and watchers are told.

mod group;
mod recent;
mod watch;

use lines::StoreError;
use lines::ledger::{LedgerError, Revision};

pub(crate) use self::group::{Pending, Queue, judge};
pub(crate) use self::recent::{Answer, Recent, Told};
pub(crate) use self::watch::{Source, watch};

/// How a ledger works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerOptions {
    /// How many revisions are kept for watchers that are behind, at least; a quarter more at most.
    pub history: u64,
    /// The most bytes that are kept for them, about.
    pub history_bytes: u64,
    /// Bytes of the last changes that a process holds in memory, so that its watchers do not each read them.
    pub recent_bytes: usize,
    /// How often a database that others write to is asked for news, while anybody watches.
    pub poll: std::time::Duration,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            history: 10_000,
            history_bytes: 64 * 1024 * 1024,
            recent_bytes: 4 * 1024 * 1024,
            poll: std::time::Duration::from_millis(200),
        }
    }
}

/// The most entries of one page, and changes of one answer.
pub(crate) const MOST: usize = 1_000;
/// The most bytes of either, about.
pub(crate) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// When old revisions have to go.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    bytes: u64,
}

impl Growth {
    /// Counts what a commit added, and says whether there is more history than there may be. Call [`Growth::cut`] then.
    pub(crate) fn add(&mut self, options: &LedgerOptions, kept: u64, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        kept > options.history + options.history / 4 || self.bytes > options.history_bytes / 4
    }

    /// The history was cut.
    pub(crate) fn cut(&mut self) {
        self.bytes = 0;
    }
}

/// Up to which revision history can go, from what each kept one takes, the newest first.
pub(crate) fn old(
    options: &LedgerOptions,
    newest_first: impl IntoIterator<Item = (Revision, u64)>,
) -> Option<Revision> {
    let mut bytes = 0;
    let mut newest_first = newest_first.into_iter().zip(0..);
    let kept = newest_first.find(|((_, size), place)| {
        bytes += size;
        // The newest stays: by it the next revision is known.
        *place > 0 && (*place >= options.history || bytes > options.history_bytes)
    });
    kept.map(|((revision, _), _)| revision)
}

/// The store's word, as the ledger's.
pub(crate) fn ledger_error(error: StoreError) -> LedgerError {
    match error {
        StoreError::Away(why) => LedgerError::Away(why),
        StoreError::Full(why) => LedgerError::Full(why),
        StoreError::Timeout(within) => LedgerError::Timeout(within),
        StoreError::Damaged(_) | StoreError::Broken(_) | StoreError::Corrupt { .. } => {
            LedgerError::Damaged(error.to_string())
        }
    }
}
