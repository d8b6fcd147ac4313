//! Every line is told once and in order, and what is missing is named.

use client::From;
use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use crate::fake::{cursors, live, subscribed};
use crate::told::{a_from, stay, told};

#[tokio::test]
async fn a_stream_is_replayed_and_then_live() {
    let told = told(a_from(From::Last(2)), 5, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.token, "Bearer token");
        let expected = json!({"type": "subscribe", "id": "1", "streams": ["a"], "from": {"last": 2}});
        assert_eq!(peer.hear().await, expected);
        peer.send(subscribed("1", "e1", &[("a", 8)])).await;
        peer.lines(8, 10).await;
        peer.send(live("a", 10)).await;
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
        peer.send(live("a", 5)).await;
        peer.lines(5, 7).await;
        drop(peer);
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["from"], cursors(json!({"a": 7}), "e1"));
        peer.send(subscribed("1", "e1", &[("a", 7)])).await;
        peer.lines(7, 8).await;
        peer.send(live("a", 8)).await;
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
            "gap a 6..20 not kept any more",
            "a 20..21 20=20"
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
async fn a_filter_is_passed_on_and_its_lines_keep_their_offsets() {
    let mut follow = a_from(From::Live);
    follow.filter = Some("level>=warn".into());
    let told = told(follow, 6, |fake| async move {
        let mut peer = fake.welcome("e1").await;
        assert_eq!(peer.hear().await["filter"], "level>=warn");
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        peer.socket
            .send(Message::text(
                r#"{"type":"lines","stream":"a","first":5,"next":9,"lines":[{"offset":6,"ts":"2026-01-01T00:00:00Z","message":"six"},{"offset":8,"ts":"2026-01-01T00:00:00Z","message":"eight"}]}"#,
            ))
            .await
            .unwrap();
        peer.send(json!({"type": "lines", "stream": "a", "first": 9, "next": 12, "lines": []}))
            .await;
        peer.send(live("a", 12)).await;
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
            "live",
            "offline"
        ]
    );
}
