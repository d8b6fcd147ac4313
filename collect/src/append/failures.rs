//! What went wrong with the batches of one call, and whether it says that the store is away.

use std::sync::Arc;

use lines::{AppendError, Batch, StoreError};

/// What became of one batch.
pub(super) type Answer = Result<Arc<Batch>, AppendError>;

/// The failures of one call, logged once.
#[derive(Default)]
pub(super) struct Failures {
    batches: usize,
    /// Of those, the ones that could not reach the store.
    away: usize,
    /// Batches of which the store said nothing.
    pub(super) unanswered: usize,
    answered: usize,
    error: Option<String>,
}

impl Failures {
    pub(super) fn add<'a>(&mut self, answers: impl Iterator<Item = &'a Answer>) {
        for answer in answers {
            self.answered += 1;
            let (Err(AppendError::NotStored(error)) | Err(AppendError::Unknown(error))) = answer else {
                continue;
            };
            // The store says that itself, once.
            if let StoreError::Full(_) = error {
                continue;
            }
            self.batches += 1;
            self.error.get_or_insert_with(|| error.to_string());
            let away = match (answer, error) {
                (_, StoreError::Timeout(_)) => true,
                (Err(AppendError::NotStored(_)), StoreError::Away(_)) => true,
                // An insert under way broke off; the next one may find another server.
                _ => false,
            };
            self.away += usize::from(away);
        }
    }

    /// Whether the store was not reached with any of them.
    pub(super) fn nothing_got_through(&self) -> bool {
        self.unanswered == 0 && self.away > 0 && self.away == self.answered
    }

    pub(super) fn log(self) {
        let batches = self.batches + self.unanswered;
        if batches > 0 {
            let error = self.error.unwrap_or_else(|| "the store broke off".to_owned());
            tracing::warn!(batches, error, "lines were not stored");
        }
    }
}
