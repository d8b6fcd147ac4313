//! Filters: only what matches, and never a second look at what did not.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{long_lines, parsed};
use crate::fixture::{Cluster, Flow, Running, Session, Token, lines, tailcast};

async fn cluster() -> Cluster {
    Cluster::start(&["collect", "dispatch", "push", "push", "read"]).await
}

/// A session for matches from a place on.
async fn matches(cluster: &mut Cluster, node: usize, filter: &str, from: Value) -> Session {
    let mut session = cluster.push(node).session().await;
    session
        .subscribe_with(&["payments/api"], json!({"from": from, "filter": filter}))
        .await;
    session
}

fn everything(session: &Session) -> Value {
    json!({"cursors": {}, "epoch": session.welcome()["epoch"]})
}

/// Lines of all kinds, the last of which matches every filter of these tests.
fn of_all_kinds(count: u64) -> Vec<Value> {
    let mut made = lines(count);
    for (i, line) in made.iter_mut().enumerate() {
        let last = i as u64 + 1 == count;
        let level = ["trace", "debug", "info", "warn", "error", "fatal", ""][i % 7];
        let message = match i % 5 {
            0 => "Connection reset by peer".to_owned(),
            1 => format!("took {i} ms"),
            _ => format!("line {i}"),
        };
        let needle = if i % 11 == 0 { " needle" } else { "" };
        let path = if i % 3 == 0 { "/healthz" } else { "/pay" };
        let user = ["ann", "bob", "anna"][i % 3];
        *line = if last {
            json!({"ts": line["ts"], "level": "error", "message": "connection reset, needle, took 999 ms",
                "fields": {"status": 503, "path": "/pay", "user": {"name": "ann"}}})
        } else {
            json!({"ts": line["ts"], "level": level, "message": format!("{message}{needle}"),
                "fields": {"status": 200 + i % 4 * 100, "path": path, "user": {"name": user}}})
        };
        if line["level"] == "" {
            line.as_object_mut().unwrap().remove("level");
        }
    }
    made
}

type Predicate = fn(&Value) -> bool;

fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap()
}

/// Filters, and what they say in another language.
const FILTERS: &[(&str, Predicate)] = &[
    ("level>=warn", |line| {
        ["warn", "error", "fatal"].contains(&line["level"].as_str().unwrap_or_default())
    }),
    ("needle OR status>=500", |line| {
        message(line).contains("needle") || line["fields"]["status"].as_u64().unwrap() >= 500
    }),
    (r"/took \d{3} ms/ -path:/healthz", |line| {
        let took = message(line)
            .split_once("took ")
            .is_some_and(|(_, rest)| rest.as_bytes()[..3].iter().all(u8::is_ascii_digit));
        took && line["fields"]["path"] != "/healthz"
    }),
    ("user.name:ann*", |line| {
        line["fields"]["user"]["name"]
            .as_str()
            .unwrap()
            .starts_with("ann")
    }),
    ("\"connection reset\" level:error", |line| {
        message(line).to_lowercase().contains("connection reset") && line["level"] == "error"
    }),
];

/// The line as a filtered session or the history shows it.
fn with_offset(offset: u64, line: &str) -> String {
    format!("{{\"offset\":{offset},{}", &line[1..])
}

#[tokio::test]
async fn a_filter_finds_the_same_lines_live_in_the_past_in_the_history_and_in_tail() {
    let mut cluster = cluster().await;
    let mut all = cluster.push(0).subscribe("payments/api").await;
    let mut live = Vec::new();
    for (filter, _) in FILTERS {
        live.push(matches(&mut cluster, 0, filter, json!("live")).await);
    }
    let sent = cluster.collect(0).send("payments/api", of_all_kinds(300)).await;
    let stored = all.take_bytes(300).await;
    let token = Token::of_tester();
    for ((filter, predicate), mut live) in FILTERS.iter().zip(live) {
        let numbered = (0..).zip(sent.iter().zip(&stored));
        let expected: Vec<String> = numbered
            .filter(|(_, (line, _))| predicate(line))
            .map(|(offset, (_, text))| with_offset(offset, text))
            .collect();
        assert!(
            expected.len() > 5 && expected.len() < 250,
            "{filter} tells nothing"
        );
        live.reaches("payments/api", 300).await;
        assert_eq!(live.arrived(), expected, "{filter}");

        let from = everything(&all);
        let mut past = matches(&mut cluster, 1, filter, from).await;
        past.reaches("payments/api", 300).await;
        assert_eq!(past.arrived(), expected, "{filter}");

        let query = [("stream", "payments/api"), ("from", "0"), ("filter", *filter)];
        let history = cluster
            .read(0)
            .get("/v1/lines")
            .query(&query)
            .send()
            .await
            .unwrap();
        assert_eq!(history.status(), StatusCode::OK);
        let history = history.text().await.unwrap();
        assert_eq!(history.lines().collect::<Vec<_>>(), expected, "{filter}");

        let arguments = [
            "tail",
            "payments/api",
            "--from",
            "0",
            "--json",
            "--filter",
            filter,
        ];
        let url = cluster.push(1).url().to_owned();
        let variables = [("TAILCAST_URL", url.as_str()), ("TAILCAST_TOKEN", &token)];
        let printed = Running::start(&arguments, &variables)
            .prints(expected.len())
            .await;
        let offsets = |lines: &[String]| -> Vec<Value> {
            let lines = parsed(lines);
            lines.into_iter().map(|line| line["offset"].clone()).collect()
        };
        assert_eq!(offsets(&printed), offsets(&expected), "{filter}");
    }
}

#[tokio::test]
async fn while_nothing_matches_the_cursor_moves_and_a_resume_looks_at_nothing_again() {
    let mut cluster = cluster().await;
    let mut alice = matches(&mut cluster, 0, "needle", json!("live")).await;
    for _ in 0..5 {
        cluster
            .collect(0)
            .send("payments/api", long_lines(200, 3000))
            .await;
    }
    // No line comes, and still it is told, within 5 s.
    alice.reaches("payments/api", 1000).await;
    assert_eq!(alice.arrived(), [""; 0]);
    let place = alice.place();
    drop(alice);

    let mut alice = cluster.push(1).session().await;
    let subscribed = alice
        .subscribe_with(&["payments/api"], json!({"from": place, "filter": "needle"}))
        .await;
    assert_eq!(subscribed["streams"]["payments/api"]["cursor"], 1000);
    alice.message_of_type("live").await;
    let pages = cluster.push(1).measured("tailcast_replay_reads_total").await;
    assert_eq!(pages, 0.0, "3 MB without a match were read again");
    let sent = cluster.collect(0).send("payments/api", of_all_kinds(1)).await;
    let came = parsed(&alice.take_bytes(1).await);
    assert_eq!(
        (&came[0]["offset"], &came[0]["message"]),
        (&json!(1000), &sent[0]["message"])
    );
}

#[tokio::test]
async fn cut_at_random_moments_a_session_with_a_filter_misses_no_match_and_gets_none_twice() {
    let mut cluster = cluster().await;
    let mut alice = matches(&mut cluster, 0, "/7$/", json!("live")).await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut seen = Vec::new();
    for _ in 0..10 {
        alice
            .read_for(Duration::from_millis(rand::random_range(0..200)))
            .await;
        seen.extend(alice.arrived());
        let place = alice.place();
        drop(alice);
        alice = matches(&mut cluster, rand::random_range(0..2), "/7$/", place).await;
    }
    let sent = Flow::stop_all(vec![flow]).await;
    alice.reaches("payments/api", sent.len() as u64).await;
    seen.extend(alice.arrived());
    let mut expected: Vec<Value> = (0..)
        .zip(sent)
        .map(|(offset, mut line)| {
            line["offset"] = json!(offset as u64);
            line
        })
        .collect();
    expected.retain(|line| message(line).ends_with('7'));
    assert_eq!(parsed(&seen), expected);
}

#[tokio::test]
async fn what_is_no_filter_is_refused_everywhere_with_the_place() {
    let mut cluster = cluster().await;
    cluster.collect(0).send("payments/api", lines(1)).await;
    let bad = "level>=warn (";
    let mut alice = cluster.push(0).session().await;
    let refused = alice
        .try_subscribe_with(&["payments/api"], json!({"filter": bad}))
        .await;
    assert_eq!(
        (&refused["code"], &refused["position"]),
        (&json!("bad_filter"), &json!(13))
    );
    let subscribed = alice.subscribe(&["payments/api"], json!({"last": 1})).await;
    assert_eq!(subscribed["id"], "2", "the session goes on");

    let query = [("stream", "payments/api"), ("filter", bad)];
    let answer = cluster
        .read(0)
        .get("/v1/lines")
        .query(&query)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(
        (&problem["code"], &problem["position"]),
        (&json!("bad_parameter"), &json!(13))
    );

    let (url, token) = (cluster.push(0).url().to_owned(), Token::of_tester());
    let variables = [("TAILCAST_URL", url.as_str()), ("TAILCAST_TOKEN", &token)];
    let ran = tailcast(&["tail", "payments/api", "--filter", bad], &variables, "").await;
    assert!(ran.code == Some(1) || ran.code == Some(2), "{ran:?}");
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    assert!(ran.err.contains("13") || ran.err.contains("filter"), "{ran:?}");
}
