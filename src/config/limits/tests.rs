//! Limits from a file, and the document that lists them.

mod document;
mod sources;

use std::path::Path;
use std::time::Duration;

use super::*;

fn read(text: &str) -> Result<Limits, ConfigError> {
    let mut file = Table::parse(text, Path::new("tailcast.toml"))?;
    let limits = Limits::read(file.table(NAME)?)?;
    file.finish()?;
    Ok(limits)
}

fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn what_the_file_does_not_set_is_as_the_crates_have_it() {
    let limits =
        read("[limits.sessions]\nheartbeat = \"10s\"\n\n[limits.http]\naccept.attempts.burst = 7\n").unwrap();
    assert_eq!(limits.sessions.heartbeat, Duration::from_secs(10));
    assert_eq!(limits.http.accept.attempts.burst, 7);
    let changed: Vec<_> = limits
        .list()
        .into_iter()
        .zip(Limits::default().list())
        .filter(|(one, other)| one != other)
        .map(|(one, _)| (one.key(), one.shown()))
        .collect();
    assert_eq!(
        changed,
        [
            ("limits.http.accept.attempts.burst".to_owned(), "7".to_owned()),
            ("limits.sessions.heartbeat".to_owned(), "10s".to_owned()),
        ]
    );
}

#[test]
fn every_kind_of_limit_can_be_set_and_is_shown_as_it_is_written() {
    let text = "\
[limits.sessions]
tick = \"20ms\"
filter_in_passing = \"300us\"
streams = 60_000

[limits.ingest]
received = \"20MiB\"
memory = 1_073_741_824

[limits.filters]
share = 0.25

[limits.links.retry]
first = \"1s\"
";
    let limits = read(text).unwrap();
    let shown = |key: &str| {
        let listed = limits.list();
        let limit = listed.iter().find(|limit| limit.key() == key);
        limit.map(Listed::shown).unwrap_or_default()
    };
    for (key, text) in [
        ("limits.sessions.tick", "20ms"),
        ("limits.sessions.filter_in_passing", "300us"),
        ("limits.sessions.streams", "60000"),
        ("limits.ingest.received", "20MiB"),
        ("limits.ingest.memory", "1GiB"),
        ("limits.filters.share", "0.25"),
        ("limits.links.retry.first", "1s"),
    ] {
        assert_eq!(shown(key), text, "{key}");
    }
    assert_eq!(limits.ingest.received, 20 << 20);
    assert!((limits.filters.share - 0.25).abs() < f64::EPSILON);
}

#[test]
fn a_limit_that_cannot_be_is_refused_with_its_place_and_what_would_be_right() {
    let cases = [
        (
            "[limits.admission]\nsessions = 0",
            "`limits.admission.sessions` in tailcast.toml, line 2 is \"0\": 1 is the least here",
        ),
        (
            "[limits.sessions]\nheartbeat = \"1h\"",
            "`limits.sessions.heartbeat` in tailcast.toml, line 2 is \"1h\": 5m is the most here",
        ),
        (
            "limits.sessions.tick = 16",
            "`limits.sessions.tick` in tailcast.toml, line 1 is \"16\": a duration is like 30s, 10m, 1h30m or 30d",
        ),
        (
            "[limits.ingest]\nreceived = \"lots\"",
            "`limits.ingest.received` in tailcast.toml, line 2 is \"lots\": a size is like 500MB, 10GiB or a number of bytes",
        ),
        (
            "[limits.ingest]\nlines = -1",
            "`limits.ingest.lines` in tailcast.toml, line 2 is \"-1\": a whole number is wanted here",
        ),
        (
            "[limits.filters]\nshare = \"half\"",
            "`limits.filters.share` in tailcast.toml, line 2 is \"half\": a number like 0.5 is wanted here",
        ),
        (
            "limits = 5",
            "`limits` in tailcast.toml, line 1: a table is wanted here, which begins with [limits]",
        ),
        (
            "[limits]\nsessions = 5",
            "`limits.sessions` in tailcast.toml, line 2: a table is wanted here, which begins with [limits.sessions]",
        ),
        (
            "[limits.sessions.tick]\nmost = 5",
            "`limits.sessions.tick` in tailcast.toml, line 1: a text, a number or a list is wanted here, and this is a table",
        ),
        (
            "[limits.sessions]\nheart_beat = \"5s\"",
            "there is no setting `limits.sessions.heart_beat` in tailcast.toml, line 2: is `limits.sessions.heartbeat` meant?",
        ),
        (
            "[limits.session]\nheartbeat = \"5s\"",
            "there is no setting `limits.session` in tailcast.toml, line 1: is `limits.sessions` meant?",
        ),
        (
            "[limits.http]\nconnections = 5",
            "there is no setting `limits.http.connections` in tailcast.toml, line 2: see docs/configuration.md for all of them",
        ),
    ];
    for (text, sentence) in cases {
        assert_eq!(refusal(text), sentence, "{text}");
    }
}

#[test]
fn limits_that_do_not_go_together_are_refused_by_name() {
    assert_eq!(
        refusal("[limits.sessions]\ntick = \"300ms\""),
        "limits.sessions.tick (300ms) must not be more than limits.sessions.tick_stretched (200ms): a stretched tick is the longer one"
    );
    assert_eq!(
        refusal("[limits.mongo]\ndeadline = \"1m\""),
        "limits.mongo.tail_valid (30s) and 2 times limits.mongo.deadline (1m) and 1m by which clocks may differ must not be \
         more than limits.mongo.grace (2m): \
         removed batches would be deleted while another node may still go by them"
    );
    assert!(read("[limits.mongo]\ndeadline = \"1m\"\ngrace = \"5m\"").is_ok());
}

#[test]
fn every_default_is_within_its_bounds_and_can_be_written_down() {
    for limit in Limits::default().list() {
        assert!(
            limit.bounds.allows(limit.number),
            "{} is {}",
            limit.key(),
            limit.shown()
        );
        assert_eq!(
            limit.bounds.parse(&limit.shown()),
            Ok(limit.number),
            "{}",
            limit.key()
        );
        let text = format!("{} = \"{}\"", limit.key(), limit.shown());
        assert_eq!(read(&text).unwrap().list(), Limits::default().list(), "{text}");
    }
}
