//! `application/json`: an object, an array of lines, or several of these in a row. Anything wrong with the JSON itself
//! refuses the whole body.

use std::borrow::Cow;
use std::fmt;
use std::iter::Peekable;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ndjson::take_json;
use super::text::lossy;
use super::{Counting, Format};
use crate::builder;
use crate::door::{Intake, Refused, too_many_lines};

/// Objects, and arrays of lines.
pub const JSON: Format = Format {
    types: &["application/json"],
    tag: 1,
    counting: Counting::NotBefore,
    decode: take,
};

/// Takes every object, and every element of the arrays, each as the bytes it came in. Nothing is taken before all of the
/// JSON is known to be good.
fn take(body: &[u8], intake: &mut Intake) -> Result<(), Refused> {
    let text = lossy(body);
    let is_lossy = matches!(text, Cow::Owned(_));
    intake.charge(if is_lossy { text.len() } else { 0 })?;
    let json = builder::repaired(&text);
    let most = intake.most_lines();
    let as_it_came = values(&json, most);
    let escaped = match &as_it_came {
        Err(Unread::Bad(told)) => Some(builder::escaped(&json).ok_or_else(|| malformed(told))?),
        _ => None,
    };
    let (read, values) = match &escaped {
        Some(escaped) => {
            intake.charge(escaped.len())?;
            (escaped.as_str(), values(escaped, most)?)
        }
        None => (&*json, as_it_came?),
    };
    intake.charge(size_of_val(values.as_slice()))?;
    if values.is_empty() && from_first_character(&json).is_empty() {
        return Err(Refused::Empty);
    }
    let escapes = escaped.iter().flat_map(|_| builder::escapes(&json));
    let mut in_json = Origin::of(escapes.map(|(at, is)| Replaced { at, was: 1, is }));
    let mut in_body = Origin::of(Some(body).filter(|_| is_lossy).into_iter().flat_map(invalid));
    for value in values {
        let begin = value.get().as_ptr().addr() - read.as_ptr().addr();
        let [begin, end] = [begin, begin + value.get().len()].map(|at| in_body.find(in_json.find(at)));
        take_one(&body[begin..end], intake)?;
    }
    Ok(())
}

/// Finds where places of a text are in what the text was made of. To be asked in their order.
struct Origin<R: Iterator<Item = Replaced>> {
    replaced: Peekable<R>,
    /// How much longer the text is, up to here.
    longer: usize,
}

/// Bytes for which a text has others, and no less of them.
struct Replaced {
    at: usize,
    was: usize,
    is: usize,
}

impl<R: Iterator<Item = Replaced>> Origin<R> {
    fn of(replaced: R) -> Self {
        Self {
            replaced: replaced.peekable(),
            longer: 0,
        }
    }

    fn find(&mut self, at: usize) -> usize {
        while let Some(before) = self.replaced.next_if(|next| next.at + self.longer < at) {
            self.longer += before.is - before.was;
        }
        at - self.longer
    }
}

/// What is no UTF-8, and becomes U+FFFD.
fn invalid(body: &[u8]) -> impl Iterator<Item = Replaced> {
    let mut end = 0;
    body.utf8_chunks().map(move |chunk| {
        let at = end + chunk.valid().len();
        let was = chunk.invalid().len();
        end = at + was;
        let is = if was == 0 {
            0
        } else {
            char::REPLACEMENT_CHARACTER.len_utf8()
        };
        Replaced { at, was, is }
    })
}

/// Why there are no values.
enum Unread {
    /// The JSON is none.
    Bad(String),
    /// More than one body may have.
    TooMany(u32),
}

impl From<Unread> for Refused {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Bad(told) => malformed(&told),
            Unread::TooMany(most) => too_many_lines(most),
        }
    }
}

/// Each object, and each element of the arrays, of which there may be so many.
fn values(json: &str, most: u32) -> Result<Vec<&RawValue>, Unread> {
    let mut values = Values {
        found: Vec::new(),
        most,
    };
    let mut rest = from_first_character(json);
    while let Some(first) = rest.bytes().next() {
        let mut reader = serde_json::Deserializer::from_str(rest);
        let read = match first {
            b'[' => reader.deserialize_seq(&mut values),
            b'{' => <&RawValue>::deserialize(&mut reader).map(|object| values.found.push(object)),
            _ => Err(serde_json::Error::custom(
                "neither an object nor an array stands there",
            )),
        };
        if values.found.len() > most as usize {
            return Err(Unread::TooMany(most));
        }
        let before = &json[..json.len() - rest.len()];
        read.map_err(|error| Unread::Bad(placed(&error, before)))?;
        let end = reader.into_iter::<IgnoredAny>().byte_offset();
        rest = from_first_character(&rest[end..]);
    }
    Ok(values.found)
}

/// Without what may stand before and between values.
fn from_first_character(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '\0' | '\u{feff}'))
}

/// What is wrong, and where in the body: an error knows no more than the value that it is in.
fn placed(error: &serde_json::Error, before: &str) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or_default();
    let (above, beside) = before.rsplit_once('\n').unwrap_or(("", before));
    let lines = before.len() - above.len() - beside.len() + above.matches('\n').count();
    match error.line() {
        0 | 1 => format!(
            "{what} at line {} column {}",
            lines + 1,
            beside.chars().count() + error.column().max(1)
        ),
        line => format!("{what} at line {} column {}", lines + line, error.column()),
    }
}

struct Values<'a> {
    found: Vec<&'a RawValue>,
    most: u32,
}

impl<'de> Visitor<'de> for &mut Values<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element()? {
            self.found.push(element);
            if self.found.len() > self.most as usize {
                return Err(A::Error::custom("too many"));
            }
        }
        Ok(())
    }
}

/// Takes an object as everywhere, a string as its text, and what else there is as it is written.
fn take_one(value: &[u8], intake: &mut Intake) -> Result<(), Refused> {
    match intake.line(value)? {
        Some((json, terms)) => take_json(json, &terms, intake, |_, json| said(json)),
        None => Ok(()),
    }
}

fn said(json: &str) -> Cow<'_, str> {
    let raw = || Some(builder::string(&builder::escaped(json)?)?.into_owned());
    match builder::string(json) {
        Some(text) => text,
        None => raw().map_or(Cow::Borrowed(json), Cow::Owned),
    }
}

fn malformed(why: &str) -> Refused {
    Refused::Malformed {
        code: "bad_json",
        detail: format!(
            "the body is not the JSON it should be, and nothing of it was stored: {why}; lines of which some may be text \
             go as application/x-ndjson"
        ),
    }
}
