//! What keys look like: `auth/keys/7f3a`, `groups/billing/@alice`. `parse` is the one door.

use std::fmt;
use std::sync::Arc;

/// The longest key or prefix, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// Comes after everything that a key may have in its place.
const AFTER_ALL: char = '\u{7f}';

/// Why a text is no key, or no prefix of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A segment has nothing in it.
    #[error("{0:?} is no key of the ledger: none of its segments, joined by '/', can be empty")]
    Empty(String),
    /// Longer than [`MAX_KEY_BYTES`].
    #[error("a key of the ledger has at most {MAX_KEY_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It holds what keys cannot hold.
    #[error(
        "{0:?} is no key of the ledger: it may have letters, digits, '/' and '.', '_', '-', '~', '@', ':'"
    )]
    BadByte(String),
}

/// A key: segments of `[A-Za-z0-9._~@:-]`, joined by `/`. So the name of every stream, a UUID, an address and a digest
/// in hexadecimal can stand in one as they are. Ordered by their bytes. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerKey(Arc<str>);

impl LedgerKey {
    /// Reads a key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        check_text(text)?;
        if text.split('/').any(str::is_empty) {
            Err(KeyError::Empty(text.to_owned()))
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The key as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What keys begin with: any part of one, `auth/` or `auth/k`, or nothing, which every key begins with. It ends where it
/// ends: `a` is the beginning of `a`, `a/b` and `ab`, and `a/` of `a/b` alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct KeyPrefix(Arc<str>);

impl KeyPrefix {
    /// Reads a prefix.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        check_text(text)?;
        if text.starts_with('/') || text.contains("//") {
            Err(KeyError::Empty(text.to_owned()))
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The beginning of every key.
    pub fn all() -> Self {
        Self("".into())
    }

    /// Whether the key begins so.
    pub fn covers(&self, key: &LedgerKey) -> bool {
        key.0.starts_with(&*self.0)
    }

    /// The prefix as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A text that comes before every key that begins so and comes after `after`, and after every other before them.
    pub fn begin(&self, after: Option<&LedgerKey>) -> String {
        match after {
            Some(after) if after.0 >= self.0 => format!("{after}\0"),
            _ => self.0.to_string(),
        }
    }

    /// A text that comes after every key that begins so, and before every other that comes after them.
    pub fn end(&self) -> String {
        format!("{}{AFTER_ALL}", self.0)
    }
}

fn check_text(text: &str) -> Result<(), KeyError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~@:".contains(&byte);
    match (text.len() > MAX_KEY_BYTES, text.bytes().all(known)) {
        (true, _) => Err(KeyError::TooLong(text.len())),
        (_, false) => Err(KeyError::BadByte(text.to_owned())),
        _ => Ok(()),
    }
}

impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused_with_the_reason() {
        for text in [
            "a",
            "a/b",
            "groups/billing/@ann~40example.org",
            "fe80::1",
            ".",
            "-/~",
        ] {
            assert_eq!(LedgerKey::parse(text).unwrap().as_str(), text);
        }
        let empty = |text: &str| KeyError::Empty(text.to_owned());
        let bad = |text: &str| KeyError::BadByte(text.to_owned());
        for (text, refusal) in [
            ("", empty("")),
            ("/", empty("/")),
            ("/a", empty("/a")),
            ("a/", empty("a/")),
            ("a//b", empty("a//b")),
            ("ä", bad("ä")),
            ("a b", bad("a b")),
            ("a*", bad("a*")),
            ("$where", bad("$where")),
            ("a\0", bad("a\0")),
        ] {
            assert_eq!(LedgerKey::parse(text), Err(refusal));
        }
        assert!(LedgerKey::parse(&"x".repeat(MAX_KEY_BYTES)).is_ok());
        assert_eq!(LedgerKey::parse(&"x".repeat(513)), Err(KeyError::TooLong(513)));
    }

    #[test]
    fn a_prefix_covers_what_begins_with_it_and_its_end_comes_right_after() {
        let keys =
            ["a", "a-b", "a/b", "a/b/c", "aa", "ab", "b", "~z"].map(|key| LedgerKey::parse(key).unwrap());
        for (prefix, covered) in [
            ("", 8),
            ("a", 6),
            ("a/", 2),
            ("a/b", 2),
            ("a/b/", 1),
            ("b", 1),
            ("b/", 0),
            ("~", 1),
        ] {
            let prefix = KeyPrefix::parse(prefix).unwrap();
            let within = |key: &&LedgerKey| key.as_str() >= prefix.as_str() && key.as_str() < &*prefix.end();
            let (by_range, by_name): (Vec<_>, Vec<_>) = (
                keys.iter().filter(within).collect(),
                keys.iter().filter(|key| prefix.covers(key)).collect(),
            );
            assert_eq!(by_range, by_name, "{prefix:?}");
            assert_eq!(by_name.len(), covered, "{prefix:?}");
        }
        for text in ["/", "a//", "é", "a%"] {
            assert!(KeyPrefix::parse(text).is_err(), "{text}");
        }
    }
}
