//! Subscriptions that want only some of the lines.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{Client, Node};

async fn filtered(node: &Node, filter: &str, from: Value) -> (Client, Value) {
    let mut alice = node.alice().await;
    let request =
        json!({"type": "subscribe", "id": "a", "streams": ["app/a"], "filter": filter, "from": from});
    alice.send(request).await;
    let answer = alice.message().await;
    (alice, answer)
}

fn offsets(message: &Value) -> Vec<u64> {
    let lines = message["lines"].as_array().unwrap();
    lines
        .iter()
        .map(|line| line["offset"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn only_lines_that_match_come_each_with_its_offset() {
    let node = Node::start().await;
    node.send("app/a", 25).await;
    let (mut alice, _) = filtered(&node, "/3$/", json!({"last": 25})).await;
    // In one message or in several: a filter has only so much time at once.
    let (mut next, mut found) = (0, Vec::new());
    let live = loop {
        let message = alice.message().await;
        if message["type"] == "live" {
            break message;
        }
        assert_eq!(message["first"], next);
        next = message["next"].as_u64().unwrap();
        for line in message["lines"].as_array().unwrap() {
            assert!(line["message"].is_string());
        }
        found.extend(offsets(&message));
    };
    assert_eq!((next, found), (25, vec![3, 13, 23]));
    assert_eq!(live, json!({"type": "live", "stream": "app/a", "next": 25}));
    node.send("app/a", 10).await;
    let lines = alice.message().await;
    assert_eq!((offsets(&lines), &lines["next"]), (vec![33], &json!(35)));
}

#[tokio::test]
async fn a_subscription_says_how_its_filter_was_read() {
    let node = Node::start().await;
    node.send("app/a", 5).await;
    let (_, subscribed) = filtered(&node, "localhost:8080", json!({"last": 5})).await;
    assert_eq!(
        subscribed["filter"],
        json!({"reading": "the field localhost is \"8080\"", "literal": "\"localhost:8080\""})
    );
    let (_, subscribed) = filtered(&node, "timeout", json!("live")).await;
    assert_eq!(subscribed["filter"], json!({"reading": "the text \"timeout\""}));
    let mut all = node.alice().await;
    all.send(json!({"type": "subscribe", "id": "a", "streams": ["app/a"]}))
        .await;
    assert_eq!(all.message().await.get("filter"), None);
}

#[tokio::test]
async fn a_client_is_told_how_far_the_server_has_looked_when_nothing_matches() {
    let node = Node::with(|limits| limits.filter_told_every = Duration::from_millis(50)).await;
    let (mut alice, _) = filtered(&node, "nowhere", json!("live")).await;
    assert_eq!(alice.message().await["type"], "live");
    node.send("app/a", 10).await;
    let want = json!({"type": "lines", "stream": "app/a", "first": 0, "next": 10, "lines": []});
    assert_eq!(alice.message().await, want);
    alice.nothing_more().await;
    node.store("app/a", 5).await;
    node.send("app/a", 5).await;
    let want = json!({"type": "lines", "stream": "app/a", "first": 10, "next": 20, "lines": []});
    assert_eq!(alice.message().await, want);
}

#[tokio::test]
async fn a_filter_looks_through_all_that_the_store_has() {
    let node = Node::start().await;
    for _ in 0..10 {
        node.store_lines("app/a", 500, &"x".repeat(200)).await;
    }
    let (mut alice, _) = filtered(&node, "\"line 4999x\" OR \"line 17x\"", json!({"last": 5_000})).await;
    let mut found = Vec::new();
    while found.len() < 2 {
        let message = alice.message().await;
        assert_eq!(message["type"], "lines", "{message}");
        found.extend(offsets(&message));
    }
    assert_eq!(found, [17, 4_999]);
    assert_eq!(
        alice.message().await,
        json!({"type": "live", "stream": "app/a", "next": 5_000})
    );
}

#[tokio::test]
async fn a_text_that_is_no_filter_is_refused_with_the_place() {
    let node = Node::start().await;
    let (mut alice, answer) = filtered(&node, "level>=warn (", json!("live")).await;
    assert_eq!(
        (&answer["code"], &answer["id"]),
        (&json!("bad_filter"), &json!("a"))
    );
    assert_eq!(answer["position"], 13);
    alice.nothing_more().await;
}

/// A line of 250 KB, for whose end an expression with 2^16 things to remember has to be undecided.
fn disorder() -> String {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    };
    std::iter::repeat_with(next).take(250_000).collect()
}

#[tokio::test]
async fn a_line_that_the_filter_gives_up_on_is_shown_and_marked() {
    let node = Node::start().await;
    node.store_lines("app/a", 1, "x").await;
    node.store_lines("app/a", 1, &disorder()).await;
    node.store_lines("app/a", 1, "aaaaaaaaaaaaaaaaaz").await;
    let (mut alice, _) = filtered(&node, "/a[ab]{16}z/", json!({"last": 3})).await;
    let mut lines = Vec::new();
    while lines.len() < 2 {
        let message = alice.message().await;
        lines.extend(message["lines"].as_array().unwrap().clone());
    }
    let marks: Vec<_> = lines
        .iter()
        .map(|line| (&line["offset"], &line["undecided"]))
        .collect();
    assert_eq!(marks, [(&json!(1), &json!(true)), (&json!(2), &Value::Null)]);
}

#[tokio::test]
async fn sessions_with_slow_filters_get_every_line_once_whoever_looks_for_them() {
    // Nothing is done in passing, and each look ends after few lines.
    let node = Node::with(|limits| {
        limits.filter_in_passing = Duration::ZERO;
        limits.filter_bytes = 2_000;
    })
    .await;
    let mut clients = Vec::new();
    for filter in ["/[05]$/", "/[05]$/", "/0$/ OR /5$/", "-/[1-46-9]$/"] {
        let (mut client, _) = filtered(&node, filter, json!("live")).await;
        assert_eq!(client.message().await["type"], "live");
        clients.push(client);
    }
    for _ in 0..20 {
        node.send("app/a", 50).await;
    }
    let want: Vec<u64> = (0..1_000).step_by(5).collect();
    for mut client in clients {
        let mut found = Vec::new();
        while found.len() < want.len() {
            found.extend(offsets(&client.message().await));
        }
        assert_eq!(found, want);
    }
}

#[tokio::test]
async fn a_subscription_that_ends_or_jumps_while_a_filter_looks_gets_nothing_of_before() {
    let node = Node::with(|limits| limits.filter_in_passing = Duration::ZERO).await;
    node.send("app/a", 1_000).await;
    for _ in 0..20 {
        let (mut alice, _) = filtered(&node, "/7$/", json!({"last": 1_000})).await;
        alice
            .send(json!({"type": "seek", "id": "a", "stream": "app/a", "to": 990}))
            .await;
        while alice.message().await["type"] != "done" {}
        let lines = loop {
            let message = alice.message().await;
            if message["type"] == "lines" {
                break message;
            }
        };
        assert_eq!((&lines["first"], offsets(&lines)), (&json!(990), vec![997]));
        alice.send(json!({"type": "unsubscribe", "id": "a"})).await;
        while alice.message().await["type"] != "done" {}
        alice.nothing_more().await;
    }
}
