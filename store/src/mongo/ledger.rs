//! The ledger in MongoDB, shared by any number of processes, none of which is asked for permission.
//!
//! `ledger_log` is what counts: one document per revision, whose `_id` is the revision. Whoever commits reads the last
//! revision, judges what waits by what is there, and inserts the next one; the unique `_id` lets one of those who try
//! win, and the others look again (as with offsets, invariant 2). So revisions have no holes, a commit of several keys
//! is one document and happens at once or not at all, and nobody who dies on the way holds anything up, as he would in
//! a transaction.
//!
//! `ledger` is what is there, a document per key, brought up to date from the log by the server itself (`$merge`) before a
//! commit is answered. Whoever finds it behind brings it up to date: the next to commit, and whoever watches. A change is
//! taken there only over an earlier revision, so it does not matter who does so, how often, and when. `cluster.ledger` says
//! up to where that is done for certain (`applied`), and up to where the log has been removed (`compacted`).
//!
//! What is deleted stays as a tombstone, until no log can bring it back any more.
//!
//! Watchers are told what the log says up to `applied`. They ask for what comes next by its `_id`, a look into an index;
//! a change stream would make the server read all lines that are stored, once for every process.

mod news;
mod round;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use lines::StoreError;
use lines::ledger::{
    self, Change, Changes, CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, Page, Revision,
    WatchError, Write,
};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, doc};
use mongodb::{ClientSession, Collection};
use parking_lot::Mutex;
use tokio::time::Instant;

use self::news::Poll;
use super::MongoStore;
use super::connection::{Connection, Ready};
use crate::ledger::{Growth, LedgerOptions, MOST, MOST_BYTES, Queue, Recent, ledger_error, watch};
use crate::timing::{Operation, count_commit, measured};

/// The document in `cluster` that says how far everything is.
const MARKS: &str = "ledger";
/// So often a page is read that changes while it is.
const MOST_LOOKS: u32 = 5;

/// What all calls of one process share.
pub(super) struct Book {
    connection: Arc<Connection>,
    options: LedgerOptions,
    deadline: Duration,
    queue: Queue,
    recent: Recent,
    poll: tokio::sync::Mutex<Poll>,
    growth: Mutex<Growth>,
    /// Whether the history is being cut now.
    cutting: AtomicBool,
}

/// How far the database is.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    applied: Revision,
    compacted: Revision,
}

impl Book {
    pub(super) fn new(connection: Arc<Connection>, options: LedgerOptions, deadline: Duration) -> Self {
        Self {
            connection,
            options,
            deadline,
            queue: Queue::default(),
            recent: Recent::new(Revision::ZERO, options.recent_bytes),
            poll: tokio::sync::Mutex::default(),
            growth: Mutex::default(),
            cutting: AtomicBool::new(false),
        }
    }

    /// A key's document, and what the log has beyond what is applied, asked for in this order in one command.
    async fn find(&self, key: &LedgerKey) -> Result<Option<Entry>, StoreError> {
        let ready = self.connection.ready().await?;
        let later = doc! {"$and": [{"$expr": {"$gt": ["$_id", "$$applied"]}}, {"c.k": key.as_str()}]};
        let mut found = ready
            .collection("cluster")
            .aggregate([
                doc! {"$match": {"_id": MARKS}},
                doc! {"$lookup": {
                    "from": "ledger", "pipeline": [{"$match": {"_id": key.as_str()}}], "as": "row",
                }},
                doc! {"$lookup": {
                    "from": "ledger_log", "let": {"applied": "$applied"},
                    "pipeline": [{"$match": later}, {"$sort": {"_id": -1}}, {"$limit": 1}], "as": "later",
                }},
            ])
            .max_time(self.deadline)
            .await
            .map_err(|error| ready.error(error))?;
        if !found.advance().await.map_err(|error| ready.error(error))? {
            return Ok(None);
        }
        let found = found.deserialize_current().map_err(|error| ready.error(error))?;
        let first = |name| found.get_array(name).ok()?.first()?.as_document();
        let there = first("row").map(row).transpose()?;
        let later = first("later")
            .map(changes)
            .transpose()?
            .map(|(_, changes)| changes);
        let later = later
            .into_iter()
            .flatten()
            .find(|change| change.key == *key)
            .map(Row::from);
        let newest = there.into_iter().chain(later).max_by_key(|row| row.revision);
        Ok(newest.and_then(Row::entry))
    }

    /// A page as it was at one revision: what was read, brought forward to the last revision there was then.
    async fn page(
        &self,
        prefix: &KeyPrefix,
        after: Option<&LedgerKey>,
        most: usize,
    ) -> Result<Page, StoreError> {
        let ready = self.connection.ready().await?;
        for _ in 0..MOST_LOOKS {
            let mut session = ready.session().await?;
            let applied = self.marks(ready, &mut session).await?.applied;
            let keys = (&*prefix.begin(after), &*prefix.end());
            let (mut rows, full) = self.rows(ready, &mut session, keys, most, applied).await?;
            // Nothing under a later key has been read.
            let last = rows.keys().next_back().filter(|_| full).cloned();
            let later = self.log(ready, &mut session, applied, Revision(u64::MAX)).await?;
            let revision = later.last().map_or(applied, |(revision, _)| *revision);
            if applied.0 + later.len() as u64 != revision.0 || later.len() >= MOST {
                continue;
            }
            for change in later.into_iter().flat_map(|(_, changes)| changes) {
                let inside = prefix.covers(&change.key)
                    && after.is_none_or(|after| change.key > *after)
                    && last.as_ref().is_none_or(|last| change.key <= *last);
                let newer = rows
                    .get(&change.key)
                    .is_none_or(|row| row.revision < change.revision);
                if inside && newer {
                    rows.insert(change.key.clone(), change.into());
                }
            }
            if rows.values().any(|row| row.revision > revision) {
                continue;
            }
            let mut entries: Vec<Entry> = rows.into_values().filter_map(Row::entry).collect();
            let more = full || entries.len() > most;
            entries.truncate(most);
            return Ok(Page {
                entries,
                revision,
                more,
            });
        }
        Err(StoreError::Away(
            "the ledger changes faster than it can be read".into(),
        ))
    }

    /// What there is under these keys, with what was deleted after `applied`; and whether there may be more.
    async fn rows(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        (begin, end): (&str, &str),
        most: usize,
        applied: Revision,
    ) -> Result<(BTreeMap<LedgerKey, Row>, bool), StoreError> {
        let there = doc! {"$or": [{"gone": {"$exists": false}}, {"r": {"$gt": to_bson(applied)}}]};
        let mut found = state(ready)
            .find(doc! {"_id": {"$gte": begin, "$lt": end}, "$and": [there]})
            .sort(doc! {"_id": 1})
            .limit(i64::try_from(most).unwrap_or(i64::MAX))
            .max_time(self.deadline)
            .session(&mut *session)
            .await
            .map_err(|error| ready.error(error))?;
        let (mut rows, mut bytes) = (BTreeMap::new(), 0);
        while let Some(document) = found.next(session).await {
            let row = row(&document.map_err(|error| ready.error(error))?)?;
            bytes += row.value.as_ref().map_or(0, bytes::Bytes::len);
            rows.insert(row.key.clone(), row);
            if bytes >= MOST_BYTES {
                return Ok((rows, true));
            }
        }
        let full = rows.len() >= most;
        Ok((rows, full))
    }

    /// The revisions after `after` up to `upto` that are in the log, in order; not all of them, when they are many.
    async fn log(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        after: Revision,
        upto: Revision,
    ) -> Result<Vec<(Revision, Vec<Change>)>, StoreError> {
        if after >= upto {
            return Ok(Vec::new());
        }
        let mut found = log(ready)
            .find(doc! {"_id": {"$gt": to_bson(after), "$lte": to_bson(upto)}})
            .sort(doc! {"_id": 1})
            .limit(MOST as i64)
            .max_time(self.deadline)
            .session(&mut *session)
            .await
            .map_err(|error| ready.error(error))?;
        let (mut revisions, mut bytes) = (Vec::new(), 0);
        while bytes < MOST_BYTES
            && let Some(document) = found.next(session).await
        {
            let document = document.map_err(|error| ready.error(error))?;
            bytes += usize::try_from(document.get_i64("size").unwrap_or_default()).unwrap_or_default();
            revisions.push(changes(&document)?);
        }
        Ok(revisions)
    }

    async fn marks(&self, ready: &Ready, session: &mut ClientSession) -> Result<Marks, StoreError> {
        let kept = ready
            .collection("cluster")
            .find_one(doc! {"_id": MARKS})
            .max_time(self.deadline)
            .session(session)
            .await;
        Ok(kept
            .map_err(|error| ready.error(error))?
            .map_or_else(Marks::default, |kept| Marks {
                applied: revision(&kept, "applied"),
                compacted: revision(&kept, "compacted"),
            }))
    }

    async fn mark(&self, ready: &Ready, name: &str, revision: Revision) -> Result<(), StoreError> {
        let most = doc! {"$max": {name: to_bson(revision)}};
        ready
            .write(doc! {"update": "cluster", "updates": [{"q": {"_id": MARKS}, "u": most, "upsert": true}]})
            .await
            .map(drop)
    }
}

/// A key's document.
struct Row {
    key: LedgerKey,
    revision: Revision,
    /// `None` when it was deleted.
    value: Option<bytes::Bytes>,
}

impl Row {
    fn entry(self) -> Option<Entry> {
        Some(Entry {
            key: self.key,
            revision: self.revision,
            value: self.value?,
        })
    }
}

impl From<Change> for Row {
    fn from(change: Change) -> Self {
        Self {
            key: change.key,
            revision: change.revision,
            value: change.value,
        }
    }
}

fn state(ready: &Ready) -> Collection<Document> {
    ready.collection("ledger")
}

fn log(ready: &Ready) -> Collection<Document> {
    ready.collection("ledger_log")
}

fn to_bson(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

fn revision(document: &Document, name: &str) -> Revision {
    let number = document.get_i64(name).unwrap_or_default();
    Revision(u64::try_from(number).unwrap_or_default())
}

fn binary(value: &[u8]) -> Bson {
    Bson::Binary(Binary {
        subtype: BinarySubtype::Generic,
        bytes: value.to_vec(),
    })
}

/// Somebody else wrote it, or its medium is damaged.
fn damaged(document: &Document) -> StoreError {
    let id = document.get("_id").map(ToString::to_string).unwrap_or_default();
    StoreError::Broken(format!("the document {id} of the ledger cannot be right").into())
}

fn row(document: &Document) -> Result<Row, StoreError> {
    let key = document
        .get_str("_id")
        .ok()
        .and_then(|key| LedgerKey::parse(key).ok());
    let value = document.get_binary_generic("v").ok().cloned();
    match key {
        Some(key) if value.is_some() || document.contains_key("gone") => Ok(Row {
            key,
            revision: revision(document, "r"),
            value: value.map(Into::into),
        }),
        _ => Err(damaged(document)),
    }
}

fn changes(document: &Document) -> Result<(Revision, Vec<Change>), StoreError> {
    let revision = revision(document, "_id");
    let change = |change: &Bson| {
        let change = change.as_document()?;
        Some(Change {
            key: LedgerKey::parse(change.get_str("k").ok()?).ok()?,
            revision,
            value: change
                .get_binary_generic("v")
                .ok()
                .map(|value| value.clone().into()),
        })
    };
    let all = document.get_array("c").ok().map(|all| all.iter().map(change));
    let all: Option<Vec<Change>> = all.and_then(Iterator::collect);
    all.map(|all| (revision, all)).ok_or_else(|| damaged(document))
}

#[async_trait]
impl Ledger for MongoStore {
    async fn get(&self, key: &LedgerKey) -> Result<Option<Entry>, LedgerError> {
        let found = self.ask(Operation::LedgerGet, self.book.find(key)).await;
        found.map_err(ledger_error)
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&LedgerKey>,
        most: usize,
    ) -> Result<Page, LedgerError> {
        let page = self.book.page(prefix, after, most.clamp(1, MOST));
        self.ask(Operation::LedgerList, page).await.map_err(ledger_error)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, CommitError> {
        ledger::check(&writes)?;
        let deadline = self.options.deadline;
        let (until, late) = (Instant::now() + deadline, LedgerError::Timeout(deadline));
        let serve = || {
            tokio::spawn(Arc::clone(&self.book).serve());
        };
        let done = self.book.queue.commit(writes, until, late, serve);
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
        watch(&*self.book, prefix, after, within).await
    }
}
