//! Deleting a stream: its floor is raised to its head, for good, in one change of its document.
//!
//! The document stays, with the floor: whoever appends later, or was about to, goes on where the stream ended (invariants 2
//! and 10). `deleted` is that offset, too: as long as nothing lies behind it, there is no such stream for readers, and
//! lowering a floor ends there. The batches stay on the disk for the grace, as with everything that a floor hides, for the
//! reasons that [`tails`](super::tails) has, and are deleted behind the [fence](super::fence).
//!
//! A floor is where a batch begins, so nobody may merge between the look at the end and the change: whoever deletes a stream
//! takes the [turn](super::turn) from whoever has it. What is appended in between begins at the end that was seen, and
//! comes after the deletion.
//!
//! An attempt is not given up in the middle, though whoever asked for it may go: the driver leaves a transaction open that
//! is dropped while it commits, and until the server gives that up nobody could take the turn. One attempt goes on alone at
//! most, and comes to nothing as soon as somebody else takes the turn: what is written later is not its to delete.

use std::sync::Arc;
use std::time::Duration;

use lines::retention::{Deleted, Deletion};
use lines::{Extent, Offset, StoreError, StreamName};
use mongodb::bson::{Document, doc};

use super::MongoStore;
use super::connection::{Connection, Ready};
use super::documents::{number, to_bson};
use super::queries::ends;
use super::turn::{Lease, millis};

/// Batches at each end of a stream that are weighed. Those of a longer one are taken to be like them.
const WEIGHED: i64 = 500;
/// Batches that are counted. That a stream has more of them is no reason to look at each: it is to go.
const COUNTED: i64 = 300_000;
/// Until somebody else who deletes a stream is looked for again.
const PAUSE: Duration = Duration::from_millis(30);

impl MongoStore {
    pub(super) async fn delete_all_of(
        &self,
        stream: &StreamName,
        ending: Option<Offset>,
    ) -> Result<Deletion, StoreError> {
        loop {
            let attempt = Attempt {
                connection: Arc::clone(&self.connection),
                stream: stream.clone(),
                ending,
                grace: self.options.grace,
                deadline: self.options.deadline,
            };
            let tried = tokio::spawn(attempt.run()).await;
            let tried = tried.map_err(|stopped| StoreError::Away(Box::new(stopped)))?;
            match tried? {
                Tried::Done(deleted) => return Ok(deleted),
                Tried::Overtaken => {}
                Tried::NotItsTurn => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}

/// One look at a stream's end, and the change that follows from it.
struct Attempt {
    connection: Arc<Connection>,
    stream: StreamName,
    /// Where it has to end.
    ending: Option<Offset>,
    grace: Duration,
    deadline: Duration,
}

impl Attempt {
    async fn run(self) -> Result<Tried, StoreError> {
        let ready = self.connection.ready().await?;
        let Some(lease) = Lease::seize(ready, self.deadline * 2).await? else {
            return Ok(Tried::NotItsTurn);
        };
        let tried = self.delete(ready, &lease).await;
        let position = lease.position;
        lease.give_back(ready, position).await?;
        tried
    }

    async fn delete(&self, ready: &Ready, lease: &Lease) -> Result<Tried, StoreError> {
        let stream = &self.stream;
        let (found, _) = ends(ready, std::slice::from_ref(stream)).await?;
        let extent = found.get(stream).map(|end| end.extent).unwrap_or_default();
        if !extent.exists() {
            return Ok(Tried::Done(Deletion::Absent));
        }
        // What is appended from here on begins at this end, and comes after the deletion.
        if self.ending.is_some_and(|ending| ending != extent.next) {
            return Ok(Tried::Done(Deletion::Grown { next: extent.next }));
        }
        let weight = weigh(ready, stream, extent).await?;
        let update = self.to_deleted(extent.next, &weight);
        Ok(match lease.update_streams(ready, vec![update]).await? {
            Some(1) => Tried::Done(Deletion::Done(Deleted {
                from: extent.first_available,
                next: extent.next,
            })),
            _ => Tried::Overtaken,
        })
    }

    /// From where the floor is by then: somebody may bring lines back meanwhile.
    fn to_deleted(&self, next: Offset, weight: &Weight) -> Document {
        let next = to_bson(next);
        let entry = doc! {
            "from": "$floor", "below": next, "after": {"$add": ["$$NOW", millis(self.grace)]},
            "batches": weight.batches, "bytes": weight.bytes,
            // Whether it may go depends on no clock, as with what goes for the store's size.
            "size": true,
        };
        let more = doc! {"$cond": [{"$lt": ["$floor", next]}, [entry], []]};
        let hidden = doc! {"$concatArrays": [{"$ifNull": ["$hidden", []]}, more]};
        doc! {
            "q": {"_id": self.stream.as_str(), "floor": {"$lte": next}, "deleted": {"$not": {"$gte": next}}},
            "u": [
                {"$set": {"hidden": hidden}},
                {"$set": {"hidden": {"$cond": [{"$eq": ["$hidden", []]}, "$$REMOVE", "$hidden"]}}},
                {"$set": {"floor": next, "deleted": next}},
                {"$unset": "held"},
            ],
        }
    }
}

/// What came of an attempt.
enum Tried {
    /// It is deleted, or there is nothing that is to be.
    Done(Deletion),
    /// Somebody else changed it, or took the turn.
    Overtaken,
    /// Somebody else deletes a stream.
    NotItsTurn,
}

/// What a stream's batches take, about.
#[derive(Default)]
struct Weight {
    batches: i64,
    bytes: i64,
}

/// Counts the batches by the index alone, as far as that is soon done, and weighs those at both ends.
async fn weigh(ready: &Ready, stream: &StreamName, extent: Extent) -> Result<Weight, StoreError> {
    let within = doc! {"$gte": to_bson(extent.first_available), "$lt": to_bson(extent.next)};
    let matching = doc! {"$match": {"s": stream.as_str(), "o": within}};
    let weighed = |direction: i32| {
        vec![
            matching.clone(),
            doc! {"$sort": {"s": direction, "o": direction}},
            doc! {"$limit": WEIGHED},
            doc! {"$group": {
                "_id": null, "weighed": {"$sum": 1}, "lines": {"$sum": "$n"}, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}},
            }},
        ]
    };
    let counted = [doc! {"$limit": COUNTED}, doc! {"$count": "batches"}];
    let mut pipeline = vec![matching.clone()];
    pipeline.extend(counted);
    pipeline.extend([1, -1].map(|direction| {
        doc! {"$unionWith": {"coll": "batches", "pipeline": weighed(direction)}}
    }));
    let mut cursor = ready.aggregate(&ready.batches, pipeline, 8).await?;
    let mut sums = Sums::default();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        let add = |name| number(document, name).unwrap_or_default();
        sums.batches += add("batches");
        sums.weighed += add("weighed");
        sums.lines += add("lines");
        sums.bytes += add("bytes");
    }
    Ok(sums.weight(extent))
}

/// What was counted, and what was weighed.
#[derive(Default)]
struct Sums {
    batches: i64,
    weighed: i64,
    lines: i64,
    bytes: i64,
}

impl Sums {
    fn weight(&self, extent: Extent) -> Weight {
        let part = |of: i64, whole: i64, total: i64| {
            let part = i128::from(of) * i128::from(total) / i128::from(whole.max(1));
            i64::try_from(part).unwrap_or(i64::MAX)
        };
        let batches = if self.batches < COUNTED {
            self.batches
        } else {
            let lines = to_bson(extent.next) - to_bson(extent.first_available);
            part(self.weighed, self.lines, lines).max(COUNTED)
        };
        Weight {
            batches,
            bytes: part(self.bytes, self.weighed, batches),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(batches: i64, weighed: i64, lines: i64, bytes: i64, of: u64) -> (i64, i64) {
        let sums = Sums {
            batches,
            weighed,
            lines,
            bytes,
        };
        let extent = Extent {
            first_available: Offset(0),
            next: Offset(of),
            ..Extent::default()
        };
        let weight = sums.weight(extent);
        (weight.batches, weight.bytes)
    }

    #[test]
    fn what_is_weighed_at_the_ends_stands_for_the_whole() {
        assert_eq!(weight(0, 0, 0, 0, 0), (0, 0));
        assert_eq!(weight(3, 6, 12, 600, 6), (3, 300), "both ends are the whole");
        assert_eq!(weight(2_000, 1_000, 5_000, 100_000, 10_000), (2_000, 200_000));
        let many = 10 * COUNTED as u64;
        assert_eq!(
            weight(COUNTED, 1_000, 1_000, 100_000, many),
            (many as i64, many as i64 * 100),
            "by their lines, where they are too many to be counted"
        );
    }
}
