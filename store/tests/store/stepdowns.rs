//! Batches are merged while primaries step down, freeze and die.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lines::{AppendError, LogStore};
use store::mongo::{MongoOptions, MongoStore};
use tokio::sync::watch;

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
async fn send(
    store: Arc<MongoStore>,
    who: usize,
    stop: Arc<AtomicBool>,
    progress: watch::Sender<usize>,
) -> BTreeMap<(String, u64), String> {
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
        progress.send_modify(|sent| *sent += 1);
    }
    sent
}

/// Merges whenever some more was sent, until nobody sends any more; what fails is tried again.
async fn merge(store: Arc<MongoStore>, merged: watch::Sender<u64>, mut sent: watch::Receiver<usize>) {
    let mut next = 0;
    while let Ok(now) = sent.wait_for(|sent| *sent >= next).await.map(|sent| *sent) {
        next = now + 4;
        if let Ok(some) = store.merge().await {
            merged.send_modify(|merged| *merged += some.batches);
        }
    }
}

/// Invariants 1 to 4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merging_loses_and_doubles_no_line_while_primaries_step_down_freeze_and_die() {
    let mut set = ReplicaSet::start().await;
    set.primary().await;
    let store = async || Arc::new(MongoStore::connect(&set.address(), quick()).await.unwrap());
    let stores = [store().await, store().await, store().await];
    let stop = Arc::new(AtomicBool::new(false));
    let (progress, merged) = (watch::Sender::new(0), watch::Sender::new(0));
    let sending: Vec<_> = (0..4)
        .map(|who| tokio::spawn(send(stores[who % 2].clone(), who, stop.clone(), progress.clone())))
        .collect();
    let merging: Vec<_> = [&stores[1], &stores[2]]
        .map(|store| tokio::spawn(merge(store.clone(), merged.clone(), progress.subscribe())))
        .into();
    drop(progress);
    let goes_on = async || {
        let enough = *merged.borrow() + 10;
        let mut on = merged.subscribe();
        tokio::time::timeout(Duration::from_secs(120), on.wait_for(|merged| *merged >= enough))
            .await
            .expect("batches are merged again")
            .unwrap();
    };
    goes_on().await;
    set.step_down().await;
    goes_on().await;

    let primary = set.primary().await;
    set.signal(primary, "-STOP");
    set.primary_other_than(primary).await;
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
