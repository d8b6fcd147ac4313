//! What streams are called: names, patterns over names, and personal streams.
//!
//! `parse` is the one door; behind it nobody checks again.

mod inclusion;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// The longest stream name or pattern, in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// Why a text names no stream, or is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is there.
    #[error("a stream name cannot be empty")]
    Empty,
    /// Longer than [`MAX_NAME_BYTES`].
    #[error("a stream name has at most {MAX_NAME_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A segment is empty, `.` or `..`, or holds a byte that names cannot have.
    #[error("{0:?} is no stream name: segments of letters, digits, '.', '_' and '-' are joined by '/'")]
    BadSegment(String),
    /// Begins with `@` and is not one segment of the personal alphabet.
    #[error(
        "{0:?} is no personal stream: '@' and the subscriber, other bytes written '~' and two hex digits"
    )]
    BadPersonal(String),
    /// A wildcard where a name is wanted.
    #[error("{0:?} is a pattern, and a single stream is wanted here")]
    Wildcard(String),
}

/// The name of one stream: `payments/api`, or `@alice` for alice's personal one. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

impl StreamName {
    /// Reads a name. `@me` is read as the personal stream of a subscriber called `me`: who may say
    /// `@me` in a request is known to `auth`.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_length(text)?;
        if let Some(rest) = text.strip_prefix('@') {
            return if is_personal_segment(rest) {
                Ok(Self(text.into()))
            } else {
                Err(NameError::BadPersonal(text.to_owned()))
            };
        }
        match text.split('/').all(is_segment) {
            true => Ok(Self(text.into())),
            false if text.contains('*') => Err(NameError::Wildcard(text.to_owned())),
            false => Err(NameError::BadSegment(text.to_owned())),
        }
    }

    /// The personal stream of a token's `sub`.
    pub fn personal(sub: &str) -> Result<Self, NameError> {
        if sub.is_empty() {
            return Err(NameError::Empty);
        }
        let mut name = String::with_capacity(sub.len() + 1);
        name.push('@');
        for &byte in sub.as_bytes() {
            if is_plain(byte) {
                name.push(char::from(byte))
            } else {
                name.push_str(&format!("~{byte:02x}"))
            }
        }
        check_length(&name)?;
        Ok(Self(name.into()))
    }

    /// Whether this is some subscriber's personal stream.
    pub fn is_personal(&self) -> bool {
        self.0.starts_with('@')
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A stream name with `*` (one segment) or `**` (any number of them, also none), or `@*` (every personal stream).
/// A plain name is a pattern too: it matches itself.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == "@*" {
            return Ok(Self(text.into()));
        }
        if text.starts_with('@') {
            return StreamName::parse(text).map(|name| Self(name.0));
        }
        check_length(text)?;
        if text
            .split('/')
            .all(|segment| matches!(segment, "*" | "**") || is_segment(segment))
        {
            Ok(Self(text.into()))
        } else {
            Err(NameError::BadSegment(text.to_owned()))
        }
    }

    /// Whether the pattern covers `stream`. A personal stream is covered only by its own name and by `@*`.
    pub fn matches(&self, stream: &StreamName) -> bool {
        if stream.is_personal() {
            return &*self.0 == "@*" || self.0 == stream.0;
        }
        let pattern: Vec<&str> = self.0.split('/').collect();
        let name: Vec<&str> = stream.0.split('/').collect();
        segments_match(&pattern, &name)
    }

    /// Whether every stream that `other` covers is covered by this one, too: `a/**` includes `a/*/x`, and `a/*` does not
    /// include `a/**`. Of patterns that are too intricate to tell within a bounded time it says no.
    pub fn includes(&self, other: &Self) -> bool {
        if self.0.starts_with('@') || other.0.starts_with('@') {
            return self.0 == other.0 || &*self.0 == "@*" && other.0.starts_with('@');
        }
        inclusion::includes(&self.0, &other.0)
    }

    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What one can subscribe to, announce, or be granted: one stream, or all that a pattern covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// One stream.
    Stream(StreamName),
    /// Every stream that the pattern covers, now and later.
    Pattern(Pattern),
}

impl Target {
    /// Reads a name, or a pattern when there is a `*` in it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.contains('*') {
            Pattern::parse(text).map(Self::Pattern)
        } else {
            StreamName::parse(text).map(Self::Stream)
        }
    }

    /// Whether the target covers `stream`.
    pub fn matches(&self, stream: &StreamName) -> bool {
        match self {
            Self::Stream(name) => name == stream,
            Self::Pattern(pattern) => pattern.matches(stream),
        }
    }

    /// The name or pattern as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stream(name) => name.as_str(),
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }
}

fn check_length(text: &str) -> Result<(), NameError> {
    match text.len() {
        0 => Err(NameError::Empty),
        n if n > MAX_NAME_BYTES => Err(NameError::TooLong(n)),
        _ => Ok(()),
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn is_segment(segment: &str) -> bool {
    !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_plain)
}

/// Only the spelling that [`StreamName::personal`] makes is a name, so that a subscriber has one stream and not two:
/// hex digits are lower case, and a byte that needs no `~` has none.
fn is_personal_segment(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        if is_plain(byte) {
            continue;
        }
        let hex = |b: Option<u8>| b.filter(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b));
        let (b'~', Some(high), Some(low)) = (byte, hex(bytes.next()), hex(bytes.next())) else {
            return false;
        };
        let digit = |b: u8| {
            if b.is_ascii_digit() {
                b - b'0'
            } else {
                b - b'a' + 10
            }
        };
        if is_plain(digit(high) << 4 | digit(low)) {
            return false;
        }
    }
    !segment.is_empty()
}

/// Matches segment by segment. `**` is tried greedily with one point of return, so the cost is at most the product
/// of the two lengths, whatever the pattern.
fn segments_match(pattern: &[&str], name: &[&str]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&"**") {
            retry = Some((p, n));
            p += 1;
            continue;
        }
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(&want), Some(&have)) if want == "*" || want == have => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, from)) if from < name.len() => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    n = from + 1;
                }
                _ => return false,
            },
        }
    }
}

/// So that a map by streams is asked with a text.
impl Borrow<str> for StreamName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
