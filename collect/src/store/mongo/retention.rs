//! Removing, in two steps that are `grace` apart: a floor is raised, later what lies below it is deleted. See
//! [`tails`](super::tails).
//!
//! Any number of collectors may do this at once. That is safe without more, since a floor only grows and only batches
//! below one are deleted; a lease lets one at a time do it, so that nothing is counted or read twice. The clock of
//! both is the database's (`$$NOW`).

use std::time::{Duration, Instant};

use mongodb::bson::{Bson, DateTime, Document, doc};

use super::MongoStore;
use super::connection::Ready;
use super::documents::{from_bson, from_date, number, to_bson, to_date};
use crate::store::oldest::{Kept, Oldest, cutoff};
use crate::store::{Retention, StoreError, Trimmed};
use crate::{Offset, Timestamp};

/// Batches that are looked at together, and streams that are written together.
const CHUNK: usize = 1000;
/// The most batches that one call looks at.
const MOST_LOOKED_AT: usize = 500_000;
/// The most streams that are swept by one call.
const MOST_SWEPT: i64 = 10_000;
/// Streams whose batches one command deletes.
const SWEPT_TOGETHER: usize = 100;

impl MongoStore {
    pub(super) async fn remove_oldest(
        &self,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<Trimmed, StoreError> {
        let ready = self.connection.ready().await?;
        let holder = uuid::Uuid::new_v4().to_string();
        // Whoever dies with the lease delays the others by so much.
        if !take_lease(ready, &holder, self.options.deadline * 2).await? {
            return Ok(Trimmed::default());
        }
        // Half the time, so that the step under way and the lease's return fit in.
        let until = Instant::now() + self.options.deadline / 2;
        let raised = self.raise_floors(ready, retention, now, until).await;
        let swept = match raised {
            Ok(_) => self.sweep(ready, until).await,
            Err(_) => Ok(()),
        };
        let returned = return_lease(ready, &holder).await;
        let trimmed = raised?;
        swept.and(returned).map(|()| trimmed)
    }

    /// Makes the oldest batches invisible.
    async fn raise_floors(
        &self,
        ready: &Ready,
        retention: &Retention,
        now: Timestamp,
        until: Instant,
    ) -> Result<Trimmed, StoreError> {
        let total = match retention.bytes {
            Some(_) => ready.stored_bytes().await?,
            None => 0,
        };
        let mut oldest = Oldest::new(retention, now, total);
        let too_old = match (oldest.too_large(), cutoff(retention, now)) {
            (true, _) => doc! {},
            // A date holds milliseconds, so this is a little more than is wanted.
            (false, Some(cutoff)) => doc! {"at": {"$lte": to_date(cutoff)}},
            (false, None) => return Ok(Trimmed::default()),
        };
        let pipeline = vec![
            doc! {"$match": too_old},
            doc! {"$sort": {"at": 1}},
            doc! {"$project": {"s": 1, "o": 1, "n": 1, "at": 1, "bytes": {"$bsonSize": "$$ROOT"}}},
        ];
        let more = self.choose(ready, &mut oldest, pipeline, until).await?;
        let trimmed = Trimmed {
            more,
            ..oldest.chosen()
        };
        self.record(ready, oldest.floors()).await?;
        Ok(trimmed)
    }

    /// Offers batches in the order of arrival until enough are chosen. Answers whether there is more to do.
    async fn choose(
        &self,
        ready: &Ready,
        oldest: &mut Oldest<String>,
        pipeline: Vec<Document>,
        until: Instant,
    ) -> Result<bool, StoreError> {
        let mut cursor = ready.aggregate(&ready.batches, pipeline, CHUNK as u32).await?;
        let mut looked_at = 0;
        loop {
            let mut chunk: Vec<Kept<String>> = Vec::with_capacity(CHUNK);
            while chunk.len() < CHUNK && cursor.advance().await.map_err(|e| ready.error(e))? {
                chunk.extend(kept(cursor.current()));
            }
            introduce(ready, oldest, &chunk).await?;
            looked_at += chunk.len();
            let at_end = chunk.len() < CHUNK;
            for kept in chunk {
                if !oldest.wants(kept.arrived) {
                    return Ok(false);
                }
                if oldest.chosen().batches >= self.options.trim_batches {
                    return Ok(true);
                }
                oldest.offer(kept);
            }
            if at_end {
                return Ok(false);
            }
            if looked_at >= MOST_LOOKED_AT || Instant::now() >= until {
                return Ok(oldest.chosen().batches > 0);
            }
        }
    }

    /// Writes the floors down, durably, before anything is deleted (invariant 10).
    async fn record(&self, ready: &Ready, floors: Vec<(String, Offset)>) -> Result<(), StoreError> {
        for floors in floors.chunks(CHUNK) {
            let updates: Vec<Document> = floors
                .iter()
                .map(|(stream, floor)| {
                    let floor = to_bson(*floor);
                    doc! {"q": {"_id": stream}, "u": [
                        {"$set": {"floor": {"$max": ["$floor", floor]}}},
                        {"$set": {"sweep": {"$ifNull": ["$sweep", self.sweep_below(Bson::from(floor))]}}},
                    ]}
                })
                .collect();
            ready
                .write(doc! {"update": "streams", "updates": updates})
                .await?;
        }
        Ok(())
    }

    /// Deletes what was made invisible long enough ago.
    async fn sweep(&self, ready: &Ready, until: Instant) -> Result<(), StoreError> {
        let pipeline = vec![
            doc! {"$match": {"sweep.after": {"$exists": true}}},
            doc! {"$match": {"$expr": {"$lte": ["$sweep.after", "$$NOW"]}}},
            doc! {"$limit": MOST_SWEPT},
            doc! {"$project": {"below": "$sweep.below"}},
        ];
        let mut cursor = ready.aggregate(&ready.streams, pipeline, CHUNK as u32).await?;
        let mut due: Vec<(String, i64)> = Vec::new();
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            let document = cursor.current();
            if let (Ok(stream), Some(below)) = (document.get_str("_id"), number(document, "below")) {
                due.push((stream.to_owned(), below));
            }
        }
        for due in due.chunks(SWEPT_TOGETHER) {
            if Instant::now() >= until {
                break;
            }
            let deletes: Vec<Document> = due
                .iter()
                .map(|(stream, below)| doc! {"q": {"s": stream, "o": {"$lt": below}}, "limit": 0})
                .collect();
            ready
                .write(doc! {"delete": "batches", "deletes": deletes})
                .await?;
            // Whoever raised the floor in the meantime left it to the next sweep.
            let next = doc! {"$cond": [
                {"$gt": ["$floor", "$sweep.below"]}, self.sweep_below(Bson::from("$floor")), "$$REMOVE",
            ]};
            let updates: Vec<Document> = due
                .iter()
                .map(|(stream, below)| {
                    doc! {"q": {"_id": stream, "sweep.below": below}, "u": [{"$set": {"sweep": &next}}]}
                })
                .collect();
            ready
                .write(doc! {"update": "streams", "updates": updates})
                .await?;
        }
        Ok(())
    }

    /// An expression: what is to be deleted, and when.
    fn sweep_below(&self, below: Bson) -> Document {
        let grace = i64::try_from(self.options.grace.as_millis()).unwrap_or(i64::MAX);
        doc! {"below": below, "after": {"$add": ["$$NOW", grace]}}
    }
}

fn kept(document: &mongodb::bson::RawDocument) -> Option<Kept<String>> {
    let (first, count) = (number(document, "o")?, number(document, "n")?);
    Some(Kept {
        stream: document.get_str("s").ok()?.to_owned(),
        first: from_bson(first),
        next: from_bson(first.saturating_add(count)),
        arrived: from_date(document.get_datetime("at").ok()?),
        bytes: u64::try_from(number(document, "bytes")?).ok()?,
    })
}

/// Reads the floors of the streams that are met for the first time.
async fn introduce(
    ready: &Ready,
    oldest: &mut Oldest<String>,
    chunk: &[Kept<String>],
) -> Result<(), StoreError> {
    let mut new: Vec<&str> = chunk
        .iter()
        .map(|kept| kept.stream.as_str())
        .filter(|&stream| !oldest.knows(stream))
        .collect();
    new.sort_unstable();
    new.dedup();
    if new.is_empty() {
        return Ok(());
    }
    let pipeline = vec![
        doc! {"$match": {"_id": {"$in": new}}},
        doc! {"$project": {"floor": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, CHUNK as u32).await?;
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let (Ok(stream), Some(floor)) = (document.get_str("_id"), number(document, "floor")) {
            oldest.introduce(stream.to_owned(), from_bson(floor));
        }
    }
    Ok(())
}

async fn take_lease(ready: &Ready, holder: &str, length: Duration) -> Result<bool, StoreError> {
    let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    let answer = ready
        .write(doc! {"update": "cluster", "updates": [{
            "q": {"_id": "trim", "$expr": {"$lte": ["$until", "$$NOW"]}},
            "u": [{"$set": {"until": {"$add": ["$$NOW", length]}, "holder": holder}}],
        }]})
        .await?;
    Ok(answer.get_i32("nModified").is_ok_and(|taken| taken == 1))
}

async fn return_lease(ready: &Ready, holder: &str) -> Result<(), StoreError> {
    ready
        .write(doc! {"update": "cluster", "updates": [{
            "q": {"_id": "trim", "holder": holder},
            "u": {"$set": {"until": DateTime::from_millis(0)}},
        }]})
        .await
        .map(drop)
}
