//! When a key was used last, to the minute: nothing is written for a request.
//!
//! It lies beside what is followed, or every use would be news to every node. It is told from a node's memory once a minute,
//! and what a node saw in the minute before it was killed is lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::ledger::{CommitError, Expect, Ledger, LedgerKey, Revision, Write};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::record::place;
use crate::verifier::Verifier;

/// What the places begin with.
pub(super) const PREFIX: &str = "api-keys/used/";

/// So often it is written down.
const EVERY: Duration = Duration::from_secs(60);

/// Of one commit. Each needs two writes.
const AT_ONCE: usize = lines::ledger::MAX_WRITES / 2;

/// Which keys were used since it was last written down, and when. Only of keys that there are.
#[derive(Default)]
pub(crate) struct Used(Mutex<HashMap<Arc<str>, i64>>);

impl Used {
    pub(crate) fn mark(&self, id: &Arc<str>, now: i64) {
        let mut used = self.0.lock();
        match used.get_mut(id) {
            Some(at) => *at = now,
            None => {
                used.insert(Arc::clone(id), now);
            }
        }
    }

    fn take(&self) -> Vec<(Arc<str>, i64)> {
        std::mem::take(&mut *self.0.lock()).into_iter().collect()
    }

    /// For the next time, unless it was used again since.
    fn back(&self, some: &[(Arc<str>, i64)]) {
        let mut used = self.0.lock();
        for (id, at) in some {
            used.entry(Arc::clone(id)).or_insert(*at);
        }
    }
}

/// As the ledger keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct LastUse {
    /// In Unix seconds.
    pub at: i64,
}

/// Writes down which keys were used last when, as `verifier` saw it, once a minute. Never ends; whoever drops it ends it.
pub async fn keep_last_use(ledger: Arc<dyn Ledger>, verifier: Arc<Verifier>) {
    loop {
        tokio::time::sleep(EVERY).await;
        write_down(&*ledger, &verifier).await;
    }
}

async fn write_down(ledger: &dyn Ledger, verifier: &Verifier) {
    let used = verifier.used().take();
    for some in used.chunks(AT_ONCE) {
        match commit(ledger, verifier, some).await {
            Ok(()) => {}
            // One of them was deleted or rotated meanwhile, or is not known here yet: the others are told without it.
            Err(CommitError::Conflict { .. }) => {
                for one in some.chunks(1) {
                    let _ = commit(ledger, verifier, one).await;
                }
            }
            Err(error) => {
                tracing::info!(%error, "when API keys were used last is written down later");
                verifier.used().back(some);
            }
        }
    }
}

/// Only of keys that are as they are known here: nothing stays of one that is deleted.
async fn commit(
    ledger: &dyn Ledger,
    verifier: &Verifier,
    used: &[(Arc<str>, i64)],
) -> Result<(), CommitError> {
    let keys = verifier.api_keys();
    let writes = used.iter().filter_map(|(id, at)| {
        let revision: Revision = keys.as_ref()?.revision(id)?;
        let value = serde_json::to_vec(&LastUse { at: *at }).ok()?;
        Some([
            Write::keep(place(id)?, Expect::At(revision)),
            Write::put(last_use(id)?, value),
        ])
    });
    let writes: Vec<Write> = writes.flatten().collect();
    if writes.is_empty() {
        return Ok(());
    }
    ledger.commit(writes).await.map(|_| ())
}

/// Where it is kept of a key.
pub(super) fn last_use(id: &str) -> Option<LedgerKey> {
    LedgerKey::parse(&format!("{PREFIX}{id}")).ok()
}
