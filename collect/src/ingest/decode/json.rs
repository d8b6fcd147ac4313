//! `application/json`: one object, or an array of lines. Anything wrong with the JSON itself refuses the whole body.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Counting, Format};
use crate::builder::{self, Built};
use crate::door::{Intake, Refused};

/// An object, or an array of lines.
pub const JSON: Format = Format {
    types: &["application/json"],
    tag: 1,
    counting: Counting::NotBefore,
    decode: take,
};

/// Takes every element, or the one object. Invalid UTF-8 becomes U+FFFD before anything else, so the length of an
/// element that holds some counts with that.
fn take(body: &[u8], intake: &mut Intake) -> Result<(), Refused> {
    let text = String::from_utf8_lossy(body);
    intake.charge(match &text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.len(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_ascii().is_empty() {
        return Err(Refused::Empty);
    }
    let json = builder::repaired(text);
    match json.trim_ascii_start().as_bytes().first() {
        Some(b'[') => array(&json, intake),
        Some(b'{') => {
            let object: &RawValue = serde_json::from_str(&json).map_err(bad)?;
            take_one(object, intake)
        }
        _ => Err(malformed("it is neither an object nor an array")),
    }
}

fn array(json: &str, intake: &mut Intake) -> Result<(), Refused> {
    let mut refused = None;
    let elements = Elements {
        intake,
        refused: &mut refused,
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize_seq(elements).and_then(|()| reader.end());
    match (refused, read) {
        (Some(refused), _) => Err(refused),
        (None, read) => read.map_err(bad),
    }
}

struct Elements<'a> {
    intake: &'a mut Intake,
    /// Why the reading was stopped.
    refused: &'a mut Option<Refused>,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element::<&RawValue>()? {
            if let Err(refused) = take_one(element, self.intake) {
                *self.refused = Some(refused);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

fn take_one(element: &RawValue, intake: &mut Intake) -> Result<(), Refused> {
    let json = element.get();
    let Some(terms) = intake.begin(json.len())? else {
        return Ok(());
    };
    match builder::read(json, terms) {
        Some(built) => intake.put(&built),
        None => {
            let message = builder::string(json).unwrap_or(Cow::Borrowed(json));
            intake.put(&Built::message(message, terms.arrived))
        }
    }
}

fn bad(error: serde_json::Error) -> Refused {
    malformed(&error.to_string())
}

fn malformed(why: &str) -> Refused {
    Refused::Malformed {
        code: "bad_json",
        detail: format!("the body is not the JSON it should be: {why}"),
    }
}
