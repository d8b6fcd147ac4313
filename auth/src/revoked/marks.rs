//! Marks in the ledger: how they are made, and forgotten once all that they are about has ended.

use std::sync::Arc;
use std::time::Duration;

use lines::ledger::{CommitError, Entry, Expect, KeyPrefix, Ledger, LedgerError, LedgerKey, Write};

use super::{Mark, PREFIX};
use crate::grants::Subscriber;
use crate::token::unix_now;
use crate::verifier::Verifier;

/// So often a mark is tried that others come between.
const ATTEMPTS: usize = 20;
/// Entries of a listing that are read at once.
const PAGE: usize = 1_000;
/// Marks that are forgotten in one commit: at most as many as one may have.
const AT_ONCE: usize = lines::ledger::MAX_WRITES;
/// A mark stays so long after its end: this machine's clock alone decides of it.
const SLACK_SECONDS: i64 = 86_400;
/// From the start to the first look for marks that have ended…
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// … and from one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// How many marks there may be. They are counted as this node knows them, a moment late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkLimits {
    /// Of everybody together: 100,000.
    pub marks: u64,
    /// Of one subscriber who is no admin: 1,000.
    pub own_marks: u64,
}

impl Default for MarkLimits {
    fn default() -> Self {
        Self {
            marks: 100_000,
            own_marks: 1_000,
        }
    }
}

/// Why something was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum NotMarked {
    /// There are as many marks as there may be.
    #[error("there are {0} revocations already, as many as there may be")]
    TooMany(u64),
    /// Nothing was done.
    #[error("nothing was revoked: {0}")]
    Away(String),
    /// It may have been done.
    #[error("it is not known whether it was revoked: repeat it, which does no harm ({0})")]
    Unknown(String),
    /// The ledger holds, or was to take, what cannot be.
    #[error("the store holds something that cannot be right: {0}")]
    Damaged(String),
}

impl From<LedgerError> for NotMarked {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Damaged(what) => Self::Damaged(what),
            error => Self::Away(error.to_string()),
        }
    }
}

/// Makes marks, and forgets them.
pub struct Marks {
    ledger: Arc<dyn Ledger>,
    verifier: Arc<Verifier>,
    limits: MarkLimits,
}

impl Marks {
    /// In a ledger that `verifier` follows.
    pub fn new(ledger: Arc<dyn Ledger>, verifier: Arc<Verifier>, limits: MarkLimits) -> Self {
        Self {
            ledger,
            verifier,
            limits,
        }
    }

    /// Takes something back, in the name of `caller`: once this is done every node will know it. What is taken back already
    /// stays so, and nothing is written for it.
    pub async fn put(&self, mark: Mark, caller: &Subscriber) -> Result<Mark, NotMarked> {
        let key = mark.key();
        let key = key.ok_or_else(|| NotMarked::Damaged("a revocation that has no place".to_owned()))?;
        for _ in 0..ATTEMPTS {
            let there = self.ledger.get(&key).await?;
            let (mark, write) = match &there {
                None => {
                    self.has_room(caller)?;
                    (mark.clone(), written(&key, &mark)?.if_absent())
                }
                Some(entry) => added(entry, &mark)?,
            };
            match self.ledger.commit(vec![write]).await {
                Ok(_) => return Ok(mark),
                Err(CommitError::Conflict { .. }) => {}
                Err(CommitError::Refused(why)) => return Err(NotMarked::Damaged(why.to_owned())),
                Err(CommitError::NotDone(error)) => return Err(error.into()),
                Err(CommitError::Unknown(error)) => return Err(NotMarked::Unknown(error.to_string())),
            }
        }
        Err(NotMarked::Away(
            "it changes faster than that can be told".to_owned(),
        ))
    }

    fn has_room(&self, caller: &Subscriber) -> Result<(), NotMarked> {
        let Some(revoked) = self.verifier.revoked() else {
            return Err(NotMarked::Away("what was revoked is not known yet".to_owned()));
        };
        let MarkLimits { marks, own_marks } = self.limits;
        let counted = |count: usize, most: u64| match u64::try_from(count) {
            Ok(count) if count < most => Ok(()),
            _ => Err(NotMarked::TooMany(most)),
        };
        counted(revoked.count(), marks)?;
        if caller.grants().admin {
            return Ok(());
        }
        counted(revoked.made_by(caller.sub()), own_marks)
    }

    /// Forgets marks that have ended, again and again. Never ends; whoever drops it ends it.
    pub async fn keep_swept(&self) {
        tokio::time::sleep(FIRST_LOOK).await;
        loop {
            match self.sweep(unix_now()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "revocations whose tokens have ended were forgotten"),
                Err(error) => tracing::info!(%error, "revocations that have ended are looked for later"),
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Forgets marks that ended a day before `now`, unless they were made longer meanwhile. Says how many.
    pub async fn sweep(&self, now: i64) -> Result<usize, NotMarked> {
        let prefix = KeyPrefix::parse(PREFIX).map_err(|error| NotMarked::Damaged(error.to_string()))?;
        let (mut count, mut after) = (0, None);
        loop {
            let page = self.ledger.list(&prefix, after.as_ref(), PAGE).await?;
            after = page.entries.last().map(|entry| entry.key.clone()).or(after);
            let ended: Vec<&Entry> = page
                .entries
                .iter()
                .filter(|entry| has_ended(entry, now))
                .collect();
            for some in ended.chunks(AT_ONCE) {
                count += self.forget(some).await?;
            }
            if !page.more || page.entries.is_empty() {
                return Ok(count);
            }
        }
    }

    /// Another node may be at it, too: what is not as it was stays for the next look.
    async fn forget(&self, marks: &[&Entry]) -> Result<usize, NotMarked> {
        let delete = |entry: &&Entry| Write::delete(entry.key.clone()).if_at(entry.revision);
        match self.ledger.commit(marks.iter().map(delete).collect()).await {
            Ok(_) => Ok(marks.len()),
            Err(CommitError::Conflict { .. }) => Ok(0),
            Err(CommitError::Refused(why)) => Err(NotMarked::Damaged(why.to_owned())),
            Err(CommitError::NotDone(error) | CommitError::Unknown(error)) => Err(error.into()),
        }
    }
}

/// One that cannot be read is nobody's to forget.
fn has_ended(entry: &Entry, now: i64) -> bool {
    let mark = serde_json::from_slice::<Mark>(&entry.value);
    mark.is_ok_and(|mark| mark.until.saturating_add(SLACK_SECONDS) < now)
}

/// What becomes of a mark that is there already.
fn added(entry: &Entry, mark: &Mark) -> Result<(Mark, Write), NotMarked> {
    let here = Expect::At(entry.revision);
    match serde_json::from_slice::<Mark>(&entry.value) {
        Ok(known) => {
            let both = known.clone().with(mark);
            let write = if both == known {
                // That it is there is what is answered, so it has to be so now.
                Write::keep(entry.key.clone(), here)
            } else {
                written(&entry.key, &both)?.if_at(entry.revision)
            };
            Ok((both, write))
        }
        // Nobody heeds one that cannot be read.
        Err(_) => Ok((mark.clone(), written(&entry.key, mark)?.if_at(entry.revision))),
    }
}

fn written(key: &LedgerKey, mark: &Mark) -> Result<Write, NotMarked> {
    let text = serde_json::to_vec(mark).map_err(|error| NotMarked::Damaged(error.to_string()))?;
    Ok(Write::put(key.clone(), text))
}
