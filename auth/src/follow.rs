//! What auth keeps in the ledger, as this node holds it in memory.
//!
//! A request is answered by what the node knows, and nothing is asked for it. So the node looks once before it lets anybody in,
//! and then waits for changes: the ledger tells every one of them, in order, through any absence, or that it is time to look
//! again. While the ledger does not answer, what is known counts, and its age is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backoff::Backoff;
use lines::ledger::{
    Change, Entry, KeyError, KeyPrefix, Ledger, LedgerError, LedgerKey, Revision, WatchError,
};

use crate::api_keys::{self, Known};
use crate::pairs::{self, Record};
use crate::revoked::{self, Revoked};
use crate::token::unix_now;
use crate::verifier::Verifier;

/// What all of it begins with.
const PREFIX: &str = "auth/";

/// Entries of one page of a listing.
const PAGE: usize = 1_000;

/// So long a change is waited for, at most, before the ledger is asked again whether it is there.
const WITHIN: Duration = Duration::from_secs(5);

/// Where a node is stale after less than that, it is asked so many times in between: what keeps quiet is not away.
const ASKED_BEFORE_STALE: u32 = 3;

/// Pauses while the ledger does not answer.
const PAUSES: backoff::Limits = backoff::Limits {
    first: Duration::from_millis(200),
    most: Duration::from_secs(2),
};

/// Keeps what `verifier` knows like the ledger. Never ends; whoever drops it ends it.
pub async fn follow(ledger: Arc<dyn Ledger>, verifier: Arc<Verifier>) {
    let mut pauses = Backoff::new(PAUSES);
    let mut told = false;
    loop {
        let mut follower = Follower {
            ledger: &*ledger,
            verifier: &verifier,
            rows: BTreeMap::new(),
            after: Revision::ZERO,
        };
        let Err(error) = follower.run(&mut pauses, &mut told).await;
        if !matches!(error, Interrupted::Ledger(_)) {
            tracing::info!(%error, "what was revoked is looked up again");
            continue;
        }
        // Whose store was never there says so itself.
        if !told && verifier.has_heard() {
            tracing::warn!(%error, "what was revoked cannot be asked for; what is known counts, and it is tried until there is an answer");
            told = true;
        }
        metrics::gauge!("tailcast_revocations_age_seconds").set(verifier.heard_ago().as_secs_f64());
        tokio::time::sleep(pauses.pause()).await;
    }
}

struct Follower<'a> {
    ledger: &'a dyn Ledger,
    verifier: &'a Verifier,
    rows: BTreeMap<LedgerKey, Entry>,
    after: Revision,
}

/// Why changes are not followed any more.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Watch(WatchError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl From<WatchError> for Interrupted {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Ledger(error) => Self::Ledger(error),
            over @ WatchError::StartOver { .. } => Self::Watch(over),
        }
    }
}

impl Follower<'_> {
    async fn run(
        &mut self,
        pauses: &mut Backoff,
        told: &mut bool,
    ) -> Result<std::convert::Infallible, Interrupted> {
        let prefix = KeyPrefix::parse(PREFIX)?;
        let stale_after = self.verifier.stale_after().unwrap_or(Duration::MAX);
        let within = WITHIN.min(stale_after / ASKED_BEFORE_STALE);
        self.look(&prefix).await?;
        // Before it is handed over: whoever waits for that is let in then.
        self.verifier.heard();
        self.take(|_| true);
        let mut since = unix_now();
        loop {
            metrics::gauge!("tailcast_revocations_age_seconds").set(0.0);
            pauses.reset();
            if std::mem::take(told) {
                tracing::info!("what was revoked is known again");
            }
            let changes = self.ledger.changes(&prefix, self.after, within).await?;
            self.verifier.heard();
            self.after = changes.upto;
            let changed: Vec<LedgerKey> = changes.changes.iter().map(|change| change.key.clone()).collect();
            changes.changes.into_iter().for_each(|change| self.change(change));
            self.take(|prefix| changed.iter().any(|key| key.as_str().starts_with(prefix)));
            let now = unix_now();
            self.verifier.time_passed(since, now);
            since = now;
        }
    }

    async fn look(&mut self, prefix: &KeyPrefix) -> Result<(), Interrupted> {
        let mut last: Option<LedgerKey> = None;
        loop {
            let page = self.ledger.list(prefix, last.as_ref(), PAGE).await?;
            if last.is_none() {
                self.after = page.revision;
            }
            last = page.entries.last().map(|entry| entry.key.clone());
            let entries = page.entries.into_iter();
            self.rows.extend(entries.map(|entry| (entry.key.clone(), entry)));
            if !page.more || last.is_none() {
                return Ok(());
            }
        }
    }

    /// A later page may have been read after a change that is told now.
    fn change(&mut self, change: Change) {
        let Change { key, revision, value } = change;
        if self
            .rows
            .get(&key)
            .is_some_and(|entry| entry.revision >= revision)
        {
            return;
        }
        match value {
            Some(value) => {
                let entry = Entry {
                    key: key.clone(),
                    revision,
                    value,
                };
                self.rows.insert(key, entry);
            }
            None => {
                self.rows.remove(&key);
            }
        }
    }

    fn under(&self, prefix: &'static str) -> impl Iterator<Item = &Entry> {
        let entries = self.rows.values();
        entries.filter(move |entry| entry.key.as_str().starts_with(prefix))
    }

    /// Hands over each table that changed.
    fn take(&self, changed: impl Fn(&str) -> bool) {
        if changed(api_keys::PREFIX) {
            let known = Known::read(self.under(api_keys::PREFIX));
            metrics::gauge!("tailcast_api_keys").set(known.count() as f64);
            self.verifier.know_api_keys(known);
        }
        // Before it is known what was revoked, so before anybody is refused for a key that is there.
        if changed(pairs::PREFIX) {
            let records = Record::read_all(self.under(pairs::PREFIX));
            self.verifier.know_pairs(records);
        }
        if changed(revoked::PREFIX) {
            let revoked = Revoked::read(self.under(revoked::PREFIX));
            metrics::gauge!("tailcast_revocations").set(revoked.count() as f64);
            self.verifier.know(revoked);
        }
    }
}
