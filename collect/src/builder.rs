//! One JSON object as a line: which member is what, and where everything else goes.

use std::collections::{HashMap, HashSet};
use std::fmt;

use lines::{Level, Line, Timestamp};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

pub(crate) mod known;
pub(crate) mod raw;

/// A line as its sender wrote it.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// What is kept.
    pub(crate) line: Line,
    /// The stream that the line names itself.
    pub(crate) stream: Option<String>,
}

impl Parsed {
    /// A line that is nothing but a message.
    pub(crate) fn message(message: String, arrived: Timestamp) -> Self {
        Self {
            line: Line {
                ts: arrived,
                level: None,
                message,
                fields: Vec::new(),
            },
            stream: None,
        }
    }
}

/// What a line knows to do with a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Ts,
    Level,
    Message,
    Fields,
    Stream,
}

/// The names of known members. Of two for the same part, the one further up wins.
const NAMES: &[(&str, Part)] = &[
    ("ts", Part::Ts),
    ("level", Part::Level),
    ("message", Part::Message),
    ("fields", Part::Fields),
    ("stream", Part::Stream),
    ("time", Part::Ts),
    ("timestamp", Part::Ts),
    ("@timestamp", Part::Ts),
    ("msg", Part::Message),
    ("severity", Part::Level),
    ("lvl", Part::Level),
];

/// Reads an object. `None` when the text is something else. Halves of surrogate pairs have been
/// [repaired](raw::repaired).
pub(crate) fn read(json: &str, arrived: Timestamp) -> Option<Parsed> {
    let mut members = members(json)?;
    let mut parsed = Parsed::message(String::new(), arrived);
    let mut own = Vec::new();
    let mut used = Vec::new();
    for (part, at) in chosen(&members) {
        // A member of the wrong kind stays among the others, and the default stands in.
        if parsed.take(part, members[at].1, &mut own) {
            used.push(at);
        }
    }
    used.sort_unstable();
    for at in used.into_iter().rev() {
        members.remove(at);
    }
    own.append(&mut members);
    parsed.line.fields = named_apart(own);
    Some(parsed)
}

impl Parsed {
    /// Uses a member's value, when it is of the right kind. The members of `fields` go into `own`.
    fn take<'a>(&mut self, part: Part, value: &'a RawValue, own: &mut Vec<(String, &'a RawValue)>) -> bool {
        match part {
            Part::Ts => replace(&mut self.line.ts, known::time(value)),
            Part::Level => replace::<Option<Level>>(&mut self.line.level, known::level(value).map(Some)),
            Part::Message => replace(&mut self.line.message, known::string(value)),
            Part::Fields => replace(own, members(value.get())),
            Part::Stream => replace(&mut self.stream, known::string(value).map(Some)),
        }
    }
}

fn replace<T>(place: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *place = value;
            true
        }
        None => false,
    }
}

/// Which member is taken for each part that is there: the one whose name stands first in [`NAMES`], and of equal
/// names the first.
fn chosen(members: &[(String, &RawValue)]) -> Vec<(Part, usize)> {
    let mut best: Vec<(Part, usize, usize)> = Vec::with_capacity(5);
    for (at, (name, _)) in members.iter().enumerate() {
        let Some(rank) = NAMES.iter().position(|(known, _)| known == name) else {
            continue;
        };
        let part = NAMES[rank].1;
        match best.iter_mut().find(|(known, _, _)| *known == part) {
            Some(found) if rank < found.1 => *found = (part, rank, at),
            Some(_) => {}
            None => best.push((part, rank, at)),
        }
    }
    best.into_iter().map(|(part, _, at)| (part, at)).collect()
}

/// The members of an object in the order they stand there, equal names included.
fn members(json: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    let mut reader = serde_json::Deserializer::from_str(json);
    let members = reader.deserialize_map(Members).ok()?;
    reader.end().ok()?;
    Some(members)
}

/// After so many `_` a number follows: names that grew with each repetition would make a short line of equal names
/// gigabytes long.
const MOST_UNDERSCORES: usize = 8;

/// Gives each member a name of its own: the first one of a name keeps it, the others get a `_`, and another one as
/// long as that is taken too. A name that somebody wrote is never given to another member.
fn named_apart(members: Vec<(String, &RawValue)>) -> Vec<(String, Box<RawValue>)> {
    /// Whether a name is given away, and how many were derived from it.
    #[derive(Default)]
    struct Name {
        given: bool,
        derived: usize,
    }

    if all_differ(&members) {
        return members
            .into_iter()
            .map(|(name, value)| (name, raw::kept(value)))
            .collect();
    }
    let mut names: HashMap<String, Name> = members
        .iter()
        .map(|(name, _)| (name.clone(), Name::default()))
        .collect();
    let mut apart = Vec::with_capacity(members.len());
    for (name, value) in members {
        let mut entry = names.remove(&name).unwrap_or_default();
        let mut own = name.clone();
        while entry.given && (own == name || names.contains_key(&own)) {
            entry.derived += 1;
            own = match entry.derived {
                n @ ..=MOST_UNDERSCORES => format!("{name}{}", "_".repeat(n)),
                n => format!("{name}_{n}"),
            };
        }
        if own != name {
            names.insert(
                own.clone(),
                Name {
                    given: true,
                    derived: 0,
                },
            );
        }
        entry.given = true;
        names.insert(name, entry);
        apart.push((own, raw::kept(value)));
    }
    apart
}

fn all_differ(members: &[(String, &RawValue)]) -> bool {
    /// Up to so many names are compared with each other sooner than they are hashed.
    const FEW: usize = 16;
    if members.len() > FEW {
        let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        return names.len() == members.len();
    }
    (1..members.len()).all(|at| members[..at].iter().all(|(earlier, _)| *earlier != members[at].0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARRIVED: &str = "2026-01-01T00:00:00.000000000Z";

    fn encoded(json: &str) -> String {
        let parsed = read(json, Timestamp::parse(ARRIVED).unwrap()).unwrap();
        let mut bytes = Vec::new();
        parsed.line.encode(&mut bytes);
        assert_eq!(bytes.pop(), Some(b'\n'));
        let line = String::from_utf8(bytes).unwrap();
        line.replacen(&format!("\"ts\":\"{ARRIVED}\""), "\"ts\":NOW", 1)
    }

    #[test]
    fn every_member_has_its_place() {
        let table = [
            ("{}", r#"{"ts":NOW,"message":""}"#),
            (
                r#" { "ts": "2026-02-03T04:05:06Z", "level": "warn", "message": "m", "fields": {"a": 1}, "b": [2] } "#,
                r#"{"ts":"2026-02-03T04:05:06.000000000Z","level":"warn","message":"m","fields":{"a":1,"b":[2]}}"#,
            ),
            // Others' spellings.
            (
                r#"{"time":0,"msg":"m","severity":"ERR"}"#,
                r#"{"ts":"1970-01-01T00:00:00.000000000Z","level":"error","message":"m"}"#,
            ),
            (
                r#"{"@timestamp":0,"lvl":30}"#,
                r#"{"ts":"1970-01-01T00:00:00.000000000Z","level":"info","message":""}"#,
            ),
            // Of two spellings the one named first wins, wherever it stands.
            (
                r#"{"@timestamp":3,"timestamp":2,"time":1,"ts":0,"msg":"b","message":"a","lvl":30,"severity":40,"level":50}"#,
                r#"{"ts":"1970-01-01T00:00:00.000000000Z","level":"error","message":"a","fields":{"@timestamp":3,"timestamp":2,"time":1,"msg":"b","lvl":30,"severity":40}}"#,
            ),
            // The wrong kind is kept, and the default stands in.
            (
                r#"{"ts":"soon","level":true,"message":5,"fields":"f","stream":null}"#,
                r#"{"ts":NOW,"message":"","fields":{"ts":"soon","level":true,"message":5,"fields":"f","stream":null}}"#,
            ),
            (
                r#"{"level":"loud","severity":"error","fields":[]}"#,
                r#"{"ts":NOW,"message":"","fields":{"level":"loud","severity":"error","fields":[]}}"#,
            ),
            // Names that `fields` has already.
            (
                r#"{"a":1,"fields":{"a":2,"a_":3},"message":7,"fields":{"message":8}}"#,
                r#"{"ts":NOW,"message":"","fields":{"a":2,"a_":3,"a__":1,"message":7,"fields":{"message":8}}}"#,
            ),
            (
                r#"{"fields":{"level":"x","level":"y"},"level":"z","level":"error"}"#,
                r#"{"ts":NOW,"message":"","fields":{"level":"x","level_":"y","level__":"z","level___":"error"}}"#,
            ),
            (
                r#"{"message":"a","message":"b","message":"c"}"#,
                r#"{"ts":NOW,"message":"a","fields":{"message":"b","message_":"c"}}"#,
            ),
            (
                r#"{"":1,"":2}"#,
                r#"{"ts":NOW,"message":"","fields":{"":1,"_":2}}"#,
            ),
            // Escapes in names and values; names only look known when they are.
            (
                r#"{"\u006dsg":"tab\there\u000a","Message":"\u00e9"}"#,
                r#"{"ts":NOW,"message":"tab\there\n","fields":{"Message":"\u00e9"}}"#,
            ),
            (
                r#"{"n":-0.10e+5,"big":123456789012345678901234567890,"deep":{"x": [ {} ]}}"#,
                r#"{"ts":NOW,"message":"","fields":{"n":-0.10e+5,"big":123456789012345678901234567890,"deep":{"x":[{}]}}}"#,
            ),
        ];
        for (json, expected) in table {
            assert_eq!(encoded(json), expected, "{json}");
        }
    }

    #[test]
    fn what_is_no_object_is_not_read() {
        for text in [
            "",
            "[]",
            "5",
            "{",
            "{}}",
            "{} {}",
            "{'a':1}",
            "{\"a\":1,}",
            "{\"a\":\"\t\"}",
            "null",
        ] {
            assert!(read(text, Timestamp::now()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_line_of_equal_names_stays_about_as_long_as_it_came() {
        let json = format!("{{{}}}", vec!["\"a\":1"; 40_000].join(","));
        let line = encoded(&json);
        assert!(line.len() < 3 * json.len(), "{} from {}", line.len(), json.len());
        let fields = serde_json::from_str::<serde_json::Value>(&line.replace("NOW", "0")).unwrap();
        assert_eq!(fields["fields"].as_object().unwrap().len(), 40_000);
    }

    #[test]
    fn a_line_names_its_stream() {
        let stream = |json| read(json, Timestamp::now()).unwrap().stream;
        assert_eq!(stream(r#"{"stream":"a/b"}"#).as_deref(), Some("a/b"));
        assert_eq!(stream(r#"{"stream":5}"#), None);
    }
}
