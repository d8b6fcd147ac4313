//! Repeats of what its senders gave no key: found by the protocol's own id, or by the body where that is asked for.

use std::sync::Arc;

use auth::Subscriber;
use collect::append::AppendLimits;
use collect::door::{Door, Identity, Limits, Naming, Outcome, Refused, Told};
use collect::ingest::decode::NDJSON;
use lines::{LogReader, Offset, StreamName};
use store::sqlite::{SqliteOptions, SqliteStore};

use crate::fake::Fault;
use crate::fixture::{Collector, LONG, subscriber};

fn id(id: &str) -> Option<Identity> {
    Some(Identity::Natural {
        protocol: "p",
        id: id.as_bytes().to_vec(),
    })
}

fn body() -> Option<Identity> {
    Some(Identity::Body { protocol: "p" })
}

/// Sends lines to `a/b` as a protocol does that has such identities.
async fn sent(
    door: &Door,
    who: &Subscriber,
    identity: Option<Identity>,
    body: &str,
) -> Result<Outcome, Refused> {
    let key = identity.map(|identity| door.key(who, &identity, 200, body.as_bytes(), &Told::new()));
    let first = async {
        let mut intake = match door.enter(who, Naming::Stream("a/b".to_owned())) {
            Ok(intake) => intake,
            Err(refused) => return refused.into(),
        };
        match (NDJSON.decode)(body.as_bytes(), &mut intake) {
            Ok(()) => door.submit(intake, key.as_ref()).await,
            Err(refused) => refused.into(),
        }
    };
    door.once(key.as_ref(), first).await.settled().await.outcome
}

/// The same in a task of its own.
fn spawned(
    collector: &Collector,
    identity: Option<Identity>,
    body: &'static str,
) -> tokio::task::JoinHandle<Result<Outcome, Refused>> {
    let door = collector.door.clone();
    tokio::spawn(async move { sent(&door, &subscriber("alice"), identity, body).await })
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_does_not_reach_the_store() {
    let collector = Collector::start();
    let alice = subscriber("alice");
    for identity in [id("1"), body()] {
        let before = collector.store.calls().len();
        let first = sent(&collector.door, &alice, identity.clone(), "one\ntwo")
            .await
            .unwrap();
        sent(&collector.door, &alice, None, "between").await.unwrap();
        let again = sent(&collector.door, &alice, identity, "one\ntwo").await.unwrap();
        assert_eq!(again, first);
        assert_eq!(first.accepted, 2);
        assert_eq!(collector.store.calls().len(), before + 2);
    }
}

#[tokio::test]
async fn what_is_not_the_same_is_not_taken_for_a_repeat() {
    let collector = Collector::start();
    let (alice, bob) = (subscriber("alice"), subscriber("bob"));
    let other = Some(Identity::Body { protocol: "q" });
    let other_id = Some(Identity::Natural {
        protocol: "q",
        id: b"1".to_vec(),
    });
    for (who, identity, body) in [
        (&alice, body(), "one"),
        (&alice, body(), "two"),
        (&alice, other, "one"),
        (&bob, body(), "one"),
        (&alice, id("1"), "one"),
        (&alice, id("2"), "one"),
        (&alice, other_id, "one"),
        (&bob, id("1"), "one"),
        // Two equal lines that nobody says to be one are two.
        (&alice, None, "one"),
        (&alice, None, "one"),
    ] {
        sent(&collector.door, who, identity, body).await.unwrap();
    }
    assert_eq!(collector.stored("a/b").len(), 10);
    let another = sent(&collector.door, &alice, id("1"), "another body").await;
    assert!(matches!(another, Err(Refused::KeyReused(_))), "{another:?}");
    assert_eq!(collector.stored("a/b").len(), 10);
}

#[tokio::test]
async fn a_repeat_during_the_firsts_flight_waits_for_its_answer() {
    for identity in [id("1"), body()] {
        let collector = Collector::start();
        collector.store.close();
        let first = spawned(&collector, identity.clone(), "one");
        collector.store.wait_for_calls(1).await;
        let repeats = [(); 3].map(|()| spawned(&collector, identity.clone(), "one"));
        tokio::task::yield_now().await;
        collector.store.open();
        let first = first.await.unwrap().unwrap();
        for repeat in repeats {
            assert_eq!(repeat.await.unwrap().unwrap(), first);
        }
        assert_eq!(collector.store.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_first_that_fails_is_no_answer_for_its_repeats() {
    for fault in [Fault::NotStored, Fault::UnknownAndLost, Fault::UnknownAndStored] {
        for identity in [id("1"), body()] {
            let collector = Collector::start();
            collector.store.fail_next(fault);
            collector.store.close();
            let first = spawned(&collector, identity.clone(), "one");
            collector.store.wait_for_calls(1).await;
            let repeat = spawned(&collector, identity.clone(), "one");
            tokio::task::yield_now().await;
            collector.store.open();
            assert!(first.await.unwrap().is_err(), "{fault:?}");
            let repeat = repeat.await.unwrap().unwrap();
            let again = spawned(&collector, identity, "one").await.unwrap().unwrap();
            assert_eq!((repeat.accepted, &again), (1, &repeat), "{fault:?}");
            assert_eq!(collector.stored("a/b").len(), 1, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_first_whose_sender_goes_away_is_stored_and_its_repeat_is_not() {
    let collector = Collector::start();
    let alice = subscriber("alice");
    collector.store.close();
    tokio::select! {
        _ = sent(&collector.door, &alice, id("1"), "one") => panic!("the store was closed"),
        () = collector.store.wait_for_calls(1) => {}
    }
    let repeat = spawned(&collector, id("1"), "one");
    tokio::task::yield_now().await;
    collector.store.open();
    assert_eq!(repeat.await.unwrap().unwrap().accepted, 1);
    assert_eq!(collector.stored("a/b").len(), 1);
}

/// The store's keys decide: each collector has a memory of its own.
#[tokio::test]
async fn of_two_collectors_on_one_store_the_second_one_finds_what_the_first_stored() {
    for identity in [id("1"), body()] {
        let one = Collector::start();
        let other = one.again(Limits::default(), AppendLimits::default());
        one.store.close();
        // At the same time, and once more afterwards.
        let both = [&one, &other].map(|collector| spawned(collector, identity.clone(), "one\ntwo"));
        one.store.wait_for_calls(2).await;
        one.store.open();
        let [first, second] = both;
        let first = first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap().unwrap(), first);
        let third = one.again(Limits::default(), AppendLimits::default());
        assert_eq!(
            spawned(&third, identity, "one\ntwo").await.unwrap().unwrap(),
            first
        );
        assert_eq!(one.stored("a/b").len(), 2);
    }
}

/// And of a body that is several batches, after a restart, in a real store.
#[tokio::test]
async fn a_long_body_that_is_repeated_after_a_restart_is_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    let line = "x".repeat(200_000);
    let text: String = (0..12).map(|number| format!("{number} {line}\n")).collect();
    let alice = subscriber("alice");
    let mut answers = Vec::new();
    for _ in 0..2 {
        let store = open();
        let collector = Collector::over_real(store.clone());
        let one = sent(&collector.door, &alice, body(), &text);
        let other = sent(&collector.door, &alice, id("1"), &text);
        let (one, other) = tokio::join!(one, other);
        answers.push((one.unwrap(), other.unwrap()));
        collector.appender.shutdown(LONG).await;
        let stored = store
            .read(&StreamName::parse("a/b").unwrap(), Offset::ZERO, usize::MAX)
            .await
            .unwrap();
        assert_eq!(stored.iter().map(|batch| batch.lines.count).sum::<u32>(), 24);
    }
    assert_eq!(answers[0], answers[1]);
}
