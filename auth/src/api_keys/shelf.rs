//! Keys in the ledger: made, listed, rotated, deleted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::StreamName;
use lines::ledger::{CommitError, Entry, KeyPrefix, Ledger, LedgerError, LedgerKey, Revision, Write};

use super::record::{Allows, ApiKey, Hashed, PREFIX, place};
use super::text::Secret;
use super::used::{self, LastUse, last_use};
use crate::grants::{Grants, Subscriber};
use crate::token::TokenError;
use crate::verifier::Verifier;

/// So often a change is tried that others come between.
const ATTEMPTS: usize = 20;
/// Entries of a listing that are read at once.
const PAGE: usize = 1_000;
/// Secrets that open one key.
const SECRETS: usize = 4;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 200;

/// How many keys there may be, and how long they last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyLimits {
    /// Keys of the installation: 10,000. They are counted as this node knows them, a moment late.
    pub keys: u64,
    /// The longest that one lasts: 366 days.
    pub lifetime: Duration,
    /// How long one lasts that does not say: 90 days.
    pub lifetime_unless_said: Duration,
    /// The longest that a secret opens a key that has a newer one: 30 days.
    pub overlap: Duration,
}

impl Default for ApiKeyLimits {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            keys: 10_000,
            lifetime: Duration::from_secs(366 * DAY),
            lifetime_unless_said: Duration::from_secs(90 * DAY),
            overlap: Duration::from_secs(30 * DAY),
        }
    }
}

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct Order {
    /// What it is called.
    pub name: String,
    /// Who is let in by it.
    pub sub: String,
    /// What it allows.
    pub allows: Allows,
    /// For how long.
    pub lifetime: Option<Duration>,
}

/// A key that was made, or has a new secret: the one time that it is seen.
#[derive(Debug)]
pub struct Made {
    /// What its owner shows.
    pub secret: Secret,
    /// What it is.
    pub key: ApiKey,
}

/// A key in a list.
#[derive(Debug)]
pub struct Listed {
    /// Its name for programs.
    pub id: String,
    /// What it is.
    pub key: ApiKey,
    /// When it was used last, about, in Unix seconds.
    pub last_used: Option<i64>,
}

/// Why something was not done with a key.
#[derive(Debug, thiserror::Error)]
pub enum NotKept {
    /// What is asked for is no key.
    #[error("{0}")]
    Bad(String),
    /// A grant is none.
    #[error(transparent)]
    BadGrant(TokenError),
    /// It would allow more than who asks for it may.
    #[error("a key allows nothing that its maker's own token does not: {0}")]
    TooMuch(&'static str),
    /// There is none, or it is somebody else's.
    #[error("there is no such API key")]
    NotFound,
    /// There are as many as there may be.
    #[error("there are {0} API keys already, as many as there may be")]
    TooMany(u64),
    /// Nothing was done.
    #[error("nothing was done: {0}")]
    Away(String),
    /// It may have been done.
    #[error(
        "it is not known whether it was done ({0}): look at the list of keys; the secret of one that was made is lost"
    )]
    Unknown(String),
    /// The ledger holds, or was to take, what cannot be.
    #[error("the store holds something that cannot be right: {0}")]
    Damaged(String),
}

impl From<LedgerError> for NotKept {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Damaged(what) => Self::Damaged(what),
            error => Self::Away(error.to_string()),
        }
    }
}

/// Makes keys, and does away with them.
pub struct Shelf {
    ledger: Arc<dyn Ledger>,
    verifier: Arc<Verifier>,
    limits: ApiKeyLimits,
}

impl Shelf {
    /// In a ledger that `verifier` follows.
    pub fn new(ledger: Arc<dyn Ledger>, verifier: Arc<Verifier>, limits: ApiKeyLimits) -> Self {
        Self {
            ledger,
            verifier,
            limits,
        }
    }

    /// Makes a key, in the name of `maker`.
    pub async fn make(&self, order: Order, maker: &Subscriber, now: i64) -> Result<Made, NotKept> {
        let lifetime = self.lifetime(order.lifetime)?;
        let key = ApiKey {
            expires_at: now.saturating_add(lifetime),
            created_by: maker.sub().to_owned(),
            created_at: now,
            name: order.name,
            sub: order.sub,
            allows: order.allows,
            secrets: Vec::new(),
        };
        check(&key, maker)?;
        self.has_room()?;
        for _ in 0..ATTEMPTS {
            let secret = Secret::random().ok_or_else(no_random)?;
            let key = with(key.clone(), &secret, now, now);
            let write = Write::put(place_of(secret.id())?, written(&key)?).if_absent();
            match self.commit(write).await {
                Ok(()) => return Ok(Made { secret, key }),
                // Somebody has this id.
                Err(Undone::Conflict) => {}
                Err(Undone::For(error)) => return Err(error),
            }
        }
        Err(changes_too_fast())
    }

    /// Gives a key a new secret. The newest one before opens it for `overlap` more, and none before where that is nothing.
    /// `lifetime` is how long the key lasts from now on; without it it ends when it did.
    pub async fn rotate(
        &self,
        id: &str,
        overlap: Duration,
        lifetime: Option<Duration>,
        caller: &Subscriber,
        now: i64,
    ) -> Result<Made, NotKept> {
        let overlap = seconds(overlap.min(self.limits.overlap));
        for _ in 0..ATTEMPTS {
            let (revision, mut key) = self.find(id, caller).await?;
            check(&key, caller)?;
            // A token of the same subscriber ends, and what it made would not: who has the key has it already.
            if !caller.grants().admin && caller.shown().api_key.as_deref() != Some(id) {
                return Err(NotKept::TooMuch("a key is rotated with itself, or by an admin"));
            }
            if let Some(lifetime) = lifetime {
                key.expires_at = now.saturating_add(self.lifetime(Some(lifetime))?);
            }
            let secret = Secret::of(id).ok_or_else(no_random)?;
            let key = with(key, &secret, now, now.saturating_add(overlap));
            if key.secrets.len() > SECRETS {
                let detail = format!(
                    "{SECRETS} secrets open this key already: wait until an overlap ends, or ask with `overlap` 0"
                );
                return Err(NotKept::Bad(detail));
            }
            let write = Write::put(place_of(id)?, written(&key)?).if_at(revision);
            match self.commit(write).await {
                Ok(()) => return Ok(Made { secret, key }),
                Err(Undone::Conflict) => {}
                Err(Undone::For(error)) => return Err(error),
            }
        }
        Err(changes_too_fast())
    }

    /// Deletes a key: who was let in by it has to go, on every node.
    pub async fn delete(&self, id: &str, caller: &Subscriber) -> Result<ApiKey, NotKept> {
        for _ in 0..ATTEMPTS {
            let (revision, key) = self.find(id, caller).await?;
            let place = place_of(id)?;
            let used = last_use(id).ok_or(NotKept::NotFound)?;
            let writes = vec![Write::delete(place).if_at(revision), Write::delete(used)];
            match self.ledger.commit(writes).await {
                Ok(_) => return Ok(key),
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(undone(error)),
            }
        }
        Err(changes_too_fast())
    }

    /// All keys, or those of one subscriber, by their ids.
    pub async fn list(&self, of: Option<&str>) -> Result<Vec<Listed>, NotKept> {
        let last: HashMap<String, i64> = self
            .all(used::PREFIX)
            .await?
            .into_iter()
            .filter_map(|entry| {
                let id = entry.key.as_str().strip_prefix(used::PREFIX)?.to_owned();
                let last: LastUse = serde_json::from_slice(&entry.value).ok()?;
                Some((id, last.at))
            })
            .collect();
        let keys = self.all(PREFIX).await?.into_iter().filter_map(|entry| {
            let id = entry.key.as_str().strip_prefix(PREFIX)?.to_owned();
            // Each node says of one that cannot be read that it cannot.
            let key: ApiKey = serde_json::from_slice(&entry.value).ok()?;
            let last_used = last.get(&id).copied();
            Some(Listed { id, key, last_used })
        });
        Ok(keys
            .filter(|listed| of.is_none_or(|sub| sub == listed.key.sub))
            .collect())
    }

    async fn all(&self, prefix: &str) -> Result<Vec<Entry>, NotKept> {
        let prefix = KeyPrefix::parse(prefix).map_err(|error| NotKept::Damaged(error.to_string()))?;
        let mut all: Vec<Entry> = Vec::new();
        loop {
            let after = all.last().map(|entry| entry.key.clone());
            let page = self.ledger.list(&prefix, after.as_ref(), PAGE).await?;
            let more = page.more && !page.entries.is_empty();
            all.extend(page.entries);
            if !more {
                return Ok(all);
            }
        }
    }

    /// A key of the caller's, or any for an admin.
    async fn find(&self, id: &str, caller: &Subscriber) -> Result<(Revision, ApiKey), NotKept> {
        let place = place(id).ok_or(NotKept::NotFound)?;
        let entry = self.ledger.get(&place).await?.ok_or(NotKept::NotFound)?;
        let key: ApiKey = serde_json::from_slice(&entry.value)
            .map_err(|error| NotKept::Damaged(format!("{place}: {error}")))?;
        if caller.grants().admin || caller.sub() == key.sub {
            Ok((entry.revision, key))
        } else {
            Err(NotKept::NotFound)
        }
    }

    fn has_room(&self) -> Result<(), NotKept> {
        let known = self.verifier.api_keys();
        let known = known.ok_or_else(|| NotKept::Away("which keys there are is not known yet".to_owned()))?;
        match u64::try_from(known.count()) {
            Ok(count) if count < self.limits.keys => Ok(()),
            _ => Err(NotKept::TooMany(self.limits.keys)),
        }
    }

    fn lifetime(&self, asked: Option<Duration>) -> Result<i64, NotKept> {
        let longest = self.limits.lifetime;
        let lifetime = asked.unwrap_or_else(|| self.limits.lifetime_unless_said.min(longest));
        if lifetime < Duration::from_secs(1) || lifetime > longest {
            let longest = longest.as_secs();
            return Err(NotKept::Bad(format!("`lifetime` is 1 to {longest} seconds")));
        }
        Ok(seconds(lifetime))
    }

    /// One write. When nobody knows what became of it, it is looked at once: what is there by then was done.
    async fn commit(&self, write: Write) -> Result<(), Undone> {
        let (place, action) = (write.key.clone(), write.action.clone());
        match self.ledger.commit(vec![write]).await {
            Ok(_) => Ok(()),
            Err(CommitError::Conflict { .. }) => Err(Undone::Conflict),
            Err(CommitError::Unknown(error)) => match self.ledger.get(&place).await {
                Ok(Some(entry)) if action == lines::ledger::Action::Put(entry.value.clone()) => Ok(()),
                _ => Err(Undone::For(NotKept::Unknown(error.to_string()))),
            },
            Err(error) => Err(Undone::For(undone(error))),
        }
    }
}

enum Undone {
    Conflict,
    For(NotKept),
}

/// With a new secret. The newest before it ends at `until`, those before that when they were to; where `until` is past, for a
/// key that was lost, all of them end now.
fn with(mut key: ApiKey, secret: &Secret, now: i64, until: i64) -> ApiKey {
    let ended = |secret: &Hashed| until <= now || secret.until.is_some_and(|until| until <= now);
    if let Some(newest) = key.secrets.last_mut() {
        newest.until = Some(until);
    }
    key.secrets.retain(|secret| !ended(secret));
    key.secrets.push(Hashed {
        sha256: secret.digest().to_hex(),
        made_at: now,
        until: None,
    });
    key
}

/// Whether `maker` may make such a key.
fn check(key: &ApiKey, maker: &Subscriber) -> Result<(), NotKept> {
    if key.name.is_empty() || key.name.len() > LONGEST_NAME || key.name.chars().any(char::is_control) {
        let detail = format!("`name` has 1 to {LONGEST_NAME} bytes, and no control characters");
        return Err(NotKept::Bad(detail));
    }
    let personal = StreamName::personal(&key.sub);
    personal.map_err(|error| NotKept::Bad(format!("`sub` is nobody: {error}")))?;
    let grants = key.allows.grants().map_err(NotKept::BadGrant)?;
    may_give(maker.grants(), &grants).map_err(NotKept::TooMuch)
}

/// Nobody gives what they have not.
fn may_give(own: &Grants, given: &Grants) -> Result<(), &'static str> {
    if own.include(given) {
        Ok(())
    } else {
        Err("take grants away, or ask with a token that has them")
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn no_random() -> NotKept {
    NotKept::Away("the system gives no random numbers".to_owned())
}

fn changes_too_fast() -> NotKept {
    NotKept::Away("it changes faster than that can be told".to_owned())
}

fn undone(error: CommitError) -> NotKept {
    match error {
        CommitError::Conflict { .. } => changes_too_fast(),
        CommitError::Refused(why) => NotKept::Damaged(why.to_owned()),
        CommitError::NotDone(error) => error.into(),
        CommitError::Unknown(error) => NotKept::Unknown(error.to_string()),
    }
}

fn place_of(id: &str) -> Result<LedgerKey, NotKept> {
    place(id).ok_or(NotKept::NotFound)
}

fn written(key: &ApiKey) -> Result<Vec<u8>, NotKept> {
    serde_json::to_vec(key).map_err(|error| NotKept::Damaged(error.to_string()))
}
