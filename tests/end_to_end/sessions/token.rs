//! A token's life on an open session.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::fixture::{Cluster, Token, lines};

async fn cluster() -> Cluster {
    Cluster::start(&["collect", "dispatch", "push"]).await
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// Unix seconds of a time as messages write it.
fn seconds(time: &Value) -> f64 {
    let time: jiff::Timestamp = time.as_str().unwrap().parse().unwrap();
    time.as_second() as f64
}

fn refresh(token: &str) -> Value {
    json!({"type": "refresh", "id": "refresh", "token": token})
}

fn refreshed() -> Value {
    json!({"type": "done", "id": "refresh", "request": "refresh"})
}

#[tokio::test]
async fn a_minute_before_the_end_one_is_told_and_at_once_when_less_is_left() {
    let mut cluster = cluster().await;
    for (ends_in, told_before) in [(63, 60.0), (20, 20.0)] {
        let token = Token::of("alice").reads("**").ends_in(ends_in).text();
        let mut alice = cluster.push(0).with(&token).session().await;
        let expiring = alice.message_of_type("expiring").await;
        let left = seconds(&expiring["expires_at"]) - now();
        assert_eq!(expiring["expires_at"], alice.welcome()["expires_at"]);
        assert!(
            left <= told_before && left > told_before - 2.5,
            "{left} s before the end"
        );
    }
}

#[tokio::test]
async fn at_the_end_a_session_is_closed_at_most_a_second_late() {
    let mut cluster = cluster().await;
    let token = Token::of("alice").reads("**").ends_in(3).text();
    let mut alice = cluster.push(0).with(&token).subscribe("payments/api").await;
    let end = seconds(&alice.welcome()["expires_at"]);
    let flow = cluster.collect(0).keep_sending("payments/api");
    assert_eq!(alice.closed().await, 4003);
    let late = now() - end;
    assert!((0.0..=1.0).contains(&late), "{late} s late");
    flow.stop().await;
    let closing = alice.message_of_type("closing").await;
    assert_eq!(closing["reason"], "token_expired");
    assert!(
        closing["retry_after_ms"].is_u64(),
        "it may come back, with a new one"
    );
    // What is left goes on with a new token, at the same place.
    let place = alice.place();
    cluster.push(0).subscribe_from("payments/api", place).await;
}

#[tokio::test]
async fn with_a_new_token_of_the_same_subscriber_a_session_outlives_the_old_one() {
    let mut cluster = cluster().await;
    let token = Token::of("alice").reads("**").ends_in(3).text();
    let mut alice = cluster.push(0).with(&token).subscribe("payments/api").await;
    let end = seconds(&alice.welcome()["expires_at"]);
    let refused = alice.ask(refresh("no token at all")).await;
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("bad_token"))
    );
    let new = Token::of("alice").reads("**").ends_in(600).text();
    assert_eq!(alice.ask(refresh(&new)).await, refreshed());
    let flow = cluster.collect(0).keep_sending("payments/api");
    while now() < end + 1.5 {
        assert_eq!(alice.read_for(Duration::from_millis(100)).await, None);
    }
    let mut sent = Vec::new();
    for (_, some) in flow.stop().await {
        sent.extend(some);
    }
    assert_eq!(alice.take(sent.len()).await, sent);
}

#[tokio::test]
async fn somebody_elses_token_ends_the_session_for_good() {
    let mut cluster = cluster().await;
    let token = Token::of("alice").reads("**").text();
    let mut alice = cluster.push(0).with(&token).subscribe("payments/api").await;
    alice.tell(refresh(&Token::of("bob").reads("**").text())).await;
    assert_eq!(alice.closed().await, 4503);
    let closing = alice.message_of_type("closing").await;
    assert_eq!(
        closing,
        json!({"type": "closing", "code": 4503, "reason": "wrong_subscriber"})
    );
}

/// Invariant 9.
#[tokio::test]
async fn streams_that_a_new_token_does_not_allow_are_dropped_at_once_and_by_name() {
    let mut cluster = cluster().await;
    let wide = Token::of("alice").reads("payments/**").reads("web/*").text();
    let mut alice = cluster.push(0).with(&wide).session().await;
    alice.subscribe(&["payments/api", "web/a"], json!("live")).await;
    alice.subscribe(&["payments/*"], json!("live")).await;
    cluster.collect(0).send("payments/eu", lines(1)).await;
    alice.take(1).await;

    let narrow = Token::of("alice").reads("web/*").reads("new/*").text();
    assert_eq!(alice.ask(refresh(&narrow)).await, refreshed());
    // Asked for here, told before.
    let mut alice_again = cluster.push(0).with(&wide).session().await;
    alice_again
        .subscribe(&["payments/api", "web/a"], json!("live"))
        .await;
    alice_again.subscribe(&["payments/*"], json!("live")).await;
    alice_again.tell(refresh(&narrow)).await;
    let mut dropped = Vec::new();
    for _ in 0..2 {
        dropped.push(alice_again.message_of_type("dropped").await);
    }
    assert_eq!(
        dropped,
        [
            json!({"type": "dropped", "id": "1", "streams": ["payments/api"], "reason": "grant"}),
            json!({"type": "dropped", "id": "2", "streams": ["payments/eu"], "reason": "grant"}),
        ]
    );

    // A line of what was dropped would end this test: the session has no cursor for it.
    for stream in ["payments/api", "payments/eu", "payments/new"] {
        cluster.collect(0).send(stream, lines(1)).await;
    }
    let sent = cluster.collect(0).send("web/a", lines(2)).await;
    for session in [&mut alice, &mut alice_again] {
        assert_eq!(session.take(2).await, sent);
        let refused = session.try_subscribe(&["payments/api"], json!("live")).await;
        assert_eq!(refused["code"], "stream_not_found");
        session.subscribe(&["new/a"], json!("live")).await;
    }
}
