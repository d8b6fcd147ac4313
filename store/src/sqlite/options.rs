//! How the store in a data folder works, and why one cannot be used.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lines::log_store::CallLimits;

use crate::Compression;
use crate::clock::{Clock, SystemClock};
use crate::ledger::LedgerOptions;

/// How the store works.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// How batches are written down.
    pub compression: Compression,
    /// How much has to wait for another call of `append` to be worth its cost while one is under way.
    pub full_call: CallLimits,
    /// When every call ends, with or without an answer.
    pub deadline: Duration,
    /// Connections that read, and so the questions that are answered at once; more of them wait for their turn. At
    /// least two: one is not for questions that go through much.
    pub readers: usize,
    /// Calls that wait for the writing thread. When it is full, more of them wait until their deadline.
    pub queue: usize,
    /// The most NDJSON, in bytes, that is taken into one commit from waiting calls.
    pub commit_bytes: usize,
    /// The most batches that one call of `trim` makes invisible, about.
    pub trim_batches: u64,
    /// How long removed batches stay on the disk, where they can be brought back.
    pub grace: Duration,
    /// The clocks of this machine.
    pub clock: Arc<dyn Clock>,
    /// Free space, in bytes, that the file keeps for what comes next. It also keeps an eighth of its size; what is
    /// beyond both goes back to the file system.
    pub spare_bytes: u64,
    /// How the ledger works.
    pub ledger: LedgerOptions,
    /// Batches of fewer bytes of NDJSON than this are kept in the order of their arrival at first, and merged later.
    pub small_bytes: usize,
    /// How much may be kept so, in the file and in memory. From half of it on it is merged; when it is full, appends wait
    /// for that.
    pub recent_bytes: usize,
    /// What was kept so for so long is merged, however little it is.
    pub merge_after: Duration,
    /// The most NDJSON of a merged batch. One of half of that is not merged any more.
    pub merged_bytes: usize,
    /// How far apart the arrivals of what is merged may be: retention removes a merged batch when the last of it is old
    /// enough.
    pub merge_span: Duration,
    /// Bytes that stay free on the disk, an eighth of it at most, so that lines can be removed when it is full: before it
    /// gets there, appends are refused. See [`room`](super::room).
    pub reserve_bytes: u64,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            // The writing thread takes whatever waits into one commit; what is large is compressed beside it.
            full_call: CallLimits {
                batches: 256,
                bytes: 128 * 1024,
            },
            deadline: Duration::from_secs(10),
            readers: 4,
            queue: 1024,
            commit_bytes: 16 * 1024 * 1024,
            trim_batches: 10_000,
            grace: Duration::from_secs(120),
            clock: Arc::new(SystemClock::default()),
            spare_bytes: 64 * 1024 * 1024,
            ledger: LedgerOptions::default(),
            small_bytes: 16 * 1024,
            recent_bytes: 8 * 1024 * 1024,
            merge_after: Duration::from_secs(30),
            merged_bytes: 256 * 1024,
            merge_span: Duration::from_secs(600),
            reserve_bytes: 64 * 1024 * 1024,
        }
    }
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be made, read or written.
    #[error("the data folder {} cannot be used: {source}", folder.display())]
    Folder {
        /// Which one.
        folder: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("the data folder {} is in use by another tailcast: stop that one, or choose another folder", folder.display())]
    InUse {
        /// Which one.
        folder: PathBuf,
    },
    /// A file lies where the database should be, and is something else.
    #[error("{} is not a database of tailcast: move it away, or choose another folder", file.display())]
    Foreign {
        /// Which one.
        file: PathBuf,
    },
    /// A later version wrote it.
    #[error("{} was written by a newer tailcast (format {found}, this one knows {known}): use that version", file.display())]
    Newer {
        /// Which one.
        file: PathBuf,
        /// The format it has.
        found: i64,
        /// The latest that this version understands.
        known: i64,
    },
    /// There is no room for the little that opening takes.
    #[error("the disk of {} is full: make some megabytes of room", file.display())]
    Full {
        /// The database.
        file: PathBuf,
    },
    /// SQLite refuses it.
    #[error("the database {} cannot be opened: {source}", file.display())]
    Database {
        /// Which one.
        file: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
}
