//! Whoever stood still for long, and goes on as if nothing had happened: the servers refuse what would harm.

use std::sync::Arc;
use std::time::Duration;

use lines::retention::{Deletable, Retention};
use lines::{AppendError, LogReader, LogStore, Offset};
use mongodb::bson::{Document, doc};
use store::mongo::{MongoOptions, MongoStore};

use crate::cable::{Cable, Wire};
use crate::merged::merge_all;
use crate::merging::{place, shape};
use crate::place::{Place, append, at, draft, draft_at, extent, keyed, numbered, read_all, store_lines};

/// The trap of `store::mongo::tails`, without end: this one believes for an hour in what it knows, as one does whose clock
/// stands still with its machine.
#[tokio::test]
async fn whoever_believes_in_an_end_of_old_gives_no_offset_twice() {
    let (place, address, mut options) = place();
    options.tail_valid = Duration::from_secs(3_600);
    place
        .run(async |place| {
            let sleeper = MongoStore::connect(&address, options.clone()).await.unwrap();
            store_lines(&sleeper, "s", &["a"]).await;
            let awake = place.store().await;
            for message in ["b", "c", "d"] {
                store_lines(&*awake, "s", &[message]).await;
            }
            merge_all(&address, &options).await;
            assert_eq!(shape(place, "s").await, [(0, 4)]);
            assert_eq!(store_lines(&sleeper, "s", &["e"]).await.first, Offset(4));
            assert_eq!(
                read_all(&*awake, "s", 0).await,
                numbered(0, &["a", "b", "c", "d", "e"])
            );
        })
        .await;
}

/// Invariants 2, 3 and 10 for an insert that is on its way for long: its process was stopped after it had read the end, a
/// packet was held back, a primary was looked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_that_comes_after_its_place_was_merged_away_is_refused_and_stored_elsewhere() {
    let (place, address, mut options) = place();
    options.tail_valid = Duration::from_secs(3_600);
    place
        .run(async |place| {
            let cable = Cable::to_the_primary().await;
            let through = cable.store_address(place);
            let stopped = Arc::new(MongoStore::connect(&through, options.clone()).await.unwrap());
            let awake = place.store().await;
            let mut expected = Vec::new();
            for round in 0..4 {
                let text = |what| format!("{what} {round}");
                expected.push(text("known"));
                store_lines(&*stopped, "s", &[&text("known")]).await;
                cable.wire.send_replace(Wire::Held);
                let late = tokio::spawn({
                    let (stopped, line) = (stopped.clone(), draft("s", &[&text("late")]));
                    async move { append(&*stopped, line).await }
                });
                cable.holds_an_insert().await;
                for what in ["b", "c"] {
                    expected.push(text(what));
                    store_lines(&*awake, "s", &[&text(what)]).await;
                }
                merge_all(&address, &options).await;
                if round % 2 == 1 {
                    expected.push(text("after"));
                    store_lines(&*awake, "s", &[&text("after")]).await;
                }
                cable.wire.send_replace(Wire::Open);
                let late = late.await.unwrap().unwrap();
                assert_eq!(late.first, Offset(expected.len() as u64));
                expected.push(text("late"));
                let read: Vec<String> = read_all(&*awake, "s", 0)
                    .await
                    .into_iter()
                    .map(|it| it.1)
                    .collect();
                assert_eq!(read, expected);
                assert_eq!(extent(&*awake, "s").await, (0, expected.len() as u64));
            }
        })
        .await;
}

/// Invariant 4 for the same: nobody waits for the insert any more, its request comes again with its key, and what was
/// acknowledged is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_that_comes_when_nobody_waits_for_it_hides_no_line() {
    let (place, address, mut options) = place();
    options.tail_valid = Duration::from_secs(3_600);
    let impatient = MongoOptions {
        deadline: Duration::from_secs(2),
        ..options.clone()
    };
    place
        .run(async |place| {
            let cable = Cable::to_the_primary().await;
            let through = cable.store_address(place);
            let stopped = MongoStore::connect(&through, impatient).await.unwrap();
            let awake = place.store().await;
            store_lines(&*awake, "s", &["a"]).await;
            while append(&stopped, draft("known", &["a"])).await.is_err() {}
            store_lines(&stopped, "s", &["known"]).await;
            let request = keyed(draft("s", &["late"]), "key", 1);
            cable.wire.send_replace(Wire::Held);
            let outcome = append(&stopped, request.clone()).await;
            assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");
            cable.holds_an_insert().await;
            store_lines(&*awake, "s", &["b"]).await;
            merge_all(&address, &options).await;
            // The end of the connection and the insert before it come to the server now.
            cable.wire.send_replace(Wire::Open);
            for _ in 0..20 {
                store_lines(&*awake, "s", &["more"]).await;
            }
            let place_of = match append(&*awake, request).await {
                Ok(batch) => batch.first,
                Err(AppendError::KeysUsed(used)) => used[0].first,
                Err(other) => panic!("nothing else can come of it: {other}"),
            };
            let read = read_all(&*awake, "s", 0).await;
            assert_eq!(read[place_of.0 as usize], (place_of.0, "late".to_owned()));
            assert_eq!(read.len(), 24);
        })
        .await;
}

/// What is deleted leaves places free, too.
#[tokio::test]
async fn whoever_believes_in_an_end_that_was_deleted_since_gives_no_offset_twice() {
    let (place, address, mut options) = place();
    options.tail_valid = Duration::from_secs(3_600);
    place
        .run(async |place| {
            let sleeper = MongoStore::connect(&address, options.clone()).await.unwrap();
            append(&sleeper, draft_at("s", at(0), &["a"])).await.unwrap();
            let awake = place.store().await;
            append(&*awake, draft_at("s", at(1), &["b", "c"])).await.unwrap();
            let age = Retention {
                age: Some(Duration::from_secs(5)),
                bytes: None,
            };
            awake.trim(&age, at(10)).await.unwrap();
            awake.delete_hidden(Deletable::All).await.unwrap();
            assert_eq!(shape(place, "s").await, []);
            assert_eq!(
                append(&sleeper, draft_at("s", at(10), &["d"]))
                    .await
                    .unwrap()
                    .first,
                Offset(3)
            );
            assert_eq!(read_all(&*awake, "s", 0).await, numbered(3, &["d"]));
        })
        .await;
}

/// The server keeps a transaction for a minute whose process has died, and the collection with it.
#[tokio::test]
async fn appends_go_on_while_a_transaction_that_nobody_ends_holds_the_batches() {
    let (place, address, options) = place();
    place
        .run(async |place| {
            let with = |seconds| MongoOptions {
                deadline: Duration::from_secs(seconds),
                ..options.clone()
            };
            let deleting = MongoStore::connect(&address, with(20)).await.unwrap();
            let appending = MongoStore::connect(&address, with(5)).await.unwrap();
            append(&appending, draft_at("s", at(0), &["old"])).await.unwrap();
            store_lines(&appending, "t", &["0"]).await;
            let age = Retention {
                age: Some(Duration::from_secs(5)),
                bytes: None,
            };
            deleting.trim(&age, at(10)).await.unwrap();
            let database = place.database().await;
            let mut dead = database.client().start_session().await.unwrap();
            dead.start_transaction().await.unwrap();
            let batches = database.collection::<Document>("batches");
            batches
                .update_one(doc! {"s": "t"}, doc! {"$set": {"x": 1}})
                .session(&mut dead)
                .await
                .unwrap();

            let mut appended = 1;
            let mut deletion = std::pin::pin!(deleting.delete_hidden(Deletable::All));
            let outcome = loop {
                tokio::select! {
                    outcome = &mut deletion => break outcome,
                    () = async {
                        store_lines(&appending, "t", &[&appended.to_string()]).await;
                        appended += 1;
                    } => {}
                }
            };
            assert!(outcome.is_err(), "{outcome:?}");
            assert_eq!(shape(place, "s").await, [(0, 1)]);
            dead.abort_transaction().await.unwrap();
            deleting.delete_hidden(Deletable::All).await.unwrap();
            assert_eq!(shape(place, "s").await, []);
        })
        .await;
}

/// As if whoever had them had been away for longer than they last.
async fn free_leases(place: &Place) {
    let free = doc! {"$unset": {"after": "", "holder": ""}, "$set": {"until": mongodb::bson::DateTime::from_millis(0)}};
    let which = doc! {"_id": {"$in": ["merge", "trim"]}};
    let update = doc! {
        "update": "cluster", "updates": [{"q": which, "u": free, "multi": true}], "maxTimeMS": 300,
    };
    // Whoever stands still right before it commits cannot have lost it any more.
    let _ = place.database().await.run_command(update).await;
}

/// The merger is stopped in the middle, others go on, and it wakes up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merger_that_was_stopped_does_no_harm_when_it_wakes() {
    let (place, address, options) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            let mut expected = Vec::new();
            let cable = Cable::to_the_primary().await;

            let through = cable.store_address(place);
            for round in 0..8 {
                for i in 0..40 {
                    let text = format!("{round} {i}");
                    expected.push(text.clone());
                    store_lines(&*store, "s", &[&text]).await;
                }
                let stopped = MongoStore::connect(&through, options.clone()).await.unwrap();
                stopped.epoch().await.unwrap();
                free_leases(place).await;
                let mut merging = tokio::spawn(async move { stopped.merge().await });
                // Between two of its round trips, each time later.
                let done = tokio::select! {
                    () = cable.carries(1 + 2 * round) => None,
                    done = &mut merging => Some(done),
                };
                cable.wire.send_replace(Wire::Held);
                free_leases(place).await;
                let meanwhile = async {
                    let retention = Retention {
                        age: None,
                        bytes: Some(u64::MAX),
                    };
                    store.trim(&retention, at(0)).await.unwrap();
                    merge_all(&address, &options).await
                };
                // What it has begun to change waits for it.
                let _ = tokio::time::timeout(Duration::from_millis(500), meanwhile).await;
                cable.wire.send_replace(Wire::Open);
                let _ = match done {
                    Some(done) => done.unwrap(),
                    None => merging.await.unwrap(),
                };
                let read: Vec<String> = read_all(&*store, "s", 0)
                    .await
                    .into_iter()
                    .map(|(_, text)| text)
                    .collect();
                assert_eq!(read, expected, "round {round}");
            }
            assert_eq!(extent(&*store, "s").await, (0, expected.len() as u64));
        })
        .await;
}
