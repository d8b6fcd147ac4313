//! Counts over time: what the store's lines add up to, whichever store it is.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Alone, Cluster, Door, lines, ndjson};

#[tokio::test]
async fn counts_are_what_the_lines_of_sqlite_add_up_to() {
    let alone = Alone::start().await;
    counts_are_what_lines_add_up_to(&alone, &alone).await;
}

#[tokio::test]
async fn counts_are_what_the_lines_of_mongodb_add_up_to() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "read"]).await;
    let collect: Door = cluster.collect(0).clone();
    counts_are_what_lines_add_up_to(&collect, cluster.read(0)).await;
}

/// Sends to one door, and asks the other.
async fn counts_are_what_lines_add_up_to(collect: &Door, read: &Door) {
    // Several batches, so that a question's bounds lie within them and between them.
    for part in over_a_day().chunks(70) {
        let request = collect.post("/v1/lines").query(&[("stream", "payments/api")]);
        let answer = request.body(ndjson(part)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let questions: [&[(&str, &str)]; 7] = [
        &[],
        &[("from", "33"), ("to", "250")],
        &[("from", "300")],
        &[
            ("since", "2026-11-21T06:00:00Z"),
            ("until", "2026-11-21T18:30:00Z"),
        ],
        &[("until", "1970-01-01T00:00:00Z")],
        &[("filter", "level>=warn")],
        &[
            ("filter", "-level:*"),
            ("since", "2026-11-21T03:00:00+01:00"),
            ("to", "290"),
        ],
    ];
    for question in questions {
        for (width, length) in [("3600", "2026-11-21T14".len()), ("60", "2026-11-21T14:03".len())] {
            let expected = added_up(read, question, width, length).await;
            assert_eq!(
                counts(read, question, width).await,
                expected,
                "{question:?} by {width}"
            );
        }
    }
}

/// 300 lines of one day in no order of time, of all levels and none; a few are from before 1970.
fn over_a_day() -> Vec<Value> {
    let mut made = lines(300);
    for (i, line) in made.iter_mut().enumerate() {
        let day = if i % 20 == 0 { "1969-12-31" } else { "2026-11-21" };
        let time = format!(
            "{:02}:{:02}:{:02}.{:03}Z",
            i * 7 % 24,
            i * 13 % 60,
            i * 17 % 60,
            i
        );
        line["ts"] = json!(format!("{day}T{time}"));
        match ["trace", "debug", "info", "warn", "error", "fatal", ""][i % 7] {
            "" => drop(line.as_object_mut().unwrap().remove("level")),
            level => line["level"] = json!(level),
        }
    }
    made
}

async fn counts(door: &Door, question: &[(&str, &str)], width: &str) -> Value {
    let request = door
        .get("/v1/counts")
        .query(&[("stream", "payments/api"), ("width", width)]);
    let answer = request.query(question).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/json");
    answer.json().await.unwrap()
}

/// The same from the lines: those are of one bucket whose times have as many characters in common.
async fn added_up(door: &Door, question: &[(&str, &str)], width: &str, length: usize) -> Value {
    let request = door.get("/v1/lines").header("accept", "application/json");
    let request = request.query(&[("stream", "payments/api"), ("limit", "100000")]);
    let answer = request.query(question).send().await.unwrap();
    let mut page: Value = answer.json().await.unwrap();
    let mut buckets: BTreeMap<String, (u64, BTreeMap<String, u64>)> = BTreeMap::new();
    for line in page["lines"].as_array().unwrap() {
        let rest = &"2026-11-21T00:00:00Z"[length..];
        let at = format!("{}{rest}", &line["ts"].as_str().unwrap()[..length]);
        let (lines, levels) = buckets.entry(at).or_default();
        *lines += 1;
        if let Some(level) = line["level"].as_str() {
            *levels.entry(level.to_owned()).or_default() += 1;
        }
    }
    // What is said of lines alone.
    for name in ["lines", "looked_through", "filter"] {
        page.as_object_mut().unwrap().remove(name);
    }
    page["width"] = width.parse::<u64>().unwrap().into();
    let bucket = |(at, (lines, levels))| json!({"at": at, "lines": lines, "levels": levels});
    page["buckets"] = buckets.into_iter().map(bucket).collect();
    page
}
