//! Lines under way: order, sharing, and readers that do not keep up.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lines::{Hint, HintSink};
use serde_json::json;

use crate::fixture::{Node, until};

#[tokio::test]
async fn many_batches_arrive_once_and_in_order() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    for _ in 0..300 {
        node.send("app/a", 3).await;
    }
    alice.take("app/a", 0, 900).await;
}

#[tokio::test]
async fn lines_that_come_fast_are_written_together() {
    const TICK: Duration = Duration::from_millis(16);
    let node = Node::with(|limits| limits.tick = TICK).await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    let begun = std::time::Instant::now();
    for _ in 0..200 {
        node.send("app/a", 1).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let ticks = begun.elapsed().as_millis() / TICK.as_millis() + 2;
    let (mut lines, mut frames) = (0, 0);
    while lines < 200 {
        let message = alice.message().await;
        lines += message["lines"].as_array().unwrap().len();
        frames += 1;
    }
    assert!(frames <= ticks, "{frames} frames in {ticks} ticks");
}

#[tokio::test]
async fn a_stream_that_never_rests_is_replayed_and_joined_without_a_seam() {
    let node = Arc::new(Node::start().await);
    node.send("app/a", 2_000).await;
    let sender = Arc::clone(&node);
    let sending = tokio::spawn(async move {
        for _ in 0..400 {
            sender.send("app/a", 2).await;
            tokio::task::yield_now().await;
        }
    });
    let mut alice = node.alice().await;
    let from = json!({"cursors": {"app/a": 0}, "epoch": "memory"});
    alice.subscribe(&["app/a"], from).await;
    let mut next = 0;
    while next < 2_800 {
        let message = alice.message().await;
        if message["type"] == "lines" {
            assert_eq!(message["first"], next);
            next = message["next"].as_u64().unwrap();
        }
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn streams_of_one_session_take_turns() {
    let node = Node::start().await;
    for stream in ["app/a", "app/b"] {
        node.store_lines(stream, 2_000, &"x".repeat(200)).await;
    }
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a", "app/b"], json!({"last": 2_000})).await;
    let (mut order, mut ended) = (Vec::new(), 0);
    while ended < 2 {
        let message = alice.message().await;
        if message["type"] == "lines" {
            order.push(message["stream"].as_str().unwrap().to_owned());
            ended += usize::from(message["next"] == 2_000);
        }
    }
    // How they take turns is up to the store, which may answer one a little before the other. But neither waits for
    // the other's end.
    let first = |stream: &str| order.iter().position(|turn| turn == stream).unwrap();
    let last = |stream: &str| order.iter().rposition(|turn| turn == stream).unwrap();
    assert!(
        first("app/b") < last("app/a") && first("app/a") < last("app/b"),
        "{order:?}"
    );
}

#[tokio::test]
async fn a_line_of_any_length_arrives() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    for length in [0, 100, 40_000, 262_144] {
        let batch = node.store_lines("app/a", 1, &"x".repeat(length)).await;
        node.push.hand_off(Hint::Batch(batch));
    }
    alice.take("app/a", 0, 4).await;
}

/// Invariant 7.
#[tokio::test]
async fn a_reader_that_stands_still_delays_nobody() {
    let node = Node::start().await;
    let mut still = node.alice().await;
    still.subscribe(&["app/a"], json!("live")).await;
    let still = still.stop_reading();
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    let long = "x".repeat(1_000);
    for round in 0..60 {
        let batch = node.store_lines("app/a", 200, &long).await;
        node.push.hand_off(Hint::Batch(batch));
        alice.take("app/a", round * 200, 200).await;
    }
    assert_eq!(node.push.sessions(), 2);
    drop(still);
}

#[tokio::test]
async fn sessions_that_come_back_together_share_the_reads_of_the_store() {
    let node = Node::start().await;
    node.store_lines("app/a", 1_000, &"x".repeat(400)).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(node.alice().await);
    }
    let read = clients.into_iter().map(|mut client| async move {
        client.subscribe(&["app/a"], json!({"last": 1_000})).await;
        client.take("app/a", 0, 1_000).await;
    });
    futures_util::future::join_all(read).await;
    let reads = node.store.reads.load(Ordering::SeqCst);
    assert!(reads <= 4, "{reads} reads for 20 sessions that want the same");
}

#[tokio::test]
async fn a_route_goes_a_while_after_the_last_session() {
    let node = Node::with(|limits| limits.linger = Duration::from_millis(100)).await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a", "app/p/*"], json!("live")).await;
    assert!(node.is_routed("app/a").await && node.is_routed("app/p/x").await);
    drop(alice);
    until("nobody holds the routes", || async {
        !node.is_routed("app/a").await && !node.is_routed("app/p/x").await
    })
    .await;
    let mut bob = node.alice().await;
    bob.subscribe(&["app/a"], json!("live")).await;
    assert!(node.is_routed("app/a").await);
}
