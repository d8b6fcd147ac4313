//! A tail against a server that does what the test says: every line once, in order, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fake;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client::{
    Event, FixedToken, Follow, From, Server, State, Tail, TailError, TailLimits, TokenError, Tokens,
};
use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;

use fake::{Fake, cursors, live, subscribed, welcome};

/// Runs the script beside the tail, and gives what the tail told, each event as a few words, until `count` are there or
/// it ended.
async fn told<S: Future<Output = ()> + Send + 'static>(
    follow: Follow,
    count: usize,
    script: impl FnOnce(Fake) -> S,
) -> Vec<String> {
    told_with(follow, Arc::new(FixedToken("token".into())), count, script).await
}

async fn told_with<S: Future<Output = ()> + Send + 'static>(
    mut follow: Follow,
    tokens: Arc<dyn Tokens>,
    count: usize,
    script: impl FnOnce(Fake) -> S,
) -> Vec<String> {
    follow.limits = TailLimits {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        ..follow.limits
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = tokio::spawn(script(Fake { listener }));
    let tail = Tail::follow(Server::new(&url, tokens).unwrap(), follow);
    let mut events = Box::pin(tail.filter_map(async |event| words(event)).take(count));
    let mut told = Vec::new();
    let all = async {
        while let Some(event) = events.next().await {
            told.push(event);
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), all).await;
    if script.is_finished() {
        script.await.unwrap();
    } else {
        script.abort();
    }
    assert!(waited.is_ok(), "no more came than {told:?}");
    told
}

fn words(event: Result<Event, TailError>) -> Option<String> {
    Some(match event {
        Ok(Event::State(State::Connecting)) => return None,
        Ok(Event::State(State::Replaying)) => "replaying".into(),
        Ok(Event::State(State::Live)) => "live".into(),
        Ok(Event::State(State::Offline { .. })) => "offline".into(),
        Ok(Event::Lines(lines)) => {
            let messages = lines
                .lines
                .iter()
                .map(|line| format!(" {}={}", line.offset, line.record().unwrap().message));
            format!(
                "{} {}..{}{}",
                lines.stream,
                lines.first,
                lines.next,
                messages.collect::<String>()
            )
        }
        Ok(Event::Gap {
            stream,
            from,
            to,
            reason,
        }) => format!("gap {stream} {from}..{to} {reason}"),
        Ok(Event::Subscribed { streams, .. }) => {
            let names: Vec<String> = streams.into_keys().collect();
            format!("subscribed {}", names.join(" "))
        }
        Ok(Event::EpochChanged { old, new }) => format!("epoch {old} {new}"),
        Ok(Event::Dropped { streams, reason }) => format!("dropped {} {reason}", streams.join(" ")),
        Ok(Event::Warning { code, .. }) => format!("warning {code}"),
        Ok(Event::Fault(fault)) => format!("fault {fault}"),
        Err(error) => format!("error {error}"),
    })
}

fn a_from(from: From) -> Follow {
    Follow::new(["a"], from)
}

/// Keeps the connection until the test is over.
async fn stay() {
    std::future::pending().await
}

#[tokio::test]
async fn a_stream_is_replayed_and_then_live() {
    let told = told(a_from(From::Last(2)), 5, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.token, "Bearer token");
        let expected = json!({"type": "subscribe", "id": "1", "streams": ["a"], "from": {"last": 2}});
        assert_eq!(peer.hear().await, expected);
        peer.send(subscribed("1", "e1", &[("a", 8)])).await;
        peer.lines(8, 10).await;
        peer.send(live("a")).await;
        peer.lines(10, 11).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "a 8..10 8=8 9=9",
            "live",
            "a 10..11 10=10"
        ]
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again_and_nothing_is_missing_or_told_twice() {
    let told = told(a_from(From::Live), 9, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.send(live("a")).await;
        peer.lines(5, 7).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 7}), "e1"));
        peer.send(subscribed("1", "e1", &[("a", 7)])).await;
        peer.lines(7, 8).await;
        peer.send(live("a")).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "live",
            "a 5..7 5=5 6=6",
            "offline",
            "subscribed a",
            "replaying",
            "a 7..8 7=7",
            "live"
        ]
    );
}

#[tokio::test]
async fn however_often_the_connection_breaks_every_line_is_told_once_and_in_order() {
    const LINES: u64 = 300;
    let follow = a_from(From::beginning());
    let cutting = told(follow, usize::MAX, |fake| async move {
        let mut connections = 0;
        loop {
            let mut peer = fake.welcome("e1").await;
            let cursor = peer.hear().await["from"]["cursors"]["a"].as_u64().unwrap_or(0);
            if cursor == LINES {
                return peer.close(4500, "enough").await;
            }
            connections += 1;
            // A connection may also break before, or right after, it was good for anything.
            if connections % 5 == 0 {
                continue;
            }
            peer.send(subscribed("1", "e1", &[("a", cursor)])).await;
            let end = (cursor + connections % 7).min(LINES);
            for first in cursor..end {
                peer.lines(first, first + 1).await;
            }
        }
    })
    .await;
    let lines: Vec<String> = cutting
        .into_iter()
        .filter(|event| event.starts_with("a "))
        .collect();
    let expected: Vec<String> = (0..LINES).map(|n| format!("a {n}..{} {n}={n}", n + 1)).collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn what_the_server_repeats_or_leaves_out_is_named_and_told_once() {
    let told = told(a_from(From::Live), 7, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.lines(5, 7).await;
        peer.lines(6, 8).await;
        peer.lines(10, 11).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..],
        [
            "a 5..7 5=5 6=6",
            "fault a: lines from 6 came again, 7 was due",
            "a 7..8 7=7",
            "fault a: lines 8 to 10 are missing without a word",
            "a 10..11 10=10",
        ]
    );
}

#[tokio::test]
async fn a_gap_is_told_with_both_ends_also_after_a_pause() {
    let told = told(a_from(From::Live), 8, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.lines(5, 6).await;
        drop(peer);
        let mut peer = fake.serve_a(20).await;
        peer.send(json!({"type": "gap", "stream": "a", "from": 6, "to": 20, "reason": "retention"}))
            .await;
        peer.lines(20, 21).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..],
        [
            "a 5..6 5=5",
            "offline",
            "subscribed a",
            "replaying",
            "gap a 6..20 retention",
            "a 20..21 20=20"
        ]
    );
}

#[tokio::test]
async fn another_database_is_told_and_followed_from_its_beginning() {
    let told = told(a_from(From::Live), 8, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.lines(5, 6).await;
        drop(peer);
        let mut peer = fake.welcome("e2").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({}), "e2"));
        peer.send(subscribed("1", "e2", &[("a", 0)])).await;
        peer.lines(0, 1).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..],
        [
            "a 5..6 5=5",
            "offline",
            "epoch e1 e2",
            "subscribed a",
            "replaying",
            "a 0..1 0=0"
        ]
    );
}

#[tokio::test]
async fn a_subscription_refused_for_its_epoch_starts_over() {
    let follow = a_from(From::Cursors {
        cursors: BTreeMap::from([("a".into(), 7)]),
        epoch: None,
    });
    let told = told(follow, 4, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 7}), "e1"));
        peer.send(json!({"type": "error", "id": "1", "code": "wrong_epoch", "epoch": "e2"}))
            .await;
        let mut peer = fake.welcome("e2").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({}), "e2"));
        peer.send(subscribed("1", "e2", &[("a", 0)])).await;
        stay().await;
    })
    .await;
    assert_eq!(told, ["epoch e1 e2", "offline", "subscribed a", "replaying"]);
}

#[tokio::test]
async fn new_streams_of_a_pattern_are_resumed_too_and_unseen_ones_begin_at_their_first_line() {
    let told = told(Follow::new(["**"], From::Live), 5, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[])).await;
        peer.send(subscribed("1", "e1", &[("a", 0)])).await;
        peer.lines(0, 1).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        let expected = json!({"type": "subscribe", "id": "1", "streams": ["**"], "from": cursors(json!({"a": 1}), "e1")});
        assert_eq!(peer.hear().await, expected);
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        ["subscribed ", "replaying", "live", "subscribed a", "a 0..1 0=0"]
    );
}

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
async fn silence_ends_a_connection_and_pings_keep_it() {
    let told = told(a_from(From::Live), 7, |fake| async move {
        let mut peer = fake.accept().await;
        peer.send(welcome("e1", 800)).await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        for ping in 0..5u8 {
            tokio::time::sleep(Duration::from_millis(300)).await;
            peer.socket.send(Message::Ping(vec![ping].into())).await.unwrap();
            let pong = peer.socket.next().await.unwrap().unwrap();
            assert_eq!(pong, Message::Pong(vec![ping].into()));
        }
        peer.lines(5, 6).await;
        let mut next = fake.serve_a(6).await;
        next.lines(6, 7).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "a 5..6 5=5",
            "offline",
            "subscribed a",
            "replaying",
            "a 6..7 6=6"
        ]
    );
}

#[tokio::test]
async fn a_filter_is_passed_on_and_its_lines_keep_their_offsets() {
    let mut follow = a_from(From::Live);
    follow.filter = Some("level>=warn".into());
    let told = told(follow, 5, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["filter"], "level>=warn");
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        peer.socket
            .send(Message::text(
                r#"{"type":"lines","stream":"a","first":5,"next":9,"lines":[{"offset":6,"message":"six"},{"offset":8,"message":"eight"}]}"#,
            ))
            .await
            .unwrap();
        peer.send(json!({"type": "lines", "stream": "a", "first": 9, "next": 12, "lines": []}))
            .await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 12}), "e1"));
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "a 5..9 6=six 8=eight",
            "a 9..12",
            "offline"
        ]
    );
}

#[tokio::test]
async fn a_message_that_makes_no_sense_is_told_and_the_stream_goes_on_from_its_cursor() {
    let told = told(a_from(From::Live), 7, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.send(json!({"type": "lines", "stream": "a", "first": 5, "next": 9, "lines": [{}]}))
            .await;
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 5}), "e1"));
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        peer.lines(5, 6).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told[2..],
        [
            "fault a message makes no sense: a: 1 lines in a run from 5 to 9",
            "offline",
            "subscribed a",
            "replaying",
            "a 5..6 5=5"
        ]
    );
}

#[tokio::test]
async fn streams_that_were_taken_away_are_not_asked_for_again() {
    let dropped =
        |stream: &str| json!({"type": "dropped", "id": "1", "streams": [stream], "reason": "grant"});
    let told = told(Follow::new(["a", "b"], From::Live), 6, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5), ("b", 1)])).await;
        peer.send(dropped("b")).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        let expected =
            json!({"type": "subscribe", "id": "1", "streams": ["a"], "from": cursors(json!({"a": 5}), "e1")});
        assert_eq!(peer.hear().await, expected);
        peer.send(dropped("a")).await;
        stay().await;
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a b",
            "replaying",
            "dropped b grant",
            "offline",
            "dropped a grant",
            "error none of the streams may be read any more"
        ]
    );
}

/// Another token each time.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Tokens for Counted {
    fn token(&self) -> BoxFuture<'_, Result<String, TokenError>> {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(format!("t{count}")) })
    }
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_while_connected_and_at_the_door() {
    let ended = || json!({"code": "bad_token", "detail": "the token has expired"});
    let told = told_with(
        a_from(From::Live),
        Arc::new(Counted::default()),
        10,
        |fake| async move {
            let mut peer = fake.serve_a(5).await;
            assert_eq!(peer.token, "Bearer t0");
            peer.send(json!({"type": "expiring", "expires_at": "2026-01-01T00:00:00Z"}))
                .await;
            assert_eq!(peer.hear().await, json!({"type": "refresh", "token": "t1"}));
            peer.send(
                json!({"type": "closing", "code": 4003, "reason": "token_expired", "retry_after_ms": 0}),
            )
            .await;
            peer.close(4003, "token_expired").await;
            fake.refuse(401, "", ended()).await;
            let peer = fake.serve_a(5).await;
            drop(peer);
            fake.refuse(401, "", ended()).await;
            fake.refuse(401, "", ended()).await;
        },
    )
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "offline",
            "subscribed a",
            "replaying",
            "offline",
            "error the token has expired (bad_token)"
        ]
    );
}

#[tokio::test]
async fn a_token_that_cannot_be_replaced_is_the_end_with_the_servers_sentence() {
    let told = told(a_from(From::Live), 10, |fake| async move {
        fake.refuse(
            401,
            "",
            json!({"code": "bad_token", "detail": "the token has expired"}),
        )
        .await;
    })
    .await;
    assert_eq!(told, ["error the token has expired (bad_token)"]);
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
