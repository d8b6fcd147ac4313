//! How sessions end, and what is said before.

use std::time::Duration;

use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::fixture::{Ended, Node, pass, until};

fn closed(ended: &Ended) -> (Option<u16>, &str) {
    let closing = ended
        .closing
        .as_ref()
        .expect("`closing` comes before the close frame");
    assert_eq!(closing["code"].as_u64().map(|code| code as u16), ended.code);
    (ended.code, closing["reason"].as_str().unwrap())
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let node = Node::start().await;
    let mut client = node.connect(&node.token("alice", &[], 1)).await;
    let ended = client.end().await;
    assert_eq!(closed(&ended), (Some(4003), "token_expired"));
    assert!(ended.closing.unwrap()["retry_after_ms"].is_u64());
    until("the session is gone", || async { node.push.sessions() == 0 }).await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_a_ping_is_gone() {
    let node = Node::with(|limits| {
        limits.heartbeat = Duration::from_millis(100);
        limits.pong_within = Duration::from_millis(100);
    })
    .await;
    // A client that reads nothing sends no pongs: the library answers while it reads.
    let silent = node.alice().await.stop_reading();
    until("the silent one is gone", || async { node.push.sessions() == 0 }).await;
    drop(silent);
}

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let node = Node::start().await;
    let mut alice = node.alice().await;
    alice.subscribe(&["app/a"], json!("live")).await;
    alice.message().await;
    // Each answer has to come before what follows the next ping.
    for _ in 0..4 {
        pass(Duration::from_secs(30)).await;
        alice.answer_a_ping().await;
    }
    node.send("app/a", 1).await;
    alice.take("app/a", 0, 1).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_closed_as_slow() {
    let node = Node::with(|limits| {
        limits.progress_within = Duration::from_millis(300);
        limits.close_within = Duration::from_millis(100);
    })
    .await;
    let mut client = node.alice().await;
    client.subscribe(&["app/a"], json!("live")).await;
    let still = client.stop_reading();
    let long = "x".repeat(10_000);
    // More than the kernel keeps for a connection.
    for _ in 0..16 {
        node.store_lines("app/a", 100, &long).await;
    }
    node.send("app/a", 1).await;
    until("the slow one is gone", || async { node.push.sessions() == 0 }).await;
    drop(still);
}

#[tokio::test]
async fn broken_frames_close_with_the_codes_of_the_standard() {
    let node = Node::start().await;
    let cases = [
        (Message::binary(vec![1]), 1003, "binary"),
        (Message::text("x".repeat(16 * 1024 + 1)), 1009, "too_big"),
    ];
    for (message, code, reason) in cases {
        let mut client = node.alice().await;
        client.send_raw(message).await;
        let ended = client.end().await;
        assert_eq!(closed(&ended), (Some(code), reason));
        assert!(ended.closing.unwrap().get("retry_after_ms").is_none());
    }
}

#[tokio::test]
async fn a_message_comes_in_at_most_64_fragments() {
    let node = Node::start().await;
    let ping = r#"{"type":"ping","id":"in pieces"}"#;
    let mut client = node.alice().await;
    client.send_in_fragments(ping, 64).await;
    assert_eq!(client.message().await["id"], "in pieces");
    client.send_in_fragments(ping, 65).await;
    let ended = client.end().await;
    assert_eq!(closed(&ended), (Some(1009), "too_big"));
}

#[tokio::test]
async fn twenty_bad_messages_in_a_row_are_answered_and_the_last_closes() {
    let node = Node::start().await;
    let mut client = node.alice().await;
    for _ in 0..20 {
        client.send(json!({"type": "dance", "id": "a"})).await;
    }
    for _ in 0..20 {
        let error = client.message().await;
        assert_eq!(
            (&error["code"], &error["id"]),
            (&json!("bad_message"), &json!("a"))
        );
    }
    assert_eq!(closed(&client.end().await), (Some(4501), "bad_message"));
}

#[tokio::test]
async fn messages_beyond_the_rate_are_not_done() {
    let node = Node::with(|limits| {
        limits.message_burst = 2;
        limits.messages_per_second = 1;
        limits.rate_limited_in_a_row = 3;
    })
    .await;
    let mut client = node.alice().await;
    for id in ["1", "2", "3", "4", "5"] {
        client.send(json!({"type": "unsubscribe", "id": id})).await;
    }
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(client.message().await["code"].as_str().unwrap().to_owned());
    }
    let want = [
        "unknown_id",
        "unknown_id",
        "rate_limited",
        "rate_limited",
        "rate_limited",
    ];
    assert_eq!(codes, want);
    assert_eq!(closed(&client.end().await), (Some(4502), "rate_limited"));
}

#[tokio::test]
async fn a_client_that_says_goodbye_is_answered() {
    let node = Node::start().await;
    let mut client = node.alice().await;
    client.send_raw(Message::Close(None)).await;
    assert_eq!(
        client.end().await,
        Ended {
            closing: None,
            code: None
        }
    );
    until("the session is gone", || async { node.push.sessions() == 0 }).await;
}

#[tokio::test]
async fn draining_tells_every_session_and_waits_for_them() {
    let node = Node::start().await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(node.alice().await);
    }
    let ends = clients
        .into_iter()
        .map(|mut client| async move { client.end().await });
    let all = futures_util::future::join_all(ends);
    let (ends, ()) = tokio::join!(all, node.push.drain(Duration::from_millis(200)));
    for ended in &ends {
        assert_eq!(closed(ended), (Some(1012), "draining"));
        assert!(ended.closing.as_ref().unwrap()["retry_after_ms"].is_u64());
    }
    assert_eq!(node.push.sessions(), 0);
    let refused = tokio_tungstenite::connect_async(node.request(&node.token("alice", &[], 600))).await;
    assert!(refused.is_err(), "a node that is being stopped takes no session");
}
