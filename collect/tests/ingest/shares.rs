//! What one subscriber can take from the others: a share, and no more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use collect::append::{AppendLimits, StreamLimits};
use collect::ingest::Limits;
use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::fixture::{Collector, LONG, Post, gzip};

const KIB: usize = 1024;

fn to_many(streams: std::ops::Range<usize>) -> Post {
    let body: String = streams
        .map(|number| format!("{{\"stream\":\"a/{number}\"}}\n"))
        .collect();
    Post::to("/v1/lines").body(body)
}

#[tokio::test]
async fn a_hundred_rejected_lines_are_told_and_the_others_counted() {
    let collector = Collector::start();
    let body = "{\"stream\":\"b\"}\n".repeat(90) + &"x\n".repeat(20) + &"{\"stream\":\"b\"}\n".repeat(500);
    let reply = collector.send(Post::to("/v1/lines").body(body.clone())).await;
    assert_eq!(reply.refusal(), (400, "nothing_accepted"));
    assert_eq!(reply.rejected().len(), 100);
    assert_eq!(reply.rejected()[99], (100, "no_stream"));
    assert_eq!(
        reply.body["rejected_more"],
        json!({"no_stream": 10, "forbidden": 500})
    );
    let reply = collector
        .send(Post::to("/v1/lines").body(body + "{\"stream\":\"a/b\"}"))
        .await;
    assert_eq!((reply.status.as_u16(), &reply.body["accepted"]), (200, &json!(1)));
    assert_eq!(
        reply.body["rejected_more"],
        json!({"no_stream": 10, "forbidden": 500})
    );
    let few = collector
        .send(Post::to("/v1/lines").body("x\n".repeat(100)))
        .await;
    assert_eq!(few.rejected().len(), 100);
    assert!(few.body.get("rejected_more").is_none());
}

#[tokio::test]
async fn a_small_request_has_no_large_answer() {
    let collector = Collector::start();
    let name = "b".repeat(190);
    let body = gzip(format!("{{\"stream\":\"{name}\"}}\n").repeat(90_000).as_bytes()).await;
    let sent = body.len();
    let reply = collector
        .send(
            Post::to("/v1/lines")
                .body(body)
                .header("content-encoding", "gzip"),
        )
        .await;
    assert_eq!(reply.refusal(), (403, "forbidden"));
    assert_eq!(reply.body["rejected_more"], json!({"forbidden": 89_900}));
    assert!(
        reply.text.len() < sent.max(64 * KIB),
        "{} for {sent}",
        reply.text.len()
    );
}

#[tokio::test]
async fn nothing_is_read_for_a_stream_that_may_not_be_written() {
    let collector = Collector::start();
    for address in ["/v1/lines?stream=b", "/v1/lines?stream=@bob"] {
        let read = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&read);
        let body = Body::from_stream(stream::once(async move {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from_static(b"x"))
        }));
        let reply = collector.send(Post::to(address).body(body)).await;
        assert_eq!(reply.refusal(), (403, "forbidden"));
        assert_eq!(reply.body["rejected"], json!([]));
        assert_eq!(read.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_counts_as_memory_until_it_is_dropped() {
    let limits = Limits {
        memory: 64 * KIB,
        ..Limits::default()
    };
    let collector = Collector::with(limits, AppendLimits::default());
    let mut answers = Vec::new();
    for reader in ["r1", "r2", "r3"] {
        answers.push(collector.answer(Post::lines("one").by(reader)).await);
        assert_eq!(answers.last().unwrap().status(), 200);
    }
    let large = || Post::lines("x".repeat(20 * KIB)).by("bob");
    assert_eq!(collector.send(large()).await.refusal(), (429, "busy"));
    answers.clear();
    assert_eq!(collector.send(large()).await.status, 200);
}

/// Bodies that inflate to much and then drip: as many as fill the memory shut the door for everybody.
#[tokio::test(start_paused = true)]
async fn bodies_that_hold_much_and_drip_go_when_others_need_the_memory() {
    let limits = Limits {
        memory: 1024 * KIB,
        memory_share: 256 * KIB,
        ..Limits::default()
    };
    let collector = Arc::new(Collector::with(limits, AppendLimits::default()));
    let large = gzip(&[b' '; 250 * KIB]).await;
    let mut dripping = Vec::new();
    for number in 0..6 {
        let begin = stream::iter([Ok::<_, io::Error>(Bytes::from(large.clone()))]);
        // Empty members of gzip, more of them than the slowest body has to have.
        let drop = Bytes::from(gzip(b"").await.repeat(1000));
        let drips = stream::repeat(drop).then(|drop| async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            Ok(drop)
        });
        let body = Body::from_stream(begin.chain(drips));
        let collector = Arc::clone(&collector);
        dripping.push(tokio::spawn(async move {
            let post = Post::lines(body).header("content-encoding", "gzip");
            collector.send(post.by(&format!("eve{number}"))).await
        }));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(dripping.iter().any(|body| !body.is_finished()));
    for _ in 0..10 {
        let reply = collector.send(Post::lines("x".repeat(100 * KIB))).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }
    let mut released = 0;
    for body in dripping {
        if body.is_finished() {
            assert_eq!(body.await.unwrap().refusal(), (429, "busy"));
            released += 1;
        } else {
            body.abort();
        }
    }
    assert!((1..6).contains(&released), "{released} were released");
}

#[tokio::test(start_paused = true)]
async fn a_body_of_a_byte_now_and_then_is_given_up() {
    let collector = Collector::start();
    let begun = tokio::time::Instant::now();
    let drips = stream::repeat(Bytes::from_static(b"x")).then(|drop| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok::<_, io::Error>(drop)
    });
    let reply = collector.send(Post::lines(Body::from_stream(drips))).await;
    assert_eq!(reply.refusal(), (408, "too_slow"));
    assert!(begun.elapsed() <= Limits::default().silence + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_slow_but_steady_is_taken() {
    let collector = Collector::start();
    let drips = stream::repeat(Bytes::from_static(&[b'x'; 2000]))
        .take(40)
        .then(|drop| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, io::Error>(drop)
        });
    let reply = collector.send(Post::lines(Body::from_stream(drips))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// A mobile uplink: fast, then nothing for most of a while, and then fast again.
#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_taken_when_it_was_fast_enough_before() {
    let collector = Collector::start();
    let stalls = stream::iter([0, 15, 15, 18]).then(|seconds| async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 40_000]))
    });
    let reply = collector.send(Post::lines(Body::from_stream(stalls))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    // A little, and slower than anything should be: it is over before it is too slow.
    let drips = stream::repeat(Bytes::from_static(&[b'x'; 600]))
        .take(14)
        .then(|drop| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, io::Error>(drop)
        });
    let reply = collector.send(Post::lines(Body::from_stream(drips))).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}

/// One token for all that a company has: its senders are many, and each of them small.
#[tokio::test]
async fn a_fleet_with_one_token_has_the_memory_that_nobody_else_needs() {
    let limits = Limits {
        memory: 1024 * KIB,
        memory_share: 256 * KIB,
        ..Limits::default()
    };
    let collector = Arc::new(Collector::with(limits, AppendLimits::default()));
    collector.store.close();
    let send = |name: &'static str| {
        let collector = Arc::clone(&collector);
        tokio::spawn(async move { collector.send(Post::lines("one").by(name)).await })
    };
    let fleet: Vec<_> = (0..45).map(|_| send("fleet")).collect();
    collector.store.wait_for_calls(1).await;
    let others = ["ann", "ben", "col"].map(send);
    collector.store.open();
    for reply in fleet.into_iter().chain(others) {
        assert_eq!(reply.await.unwrap().status, 200);
    }
}

fn few_streams() -> AppendLimits {
    AppendLimits {
        streams: StreamLimits {
            burst: 10,
            per_minute: 6,
            ..StreamLimits::default()
        },
        ..AppendLimits::default()
    }
}

#[tokio::test(start_paused = true)]
async fn new_streams_are_bounded_and_those_that_exist_are_not_new() {
    let collector = Collector::with(Limits::default(), few_streams());
    assert_eq!(collector.send(to_many(0..11)).await.refusal(), (413, "too_large"));
    assert_eq!(collector.send(to_many(0..10)).await.status, 200);
    let more = collector.send(to_many(10..12)).await;
    assert_eq!(more.refusal(), (429, "too_many_streams"));
    assert_eq!(more.header("retry-after"), "20");
    assert_eq!(collector.stored("a/10").len(), 0);
    // Somebody else may, and these may be written on.
    assert_eq!(collector.send(to_many(20..30).by("bob")).await.status, 200);
    assert_eq!(collector.send(to_many(0..10)).await.status, 200);
    assert_eq!(collector.send(to_many(20..30)).await.status, 200);
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(collector.send(to_many(10..12)).await.status, 200);

    // As after a restart: the store knows them, the collector does not.
    let collector = collector.again(Limits::default(), few_streams());
    assert_eq!(collector.send(to_many(0..12)).await.status, 200);
    assert_eq!(collector.send(to_many(20..30)).await.status, 200);
    assert_eq!(collector.send(to_many(30..40)).await.status, 200);
    assert_eq!(
        collector.send(to_many(40..41)).await.refusal(),
        (429, "too_many_streams")
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_not_stored_made_no_stream() {
    let collector = Collector::with(Limits::default(), few_streams());
    let names: Vec<String> = (0..10).map(|number| format!("a/{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    collector.store.fail_streams(&names);
    for _ in 0..3 {
        assert_eq!(
            collector.send(to_many(0..10)).await.refusal(),
            (503, "unavailable")
        );
    }
    collector.store.fail_streams(&[]);
    assert_eq!(collector.send(to_many(0..10)).await.status, 200);
    collector.appender.shutdown(LONG).await;
}
