//! What is said before anybody is let in.
//!
//! Elsewhere already: origins (pages.rs), two keys and HEAD (push/tests/sessions/handshake.rs), who is pushed out by a flood of
//! connections, and `chunked` twice (edge/tests/connections.rs), silence inside of TLS (tls.rs).

use reqwest::StatusCode;
use tokio::task::JoinSet;

use super::raw::Raw;
use super::{Victim, code};
use crate::fixture::{Token, until};

/// A head with a good token, and more.
fn head(line: &str, more: &str) -> String {
    let token = Token::of_tester();
    format!("{line}\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n{more}\r\n")
}

#[tokio::test]
async fn heads_that_are_none_are_refused_and_bring_nothing_in() {
    let victim = Victim::start().await;
    let upgrade = |key: &str, version: &str| {
        format!(
            "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: {key}\r\nsec-websocket-version: {version}\r\n"
        )
    };
    let (key, ws) = ("dGhlIHNhbXBsZSBub25jZQ==", "GET /v1/ws HTTP/1.1");
    let post = "POST /v1/lines?stream=attacks/smuggled HTTP/1.1";
    let cases = [
        ("HTTP/1.0", head("GET /v1/ws HTTP/1.0", &upgrade(key, "13")), 400),
        ("POST", head("POST /v1/ws HTTP/1.1", &upgrade(key, "13")), 405),
        ("version 12", head(ws, &upgrade(key, "12")), 426),
        ("no version", head(ws, &upgrade(key, "")), 426),
        (
            "a key of 15 bytes",
            head(ws, &upgrade("dGhlIHNhbXBsZSBub25j", "13")),
            400,
        ),
        ("no key", head(ws, &upgrade("", "13")), 400),
        ("2,000 headers", head(ws, &"x: y\r\n".repeat(2_000)), 431),
        (
            "a header of 1 MB",
            head(ws, &format!("x: {}\r\n", "y".repeat(1 << 20))),
            431,
        ),
        (
            "an address of 1 MB",
            head(&format!("GET /{} HTTP/1.1", "a".repeat(1 << 20)), ""),
            431,
        ),
        (
            "two lengths",
            head(post, "content-length: 1\r\ncontent-length: 2\r\n") + "xx",
            400,
        ),
        (
            "a list of lengths",
            head(post, "content-length: 1, 2\r\n") + "xx",
            400,
        ),
        (
            "a length below 0",
            head(post, "content-length: -1\r\n") + "x",
            400,
        ),
        (
            "a length with a sign",
            head(post, "content-length: +1\r\n") + "x",
            400,
        ),
        (
            "an unknown coding",
            head(post, "transfer-encoding: cow\r\n") + "x",
            400,
        ),
        (
            "a length and chunks of nothing",
            head(post, "transfer-encoding: xchunked\r\ncontent-length: 1\r\n") + "x",
            400,
        ),
        ("no host", format!("{ws}\r\n\r\n"), 400),
        ("two hosts", head(ws, "host: another\r\n"), 400),
        ("a name with a blank", head(ws, "x y: z\r\n"), 400),
        (
            "a blank before the colon",
            head(post, "content-length : 1\r\n") + "x",
            400,
        ),
        ("a line that is folded", head(ws, "x: y\r\n z\r\n"), 400),
        ("NUL in a value", head(ws, "x: a\0b\r\n"), 400),
        ("no HTTP", "\x16\x03\x01\x02\0\x01\0".to_owned(), 400),
    ];
    let mut wrong = Vec::new();
    for (what, head, expected) in cases {
        let mut raw = Raw::to(&victim.node).await;
        raw.say(head.as_bytes()).await;
        let status = raw.status().await;
        if status != Some(expected) {
            wrong.push((what, status, expected));
        }
    }
    assert_eq!(wrong, []);
    victim.goes_on_unharmed().await;
}

/// Whatever stands before it and takes the other of two lengths, nobody's request is taken for another's.
#[tokio::test]
async fn a_request_with_chunks_and_a_length_ends_its_connection() {
    let victim = Victim::start().await;
    let smuggled = "GET /v1/streams HTTP/1.1\r\nhost: x\r\n\r\n";
    for coding in [
        "chunked",
        "Chunked",
        "identity, chunked",
        "chunked, identity",
        "gzip, chunked",
    ] {
        let mut raw = Raw::to(&victim.node).await;
        let more = format!(
            "content-length: {}\r\ntransfer-encoding: {coding}\r\n",
            5 + smuggled.len()
        );
        let request = head("POST /v1/lines?stream=attacks/smuggled HTTP/1.1", &more) + "0\r\n\r\n" + smuggled;
        raw.say(request.as_bytes()).await;
        let said = raw.until_the_end().await;
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{coding}: {said}");
        assert!(said.starts_with("HTTP/1.1 400 "), "{coding}: {said}");
    }
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn who_says_nothing_or_one_byte_a_second_keeps_no_connection() {
    let victim = Victim::with("[limits.http]\nrequest_head = \"1s\"\naccept.first_byte = \"1s\"\n").await;
    let mut slow = Raw::to(&victim.node).await;
    let mut silent = Vec::new();
    // Half of what a process may open where nobody raised it, so that the tester's own end does not give out first.
    for _ in 0..500 {
        silent.push(Raw::to(&victim.node).await);
    }
    for byte in b"GET /v1/ws HTTP/1.1\r\nhost: a".chunks(1) {
        slow.say(byte).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    victim.works().await;
    let said = slow.until_the_end().await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 408 "), "{said}");
    let mut ends = JoinSet::new();
    for mut one in silent {
        ends.spawn(async move { one.until_the_end().await });
    }
    for said in ends.join_all().await {
        assert_eq!(said, "");
    }
    victim.goes_on_unharmed().await;
}

#[tokio::test]
async fn a_flood_of_bad_credentials_is_slowed_and_locks_nobody_out() {
    let victim = Victim::start().await;
    let forged = victim.node.with(
        &Token::of("tester")
            .admin()
            .signed_with("another key of at least 32 bytes, not ours")
            .text(),
    );
    let mut statuses = Vec::new();
    for _ in 0..400 {
        statuses.push(forged.get("/v1/streams").send().await.unwrap().status());
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    let refused = |status: &StatusCode| matches!(status.as_u16(), 401 | 429);
    assert!(statuses.iter().all(refused), "{statuses:?}");
    // From the same address, at the same time.
    let good = victim.node.get("/v1/streams").send().await.unwrap();
    assert_eq!(good.status(), StatusCode::OK);
    let slowed = until("who guesses is slowed", async || {
        let answer = forged.get("/v1/streams").send().await.unwrap();
        (answer.status() == StatusCode::TOO_MANY_REQUESTS).then_some(answer)
    });
    let slowed = slowed.await;
    assert!(slowed.headers().contains_key("retry-after"));
    assert_eq!(code(&slowed.text().await.unwrap()), "too_many_bad_tokens");
    victim.goes_on_unharmed().await;
}
