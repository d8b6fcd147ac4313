//! What becomes of members: from JSON, and from formats with types of their own.

use proptest::prelude::*;

use super::*;

const ARRIVED: &str = "2026-01-01T00:00:00.000000000Z";

fn terms() -> Terms {
    Terms {
        arrived: Timestamp::parse(ARRIVED).unwrap(),
        stream: StreamMember::NamesIt,
        reading: Reading::default(),
        is_cut: false,
    }
}

pub(super) fn encoded(json: &str) -> String {
    text(&read(json, &terms()).unwrap())
}

fn text(built: &Built<'_>) -> String {
    let mut bytes = Vec::new();
    built.encode(&mut bytes);
    assert_eq!(bytes.pop(), Some(b'\n'));
    let line = String::from_utf8(bytes).unwrap();
    line.replacen(&format!("\"ts\":\"{ARRIVED}\""), "\"ts\":NOW", 1)
}

/// How long a request took, or how long a machine is up, and a date without marks.
#[test]
fn small_numbers_are_no_times() {
    let at = r#""2026-11-30T05:00:00.000000000Z""#;
    for (line, ts) in [
        (
            r#"{"@timestamp":"2026-11-30T05:00:00Z","time":0.2,"message":"m"}"#,
            at,
        ),
        (
            r#"{"log":"{\"time\":0.3,\"msg\":\"m\"}","time":"2026-11-30T05:00:00Z"}"#,
            at,
        ),
        (r#"{"time":12.3,"message":"m"}"#, "NOW"),
        (r#"{"_ts":0,"time":"2026-11-30T05:00:00Z","message":"m"}"#, at),
        // By the name that is ours nothing else is meant.
        (r#"{"ts":0,"message":"m"}"#, r#""1970-01-01T00:00:00.000000000Z""#),
        (r#"{"timestamp":20261130,"msg":"m"}"#, "NOW"),
    ] {
        let said = encoded(line);
        assert!(said.starts_with(&format!(r#"{{"ts":{ts},"#)), "{line}: {said}");
    }
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
            r#"{"time":1796014800,"msg":"m","severity":"ERR"}"#,
            r#"{"ts":"2026-11-30T05:00:00.000000000Z","level":"error","message":"m"}"#,
        ),
        (
            r#"{"@timestamp":0,"lvl":30}"#,
            r#"{"ts":NOW,"level":"info","message":"","fields":{"@timestamp":0}}"#,
        ),
        // Of two spellings the one named first wins, wherever it stands.
        (
            r#"{"@timestamp":1796014803,"timestamp":1796014802,"time":1796014801,"ts":1796014800,"msg":"b","message":"a","lvl":30,"severity":40,"level":50}"#,
            r#"{"ts":"2026-11-30T05:00:00.000000000Z","level":"error","message":"a","fields":{"@timestamp":1796014803,"timestamp":1796014802,"time":1796014801,"msg":"b","lvl":30,"severity":40}}"#,
        ),
        // The wrong kind is kept, and the default stands in.
        (
            r#"{"ts":"soon","level":true,"message":5,"fields":"f","stream":null}"#,
            r#"{"ts":NOW,"message":"","fields":{"ts":"soon","level":true,"message":5,"fields":"f","stream":null}}"#,
        ),
        (
            r#"{"level":"loud","severity":"error","fields":[]}"#,
            r#"{"ts":NOW,"level":"error","message":"","fields":{"level":"loud","fields":[]}}"#,
        ),
        // Names that `fields` has already.
        (
            r#"{"a":1,"fields":{"a":2,"a_":3},"message":7,"fields":{"message":8}}"#,
            r#"{"ts":NOW,"message":"","fields":{"a":2,"a_":3,"a__":1,"message":7,"fields":{"message":8}}}"#,
        ),
        (
            r#"{"fields":{"level":"x","level":"y"},"level":"z","level":"error"}"#,
            r#"{"ts":NOW,"level":"error","message":"","fields":{"level":"x","level_":"y","level__":"z"}}"#,
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
            r#"{"\u006dsg":"tab\there\u000a","Massage":"\u00e9"}"#,
            r#"{"ts":NOW,"message":"tab\there","fields":{"Massage":"\u00e9"}}"#,
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
        assert!(read(text, &terms()).is_none(), "{text}");
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
    let stream = |json| read(json, &terms()).unwrap().stream().map(str::to_owned);
    assert_eq!(stream(r#"{"stream":"a/b"}"#).as_deref(), Some("a/b"));
    assert_eq!(stream(r#"{"stream":5}"#), None);
}

/// A value of a format with types of its own.
#[derive(Debug, Clone)]
enum Typed {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Typed>),
    Map(Vec<(String, Typed)>),
}

impl Typed {
    /// As JSON has it, written by another hand.
    fn json(&self) -> String {
        let string = |text: &str| serde_json::to_string(text).unwrap();
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Float(value) => serde_json::to_string(value).unwrap(),
            Self::Text(text) => string(text),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(Self::json).collect();
                format!("[{}]", values.join(","))
            }
            Self::Map(members) => object(members),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Integer(value) => Value::Integer(*value),
            Self::Unsigned(value) => Value::Unsigned(*value),
            Self::Float(value) => Value::Float(*value),
            Self::Text(text) => text.as_str().into(),
            Self::List(values) => {
                let mut list = Nested::list();
                values.iter().for_each(|value| value.write(&mut list));
                list.into()
            }
            Self::Map(members) => {
                let mut map = Nested::map();
                write_members(members, &mut map);
                map.into()
            }
        }
    }

    fn write(&self, nested: &mut Nested) {
        match self {
            Self::List(values) => {
                nested.begin_list();
                values.iter().for_each(|value| value.write(nested));
                nested.end();
            }
            Self::Map(members) => {
                nested.begin_map();
                write_members(members, nested);
                nested.end();
            }
            scalar => nested.value(scalar.value()),
        }
    }
}

fn write_members(members: &[(String, Typed)], map: &mut Nested) {
    for (name, value) in members {
        map.name(name);
        value.write(map);
    }
}

fn object(members: &[(String, Typed)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| format!("{}:{}", serde_json::to_string(name).unwrap(), value.json()))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn built(members: &[(String, Typed)]) -> String {
    let mut builder = Builder::new();
    for (name, value) in members {
        builder.member(name.as_str(), value.value());
    }
    text(&builder.finish(&terms()))
}

fn name() -> impl Strategy<Value = String> {
    let known: Vec<&str> = table::NAMES.iter().map(|name| name.path).collect();
    prop_oneof![
        proptest::sample::select(known).prop_map(str::to_owned),
        proptest::sample::select(vec![
            "ts",
            "level",
            "message",
            "fields",
            "stream",
            "record",
            "timestamp",
            "log"
        ])
        .prop_map(str::to_owned),
        "[a-c]_?",
        ".{0,3}"
    ]
}

fn typed() -> impl Strategy<Value = Typed> {
    let scalar = prop_oneof![
        Just(Typed::Null),
        any::<bool>().prop_map(Typed::Bool),
        any::<i64>().prop_map(Typed::Integer),
        proptest::sample::select(vec![10_i64, 30, 60, 1_767_323_045, 1_767_323_045_123])
            .prop_map(Typed::Integer),
        any::<u64>().prop_map(Typed::Unsigned),
        any::<f64>()
            .prop_filter("JSON has no other", |n| n.is_finite())
            .prop_map(Typed::Float),
        prop_oneof![".*", "warn|ERR|a/b|2026-01-02T03:04:05Z"].prop_map(Typed::Text),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Typed::List),
            proptest::collection::vec((name(), inner), 0..4).prop_map(Typed::Map),
        ]
    })
}

proptest! {
    #[test]
    fn the_same_members_make_the_same_line_whatever_format_they_came_in(
        members in proptest::collection::vec((name(), typed()), 0..8),
    ) {
        prop_assert_eq!(built(&members), encoded(&object(&members)));
    }
}

#[test]
fn values_that_json_has_no_word_for_are_kept_as_text() {
    let mut builder = Builder::new();
    for (name, number) in [
        ("a", f64::NAN),
        ("b", f64::INFINITY),
        ("c", f64::NEG_INFINITY),
        ("d", 1.0),
    ] {
        builder.member(name, Value::Float(number));
    }
    builder.member("e", Value::Bytes(b"\0\xff\n".into()));
    builder.member("message", Value::Bytes(b"no text".into()));
    assert_eq!(
        text(&builder.finish(&terms())),
        r#"{"ts":NOW,"message":"","fields":{"a":"NaN","b":"Infinity","c":"-Infinity","d":1.0,"e":"AP8K","message":"bm8gdGV4dA=="}}"#
    );
}

#[test]
fn what_a_format_has_a_place_for_is_taken_from_there_and_members_of_that_name_are_fields() {
    let mut builder = Builder::new();
    builder.member("ts", Value::Integer(0));
    builder.member("level", "error");
    builder.member("message", "a member");
    builder.ts(Timestamp::from_nanos(1));
    builder.level(Level::Warn);
    builder.message("said");
    assert_eq!(
        text(&builder.finish(&terms())),
        r#"{"ts":"1970-01-01T00:00:00.000000001Z","level":"warn","message":"said","fields":{"ts":0,"level":"error","message":"a member"}}"#
    );
}

#[test]
fn a_member_called_stream_is_a_field_where_streams_are_named_otherwise() {
    let terms = Terms {
        stream: StreamMember::IsAField,
        ..terms()
    };
    let built = read(r#"{"stream":"stderr"}"#, &terms).unwrap();
    assert_eq!(built.stream(), None);
    assert_eq!(
        text(&built),
        r#"{"ts":NOW,"message":"","fields":{"stream":"stderr"}}"#
    );
}

/// However deep, it takes no stack; deeper than readers read, it is kept as a text.
#[test]
fn nested_values_of_other_formats_are_as_deep_as_they_like() {
    let nested = |depth: usize| {
        let mut nested = Nested::list();
        (1..depth).for_each(|_| nested.begin_list());
        let mut builder = Builder::new();
        builder.member("a", nested);
        text(&builder.finish(&terms()))
    };
    let brackets = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let line = |value: &str| format!(r#"{{"ts":NOW,"message":"","fields":{{"a":{value}}}}}"#);
    assert_eq!(nested(100), line(&brackets(100)));
    assert_eq!(nested(101), line(&format!("\"{}\"", brackets(101))));
    assert_eq!(nested(200_000), line(&format!("\"{}\"", brackets(200_000))));
    // What is JSON inside counts with its own depth.
    let inside: &serde_json::value::RawValue = serde_json::from_str("[ [1, 2] ]").unwrap();
    let mut list = Nested::list();
    (1..99).for_each(|_| list.begin_list());
    list.value(inside);
    let mut builder = Builder::new();
    builder.member("a", list);
    assert!(text(&builder.finish(&terms())).contains(r#""a":"[[["#));
}

proptest! {
    /// Whatever a decoder calls, in whichever order.
    #[test]
    fn nested_values_are_json_on_one_line(
        map in any::<bool>(),
        calls in proptest::collection::vec((0..5_u8, ".{0,3}"), 0..40),
    ) {
        let mut nested = if map {
Nested::map()
} else {
Nested::list()
};
        for (call, text) in &calls {
            match call {
                0 => nested.begin_list(),
                1 => nested.begin_map(),
                2 => nested.end(),
                3 => nested.name(text),
                _ => nested.value(text.as_str()),
            }
        }
        let mut builder = Builder::new();
        builder.member("a", nested);
        let line = text(&builder.finish(&terms()));
        prop_assert!(!line.contains('\n'));
        let line = line.replace("NOW", "0");
        prop_assert!(serde_json::from_str::<serde::de::IgnoredAny>(&line).is_ok(), "{}", line);
    }
}

/// Every scalar, and every list or map that is empty.
fn leaves(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) if !items.is_empty() => {
            items.iter().for_each(|item| leaves(item, found))
        }
        serde_json::Value::Object(members) if !members.is_empty() => {
            members.values().for_each(|member| leaves(member, found));
        }
        scalar => found.push(scalar.to_string()),
    }
}

/// What a time, a level and a message can be of.
fn meaning() -> impl Strategy<Value = Typed> {
    let texts = [
        "warn",
        "E",
        "ERROR+2",
        "loud",
        "",
        "said",
        "said\n",
        "2026-11-30T05:00:00Z",
        "05:00:00",
        "30/Nov/2026:05:00:00 +0100",
        "1796014800123",
        "{\"msg\":\"inner\",\"level\":\"info\"}",
        "{\"a\":1}",
        "2026-11-30 05:00:00 ERROR x",
    ];
    prop_oneof![
        proptest::sample::select(texts.to_vec()).prop_map(|text| Typed::Text(text.to_owned())),
        proptest::sample::select(vec![0_i64, 3, 17, 30, 35, 400, 1_796_014_800, 1_796_014_800_123])
            .prop_map(Typed::Integer),
        Just(Typed::Null),
        Just(Typed::List(vec![Typed::Integer(104), Typed::Integer(105)])),
    ]
}

proptest! {
    /// Of what comes, each part of a line takes one value, and the time's nanoseconds one; all others are in the fields.
    #[test]
    fn nothing_that_arrives_is_thrown_away(
        members in proptest::collection::btree_map(name(), prop_oneof![
            3 => meaning(),
            1 => typed(),
            1 => proptest::collection::btree_map(name(), meaning(), 0..3)
                .prop_map(|map| Typed::Map(map.into_iter().collect())),
        ], 0..8),
    ) {
        let json = object(&members.into_iter().collect::<Vec<_>>());
        let terms = Terms { stream: StreamMember::IsAField, ..terms() };
        let line = text(&read(&json, &terms).unwrap()).replace("\"ts\":NOW", "\"ts\":\"now\"");
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let (mut came, mut kept) = (Vec::new(), Vec::new());
        leaves(&serde_json::from_str(&json).unwrap(), &mut came);
        if let Some(fields) = line.get("fields") {
            leaves(fields, &mut kept);
        }
        // An object in a text may be understood as a line: then its own members are kept.
        let wrapped = came.iter().any(|leaf| leaf.contains("inner"));
        for leaf in &kept {
            if let Some(at) = came.iter().position(|came| came == leaf) {
                came.swap_remove(at);
            }
        }
        let said = usize::from(line.get("level").is_some()) + usize::from(line["ts"] != "now") * 2;
        // The message, and `fields` that is empty.
        prop_assert!(wrapped || came.len() <= said + 2, "{}\nbecame {}\nwithout {:?}", json, line, came);
        for leaf in came.iter().filter(|leaf| leaf.contains("loud") || leaf.contains("05:00:00\"")) {
            prop_assert!(line["message"] == leaf.trim_matches('"'), "{} of {} is nowhere in {}", leaf, json, line);
        }
    }

    /// The line itself is the message, whatever is read of it.
    #[test]
    fn plain_text_stays_whole(line in ".*") {
        let read = Built::text(&*line, &terms());
        let unread = Built::message(&*line, terms().arrived);
        prop_assert_eq!(&read.message, &unread.message);
        prop_assert!(read.fields.is_empty());
    }
}
