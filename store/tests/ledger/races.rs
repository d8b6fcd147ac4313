//! What holds when several commit, list and watch at once, each through a ledger of its own where there can be several.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lines::Ledger;
use lines::ledger::{Action, CommitError, Expect, Revision, Write};

use crate::desk::{State, changes, commit, done, get, heed, key, listed, prefix, put, shown};
use crate::place::Place;

async fn three(place: &Place) -> [Arc<dyn Ledger>; 3] {
    [place.ledger().await, place.ledger().await, place.ledger().await]
}

/// Adds one to a counter, and answers the revision that it was at before.
async fn count(ledger: &dyn Ledger, name: &str) -> (u64, Revision) {
    loop {
        let there = ledger.get(&key(name)).await.unwrap();
        let (write, seen, before) = match there.map(shown) {
            Some((revision, value)) => {
                let next: u64 = value.parse::<u64>().unwrap() + 1;
                (
                    put(name, next.to_string()).if_at(Revision(revision)),
                    next,
                    revision,
                )
            }
            None => (put(name, "1").if_absent(), 1, 0),
        };
        match commit(ledger, write).await {
            Ok(revision) => {
                assert!(revision.0 > before);
                return (seen, Revision(before));
            }
            Err(CommitError::Conflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

pub(crate) async fn of_those_who_change_one_version_exactly_one_wins(place: &Place) {
    const EACH: usize = 10;
    let ledgers = three(place).await;
    let counting: Vec<_> = (0..9)
        .map(|who| {
            let ledger = ledgers[who % 3].clone();
            tokio::spawn(async move {
                let mut won = Vec::new();
                for _ in 0..EACH {
                    won.push(count(&*ledger, "counter").await);
                }
                won
            })
        })
        .collect();
    let (mut values, mut versions) = (Vec::new(), Vec::new());
    for one in counting {
        let (some, based): (Vec<_>, Vec<_>) = one.await.unwrap().into_iter().unzip();
        values.extend(some);
        versions.extend(based);
    }
    values.sort();
    assert_eq!(values, (1..=9 * EACH as u64).collect::<Vec<_>>());
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), 9 * EACH, "each version has one successor");
}

/// What was acknowledged: each key's value at a revision.
type Acknowledged = BTreeMap<(u64, String), Option<String>>;

/// Puts and deletes a few keys, a hundred times.
async fn write_much(ledger: Arc<dyn Ledger>, who: usize) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    for i in 0..60 {
        let writes: Vec<Write> = (0..=i % 3)
            .map(|n| {
                let name = format!("k/{}", (i * 7 + who + n * 3) % 10);
                match (i + n + who) % 4 {
                    3 => Write::delete(key(&name)),
                    _ => put(&name, format!("{who} {i} {n}")),
                }
            })
            .collect();
        let revision = ledger.commit(writes.clone()).await.unwrap();
        for write in writes {
            if let Action::Put(value) = write.action {
                let value = String::from_utf8(value.to_vec()).unwrap();
                acknowledged.insert((revision.0, write.key.to_string()), Some(value));
            }
        }
    }
    acknowledged
}

pub(crate) async fn every_watcher_sees_every_revision_in_order_and_ends_with_what_is_there(place: &Place) {
    let ledgers = three(place).await;
    let over = Arc::new(AtomicBool::new(false));
    let watchers: Vec<_> = (0..6)
        .map(|i| {
            let (ledger, over) = (ledgers[i % 3].clone(), over.clone());
            let every = [Duration::ZERO, Duration::from_millis(300)][i / 3];
            tokio::spawn(async move {
                let (mut at, mut seen) = (Revision(0), Vec::new());
                loop {
                    let last = over.load(Ordering::SeqCst);
                    let told = ledger
                        .changes(&prefix("k/"), at, Duration::from_millis(100))
                        .await
                        .unwrap();
                    assert!(told.upto >= at);
                    seen.extend(told.changes);
                    if last && told.upto == at {
                        return (at, seen);
                    }
                    at = told.upto;
                    // Some are slow: what they missed comes out of the history.
                    tokio::time::sleep(every).await;
                }
            })
        })
        .collect();
    let writers: Vec<_> = (0..6)
        .map(|who| tokio::spawn(write_much(ledgers[who % 3].clone(), who)))
        .collect();
    let mut acknowledged = Acknowledged::new();
    for writer in writers {
        acknowledged.append(&mut writer.await.unwrap());
    }
    over.store(true, Ordering::SeqCst);
    let (there, last) = listed(&*ledgers[0], "", 100).await;
    let mut first_seen = None;
    for watcher in watchers {
        let (upto, seen) = watcher.await.unwrap();
        assert_eq!(upto, last);
        assert!(seen.is_sorted_by_key(|change| (change.revision, change.key.clone())));
        let mut revisions: Vec<u64> = seen.iter().map(|change| change.revision.0).collect();
        revisions.dedup();
        assert_eq!(
            revisions,
            (1..=last.0).collect::<Vec<_>>(),
            "no revision is missing"
        );
        let mut state = State::new();
        seen.iter().for_each(|change| heed(&mut state, change));
        assert_eq!(state, there);
        let told: Acknowledged = seen
            .iter()
            .map(|change| {
                let value = change
                    .value
                    .as_ref()
                    .map(|v| String::from_utf8(v.to_vec()).unwrap());
                ((change.revision.0, change.key.to_string()), value)
            })
            .collect();
        for (what, value) in &acknowledged {
            assert_eq!(told.get(what), Some(value), "{what:?}");
        }
        let first = first_seen.get_or_insert_with(|| seen.clone());
        assert_eq!(*first, seen, "all see the same");
    }
}

pub(crate) async fn a_listing_shows_a_commit_whole_or_not_at_all(place: &Place) {
    let ledgers = three(place).await;
    let writing = {
        let ledger = ledgers[0].clone();
        tokio::spawn(async move {
            for i in 0..80 {
                let all = ["a", "m", "z"].map(|name| match i % 8 {
                    7 => Write::delete(key(name)),
                    _ => put(name, i.to_string()),
                });
                ledger.commit(all.to_vec()).await.unwrap();
            }
        })
    };
    let mut looks = 0;
    while !writing.is_finished() || looks == 0 {
        for ledger in &ledgers[1..] {
            let (state, revision) = listed(&**ledger, "", 100).await;
            let mut values: Vec<_> = state.values().collect();
            assert!(values.is_empty() || values.len() == 3, "{state:?} at {revision}");
            values.dedup();
            assert!(values.len() <= 1, "{state:?} at {revision}");
            // All that was done up to then is in it, and nothing later.
            let at = values.first().map_or(revision.0 / 8 * 8, |(at, _)| *at);
            assert_eq!(at, revision.0);
            looks += 1;
        }
    }
    writing.await.unwrap();
}

pub(crate) async fn whoever_lists_and_then_watches_misses_nothing(place: &Place) {
    let ledgers = three(place).await;
    let writers: Vec<_> = (0..2)
        .map(|who| tokio::spawn(write_much(ledgers[who].clone(), who)))
        .collect();
    let mut mirrors = Vec::new();
    while !writers.iter().all(|writer| writer.is_finished()) && mirrors.len() < 30 {
        mirrors.push(listed(&*ledgers[2], "k/", 3).await);
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let (there, last) = listed(&*ledgers[2], "k/", 100).await;
    for (mut state, at) in mirrors {
        for change in changes(&*ledgers[2], "k/", at, last).await {
            heed(&mut state, &change);
        }
        assert_eq!(state, there, "from {at}");
    }
}

pub(crate) async fn two_that_look_at_each_others_key_are_not_both_let_in(place: &Place) {
    let ledgers = three(place).await;
    for round in 0..25 {
        let (left, right) = (format!("{round}/left"), format!("{round}/right"));
        let enter = |mine: &str, theirs: &str| {
            vec![
                put(mine, "in").if_absent(),
                Write::keep(key(theirs), Expect::Absent),
            ]
        };
        let other = &ledgers[round % 2];
        let outcomes = tokio::join!(
            ledgers[0].commit(enter(&left, &right)),
            other.commit(enter(&right, &left))
        );
        let entered = [&outcomes.0, &outcomes.1]
            .into_iter()
            .filter(|outcome| outcome.is_ok())
            .count();
        assert_eq!(entered, 1, "{outcomes:?}");
        assert_eq!(listed(&*ledgers[2], &format!("{round}/"), 10).await.0.len(), 1);
    }
}

pub(crate) async fn calls_that_are_given_up_leave_nothing_half_done(place: &Place) {
    let ledgers = three(place).await;
    for i in 0..60_u64 {
        let ledger = &ledgers[i as usize % 2];
        let both = vec![put("a", i.to_string()), put("b", i.to_string())];
        let given_up = Duration::from_micros(i * 300 % 9_000);
        let _ = tokio::time::timeout(given_up, ledger.commit(both)).await;
        let _ = tokio::time::timeout(given_up, ledger.changes(&prefix(""), Revision(0), given_up)).await;
        let _ = tokio::time::timeout(given_up, ledger.list(&prefix(""), None, 10)).await;
    }
    // Whatever is still under way comes before this.
    done(&*ledgers[0], put("last", "x")).await;
    done(&*ledgers[1], put("last", "y")).await;
    let (there, last) = listed(&*ledgers[2], "", 10).await;
    let value = |name: &str| there.get(name).map(|(_, value)| value.clone());
    assert_eq!(value("a"), value("b"));
    let mut state = State::new();
    for change in changes(&*ledgers[2], "", Revision(0), last).await {
        heed(&mut state, &change);
    }
    assert_eq!(state, there);
    assert_eq!(
        get(&*ledgers[2], "last").await.map(|(_, value)| value),
        Some("y".to_owned())
    );
}
