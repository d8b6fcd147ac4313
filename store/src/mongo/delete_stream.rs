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

use lines::retention::Deleted;
use lines::{Extent, Offset, StoreError, StreamName};
use mongodb::bson::{Document, doc};

use super::MongoStore;
use super::connection::{Connection, Ready};
use super::documents::{number, to_bson};
use super::queries::ends;
use super::turn::{Lease, millis};

/// Batches at each end of a stream that are weighed. Those of a longer one are taken to be like them.
const WEIGHED: i64 = 500;

impl MongoStore {
    pub(super) async fn delete_all_of(&self, stream: &StreamName) -> Result<Option<Deleted>, StoreError> {
        loop {
            let ready = self.connection.ready().await?;
            let attempt = Attempt {
                connection: Arc::clone(&self.connection),
                lease: Lease::seize(ready, self.options.deadline * 2).await?,
                stream: stream.clone(),
                grace: self.options.grace,
            };
            let tried = tokio::spawn(attempt.run()).await;
            let tried = tried.map_err(|stopped| StoreError::Away(Box::new(stopped)))?;
            match tried? {
                Tried::Done(deleted) => return Ok(deleted),
                Tried::Overtaken => {}
            }
        }
    }
}

/// One look at a stream's end, and the change that follows from it.
struct Attempt {
    connection: Arc<Connection>,
    lease: Lease,
    stream: StreamName,
    grace: Duration,
}

impl Attempt {
    async fn run(self) -> Result<Tried, StoreError> {
        let ready = self.connection.ready().await?;
        let tried = self.delete(ready).await;
        let position = self.lease.position;
        self.lease.give_back(ready, position).await?;
        tried
    }

    async fn delete(&self, ready: &Ready) -> Result<Tried, StoreError> {
        let stream = &self.stream;
        let (found, _) = ends(ready, std::slice::from_ref(stream)).await?;
        let extent = found.get(stream).map(|end| end.extent).unwrap_or_default();
        if !extent.exists() {
            return Ok(Tried::Done(None));
        }
        let weight = weigh(ready, stream, extent).await?;
        let update = self.to_deleted(extent.next, &weight);
        Ok(match self.lease.update_streams(ready, vec![update]).await? {
            Some(1) => Tried::Done(Some(Deleted {
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
    /// It is deleted, or there is no such stream.
    Done(Option<Deleted>),
    /// Somebody else changed it, or took the turn.
    Overtaken,
}

/// What a stream's batches take, about.
#[derive(Default)]
struct Weight {
    batches: i64,
    bytes: i64,
}

/// Counts the batches by the index alone, and weighs those at both ends.
async fn weigh(ready: &Ready, stream: &StreamName, extent: Extent) -> Result<Weight, StoreError> {
    let within = doc! {"$gte": to_bson(extent.first_available), "$lt": to_bson(extent.next)};
    let matching = doc! {"$match": {"s": stream.as_str(), "o": within}};
    let weighed = |direction: i32| {
        vec![
            matching.clone(),
            doc! {"$sort": {"s": direction, "o": direction}},
            doc! {"$limit": WEIGHED},
            doc! {"$group": {"_id": null, "weighed": {"$sum": 1}, "bytes": {"$sum": {"$bsonSize": "$$ROOT"}}}},
        ]
    };
    let mut pipeline = vec![matching.clone(), doc! {"$count": "batches"}];
    pipeline.extend([1, -1].map(|direction| {
        doc! {"$unionWith": {"coll": "batches", "pipeline": weighed(direction)}}
    }));
    let mut cursor = ready.aggregate(&ready.batches, pipeline, 8).await?;
    let (mut batches, mut weighed, mut bytes) = (0, 0, 0);
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        let add = |name| number(document, name).unwrap_or_default();
        batches += add("batches");
        weighed += add("weighed");
        bytes += add("bytes");
    }
    let mean = bytes / weighed.max(1);
    Ok(Weight {
        batches,
        bytes: mean.saturating_mul(batches),
    })
}
