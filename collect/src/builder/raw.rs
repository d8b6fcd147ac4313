//! JSON values as they are kept: the sender's own text, as far as every reader can read it.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::value::{RawValue, to_raw_value};

/// How deep a kept value is nested at most. Many readers of JSON give up not far beyond, and one such line would end
/// their sessions; so a deeper value is kept as a string that holds its text.
pub(crate) const MAX_DEPTH: usize = 100;

/// A value as a line keeps it: the same text, without the white space between its tokens.
pub(crate) fn kept(value: &RawValue) -> Box<RawValue> {
    let text = value.get();
    if !text.starts_with(['{', '[']) {
        return value.to_owned();
    }
    let shape = Shape::of(text);
    if shape.depth > MAX_DEPTH {
        return string(text);
    }
    match shape.spaced {
        true => RawValue::from_string(compact(text)).unwrap_or_else(|_| string(text)),
        false => value.to_owned(),
    }
}

/// JSON text whose strings hold no half of a surrogate pair: such escapes (`\ud800` alone) stand for no character,
/// and become that of U+FFFD.
pub(crate) fn repaired(json: &str) -> Cow<'_, str> {
    let suspicious = |needle: &[u8]| memmem::find(json.as_bytes(), needle).is_some();
    if !suspicious(b"\\ud") && !suspicious(b"\\uD") {
        return Cow::Borrowed(json);
    }
    let mut repaired = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        repaired.push_str(&rest[..at]);
        rest = &rest[at..];
        let (replacement, length) = match (unit(rest), rest.get(6..).and_then(unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (None, 12),
            (Some(0xD800..=0xDFFF), _) => (Some("\\ufffd"), 6),
            (Some(_), _) => (None, 6),
            // The backslash and what it escapes, which may be another backslash.
            (None, _) => (None, 1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
        };
        let (escape, after) = rest.split_at(length);
        repaired.push_str(replacement.unwrap_or(escape));
        rest = after;
    }
    repaired.push_str(rest);
    Cow::Owned(repaired)
}

/// The UTF-16 unit of a `\uXXXX` at the beginning of `text`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    match digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        true => u16::from_str_radix(digits, 16).ok(),
        false => None,
    }
}

fn string(text: &str) -> Box<RawValue> {
    // A string can always be written as JSON.
    to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

struct Shape {
    depth: usize,
    spaced: bool,
}

impl Shape {
    fn of(json: &str) -> Self {
        let (mut depth, mut deepest, mut spaced) = (0_usize, 0, false);
        outside_strings(json, |byte| match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            byte => spaced |= byte.is_ascii_whitespace(),
        });
        Self {
            depth: deepest,
            spaced,
        }
    }
}

/// Calls `see` with each byte that is not part of a string.
fn outside_strings(json: &str, mut see: impl FnMut(u8)) {
    let mut bytes = json.as_bytes();
    while let Some((&byte, rest)) = bytes.split_first() {
        bytes = match byte {
            b'"' => &rest[string_length(rest)..],
            _ => {
                see(byte);
                rest
            }
        };
    }
}

fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = memchr::memchr(b'"', rest.as_bytes()) {
        compact.extend(rest[..at].chars().filter(|c| !c.is_ascii_whitespace()));
        let end = at + 1 + string_length(&rest.as_bytes()[at + 1..]);
        compact.push_str(&rest[at..end]);
        rest = &rest[end..];
    }
    compact.extend(rest.chars().filter(|c| !c.is_ascii_whitespace()));
    compact
}

/// How far it is to the end of a string whose opening quote is behind us, the closing one included.
fn string_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at..]) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at = (at + 2).min(bytes.len());
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept_text(json: &str) -> String {
        kept(serde_json::from_str(json).unwrap()).get().to_owned()
    }

    #[test]
    fn values_keep_their_text_but_not_the_space_between_tokens() {
        for (json, expected) in [
            ("1.50e+400", "1.50e+400"),
            (
                "123456789012345678901234567890.10",
                "123456789012345678901234567890.10",
            ),
            ("\"a b\\n\"", "\"a b\\n\""),
            (
                "{\n  \"a b\" : [ 1,\r\n\t2 ],\n \"c\\\" d\": \"  \" }",
                "{\"a b\":[1,2],\"c\\\" d\":\"  \"}",
            ),
            ("[]", "[]"),
            ("{\"é\": \"ü \\\\\"}", "{\"é\":\"ü \\\\\"}"),
        ] {
            assert_eq!(kept_text(json), expected);
        }
    }

    #[test]
    fn a_value_too_deep_for_readers_is_kept_as_a_string_of_its_text() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(kept_text(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
        let deep = nested(100_000);
        assert_eq!(kept_text(&deep), format!("\"{deep}\""));
        let flat = format!("[{}]", vec!["\"[\""; 200].join(","));
        assert_eq!(kept_text(&flat), flat);
    }

    #[test]
    fn halves_of_surrogate_pairs_become_the_replacement_character() {
        for (json, expected) in [
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\uD83D\uDE00 \ud800""#, r#""\uD83D\uDE00 \ufffd""#),
            (r#""\ud800\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\udc00\ud800""#, r#""\ufffd\ufffd""#),
            (r#""\\ud800""#, r#""\\ud800""#),
            (r#""\\\ud800é\ud8""#, r#""\\\ufffdé\ud8""#),
            ("\\ud800\\", "\\ufffd\\"),
            ("\\ud8é0 \\é", "\\ud8é0 \\é"),
        ] {
            assert_eq!(repaired(json), expected);
        }
    }
}
