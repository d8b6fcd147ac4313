//! The one thread that writes. What it remembers stands in the database, too: whatever fails is rolled back and
//! forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::{AppendError, SharedError, StoreError, Timestamp};
use rusqlite::{Connection, TransactionBehavior};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Command, Encoded};
use crate::sqlite::away;
use crate::sqlite::insert::{Appending, Ends, Outcome, add_bytes};
use crate::sqlite::ledger::Clerk;
use crate::sqlite::merging::Merging;
use crate::sqlite::rates::Rates;
use crate::sqlite::recent::Recent;
use crate::sqlite::room::Room;

/// This part of the file may be free.
const SPARE_PART: i64 = 8;
/// A timer is no finer than this.
const LEAST_WAIT: Duration = Duration::from_millis(1);

/// What the thread has.
pub(in crate::sqlite) struct Thread {
    pub(in crate::sqlite) connection: Connection,
    pub(in crate::sqlite) room: Room,
    pub(in crate::sqlite) clerk: Clerk,
    pub(in crate::sqlite) rates: Arc<Rates>,
    pub(in crate::sqlite) recent: Arc<Recent>,
    /// The last row of the recent table.
    pub(in crate::sqlite) last_row: i64,
    pub(in crate::sqlite) merging: Merging,
    pub(in crate::sqlite) ends: Ends,
    /// The most NDJSON, in bytes, that is taken into one commit from waiting calls.
    pub(in crate::sqlite) commit_bytes: usize,
    /// Batches of fewer bytes of NDJSON than this are small.
    pub(in crate::sqlite) small_bytes: usize,
}

impl Thread {
    pub(super) fn run(&mut self, mut inbox: mpsc::Receiver<Command>, waiting: &Runtime) {
        let mut next = None;
        while let Some(command) = next.take().or_else(|| self.next(&mut inbox, waiting)) {
            // Between any two commands, so that it does not wait for all that stands in the queue.
            self.write_ledger();
            match command {
                Command::Wake => {}
                Command::Append { drafts, answer } => {
                    let mut group = vec![(drafts, answer)];
                    next = gather(&mut group, &mut inbox, self.commit_bytes);
                    while self.merging.is_pressing(&self.recent) {
                        self.merge();
                    }
                    self.write(group);
                }
                // Nobody waiting is no reason not to do it, and no error.
                Command::Do(work) => work(self),
                Command::GiveBack { spare_bytes, answer } => {
                    let _ = answer.send(self.give_back(spare_bytes));
                }
                Command::Merge { apart, answer } => {
                    let _ = answer.send(self.merge_now(apart));
                }
                Command::Check { answer } => {
                    let _ = answer.send(self.check());
                }
            }
            if self.merging.is_due(&self.recent) {
                self.merge();
            }
        }
    }

    /// The next command; `None` when there will be none. What else there is to do is done while none waits.
    fn next(&mut self, inbox: &mut mpsc::Receiver<Command>, waiting: &Runtime) -> Option<Command> {
        loop {
            match inbox.try_recv() {
                Ok(command) => return Some(command),
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
                Err(mpsc::error::TryRecvError::Empty) => {}
            }
            if self.write_ledger() {
                continue;
            }
            if self.merging.is_due(&self.recent) {
                self.merge();
            } else if self.merging.sweep_is_due() {
                self.sweep();
            } else {
                match self.merging.due_in() {
                    None => return inbox.blocking_recv(),
                    Some(due) => {
                        let came =
                            waiting.block_on(async { timeout(due.max(LEAST_WAIT), inbox.recv()).await });
                        if let Ok(command) = came {
                            return command;
                        }
                    }
                }
            }
        }
    }

    /// A slice, unless the disk is full: then it waits until lines were removed.
    fn merge(&mut self) {
        let merged = match self.room.look(&self.connection, 0) {
            Ok(()) => self
                .merging
                .slice(&mut self.connection, &self.recent, &mut self.ends, None),
            Err(_) => return self.merging.failed(),
        };
        match merged {
            Ok(()) => self.room.wrote(),
            Err(error) => {
                self.room.refusal(&self.connection, &error);
                tracing::warn!(%error, "recent lines could not be merged, trying again later");
                self.merging.failed();
            }
        }
    }

    /// A slice, whether the disk is full or not, since something is to be removed.
    fn merge_now(&mut self, apart: Option<Timestamp>) -> Result<(), StoreError> {
        let (connection, recent, ends) = (&mut self.connection, &self.recent, &mut self.ends);
        let merged = if self.room.is_full() {
            let steps = self.room.steps();
            self.merging
                .slice_in_place(connection, recent, ends, apart, steps)
        } else {
            self.merging.slice(connection, recent, ends, apart)
        };
        if let Err(error) = merged {
            self.merging.failed();
            return Err(self.failed(error));
        }
        self.room.wrote();
        self.room.removed(&self.connection);
        Ok(())
    }

    fn sweep(&mut self) {
        let swept = match self.room.look(&self.connection, 0) {
            Ok(()) => self.merging.sweep(&mut self.connection),
            Err(_) => return self.merging.failed(),
        };
        match swept {
            Ok(()) => self.room.wrote(),
            Err(error) => {
                self.room.refusal(&self.connection, &error);
                tracing::warn!(%error, "small batches could not be joined, trying again later");
                self.merging.failed();
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
            Ok(()) if self.merging.is_stuck(&self.recent) => Err((
                StoreError::Away("small batches can be kept no more, since they cannot be merged".into()),
                AppendError::NotStored as fn(StoreError) -> AppendError,
            )),
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
        let not_stored = |error| (error, AppendError::NotStored as fn(StoreError) -> AppendError);
        let written = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(not_stored)
            .and_then(|transaction| {
                let mut appending = Appending {
                    connection: &transaction,
                    ends: &mut self.ends,
                    recent: &self.recent,
                    merging: &self.merging,
                    small_bytes: self.small_bytes,
                    last_row: &mut self.last_row,
                    added: Vec::new(),
                    given: HashMap::new(),
                    merged: Vec::new(),
                    written: 0,
                };
                let outcomes = appending.append_all(group.iter().map(|(drafts, _)| &drafts[..]));
                let outcomes = outcomes.map_err(not_stored)?;
                let Appending { added, merged, .. } = appending;
                // A commit that fails may have reached the journal and come back after a crash.
                transaction
                    .commit()
                    .map_err(|error| (error, AppendError::Unknown as fn(_) -> _))?;
                Ok((outcomes, added, merged))
            });
        let outcomes = written.map(|(outcomes, added, merged)| {
            for (stream, row) in merged {
                self.recent.merged(&stream, row);
            }
            if !added.is_empty() {
                self.recent.add(added);
                self.merging.added();
            }
            outcomes
        });
        if outcomes.is_err() {
            self.ends.forget();
        }
        outcomes.map_err(
            |(error, outcome)| match self.room.refusal(&self.connection, &error) {
                Some(full) => (full, AppendError::NotStored as fn(_) -> _),
                None => (away(error), outcome),
            },
        )
    }

    pub(super) fn remove<T>(
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

    pub(in crate::sqlite) fn failed(&mut self, error: rusqlite::Error) -> StoreError {
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
pub(in crate::sqlite) fn check(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    add_bytes(&transaction, 0)?;
    transaction.rollback()
}
