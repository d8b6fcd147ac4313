//! What is said on standard error, in words.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use client::{GapReason, Reading};
use lines::{Offset, Timestamp};

use super::plain;

/// What the server says is missing, `to` exclusive.
pub(crate) fn missing(stream: &str, from: Offset, to: Offset, reason: &GapReason) -> String {
    let reason = plain(&reason.to_string());
    match to.since(from) {
        0 | 1 => format!("{stream}: line {from} is missing ({reason})"),
        count => format!(
            "{stream}: lines {from} to {} are missing ({reason})",
            from.plus(count - 1)
        ),
    }
}

/// Whole numbers as people write them: `1,204`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// That of so many lines none matches, and how the filter was read that asked for them.
pub(crate) fn no_match(looked_through: u64, reading: Option<&Reading>) -> String {
    let lines = match looked_through {
        0 => return "there is no line yet to look through".to_owned(),
        1 => "the only line does not match".to_owned(),
        many => format!("no line of {} matches", grouped(many)),
    };
    let read = match reading {
        Some(Reading {
            words,
            literal: Some(literal),
        }) => format!(
            " (read as: {words}; for the text itself: {})",
            for_a_shell(literal)
        ),
        Some(Reading { words, .. }) => format!(" (read as: {words})"),
        None => String::new(),
    };
    lines + &read
}

/// What looks for a text that cannot be read as a filter: said behind why it cannot. Nothing where no filter does.
pub(crate) fn as_text(filter: &str) -> String {
    let literal = lines::filter::literal(filter);
    literal.map_or_else(String::new, |literal| {
        format!("; for the text itself: {}", for_a_shell(&literal))
    })
}

/// A word as a shell takes it, in quotes.
fn for_a_shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How long ago, roughly.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(then).as_secs().max(0);
    match seconds {
        0 => "now".to_owned(),
        1..120 => format!("{seconds}s ago"),
        120..7_200 => format!("{}m ago", seconds / 60),
        7_200..172_800 => format!("{}h ago", seconds / 3_600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// What follows trouble, as a person says it.
pub(crate) fn again_in(wait: Duration) -> String {
    match wait.as_secs() {
        0 => "trying again".to_owned(),
        seconds => format!("trying again in {seconds}s"),
    }
}

/// Standard error, without saying the same again and again.
#[derive(Debug, Default)]
pub(crate) struct Noise {
    trouble: Mutex<Option<String>>,
}

impl Noise {
    /// Says something.
    pub(crate) fn say(&self, words: &str) {
        eprintln!("tailcast: {}", plain(words));
    }

    /// Something went wrong: says what and what follows, once for the same trouble.
    pub(crate) fn trouble(&self, why: &str, then: &str) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_deref() != Some(why) {
            self.say(&format!("{why}; {then}"));
            *trouble = Some(why.to_owned());
        }
    }

    /// Things go well again: says so when there was trouble.
    pub(crate) fn over(&self, words: &str) {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.take().is_some() {
            self.say(words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_finds_nothing_is_told_with_its_reading() {
        let reading = |words: &str, literal: Option<&str>| Reading {
            words: words.to_owned(),
            literal: literal.map(str::to_owned),
        };
        let said = no_match(1_204, Some(&reading("the field a is \"b\"", Some("\"a:b 'c'\""))));
        assert_eq!(
            said,
            r#"no line of 1,204 matches (read as: the field a is "b"; for the text itself: '"a:b '\''c'\''"')"#
        );
        assert_eq!(
            no_match(1, Some(&reading("the text \"x\"", None))),
            "the only line does not match (read as: the text \"x\")"
        );
        assert_eq!(no_match(12, None), "no line of 12 matches");
        assert_eq!(
            (grouped(999), grouped(1_000_000)),
            ("999".into(), "1,000,000".into())
        );
    }

    #[test]
    fn times_are_told_by_their_distance() {
        let time = |text| Timestamp::parse(text).unwrap();
        let now = time("2026-01-10T00:00:00Z");
        let cases = [
            ("2026-01-10T00:00:00Z", "now"),
            ("2026-01-10T00:00:05Z", "now"),
            ("2026-01-09T23:59:01Z", "59s ago"),
            ("2026-01-09T23:50:00Z", "10m ago"),
            ("2026-01-09T12:00:00Z", "12h ago"),
            ("2026-01-01T00:00:00Z", "9d ago"),
        ];
        for (then, expected) in cases {
            assert_eq!(ago(time(then), now), expected);
        }
    }
}
