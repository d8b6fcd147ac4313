//! `text/plain`, and how bodies come apart into lines.

use lines::Timestamp;

use crate::builder::Parsed;
use crate::door::intake::Intake;
use crate::door::refused::Refusal;

/// Takes every line that is not blank as a message.
pub(crate) fn parse(body: &[u8], intake: &mut Intake) -> Result<(), Refusal> {
    each_line(body, intake, |line, arrived| {
        Parsed::message(String::from_utf8_lossy(line).into_owned(), arrived)
    })
}

/// Hands each line that is not blank to `read`, without its end: a line feed, or a carriage return and a line feed.
pub(crate) fn each_line(
    body: &[u8],
    intake: &mut Intake,
    read: impl Fn(&[u8], Timestamp) -> Parsed,
) -> Result<(), Refusal> {
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
        match line.trim_ascii().is_empty() {
            true => intake.blank()?,
            false => intake.take(line.len(), |arrived| read(line, arrived))?,
        }
    }
    Ok(())
}
