//! A line of each of many programs, and what it says: tests/formats. A block is a heading, what is expected (a time, `?` for one
//! that cannot be told, or `-`; a level, or `-`; of JSON the message), and the line.

use std::path::Path;

use super::*;

const ARRIVED: &str = "2026-11-30T05:30:00Z";

/// What is read of a line, written as it is expected.
fn said(line: &str, terms: &Terms) -> String {
    let json = read(line, terms);
    let is_json = json.is_some();
    let built = json.unwrap_or_else(|| Built::text(line, terms));
    let ts = match built.ts() {
        _ if built.is_undated() => "?".to_owned(),
        ts if ts == terms.arrived => "-".to_owned(),
        ts => ts.to_string(),
    };
    let level = built.level.map_or("-", Level::as_str);
    let message = if is_json { &*built.message } else { "" };
    assert!(is_json || built.message == line, "{line}");
    format!("{ts} {level} {message}").trim_end().to_owned()
}

/// A time with the digits that it is stored with.
fn written(expected: &str) -> String {
    let (ts, rest) = expected.split_once(' ').unwrap();
    let ts = Timestamp::parse(ts).map_or_else(|| ts.to_owned(), |ts| ts.to_string());
    format!("{ts} {rest}")
}

#[test]
fn what_many_programs_write_is_understood_as_they_mean_it() {
    let terms = Terms {
        arrived: Timestamp::parse(ARRIVED).unwrap(),
        stream: StreamMember::IsAField,
        reading: Reading::default(),
        is_cut: false,
    };
    let (mut count, mut wrong) = (0, Vec::new());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for block in text.split("\n\n") {
            let mut parts = block.trim_end_matches('\n').split('\n');
            let (name, expected, line) = (parts.next(), parts.next(), parts.next());
            let (Some(name), Some(expected), Some(line), None) = (name, expected, line, parts.next()) else {
                panic!("no block: {block}");
            };
            count += 1;
            let (said, expected) = (said(line, &terms), written(expected));
            if said != expected {
                wrong.push(format!(
                    "{name}\n  {line}\n  said     {said}\n  expected {expected}"
                ));
            }
        }
    }
    assert!(count > 200, "{count} lines");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
