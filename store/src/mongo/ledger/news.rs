//! How a process hears of what others commit.
//!
//! Of all who watch in a process one asks the database for news, by turns: whoever has the turn does so until it has got
//! its own answer. So nobody asks while nobody watches, and a thousand watchers cost what one does.

use std::time::Duration;

use lines::StoreError;
use lines::ledger::{Changes, KeyPrefix, LedgerError, Revision};
use mongodb::ClientSession;
use mongodb::bson::doc;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{Book, Marks, log, revision};
use crate::ledger::{Answer, MOST, Recent, Source, ledger_error};
use crate::mongo::connection::Ready;
use crate::timing::{Operation, answered};

/// How long a commit may be in the log before somebody else brings what is there up to it.
const UNAPPLIED: Duration = Duration::from_millis(500);

/// What whoever asks for news has to know.
#[derive(Default)]
pub(super) struct Poll {
    /// When it was asked for last.
    last: Option<Instant>,
    /// Commits that nobody has brought to their end are seen since then.
    unapplied: Option<Instant>,
}

impl Source for Book {
    fn recent(&self) -> &Recent {
        &self.recent
    }

    async fn newest(&self) -> Result<Revision, LedgerError> {
        let read = async { self.last_revision(self.connection.ready().await?).await };
        answered(Operation::LedgerChanges, self.deadline, read)
            .await
            .map_err(ledger_error)
    }

    async fn history(&self, prefix: &KeyPrefix, after: Revision) -> Result<Option<Changes>, LedgerError> {
        let read = self.read_history(prefix, after);
        answered(Operation::LedgerChanges, self.deadline, read)
            .await
            .map_err(ledger_error)
    }

    /// Somebody else who asks does so again and again.
    async fn refresh(&self) -> Result<(), LedgerError> {
        match self.poll.try_lock() {
            Ok(mut poll) if self.due(&poll) <= Instant::now() => self.ask(&mut poll).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn news(&self, until: Instant) -> Result<(), LedgerError> {
        let Ok(mut poll) = timeout_at(until, self.poll.lock()).await else {
            return Ok(());
        };
        loop {
            let due = self.due(&poll);
            sleep_until(due.min(until)).await;
            if due > until || self.ask(&mut poll).await? {
                return Ok(());
            }
        }
    }
}

impl Book {
    fn due(&self, poll: &Poll) -> Instant {
        poll.last
            .map_or_else(Instant::now, |last| last + self.options.poll)
    }

    async fn ask(&self, poll: &mut Poll) -> Result<bool, LedgerError> {
        let news = timeout(self.deadline, self.read_news(poll)).await;
        news.unwrap_or(Err(StoreError::Timeout(self.deadline)))
            .map_err(ledger_error)
    }

    async fn last_revision(&self, ready: &Ready) -> Result<Revision, StoreError> {
        let newest = log(ready)
            .find_one(doc! {})
            .sort(doc! {"_id": -1})
            .projection(doc! {"_id": 1})
            .max_time(self.deadline)
            .await
            .map_err(|error| ready.error(error))?;
        Ok(newest.map_or(Revision::ZERO, |newest| revision(&newest, "_id")))
    }

    /// Reads what comes after the last revision that is known; whether there was any.
    async fn read_news(&self, poll: &mut Poll) -> Result<bool, StoreError> {
        let ready = self.connection.ready().await?;
        let head = self.recent.head();
        let began = poll.last.is_some();
        poll.last = Some(Instant::now());
        let mut session = ready.session().await?;
        let found = if began {
            self.log(ready, &mut session, head, Revision(u64::MAX)).await?
        } else {
            // Who watches from further back reads the history.
            Vec::new()
        };
        if began && found.is_empty() {
            return Ok(false);
        }
        let Marks { applied, .. } = self.marks(ready, &mut session).await?;
        let whole = (head.0 + 1..)
            .zip(&found)
            .all(|(next, (revision, _))| next == revision.0);
        if !began || !whole || found.len() >= MOST {
            if applied > head {
                self.recent.begin_after(applied);
            }
            return Ok(applied > head);
        }
        let last = found.last().map_or(head, |(revision, _)| *revision);
        let applied = self
            .applied_upto(ready, &mut session, poll, (applied, last))
            .await?;
        for (revision, changes) in found.iter().filter(|(revision, _)| *revision <= applied) {
            self.recent.push(*revision, changes);
        }
        Ok(applied > head)
    }

    /// Up to where all is applied. Commits whose process has died are brought to their end.
    async fn applied_upto(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        poll: &mut Poll,
        (applied, last): (Revision, Revision),
    ) -> Result<Revision, StoreError> {
        if applied >= last {
            poll.unapplied = None;
            return Ok(applied);
        }
        let since = *poll.unapplied.get_or_insert_with(Instant::now);
        if since.elapsed() < UNAPPLIED {
            return Ok(applied);
        }
        tracing::info!(from = %applied, upto = %last, "the ledger was behind its log, it is brought up to it");
        let done = self.apply(ready, session, applied, last).await;
        done.map_err(|error| ready.error(error))?;
        self.mark(ready, "applied", last).await?;
        poll.unapplied = None;
        Ok(last)
    }

    /// As it stands in the log, up to the last revision that is known.
    async fn read_history(&self, prefix: &KeyPrefix, after: Revision) -> Result<Option<Changes>, StoreError> {
        let ready = self.connection.ready().await?;
        let found = self
            .log(ready, &mut ready.session().await?, after, self.recent.head())
            .await?;
        let mut told = Answer::new(prefix, after);
        for ((revision, changes), next) in found.into_iter().zip(after.0 + 1..) {
            if revision.0 != next || told.is_full() {
                break;
            }
            told.add(revision, changes);
        }
        let told = told.done();
        Ok((told.upto > after).then_some(told))
    }
}
