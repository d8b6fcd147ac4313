//! What is needed is never more than a line has that matches, and is enough to be worth asking for.

use super::properties::{filters, lines};
use super::*;
use crate::filter::needs::{Has, Need, Needs, searched};

/// Whether a line has what is needed, as a store finds it.
fn has(needs: &Needs, line: &[u8]) -> bool {
    let mut texts = Vec::new();
    let Has { level, message_bytes } = searched(line, &mut texts);
    let ask = |need: &Need, _| {
        let found = match need {
            Need::Text(text) => memchr::memmem::find(&texts, text).is_some(),
            Need::Level(levels) => level.is_some_and(|level| levels.contains(&level)),
            Need::Message(bytes) => message_bytes >= *bytes,
        };
        Ok::<_, ()>(u64::from(found))
    };
    needs.among(1, &mut { ask }) == Ok(1)
}

fn text(text: &str) -> Needs {
    Needs::One(Need::Text(text.as_bytes().into()))
}

#[test]
fn a_filter_needs_the_texts_and_levels_that_every_line_it_finds_has() {
    let table = [
        ("", Needs::Nothing),
        ("Timeout", text("timeout")),
        (r#""Connection RESET""#, text("connection reset")),
        ("STRASSE", text("strasse")),
        ("straße", text("strasse")),
        ("a b", Needs::All(vec![text("a"), text("b")])),
        ("a OR b", Needs::Any(vec![text("a"), text("b")])),
        ("a OR -b", Needs::Nothing),
        ("a -b", text("a")),
        ("--a", text("a")),
        ("-(-a OR b)", text("a")),
        ("-(-a -b)", Needs::Any(vec![text("a"), text("b")])),
        (
            "level>=error",
            Needs::One(Need::Level(vec![Level::Error, Level::Fatal])),
        ),
        ("-level>=error", Needs::Nothing),
        ("user:Ann*", Needs::All(vec![text("user"), text("ann")])),
        (
            "http.method:POST",
            Needs::All(vec![text("http"), text("method"), text("post")]),
        ),
        ("status>500", text("status")),
        (r#"note:"""#, text("note")),
        ("message:Started*", text("started")),
        (
            "user=Ann",
            Needs::Any(vec![
                Needs::All(vec![text("user"), text("ann")]),
                text("user=ann"),
            ]),
        ),
        ("std::Vec", text("std::vec")),
        ("*Exception*", text("exception")),
        (r#""a\nb""#, Needs::Any(vec![text("a\nb"), text("a\\nb")])),
        (
            "level>=err",
            Needs::One(Need::Level(vec![Level::Error, Level::Fatal])),
        ),
        ("ts>=2026-11-21T10:00:00Z", Needs::Nothing),
    ];
    for (written, expected) in table {
        assert_eq!(*filter(written).needs(), expected, "{written}");
    }
}

#[test]
fn an_expression_needs_its_literals_or_a_message_on_which_it_gives_up() {
    let table = [
        ("/Error/", text("error")),
        ("/(?i)error/", text("error")),
        (
            r"/^took \d{4,} ms$/",
            Needs::All(vec![text("took "), text(" ms")]),
        ),
        ("/a(bc)+d/", Needs::All(vec![text("abc"), text("d")])),
        ("/a(bc)?d/", Needs::All(vec![text("a"), text("d")])),
        (
            "/(error|failed): no/",
            Needs::All(vec![
                Needs::Any(vec![text("error"), text("failed")]),
                text(": no"),
            ]),
        ),
        (r"/\bword\b/", text("word")),
    ];
    for (written, expected) in table {
        let filter = filter(written);
        let Needs::Any(branches) = filter.needs() else {
            panic!("{written}: {:?}", filter.needs());
        };
        let [literals, Needs::One(Need::Message(bytes))] = &branches[..] else {
            panic!("{written}: {branches:?}");
        };
        assert_eq!(*literals, expected, "{written}");
        assert!(*bytes > 500, "{written}: {bytes}");
    }
    for written in ["/a*/", "/(a|b*)/", r"/\d+/", r"/(?-u:\xff)/"] {
        assert_eq!(*filter(written).needs(), Needs::Nothing, "{written}");
    }
}

#[test]
fn lines_without_what_is_needed_are_known_at_once() {
    let lines = [
        line(
            Some(Level::Info),
            "started \"twice\"",
            &[("user", r#""\u0041nn""#)],
        ),
        line(Some(Level::Warn), "Größe 12", &[]),
        line(Some(Level::Info), &"hay ".repeat(200), &[]),
    ]
    .concat();
    for written in [
        "started",
        "\"twice\"",
        "ann",
        "user:Ann",
        "GRÖSSE",
        "level>=warn",
        "/Gr.*12/",
    ] {
        assert!(filter(written).may_match(&lines), "{written}");
    }
    for written in [
        "stopped",
        "ann lee",
        "level>=error",
        "user:Bob",
        "/Kl.*12/",
        "started bob",
    ] {
        assert!(!filter(written).may_match(&lines), "{written}");
    }
    let odd = line(None, "C:\\\\temp", &[]).repeat(20);
    assert!(filter("started").may_match(&odd), "they are looked at one by one");
    assert!(!filter("level>=error").may_match(&odd));
}

#[test]
fn a_line_on_which_an_expression_gives_up_has_what_it_needs() {
    let filter = filter("/a[ab]{16}z/");
    let long = disorder(250_000);
    assert_eq!(filter.judge(&long), Verdict::Undecided);
    assert!(filter.may_match(&long));
    assert!(has(filter.needs(), &long));
}

/// Expressions in which literals, classes, branches and repetitions meet.
fn expressions() -> impl Strategy<Value = String> {
    "(\\^|\\\\b|\\(\\?i\\))?([abé.ks]|\\[ab\\]|\\\\d|ab?|[ab.][*+]|[ab]\\{0,3\\}|[ab]\\{2\\}|\\(a\\|bé\\)|\\(ab\\)\\+|\\(a\\|b\\?\\)){1,5}(\\$|\\\\b)?"
        .prop_map(|pattern| format!("/{pattern}/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_line_lacks_what_a_filter_needs_that_does_not_exclude_it(
        plain in filters(),
        expression in expressions(),
        join in 0usize..4,
        steps in prop_oneof![Just(500_000usize), 0usize..400],
        lines in proptest::collection::vec(lines(), 1..4),
    ) {
        let written = match join {
            0 => plain,
            1 => expression,
            2 => format!("({plain}) {expression}"),
            _ => format!("-(-{expression} OR ({plain}))"),
        };
        let limits = FilterLimits { regex_steps: steps, ..FilterLimits::default() };
        let Ok(filter) = Filter::parse_within(&written, &limits) else {
            return Ok(());
        };
        let kept: Vec<_> = lines.iter().filter(|line| filter.judge(line) != Verdict::Differs).collect();
        for line in &kept {
            prop_assert!(has(filter.needs(), line), "{written}: {:?}", filter.needs());
        }
        prop_assert!(kept.is_empty() || filter.may_match(&lines.concat()), "{written}");
    }
}
