//! What a session is told in frames and in messages.
//!
//! Elsewhere already: fragments beyond 64 and a message beyond 16 KiB (push/tests/sessions/ends.rs), readers that take nothing
//! at the size of a node (sessions/slow.rs).

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::Victim;
use super::raw::{Raw, frame};
use crate::fixture::lines;

const TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const CLOSE: u8 = 0x88;

/// A close frame with a code and more.
fn close(code: u16, more: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), more].concat())
}

/// The head of a frame that says it is this long, without what it says.
fn promised(length: u64) -> Vec<u8> {
    [&[TEXT, 0x80 | 127][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat()
}

#[tokio::test]
async fn broken_frames_end_their_session_with_the_code_of_the_standard() {
    let victim = Victim::start().await;
    let half = |first: u8, bytes: &[u8]| frame(first & 0x7f, bytes);
    let many_bits = |bits: u8| frame(TEXT | bits, b"{}");
    let mut cases = vec![
        ("unmasked", vec![TEXT, 2, b'{', b'}'], 1002),
        ("RSV1", many_bits(0x40), 1002),
        ("RSV2", many_bits(0x20), 1002),
        ("RSV3", many_bits(0x10), 1002),
        ("a ping in fragments", half(PING, b"hi"), 1002),
        ("a ping of 126 bytes", frame(PING, &[0; 126]), 1002),
        ("a fragment of nothing", frame(0x80, b"hi"), 1002),
        (
            "a message in a message",
            [half(TEXT, b"{"), frame(TEXT, b"{}")].concat(),
            1002,
        ),
        ("2^63-1 bytes", promised(u64::MAX >> 1), 1009),
        ("2^64-1 bytes", promised(u64::MAX), 1009),
        (
            "endless fragments of nothing",
            [half(TEXT, b""), half(0, b"").repeat(10_000)].concat(),
            1009,
        ),
        (
            "endless fragments of one byte",
            [half(TEXT, b" "), half(0, b" ").repeat(10_000)].concat(),
            1009,
        ),
        ("no UTF-8", frame(TEXT, b"\xff\xfe"), 1007),
        ("a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
        (
            "no UTF-8 in the second half",
            [half(TEXT, b"\xc3"), frame(0x80, b"\x28")].concat(),
            1007,
        ),
        ("UTF-8 that breaks off", frame(TEXT, b"\"\xe2\x82"), 1007),
        ("binary", frame(0x82, b"{}"), 1003),
        ("a close of one byte", frame(CLOSE, b"\x03"), 1002),
        ("a close without UTF-8", close(1000, b"\xff\xff"), 1007),
    ];
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        cases.push(("a reserved opcode", frame(0x80 | opcode, b""), 1002));
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
        cases.push(("a code that is not sent", close(code, b""), 1002));
    }
    for (what, bytes, expected) in cases {
        let mut raw = Raw::websocket(&victim.node).await;
        raw.say(&bytes).await;
        assert_eq!(
            raw.ends().await,
            Some(expected),
            "{what}: {:x?}",
            &bytes[..bytes.len().min(16)]
        );
    }
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn messages_that_are_none_are_answered_and_the_session_goes_on() {
    let victim = Victim::start().await;
    victim.node.send("attacks/offsets", lines(3)).await;
    let subscribe =
        |members: &str| format!(r#"{{"type":"subscribe","id":"a","streams":["attacks/offsets"],{members}}}"#);
    let cursor = |offset: &str| {
        subscribe(&format!(
            r#""from":{{"cursors":{{"attacks/offsets":{offset}}},"epoch":"EPOCH"}}"#
        ))
    };
    let deep =
        |open: &str, close: &str, levels: usize| format!("{}{}", open.repeat(levels), close.repeat(levels));
    let cases = [
        ("lists in lists", deep("[", "]", 8_000), "bad_message"),
        ("10,000 lists that do not end", "[".repeat(10_000), "bad_message"),
        ("objects in objects", deep("{\"a\":", "}", 2_000), "bad_message"),
        (
            "deep in a member",
            format!(r#"{{"type":"ping","id":"a","x":{}}}"#, deep("[", "]", 7_000)),
            "bad_message",
        ),
        ("1e400", subscribe(r#""from":{"last":1e400}"#), "bad_message"),
        (
            "an unknown type",
            r#"{"type":"admin","id":"a"}"#.to_owned(),
            "bad_message",
        ),
        (
            "a type that is none",
            r#"{"type":{"type":"ping"},"id":"a"}"#.to_owned(),
            "bad_message",
        ),
        ("no object", r#""subscribe""#.to_owned(), "bad_message"),
        ("NUL", "\0".to_owned(), "bad_message"),
        ("nothing", String::new(), "bad_message"),
        (
            "an id that is too long",
            format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(65)),
            "bad_message",
        ),
        ("an offset below 0", cursor("-1"), "bad_from"),
        ("half an offset", cursor("0.5"), "bad_from"),
        ("an offset that is none", cursor("\"0\""), "bad_from"),
        (
            "an offset beyond 2^64",
            cursor("18446744073709551616"),
            "bad_from",
        ),
        (
            "an offset beyond all lines",
            cursor("9223372036854775807"),
            "cursor_ahead",
        ),
        (
            "the last offset there is",
            cursor("18446744073709551615"),
            "cursor_ahead",
        ),
        (
            "another epoch",
            cursor("0").replace("EPOCH", "another"),
            "wrong_epoch",
        ),
        ("a count below 0", subscribe(r#""from":{"last":-1}"#), "bad_from"),
        (
            "the same member twice",
            subscribe(r#""from":"live","from":{"last":-1}"#),
            "bad_from",
        ),
        (
            "a name that leaves its folder",
            subscribe("\"x\":0").replace("attacks/offsets", "a/../b"),
            "bad_stream",
        ),
        (
            "somebody to seek that is not there",
            r#"{"type":"seek","id":"z","stream":"a","to":-1}"#.to_owned(),
            "bad_message",
        ),
    ];
    for (what, text, expected) in cases {
        let mut raw = Raw::websocket(&victim.node).await;
        let epoch = victim.node.session().await.welcome()["epoch"].clone();
        let text = text.replace("EPOCH", epoch.as_str().unwrap());
        raw.say(&frame(TEXT, text.as_bytes())).await;
        let error = raw.says("error").await;
        assert_eq!(error["code"], expected, "{what}: {error}");
        raw.say(&frame(TEXT, br#"{"type":"ping","id":"still there"}"#))
            .await;
        assert_eq!(raw.says("done").await["id"], "still there", "{what}");
    }
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn a_flood_of_pings_or_of_subscribes_costs_nobody_else_anything() {
    let victim = Victim::start().await;
    // Who does not read what comes back is not read any more.
    let mut floods = Vec::new();
    for _ in 0..20 {
        let mut flood = Raw::websocket(&victim.node).await.into_stream();
        let pings = frame(PING, &[7; 125]).repeat(8_000);
        let writing = tokio::time::timeout(Duration::from_millis(200), flood.write_all(&pings)).await;
        drop(writing);
        floods.push(flood);
    }
    victim.works().await;
    drop(floods);
    let mut raw = Raw::websocket(&victim.node).await;
    let subscribes = (0..1_000).map(|n| {
        let message = json!({"type": "subscribe", "id": n.to_string(), "streams": [format!("flood/{n}")]});
        frame(TEXT, message.to_string().as_bytes())
    });
    raw.say(&subscribes.collect::<Vec<_>>().concat()).await;
    assert_eq!(raw.ends().await, Some(4502));
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn who_answers_no_ping_and_who_reads_nothing_has_to_go() {
    let victim = Victim::with(
        "[limits.sessions]\nheartbeat = \"1s\"\npong_within = \"1s\"\nprogress_within = \"1s\"\n",
    )
    .await;
    let mut silent = Raw::websocket(&victim.node).await;
    assert_eq!(silent.ends().await, Some(4001));
    let mut full = Raw::websocket(&victim.node).await;
    full.say(&frame(
        TEXT,
        br#"{"type":"subscribe","id":"a","streams":["attacks/flow"]}"#,
    ))
    .await;
    full.says("subscribed").await;
    let before = victim.node.measured("tailcast_sessions_closed_total").await;
    let big = json!({"message": "x".repeat(200_000)});
    victim.node.send("attacks/flow", vec![with_time(big); 40]).await;
    crate::fixture::until("the session that reads nothing is closed", async || {
        (victim.node.measured("tailcast_sessions_closed_total").await > before).then_some(())
    })
    .await;
    victim.goes_on_unharmed().await;
}

fn with_time(mut line: serde_json::Value) -> serde_json::Value {
    line["ts"] = json!("2026-01-01T00:00:00Z");
    line
}
