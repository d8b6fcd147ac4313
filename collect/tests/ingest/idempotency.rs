//! Repeated requests. Invariant 4: the same key is stored once, and repeating it gives the first answer.

use std::sync::Arc;

use collect::TooLong;
use collect::append::AppendLimits;
use collect::ingest::Limits;
use serde_json::json;

use crate::fake::Fault;
use crate::fixture::{Collector, Post, gzip, token};

/// Invariants 4 and 6.
#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_is_handed_off_again() {
    let collector = Collector::start();
    let body = "{\"stream\":\"a/b\"}\n{\"stream\":\"a/b\"}\n{\"stream\":\"b\"}";
    let to = |body: Vec<u8>| Post::to("/v1/lines").body(body).key("k1");
    let post = || to(body.into());
    let first = collector.send(post()).await;
    collector.send(Post::lines("between")).await;
    let again = collector.send(post()).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(first.rejected(), [(3, "forbidden")]);
    let encoded = to(gzip(body.as_bytes()).await).header("content-encoding", "gzip");
    assert_eq!(collector.send(encoded).await.text, first.text);
    assert_eq!(collector.stored("a/b").len(), 3);
    assert_eq!(
        collector.hints.all(),
        ["a/b 0..2", "a/b 2..3", "lost a/b", "lost a/b"]
    );
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict() {
    let collector = Collector::start();
    collector.send(Post::lines("one").key("k1")).await;
    let other = collector.send(Post::lines("two").key("k1")).await;
    assert_eq!(other.refusal(), (409, "key_reused"));
    let format = collector
        .send(Post::lines("one").kind("text/plain").key("k1"))
        .await;
    assert_eq!(format.refusal(), (409, "key_reused"));
    assert_eq!(collector.stored("a/b").len(), 1);
}

/// What is said of its lines belongs to a request: they are stored with it.
#[tokio::test]
async fn the_same_key_with_other_marks_is_a_conflict() {
    let limits = Limits {
        too_long: TooLong::Cut,
        ..Limits::default()
    };
    let collector = Collector::with(limits, AppendLimits::default());
    let marks = |marks| {
        Post::lines("two\nthree")
            .key("k2")
            .header("tailcast-marks", marks)
    };
    let first = collector.send(marks("1;cut=7, 2;partial")).await;
    assert_eq!(first.body["cut"], 1);
    for other in ["1;cut=8, 2;partial", "1;cut=7", "2;cut=7"] {
        assert_eq!(
            collector.send(marks(other)).await.refusal(),
            (409, "key_reused"),
            "{other}"
        );
    }
    assert_eq!(collector.send(marks("2;partial, 1;cut=7")).await.text, first.text);
    assert_eq!(collector.stored("a/b").len(), 2);
}

#[tokio::test]
async fn a_key_is_one_of_its_subscriber_and_of_each_stream() {
    let collector = Collector::start();
    let bob = format!("Bearer {}", token("bob"));
    for key in ["k1", "K1", "clé 1", &"k".repeat(128)] {
        assert_eq!(collector.send(Post::lines("one").key(key)).await.status, 200);
    }
    collector
        .send(Post::lines("one").key("k1").authorization(Some(&bob)))
        .await;
    collector
        .send(Post::to("/v1/lines?stream=a/c").body("one").key("k1"))
        .await;
    assert_eq!(collector.stored("a/b").len(), 5);
    assert_eq!(collector.stored("a/c").len(), 1);
}

/// The lines that name their stream are the same request under another default; those that take the default are not.
#[tokio::test]
async fn the_same_body_sent_to_another_stream_is_another_one() {
    let collector = Collector::start();
    let post = |address: &str| Post::to(address).body("{\"stream\":\"a/own\"}").key("k1");
    for (address, stream) in [
        ("/v1/lines?stream=a/x", "a/x"),
        ("/v1/lines?stream=a/y", "a/y"),
        ("/v1/lines", "a/own"),
        ("/v1/lines?stream=a/x", "a/x"),
    ] {
        let reply = collector.send(post(address)).await;
        assert_eq!(reply.body["streams"], json!({stream: [{"first": 0, "next": 1}]}));
        assert_eq!(collector.stored(stream).len(), 1);
    }
    // There it would be another line: the member is a field.
    let reply = collector.send(post("/v1/lines?stream=a/own")).await;
    assert_eq!(reply.refusal(), (409, "key_reused"));
}

#[tokio::test]
async fn of_several_streams_only_what_is_missing_is_stored() {
    let collector = Collector::start();
    let two = || {
        Post::to("/v1/lines")
            .body("{\"stream\":\"a/1\"}\n{\"stream\":\"a/2\"}")
            .key("k1")
    };
    collector.store.fail_streams(&["a/2"]);
    assert_eq!(collector.send(two()).await.refusal(), (503, "unavailable"));
    assert_eq!(collector.stored("a/1").len(), 1);
    collector.store.fail_streams(&[]);
    collector
        .send(Post::to("/v1/lines?stream=a/1").body("between"))
        .await;
    let again = collector.send(two()).await;
    assert_eq!(
        again.body["streams"],
        json!({"a/1": [{"first": 0, "next": 1}], "a/2": [{"first": 0, "next": 1}]})
    );
    assert_eq!(collector.stored("a/1").len(), 2);
    assert_eq!(collector.stored("a/2").len(), 1);
}

/// A request of more than one batch is stored in parts, each under a key of its own.
#[tokio::test]
async fn a_request_of_many_batches_that_failed_in_the_middle_is_completed_by_its_repetition() {
    let collector = Collector::start();
    let line = "x".repeat(200_000);
    let body: String = (0..12).map(|number| format!("{number} {line}\n")).collect();
    let post = || Post::lines(body.clone()).key("k1");
    collector.store.fail_after(1, Fault::NotStored);
    assert_eq!(collector.send(post()).await.refusal(), (503, "unavailable"));
    assert_eq!(collector.stored("a/b").len(), 5);
    collector.send(Post::lines("between")).await;
    let repeated = collector.send(post()).await;
    assert_eq!(repeated.body["accepted"], 12);
    assert_eq!(
        repeated.body["streams"],
        json!({"a/b": [{"first": 0, "next": 5}, {"first": 6, "next": 13}]})
    );
    assert_eq!(collector.send(post()).await.text, repeated.text);
    let numbers: Vec<String> = collector
        .stored("a/b")
        .iter()
        .map(|line| line[21..].split([' ', '"']).next().unwrap().to_owned())
        .collect();
    assert_eq!(
        numbers,
        [
            "0", "1", "2", "3", "4", "between", "5", "6", "7", "8", "9", "10", "11"
        ]
    );
}

/// A 409 after a part was stored, with the advice to use a new key, had that part stored twice.
#[tokio::test]
async fn a_key_that_one_stream_knows_from_another_body_keeps_all_streams_from_being_stored() {
    let collector = Collector::start();
    let post = |body: &'static str| Post::to("/v1/lines").body(body).key("k1");
    assert_eq!(collector.send(post("{\"stream\":\"a/1\"}")).await.status, 200);
    let both = "{\"stream\":\"a/2\"}\n{\"stream\":\"a/1\"}";
    let reply = collector.send(post(both)).await;
    assert_eq!(reply.refusal(), (409, "key_reused"));
    assert!(
        reply.body.get("streams").is_none() && reply.body["detail"].as_str().unwrap().contains("nothing")
    );
    assert_eq!(collector.stored("a/2").len(), 0);
    let fresh = collector.send(Post::to("/v1/lines").body(both).key("k2")).await;
    assert_eq!(fresh.body["accepted"], 2);
    assert_eq!(collector.stored("a/2").len(), 1);
}

/// Two collectors, each with another body under the same key: each looks before the other one stores.
#[tokio::test]
async fn a_key_that_is_used_for_another_body_meanwhile_says_what_was_stored() {
    let collector = Arc::new(Collector::start());
    let post = |body: &'static str| Post::to("/v1/lines").body(body).key("k1");
    let first = "{\"stream\":\"a/1\"}\n{\"stream\":\"a/1\"}\n{\"stream\":\"a/2\"}";
    let second = "{\"stream\":\"a/2\",\"n\":1}\n{\"stream\":\"a/3\"}";
    collector.store.close();
    let send = |body| {
        let collector = Arc::clone(&collector);
        tokio::spawn(async move { collector.send(post(body)).await })
    };
    let sent = send(first);
    collector.store.wait_for_calls(1).await;
    let raced = send(second);
    collector.store.wait_for_calls(2).await;
    collector.store.open();
    assert_eq!(sent.await.unwrap().status, 200);
    let raced = raced.await.unwrap();
    assert_eq!(raced.refusal(), (409, "key_reused"));
    assert_eq!(raced.body["streams"], json!({"a/3": [{"first": 0, "next": 1}]}));
    // And again, when it is known from the beginning.
    let again = collector.send(post(second)).await;
    assert_eq!(
        (again.refusal(), &again.body["streams"]),
        ((409, "key_reused"), &raced.body["streams"])
    );
    assert_eq!(collector.stored("a/3").len(), 1);
}
