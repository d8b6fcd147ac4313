//! Whatever bytes come, each line is kept or rejected by name, and what is kept is one line of JSON.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::value::RawValue;

use crate::fixture::{Collector, Post, Reply};

/// Sends a body, and gives the answer with all that was stored, each line read back.
fn sent(body: Vec<u8>, kind: &str) -> (Reply, Vec<BTreeMap<String, Box<RawValue>>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let collector = Collector::start();
        let reply = collector.send(Post::lines(body).kind(kind)).await;
        let names: Vec<String> = match reply.body["streams"].as_object() {
            Some(streams) => streams.keys().cloned().collect(),
            None => Vec::new(),
        };
        let mut read = Vec::new();
        for name in names {
            for batch in collector.store.batches(&name) {
                let text = std::str::from_utf8(&batch.lines.ndjson).unwrap();
                assert_eq!(text.matches('\n').count(), batch.lines.count as usize);
                assert!(text.ends_with('\n') && !text.contains('\r'));
                read.extend(text.lines().map(|line| {
                    check_depth(line);
                    serde_json::from_str(line).unwrap()
                }));
            }
        }
        (reply, read)
    })
}

/// Usual readers of JSON stop at some depth. A number that is greater than theirs is kept all the same, as it came.
fn check_depth(line: &str) {
    if let Err(error) = serde_json::from_str::<serde_json::Value>(line) {
        assert!(
            error.to_string().starts_with("number out of range"),
            "{error}: {line}"
        );
    }
}

/// Numbers of answers are right, and every line read back has what a line has.
fn check(reply: &Reply, lines: usize, read: &[BTreeMap<String, Box<RawValue>>]) {
    let codes = ["line_too_long", "bad_stream", "no_stream", "forbidden"];
    match reply.status.as_u16() {
        200 => {
            assert_eq!(reply.body["accepted"].as_u64().unwrap() as usize, read.len());
            assert_eq!(read.len() + reply.rejected().len(), lines);
        }
        400 if reply.code() == "empty" => assert_eq!(lines, 0),
        400 | 403 => assert_eq!(reply.rejected().len(), lines),
        status => panic!("status {status}: {}", reply.text),
    }
    if lines > 0 {
        assert!(reply.rejected().iter().all(|(_, code)| codes.contains(code)));
    }
    for line in read {
        assert!(line.contains_key("ts") && line.contains_key("message"));
        let known = ["ts", "level", "message", "fields"];
        assert!(line.keys().all(|name| known.contains(&name.as_str())));
    }
}

/// Lines that look like something: JSON with odd names, values, escapes and damage.
fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?",
        "\"[a-z @/*]{0,8}\"",
        Just("\"\\ud83d\\ude00\\ud800\"".to_owned()),
        Just("\"2026-01-01T00:00:00.5+01:00\"".to_owned()),
        Just("\"WARN\"".to_owned()),
        Just("null".to_owned()),
        Just("[ 1 ,{\"a\" :\t2}]".to_owned()),
        Just("{\"a\":1,\"a\":2,\"a_\":3}".to_owned()),
    ];
    let name = prop_oneof![
        "ts|time|timestamp|@timestamp|level|severity|lvl|message|msg|fields|stream|a|a_|a__",
        Just("\\ud800".to_owned()),
        Just("".to_owned()),
    ];
    let members = prop::collection::vec((name, value), 0..12);
    let damage = prop::option::of((any::<prop::sample::Index>(), any::<u8>()));
    (members, damage).prop_map(|(members, damage)| {
        let members: Vec<String> = members.iter().map(|(n, v)| format!("\"{n}\" : {v}")).collect();
        let mut line = format!("{{{}}}", members.join(", ")).into_bytes();
        if let Some((at, byte)) = damage {
            let at = at.index(line.len());
            line[at] = byte;
        }
        line
    })
}

fn lines_in(body: &[u8]) -> usize {
    let units = |order: fn([u8; 2]) -> u16| -> Vec<u16> {
        let units = body.chunks(2);
        units
            .map(|unit| <[u8; 2]>::try_from(unit).map_or(0xFFFD, order))
            .collect()
    };
    let text = match body {
        [0xFF, 0xFE, ..] => String::from_utf16_lossy(&units(u16::from_le_bytes)),
        [0xFE, 0xFF, ..] => String::from_utf16_lossy(&units(u16::from_be_bytes)),
        _ => String::from_utf8_lossy(body).into_owned(),
    };
    text.split('\n')
        .filter(|line| {
            let line = line.trim_start_matches(['\0', '\u{feff}']);
            !line.trim_ascii().is_empty()
        })
        .count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_as_lines_survive(body in prop::collection::vec(any::<u8>(), 0..2000)) {
        let (reply, read) = sent(body.clone(), "application/x-ndjson");
        check(&reply, lines_in(&body), &read);
        let (reply, read) = sent(body.clone(), "text/plain");
        check(&reply, lines_in(&body), &read);
    }

    #[test]
    fn any_bytes_behind_a_mark_survive(
        mark in prop::sample::select(vec![&b"\xff\xfe"[..], b"\xfe\xff", b"\xef\xbb\xbf", b"\0\0\0", b"\0\xef\xbb\xbf\0"]),
        body in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(b'\n')], 0..200),
    ) {
        let body = [mark, &body].concat();
        let (reply, read) = sent(body.clone(), "application/x-ndjson");
        check(&reply, lines_in(&body), &read);
        let (reply, read) = sent(body.clone(), "text/plain");
        check(&reply, lines_in(&body), &read);
    }

    #[test]
    fn odd_objects_as_lines_survive(lines in prop::collection::vec(odd_line(), 1..8)) {
        let body = lines.join(&b'\n');
        let (reply, read) = sent(body.clone(), "application/x-ndjson");
        check(&reply, lines_in(&body), &read);
    }

    #[test]
    fn any_bytes_as_json_are_taken_whole_or_refused_whole(lines in prop::collection::vec(odd_line(), 1..8)) {
        let body = [b"[\n", &lines.join(&b"\n,\n"[..])[..], b"]"].concat();
        let (reply, read) = sent(body, "application/json");
        if reply.code() != "bad_json" {
            let accepted = reply.body["accepted"].as_u64().unwrap_or(0) as usize;
            prop_assert_eq!(accepted, read.len());
            prop_assert!(accepted + reply.rejected().len() >= 1);
        }
    }
}
