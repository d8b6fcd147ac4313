//! Batches are merged while primaries step down, freeze and die.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use lines::{AppendError, LogStore};
use store::mongo::{MongoOptions, MongoStore};

use crate::place::{append, draft, extent, keyed, read_all};
use crate::replica_set::ReplicaSet;

const STREAMS: usize = 2;

/// Batches are merged at once, and ends of old are believed in.
fn quick() -> MongoOptions {
    MongoOptions {
        deadline: Duration::from_secs(4),
        server_selection: Duration::from_secs(2),
        tail_valid: Duration::from_secs(3_600),
        merged_bytes: 4_000,
        merge_after: Duration::ZERO,
        ..MongoOptions::default()
    }
}

/// Appends until told to stop, each line until it is known to be stored, and says where each went.
async fn send(store: Arc<MongoStore>, who: usize, stop: Arc<AtomicBool>) -> BTreeMap<(String, u64), String> {
    let name = format!("s/{}", who % STREAMS);
    let mut sent = BTreeMap::new();
    let mut i = 0;
    while !stop.load(Ordering::SeqCst) {
        let text = format!("{who} {i}");
        let line = keyed(draft(&name, &[&text]), &text, 1);
        let first = loop {
            match append(&*store, line.clone()).await {
                Ok(batch) => break batch.first,
                Err(AppendError::KeysUsed(used)) => break used[0].first,
                Err(AppendError::NotStored(_) | AppendError::Unknown(_)) => {}
            }
        };
        assert_eq!(sent.insert((name.clone(), first.0), text), None);
        i += 1;
    }
    sent
}

/// Merges until told to stop; what fails is tried again.
async fn merge(store: Arc<MongoStore>, merged: Arc<AtomicU64>, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        if let Ok(some) = store.merge().await {
            merged.fetch_add(some.batches, Ordering::SeqCst);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Invariants 1 to 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merging_loses_and_doubles_no_line_while_primaries_step_down_freeze_and_die() {
    let mut set = ReplicaSet::start().await;
    set.primary().await;
    let store = async || Arc::new(MongoStore::connect(&set.address(), quick()).await.unwrap());
    let stores = [store().await, store().await, store().await];
    let (stop, merged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let sending: Vec<_> = (0..4)
        .map(|who| tokio::spawn(send(stores[who % 2].clone(), who, stop.clone())))
        .collect();
    let merging: Vec<_> = [&stores[1], &stores[2]]
        .map(|store| tokio::spawn(merge(store.clone(), merged.clone(), stop.clone())))
        .into();
    let goes_on = async || {
        let begun = merged.load(Ordering::SeqCst);
        let on = async {
            while merged.load(Ordering::SeqCst) < begun + 10 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(120), on)
            .await
            .expect("batches are merged again");
    };
    goes_on().await;
    set.step_down().await;
    goes_on().await;

    let primary = set.primary().await;
    set.signal(primary, "-STOP");
    tokio::time::sleep(Duration::from_secs(2)).await;
    set.signal(primary, "-CONT");
    set.primary().await;
    goes_on().await;

    let primary = set.primary().await;
    set.kill_and_restart(primary);
    set.primary().await;
    goes_on().await;

    stop.store(true, Ordering::SeqCst);
    let mut sent = BTreeMap::new();
    for one in sending {
        for (place, text) in one.await.unwrap() {
            assert_eq!(
                sent.insert(place.clone(), text),
                None,
                "{place:?} was given twice"
            );
        }
    }
    for one in merging {
        one.await.unwrap();
    }
    for stream in 0..STREAMS {
        let name = format!("s/{stream}");
        let expected: Vec<(u64, String)> = sent
            .iter()
            .filter(|((of, _), _)| *of == name)
            .map(|((_, offset), text)| (*offset, text.clone()))
            .collect();
        assert_eq!(read_all(&*stores[0], &name, 0).await, expected, "{name}");
        assert_eq!(extent(&*stores[0], &name).await, (0, expected.len() as u64));
    }
}
