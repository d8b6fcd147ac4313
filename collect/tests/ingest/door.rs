//! The door itself, without HTTP: how streams are named, what becomes of lines, and in which order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use collect::Builder;
use collect::builder::Value;
use collect::door::{Intake, Naming, Refused, RejectCode, Settled, Template};
use collect::ingest::decode::NDJSON;

use crate::fixture::{Collector, subscriber};

fn entered(collector: &Collector, naming: Naming) -> Intake {
    collector.door.enter(&subscriber("alice"), naming).unwrap()
}

fn by(template: &str) -> Naming {
    Naming::Template(Arc::new(Template::parse(template).unwrap()))
}

/// Accepted, and the lines and codes of those that were not.
fn told(settled: &Settled) -> (u32, Vec<(u32, RejectCode)>) {
    let outcome = settled.outcome.as_ref().unwrap();
    let rejected = outcome.rejected.told.iter();
    (
        outcome.accepted,
        rejected.map(|line| (line.line, line.code)).collect(),
    )
}

#[tokio::test]
async fn lines_with_the_same_labels_go_where_the_template_says() {
    let collector = Collector::start();
    let mut intake = entered(&collector, by("a/{service.name,service}/{host|nowhere}"));
    for (service, host, message) in [
        ("pay", "web-1", "one"),
        ("pay", "web-1", "two"),
        ("pay/api", "web 2", "three"),
        ("", "..", "four"),
    ] {
        let labels = BTreeMap::from([
            ("service.name".to_owned(), service.to_owned()),
            ("host".to_owned(), host.to_owned()),
        ]);
        let place = intake.place(&labels).unwrap();
        let terms = intake.begin(message.len()).unwrap().unwrap();
        let mut builder = Builder::new();
        builder.message(message);
        // Streams are named by the template: this is a field.
        builder.member("stream", "stderr");
        builder.member("n", Value::Integer(1));
        intake.put_at(&place, &builder.finish(&terms)).unwrap();
    }
    assert_eq!(told(&collector.door.settle(intake, None).await), (4, vec![]));
    let line =
        |message: &str| format!(r#"{{"ts":NOW,"message":"{message}","fields":{{"stream":"stderr","n":1}}}}"#);
    assert_eq!(collector.stored("a/pay/web-1"), [line("one"), line("two")]);
    assert_eq!(collector.stored("a/pay_.2fapi/web_.202"), [line("three")]);
    assert_eq!(collector.stored("a/unknown/_.2e."), [line("four")]);
}

#[tokio::test]
async fn a_template_is_filled_from_a_lines_own_fields_where_nothing_else_is_known() {
    let collector = Collector::start();
    let mut intake = entered(&collector, by("a/{app}"));
    let body = b"{\"app\":\"x\",\"stream\":\"@alice\"}\n{\"app\":7}\n{\"app\":{}}\nno object\n";
    (NDJSON.decode)(body, &mut intake).unwrap();
    assert_eq!(told(&collector.door.settle(intake, None).await), (4, vec![]));
    assert_eq!(
        collector.stored("a/x"),
        [r#"{"ts":NOW,"message":"","fields":{"app":"x","stream":"@alice"}}"#]
    );
    assert_eq!(collector.stored("a/7").len(), 1);
    assert_eq!(collector.stored("a/unknown").len(), 2);
    assert!(collector.stored("@alice").is_empty());
}

/// Invariant 9: however a stream is named.
#[tokio::test]
async fn what_a_template_makes_may_be_written_or_is_rejected_alone() {
    let collector = Collector::start();
    let mut intake = entered(&collector, by("{app}/x"));
    (NDJSON.decode)(
        b"{\"app\":\"a\"}\n{\"app\":\"b\"}\n{\"app\":\"log\"}\n",
        &mut intake,
    )
    .unwrap();
    let settled = collector.door.settle(intake, None).await;
    assert_eq!(told(&settled), (2, vec![(2, RejectCode::Forbidden)]));
}

#[tokio::test]
async fn a_stream_that_may_not_be_written_is_refused_before_anything_is_read() {
    let collector = Collector::start();
    let refused = collector
        .door
        .enter(&subscriber("alice"), Naming::Stream("b".to_owned()));
    assert!(matches!(refused.err(), Some(Refused::Forbidden(_))));
    let nothing = entered(&collector, Naming::ByLine);
    let settled = collector.door.settle(nothing, None).await;
    assert_eq!(settled.outcome, Err(Refused::Empty));
    assert!(collector.store.calls().is_empty());
}

/// For connections that stay: the next lines are ready before the last ones are stored.
#[tokio::test]
async fn lines_are_stored_in_the_order_in_which_they_were_submitted() {
    let collector = Collector::start();
    collector.store.close();
    let mut submitted = Vec::new();
    for number in 0..20 {
        let mut intake = entered(&collector, Naming::Stream("a/b".to_owned()));
        (NDJSON.decode)(format!("{number}").as_bytes(), &mut intake).unwrap();
        submitted.push(collector.door.submit(intake, None).await);
    }
    collector.store.open();
    // Whoever waits for the last one first, or for some not at all.
    for submitted in submitted.into_iter().rev().step_by(2) {
        assert_eq!(told(&submitted.settled().await), (1, vec![]));
    }
    let stored = collector.stored("a/b");
    let expected: Vec<String> = (0..20)
        .map(|number| format!(r#"{{"ts":NOW,"message":"{number}"}}"#))
        .collect();
    assert_eq!(stored, expected);
}

/// What every way in ends at is in no way's words. Comments may point out of the room.
#[test]
fn the_door_and_the_builder_have_never_heard_of_http_formats_or_listeners() {
    let rooms = ["builder", "door", "append"];
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let mut folders: Vec<PathBuf> = rooms.iter().map(|room| Path::new(sources).join(room)).collect();
    let mut files: Vec<PathBuf> = rooms
        .iter()
        .map(|room| Path::new(sources).join(format!("{room}.rs")))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let list = if path.is_dir() { &mut folders } else { &mut files };
            list.push(path);
        }
    }
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in ["axum", "http::", "edge::", "crate::ingest"] {
                assert!(!line.contains(word), "{}: {line}", file.display());
            }
        }
    }
}
