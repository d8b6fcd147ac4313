//! A ledger in memory, which fails and forgets as it is told.
#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use auth::revoked::Mark;
use lines::ledger::{
    Change, Changes, CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, Page, Revision,
    WatchError, Write, check,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A ledger in memory, to which a test writes.
#[derive(Default)]
pub struct Book {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    log: Vec<Change>,
    away: bool,
    /// Changes up to this revision are not told any more.
    forgotten: u64,
    revision: u64,
    silence: Option<Silence>,
}

/// What becomes of a commit of which nobody hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    Done,
    Undone,
}

fn out() -> LedgerError {
    LedgerError::Away("the plug is out".into())
}

impl State {
    fn rows(&self) -> BTreeMap<LedgerKey, Entry> {
        let mut rows = BTreeMap::new();
        for Change { key, revision, value } in &self.log {
            match value.clone() {
                Some(value) => rows.insert(
                    key.clone(),
                    Entry {
                        key: key.clone(),
                        revision: *revision,
                        value,
                    },
                ),
                None => rows.remove(key),
            };
        }
        rows
    }
}

impl Book {
    /// Writes a mark, as another node would.
    pub fn put(&self, mark: &Mark) {
        let value = serde_json::to_vec(mark).unwrap();
        self.write(vec![Write::put(mark.key().unwrap(), value)]).unwrap();
    }

    /// Deletes it.
    pub fn delete(&self, mark: &Mark) {
        self.write(vec![Write::delete(mark.key().unwrap())]).unwrap();
    }

    /// All that it holds.
    pub fn entries(&self) -> Vec<Entry> {
        self.state.lock().rows().into_values().collect()
    }

    /// How often it was changed.
    pub fn revision(&self) -> u64 {
        self.state.lock().revision
    }

    /// From now on a commit is done, or not, and nobody hears of it.
    pub fn is_silent(&self, silence: Option<Silence>) {
        self.state.lock().silence = silence;
    }

    fn write(&self, writes: Vec<Write>) -> Result<Revision, CommitError> {
        check(&writes)?;
        let mut state = self.state.lock();
        let rows = state.rows();
        for write in &writes {
            let current = rows.get(&write.key);
            if !write.is_met_by(current) {
                let (key, current) = (write.key.clone(), current.cloned());
                return Err(CommitError::Conflict { key, current });
            }
        }
        if state.silence == Some(Silence::Undone) {
            return Err(CommitError::Unknown(out()));
        }
        let revision = Revision(state.revision + 1);
        let mut changed = Vec::new();
        for write in writes {
            if let Some(value) = write.outcome(rows.get(&write.key)) {
                let key = write.key;
                changed.push(Change { key, revision, value });
            }
        }
        if !changed.is_empty() {
            state.revision = revision.0;
            state.log.extend(changed);
            self.news.notify_waiters();
        }
        match state.silence {
            Some(_) => Err(CommitError::Unknown(out())),
            None => Ok(Revision(state.revision)),
        }
    }

    /// Does not answer, or does again.
    pub fn away(&self, away: bool) {
        self.state.lock().away = away;
        self.news.notify_waiters();
    }

    /// Tells no change any more that was before.
    pub fn forget(&self) {
        let mut state = self.state.lock();
        state.forgotten = state.revision;
    }

    fn told(&self, after: Revision) -> Result<Changes, WatchError> {
        let state = self.state.lock();
        if state.away {
            return Err(out().into());
        }
        if after.0 < state.forgotten {
            return Err(WatchError::StartOver { after });
        }
        Ok(Changes {
            changes: state
                .log
                .iter()
                .filter(|change| change.revision > after)
                .cloned()
                .collect(),
            upto: Revision(state.revision),
        })
    }
}

#[async_trait]
impl Ledger for Book {
    async fn get(&self, key: &LedgerKey) -> Result<Option<Entry>, LedgerError> {
        let state = self.state.lock();
        if state.away {
            return Err(out());
        }
        Ok(state.rows().remove(key))
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&LedgerKey>,
        most: usize,
    ) -> Result<Page, LedgerError> {
        let state = self.state.lock();
        if state.away {
            return Err(out());
        }
        let beyond = |key: &LedgerKey| prefix.covers(key) && after.is_none_or(|after| key > after);
        let mut entries: Vec<Entry> = state
            .rows()
            .into_values()
            .filter(|entry| beyond(&entry.key))
            .collect();
        let more = entries.len() > most;
        entries.truncate(most);
        Ok(Page {
            entries,
            revision: Revision(state.revision),
            more,
        })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Revision, CommitError> {
        if self.state.lock().away {
            return Err(CommitError::NotDone(out()));
        }
        self.write(writes)
    }

    async fn changes(&self, _: &KeyPrefix, after: Revision, within: Duration) -> Result<Changes, WatchError> {
        let news = self.news.notified();
        let told = self.told(after)?;
        if !told.changes.is_empty() {
            return Ok(told);
        }
        let _ = tokio::time::timeout(within, news).await;
        self.told(after)
    }
}
