//! Every call of a store ends in time, and is counted.

use std::future::Future;
use std::time::{Duration, Instant};

use lines::ledger::{CommitError, Revision};
use lines::{AppendError, Batch, StoreError};
use tokio::time::timeout;

/// Which call a measurement belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Epoch,
    Append,
    Keys,
    Read,
    Extents,
    Streams,
    FirstSince,
    EndBefore,
    Places,
    IsToSketch,
    Sketched,
    KeepSketch,
    ForgetSketches,
    Look,
    Trim,
    DeleteHidden,
    Merge,
    Holdings,
    Hidden,
    Restore,
    DeleteStream,
    Allow,
    Check,
    LedgerGet,
    LedgerList,
    LedgerCommit,
    LedgerChanges,
}

impl Operation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Epoch => "epoch",
            Self::Append => "append",
            Self::Keys => "keys",
            Self::Read => "read",
            Self::Extents => "extents",
            Self::Streams => "streams",
            Self::FirstSince => "first_since",
            Self::EndBefore => "end_before",
            Self::Places => "places",
            Self::IsToSketch => "is_to_sketch",
            Self::Sketched => "sketched",
            Self::KeepSketch => "keep_sketch",
            Self::ForgetSketches => "forget_sketches",
            Self::Look => "look",
            Self::Trim => "trim",
            Self::DeleteHidden => "delete_hidden",
            Self::Merge => "merge",
            Self::Holdings => "holdings",
            Self::Hidden => "hidden",
            Self::Restore => "restore",
            Self::DeleteStream => "delete_stream",
            Self::Allow => "allow",
            Self::Check => "check",
            Self::LedgerGet => "ledger_get",
            Self::LedgerList => "ledger_list",
            Self::LedgerCommit => "ledger_commit",
            Self::LedgerChanges => "ledger_changes",
        }
    }
}

/// Adds what a call took to `tailcast_store_seconds`.
pub(super) async fn measured<T>(operation: Operation, call: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let answer = call.await;
    metrics::histogram!("tailcast_store_seconds", "operation" => operation.as_str())
        .record(begun.elapsed().as_secs_f64());
    answer
}

/// The same for a question, which also ends after `deadline`.
pub(super) async fn answered<T>(
    operation: Operation,
    deadline: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    measured(operation, async {
        timeout(deadline, call)
            .await
            .unwrap_or(Err(StoreError::Timeout(deadline)))
    })
    .await
}

/// What a call answers by `until`; `None` when that has passed, whether or not an answer came after all.
///
/// A process that was stopped in between finds the deadline and an answer at once, and cannot tell when its question was
/// sent. What depends on that having been in time is not to be taken for answered. A clock that stands still with its
/// machine, as this one may where that sleeps, tells nothing of it.
pub(crate) async fn answered_by<T>(
    until: tokio::time::Instant,
    call: impl IntoFuture<Output = T>,
) -> Option<T> {
    let answer = tokio::time::timeout_at(until, call).await.ok()?;
    (tokio::time::Instant::now() <= until).then_some(answer)
}

/// Counts what became of each draft in `tailcast_store_appends_total`.
pub(super) fn count_appends<'a>(
    outcomes: impl Iterator<Item = &'a Result<std::sync::Arc<Batch>, AppendError>>,
) {
    let of = |outcome: &Result<_, AppendError>| match outcome {
        Ok(_) => "stored",
        Err(AppendError::KeysUsed(_)) => "keys_used",
        Err(AppendError::NotStored(_)) => "not_stored",
        Err(AppendError::Unknown(_)) => "unknown",
    };
    let mut outcomes = outcomes.map(of).peekable();
    while let Some(outcome) = outcomes.next() {
        let mut count = 1;
        while outcomes.next_if_eq(&outcome).is_some() {
            count += 1;
        }
        metrics::counter!("tailcast_store_appends_total", "outcome" => outcome).increment(count);
    }
}

/// Counts what became of a commit in `tailcast_ledger_commits_total`.
pub(super) fn count_commit(outcome: &Result<Revision, CommitError>) {
    let outcome = match outcome {
        Ok(_) => "done",
        Err(CommitError::Conflict { .. }) => "conflict",
        Err(CommitError::Refused(_)) => "refused",
        Err(CommitError::NotDone(_)) => "not_done",
        Err(CommitError::Unknown(_)) => "unknown",
    };
    metrics::counter!("tailcast_ledger_commits_total", "outcome" => outcome).increment(1);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::time::Instant as TokioInstant;

    use super::*;

    #[tokio::test]
    async fn an_answer_that_was_found_after_its_time_is_none() {
        let soon = TokioInstant::now() + Duration::from_secs(60);
        assert_eq!(answered_by(soon, async { 1 }).await, Some(1));
        // The whole process stands still while the question is under way.
        let until = TokioInstant::now() + Duration::from_millis(5);
        let stopped = async {
            std::thread::sleep(Duration::from_millis(10));
            1
        };
        assert_eq!(answered_by(until, stopped).await, None);
        let never = std::future::pending::<i32>();
        assert_eq!(answered_by(until, never).await, None);
    }
}
