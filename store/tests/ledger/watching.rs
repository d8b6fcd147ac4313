//! What a watcher is told, and when.

use std::time::Duration;

use lines::ledger::{Revision, WatchError, Write};

use crate::desk::{HISTORY, PATIENCE, changes, done, heed, key, listed, prefix, put};
use crate::place::Place;

const AT_ONCE: Duration = Duration::ZERO;

pub(crate) async fn a_watcher_waits_for_what_it_watches_and_no_longer_than_it_wants(place: &Place) {
    let (here, there) = (place.ledger().await, place.ledger().await);
    let nothing = here.changes(&prefix("a/"), Revision(0), AT_ONCE).await.unwrap();
    assert_eq!((nothing.changes.len(), nothing.upto), (0, Revision(0)));
    let watching = {
        let here = here.clone();
        tokio::spawn(async move { here.changes(&prefix("a/"), Revision(0), PATIENCE).await.unwrap() })
    };
    done(&*there, put("b", "not watched")).await;
    let second = there
        .commit(vec![put("a/2", "y"), put("a/1", "x"), put("c", "z")])
        .await
        .unwrap();
    let told = watching.await.unwrap();
    assert_eq!(told.upto, second);
    let seen: Vec<_> = told
        .changes
        .iter()
        .map(|change| (change.key.to_string(), change.revision))
        .collect();
    assert_eq!(seen, [("a/1".to_owned(), second), ("a/2".to_owned(), second)]);

    // What is not watched moves a watcher on, too.
    let third = done(&*there, put("b", "again")).await;
    let mut at = second;
    while at < third {
        let told = here
            .changes(&prefix("a/"), at, Duration::from_millis(50))
            .await
            .unwrap();
        assert_eq!(told.changes, []);
        at = told.upto;
    }
}

pub(crate) async fn a_watcher_that_was_away_gets_all_that_it_missed(place: &Place) {
    let ledger = place.ledger().await;
    for i in 0..HISTORY / 2 {
        match i % 5 {
            4 => done(&*ledger, Write::delete(key("k/3"))).await,
            n => done(&*ledger, put(&format!("k/{n}"), i.to_string())).await,
        };
    }
    for ledger in [ledger, place.ledger().await] {
        let seen = changes(&*ledger, "k/", Revision(0), Revision(HISTORY / 2)).await;
        let revisions: Vec<u64> = seen.iter().map(|change| change.revision.0).collect();
        assert_eq!(revisions, (1..=HISTORY / 2).collect::<Vec<_>>());
        let mut state = Default::default();
        seen.iter().for_each(|change| heed(&mut state, change));
        assert_eq!(state, listed(&*ledger, "k/", 10).await.0);
        let late = changes(&*ledger, "k/3", Revision(HISTORY / 2 - 10), Revision(HISTORY / 2)).await;
        assert_eq!(late.len(), 4, "k/3 was put twice and deleted twice");
    }
}

pub(crate) async fn a_watcher_that_was_away_for_too_long_is_told_to_start_over(place: &Place) {
    let ledger = place.ledger().await;
    let mut revision = Revision(0);
    for i in 0..HISTORY * 3 / 2 {
        revision = done(&*ledger, put(&format!("k/{}", i % 7), "x")).await;
    }
    drop(ledger);
    // What the process had in memory is gone.
    place.close();
    let ledger = place.ledger().await;
    // A store that has begun to remove its history may still be at it.
    let cut = async {
        loop {
            match ledger.changes(&prefix(""), Revision(10), AT_ONCE).await {
                Err(WatchError::StartOver { after }) => return assert_eq!(after, Revision(10)),
                told => assert!(told.is_ok(), "{told:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, cut).await.unwrap();
    let (state, at) = listed(&*ledger, "", 3).await;
    assert_eq!((state.len(), at), (7, revision));
    let seen = changes(&*ledger, "", Revision(revision.0 - HISTORY + 1), revision).await;
    assert_eq!(seen.len() as u64, HISTORY - 1, "the rest is kept");
}

pub(crate) async fn a_revision_of_another_ledger_is_told_to_start_over(place: &Place) {
    let ledger = place.ledger().await;
    done(&*ledger, put("k", "x")).await;
    let told = ledger.changes(&prefix(""), Revision(1_000), PATIENCE).await;
    assert!(matches!(told, Err(WatchError::StartOver { .. })), "{told:?}");
}

pub(crate) async fn a_watcher_that_has_just_committed_or_listed_is_not_ahead(place: &Place) {
    for i in 0..20 {
        let ledger = place.ledger().await;
        let revision = done(&*ledger, put("k", i.to_string())).await;
        for ledger in [ledger, place.ledger().await] {
            let told = ledger.changes(&prefix(""), revision, AT_ONCE).await.unwrap();
            assert_eq!((told.changes.len(), told.upto), (0, revision));
            let (_, listed) = listed(&*ledger, "", 10).await;
            assert_eq!(
                ledger
                    .changes(&prefix(""), listed, AT_ONCE)
                    .await
                    .unwrap()
                    .changes
                    .len(),
                0
            );
        }
    }
}

pub(crate) async fn a_thousand_watchers_are_all_told(place: &Place) {
    let (here, there) = (place.ledger().await, place.ledger().await);
    let watchers: Vec<_> = (0..1_000)
        .map(|i| {
            let here = here.clone();
            tokio::spawn(async move {
                let own = prefix(&format!("agents/{i:03}"));
                here.changes(&own, Revision(0), PATIENCE)
                    .await
                    .unwrap()
                    .changes
                    .len()
            })
        })
        .collect();
    for i in 0..32 {
        let writes = (0..32).map(|j| put(&format!("agents/{:03}", (i * 32 + j) % 1_000), "x"));
        there.commit(writes.collect()).await.unwrap();
    }
    for watcher in watchers {
        assert!((1..=2).contains(&watcher.await.unwrap()));
    }
}
