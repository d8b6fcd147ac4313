//! What a node knows of what was taken back, by a ledger that answers, fails and forgets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;

use std::sync::Arc;
use std::time::Duration;

use auth::revoked::{Mark, Revocable};
use auth::{Claims, Key, Minter, Staleness, TokenError, Verifier, token::unix_now};

use book::Book;

const KEY: &str = "an installation's key of 32 bytes or more";

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

/// A ledger that has nothing to tell is heard before the node would be stale, however soon that is.
#[tokio::test(start_paused = true)]
async fn a_node_whose_ledger_is_quiet_is_never_stale() {
    for seconds in [1, 2, 4, 6] {
        let staleness = Staleness {
            after: Duration::from_secs(seconds),
            refuse: true,
        };
        let node = begin(Book::default(), staleness);
        let alice = token("alice");
        assert!(node.verifier.verify(&alice).await.is_ok(), "{seconds} s");
        for _ in 0..6_000 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(!node.verifier.is_stale(), "{seconds} s");
        }
    }
}

/// Nothing comes sooner because somebody waits.
#[tokio::test(start_paused = true)]
async fn a_stale_node_refuses_at_once() {
    let staleness = Staleness {
        after: Duration::from_secs(30),
        refuse: true,
    };
    let node = begin(Book::default(), staleness);
    let alice = token("alice");
    node.judges(&alice, Ok(())).await;
    node.book.away(true);
    node.judges(&alice, Err(TokenError::NotYetKnown)).await;
    let asked = tokio::time::Instant::now();
    let judged = node.verifier.verify(&alice).await.map(|_| ());
    assert_eq!(judged, Err(TokenError::NotYetKnown));
    assert_eq!(asked.elapsed(), Duration::ZERO);
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
