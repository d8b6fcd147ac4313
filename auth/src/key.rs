//! Shared keys: what tokens are signed with, and what nodes of a cluster prove themselves with.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The least a key has, in bytes: as many as HMAC-SHA-256 gives (RFC 7518 §3.2).
pub const MIN_KEY_BYTES: usize = 32;

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Too easy to guess.
    #[error(
        "the key has {0} bytes, and at least {MIN_KEY_BYTES} are needed: make one with `openssl rand -hex 32`"
    )]
    TooShort(usize),
    /// `base64:` is not followed by base64.
    #[error("what follows `base64:` in the key is not base64")]
    BadBase64,
}

/// Secret bytes. Never shown, not by `Debug` either.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// Reads a key as settings carry it: its text's bytes, or, after `base64:`, what that decodes to.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let bytes = match text.strip_prefix("base64:") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| KeyError::BadBase64)?,
            None => text.as_bytes().to_vec(),
        };
        match bytes.len() {
            n if n < MIN_KEY_BYTES => Err(KeyError::TooShort(n)),
            _ => Ok(Self(bytes)),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_text_or_what_base64_decodes_to() {
        let text = "k".repeat(32);
        assert_eq!(Key::from_text(&text), Ok(Key(text.clone().into_bytes())));
        let encoded = format!("base64:{}", STANDARD.encode([7; 32]));
        assert_eq!(Key::from_text(&encoded), Ok(Key(vec![7; 32])));
    }

    #[test]
    fn a_short_key_is_refused_by_the_bytes_it_really_has() {
        assert_eq!(Key::from_text("short"), Err(KeyError::TooShort(5)));
        let encoded = format!("base64:{}", STANDARD.encode([7; 31]));
        assert_eq!(Key::from_text(&encoded), Err(KeyError::TooShort(31)));
        assert_eq!(Key::from_text("base64:!!"), Err(KeyError::BadBase64));
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = Key::from_text(&"secret".repeat(8)).expect("a long key");
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
