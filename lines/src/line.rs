//! One log record, and the bytes it becomes: made once, here, and the same for ever after (invariant 3).

use serde_json::value::RawValue;

use crate::{Level, Timestamp};

/// One log record, as ingest makes it.
#[derive(Debug, Clone)]
pub struct Line {
    /// When it was logged, or when it arrived.
    pub ts: Timestamp,
    /// How grave it is, when its sender said so in a word that is known.
    pub level: Option<Level>,
    /// What it says.
    pub message: String,
    /// Everything else, the members of the sender's own `fields` first. Each value is JSON as received (numbers keep
    /// all their digits) without the white space between its tokens, so it has no line break in it; one nested too
    /// deep for usual readers is a string that holds its text. No two names are the same.
    pub fields: Vec<(String, Box<RawValue>)>,
}

impl Line {
    /// Appends the line's object and a line feed: `ts`, `level` (when there is one), `message`, `fields` (when there
    /// are any). Everything that stores, sends or shows the line uses these bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let fields = self.fields.iter().map(|(name, value)| (&**name, value.get()));
        encode(self.ts, self.level, &self.message, fields, out);
    }
}

/// The same for a line that is borrowed from what it is made of. Each field's value is JSON as [`Line::fields`] has it.
pub fn encode<'a>(
    ts: Timestamp,
    level: Option<Level>,
    message: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    out: &mut Vec<u8>,
) {
    let begun = out.len();
    out.extend_from_slice(b"{\"ts\":\"");
    out.extend_from_slice(&ts.written());
    out.push(b'"');
    if let Some(level) = level {
        out.extend_from_slice(b",\"level\":\"");
        out.extend_from_slice(level.as_str().as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b",\"message\":");
    write_json_string(message, out);
    let mut before: &[u8] = b",\"fields\":{";
    let mut end: &[u8] = b"";
    for (name, value) in fields {
        out.extend_from_slice(before);
        write_json_string(name, out);
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
        (before, end) = (b",", b"}");
    }
    out.extend_from_slice(end);
    out.extend_from_slice(b"}\n");
    escape_separators(out, begun);
}

/// What some readers take for the end of a line (JavaScript once, Python's `splitlines`, editors), and its escape. In JSON
/// they only stand in strings.
const SEPARATORS: [(&[u8], &[u8]); 3] = [
    ("\u{2028}".as_bytes(), b"\\u2028"),
    ("\u{2029}".as_bytes(), b"\\u2029"),
    ("\u{85}".as_bytes(), b"\\u0085"),
];

/// Writes separators as escapes, in what was appended from a place on.
fn escape_separators(out: &mut Vec<u8>, from: usize) {
    let found = |bytes: &[u8]| {
        let mut places = memchr::memchr2_iter(0xE2, 0xC2, bytes);
        places.find_map(|at| {
            let is_there = |(separator, _): &&(&[u8], &[u8])| bytes[at..].starts_with(separator);
            SEPARATORS.iter().find(is_there).map(|separator| (at, *separator))
        })
    };
    let Some((first, _)) = found(&out[from..]) else {
        return;
    };
    let tail = out.split_off(from + first);
    let mut rest = tail.as_slice();
    while let Some((at, (separator, escape))) = found(rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(escape);
        rest = &rest[at + separator.len()..];
    }
    out.extend_from_slice(rest);
}

/// What an encoded line begins with, read from its bytes alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineHead<'a> {
    /// As it is written: digits and punctuation only, [`Timestamp`]'s form.
    pub ts: &'a [u8],
    /// How grave the line is.
    pub level: Option<Level>,
}

impl<'a> LineHead<'a> {
    /// The head, and what follows it. Relies on the form that [`Line::encode`] writes, which is the only one a store
    /// holds; `None` of anything else.
    pub fn split(line: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (ts, rest) = split_at_quote(line.strip_prefix(b"{\"ts\":\"")?)?;
        let Some(from_level) = rest.strip_prefix(b",\"level\":\"") else {
            return Some((Self { ts, level: None }, rest));
        };
        let (name, rest) = split_at_quote(from_level)?;
        let named = |level: &Level| level.as_str().as_bytes() == name;
        let level = Level::ALL.into_iter().find(named);
        Some((Self { ts, level }, rest))
    }
}

fn split_at_quote(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'"', bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn write_json_string(text: &str, out: &mut Vec<u8>) {
    // Writing a string into memory cannot fail: there is nothing to report.
    let _ = serde_json::to_writer(out, text);
}
