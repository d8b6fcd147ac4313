//! Where subscriptions begin, and what is refused.

use serde_json::json;

use crate::fixture::{Node, START};

#[tokio::test]
async fn a_client_is_welcomed_with_all_it_has_to_know() {
    let node = Node::start().await;
    let client = node.alice().await;
    let welcome = &client.welcome;
    assert_eq!(welcome["type"], "welcome");
    assert_eq!(welcome["node"], "this-node");
    assert_eq!(welcome["subscriber"], "alice");
    assert_eq!(welcome["epoch"], "memory");
    assert_eq!(welcome["heartbeat_ms"], 25_000);
    let limits =
        json!({"subscriptions": 100, "streams": 1000, "message_bytes": 16384, "messages_per_second": 20});
    assert_eq!(welcome["limits"], limits);
    assert!(
        welcome["session"]
            .as_str()
            .is_some_and(|session| !session.is_empty())
    );
    assert!(lines::Timestamp::parse(welcome["expires_at"].as_str().unwrap()).is_some());
    assert_eq!(node.push.sessions(), 1);
}

#[tokio::test]
async fn live_begins_at_the_head() {
    let node = Node::start().await;
    node.send("app/a", 5).await;
    let mut alice = node.alice().await;
    let subscribed = alice.subscribe(&["app/a"], json!("live")).await;
    let want = json!({
        "type": "subscribed", "id": "a", "epoch": "memory", "patterns": [],
        "streams": {"app/a": {"first_available": 0, "next": 5, "cursor": 5}},
    });
    assert_eq!(subscribed, want);
    assert_eq!(
        alice.message().await,
        json!({"type": "live", "stream": "app/a", "next": 5})
    );
    node.send("app/a", 3).await;
    alice.take("app/a", 5, 3).await;
}

#[tokio::test]
async fn last_begins_so_many_lines_before_the_head() {
    let node = Node::start().await;
    node.send("app/a", 5).await;
    node.send("app/a", 5).await;
    let mut alice = node.alice().await;
    let subscribed = alice.subscribe(&["app/a"], json!({"last": 7})).await;
    assert_eq!(subscribed["streams"]["app/a"]["cursor"], 3);
    alice.take("app/a", 3, 7).await;
    assert_eq!(
        alice.message().await,
        json!({"type": "live", "stream": "app/a", "next": 10})
    );
    node.send("app/a", 1).await;
    alice.take("app/a", 10, 1).await;
}

#[tokio::test]
async fn last_of_more_than_there_is_begins_at_the_first_kept_line() {
    let node = Node::start().await;
    node.send("app/a", 5).await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!({"last": 200})).await;
    alice.take("app/a", 0, 5).await;
}

#[tokio::test]
async fn since_begins_at_the_first_line_of_that_time_or_later() {
    let node = Node::start().await;
    node.send("app/a", 10).await;
    let mut alice = node.alice().await;
    let since = lines::Timestamp::from_nanos((START + 6) * 1_000_000_000 - 1).to_string();
    let subscribed = alice.subscribe(&["app/a"], json!({ "since": since })).await;
    assert_eq!(subscribed["streams"]["app/a"]["cursor"], 6);
    alice.take("app/a", 6, 4).await;
}

#[tokio::test]
async fn cursors_go_on_where_they_were() {
    let node = Node::start().await;
    node.send("app/a", 10).await;
    node.send("app/b", 10).await;
    let mut alice = node.alice().await;
    let from = json!({"cursors": {"app/a": 4}, "epoch": "memory"});
    let subscribed = alice.subscribe(&["app/a"], from).await;
    assert_eq!(subscribed["streams"]["app/a"]["cursor"], 4);
    alice.take("app/a", 4, 6).await;
}

#[tokio::test]
async fn a_cursor_before_the_first_kept_line_is_told_what_is_gone() {
    let node = Node::start().await;
    node.send("app/a", 5).await;
    node.send("app/a", 5).await;
    node.trim_before(3).await;
    let mut alice = node.alice().await;
    let from = json!({"cursors": {"app/a": 2}, "epoch": "memory"});
    let subscribed = alice.subscribe(&["app/a"], from).await;
    let begins = json!({"first_available": 5, "next": 10, "cursor": 5});
    assert_eq!(subscribed["streams"]["app/a"], begins);
    let gap = json!({"type": "gap", "stream": "app/a", "from": 2, "to": 5, "reason": "retention"});
    assert_eq!(alice.message().await, gap);
    alice.take("app/a", 5, 5).await;
}

#[tokio::test]
async fn a_stream_can_be_subscribed_to_before_its_first_line() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    let subscribed = alice.subscribe(&["app/new"], json!({"last": 10})).await;
    let begins = json!({"first_available": 0, "next": 0, "cursor": 0});
    assert_eq!(subscribed["streams"]["app/new"], begins);
    assert_eq!(alice.message().await["type"], "live");
    node.send("app/new", 2).await;
    alice.take("app/new", 0, 2).await;
}

#[tokio::test]
async fn everybody_reads_their_own_personal_stream() {
    let node = Node::start().await;
    let mut client = node.connect(&node.token("ann@example.org", &[], 600)).await;
    let subscribed = client.subscribe(&["@me"], json!("live")).await;
    assert_eq!(subscribed["streams"]["@ann~40example.org"]["next"], 0);
    client.message().await;
    node.send("@ann~40example.org", 1).await;
    client.take("@ann~40example.org", 0, 1).await;
}

/// Invariant 9.
#[tokio::test]
async fn an_unreadable_stream_answers_as_one_that_does_not_exist() {
    let node = Node::start().await;
    node.send("secret/a", 1).await;
    let mut alice = node.alice().await;
    let mut answers = Vec::new();
    for stream in ["secret/a", "secret/b"] {
        let mut answer = alice.subscribe(&["app/a", stream], json!("live")).await;
        assert_eq!(answer["stream"].take(), stream);
        answers.push(answer);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["code"], "stream_not_found");
    assert_eq!(answers[0]["id"], "a");
    alice.nothing_more().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_the_session_goes_on() {
    let node = Node::with(|limits| {
        limits.streams = 3;
        limits.subscriptions = 2;
    })
    .await;
    node.send("app/a", 5).await;
    let mut alice = node.alice().await;
    let cases = [
        (
            json!({"streams": ["app//a"]}),
            json!({"code": "bad_stream", "stream": "app//a"}),
        ),
        (
            json!({"streams": ["app/a"], "from": "then"}),
            json!({"code": "bad_from"}),
        ),
        (
            json!({"streams": ["app/a"], "from": {"cursors": {"app/a": 1}, "epoch": "other"}}),
            json!({"code": "wrong_epoch", "epoch": "memory"}),
        ),
        (
            json!({"streams": ["app/a"], "from": {"cursors": {"app/a": 6}, "epoch": "memory"}}),
            json!({"code": "cursor_ahead", "stream": "app/a", "next": 5}),
        ),
        (
            json!({"streams": ["app/1", "app/2", "app/3", "app/4"]}),
            json!({"code": "limit"}),
        ),
    ];
    for (mut request, want) in cases {
        request["type"] = "subscribe".into();
        request["id"] = "x".into();
        alice.send(request.clone()).await;
        let answer = alice.message().await;
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("error"), &json!("x")),
            "{request}"
        );
        for (name, value) in want.as_object().unwrap() {
            assert_eq!(&answer[name], value, "{request}");
        }
    }
    assert_eq!(
        alice.subscribe(&["app/a"], json!("live")).await["type"],
        "subscribed"
    );
    alice.message().await;
    assert_eq!(
        alice.subscribe(&["app/b"], json!("live")).await["code"],
        "duplicate_id"
    );
    alice
        .send(json!({"type": "subscribe", "id": "b", "streams": ["app/a"]}))
        .await;
    assert_eq!(alice.message().await["code"], "duplicate_stream");
    alice
        .send(json!({"type": "subscribe", "id": "b", "streams": ["app/b"]}))
        .await;
    assert_eq!(alice.message().await["type"], "subscribed");
    alice.message().await;
    alice
        .send(json!({"type": "subscribe", "id": "c", "streams": ["app/c"]}))
        .await;
    assert_eq!(alice.message().await["code"], "limit");
    node.send("app/a", 1).await;
    alice.take("app/a", 5, 1).await;
}

#[tokio::test]
async fn after_unsubscribe_nothing_comes_and_the_stream_can_be_had_again() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    alice.send(json!({"type": "unsubscribe", "id": "a"})).await;
    let done = json!({"type": "done", "id": "a", "request": "unsubscribe"});
    assert_eq!(alice.message().await, done);
    node.send("app/a", 2).await;
    alice.nothing_more().await;
    alice.subscribe(&["app/a"], json!({"last": 1})).await;
    alice.take("app/a", 1, 1).await;
}
