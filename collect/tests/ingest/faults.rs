//! A store that is away, slow or silent, and senders that go away.

use std::sync::Arc;
use std::time::Duration;

use collect::{append::AppendLimits, ingest::Limits};

use crate::fake::Fault;
use crate::fixture::{Collector, LONG, Post};

/// Invariant 1: what is not known to be stored is not acknowledged.
#[tokio::test]
async fn a_store_that_fails_is_answered_with_503_and_works_again_by_itself() {
    let table = [
        (Fault::NotStored, "unavailable", vec!["a/b 0..1"]),
        (Fault::Full, "store_full", vec!["a/b 0..1"]),
        (
            Fault::UnknownAndLost,
            "unknown_outcome",
            vec!["lost a/b", "a/b 0..1"],
        ),
        (
            Fault::UnknownAndStored,
            "unknown_outcome",
            vec!["lost a/b", "lost a/b"],
        ),
        (Fault::Panic, "unknown_outcome", vec!["lost a/b", "a/b 0..1"]),
        (Fault::WrongKeys, "unavailable", vec!["a/b 0..1"]),
    ];
    for (fault, code, hints) in table {
        let collector = Collector::start();
        collector.store.fail_next(fault);
        let post = || Post::lines("one").key("k1");
        let reply = collector.send(post()).await;
        assert_eq!(reply.refusal(), (503, code), "{fault:?}");
        let pause = if code == "store_full" { "10" } else { "2" };
        assert_eq!(reply.header("retry-after"), pause);
        let reply = collector.send(post()).await;
        assert_eq!(
            reply.text,
            r#"{"accepted":1,"rejected":[],"streams":{"a/b":[{"first":0,"next":1}]}}"#
        );
        assert_eq!(collector.stored("a/b").len(), 1, "{fault:?}");
        assert_eq!(collector.hints.all(), hints, "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_does_not_answer_in_time_has_an_unknown_outcome() {
    let limits = Limits {
        answer: Duration::from_millis(50),
        ..Limits::default()
    };
    let collector = Collector::with(limits, AppendLimits::default());
    collector.store.close();
    let reply = collector.send(Post::lines("one")).await;
    assert_eq!(reply.refusal(), (503, "unknown_outcome"));
    collector.store.open();
    collector.appender.shutdown(LONG).await;
    assert_eq!(collector.stored("a/b").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_goes_away_does_not_take_its_lines_along() {
    let collector = Collector::start();
    collector.store.close();
    tokio::select! {
        _ = collector.send(Post::lines("one")) => panic!("the store was closed"),
        () = collector.store.wait_for_calls(1) => {}
    }
    tokio::select! {
        _ = collector.send(Post::lines("two")) => panic!("the store was closed"),
        // Once nothing more happens: it waits for what is under way.
        () = tokio::time::sleep(Duration::from_millis(20)) => {}
    }
    collector.store.open();
    let reply = collector.send(Post::lines("three")).await;
    assert_eq!(reply.body["streams"]["a/b"][0]["first"], 2);
    assert_eq!(collector.stored("a/b").len(), 3);
}

#[tokio::test]
async fn when_too_much_waits_to_be_stored_senders_are_told_to_come_back() {
    let append = AppendLimits {
        waiting_bytes: 1000,
        ..AppendLimits::default()
    };
    let collector = Arc::new(Collector::with(Limits::default(), append));
    collector.store.close();
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let collector = Arc::clone(&collector);
            tokio::spawn(async move { collector.send(Post::lines("one")).await.status.as_u16() })
        })
        .collect();
    collector.store.wait_for_calls(1).await;
    let reply = collector.send(Post::lines("one")).await;
    assert_eq!(reply.refusal(), (429, "busy"));
    assert_eq!(reply.header("retry-after"), "1");
    collector.store.open();
    for sent in waiting {
        assert_eq!(sent.await.unwrap(), 200);
    }
    assert_eq!(collector.send(Post::lines("one")).await.status, 200);
}

#[tokio::test]
async fn a_collector_that_shuts_down_finishes_what_waits_and_takes_no_more() {
    let collector = Arc::new(Collector::start());
    collector.store.close();
    let sent = tokio::spawn({
        let collector = Arc::clone(&collector);
        async move { collector.send(Post::lines("one")).await.status.as_u16() }
    });
    collector.store.wait_for_calls(1).await;
    let appender = collector.appender.clone();
    let down = tokio::spawn(async move { appender.shutdown(LONG).await });
    while collector.appender.submit("alice", Vec::new()).is_ok() {
        tokio::task::yield_now().await;
    }
    let late = collector.send(Post::lines("late")).await;
    assert_eq!(late.refusal(), (503, "draining"));
    assert_eq!(late.header("retry-after"), "1");
    assert!(!down.is_finished());
    collector.store.open();
    down.await.unwrap();
    assert_eq!(sent.await.unwrap(), 200);
    assert_eq!(collector.stored("a/b").len(), 1);
}
