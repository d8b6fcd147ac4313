//! `application/x-ndjson`: an object a line. Every other line is a message.

use super::text::each_line;
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
    let text = String::from_utf8_lossy(line);
    let json = builder::repaired(&text);
    if let Some(built) = builder::read(&json, terms) {
        return intake.put(&built);
    }
    let escaped = builder::escaped(&json);
    if let Some(built) = escaped.as_deref().and_then(|json| builder::read(json, terms)) {
        return intake.put(&built);
    }
    if intake.left_out() > 0 {
        return take_cut(&text, escaped.as_deref().unwrap_or(&json), terms, intake);
    }
    intake.put(&Built::text(&*text, terms))
}

/// Of an object that was too long and is cut, the members are told as far as they go.
pub(super) fn take_cut(text: &str, json: &str, terms: &Terms, intake: &mut Intake) -> Result<(), Refused> {
    let Some((object, kept)) = builder::completed(json) else {
        return intake.put(&Built::text(text, terms));
    };
    match builder::read(&object, terms) {
        Some(built) => {
            intake.leave_out(json.len() - kept);
            intake.put(&built)
        }
        None => intake.put(&Built::text(text, terms)),
    }
}
