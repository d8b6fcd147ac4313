//! MongoDB behind a wire that can be cut: what is not known is called unknown, and everything recovers by itself.

use std::sync::Arc;
use std::time::Duration;

use lines::{AppendError, LogReader, LogStore};
use store::mongo::{MongoOptions, MongoStore};

use crate::cable::{Cable, Wire};
use crate::place::{Place, append, draft, extent, keyed, numbered, read_all, store_lines};

fn impatient() -> MongoOptions {
    MongoOptions {
        deadline: Duration::from_secs(2),
        server_selection: Duration::from_millis(500),
        ..MongoOptions::default()
    }
}

/// Tries until it works, for as long as a test may take.
async fn once_it_works(store: &MongoStore) {
    let works = async { while store.check().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(30), works)
        .await
        .expect("the store recovers by itself");
}

/// Invariants 1 and 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_means_unknown_and_the_key_finds_the_lines() {
    Place::mongo().run(lost_answer).await;
}

async fn lost_answer(place: &Place) {
    let cable = Cable::to_the_primary().await;
    let store = MongoStore::connect(&cable.store_address(place), impatient())
        .await
        .unwrap();
    store_lines(&store, "s", &["before"]).await;

    cable.wire.send_replace(Wire::AnswersAreLost);
    let request = keyed(draft("s", &["a", "b"]), "key", 1);
    let outcome = append(&store, request.clone()).await;
    assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");

    cable.wire.send_replace(Wire::Open);
    once_it_works(&store).await;
    let repeated = append(&store, request).await;
    let Err(AppendError::KeysUsed(used)) = repeated else {
        panic!("the request had arrived: {repeated:?}");
    };
    assert_eq!((used[0].first.0, used[0].next.0), (1, 3));
    store_lines(&store, "s", &["after"]).await;
    assert_eq!(
        read_all(&store, "s", 0).await,
        numbered(0, &["before", "a", "b", "after"])
    );
}

/// Invariant 1: a node can start before its database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_away_at_the_start_works_as_soon_as_it_is_there() {
    Place::mongo().run(away_at_the_start).await;
}

async fn away_at_the_start(place: &Place) {
    let cable = Cable::to_the_primary().await;
    cable.wire.send_replace(Wire::Cut);
    let store = Arc::new(
        MongoStore::connect(&cable.store_address(place), impatient())
            .await
            .unwrap(),
    );
    assert!(store.check().await.is_err());
    // However many wait, each is answered in time.
    let waiting = (0..20).map(|_| append(&*store, draft("s", &["lost"])));
    let begun = std::time::Instant::now();
    for outcome in futures_util::future::join_all(waiting).await {
        assert!(matches!(outcome, Err(AppendError::NotStored(_))), "{outcome:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    cable.wire.send_replace(Wire::Open);
    once_it_works(&store).await;
    store_lines(&*store, "s", &["kept"]).await;
    assert_eq!(read_all(&*store, "s", 0).await, numbered(0, &["kept"]));

    cable.wire.send_replace(Wire::Cut);
    assert!(store.extents(&[crate::place::stream("s")]).await.is_err());
    cable.wire.send_replace(Wire::Open);
    once_it_works(&store).await;
    assert_eq!(extent(&*store, "s").await, (0, 1));
}
