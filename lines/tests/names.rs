//! What streams and patterns may be called, and what a pattern covers.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use lines::{NameError, Pattern, StreamName, Target};
use proptest::prelude::*;

#[test]
fn names_are_segments_of_a_small_alphabet() {
    for good in [
        "a",
        "payments/api",
        "A-b_c.d/0",
        "...",
        "a/.b",
        "@alice",
        "@ann~40example.org",
        "@~c3~a9",
    ] {
        assert_eq!(StreamName::parse(good).unwrap().as_str(), good);
    }
    assert!(StreamName::parse(&"x".repeat(200)).is_ok());
    for bad in [
        "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a b", "é", "a\n", "a*", "*", "@", "@a/b", "@a@b",
        "@*",
    ] {
        assert!(StreamName::parse(bad).is_err(), "{bad:?}");
    }
    assert_eq!(
        StreamName::parse(&"x".repeat(201)).unwrap_err(),
        NameError::TooLong(201)
    );
}

#[test]
fn a_personal_stream_has_one_spelling() {
    for bad in ["@~", "@~4", "@~4G", "@~2D", "@~2d", "@~41", "@~C3~A9"] {
        assert!(StreamName::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_pattern_covers_what_it_says() {
    let table = [
        ("payments/**", "payments", true),
        ("payments/**", "payments/api", true),
        ("payments/**", "payments/api/eu", true),
        ("payments/**", "payment", false),
        ("payments/*", "payments/api", true),
        ("payments/*", "payments", false),
        ("payments/*", "payments/api/eu", false),
        ("**", "a", true),
        ("**", "a/b/c", true),
        ("**/b/**/d", "a/b/c/d", true),
        ("**/b/**/d", "b/d", true),
        ("**/b/**/d", "a/c/d", false),
        ("*/b/**", "a/b", true),
        ("**/**", "a", true),
        ("a/b", "a/b", true),
        ("**", "@alice", false),
        ("*", "@alice", false),
        ("@*", "@alice", true),
        ("@alice", "@alice", true),
        ("@alice", "@bob", false),
        ("@*", "alice", false),
    ];
    for (pattern, stream, covers) in table {
        let stream = StreamName::parse(stream).unwrap();
        assert_eq!(
            Pattern::parse(pattern).unwrap().matches(&stream),
            covers,
            "{pattern} {stream}"
        );
    }
}

#[test]
fn a_wildcard_is_a_whole_segment() {
    for bad in ["", "a*", "a/b*", "***", "a/**b", "@a*", "@**", "@*/x", "a//*"] {
        assert!(Pattern::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_pattern_made_to_be_slow_is_not() {
    let pattern = Pattern::parse("**/a/".repeat(39).trim_end_matches('/')).unwrap();
    let name = StreamName::parse(format!("{}b", "a/".repeat(99)).as_str()).unwrap();
    for _ in 0..10_000 {
        assert!(!pattern.matches(&name));
    }
}

proptest! {
    #[test]
    fn every_subject_has_a_personal_stream_that_reads_back(sub in "\\PC{1,60}") {
        if let Ok(name) = StreamName::personal(&sub) {
            prop_assert_eq!(StreamName::parse(name.as_str()).unwrap(), name.clone());
            prop_assert!(Pattern::parse("@*").unwrap().matches(&name));
        }
    }

    #[test]
    fn two_subjects_never_share_a_personal_stream(a in "\\PC{1,20}", b in "\\PC{1,20}") {
        prop_assume!(a != b);
        prop_assert_ne!(StreamName::personal(&a).unwrap(), StreamName::personal(&b).unwrap());
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in "\\PC{0,250}") {
        let _ = (StreamName::parse(&text), Pattern::parse(&text), Target::parse(&text));
    }

    #[test]
    fn matching_agrees_with_its_definition(
        pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "**"]), 1..6),
        name in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 1..6),
    ) {
        fn defined(pattern: &[&str], name: &[&str]) -> bool {
            match pattern.split_first() {
                None => name.is_empty(),
                Some((&"**", rest)) => (0..=name.len()).any(|n| defined(rest, &name[n..])),
                Some((&want, rest)) => name.split_first()
                    .is_some_and(|(&have, left)| (want == "*" || want == have) && defined(rest, left)),
            }
        }
        let expected = defined(&pattern, &name);
        let (pattern, name) = (pattern.join("/"), name.join("/"));
        prop_assert_eq!(Pattern::parse(&pattern).unwrap().matches(&StreamName::parse(&name).unwrap()), expected);
    }
}
