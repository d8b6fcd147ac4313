//! What these tests say about a ledger in a word.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lines::Ledger;
use lines::ledger::{Change, CommitError, Entry, KeyPrefix, LedgerKey, Revision, Write};
use store::LedgerOptions;
use store::mongo::{MongoOptions, MongoStore};
use store::sqlite::{SqliteOptions, SqliteStore};

use crate::place::Place;

/// How many revisions a ledger keeps in these tests.
pub(crate) const HISTORY: u64 = 100;

/// Little of it, so that tests see its end; and news soon.
fn short_history() -> LedgerOptions {
    LedgerOptions {
        history: HISTORY,
        poll: Duration::from_millis(20),
        ..LedgerOptions::default()
    }
}

impl Place {
    /// The ledger of a store object, on MongoDB another one each time, as another process would have.
    pub(crate) async fn ledger(&self) -> Arc<dyn Ledger> {
        self.ledger_with(short_history()).await
    }

    pub(crate) async fn ledger_with(&self, ledger: LedgerOptions) -> Arc<dyn Ledger> {
        match self {
            Self::Sqlite { folder, open, .. } => {
                let mut open = open.lock();
                let store = open.get_or_insert_with(|| {
                    let options = SqliteOptions {
                        ledger,
                        ..SqliteOptions::default()
                    };
                    Arc::new(SqliteStore::open(folder.path(), options).unwrap())
                });
                Arc::clone(store) as _
            }
            Self::Memory(_) => panic!("it keeps lines alone"),
            Self::Mongo { address, options } | Self::Merged { address, options } => {
                let options = MongoOptions {
                    ledger,
                    ..options.clone()
                };
                Arc::new(MongoStore::connect(address, options).await.unwrap())
            }
        }
    }
}

/// Longer than anything here may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn key(text: &str) -> LedgerKey {
    LedgerKey::parse(text).unwrap()
}

pub(crate) fn prefix(text: &str) -> KeyPrefix {
    KeyPrefix::parse(text).unwrap()
}

pub(crate) fn put(name: &str, value: impl AsRef<str>) -> Write {
    Write::put(key(name), value.as_ref().as_bytes().to_vec())
}

pub(crate) async fn commit(ledger: &dyn Ledger, write: Write) -> Result<Revision, CommitError> {
    ledger.commit(vec![write]).await
}

pub(crate) async fn done(ledger: &dyn Ledger, write: Write) -> Revision {
    commit(ledger, write).await.unwrap()
}

pub(crate) async fn get(ledger: &dyn Ledger, name: &str) -> Option<(u64, String)> {
    ledger.get(&key(name)).await.unwrap().map(shown)
}

pub(crate) fn shown(entry: Entry) -> (u64, String) {
    (entry.revision.0, String::from_utf8(entry.value.to_vec()).unwrap())
}

/// What a commit was refused for: the key, and what is there.
pub(crate) fn conflict(outcome: Result<Revision, CommitError>) -> (String, Option<(u64, String)>) {
    match outcome {
        Err(CommitError::Conflict { key, current }) => (key.to_string(), current.map(shown)),
        other => panic!("it is in conflict: {other:?}"),
    }
}

/// Keys and values, with the revision of each.
pub(crate) type State = BTreeMap<String, (u64, String)>;

/// Everything, page by page, and the revision of the first page.
pub(crate) async fn listed(ledger: &dyn Ledger, begins: &str, most: usize) -> (State, Revision) {
    let (mut state, mut after, mut revision) = (State::new(), None, None);
    loop {
        let page = ledger.list(&prefix(begins), after.as_ref(), most).await.unwrap();
        assert!(page.entries.len() <= most);
        assert!(page.entries.iter().all(|entry| entry.revision <= page.revision));
        revision.get_or_insert(page.revision);
        after = page.entries.last().map(|entry| entry.key.clone()).or(after);
        let more = page.more;
        for entry in page.entries {
            let name = entry.key.to_string();
            assert!(state.last_key_value().is_none_or(|(last, _)| *last < name));
            state.insert(name, shown(entry));
        }
        if !more {
            return (state, revision.unwrap());
        }
    }
}

/// Heeds changes as the contract says.
pub(crate) fn heed(state: &mut State, change: &Change) {
    let name = change.key.to_string();
    if state
        .get(&name)
        .is_some_and(|(revision, _)| *revision >= change.revision.0)
    {
        return;
    }
    match &change.value {
        Some(value) => {
            let value = String::from_utf8(value.to_vec()).unwrap();
            state.insert(name, (change.revision.0, value));
        }
        None => drop(state.remove(&name)),
    }
}

/// All changes under a prefix after a revision, up to another.
pub(crate) async fn changes(
    ledger: &dyn Ledger,
    begins: &str,
    after: Revision,
    upto: Revision,
) -> Vec<Change> {
    let watched = async {
        let (mut seen, mut at) = (Vec::new(), after);
        while at < upto {
            let told = ledger
                .changes(&prefix(begins), at, Duration::from_secs(5))
                .await
                .unwrap();
            assert!(told.upto >= at && told.changes.iter().all(|change| change.revision > at));
            assert!(told.changes.is_sorted_by_key(|change| change.revision));
            at = told.upto;
            seen.extend(told.changes);
        }
        seen
    };
    tokio::time::timeout(PATIENCE, watched)
        .await
        .expect("the changes come")
}
