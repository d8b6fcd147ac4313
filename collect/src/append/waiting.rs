//! A run that waits to be stored, part by part.

use std::collections::VecDeque;
use std::sync::Arc;

use lines::Lines;
use lines::log_store::StoredKey;
use tokio::sync::oneshot;

use super::{RunError, RunFailure, RunKey, Stored};

/// What a waiting part costs in memory beside its lines, in bytes: about.
const PART_OVERHEAD: usize = 256;

/// A run that is not done.
pub(super) struct Waiting {
    pub(super) subscriber: Arc<str>,
    /// Not stored yet, in order. While the first one is in flight it is not in here.
    pub(super) parts: VecDeque<Lines>,
    /// The number of the next part. Parts are numbered as they are stored.
    pub(super) number: u64,
    pub(super) key: Option<RunKey>,
    /// Whether its subscriber is charged for a new stream.
    pub(super) charged: bool,
    pub(super) stored: Stored,
    pub(super) answer: oneshot::Sender<Result<Stored, RunFailure>>,
}

/// What a part takes of [`AppendLimits::waiting_bytes`].
pub(super) fn cost(part: &Lines) -> usize {
    part.ndjson.len() + PART_OVERHEAD
}

impl Waiting {
    /// NDJSON of the parts.
    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.ndjson.len()).sum()
    }

    pub(super) fn cost(&self) -> usize {
        self.parts.iter().map(cost).sum()
    }

    /// What the next part is kept under.
    pub(super) fn part_keys(&self) -> Vec<StoredKey> {
        let key = self.key.iter();
        key.flat_map(|key| key.part(self.number)).collect()
    }

    pub(super) fn fail(self, error: RunError) {
        // Nobody listens any more when the client went away.
        let stored = self.stored;
        let _ = self.answer.send(Err(RunFailure { error, stored }));
    }
}
