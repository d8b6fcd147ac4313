//! What `GET /v1/lines` answers.

use std::time::Duration;

use lines::{Level, Line};
use read::Limits;
use serde_json::json;

use crate::fixture::{Given, line, numbered, second};

pub(crate) async fn a_line_is_answered_as_it_is_stored_with_its_offset_first(given: &Given) {
    let node = given.node();
    let mut stored = Vec::new();
    let first = line(0, Level::Warn, "with \"quotes\" and é");
    first.encode(&mut stored);
    node.append("app/api", &[first]).await;
    let reply = node.get("/v1/lines?stream=app/api").await;
    let stored = String::from_utf8(stored).unwrap();
    assert_eq!(reply.body, stored.replacen('{', "{\"offset\":0,", 1));
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.next(), 1);
}

pub(crate) async fn json_holds_the_same_lines_in_a_list(given: &Given) {
    let node = given.node();
    node.fill("app/api", 3, 2).await;
    let as_lines = node.get("/v1/lines?stream=app/api&from=1").await.lines();
    assert_eq!(
        node.get_json("/v1/lines?stream=app/api&from=1").await,
        json!({"stream": "app/api", "first_available": 0, "from": 1, "next": 3, "lines": as_lines})
    );
    assert_eq!(
        node.get_json("/v1/lines?stream=app/api&from=3").await,
        json!({"stream": "app/api", "first_available": 0, "from": 3, "next": 3, "lines": []})
    );
    assert_eq!(
        node.get_json("/v1/lines?stream=app/api&filter=nothing").await,
        json!({
            "stream": "app/api", "first_available": 0, "from": 0, "next": 3, "looked_through": 3,
            "filter": {"reading": "the text \"nothing\""}, "lines": []
        })
    );
    let answer = node
        .get_json("/v1/lines?stream=app/api&filter=localhost:8080&last=5&to=2")
        .await;
    assert_eq!(
        (&answer["looked_through"], &answer["filter"]),
        (
            &json!(2),
            &json!({"reading": "the field localhost is \"8080\"", "literal": "\"localhost:8080\""})
        )
    );
}

pub(crate) async fn times_are_also_unix_times_and_a_plus_sign_may_arrive_as_a_blank(given: &Given) {
    let node = given.node();
    node.fill("app/api", 30, 7).await;
    let at = second(20);
    let expected = node
        .get(&format!("/v1/lines?stream=app/api&since={at}"))
        .await
        .offsets();
    assert_eq!(expected, (20..30).collect::<Vec<u64>>());
    let nanos = lines::Timestamp::parse(&at).unwrap().nanos();
    let unix = nanos / 1_000_000_000;
    let in_berlin = second(20 + 7_200);
    let in_berlin = in_berlin.trim_end_matches('Z');
    for since in [
        unix.to_string(),
        format!("{unix}.000"),
        format!("{unix}000"),
        nanos.to_string(),
        format!("{in_berlin}+02:00"),
        format!("{in_berlin}%2B02:00"),
    ] {
        let found = node.get(&format!("/v1/lines?stream=app/api&since={since}")).await;
        assert_eq!(found.offsets(), expected, "{since}");
    }
}

pub(crate) async fn who_finds_nothing_learns_how_the_filter_was_read(given: &Given) {
    let node = given.node();
    node.fill("app/api", 30, 7).await;
    let reply = node
        .get("/v1/lines?stream=app/api&filter=a%C3%A9:b&from=10")
        .await;
    let told = |name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(told("tailcast-looked-through"), Some("20"));
    assert_eq!(
        told("tailcast-filter-reading"),
        Some("the%20field%20a%C3%A9%20is%20%22b%22")
    );
    assert_eq!(told("tailcast-filter-literal"), Some("%22a%C3%A9%3Ab%22"));
    let reply = node.get("/v1/lines?stream=app/api").await;
    let long = node
        .get(&format!("/v1/lines?stream=app/api&filter={}", "x".repeat(3_000)))
        .await;
    for (reply, name) in [
        (&reply, "tailcast-looked-through"),
        (&reply, "tailcast-filter-reading"),
        (&long, "tailcast-filter-reading"),
    ] {
        assert_eq!(reply.headers.get(name), None, "{name}");
    }
}

pub(crate) async fn a_range_is_answered_whatever_the_batches_and_pages_are(given: &Given) {
    for (batch, page_bytes) in [(1, 1), (7, 1), (7, 2_000), (100, 1_000_000)] {
        let node = given.node_with(Limits {
            page_bytes,
            ..Limits::default()
        });
        node.fill("app/api", 100, batch).await;
        let table = [
            ("", 0..100, 100),
            ("&from=0&to=0", 0..0, 0),
            ("&from=3&to=60", 3..60, 60),
            ("&from=95", 95..100, 100),
            ("&from=100", 0..0, 100),
            ("&to=1000", 0..100, 100),
            ("&limit=10", 0..10, 10),
            ("&limit=0", 0..0, 0),
            ("&from=20&limit=10", 20..30, 30),
            ("&from=20&to=25&limit=10", 20..25, 25),
            ("&last=10", 90..100, 100),
            ("&last=10&limit=3", 90..93, 93),
            ("&last=10&to=50", 40..50, 50),
            ("&last=10&from=95", 95..100, 100),
            ("&last=1000", 0..100, 100),
            ("&last=0", 0..0, 100),
            ("&limit=18446744073709551615", 0..100, 100),
        ];
        for (parameters, offsets, next) in table {
            let reply = node.get(&format!("/v1/lines?stream=app/api{parameters}")).await;
            assert_eq!(reply.offsets(), offsets.collect::<Vec<u64>>(), "{parameters}");
            assert_eq!(reply.next(), next, "{parameters}");
        }
    }
}

pub(crate) async fn a_thousand_lines_are_answered_when_no_limit_is_named(given: &Given) {
    let node = given.node();
    node.fill("app/api", 2_500, 100).await;
    let first = node.get("/v1/lines?stream=app/api").await;
    assert_eq!((first.offsets().len(), first.next()), (1_000, 1_000));
    assert_eq!(
        node.get("/v1/lines?stream=app/api&last=1500")
            .await
            .offsets()
            .len(),
        1_500
    );
    assert_eq!(
        node.get("/v1/lines?stream=app/api&limit=2000")
            .await
            .offsets()
            .len(),
        2_000
    );
}

pub(crate) async fn a_limit_above_the_most_counts_as_the_most(given: &Given) {
    let node = given.node_with(Limits {
        lines: 20,
        ..Limits::default()
    });
    node.fill("app/api", 100, 9).await;
    for parameters in ["limit=1000", "last=1000&filter=line", "limit=1000&filter=line"] {
        let reply = node.get(&format!("/v1/lines?stream=app/api&{parameters}")).await;
        assert_eq!(reply.offsets().len(), 20, "{parameters}");
    }
}

pub(crate) async fn filters_and_times_choose_among_the_lines(given: &Given) {
    let node = given.node();
    node.fill("app/api", 100, 7).await;
    let (t20, t40) = (second(20), second(40));
    let table = [
        (
            "&filter=level>=error".to_owned(),
            vec![0, 10, 20, 30, 40, 50, 60, 70, 80, 90],
            100,
        ),
        ("&filter=level>=error&limit=3".to_owned(), vec![0, 10, 20], 21),
        ("&filter=level>=error&from=5&to=30".to_owned(), vec![10, 20], 30),
        ("&filter=level>=error&last=2".to_owned(), vec![80, 90], 100),
        ("&filter=level>=error&last=2&to=50".to_owned(), vec![30, 40], 50),
        ("&filter=level>=error&last=3&limit=1".to_owned(), vec![70], 80),
        (
            "&filter=level>=error&last=300&from=75".to_owned(),
            vec![80, 90],
            100,
        ),
        (
            format!("&since={t40}&filter=level>=error"),
            vec![40, 50, 60, 70, 80, 90],
            100,
        ),
        (format!("&until={t20}&filter=level>=error"), vec![0, 10], 100),
        (
            format!("&since={t20}&until={t40}&filter=level>=error"),
            vec![20, 30],
            100,
        ),
        (format!("&since={t20}&limit=2"), vec![20, 21], 22),
        (format!("&until={t20}&last=2"), vec![18, 19], 100),
        (format!("&since={}", second(1_000)), vec![], 100),
        (format!("&until={}", second(-1)), vec![], 100),
        ("&filter=".to_owned(), (0..100).collect(), 100),
    ];
    for (parameters, offsets, next) in table {
        let parameters = parameters.replace('>', "%3E");
        let reply = node.get(&format!("/v1/lines?stream=app/api{parameters}")).await;
        assert_eq!((reply.offsets(), reply.next()), (offsets, next), "{parameters}");
    }
}

pub(crate) async fn times_are_asked_of_each_line_since_they_are_in_no_order(given: &Given) {
    let node = given.node();
    let at = |seconds: &[i64]| -> Vec<Line> {
        seconds
            .iter()
            .map(|&seconds| line(seconds, Level::Info, "x"))
            .collect()
    };
    for batch in [&[50, 10][..], &[5, 60, 20], &[1, 2, 3], &[30]] {
        node.append("app/api", &at(batch)).await;
    }
    let address = format!(
        "/v1/lines?stream=app/api&since={}&until={}",
        second(10),
        second(50)
    );
    let reply = node.get(&address).await;
    assert_eq!((reply.offsets(), reply.next()), (vec![1, 4, 8], 9));
    let last = node.get(&format!("{address}&last=2")).await;
    assert_eq!((last.offsets(), last.header("tailcast-from")), (vec![4, 8], 4));
}

pub(crate) async fn all_that_matches_is_found_by_going_on_from_next_however_early_answers_end(given: &Given) {
    let small = Limits {
        page_bytes: 300,
        scan_bytes: 700,
        answer_bytes: 300,
        ..Limits::default()
    };
    for limits in [
        small,
        Limits {
            scan_time: Duration::ZERO,
            ..small
        },
        Limits::default(),
    ] {
        let node = given.node_with(limits);
        node.fill("app/api", 200, 3).await;
        let (mut found, mut from) = (Vec::new(), 0);
        loop {
            let reply = node
                .get(&format!("/v1/lines?stream=app/api&filter=1&from={from}"))
                .await;
            found.extend(reply.offsets());
            if reply.next() == from {
                break;
            }
            from = reply.next();
        }
        let expected: Vec<u64> = (0..200).filter(|n| n.to_string().contains('1')).collect();
        assert_eq!((found, from), (expected, 200));
    }
}

pub(crate) async fn all_that_matches_is_found_by_going_back_to_from(given: &Given) {
    let small = Limits {
        page_bytes: 300,
        scan_bytes: 700,
        answer_bytes: 300,
        ..Limits::default()
    };
    for limits in [small, Limits::default()] {
        let node = given.node_with(limits);
        node.fill("app/api", 1_000, 3).await;
        let (mut found, mut to) = (Vec::new(), 1_000);
        while to > 0 {
            let reply = node
                .get(&format!("/v1/lines?stream=app/api&filter=7&last=5&to={to}"))
                .await;
            let mut earlier = reply.offsets();
            assert!(earlier.len() <= 5);
            earlier.append(&mut found);
            found = earlier;
            assert!(reply.header("tailcast-from") < to);
            to = reply.header("tailcast-from");
        }
        let expected: Vec<u64> = (0..1_000).filter(|n| n.to_string().contains('7')).collect();
        assert_eq!(found, expected);
    }
}

/// Invariant 10.
pub(crate) async fn what_retention_removed_is_passed_over_and_an_emptied_stream_has_no_lines(given: &Given) {
    let node = given.node();
    node.fill("app/api", 100, 10).await;
    node.trim_before(35).await;
    let reply = node.get("/v1/lines?stream=app/api&from=5&limit=3").await;
    assert_eq!(reply.offsets(), [30, 31, 32]);
    assert_eq!(
        (
            reply.header("tailcast-first-available"),
            reply.header("tailcast-from")
        ),
        (30, 30)
    );
    node.trim_before(1_000).await;
    for parameters in [
        "",
        "&last=5",
        "&from=0",
        "&from=100",
        "&filter=line",
        "&filter=line&last=3",
        "&to=5",
    ] {
        let reply = node.get(&format!("/v1/lines?stream=app/api{parameters}")).await;
        assert_eq!((reply.offsets(), reply.next()), (vec![], 100), "{parameters}");
    }
    node.append("app/api", &[numbered(100)]).await;
    assert_eq!(node.get("/v1/lines?stream=app/api").await.offsets(), [100]);
}

/// Invariant 9.
pub(crate) async fn an_unreadable_stream_answers_byte_for_byte_like_one_that_does_not_exist(given: &Given) {
    let node = given.node();
    node.fill("app/there", 10, 10).await;
    let stranger = node.token("mallory", &["other/**"]);
    let reader = node.token("alice", &["app/**"]);
    for question in [
        "lines?",
        "lines?from=5&",
        "lines?from=500&",
        "lines?last=1&",
        "lines?filter=x&",
        "counts?",
        "counts?from=500&",
        "counts?width=1&",
        "counts?filter=x&",
    ] {
        let address = format!("/v1/{question}stream=app/there");
        let unreadable = node.ask(&address, Some(&stranger), None).await;
        let empty = given.node();
        let missing = empty.ask(&address, Some(&reader), None).await;
        assert_eq!(
            unreadable.refusal(),
            (404, "stream_not_found".into(), String::new())
        );
        assert_eq!(
            (unreadable.status, &unreadable.headers, &unreadable.body),
            (missing.status, &missing.headers, &missing.body),
            "{question}"
        );
    }
}

pub(crate) async fn me_is_the_stream_of_who_asks(given: &Given) {
    let node = given.node();
    node.append("@alice", &[numbered(1)]).await;
    node.append("@bob", &[numbered(2)]).await;
    let bob = node.token("bob", &[]);
    let reply = node.ask("/v1/lines?stream=@me", Some(&bob), None).await;
    assert_eq!(reply.lines()[0]["message"], "line 2");
    let refused = node.ask("/v1/lines?stream=@alice", Some(&bob), None).await;
    assert_eq!(refused.refusal(), (404, "stream_not_found".into(), String::new()));
}

pub(crate) async fn a_bad_parameter_is_named(given: &Given) {
    let node = given.node();
    node.fill("app/api", 10, 10).await;
    let table = [
        ("", "stream"),
        ("stream=", "stream"),
        ("stream=a//b", "stream"),
        ("stream=app/*", "stream"),
        ("stream=app/api&from=x", "from"),
        ("stream=app/api&from=-1", "from"),
        ("stream=app/api&from=", "from"),
        ("stream=app/api&from=18446744073709551616", "from"),
        ("stream=app/api&to=1.5", "to"),
        ("stream=app/api&from=5&to=4", "to"),
        ("stream=app/api&since=yesterday", "since"),
        ("stream=app/api&until=12", "until"),
        ("stream=app/api&last=all", "last"),
        ("stream=app/api&limit=x", "limit"),
        ("stream=app/api&filter=(", "filter"),
        ("stream=app/api&form=5", "form"),
        ("stream=app/api&from=1&from=2", "from"),
    ];
    for (parameters, name) in table {
        let reply = node.get(&format!("/v1/lines?{parameters}")).await;
        assert_eq!(
            reply.refusal(),
            (400, "bad_parameter".into(), name.into()),
            "{parameters}"
        );
    }
    let (_, problem) = node.get("/v1/lines?stream=app/api&filter=a+(b").await.problem();
    assert_eq!(
        (&problem["position"], &problem["detail"]),
        (
            &json!(2),
            &json!(
                "`filter`: this parenthesis is never closed; to look for it, quote it: \"(\" (at character 3)"
            )
        )
    );
}

pub(crate) async fn a_cursor_beyond_the_head_is_refused_with_the_head(given: &Given) {
    let node = given.node();
    node.fill("app/api", 10, 10).await;
    let (status, problem) = node.get("/v1/lines?stream=app/api&from=11").await.problem();
    assert_eq!(
        (status, &problem["code"], &problem["next"]),
        (400, &json!("cursor_ahead"), &json!(10))
    );
}

pub(crate) async fn no_token_and_a_token_in_the_address_are_refused(given: &Given) {
    let node = given.node();
    let reply = node.ask("/v1/lines?stream=app/api", None, None).await;
    assert_eq!(reply.status.as_u16(), 401);
    assert!(reply.headers.contains_key("www-authenticate"));
    let token = node.token("alice", &["app/**"]);
    let address = format!("/v1/lines?stream=app/api&token={token}");
    let reply = node.ask(&address, Some(&token), None).await;
    assert_eq!(reply.refusal(), (400, "token_in_query".into(), String::new()));
}

pub(crate) async fn the_form_follows_what_the_request_likes_best(given: &Given) {
    let node = given.node();
    node.fill("app/api", 1, 1).await;
    let token = node.token("alice", &["app/**"]);
    let table = [
        ("*/*", "application/x-ndjson"),
        ("text/html", "application/x-ndjson"),
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("application/json, text/plain, */*", "application/json"),
        (
            "application/json;q=0.5, application/x-ndjson",
            "application/x-ndjson",
        ),
        (
            "application/x-ndjson;q=0.2, application/json;q=0.9",
            "application/json",
        ),
    ];
    for (accept, expected) in table {
        let reply = node
            .ask("/v1/lines?stream=app/api", Some(&token), Some(accept))
            .await;
        assert_eq!(reply.headers["content-type"], expected, "{accept}");
    }
}
