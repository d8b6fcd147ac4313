//! Names made of labels: `{service.name}/{host|nowhere}`.
//!
//! A template is text of a stream's name with labels in braces. `{a,b}` is the first of these labels that is there and not
//! empty, `{a|text}` is `text` where it is not; without a text of its own, [`MISSING`].
//!
//! **How a value is written.** Letters and digits of ASCII, `.`, `_` and `-` stand for themselves. Every other byte of its
//! UTF-8 is written `_.` and two hex digits: `a b/c` is `a_.20b_.2fc`. So that nothing else can be read as that, a `_` in a
//! value that has `.` and two such digits or a `-` behind it is written `_.5f`; and a value that is `.` or `..` has its
//! first point written `_.2e`. When the name would be longer than a name can be, every value that is longer than its part
//! of the room is cut there, and ends in `_.-` and 16 hex digits of its SHA-256.
//!
//! **What follows.** Whatever the values are, the result is the name of a stream, never a personal one, that begins with
//! the template's text up to its first label, and has as many segments as the template: no value makes a `/`. Two different
//! values are never written alike (but for two cut ones with the same 64 bits of a hash), so labels that have segments of
//! their own never merge streams. They can where it was asked for: labels that share a segment (`{a}-{b}` of `x-y`, `z` and
//! of `x`, `y-z`), and a missing label with one that has the text that stands for it.

use std::borrow::Cow;
use std::fmt::Write;

use lines::name::MAX_NAME_BYTES;
use sha2::{Digest, Sha256};

use super::Labels;

/// What stands for a label that is not there, where the template has no text for it.
pub(super) const MISSING: &str = "unknown";

/// The least room that each label of a template must have, in bytes.
const LEAST_ROOM: usize = 24;

/// What a cut value ends in, in bytes.
const CUT: usize = 3 + 16;

/// How a stream's name is made of labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
    /// The most bytes of a value where not all have room.
    room: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Label {
        /// The first one that is there counts.
        names: Vec<String>,
        missing: String,
    },
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A brace has no other one.
    #[error(
        "{0:?} has a brace that is not closed, or not opened: labels stand in braces, as in {{service.name}}/{{host}}"
    )]
    Brace(String),
    /// Braces with no label in them.
    #[error("{0:?} has braces without a label")]
    NoLabel(String),
    /// There is no label, so that it is simply a name.
    #[error("{0:?} has no label in braces")]
    NoLabels(String),
    /// What is not in braces, or stands for a missing label, cannot be in a stream's name.
    #[error(
        "{0:?} makes no stream's name: segments of letters, digits, '.', '_', '-' and labels are joined by '/'"
    )]
    BadText(String),
    /// Too little is left for the labels.
    #[error(
        "{0:?} is too long: a stream's name has {MAX_NAME_BYTES} bytes, and each label needs {LEAST_ROOM} of them"
    )]
    TooLong(String),
}

impl Template {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, BadTemplate> {
        let pieces = pieces(text)?;
        let labels = pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::Label { .. }))
            .count();
        if labels == 0 {
            return Err(BadTemplate::NoLabels(text.to_owned()));
        }
        // With the shortest value there is: whether the text fits around it depends on no value.
        let shape: String = pieces.iter().map(Piece::shape).collect();
        if !shape.split('/').all(is_segment) {
            return Err(BadTemplate::BadText(text.to_owned()));
        }
        let around: usize = pieces.iter().map(Piece::text_bytes).sum();
        let room = MAX_NAME_BYTES.saturating_sub(around) / labels;
        if room < LEAST_ROOM {
            return Err(BadTemplate::TooLong(text.to_owned()));
        }
        Ok(Self { pieces, room })
    }

    /// The name for these labels.
    pub fn name(&self, labels: &dyn Labels) -> String {
        let written: Vec<Written<'_>> = self.pieces.iter().map(|piece| piece.written(labels)).collect();
        let whole: usize = written.iter().map(|piece| piece.text.len()).sum();
        let is_long = whole > MAX_NAME_BYTES;
        let mut name = String::with_capacity(whole.min(MAX_NAME_BYTES));
        for piece in written {
            match piece.value {
                Some(value) if is_long && piece.text.len() > self.room => {
                    cut(&piece.text, &value, self.room, &mut name);
                }
                _ => name.push_str(&piece.text),
            }
        }
        name
    }
}

/// A piece of a name.
struct Written<'a> {
    text: Cow<'a, str>,
    /// Where it comes from a label.
    value: Option<Cow<'a, str>>,
}

impl Piece {
    fn written<'a>(&'a self, labels: &'a dyn Labels) -> Written<'a> {
        let (names, missing) = match self {
            Self::Text(text) => {
                return Written {
                    text: text.into(),
                    value: None,
                };
            }
            Self::Label { names, missing } => (names, missing),
        };
        let found = names
            .iter()
            .find_map(|name| labels.label(name).filter(|value| !value.is_empty()));
        match found {
            Some(value) => Written {
                text: escaped(&value).into(),
                value: Some(value),
            },
            None => Written {
                text: missing.into(),
                value: Some(missing.into()),
            },
        }
    }

    /// With a value of one letter.
    fn shape(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Label { .. } => "x",
        }
    }

    fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Label { .. } => 0,
        }
    }
}

fn pieces(template: &str) -> Result<Vec<Piece>, BadTemplate> {
    let brace = || BadTemplate::Brace(template.to_owned());
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find(['{', '}']) {
        let (text, label) = rest.split_at(open);
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let (inside, after) = label
            .strip_prefix('{')
            .and_then(|label| label.split_once('}'))
            .ok_or_else(brace)?;
        if inside.contains('{') {
            return Err(brace());
        }
        pieces.push(label_of(inside, template)?);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

fn label_of(inside: &str, template: &str) -> Result<Piece, BadTemplate> {
    let (names, missing) = inside.split_once('|').unwrap_or((inside, MISSING));
    let names: Vec<String> = names.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(BadTemplate::NoLabel(template.to_owned()));
    }
    if !is_segment(missing) {
        return Err(BadTemplate::BadText(template.to_owned()));
    }
    let missing = missing.to_owned();
    Ok(Piece::Label { names, missing })
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn is_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && text.bytes().all(is_plain)
}

/// A value as it stands in a name.
fn escaped(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut escaped = String::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        let stands_for_itself = match byte {
            b'_' => !looks_escaped(&bytes[at..]),
            b'.' => at > 0 || !matches!(bytes, b"." | b".."),
            byte => is_plain(byte),
        };
        if stands_for_itself {
            escaped.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(escaped, "_.{byte:02x}");
        }
    }
    escaped
}

/// Whether this is what an escaped byte or a cut begins with.
fn looks_escaped(bytes: &[u8]) -> bool {
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    match bytes {
        [b'_', b'.', b'-', ..] => true,
        [b'_', b'.', high, low, ..] => hex(high) && hex(low),
        _ => false,
    }
}

/// The beginning of a value, and what tells it from others with the same.
fn cut(escaped: &str, value: &str, room: usize, name: &mut String) {
    name.push_str(&escaped[..room - CUT]);
    name.push_str("_.-");
    for byte in &Sha256::digest(value)[..8] {
        // Writing into a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
}

#[cfg(test)]
#[path = "template/tests.rs"]
mod tests;
