//! Keeps batches in MongoDB: the store that any number of processes share.
//!
//! Nobody is asked for an offset: a collector inserts where it believes the stream to end, and the unique index over
//! stream and first offset lets one of those who believe so win (invariant 2). The others look again, and for as long
//! as several write to one stream they do so in transactions, see [`contended`].
//!
//! Two rules keep that true. Everything is written with `w: majority, j: true` and read with read concern `majority`
//! from the primary: what one session was shown can then never be rolled back and come back different (invariant 3),
//! and what was acknowledged is seen. (An end read with `local` may be of a batch that a new primary never had: the next
//! insert there would leave a hole.) And what retention removes stays on the disk as a tombstone for a while, see
//! [`tails`].

mod append;
mod away;
mod connection;
mod contended;
mod delete_stream;
mod deletion;
mod documents;
mod fence;
mod kept_out;
mod keys;
mod ledger;
mod merging;
mod queries;
mod retention;
mod sketches;
mod tails;
mod times;
mod transaction;
mod turn;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lines::filter::needs::Needs;
use lines::log_store::{CallLimits, Draft, Look, Merged, PriorRun, StoredKey, Told};
use lines::retention::{Deletable, Deletion, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use lines::sketch::{Reach, Sketch};
use lines::{
    AppendError, Batch, Epoch, Extent, Listing, LogReader, LogStore, Offset, StoreError, StreamName,
    Timestamp,
};
use parking_lot::Mutex;

use self::connection::Connection;
use self::ledger::Book;
use self::merging::Merging;
use self::tails::Tails;
use self::times::Times;
use super::Compression;
use super::clock::{Clock, SystemClock};
use super::damage::Damages;
use super::ledger::LedgerOptions;
use super::timing::{Operation, answered, count_appends, measured};

/// How the store works.
#[derive(Debug, Clone)]
pub struct MongoOptions {
    /// How batches are written down.
    pub compression: Compression,
    /// How much has to wait for another call of `append` to be worth its cost while one is under way.
    pub full_call: CallLimits,
    /// When every call ends, with or without an answer.
    pub deadline: Duration,
    /// How long to look for a primary, unless the address says so. Less than `deadline`, so that an error says why.
    pub server_selection: Duration,
    /// How long an end of a stream that was seen or written counts as known. See [`tails`].
    pub tail_valid: Duration,
    /// How many ends are known at once, at most.
    pub tails: usize,
    /// How long removed batches stay on the disk, where they can be brought back. Longer than `tail_valid`, two
    /// `deadline`s and what clocks may differ by together. See [`tails`].
    pub grace: Duration,
    /// The most batches that one call of `trim` makes invisible, about.
    pub trim_batches: u64,
    /// Bytes of NDJSON in a batch that was made of small ones, at most. 0 leaves all as they came.
    pub merged_bytes: usize,
    /// How long small batches stay as they came, at least.
    pub merge_after: Duration,
    /// How far apart small batches arrived, at most, that become one: all of it is kept as long as the last of them.
    pub merge_span: Duration,
    /// How the ledger works.
    pub ledger: LedgerOptions,
    /// The clocks of this machine.
    pub clock: Arc<dyn Clock>,
    /// Stands for the database's clock, in tests.
    pub database_clock: Option<Arc<dyn Clock>>,
}

impl Default for MongoOptions {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            full_call: CallLimits::default(),
            deadline: Duration::from_secs(10),
            server_selection: Duration::from_secs(5),
            tail_valid: Duration::from_secs(30),
            tails: 100_000,
            grace: Duration::from_secs(120),
            trim_batches: 20_000,
            merged_bytes: 256 * 1024,
            merge_after: Duration::from_secs(300),
            merge_span: Duration::from_secs(600),
            ledger: LedgerOptions::default(),
            clock: Arc::new(SystemClock::default()),
            database_clock: None,
        }
    }
}

/// Why an address cannot be used. The address itself is not repeated: there may be a password in it.
#[derive(Debug, thiserror::Error)]
#[error("the address of the MongoDB store is not understood: {0}")]
pub struct AddressError(#[source] mongodb::error::Error);

/// A store in a MongoDB database.
pub struct MongoStore {
    connection: Arc<Connection>,
    options: MongoOptions,
    book: Arc<Book>,
    tails: Mutex<Tails>,
    damages: Damages,
    times: Times,
    merging: tokio::sync::Mutex<Merging>,
    /// Who makes sketches, among all processes.
    sketching: String,
}

impl MongoStore {
    /// Reads the address. MongoDB need not be there: every call tries to reach it, and the first that succeeds makes
    /// what the database lacks.
    pub async fn connect(address: &str, options: MongoOptions) -> Result<Self, AddressError> {
        let connection = Connection::new(address, &options).await.map_err(AddressError)?;
        let connection = Arc::new(connection);
        let book = Book::new(Arc::clone(&connection), options.ledger, options.deadline);
        Ok(Self {
            book: Arc::new(book),
            connection,
            tails: Mutex::new(Tails::new(options.tails, options.tail_valid)),
            damages: Damages::default(),
            times: Times::new(&options),
            merging: tokio::sync::Mutex::default(),
            sketching: uuid::Uuid::new_v4().to_string(),
            options,
        })
    }

    async fn ask<T>(
        &self,
        operation: Operation,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        answered(operation, self.options.deadline, question).await
    }
}

#[async_trait]
impl LogReader for MongoStore {
    async fn epoch(&self) -> Result<Epoch, StoreError> {
        let epoch = async { Ok(self.connection.ready().await?.epoch.clone()) };
        self.ask(Operation::Epoch, epoch).await
    }

    async fn read(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        let read = self.read_page(stream, from, max_bytes);
        self.damages.told(self.ask(Operation::Read, read).await)
    }

    async fn extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        self.ask(Operation::Extents, self.find_extents(streams)).await
    }

    async fn streams(&self) -> Result<Arc<Listing>, StoreError> {
        let streams = self.ask(Operation::Streams, self.list_streams()).await?;
        Ok(Arc::new(Listing::new(streams)))
    }

    async fn first_since(&self, stream: &StreamName, since: Timestamp) -> Result<Offset, StoreError> {
        self.ask(Operation::FirstSince, self.find_since(stream, since))
            .await
    }

    async fn end_before(&self, stream: &StreamName, until: Timestamp) -> Result<Offset, StoreError> {
        self.ask(Operation::EndBefore, self.find_end_before(stream, until))
            .await
    }

    async fn places(
        &self,
        stream: &StreamName,
        within: Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        self.ask(Operation::Places, self.find_places(stream, &within, needs))
            .await
    }
}

#[async_trait]
impl LogStore for MongoStore {
    async fn append(&self, drafts: Vec<Draft>) -> Vec<Result<Arc<Batch>, AppendError>> {
        let unknown = || Err(AppendError::Unknown(StoreError::Timeout(self.options.deadline)));
        let outcomes = Mutex::new(drafts.iter().map(|_| unknown()).collect::<Vec<_>>());
        self.append_each(drafts, &|some| {
            let mut outcomes = outcomes.lock();
            for (at, outcome) in some {
                outcomes[at] = outcome;
            }
        })
        .await;
        outcomes.into_inner()
    }

    async fn append_each(&self, drafts: Vec<Draft>, told: Told<'_>) {
        let counted = |some: Vec<(usize, _)>| {
            count_appends(some.iter().map(|(_, outcome)| outcome));
            told(some);
        };
        measured(Operation::Append, self.write(drafts, &counted)).await;
    }

    fn full_call(&self) -> CallLimits {
        self.options.full_call
    }

    async fn used_keys(&self, keys: &[(StreamName, StoredKey)]) -> Result<Vec<Option<PriorRun>>, StoreError> {
        self.ask(Operation::Keys, self.find_keys(keys)).await
    }

    async fn look(&self) -> Result<Look, StoreError> {
        self.ask(Operation::Look, self.look_at_the_clock()).await
    }

    async fn trim(&self, retention: &Retention, now: Timestamp) -> Result<Trimmed, StoreError> {
        self.ask(Operation::Trim, self.raise_floors(retention, now)).await
    }

    async fn delete_hidden(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        self.ask(Operation::DeleteHidden, self.delete(what)).await
    }

    async fn merge(&self) -> Result<Merged, StoreError> {
        self.ask(Operation::Merge, self.merge_some()).await
    }

    async fn holdings(&self) -> Result<Holdings, StoreError> {
        self.ask(Operation::Holdings, self.count_holdings()).await
    }

    async fn hidden(&self, most: usize) -> Result<Vec<HiddenLines>, StoreError> {
        self.ask(Operation::Hidden, self.list_hidden(most)).await
    }

    async fn restore(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        self.ask(Operation::Restore, self.bring_back(which)).await
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        self.ask(Operation::DeleteStream, self.delete_all_of(stream, ending))
            .await
    }

    async fn allow(&self) -> Result<(), StoreError> {
        self.ask(Operation::Allow, self.rely_on_the_clock()).await
    }

    async fn is_to_sketch(&self) -> Result<bool, StoreError> {
        self.ask(Operation::IsToSketch, self.take_sketching()).await
    }

    async fn sketched(&self, stream: &StreamName, upto: Offset) -> Result<Option<Reach>, StoreError> {
        let reach = self
            .ask(Operation::Sketched, self.find_sketched(stream, upto))
            .await;
        reach.map(Some)
    }

    async fn keep_sketch(&self, stream: &StreamName, sketch: Sketch) -> Result<bool, StoreError> {
        self.ask(Operation::KeepSketch, self.keep(stream, &sketch)).await
    }

    async fn forget_sketches(&self, stream: &StreamName, head: Offset) -> Result<(), StoreError> {
        self.ask(Operation::ForgetSketches, self.delete_beyond(stream, head))
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.ask(Operation::Check, self.connection.check()).await
    }
}
