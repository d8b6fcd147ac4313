//! A JSON object as a line.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::Value;
use super::{Builder, Built, Terms, kept};

/// Reads an object. `None` when the text is something else. Halves of surrogate pairs have been [`repaired`].
pub(crate) fn read<'a>(json: &'a str, terms: &Terms) -> Option<Built<'a>> {
    // Most lines that are none are known by their first character.
    if !json.trim_ascii_start().starts_with('{') {
        return None;
    }
    let mut builder = Builder::new();
    each_member(json, |name, value| builder.member(name, value))?;
    Some(builder.finish(terms))
}

/// A member of a line as it is kept.
type Field<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The members of a value that is a map, as a line keeps them, but for those at these places.
pub(super) fn fields<'a>(value: &Value<'a>, without: &[&[u16]]) -> Option<Vec<Field<'a>>> {
    let mut fields = Vec::new();
    match value {
        Value::Json(raw) if without.is_empty() => each_member(raw.get(), |name, value| {
            fields.push((name, kept::json(value.into())));
        })?,
        _ => {
            let map = value.map()?;
            let rest;
            let map = if without.is_empty() {
                map
            } else {
                rest = self::without(map, without).unwrap_or_else(|| "{}".to_owned());
                &rest
            };
            each_member(map, |name, value| {
                let (name, value) = (name.into_owned(), kept::json(value.into()).into_owned());
                fields.push((name.into(), value.into()));
            })?;
        }
    }
    Some(fields)
}

/// A map without the members at these places, and without what becomes empty by that. `None` when nothing is left.
pub(super) fn without(map: &str, places: &[&[u16]]) -> Option<String> {
    let mut rest = String::with_capacity(map.len());
    let mut nth = 0;
    each_member(map, |name, value| {
        let at = |place: &&[u16]| place.first() == Some(&nth);
        let deeper: Vec<&[u16]> = places
            .iter()
            .filter(|place| at(place))
            .map(|place| &place[1..])
            .collect();
        nth = nth.saturating_add(1);
        let value = match &deeper[..] {
            [] => Cow::Borrowed(value.get()),
            places if places.iter().any(|place| place.is_empty()) => return,
            places => match self::without(value.get(), places) {
                Some(rest) => Cow::Owned(rest),
                None => return,
            },
        };
        rest.push(if rest.is_empty() { '{' } else { ',' });
        rest.push_str(&kept::string(&name));
        rest.push(':');
        rest.push_str(&value);
    })?;
    if rest.is_empty() {
        return None;
    }
    rest.push('}');
    Some(rest)
}

/// Hands over the members of an object in the order they stand there, equal names included. `None` when the text is no
/// object; some of the members may have been handed over then.
pub(super) fn each_member<'a>(json: &'a str, see: impl FnMut(Cow<'a, str>, &'a RawValue)) -> Option<()> {
    struct Members<F>(F);

    impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key_seed(Name)? {
                let value = map.next_value()?;
                (self.0)(name, value);
            }
            Ok(())
        }
    }

    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_map(Members(see)).ok()?;
    reader.end().ok()
}

/// A member's name, borrowed where it is written without escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// JSON text whose strings hold no half of a surrogate pair: such escapes (`\ud800` alone) stand for no character,
/// and become that of U+FFFD.
pub(crate) fn repaired(json: &str) -> Cow<'_, str> {
    let suspicious = |needle: &[u8]| memmem::find(json.as_bytes(), needle).is_some();
    if memchr::memchr(b'\\', json.as_bytes()).is_none() || !suspicious(b"\\ud") && !suspicious(b"\\uD") {
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

/// The same JSON with escapes for the control characters that stand in its strings as they are: many who write JSON by hand
/// forget them. To be asked for what could not be read; `None` where there are none, or no JSON.
pub(crate) fn escaped(json: &str) -> Option<String> {
    let is_json = json.trim_ascii_start().starts_with(['{', '[', '"']);
    if !is_json || !json.bytes().any(|byte| byte < 0x20) {
        return None;
    }
    let mut escaped = String::with_capacity(json.len() + json.len() / 8);
    let mut copied = 0;
    for (at, control) in controls(json) {
        escaped.push_str(&json[copied..at]);
        push_escape(control, &mut escaped);
        copied = at + 1;
    }
    if copied == 0 {
        return None;
    }
    escaped.push_str(&json[copied..]);
    Some(escaped)
}

/// Where those characters are, and how long the escape of each is.
pub(crate) fn escapes(json: &str) -> impl Iterator<Item = (usize, usize)> {
    controls(json).map(|(at, control)| (at, if has_letter(control) { 2 } else { 6 }))
}

/// The control characters that stand in strings as they are.
fn controls(json: &str) -> impl Iterator<Item = (usize, u8)> {
    let (mut inside, mut escape) = (false, false);
    json.bytes().enumerate().filter(move |&(_, byte)| {
        let is_escaped = std::mem::take(&mut escape);
        match byte {
            b'"' if !is_escaped => inside = !inside,
            b'\\' if inside && !is_escaped => escape = true,
            0..0x20 => return inside && !is_escaped,
            _ => {}
        }
        false
    })
}

/// An object that was cut off, with what it needs to be one, and how much of it that is: all but a name, a number or a word
/// that the cut went through. `None` of what begins like none, and of one that is whole and has text behind it.
pub(crate) fn completed(json: &str) -> Option<(String, usize)> {
    if !json.trim_ascii_start().starts_with('{') {
        return None;
    }
    let bytes = json.as_bytes();
    // What is open, where what came before is whole, and whether a string that begins now is a value.
    let (mut open, mut whole, mut is_value) = (Vec::new(), 0, false);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                open.push(byte + 2);
                (whole, is_value) = (at + 1, byte == b'[');
            }
            b'}' | b']' => {
                open.pop();
                whole = at + 1;
                if open.is_empty() {
                    let is_all = json[whole..].trim_ascii().is_empty();
                    return is_all.then(|| closed(json, whole, "", &open));
                }
            }
            b',' => (whole, is_value) = (at, open.last() == Some(&b']')),
            b':' => is_value = true,
            b'"' => match string_end(bytes, at + 1) {
                Some(end) => at = end,
                None if is_value => return Some(closed(json, before_escape(json), "\"", &open)),
                None => break,
            },
            _ => {}
        }
        at += 1;
    }
    Some(closed(json, whole, "", &open))
}

/// Where the quote is that ends the string which begins at `at`.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// How much there is of a text without an escape that the cut went through.
fn before_escape(json: &str) -> usize {
    /// Of the longest one, half of a pair's.
    const ESCAPE: usize = 6;
    let bytes = json.as_bytes();
    let begun = (1..ESCAPE).find(|back| {
        bytes
            .len()
            .checked_sub(*back)
            .is_some_and(|at| bytes[at] == b'\\')
    });
    let Some(back) = begun else { return json.len() };
    let at = bytes.len() - back;
    // Of backslashes in a row every second one is escaped.
    let before = bytes[..at]
        .iter()
        .rev()
        .take_while(|&&byte| byte == b'\\')
        .count();
    let is_whole = match bytes.get(at + 1) {
        None => false,
        Some(b'u') => back == ESCAPE,
        Some(_) => true,
    };
    if before % 2 == 1 || is_whole {
        json.len()
    } else {
        at
    }
}

fn closed(json: &str, end: usize, quote: &str, open: &[u8]) -> (String, usize) {
    let mut whole = json[..end].to_owned();
    whole.push_str(quote);
    whole.extend(open.iter().rev().map(|&bracket| char::from(bracket)));
    (whole, end)
}

fn has_letter(control: u8) -> bool {
    matches!(control, b'\t' | b'\n' | b'\r')
}

fn push_escape(control: u8, json: &mut String) {
    match control {
        b'\t' => json.push_str("\\t"),
        b'\n' => json.push_str("\\n"),
        b'\r' => json.push_str("\\r"),
        _ => json.push_str(&format!("\\u{control:04x}")),
    }
}

/// The UTF-16 unit of a `\uXXXX` at the beginning of `text`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        u16::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_control_characters_are_escaped_in_strings_alone() {
        for (json, expected) in [
            ("{\"a\":\"x\ty\u{1b}[0m\"}", Some("{\"a\":\"x\\ty\\u001b[0m\"}")),
            ("{\n \"a\": \"\\\"\r\n\"\n}", Some("{\n \"a\": \"\\\"\\r\\n\"\n}")),
            ("[\"\0é\"]", Some("[\"\\u0000é\"]")),
            ("{\"\u{1}\":1}", Some("{\"\\u0001\":1}")),
            ("{\"a\":\t1}", None),
            ("{\"a\":1}", None),
            ("a \"\t\"", None),
            ("{\"a\\", None),
        ] {
            assert_eq!(escaped(json).as_deref(), expected, "{json:?}");
        }
    }

    #[test]
    fn an_object_that_was_cut_off_anywhere_is_read_up_to_there() {
        let json = r#"{"a":"x\\\"\u00e9y","b":[1,{"c":-2.5e3},"d"],"e":{"f":null},"g":"last"}"#;
        for end in 1..json.len() {
            let (object, kept) = completed(&json[..end]).unwrap();
            assert!(json.starts_with(&object[..kept]), "{object}");
            let read = serde_json::from_str::<serde_json::Value>(&object);
            assert!(read.is_ok(), "{end}: {object}");
        }
        for (json, expected) in [
            (
                r#"{"level":"error","msg":"aaa"#,
                r#"{"level":"error","msg":"aaa"}"#,
            ),
            (r#"{"level":"error","ms"#, r#"{"level":"error"}"#),
            (r#"{"a":[1,23"#, r#"{"a":[1]}"#),
            (r#"{"a":["x"#, r#"{"a":["x"]}"#),
            (r#"{"a":"x\\"#, r#"{"a":"x\\"}"#),
            (r#"{"a":"x\"#, r#"{"a":"x"}"#),
            (r#"{"a":"x\u00"#, r#"{"a":"x"}"#),
        ] {
            assert_eq!(completed(json).unwrap().0, expected);
        }
        assert_eq!(completed(r#"{"a":1} "#).unwrap().0, r#"{"a":1}"#);
        for text in ["text {", r#"{"a":1} and text"#, r#"{"a":1}{"b":2"#, r#"{}]"#] {
            assert_eq!(completed(text), None, "{text}");
        }
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
