//! What all nodes know of a key pair, as the ledger keeps it.

use lines::ledger::{Entry, LedgerKey};
use serde::{Deserialize, Serialize};

use super::PREFIX;
use super::public::PublicKey;

/// A retired key is known so long beyond the last token that it can have signed: another node may have signed with it until
/// it heard, and clocks differ.
const SLACK_SECONDS: i64 = 60;

/// How far a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everybody is to know it before it signs anything.
    Next,
    /// It signs, on the node that has its private half.
    Active,
    /// It signs nothing any more; what it signed is good to its end.
    Retired,
}

/// One public key, and what became of it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The key.
    pub key: PublicKey,
    /// How far it is.
    pub state: State,
    /// When it was published.
    pub made: i64,
    /// When it began to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<i64>,
    /// When it was retired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<i64>,
    /// The longest that a token of it lasts, in seconds.
    pub lifetime: u64,
}

impl Record {
    /// Published now.
    pub(super) fn new(key: PublicKey, state: State, lifetime: u64, now: i64) -> Self {
        Self {
            key,
            state,
            made: now,
            activated: (state == State::Active).then_some(now),
            retired: None,
            lifetime,
        }
    }

    /// One step further.
    pub(super) fn becomes(&self, state: State, now: i64) -> Self {
        let mut record = self.clone();
        record.state = state;
        match state {
            State::Next => {}
            State::Active => record.activated = Some(now),
            // Not before it was anything else, whatever this machine's clock says.
            State::Retired => record.retired = Some(now.max(self.made).max(self.activated.unwrap_or(now))),
        }
        record
    }

    /// The last second of which a token of it can be. Whoever has it then has it without right.
    pub(crate) fn issues_until(&self) -> Option<i64> {
        Some(self.retired?.saturating_add(SLACK_SECONDS))
    }

    /// From when on it checks nothing any more; while it is not retired, nobody knows.
    pub fn until(&self) -> Option<i64> {
        let end = self.retired?.saturating_add_unsigned(self.lifetime);
        Some(end.saturating_add(SLACK_SECONDS))
    }

    /// Whether a token can be checked with it.
    pub fn counts(&self, now: i64) -> bool {
        self.until().is_none_or(|until| now < until)
    }

    pub(super) fn place(&self) -> Option<LedgerKey> {
        LedgerKey::parse(&format!("{PREFIX}{}", self.key.kid())).ok()
    }

    /// As an entry has it; nothing where it is not about the key that it is kept under.
    pub(super) fn read(entry: &Entry) -> Option<Self> {
        let record: Self = serde_json::from_slice(&entry.value).ok()?;
        let sound = record.place().as_ref() == Some(&entry.key) && record.key.checking().is_some();
        sound.then_some(record)
    }

    /// All of a listing. One that cannot be read is told, and the others count.
    pub(crate) fn read_all<'a>(entries: impl Iterator<Item = &'a Entry>) -> Vec<Self> {
        let read = |entry: &Entry| {
            let record = Self::read(entry);
            if record.is_none() {
                tracing::error!(key = %entry.key, "a public key in the store cannot be read, and counts for nothing");
            }
            record
        };
        entries.filter_map(read).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes_of::entry;

    use super::*;
    use crate::pairs::{KeyPair, PairAlgorithm};

    mod bytes_of {
        use lines::ledger::{Entry, LedgerKey, Revision};

        pub(super) fn entry(kid: &str, value: &serde_json::Value) -> Entry {
            Entry {
                key: LedgerKey::parse(&format!("auth/keys/{kid}")).unwrap(),
                revision: Revision(1),
                value: value.to_string().into(),
            }
        }
    }

    #[test]
    fn a_key_that_is_not_what_it_is_called_counts_for_nothing() {
        let [one, other] =
            [(), ()].map(|()| KeyPair::generate(PairAlgorithm::EdDSA).unwrap().public().clone());
        let record = Record::new(one.clone(), State::Active, 60, 100);
        let sound = serde_json::to_value(&record).unwrap();
        assert_eq!(Record::read(&entry(one.kid(), &sound)), Some(record));
        assert_eq!(Record::read(&entry(other.kid(), &sound)), None);
        let mut renamed = sound.clone();
        renamed["key"]["kid"] = other.kid().into();
        assert_eq!(Record::read(&entry(other.kid(), &renamed)), None);
        let mut confused = sound;
        confused["key"]["alg"] = "RS256".into();
        assert_eq!(Record::read(&entry(one.kid(), &confused)), None);
    }

    #[test]
    fn a_retired_key_counts_until_its_last_token_has_ended() {
        let key = KeyPair::generate(PairAlgorithm::EdDSA).unwrap().public().clone();
        let active = Record::new(key, State::Active, 3_600, 100);
        assert!(active.counts(i64::MAX));
        let retired = active.becomes(State::Retired, 1_000);
        assert!(retired.counts(4_659) && !retired.counts(4_660));
    }
}
