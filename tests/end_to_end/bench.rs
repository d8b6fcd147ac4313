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

/// What a run with these arguments reports; it must have found nothing wrong.
async fn bench(alone: &mut Alone, arguments: &str) -> Value {
    let (token, pid) = (Token::of_tester(), alone.pid().to_string());
    let variables = [("TAILCAST_URL", alone.url()), ("TAILCAST_TOKEN", &token)];
    let ends = ["--seconds", "2", "--json", "--pid", &*pid];
    let arguments: Vec<&str> = ["bench"]
        .into_iter()
        .chain(arguments.split(' '))
        .chain(ends)
        .collect();
    let ran = tailcast(&arguments, &variables, "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    for wrong in [
        "lost",
        "repeated",
        "out_of_order",
        "damaged",
        "stored_unasked",
        "acknowledged_twice",
    ] {
        assert!(
            matches!(report["lines"][wrong].as_u64(), None | Some(0)),
            "{wrong}: {report}"
        );
    }
    report
}

fn numbers<const N: usize>(report: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| report["lines"][name].as_u64().unwrap())
}

#[tokio::test]
async fn a_bench_of_many_streams_follows_each_of_them_in_each_session() {
    let mut alone = Alone::start().await;
    // However many lines there was time for, so many times each of them is delivered.
    let table = [
        (
            "--sessions 4 --streams 30 --pattern --rate 300 --lines 10 --spread 10",
            4,
            30,
        ),
        ("--sessions 10 --streams 10 --follow 4 --rate 300 --lines 5", 4, 4),
        (
            "--sessions 3 --streams 6 --follow 2 --pattern --rate 300 --lines 4 --spread 3",
            1,
            2,
        ),
    ];
    for (load, times, each) in table {
        let report = bench(&mut alone, load).await;
        let [sent, acknowledged, expected, delivered] =
            numbers(&report, ["sent", "acknowledged", "expected", "delivered"]);
        assert!(sent > 0 && sent == acknowledged, "{report}");
        assert_eq!((expected, delivered), (times * sent, times * sent), "{report}");
        assert_eq!(report["streams_a_session"], each);
    }
}

#[tokio::test]
async fn a_bench_without_sessions_counts_what_is_acknowledged_and_what_it_costs() {
    let mut alone = Alone::start().await;
    for keys in ["", " --no-keys"] {
        let load = format!("--sessions 0 --streams 4 --connections 4 --lines 5 --flat-out{keys}");
        let report = bench(&mut alone, &load).await;
        let [sent, acknowledged, delivered] = numbers(&report, ["sent", "acknowledged", "delivered"]);
        assert!(sent > 0 && sent == acknowledged && delivered == 0, "{report}");
        assert!(
            report["lines"]["answer_ms"]["p99"].as_f64().unwrap() > 0.0,
            "{report}"
        );
        assert!(
            report["server"]["written_per_line"].as_f64().unwrap() > 0.0,
            "{report}"
        );
        // The whole truth stands in the store: what was acknowledged, and no line more.
        let streams: Value = alone
            .get(&format!(
                "/v1/streams?match=bench/{}/**",
                report["run"].as_str().unwrap()
            ))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let heads = streams["streams"].as_array().unwrap().iter();
        let stored: u64 = heads.map(|stream| stream["next"].as_u64().unwrap()).sum();
        assert_eq!(stored, numbers(&report, ["acknowledged_in_all"])[0], "{report}");
    }
}

#[tokio::test]
async fn a_bench_of_idle_sessions_says_what_one_needs() {
    let mut alone = Alone::start().await;
    let report = bench(&mut alone, "--sessions 50 --rate 0").await;
    assert!(report["lines"].is_null(), "{report}");
    assert!(report["server"]["kib_per_idle_session"].is_number(), "{report}");
}

#[tokio::test]
async fn a_bench_that_cannot_be_is_refused_before_it_begins() {
    let table = [
        ("--streams 5 --follow 6", "of 5 streams nobody can follow 6"),
        (
            "--streams 10 --follow 4 --pattern",
            "no whole number of folders of 4",
        ),
        ("--streams 10 --lines 5 --spread 6", "cannot be spread over 6"),
        ("--rate 5 --flat-out", "cannot be used with"),
        ("--lines 60000", "more than the 10 MiB"),
    ];
    for (arguments, why) in table {
        let arguments: Vec<&str> = ["bench"].into_iter().chain(arguments.split(' ')).collect();
        let ran = tailcast(&arguments, &[], "").await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains(why), "{ran:?}");
    }
}
