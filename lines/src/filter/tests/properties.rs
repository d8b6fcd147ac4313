//! What holds for every filter and every line: nothing panics, and what the bytes settle is what the JSON says.

use regex_automata::meta;

use super::*;

/// A text near the alphabet where words meet JSON.
fn texts() -> impl Strategy<Value = String> {
    proptest::string::string_regex("[abAB \"\\\\/:{},é\u{212a}ß0-9\n]{0,12}").unwrap()
}

fn values() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        texts().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "-?[1-9][0-9]{0,3}(\\.[0-9]{1,2})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just(r#""\u0061\u0042\/""#.to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(|list| format!("[{}]", list.join(" , "))),
            proptest::collection::vec(("[ab]", inner), 0..3).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, v)| format!("\"{name}\" :{v}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

pub(super) fn lines() -> impl Strategy<Value = Vec<u8>> {
    let level = proptest::option::of(proptest::sample::select(&Level::ALL[..]));
    let fields = proptest::collection::btree_map("[ab](\\.[ab])?", values(), 0..3);
    (level, texts(), fields).prop_map(|(level, message, fields)| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, json)| (name.as_str(), json.as_str()))
            .collect();
        line(level, &message, &fields)
    })
}

pub(super) fn filters() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[abAB0-9é]{1,3}",
        "[kKsS]{1,2}",
        texts().prop_filter_map("not empty", |text| (!text.is_empty())
            .then(|| serde_json::to_string(&text).unwrap())),
        "/[ab.]{1,3}/",
        "level(>=|<=|=|:|<|>)(debug|warn|error)",
        "[ab](\\.[ab])?:[abAB0-9]{1,2}\\*?",
        "[ab](\\.[ab])?(>=|<=|<|>)-?[0-9]{1,3}",
        "[ab]:\\*",
        "message:[ab]{1,2}\\*",
        // A field or a text.
        "[ab](\\.[ab])?=[abAB0-9]{1,2}\\*?",
        "[ab]:[ab]:[ab0-9]",
        "[ab]\\.[ab]:[0-9]",
        "\\*?[abAB]{1,2}\\*?",
        r#""[ab]\\[abnt]""#,
        "[ab](::|->|\\(b\\))[ab]",
        "level(>=|:)(warning|err|dbg)",
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) {b}")),
        ]
    })
}

proptest! {
    #[test]
    fn reading_a_filter_never_panics(text in "\\PC{0,60}") {
        let _ = Filter::parse(&text);
    }

    #[test]
    fn reading_what_is_nearly_a_filter_never_panics(text in "[ab ()\"/\\\\:<>=*u0é\\-]{0,30}(OR)?[ab ()\"/:]{0,10}") {
        if let Err(error) = Filter::parse(&text) {
            prop_assert!(error.position <= text.chars().count());
        }
    }

    #[test]
    fn matching_never_panics(text in filters(), bytes in proptest::collection::vec(any::<u8>(), 0..80), cut in 0usize..200, line in lines()) {
        let filter = filter(&text);
        filter.judge(&bytes);
        filter.judge(&line[..cut.min(line.len())]);
    }

    #[test]
    fn what_the_bytes_settle_is_what_the_json_says(text in filters(), line in lines()) {
        let filter = filter(&text);
        let view = LineView::of(&line);
        if let Some(settled) = filter.expression.settled_by_bytes(&view) {
            prop_assert_eq!(settled, filter.expression.judge(&view));
        }
    }

    #[test]
    fn an_expression_that_does_not_give_up_says_what_one_without_bounds_says(
        pattern in "(\\^|\\\\b|\\(\\?i\\))?([abé.]|\\[ab\\]|\\\\w|\\\\d|ab?|[ab.][*+]|[ab]\\{0,9\\}|\\(a\\|b\\)){1,5}(\\$|\\\\b)?",
        message in "[abAB0é .\u{212a}]{0,60}",
        steps in 0usize..400,
        memory in prop_oneof![Just(0usize), Just(256 * 1024)],
    ) {
        let bounds = FilterLimits { regex_steps: steps, regex_memory: memory, ..FilterLimits::default() };
        let text = format!("/{pattern}/");
        let (Ok(bounded), Ok(unbounded)) = (Filter::parse_within(&text, &bounds), meta::Regex::new(&pattern)) else {
            return Ok(());
        };
        let verdict = bounded.judge(&line(None, &message, &[]));
        if verdict != Verdict::Undecided {
            prop_assert_eq!(verdict, unbounded.is_match(&message).into());
        }
    }

    #[test]
    fn terms_combine_as_their_answers_do(a in filters(), b in filters(), line in lines()) {
        let (has_a, has_b) = (filter(&a).matches(&line), filter(&b).matches(&line));
        let holds = |text: String| filter(&text).matches(&line);
        prop_assert_eq!(holds(format!("{a} {b}")), has_a && has_b);
        prop_assert_eq!(holds(format!("{a} OR {b}")), has_a || has_b);
        prop_assert_eq!(holds(format!("-({a})")), !has_a);
        prop_assert_eq!(holds(format!("({a})")), has_a);
        prop_assert_eq!(holds(format!("{a} OR {b} {b}")), has_a || has_b);
    }

    #[test]
    fn a_word_of_the_message_is_found(before in texts(), word in "[a-zA-ZÀ-ÿ0-9]{1,6}", after in texts(), line_level in proptest::option::of(Just(Level::Info))) {
        let found = line(line_level, &format!("{before}{word}{after}"), &[]);
        for written in [word.to_uppercase(), word.to_lowercase()] {
            let phrase = format!("\"{written}\"");
            prop_assert!(filter(&phrase).matches(&found));
            // The words that have to be quoted.
            let is_operator = ["OR", "AND", "NOT"].contains(&written.as_str());
            let bare = if is_operator { phrase } else { written };
            prop_assert!(filter(&bare).matches(&found));
        }
    }
}
