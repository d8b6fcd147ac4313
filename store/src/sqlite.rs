//! Keeps batches in one SQLite file: the store of a single process that needs no servers.
//!
//! One thread writes, so offsets need no more than the file itself; a few connections read beside it (WAL). A commit
//! reaches the disk before it is answered (`synchronous=FULL`), and all appends that wait are one commit. Small batches
//! go where that is cheap, and are merged per stream later.

mod delete_stream;
mod insert;
mod keys;
mod ledger;
mod merging;
mod options;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod plans;
mod private;
mod queries;
mod rates;
mod readers;
mod recent;
mod retention;
mod room;
mod schema;
mod sketches;
mod upkeep;
mod writer;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lines::filter::needs::Needs;
use lines::log_store::{CallLimits, Draft, Look, PriorRun, StoredKey};
use lines::retention::{Deletable, Deletion, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use lines::sketch::{Reach, Sketch};
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamName,
    Timestamp,
};
use rusqlite::ErrorCode;

use parking_lot::Mutex;

use self::insert::Ends;
use self::ledger::{Book, Clerk};
use self::merging::Merging;
pub use self::options::{OpenError, SqliteOptions};
use self::rates::Rates;
use self::readers::{Cost, Readers};
use self::recent::Recent;
use self::room::Room;
use self::writer::{Encoded, Thread, Writer};
use super::clock::{Mark, Watch};
use super::damage::Damages;
use super::encoding::compress_all;
use super::position::Position;
use super::timing::{Operation, answered, count_appends, measured};

/// A store in a data folder. Dropping it waits until what was begun is written, and frees the folder.
pub struct SqliteStore {
    epoch: Epoch,
    options: SqliteOptions,
    /// Changed by the writer; whoever asks looks here first, and into the file then.
    recent: Arc<Recent>,
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
        let mut opened = schema::open(folder)?;
        let file = opened.file.clone();
        let refused = |source| OpenError::Database {
            file: file.clone(),
            source,
        };
        let now = options.clock.wall();
        let (entries, last_row) = recent::load(&mut opened.connection).map_err(refused)?;
        if let Err(error) = recent::keep_spare(&opened.connection) {
            tracing::warn!(%error, "damage of the table of recent lines could not be mended");
        }
        let recent = Arc::new(Recent::new(entries));
        let remembered = retention::mark(&opened.connection, &recent, now).map_err(refused)?;
        let rates = Arc::new(Rates::default());
        lately(&opened.connection, &recent, &rates, now).map_err(refused)?;
        let book = Book::open(&opened.connection, options.ledger).map_err(refused)?;
        let book = Arc::new(book);
        let thread = Thread {
            room: Room::new(&opened.file, options.reserve_bytes),
            clerk: Clerk::new(Arc::clone(&book)),
            rates: Arc::clone(&rates),
            recent: Arc::clone(&recent),
            last_row,
            merging: Merging::new(&opened.connection, &recent, &options).map_err(refused)?,
            ends: Ends::default(),
            commit_bytes: options.commit_bytes,
            small_bytes: options.small_bytes,
            connection: opened.connection,
        };
        let writer = Writer::start(thread, opened.lock, &options);
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
            recent,
            rates,
            book,
            damages: Arc::default(),
            options,
        })
    }

    async fn write(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        let stamp = self.stamp();
        // What is small is compressed later, together with its neighbours.
        let text = |draft: &Draft| {
            if draft.lines.ndjson.len() < self.options.small_bytes {
                Bytes::new()
            } else {
                draft.lines.ndjson.clone()
            }
        };
        let texts = drafts.iter().map(text).collect();
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
}

/// Counts what arrived in the last minute, before this process.
fn lately(
    connection: &rusqlite::Connection,
    recent: &Recent,
    rates: &Rates,
    now: Timestamp,
) -> Result<(), rusqlite::Error> {
    let before = Timestamp::from_nanos(now.nanos().saturating_sub(rates::WINDOW_NANOS));
    let mut add = |stream: &StreamName, at: Timestamp, lines| {
        if (before..=now).contains(&at) {
            rates.add(stream, at, lines);
        }
    };
    recent.each_arrival(&mut add);
    queries::arrivals(connection, before, now, add)
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
        let (stream, recent) = (stream.clone(), Arc::clone(&self.recent));
        let read = self
            .ask(Operation::Read, Cost::Rows, move |connection| {
                queries::read(connection, &recent, &stream, from, max_bytes)
            })
            .await;
        self.damages.told(read)
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        let (streams, recent) = (streams.to_vec(), Arc::clone(&self.recent));
        self.ask(Operation::Extents, Cost::Rows, move |connection| {
            queries::extents(connection, &recent, &streams)
        })
        .await
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        let (rates, recent) = (self.rates.at(self.stamp()), Arc::clone(&self.recent));
        self.ask(Operation::Streams, Cost::Much, move |connection| {
            let streams = queries::streams(connection, &recent, &rates)?;
            Ok(Arc::new(Listing::new(streams)))
        })
        .await
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        let (stream, recent) = (stream.clone(), Arc::clone(&self.recent));
        let damages = Arc::clone(&self.damages);
        self.ask(Operation::FirstSince, Cost::Much, move |connection| {
            queries::first_since(connection, &recent, &stream, since, &damages)
        })
        .await
    }

    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        let (stream, recent) = (stream.clone(), Arc::clone(&self.recent));
        self.ask(Operation::EndBefore, Cost::Much, move |connection| {
            queries::end_before(connection, &recent, &stream, until).map_err(away)
        })
        .await
    }

    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        let (stream, needs, recent) = (stream.clone(), needs.clone(), Arc::clone(&self.recent));
        self.ask(Operation::Places, Cost::Much, move |connection| {
            sketches::places(connection, &recent, &stream, &within, &needs)
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
        let (keys, recent) = (keys.to_vec(), Arc::clone(&self.recent));
        self.ask(Operation::Keys, Cost::Rows, move |connection| {
            keys::used(connection, &recent, &keys).map_err(away)
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
        let recent = Arc::clone(&self.recent);
        self.ask(Operation::Holdings, Cost::Much, move |connection| {
            retention::holdings(connection, &recent, now, position)
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

    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        let deleted = self.delete_all_of(stream, ending);
        answered(Operation::DeleteStream, self.options.deadline, deleted).await
    }

    async fn allow(&self) -> Result<(), StoreError> {
        answered(Operation::Allow, self.options.deadline, self.rely_on_the_clock()).await
    }

    async fn sketched(&self, stream: &StreamName, upto: Offset) -> Result<Option<Reach>, StoreError> {
        let stream = stream.clone();
        self.ask(Operation::Sketched, Cost::Rows, move |connection| {
            sketches::reach(connection, &stream, upto).map(Some).map_err(away)
        })
        .await
    }

    async fn keep_sketch(&self, stream: &StreamName, sketch: Sketch) -> Result<bool, StoreError> {
        let stream = stream.clone();
        let kept = self.writer.run(move |connection, room| {
            if room.is_full() {
                // What room there is, is for lines.
                return Ok(false);
            }
            sketches::keep(connection, &stream, &sketch).map(|()| true)
        });
        answered(Operation::KeepSketch, self.options.deadline, kept).await
    }

    async fn forget_sketches(&self, stream: &StreamName, head: Offset) -> Result<(), StoreError> {
        let stream = stream.clone();
        let forgotten = self
            .writer
            .run(move |connection, _| sketches::delete_beyond(connection, &stream, head));
        answered(Operation::ForgetSketches, self.options.deadline, forgotten).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        answered(Operation::Check, self.options.deadline, self.writer.check()).await
    }
}

/// Whether the store is not there at all, as opposed to full or damaged in a place.
fn is_away(error: &StoreError) -> bool {
    error.is_absence() && !matches!(error, StoreError::Full(_))
}

/// SQLite's word for it, as the seam's.
fn away(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Broken(Box::new(error)),
        _ => StoreError::Away(Box::new(error)),
    }
}
