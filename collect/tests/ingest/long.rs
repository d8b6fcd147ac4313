//! Lines that are too long, and lines that are not all of what was written.

use collect::TooLong;
use collect::append::AppendLimits;
use collect::ingest::Limits;
use serde_json::{Value, json};

use crate::fixture::{Collector, Post};

const MOST: usize = 1000;

fn collector(too_long: TooLong) -> Collector {
    let limits = Limits {
        line: MOST,
        too_long,
        ..Limits::default()
    };
    Collector::with(limits, AppendLimits::default())
}

fn message(text: &str) -> String {
    format!("{{\"ts\":NOW,\"message\":{}}}", json!(text))
}

fn cut(text: &str, bytes: usize) -> String {
    format!(
        "{{\"ts\":NOW,\"message\":{},\"fields\":{{\"_cut\":{bytes}}}}}",
        json!(text)
    )
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused_or_cut_by_the_setting_and_the_next_one_kept() {
    let long = "x".repeat(MOST + 1);
    for (address, kind) in [
        ("/v1/lines?stream=a/b", "application/x-ndjson"),
        ("/v1/lines?stream=a/b", "text/plain"),
        ("/v1/lines?stream=a/b", "application/json"),
    ] {
        let body = match kind {
            "application/json" => format!("[\"{long}\",\"after\"]"),
            _ => format!("{long}\nafter\n"),
        };
        let post = || Post::to(address).body(body.clone()).kind(kind);
        let refusing = collector(TooLong::Refuse);
        let reply = refusing.send(post()).await;
        assert_eq!(reply.rejected(), [(1, "line_too_long")]);
        assert_eq!(refusing.stored("a/b"), [message("after")]);

        let cutting = collector(TooLong::Cut);
        let reply = cutting.send(post()).await;
        assert_eq!(
            (&reply.body["accepted"], &reply.body["cut"]),
            (&json!(2), &json!(1))
        );
        // A string of JSON has its quotes among its bytes.
        let kept = match kind {
            "application/json" => cut(&format!("\"{}", "x".repeat(MOST - 1)), 3),
            _ => cut(&"x".repeat(MOST), 1),
        };
        assert_eq!(cutting.stored("a/b"), [kept, message("after")], "{kind}");
    }
    let cutting = collector(TooLong::Cut);
    cutting
        .send(Post::to("/log?service=web").body(format!("{long}\nafter")))
        .await;
    assert_eq!(
        cutting.stored("log/web"),
        [cut(&"x".repeat(MOST), 1), message("after")]
    );
    let reply = cutting.send(Post::lines("x".repeat(MOST))).await;
    assert_eq!(reply.body.get("cut"), None);
}

#[tokio::test]
async fn a_line_is_cut_at_the_end_of_a_character() {
    for (character, before) in [("é", 1), ("€", 1), ("€", 2), ("😀", 1), ("😀", 3)] {
        let text = "x".repeat(MOST - before);
        let cutting = collector(TooLong::Cut);
        cutting
            .send(Post::lines(format!("{text}{character}yy")).kind("text/plain"))
            .await;
        assert_eq!(
            cutting.stored("a/b"),
            [cut(&text, character.len() + 2)],
            "{character} {before}"
        );
    }
}

#[tokio::test]
async fn of_an_object_that_is_cut_the_members_are_told_as_far_as_they_go() {
    let object = |stack: usize| {
        format!(
            "{{\"level\":\"error\",\"msg\":\"failed\",\"_cut\":\"own\",\"stack\":\"{}\",\"after\":1}}",
            "x".repeat(stack)
        )
    };
    let stack = MOST - "{\"level\":\"error\",\"msg\":\"failed\",\"_cut\":\"own\",\"stack\":\"".len();
    for (kind, body) in [
        ("application/x-ndjson", object(MOST)),
        ("application/json", format!("{{\"a\":1}} [{}]", object(MOST))),
    ] {
        let cutting = collector(TooLong::Cut);
        cutting.send(Post::lines(body).kind(kind)).await;
        let stored = cutting.stored("a/b");
        let left_out = object(MOST).len() - MOST;
        assert_eq!(
            *stored.last().unwrap(),
            format!(
                "{{\"ts\":NOW,\"level\":\"error\",\"message\":\"failed\",\"fields\":{{\"_cut\":{left_out},\
                 \"_cut_\":\"own\",\"stack\":\"{}\"}}}}",
                "x".repeat(stack)
            ),
            "{kind}"
        );
    }
}

/// What is behind an object that is whole is no part of it: all of it is a message then.
#[tokio::test]
async fn text_behind_an_object_is_kept_where_the_line_is_cut() {
    let object = r#"{"level":"error","msg":"failed"}"#;
    let line = format!("{object} {}", "x".repeat(MOST));
    let cutting = collector(TooLong::Cut);
    cutting.send(Post::lines(line.clone())).await;
    assert_eq!(cutting.stored("a/b"), [cut(&line[..MOST], line.len() - MOST)]);
    // White space is no text.
    let line = format!("{object}{}", " ".repeat(MOST));
    let cutting = collector(TooLong::Cut);
    cutting.send(Post::lines(line.clone())).await;
    assert_eq!(
        cutting.stored("a/b"),
        [format!(
            r#"{{"ts":NOW,"level":"error","message":"failed","fields":{{"_cut":{}}}}}"#,
            line.len() - MOST
        )]
    );
}

/// Docker wraps an application's JSON, and the cut goes through that.
#[tokio::test]
async fn of_a_wrapped_object_that_is_cut_the_members_are_told_as_far_as_they_go() {
    let wrapped = |inner: &str| format!("{{\"log\":{},\"stream\":\"stderr\"}}", json!(inner));
    let long = "x".repeat(MOST);
    for (inner, told) in [
        (
            format!(r#"{{"level":"error","msg":"failed","stack":"{long}"}}"#),
            r#","stack":"#,
        ),
        // Through a name, and with text behind it all.
        (format!(r#"{{"level":"error","msg":"failed","{long}":1}}"#), ""),
    ] {
        let line = wrapped(&inner);
        let cutting = collector(TooLong::Cut);
        cutting.send(Post::lines(line.clone())).await;
        let stored = cutting.stored("a/b").remove(0);
        let kept: Value = serde_json::from_str(&stored.replace("NOW", "0")).unwrap();
        assert_eq!(
            (&kept["level"], &kept["message"]),
            (&json!("error"), &json!("failed")),
            "{stored}"
        );
        let stack = kept["fields"]["stack"].as_str().unwrap_or_default();
        assert!(stored.contains(told), "{stored}");
        // All that is not there is counted: `{"level":"error","msg":"failed"` has six quotes more with their escapes.
        let there = match stack.len() {
            0 => r#"{"log":"{\"level\":\"error\",\"msg\":\"failed\""#.len(),
            stack => r#"{"log":"{\"level\":\"error\",\"msg\":\"failed\",\"stack\":\""#.len() + stack,
        };
        assert_eq!(kept["fields"]["_cut"], json!(line.len() - there), "{stored}");
    }
}

/// A line is as long as it came: neither the escapes for what stands raw in its strings count, nor what stands for bytes that
/// are no text.
#[tokio::test]
async fn elements_of_an_array_are_as_long_as_they_came() {
    let fits = |filler: &[u8]| {
        let mut value = b"\"".to_vec();
        while value.len() + filler.len() < MOST {
            value.extend_from_slice(filler);
        }
        value.resize(MOST - 1, b'x');
        value.push(b'"');
        value
    };
    for filler in [
        &b"\t"[..],
        b"\x01",
        b"\xff",
        b"\xe2\x82",
        b"\\ud800",
        "é".as_bytes(),
    ] {
        let value = fits(filler);
        let mut longer = value.clone();
        longer.insert(1, b'x');
        let body = [b"[\"a\tb\xff\",", &value[..], b",", &longer[..], b" ,\"after\"]"].concat();
        let refusing = collector(TooLong::Refuse);
        let reply = refusing.send(Post::lines(body).kind("application/json")).await;
        assert_eq!(reply.rejected(), [(3, "line_too_long")], "{filler:?}");
        let told = format!("the line has {} bytes, more than {MOST}", MOST + 1);
        assert_eq!(reply.body["rejected"][0]["error"], told);
        let stored = refusing.stored("a/b");
        assert_eq!(
            (&stored[0], &stored[2]),
            (&message("a\tb\u{fffd}"), &message("after"))
        );
        let text = String::from_utf8_lossy(&value[1..MOST - 1]).replace("\\ud800", "\u{fffd}");
        assert_eq!(stored[1], message(&text), "{filler:?}");
    }
}

#[tokio::test]
async fn what_a_sender_says_of_its_lines_is_kept_with_them() {
    let body = "one\n{\"msg\":\"two\"}\n\nthree\nfour";
    let post = |marks: &str| Post::lines(body).header("tailcast-marks", marks);
    let collector = collector(TooLong::Cut);
    let reply = collector.send(post("2;partial, 4;cut=7,5;partial;cut=9")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["cut"]), (200, &json!(2)));
    assert_eq!(
        collector.stored("a/b"),
        [
            message("one"),
            r#"{"ts":NOW,"message":"two","fields":{"_partial":true}}"#.to_owned(),
            cut("three", 7),
            r#"{"ts":NOW,"message":"four","fields":{"_cut":9,"_partial":true}}"#.to_owned(),
        ]
    );
    for bad in [
        "",
        "x",
        "0;partial",
        "1;cut",
        "1;cut=-1",
        "1;whole",
        "1;partial,,2",
    ] {
        assert_eq!(
            collector.send(post(bad)).await.refusal(),
            (400, "bad_marks"),
            "{bad}"
        );
    }
}

/// It has no more than a part of it, which may be short.
#[tokio::test]
async fn a_line_of_which_not_all_was_sent_is_too_long() {
    let collector = collector(TooLong::Refuse);
    let reply = collector
        .send(Post::lines("short\nother").header("tailcast-marks", "1;cut=7"))
        .await;
    assert_eq!(reply.rejected(), [(1, "line_too_long")]);
    let rejected: &Value = &reply.body["rejected"][0]["error"];
    assert_eq!(
        rejected,
        "7 bytes of the line were not sent, and only whole lines are kept"
    );
    assert_eq!(collector.stored("a/b"), [message("other")]);
    let long = "x".repeat(MOST + 1);
    let reply = collector
        .send(Post::lines(long).header("tailcast-marks", "1;cut=1073741824"))
        .await;
    let rejected: &Value = &reply.body["rejected"][0]["error"];
    assert_eq!(rejected, "the line has 1073742825 bytes, more than 1000");
}
