//! What is taken in, and what happens to the rest.

use std::process::{Command, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Alone, lines, ndjson};

/// Lines of every wrong form, each with what is kept of it. `ts` is left out where it is the arrival.
#[tokio::test]
async fn lines_of_every_wrong_form_are_kept_as_they_came_in_the_middle_of_good_ones() {
    let cases = [
        ("not json", json!({"message": "not json"})),
        ("{\"broken\": ", json!({"message": "{\"broken\": "})),
        ("[1, 2]", json!({"message": "[1, 2]"})),
        ("\"text\"", json!({"message": "\"text\""})),
        ("42", json!({"message": "42"})),
        ("null", json!({"message": "null"})),
        ("{}", json!({"message": ""})),
        (
            "{\"message\": 7}",
            json!({"message": "", "fields": {"message": 7}}),
        ),
        (
            "{\"message\": \"m\", \"level\": \"LOUD\"}",
            json!({"message": "m", "fields": {"level": "LOUD"}}),
        ),
        (
            "{\"message\": \"m\", \"ts\": \"soon\"}",
            json!({"message": "m", "fields": {"ts": "soon"}}),
        ),
        (
            "{\"message\": \"m\", \"fields\": [1]}",
            json!({"message": "m", "fields": {"fields": [1]}}),
        ),
        (
            "{\"msg\": \"m\", \"severity\": \"warning\"}",
            json!({"message": "m", "level": "warn"}),
        ),
        (
            "{\"message\": \"m\", \"user\": {\"id\": 7}}",
            json!({"message": "m", "fields": {"user": {"id": 7}}}),
        ),
    ];
    let alone = Alone::start().await;
    let good = &lines(1)[0];
    let body: String = cases
        .iter()
        .map(|(line, _)| format!("{line}\n{good}\n\n"))
        .collect();
    let answer = alone
        .post("/v1/lines?stream=odd")
        .body(body)
        .send()
        .await
        .unwrap();
    let count = cases.len() * 2;
    // One tells a time that is none.
    let expected = json!({
        "accepted": count, "undated": 1, "rejected": [], "streams": {"odd": [{"first": 0, "next": count}]}
    });
    assert_eq!(answer.json::<Value>().await.unwrap(), expected);

    let kept = alone.history("odd", 0).await;
    let kept: Vec<Value> = kept
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for ((line, expected), pair) in cases.iter().zip(kept.chunks(2)) {
        let mut odd = pair[0].clone();
        let members = odd.as_object_mut().unwrap();
        members.remove("offset");
        assert!(members.remove("ts").unwrap().is_string(), "{line}");
        assert_eq!(&odd, expected, "{line}");
        assert_eq!(pair[1]["message"], good["message"], "after {line}");
    }
}

#[tokio::test]
async fn invalid_utf_8_becomes_the_replacement_character() {
    let alone = Alone::start().await;
    let mut session = alone.subscribe("bytes").await;
    for kind in ["text/plain", "application/x-ndjson"] {
        let request = alone.post("/v1/lines?stream=bytes").header("content-type", kind);
        let answer = request.body(b"caf\xe9 \xff\n".to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{kind}");
        assert_eq!(
            session.take(1).await[0]["message"],
            "caf\u{fffd} \u{fffd}",
            "{kind}"
        );
    }
}

/// What is kept is its beginning, and how much is left out.
#[tokio::test]
async fn a_line_that_is_too_long_is_cut_where_that_is_set() {
    let alone = Alone::with(&["--line-too-long", "cut"]).await;
    let body = format!("{}\nafter\n", "x".repeat(300_000));
    let answer = alone
        .post("/v1/lines?stream=long")
        .body(body)
        .send()
        .await
        .unwrap();
    let said: Value = answer.json().await.unwrap();
    assert_eq!(
        said,
        json!({"accepted": 2, "cut": 1, "rejected": [], "streams": {"long": [{"first": 0, "next": 2}]}})
    );
    let history = alone.history("long", 0).await;
    let lines: Vec<Value> = history
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[0]["message"], "x".repeat(256 * 1024));
    assert_eq!(lines[0]["fields"], json!({"_cut": 300_000 - 256 * 1024}));
    assert_eq!(lines[1]["message"], "after");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_rejected_alone() {
    let alone = Alone::start().await;
    let good = lines(2);
    let body = format!("{}\n{}\n{}\n", good[0], "x".repeat(256 * 1024 + 1), good[1]);
    let answer = alone
        .post("/v1/lines?stream=long")
        .body(body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let said: Value = answer.json().await.unwrap();
    assert_eq!(
        (&said["accepted"], &said["rejected"][0]["line"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(said["rejected"][0]["code"], "line_too_long");
    assert_eq!(alone.history("long", 0).await.lines().count(), 2);
}

#[tokio::test]
async fn a_bad_name_of_a_stream_is_refused_wherever_it_comes_from() {
    let alone = Alone::start().await;
    let mut session = alone.session().await;
    let too_long = "a".repeat(201);
    for name in [
        "a//b", "/a", "a/", "a b", "a/../b", ".", "ä", "a/*", "@", "@a/b", "a$b", "a\u{0}b", &too_long,
    ] {
        let request = alone.post("/v1/lines").query(&[("stream", name)]);
        let answer = request.body("hello").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{name:?}");
        let said: Value = answer.json().await.unwrap();
        assert_eq!(
            (&said["code"], &said["rejected"][0]["code"]),
            (&json!("nothing_accepted"), &json!("bad_stream"))
        );
        if name != "a/*" {
            let answer = session.try_subscribe(&[name], json!("live")).await;
            assert_eq!(answer["code"], "bad_stream", "{name:?}");
        }
    }
    let unnamed = alone.post("/v1/lines").body("hello").send().await.unwrap();
    assert_eq!(
        unnamed.json::<Value>().await.unwrap()["rejected"][0]["code"],
        "no_stream"
    );
}

#[tokio::test]
async fn requests_that_cannot_be_taken_are_refused_whole() {
    let alone = Alone::start().await;
    let post = |kind: &str, body: &'static [u8]| {
        alone
            .post("/v1/lines?stream=s")
            .header("content-type", kind.to_owned())
            .body(body)
    };
    let cases = [
        ("empty", post("application/x-ndjson", b""), 400),
        ("only blank", post("text/plain", b"\n\n"), 400),
        ("an unknown type", post("application/xml", b"<a/>"), 415),
        (
            "json that breaks off",
            post("application/json", b"[{\"message\":\"m\"},"),
            400,
        ),
        (
            "an unknown encoding",
            post("text/plain", b"x").header("content-encoding", "br"),
            415,
        ),
        (
            "gzip that is none",
            post("text/plain", b"x").header("content-encoding", "gzip"),
            400,
        ),
        (
            "a key that is too long",
            post("text/plain", b"x").header("idempotency-key", "k".repeat(129)),
            400,
        ),
    ];
    for (what, request, status) in cases {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{what}");
        assert_eq!(
            answer.headers()["content-type"],
            "application/problem+json",
            "{what}"
        );
    }
    assert_eq!(
        alone.get("/v1/lines?stream=s").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
}

/// Invariant 4.
#[tokio::test]
async fn a_key_stores_once_answers_alike_and_refuses_another_body() {
    let alone = Alone::start().await;
    let first = lines(3);
    let post = async |lines: &[Value]| {
        let request = alone
            .post("/v1/lines?stream=keys")
            .header("idempotency-key", "once");
        let answer = request.body(ndjson(lines)).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let answered = post(&first).await;
    assert_eq!(answered.0, 200);
    alone.send("keys", lines(1)).await;
    assert_eq!(post(&first).await, answered);
    let (status, said) = post(&lines(3)).await;
    assert_eq!((status, &said["code"]), (409, &json!("key_reused")));
    assert_eq!(alone.history("keys", 0).await.lines().count(), 4);
}

#[tokio::test]
async fn a_body_that_is_too_big_is_refused_while_it_comes_and_memory_stays_flat() {
    let mut alone = Alone::start().await;
    alone.send("big", lines(1)).await;
    let before = alone.most_memory_kib();
    let stream = TcpStream::connect(alone.address()).await.unwrap();
    let (mut answer, mut body) = stream.into_split();
    let head = format!(
        "POST /v1/lines?stream=big HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        alone.token().unwrap()
    );
    body.write_all(head.as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move {
        let chunk = format!(
            "10000\r\n{}\r\n",
            "{\"message\":\"0123\"}\n".repeat(10_000).get(..65_536).unwrap()
        );
        let mut sent: usize = 0;
        // It stops when nobody reads any more.
        while sent < 512 << 20 && body.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let mut status = [0; 12];
    answer.read_exact(&mut status).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 413");
    drop(answer);
    let sent = sending.await.unwrap();
    assert!(
        sent < 64 << 20,
        "{sent} bytes were read of a body of at most 10 MiB"
    );
    let grown = alone.most_memory_kib() - before;
    assert!(grown < 32 << 10, "{grown} KiB more for a body of at most 10 MiB");
    assert_eq!(alone.history("big", 0).await.lines().count(), 1);
}

#[tokio::test]
async fn a_body_that_inflates_to_too_much_is_refused_and_memory_stays_flat() {
    let mut alone = Alone::start().await;
    alone.send("bomb", lines(1)).await;
    let before = alone.most_memory_kib();
    // So long that the bytes are too many before the lines are.
    let line = format!("{{\"message\":\"{}\"}}", "the same again and again ".repeat(80));
    let gzip = format!("yes '{line}' | head -c 300000000 | gzip -1");
    let bomb = Command::new("sh")
        .args(["-c", &gzip])
        .stdin(Stdio::null())
        .output()
        .unwrap()
        .stdout;
    assert!(
        bomb.len() < 10 << 20,
        "small enough to be taken in: {}",
        bomb.len()
    );
    let request = alone
        .post("/v1/lines?stream=bomb")
        .header("content-encoding", "gzip");
    let answer = request.body(bomb).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let grown = alone.most_memory_kib() - before;
    // The body, and as much again of the smaller buffers that it grew out of, which the allocator keeps for a second.
    assert!(grown < 160 << 10, "{grown} KiB more for a body of at most 64 MiB");
    assert_eq!(alone.history("bomb", 0).await.lines().count(), 1);
}

#[tokio::test]
async fn a_plain_body_posted_to_log_is_a_line_each_of_the_services_stream() {
    let alone = Alone::start().await;
    let mut session = alone.session().await;
    session.subscribe(&["log/*"], json!("live")).await;
    let post = |path: &str, body: &'static str| alone.post(path).body(body).send();
    assert_eq!(
        post("/log?service=api", "one\ntwo\n").await.unwrap().status(),
        StatusCode::OK
    );
    let arrived = session.take(2).await;
    assert_eq!(
        (&arrived[0]["message"], &arrived[1]["message"]),
        (&json!("one"), &json!("two"))
    );
    assert_eq!(post("/log", "three").await.unwrap().status(), StatusCode::OK);
    assert_eq!(session.take(1).await[0]["message"], "three");
    assert_eq!(post("/log", "").await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(
        alone.get("/log").send().await.unwrap().status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    assert_eq!(alone.history("log/default", 0).await.lines().count(), 1);
}
