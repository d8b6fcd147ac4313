//! Connections that read: a bounded number of them, on the threads for blocking work.
//!
//! A question whose answer nobody waits for any more, because its deadline is over or its asker gone, ends by itself
//! within moments: or its turn would be kept from everybody else. One that may go through much leaves a connection to
//! those that look up a few rows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lines::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{away, schema};

/// After so many steps of SQLite's machine, well under a millisecond, a query looks whether anybody still waits.
const STEPS_UNASKED: i32 = 2_000;

/// How much a question may go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// A few rows, found by their keys.
    Rows,
    /// All streams, or much of a stream: such questions never take the last connection.
    Much,
}

/// Hands out reading connections, one to a question.
pub(super) struct Readers {
    shared: Arc<Shared>,
    /// As many turns as there may be connections. A turn lasts until its query has ended.
    turns: Arc<Semaphore>,
    /// One turn less, for questions that cost [`Cost::Much`]. They take it before the turn itself.
    long_turns: Arc<Semaphore>,
}

struct Shared {
    file: PathBuf,
    /// Connections that nobody uses now.
    idle: Mutex<Vec<Connection>>,
}

/// Says, when it is dropped, that nobody waits for an answer any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a query holds until it has ended.
struct Turn {
    _turn: OwnedSemaphorePermit,
    _long: Option<OwnedSemaphorePermit>,
}

impl Readers {
    /// With `most` connections, at least two: one of them is not for long questions.
    pub(super) fn new(file: PathBuf, most: usize) -> Self {
        let most = most.max(2);
        Self {
            shared: Arc::new(Shared {
                file,
                idle: Mutex::new(Vec::new()),
            }),
            turns: Arc::new(Semaphore::new(most)),
            long_turns: Arc::new(Semaphore::new(most - 1)),
        }
    }

    /// Runs a query that sees one state of the database. Dropping the future ends the query.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        cost: Cost,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = self.turn(cost).await?;
        let shared = Arc::clone(&self.shared);
        let unwanted = Arc::new(AtomicBool::new(false));
        let _waiting = Waiting(Arc::clone(&unwanted));
        let asked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let mut connection = shared.connection()?;
            let until = Some(move || unwanted.load(Ordering::Relaxed));
            connection.progress_handler(STEPS_UNASKED, until).map_err(away)?;
            let answer = {
                let _state = connection.unchecked_transaction().map_err(away)?;
                query(&connection)?
            };
            shared.idle.lock().push(connection);
            Ok(answer)
        });
        asked
            .await
            .unwrap_or_else(|stopped| Err(StoreError::Away(Box::new(stopped))))
    }

    async fn turn(&self, cost: Cost) -> Result<Turn, StoreError> {
        let acquire = async |turns: &Arc<Semaphore>| {
            let turn = Arc::clone(turns).acquire_owned().await;
            turn.map_err(|closed| StoreError::Away(Box::new(closed)))
        };
        let long = match cost {
            Cost::Rows => None,
            Cost::Much => Some(acquire(&self.long_turns).await?),
        };
        Ok(Turn {
            _turn: acquire(&self.turns).await?,
            _long: long,
        })
    }
}

impl Shared {
    /// One that nobody uses, or a new one. After a query that failed it is closed and not used again.
    fn connection(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().pop();
        match idle {
            Some(connection) => Ok(connection),
            None => schema::open_reader(&self.file).map_err(away),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Counts for hours.
    const ENDLESS: &str =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";

    fn readers(most: usize) -> (Readers, tempfile::TempDir) {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("x");
        Connection::open(&file).unwrap();
        (Readers::new(file, most), folder)
    }

    fn number(connection: &Connection, sql: &str) -> Result<i64, StoreError> {
        connection.query_row(sql, [], |row| row.get(0)).map_err(away)
    }

    /// Asks for `sql` until somebody gives up.
    async fn given_up(readers: &Readers, cost: Cost) {
        let (began, begins) = tokio::sync::oneshot::channel();
        let endless = readers.ask(cost, |connection| {
            let _ = began.send(());
            number(connection, ENDLESS)
        });
        tokio::select! {
            answer = endless => panic!("{answer:?}"),
            _ = begins => {}
        }
    }

    #[tokio::test]
    async fn a_query_that_nobody_waits_for_ends_and_gives_its_turn_back() {
        let (readers, _folder) = readers(2);
        for _ in 0..5 {
            given_up(&readers, Cost::Rows).await;
        }
        let answer = readers.ask(Cost::Rows, |connection| number(connection, "SELECT 7"));
        assert_eq!(
            timeout(Duration::from_secs(20), answer).await.unwrap().unwrap(),
            7
        );
        let all = readers.turns.acquire_many(2);
        let _all = timeout(Duration::from_secs(20), all)
            .await
            .expect("no query runs on")
            .unwrap();
    }

    #[tokio::test]
    async fn an_end_that_comes_late_does_not_end_the_next_query_of_the_connection() {
        let (readers, _folder) = readers(2);
        for i in 0..50 {
            let answer = readers.ask(Cost::Rows, move |connection| {
                let sql = format!(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000)
                                   SELECT count(*) + {i} FROM n"
                );
                number(connection, &sql)
            });
            assert_eq!(answer.await.unwrap(), 20_000 + i);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn long_questions_leave_a_connection_to_short_ones() {
        let (readers, _folder) = readers(3);
        let readers = Arc::new(readers);
        let long: Vec<_> = (0..5)
            .map(|_| {
                let readers = Arc::clone(&readers);
                tokio::spawn(async move { readers.ask(Cost::Much, |c| number(c, ENDLESS)).await })
            })
            .collect();
        while readers.long_turns.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..10 {
            let answer = readers.ask(Cost::Rows, |connection| number(connection, "SELECT 7"));
            assert_eq!(
                timeout(Duration::from_secs(20), answer).await.unwrap().unwrap(),
                7
            );
        }
        for question in long {
            question.abort();
        }
    }
}
