//! Every metric is described at `/metrics` and in docs/operating.md, with its type, its labels and its meaning, and no other is.

use std::collections::BTreeMap;

use crate::document::{quoted, read, rows};
use crate::source::Sources;

/// What is said of one metric.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    kind: String,
    labels: Vec<String>,
}

/// As the sources count: a name has one kind and one set of labels, wherever it stands.
fn counted() -> BTreeMap<String, Said> {
    let mut found: BTreeMap<String, Said> = BTreeMap::new();
    for metric in &Sources::read().metrics {
        let said = Said {
            kind: metric.kind.clone(),
            labels: metric.labels.clone(),
        };
        let before = found.entry(metric.name.clone()).or_insert_with(|| said.clone());
        assert_eq!(
            *before, said,
            "{}: {} is something else elsewhere",
            metric.file, metric.name
        );
    }
    found
}

/// The help texts: `counter("tailcast_x_total", "…")` in src/measure/described.rs.
fn described() -> BTreeMap<String, (String, String)> {
    let sources = Sources::read();
    let table = sources
        .calls
        .iter()
        .filter(|call| call.file == "src/measure/described.rs");
    let rows = table.filter(|call| ["counter", "gauge", "histogram"].contains(&call.path.as_str()));
    rows.map(|call| {
        let [name, help] = &call.arguments[..] else {
            panic!("{} takes a name and what it means", call.path);
        };
        (
            name.text().unwrap().to_owned(),
            (call.path.clone(), help.text().unwrap().to_owned()),
        )
    })
    .collect()
}

/// The rows of the table in docs/operating.md.
fn documented() -> BTreeMap<String, (Said, String)> {
    let document = read("docs/operating.md");
    let (_, section) = document.split_once("\n## Metrics\n").unwrap();
    let section = section
        .split_once("\n## ")
        .map_or(section, |(section, _)| section);
    let rows = rows(section).into_iter().map(|row| {
        let [name, kind, labels, meaning] = row[..] else {
            panic!("{row:?}");
        };
        let said = Said {
            kind: kind.to_owned(),
            labels: quoted(labels).map(str::to_owned).collect(),
        };
        (
            quoted(name).next().unwrap().to_owned(),
            (said, meaning.to_owned()),
        )
    });
    rows.collect()
}

#[test]
fn the_document_has_every_metric_with_its_type_and_its_labels() {
    let told: BTreeMap<String, Said> = documented()
        .into_iter()
        .map(|(name, (said, _))| (name, said))
        .collect();
    assert_eq!(told, counted());
}

#[test]
fn the_document_and_the_help_of_a_metric_say_the_same() {
    let told: BTreeMap<String, (String, String)> = documented()
        .into_iter()
        .map(|(name, (said, meaning))| (name, (said.kind, meaning.replace('`', ""))))
        .collect();
    assert_eq!(told, described());
}

#[test]
fn a_metric_is_named_as_prometheus_names_things() {
    for (name, said) in counted() {
        let is_total = name.ends_with("_total");
        assert!(name.starts_with("tailcast_"), "{name}");
        assert_eq!(is_total, said.kind == "counter", "{name} is a {}", said.kind);
    }
}
