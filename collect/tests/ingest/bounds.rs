//! Bodies that are too big, too slow or too many: refused while they come, with flat memory.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use collect::{append::AppendLimits, ingest::Limits};
use futures_util::{StreamExt, stream};

use crate::fixture::{Collector, Post, gzip, zstd};

const KIB: usize = 1024;

/// A body of chunks without end, and how many of them were read.
fn endless(chunk: Vec<u8>) -> (Body, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&read);
    let chunk = Bytes::from(chunk);
    let chunks = stream::repeat_with(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, io::Error>(chunk.clone())
    });
    (Body::from_stream(chunks), read)
}

fn small() -> Limits {
    Limits {
        received: 100 * KIB,
        inflated: 400 * KIB,
        lines: 1000,
        ..Limits::default()
    }
}

#[test]
fn the_limits_are_those_of_the_contract() {
    let limits = Limits::default();
    assert_eq!(limits.received, 10 * KIB * KIB);
    assert_eq!(limits.inflated, 64 * KIB * KIB);
    assert_eq!(limits.lines, 100_000);
    assert_eq!(limits.line, 256 * KIB);
}

#[tokio::test]
async fn a_body_that_is_too_big_is_not_read_to_its_end() {
    let collector = Collector::with(small(), AppendLimits::default());
    let (body, read) = endless(vec![b'x'; KIB]);
    let reply = collector.send(Post::lines(body)).await;
    assert_eq!(reply.refusal(), (413, "too_large"));
    assert_eq!(reply.header("connection"), "close");
    assert_eq!(read.load(Ordering::Relaxed), 101);

    let whole = vec![b'x'; 100 * KIB + 1];
    assert_eq!(
        collector.send(Post::lines(whole)).await.refusal(),
        (413, "too_large")
    );
    let fits = [vec![b'x'; 99 * KIB], vec![b'\n'; 1]].concat();
    assert_eq!(collector.send(Post::lines(fits)).await.status, 200);
    assert_eq!(collector.store.calls().len(), 1);
}

#[tokio::test]
async fn a_body_that_inflates_too_far_is_not_inflated_to_its_end() {
    let collector = Collector::with(small(), AppendLimits::default());
    let blank = vec![b' '; 256 * KIB];
    for (encoding, piece) in [("gzip", gzip(&blank).await), ("zstd", zstd(&blank).await)] {
        let (body, read) = endless(piece.clone());
        let reply = collector
            .send(Post::lines(body).header("content-encoding", encoding))
            .await;
        assert_eq!(reply.refusal(), (413, "too_large"), "{encoding}");
        assert_eq!(read.load(Ordering::Relaxed), 2, "{encoding}");

        let whole = piece.repeat(2);
        let reply = collector
            .send(Post::lines(whole).header("content-encoding", encoding))
            .await;
        assert_eq!(reply.refusal(), (413, "too_large"), "{encoding}");
    }
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn an_encoded_body_of_too_many_received_bytes_is_refused_though_it_inflates_to_few() {
    let collector = Collector::with(small(), AppendLimits::default());
    let (body, read) = endless(gzip(b"").await);
    let reply = collector
        .send(Post::lines(body).header("content-encoding", "gzip"))
        .await;
    assert_eq!(reply.refusal(), (413, "too_large"));
    assert!(read.load(Ordering::Relaxed) <= 100 * KIB / 10);
}

#[tokio::test]
async fn a_body_of_too_many_lines_is_refused() {
    let collector = Collector::with(small(), AppendLimits::default());
    let json = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    let table = [
        (Post::lines("x\n".repeat(1000)), 200),
        (Post::lines("x\n".repeat(999) + "x"), 200),
        (Post::lines("x\n".repeat(1000) + "x"), 413),
        (Post::lines("x\n".repeat(1001)), 413),
        (Post::lines("x".to_owned() + &"\n".repeat(1001)), 413),
        (Post::lines(json(1000)).kind("application/json"), 200),
        (Post::lines(json(1001)).kind("application/json"), 413),
        (
            Post::lines("\n".repeat(1001) + "[1]").kind("application/json"),
            200,
        ),
    ];
    for (number, (post, status)) in table.into_iter().enumerate() {
        assert_eq!(collector.send(post).await.status, status, "row {number}");
    }
    let (body, read) = endless(b"x\n".repeat(100));
    assert_eq!(
        collector.send(Post::lines(body)).await.refusal(),
        (413, "too_large")
    );
    assert!(read.load(Ordering::Relaxed) <= 12);
    assert_eq!(collector.stored("a/b").len(), 3001);
}

#[tokio::test]
async fn lines_that_grow_too_much_when_encoded_are_refused() {
    let limits = Limits {
        encoded: 64 * KIB,
        ..Limits::default()
    };
    let collector = Collector::with(limits, AppendLimits::default());
    let reply = collector.send(Post::lines(vec![1; 20 * KIB])).await;
    assert_eq!(reply.refusal(), (413, "too_large"));
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn a_body_whose_connection_breaks_is_refused_and_nothing_stored() {
    let collector = Collector::start();
    let chunks = [Ok(Bytes::from("one\ntwo\n")), Err(io::Error::other("reset"))];
    let reply = collector
        .send(Post::lines(Body::from_stream(stream::iter(chunks))))
        .await;
    assert_eq!(reply.refusal(), (400, "broken_off"));
    assert!(collector.store.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_silent_or_takes_for_ever_is_given_up() {
    let short = Duration::from_millis(50);
    let silence = Limits {
        silence: short,
        ..Limits::default()
    };
    let collector = Collector::with(silence, AppendLimits::default());
    let silent = stream::iter([Ok::<_, io::Error>(Bytes::from("one\n"))]).chain(stream::pending());
    let reply = collector.send(Post::lines(Body::from_stream(silent))).await;
    assert_eq!(reply.refusal(), (408, "too_slow"));
    assert!(collector.store.calls().is_empty());

    let whole = Limits {
        body: short,
        ..Limits::default()
    };
    let collector = Collector::with(whole, AppendLimits::default());
    let slow = stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok::<_, io::Error>(Bytes::from("one\n"))
    });
    let reply = collector.send(Post::lines(Body::from_stream(slow))).await;
    assert_eq!(reply.refusal(), (408, "too_slow"));
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn bodies_that_are_read_at_once_share_a_bound_and_give_their_memory_back() {
    let limits = Limits {
        memory: 256 * KIB,
        ..Limits::default()
    };
    let collector = Arc::new(Collector::with(limits, AppendLimits::default()));
    let hold = Arc::new(tokio::sync::Notify::new());
    let (held, mut holds) = tokio::sync::mpsc::channel(1);
    let first = tokio::spawn({
        let (collector, hold) = (Arc::clone(&collector), Arc::clone(&hold));
        async move {
            let begin = stream::iter([Ok::<_, io::Error>(Bytes::from(vec![b'x'; 100 * KIB]))]);
            let end = stream::once(async move {
                held.send(()).await.unwrap();
                hold.notified().await;
                Ok(Bytes::from("\n"))
            });
            let body = Body::from_stream(begin.chain(end));
            collector.send(Post::lines(body)).await
        }
    });
    holds.recv().await.unwrap();
    let big = || Post::lines(vec![b'y'; 100 * KIB]);
    let reply = collector.send(big()).await;
    assert_eq!(reply.refusal(), (429, "busy"));
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(collector.send(Post::lines("small")).await.status, 200);
    hold.notify_one();
    assert_eq!(first.await.unwrap().status, 200);
    // Encoding needs as much again, and there is room for it now.
    let mut post = collector.send(big()).await;
    for _ in 0..3 {
        assert_eq!(post.status, 200, "{}", post.text);
        post = collector.send(big()).await;
    }
}
