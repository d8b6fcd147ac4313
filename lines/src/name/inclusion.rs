//! Whether one pattern covers all that another one covers.
//!
//! Patterns are regular languages over segments. Of all the names that a segment can have, only those that stand in the
//! patterns can be told apart by them; every other one behaves like one *fresh* name. So the question is put to a small
//! alphabet: is there a name that the second pattern covers and the first one does not? Both are walked at once, the second by
//! each place where it may be, the first by the set of all places where it may be.

use std::collections::HashSet;

/// So many states are looked at: more than any pattern needs that somebody writes to grant something. Beyond it nothing is
/// included, which refuses too much and never too little.
const MOST_STATES: usize = 4_096;

/// The places of a pattern, one bit each: as many as a pattern of the greatest length has segments, and the end.
type Places = u128;

/// Whether every name of `part` is one of `whole`. Neither is of a personal stream.
pub(super) fn includes(whole: &str, part: &str) -> bool {
    // Whatever the walk costs: what somebody has they can always give.
    if whole == part {
        return true;
    }
    let (whole, part): (Vec<&str>, Vec<&str>) = (whole.split('/').collect(), part.split('/').collect());
    let is_literal = |segment: &&&str| !matches!(**segment, "*" | "**");
    let mut names: Vec<Option<&str>> = whole
        .iter()
        .chain(&part)
        .filter(is_literal)
        .map(|name| Some(*name))
        .collect();
    names.sort_unstable();
    names.dedup();
    // Any name that stands in neither.
    names.push(None);
    let begin = (at_rest(&part, 1), at_rest(&whole, 1));
    let (mut seen, mut ahead) = (HashSet::new(), Vec::new());
    for place in places(begin.0) {
        ahead.push((place, begin.1));
    }
    while let Some(state) = ahead.pop() {
        if !seen.insert(state) {
            continue;
        }
        if seen.len() > MOST_STATES {
            return false;
        }
        let (place, covered) = state;
        for &name in &names {
            let after = after(&part, 1 << place, name);
            if after == 0 {
                continue;
            }
            let covered = self::after(&whole, covered, name);
            if ends(&part, after) && !ends(&whole, covered) {
                return false;
            }
            ahead.extend(places(after).map(|place| (place, covered)));
        }
    }
    true
}

/// Where a pattern may be after one more segment of this name.
fn after(pattern: &[&str], before: Places, name: Option<&str>) -> Places {
    let mut after = 0;
    for place in places(before) {
        match pattern.get(place).copied() {
            None => {}
            Some("**") => after |= 1 << place,
            Some("*") => after |= 1 << (place + 1),
            literal if literal == name => after |= 1 << (place + 1),
            _ => {}
        }
    }
    at_rest(pattern, after)
}

/// With the places that are reached by letting `**` be nothing.
fn at_rest(pattern: &[&str], mut at: Places) -> Places {
    for (place, segment) in pattern.iter().enumerate() {
        if at & 1 << place != 0 && *segment == "**" {
            at |= 1 << (place + 1);
        }
    }
    at
}

fn ends(pattern: &[&str], at: Places) -> bool {
    at & 1 << pattern.len() != 0
}

fn places(at: Places) -> impl Iterator<Item = usize> {
    (0..Places::BITS as usize).filter(move |place| at & 1 << place != 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use crate::{Pattern, StreamName};

    fn includes(whole: &str, part: &str) -> bool {
        Pattern::parse(whole)
            .unwrap()
            .includes(&Pattern::parse(part).unwrap())
    }

    #[test]
    fn a_pattern_includes_what_covers_nothing_beyond_it() {
        for (whole, part, expected) in [
            ("a", "a", true),
            ("a", "b", false),
            ("a/**", "a/*/x", true),
            ("a/**", "a", true),
            ("a/**", "a/**/b/**", true),
            ("a/*", "a/**", false),
            ("a/*", "a/b", true),
            ("a/*", "a", false),
            ("**", "*", true),
            ("*", "**", false),
            ("**", "a/**", true),
            ("a/**", "**", false),
            ("*/**", "**", true),
            ("**/*", "**", true),
            ("**/**", "**", true),
            ("*/*/**", "**", false),
            ("**/x", "a/**/x", true),
            ("a/**/x", "**/x", false),
            ("@*", "@alice", true),
            ("@alice", "@*", false),
            ("@alice", "@alice", true),
            ("@*", "@*", true),
            ("**", "@alice", false),
            ("**", "@*", false),
            ("@*", "a", false),
        ] {
            assert_eq!(includes(whole, part), expected, "{whole} of {part}");
        }
    }

    #[test]
    fn what_is_too_intricate_to_tell_is_not_included_and_costs_little() {
        let whole = format!("**/a{}", "/*".repeat(98));
        assert!(!includes(&whole, "**/b"));
        assert!(!includes(&whole, "**"));
    }

    #[test]
    fn a_pattern_includes_itself_however_intricate_it_is() {
        let intricate = format!("a/**/**/b/**{}", "/b/**/ba/*/b/*/ba/*/*".repeat(6));
        assert!(includes(&intricate, &intricate));
    }

    fn pattern() -> impl Strategy<Value = String> {
        let segment = prop::sample::select(vec!["a", "b", "*", "**"]);
        prop::collection::vec(segment, 1..5).prop_map(|segments| segments.join("/"))
    }

    proptest! {
        /// All names of up to five segments over three letters, one of which stands in no pattern: long enough for patterns of
        /// four segments, since a longer witness has a shorter one.
        #[test]
        fn it_says_what_trying_every_name_says(whole in pattern(), part in pattern()) {
            let mut names: Vec<String> = vec!["a".into(), "b".into(), "c".into()];
            let mut last = names.clone();
            for _ in 1..6 {
                last = last.iter().flat_map(|name| ["a", "b", "c"].map(|next| format!("{name}/{next}"))).collect();
                names.extend(last.iter().cloned());
            }
            let [w, p] = [&whole, &part].map(|text| Pattern::parse(text).unwrap());
            let outside = names.iter().map(|name| StreamName::parse(name).unwrap()).find(|name| p.matches(name) && !w.matches(name));
            prop_assert_eq!(w.includes(&p), outside.is_none(), "{} of {}: {:?}", whole, part, outside);
        }
    }
}
