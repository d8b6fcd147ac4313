//! Where a test's store lives, and what tests say about lines in a word.

use std::sync::Arc;

use collect::store::sqlite::{SqliteOptions, SqliteStore};
use collect::store::{AppendError, Compression, Digest, Draft, KeyedRun, StoredKey};
use collect::{Batch, Extent, Line, Lines, LogStore, Offset, StreamName, Timestamp};
use parking_lot::Mutex;
use tempfile::TempDir;

/// The most batches that one call of `trim` removes in these tests.
pub(crate) const TRIM_BATCHES: u64 = 100;

/// A database of one test's own.
pub(crate) enum Place {
    Sqlite {
        folder: TempDir,
        /// One object per folder: the folder is locked.
        open: Mutex<Option<Arc<SqliteStore>>>,
    },
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite {
            folder: TempDir::new().unwrap(),
            open: Mutex::new(None),
        }
    }

    /// A store object on this database: on MongoDB another one each time, as another collector would have.
    pub(crate) fn store(&self) -> Arc<dyn LogStore> {
        self.store_with(Compression::default())
    }

    pub(crate) fn store_with(&self, compression: Compression) -> Arc<dyn LogStore> {
        match self {
            Self::Sqlite { folder, open } => {
                let mut open = open.lock();
                let store = open.get_or_insert_with(|| {
                    let options = SqliteOptions {
                        compression,
                        trim_batches: TRIM_BATCHES,
                        ..SqliteOptions::default()
                    };
                    Arc::new(SqliteStore::open(folder.path(), options).unwrap())
                });
                Arc::clone(store) as _
            }
        }
    }

    /// Closes what is open, so that the next store begins anew.
    pub(crate) fn close(&self) {
        match self {
            Self::Sqlite { open, .. } => drop(open.lock().take()),
        }
    }

    /// Runs a test and cleans up after it, also when it fails.
    pub(crate) async fn run(self, test: impl AsyncFnOnce(&Place)) {
        use futures_util::FutureExt;
        let outcome = std::panic::AssertUnwindSafe(test(&self)).catch_unwind().await;
        self.remove().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    async fn remove(self) {
        match self {
            Self::Sqlite { .. } => {}
        }
    }
}

pub(crate) fn stream(name: &str) -> StreamName {
    StreamName::parse(name).unwrap()
}

/// So many seconds after some day in the past.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_nanos((1_700_000_000 + seconds) * 1_000_000_000)
}

pub(crate) fn line(ts: Timestamp, message: &str) -> Line {
    Line {
        ts,
        level: None,
        message: message.to_owned(),
        fields: Vec::new(),
    }
}

/// One line per message, all at the same time.
pub(crate) fn lines(ts: Timestamp, messages: &[&str]) -> Lines {
    let lines: Vec<Line> = messages.iter().map(|message| line(ts, message)).collect();
    Lines::encode(&lines).unwrap()
}

/// Lines that arrived now.
pub(crate) fn draft(name: &str, messages: &[&str]) -> Draft {
    // Milliseconds are what every store keeps.
    let now = Timestamp::from_nanos(Timestamp::now().nanos() / 1_000_000 * 1_000_000);
    draft_at(name, now, messages)
}

/// Lines that arrived then.
pub(crate) fn draft_at(name: &str, arrived: Timestamp, messages: &[&str]) -> Draft {
    Draft {
        stream: stream(name),
        arrived,
        lines: lines(arrived, messages),
        keys: Vec::new(),
    }
}

/// The same with an idempotency key for all of it.
pub(crate) fn keyed(mut draft: Draft, key: &str, digest: u8) -> Draft {
    draft.keys.push(KeyedRun {
        key: StoredKey(key.into()),
        digest: Digest([digest; 32]),
        skip: 0,
        count: draft.lines.count,
    });
    draft
}

/// Appends one draft.
pub(crate) async fn append(store: &dyn LogStore, draft: Draft) -> Result<Arc<Batch>, AppendError> {
    let mut outcomes = store.append(vec![draft]).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// Appends messages that arrived now, one batch.
pub(crate) async fn store_lines(store: &dyn LogStore, name: &str, messages: &[&str]) -> Arc<Batch> {
    append(store, draft(name, messages)).await.unwrap()
}

pub(crate) async fn extent(store: &dyn LogStore, name: &str) -> (u64, u64) {
    let extents = store.extents(&[stream(name)]).await.unwrap();
    let [
        Extent {
            first_available,
            next,
        },
    ] = extents[..]
    else {
        panic!("one stream has one extent");
    };
    (first_available.0, next.0)
}

/// Reads everything from an offset on, page by page, as messages with their offsets.
pub(crate) async fn read_all(store: &dyn LogStore, name: &str, from: u64) -> Vec<(u64, String)> {
    let name = stream(name);
    let mut found = Vec::new();
    let mut from = Offset(from);
    loop {
        let batches = store.read(&name, from, 64 * 1024).await.unwrap();
        let Some(last) = batches.last() else {
            return found;
        };
        for batch in &batches {
            found.extend(
                messages(batch)
                    .into_iter()
                    .filter(|(offset, _)| *offset >= from.0),
            );
        }
        from = last.next();
    }
}

/// A batch's messages with their offsets.
pub(crate) fn messages(batch: &Batch) -> Vec<(u64, String)> {
    batch
        .lines
        .iter()
        .zip(batch.first.0..)
        .map(|(line, offset)| {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            (offset, line["message"].as_str().unwrap().to_owned())
        })
        .collect()
}

pub(crate) fn numbered(from: u64, messages: &[&str]) -> Vec<(u64, String)> {
    (from..).zip(messages.iter().map(|&m| m.to_owned())).collect()
}
