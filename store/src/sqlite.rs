//! Keeps batches in one SQLite file: the store of a single process that needs no servers.
//!
//! One thread writes, so offsets need no more than the file itself; a few connections read beside it (WAL). A commit
//! reaches the disk before it is answered (`synchronous=FULL`), and all appends that wait are one commit.

mod keys;
mod ledger;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod plans;
mod private;
mod queries;
mod rates;
mod readers;
mod retention;
mod room;
mod schema;
mod sketches;
mod writer;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use lines::filter::needs::Needs;
use lines::log_store::{CallLimits, Draft, Look, PriorRun, StoredKey};
use lines::retention::{Deletable, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use lines::sketch::Sketch;
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamName,
    Timestamp,
};
use rusqlite::ErrorCode;

use parking_lot::Mutex;

use self::ledger::{Book, Clerk};
use self::rates::Rates;
use self::readers::{Cost, Readers};
use self::retention::Plan;
use self::room::Room;
use self::writer::{Encoded, Writer};
use super::Compression;
use super::clock::{Clock, Mark, SystemClock, Watch};
use super::damage::Damages;
use super::encoding::compress_all;
use super::ledger::LedgerOptions;
use super::position::Position;
use super::timing::{Operation, answered, count_appends, measured};

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
    /// Bytes that stay free on the disk, an eighth of it at most, so that lines can be removed when it is full: before it
    /// gets there, appends are refused. See [`room`].
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

/// A store in a data folder. Dropping it waits until what was begun is written, and frees the folder.
pub struct SqliteStore {
    epoch: Epoch,
    options: SqliteOptions,
    /// Told by the writer, asked by listings.
    rates: Arc<Rates>,
    damages: Arc<Damages>,
    /// Closed before the writer, so that the last connection is one that can tidy up the journal.
    readers: Readers,
    writer: Writer,
    book: Arc<Book>,
    watch: Mutex<Watch>,
    /// When the clock was last relied on, as the folder had it when it was opened.
    remembered: Option<Mark>,
    position: Mutex<Position>,
}

impl SqliteStore {
    /// Opens the folder's database, and makes both when they are not there. Blocks for a moment.
    pub fn open(folder: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let opened = schema::open(folder)?;
        let remembered = retention::mark(&opened.connection, options.clock.wall());
        let remembered = remembered.map_err(|source| OpenError::Database {
            file: opened.file.clone(),
            source,
        })?;
        let rates = Arc::new(Rates::default());
        let now = options.clock.wall();
        let before = Timestamp::from_nanos(now.nanos().saturating_sub(rates::WINDOW_NANOS));
        let add = |stream: &StreamName, at, lines| rates.add(stream, at, lines);
        queries::arrivals(&opened.connection, before, now, add).map_err(|source| OpenError::Database {
            file: opened.file.clone(),
            source,
        })?;
        let room = Room::new(&opened.file, options.reserve_bytes);
        let book = Book::open(&opened.connection, options.ledger).map_err(|source| OpenError::Database {
            file: opened.file.clone(),
            source,
        })?;
        let book = Arc::new(book);
        let clerk = Clerk::new(Arc::clone(&book));
        let writer = Writer::start(
            opened.connection,
            opened.lock,
            room,
            clerk,
            Arc::clone(&rates),
            &options,
        );
        Ok(Self {
            watch: Mutex::default(),
            remembered,
            position: Mutex::default(),
            epoch: opened.epoch,
            readers: Readers::new(opened.file, options.readers),
            writer: writer.map_err(|source| OpenError::Folder {
                folder: folder.to_owned(),
                source,
            })?,
            rates,
            book,
            damages: Arc::default(),
            options,
        })
    }

    async fn write(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        let stamp = self.stamp();
        let texts = drafts.iter().map(|draft| draft.lines.ndjson.clone()).collect();
        let compressed = compress_all(texts, self.options.compression).await;
        let drafts = drafts.into_iter().zip(compressed);
        let encoded = drafts.map(|(draft, compressed)| Encoded {
            draft,
            stamp,
            compressed,
        });
        self.writer.append(encoded.collect(), self.options.deadline).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        operation: Operation,
        cost: Cost,
        query: impl FnOnce(&rusqlite::Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        answered(operation, self.options.deadline, self.readers.ask(cost, query)).await
    }

    /// What lines are stamped with that arrive now.
    fn stamp(&self) -> Timestamp {
        let clock = &self.options.clock;
        self.watch.lock().stamp(clock.wall(), clock.monotonic())
    }

    async fn look_at_the_clock(&self) -> Result<Look, StoreError> {
        let clock = &self.options.clock;
        let (now, monotonic) = (clock.wall(), clock.monotonic());
        let seen = self.watch.lock().look(now, monotonic, self.remembered);
        if seen.mark.is_some() || seen.stamped.is_some() {
            self.writer
                .run(move |connection, _| retention::keep(connection, seen.mark, seen.stamped))
                .await?;
        }
        Ok(Look {
            now,
            ahead: jiff::SignedDuration::ZERO,
            leap: seen.leap,
        })
    }

    /// Plans beside the writer and writes through it, in steps between which appends get their turn.
    async fn raise_floors(&self, retention: Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        let in_time = self.half_the_time();
        let (most, position) = (self.options.trim_batches, *self.position.lock());
        let planned = self.readers.ask(Cost::Much, move |connection| {
            retention::plan(connection, &retention, now, most, position)
        });
        let Plan {
            mut raises,
            lifted,
            position: reached,
            more,
        } = planned.await?;
        if !lifted.is_empty() {
            self.writer
                .run(move |connection, _| retention::lift(connection, &lifted))
                .await?;
        }
        let mut trimmed = Trimmed::default();
        let (now, grace) = (self.options.clock.wall(), self.options.grace);
        while !raises.is_empty() {
            if !in_time() {
                // What is left is met again: the position stays.
                return Ok(Trimmed {
                    more: true,
                    ..trimmed
                });
            }
            let step = self
                .writer
                .run(move |connection, _| retention::raise(connection, raises, now, grace));
            let (raised, left) = step.await?;
            raises = left;
            trimmed.batches += raised.batches;
            trimmed.lines += raised.lines;
        }
        // Whoever brought lines back meanwhile wants trims to begin anew.
        let mut kept = self.position.lock();
        if *kept == position {
            *kept = reached;
        }
        Ok(Trimmed { more, ..trimmed })
    }

    async fn delete(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        let in_time = self.half_the_time();
        let (clock, grace) = (&self.options.clock, self.options.grace);
        let mut deleted = Trimmed::default();
        if !self.watch.lock().is_settled(clock.monotonic(), grace) {
            return Ok(deleted);
        }
        let now = clock.wall();
        // A full disk leaves no time to bring anything back.
        let due = if self.writer.run(|_, room| Ok(room.is_full())).await? {
            Timestamp::from_nanos(i64::MAX)
        } else {
            now
        };
        loop {
            let step = self.writer.run(move |connection, room| {
                retention::delete(connection, what, now, grace, due, room.steps())
            });
            let step = step.await?;
            deleted.batches += step.batches;
            deleted.lines += step.lines;
            deleted.more = step.more;
            if !deleted.more || !in_time() {
                break;
            }
        }
        while in_time() && self.writer.give_back(self.options.spare_bytes).await? {}
        Ok(deleted)
    }

    async fn bring_back(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        let which = which.clone();
        let restored = self
            .writer
            .run(move |connection, _| retention::restore(connection, &which))
            .await?;
        *self.position.lock() = Position::default();
        Ok(restored)
    }

    async fn rely_on_the_clock(&self) -> Result<(), StoreError> {
        let clock = &self.options.clock;
        let mark = self.watch.lock().allow(clock.wall(), clock.monotonic());
        let grace = self.options.grace;
        self.writer
            .run(move |connection, _| retention::allow(connection, mark, grace))
            .await?;
        *self.position.lock() = Position::default();
        Ok(())
    }

    /// Whether there is still time for one more step.
    fn half_the_time(&self) -> impl Fn() -> bool + Send + use<> {
        let (begun, half) = (Instant::now(), self.options.deadline / 2);
        move || begun.elapsed() < half
    }
}

#[async_trait]
impl LogReader for SqliteStore {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        Ok(self.epoch.clone())
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        let stream = stream.clone();
        let read = self
            .ask(Operation::Read, Cost::Rows, move |connection| {
                queries::read(connection, &stream, from, max_bytes)
            })
            .await;
        self.damages.told(read)
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        let streams = streams.to_vec();
        self.ask(Operation::Extents, Cost::Rows, move |connection| {
            queries::extents(connection, &streams)
        })
        .await
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        let rates = self.rates.at(self.stamp());
        self.ask(Operation::Streams, Cost::Much, move |connection| {
            let streams = queries::streams(connection, &rates)?;
            Ok(Arc::new(Listing::new(streams)))
        })
        .await
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        let stream = stream.clone();
        let damages = Arc::clone(&self.damages);
        self.ask(Operation::FirstSince, Cost::Much, move |connection| {
            queries::first_since(connection, &stream, since, &damages)
        })
        .await
    }

    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        let stream = stream.clone();
        self.ask(Operation::EndBefore, Cost::Much, move |connection| {
            queries::end_before(connection, &stream, until).map_err(away)
        })
        .await
    }

    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        let (stream, needs) = (stream.clone(), needs.clone());
        self.ask(Operation::Places, Cost::Much, move |connection| {
            sketches::places(connection, &stream, &within, &needs)
        })
        .await
    }
}

#[async_trait]
impl LogStore for SqliteStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        let outcomes = measured(Operation::Append, self.write(drafts)).await;
        count_appends(outcomes.iter());
        outcomes
    }

    fn full_call(&self) -> CallLimits {
        self.options.full_call
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        let keys = keys.to_vec();
        self.ask(Operation::Keys, Cost::Rows, move |connection| {
            keys::used(connection, &keys).map_err(away)
        })
        .await
    }

    async fn look(&self) -> Result<Look, StoreError> {
        answered(Operation::Look, self.options.deadline, self.look_at_the_clock()).await
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        let raised = self.raise_floors(*retention, now);
        answered(Operation::Trim, self.options.deadline, raised).await
    }

    async fn delete_hidden(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        answered(Operation::DeleteHidden, self.options.deadline, self.delete(what)).await
    }

    async fn holdings(&self) -> Result<Holdings, StoreError> {
        let (now, position) = (self.options.clock.wall(), *self.position.lock());
        self.ask(Operation::Holdings, Cost::Much, move |connection| {
            retention::holdings(connection, now, position)
        })
        .await
    }

    async fn hidden(&self, most: usize) -> Result<Vec<HiddenLines>, StoreError> {
        self.ask(Operation::Hidden, Cost::Much, move |connection| {
            retention::hidden(connection, most)
        })
        .await
    }

    async fn restore(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        answered(Operation::Restore, self.options.deadline, self.bring_back(which)).await
    }

    async fn allow(&self) -> Result<(), StoreError> {
        answered(Operation::Allow, self.options.deadline, self.rely_on_the_clock()).await
    }

    async fn sketched(&self, stream: &StreamName) -> Result<Option<Offset>, StoreError> {
        let stream = stream.clone();
        self.ask(Operation::Sketched, Cost::Rows, move |connection| {
            sketches::reach(connection, &stream).map(Some).map_err(away)
        })
        .await
    }

    async fn keep_sketch(&self, stream: &StreamName, sketch: Sketch) -> Result<(), StoreError> {
        let stream = stream.clone();
        let kept = self.writer.run(move |connection, room| {
            if room.is_full() {
                // What room there is, is for lines.
                return Ok(());
            }
            sketches::keep(connection, &stream, &sketch)
        });
        answered(Operation::KeepSketch, self.options.deadline, kept).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        answered(Operation::Check, self.options.deadline, self.writer.check()).await
    }
}

/// SQLite's word for it, as the seam's.
fn away(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Broken(Box::new(error)),
        _ => StoreError::Away(Box::new(error)),
    }
}
