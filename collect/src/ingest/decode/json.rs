//! `application/json`: one object, or an array of lines. Anything wrong with the JSON itself refuses the whole body.

use std::fmt;

use lines::Timestamp;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::builder::known;
use crate::builder::raw;
use crate::builder::{self, Parsed};
use crate::door::intake::Intake;
use crate::door::refused::Refusal;

/// Takes every element, or the one object. Invalid UTF-8 becomes U+FFFD before anything else, so the length of an
/// element that holds some counts with that.
pub(crate) fn parse(body: &[u8], intake: &mut Intake) -> Result<(), Refusal> {
    let text = String::from_utf8_lossy(body);
    intake.charge(match &text {
        std::borrow::Cow::Borrowed(_) => 0,
        std::borrow::Cow::Owned(text) => text.len(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_ascii().is_empty() {
        return Err(Refusal::Empty);
    }
    let json = raw::repaired(text);
    match json.trim_ascii_start().as_bytes().first() {
        Some(b'[') => array(&json, intake),
        Some(b'{') => {
            let object: &RawValue = serde_json::from_str(&json).map_err(bad)?;
            take(object, intake)
        }
        _ => Err(Refusal::BadJson(
            "it is neither an object nor an array".to_owned(),
        )),
    }
}

fn array(json: &str, intake: &mut Intake) -> Result<(), Refusal> {
    let mut refused = None;
    let elements = Elements {
        intake,
        refused: &mut refused,
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader.deserialize_seq(elements).and_then(|()| reader.end());
    match (refused, read) {
        (Some(refusal), _) => Err(refusal),
        (None, read) => read.map_err(bad),
    }
}

struct Elements<'a> {
    intake: &'a mut Intake,
    /// Why the reading was stopped.
    refused: &'a mut Option<Refusal>,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        while let Some(element) = array.next_element::<&RawValue>()? {
            if let Err(refusal) = take(element, self.intake) {
                *self.refused = Some(refusal);
                return Err(A::Error::custom("refused"));
            }
        }
        Ok(())
    }
}

fn take(element: &RawValue, intake: &mut Intake) -> Result<(), Refusal> {
    intake.take(element.get().len(), |arrived| line(element, arrived))
}

fn line(element: &RawValue, arrived: Timestamp) -> Parsed {
    builder::read(element.get(), arrived).unwrap_or_else(|| {
        let message = known::string(element).unwrap_or_else(|| element.get().to_owned());
        Parsed::message(message, arrived)
    })
}

fn bad(error: serde_json::Error) -> Refusal {
    Refusal::BadJson(error.to_string())
}
