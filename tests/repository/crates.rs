//! The order of the crates, where heavy dependencies live, and what a crate has never heard of: the table in
//! docs/architecture.md, held to the manifests and to what cargo builds.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::document::{read, root, rows};

/// Who knows something that stands in the column "has never heard of" depends on one of these.
const WORDS: &[(&str, &[&str])] = &[
    ("lines", &["lines"]),
    ("tokens", &["auth", "jsonwebtoken"]),
    ("stores", &["store", "mongodb", "rusqlite"]),
    ("databases", &["store", "mongodb", "rusqlite"]),
    ("MongoDB", &["mongodb"]),
    ("SQLite", &["rusqlite"]),
    ("Redis", &["redis"]),
    ("routes", &["dispatch"]),
    ("sessions", &["push"]),
    ("a runtime", &["tokio", "futures-util"]),
    ("I/O", &["mio", "socket2", "rustix"]),
    ("HTTP", &["http", "hyper", "axum", "reqwest"]),
];

/// Who else may use what has a home, and for what.
const GUESTS: &[(&str, &str, &str)] = &[
    ("tokio-tungstenite", "dispatch", "dials the links between nodes"),
    (
        "tokio-tungstenite",
        "push",
        "reads what comes from a session's socket",
    ),
];

/// One row of the table.
struct Crate {
    name: String,
    homes: BTreeSet<String>,
    never: BTreeSet<String>,
}

fn table() -> Vec<Crate> {
    let document = read("docs/architecture.md");
    let rows = rows(&document).into_iter().filter_map(|row| {
        let [name, purpose, never] = row[..] else {
            return None;
        };
        let name = name.strip_prefix('`')?.strip_suffix('`')?;
        let homes = purpose.split_once("home of ").map_or("", |(_, homes)| homes);
        let list = |text: &str| {
            let separated = text.replace(" and ", ", ");
            let parts = separated.split(", ").map(str::to_owned);
            parts.filter(|part| !part.is_empty()).collect()
        };
        (!name.ends_with('/')).then(|| Crate {
            name: name.to_owned(),
            homes: list(homes),
            never: list(never),
        })
    });
    rows.collect()
}

fn manifest(path: &str) -> toml::Table {
    read(path).parse().unwrap()
}

fn members() -> Vec<String> {
    let members = manifest("Cargo.toml")["workspace"]["members"].as_array().cloned();
    let members = members.unwrap().into_iter();
    members.map(|it| it.as_str().unwrap().to_owned()).collect()
}

/// What a crate's manifest names in sections that end in one of `sections`, of every target.
fn named(name: &str, sections: &[&str]) -> BTreeSet<String> {
    let manifest = manifest(&format!("{name}/Cargo.toml"));
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let of_targets = targets.into_iter().flat_map(|targets| targets.values());
    let tables = of_targets.filter_map(toml::Value::as_table).chain([&manifest]);
    let sections = tables.flat_map(|table| sections.iter().filter_map(|section| table.get(*section)));
    let dependencies = sections
        .filter_map(toml::Value::as_table)
        .flat_map(toml::Table::keys);
    dependencies.cloned().collect()
}

/// All that is built with a crate when it is built alone.
fn built_with(name: &str) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    cargo.args(["tree", "--offline", "--locked", "--package", name]);
    cargo.args([
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let output = cargo.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    names.filter(|other| *other != name).map(str::to_owned).collect()
}

#[test]
fn the_table_of_crates_has_every_member_in_its_order() {
    let listed: Vec<String> = table().into_iter().map(|it| it.name).collect();
    assert_eq!(listed, members());
}

#[test]
fn a_server_crate_depends_only_on_those_before_it() {
    let members = members();
    for (at, name) in members.iter().enumerate() {
        let before: BTreeSet<&String> = members[..at].iter().collect();
        for other in named(name, &["dependencies", "build-dependencies", "dev-dependencies"]) {
            let is_before = before.contains(&other);
            assert!(
                !members.contains(&other) || is_before,
                "{name} depends on {other}"
            );
        }
    }
}

#[test]
fn the_client_knows_no_crate_of_the_servers() {
    let members: BTreeSet<String> = members().into_iter().collect();
    let known: Vec<String> = named("client", &["dependencies"])
        .intersection(&members)
        .cloned()
        .collect();
    assert!(
        known
            .iter()
            .all(|other| ["backoff", "lines"].contains(&other.as_str())),
        "{known:?}"
    );
}

#[test]
fn a_crate_has_never_heard_of_what_the_table_says() {
    let meanings: BTreeMap<&str, &[&str]> = WORDS.iter().copied().collect();
    for it in table() {
        // Said of all others at once.
        if ["web", "client"].contains(&it.name.as_str()) {
            continue;
        }
        let built = built_with(&it.name);
        for word in &it.never {
            let crates = meanings.get(word.as_str()).unwrap_or_else(|| {
                panic!("what does a crate depend on that knows {word:?}? Say so in WORDS")
            });
            let known: Vec<_> = crates.iter().filter(|other| built.contains(**other)).collect();
            assert!(known.is_empty(), "{} knows {word}: {known:?}", it.name);
        }
    }
}

#[test]
fn the_viewer_knows_nothing_but_the_edge() {
    let members = members();
    let built = built_with("web");
    let known: Vec<_> = members.iter().filter(|other| built.contains(*other)).collect();
    assert_eq!(known, ["edge"]);
}

#[test]
fn a_heavy_dependency_has_one_home() {
    let table = table();
    for home in &table {
        for heavy in &home.homes {
            let users = table
                .iter()
                .filter(|it| named(&it.name, &["dependencies"]).contains(heavy));
            let users: BTreeSet<&str> = users.map(|it| it.name.as_str()).collect();
            let guests = GUESTS
                .iter()
                .filter(|(what, ..)| what == heavy)
                .map(|(_, who, _)| *who);
            let allowed: BTreeSet<&str> = guests.chain([home.name.as_str()]).collect();
            assert_eq!(users, allowed, "who uses {heavy}");
            let in_executable = named(".", &["dependencies"]);
            assert!(
                !in_executable.contains(heavy),
                "the executable uses {heavy} itself"
            );
        }
    }
    let homes: BTreeSet<&str> = table
        .iter()
        .flat_map(|it| it.homes.iter().map(String::as_str))
        .collect();
    for (what, who, _) in GUESTS {
        assert!(
            homes.contains(what),
            "{what}, which {who} uses too, has no home in the table"
        );
    }
}

#[test]
fn every_crate_takes_its_versions_from_the_workspace() {
    for name in members().iter().map(String::as_str).chain(["."]) {
        let manifest = manifest(&format!("{name}/Cargo.toml"));
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (dependency, how) in manifest
                .get(section)
                .and_then(toml::Value::as_table)
                .into_iter()
                .flatten()
            {
                let shared = how.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(shared, Some(true), "{name}: {dependency}");
            }
        }
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let shared = manifest["package"].get(key).and_then(|it| it.get("workspace"));
            assert_eq!(shared.and_then(toml::Value::as_bool), Some(true), "{name}: {key}");
        }
    }
}
