//! Hints that are lost, a store that goes away, a route table that does not answer: no line is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lines::{Hint, HintSink, LogStore as _, StreamName};
use serde_json::json;

use crate::fixture::{Client, Node, until};

async fn alice_on(node: &Node, stream: &str) -> Client {
    let mut alice = node.alice().await;
    alice.subscribe(&[stream], json!("live")).await;
    alice.message().await;
    alice
}

/// Invariant 6.
#[tokio::test]
async fn a_lost_hint_is_repaired_when_the_next_one_comes() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    node.send("app/a", 2).await;
    node.store("app/a", 5).await;
    node.send("app/a", 2).await;
    alice.take("app/a", 0, 9).await;
}

/// Invariants 3 and 6.
#[tokio::test]
async fn hints_that_come_twice_or_in_another_order_change_nothing() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    let mut batches = Vec::new();
    for _ in 0..6 {
        batches.push(node.store("app/a", 3).await);
    }
    for at in [1, 0, 0, 3, 5, 2, 4, 5, 1] {
        node.push.hand_off(Hint::Batch(batches[at].clone()));
    }
    alice.take("app/a", 0, 18).await;
    alice.nothing_more().await;
}

/// Invariant 6.
#[tokio::test]
async fn a_lost_last_batch_is_found_by_looking_at_the_head() {
    let node = Node::with(|limits| limits.head_first = Duration::from_millis(50)).await;
    let mut alice = alice_on(&node, "app/a").await;
    node.send("app/a", 2).await;
    node.store("app/a", 5).await;
    alice.take("app/a", 0, 7).await;
}

/// Invariant 6.
#[tokio::test]
async fn a_sign_of_loss_makes_the_node_look_at_once() {
    let node = Node::with(|limits| limits.head_first = Duration::from_secs(3600)).await;
    let mut alice = alice_on(&node, "app/a").await;
    node.store("app/a", 5).await;
    node.push
        .hand_off(Hint::Lost(StreamName::parse("app/a").unwrap()));
    alice.take("app/a", 0, 5).await;
    node.store("app/a", 5).await;
    node.push.hand_off(Hint::AnyLost);
    alice.take("app/a", 5, 5).await;
}

/// A stream that is deleted while lines come and go, so that its head is never looked at for want of them: what the node
/// holds of it for those who are behind is gone as soon as it is told to look.
#[tokio::test]
async fn nobody_who_is_behind_is_shown_lines_of_a_stream_that_was_deleted() {
    let stream = StreamName::parse("app/a").unwrap();
    let node = Node::with(|limits| limits.head_first = Duration::from_secs(3600)).await;
    let mut alice = alice_on(&node, "app/a").await;
    node.send("app/a", 3).await;
    alice.take("app/a", 0, 3).await;
    alice.send(json!({"type": "pause", "id": "a"})).await;
    assert_eq!(alice.message().await["request"], "pause");
    for _ in 0..5 {
        node.send("app/a", 3).await;
    }
    let deleted = node
        .store
        .inner
        .delete_stream(&stream, None)
        .await
        .unwrap()
        .deleted()
        .unwrap();
    assert_eq!(deleted.next.0, 18);
    node.send("app/a", 2).await;
    // What the first look found is heeded before the second one begins.
    for _ in 0..2 {
        let looks = node.store.heads.load(Ordering::SeqCst);
        node.push.hand_off(Hint::Lost(stream.clone()));
        until("the node looks", async || {
            node.store.heads.load(Ordering::SeqCst) > looks
        })
        .await;
    }
    node.send("app/a", 2).await;
    alice.send(json!({"type": "resume", "id": "a"})).await;
    let mut next = alice.message().await;
    if next["request"] == "resume" {
        next = alice.message().await;
    }
    assert_eq!(
        (&next["type"], &next["from"], &next["to"]),
        (&json!("gap"), &json!(3), &json!(18)),
        "{next}"
    );
    alice.take("app/a", 18, 4).await;
}

#[tokio::test]
async fn sessions_stay_while_the_store_is_away_and_get_everything_after() {
    let node = Node::with(|limits| limits.head_first = Duration::from_millis(50)).await;
    let mut alice = alice_on(&node, "app/a").await;
    node.store("app/a", 5).await;
    node.store.away.store(true, Ordering::SeqCst);
    node.send("app/a", 2).await;
    alice.nothing_more().await;
    node.store.away.store(false, Ordering::SeqCst);
    alice.take("app/a", 0, 7).await;
}

#[tokio::test]
async fn a_subscribe_that_the_store_does_not_answer_is_refused_and_the_session_stays() {
    let node = Node::with(|limits| limits.subscribe_within = Duration::from_millis(100)).await;
    let mut alice = node.alice().await;
    for fault in [&node.store.away, &node.store.silent] {
        fault.store(true, Ordering::SeqCst);
        let answer = alice.subscribe(&["app/a"], json!("live")).await;
        assert_eq!(
            (&answer["code"], &answer["id"]),
            (&json!("unavailable"), &json!("a"))
        );
        assert!(answer["retry_after_ms"].as_u64().is_some());
        fault.store(false, Ordering::SeqCst);
    }
}

/// Invariant 5, when the table cannot answer.
#[tokio::test]
async fn without_a_route_heads_are_read_until_it_stands() {
    let node = Node::with(|limits| {
        limits.head_first = Duration::from_millis(50);
        limits.head_last = Duration::from_secs(3600);
        limits.announce_within = Duration::from_millis(50);
    })
    .await;
    node.routes.away.store(true, Ordering::SeqCst);
    let mut alice = alice_on(&node, "app/a").await;
    for round in 0..3 {
        node.store("app/a", 2).await;
        alice.take("app/a", round * 2, 2).await;
    }
    assert!(!node.is_routed("app/a").await);
    node.routes.away.store(false, Ordering::SeqCst);
    until("the route stands", || node.is_routed("app/a")).await;
}

#[tokio::test]
async fn what_retention_takes_from_under_a_reader_is_named() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    node.store("app/a", 5).await;
    node.store("app/a", 5).await;
    node.trim_before(3).await;
    node.send("app/a", 5).await;
    let gap = json!({"type": "gap", "stream": "app/a", "from": 0, "to": 5, "reason": "retention"});
    assert_eq!(alice.message().await, gap);
    alice.take("app/a", 5, 10).await;
}

/// Invariant 10: an emptied stream goes on where it ended.
#[tokio::test]
async fn a_stream_that_retention_emptied_is_a_gap_to_its_head() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    let batch = node.store("app/a", 5).await;
    node.store("app/a", 5).await;
    node.trim_before(100).await;
    node.push.hand_off(Hint::Lost(batch.stream.clone()));
    let gap = json!({"type": "gap", "stream": "app/a", "from": 0, "to": 10, "reason": "retention"});
    assert_eq!(alice.message().await, gap);
    node.send("app/a", 1).await;
    alice.take("app/a", 10, 1).await;
}

#[tokio::test]
async fn a_panic_in_what_sessions_need_is_not_swallowed() {
    let mut node = Node::start().await;
    let _alice = alice_on(&node, "app/a").await;
    node.store.panics.store(true, Ordering::SeqCst);
    node.push.hand_off(Hint::AnyLost);
    let ended = tokio::time::timeout(Duration::from_secs(20), &mut node.running).await;
    assert!(ended.unwrap().unwrap_err().is_panic());
}
