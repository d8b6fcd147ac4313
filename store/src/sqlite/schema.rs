//! The data folder: who has it, what lies in it, and in which format.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use lines::Epoch;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{OpenError, private};

/// The database's name in the data folder.
const DATABASE: &str = "lines.sqlite3";
/// Locked for as long as a process uses the folder. Never removed: that would let two processes lock two files.
const LOCK: &str = "tailcast.lock";

/// "tail", so that a database of another program is told from an empty one.
const APPLICATION: i64 = 0x7461_696c;
/// The format that this version writes.
const FORMAT: i64 = 7;

// `lines` stands last, so that the columns before it are read without it. `bytes` is what the batch takes on the disk,
// rows of keys and of indexes included, roughly; `meta.bytes` is the sum of it.
const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE streams (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        floor INTEGER NOT NULL,
        created INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE batches (
        id INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        oldest INTEGER NOT NULL,
        newest INTEGER NOT NULL,
        arrived INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        compressed INTEGER NOT NULL,
        lines BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX batches_place ON batches (stream, first);
    CREATE INDEX batches_newest ON batches (stream, newest, first);
    CREATE INDEX batches_arrived ON batches (arrived);
    CREATE TABLE keys (
        stream INTEGER NOT NULL,
        key TEXT NOT NULL,
        digest BLOB NOT NULL,
        batch INTEGER NOT NULL,
        first INTEGER NOT NULL,
        next INTEGER NOT NULL,
        PRIMARY KEY (stream, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX keys_batch ON keys (stream, batch);
    INSERT INTO meta VALUES ('bytes', 0);
";

/// From each format to the next one.
const MIGRATIONS: &[&str] = &[
    // What lies below a floor is deleted later. `hidden` has when, and where it begins; `held` is up to where lines of
    // a stream were brought back.
    "
    ALTER TABLE streams ADD COLUMN held INTEGER;
    CREATE TABLE hidden (
        stream INTEGER NOT NULL,
        below INTEGER NOT NULL,
        begins INTEGER NOT NULL,
        after INTEGER NOT NULL,
        batches INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (stream, below)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hidden_after ON hidden (after);
    ",
    // What is kept under each key, and what changed at which revision: a key without a value was deleted.
    "
    CREATE TABLE ledger (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE ledger_log (
        revision INTEGER NOT NULL,
        key TEXT NOT NULL,
        value BLOB,
        PRIMARY KEY (revision, key)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta VALUES ('ledger_revision', 0), ('ledger_compacted', 0);
    ",
    // What lines have, in little. Of lines by their offsets, so that it stays true whatever becomes of batches.
    "
    CREATE TABLE sketches (
        id INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL,
        first INTEGER NOT NULL,
        next INTEGER NOT NULL,
        kinds INTEGER NOT NULL,
        ends BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX sketches_place ON sketches (stream, first);
    CREATE TABLE sketch_slices (id INTEGER PRIMARY KEY, rows BLOB NOT NULL) STRICT;
    ",
    // Small batches in the order of their arrival. Those that begin at the stream's `merged` or behind it count, the
    // others are in `batches`. `sum` is a checksum of all columns but the first; `keys` are packed, or absent.
    "
    CREATE TABLE recent (
        id INTEGER PRIMARY KEY,
        stream INTEGER NOT NULL,
        first INTEGER NOT NULL,
        count INTEGER NOT NULL,
        oldest INTEGER NOT NULL,
        newest INTEGER NOT NULL,
        arrived INTEGER NOT NULL,
        sum INTEGER NOT NULL,
        keys BLOB,
        lines BLOB NOT NULL
    ) STRICT;
    ALTER TABLE streams ADD COLUMN merged INTEGER NOT NULL DEFAULT 0;
    ",
    // What tells the last line of a sketch from another that may come to have its offset.
    "
    ALTER TABLE sketches ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
    ",
    // Where a stream ended when it was last deleted. Nothing before that comes back.
    "
    ALTER TABLE streams ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
    ",
];

/// An opened data folder.
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// The folder is ours until this is closed.
    pub(super) lock: File,
    pub(super) file: PathBuf,
    pub(super) epoch: Epoch,
}

/// Opens the folder, with its database in the current format.
pub(super) fn open(folder: &Path) -> Result<Opened, OpenError> {
    private::make_folder(folder).map_err(|source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    })?;
    let lock = lock(folder)?;
    let file = folder.join(DATABASE);
    let refused = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { file: file.clone() },
        Some(ErrorCode::DiskFull) => OpenError::Full { file: file.clone() },
        _ => OpenError::Database {
            file: file.clone(),
            source: error,
        },
    };
    private::make_file(&file).map_err(|source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    })?;
    let connection = connect(&file).map_err(refused)?;
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(refused)?;
    let ours = number("application_id").map_err(refused)? == APPLICATION;
    let found = number("user_version").map_err(refused)?;
    match (ours, tables, found) {
        (false, 0, _) => create(&connection).map_err(refused)?,
        (false, ..) => return Err(OpenError::Foreign { file }),
        (true, _, found) if found > FORMAT => {
            return Err(OpenError::Newer {
                file,
                found,
                known: FORMAT,
            });
        }
        (true, ..) => {}
    }
    migrate(&connection).map_err(refused)?;
    settle(&connection).map_err(refused)?;
    let epoch: String = connection
        .query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| {
            row.get(0)
        })
        .map_err(refused)?;
    Ok(Opened {
        epoch: Epoch::from_text(&epoch),
        connection,
        lock,
        file,
    })
}

/// A connection that only reads, beside the one that writes.
pub(super) fn open_reader(file: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let refused = |source| OpenError::Folder {
        folder: folder.to_owned(),
        source,
    };
    let lock = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK))
        .map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            folder: folder.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

fn connect(file: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// Makes a new database in the first format, whole or not at all.
fn create(connection: &Connection) -> Result<(), rusqlite::Error> {
    // Before the first table, or it has no effect. Lets the file shrink in small steps.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let transaction = connection.unchecked_transaction()?;
    for statement in TABLES.split_inclusive(';').filter(|s| !s.trim().is_empty()) {
        transaction.execute(statement, [])?;
    }
    transaction.execute(
        "INSERT INTO meta VALUES ('epoch', ?1)",
        [Epoch::random().as_str()],
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", 1)?;
    transaction.commit()
}

/// Brings the database to the format of this version, step by step, each whole or not at all.
fn migrate(connection: &Connection) -> Result<(), rusqlite::Error> {
    let found = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?;
    for (from, statements) in (1..).zip(MIGRATIONS).skip_while(|(from, _)| *from < found) {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(statements)?;
        transaction.pragma_update(None, "user_version", from + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// How this connection works, whatever the file says.
fn settle(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit is on the disk when it returns (invariant 1).
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    // A burst leaves no huge journal behind.
    connection.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}
