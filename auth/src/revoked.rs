//! What was taken back before its end (RFC 7009): one token, or all that a subscriber, an issuer or a key had.
//!
//! A mark says it for all nodes, in the ledger, for as long as there can be a token that it is about. A node holds all of them
//! in memory: whether a token was taken back costs a look into a map, and nothing while there are none.

mod marks;

use std::collections::{HashMap, HashSet};

use aws_lc_rs::digest::{SHA256, digest};
use lines::ledger::{Entry, LedgerKey};
use serde::{Deserialize, Serialize};

use crate::grants::Subscriber;
use crate::token::LEEWAY_SECONDS;
pub use marks::{MarkLimits, Marks, NotMarked};

/// What the keys of marks begin with.
pub(crate) const PREFIX: &str = "auth/revoked/";

/// What is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revocable {
    /// The token of this issuer with this `jti`.
    Token {
        /// Its `iss`.
        issuer: String,
        /// Its `jti`, which is unique with its issuer.
        id: String,
    },
    /// The token whose bytes have this SHA-256, of which the first half is kept, as hexadecimal: for one without a `jti`.
    Bytes(String),
    /// Everything of this subscriber's.
    Subscriber(String),
    /// Everything of this issuer's.
    Issuer(String),
    /// Everything that was or will be signed with the key of this `kid`.
    Key(String),
}

impl Revocable {
    /// Whether it matters when something was issued.
    pub fn is_by_time(&self) -> bool {
        match self {
            // Whoever has a key writes into a token what they like, also when it was issued.
            Self::Token { .. } | Self::Bytes(_) | Self::Key(_) => false,
            Self::Subscriber(_) | Self::Issuer(_) => true,
        }
    }
}

/// That something was taken back, as the ledger keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What.
    pub what: Revocable,
    /// What was issued up to this Unix second; later ones are good again. A token says nothing finer than seconds, so those of
    /// the same second are taken back, too. Of one token it says nothing.
    pub before: i64,
    /// When the mark can be forgotten, since all that it is about has ended: Unix seconds; [`NEVER`] where nobody knows.
    pub until: i64,
    /// Who took it back.
    pub by: String,
}

/// No end: a token lasts as long as it says, and one that was issued before may say anything.
pub const NEVER: i64 = i64::MAX;

impl Mark {
    /// Takes back the token that somebody showed, and no other.
    pub fn of_token(owner: &Subscriber, by: &str, now: i64) -> Option<Self> {
        let shown = owner.shown();
        let what = match (&shown.issuer, owner.token_id(), shown.hash) {
            (Some(issuer), Some(id), _) => Revocable::Token {
                issuer: issuer.to_string(),
                id: id.to_owned(),
            },
            (_, _, Some(hash)) => Revocable::Bytes(hex(&hash)),
            _ => return None,
        };
        let mark = Self::new(what, by, now);
        // A key may be made to last longer.
        Some(match shown.api_key {
            Some(_) => mark,
            None => mark.ending(owner.expires_at()),
        })
    }

    /// Takes back what was issued up to `now`.
    pub fn new(what: Revocable, by: &str, now: i64) -> Self {
        let by = by.to_owned();
        Self {
            what,
            before: now,
            until: NEVER,
            by,
        }
    }

    /// The same about what ends at `expires_at`. A clock may be behind.
    #[must_use]
    pub fn ending(self, expires_at: i64) -> Self {
        let until = expires_at.saturating_add_unsigned(LEEWAY_SECONDS);
        Self { until, ..self }
    }

    /// Both at once: of two who take the same thing back neither makes less of what the other did.
    fn with(self, other: &Self) -> Self {
        let before = if self.what.is_by_time() {
            self.before.max(other.before)
        } else {
            self.before
        };
        Self {
            before,
            until: self.until.max(other.until),
            ..self
        }
    }

    /// The one place of a mark about this in the ledger: a later one takes it.
    pub fn key(&self) -> Option<LedgerKey> {
        let named = serde_json::to_vec(&self.what).ok()?;
        let hash = hex(&digest(&SHA256, &named).as_ref()[..16]);
        LedgerKey::parse(&format!("{PREFIX}{hash}")).ok()
    }
}

/// What was taken back, as a node knows it.
#[derive(Debug, Default)]
pub(crate) struct Revoked {
    tokens: HashMap<String, HashSet<String>>,
    bytes: HashSet<String>,
    subscribers: HashMap<String, i64>,
    issuers: HashMap<String, i64>,
    keys: HashSet<String>,
    /// How many marks there are…
    count: usize,
    /// … and how many of them somebody made.
    made: HashMap<String, usize>,
}

impl Revoked {
    /// From what the ledger has. A mark that cannot be read is told, and the others count.
    pub(crate) fn read<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut revoked = Self::default();
        for Entry { key, value, .. } in entries {
            match serde_json::from_slice(value) {
                Ok(mark) => revoked.add(mark),
                Err(error) => tracing::error!(%key, %error, "a revocation cannot be read, and is not heeded"),
            }
        }
        revoked
    }

    fn add(&mut self, mark: Mark) {
        let Mark { what, before, by, .. } = mark;
        self.count += 1;
        *self.made.entry(by).or_default() += 1;
        match what {
            Revocable::Token { issuer, id } => {
                self.tokens.entry(issuer).or_default().insert(id);
            }
            Revocable::Bytes(hash) => {
                self.bytes.insert(hash);
            }
            Revocable::Subscriber(sub) => {
                self.subscribers.insert(sub, before);
            }
            Revocable::Issuer(issuer) => {
                self.issuers.insert(issuer, before);
            }
            Revocable::Key(kid) => {
                self.keys.insert(kid);
            }
        }
    }

    /// How many marks there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many of them somebody made.
    pub(crate) fn made_by(&self, sub: &str) -> usize {
        self.made.get(sub).copied().unwrap_or_default()
    }

    /// Whether what the subscriber showed was taken back.
    pub(crate) fn covers(&self, subscriber: &Subscriber) -> bool {
        if self.count == 0 {
            return false;
        }
        let shown = subscriber.shown();
        let issuer = shown.issuer.as_deref();
        let by_id = || {
            let of_issuer = self.tokens.get(issuer?)?;
            Some(of_issuer.contains(subscriber.token_id()?))
        };
        let by_bytes = || Some(self.bytes.contains(&hex(&shown.hash?)));
        let by_client = || Some(self.bytes.contains(shown.client.as_deref()?.split_once(':')?.1));
        let before = |marks: &HashMap<String, i64>, name: Option<&str>| {
            let before = name.and_then(|name| marks.get(name));
            before.is_some_and(|before| shown.issued_at.is_none_or(|issued| issued <= *before))
        };
        by_id() == Some(true)
            || by_bytes() == Some(true)
            || by_client() == Some(true)
            || before(&self.subscribers, Some(subscriber.sub()))
            || before(&self.issuers, issuer)
            || shown.key.as_deref().is_some_and(|kid| self.keys.contains(kid))
    }
}

/// As marks have it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::grants::{Grants, Shown};

    fn subscriber(sub: &str, issued_at: Option<i64>) -> Subscriber {
        let shown = Shown {
            issuer: Some("tailcast".into()),
            key: Some("k1".into()),
            hash: Some([7; 16]),
            issued_at,
            ..Shown::default()
        };
        let id = Some("one".to_owned());
        Subscriber::new(sub, Grants::default(), 200, id)
            .unwrap()
            .by(shown)
    }

    fn covers(what: Revocable, subscriber: &Subscriber) -> bool {
        let mut revoked = Revoked::default();
        revoked.add(Mark {
            what,
            before: 100,
            until: 1_000,
            by: "root".into(),
        });
        revoked.covers(subscriber)
    }

    #[test]
    fn a_mark_takes_back_what_it_names_and_nothing_else() {
        let alice = subscriber("alice", Some(100));
        let token = |issuer: &str, id: &str| Revocable::Token {
            issuer: issuer.into(),
            id: id.into(),
        };
        for (what, expected) in [
            (token("tailcast", "one"), true),
            (token("tailcast", "two"), false),
            (token("another", "one"), false),
            (Revocable::Bytes("07".repeat(16)), true),
            (Revocable::Bytes("08".repeat(16)), false),
            (Revocable::Subscriber("alice".into()), true),
            (Revocable::Subscriber("bob".into()), false),
            (Revocable::Issuer("tailcast".into()), true),
            (Revocable::Issuer("another".into()), false),
            (Revocable::Key("k1".into()), true),
            (Revocable::Key("k2".into()), false),
        ] {
            assert_eq!(covers(what.clone(), &alice), expected, "{what:?}");
        }
        assert!(!Revoked::default().covers(&alice));
    }

    #[test]
    fn what_was_issued_later_is_good_and_what_does_not_say_when_is_not() {
        for what in [
            Revocable::Subscriber("alice".into()),
            Revocable::Issuer("tailcast".into()),
        ] {
            for (issued, expected) in [
                (Some(99), true),
                (Some(100), true),
                (Some(101), false),
                (None, true),
            ] {
                assert_eq!(
                    covers(what.clone(), &subscriber("alice", issued)),
                    expected,
                    "{what:?} {issued:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_taken_back_twice_has_one_place() {
        let mark = |sub: &str, before| Mark {
            what: Revocable::Subscriber(sub.into()),
            before,
            until: 1_000,
            by: "root".into(),
        };
        let key = mark("ann@example.org", 1).key().unwrap();
        assert_eq!(key, mark("ann@example.org", 2).key().unwrap());
        assert_ne!(key, mark("bob", 1).key().unwrap());
        assert!(key.as_str().starts_with(PREFIX));
    }
}
