//! Lines that are damaged in the store: they are named, and everything else comes.

use serde_json::json;

use crate::fixture::{Client, Node};

/// Batches of 2, 3 and 4 lines, of which one is spoilt.
async fn node_with_damage(from: u64, to: u64) -> Node {
    let node = Node::start().await;
    for count in [2, 3, 4] {
        node.store("app/a", count).await;
    }
    node.store.damaged.lock().push(("app/a".to_owned(), from, to));
    node
}

async fn alice_at(node: &Node, cursor: u64) -> Client {
    let mut alice = node.alice().await;
    let epoch = alice.welcome["epoch"].clone();
    alice
        .subscribe(&["app/a"], json!({"cursors": {"app/a": cursor}, "epoch": epoch}))
        .await;
    alice
}

fn gap(from: u64, to: u64) -> serde_json::Value {
    json!({"type": "gap", "stream": "app/a", "from": from, "to": to, "reason": "damaged"})
}

/// Invariant 6.
#[tokio::test]
async fn damage_is_named_with_both_ends_and_all_else_comes() {
    let node = node_with_damage(2, 5).await;
    let mut alice = alice_at(&node, 0).await;
    alice.take("app/a", 0, 2).await;
    assert_eq!(alice.message().await, gap(2, 5));
    alice.take("app/a", 5, 4).await;
    assert_eq!(alice.message().await["type"], "live");
    node.send("app/a", 2).await;
    alice.take("app/a", 9, 2).await;
    // In the middle of it, and found before.
    let mut later = alice_at(&node, 3).await;
    assert_eq!(later.message().await, gap(3, 5));
}

#[tokio::test]
async fn damage_at_the_end_is_named_and_the_stream_is_live() {
    let node = node_with_damage(5, 9).await;
    let mut alice = alice_at(&node, 4).await;
    alice.take("app/a", 4, 1).await;
    assert_eq!(alice.message().await, gap(5, 9));
    let live = alice.message().await;
    assert_eq!((&live["type"], &live["next"]), (&json!("live"), &json!(9)));
    node.send("app/a", 1).await;
    alice.take("app/a", 9, 1).await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_holds_up_no_other() {
    // One read for each line.
    let node = Node::with(|limits| limits.replay_bytes = 1).await;
    node.store("app/bad", 1).await;
    for _ in 0..60 {
        node.store("app/good", 1).await;
    }
    *node.store.unreadable.lock() = Some("app/bad".to_owned());
    let mut alice = node.alice().await;
    alice
        .subscribe(&["app/bad", "app/good"], json!({"last": 100}))
        .await;
    alice.take("app/good", 0, 60).await;
    assert_eq!(alice.message().await["type"], "live");
    *node.store.unreadable.lock() = None;
    alice.take("app/bad", 0, 1).await;
}
