//! What `GET /v1/counts` answers.

use std::collections::BTreeMap;
use std::time::Duration;

use lines::{Level, Line, Timestamp};
use read::Limits;
use serde_json::{Map, Value, json};

use crate::fixture::{Given, Node, START, line, numbered, second};

/// Lines and levels, by when their buckets begin, in seconds since 1970.
type Buckets = BTreeMap<i64, (u64, BTreeMap<String, u64>)>;

pub(crate) async fn counts_are_answered_as_one_object_in_the_order_of_time(given: &Given) {
    let node = given.node();
    let at = |nanos, level| Line {
        ts: Timestamp::from_nanos(nanos),
        level,
        ..line(0, Level::Info, "x")
    };
    let lines = [
        at(1_795_269_839_999_999_999, Some(Level::Info)),
        at(1_795_269_780_000_000_000, Some(Level::Fatal)),
        at(1_795_269_840_000_000_000, None),
        at(-1, Some(Level::Trace)),
        at(1_795_269_800_500_000_000, None),
        at(1_795_269_800_500_000_001, Some(Level::Info)),
        at(0, Some(Level::Warn)),
    ];
    node.append("app/api", &lines).await;
    let reply = node.get("/v1/counts?stream=app/api").await;
    let expected = concat!(
        r#"{"stream":"app/api","from":0,"next":7,"first_available":0,"width":60,"buckets":["#,
        r#"{"at":"1969-12-31T23:59:00Z","lines":1,"levels":{"trace":1}},"#,
        r#"{"at":"1970-01-01T00:00:00Z","lines":1,"levels":{"warn":1}},"#,
        r#"{"at":"2026-11-21T14:03:00Z","lines":4,"levels":{"info":2,"fatal":1}},"#,
        r#"{"at":"2026-11-21T14:04:00Z","lines":1,"levels":{}}]}"#,
        "\n"
    );
    assert_eq!(reply.body, expected);
    assert_eq!(reply.headers["content-type"], "application/json");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let none = node.get_json("/v1/counts?stream=app/api&filter=nothing").await;
    assert_eq!(
        none,
        json!({"stream": "app/api", "from": 0, "next": 7, "first_available": 0, "width": 60, "buckets": []})
    );
}

pub(crate) async fn the_first_and_the_last_time_that_a_line_can_have_are_counted(given: &Given) {
    let node = given.node();
    let lines = [i64::MIN, i64::MAX].map(|nanos| Line {
        ts: Timestamp::from_nanos(nanos),
        ..line(0, Level::Info, "x")
    });
    node.append("app/api", &lines).await;
    let answer = node.get_json("/v1/counts?stream=app/api&width=86400").await;
    let days = ["1677-09-21T00:00:00Z", "2262-04-11T00:00:00Z"];
    let expected = days.map(|at| json!({"at": at, "lines": 1, "levels": {"info": 1}}));
    assert_eq!(answer["buckets"], json!(expected));
}

pub(crate) async fn counts_are_what_the_lines_of_the_same_question_add_up_to(given: &Given) {
    for (batch, page_bytes) in [(1, 1), (7, 400), (1_000, 1_000_000)] {
        let node = given.node_with(Limits {
            page_bytes,
            // One answer reaches the end, however busy the machine is.
            scan_time: Duration::from_secs(600),
            ..Limits::default()
        });
        let lines: Vec<Line> = (0..300).map(mixed).collect();
        for lines in lines.chunks(batch) {
            node.append("app/api", lines).await;
        }
        let (t20, t150) = (second(20), second(150));
        let questions = [
            String::new(),
            "&from=0&to=0".to_owned(),
            "&from=17&to=201".to_owned(),
            "&from=299".to_owned(),
            "&from=300".to_owned(),
            "&to=1000".to_owned(),
            format!("&since={t20}"),
            format!("&until={t150}"),
            format!("&since={t20}&until={t150}&from=30&to=250"),
            "&since=1969-12-31T23:59:00Z&until=1970-01-01T00:00:30Z".to_owned(),
            "&filter=level>=warn".to_owned(),
            "&filter=-level:*".to_owned(),
            format!("&filter=7&since={t20}&to=280"),
            "&filter=nothing".to_owned(),
            "&filter=".to_owned(),
        ];
        for question in questions {
            let question = question.replace('>', "%3E");
            for width in [1, 7, 3_600] {
                let address = format!("/v1/counts?stream=app/api{question}&width={width}");
                assert_eq!(
                    node.get_json(&address).await,
                    counted_by_hand(&node, &question, width).await,
                    "{address}"
                );
            }
        }
    }
}

pub(crate) async fn each_line_is_counted_once_by_going_on_from_next_however_early_answers_end(given: &Given) {
    let small = Limits {
        page_bytes: 300,
        scan_bytes: 700,
        ..Limits::default()
    };
    let few = Limits {
        buckets: 3,
        ..Limits::default()
    };
    let table = [
        (small, 3, 1),
        (small, 3, 60),
        (
            Limits {
                scan_time: Duration::ZERO,
                ..small
            },
            1,
            60,
        ),
        (few, 1, 1),
        // One batch has more seconds in it than an answer may have buckets.
        (few, 50, 1),
        (Limits { buckets: 1, ..few }, 50, 7),
        (Limits { buckets: 3, ..small }, 5, 2),
    ];
    for (limits, batch, width) in table {
        let node = given.node_with(limits);
        let lines: Vec<Line> = (0..200).map(mixed).collect();
        for lines in lines.chunks(batch) {
            node.append("app/api", lines).await;
        }
        for question in ["", "&filter=1", "&since=1970-01-01T00:00:00Z"] {
            let whole = format!("{question}&width={width}");
            let (found, answers) = going_on(&node, &whole, limits.buckets).await;
            let expected = buckets_of(&counted_by_hand(&node, question, width).await);
            assert_eq!(found, expected, "{limits:?} {batch} {whole}");
            assert!(answers > 2, "{limits:?} {batch} {whole}: nothing ended early");
        }
    }
}

/// Invariant 10.
pub(crate) async fn what_retention_removed_is_not_counted(given: &Given) {
    let node = given.node();
    node.fill("app/api", 100, 10).await;
    node.trim_before(35).await;
    let answer = node
        .get_json("/v1/counts?stream=app/api&from=5&width=86400")
        .await;
    let expected = json!({"stream": "app/api", "from": 30, "next": 100, "first_available": 30, "width": 86400,
        "buckets": [{"at": "2023-11-14T00:00:00Z", "lines": 70, "levels": {"info": 63, "error": 7}}]});
    assert_eq!(answer, expected);
    node.trim_before(1_000).await;
    let answer = node.get_json("/v1/counts?stream=app/api").await;
    let expected = json!({"stream": "app/api", "from": 100, "next": 100, "first_available": 100, "width": 60,
        "buckets": []});
    assert_eq!(answer, expected);
}

pub(crate) async fn me_is_counted_for_who_asks_and_nobody_else(given: &Given) {
    let node = given.node();
    node.append("@alice", &[numbered(1), numbered(2)]).await;
    node.append("@bob", &[numbered(3)]).await;
    let bob = node.token("bob", &[]);
    let reply = node.ask("/v1/counts?stream=@me", Some(&bob), None).await;
    let answer: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((&answer["stream"], &answer["next"]), (&json!("@bob"), &json!(1)));
    let refused = node.ask("/v1/counts?stream=@alice", Some(&bob), None).await;
    assert_eq!(refused.refusal(), (404, "stream_not_found".into(), String::new()));
}

pub(crate) async fn what_cannot_be_counted_by_is_named(given: &Given) {
    let node = given.node();
    node.fill("app/api", 10, 10).await;
    let table = [
        ("", "stream"),
        ("stream=app/*", "stream"),
        ("stream=app/api&from=x", "from"),
        ("stream=app/api&from=5&to=4", "to"),
        ("stream=app/api&since=yesterday", "since"),
        ("stream=app/api&until=12", "until"),
        ("stream=app/api&filter=(", "filter"),
        ("stream=app/api&width=", "width"),
        ("stream=app/api&width=0", "width"),
        ("stream=app/api&width=-60", "width"),
        ("stream=app/api&width=1.5", "width"),
        ("stream=app/api&width=1m", "width"),
        ("stream=app/api&width=86401", "width"),
        ("stream=app/api&width=18446744073709551616", "width"),
        ("stream=app/api&width=1&width=2", "width"),
        ("stream=app/api&last=5", "last"),
        ("stream=app/api&limit=5", "limit"),
        ("stream=app/api&step=5", "step"),
    ];
    for (parameters, name) in table {
        let reply = node.get(&format!("/v1/counts?{parameters}")).await;
        assert_eq!(
            reply.refusal(),
            (400, "bad_parameter".into(), name.into()),
            "{parameters}"
        );
    }
    let (_, problem) = node.get("/v1/counts?stream=app/api&width=86401").await.problem();
    assert_eq!(problem["detail"], "`width` is in whole seconds, from 1 to 86400");
    let (_, problem) = node.get("/v1/counts?stream=app/api&from=11").await.problem();
    assert_eq!(
        (&problem["code"], &problem["next"]),
        (&json!("cursor_ahead"), &json!(10))
    );
    let reply = node.ask("/v1/counts?stream=app/api", None, None).await;
    assert_eq!(reply.status.as_u16(), 401);
    let token = node.token("alice", &["app/**"]);
    let address = format!("/v1/counts?stream=app/api&token={token}");
    let reply = node.ask(&address, Some(&token), None).await;
    assert_eq!(reply.refusal(), (400, "token_in_query".into(), String::new()));
}

/// Line `n` of many: all levels and none, times in no order, some before 1970.
fn mixed(n: usize) -> Line {
    let seconds = (n as i64 * 37) % 181;
    let since_1970 = if n.is_multiple_of(11) {
        -seconds
    } else {
        START + seconds
    };
    Line {
        ts: Timestamp::from_nanos(since_1970 * 1_000_000_000 + n as i64),
        level: Level::ALL.get(n % 7).copied(),
        ..numbered(n)
    }
}

/// The answer as it has to be, from the lines.
async fn counted_by_hand(node: &Node, question: &str, width: i64) -> Value {
    let mut buckets = Buckets::new();
    let (mut from, mut next) = (None, None);
    let first_available = loop {
        let on = next.map_or(question.to_owned(), |next| going_on_at(question, next));
        let page = node
            .get_json(&format!("/v1/lines?stream=app/api&limit=100000{on}"))
            .await;
        for line in page["lines"].as_array().unwrap() {
            let ts = Timestamp::parse(line["ts"].as_str().unwrap()).unwrap();
            let at = ts.nanos().div_euclid(width * 1_000_000_000) * width;
            let (lines, levels) = buckets.entry(at).or_default();
            *lines += 1;
            if let Some(level) = line["level"].as_str() {
                *levels.entry(level.to_owned()).or_default() += 1;
            }
        }
        from = from.or(page["from"].as_u64());
        let before = next.replace(page["next"].as_u64().unwrap());
        if before == next {
            break page["first_available"].clone();
        }
    };
    let buckets: Vec<Value> = buckets
        .into_iter()
        .map(|(at, (lines, levels))| json!({"at": written(at), "lines": lines, "levels": levels}))
        .collect();
    json!({"stream": "app/api", "from": from, "next": next, "first_available": first_available, "width": width,
        "buckets": buckets})
}

/// All that is counted by asking until `next` moves no more, and how many answers that took.
async fn going_on(node: &Node, question: &str, most: usize) -> (Buckets, usize) {
    let mut found = Buckets::new();
    let (mut next, mut answers) = (0, 0);
    loop {
        let question = going_on_at(question, next);
        let answer = node
            .get_json(&format!("/v1/counts?stream=app/api{question}"))
            .await;
        answers += 1;
        let buckets = buckets_of(&answer);
        assert!(buckets.len() <= most, "{question}");
        for (at, (lines, levels)) in buckets {
            let bucket = found.entry(at).or_default();
            bucket.0 += lines;
            for (level, lines) in levels {
                *bucket.1.entry(level).or_default() += lines;
            }
        }
        let before = std::mem::replace(&mut next, answer["next"].as_u64().unwrap());
        if before == next {
            return (found, answers);
        }
        assert!(next > before, "{question}");
    }
}

fn going_on_at(question: &str, from: u64) -> String {
    let others = question.split('&').filter(|pair| !pair.starts_with("from="));
    others.collect::<Vec<_>>().join("&") + &format!("&from={from}")
}

fn buckets_of(answer: &Value) -> Buckets {
    let count = |levels: &Map<String, Value>| {
        let count = |(level, lines): (&String, &Value)| (level.clone(), lines.as_u64().unwrap());
        levels.iter().map(count).collect()
    };
    let bucket = |bucket: &Value| {
        let at = Timestamp::parse(bucket["at"].as_str().unwrap()).unwrap();
        let counted = (
            bucket["lines"].as_u64().unwrap(),
            count(bucket["levels"].as_object().unwrap()),
        );
        (at.nanos() / 1_000_000_000, counted)
    };
    answer["buckets"].as_array().unwrap().iter().map(bucket).collect()
}

fn written(seconds: i64) -> String {
    let whole = Timestamp::from_nanos(seconds * 1_000_000_000).to_string();
    whole.replace(".000000000Z", "Z")
}
