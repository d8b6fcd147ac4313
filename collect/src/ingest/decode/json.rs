//! `application/json`: an object, an array of lines, or several of these in a row. Anything wrong with the JSON itself
//! refuses the whole body.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::ndjson::take_cut;
use super::{Counting, Format};
use crate::builder::{self, Built};
use crate::door::{Intake, Refused, too_many_lines};

/// Objects, and arrays of lines.
pub const JSON: Format = Format {
    types: &["application/json"],
    tag: 1,
    counting: Counting::NotBefore,
    decode: take,
};

/// Takes every object, and every element of the arrays. Invalid UTF-8 becomes U+FFFD before anything else, so the length of
/// an element that holds some counts with that. Nothing is taken before all of the JSON is known to be good.
fn take(body: &[u8], intake: &mut Intake) -> Result<(), Refused> {
    let text = String::from_utf8_lossy(body);
    intake.charge(match &text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.len(),
    })?;
    let json = builder::repaired(&text);
    let most = intake.most_lines();
    let escaped;
    let values = match values(&json, most) {
        Err(Unread::Bad(told)) => match builder::escaped(&json) {
            None => return Err(malformed(&told)),
            Some(json) => {
                intake.charge(json.len())?;
                escaped = json;
                self::values(&escaped, most)?
            }
        },
        values => values?,
    };
    intake.charge(size_of_val(values.as_slice()))?;
    if values.is_empty() && from_first_character(&json).is_empty() {
        return Err(Refused::Empty);
    }
    values.into_iter().try_for_each(|value| take_one(value, intake))
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

fn take_one(element: &RawValue, intake: &mut Intake) -> Result<(), Refused> {
    let Some((json, terms)) = intake.line(element.get().as_bytes())? else {
        return Ok(());
    };
    // A line is cut at the end of a character.
    let json = &element.get()[..json.len()];
    if intake.left_out() > 0 {
        return take_cut(json, json, &terms, intake);
    }
    match builder::read(json, &terms) {
        Some(built) => intake.put(&built),
        None => {
            let message = builder::string(json).unwrap_or(Cow::Borrowed(json));
            intake.put(&Built::text(message, &terms))
        }
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
