//! Three members of a replica set of the test's own, whose primary steps down, freezes and dies, while many count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lines::Ledger;
use lines::ledger::{CommitError, Revision, WatchError};
use store::mongo::{MongoOptions, MongoStore};

use crate::desk::{PATIENCE, commit, get, key, prefix, put, shown};
use crate::replica_set::ReplicaSet;

/// Counts up until told to stop, and says how often it surely did.
async fn count(ledger: Arc<dyn Ledger>, who: usize, stop: Arc<AtomicBool>) -> u64 {
    let mut counted = 0;
    while !stop.load(Ordering::SeqCst) {
        let Ok(there) = ledger.get(&key("count")).await else {
            continue;
        };
        let (revision, value) = there.map_or((0, "0".to_owned()), shown);
        let number: u64 = value.split(' ').next().unwrap().parse().unwrap();
        let mine = format!("{} {who} {counted}", number + 1);
        let write = || match revision {
            0 => put("count", &mine).if_absent(),
            _ => put("count", &mine).if_at(Revision(revision)),
        };
        // As the contract says: what is not known is repeated as it was, and what is there then tells.
        let mut unknown = false;
        loop {
            match commit(&*ledger, write()).await {
                Ok(_) => counted += 1,
                Err(CommitError::Conflict { current, .. }) if unknown => {
                    let is_mine = |(_, value): (u64, String)| value == mine;
                    counted += if current.map(shown).is_some_and(is_mine) {
                        1
                    } else {
                        was_mine(&*ledger, revision, &mine).await
                    };
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Unknown(_)) => {
                    unknown = true;
                    continue;
                }
                Err(CommitError::NotDone(_)) if unknown => continue,
                Err(CommitError::NotDone(_)) => {}
                Err(other) => panic!("{other}"),
            }
            break;
        }
    }
    counted
}

/// Somebody has counted on since. The history knows who came first.
async fn was_mine(ledger: &dyn Ledger, revision: u64, mine: &str) -> u64 {
    loop {
        match ledger
            .changes(&prefix("count"), Revision(revision), PATIENCE)
            .await
        {
            Ok(told) => return u64::from(told.changes[0].value.as_deref() == Some(mine.as_bytes())),
            Err(WatchError::Ledger(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// Every number once, in order, whatever happens to the servers.
async fn watch(ledger: Arc<dyn Ledger>, stop: Arc<AtomicBool>) -> u64 {
    let (mut at, mut last) = (Revision(0), 0);
    loop {
        let stopping = stop.load(Ordering::SeqCst);
        match ledger
            .changes(&prefix("count"), at, Duration::from_millis(500))
            .await
        {
            Ok(told) => {
                for change in &told.changes {
                    let value = String::from_utf8(change.value.as_ref().unwrap().to_vec()).unwrap();
                    last += 1;
                    assert_eq!(value.split(' ').next().unwrap(), last.to_string());
                    assert_eq!(change.revision.0, last, "there is nothing else in this ledger");
                }
                if stopping && told.upto == at {
                    return last;
                }
                at = told.upto;
            }
            Err(WatchError::Ledger(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_done_twice_while_primaries_step_down_freeze_and_die() {
    let mut set = ReplicaSet::start().await;
    set.primary().await;
    let ledger = async || {
        let options = MongoOptions {
            deadline: Duration::from_secs(4),
            server_selection: Duration::from_secs(2),
            ..MongoOptions::default()
        };
        Arc::new(MongoStore::connect(&set.address(), options).await.unwrap()) as Arc<dyn Ledger>
    };
    let ledgers = [ledger().await, ledger().await, ledger().await];
    let (stop, all_counted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let counting: Vec<_> = (0..6)
        .map(|who| tokio::spawn(count(ledgers[who % 2].clone(), who, stop.clone())))
        .collect();
    let watching: Vec<_> = [&ledgers[0], &ledgers[2]]
        .map(|ledger| tokio::spawn(watch(ledger.clone(), all_counted.clone())))
        .into();
    let counted = async || {
        get(&*ledgers[2], "count")
            .await
            .map_or(0, |(revision, _)| revision)
    };
    let goes_on = async |from: u64| {
        let on = async {
            while ledgers[2]
                .get(&key("count"))
                .await
                .map_or(0, |e| e.map_or(0, |e| e.revision.0))
                < from + 15
            {}
        };
        tokio::time::timeout(PATIENCE, on)
            .await
            .expect("they go on counting");
    };
    goes_on(0).await;
    for _ in 0..2 {
        let before = counted().await;
        set.step_down().await;
        goes_on(before).await;

        let primary = set.primary().await;
        set.signal(primary, "-STOP");
        set.primary_other_than(primary).await;
        set.signal(primary, "-CONT");
        set.primary().await;
        goes_on(counted().await).await;

        let primary = set.primary().await;
        set.kill_and_restart(primary);
        set.primary().await;
        goes_on(counted().await).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut sum = 0;
    for one in counting {
        sum += one.await.unwrap();
    }
    let (last, _) = get(&*ledgers[2], "count").await.unwrap();
    assert_eq!(sum, last, "each count is somebody's, and nobody's is lost");
    all_counted.store(true, Ordering::SeqCst);
    for watcher in watching {
        assert_eq!(watcher.await.unwrap(), last);
    }
}
