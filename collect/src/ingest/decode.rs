//! Bodies become lines: a file for each format, and a row here.
//!
//! # How to add a format
//!
//! 1. A file in `ingest/decode/` with a function `fn(&[u8], &mut Intake) -> Result<(), Refused>`, and its [`Format`]. It
//!    is given a whole body, inflated, and hands over line by line: [`Intake::line`] with the bytes that the line came
//!    in (or [`Intake::begin`] with their number, where they cannot be cut), then [`Intake::put`] with what a [`Builder`](crate::Builder) made of its members. Where lines come in groups that
//!    share labels (OTLP's resources, Loki's streams), [`Intake::place`] says once where the group goes, and
//!    [`Intake::put_at`] puts its lines there. It judges no level, no time and no name: the builder and the naming do.
//! 2. A row in [`FORMATS`], when it can be asked for by its content type. A protocol that always has the same format names
//!    it itself.
//!
//! What a decoder may not do: wait, recurse as deep as its input says ([`Nested`](crate::builder::Nested) needs no
//! recursion), or keep more than its input without [`Intake::charge`]. A body that is not what its format has is
//! [`Refused::Malformed`], under a code of the format's own that stands in docs/http.md, and nothing of it is stored; a
//! line that cannot be taken is rejected alone.
//!
//! A decoder is given UTF-8, or what is meant to be: [`Format::take`] makes it of other character sets. It takes off what
//! stands before the first character, and knows nothing of HTTP: listeners use it too.

mod json;
mod ndjson;
mod text;

use lines::charset::{Charset, Decoder};

use crate::door::{Intake, Refused};

pub use self::json::JSON;
pub use self::ndjson::NDJSON;
pub use self::text::TEXT;

/// A form that lines come in.
#[derive(Debug)]
pub struct Format {
    /// The content types that mean it, in lower case and without parameters. The empty one is that of a request that
    /// names none.
    pub types: &'static [&'static str],
    /// Stands for the format in what keys are compared by: the same bytes can be other lines in another format. Never
    /// changed, and never given again: a repeated request may have been stored by another version. Below 16: see
    /// [`Format::tag`](fn@Format::tag).
    pub tag: u8,
    /// How lines are told apart before they are decoded.
    pub counting: Counting,
    /// Takes a whole body of UTF-8.
    pub decode: fn(&[u8], &mut Intake) -> Result<(), Refused>,
}

/// How the lines of a body that is still coming are counted, so that one with too many of them is not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Each line feed ends one.
    LineFeeds,
    /// Only the decoder can tell.
    NotBefore,
}

/// The formats that a content type can ask for.
const FORMATS: &[&Format] = &[&NDJSON, &JSON, &TEXT];

impl Format {
    /// The one that a content type asks for.
    pub fn of(content_type: &[u8]) -> Option<&'static Self> {
        let essence = content_type
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        let means = |format: &&&Self| format.types.iter().any(|name| name.as_bytes() == essence);
        FORMATS.iter().find(means).copied()
    }

    /// Takes a whole body that was declared to be in a character set, or was not.
    pub fn take(&self, body: &[u8], declared: Option<Charset>, intake: &mut Intake) -> Result<(), Refused> {
        match Charset::of(body, declared) {
            Charset::Utf8 => (self.decode)(body, intake),
            charset => {
                intake.charge(charset.most_bytes(body))?;
                (self.decode)(&Decoder::whole(charset, body), intake)
            }
        }
    }

    /// How lines are told apart before they are decoded, in a body that is declared to be in this character set.
    pub fn counting(&self, declared: Option<Charset>) -> Counting {
        if declared.is_some_and(Charset::is_utf16) {
            Counting::NotBefore
        } else {
            self.counting
        }
    }

    /// Stands for the format and the character set in what keys are compared by.
    pub fn tag(&self, declared: Option<Charset>) -> u8 {
        let charset = match declared {
            None | Some(Charset::Utf8) => 0,
            Some(Charset::Utf16) => 1,
            Some(Charset::Utf16Le) => 2,
            Some(Charset::Utf16Be) => 3,
            Some(Charset::Latin1) => 4,
            Some(Charset::Windows1252) => 5,
        };
        self.tag | charset << 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_formats_have_a_tag_or_a_content_type_in_common() {
        let mut tags: Vec<u8> = FORMATS.iter().map(|format| format.tag).collect();
        let mut types: Vec<&str> = FORMATS.iter().flat_map(|format| format.types).copied().collect();
        let all = (tags.len(), types.len());
        tags.sort_unstable();
        tags.dedup();
        types.sort_unstable();
        types.dedup();
        assert_eq!((tags.len(), types.len()), all);
    }

    /// Keys that are stored were made with these.
    #[test]
    fn tags_are_what_they_always_were() {
        assert_eq!([NDJSON.tag, JSON.tag, TEXT.tag], [0, 1, 2]);
        let declared = ["utf-8", "utf-16", "utf-16le", "utf-16be", "latin1", "cp1252"].map(Charset::named);
        assert_eq!(
            declared.map(|declared| TEXT.tag(declared)),
            [2, 18, 34, 50, 66, 82]
        );
        assert_eq!(TEXT.tag(None), 2);
    }
}
