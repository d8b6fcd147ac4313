//! What a sender with a good token brings in.
//!
//! Elsewhere already: a gzip bomb, an endless chunked body and a key that is used again (ingest.rs), each bound at its edge
//! (collect/tests/ingest/bounds.rs), any bytes at all (collect/tests/ingest/any_bytes.rs).

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::raw::Raw;
use super::{Victim, code};
use crate::fixture::{Cluster, Token};

/// What a shell makes.
fn made(by: &str) -> Vec<u8> {
    Command::new("sh").args(["-c", by]).output().unwrap().stdout
}

/// A frame of zstd with a window of 2 to the power of this, of blocks that each are 128 KiB of one byte.
fn zstd(window_log: u8, blocks: usize) -> Vec<u8> {
    const SIZE: u32 = 128 * 1024;
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0, (window_log - 10) << 3];
    for block in 1..=blocks {
        let head = u32::from(block == blocks) | 1 << 1 | SIZE << 3;
        bytes.extend(&head.to_le_bytes()[..3]);
        bytes.push(b'z');
    }
    bytes
}

#[tokio::test]
async fn bodies_that_are_made_to_hurt_are_refused_whole_and_memory_comes_back() {
    let victim = Victim::start().await;
    let gzip = |levels: usize| {
        made(&format!(
            "head -c 200000000 /dev/zero{}",
            " | gzip -9".repeat(levels)
        ))
    };
    let encoded = |encoding: &'static str, body: Vec<u8>| (vec![encoding], body);
    let cases = [
        ("a bomb of gzip", encoded("gzip", gzip(1)), 413, "too_large"),
        (
            "a bomb of zstd: 32 GB",
            encoded("zstd", zstd(20, 250_000)),
            413,
            "too_large",
        ),
        (
            "a bomb in a bomb, said to be one",
            encoded("gzip, gzip", gzip(2)),
            415,
            "unsupported_encoding",
        ),
        (
            "the same in two headers",
            (vec!["gzip", "gzip"], gzip(2)),
            415,
            "unsupported_encoding",
        ),
        (
            "zstd in gzip",
            encoded("zstd, gzip", vec![1]),
            415,
            "unsupported_encoding",
        ),
        (
            "a window of 2 GiB",
            encoded("zstd", zstd(31, 1)),
            400,
            "bad_encoding",
        ),
        (
            "an unknown encoding",
            encoded("br", vec![1]),
            415,
            "unsupported_encoding",
        ),
        (
            "a million lines of a byte",
            (vec![], b"x\n".repeat(1_000_000)),
            413,
            "too_large",
        ),
        (
            "a million objects in a row",
            (vec!["json"], b"{}".repeat(1_000_000)),
            413,
            "too_large",
        ),
        (
            "a million lists in lists",
            (vec!["json"], b"[".repeat(1_000_000)),
            400,
            "bad_json",
        ),
    ];
    let mut wrong = Vec::new();
    for (what, (encodings, body), status, expected) in cases {
        let mut request = victim.node.post("/v1/lines?stream=attacks/bomb").body(body);
        for encoding in encodings {
            request = match encoding {
                "json" => request.header("content-type", "application/json"),
                encoding => request.header("content-encoding", encoding),
            };
        }
        let answer = request.send().await.unwrap();
        let said = (answer.status().as_u16(), code(&answer.text().await.unwrap()));
        if said != (status, expected.to_owned()) {
            wrong.push((what, said, (status, expected)));
        }
    }
    assert_eq!(wrong, []);
    let kept = victim
        .node
        .get("/v1/lines?stream=attacks/bomb")
        .send()
        .await
        .unwrap();
    assert_eq!(kept.status().as_u16(), 404, "nothing of it was stored");
    // Inflated once, what was encoded twice is some bytes.
    let twice = victim
        .node
        .post("/v1/lines?stream=attacks/twice")
        .header("content-encoding", "gzip");
    let answer = twice.body(gzip(2)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn a_body_that_comes_a_byte_at_a_time_is_given_up() {
    let victim = Victim::with("[limits.ingest]\nsilence = \"500ms\"\n").await;
    for framing in ["content-length: 1000", "transfer-encoding: chunked"] {
        let mut raw = Raw::to(&victim.node).await;
        let token = Token::of_tester();
        let head = format!(
            "POST /v1/lines?stream=attacks/slow HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{framing}\r\n\r\n"
        );
        raw.say(head.as_bytes()).await;
        for _ in 0..20 {
            raw.say(if framing.ends_with("chunked") {
                b"1\r\nx\r\n"
            } else {
                b"x"
            })
            .await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(raw.status().await, Some(408), "{framing}");
    }
    victim.goes_on_unharmed().await;
}

/// What MongoDB would do something about, if it came to it as anything but text.
#[tokio::test]
async fn names_and_values_meant_for_the_database_are_text_like_any_other() {
    let mut cluster = Cluster::start(&["collect", "read"]).await;
    let fields = json!({
        "$where": "sleep(100000)", "$set": {"floor": 0}, "a.b": {"$gt": ""}, "": 1, "x\u{0}y": {"\u{0}": [null]},
        "_id": {"$oid": "000000000000000000000000"}, "__proto__": {"admin": true}, "constructor": 7,
    });
    let sent =
        json!({"ts": "2026-01-01T00:00:00.000000000Z", "message": "{\"$ne\": null}", "fields": fields});
    let collect = cluster.collect(0);
    let request = collect
        .post("/v1/lines?stream=attacks/mongo")
        .body(sent.to_string());
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    for name in [
        "attacks/$where",
        "{\"$ne\":null}",
        "attacks/\0",
        "$cmd",
        "attacks[$ne]",
    ] {
        let answer = collect
            .post("/v1/lines")
            .query(&[("stream", name)])
            .body("x")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 400, "{name}");
    }
    // An array or an object in the query is nobody's language here.
    let asked = collect
        .post("/v1/lines?stream[$ne]=x")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(code(&asked.text().await.unwrap()), "nothing_accepted");
    let read = cluster.read(0);
    let history = read.history("attacks/mongo", 0).await;
    let mut kept: Value = serde_json::from_str(&history).unwrap();
    kept.as_object_mut().unwrap().remove("offset");
    assert_eq!(kept, sent);
    let listed: Value = read
        .get("/v1/streams")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(listed["streams"].as_array().unwrap().len(), 1, "{listed}");
}

#[tokio::test]
async fn times_that_no_clock_says_move_nothing_and_are_kept() {
    let victim = Victim::start().await;
    let stream = "attacks/times";
    let times = [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-9999-01-01T00:00:00Z",
        "2026-13-45T99:99:99Z",
        "1e400",
        "-1",
        "18446744073709551616",
        "9223372036854775807",
    ];
    let body = times
        .map(|ts| json!({"ts": ts, "message": ts}).to_string())
        .join("\n");
    let answer = victim
        .node
        .post(&format!("/v1/lines?stream={stream}"))
        .body(body)
        .send()
        .await
        .unwrap();
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["accepted"], times.len(), "{said}");
    victim.node.send(stream, crate::fixture::lines(2)).await;
    let history = victim.node.history(stream, 0).await;
    let lines: Vec<Value> = history
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), times.len() + 2);
    for (line, told) in lines.iter().zip(times) {
        // In full, whatever is made of it: as the line's time, or as a field of it.
        let year = line["ts"].as_str().unwrap().get(..4).unwrap();
        assert!(("1678"..="2262").contains(&year), "{line}");
        assert!(
            line["ts"] == told || line["fields"]["ts"] == told || line["fields"].is_null(),
            "{line}"
        );
    }
    // Who asks for a time that no line can have is told so.
    for since in ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1", "1e400", "-1"] {
        for path in ["lines", "counts"] {
            let asked = victim
                .node
                .get(&format!("/v1/{path}?stream={stream}&since={since}"))
                .send()
                .await
                .unwrap();
            assert_eq!(asked.status().as_u16(), 400, "{path} since {since}");
        }
    }
    victim.goes_on_unharmed().await;
}
