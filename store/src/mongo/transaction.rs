//! Several changes that happen together or not at all.

use lines::StoreError;
use mongodb::bson::{Document, RawDocumentBuf};
use mongodb::error::Error;
use mongodb::options::ReadConcern;
use mongodb::{ClientSession, Collection};

use super::connection::{Ready, code, durable_write};
use super::fence::NOT_ADMITTED;

/// Somebody else changed the same, or holds it.
const CONFLICTS: [i32; 5] = [
    24,  // LockTimeout
    112, // WriteConflict
    246, // SnapshotUnavailable
    251, // NoSuchTransaction: the server gave up on one that took too long
    NOT_ADMITTED,
];

/// Changes under way. Without [`Transaction::commit`] none of them happens. It reads what is on a majority, all of it as
/// it was at one moment, and comes to nothing when somebody else changes meanwhile what it changes.
///
/// A server gives a transaction up after a minute: whoever was stopped in the middle of one finds it undone.
pub(super) struct Transaction<'a> {
    ready: &'a Ready,
    session: ClientSession,
}

/// Why a transaction came to nothing.
#[derive(Debug)]
pub(super) enum Undone {
    /// Others changed what it is about, or whoever began it has no right to it any more. Looking again helps.
    Overtaken,
    /// The store did not answer, or refused. When it was to commit, it may have happened.
    Failed(StoreError),
}

impl<'a> Transaction<'a> {
    pub(super) async fn begin(ready: &'a Ready) -> Result<Self, Undone> {
        let mut session = ready.session().await.map_err(Undone::Failed)?;
        let begun = session
            .start_transaction()
            .read_concern(ReadConcern::snapshot())
            .write_concern(durable_write(ready.deadline()))
            .await;
        match begun {
            Ok(()) => Ok(Self { ready, session }),
            Err(error) => Err(Undone::Failed(ready.error(error))),
        }
    }

    /// Runs `update` or `delete`, and answers how many documents were meant.
    pub(super) async fn write(&mut self, command: Document) -> Result<u64, Undone> {
        let run = self.ready.run_in(&mut self.session, command).await;
        let answer = run.map_err(|error| undone(self.ready, error))?;
        let errors = answer.get_array("writeErrors").ok();
        match errors.and_then(|errors| errors.first()?.as_document()) {
            Some(first) if first.get_i32("code").is_ok_and(|code| CONFLICTS.contains(&code)) => {
                Err(Undone::Overtaken)
            }
            Some(first) => Err(Undone::Failed(StoreError::Away(first.to_string().into()))),
            None => Ok(answer
                .get_i32("n")
                .map_or(0, |n| u64::try_from(n).unwrap_or_default())),
        }
    }

    /// The documents of a collection that are meant, in no order.
    pub(super) async fn find(
        &mut self,
        collection: &Collection<RawDocumentBuf>,
        which: Document,
    ) -> Result<Vec<RawDocumentBuf>, Undone> {
        let undone = |error| undone(self.ready, error);
        let question = collection.find(which).session(&mut self.session);
        let mut cursor = question.await.map_err(undone)?;
        let mut found = Vec::new();
        while cursor.advance(&mut self.session).await.map_err(undone)? {
            found.push(cursor.current().to_owned());
        }
        Ok(found)
    }

    /// Lets everything happen, durably.
    pub(super) async fn commit(mut self) -> Result<(), Undone> {
        let committed = self.session.commit_transaction().await;
        committed.map_err(|error| undone(self.ready, error))
    }
}

fn undone(ready: &Ready, error: Error) -> Undone {
    match code(&error) {
        Some(code) if CONFLICTS.contains(&code) => Undone::Overtaken,
        _ => Undone::Failed(ready.error(error)),
    }
}
