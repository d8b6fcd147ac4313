//! `application/x-ndjson`: an object a line. Every other line is a message.

use super::text::each_line;
use super::{Counting, Format};
use crate::builder::{self, Built, Terms};
use crate::door::{Intake, Refused};

/// What a body is when nobody says otherwise.
pub const NDJSON: Format = Format {
    types: &["", "application/x-ndjson"],
    tag: 0,
    counting: Counting::LineFeeds,
    decode: |body, intake| each_line(body, intake, take),
};

/// Stands before UTF-8 that some programs write.
const BYTE_ORDER_MARK: char = '\u{feff}';

fn take(line: &[u8], terms: Terms, intake: &mut Intake) -> Result<(), Refused> {
    let text = String::from_utf8_lossy(line);
    let json = builder::repaired(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text));
    match builder::read(&json, terms) {
        Some(built) => intake.put(&built),
        None => intake.put(&Built::message(&*text, terms.arrived)),
    }
}
