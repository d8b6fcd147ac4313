//! Values as they are kept: the sender's own text, as far as every reader can read it.

use std::borrow::Cow;

use super::value::{self, Value};

/// How deep a kept value is nested at most. Many readers of JSON give up not far beyond, and one such line would end
/// their sessions; so a deeper value is kept as a string that holds its text.
pub(super) const MAX_DEPTH: usize = 100;

/// A value as a line keeps it: JSON without white space between its tokens, and what its sender wrote in JSON as it was
/// written.
pub(super) fn json(value: Value<'_>) -> Cow<'_, str> {
    if let Value::Json(raw) = value
        && !is_nested(raw.get())
    {
        return Cow::Borrowed(raw.get());
    }
    let as_it_came = match &value {
        &Value::Json(raw) => Some(raw.get()),
        _ => None,
    };
    match value::json(value) {
        // Of JSON that is its sender's own, white space included.
        (json, depth) if depth > MAX_DEPTH => string(as_it_came.unwrap_or(&json)).into(),
        (json, _) => json,
    }
}

/// The same of JSON that is the line's own.
pub(super) fn text(json: &str) -> String {
    match compacted(json) {
        (_, depth) if depth > MAX_DEPTH => string(json),
        (json, _) => json.into_owned(),
    }
}

/// JSON as it came, without the white space between its tokens, and how deep it is nested.
pub(super) fn compacted(json: &str) -> (Cow<'_, str>, usize) {
    if !is_nested(json) {
        return (json.into(), 0);
    }
    let shape = Shape::of(json);
    let text = if shape.spaced {
        compact(json).into()
    } else {
        json.into()
    };
    (text, shape.depth)
}

pub(super) fn is_nested(json: &str) -> bool {
    json.starts_with(['{', '['])
}

/// A text as a JSON string.
pub(super) fn string(text: &str) -> String {
    // A string can always be written as JSON.
    serde_json::to_string(text).unwrap_or_else(|_| "null".to_owned())
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
        self::json(Value::Json(serde_json::from_str(json).unwrap())).into_owned()
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
}
