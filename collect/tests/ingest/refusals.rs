//! Requests and lines that are refused, and what their senders are told.

use auth::{Claims, Key, Minter};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::fixture::{Collector, Post, gzip, token};

#[tokio::test]
async fn a_request_that_is_wrong_as_a_whole_is_refused_with_its_code() {
    let lines = || Post::lines("{}");
    let json = |body: &'static str| Post::lines(body).kind("application/json");
    let encoded = |encoding| lines().header("content-encoding", encoding);
    let table = [
        (Post::lines(""), 400, "empty"),
        (Post::lines("\n \r\n\n"), 400, "empty"),
        (json(""), 400, "empty"),
        (json(" \n"), 400, "empty"),
        (json("[]"), 400, "empty"),
        (Post::lines("").header("content-encoding", "gzip"), 400, "empty"),
        (Post::to("/log"), 400, "empty"),
        (json("{\"a\":1"), 400, "bad_json"),
        (json("[{\"a\":1},"), 400, "bad_json"),
        (json("[{\"a\":1}] x"), 400, "bad_json"),
        (json("{\"a\":1}{\"b\":2}{"), 400, "bad_json"),
        (json("{\"a\":1},{\"b\":2}"), 400, "bad_json"),
        (json("{\"a\":1}\n17"), 400, "bad_json"),
        (json("\"text\""), 400, "bad_json"),
        (json("17"), 400, "bad_json"),
        (lines().kind("application/xml"), 415, "unsupported_type"),
        (
            lines().kind("application/x-www-form-urlencoded"),
            415,
            "unsupported_type",
        ),
        (lines().kind("application/jsonx"), 415, "unsupported_type"),
        (
            lines().kind("text/plain; charset=shift_jis"),
            415,
            "unsupported_charset",
        ),
        (
            lines().kind("application/json; Charset=\"UTF-32\""),
            415,
            "unsupported_charset",
        ),
        (
            Post::to("/log").kind("text/plain;charset=koi8-r"),
            415,
            "unsupported_charset",
        ),
        (encoded("br"), 415, "unsupported_encoding"),
        (encoded("deflate"), 415, "unsupported_encoding"),
        (encoded("gzip, gzip"), 415, "unsupported_encoding"),
        (encoded("gzip, zstd"), 415, "unsupported_encoding"),
        (
            encoded("gzip").header("content-encoding", "zstd"),
            415,
            "unsupported_encoding",
        ),
        (encoded("gzip"), 400, "bad_encoding"),
        (encoded("zstd"), 400, "bad_encoding"),
        (lines().key(""), 400, "bad_key"),
        (lines().key(&"k".repeat(129)), 400, "bad_key"),
        (lines().key("tab\there"), 400, "bad_key"),
        (lines().key("one").key("two"), 400, "bad_key"),
    ];
    let collector = Collector::start();
    for (number, (post, status, code)) in table.into_iter().enumerate() {
        let reply = collector.send(post).await;
        assert_eq!(reply.refusal(), (status, code), "row {number}: {}", reply.text);
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn nobody_gets_in_without_a_good_token() {
    let other = Minter::hs256(&Key::from_text(&"x".repeat(32)).unwrap(), "tailcast");
    let forged = other.mint(&Claims::new("alice", 4_000_000_000)).unwrap();
    let collector = Collector::start();
    for authorization in [
        None,
        Some("Bearer x.y.z".to_owned()),
        Some(format!("Bearer {forged}")),
    ] {
        let reply = collector
            .send(Post::lines("{}").authorization(authorization.as_deref()))
            .await;
        assert_eq!(reply.status, 401);
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    let query = Post::to(&format!("/v1/lines?stream=a/b&token={}", token("alice"))).body("{}");
    assert_eq!(collector.send(query).await.refusal(), (400, "token_in_query"));
    assert!(collector.store.calls().is_empty());
    let basic = format!("Basic {}", STANDARD.encode(format!("shipper:{}", token("alice"))));
    let reply = collector
        .send(Post::lines("{}").authorization(Some(&basic)))
        .await;
    assert_eq!(reply.status, 200);
}

/// Invariant 9: what may be written is decided for every line.
#[tokio::test]
async fn a_line_is_rejected_alone_and_by_its_number() {
    let long = "x".repeat(256 * 1024);
    let body = format!(
        "{{\"stream\":\"a/c\"}}\n\n{long}\n{long}y\n{{\"stream\":\"b/no\"}}\n{{\"stream\":\"a//c\"}}\nno stream\n\
         {{\"stream\":\"@bob\"}}\n{{\"stream\":\"a/*\"}}\n{{\"stream\":\"\"}}\n{{\"stream\":\"a/c\",\"msg\":\"last\"}}"
    );
    let expected = [
        (3, "no_stream"),
        (4, "line_too_long"),
        (5, "forbidden"),
        (6, "bad_stream"),
        (7, "no_stream"),
        (8, "forbidden"),
        (9, "bad_stream"),
        (10, "bad_stream"),
    ];
    let collector = Collector::start();
    let reply = collector.send(Post::to("/v1/lines").body(body.clone())).await;
    assert_eq!(reply.rejected(), expected);
    assert_eq!(reply.body["accepted"], 2);
    assert_eq!(
        reply.body["streams"],
        serde_json::json!({"a/c": [{"first": 0, "next": 2}]})
    );
    assert_eq!(
        collector.stored("a/c"),
        [r#"{"ts":NOW,"message":""}"#, r#"{"ts":NOW,"message":"last"}"#]
    );
    // The longest line that is allowed, with its line end.
    let reply = collector.send(Post::lines(format!("{long}\r\n"))).await;
    assert_eq!(reply.body["accepted"], 1);
}

#[tokio::test]
async fn elements_of_an_array_are_rejected_by_their_number_too() {
    let element = |length: usize| format!("{{\"stream\":\"a/b\",\"m\":\"{}\"}}", "x".repeat(length - 23));
    let body = format!(
        "[{},{{\"stream\":\"b\"}}, {} ]",
        element(256 * 1024),
        element(256 * 1024 + 1)
    );
    let reply = Collector::start()
        .send(Post::to("/v1/lines").body(body).kind("application/json"))
        .await;
    assert_eq!(reply.rejected(), [(2, "forbidden"), (3, "line_too_long")]);
}

#[tokio::test]
async fn when_nothing_is_accepted_the_request_fails_with_the_reasons() {
    let collector = Collector::start();
    let table = [
        (
            Post::to("/v1/lines").body("x\n{\"stream\":\"b\"}"),
            400,
            "nothing_accepted",
            vec![(1, "no_stream"), (2, "forbidden")],
        ),
        (
            Post::to("/v1/lines?stream=").body("x"),
            400,
            "nothing_accepted",
            vec![(1, "no_stream")],
        ),
        (
            Post::to("/v1/lines?stream=a/*").body("x"),
            400,
            "nothing_accepted",
            vec![(1, "bad_stream")],
        ),
        (
            Post::to("/v1/lines").body("{\"stream\":\"b\"}\n\n{\"stream\":\"@bob\"}"),
            403,
            "forbidden",
            vec![(1, "forbidden"), (3, "forbidden")],
        ),
        // Told before the body is read.
        (
            Post::to("/v1/lines?stream=b").body("x\n\ny"),
            403,
            "forbidden",
            vec![],
        ),
        (
            Post::to("/log?service=@x").body("x"),
            400,
            "nothing_accepted",
            vec![(1, "bad_stream")],
        ),
    ];
    for (post, status, code, rejected) in table {
        let reply = collector.send(post).await;
        assert_eq!(reply.refusal(), (status, code));
        assert_eq!(reply.rejected(), rejected);
    }
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn a_bad_stream_in_the_address_is_the_fault_of_every_line() {
    let collector = Collector::start();
    let body = "x\n{\"stream\":\"a/c\"}";
    let reply = collector
        .send(Post::to("/v1/lines?stream=no%20name").body(body))
        .await;
    assert_eq!(reply.refusal(), (400, "nothing_accepted"));
    assert_eq!(reply.rejected(), [(1, "bad_stream"), (2, "bad_stream")]);
}

#[tokio::test]
async fn a_log_answers_to_post_alone() {
    let collector = Collector::start();
    for method in ["GET", "PUT", "DELETE"] {
        let reply = collector.send(Post::to("/log").method(method)).await;
        assert_eq!(reply.refusal(), (405, "method_not_allowed"));
        assert_eq!(reply.header("allow"), "POST");
    }
}

#[tokio::test]
async fn the_push_role_answers_to_get_at_the_same_address() {
    let mut collector = Collector::start();
    let push = axum::Router::new().route("/v1/lines", axum::routing::get(|| async { "[]" }));
    collector.router = collector.router.merge(push);
    let reply = collector.send(Post::to("/v1/lines").method("GET")).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "[]"));
    assert_eq!(collector.send(Post::lines("{}")).await.status, 200);
}

#[tokio::test]
async fn an_encoded_body_that_breaks_off_anywhere_is_refused_and_nothing_stored() {
    let collector = Collector::start();
    let body = "a line that is long enough to be compressed, compressed, compressed\n".repeat(20);
    let whole = [
        ("gzip", gzip(body.as_bytes()).await),
        ("zstd", crate::fixture::zstd(body.as_bytes()).await),
    ];
    for (encoding, whole) in whole {
        for length in 1..whole.len() {
            let post = Post::lines(whole[..length].to_vec()).header("content-encoding", encoding);
            let reply = collector.send(post).await;
            assert_eq!(
                reply.refusal(),
                (400, "bad_encoding"),
                "{encoding}, {length} bytes"
            );
        }
        for at in [0, whole.len() / 2, whole.len() - 2] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            // Plain zstd has no checksum: damage in its middle may show or not.
            if encoding == "gzip" || at == 0 {
                let reply = collector
                    .send(Post::lines(damaged).header("content-encoding", encoding))
                    .await;
                assert_eq!(reply.refusal(), (400, "bad_encoding"), "{encoding}, byte {at}");
            }
        }
        let trailing = [&whole[..], b"garbage"].concat();
        let reply = collector
            .send(Post::lines(trailing).header("content-encoding", encoding))
            .await;
        assert_eq!(reply.refusal(), (400, "bad_encoding"), "{encoding} and garbage");
    }
    assert!(collector.store.calls().is_empty());
}

/// Most who get them never chose a type, or do not know what stands in their body.
#[tokio::test]
async fn refusals_say_what_to_do() {
    let form = "application/x-www-form-urlencoded";
    let table = [
        (Post::lines("x").kind(form), "--data-binary @FILE"),
        (
            Post::lines("x").kind("multipart/form-data; boundary=x"),
            "--data-binary @FILE",
        ),
        (
            Post::lines("x").kind("application/xml"),
            "`application/xml` is no type of lines: send application/x-ndjson (JSON or text, a line each), \
             application/json or text/plain",
        ),
        (
            Post::lines("x").kind("text/plain; charset=koi8-r"),
            "`koi8-r` is not read: send the lines as utf-8, utf-16, utf-16le, utf-16be, iso-8859-1 or windows-1252",
        ),
        (Post::lines(""), "send at least one"),
        (
            Post::lines("{\"a\":1}\n\n  {\"b\":x}").kind("application/json"),
            "expected value at line 3 column 8",
        ),
        (
            Post::lines("{\"a\":1} {\"b\":x}").kind("application/json"),
            "expected value at line 1 column 14",
        ),
        (
            Post::lines("hello").kind("application/json"),
            "lines of which some may be text go as application/x-ndjson",
        ),
        (
            Post::to("/v1/lines").body("x"),
            "add ?stream=NAME to it, or a member `stream` to the line",
        ),
    ];
    let collector = Collector::start();
    for (post, says) in table {
        let reply = collector.send(post).await;
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
    }
}
