//! All keys, as a node holds them in memory: what was shown is looked up, and nothing is asked.

use std::collections::HashMap;
use std::sync::Arc;

use lines::ledger::{Entry, Revision};

use super::record::{ApiKey, PREFIX};
use super::text::{Digest, Secret};
use crate::grants::{Shown, Subscriber};
use crate::revoked::hex;
use crate::token::TokenError;

/// The keys of the installation.
#[derive(Default)]
pub(crate) struct Known {
    keys: HashMap<Arc<str>, Opened>,
}

/// One of them.
struct Opened {
    revision: Revision,
    /// By each of its secrets.
    by: Vec<(Digest, Subscriber)>,
}

impl Known {
    /// From what the ledger has. One that cannot be read is told, and opens nothing.
    pub(crate) fn read<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut known = Self::default();
        for entry in entries {
            match opened(entry) {
                Ok((id, opened)) => {
                    known.keys.insert(id, opened);
                }
                Err(error) => {
                    tracing::error!(key = %entry.key, %error, "an API key cannot be read, and opens nothing");
                }
            }
        }
        known
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Who is let in by a key.
    pub(crate) fn owner(&self, shown: &str, now: i64) -> Result<Subscriber, TokenError> {
        let secret = Secret::read(shown).ok_or(TokenError::NoSuchApiKey)?;
        let opened = self.keys.get(secret.id()).ok_or(TokenError::NoSuchApiKey)?;
        let digest = secret.digest();
        let found = opened.by.iter().find(|(known, _)| known.is(&digest));
        let (_, owner) = found.ok_or(TokenError::NoSuchApiKey)?;
        if owner.expires_at() > now {
            Ok(owner.clone())
        } else {
            Err(TokenError::Expired)
        }
    }

    /// Whether what somebody was let in by still opens: the secret itself, or the one that a token was exchanged for.
    pub(crate) fn still_opens(&self, shown: &Shown, now: i64) -> bool {
        let (id, half) = match (&shown.client, &shown.api_key) {
            (Some(client), _) => match client.split_once(':') {
                Some((id, half)) => (id, Some(half.to_owned())),
                None => return false,
            },
            (None, Some(id)) => (&**id, shown.hash.map(|half| hex(&half))),
            (None, None) => return true,
        };
        let opens = |(digest, owner): &(Digest, Subscriber)| {
            Some(hex(&digest.half())) == half && owner.expires_at() > now
        };
        self.keys
            .get(id)
            .is_some_and(|opened| opened.by.iter().any(opens))
    }

    /// Whether a secret ended after `since` and up to `now`: who was let in by it does not know that yet.
    pub(crate) fn any_ended(&self, since: i64, now: i64) -> bool {
        let ends = self.keys.values().flat_map(|opened| &opened.by);
        ends.map(|(_, owner)| owner.expires_at())
            .any(|end| end > since && end <= now)
    }

    /// Which state of the ledger a key is known from.
    pub(crate) fn revision(&self, id: &str) -> Option<Revision> {
        self.keys.get(id).map(|opened| opened.revision)
    }
}

fn opened(entry: &Entry) -> Result<(Arc<str>, Opened), Box<dyn std::error::Error>> {
    let key: ApiKey = serde_json::from_slice(&entry.value)?;
    let id: Arc<str> = entry.key.as_str().trim_start_matches(PREFIX).into();
    let grants = key.allows.grants()?;
    let mut by = Vec::new();
    for secret in &key.secrets {
        let digest = Digest::from_hex(&secret.sha256).ok_or("a secret is no SHA-256")?;
        let ends = secret
            .until
            .map_or(key.expires_at, |until| until.min(key.expires_at));
        let shown = Shown {
            api_key: Some(Arc::clone(&id)),
            issued_at: Some(secret.made_at),
            hash: Some(digest.half()),
            ..Shown::default()
        };
        by.push((
            digest,
            Subscriber::new(&key.sub, grants.clone(), ends, None)?.by(shown),
        ));
    }
    let revision = entry.revision;
    Ok((id, Opened { revision, by }))
}
