//! Who is refused at the fence: nobody for long, and nobody more often than need be.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use store::mongo::{MongoOptions, MongoStore};

use crate::cable::{Cable, Wire};
use crate::commands::{commands_of, names};
use crate::merging::place;
use crate::place::{Place, store_lines};

/// As if whoever raised the fence had died before it told by what one is let in.
async fn close(place: &Place) {
    let closed = doc! {"collMod": "batches", "validator": {"f": 77}, "validationLevel": "moderate"};
    place.database().await.run_command(closed).await.unwrap();
}

/// How many tokens were made.
pub(crate) async fn made(place: &Place) -> i32 {
    let cluster = place.database().await.collection::<Document>("cluster");
    let fence = cluster.find_one(doc! {"_id": "fence"}).await.unwrap();
    fence.unwrap().get_i32("made").unwrap()
}

#[tokio::test]
async fn a_fence_that_nobody_is_let_in_by_is_raised_anew() {
    let (place, _, _) = place();
    place
        .run(async |place| {
            let stores = [place.store().await, place.store().await];
            store_lines(&*stores[0], "s", &["a"]).await;
            close(place).await;
            let appends = stores.iter().map(|store| store_lines(&**store, "s", &["b"]));
            let mut firsts: Vec<u64> = futures_util::future::join_all(appends)
                .await
                .iter()
                .map(|batch| batch.first.0)
                .collect();
            firsts.sort_unstable();
            assert_eq!(firsts, [1, 2]);
        })
        .await;
}

/// However far away the servers are: what somebody else has begun is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_are_kept_out_one_raises_the_fence() {
    let (place, _, options) = place();
    place
        .run(async |place| {
            let options = MongoOptions {
                deadline: Duration::from_secs(60),
                ..options.clone()
            };
            let cable = Cable::to_the_primary().await;
            let through = cable.store_address(place);
            let mut stores = Vec::new();
            for i in 0..8 {
                let store = MongoStore::connect(&through, options.clone()).await.unwrap();
                store_lines(&store, &format!("s/{i}"), &["a"]).await;
                stores.push(store);
            }
            let before = made(place).await;
            close(place).await;
            cable.wire.send_replace(Wire::Slow(Duration::from_millis(200)));
            let appends = stores.iter().enumerate().map(async |(i, store)| {
                let second = store_lines(store, &format!("s/{i}"), &["b"]).await;
                second.first.0
            });
            assert_eq!(futures_util::future::join_all(appends).await, [1; 8]);
            assert_eq!(made(place).await, before + 1);
        })
        .await;
}

/// What a collector knows of other streams is as old as what it was refused by.
#[tokio::test]
async fn a_collector_is_refused_once_when_the_fence_was_raised_and_not_once_for_each_stream() {
    let (place, address, mut options) = place();
    options.tail_valid = Duration::from_secs(3_600);
    place
        .run(async |place| {
            let store = MongoStore::connect(&address, options.clone()).await.unwrap();
            for name in ["s", "t", "other", "other"] {
                store_lines(&store, name, &["a"]).await;
            }
            let before = made(place).await;
            crate::merged::merge_all(&address, &options).await;
            assert_eq!(made(place).await, before + 1);
            let commands = commands_of(place, async {
                store_lines(&store, "s", &["b"]).await;
                store_lines(&store, "t", &["b"]).await;
            });
            assert_eq!(
                names(&commands.await),
                ["insert", "aggregate", "insert", "aggregate", "insert"]
            );
        })
        .await;
}
