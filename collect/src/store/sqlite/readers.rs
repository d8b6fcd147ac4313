//! Connections that read: a bounded number of them, on the threads for blocking work.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{away, schema};
use crate::store::StoreError;

/// Hands out reading connections, one to a question.
pub(super) struct Readers {
    shared: Arc<Shared>,
    /// As many turns as there may be connections. A turn lasts until its query has ended, also when nobody waits for
    /// the answer any more.
    turns: Arc<Semaphore>,
}

struct Shared {
    file: PathBuf,
    /// Connections that nobody uses now.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(file: PathBuf, most: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                file,
                idle: Mutex::new(Vec::new()),
            }),
            turns: Arc::new(Semaphore::new(most.max(1))),
        }
    }

    /// Runs a query that sees one state of the database.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|closed| StoreError::Away(Box::new(closed)))?;
        let shared = Arc::clone(&self.shared);
        let asked = tokio::task::spawn_blocking(move || {
            let idle = shared.idle.lock().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => schema::open_reader(&shared.file).map_err(away)?,
            };
            let answer = {
                let _state = connection.unchecked_transaction().map_err(away)?;
                query(&connection)?
            };
            shared.idle.lock().push(connection);
            drop(turn);
            Ok(answer)
        });
        asked
            .await
            .unwrap_or_else(|stopped| Err(StoreError::Away(Box::new(stopped))))
    }
}
