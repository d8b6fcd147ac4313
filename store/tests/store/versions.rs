//! Databases that others wrote to as well: a dump that was brought back, and collectors of an earlier version.

use std::time::Duration;

use lines::Offset;
use mongodb::bson::{Document, doc};
use mongodb::options::InsertManyOptions;
use store::mongo::MongoStore;

use crate::kept_out::made;
use crate::merged::merge_all;
use crate::merging::{place, shape};
use crate::place::{Place, extent, numbered, read_all, store_lines};

/// A dump is taken while everybody goes on, one collection after the other: there may be batches that were admitted by a
/// token which is made once more.
#[tokio::test]
async fn batches_with_a_token_that_is_made_later_are_merged_like_all_others() {
    let (place, address, options) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            for message in ["a", "b", "c", "d"] {
                store_lines(&*store, "s", &[message]).await;
            }
            for message in ["a", "b"] {
                store_lines(&*store, "t", &[message]).await;
            }
            let token = doc! {"$set": {"f": made(place).await + 1}};
            let batches = place.database().await.collection::<Document>("batches");
            batches.update_many(doc! {"s": "s"}, token).await.unwrap();
            let merged = merge_all(&address, &options).await;
            assert_eq!((merged.batches, merged.into), (6, 2));
            assert_eq!(shape(place, "s").await, [(0, 4)]);
            store_lines(&*store, "s", &["e"]).await;
            assert_eq!(
                read_all(&*store, "s", 0).await,
                numbered(0, &["a", "b", "c", "d", "e"])
            );
        })
        .await;
}

/// What a collector does that has never heard of the fence: it inserts where it believes the stream to end.
async fn append_as_earlier_versions_do(place: &Place, name: &str, first: i64, message: &str) -> bool {
    let batches = place.database().await.collection::<Document>("batches");
    let at = mongodb::bson::DateTime::now();
    let line = format!("{{\"ts\":\"2026-01-01T00:00:00.000000000Z\",\"message\":\"{message}\"}}\n");
    let batch = doc! {
        "s": name, "o": first, "n": 1_i64, "t0": 1_767_225_600_000_000_000_i64, "t1": 1_767_225_600_000_000_000_i64,
        "at": at, "lines": line,
    };
    batches.insert_one(batch).await.is_ok()
}

/// As docs/operating.md says: the validator goes when all new collectors have stopped.
#[tokio::test]
async fn an_earlier_version_goes_on_once_the_validator_is_gone_and_a_later_one_after_it() {
    let (place, address, mut options) = place();
    options.tail_valid = Duration::from_secs(3_600);
    place
        .run(async |place| {
            let new = MongoStore::connect(&address, options.clone()).await.unwrap();
            for message in ["a", "b"] {
                store_lines(&new, "s", &[message]).await;
            }
            merge_all(&address, &options).await;
            assert!(!append_as_earlier_versions_do(place, "s", 2, "refused").await);

            let gone = doc! {"collMod": "batches", "validator": {}};
            place.database().await.run_command(gone).await.unwrap();
            for (first, message) in [(2, "c"), (3, "d")] {
                assert!(append_as_earlier_versions_do(place, "s", first, message).await);
            }

            // It believes that the stream ends at 2, and another one does not know it.
            assert_eq!(store_lines(&new, "s", &["e"]).await.first, Offset(4));
            let newer = MongoStore::connect(&address, options.clone()).await.unwrap();
            assert_eq!(store_lines(&newer, "s", &["f"]).await.first, Offset(5));
            let merged = merge_all(&address, &options).await;
            assert_eq!((merged.batches, merged.into), (5, 1));
            assert!(!append_as_earlier_versions_do(place, "s", 6, "refused").await);
            for (store, message) in [(&new, "g"), (&newer, "h")] {
                store_lines(store, "s", &[message]).await;
            }
            let all = ["a", "b", "c", "d", "e", "f", "g", "h"];
            assert_eq!(read_all(&newer, "s", 0).await, numbered(0, &all));
            assert_eq!(extent(&newer, "s").await, (0, 8));
        })
        .await;
}

/// As `mongodump` and `mongorestore` do it, which bring collections with their validator, and documents as they are.
async fn restore(place: &Place, bypass: bool) -> (u64, u64) {
    let database = place.database().await;
    let batches = database.collection::<Document>("batches");
    let options = database
        .run_command(doc! {"listCollections": 1, "filter": {"name": "batches"}})
        .await
        .unwrap();
    let options = options
        .get_document("cursor")
        .unwrap()
        .get_array("firstBatch")
        .unwrap()[0]
        .as_document()
        .unwrap()
        .get_document("options")
        .unwrap()
        .clone();
    let mut found = batches.find(doc! {}).await.unwrap();
    let mut documents = Vec::new();
    while found.advance().await.unwrap() {
        documents.push(found.deserialize_current().unwrap());
    }
    batches.drop().await.unwrap();
    let mut create = doc! {"create": "batches"};
    create.extend(options);
    database.run_command(create).await.unwrap();
    let bypassing = InsertManyOptions::builder()
        .bypass_document_validation(bypass)
        .ordered(false)
        .build();
    let dumped = documents.len() as u64;
    let _ = batches.insert_many(documents).with_options(bypassing).await;
    (dumped, batches.count_documents(doc! {}).await.unwrap())
}

#[tokio::test]
async fn a_dump_is_brought_back_whole_only_past_the_validator_and_goes_on_then() {
    let (place, address, options) = place();
    place
        .run(async |place| {
            let store = place.store().await;
            for message in ["a", "b", "c"] {
                store_lines(&*store, "s", &[message]).await;
                store_lines(&*store, message, &["x"]).await;
                merge_all(&address, &options).await;
            }
            let (dumped, restored) = restore(place, true).await;
            assert_eq!((dumped, restored), (4, 4));
            // The collectors are started again.
            let store = place.store().await;
            assert_eq!(store_lines(&*store, "s", &["d"]).await.first, Offset(3));
            merge_all(&address, &options).await;
            assert_eq!(store_lines(&*store, "s", &["e"]).await.first, Offset(4));
            assert_eq!(
                read_all(&*store, "s", 0).await,
                numbered(0, &["a", "b", "c", "d", "e"])
            );
            let (dumped, restored) = restore(place, false).await;
            assert!(restored < dumped, "{restored} of {dumped}");
        })
        .await;
}
