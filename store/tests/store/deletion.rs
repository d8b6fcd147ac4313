//! What was removed goes from MongoDB later, and never while anybody can see it.

use std::time::Duration;

use lines::Offset;
use lines::retention::{Deletable, Hidden, Retention};
use mongodb::bson::{Document, doc};

use crate::place::{Place, append, at, draft_at, extent, read_all, store_lines};

/// The trap of `store::mongo::tails`: removed batches are there until every known end has grown old.
#[tokio::test]
async fn removed_batches_stay_on_the_disk_for_the_grace_and_are_deleted_after_it() {
    Place::mongo().run(grace).await;
    Place::mongo_without_grace().run(no_grace).await;
}

const A_SECOND: Retention = Retention {
    age: Some(Duration::from_secs(1)),
    bytes: None,
};

async fn documents_left(place: &Place) -> u64 {
    let database = place.database().await;
    database
        .collection::<Document>("batches")
        .count_documents(doc! {})
        .await
        .unwrap()
}

async fn grace(place: &Place) {
    let store = place.store().await;
    append(&*store, draft_at("s", at(0), &["a", "b"])).await.unwrap();
    for _ in 0..2 {
        store.trim(&A_SECOND, at(100)).await.unwrap();
        store.delete_hidden(Deletable::All).await.unwrap();
    }
    assert_eq!(extent(&*store, "s").await, (2, 2));
    assert_eq!(documents_left(place).await, 1);
}

async fn no_grace(place: &Place) {
    let store = place.store().await;
    for i in 0..3 {
        append(&*store, draft_at("s", at(i), &["a", "b"])).await.unwrap();
        store.trim(&A_SECOND, at(100)).await.unwrap();
        assert_eq!(store.delete_hidden(Deletable::All).await.unwrap().batches, 1);
        assert_eq!(documents_left(place).await, 0);
        assert_eq!(
            store.restore(&Hidden::All).await.unwrap(),
            [],
            "what is deleted does not come back"
        );
    }
    assert_eq!(extent(&*store, "s").await, (6, 6));
}

#[tokio::test]
async fn what_is_removed_while_a_deletion_is_due_is_deleted_by_a_later_one() {
    let Place::Mongo { address, mut options } = Place::mongo() else {
        unreachable!("made right above");
    };
    options.grace = Duration::from_millis(400);
    Place::Mongo { address, options }.run(two_deletions).await;
}

async fn two_deletions(place: &Place) {
    let store = place.store().await;
    for i in 0..3 {
        append(&*store, draft_at("s", at(i), &["a", "b"])).await.unwrap();
        store.trim(&A_SECOND, at(100)).await.unwrap();
    }
    let emptied = async {
        while documents_left(place).await > 0 {
            store.delete_hidden(Deletable::All).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(20), emptied)
        .await
        .expect("everything is deleted in the end");
    assert_eq!(extent(&*store, "s").await, (6, 6));
    assert_eq!(store_lines(&*store, "s", &["c"]).await.first, Offset(6));
}

/// Whoever deletes and whoever brings back may be at it at once: what anybody can see is never deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bringing_back_races_with_deleting() {
    Place::mongo_without_grace().run(bring_back_and_delete).await;
}

async fn bring_back_and_delete(place: &Place) {
    let (here, there) = (place.store().await, place.store().await);
    for round in 0..10 {
        let name = format!("s/{round}");
        for i in 0..5 {
            append(&*here, draft_at(&name, at(i), &["x", "y"])).await.unwrap();
        }
        here.trim(&A_SECOND, at(100)).await.unwrap();
        let (deleted, restored) =
            tokio::join!(here.delete_hidden(Deletable::All), there.restore(&Hidden::All));
        deleted.unwrap();
        restored.unwrap();
        let (floor, next) = extent(&*here, &name).await;
        assert_eq!(next, 10);
        let read = read_all(&*here, &name, 0).await;
        let offsets: Vec<u64> = read.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, (floor..10).collect::<Vec<_>>(), "round {round}");
        here.allow().await.unwrap();
    }
}

/// What an older version removed and had not deleted yet.
#[tokio::test]
async fn what_an_older_version_removed_is_deleted_and_does_not_come_back() {
    Place::mongo_without_grace().run(older_version).await;
}

async fn older_version(place: &Place) {
    let store = place.store().await;
    append(&*store, draft_at("s", at(0), &["a", "b"])).await.unwrap();
    let streams = place.database().await.collection::<Document>("streams");
    let sweep = doc! {"below": 2_i64, "after": mongodb::bson::DateTime::now()};
    streams
        .update_one(doc! {"_id": "s"}, doc! {"$set": {"floor": 2_i64, "sweep": sweep}})
        .await
        .unwrap();
    while documents_left(place).await > 0 {
        store.delete_hidden(Deletable::All).await.unwrap();
    }
    assert_eq!(store.restore(&Hidden::All).await.unwrap(), []);
    assert_eq!(extent(&*store, "s").await, (2, 2));
    let known = streams.find_one(doc! {"_id": "s"}).await.unwrap().unwrap();
    assert!(
        !known.contains_key("sweep") && !known.contains_key("hidden"),
        "{known}"
    );
}
