//! What only the store in MongoDB has: documents that others read too, and a database that is away.

use std::time::{Duration, Instant};

use lines::retention::Retention;
use lines::{AppendError, LogReader, LogStore, Offset, StoreError};
use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use store::Compression;
use store::mongo::{MongoOptions, MongoStore};
use store::trim::{self, Trimmer};

use crate::place::{Place, append, at, draft, draft_at, extent, keyed, store_lines, stream};

#[tokio::test]
async fn documents_are_as_the_contract_says() {
    Place::mongo().run(documents).await;
}

async fn documents(place: &Place) {
    let text = "compressible ".repeat(50);
    let plain = place.store_with(Compression::None).await;
    append(&*plain, keyed(draft_at("a/b", at(5), &["x", "y"]), "key", 7))
        .await
        .unwrap();
    append(&*place.store().await, draft_at("a/b", at(6), &[&text]))
        .await
        .unwrap();

    let database = place.database().await;
    let batches = database.collection::<Document>("batches");
    let mut plain = batches
        .find_one(doc! {"s": "a/b", "o": 0_i64})
        .await
        .unwrap()
        .unwrap();
    plain.remove("_id");
    let key = plain.remove("keys").unwrap();
    let date = |seconds| mongodb::bson::DateTime::from_millis(at(seconds).nanos() / 1_000_000);
    let line = |message| format!("{{\"ts\":\"{}\",\"message\":\"{message}\"}}\n", at(5));
    assert_eq!(
        plain,
        doc! {
            "s": "a/b", "o": 0_i64, "n": 2_i64, "t0": at(5).nanos(), "t1": at(5).nanos(), "at": date(5), "f": 0,
            "lines": line("x") + &line("y"),
        }
    );
    let key = key.as_array().unwrap()[0].as_document().unwrap();
    assert_eq!(key.get_str("k").unwrap(), "key");
    assert_eq!(key.get_binary_generic("d").unwrap(), &vec![7; 32]);

    let compressed = batches
        .find_one(doc! {"s": "a/b", "o": 2_i64})
        .await
        .unwrap()
        .unwrap();
    assert!(compressed.get_binary_generic("z").unwrap().len() < text.len());
    assert!(!compressed.contains_key("lines") && !compressed.contains_key("keys"));

    let mut seen = Vec::new();
    let mut lines = database
        .collection::<Document>("lines")
        .find(doc! {"stream": "a/b"})
        .await
        .unwrap();
    while lines.advance().await.unwrap() {
        seen.push(lines.deserialize_current().unwrap());
    }
    let shown = |offset: i64, message| {
        doc! {"stream": "a/b", "line": line(message).trim_end(), "offset": offset}
    };
    assert_eq!(seen, [shown(0, "x"), shown(1, "y")]);

    let streams = database.collection::<Document>("streams");
    let known = streams.find_one(doc! {"_id": "a/b"}).await.unwrap().unwrap();
    assert_eq!(known.get_i64("floor").unwrap(), 0);
    assert!(known.get_datetime("created").is_ok() && known.get_document("labels").is_ok());
}

#[tokio::test]
async fn indexes_are_as_the_contract_says() {
    Place::mongo().run(indexes).await;
}

async fn indexes(place: &Place) {
    // Many processes start at once.
    let stores = [place.store().await, place.store().await, place.store().await];
    let checks = futures_util::future::join_all(stores.iter().map(|store| store.check())).await;
    assert!(checks.iter().all(Result::is_ok), "{checks:?}");
    let mut epochs = Vec::new();
    for store in &stores {
        epochs.push(store.epoch().await.unwrap());
    }
    epochs.dedup();
    assert_eq!(epochs.len(), 1);

    let mut found = Vec::new();
    let mut indexes = place
        .database()
        .await
        .collection::<Document>("batches")
        .list_indexes()
        .await
        .unwrap();
    while indexes.advance().await.unwrap() {
        let index = indexes.deserialize_current().unwrap();
        let unique = index.options.and_then(|IndexOptions { unique, .. }| unique);
        found.push((index.keys, unique == Some(true)));
    }
    assert_eq!(
        found,
        [
            (doc! {"_id": 1}, false),
            (doc! {"s": 1, "o": 1}, true),
            (doc! {"s": 1, "keys.k": 1}, true),
            (doc! {"s": 1, "t1": 1}, false),
            (doc! {"at": 1}, false),
        ]
    );
}

/// One wrong clock of one collector.
#[tokio::test]
async fn a_machine_whose_clock_differs_from_the_databases_stamps_by_the_databases_and_removes_nothing() {
    Place::mongo().run(wrong_clock).await;
}

async fn wrong_clock(place: &Place) {
    let Place::Mongo { address, options } = place else {
        unreachable!("it is on MongoDB");
    };
    let month = 31 * 86_400;
    let ahead = std::sync::Arc::new(crate::place::SetClock::default());
    let now = lines::Timestamp::now().nanos() / 1_000_000_000;
    ahead.set(now - at(0).nanos() / 1_000_000_000 + month);
    let options = MongoOptions {
        clock: ahead.clone(),
        ..options.clone()
    };
    let store = std::sync::Arc::new(MongoStore::connect(address, options).await.unwrap());
    let mut line = draft("s", &["a"]);
    line.arrived = None;
    let stored = append(&*store, line).await.unwrap();
    let off = stored.arrived.nanos() / 1_000_000_000 - now;
    assert!((-60..60).contains(&off), "{off}");
    let trimmer = Trimmer::new(trim::Parts {
        store: store.clone(),
        keeping: tokio::sync::watch::channel(trim::Keeping {
            retention: Retention {
                age: Some(Duration::from_secs(30 * 86_400)),
                bytes: None,
            },
            every: Duration::from_secs(60),
        })
        .1,
        clock: ahead.clone(),
    });
    for _ in 0..3 {
        trimmer.round().await.unwrap();
    }
    assert_eq!(trimmer.hold().map(|hold| hold.code()), Some("clocks_apart"));
    assert_eq!(extent(&*store, "s").await, (0, 1));
}

#[tokio::test]
async fn a_stream_whose_first_batch_never_came_is_not_listed() {
    Place::mongo().run(first_batch_never_came).await;
}

async fn first_batch_never_came(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "real", &["x"]).await;
    let streams = place.database().await.collection::<Document>("streams");
    streams
        .insert_one(doc! {"_id": "ghost", "floor": 0_i64})
        .await
        .unwrap();
    let listed: Vec<_> = store
        .streams()
        .await
        .unwrap()
        .iter()
        .map(|s| s.name.to_string())
        .collect();
    assert_eq!(listed, ["real"]);
    assert_eq!(extent(&*store, "ghost").await, (0, 0));
    assert_eq!(store_lines(&*store, "ghost", &["x"]).await.first, Offset(0));
}

#[tokio::test]
async fn a_damaged_document_is_an_error_that_names_it() {
    Place::mongo().run(damaged).await;
}

async fn damaged(place: &Place) {
    let store = place.store().await;
    store_lines(&*store, "s", &["a", "b"]).await;
    store_lines(&*store, "s", &["c"]).await;
    let batches = place.database().await.collection::<Document>("batches");
    let read = async || {
        store
            .read(&stream("s"), Offset(0), usize::MAX)
            .await
            .unwrap_err()
            .to_string()
    };
    let first = doc! {"s": "s", "o": 0_i64};
    batches
        .update_one(first.clone(), doc! {"$set": {"n": 1_i64}})
        .await
        .unwrap();
    assert_eq!(
        read().await,
        "lines 0 up to 2 of s are damaged: it claims 1 lines and holds 2"
    );
    let one_line = doc! {"$set": {"lines": "{\"a\":1}\n"}};
    batches.update_one(first, one_line).await.unwrap();
    let sound = store.read(&stream("s"), Offset(0), usize::MAX).await.unwrap();
    assert_eq!(sound.len(), 1);
    let missing = store.read(&stream("s"), Offset(1), usize::MAX).await;
    assert_eq!(
        missing.unwrap_err().to_string(),
        "lines 1 up to 2 of s are damaged: no batch holds them"
    );
}

fn impatient() -> MongoOptions {
    MongoOptions {
        deadline: Duration::from_secs(2),
        server_selection: Duration::from_millis(300),
        ..MongoOptions::default()
    }
}

/// Invariant 1: what may be stored is never called not stored, and the other way round.
#[tokio::test]
async fn without_servers_every_call_ends_in_time_and_nothing_counts_as_stored() {
    // Nothing listens on a port that was just let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let address = format!("mongodb://127.0.0.1:{port}/x?replicaSet=none");
    let store = MongoStore::connect(&address, impatient()).await.unwrap();
    let begun = Instant::now();
    let outcomes = store.append(vec![draft("s", &["a"]), draft("t", &["b"])]).await;
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        assert!(matches!(outcome, Err(AppendError::NotStored(_))), "{outcome:?}");
    }
    assert!(matches!(store.check().await, Err(StoreError::Away(_))));
    assert!(matches!(
        store.extents(&[stream("s")]).await,
        Err(StoreError::Away(_))
    ));
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_address_that_can_never_work_is_refused() {
    for (address, what) in [
        ("mongo.example.org", "scheme"),
        ("mongodb://", "host"),
        ("mongodb://localhost/?w=banana&journal=perhaps", "journal"),
    ] {
        let refusal = MongoStore::connect(address, impatient())
            .await
            .err()
            .expect(address)
            .to_string();
        assert!(
            refusal.starts_with("the address of the MongoDB store is not understood: ")
                && refusal.contains(what),
            "{refusal}"
        );
    }
}
