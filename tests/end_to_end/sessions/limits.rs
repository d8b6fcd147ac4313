//! What one session may do, and how it ends when it does more.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fixture::{Alone, Session, lines, until};

/// Sends so many of the same, and gives the codes of the errors before the end, and the close code.
async fn until_closed(session: &mut Session, count: usize, message: Value) -> (Vec<Value>, u16) {
    for _ in 0..count {
        session.tell(message.clone()).await;
    }
    let code = session.closed().await;
    let mut errors = Vec::new();
    loop {
        let message = session.message(|_| true).await;
        match message["type"].as_str() {
            Some("error") => errors.push(message["code"].clone()),
            _ => break assert_closing(&message, code),
        }
    }
    (errors, code)
}

fn assert_closing(message: &Value, code: u16) {
    assert_eq!(
        (&message["type"], &message["code"]),
        (&json!("closing"), &json!(code))
    );
    assert!(
        message.get("retry_after_ms").is_none(),
        "it would end the same way: {message}"
    );
}

/// In tests, too, a session has 20 messages a second.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn the_twentieth_bad_message_in_a_row_is_the_last() {
    let alone = Alone::start().await;
    let mut session = alone.session().await;
    let (errors, code) = until_closed(&mut session, 20, json!({"type": "dance"})).await;
    assert_eq!((errors, code), (vec![json!("bad_message"); 20], 4501));

    // One that is good forgives those before.
    let mut session = alone.session().await;
    for _ in 0..3 {
        for _ in 0..19 {
            session.tell(json!({"type": "dance"})).await;
        }
        session.ask(json!({"type": "pause", "id": "nothing"})).await;
    }
}

#[tokio::test]
async fn what_comes_faster_than_twenty_a_second_is_not_done_and_two_hundred_of_it_end_the_session() {
    let alone = Alone::start().await;
    let mut session = alone.session().await;
    let pause = json!({"type": "pause", "id": "nothing"});
    let (errors, code) = until_closed(&mut session, 600, pause).await;
    assert_eq!(code, 4502);
    assert_eq!(errors[..100], vec![json!("unknown_id"); 100], "at once");
    assert_eq!(errors[errors.len() - 200..], vec![json!("rate_limited"); 200]);

    let mut session = alone.session().await;
    for _ in 0..150 {
        session
            .tell(json!({"type": "unsubscribe", "id": "nothing"}))
            .await;
    }
    let limited = session.message(|it| it["code"] == "rate_limited").await;
    assert_eq!(limited["id"], "nothing");
    assert!(limited["retry_after_ms"].is_u64(), "{limited}");
    let sent = alone.send("payments/api", lines(1)).await;
    session.message(|it| it["code"] == "rate_limited").await;
    // Slower again, it goes on.
    let subscribed = loop {
        let answer = session.try_subscribe(&["payments/api"], json!({"last": 1})).await;
        if answer["code"] == "rate_limited" {
            a_moment().await
        } else {
            break answer;
        }
    };
    assert_eq!(subscribed["type"], "subscribed");
    assert_eq!(session.take(1).await, sent);
}

#[tokio::test]
async fn a_message_that_is_too_large_or_no_text_ends_the_session_with_the_code_of_the_standard() {
    let alone = Alone::start().await;
    let mut session = alone.session().await;
    let limit = session.welcome()["limits"]["message_bytes"].as_u64().unwrap() as usize;
    let (errors, code) = until_closed(&mut session, 1, json!("x".repeat(limit - 1))).await;
    assert_eq!((errors, code), (vec![], 1009));

    // As large as it may be is large enough for anything.
    let mut session = alone.session().await;
    let mut request = json!({"type": "pause", "id": "nothing", "padding": ""});
    let padding = "x".repeat(limit - request.to_string().len());
    request["padding"] = json!(padding);
    assert_eq!(session.ask(request).await["code"], "unknown_id");

    let mut session = alone.session().await;
    session.tell_bytes(b"binary").await;
    assert_eq!(session.closed().await, 1003);
    assert_closing(&session.message_of_type("closing").await, 1003);
}

#[tokio::test]
async fn subscriptions_and_streams_of_a_session_are_counted() {
    let alone = Alone::start().await;
    let mut session = alone.session().await;
    let limits = session.welcome()["limits"].clone();
    assert_eq!(
        limits,
        json!({"subscriptions": 100, "streams": 1000, "message_bytes": 16384, "messages_per_second": 20})
    );
    let names =
        |from: u64, count: u64| -> Vec<String> { (from..from + count).map(|it| format!("s/{it}")).collect() };
    let subscribe = async |session: &mut Session, names: &[String]| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        loop {
            let answer = session.try_subscribe(&names, json!("live")).await;
            if answer["code"] == "rate_limited" {
                a_moment().await
            } else {
                break answer;
            }
        }
    };
    for number in 0..100 {
        let answer = subscribe(&mut session, &names(number, 1)).await;
        assert_eq!(answer["type"], "subscribed", "{answer}");
    }
    assert_eq!(subscribe(&mut session, &names(100, 1)).await["code"], "limit");
    let unsubscribe = json!({"type": "unsubscribe", "id": "1"});
    while session.ask(unsubscribe.clone()).await["type"] != "done" {
        a_moment().await;
    }
    assert_eq!(
        subscribe(&mut session, &names(100, 1)).await["type"],
        "subscribed"
    );

    let mut session = alone.session().await;
    for number in 0..4 {
        let answer = subscribe(&mut session, &names(number * 250, 250)).await;
        assert_eq!(answer["type"], "subscribed");
    }
    assert_eq!(subscribe(&mut session, &names(1000, 1)).await["code"], "limit");
    assert_eq!(
        subscribe(&mut session, &names(0, 1)).await["code"],
        "duplicate_stream"
    );
    let sent = alone.send("s/999", lines(1)).await;
    assert_eq!(session.take(1).await, sent, "what stands goes on");
}

#[tokio::test]
async fn a_subscriber_has_a_thousand_sessions_and_the_next_one_when_one_of_them_ends() {
    let alone = Alone::start().await;
    let mut sessions = Vec::new();
    for _ in 0..1_000 {
        sessions.push(alone.session().await);
    }
    assert_eq!(Session::open(&alone).await.err(), Some(429));
    sessions.pop();
    until("the place is free again", async || {
        Session::open(&alone).await.ok()
    })
    .await;
}
