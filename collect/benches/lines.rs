//! What a line costs from a body to the bytes that are stored, in nanoseconds, by its form: median, least and most of many
//! rounds. Nothing is stored. Of plain text also what it costs when nothing is read of it.
//!
//! ```sh
//! cargo bench -p collect --bench lines
//! ```

#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use auth::{Claims, Key, Minter, Verifier};
use collect::Door;
use collect::append::{AppendLimits, Appender};
use collect::builder::{PlainText, Reading};
use collect::door::{Limits, Naming};
use collect::ingest::decode::{Format, NDJSON, TEXT};
use lines::{Hint, HintSink};
use store::sqlite::{SqliteOptions, SqliteStore};
use tokio::sync::watch;

/// Each body has so many lines, and is read so often.
const LINES: usize = 1_000;
const ROUNDS: usize = 401;

const FORMS: &[(&str, &Format, &str)] = &[
    (
        "json, as it is kept",
        &NDJSON,
        r#"{"ts":"2026-11-30T05:00:00.123456789Z","level":"info","message":"GET /health 200","fields":{"took_ms":12,"user":"ann"}}"#,
    ),
    (
        "json, ts and message",
        &NDJSON,
        r#"{"ts":"2026-11-30T05:00:00.123456789Z","message":"GET /health 200 in 12 ms for ann, who asked for it twice"}"#,
    ),
    (
        "json, other members",
        &NDJSON,
        r#"{"ts":"2026-11-30T05:00:00.123456789Z","level":"info","message":"GET /health 200","took_ms":12,"user":"ann","path":"/health"}"#,
    ),
    (
        "json, time and msg",
        &NDJSON,
        r#"{"level":30,"time":1796014800123,"pid":42,"hostname":"host1","msg":"GET /health 200"}"#,
    ),
    (
        "json, nested",
        &NDJSON,
        r#"{"timestamp":"2026-11-30T05:00:00.123456Z","level":"INFO","fields":{"message":"GET /health 200","took":12},"target":"app"}"#,
    ),
    (
        "json, wrapped",
        &NDJSON,
        r#"{"log":"{\"level\":\"info\",\"msg\":\"GET /health 200\",\"took\":12}\n","stream":"stdout","time":"2026-11-30T05:00:00.123456789Z"}"#,
    ),
    (
        "text, a sentence",
        &TEXT,
        "GET /health 200 in 12 ms for ann, who asked for it twice",
    ),
    (
        "text, a trace",
        &TEXT,
        "\tat org.example.App.run(App.java:10) ~[app.jar:1.0]",
    ),
    (
        "text, log4j",
        &TEXT,
        "2026-11-30 05:00:00,123 ERROR [main] org.example.App - Order 17 failed after 12 ms",
    ),
    (
        "text, syslog",
        &TEXT,
        "<11>Nov 30 05:00:00 host1 app[42]: Order 17 failed after 12 ms, and is tried again",
    ),
    (
        "text, logfmt",
        &TEXT,
        "level=error ts=2026-11-30T05:00:00.123Z caller=a.go:1 msg=\"cannot connect\" err=\"timeout\"",
    ),
    (
        "text, access log",
        &TEXT,
        r#"127.0.0.1 - - [30/Nov/2026:05:00:00 +0100] "GET /a HTTP/1.1" 502 157 "-" "curl/8""#,
    ),
    (
        "text as ndjson",
        &NDJSON,
        "GET /health 200 in 12 ms for ann, who asked for it twice",
    ),
];

/// Nobody watches.
struct Nobody;

impl HintSink for Nobody {
    fn hand_off(&self, _: Hint) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path(), SqliteOptions::default()).unwrap());
    let appender = Appender::new(store, Arc::new(Nobody), watch::channel(AppendLimits::default()).1);
    let door = Door::new(appender, Limits::default());
    let unread = door.clone().reading(Reading {
        plain_text: PlainText::Unread,
        ..Reading::default()
    });
    let doors = [door, unread];
    let key = Key::from_text("a key of the bench, which is long enough for it").unwrap();
    let mut claims = Claims::new("bench", jiff::Timestamp::now().as_second() + 3_600);
    claims.write = vec!["**".to_owned()];
    let token = Minter::hs256(&key, "tailcast").mint(&claims).unwrap();
    let subscriber = Verifier::hs256(&key, "tailcast").check(&token).unwrap();

    let bodies: Vec<String> = FORMS
        .iter()
        .map(|(_, _, line)| format!("{line}\n").repeat(LINES))
        .collect();
    let mut took = vec![[const { Vec::new() }; 2]; FORMS.len()];
    for _ in 0..ROUNDS {
        for (nth, (name, format, _)) in FORMS.iter().enumerate() {
            let is_text = name.starts_with("text");
            for (door, took) in doors.iter().zip(&mut took[nth]).take(1 + usize::from(is_text)) {
                let mut intake = door.enter(&subscriber, Naming::Stream("a/b".to_owned())).unwrap();
                let begin = Instant::now();
                (format.decode)(black_box(bodies[nth].as_bytes()), &mut intake).unwrap();
                took.push(begin.elapsed().as_nanos() as f64 / LINES as f64);
                black_box(intake.bytes());
            }
        }
    }
    for ((name, _, _), [read, unread]) in FORMS.iter().zip(took) {
        let unread = median(unread).map_or_else(String::new, |(median, ..)| format!(", {median:.0} unread"));
        if let Some((median, least, most)) = median(read) {
            println!("{name:24} {median:7.0} ns a line ({least:.0} to {most:.0}){unread}");
        }
    }
}

/// The median of some figures, and what a twentieth is below and above.
fn median(mut took: Vec<f64>) -> Option<(f64, f64, f64)> {
    took.sort_by(f64::total_cmp);
    let nth = |share: f64| took.get((took.len() as f64 * share) as usize).copied();
    nth(0.5)
        .zip(nth(0.05))
        .zip(nth(0.95))
        .map(|((median, least), most)| (median, least, most))
}
