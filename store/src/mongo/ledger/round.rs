//! How commits that wait become the next revision.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::TryStreamExt;
use lines::ledger::{Action, Change, CommitError, Entry, Expect, LedgerError, LedgerKey, Revision, Write};
use lines::{SharedError, StoreError};
use mongodb::ClientSession;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Book, binary, log, revision, row, state, to_bson};
use crate::ledger::{Pending, judge, ledger_error, old};
use crate::mongo::connection::{DUPLICATE_KEY, Ready};

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_millis(5);
/// Whoever has won pauses for longer, about as long as the others need to look where the ledger stands: he knows it
/// already, and would win again and again.
const PAUSE_OF_WINNERS: Duration = Duration::from_millis(15);
/// For so long after a defeat others are taken to commit, too.
const CONTENDED: Duration = Duration::from_secs(1);
/// How long a tombstone stays at least. A process that was stopped in the middle may bring a log back that it names;
/// the server refuses that once the log is gone, and has given up any such command long before this.
const TOMBSTONE: Duration = Duration::from_secs(600);

/// Where the ledger stands, as whoever commits knows it.
struct Place {
    /// What is read in it is not older than what was read or written in it before, whoever is the primary.
    session: ClientSession,
    /// The last revision. All of them are applied.
    head: Revision,
}

/// What whoever commits remembers from one group to the next.
#[derive(Default)]
struct Race {
    place: Option<Place>,
    /// The last defeat.
    lost: Option<Instant>,
}

/// What came of an attempt.
enum Attempt {
    /// The revision is this group's.
    Won,
    /// It is somebody else's.
    Lost,
}

/// Why a group was not committed.
enum Failure {
    NotDone(StoreError),
    Unknown(StoreError),
}

impl Book {
    /// Commits what waits until nothing does.
    pub(super) async fn serve(self: Arc<Self>) {
        let _serving = self.queue.serving();
        let mut race = Race::default();
        while let Some(group) = self.queue.take() {
            self.commit(&mut race, group).await;
            if race.lost.is_some_and(|lost| lost.elapsed() < CONTENDED) {
                sleep(PAUSE_OF_WINNERS.mul_f64(rand::random_range(0.5..1.0))).await;
            }
        }
    }

    async fn commit(self: &Arc<Self>, race: &mut Race, group: Vec<Pending>) {
        let until = Instant::now() + self.deadline;
        let outcome = match self.connection.ready().await {
            Ok(ready) => self
                .try_to_commit(ready, race, &group, until)
                .await
                .map(|done| (ready, done)),
            Err(error) => Err(Failure::NotDone(error)),
        };
        let (ready, (revision, changes, verdicts)) = match outcome {
            Ok(done) => done,
            Err(failure) => {
                race.place = None;
                let (error, outcome): (_, fn(LedgerError) -> CommitError) = match failure {
                    Failure::NotDone(error) => (error, CommitError::NotDone),
                    Failure::Unknown(error) => (error, CommitError::Unknown),
                };
                let error = SharedError::new(error);
                for pending in group {
                    pending.answer(Err(outcome(ledger_error(error.again()))));
                }
                return;
            }
        };
        let bytes = group.iter().map(Pending::bytes).sum();
        for (pending, verdict) in group.into_iter().zip(verdicts) {
            pending.answer(verdict.map_or(Ok(revision), Err));
        }
        if changes.is_empty() {
            return;
        }
        // It is done; what follows is for the others.
        match timeout_at(until, self.mark(ready, "applied", revision)).await {
            Ok(Ok(())) => {
                self.recent.push(revision, &changes);
            }
            Ok(Err(error)) => tracing::debug!(%error, "could not say how far the ledger is"),
            Err(_) => tracing::debug!("could not say how far the ledger is in time"),
        }
        self.grow(revision, bytes);
    }

    async fn try_to_commit(
        &self,
        ready: &Ready,
        race: &mut Race,
        group: &[Pending],
        until: Instant,
    ) -> Result<(Revision, Vec<Change>, Vec<Option<CommitError>>), Failure> {
        loop {
            let found = self.judged(ready, &mut race.place, group);
            let judged = timeout_at(until, found)
                .await
                .unwrap_or(Err(StoreError::Timeout(self.deadline)));
            let (verdicts, changes) = match judged.map_err(Failure::NotDone)? {
                Some(judged) => judged,
                // Somebody came in between.
                None => {
                    race.place = None;
                    continue;
                }
            };
            let Some(at) = &mut race.place else { continue };
            if changes.is_empty() {
                return Ok((at.head, changes, verdicts));
            }
            let next = at.head.next();
            match self.insert(ready, &mut at.session, next, &changes, until).await? {
                Attempt::Won => {
                    self.is_no_history(ready, &mut at.session, next, until).await?;
                    let applied = self
                        .apply_surely(ready, &mut at.session, at.head, next, until)
                        .await;
                    applied.map_err(Failure::Unknown)?;
                    at.head = next;
                    return Ok((next, changes, verdicts));
                }
                Attempt::Lost => {
                    race.place = None;
                    race.lost = Some(Instant::now());
                    sleep(pause()).await;
                }
            }
        }
    }

    /// Judges the group by what is there at the place; `None` when the ledger is further by now.
    async fn judged(
        &self,
        ready: &Ready,
        place: &mut Option<Place>,
        group: &[Pending],
    ) -> Result<Option<(Vec<Option<CommitError>>, Vec<Change>)>, StoreError> {
        let at = match place {
            Some(at) => at,
            None => place.insert(self.find_place(ready).await?),
        };
        let plain = |write: &&Write| write.expect == Expect::Any && matches!(write.action, Action::Put(_));
        let writes = group.iter().flat_map(|pending| &pending.writes);
        let asked: Vec<&str> = writes
            .filter(|write| !plain(write))
            .map(|write| write.key.as_str())
            .collect();
        let mut there: HashMap<LedgerKey, Entry> = HashMap::new();
        if !asked.is_empty() {
            let mut found = state(ready)
                .find(doc! {"_id": {"$in": asked}})
                .max_time(self.deadline)
                .session(&mut at.session)
                .await
                .map_err(|error| ready.error(error))?;
            while let Some(found) = found.next(&mut at.session).await {
                let row = row(&found.map_err(|error| ready.error(error))?)?;
                if row.revision > at.head {
                    return Ok(None);
                }
                if let Some(entry) = row.entry() {
                    there.insert(entry.key.clone(), entry);
                }
            }
        }
        Ok(Some(judge(group, &there, at.head.next())))
    }

    /// Looks for the last revision, and brings what is there up to it.
    async fn find_place(&self, ready: &Ready) -> Result<Place, StoreError> {
        let mut session = ready.session().await?;
        let newest = log(ready)
            .find_one(doc! {})
            .sort(doc! {"_id": -1})
            .projection(doc! {"_id": 1})
            .max_time(self.deadline)
            .session(&mut session)
            .await
            .map_err(|error| ready.error(error))?;
        let head = newest.map_or(Revision::ZERO, |newest| revision(&newest, "_id"));
        let applied = self.marks(ready, &mut session).await?.applied;
        if applied < head {
            self.apply(ready, &mut session, applied, head)
                .await
                .map_err(|error| ready.error(error))?;
        }
        Ok(Place { session, head })
    }

    /// Inserts a revision, and knows afterwards whether it is ours, unless the database says nothing.
    async fn insert(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        next: Revision,
        changes: &[Change],
        until: Instant,
    ) -> Result<Attempt, Failure> {
        let by = uuid::Uuid::new_v4().simple().to_string();
        let document = document(next, &by, changes);
        let mut sent = false;
        loop {
            let inserted = timeout_at(until, log(ready).insert_one(&document).session(&mut *session)).await;
            let error = match inserted {
                Ok(Ok(_)) => return Ok(Attempt::Won),
                Ok(Err(error)) => error,
                Err(_) => return Err(Failure::Unknown(StoreError::Timeout(self.deadline))),
            };
            if is_taken(&error) {
                // An earlier attempt of ours may have come through without an answer.
                match timeout_at(until, self.author(ready, session, next)).await {
                    Ok(Ok(Some(author))) if author == by => return Ok(Attempt::Won),
                    Ok(Ok(Some(_))) => return Ok(Attempt::Lost),
                    // It is not on a majority yet, and may never be.
                    Ok(Ok(None)) => {}
                    Ok(Err(error)) if !sent => return Err(Failure::NotDone(error)),
                    Ok(Err(_)) => {}
                    Err(_) if !sent => return Err(Failure::NotDone(StoreError::Timeout(self.deadline))),
                    Err(_) => return Err(Failure::Unknown(StoreError::Timeout(self.deadline))),
                }
            } else if !may_have_happened(&error) && !sent {
                return Err(Failure::NotDone(ready.error(error)));
            } else {
                sent = true;
                if Instant::now() + LONGEST_PAUSE >= until {
                    return Err(Failure::Unknown(ready.error(error)));
                }
            }
            sleep(pause()).await;
        }
    }

    /// Fails when the log is removed up to a revision that was inserted. Whoever was stopped for so long either took a
    /// place that somebody else had, and that is free again, or had its own applied by others and removed since: nobody
    /// can tell any more. What was inserted too late is not applied, and nobody reads so far back. Asked after the
    /// insertion: a place becomes free only after `compacted` says so.
    async fn is_no_history(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        inserted: Revision,
        until: Instant,
    ) -> Result<(), Failure> {
        loop {
            let error = match timeout_at(until, self.marks(ready, session)).await {
                Ok(Ok(marks)) if inserted > marks.compacted => return Ok(()),
                Ok(Ok(_)) => {
                    let log = log(ready);
                    let removed = log.delete_one(doc! {"_id": to_bson(inserted)});
                    // What stays goes when the history is cut next.
                    drop(timeout_at(until, removed.into_future()).await);
                    let late = format!("revision {inserted} of the ledger was history when it was answered");
                    return Err(Failure::Unknown(StoreError::Away(late.into())));
                }
                Ok(Err(error)) => error,
                Err(_) => return Err(Failure::Unknown(StoreError::Timeout(self.deadline))),
            };
            if Instant::now() + LONGEST_PAUSE >= until {
                return Err(Failure::Unknown(error));
            }
            sleep(pause()).await;
        }
    }

    /// Who made a revision; `None` while it is not for all to see.
    async fn author(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        revision: Revision,
    ) -> Result<Option<String>, StoreError> {
        let found = log(ready)
            .find_one(doc! {"_id": to_bson(revision)})
            .projection(doc! {"by": 1})
            .max_time(self.deadline)
            .session(session)
            .await
            .map_err(|error| ready.error(error))?;
        Ok(found.map(|found| found.get_str("by").unwrap_or_default().to_owned()))
    }

    async fn apply_surely(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        after: Revision,
        upto: Revision,
        until: Instant,
    ) -> Result<(), StoreError> {
        loop {
            match timeout_at(until, self.apply(ready, session, after, upto)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) if Instant::now() + LONGEST_PAUSE >= until => return Err(ready.error(error)),
                Ok(Err(_)) => {}
                Err(_) => return Err(StoreError::Timeout(self.deadline)),
            }
            sleep(pause()).await;
        }
    }

    /// Brings what is there up to a revision. Whatever is there already stays as it is.
    pub(super) async fn apply(
        &self,
        ready: &Ready,
        session: &mut ClientSession,
        after: Revision,
        upto: Revision,
    ) -> Result<(), Error> {
        let gone = doc! {"$eq": [{"$type": "$c.v"}, "missing"]};
        let pipeline = [
            doc! {"$match": {"_id": {"$gt": to_bson(after), "$lte": to_bson(upto)}}},
            doc! {"$sort": {"_id": 1}},
            doc! {"$unwind": "$c"},
            doc! {"$replaceWith": {"$cond": [
                gone,
                {"_id": "$c.k", "r": "$_id", "gone": "$$NOW"},
                {"_id": "$c.k", "r": "$_id", "v": "$c.v"},
            ]}},
            doc! {"$merge": {
                "into": "ledger",
                "on": "_id",
                "whenMatched": [{"$replaceWith": {"$cond": [{"$gt": ["$$new.r", "$r"]}, "$$new", "$$ROOT"]}}],
                "whenNotMatched": "insert",
            }},
        ];
        let mut done = log(ready)
            .aggregate(pipeline)
            .max_time(self.deadline)
            .session(&mut *session)
            .await?;
        while done.next(session).await.transpose()?.is_some() {}
        Ok(())
    }

    /// Counts what was added, and cuts the history when it is long enough.
    fn grow(self: &Arc<Self>, head: Revision, bytes: usize) {
        let interval = (self.options.history / 4).max(1);
        let large = self.growth.lock().add(&self.options, 0, bytes);
        if (large || head.0.is_multiple_of(interval)) && !self.cutting.swap(true, Ordering::AcqRel) {
            self.growth.lock().cut();
            let book = Arc::clone(self);
            tokio::spawn(async move {
                if let Err(error) = book.cut_history().await {
                    tracing::warn!(%error, "the ledger's history could not be cut, it is tried again later");
                }
                book.cutting.store(false, Ordering::Release);
            });
        }
    }

    async fn cut_history(&self) -> Result<(), StoreError> {
        let ready = self.connection.ready().await?;
        let marks = self.marks(ready, &mut ready.session().await?).await?;
        let found = log(ready)
            .find(doc! {"_id": {"$gt": to_bson(marks.compacted), "$lte": to_bson(marks.applied)}})
            .sort(doc! {"_id": -1})
            .projection(doc! {"size": 1})
            .max_time(self.deadline)
            .await
            .map_err(|error| ready.error(error))?;
        let found: Vec<Document> = found.try_collect().await.map_err(|error| ready.error(error))?;
        let sizes = found.iter().map(|one| {
            (
                revision(one, "_id"),
                one.get_i64("size").unwrap_or_default().unsigned_abs(),
            )
        });
        let Some(upto) = old(&self.options, sizes) else {
            return Ok(());
        };
        // Whoever reads the log learns of it before anything is missing.
        self.mark(ready, "compacted", upto).await?;
        let removed = log(ready)
            .delete_many(doc! {"_id": {"$lte": to_bson(upto)}})
            .await;
        removed.map_err(|error| ready.error(error))?;
        let age = i64::try_from(TOMBSTONE.as_millis()).unwrap_or(i64::MAX);
        let tombstones = doc! {
            "gone": {"$exists": true},
            "r": {"$lte": to_bson(marks.compacted)},
            "$expr": {"$lt": ["$gone", {"$subtract": ["$$NOW", age]}]},
        };
        let removed = state(ready).delete_many(tombstones).await;
        removed.map(drop).map_err(|error| ready.error(error))
    }
}

fn document(revision: Revision, by: &str, changes: &[Change]) -> Document {
    let change = |change: &Change| match &change.value {
        Some(value) => doc! {"k": change.key.as_str(), "v": binary(value)},
        None => doc! {"k": change.key.as_str()},
    };
    let size =
        |change: &Change| change.key.as_str().len() + change.value.as_ref().map_or(0, bytes::Bytes::len);
    doc! {
        "_id": to_bson(revision),
        "at": DateTime::now(),
        "by": by,
        "size": i64::try_from(changes.iter().map(size).sum::<usize>()).unwrap_or(i64::MAX),
        "c": changes.iter().map(change).collect::<Vec<_>>(),
    }
}

fn is_taken(error: &Error) -> bool {
    matches!(&*error.kind, ErrorKind::Write(WriteFailure::WriteError(error)) if error.code == DUPLICATE_KEY)
}

/// Whether a write that failed so may have been done, or be done yet.
fn may_have_happened(error: &Error) -> bool {
    !matches!(
        &*error.kind,
        ErrorKind::ServerSelection { .. }
            | ErrorKind::Write(WriteFailure::WriteError(_))
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::Authentication { .. }
    )
}

fn pause() -> Duration {
    LONGEST_PAUSE.mul_f64(rand::random_range(0.2..1.0))
}
