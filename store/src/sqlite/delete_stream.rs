//! Deleting a stream: in one transaction its floor is raised to its head, for good, and its recent rows go.
//!
//! What it has in place is deleted later, a step at a time, with what retention made invisible. The keys of all of it stay
//! until then: a request that is repeated is answered as before, and brings nothing back.

use std::time::Duration;

use lines::retention::{Deleted, Deletion};
use lines::{Offset, StoreError, StreamName, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::queries::{self, Kept, StreamId, to_sql};
use super::readers::Cost;
use super::recent::{self, Recent};
use super::writer::Thread;
use super::{SqliteStore, away, keys, retention};
use crate::oldest::{Raise, Why};

/// Batches at each end of a stream that are weighed. Those of a longer one are taken to be like them.
const WEIGHED: u64 = 1000;

/// What a stream has in place, and takes there.
#[derive(Clone, Copy, Default)]
struct Weight {
    batches: u64,
    bytes: u64,
}

impl SqliteStore {
    pub(super) async fn delete_all_of(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        let name = stream.clone();
        // Beside the writer, since it costs what there is of batches. What is appended meanwhile is not counted.
        let weight = self.readers.ask(Cost::Much, move |connection| {
            weigh(connection, &name).map_err(away)
        });
        let weight = weight.await?;
        let (name, now, grace) = (stream.clone(), self.options.clock.wall(), self.options.grace);
        self.writer
            .run_beside(move |thread| thread.delete_stream(&name, ending, weight, now, grace))
            .await
    }
}

impl Thread {
    fn delete_stream(
        &mut self,
        stream: &StreamName,
        ending: Option<Offset>,
        weight: Weight,
        now: Timestamp,
        grace: Duration,
    ) -> Result<Deletion, StoreError> {
        let deleted = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let deleted = delete(&transaction, &self.recent, stream, ending, weight, now, grace)?;
                transaction.commit()?;
                Ok(deleted)
            })
            .map_err(|error| self.failed(error))?;
        if deleted.deleted().is_some() {
            self.recent.merged(stream, i64::MAX);
            self.ends.merged(stream);
            self.rates.forget(stream);
            self.room.removed(&self.connection);
        }
        Ok(deleted)
    }
}

/// Counts the batches by the index alone, and weighs them: many of them at both ends only, since each is a look of its own.
fn weigh(connection: &Connection, stream: &StreamName) -> Result<Weight, rusqlite::Error> {
    let Some(Kept { id, floor, .. }) = queries::kept(connection, stream)? else {
        return Ok(Weight::default());
    };
    let of = (id, to_sql(floor));
    let unsigned = |n: i64| u64::try_from(n).unwrap_or_default();
    let batches = connection
        .prepare_cached("SELECT count(*) FROM batches WHERE stream = ?1 AND first >= ?2")?
        .query_row(of, |row| row.get(0))
        .map(unsigned)?;
    let sum = |in_order: &str, most: u64| {
        connection
            .prepare_cached(&format!(
                "SELECT coalesce(sum(bytes), 0) FROM (
                     SELECT bytes FROM batches WHERE stream = ?1 AND first >= ?2 ORDER BY first {in_order} LIMIT {most}
                 )"
            ))?
            .query_row(of, |row| row.get(0))
            .map(unsigned)
    };
    let bytes = if batches <= 2 * WEIGHED {
        sum("ASC", 2 * WEIGHED)?
    } else {
        (sum("ASC", WEIGHED)? + sum("DESC", WEIGHED)?) / (2 * WEIGHED) * batches
    };
    Ok(Weight { batches, bytes })
}

fn delete(
    connection: &Connection,
    recent: &Recent,
    stream: &StreamName,
    ending: Option<Offset>,
    weight: Weight,
    now: Timestamp,
    grace: Duration,
) -> Result<Deletion, rusqlite::Error> {
    let Some(Kept { id, floor, deleted }) = queries::kept(connection, stream)? else {
        return Ok(Deletion::Absent);
    };
    let next = queries::head_behind(connection, id, floor, recent.end(stream))?;
    if next <= deleted {
        return Ok(Deletion::Absent);
    }
    if ending.is_some_and(|ending| ending != next) {
        return Ok(Deletion::Grown { next });
    }
    delete_recent(connection, recent, stream, id)?;
    connection
        .prepare_cached(
            "UPDATE streams SET floor = ?2, merged = ?2, deleted = ?2, held = NULL WHERE id = ?1",
        )?
        .execute((id, to_sql(next)))?;
    if floor < next {
        let raise = Raise {
            stream: id,
            was: floor,
            floor: next,
            batches: weight.batches,
            bytes: weight.bytes,
            why: Why::Size,
        };
        // Whether it may go depends on no clock, as with what goes for the store's size.
        retention::hide(connection, &raise, true, now, grace)?;
    }
    Ok(Deletion::Done(Deleted { from: floor, next }))
}

/// Deletes the rows of what is recent, and keeps their keys with those of what is in place.
fn delete_recent(
    connection: &Connection,
    recent: &Recent,
    stream: &StreamName,
    id: StreamId,
) -> Result<(), rusqlite::Error> {
    let (entries, _) = recent.entries(stream, i64::MAX, usize::MAX);
    for entry in entries {
        for prior in entry.priors() {
            keys::insert_new(connection, id, entry.first, &prior)?;
        }
        recent::delete_row(connection, entry.row)?;
    }
    Ok(())
}
