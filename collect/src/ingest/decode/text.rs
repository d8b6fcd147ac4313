//! `text/plain`, and how bodies come apart into lines.

use super::{Counting, Format};
use crate::builder::{Built, Terms};
use crate::door::{Intake, Refused};

/// A message a line.
pub const TEXT: Format = Format {
    types: &["text/plain"],
    tag: 2,
    counting: Counting::LineFeeds,
    decode: |body, intake| {
        each_line(body, intake, |line, terms, intake| {
            intake.put(&Built::message(String::from_utf8_lossy(line), terms.arrived))
        })
    },
};

/// Hands each line that is not blank and not too long to `read`, without its end: a line feed, or a carriage return and a
/// line feed.
pub(super) fn each_line(
    body: &[u8],
    intake: &mut Intake,
    read: impl Fn(&[u8], Terms, &mut Intake) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let mut rest = body;
    while !rest.is_empty() {
        let (line, after) = match memchr::memchr(b'\n', rest) {
            Some(end) => (
                rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]),
                &rest[end + 1..],
            ),
            None => (rest, &rest[rest.len()..]),
        };
        rest = after;
        if line.trim_ascii().is_empty() {
            intake.blank()?;
        } else if let Some(terms) = intake.begin(line.len())? {
            read(line, terms, intake)?;
        }
    }
    Ok(())
}
