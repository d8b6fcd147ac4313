//! A sender against a server that does what the test says.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fake;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use client::{
    FixedToken, Marks, Rejected, Report, SendError, SendLimits, Sender, Server, Stopped, Summary, TokenError,
    Tokens, Unfinished,
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake::{Fake, Reply};

fn quick() -> SendLimits {
    SendLimits {
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(20),
        ..SendLimits::default()
    }
}

fn problem(code: &str, detail: &str) -> Value {
    json!({"title": "No", "code": code, "detail": detail})
}

fn summary(pushed: u64, accepted: u64, rejected: u64) -> Summary {
    Summary {
        pushed,
        accepted,
        rejected,
        ..Summary::default()
    }
}

#[tokio::test]
async fn a_line_leaves_at_once_and_those_that_come_meanwhile_leave_together() {
    let fake = Fake::start([]).await;
    fake.hold();
    let (mut sender, _) = fake.sender(quick());
    sender.push(b"one").await.unwrap();
    fake.has_seen(1).await;
    for line in ["two", "three", "four"] {
        sender.push(line.as_bytes()).await.unwrap();
    }
    fake.let_go();
    assert_eq!(sender.finish().await.unwrap(), summary(4, 4, 0));
    assert_eq!(fake.bodies(), ["one\n", "two\nthree\nfour\n"]);
}

/// Invariant 1.
#[tokio::test]
async fn a_request_is_repeated_unchanged_under_one_key_until_it_is_answered() {
    let fake = Fake::start([
        Reply::BreakOff,
        Reply::Say(503, problem("unavailable", "the store is away"), Some(1)),
        Reply::Say(502, json!(null), None),
    ])
    .await;
    let (mut sender, reports) = fake.sender(quick());
    sender.push(b"one").await.unwrap();
    fake.has_seen(1).await;
    sender.push(b"two").await.unwrap();
    assert_eq!(sender.finish().await.unwrap(), summary(2, 2, 0));

    let seen = fake.seen();
    assert_eq!(seen.len(), 5);
    assert!(seen[..4].iter().all(|again| *again == seen[0]), "{seen:?}");
    assert_eq!(seen[4].body, "two\n");
    assert_ne!(seen[4].key, seen[0].key);

    let reports = reports.lock().unwrap();
    let [
        Report::Retrying { .. },
        Report::Retrying { after, why },
        Report::Retrying { .. },
        Report::Recovered,
    ] = &reports[..]
    else {
        panic!("{reports:?}")
    };
    assert!(*after >= Duration::from_secs(1), "{after:?}");
    assert_eq!(why, "the store is away (unavailable)");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_waited_for_until_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let server = Server::new(&format!("http://{address}"), Arc::new(FixedToken("token".into()))).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut sender = Sender::start(server, "my/app", quick(), move |report| {
        let _ = tell.send(report);
    });
    sender.push(b"one").await.unwrap();
    let Some(Report::Retrying { why, .. }) = told.recv().await else {
        panic!("no report")
    };
    assert!(why.contains("cannot be reached"), "{why}");

    let router = Router::new().fallback(|| async { r#"{"accepted":1}"# });
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(sender.finish().await.unwrap(), summary(1, 1, 0));
}

#[tokio::test]
async fn it_is_given_up_in_time_when_a_limit_is_set() {
    let fake = Fake::start([Reply::Say(429, problem("busy", "too busy"), Some(60))]).await;
    let limits = SendLimits {
        give_up: Some(Duration::from_secs(5)),
        ..quick()
    };
    let (mut sender, _) = fake.sender(limits);
    sender.push(b"one").await.unwrap();
    match sender.finish().await {
        Err(Unfinished {
            error: SendError::GaveUp { why, .. },
            summary,
        }) => {
            assert_eq!(
                (why.as_str(), summary.unsent, summary.unknown),
                ("too busy (busy)", 1, 0)
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rejected_lines_are_reported_by_their_number_over_all_requests() {
    let rejected = json!([{"line": 2, "code": "line_too_long", "error": "too long"}]);
    let fake = Fake::start([
        Reply::Accept,
        Reply::Say(200, json!({"accepted": 2, "rejected": rejected}), None),
        Reply::Say(
            400,
            json!({"code": "nothing_accepted", "rejected": [{"line": 1, "code": "bad_stream", "error": "bad"}]}),
            None,
        ),
    ])
    .await;
    fake.hold();
    let (mut sender, reports) = fake.sender(quick());
    sender.push(b"1").await.unwrap();
    fake.has_seen(1).await;
    sender.push(b"2\n3\n4").await.unwrap();
    fake.let_one_go();
    fake.has_seen(2).await;
    sender.push(b"5").await.unwrap();
    fake.let_go();
    assert_eq!(sender.finish().await.unwrap(), summary(5, 3, 2));
    let reject = |line, code: &str, error: &str| {
        Report::Rejected(Rejected {
            line,
            code: code.into(),
            error: error.into(),
        })
    };
    assert_eq!(
        *reports.lock().unwrap(),
        [
            reject(3, "line_too_long", "too long"),
            reject(5, "bad_stream", "bad")
        ]
    );
}

#[tokio::test]
async fn of_a_line_that_fits_into_no_request_the_beginning_is_sent_and_how_long_it_is() {
    let fake = Fake::start([]).await;
    fake.hold();
    let (mut sender, _) = fake.sender(SendLimits {
        request_bytes: 20,
        ..quick()
    });
    sender.push(b"1").await.unwrap();
    fake.has_seen(1).await;
    sender.push(b"2").await.unwrap();
    fake.let_go();
    sender.push("x".repeat(17).as_bytes()).await.unwrap();
    sender
        .push(format!("{}é{}", "x".repeat(18), "y".repeat(100)).as_bytes())
        .await
        .unwrap();
    let cut = Marks {
        cut: 7,
        partial: false,
    };
    sender.push_marked("aé".as_bytes(), cut).await.unwrap();
    let both = Marks {
        cut: 7,
        partial: true,
    };
    sender.push_marked(&b"a\xc3"[..], both).await.unwrap();
    sender.finish().await.unwrap();
    let bodies = fake.bodies().concat();
    assert_eq!(
        bodies,
        format!("1\n2\n{}\n{}\naé\na\n", "x".repeat(17), "x".repeat(18))
    );
    let marks: Vec<String> = fake.seen().into_iter().filter_map(|seen| seen.marks).collect();
    let told: Vec<&str> = marks.iter().flat_map(|marks| marks.split(',')).collect();
    let told: Vec<&str> = told
        .iter()
        .filter_map(|line| Some(line.split_once(';')?.1))
        .collect();
    assert_eq!(told, ["cut=102", "cut=7", "cut=8;partial"]);
}

#[tokio::test]
async fn whoever_pushes_waits_while_a_request_and_another_are_full() {
    let fake = Fake::start([]).await;
    fake.hold();
    let limits = SendLimits {
        request_lines: 3,
        ..quick()
    };
    let (mut sender, _) = fake.sender(limits);
    sender.push(b"0").await.unwrap();
    fake.has_seen(1).await;
    sender.push(b"1\n2\n3").await.unwrap();
    let full = tokio::time::timeout(Duration::from_millis(50), sender.push(b"never")).await;
    assert!(full.is_err(), "there was room");
    fake.let_go();
    sender.push(b"4\n5\n6\n7").await.unwrap();
    assert_eq!(sender.finish().await.unwrap(), summary(8, 8, 0));
    assert_eq!(fake.bodies().concat(), "0\n1\n2\n3\n4\n5\n6\n7\n");
    assert!(fake.bodies().iter().all(|body| body.lines().count() <= 3));
}

#[tokio::test]
async fn a_refusal_stops_everything_with_its_sentence() {
    let cases = [
        (404, "no_such_thing", "Refused"),
        (413, "too_large", "Refused"),
        (403, "forbidden", "Refused"),
        (409, "key_reused", "KeyReused"),
        (301, "", "NotTailcast"),
    ];
    for (status, code, expected) in cases {
        let fake = Fake::start([Reply::Say(status, problem(code, "it cannot be"), None)]).await;
        let (mut sender, _) = fake.sender(quick());
        sender.push(b"one").await.unwrap();
        sender.stopped().await;
        assert_eq!(sender.push(b"more").await, Err(Stopped));
        let error = sender.finish().await.expect_err("a refusal").error;
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(fake.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn it_is_told_how_many_lines_each_stream_got_as_the_answers_say() {
    let stored = |streams: Value| {
        Reply::Say(
            200,
            json!({"accepted": 1, "rejected": [], "streams": streams}),
            None,
        )
    };
    let fake = Fake::start([
        stored(json!({"@alice": [{"first": 5, "next": 6}, {"first": 9, "next": 11}]})),
        stored(json!({"@alice": [{"first": 11, "next": 12}], "other": [{"first": 0, "next": 1}]})),
    ])
    .await;
    let (mut sender, _) = fake.sender(quick());
    for number in 1..=2 {
        sender.push(b"line").await.unwrap();
        fake.has_seen(number).await;
    }
    sender.finish().await.unwrap();
    let expected = [("@alice".to_owned(), 4), ("other".to_owned(), 1)];
    assert_eq!(sender.stored(), expected.into());
}

#[tokio::test]
async fn a_stream_that_may_not_be_written_any_more_stops_everything() {
    let forbidden = json!({"code": "forbidden", "detail": "no", "rejected": []});
    let fake = Fake::start([Reply::Accept, Reply::Say(403, forbidden, None)]).await;
    let (mut sender, _) = fake.sender(quick());
    for number in 1..=2 {
        sender.push(b"line").await.unwrap();
        fake.has_seen(number).await;
    }
    let Unfinished { error, summary } = sender.finish().await.expect_err("a refusal");
    assert!(format!("{error:?}").starts_with("Refused"), "{error:?}");
    assert_eq!((summary.pushed, summary.accepted, summary.unsent), (2, 1, 1));
}

#[tokio::test]
async fn whoever_is_in_haste_does_not_wait_for_a_server_that_is_away() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::new(&url, Arc::new(FixedToken("token".into()))).unwrap();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let limits = SendLimits {
        first_wait: Duration::from_secs(3600),
        longest_wait: Duration::from_secs(3600),
        ..SendLimits::default()
    };
    let mut sender = Sender::start(server, "my/app", limits, move |report| {
        let _ = tell.send(report);
    });
    sender.push(b"one\ntwo").await.unwrap();
    told.recv().await.unwrap();
    sender.haste().within(Duration::from_secs(3600));
    let Unfinished { error, summary } = sender.finish().await.expect_err("there is no server");
    assert!(matches!(error, SendError::GaveUp { .. }), "{error:?}");
    assert_eq!((summary.pushed, summary.unsent, summary.unknown), (2, 2, 0));
}

#[tokio::test]
async fn what_was_sent_and_not_answered_in_time_is_of_unknown_outcome() {
    let fake = Fake::start([]).await;
    fake.hold();
    let (mut sender, _) = fake.sender(quick());
    sender.push(b"one").await.unwrap();
    fake.has_seen(1).await;
    sender.push(b"two").await.unwrap();
    let now = sender.summary();
    assert_eq!(
        (now.pushed, now.unknown, now.unsent),
        (2, 1, 1),
        "whoever leaves now does not know"
    );
    sender.haste().within(Duration::from_millis(10));
    let Unfinished { error, summary } = sender.finish().await.expect_err("no answer came");
    assert!(error.to_string().ends_with("no answer came"), "{error}");
    assert_eq!((summary.pushed, summary.unknown, summary.unsent), (2, 1, 1));
}

#[tokio::test]
async fn lines_that_are_rejected_without_a_number_are_counted() {
    let rejected = json!([{"line": 1, "code": "forbidden", "error": "no"}]);
    let answer =
        json!({"accepted": 2, "rejected": rejected, "rejected_more": {"forbidden": 5, "bad_stream": 1}});
    let fake = Fake::start([Reply::Say(200, answer, None)]).await;
    let (mut sender, _) = fake.sender(quick());
    sender.push(b"one").await.unwrap();
    let summary = sender.finish().await.unwrap();
    assert_eq!((summary.accepted, summary.rejected), (2, 7));
}

#[tokio::test]
async fn nothing_but_blank_lines_is_no_failure() {
    let fake = Fake::start([Reply::Say(400, problem("empty", "no lines"), None)]).await;
    let (mut sender, _) = fake.sender(quick());
    sender.push(b"").await.unwrap();
    assert_eq!(sender.finish().await.unwrap(), summary(1, 0, 0));

    let (mut sender, _) = fake.sender(quick());
    assert_eq!(sender.finish().await.unwrap(), summary(0, 0, 0));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn a_large_request_is_compressed_once_and_repeated_so() {
    let fake = Fake::start([Reply::BreakOff]).await;
    let (mut sender, _) = fake.sender(quick());
    let line = "the same words again and again ".repeat(100);
    sender.push(line.as_bytes()).await.unwrap();
    assert_eq!(sender.finish().await.unwrap(), summary(1, 1, 0));
    let seen = fake.seen();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].encoding.as_deref(), Some("zstd"));
    assert_eq!(seen[0].body, format!("{line}\n"));
}

/// Another token each time.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Tokens for Counted {
    fn token(&self) -> BoxFuture<'_, Result<String, TokenError>> {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(format!("t{count}")) })
    }
}

#[tokio::test]
async fn a_token_that_has_ended_is_replaced_once_a_request() {
    let ended = || Reply::Say(401, problem("bad_token", "the token has expired"), None);
    let fake = Fake::start([ended(), Reply::Accept, ended(), ended()]).await;
    let (mut sender, _) = fake.sender_with(quick(), Arc::new(Counted::default()));
    sender.push(b"one").await.unwrap();
    fake.has_seen(2).await;
    sender.push(b"two").await.unwrap();
    let error = sender.finish().await.expect_err("a refusal");
    assert_eq!(error.to_string(), "the token has expired (bad_token)");
    let tokens: Vec<String> = fake.seen().into_iter().map(|seen| seen.token).collect();
    assert_eq!(tokens, ["Bearer t0", "Bearer t1", "Bearer t1", "Bearer t2"]);

    let fake = Fake::start([ended()]).await;
    let (mut sender, _) = fake.sender(quick());
    sender.push(b"one").await.unwrap();
    assert!(matches!(
        sender.finish().await,
        Err(Unfinished {
            error: SendError::Refused(_),
            ..
        })
    ));
    assert_eq!(
        fake.seen().len(),
        1,
        "the same token is not worth another attempt"
    );
}
