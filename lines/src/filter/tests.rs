use proptest::prelude::*;
use serde_json::value::RawValue;

use super::line_view::LineView;
use super::{Filter, FilterError, FilterFault, FilterLimits, Verdict};
use crate::{Level, Line, Timestamp};

mod needs;
mod pasted;
mod properties;

impl Filter {
    /// Of filters and lines that are too small for anything to be undecided.
    fn matches(&self, line: &[u8]) -> bool {
        match self.judge(line) {
            Verdict::Matches => true,
            Verdict::Differs => false,
            Verdict::Undecided => panic!("{self:?} gave up"),
        }
    }
}

fn line(level: Option<Level>, message: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    let raw = |json: &&str| RawValue::from_string((*json).to_owned()).unwrap();
    Line {
        ts: Timestamp::parse("2026-11-21T10:00:00.5Z").unwrap(),
        level,
        message: message.to_owned(),
        fields: fields
            .iter()
            .map(|(name, json)| ((*name).to_owned(), raw(json)))
            .collect(),
    }
    .encode(&mut out);
    out
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The line that most tables look at.
fn payment() -> Vec<u8> {
    line(
        Some(Level::Warn),
        "Payment of \"Ann\" declined: straße 12, a/b",
        &[
            ("user", r#""Ann Lee""#),
            ("status", "402"),
            ("id", "9007199254740993"),
            ("ratio", "1.50"),
            ("retry", "false"),
            ("note", r#""caf\u00e9 \"x\"""#),
            ("latency", r#""12.5""#),
            ("http.method", r#""POST""#),
            (
                "http",
                r#"{"path":"/pay","peer":{"port":8443},"a.b":{"c":"deep"}}"#,
            ),
            ("tags", r#"["red", "blue", {"shade":"dark"}]"#),
            ("none", "null"),
            ("level", r#""custom""#),
            ("empty", r#""""#),
            ("odd name", "1"),
        ],
    )
}

#[test]
fn every_clause_of_the_grammar_matches_what_it_says() {
    let table = [
        ("", true),
        ("  ", true),
        // Words and phrases.
        ("payment", true),
        ("PAYMENT DECLINED", true),
        ("refund", false),
        (r#""of \"ann\" accepted""#, false),
        (r#""of \"ann\" declined""#, true),
        (r#""declined: STRASSE""#, true),
        ("café", true),
        ("CAFÉ", true),
        (r#""caf\u00e9""#, true),
        ("402", true),
        ("90071992547409", true),
        ("1.50", true),
        ("8443", true),
        ("fals", true),
        ("deep", true),
        ("dark", true),
        ("a/b", true),
        ("shade", false),
        ("warn", false),
        ("2026", false),
        // No word reaches from one value into the next.
        (r#""lee402""#, false),
        // Regular expressions: the message alone, case heeded.
        ("/^Pay/", true),
        ("/^pay/", false),
        ("/(?i)^pay/", true),
        (r"/a\/b$/", true),
        (r#"/"Ann"/"#, true),
        ("/402/", false),
        // Levels.
        ("level=warn", true),
        ("level:warn", true),
        ("level:WARN", true),
        ("level>=warn", true),
        ("level<=warn", true),
        ("level>warn", false),
        ("level<warn", false),
        ("level<error", true),
        ("level>=error", false),
        ("level:*", true),
        ("level:warning", true),
        ("level=WRN", true),
        ("level<err", true),
        ("level>=critical", false),
        // Fields.
        (r#"user:"Ann Lee""#, true),
        (r#"user="Ann Lee""#, true),
        (r#"user:"ann lee""#, false),
        ("user:Ann", false),
        ("user:Ann*", true),
        (r#"user:"Ann L"*"#, true),
        ("user:ann*", false),
        ("user:*", true),
        ("nobody:*", false),
        ("status:402", true),
        ("status:40", false),
        ("status:40*", true),
        ("ratio:1.5", false),
        ("ratio:1.50", true),
        ("retry:false", true),
        ("none:null", true),
        (r#"empty:"""#, true),
        (r#"user:"""#, false),
        (r#""odd name":1"#, true),
        (r#""odd name">0"#, true),
        // Comparisons.
        ("status>400", true),
        ("status>402", false),
        ("status>=402", true),
        ("status<402", false),
        ("status<=402", true),
        ("ratio<1.6", true),
        ("latency>12", true),
        ("user>5", false),
        ("id>9007199254740992", true),
        ("id<9007199254740994", true),
        ("id>9007199254740993", false),
        // Within fields.
        ("http.method:POST", true),
        ("http.path:/pay", true),
        ("http.peer.port>8000", true),
        ("http.peer:*", true),
        ("http.a.b.c:deep", true),
        ("http.peer.path:*", false),
        ("path:/pay", false),
        ("tags:blue", true),
        ("tags:green", false),
        ("tags.shade:dark", true),
        // The line's own, and fields of the same names.
        ("message:Payment*", true),
        ("message:Payment", false),
        ("fields.level:custom", true),
        ("fields.status:402", true),
        ("ts>=2026-11-21T10:00:00.5Z", true),
        ("ts<2026-11-21T11:00:01+01:00", true),
        ("ts>2026-11-21T10:00:01Z", false),
        ("ts:2026-11-21*", true),
        // How terms are joined.
        ("payment refund", false),
        ("payment OR refund", true),
        ("refund OR payment", true),
        ("refund payment OR declined", true),
        ("declined OR payment refund", true),
        ("(declined OR payment) refund", false),
        ("-refund", true),
        ("-payment", false),
        ("-payment OR declined", true),
        ("--payment", true),
        ("-(refund OR chargeback) payment", true),
        ("-(payment declined)", false),
        ("-status:500", true),
        ("-level>=error", true),
        (r#"-"not there""#, true),
        ("-/nope/", true),
        ("payment AND declined", true),
        ("payment AND refund OR declined", true),
        ("NOT refund", true),
        ("NOT payment", false),
        ("NOT (refund OR chargeback) AND payment", true),
        ("NOT NOT payment", true),
        // A field or a text.
        ("status=402", true),
        ("status=403", false),
        ("-status=402", false),
        ("user=Ann*", true),
        ("*payment*", true),
        ("*refund", false),
        // What only looks like an operator.
        ("payment or declined", false),
        (r#""OR""#, false),
        ("ORdeal", false),
        ("https://example.org", false),
        ("12:30:00", false),
        ("=>", false),
    ];
    let payment = payment();
    for (text, expected) in table {
        assert_eq!(filter(text).matches(&payment), expected, "{text}");
    }
}

#[test]
fn a_line_without_a_level_matches_no_comparison_of_levels() {
    let plain = line(None, "x", &[]);
    for text in [
        "level>=trace",
        "level<=fatal",
        "level=info",
        "level<fatal",
        "level:*",
    ] {
        assert!(!filter(text).matches(&plain), "{text}");
        assert!(filter(&format!("-{text}")).matches(&plain), "-{text}");
    }
}

#[test]
fn words_that_need_no_quotes_are_found_as_they_stand() {
    let table = [
        ("see https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("at 12:30:00", "12:30:00"),
        ("a - b", "\"-\""),
        ("*** done ***", "***"),
        ("k=v", "\"k=v\""),
        ("tab\there", r#""tab\there""#),
        ("this OR that", "\"OR\""),
        ("ΣΟΦΌΣ", "σοφός"),
        ("300 \u{212a}", "300 k"),
        ("naïve", "NAÏVE"),
    ];
    for (message, text) in table {
        assert!(filter(text).matches(&line(None, message, &[])), "{text}");
    }
}

#[test]
fn escapes_in_fields_hide_nothing() {
    let hidden = line(None, "x", &[("a", r#""\u0057arning""#), ("\"q\"", r#""\/etc""#)]);
    for text in ["warning", "a:Warning", r#""\"q\"":/etc"#, "\"/etc\""] {
        assert!(filter(text).matches(&hidden), "{text}");
    }
}

#[test]
fn every_filter_in_the_documentation_is_one() {
    let text = include_str!("../../../docs/protocol.md");
    let (_, examples) = text.split_once("```filter\n").unwrap();
    let (examples, _) = examples.split_once("```").unwrap();
    assert!(examples.lines().count() > 5);
    examples.lines().for_each(|example| drop(filter(example)));
}

#[test]
fn what_is_no_filter_says_where_and_why() {
    let limits = FilterLimits::default();
    let table = [
        ("(a", 0, FilterFault::UnclosedParenthesis),
        ("a )", 2, FilterFault::StrayParenthesis),
        ("(a))", 3, FilterFault::StrayParenthesis),
        ("é )", 2, FilterFault::StrayParenthesis),
        (")", 0, FilterFault::StrayParenthesis),
        (") a", 0, FilterFault::StrayParenthesis),
        ("a OR )", 5, FilterFault::StrayParenthesis),
        ("-a )", 3, FilterFault::StrayParenthesis),
        ("( )", 2, FilterFault::NothingGrouped),
        ("a ( ) b", 4, FilterFault::NothingGrouped),
        ("(a OR)", 5, FilterFault::MissingTerm),
        ("a OR", 4, FilterFault::MissingTerm),
        ("OR a", 0, FilterFault::MissingTerm),
        ("AND a", 0, FilterFault::MissingTerm),
        ("a AND", 5, FilterFault::MissingTerm),
        ("a AND AND b", 6, FilterFault::MissingTerm),
        ("(a AND) b", 6, FilterFault::MissingTerm),
        ("a NOT", 5, FilterFault::MissingTerm),
        ("NOT OR b", 4, FilterFault::MissingTerm),
        ("a OR OR b", 5, FilterFault::MissingTerm),
        ("a \"b", 2, FilterFault::UnclosedQuote),
        ("user:\"b", 5, FilterFault::UnclosedQuote),
        ("level>= warn", 7, FilterFault::MissingValue),
        ("ts<", 3, FilterFault::MissingValue),
        ("a:*b", 2, FilterFault::StrayStar),
        ("a:b*c", 3, FilterFault::StrayStar),
        ("a>\"b\"", 2, FilterFault::NotANumber),
        ("ts>=yesterday", 4, FilterFault::NotATime),
        ("level>=loud", 7, FilterFault::NotALevel),
        ("level:err*", 6, FilterFault::NotALevel),
        (
            "/(/",
            0,
            FilterFault::BadRegex {
                reason: "unclosed group".to_owned(),
            },
        ),
        (
            r"/\w{999}{999}/",
            0,
            FilterFault::RegexTooLarge {
                limit: limits.regex_bytes,
            },
        ),
    ];
    for (text, position, fault) in table {
        assert_eq!(
            Filter::parse(text).map(|_| ()),
            Err(FilterError { position, fault }),
            "{text}"
        );
    }
    let bounds = [
        (
            "é".repeat(2049),
            2048,
            FilterFault::TooLong { limit: limits.bytes },
        ),
        (
            "a ".repeat(65),
            128,
            FilterFault::TooManyTerms { limit: limits.terms },
        ),
        (
            "/a/ ".repeat(9),
            32,
            FilterFault::TooManyRegexes {
                limit: limits.regexes,
            },
        ),
        ("(".repeat(17), 16, FilterFault::TooDeep { limit: limits.depth }),
        (
            "NOT ".repeat(17) + "a",
            64,
            FilterFault::TooDeep { limit: limits.depth },
        ),
    ];
    for (text, position, fault) in bounds {
        assert_eq!(
            Filter::parse(&text).map(|_| ()),
            Err(FilterError { position, fault })
        );
    }
    assert_eq!(
        Filter::parse("level>=loud").unwrap_err().to_string(),
        "the levels are trace, debug, info, warn, error and fatal, or what loggers call them, like warning or err; a field \
         of that name is fields.level (at character 8)"
    );
}

/// A line of `a` and `b` in no order, for which an automaton of `a[ab]{16}z` has to remember the last 16 of them.
fn disorder(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let message: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 31 == 0 { 'a' } else { 'b' }
    })
    .take(length)
    .collect();
    line(Some(Level::Info), &message, &[("code", "17")])
}

#[test]
fn an_expression_that_would_take_too_long_is_undecided_and_so_is_only_what_hangs_on_it() {
    let deadly = "/a[ab]{16}z/";
    let table = [
        (deadly.to_owned(), Verdict::Undecided),
        (format!("-{deadly}"), Verdict::Undecided),
        (format!("{deadly} {deadly}"), Verdict::Undecided),
        (format!("{deadly} level:info"), Verdict::Undecided),
        (format!("{deadly} level:warn"), Verdict::Differs),
        (format!("level:warn {deadly}"), Verdict::Differs),
        (format!("{deadly} OR level:info"), Verdict::Matches),
        (format!("{deadly} OR level:warn"), Verdict::Undecided),
        (format!("{deadly} code:18"), Verdict::Differs),
        (format!("{deadly} OR code:17"), Verdict::Matches),
        (format!("-({deadly} code:17)"), Verdict::Undecided),
        (format!("-({deadly} OR code:17)"), Verdict::Differs),
    ];
    let long = disorder(250_000);
    for (text, expected) in table {
        assert_eq!(filter(&text).judge(&long), expected, "{text}");
    }
    assert_eq!(filter(deadly).judge(&disorder(2_000)), Verdict::Differs);
}

#[test]
fn the_expressions_that_people_write_decide_lines_of_any_length() {
    let table = [
        ("/error/", false),
        ("/[ab]+$/", true),
        (r"/^\w+$/", true),
        (r"/\w+@\w+\.\w+/", false),
        (r"/\berror\b/", false),
        (r"/took \d{4,} ms/", false),
        (r"/(?i)(error|failed|timeout): .*refused/", false),
        (r"/\d+\.\d+\.\d+\.\d+/", false),
        (
            r"/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/",
            false,
        ),
        (r"/^\S+ \S+ \S+ \[[^\]]+\]/", false),
        ("/a.*b.*c/", false),
        ("/[ab]{0,500}z/", false),
    ];
    let long = disorder(250_000);
    for (text, expected) in table {
        assert_eq!(filter(text).judge(&long), expected.into(), "{text}");
    }
}

#[test]
fn a_verdict_does_not_depend_on_the_lines_before() {
    let limits = FilterLimits {
        regex_steps: 10_000,
        ..FilterLimits::default()
    };
    let parse = || Filter::parse_within("/[ab]{0,60}z/", &limits).unwrap();
    let lines: Vec<_> = (0..12u32)
        .map(|n| {
            line(
                None,
                &format!("{}{}", "a".repeat(n as usize * 40), "b".repeat(600)),
                &[],
            )
        })
        .collect();
    let one_by_one: Vec<_> = lines.iter().map(|line| parse().judge(line)).collect();
    let (forwards, backwards) = (parse(), parse());
    let mut reversed: Vec<_> = lines.iter().rev().map(|line| backwards.judge(line)).collect();
    reversed.reverse();
    assert_eq!(
        lines.iter().map(|line| forwards.judge(line)).collect::<Vec<_>>(),
        one_by_one
    );
    assert_eq!(reversed, one_by_one);
}

#[test]
fn a_line_that_nests_as_deep_as_it_is_long_is_read_in_one_pass() {
    let deep = "[".repeat(60_000) + "\"needle\"" + &"]".repeat(60_000);
    let nested = line(None, "x", &[("a", &deep)]);
    assert!(filter("a:needle -a:other needle").matches(&nested));
}

#[test]
fn bytes_that_are_no_line_match_only_what_asks_for_nothing() {
    for bytes in [
        &b""[..],
        b"\n",
        b"{}",
        b"{\"ts\":\"",
        b"{\"ts\":\"x\",\"message\":\"\\",
        b"\xFF\xFE",
    ] {
        assert!(!filter("a").matches(bytes));
        assert!(filter("-a").matches(bytes));
        assert!(filter("").matches(bytes));
    }
}
