//! `tailcast bench`: what it counts, and that it does not look away.

use serde_json::Value;

use crate::fixture::{Alone, Running, Token, tailcast, until};

#[tokio::test]
async fn a_bench_counts_every_line_at_every_session_and_what_the_server_spent() {
    let mut alone = Alone::start().await;
    let (token, pid) = (Token::of_tester(), alone.pid().to_string());
    let variables = [("TAILCAST_URL", alone.url()), ("TAILCAST_TOKEN", &token)];
    let load = "bench --sessions 20 --streams 3 --rate 300 --lines 10 --seconds 2 --json --pid";
    let arguments: Vec<&str> = load.split(' ').chain([&*pid]).collect();
    let ran = tailcast(&arguments, &variables, "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let lines = &report["lines"];
    let counted = [
        "sent",
        "unsent",
        "acknowledged",
        "lost",
        "repeated",
        "out_of_order",
        "damaged",
    ];
    assert_eq!(
        counted.map(|name| lines[name].as_u64().unwrap()),
        [600, 0, 600, 0, 0, 0, 0]
    );
    // Of 60 requests each stream gets 20; of 20 sessions two streams have 7 and one has 6.
    assert_eq!(
        (&lines["expected"], &lines["delivered"]),
        (&4_000.into(), &4_000.into())
    );
    assert!(lines["latency_ms"]["p50"].as_f64().unwrap() > 0.0, "{report}");
    assert!(
        report["server"]["resident_idle"].as_u64().unwrap() > 0,
        "{report}"
    );

    let history = alone
        .history(&format!("bench/{}/0", report["run"].as_str().unwrap()), 0)
        .await;
    let line = history.lines().next().unwrap();
    let own = line.replacen("\"offset\":0,", "", 1);
    assert_eq!(own.len(), 200, "a line has the length that was asked for: {own}");
}

#[tokio::test]
async fn a_bench_fails_when_a_session_misses_lines() {
    let mut alone = Alone::start().await;
    let (url, token) = (alone.url().to_owned(), Token::of_tester());
    let variables = [("TAILCAST_URL", &*url), ("TAILCAST_TOKEN", &token)];
    let load = "bench --sessions 5 --rate 100 --seconds 3";
    let bench = Running::start(&load.split(' ').collect::<Vec<_>>(), &variables);
    // More of them than its warm-up has: a second of the rate.
    until("lines are sent", async || {
        let streams: Value = alone.get("/v1/streams").send().await.ok()?.json().await.ok()?;
        (streams["streams"][0]["next"].as_u64()? > 120).then_some(())
    })
    .await;
    alone.kill();
    alone.restart().await;
    let ran = bench.finish().await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.err.contains("lines were lost, 5 sessions ended early"),
        "{ran:?}"
    );
}
