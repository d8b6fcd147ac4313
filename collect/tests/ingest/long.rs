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
        .send(Post::lines("short\nother").header("tailcast-marks", "1;cut=1073741824"))
        .await;
    assert_eq!(reply.rejected(), [(1, "line_too_long")]);
    let rejected: &Value = &reply.body["rejected"][0]["error"];
    assert_eq!(rejected, "the line has 1073741829 bytes, more than 1000");
    assert_eq!(collector.stored("a/b"), [message("other")]);
}
