//! What only the ledger in MongoDB has: documents, answers that are lost, and processes that die on the way.

use std::time::Duration;

use lines::Ledger;
use lines::ledger::{CommitError, LedgerError, Revision, WatchError, Write};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, Document, doc};
use store::mongo::{MongoOptions, MongoStore};

use crate::cable::{Cable, Wire};
use crate::desk::{HISTORY, PATIENCE, commit, done, get, key, listed, prefix, put};
use crate::place::Place;

fn binary(text: &str) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: text.as_bytes().to_vec(),
    }
}

async fn documents_of(place: &Place, collection: &str) -> Vec<Document> {
    let database = place.database().await;
    let mut found = database
        .collection::<Document>(collection)
        .find(doc! {})
        .sort(doc! {"_id": 1})
        .await
        .unwrap();
    let mut documents = Vec::new();
    while found.advance().await.unwrap() {
        documents.push(found.deserialize_current().unwrap());
    }
    documents
}

#[tokio::test]
async fn documents_are_as_the_contract_says() {
    Place::mongo().run(documents).await;
}

async fn documents(place: &Place) {
    let ledger = place.ledger().await;
    ledger.commit(vec![put("a/b", "x"), put("c", "y")]).await.unwrap();
    done(&*ledger, Write::delete(key("c"))).await;
    let mut state = documents_of(place, "ledger").await;
    assert!(
        state[1]
            .remove("gone")
            .is_some_and(|gone| gone.as_datetime().is_some())
    );
    assert_eq!(
        state,
        [
            doc! {"_id": "a/b", "r": 1_i64, "v": binary("x")},
            doc! {"_id": "c", "r": 2_i64},
        ]
    );
    let mut log = documents_of(place, "ledger_log").await;
    for document in &mut log {
        assert!(document.remove("at").is_some() && document.remove("by").is_some());
    }
    assert_eq!(
        log,
        [
            doc! {"_id": 1_i64, "size": 6_i64, "c": [{"k": "a/b", "v": binary("x")}, {"k": "c", "v": binary("y")}]},
            doc! {"_id": 2_i64, "size": 1_i64, "c": [{"k": "c"}]},
        ]
    );
    let cluster = place.database().await.collection::<Document>("cluster");
    let marks = cluster.find_one(doc! {"_id": "ledger"}).await.unwrap().unwrap();
    assert_eq!(marks.get_i64("applied").unwrap(), 2);
}

/// As a process leaves it that dies as soon as its commit is in the log.
async fn commit_and_die(place: &Place, revision: i64, name: &str, value: &str) {
    let dead = doc! {
        "_id": revision, "at": DateTime::now(), "by": "a process that died", "size": 2_i64,
        "c": [{"k": name, "v": binary(value)}],
    };
    let log = place.database().await.collection::<Document>("ledger_log");
    log.insert_one(dead).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_began_is_brought_to_its_end_by_whoever_commits_next() {
    Place::mongo().run(dead_then_commit).await;
}

async fn dead_then_commit(place: &Place) {
    let ledger = place.ledger().await;
    done(&*ledger, put("k", "one")).await;
    commit_and_die(place, 2, "k", "two").await;
    let other = place.ledger().await;
    for ledger in [&ledger, &other] {
        let outcome = commit(&**ledger, put("k", "three").if_at(Revision(1))).await;
        let Err(CommitError::Conflict { current, .. }) = outcome else {
            panic!("it was changed: {outcome:?}");
        };
        assert_eq!(current.unwrap().revision, Revision(2));
    }
    assert_eq!(get(&*ledger, "k").await, Some((2, "two".to_owned())));
    assert_eq!(
        done(&*ledger, put("k", "three").if_at(Revision(2))).await,
        Revision(3)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_process_began_is_brought_to_its_end_by_whoever_watches() {
    Place::mongo().run(dead_while_watched).await;
}

async fn dead_while_watched(place: &Place) {
    let ledger = place.ledger().await;
    done(&*ledger, put("k", "one")).await;
    commit_and_die(place, 2, "k", "two").await;
    let told = ledger.changes(&prefix("k"), Revision(1), PATIENCE).await.unwrap();
    assert_eq!((told.changes.len(), told.upto), (1, Revision(2)));
    assert_eq!(
        listed(&*place.ledger().await, "", 10).await.0["k"],
        (2, "two".to_owned())
    );
}

fn impatient() -> MongoOptions {
    MongoOptions {
        deadline: Duration::from_secs(2),
        server_selection: Duration::from_millis(500),
        ..MongoOptions::default()
    }
}

/// Tries until it works, for as long as a test may take.
async fn once_it_works(ledger: &dyn Ledger) {
    let works = async { while ledger.get(&key("k")).await.is_err() {} };
    tokio::time::timeout(PATIENCE, works)
        .await
        .expect("the ledger recovers by itself");
}

/// Invariant 1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_means_unknown_and_a_repetition_tells() {
    Place::mongo().run(lost_answer).await;
}

async fn lost_answer(place: &Place) {
    let cable = Cable::to_the_primary().await;
    let ledger = MongoStore::connect(&cable.store_address(place), impatient())
        .await
        .unwrap();
    let first = done(&ledger, put("k", "0")).await;
    cable.wire.send_replace(Wire::AnswersAreLost);
    let mine = || put("k", "mine").if_at(first);
    let outcome = commit(&ledger, mine()).await;
    assert!(
        matches!(outcome, Err(CommitError::Unknown(_) | CommitError::NotDone(_))),
        "{outcome:?}"
    );
    cable.wire.send_replace(Wire::Open);
    once_it_works(&ledger).await;
    let repeated = async {
        loop {
            match commit(&ledger, mine()).await {
                Ok(revision) => return revision,
                Err(CommitError::Conflict { current, .. }) => return current.unwrap().revision,
                // Connections whose answers were lost are met for a while.
                Err(CommitError::Unknown(_) | CommitError::NotDone(_)) => {}
                Err(other) => panic!("{other}"),
            }
        }
    };
    let revision = tokio::time::timeout(PATIENCE, repeated)
        .await
        .expect("it is known in the end");
    assert_eq!(get(&ledger, "k").await, Some((revision.0, "mine".to_owned())));
}

/// The answer to the insertion alone is lost: the process has everything else in its hands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_committed_without_an_answer_is_there_and_seen_by_watchers() {
    Place::mongo().run(committed_without_answer).await;
}

async fn committed_without_answer(place: &Place) {
    let cable = Cable::to_the_primary().await;
    let ledger = MongoStore::connect(&cable.store_address(place), impatient())
        .await
        .unwrap();
    let other = place.ledger().await;
    let first = done(&ledger, put("k", "0")).await;
    // So the next commit begins with its insertion.
    let busy = futures_util::future::join_all((0..50).map(|i| commit(&ledger, put(&format!("k/{i}"), "x"))));
    let lose = async {
        tokio::time::sleep(Duration::from_millis(3)).await;
        cable.wire.send_replace(Wire::AnswersAreLost);
    };
    let (outcomes, ()) = futures_util::join!(busy, lose);
    let next = done(&*other, put("next", "x")).await;
    let (there, at) = listed(&*other, "", 100).await;
    assert_eq!(at, next);
    for (i, outcome) in outcomes.iter().enumerate() {
        let is_there = there.contains_key(&format!("k/{i}"));
        match outcome {
            Ok(_) => assert!(is_there, "{i}"),
            Err(CommitError::NotDone(_)) => assert!(!is_there, "{i}"),
            Err(CommitError::Unknown(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let seen = crate::desk::changes(&*other, "k/", first, next).await;
    assert_eq!(
        seen.len(),
        there.keys().filter(|name| name.starts_with("k/")).count()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_hears_of_an_outage_and_goes_on_where_it_was() {
    Place::mongo().run(outage).await;
}

async fn outage(place: &Place) {
    let cable = Cable::to_the_primary().await;
    let ledger = MongoStore::connect(&cable.store_address(place), impatient())
        .await
        .unwrap();
    let other = place.ledger().await;
    let first = done(&ledger, put("k", "0")).await;
    cable.wire.send_replace(Wire::Cut);
    let told = ledger.changes(&prefix("k"), first, PATIENCE).await;
    assert!(
        matches!(
            told,
            Err(WatchError::Ledger(LedgerError::Away(_) | LedgerError::Timeout(_)))
        ),
        "{told:?}"
    );
    let outcome = commit(&ledger, put("k", "lost")).await;
    assert!(matches!(outcome, Err(CommitError::NotDone(_))), "{outcome:?}");
    for i in 1..5 {
        done(&*other, put("k", i.to_string())).await;
    }
    cable.wire.send_replace(Wire::Open);
    once_it_works(&ledger).await;
    let seen = crate::desk::changes(&ledger, "k", first, Revision(first.0 + 4)).await;
    let seen: Vec<&[u8]> = seen
        .iter()
        .map(|change| change.value.as_deref().unwrap())
        .collect();
    assert_eq!(seen, [b"1", b"2", b"3", b"4"]);
}

/// A process that was stopped in the middle of its commit, and goes on when all this is history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_history_brings_nothing_back() {
    Place::mongo().run(late_apply).await;
}

async fn late_apply(place: &Place) {
    let ledger = place.ledger().await;
    done(&*ledger, put("k", "old")).await;
    done(&*ledger, Write::delete(key("k"))).await;
    for i in 0..HISTORY * 2 {
        done(&*ledger, put("other", i.to_string())).await;
    }
    let database = place.database().await;
    let log = database.collection::<Document>("ledger_log");
    let cut = async { while log.find_one(doc! {"_id": 2_i64}).await.unwrap().is_some() {} };
    tokio::time::timeout(PATIENCE, cut)
        .await
        .expect("the history is cut");
    let state = database.collection::<Document>("ledger");
    assert!(
        state
            .find_one(doc! {"_id": "k"})
            .await
            .unwrap()
            .unwrap()
            .contains_key("gone"),
        "a tombstone"
    );
    // Those that are old enough go, in the end.
    let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 700_000);
    state
        .update_one(doc! {"_id": "k"}, doc! {"$set": {"gone": long_ago}})
        .await
        .unwrap();
    let mut i = 0;
    while state.find_one(doc! {"_id": "k"}).await.unwrap().is_some() {
        i += 1;
        assert!(i < HISTORY * 4, "it is removed");
        done(&*ledger, put("other", i.to_string())).await;
    }
    assert_eq!(get(&*ledger, "k").await, None);
}

/// A process that was stopped before its commit, and goes on when the revision that it wanted is history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_is_history_is_nobodys_a_second_time() {
    Place::mongo().run(late_insertion).await;
}

async fn late_insertion(place: &Place) {
    let cable = Cable::to_the_primary().await;
    let patient = MongoOptions {
        deadline: PATIENCE,
        ..MongoOptions::default()
    };
    let stopped = MongoStore::connect(&cable.store_address(place), patient)
        .await
        .unwrap();
    let other = place.ledger().await;
    // The second of them has to wait for the first, and begins with its insertion.
    let late = commit(&stopped, put("k", "late"));
    let hold = async {
        let first = commit(&stopped, put("k", "first")).await.unwrap();
        cable.wire.send_replace(Wire::Held);
        for i in 0..HISTORY * 2 {
            done(&*other, put("other", i.to_string())).await;
        }
        let database = place.database().await;
        let log = database.collection::<Document>("ledger_log");
        let wanted = i64::try_from(first.0 + 1).unwrap();
        let cut = async { while log.find_one(doc! {"_id": wanted}).await.unwrap().is_some() {} };
        tokio::time::timeout(PATIENCE, cut)
            .await
            .expect("the history is cut");
        let newest = listed(&*other, "", 10).await.1;
        let before = get(&*other, "k").await;
        cable.wire.send_replace(Wire::Open);
        (newest, before)
    };
    let ((newest, before), late) = futures_util::join!(hold, late);
    match late {
        // It was quicker than the test, and everybody has seen it.
        Ok(revision) => assert_eq!(before, Some((revision.0, "late".to_owned()))),
        Err(CommitError::Unknown(_)) => {}
        Err(other) => panic!("{other}"),
    }
    assert_eq!(
        get(&*other, "k").await,
        before,
        "nothing comes that no watcher is told of"
    );
    let again = done(&stopped, put("k", "again")).await;
    assert_eq!(again, newest.next());
}
