//! The keys that tokens of this installation are checked with.
//!
//! A key says itself by which algorithm it checks, and checks by no other (RFC 8725 §3.1, §3.2): what a token's header says only
//! chooses among them. A key pair's key is found by its `kid`; the shared one has none. The ring is swapped whole.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey};

use crate::key::Key;
use crate::pairs::Record;
use crate::verifier::header::Header;

/// What tokens are checked with. Made anew when anything of it changes.
#[derive(Clone, Default)]
pub struct Ring {
    /// Keys that senders and nodes share; the newest first.
    shared: Vec<Arc<CheckKey>>,
    /// The public halves of key pairs, by `kid`.
    pairs: HashMap<String, Arc<CheckKey>>,
    /// What was published of those.
    records: Arc<[Record]>,
}

/// One key.
pub struct CheckKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
    /// Its name, where it has one.
    pub(crate) kid: Option<Arc<str>>,
    /// From this Unix second on it checks nothing any more: when the last token that it signed has ended.
    pub(crate) until: Option<i64>,
    /// What its tokens have to be.
    pub(crate) tokens: Tokens,
}

/// What the tokens of a key have to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// Whatever they say that they are, however long they last: those of a shared key.
    Any,
    /// Access tokens as RFC 9068 has them, which say when they were issued…
    Access {
        /// … last so many seconds at the most…
        longest: u64,
        /// … and were issued up to this Unix second, where the key has been retired.
        issued_until: Option<i64>,
    },
}

impl CheckKey {
    /// A shared secret, by HS256.
    pub fn hs256(key: &Key) -> Self {
        Self {
            algorithm: Algorithm::HS256,
            key: DecodingKey::from_secret(key.bytes()),
            kid: None,
            until: None,
            tokens: Tokens::Any,
        }
    }

    /// The public half of a pair; nothing where it is none.
    pub fn pair(record: &Record) -> Option<Self> {
        Some(Self {
            algorithm: record.key.algorithm().library(),
            key: record.key.checking()?,
            kid: Some(record.key.kid().into()),
            until: record.until(),
            tokens: Tokens::Access {
                longest: record.lifetime,
                issued_until: record.issues_until(),
            },
        })
    }

    fn counts(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Ring {
    /// With one more key.
    #[must_use]
    pub fn with(mut self, key: CheckKey) -> Self {
        let key = Arc::new(key);
        match &key.kid {
            Some(kid) => {
                self.pairs.insert(kid.to_string(), key);
            }
            None => self.shared.push(key),
        }
        self
    }

    /// With these key pairs instead of all that it had.
    #[must_use]
    pub fn with_pairs(&self, records: Vec<Record>) -> Self {
        let named = |record: &Record| Some((record.key.kid().to_owned(), Arc::new(CheckKey::pair(record)?)));
        Self {
            shared: self.shared.clone(),
            pairs: records.iter().filter_map(named).collect(),
            records: records.into(),
        }
    }

    /// What was published of its key pairs.
    pub(crate) fn records(&self) -> Arc<[Record]> {
        Arc::clone(&self.records)
    }

    /// The keys that a token with this header can be signed with, at the time `now`. All of them check by the algorithm that
    /// it names.
    pub(crate) fn find(&self, header: &Header, now: i64) -> Vec<Arc<CheckKey>> {
        let found = match header.kid.as_ref().map(|kid| self.pairs.get(kid)) {
            Some(Some(key)) => std::slice::from_ref(key),
            // The shared key was there before keys had names.
            Some(None) | None => &self.shared,
        };
        // In the spelling of RFC 7518 §3.1 and no other.
        let named = Algorithm::from_str(&header.alg).ok();
        let fits = |key: &&Arc<CheckKey>| named == Some(key.algorithm) && key.counts(now);
        found.iter().filter(fits).cloned().collect()
    }
}
