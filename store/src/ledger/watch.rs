//! How a watcher gets what it asks for: from the last changes, else from the history, else by waiting.

use std::time::Duration;

use lines::ledger::{Changes, KeyPrefix, LedgerError, Revision, WatchError};
use tokio::time::Instant;

use super::{Recent, Told};

/// Where changes come from that are not among the last ones.
pub(crate) trait Source {
    /// The last changes.
    fn recent(&self) -> &Recent;

    /// The last revision that anybody made.
    async fn newest(&self) -> Result<Revision, LedgerError>;

    /// Changes out of the history, as many as an answer takes; `None` when it does not go back so far.
    async fn history(&self, prefix: &KeyPrefix, after: Revision) -> Result<Option<Changes>, LedgerError>;

    /// Sees to it that the last changes are not long out of date.
    async fn refresh(&self) -> Result<(), LedgerError>;

    /// Sees to it that the last changes are the last ones, until then or until there are more of them.
    async fn news(&self, until: Instant) -> Result<(), LedgerError>;
}

/// [`lines::Ledger::changes`]. Dropping the future loses nothing.
pub(crate) async fn watch(
    source: &impl Source,
    prefix: &KeyPrefix,
    after: Revision,
    within: Duration,
) -> Result<Changes, WatchError> {
    let until = Instant::now() + within;
    source.refresh().await?;
    let mut heads = source.recent().subscribe();
    let mut upto = after;
    loop {
        heads.mark_unchanged();
        let told = match source.recent().after(prefix, upto) {
            Told::Changes(told) => told,
            Told::Behind => {
                let found = source.history(prefix, upto).await?;
                found.ok_or(WatchError::StartOver { after })?
            }
            // A revision that somebody has just been told, and we have not; or one of another ledger.
            Told::Ahead if source.newest().await? < upto => return Err(WatchError::StartOver { after }),
            Told::Ahead => Changes {
                changes: Vec::new(),
                upto,
            },
        };
        upto = told.upto;
        if !told.changes.is_empty() {
            return Ok(told);
        }
        if upto >= source.recent().head() && Instant::now() < until {
            tokio::select! {
                // The sender lives as long as the source.
                _ = heads.changed() => {}
                news = source.news(until) => news?,
            }
        }
        if Instant::now() >= until {
            return Ok(told);
        }
    }
}
