//! Filters: the first line is one, the second JSON for a line's fields, the rest the line's message. What a filter passes
//! over unread has no match in it, and what it says of itself can be read again.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use lines::filter::literal;
use lines::{Filter, Level, Line, Timestamp, Verdict};
use serde_json::value::RawValue;

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let source = parts.next().unwrap_or_default();
    let fields = parts.next().unwrap_or_default();
    let message = parts.next().unwrap_or_default();
    let filter = match Filter::parse(source) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(error.position <= source.chars().count(), "{error}");
            return;
        }
    };
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(fields).unwrap_or_default();
    let raw = |value: &serde_json::Value| RawValue::from_string(value.to_string()).expect("JSON");
    let line = Line {
        ts: Timestamp::from_nanos(1_796_014_800_123_456_789),
        level: Some(Level::Warn),
        message: message.to_owned(),
        fields: fields.iter().map(|(name, value)| (name.clone(), raw(value))).collect(),
    };
    let mut ndjson = Vec::new();
    line.encode(&mut ndjson);
    let verdict = filter.judge(&ndjson[..ndjson.len() - 1]);
    assert!(filter.may_match(&ndjson) || verdict != Verdict::Matches, "{source:?} passes over {line:?}");
    // What lies in a store that is damaged, or what another version wrote.
    filter.judge(message.as_bytes());
    let reading = filter.reading();
    for again in reading.literal.into_iter().chain(literal(source)) {
        Filter::parse(&again).unwrap_or_else(|error| panic!("{again:?}: {error}"));
    }
    // A text, taken as it stands, finds the line that it is in.
    if let Some(literal) = literal(message).and_then(|text| Filter::parse(&text).ok()) {
        assert_eq!(literal.judge(&ndjson[..ndjson.len() - 1]), Verdict::Matches, "{message:?} does not find itself");
    }
});
