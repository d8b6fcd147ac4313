//! The one thread that writes. Its only state is the database: whatever fails is rolled back and forgotten.

use std::fs::File;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use lines::log_store::{Draft, PriorRun};
use lines::{AppendError, Batch, Offset, StoreError, Timestamp};
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::ledger::Clerk;
use super::queries::{self, StreamId, to_sql};
use super::rates::Rates;
use super::room::Room;
use super::{SqliteOptions, away, keys};
use crate::clock::not_before;
use crate::encoding::check_size;
use lines::SharedError;

/// What a batch takes on the disk beside its lines, roughly: its row and three index entries.
const BATCH_OVERHEAD: i64 = 128;
/// What a key takes on the disk, roughly.
const KEY_OVERHEAD: i64 = 192;
/// This part of the file may be free.
const SPARE_PART: i64 = 8;

type Outcome = Result<Arc<Batch>, AppendError>;

/// A draft as it will be written.
pub(super) struct Encoded {
    pub(super) draft: Draft,
    /// When the lines arrived, by the store's clock.
    pub(super) stamp: Timestamp,
    /// The lines, when they are fewer bytes compressed.
    pub(super) compressed: Option<Vec<u8>>,
}

impl Encoded {
    /// As they will be written.
    fn bytes(&self) -> usize {
        self.compressed
            .as_ref()
            .map_or(self.draft.lines.ndjson.len(), Vec::len)
    }
}

enum Command {
    Append {
        drafts: Vec<Encoded>,
        answer: oneshot::Sender<Vec<Outcome>>,
    },
    /// A commit of the ledger waits.
    Wake,
    /// Anything else that writes.
    Do(Box<dyn FnOnce(&mut Thread) + Send>),
    GiveBack {
        spare_bytes: u64,
        answer: oneshot::Sender<Result<bool, StoreError>>,
    },
    Check {
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// The way to the writing thread.
pub(super) struct Writer {
    /// `None` only while it is dropped.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It ends, and frees the folder, when the `Writer` is dropped.
    pub(super) fn start(
        connection: Connection,
        lock: File,
        room: Room,
        clerk: Clerk,
        rates: Arc<Rates>,
        options: &SqliteOptions,
    ) -> Result<Self, std::io::Error> {
        let (commands, inbox) = mpsc::channel(options.queue.max(1));
        let commit_bytes = options.commit_bytes;
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                let mut thread = Thread {
                    connection,
                    room,
                    clerk,
                    rates,
                };
                thread.run(inbox, commit_bytes);
                drop(thread);
                drop(lock);
            })?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
        })
    }

    pub(super) async fn append(&self, drafts: Vec<Encoded>, deadline: Duration) -> Vec<Outcome> {
        let count = drafts.len();
        let until = Instant::now() + deadline;
        let all = |outcome: fn(StoreError) -> AppendError, error: fn(Duration) -> StoreError| {
            (0..count).map(|_| Err(outcome(error(deadline)))).collect()
        };
        let (answer, answered) = oneshot::channel();
        match timeout_at(until, self.send(Command::Append { drafts, answer })).await {
            Err(_) => return all(AppendError::NotStored, StoreError::Timeout),
            Ok(Err(_)) => return all(AppendError::NotStored, |_| stopped()),
            Ok(Ok(())) => {}
        }
        match timeout_at(until, answered).await {
            Err(_) => all(AppendError::Unknown, StoreError::Timeout),
            Ok(Err(_)) => all(AppendError::Unknown, |_| stopped()),
            Ok(Ok(outcomes)) => outcomes,
        }
    }

    /// Does something between the appends; soon done, since they wait.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Room) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(|answer| {
            Command::Do(Box::new(move |thread| {
                let _ = answer.send(thread.remove(work));
            }))
        })
        .await
    }

    /// Gives some free pages back to the file system, when there are many. `true` means that more may follow.
    pub(super) async fn give_back(&self, spare_bytes: u64) -> Result<bool, StoreError> {
        self.ask(|answer| Command::GiveBack { spare_bytes, answer }).await
    }

    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.ask(|answer| Command::Check { answer }).await
    }

    /// Says that a commit of the ledger waits. A thread that has much to do looks by itself.
    pub(super) fn wake(&self) {
        if let Some(commands) = &self.commands {
            let _ = commands.try_send(Command::Wake);
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).await?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn send(&self, command: Command) -> Result<(), StoreError> {
        match &self.commands {
            Some(commands) => commands.send(command).await.map_err(|_| stopped()),
            None => Err(stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the store panicked");
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Away("the thread that writes the store has stopped".into())
}

/// What the thread has.
struct Thread {
    connection: Connection,
    room: Room,
    clerk: Clerk,
    rates: Arc<Rates>,
}

impl Thread {
    fn run(&mut self, mut inbox: mpsc::Receiver<Command>, commit_bytes: usize) {
        let mut next = inbox.blocking_recv();
        while let Some(command) = next.take() {
            // Between any two commands, so that it does not wait for all that stands in the queue.
            self.write_ledger();
            match command {
                Command::Wake => {}
                Command::Append { drafts, answer } => {
                    let mut group = vec![(drafts, answer)];
                    next = gather(&mut group, &mut inbox, commit_bytes);
                    self.write(group);
                }
                // Nobody waiting is no reason not to do it, and no error.
                Command::Do(work) => work(self),
                Command::GiveBack { spare_bytes, answer } => {
                    let _ = answer.send(self.give_back(spare_bytes));
                }
                Command::Check { answer } => {
                    let _ = answer.send(self.check());
                }
            }
            if next.is_none() {
                next = inbox.try_recv().ok();
            }
            if next.is_none() {
                while self.write_ledger() {}
                next = inbox.blocking_recv();
            }
        }
    }

    fn write_ledger(&mut self) -> bool {
        self.clerk.write(&mut self.connection, &mut self.room)
    }

    /// Writes a group in one transaction, and answers when it is on the disk.
    fn write(&mut self, mut group: Group) {
        // Whoever stopped waiting was told that the outcome is unknown, or told nobody: not writing it is allowed.
        group.retain(|(_, answer)| !answer.is_closed());
        let bytes = group
            .iter()
            .flat_map(|(drafts, _)| drafts)
            .map(Encoded::bytes)
            .sum();
        let outcomes = match self.room.look(&self.connection, bytes) {
            Ok(()) => self.commit(&group),
            Err(full) => Err((full, AppendError::NotStored as fn(StoreError) -> AppendError)),
        };
        match outcomes {
            Ok(outcomes) => {
                self.room.wrote();
                for ((_, answer), outcomes) in group.into_iter().zip(outcomes) {
                    outcomes
                        .iter()
                        .flatten()
                        .for_each(|batch| self.rates.stored(batch));
                    let _ = answer.send(outcomes);
                }
            }
            Err((error, outcome)) => {
                let error = SharedError::new(error);
                for (drafts, answer) in group {
                    let _ = answer.send(drafts.iter().map(|_| Err(outcome(error.again()))).collect());
                }
            }
        }
    }

    fn commit(&mut self, group: &Group) -> Result<Vec<Vec<Outcome>>, Failure> {
        let outcomes = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| (error, AppendError::NotStored as fn(StoreError) -> AppendError))
            .and_then(|transaction| {
                let outcomes = group
                    .iter()
                    .map(|(drafts, _)| insert_all(&transaction, drafts))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|error| (error, AppendError::NotStored as fn(_) -> _))?;
                // A commit that fails may have reached the journal and come back after a crash.
                transaction
                    .commit()
                    .map_err(|error| (error, AppendError::Unknown as fn(_) -> _))?;
                Ok(outcomes)
            });
        outcomes.map_err(
            |(error, outcome)| match self.room.refusal(&self.connection, &error) {
                Some(full) => (full, AppendError::NotStored as fn(_) -> _),
                None => (away(error), outcome),
            },
        )
    }

    fn remove<T>(
        &mut self,
        work: impl FnOnce(&mut Connection, &Room) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        let done = work(&mut self.connection, &self.room);
        let done = done.map_err(|error| self.failed(error))?;
        self.room.removed(&self.connection);
        Ok(done)
    }

    fn give_back(&mut self, spare_bytes: u64) -> Result<bool, StoreError> {
        let spare_bytes = if self.room.wants_pages_back() {
            None
        } else {
            Some(spare_bytes)
        };
        let gave = give_back(&self.connection, spare_bytes, self.room.steps().pages);
        let gave = gave.map_err(|error| self.failed(error))?;
        self.room.removed(&self.connection);
        Ok(gave)
    }

    fn check(&mut self) -> Result<(), StoreError> {
        if self.room.has_to_try() {
            let tried = add_bytes(&self.connection, 0);
            tried.map_err(|error| self.failed(error))?;
            self.room.wrote();
        }
        self.room.look(&self.connection, 0)?;
        check(&mut self.connection).map_err(away)
    }

    fn failed(&mut self, error: rusqlite::Error) -> StoreError {
        let full = self.room.refusal(&self.connection, &error);
        full.unwrap_or_else(|| away(error))
    }
}

/// Why a group was not written, and what that means for it.
type Failure = (StoreError, fn(StoreError) -> AppendError);

type Group = Vec<(Vec<Encoded>, oneshot::Sender<Vec<Outcome>>)>;

/// Takes every append that waits already, up to a bound. Returns what came after them, when that is something else
/// or too much.
fn gather(group: &mut Group, inbox: &mut mpsc::Receiver<Command>, commit_bytes: usize) -> Option<Command> {
    let size = |drafts: &[Encoded]| -> usize { drafts.iter().map(|e| e.draft.lines.ndjson.len()).sum() };
    let mut bytes: usize = group.iter().map(|(drafts, _)| size(drafts)).sum();
    while let Ok(command) = inbox.try_recv() {
        match command {
            Command::Append { drafts, answer } if bytes + size(&drafts) <= commit_bytes => {
                bytes += size(&drafts);
                group.push((drafts, answer));
            }
            other => return Some(other),
        }
    }
    None
}

pub(super) fn insert_all(
    connection: &Connection,
    drafts: &[Encoded],
) -> Result<Vec<Outcome>, rusqlite::Error> {
    let mut written = 0;
    let outcomes = drafts
        .iter()
        .map(|encoded| {
            if let Err(too_big) = check_size(&encoded.draft.lines) {
                return Ok(Err(AppendError::NotStored(too_big)));
            }
            insert(connection, encoded, &mut written)
        })
        .collect::<Result<Vec<_>, _>>()?;
    add_bytes(connection, written)?;
    Ok(outcomes)
}

fn insert(connection: &Connection, encoded: &Encoded, written: &mut i64) -> Result<Outcome, rusqlite::Error> {
    let Encoded {
        draft,
        stamp,
        compressed,
    } = encoded;
    let (id, floor) = match queries::find(connection, &draft.stream)? {
        Some(found) => found,
        None => (create(connection, draft, *stamp)?, Offset::ZERO),
    };
    let used = used_keys(connection, id, draft)?;
    if !used.is_empty() {
        return Ok(Err(AppendError::KeysUsed(used)));
    }
    let first = queries::head(connection, id, floor)?;
    let arrived = match draft.arrived {
        Some(arrived) => arrived,
        None => not_before(queries::last_arrival(connection, id)?, *stamp),
    };
    let lines: &[u8] = compressed.as_deref().unwrap_or(&draft.lines.ndjson);
    let bytes = lines.len() as i64 + BATCH_OVERHEAD + draft.keys.len() as i64 * KEY_OVERHEAD;
    connection
        .prepare_cached(
            "INSERT INTO batches (stream, first, count, oldest, newest, arrived, bytes, compressed, lines)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            id,
            to_sql(first),
            draft.lines.count,
            draft.lines.oldest.nanos(),
            draft.lines.newest.nanos(),
            arrived.nanos(),
            bytes,
            compressed.is_some(),
            lines,
        ))?;
    let mut key_row = connection.prepare_cached(
        "INSERT INTO keys (stream, key, digest, batch, first, next) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for run in &draft.keys {
        let begins = first.plus(u64::from(run.skip));
        let ends = begins.plus(u64::from(run.count));
        key_row.execute((
            id,
            &*run.key.0,
            run.digest.0,
            to_sql(first),
            to_sql(begins),
            to_sql(ends),
        ))?;
    }
    *written += bytes;
    Ok(Ok(Arc::new(Batch {
        stream: draft.stream.clone(),
        first,
        arrived,
        lines: draft.lines.clone(),
    })))
}

fn create(connection: &Connection, draft: &Draft, stamp: Timestamp) -> Result<StreamId, rusqlite::Error> {
    connection
        .prepare_cached("INSERT INTO streams (name, floor, created) VALUES (?1, 0, ?2)")?
        .insert((draft.stream.as_str(), draft.arrived.unwrap_or(stamp).nanos()))
}

/// What the draft's keys were given before, as far as they are known (invariant 4).
fn used_keys(connection: &Connection, id: StreamId, draft: &Draft) -> Result<Vec<PriorRun>, rusqlite::Error> {
    let mut used = Vec::new();
    for run in &draft.keys {
        used.extend(keys::prior(connection, id, &run.key)?);
    }
    Ok(used)
}

fn add_bytes(connection: &Connection, bytes: i64) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("UPDATE meta SET value = value + ?1 WHERE name = 'bytes'")?
        .execute([bytes])?;
    Ok(())
}

/// Gives pages back while there are more of them than may be spare; `None` means while there are any.
fn give_back(connection: &Connection, spare_bytes: Option<u64>, most: i64) -> Result<bool, rusqlite::Error> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let free = number("freelist_count")?;
    let free_bytes = u64::try_from(free.saturating_mul(number("page_size")?)).unwrap_or_default();
    let has_many = match spare_bytes {
        Some(spare) => free_bytes > spare && free > number("page_count")? / SPARE_PART,
        None => free > 0,
    };
    if !has_many {
        return Ok(false);
    }
    // The pragma frees one page for every row that is asked of it.
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({most})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}

/// Takes the write lock and a page, and lets both go again.
pub(super) fn check(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    add_bytes(&transaction, 0)?;
    transaction.rollback()
}
