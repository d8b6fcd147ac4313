//! The same over a real store.

use std::sync::Arc;

use lines::{LogReader, Offset, StreamName};
use serde_json::json;
use store::sqlite::{SqliteOptions, SqliteStore};

use crate::fixture::{Collector, LONG, Post};

/// Invariants 4 and 6.
#[tokio::test]
async fn a_long_request_repeated_after_a_restart_gets_the_first_answer() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    let line = "x".repeat(200_000);
    let body: String = (0..12).map(|number| format!("{number} {line}\n")).collect();
    let post = || Post::lines(body.clone()).key("k1");

    let store = open();
    let collector = Collector::over_real(store.clone());
    let (first, at_once) = tokio::join!(collector.send(post()), collector.send(post()));
    assert_eq!(first.body["streams"], json!({"a/b": [{"first": 0, "next": 12}]}));
    assert_eq!(at_once.text, first.text);
    let stored = store
        .read(&StreamName::parse("a/b").unwrap(), Offset::ZERO, usize::MAX)
        .await
        .unwrap();
    assert_eq!(
        stored.iter().map(|batch| batch.lines.count).collect::<Vec<_>>(),
        [5, 5, 2]
    );
    collector.appender.shutdown(LONG).await;
    drop((collector, store));

    let collector = Collector::over_real(open());
    assert_eq!(collector.send(post()).await.text, first.text);
    assert_eq!(
        collector.send(Post::lines("other").key("k1")).await.refusal(),
        (409, "key_reused")
    );
    assert_eq!(
        collector.hints.all(),
        ["lost a/b", "lost a/b", "lost a/b", "lost a/b"]
    );
}
