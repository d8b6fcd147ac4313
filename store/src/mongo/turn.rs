//! Whose turn it is to trim, to delete or to merge: one process of the cluster at a time, for a while. Whoever deletes a
//! stream, which somebody waits for, takes the turn from those, and from nobody who deletes one, too: two who took it from
//! each other would both never end.
//!
//! The three stand in each other's way: a floor that is raised by what batches were a moment ago must not come to lie
//! within one that was merged since. So whatever they do to floors and batches is done in transactions that depend on the
//! lease ([`Lease::commit`]): whoever was stopped for so long that somebody else took it finds that nothing of it
//! happens any more, whatever any clock says.

use std::time::Duration;

use lines::{StoreError, Timestamp};
use mongodb::bson::{Bson, DateTime, Document, doc};

use super::connection::Ready;
use super::documents::{from_date, to_date};
use super::transaction::{Transaction, Undone};
use crate::position::Position;

/// The right to trim, to delete or to merge, for a while.
pub(super) struct Lease {
    holder: String,
    /// Where trims have come to.
    pub(super) position: Position,
    /// The database's time when it was taken.
    pub(super) now: DateTime,
}

impl Lease {
    /// `None` when somebody else has it.
    pub(super) async fn take(ready: &Ready, length: Duration) -> Result<Option<Self>, StoreError> {
        let holder = uuid::Uuid::new_v4().to_string();
        let which = doc! {"$or": [is_free(), is_wrong(length)]};
        Self::take_where(ready, which, holder, length, Document::new()).await
    }

    async fn take_where(
        ready: &Ready,
        mut which: Document,
        holder: String,
        length: Duration,
        more: Document,
    ) -> Result<Option<Self>, StoreError> {
        which.insert("_id", "trim");
        let mut set = doc! {
            "until": {"$add": ["$$NOW", millis(length)]}, "holder": &holder, "taken": "$$NOW",
        };
        set.extend(more);
        let take = doc! {"$set": set};
        let taken = ready.change("cluster", which, vec![take]).await?;
        let Some(taken) = taken else { return Ok(None) };
        let date = |name| taken.get_datetime(name).ok().copied();
        Ok(date("taken").map(|now| Self {
            holder,
            position: Position {
                after: date("after").map(from_date),
                whole: date("whole").map(from_date),
            },
            now,
        }))
    }

    /// Takes it, to delete a stream, from whoever trims or merges: what that one has begun does not happen any more, and it
    /// looks again later. `None` when somebody else deletes a stream.
    pub(super) async fn seize(ready: &Ready, length: Duration) -> Result<Option<Self>, StoreError> {
        let holder = uuid::Uuid::new_v4().to_string();
        // Told by the holder's own name, since whoever takes it after that says nothing of it.
        let deletes = doc! {"deleter": &holder};
        let tidies = doc! {"$expr": {"$ne": ["$deleter", "$holder"]}};
        let which = doc! {"$or": [tidies, is_free(), is_wrong(length)]};
        Self::take_where(ready, which, holder, length, deletes).await
    }

    /// Lets a transaction happen, unless somebody else has taken the lease since it began to read. It is looked at last:
    /// whoever stands still in the middle of a transaction keeps nobody from taking it.
    pub(super) async fn commit(&self, mut transaction: Transaction<'_>) -> Result<(), Undone> {
        let held = transaction.write(doc! {"update": "cluster", "updates": [{
            "q": {"_id": "trim", "holder": &self.holder}, "u": {"$inc": {"changes": 1_i64}},
        }]});
        match held.await? {
            1 => transaction.commit().await,
            _ => Err(Undone::Overtaken),
        }
    }

    /// Updates streams, all of them or none, as long as the lease is held. Answers how many were meant; `None` when
    /// somebody else has it, or changed one of them.
    pub(super) async fn update_streams(
        &self,
        ready: &Ready,
        updates: Vec<Document>,
    ) -> Result<Option<u64>, StoreError> {
        let command = doc! {"update": "streams", "updates": updates};
        if !ready.has_transactions {
            // Nobody merges here.
            let answer = ready.write(command).await?;
            return Ok(answer.get_i32("n").ok().and_then(|n| u64::try_from(n).ok()));
        }
        let changed = async {
            let mut transaction = Transaction::begin(ready).await?;
            let meant = transaction.write(command).await?;
            self.commit(transaction).await?;
            Ok(meant)
        };
        match changed.await {
            Ok(meant) => Ok(Some(meant)),
            Err(Undone::Overtaken) => Ok(None),
            Err(Undone::Failed(error)) => Err(error),
        }
    }

    /// Lets it go, and notes where trims have come to.
    pub(super) async fn give_back(self, ready: &Ready, position: Position) -> Result<(), StoreError> {
        let mut set = doc! {"until": DateTime::from_millis(0)};
        if position != self.position {
            let date = |time: Option<Timestamp>| time.map_or(Bson::Null, |time| to_date(time).into());
            set.insert("after", date(position.after));
            set.insert("whole", date(position.whole));
        }
        ready
            .write(doc! {"update": "cluster", "updates": [{
                "q": {"_id": "trim", "holder": self.holder}, "u": {"$set": set},
            }]})
            .await
            .map(drop)
    }
}

fn is_free() -> Document {
    doc! {"$expr": {"$lte": ["$until", "$$NOW"]}}
}

/// A date that is further off than any lease is by a clock that was wrong.
fn is_wrong(length: Duration) -> Document {
    doc! {"$expr": {"$gt": ["$until", {"$add": ["$$NOW", millis(length) * 2]}]}}
}

/// Lets the next trim begin with the oldest batch of all. Whoever has the turn loses it, and would not give it back: so it
/// is free.
pub(super) async fn begin_anew(ready: &Ready) -> Result<(), StoreError> {
    ready
        .write(doc! {"update": "cluster", "updates": [{
            "q": {"_id": "trim"},
            // Whoever trims now must not note where it came to.
            "u": {"$set": {"holder": "", "until": DateTime::from_millis(0)}, "$unset": {"after": "", "whole": ""}},
        }]})
        .await
        .map(drop)
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
