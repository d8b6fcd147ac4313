//! What readers give to compute.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::raw::{Raw, frame};
use super::{Victim, code};
use crate::fixture::PATIENCE;

/// A line that expressions have to look at to its end.
fn long_line(count: usize) -> serde_json::Value {
    json!({"ts": "2026-01-01T00:00:00Z", "message": "ab".repeat(count)})
}

#[tokio::test]
async fn expressions_that_explode_are_refused_or_end_in_time_while_others_are_served() {
    let victim = Victim::start().await;
    let stream = "attacks/patterns";
    for _ in 0..10 {
        victim.node.send(stream, vec![long_line(60_000); 10]).await;
    }
    let eight = (0..8)
        .map(|n| format!("/[ab]{{0,{}}}z/", 2_000 - n))
        .collect::<Vec<_>>()
        .join(" OR ");
    let cases = [
        ("nested repeats", "/(a+)+$/".to_owned(), 200, ""),
        ("alternatives that overlap", "/(a|a|ab)*c$/".to_owned(), 200, ""),
        (
            "a million of them",
            "/(?:a{1000}){1000}/".to_owned(),
            400,
            "bad_parameter",
        ),
        ("eight that count", eight, 400, "bad_parameter"),
        (
            "one that counts",
            "/[ab]{0,2000}z/".to_owned(),
            400,
            "bad_parameter",
        ),
        ("a look behind", "/(?<=a)b/".to_owned(), 400, "bad_parameter"),
        ("itself again", r"/(a)\1/".to_owned(), 400, "bad_parameter"),
        (
            "brackets in brackets",
            format!("/{}a{}/", "(".repeat(1_000), ")".repeat(1_000)),
            400,
            "bad_parameter",
        ),
        (
            "groups in groups",
            format!("{}a{}", "(".repeat(1_000), ")".repeat(1_000)),
            400,
            "bad_parameter",
        ),
        ("a thousand words", "word ".repeat(1_000), 400, "bad_parameter"),
    ];
    let mut wrong = Vec::new();
    for (what, filter, status, expected) in cases {
        let begun = Instant::now();
        let query = [("stream", stream), ("filter", &filter)];
        let asked = victim.node.get("/v1/lines").query(&query).send();
        let meanwhile = victim.works();
        let (answer, ()) = tokio::join!(asked, meanwhile);
        let answer = answer.unwrap();
        let said = (answer.status().as_u16(), code(&answer.text().await.unwrap()));
        let has_code = expected.is_empty() || said.1 == expected;
        if said.0 != status || !has_code || begun.elapsed() > PATIENCE {
            wrong.push((what, said, (status, expected)));
        }
        let mut session = victim.node.session().await;
        let subscribed = session
            .try_subscribe_with(&[stream], json!({"from": {"last": 50}, "filter": filter}))
            .await;
        let in_sessions = if status == 200 {
            &subscribed["type"]
        } else {
            &subscribed["code"]
        };
        let expected = if status == 200 { "subscribed" } else { "bad_filter" };
        assert_eq!(in_sessions, expected, "{what}: {subscribed}");
    }
    assert_eq!(wrong, []);
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn a_megabyte_of_pattern_is_not_read() {
    let victim = Victim::start().await;
    let huge = "*/".repeat(1 << 19) + "a";
    let mut raw = Raw::to(&victim.node).await;
    let head = format!("GET /v1/streams?match={huge} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    raw.say(head.as_bytes()).await;
    assert_eq!(raw.status().await, Some(431));
    for name in ["streams", "filter"] {
        let message = match name {
            "streams" => json!({"type": "subscribe", "id": "a", "streams": [huge]}),
            _ => json!({"type": "subscribe", "id": "a", "streams": ["a"], "filter": huge}),
        };
        let mut raw = Raw::websocket(&victim.node).await;
        raw.say(&frame(0x81, message.to_string().as_bytes())).await;
        assert_eq!(raw.ends().await, Some(1009), "{name}");
    }
    // As long as a message may be: stars that each could be anything.
    let most = "**/".repeat(60) + "a";
    let mut raw = Raw::websocket(&victim.node).await;
    let message = json!({"type": "subscribe", "id": "a", "streams": [most]});
    raw.say(&frame(0x81, message.to_string().as_bytes())).await;
    let answered = tokio::time::timeout(Duration::from_secs(20), raw.message()).await;
    assert!(answered.expect("an answer in time").is_some());
    victim.goes_on_unharmed().await;
}
