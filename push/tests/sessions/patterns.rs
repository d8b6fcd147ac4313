//! Patterns, and the streams that they meet.

use std::sync::atomic::Ordering;
use std::time::Duration;

use lines::{Hint, HintSink};
use serde_json::json;

use crate::fixture::Node;

#[tokio::test]
async fn a_pattern_begins_with_the_readable_streams_that_it_matches() {
    let node = Node::start().await;
    for stream in ["app/a", "app/b/c", "other/x", "@alice"] {
        node.send(stream, 2).await;
    }
    let mut alice = node.alice().await;
    let subscribed = alice.subscribe(&["**"], json!("live")).await;
    let begins = json!({"first_available": 0, "next": 2, "cursor": 2});
    assert_eq!(subscribed["streams"], json!({"app/a": begins, "app/b/c": begins}));
    assert_eq!(subscribed["patterns"], json!(["**"]));
}

#[tokio::test]
async fn a_new_stream_begins_at_its_first_kept_line() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    let subscribed = alice.subscribe(&["app/*"], json!("live")).await;
    assert_eq!(subscribed["streams"], json!({}));
    node.send("other/new", 1).await;
    node.send("app/new", 3).await;
    let subscribed = alice.message().await;
    let want = json!({
        "type": "subscribed", "id": "a", "epoch": "memory", "patterns": ["app/*"],
        "streams": {"app/new": {"first_available": 0, "next": 3, "cursor": 0}},
    });
    assert_eq!(subscribed, want);
    alice.take("app/new", 0, 3).await;
    assert_eq!(
        alice.message().await,
        json!({"type": "live", "stream": "app/new", "next": 3})
    );
    node.send("app/new", 1).await;
    alice.take("app/new", 3, 1).await;
}

/// Invariant 6.
#[tokio::test]
async fn a_new_stream_whose_hints_were_all_lost_is_found_by_listing() {
    let node = Node::with(|limits| limits.list_every = Duration::from_millis(50)).await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/*"], json!("live")).await;
    node.store("app/new", 3).await;
    assert!(alice.message().await["streams"]["app/new"].is_object());
    alice.take("app/new", 0, 3).await;
}

/// Invariant 6.
#[tokio::test]
async fn a_sign_of_loss_lists_at_once() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/*"], json!("live")).await;
    node.store("app/new", 3).await;
    node.push.hand_off(Hint::AnyLost);
    assert!(alice.message().await["streams"]["app/new"].is_object());
    alice.take("app/new", 0, 3).await;
}

#[tokio::test]
async fn a_pattern_passes_over_what_another_subscription_has() {
    let node = Node::start().await;
    node.send("app/a", 1).await;
    node.send("app/b", 1).await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    alice
        .send(json!({"type": "subscribe", "id": "p", "streams": ["app/*"]}))
        .await;
    let subscribed = alice.message().await;
    assert_eq!(
        subscribed["streams"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["app/b"]
    );
}

#[tokio::test]
async fn more_new_streams_than_a_session_may_have_are_told_once() {
    let node = Node::with(|limits| limits.streams = 1).await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/*"], json!("live")).await;
    node.send("app/1", 1).await;
    assert!(alice.message().await["streams"]["app/1"].is_object());
    alice.take("app/1", 0, 1).await;
    assert_eq!(alice.message().await["type"], "live");
    node.send("app/2", 1).await;
    let error = alice.message().await;
    assert_eq!((&error["code"], &error["id"]), (&json!("limit"), &json!("a")));
    node.send("app/3", 1).await;
    node.send("app/1", 1).await;
    alice.take("app/1", 1, 1).await;
}

#[tokio::test]
async fn who_comes_back_gets_its_streams_before_those_that_came_meanwhile() {
    let node = Node::with(|limits| limits.streams = 2).await;
    for stream in ["app/1", "app/2", "app/3"] {
        node.send(stream, 1).await;
    }
    let mut alice = node.alice().await;
    let live = alice.subscribe(&["app/*"], json!("live")).await;
    assert_eq!(live["code"], "limit", "who begins is told before anything else");
    let cursors = json!({"cursors": {"app/2": 1, "app/3": 0}, "epoch": "memory"});
    let subscribed = alice.subscribe(&["app/*"], cursors).await;
    let streams: Vec<_> = subscribed["streams"].as_object().unwrap().keys().collect();
    assert_eq!(streams, ["app/2", "app/3"]);
    let mut told = Vec::new();
    for _ in 0..4 {
        let message = alice.message().await;
        told.push(message.get("code").unwrap_or(&message["type"]).clone());
    }
    told.sort_by_key(|told| told.to_string());
    assert_eq!(told, ["limit", "lines", "live", "live"]);
    let named = json!({"type": "subscribe", "id": "b", "streams": ["app/1"], "from": {"cursors": {}, "epoch": "memory"}});
    alice.send(named).await;
    assert_eq!(
        alice.message().await["code"],
        "limit",
        "what is asked for by name is not left out"
    );
}

#[tokio::test]
async fn a_token_that_opens_many_streams_makes_the_node_join_no_more_than_a_session_may_have() {
    let node = Node::with(|limits| limits.streams = 2).await;
    for nth in 0..20 {
        node.store(&format!("app/{nth:02}"), 1).await;
    }
    let mut alice = node.connect(&node.token("alice", &["other"], 1_000)).await;
    alice.subscribe(&["app/*"], json!("live")).await;
    let token = node.token("alice", &["app/*"], 1_000);
    alice.send(json!({"type": "refresh", "token": token})).await;
    assert_eq!(alice.message().await["type"], "done");
    let mut told = Vec::new();
    while told.len() < 2 {
        let message = alice.message().await;
        match message["type"].as_str() {
            Some("error") => told.push(message["code"].clone()),
            Some("subscribed") => {
                assert_eq!(message["streams"].as_object().unwrap().len(), 2);
                told.push(json!("subscribed"));
            }
            _ => panic!("{message}"),
        }
    }
    assert_eq!(told, ["limit", "subscribed"]);
    let announced = node.routes.announced.load(Ordering::SeqCst);
    assert!(announced <= 5, "{announced} routes for a pattern and two streams");
}

#[tokio::test]
async fn a_new_stream_that_comes_while_the_store_is_away_is_met_when_it_is_back() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/*"], json!("live")).await;
    node.store.away.store(true, Ordering::SeqCst);
    node.send("app/new", 3).await;
    alice.nothing_more().await;
    node.store.away.store(false, Ordering::SeqCst);
    assert!(alice.message().await["streams"]["app/new"].is_object());
    alice.take("app/new", 0, 3).await;
}
