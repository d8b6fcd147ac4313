//! `application/x-ndjson`: an object a line. Every other line is a message.

use std::borrow::Cow;

use super::text::{each_line, lossy};
use super::{Counting, Format};
use crate::builder::{self, Built, Terms};
use crate::door::{Intake, Refused};

/// What a body is when nobody says otherwise.
pub const NDJSON: Format = Format {
    types: &[
        "",
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/x-jsonlines",
        "application/x-json-stream",
    ],
    tag: 0,
    counting: Counting::LineFeeds,
    decode: |body, intake| each_line(body, intake, take),
};

fn take(line: &[u8], terms: &Terms, intake: &mut Intake) -> Result<(), Refused> {
    take_json(line, terms, intake, |text, _| Cow::Borrowed(text))
}

/// Takes a line that may be an object. What is none is a message, which `message` makes of its text, or of its JSON.
pub(super) fn take_json(
    line: &[u8],
    terms: &Terms,
    intake: &mut Intake,
    message: impl for<'t> Fn(&'t str, &'t str) -> Cow<'t, str>,
) -> Result<(), Refused> {
    let text = lossy(line);
    let json = builder::repaired(&text);
    if let Some(built) = builder::read(&json, terms) {
        intake.leave_out(built.left_out());
        return intake.put(&built);
    }
    let escaped = builder::escaped(&json);
    if let Some(built) = escaped.as_deref().and_then(|json| builder::read(json, terms)) {
        intake.leave_out(built.left_out());
        return intake.put(&built);
    }
    // Of an object that was too long and is cut, the members are told as far as they go.
    if terms.is_cut
        && let Some((object, kept)) = builder::completed(&json)
        && let escaped = builder::escaped(&object)
        && let Some(built) = builder::read(escaped.as_deref().unwrap_or(&object), terms)
    {
        intake.leave_out(json.len() - kept + built.left_out());
        return intake.put(&built);
    }
    intake.put(&Built::text(message(&text, &json), terms))
}
