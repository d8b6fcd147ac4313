//! A key as the ledger keeps it.

use lines::Pattern;
use lines::ledger::LedgerKey;
use serde::{Deserialize, Serialize};

use crate::grants::Grants;
use crate::token::{TokenError, parse_grants};

/// What the places of keys begin with.
pub(crate) const PREFIX: &str = "auth/api-keys/";

/// What a key allows: all that a token can, but for `admin`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allows {
    /// Streams and patterns that may be read.
    #[serde(default)]
    pub read: Vec<String>,
    /// Streams and patterns that may be written.
    #[serde(default)]
    pub write: Vec<String>,
    /// Whether it may be asked what the tokens of others allow.
    #[serde(default)]
    pub introspect: bool,
    /// Whether tokens may be made for others.
    #[serde(default)]
    pub mint: bool,
}

impl Allows {
    /// As they are asked for.
    pub fn grants(&self) -> Result<Grants, TokenError> {
        Ok(Grants {
            read: parse_grants(&self.read)?,
            write: parse_grants(&self.write)?,
            admin: false,
            introspect: self.introspect,
            mint: self.mint,
        })
    }

    /// As they are shown.
    pub fn of(grants: &Grants) -> Self {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|it| it.as_str().to_owned()).collect();
        Self {
            read: texts(&grants.read),
            write: texts(&grants.write),
            introspect: grants.introspect,
            mint: grants.mint,
        }
    }
}

/// A key, without what opens anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// What it is called.
    pub name: String,
    /// Who is let in by it.
    pub sub: String,
    /// What it allows.
    #[serde(flatten)]
    pub allows: Allows,
    /// When it was made, in Unix seconds…
    pub created_at: i64,
    /// … and by whom.
    pub created_by: String,
    /// When it ends, in Unix seconds.
    pub expires_at: i64,
    /// What opens it: the newest last.
    pub(crate) secrets: Vec<Hashed>,
}

/// A secret, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hashed {
    /// Its SHA-256, as hexadecimal.
    pub sha256: String,
    /// When it was made, in Unix seconds.
    pub made_at: i64,
    /// When it ends before its key does, since there is a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
}

impl ApiKey {
    /// When the secret before the newest ends, while it opens anything.
    pub fn overlaps_until(&self, now: i64) -> Option<i64> {
        let until = self.secrets.iter().filter_map(|secret| secret.until).max();
        until.filter(|until| *until > now)
    }
}

/// Where a key is kept.
pub(crate) fn place(id: &str) -> Option<LedgerKey> {
    LedgerKey::parse(&format!("{PREFIX}{id}")).ok()
}
