//! Where a test's store lives, and what tests say about lines in a word.

use std::sync::Arc;

use std::time::Duration;

use lines::log_store::{Digest, Draft, KeyedRun, StoredKey};
use lines::{
    AppendError, Batch, Extent, Line, Lines, LogReader as _, LogStore, Offset, StreamName, Timestamp,
};
use parking_lot::Mutex;
use store::mongo::{MongoOptions, MongoStore};
use store::sqlite::{SqliteOptions, SqliteStore};
use store::{Clock, Compression};
use tempfile::TempDir;

use crate::memory_store::MemoryStore;
use crate::merged::MergedStore;

/// The most batches that one call of `trim` removes in these tests.
pub(crate) const TRIM_BATCHES: u64 = 100;

/// Merged batches of so few bytes hold one of those that they are merged from, so that they can be told apart.
const APART: usize = 1;

/// A database of one test's own.
pub(crate) enum Place {
    /// One object, too: it ends with the test.
    Memory(Arc<MemoryStore>),
    Sqlite {
        folder: TempDir,
        /// One object per folder: the folder is locked.
        open: Mutex<Option<Arc<SqliteStore>>>,
        options: SqliteOptions,
    },
    Mongo {
        /// With the database's name.
        address: String,
        options: MongoOptions,
    },
    /// MongoDB, where small batches are merged before anybody looks.
    Merged { address: String, options: MongoOptions },
}

/// The replica set that tests use.
pub(crate) fn mongodb() -> String {
    std::env::var("TAILCAST_TEST_MONGODB")
        .expect("TAILCAST_TEST_MONGODB names no replica set: run the tests with tests/run, which starts one")
}

/// The same address with a database.
pub(crate) fn mongodb_with(database: &str) -> String {
    let address = mongodb();
    match address.split_once("/?") {
        Some((servers, options)) => format!("{servers}/{database}?{options}"),
        None => format!("{}/{database}", address.trim_end_matches('/')),
    }
}

impl Place {
    /// Small batches are merged when they are to be removed, and else never.
    pub(crate) fn sqlite() -> Self {
        Self::sqlite_with(SqliteOptions {
            merge_after: Duration::MAX,
            merged_bytes: APART,
            ..SqliteOptions::default()
        })
    }

    /// No batch is small.
    pub(crate) fn sqlite_in_place() -> Self {
        Self::sqlite_with(SqliteOptions {
            small_bytes: 0,
            merged_bytes: APART,
            ..SqliteOptions::default()
        })
    }

    /// Merging begins as soon as anything came: at any moment some of it is merged, and some is not.
    pub(crate) fn sqlite_merging() -> Self {
        Self::sqlite_with(SqliteOptions {
            merge_after: Duration::ZERO,
            merged_bytes: APART,
            ..SqliteOptions::default()
        })
    }

    /// The same, and what is merged becomes one batch with what stands before it.
    pub(crate) fn sqlite_joining() -> Self {
        Self::sqlite_with(SqliteOptions {
            merge_after: Duration::ZERO,
            ..SqliteOptions::default()
        })
    }

    /// There is room for one recent batch only: whatever comes waits until the one before it is merged.
    pub(crate) fn sqlite_pressed() -> Self {
        Self::sqlite_with(SqliteOptions {
            merge_after: Duration::MAX,
            recent_bytes: 1,
            ..SqliteOptions::default()
        })
    }

    fn sqlite_with(options: SqliteOptions) -> Self {
        Self::Sqlite {
            folder: TempDir::new().unwrap(),
            open: Mutex::new(None),
            options: SqliteOptions {
                trim_batches: TRIM_BATCHES,
                ..options
            },
        }
    }

    pub(crate) fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// Removed batches stay on the disk for as long as they do by default.
    pub(crate) fn mongo() -> Self {
        Self::Mongo {
            address: mongodb_with(&format!("test_{}", uuid::Uuid::new_v4().simple())),
            options: MongoOptions {
                trim_batches: TRIM_BATCHES,
                merged_bytes: 256 * 1024,
                merge_after: Duration::ZERO,
                ..MongoOptions::default()
            },
        }
    }

    /// Removed batches are deleted at once, and so no end of a stream is remembered.
    pub(crate) fn mongo_without_grace() -> Self {
        let Self::Mongo { address, mut options } = Self::mongo() else {
            unreachable!("made right above");
        };
        options.grace = Duration::ZERO;
        options.tail_valid = Duration::ZERO;
        Self::Mongo { address, options }
    }

    /// Nothing waits for anything, and whatever is small is merged whenever the store is asked.
    pub(crate) fn mongo_merged() -> Self {
        let Self::Mongo { address, options } = Self::mongo_without_grace() else {
            unreachable!("made right above");
        };
        Self::Merged { address, options }
    }

    /// The same, where what came a moment ago stays as it is: whoever races asks afterwards where its batch went.
    pub(crate) fn mongo_merging() -> Self {
        let Self::Merged { address, mut options } = Self::mongo_merged() else {
            unreachable!("made right above");
        };
        options.merge_after = Duration::from_millis(300);
        options.tail_valid = Duration::from_secs(3_600);
        Self::Merged { address, options }
    }

    /// A store object on this database: on MongoDB another one each time, as another collector would have.
    pub(crate) async fn store(&self) -> Arc<dyn LogStore> {
        self.store_with(Compression::default()).await
    }

    pub(crate) async fn store_with(&self, compression: Compression) -> Arc<dyn LogStore> {
        match self {
            Self::Memory(store) => store.clone(),
            Self::Sqlite {
                folder,
                open,
                options,
            } => {
                let mut open = open.lock();
                let store = open.get_or_insert_with(|| {
                    let options = SqliteOptions {
                        compression,
                        ..options.clone()
                    };
                    Arc::new(SqliteStore::open(folder.path(), options).unwrap())
                });
                Arc::clone(store) as _
            }
            Self::Mongo { address, options } => {
                let options = MongoOptions {
                    compression,
                    ..options.clone()
                };
                Arc::new(MongoStore::connect(address, options).await.unwrap())
            }
            Self::Merged { address, options } => {
                let options = MongoOptions {
                    compression,
                    ..options.clone()
                };
                let store = MongoStore::connect(address, options.clone()).await.unwrap();
                store.epoch().await.unwrap();
                let address = address.clone();
                Arc::new(MergedStore {
                    store,
                    address,
                    options,
                })
            }
        }
    }

    /// A store object that takes the time from `clock`: this machine's and, on MongoDB, the database's.
    pub(crate) async fn store_by(&self, clock: &Arc<SetClock>) -> Arc<dyn LogStore> {
        match self {
            Self::Memory(_) => panic!("there is no clock but this machine's"),
            Self::Sqlite { folder, options, .. } => {
                let options = SqliteOptions {
                    clock: clock.clone(),
                    ..options.clone()
                };
                Arc::new(SqliteStore::open(folder.path(), options).unwrap())
            }
            Self::Mongo { address, options } | Self::Merged { address, options } => {
                let options = MongoOptions {
                    clock: clock.clone(),
                    database_clock: Some(clock.clone()),
                    ..options.clone()
                };
                Arc::new(MongoStore::connect(address, options).await.unwrap())
            }
        }
    }

    /// Closes what is open, so that the next store begins anew.
    pub(crate) fn close(&self) {
        match self {
            Self::Sqlite { open, .. } => drop(open.lock().take()),
            Self::Memory(_) | Self::Mongo { .. } | Self::Merged { .. } => {}
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
            Self::Memory(_) | Self::Sqlite { .. } => {}
            Self::Mongo { address, .. } | Self::Merged { address, .. } => {
                database(&address).await.drop().await.unwrap()
            }
        }
    }

    /// This place's database, past the store.
    pub(crate) async fn database(&self) -> mongodb::Database {
        match self {
            Self::Memory(_) | Self::Sqlite { .. } => panic!("there is no MongoDB here"),
            Self::Mongo { address, .. } | Self::Merged { address, .. } => database(address).await,
        }
    }
}

/// A machine's clocks that a test sets, in seconds.
#[derive(Debug, Default)]
pub(crate) struct SetClock(Mutex<(i64, u64)>);

impl SetClock {
    /// Sets the calendar to [`at`] so many seconds; no time passes.
    pub(crate) fn set(&self, seconds: i64) {
        self.0.lock().0 = seconds;
    }

    /// Time passes.
    pub(crate) fn pass(&self, seconds: u64) {
        let mut clock = self.0.lock();
        *clock = (clock.0 + seconds as i64, clock.1 + seconds);
    }
}

impl Clock for SetClock {
    fn wall(&self) -> Timestamp {
        at(self.0.lock().0)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.lock().1)
    }
}

async fn database(address: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(address).await.unwrap();
    client.default_database().unwrap()
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
        arrived: Some(arrived),
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
            ..
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
