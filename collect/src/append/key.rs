//! What the parts of a request are found again by.
//!
//! The store keeps a key per stream. What stands for a part there is made of the subscriber, the request's key, and the
//! part's number; so nobody finds anybody else's requests.

use std::sync::Arc;

use lines::log_store::{Digest, StoredKey};
use sha2::{Digest as _, Sha256};

/// An idempotency key of one subscriber. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RequestKey(Arc<Sha256>);

/// A request's key for one of its streams. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RunKey {
    /// The request's.
    pub request: RequestKey,
    /// Another one that it is found by as well: a request that is known for a while has one for each stretch of time that
    /// it is known in.
    pub also: Option<RequestKey>,
    /// What tells the run's origin from another one under the same key.
    pub digest: Digest,
}

impl RequestKey {
    /// The key as the sender wrote it, and whose it is.
    pub fn new(subscriber: &str, key: &str) -> Self {
        Self::named(&[subscriber.as_bytes(), key.as_bytes()])
    }

    /// A key that is made of these. Those made of fewer or more are different from it.
    pub fn named(by: &[&[u8]]) -> Self {
        Self(Arc::new(name_of(by)))
    }

    /// What part `number` of a run is kept under, counted from 0.
    pub fn part(&self, number: u64) -> StoredKey {
        let mut name = Sha256::clone(&self.0);
        name.update(number.to_be_bytes());
        // Half of the hash is plenty against chance and malice, and half the size of the store's index.
        StoredKey(hex(&name.finalize()[..16]).into())
    }
}

/// What is told apart by each of these and by where one ends.
pub(crate) fn name_of(by: &[&[u8]]) -> Sha256 {
    let mut name = Sha256::new();
    for part in by {
        name.update((part.len() as u64).to_be_bytes());
        name.update(part);
    }
    name
}

impl RunKey {
    /// What part `number` of the run is kept under.
    pub fn part(&self, number: u64) -> impl Iterator<Item = StoredKey> {
        let keys = std::iter::once(&self.request).chain(&self.also);
        keys.map(move |key| key.part(number))
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

    #[test]
    fn subscribers_keys_and_parts_are_told_apart() {
        let name = |subscriber: &str, key: &str, part| RequestKey::new(subscriber, key).part(part);
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
}
