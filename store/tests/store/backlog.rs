//! Much that is small: it is merged bit by bit, while others get their turns, and what is read of it afterwards is no more
//! than what was asked for.

use std::sync::Arc;
use std::time::Duration;

use lines::log_store::Merged;
use lines::{LogReader, LogStore, Offset};
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};
use store::mongo::{MongoOptions, MongoStore};

use crate::merging::{place, shape};
use crate::place::{Place, at, extent, read_all, store_lines, stream};

/// Writes so many batches of one line each, past the store, as if they had come one by one.
async fn write_batches(place: &Place, of: &str, batches: u64, message: &str) {
    let batches_of = place.database().await.collection::<Document>("batches");
    let nanos = at(1).nanos();
    let line = format!("{{\"ts\":\"{}\",\"message\":\"{message}\"}}\n", at(1));
    let document = |first: u64| {
        doc! {
            "s": of, "o": first as i64, "n": 1_i64, "t0": nanos, "t1": nanos,
            "at": DateTime::from_millis(nanos / 1_000_000), "f": 0, "lines": &line,
        }
    };
    let all: Vec<Document> = (0..batches).map(document).collect();
    for some in all.chunks(5_000) {
        batches_of.insert_many(some).await.unwrap();
    }
    let streams = place.database().await.collection::<Document>("streams");
    let begun = doc! {"_id": of, "floor": 0_i64, "created": DateTime::now(), "labels": {}};
    streams.insert_one(begun).await.unwrap();
}

/// When the right to trim, to delete and to merge is free again.
async fn lease(place: &Place) -> DateTime {
    let cluster = place.database().await.collection::<Document>("cluster");
    let trim = cluster.find_one(doc! {"_id": "trim"}).await.unwrap().unwrap();
    *trim.get_datetime("until").unwrap()
}

/// More than one look takes, and one stream with more than one plan takes: each call ends in time, and leaves the lease.
#[tokio::test]
async fn a_backlog_is_merged_bit_by_bit_and_others_get_their_turns_in_between() {
    let (place, address, mut options) = place();
    options.deadline = Duration::from_secs(4);
    place
        .run(async |place| {
            let store = place.store().await;
            store.epoch().await.unwrap();
            write_batches(place, "large", 9_000, "x").await;
            write_batches(place, "small", 2_000, "y").await;
            let merger = MongoStore::connect(&address, options).await.unwrap();
            let mut all = Merged::default();
            loop {
                let some = merger.merge().await.unwrap();
                assert_eq!(lease(place).await, DateTime::from_millis(0), "it is given back");
                all.batches += some.batches;
                all.into += some.into;
                if !some.more {
                    break;
                }
            }
            assert!(all.batches >= 11_000, "{all:?}");
            assert!(shape(place, "large").await.len() < 40);
            assert_eq!(extent(&*store, "large").await, (0, 9_000));
            assert_eq!(read_all(&*store, "large", 0).await.len(), 9_000);
            assert_eq!(read_all(&*store, "small", 0).await.len(), 2_000);
        })
        .await;
}

/// Somebody who trims, or has died with the lease: it is not asked for all the time.
#[tokio::test]
async fn a_merger_whose_turn_it_is_not_comes_again_later() {
    let (place, address, options) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            for message in ["a", "b"] {
                store_lines(&*store, "s", &[message]).await;
            }
            take_turn(place, None).await;
            let merger = MongoStore::connect(&address, options).await.unwrap();
            assert_eq!(merger.merge().await.unwrap(), Merged::default());
            let cluster = place.database().await.collection::<Document>("cluster");
            let free = doc! {"$set": {"until": DateTime::from_millis(0)}};
            cluster.update_one(doc! {"_id": "trim"}, free).await.unwrap();
            // What was looked at is not looked at again.
            let merged = merger.merge().await.unwrap();
            assert_eq!((merged.batches, merged.into), (2, 1));
        })
        .await;
}

/// Bringing lines back takes the turn from whoever trims, who then has none to give back.
#[tokio::test]
async fn whoever_brings_lines_back_leaves_the_turn_to_the_next() {
    let (place, ..) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            store_lines(&*store, "s", &["a"]).await;
            take_turn(place, None).await;
            store.restore(&lines::retention::Hidden::All).await.unwrap();
            let cluster = place.database().await.collection::<Document>("cluster");
            let free = doc! {"_id": "trim", "$expr": {"$lte": ["$until", "$$NOW"]}};
            assert!(cluster.find_one(free).await.unwrap().is_some(), "it is free");
        })
        .await;
}

/// Two who take the turn from each other would never end. From whoever tidies up it is taken.
#[tokio::test]
async fn whoever_deletes_a_stream_waits_for_another_who_does() {
    let (place, ..) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            let deletion = |name: &'static str| {
                let store = Arc::clone(&store);
                async move { store.delete_stream(&stream(name), None).await.unwrap().deleted() }
            };
            for name in ["a", "b"] {
                store_lines(&*store, name, &["x"]).await;
            }
            take_turn(place, None).await;
            assert!(deletion("a").await.is_some());
            take_turn(place, Some("another one")).await;
            let waiting = tokio::spawn(deletion("b"));
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(extent(&*store, "b").await, (0, 1), "it is not its turn");
            let cluster = place.database().await.collection::<Document>("cluster");
            let free = doc! {"$set": {"until": DateTime::from_millis(0)}};
            cluster.update_one(doc! {"_id": "trim"}, free).await.unwrap();
            assert!(waiting.await.unwrap().is_some());
            assert_eq!(extent(&*store, "b").await, (1, 1));
        })
        .await;
}

/// Somebody else trims, or deletes streams, as the database says.
async fn take_turn(place: &Place, deleter: Option<&str>) {
    let until = DateTime::from_millis(DateTime::now().timestamp_millis() + 15_000);
    let taken = doc! {"$set": {"until": until, "holder": "another one", "deleter": deleter}};
    let cluster = place.database().await.collection::<Document>("cluster");
    cluster.update_one(doc! {"_id": "trim"}, taken).await.unwrap();
}

/// A page is a few documents, however many follow.
#[tokio::test]
async fn reading_a_page_of_merged_batches_moves_little_more_than_the_page() {
    const PAGE: usize = 256 * 1024;
    let (place, address, _) = place();
    place
        .run(async |place| {
            let options = MongoOptions {
                merge_after: Duration::ZERO,
                compression: store::Compression::None,
                ..MongoOptions::default()
            };
            let store = MongoStore::connect(&address, options).await.unwrap();
            let large = "x".repeat(200 * 1024);
            for _ in 0..60 {
                store_lines(&store, "s", &[&large]).await;
            }
            let database = place.database().await;
            database.run_command(doc! {"profile": 2}).await.unwrap();
            let page = store.read(&stream("s"), Offset(1), PAGE).await.unwrap();
            database.run_command(doc! {"profile": 0}).await.unwrap();
            assert_eq!(page.first().unwrap().first, Offset(1));
            let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
            let profile = database.collection::<Document>("system.profile");
            let mut entries = profile
                .find(doc! {"op": {"$in": ["command", "getmore"]}})
                .selection_criteria(primary)
                .await
                .unwrap();
            let mut moved = 0;
            while entries.advance().await.unwrap() {
                let entry = entries.deserialize_current().unwrap();
                moved += entry.get_i32("responseLength").unwrap_or_default();
            }
            assert!(moved as usize <= 6 * PAGE, "{moved} bytes were moved");
        })
        .await;
}
