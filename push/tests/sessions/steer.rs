//! What a client does with a subscription that stands, and with its token.

use std::time::Duration;

use lines::{Hint, HintSink};
use serde_json::{Value, json};

use crate::fixture::{Client, Node, pass};

async fn alice_on(node: &Node, stream: &str) -> Client {
    let mut alice = node.alice().await;
    alice.subscribe(&[stream], json!("live")).await;
    alice.message().await;
    alice
}

async fn ask(client: &mut Client, request: Value) -> Value {
    client.send(request).await;
    client.message().await
}

#[tokio::test]
async fn while_paused_the_client_is_told_how_much_waits_and_then_gets_all_of_it() {
    let node = Node::with(|limits| limits.behind_every = Duration::from_millis(20)).await;
    let mut alice = alice_on(&node, "app/a").await;
    let done = json!({"type": "done", "id": "a", "request": "pause"});
    assert_eq!(ask(&mut alice, json!({"type": "pause", "id": "a"})).await, done);
    node.send("app/a", 3).await;
    let behind = |count| json!({"type": "behind", "id": "a", "stream": "app/a", "count": count});
    assert_eq!(alice.message().await, behind(3));
    node.send("app/a", 4).await;
    assert_eq!(alice.message().await, behind(7));
    alice.nothing_more().await;
    let done = json!({"type": "done", "id": "a", "request": "resume"});
    assert_eq!(ask(&mut alice, json!({"type": "resume", "id": "a"})).await, done);
    alice.take("app/a", 0, 7).await;
}

#[tokio::test]
async fn whoever_sees_no_pings_can_ask_for_a_sign_of_life() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    let done = json!({"type": "done", "id": "p", "request": "ping"});
    assert_eq!(ask(&mut alice, json!({"type": "ping", "id": "p"})).await, done);
}

#[tokio::test]
async fn seek_goes_back_and_forth() {
    let node = Node::start().await;
    node.send("app/a", 10).await;
    let mut alice = alice_on(&node, "app/a").await;
    let done = json!({"type": "done", "id": "a", "request": "seek"});
    let live = json!({"type": "live", "stream": "app/a", "next": 10});
    let seek = |to: Value| json!({"type": "seek", "id": "a", "stream": "app/a", "to": to});
    assert_eq!(ask(&mut alice, seek(json!(4))).await, done);
    alice.take("app/a", 4, 6).await;
    assert_eq!(alice.message().await, live);
    assert_eq!(ask(&mut alice, seek(json!("live"))).await, done);
    assert_eq!(alice.message().await, live);
    let ahead = ask(&mut alice, seek(json!(11))).await;
    assert_eq!(
        (&ahead["code"], &ahead["stream"], &ahead["next"]),
        (&json!("cursor_ahead"), &json!("app/a"), &json!(10))
    );
    node.send("app/a", 1).await;
    alice.take("app/a", 10, 1).await;
}

#[tokio::test]
async fn a_seek_before_the_first_kept_line_begins_there_after_a_gap() {
    let node = Node::start().await;
    node.send("app/a", 5).await;
    node.send("app/a", 5).await;
    node.trim_before(3).await;
    let mut alice = alice_on(&node, "app/a").await;
    ask(
        &mut alice,
        json!({"type": "seek", "id": "a", "stream": "app/a", "to": 1}),
    )
    .await;
    let gap = json!({"type": "gap", "stream": "app/a", "from": 1, "to": 5, "reason": "retention"});
    assert_eq!(alice.message().await, gap);
    alice.take("app/a", 5, 5).await;
}

#[tokio::test]
async fn what_is_asked_of_a_subscription_that_is_not_there_is_refused() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    for kind in ["unsubscribe", "pause", "resume", "seek"] {
        let request = json!({"type": kind, "id": "b", "stream": "app/a", "to": 0});
        let refusal = ask(&mut alice, request).await;
        assert_eq!(
            (&refusal["code"], &refusal["id"]),
            (&json!("unknown_id"), &json!("b"))
        );
    }
    let seek = json!({"type": "seek", "id": "a", "stream": "app/b", "to": 0});
    assert_eq!(ask(&mut alice, seek).await["code"], "stream_not_found");
}

#[tokio::test]
async fn a_client_that_wants_recent_lines_jumps_ahead_when_it_does_not_keep_up() {
    let node = Node::with(|limits| {
        limits.recent_bytes = 4_000;
        limits.feed_bytes = 64 * 1024 * 1024;
    })
    .await;
    let mut alice = node.alice().await;
    let request = json!({"type": "subscribe", "id": "a", "streams": ["app/a"], "mode": "recent"});
    ask(&mut alice, request).await;
    assert_eq!(alice.message().await["type"], "live");
    // More than the kernel keeps for a connection, while nobody reads.
    let long = "x".repeat(10_000);
    for _ in 0..1_500 {
        let batch = node.store_lines("app/a", 1, &long).await;
        node.push.hand_off(Hint::Batch(batch));
        tokio::task::yield_now().await;
    }
    let (mut next, mut gaps) = (0, 0);
    while next < 1_500 {
        let message = alice.message().await;
        let (from, to) = match message["type"].as_str().unwrap() {
            "gap" => {
                assert_eq!(message["reason"], "skipped");
                gaps += 1;
                ("from", "to")
            }
            _ => ("first", "next"),
        };
        assert_eq!(
            message[from], next,
            "neither a hole that is not named nor a line twice"
        );
        next = message[to].as_u64().unwrap();
    }
    assert!(gaps > 0);
}

#[tokio::test]
async fn a_new_token_keeps_the_session_open_and_takes_what_it_no_longer_allows() {
    let node = Node::start().await;
    let mut client = node.connect(&node.token("alice", &["app/**", "other"], 50)).await;
    assert_eq!(
        client.message().await["type"],
        "expiring",
        "less than a minute is left"
    );
    client
        .subscribe(&["app/a", "other", "app/p/*"], json!("live"))
        .await;
    for _ in 0..2 {
        assert_eq!(client.message().await["type"], "live");
    }
    let token = node.token("alice", &["other", "more"], 600);
    let dropped = ask(&mut client, json!({"type": "refresh", "token": token})).await;
    let want = json!({"type": "dropped", "id": "a", "streams": ["app/a"], "reason": "grant"});
    assert_eq!(dropped, want);
    assert_eq!(
        client.message().await,
        json!({"type": "done", "request": "refresh"})
    );
    node.send("app/a", 1).await;
    node.send("app/p/new", 1).await;
    // The first token ends meanwhile.
    pass(Duration::from_secs(61)).await;
    node.send("other", 1).await;
    client.take("other", 0, 1).await;
}

#[tokio::test]
async fn a_token_that_allows_more_lets_patterns_meet_more() {
    let node = Node::start().await;
    node.send("app/a", 1).await;
    let mut client = node.connect(&node.token("bob", &[], 600)).await;
    assert_eq!(
        client.subscribe(&["app/*"], json!("live")).await["streams"],
        json!({})
    );
    let token = node.token("bob", &["app/*"], 600);
    let done = ask(&mut client, json!({"type": "refresh", "token": token, "id": "r"})).await;
    assert_eq!(done, json!({"type": "done", "id": "r", "request": "refresh"}));
    assert!(client.message().await["streams"]["app/a"].is_object());
}

#[tokio::test]
async fn a_bad_token_changes_nothing_and_somebody_elses_ends_the_session() {
    let node = Node::start().await;
    let mut alice = alice_on(&node, "app/a").await;
    let refused = ask(&mut alice, json!({"type": "refresh", "token": "nonsense"})).await;
    assert_eq!(refused["code"], "bad_token");
    node.send("app/a", 1).await;
    alice.take("app/a", 0, 1).await;
    alice
        .send(json!({"type": "refresh", "token": node.token("bob", &[], 600)}))
        .await;
    let ended = alice.end().await;
    assert_eq!(ended.code, Some(4503));
    assert_eq!(ended.closing.unwrap()["reason"], "wrong_subscriber");
}
