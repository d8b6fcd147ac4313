//! What is invisible: deleting it when its time has come, and bringing it back before.
//!
//! A stream's document has `floor`, `hidden`, a list of what floors made invisible (`from`, `below`, `after`, when it may
//! be deleted by the database's clock, `batches`, `bytes`, and `size`, whether it went for the store's size), and `gone`:
//! whatever lies below it may be deleted already. Deleting sets `gone` first, only where what is to be deleted is still
//! noted as invisible, and deletes what `gone` then says; bringing back lowers the floor to `gone`. Both are one change
//! of one document, so whichever comes first, nothing is deleted that anybody can see. `deleted` is where the stream ended
//! when it was deleted as a whole ([`delete_stream`](super::delete_stream)): no floor is lowered beyond it.
//!
//! Before anything is deleted, the [fence](super::fence) is raised: nobody gives its offsets to other lines.

use std::collections::VecDeque;
use std::time::Instant;

use lines::retention::{Deletable, Hidden, HiddenLines, Holdings, Restored, Trimmed};
use lines::{StoreError, StreamName, Timestamp};
use mongodb::bson::{Bson, DateTime, Document, RawDocument, doc};

use super::MongoStore;
use super::connection::Ready;
use super::documents::{from_bson, from_date, number};
use super::fence::raise;
use super::turn::{Lease, begin_anew, millis};
use super::{sketches, times};
use crate::clock::TOLERANCE;

/// Streams that are written together.
const STREAMS: usize = 100;
/// Batches that one command deletes, about.
const BATCHES: u64 = 10_000;
/// Streams that are read at once where all are wanted.
const MANY: usize = 1000;

/// A stream with something to delete.
struct Due {
    stream: String,
    /// Up to where.
    below: i64,
    batches: u64,
}

impl MongoStore {
    pub(super) async fn delete(&self, what: Deletable) -> Result<Trimmed, StoreError> {
        let ready = self.connection.ready().await?;
        let settled = self
            .times
            .watch
            .lock()
            .is_settled(self.times.monotonic(), self.options.grace);
        if !settled {
            return Ok(Trimmed::default());
        }
        let until = Instant::now() + self.options.deadline / 2;
        let Some(lease) = Lease::take(ready, self.options.deadline * 2).await? else {
            return Ok(Trimmed::default());
        };
        let deleted = self.delete_some(ready, what, &lease, until).await;
        let position = lease.position;
        let returned = lease.give_back(ready, position).await;
        let deleted = deleted?;
        returned.map(|()| deleted)
    }

    async fn delete_some(
        &self,
        ready: &Ready,
        what: Deletable,
        lease: &Lease,
        until: Instant,
    ) -> Result<Trimmed, StoreError> {
        let now = lease.now;
        self.put_right(ready, now).await?;
        let mut deleted = Trimmed::default();
        loop {
            let mut due: VecDeque<Due> = due(ready, what, now).await?.into();
            deleted.more = !due.is_empty();
            if due.is_empty() || Instant::now() >= until {
                return Ok(deleted);
            }
            // Whoever believes in an end among these is let in no more. Where that is forbidden, there is the grace.
            raise(ready).await?;
            while !due.is_empty() && Instant::now() < until {
                let some = take_some(ready, &mut due).await?;
                match delete_below(ready, lease, &some).await? {
                    Some(batches) => deleted.batches += batches,
                    None => return Ok(deleted),
                }
            }
        }
    }

    /// Dates that are further off than the grace are by a clock that was far ahead and no longer is. What an older
    /// version noted is noted as this one does.
    async fn put_right(&self, ready: &Ready, now: DateTime) -> Result<(), StoreError> {
        let grace = millis(self.options.grace);
        let latest = DateTime::from_millis(now.timestamp_millis() + grace + millis(TOLERANCE));
        let wrong = doc! {"hidden.after": {"$gt": latest}};
        let older = doc! {"sweep.after": {"$exists": true}};
        let entry = doc! {
            "from": "$sweep.below", "below": "$floor", "after": {"$add": ["$$NOW", grace]},
            "batches": {"$toLong": 0}, "bytes": {"$toLong": 0}, "size": false,
        };
        ready
            .write(doc! {"update": "streams", "updates": [
                {"q": wrong, "u": [{"$set": {"hidden": self.not_before_grace()}}], "multi": true},
                // Others may be deleting it, so it cannot be brought back.
                {"q": older, "u": [
                    {"$set": {
                        "hidden": {"$concatArrays": [{"$ifNull": ["$hidden", []]}, [entry]]}, "gone": "$floor",
                    }},
                    {"$unset": "sweep"},
                ], "multi": true},
            ]})
            .await
            .map(drop)
    }

    /// An expression: what is noted as invisible, to be deleted a grace from now at the earliest.
    fn not_before_grace(&self) -> Document {
        let after = doc! {"after": {"$add": ["$$NOW", millis(self.options.grace)]}};
        doc! {"$map": {"input": "$hidden", "in": {"$mergeObjects": ["$$this", after]}}}
    }

    pub(super) async fn bring_back(&self, which: &Hidden) -> Result<Vec<Restored>, StoreError> {
        let ready = self.connection.ready().await?;
        let found = self.all_hidden(ready, usize::MAX, which).await?;
        let mut restored = Vec::new();
        for found in found.chunks(MANY) {
            let updates: Vec<Document> = found
                .iter()
                .map(|hidden| {
                    let (comes, stays) = (above_deleted(true), above_deleted(false));
                    let first = doc! {"$getField": {"field": "from", "input": {"$first": comes}}};
                    let floor = doc! {"$min": ["$floor", {"$max": ["$gone", "$deleted", first]}]};
                    let last = doc! {"$max": "$hidden.below"};
                    doc! {
                        "q": {
                            "_id": hidden.stream.as_str(), "hidden.0": {"$exists": true},
                            "$expr": {"$gt": [last, {"$ifNull": ["$deleted", 0]}]},
                        },
                        "u": [
                            {"$set": {"held": "$floor", "floor": floor, "hidden": stays}},
                            {"$set": {"hidden": {"$cond": [{"$eq": ["$hidden", []]}, "$$REMOVE", "$hidden"]}}},
                        ],
                    }
                })
                .collect();
            ready
                .write(doc! {"update": "streams", "updates": updates})
                .await?;
            restored.extend(held(ready, found).await?);
        }
        begin_anew(ready).await?;
        Ok(restored)
    }

    pub(super) async fn rely_on_the_clock(&self) -> Result<(), StoreError> {
        let ready = self.connection.ready().await?;
        self.believe_the_clock(ready).await?;
        ready
            .write(doc! {"update": "streams", "updates": [
                {"q": {"held": {"$exists": true}}, "u": {"$unset": {"held": ""}}, "multi": true},
                // The clock may have leapt since: what is invisible stays on the disk for the grace, whatever it says.
                {
                    "q": {"hidden.after": {"$exists": true}},
                    "u": [{"$set": {"hidden": self.not_before_grace()}}],
                    "multi": true,
                },
            ]})
            .await?;
        begin_anew(ready).await
    }

    pub(super) async fn count_holdings(&self) -> Result<Holdings, StoreError> {
        let ready = self.connection.ready().await?;
        let now = self.times.now(ready).await?;
        let sums = hidden_sums(ready).await?;
        let trim = ready.cluster("trim").await?;
        let after = trim.and_then(|trim| trim.get_datetime("after").ok().copied());
        let so = after.map_or(doc! {"$exists": true}, |after| doc! {"$gt": after});
        Ok(Holdings {
            bytes: ready.stored_bytes().await?,
            hidden_bytes: sums.bytes,
            hidden_streams: sums.streams,
            held_streams: held_streams(ready).await?,
            oldest: times::first_arrival(ready, so, 1).await?,
            newest: times::newest(ready, now).await?,
            deletion: sums.after,
            allowed: times::allowed(ready).await?,
        })
    }

    pub(super) async fn list_hidden(&self, most: usize) -> Result<Vec<HiddenLines>, StoreError> {
        let ready = self.connection.ready().await?;
        self.all_hidden(ready, most, &Hidden::All).await
    }

    async fn all_hidden(
        &self,
        ready: &Ready,
        most: usize,
        which: &Hidden,
    ) -> Result<Vec<HiddenLines>, StoreError> {
        let pipeline = vec![
            doc! {"$match": {"hidden.after": {"$exists": true}}},
            doc! {"$sort": {"_id": 1}},
            doc! {"$set": {"hidden": above_deleted(true)}},
            doc! {"$project": {
                "floor": 1, "from": {"$max": ["$gone", "$deleted", {"$min": "$hidden.from"}]},
                "bytes": {"$sum": "$hidden.bytes"}, "after": {"$min": "$hidden.after"},
            }},
        ];
        let mut cursor = ready.aggregate(&ready.streams, pipeline, MANY as u32).await?;
        let mut found = Vec::new();
        while found.len() < most && cursor.advance().await.map_err(|e| ready.error(e))? {
            let hidden = hidden_lines(cursor.current());
            found.extend(hidden.filter(|it| it.from < it.to && which.means(&it.stream)));
        }
        Ok(found)
    }
}

/// An expression: what is noted as invisible and went after the stream was last deleted, or all else of it.
fn above_deleted(is_above: bool) -> Document {
    let above = doc! {"$gt": ["$$this.below", {"$ifNull": ["$deleted", 0]}]};
    doc! {"$filter": {"input": "$hidden", "cond": {"$eq": [above, is_above]}}}
}

fn hidden_lines(document: &RawDocument) -> Option<HiddenLines> {
    Some(HiddenLines {
        stream: StreamName::parse(document.get_str("_id").ok()?).ok()?,
        from: from_bson(number(document, "from")?),
        to: from_bson(number(document, "floor")?),
        bytes: u64::try_from(number(document, "bytes")?).unwrap_or_default(),
        deleted_after: from_date(document.get_datetime("after").ok()?),
    })
}

/// Streams of which something is due.
async fn due(ready: &Ready, what: Deletable, now: DateTime) -> Result<Vec<Due>, StoreError> {
    let mut is_due = doc! {"after": {"$lte": now}};
    let mut counts = doc! {"$lte": ["$$this.after", now]};
    if what == Deletable::TooMuch {
        is_due.insert("size", true);
        counts = doc! {"$and": [counts, "$$this.size"]};
    }
    let pipeline = vec![
        // Found by the index over `hidden.after`.
        doc! {"$match": {"hidden.after": {"$lte": now}, "hidden": {"$elemMatch": is_due}}},
        doc! {"$limit": MANY as i64},
        doc! {"$set": {"below": {"$max": {"$map": {
            "input": {"$filter": {"input": "$hidden", "cond": counts}}, "in": "$$this.below",
        }}}}},
        doc! {"$project": {"below": 1, "batches": {"$sum": {"$map": {
            "input": {"$filter": {"input": "$hidden", "cond": {"$lte": ["$$this.below", "$below"]}}},
            "in": "$$this.batches",
        }}}}},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, MANY as u32).await?;
    let mut due = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let (Ok(stream), Some(below)) = (document.get_str("_id"), number(document, "below")) {
            due.push(Due {
                stream: stream.to_owned(),
                below,
                batches: u64::try_from(number(document, "batches").unwrap_or_default()).unwrap_or_default(),
            });
        }
    }
    Ok(due)
}

/// As much as one command deletes, from the front.
async fn take_some(ready: &Ready, due: &mut VecDeque<Due>) -> Result<Vec<Due>, StoreError> {
    let (mut some, mut batches) = (Vec::new(), 0);
    while let Some(next) = due.front()
        && some.len() < STREAMS
        && (some.is_empty() || batches + next.batches <= BATCHES)
    {
        batches += next.batches;
        some.extend(due.pop_front());
    }
    if let [large] = &mut some[..]
        && large.batches > BATCHES
    {
        let below = nth(ready, &large.stream, large.below).await?;
        if below < large.below {
            due.push_front(Due {
                stream: large.stream.clone(),
                below: large.below,
                batches: large.batches - BATCHES,
            });
        }
        large.below = below;
    }
    Ok(some)
}

/// Where the batch begins that is as many batches from the stream's first one as one command deletes; `below` when there
/// are not so many.
async fn nth(ready: &Ready, stream: &str, below: i64) -> Result<i64, StoreError> {
    let pipeline = vec![
        doc! {"$match": {"s": stream, "o": {"$lt": below}}},
        doc! {"$sort": {"s": 1, "o": 1}},
        doc! {"$skip": BATCHES.cast_signed()},
        doc! {"$limit": 1},
        doc! {"$project": {"_id": 0, "o": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.batches, pipeline, 1).await?;
    if cursor.advance().await.map_err(|e| ready.error(e))? {
        Ok(number(cursor.current(), "o").unwrap_or(below))
    } else {
        Ok(below)
    }
}

/// Deletes, and answers how many batches; `None` when it is somebody else's turn.
async fn delete_below(ready: &Ready, lease: &Lease, due: &[Due]) -> Result<Option<u64>, StoreError> {
    let updates: Vec<Document> = due
        .iter()
        .map(|Due { stream, below, .. }| {
            doc! {
                "q": {"_id": stream, "floor": {"$gte": below}, "hidden.below": {"$gte": below}},
                "u": [{"$set": {"gone": {"$max": ["$gone", below]}}}],
            }
        })
        .collect();
    if lease.update_streams(ready, updates).await?.is_none() {
        return Ok(None);
    }
    let gone = read_gone(ready, due).await?;
    if gone.is_empty() {
        return Ok(Some(0));
    }
    let deletes: Vec<Document> = gone
        .iter()
        .map(|(stream, gone)| {
            // One that reaches beyond has lines that are visible: no floor lies within a batch, unless an older version
            // raised it. What says nothing of its length goes.
            let length = doc! {"$cond": [{"$isNumber": "$n"}, "$n", 0]};
            let ends_below = doc! {"$lte": [{"$add": ["$o", length]}, gone]};
            doc! {"q": {"s": stream, "o": {"$lt": gone}, "$expr": ends_below}, "limit": 0}
        })
        .collect();
    let answer = ready
        .write(doc! {"delete": "batches", "deletes": deletes})
        .await?;
    sketches::follow(ready, &gone).await;
    // Nothing below `gone` is left, and what is left of the others begins there.
    let rest = doc! {"$map": {
        "input": {"$filter": {"input": {"$ifNull": ["$hidden", []]}, "cond": {"$gt": ["$$this.below", "$gone"]}}},
        "in": {"$mergeObjects": ["$$this", {"from": {"$max": ["$$this.from", "$gone"]}}]},
    }};
    let tidy: Vec<Document> = gone
        .iter()
        .map(|(stream, _)| {
            doc! {"q": {"_id": stream}, "u": [
                {"$set": {"hidden": &rest}},
                {"$set": {"hidden": {"$cond": [{"$eq": ["$hidden", []]}, "$$REMOVE", "$hidden"]}}},
            ]}
        })
        .collect();
    ready.write(doc! {"update": "streams", "updates": tidy}).await?;
    let deleted = answer.get_i32("n").unwrap_or_default();
    Ok(Some(u64::try_from(deleted).unwrap_or_default()))
}

/// What may be deleted of these streams, by now.
async fn read_gone(ready: &Ready, due: &[Due]) -> Result<Vec<(String, i64)>, StoreError> {
    let names: Vec<&str> = due.iter().map(|due| due.stream.as_str()).collect();
    let pipeline = vec![
        doc! {"$match": {"_id": {"$in": names}, "gone": {"$exists": true}}},
        doc! {"$project": {"gone": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, STREAMS as u32).await?;
    let mut gone = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let (Ok(stream), Some(below)) = (document.get_str("_id"), number(document, "gone")) {
            gone.push((stream.to_owned(), below));
        }
    }
    Ok(gone)
}

/// What became of streams that were to be brought back.
async fn held(ready: &Ready, asked: &[HiddenLines]) -> Result<Vec<Restored>, StoreError> {
    let names: Vec<Bson> = asked
        .iter()
        .map(|hidden| Bson::from(hidden.stream.as_str()))
        .collect();
    let pipeline = vec![
        doc! {"$match": {"_id": {"$in": names}, "held": {"$exists": true}}},
        doc! {"$sort": {"_id": 1}},
        doc! {"$project": {"floor": 1, "held": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, MANY as u32).await?;
    let mut restored = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        let read = || -> Option<Restored> {
            Some(Restored {
                stream: StreamName::parse(document.get_str("_id").ok()?).ok()?,
                from: from_bson(number(document, "floor")?),
                to: from_bson(number(document, "held")?),
            })
        };
        restored.extend(read().filter(|restored| restored.from < restored.to));
    }
    Ok(restored)
}

/// What is invisible, all in all.
#[derive(Default)]
pub(super) struct HiddenSums {
    /// Of which lines can be brought back.
    pub(super) streams: u64,
    pub(super) bytes: u64,
    /// When the next of it may be deleted.
    pub(super) after: Option<Timestamp>,
}

pub(super) async fn hidden_sums(ready: &Ready) -> Result<HiddenSums, StoreError> {
    let can_come_back = doc! {"$gt": [{"$max": "$hidden.below"}, {"$ifNull": ["$deleted", 0]}]};
    let pipeline = vec![
        doc! {"$match": {"hidden.after": {"$exists": true}}},
        doc! {"$group": {
            "_id": null, "streams": {"$sum": {"$cond": [can_come_back, 1, 0]}},
            "bytes": {"$sum": {"$sum": "$hidden.bytes"}},
            "after": {"$min": {"$min": "$hidden.after"}},
        }},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, 1).await?;
    if !cursor.advance().await.map_err(|e| ready.error(e))? {
        return Ok(HiddenSums::default());
    }
    let document = cursor.current();
    let sum = |name| number(document, name).and_then(|sum| u64::try_from(sum).ok());
    Ok(HiddenSums {
        streams: sum("streams").unwrap_or_default(),
        bytes: sum("bytes").unwrap_or_default(),
        after: document.get_datetime("after").ok().map(from_date),
    })
}

async fn held_streams(ready: &Ready) -> Result<u64, StoreError> {
    let pipeline = vec![
        doc! {"$match": {"held": {"$exists": true}}},
        doc! {"$count": "streams"},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, 1).await?;
    if cursor.advance().await.map_err(|e| ready.error(e))? {
        Ok(number(cursor.current(), "streams").map_or(0, |n| u64::try_from(n).unwrap_or_default()))
    } else {
        Ok(0)
    }
}
