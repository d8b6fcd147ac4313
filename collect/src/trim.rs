//! Retention, again and again: asks the store to remove what is no longer kept.
//!
//! Knows no database. Several collectors may do this on one store at once.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::store::Retention;
use crate::{LogStore, Timestamp};

/// Trims now and then `every` so often, until `shutdown`. A failure is logged and tried again the next time. Ends at
/// once when there is nothing to enforce.
pub async fn run(store: &dyn LogStore, retention: Retention, every: Duration, shutdown: CancellationToken) {
    if retention == Retention::default() {
        return;
    }
    // An interval of no length would panic.
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => return,
        }
        tokio::select! {
            () = trim(store, &retention) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Goes on until the store is as small as it should be.
async fn trim(store: &dyn LogStore, retention: &Retention) {
    loop {
        match store.trim(retention, Timestamp::now()).await {
            Ok(trimmed) => {
                metrics::counter!("tailcast_trimmed_lines_total").increment(trimmed.lines);
                if trimmed.batches > 0 {
                    let (batches, lines) = (trimmed.batches, trimmed.lines);
                    tracing::info!(batches, lines, "removed what is no longer kept");
                }
                // A store that has more to do and does nothing is tried again later.
                if !trimmed.more || trimmed.batches == 0 {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the store could not be trimmed, trying again later");
                return;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::store::Draft;
    use crate::store::sqlite::{SqliteOptions, SqliteStore};
    use crate::{Extent, Line, Lines, StreamName};

    /// A store with `count` batches of one line, all of which arrived long ago.
    async fn old_lines(folder: &tempfile::TempDir, count: u64) -> SqliteStore {
        let options = SqliteOptions {
            trim_batches: 3,
            ..SqliteOptions::default()
        };
        let store = SqliteStore::open(folder.path(), options).unwrap();
        let line = Line {
            ts: Timestamp::from_nanos(0),
            level: None,
            message: "old".to_owned(),
            fields: Vec::new(),
        };
        for _ in 0..count {
            let draft = Draft {
                stream: StreamName::parse("s").unwrap(),
                arrived: Timestamp::from_nanos(0),
                lines: Lines::encode([&line]).unwrap(),
                keys: Vec::new(),
            };
            assert!(store.append(vec![draft]).await.remove(0).is_ok());
        }
        store
    }

    #[tokio::test]
    async fn everything_old_is_gone_soon_after_the_start_however_much_it_is() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = old_lines(&folder, 10).await;
        let retention = Retention {
            age: Some(Duration::from_secs(60)),
            bytes: None,
        };
        let shutdown = CancellationToken::new();
        let stream = [StreamName::parse("s").unwrap()];
        let emptied = async {
            while store.extents(&stream).await.unwrap()
                != [Extent {
                    first_available: crate::Offset(10),
                    next: crate::Offset(10),
                }]
            {
                tokio::task::yield_now().await;
            }
            shutdown.cancel();
        };
        let running = run(&store, retention, Duration::from_secs(3600), shutdown.clone());
        tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(running, emptied) })
            .await
            .expect("one round removes all of it, and the shutdown ends the loop");
    }

    #[tokio::test]
    async fn without_limits_there_is_nothing_to_do() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = old_lines(&folder, 0).await;
        run(
            &store,
            Retention::default(),
            Duration::ZERO,
            CancellationToken::new(),
        )
        .await;
    }
}
