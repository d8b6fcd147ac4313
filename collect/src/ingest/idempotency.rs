//! Idempotency keys: how a repeated request is found again.
//!
//! The store keeps a key per stream. What stands for a request there is made of the subscriber, the key, and the
//! number of the part, for lines that do not fit one batch; so nobody finds anybody else's requests.

use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::Format;
use super::refusal::Refusal;
use crate::append::PartKey;
use crate::store::{Digest, StoredKey};

/// The longest key, in characters.
const MAX_KEY_CHARS: usize = 128;

/// A request that can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    subscriber: String,
    key: String,
}

/// A key together with what its body comes to.
pub(super) struct KeyedBody {
    key: Key,
    body: [u8; 32],
}

impl Key {
    /// The key of a request's headers, when it has one.
    pub(super) fn of(headers: &HeaderMap, subscriber: &auth::Subscriber) -> Result<Option<Self>, Refusal> {
        let mut all = headers.get_all("idempotency-key").iter();
        let Some(value) = all.next() else { return Ok(None) };
        let key = std::str::from_utf8(value.as_bytes()).map_err(|_| Refusal::BadKey)?;
        let length = key.chars().count();
        if all.next().is_some() || !(1..=MAX_KEY_CHARS).contains(&length) || key.chars().any(char::is_control)
        {
            return Err(Refusal::BadKey);
        }
        Ok(Some(Self {
            subscriber: subscriber.sub().to_owned(),
            key: key.to_owned(),
        }))
    }

    /// The key with its inflated body. The format counts too: the same bytes can be other lines in another format.
    pub(super) fn with(self, body: &[u8], format: Format) -> KeyedBody {
        let mut hash = Sha256::new();
        hash.update([match format {
            Format::Ndjson => 0,
            Format::Json => 1,
            Format::Text => 2,
        }]);
        hash.update(body);
        KeyedBody {
            key: self,
            body: hash.finalize().into(),
        }
    }
}

impl KeyedBody {
    /// What the store finds part `number` of one stream's lines by.
    ///
    /// `by_default` says whether a line of that stream is there because the request named the stream and the line did
    /// not: then the same body, sent with another stream as the default, has other lines for this one, and counts as
    /// another body. Streams that the lines name themselves are not concerned.
    pub(super) fn part(&self, number: usize, by_default: bool) -> PartKey {
        let mut name = Sha256::new();
        for text in [&self.key.subscriber, &self.key.key] {
            name.update((text.len() as u64).to_be_bytes());
            name.update(text.as_bytes());
        }
        name.update((number as u64).to_be_bytes());
        let name: [u8; 32] = name.finalize().into();
        let mut digest = Sha256::new();
        digest.update(self.body);
        digest.update([u8::from(by_default)]);
        PartKey {
            // Half of the hash is plenty against chance and malice, and half the size of the store's index.
            key: StoredKey(hex(&name[..16]).into()),
            digest: Digest(digest.finalize().into()),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(subscriber: &str, key: &str, body: &[u8], format: Format) -> KeyedBody {
        let key = Key {
            subscriber: subscriber.to_owned(),
            key: key.to_owned(),
        };
        key.with(body, format)
    }

    #[test]
    fn subscribers_keys_and_parts_are_told_apart() {
        let name = |subscriber: &str, key: &str, part| {
            keyed(subscriber, key, b"", Format::Ndjson).part(part, true).key
        };
        let mut names = vec![
            name("a", "bc", 0),
            name("ab", "c", 0),
            name("a", "bc", 1),
            name("a", "bcd", 0),
        ];
        assert!(names.iter().all(|StoredKey(name)| name.len() == 32));
        assert_eq!(name("a", "bc", 0), names[0]);
        names.sort_by(|a, b| a.0.cmp(&b.0));
        names.dedup();
        assert_eq!(names.len(), 4);
    }

    #[test]
    fn bodies_are_told_apart_by_what_becomes_of_them() {
        let digest =
            |body: &[u8], format, by_default| keyed("a", "k", body, format).part(0, by_default).digest;
        let first = digest(b"x", Format::Ndjson, true);
        assert_eq!(digest(b"x", Format::Ndjson, true), first);
        assert_ne!(digest(b"y", Format::Ndjson, true), first);
        assert_ne!(digest(b"x", Format::Text, true), first);
        assert_ne!(digest(b"x", Format::Ndjson, false), first);
    }
}
