//! What a node knows of what was taken back, by a ledger that answers, fails and forgets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use auth::revoked::{Mark, Revocable};
use auth::{Claims, Key, Minter, Staleness, TokenError, Verifier, token::unix_now};
use lines::ledger::{
    Change, Changes, CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, Page, Revision,
    WatchError, Write,
};
use parking_lot::Mutex;
use tokio::sync::Notify;

const KEY: &str = "an installation's key of 32 bytes or more";

/// A ledger in memory, to which a test writes.
#[derive(Default)]
struct Book {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Default)]
struct State {
    log: Vec<Change>,
    away: bool,
    /// Changes up to this revision are not told any more.
    forgotten: u64,
}

impl Book {
    fn put(&self, mark: &Mark) {
        let mut state = self.state.lock();
        let revision = Revision(state.log.len() as u64 + 1);
        state.log.push(Change {
            key: mark.key().unwrap(),
            revision,
            value: Some(serde_json::to_vec(mark).unwrap().into()),
        });
        self.news.notify_waiters();
    }

    fn delete(&self, mark: &Mark) {
        let mut state = self.state.lock();
        let revision = Revision(state.log.len() as u64 + 1);
        let key = mark.key().unwrap();
        state.log.push(Change {
            key,
            revision,
            value: None,
        });
        self.news.notify_waiters();
    }

    fn away(&self, away: bool) {
        self.state.lock().away = away;
        self.news.notify_waiters();
    }

    fn forget(&self) {
        let mut state = self.state.lock();
        state.forgotten = state.log.len() as u64;
    }

    fn told(&self, after: Revision) -> Result<Changes, WatchError> {
        let state = self.state.lock();
        if state.away {
            return Err(LedgerError::Away("the plug is out".into()).into());
        }
        if after.0 < state.forgotten {
            return Err(WatchError::StartOver { after });
        }
        Ok(Changes {
            changes: state.log[after.0 as usize..].to_vec(),
            upto: Revision(state.log.len() as u64),
        })
    }
}

#[async_trait]
impl Ledger for Book {
    async fn get(&self, _: &LedgerKey) -> Result<Option<Entry>, LedgerError> {
        unreachable!("nothing is asked for a token")
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&LedgerKey>,
        most: usize,
    ) -> Result<Page, LedgerError> {
        let state = self.state.lock();
        if state.away {
            return Err(LedgerError::Away("the plug is out".into()));
        }
        let mut rows = std::collections::BTreeMap::new();
        for Change { key, revision, value } in &state.log {
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
        let beyond = |key: &LedgerKey| prefix.covers(key) && after.is_none_or(|after| key > after);
        let mut entries: Vec<Entry> = rows.into_values().filter(|entry| beyond(&entry.key)).collect();
        let more = entries.len() > most;
        entries.truncate(most);
        Ok(Page {
            entries,
            revision: Revision(state.log.len() as u64),
            more,
        })
    }

    async fn commit(&self, _: Vec<Write>) -> Result<Revision, CommitError> {
        unreachable!("who follows writes nothing")
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

fn mark(what: Revocable) -> Mark {
    Mark {
        what,
        before: unix_now(),
        until: unix_now() + 1_000,
        by: "root".to_owned(),
    }
}

fn of(sub: &str) -> Mark {
    mark(Revocable::Subscriber(sub.to_owned()))
}

fn token(sub: &str) -> String {
    let minter = Minter::hs256(&Key::from_text(KEY).unwrap(), "tailcast");
    minter.mint(&Claims::new(sub, unix_now() + 600)).unwrap()
}

/// A node that follows a ledger.
struct Node {
    book: Arc<Book>,
    verifier: Arc<Verifier>,
}

fn begin(book: Book, staleness: Staleness) -> Node {
    let verifier = Arc::new(Verifier::hs256(&Key::from_text(KEY).unwrap(), "tailcast"));
    verifier.look_first(staleness);
    let book = Arc::new(book);
    tokio::spawn(auth::follow(book.clone(), verifier.clone()));
    Node { book, verifier }
}

const LONG: Staleness = Staleness {
    after: Duration::from_secs(600),
    refuse: false,
};

impl Node {
    /// Waits until a token is judged so.
    async fn judges(&self, token: &str, expected: Result<(), TokenError>) {
        let mut news = self.verifier.news();
        let judged = || self.verifier.check(token).map(|_| ());
        let until = async {
            while judged() != expected {
                // Staleness comes without news.
                let _ = tokio::time::timeout(Duration::from_millis(50), news.changed()).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(3_600), until).await;
        assert!(found.is_ok(), "{:?} and not {expected:?}", judged());
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_looks_before_it_lets_anybody_in() {
    let book = Book::default();
    book.put(&of("mallory"));
    book.away(true);
    let node = begin(book, LONG);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(
        node.verifier.check(&token("alice")).unwrap_err(),
        TokenError::NotYetKnown
    );
    assert!(node.verifier.is_stale());
    node.book.away(false);
    node.judges(&token("alice"), Ok(())).await;
    node.judges(&token("mallory"), Err(TokenError::Revoked)).await;
    assert!(!node.verifier.is_stale());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_refused_once_it_is_taken_back_though_it_was_found_good_before() {
    let node = begin(Book::default(), LONG);
    let (alice, bob) = (token("alice"), token("bob"));
    node.judges(&alice, Ok(())).await;
    node.judges(&bob, Ok(())).await;
    let news = node.verifier.news();
    node.book.put(&of("alice"));
    node.judges(&alice, Err(TokenError::Revoked)).await;
    assert!(
        news.has_changed().unwrap(),
        "who is here has to be asked about again"
    );
    node.judges(&bob, Ok(())).await;
    node.book.delete(&of("alice"));
    node.judges(&alice, Ok(())).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_back_during_an_absence_is_known_after_it() {
    let node = begin(Book::default(), LONG);
    let alice = token("alice");
    node.judges(&alice, Ok(())).await;
    node.book.away(true);
    node.book.put(&of("alice"));
    node.book.forget();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(
        node.verifier.check(&alice).is_ok(),
        "what is known counts meanwhile"
    );
    node.book.away(false);
    node.judges(&alice, Err(TokenError::Revoked)).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_to_refuse_when_nothing_is_heard_refuses_until_something_is() {
    let staleness = Staleness {
        after: Duration::from_secs(30),
        refuse: true,
    };
    let node = begin(Book::default(), staleness);
    let alice = token("alice");
    node.judges(&alice, Ok(())).await;
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(
        node.verifier.check(&alice).is_ok(),
        "silence of one who answers is news of nothing"
    );
    node.book.away(true);
    node.judges(&alice, Err(TokenError::NotYetKnown)).await;
    node.book.away(false);
    node.judges(&alice, Ok(())).await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_while_a_node_looks_waits_a_moment_and_is_let_in() {
    let book = Book::default();
    book.away(true);
    let node = begin(book, LONG);
    let (verifier, alice) = (node.verifier.clone(), token("alice"));
    let waits = tokio::spawn(async move { verifier.verify(&alice).await.map(|_| ()) });
    tokio::task::yield_now().await;
    node.book.away(false);
    assert_eq!(waits.await.unwrap(), Ok(()));

    let book = Book::default();
    book.away(true);
    let node = begin(book, LONG);
    let judged = node.verifier.verify(&token("alice")).await.map(|_| ());
    assert_eq!(judged, Err(TokenError::NotYetKnown), "and not for ever");
}
