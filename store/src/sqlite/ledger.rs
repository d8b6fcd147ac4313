//! The ledger in the data folder: a table of what is there, and one of what changed.
//!
//! The thread that writes lines writes it, too. Commits that wait are one transaction, and come before the appends that
//! wait: a commit waits for one of them at most. Nobody else writes, so watchers are told by the thread itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lines::ledger::{
    self, Change, Changes, CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, Page, Revision,
    WatchError, Write,
};
use lines::{SharedError, StoreError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use tokio::time::{Instant, sleep_until};

use super::queries::{from_sql, to_sql};
use super::readers::Cost;
use super::room::Room;
use super::{SqliteStore, away};
use crate::ledger::{
    Answer, Growth, LedgerOptions, MOST, MOST_BYTES, Pending, Queue, Recent, Source, judge, ledger_error,
    old, watch,
};
use crate::timing::{Operation, count_commit, measured};

/// What the callers and the writing thread share.
pub(super) struct Book {
    pub(super) queue: Queue,
    pub(super) recent: Recent,
    options: LedgerOptions,
}

impl Book {
    pub(super) fn open(connection: &Connection, options: LedgerOptions) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            queue: Queue::default(),
            recent: Recent::new(number(connection, REVISION)?, options.recent_bytes),
            options,
        })
    }
}

/// In `meta`: the last revision.
const REVISION: &str = "ledger_revision";
/// In `meta`: up to which revision history is gone.
const COMPACTED: &str = "ledger_compacted";

/// The writing thread's side.
pub(super) struct Clerk {
    book: Arc<Book>,
    growth: Growth,
}

impl Clerk {
    pub(super) fn new(book: Arc<Book>) -> Self {
        Self {
            book,
            growth: Growth::default(),
        }
    }

    /// Writes a group of what waits; `false` when nothing does.
    pub(super) fn write(&mut self, connection: &mut Connection, room: &mut Room) -> bool {
        let Some(group) = self.book.queue.take() else {
            return false;
        };
        let bytes = group.iter().map(Pending::bytes).sum();
        let written = match room.look(connection, bytes) {
            Ok(()) => {
                let written = self.commit(connection, &group, bytes);
                written.map_err(|(error, outcome)| match room.refusal(connection, &error) {
                    Some(full) => (full, CommitError::NotDone as Outcome),
                    None => (away(error), outcome),
                })
            }
            Err(full) => Err((full, CommitError::NotDone as Outcome)),
        };
        match written {
            Ok((revision, changes, verdicts)) => {
                room.wrote();
                if !changes.is_empty() {
                    self.book.recent.push(revision, &changes);
                }
                for (pending, verdict) in group.into_iter().zip(verdicts) {
                    pending.answer(verdict.map_or(Ok(revision), Err));
                }
            }
            Err((error, outcome)) => {
                let error = SharedError::new(error);
                for pending in group {
                    pending.answer(Err(outcome(ledger_error(error.again()))));
                }
            }
        }
        true
    }

    fn commit(
        &mut self,
        connection: &mut Connection,
        group: &[Pending],
        bytes: usize,
    ) -> Result<Written, (rusqlite::Error, Outcome)> {
        let not_done = |error| (error, CommitError::NotDone as Outcome);
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(not_done)?;
        let written = self.change(&transaction, group, bytes).map_err(not_done)?;
        // A commit that fails may have reached the journal and come back after a crash.
        transaction
            .commit()
            .map_err(|error| (error, CommitError::Unknown as Outcome))?;
        Ok(written)
    }

    fn change(
        &mut self,
        connection: &Connection,
        group: &[Pending],
        bytes: usize,
    ) -> Result<Written, rusqlite::Error> {
        let mut there = HashMap::new();
        for write in group.iter().flat_map(|pending| &pending.writes) {
            if let Some(entry) = find(connection, &write.key)? {
                there.insert(write.key.clone(), entry);
            }
        }
        let last = number(connection, REVISION)?;
        let (verdicts, changes) = judge(group, &there, last.next());
        if changes.is_empty() {
            return Ok((last, changes, verdicts));
        }
        let revision = last.next();
        for change in &changes {
            set(connection, change)?;
        }
        set_number(connection, REVISION, revision)?;
        let compacted = number(connection, COMPACTED)?;
        if self
            .growth
            .add(&self.book.options, revision.0 - compacted.0, bytes)
        {
            compact(connection, &self.book.options, compacted)?;
            self.growth.cut();
        }
        Ok((revision, changes, verdicts))
    }
}

type Outcome = fn(LedgerError) -> CommitError;
type Written = (Revision, Vec<Change>, Vec<Option<CommitError>>);

fn number(connection: &Connection, name: &str) -> Result<Revision, rusqlite::Error> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE name = ?1")?
        .query_row([name], |row| Ok(Revision(from_sql(row.get(0)?).0)))
}

fn set_number(connection: &Connection, name: &str, revision: Revision) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?
        .execute((name, revision.0 as i64))?;
    Ok(())
}

pub(super) fn find(connection: &Connection, key: &LedgerKey) -> Result<Option<Entry>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT revision, value FROM ledger WHERE key = ?1")?
        .query_row([key.as_str()], |row| {
            Ok(Entry {
                key: key.clone(),
                revision: Revision(from_sql(row.get(0)?).0),
                value: row.get::<_, Vec<u8>>(1)?.into(),
            })
        })
        .optional()
}

fn set(connection: &Connection, change: &Change) -> Result<(), rusqlite::Error> {
    let (key, revision) = (change.key.as_str(), change.revision.0 as i64);
    let value = change.value.as_deref();
    match value {
        Some(value) => connection
            .prepare_cached("INSERT OR REPLACE INTO ledger (key, revision, value) VALUES (?1, ?2, ?3)")?
            .execute((key, revision, value))?,
        None => connection
            .prepare_cached("DELETE FROM ledger WHERE key = ?1")?
            .execute([key])?,
    };
    connection
        .prepare_cached("INSERT INTO ledger_log (revision, key, value) VALUES (?1, ?2, ?3)")?
        .execute((revision, key, value))?;
    Ok(())
}

fn compact(
    connection: &Connection,
    options: &LedgerOptions,
    compacted: Revision,
) -> Result<(), rusqlite::Error> {
    let mut sizes = connection.prepare_cached(
        "SELECT revision, sum(length(key) + ifnull(length(value), 0)) FROM ledger_log WHERE revision > ?1
         GROUP BY revision ORDER BY revision DESC",
    )?;
    let sizes = sizes.query_map([compacted.0 as i64], |row| {
        Ok((Revision(from_sql(row.get(0)?).0), from_sql(row.get(1)?).0))
    })?;
    let sizes: Vec<_> = sizes.collect::<Result<_, _>>()?;
    if let Some(upto) = old(options, sizes) {
        connection
            .prepare_cached("DELETE FROM ledger_log WHERE revision <= ?1")?
            .execute([upto.0 as i64])?;
        set_number(connection, COMPACTED, upto)?;
    }
    Ok(())
}

fn read_key(text: String) -> Result<LedgerKey, StoreError> {
    LedgerKey::parse(&text).map_err(|error| StoreError::Broken(Box::new(error)))
}

pub(super) fn list(connection: &Connection, from: &str, end: &str, most: usize) -> Result<Page, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT key, revision, value FROM ledger WHERE key >= ?1 AND key < ?2 ORDER BY key")
        .map_err(away)?;
    let mut rows = statement.query((from, end)).map_err(away)?;
    let mut page = Page {
        entries: Vec::new(),
        revision: number(connection, REVISION).map_err(away)?,
        more: false,
    };
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(away)? {
        if page.entries.len() >= most || bytes >= MOST_BYTES {
            page.more = true;
            break;
        }
        let value: Vec<u8> = row.get(2).map_err(away)?;
        bytes += value.len();
        page.entries.push(Entry {
            key: read_key(row.get(0).map_err(away)?)?,
            revision: Revision(from_sql(row.get(1).map_err(away)?).0),
            value: value.into(),
        });
    }
    Ok(page)
}

/// Changes out of the history; `None` when it does not go back so far.
pub(super) fn history(
    connection: &Connection,
    prefix: &KeyPrefix,
    after: Revision,
) -> Result<Option<Changes>, StoreError> {
    if number(connection, COMPACTED).map_err(away)? > after {
        return Ok(None);
    }
    let mut statement = connection
        .prepare_cached(
            "SELECT revision, key, value FROM ledger_log WHERE revision > ?1 ORDER BY revision, key",
        )
        .map_err(away)?;
    let mut rows = statement.query([to_sql(lines::Offset(after.0))]).map_err(away)?;
    let mut told = Answer::new(prefix, after);
    let mut last = after;
    while let Some(row) = rows.next().map_err(away)? {
        let revision = Revision(from_sql(row.get(0).map_err(away)?).0);
        if revision != last && told.is_full() {
            break;
        }
        last = revision;
        let change = Change {
            key: read_key(row.get(1).map_err(away)?)?,
            revision,
            value: row.get::<_, Option<Vec<u8>>>(2).map_err(away)?.map(Into::into),
        };
        told.add(revision, [change]);
    }
    Ok(Some(told.done()))
}

#[async_trait]
impl Ledger for SqliteStore {
    async fn get(&self, key: &LedgerKey) -> Result<Option<Entry>, LedgerError> {
        let key = key.clone();
        let found = self.ask(Operation::LedgerGet, Cost::Rows, move |connection| {
            find(connection, &key).map_err(away)
        });
        found.await.map_err(ledger_error)
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&LedgerKey>,
        most: usize,
    ) -> Result<Page, LedgerError> {
        let (from, end, most) = (prefix.begin(after), prefix.end(), most.clamp(1, MOST));
        let found = self.ask(Operation::LedgerList, Cost::Rows, move |connection| {
            list(connection, &from, &end, most)
        });
        found.await.map_err(ledger_error)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, CommitError> {
        ledger::check(&writes)?;
        let deadline = self.options.deadline;
        let (until, late) = (Instant::now() + deadline, LedgerError::Timeout(deadline));
        let done = self.book.queue.commit(writes, until, late, || self.writer.wake());
        let done = measured(Operation::LedgerCommit, done).await;
        count_commit(&done);
        done
    }

    async fn changes(
        &self,
        prefix: &KeyPrefix,
        after: Revision,
        within: Duration,
    ) -> Result<Changes, WatchError> {
        watch(self, prefix, after, within).await
    }
}

impl Source for SqliteStore {
    fn recent(&self) -> &Recent {
        &self.book.recent
    }

    async fn newest(&self) -> Result<Revision, LedgerError> {
        let found = self.ask(Operation::LedgerChanges, Cost::Rows, |connection| {
            number(connection, REVISION).map_err(away)
        });
        found.await.map_err(ledger_error)
    }

    async fn history(&self, prefix: &KeyPrefix, after: Revision) -> Result<Option<Changes>, LedgerError> {
        let prefix = prefix.clone();
        let found = self.ask(Operation::LedgerChanges, Cost::Rows, move |connection| {
            history(connection, &prefix, after)
        });
        found.await.map_err(ledger_error)
    }

    /// The writing thread tells them, and nobody else writes.
    async fn refresh(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn news(&self, until: Instant) -> Result<(), LedgerError> {
        sleep_until(until).await;
        Ok(())
    }
}
