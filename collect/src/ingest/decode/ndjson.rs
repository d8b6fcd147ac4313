//! `application/x-ndjson`: an object a line. Every other line is a message.

use lines::Timestamp;

use super::text;
use crate::builder::raw;
use crate::builder::{self, Parsed};
use crate::door::intake::Intake;
use crate::door::refused::Refusal;

/// Stands before UTF-8 that some programs write.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Takes every line that is not blank.
pub(crate) fn parse(body: &[u8], intake: &mut Intake) -> Result<(), Refusal> {
    text::each_line(body, intake, line)
}

fn line(line: &[u8], arrived: Timestamp) -> Parsed {
    let text = String::from_utf8_lossy(line);
    let json = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    match builder::read(&raw::repaired(json), arrived) {
        Some(parsed) => parsed,
        None => Parsed::message(text.into_owned(), arrived),
    }
}
