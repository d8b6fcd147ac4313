//! How a connection ends, when the next one is made, and what is the end for good.

use std::sync::Arc;
use std::time::Duration;

use client::{Event, FixedToken, From, Server, State, Tail};
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use crate::fake::{Fake, live, subscribed, welcome};
use crate::told::{a_from, stay, told};

#[tokio::test]
async fn the_servers_hint_is_honoured_by_whatever_way_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake { listener };
    tokio::spawn(async move {
        let mut peer = fake.serve_a(5).await;
        peer.send(json!({"type": "closing", "code": 1012, "reason": "draining", "retry_after_ms": 150}))
            .await;
        peer.close(1012, "draining").await;
        fake.refuse(
            503,
            "retry-after: 1\r\n",
            json!({"code": "unavailable", "detail": "later"}),
        )
        .await;
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(json!({"type": "error", "id": "1", "code": "unavailable", "message": "no store", "retry_after_ms": 70}))
            .await;
        stay().await;
    });
    let server = Server::new(&url, Arc::new(FixedToken("token".into()))).unwrap();
    let mut follow = a_from(From::Live);
    follow.limits.first_wait = Duration::from_millis(1);
    let waits: Vec<(Duration, String)> = Tail::follow(server, follow)
        .filter_map(async |event| match event {
            Ok(Event::State(State::Offline { retry_in, why })) => Some((retry_in, why)),
            _ => None,
        })
        .take(3)
        .collect()
        .await;
    let expected = [
        (150, "the server closed the connection: draining (1012)"),
        (1000, "later (unavailable)"),
        (70, "no store (unavailable)"),
    ];
    for ((wait, why), (hint, expected)) in waits.iter().zip(expected) {
        let hint = Duration::from_millis(hint);
        assert!(
            *wait >= hint && *wait <= hint + Duration::from_millis(1),
            "{wait:?}"
        );
        assert_eq!(why, expected);
    }
}

/// Three times the longest silence nearly passes: each time the reader asks, and a ping is as good an answer as any.
#[tokio::test]
async fn silence_ends_a_connection_and_pings_keep_it() {
    let mut told = told(a_from(From::Live), 100, |fake| async move {
        let mut peer = fake.accept().await;
        peer.send(welcome("e1", 800)).await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        for ping in 0..3u8 {
            let asked = peer.socket.next().await.unwrap().unwrap();
            assert!(matches!(asked, Message::Ping(_)), "{asked:?}");
            peer.socket.send(Message::Ping(vec![ping].into())).await.unwrap();
            // It may have asked again meanwhile.
            while peer.socket.next().await.unwrap().unwrap() != Message::Pong(vec![ping].into()) {}
        }
        peer.lines(5, 6).await;
        let mut next = fake.serve_a(6).await;
        next.lines(6, 7).await;
        next.send(json!({"type": "closing", "code": 4500, "reason": "revoked"}))
            .await;
        next.close(4500, "revoked").await;
    })
    .await;
    // How often it is told depends on how long the answer takes.
    told.dedup();
    let kept = ["overdue", "replaying"].repeat(3);
    let ended = [
        "a 5..6 5=5",
        "overdue",
        "offline",
        "subscribed a",
        "replaying",
        "a 6..7 6=6",
        "error the server closed the connection for good: revoked (close code 4500)",
    ];
    assert_eq!(told, [&["subscribed a", "replaying"], &kept[..], &ended].concat());
}

#[tokio::test]
async fn a_sign_of_life_that_is_overdue_is_told_and_asked_for_and_so_is_the_one_that_comes() {
    let told = told(a_from(From::Live), 7, |fake| async move {
        let mut peer = fake.accept().await;
        peer.send(welcome("e1", 2_000)).await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        peer.send(live("a", 5)).await;
        // To read is to answer the client's ping.
        let asked = peer.socket.next().await.unwrap().unwrap();
        assert_eq!(asked, Message::Ping(Vec::new().into()));
        peer.lines(5, 6).await;
        let asked = peer.socket.next().await.unwrap().unwrap();
        assert_eq!(asked, Message::Ping(Vec::new().into()));
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "live",
            "overdue",
            "live",
            "a 5..6 5=5",
            "overdue",
        ]
    );
}

#[tokio::test]
async fn a_close_code_that_says_so_is_the_end() {
    let told = told(a_from(From::Live), 10, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.send(json!({"type": "closing", "code": 4500, "reason": "revoked"}))
            .await;
        peer.close(4500, "revoked").await;
    })
    .await;
    assert_eq!(
        told[2..],
        ["error the server closed the connection for good: revoked (close code 4500)"]
    );
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_the_end() {
    let told = told(a_from(From::Live), 10, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(
            json!({"type": "error", "id": "1", "code": "stream_not_found", "message": "no such stream", "stream": "a"}),
        )
        .await;
        stay().await;
    })
    .await;
    assert_eq!(told, ["error a: no such stream (stream_not_found)"]);
}

#[tokio::test]
async fn something_else_behind_the_address_is_said_to_be_that() {
    let told = told(a_from(From::Live), 10, |fake| async move {
        let mut peer = fake.accept().await;
        peer.send(json!({"hello": "world"})).await;
        stay().await;
    })
    .await;
    let [only] = &told[..] else { panic!("{told:?}") };
    assert!(
        only.contains("does not answer like a Tailcast installation"),
        "{only}"
    );
}
