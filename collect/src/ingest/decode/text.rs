//! `text/plain`, and how bodies come apart into lines.

use std::borrow::Cow;

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
            intake.put(&Built::text(lossy(line), terms))
        })
    },
};

/// Hands each line that is not blank and not too long to `read`, from its first character on and without its end: a line
/// feed, or a carriage return and a line feed.
pub(super) fn each_line(
    body: &[u8],
    intake: &mut Intake,
    read: impl Fn(&[u8], &Terms, &mut Intake) -> Result<(), Refused>,
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
        let line = from_first_character(line);
        if line.trim_ascii().is_empty() {
            intake.blank()?;
        } else if let Some((line, terms)) = intake.line(line)? {
            read(line, &terms, intake)?;
        }
    }
    Ok(())
}

/// The text of a line; what is none becomes U+FFFD. To look for that takes several times as long as to see that there is none.
pub(super) fn lossy(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(line),
    }
}

/// Without what stands before the first character, where a file began or was emptied while somebody wrote it: byte order
/// marks, and the NULs of a hole.
pub(super) fn from_first_character(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = match bytes {
            [0, ..] => {
                let hole = bytes.iter().take_while(|&&byte| byte == 0).count();
                &bytes[hole..]
            }
            [0xEF, 0xBB, 0xBF, rest @ ..] => rest,
            _ => return bytes,
        };
    }
}
