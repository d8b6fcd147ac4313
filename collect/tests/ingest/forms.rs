//! What becomes of every form of body and line.

use serde_json::json;

use crate::fixture::{Collector, Post, gzip, zstd};

fn message(text: &str) -> String {
    format!("{{\"ts\":NOW,\"message\":{}}}", json!(text))
}

#[tokio::test]
async fn a_body_becomes_lines_by_its_content_type() {
    let table: &[(Option<&str>, &[u8], &[&str])] = &[
        (None, b"{\"msg\":\"one\"}\nplain\n", &["one", "plain"]),
        (Some("application/x-ndjson"), b"{\"msg\":\"one\"}\n", &["one"]),
        (
            Some("Application/X-NDJSON; charset=utf-8"),
            b"{\"msg\":\"one\"}",
            &["one"],
        ),
        (Some("application/json"), b"{\"msg\":\"one\"}", &["one"]),
        (
            Some("application/json"),
            b" [{\"msg\":\"one\"},\n{\"msg\":\"two\"}] ",
            &["one", "two"],
        ),
        // Several in a row, as Fluent Bit's formats `json_lines` and `json_stream` have them.
        (
            Some("application/json"),
            b"{\"msg\":\"one\"}\n{\"msg\":\"two\"}\n",
            &["one", "two"],
        ),
        (
            Some("application/json"),
            b"{\"msg\":\"one\"}[{\"msg\":\"two\"},\"three\"] \r\n\0 []\xef\xbb\xbf{\"msg\":\"four\"}",
            &["one", "two", "three", "four"],
        ),
        (
            Some("application/jsonl"),
            b"{\"msg\":\"one\"}\nplain",
            &["one", "plain"],
        ),
        (
            Some("application/jsonlines"),
            b"{\"msg\":\"one\"}\nplain",
            &["one", "plain"],
        ),
        (
            Some("application/x-jsonlines"),
            b"{\"msg\":\"one\"}\nplain",
            &["one", "plain"],
        ),
        (
            Some("application/ndjson"),
            b"{\"msg\":\"one\"}\nplain",
            &["one", "plain"],
        ),
        (
            Some("application/x-json-stream"),
            b"{\"msg\":\"one\"}\nplain",
            &["one", "plain"],
        ),
        (
            Some("text/plain; charset=utf-8"),
            b"{\"msg\":1}\ntwo",
            &["{\"msg\":1}", "two"],
        ),
    ];
    for (kind, body, messages) in table {
        let collector = Collector::start();
        let post = Post::lines(*body);
        let post = match kind {
            Some(kind) => post.kind(kind),
            None => post,
        };
        let reply = collector.send(post).await;
        let count = messages.len();
        assert_eq!(
            reply.text,
            format!(
                "{{\"accepted\":{count},\"rejected\":[],\"streams\":{{\"a/b\":[{{\"first\":0,\"next\":{count}}}]}}}}"
            )
        );
        let expected: Vec<String> = messages.iter().copied().map(message).collect();
        assert_eq!(collector.stored("a/b"), expected, "{kind:?}");
    }
}

#[tokio::test]
async fn lines_of_every_wrong_form_in_the_middle_of_good_ones_are_kept_as_messages() {
    let table: &[(&[u8], &str)] = &[
        (b"plain text", "plain text"),
        (b"  indented\t", "  indented\t"),
        (b"{\"cut\": ", "{\"cut\": "),
        (b"{\"a\":1} and more", "{\"a\":1} and more"),
        (b"{\"a\":\"\\\x01\"}", "{\"a\":\"\\\u{1}\"}"),
        (b"[1, 2]", "[1, 2]"),
        (b"\"a string\"", "\"a string\""),
        (b"17", "17"),
        (b"null", "null"),
        (b"\x7f\0\x1b[31m", "\u{7f}\0\u{1b}[31m"),
        (b"\xff\xfe broken \xc3", "\u{fffd}\u{fffd} broken \u{fffd}"),
        (b"{\"broken\xff\": ", "{\"broken\u{fffd}\": "),
        ("twice \u{feff}marked".as_bytes(), "twice \u{feff}marked"),
        (b"carriage\rreturn", "carriage\rreturn"),
    ];
    for (line, expected) in table {
        let collector = Collector::start();
        let body = [b"{\"msg\":\"before\"}\n", *line, b"\r\n{\"msg\":\"after\"}"].concat();
        let reply = collector.send(Post::lines(body)).await;
        assert_eq!(reply.body["accepted"], 3);
        assert_eq!(
            collector.stored("a/b"),
            [message("before"), message(expected), message("after")]
        );
    }
}

#[tokio::test]
async fn an_object_is_read_whatever_is_odd_about_it() {
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let table = [
        (
            "\u{feff}{\"msg\":\"m\"}".to_owned(),
            r#"{"ts":NOW,"message":"m"}"#.to_owned(),
        ),
        (
            "  {\"msg\":\"m\"}\t".to_owned(),
            r#"{"ts":NOW,"message":"m"}"#.to_owned(),
        ),
        (
            r#"{"msg":"\ud800 \ud83d\ude00","x\udc00":["\uDBFF"]}"#.to_owned(),
            "{\"ts\":NOW,\"message\":\"\u{fffd} 😀\",\"fields\":{\"x\u{fffd}\":[\"\\ufffd\"]}}".to_owned(),
        ),
        (
            format!("{{\"deep\":{deep}}}"),
            format!("{{\"ts\":NOW,\"message\":\"\",\"fields\":{{\"deep\":\"{deep}\"}}}}"),
        ),
        (
            r#"{"n":1e999,"m":-0.0,"k":100000000000000000000000000.5}"#.to_owned(),
            r#"{"ts":NOW,"message":"","fields":{"n":1e999,"m":-0.0,"k":100000000000000000000000000.5}}"#
                .to_owned(),
        ),
    ];
    for (line, expected) in table {
        let collector = Collector::start();
        collector.send(Post::lines(line)).await;
        assert_eq!(collector.stored("a/b"), [expected]);
    }
    let collector = Collector::start();
    collector
        .send(Post::lines(&b"{\"msg\":\"\xff\",\"k\xc3\":\"\xf0\x9f\"}"[..]))
        .await;
    assert_eq!(
        collector.stored("a/b"),
        ["{\"ts\":NOW,\"message\":\"\u{fffd}\",\"fields\":{\"k\u{fffd}\":\"\u{fffd}\"}}"]
    );
}

#[tokio::test]
async fn elements_of_a_json_array_are_lines_whatever_they_are() {
    let collector = Collector::start();
    let body = b"\xef\xbb\xbf[\"a \\\"string\\\"\\u00e9\", 5.0, null, [1,\n 2], true, {\"msg\":\"o\",\"pretty\":{\n  \"x\": 1\n}}, \"\xff\"]";
    let reply = collector
        .send(Post::lines(&body[..]).kind("application/json"))
        .await;
    assert_eq!(reply.body["accepted"], 7);
    assert_eq!(
        collector.stored("a/b"),
        [
            message("a \"string\"é"),
            message("5.0"),
            message("null"),
            message("[1,\n 2]"),
            message("true"),
            r#"{"ts":NOW,"message":"o","fields":{"pretty":{"x":1}}}"#.to_owned(),
            message("\u{fffd}"),
        ]
    );
}

#[tokio::test]
async fn blank_lines_are_skipped_but_counted() {
    let collector = Collector::start();
    let body = "\n{\"stream\":\"a/c\"}\n \t\r\n\r\n{\"stream\":\"?\"}\n\n";
    let reply = collector.send(Post::to("/v1/lines").body(body)).await;
    assert_eq!(reply.body["accepted"], 1);
    assert_eq!(reply.rejected(), [(5, "bad_stream")]);
    let text = collector.send(Post::lines("\n\nx\n").kind("text/plain")).await;
    assert_eq!(text.body["accepted"], 1);
}

#[tokio::test]
async fn lines_name_their_streams_where_the_address_names_none() {
    let collector = Collector::start();
    let body = r#"[{"stream":"a/z","msg":"2"},{"stream":"@me","msg":"3"},{"stream":"a","msg":"4"},{"stream":7,"msg":"5"},
                   {"stream":"a/z","msg":"6"}]"#;
    for address in ["/v1/lines", "/v1/lines?stream="] {
        let post = Post::to(address).body(body).kind("application/json");
        let reply = collector.send(post).await;
        assert_eq!(reply.body["accepted"], 4);
        assert_eq!(reply.rejected(), [(4, "no_stream")]);
    }
    assert_eq!(
        collector.stored("a/z"),
        [message("2"), message("6"), message("2"), message("6")]
    );
    assert_eq!(collector.stored("@alice"), [message("3"), message("3")]);
}

/// Docker's and Kubernetes' shippers say there which output a line came from.
#[tokio::test]
async fn where_the_address_names_a_stream_all_lines_go_there_and_a_member_of_that_name_is_a_field() {
    let field = |message: &str, stream: &str| {
        format!("{{\"ts\":NOW,\"message\":\"{message}\",\"fields\":{{\"stream\":{stream}}}}}")
    };
    let table = [
        (
            "application/x-ndjson",
            "{\"msg\":\"1\"}\n{\"stream\":\"stdout\",\"msg\":\"2\"}\n{\"stream\":\"@bob\",\"msg\":\"3\"}\n",
        ),
        (
            "application/json",
            "[{\"msg\":\"1\"},{\"stream\":\"stdout\",\"msg\":\"2\"},{\"stream\":\"@bob\",\"msg\":\"3\"}]",
        ),
    ];
    for (kind, body) in table {
        let collector = Collector::start();
        let reply = collector.send(Post::lines(body).kind(kind)).await;
        assert_eq!(
            reply.text,
            "{\"accepted\":3,\"rejected\":[],\"streams\":{\"a/b\":[{\"first\":0,\"next\":3}]}}"
        );
        assert_eq!(
            collector.stored("a/b"),
            [message("1"), field("2", "\"stdout\""), field("3", "\"@bob\"")]
        );
    }
}

#[tokio::test]
async fn gzip_and_zstd_bodies_are_inflated_whatever_they_are_made_of() {
    let body = b"one\ntwo\n";
    let halves = |a: Vec<u8>, b: Vec<u8>| [a, b].concat();
    let table = [
        ("gzip", gzip(body).await),
        ("GZIP", gzip(body).await),
        ("gzip", halves(gzip(b"one\nt").await, gzip(b"wo\n").await)),
        ("zstd", zstd(body).await),
        ("zstd", halves(zstd(b"one\nt").await, zstd(b"wo\n").await)),
    ];
    for (encoding, body) in table {
        let collector = Collector::start();
        let bytewise = body.into_iter().map(|byte| Ok::<_, std::io::Error>(vec![byte]));
        let body = axum::body::Body::from_stream(futures_util::stream::iter(bytewise));
        let reply = collector
            .send(Post::lines(body).header("content-encoding", encoding))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(collector.stored("a/b"), [message("one"), message("two")]);
    }
}

#[tokio::test]
async fn a_log_is_a_plain_body_for_a_service() {
    let table = [
        ("/log?service=web", "log/web"),
        ("/log?service=a%2Fb", "log/a/b"),
        ("/log", "log/default"),
        ("/log?service=", "log/default"),
    ];
    for (address, stream) in table {
        let collector = Collector::start();
        let post = Post::to(address).body("{\"a\":1}\n\ntwo\n");
        let reply = collector
            .send(post.kind("application/x-www-form-urlencoded"))
            .await;
        assert_eq!(reply.body["accepted"], 2);
        assert_eq!(collector.stored(stream), [message("{\"a\":1}"), message("two")]);
    }
}

/// Of all lines that were taken; what is rejected, or tells no time, is not counted.
#[tokio::test]
async fn the_answer_counts_the_lines_whose_time_is_not_understood() {
    let collector = Collector::start();
    let lines = [
        "\"ts\":\"soon\"",
        "\"ts\":0",
        "\"msg\":\"3\"",
        "\"ts\":\"9999-01-01T00:00:00Z\"",
    ];
    let lines = lines.map(|members| format!("{{\"stream\":\"a/b\",{members}}}\n"));
    let body = lines.concat() + "{\"ts\":\"never\",\"stream\":\"no name\"}";
    let reply = collector.send(Post::to("/v1/lines").body(body)).await;
    assert_eq!(
        (&reply.body["accepted"], &reply.body["undated"]),
        (&json!(4), &json!(2))
    );
    let reply = collector.send(Post::lines("{\"ts\":0}")).await;
    assert_eq!(reply.body.get("undated"), None);
}
