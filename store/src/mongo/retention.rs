//! Making the oldest batches invisible, by raising floors. What lies below them is deleted later, see
//! [`deletion`](super::deletion).
//!
//! Any number of collectors may do this at once. That is safe without more, since a floor is raised only where it still
//! is as it was seen; a lease lets one at a time do it, so that nothing is read twice. Beside the lease stands how far
//! the last call came, in the order of arrival: the next one begins there.

use std::time::Instant;

use lines::retention::{Retention, Trimmed};
use lines::{StoreError, Timestamp};
use mongodb::bson::{Bson, Document, doc};

use super::MongoStore;
use super::connection::Ready;
use super::documents::{from_bson, from_date, number, to_bson, to_date};
use super::turn::{Lease, millis};
use crate::oldest::{Gap, Kept, Next, Oldest, Raise, Why, cutoff};
use crate::position::Position;

/// Batches that are looked at together, and streams that are written together.
const CHUNK: usize = 1000;
/// What is made invisible within this part of the grace is deleted together.
const TOGETHER_PART: u32 = 8;

impl MongoStore {
    pub(super) async fn raise_floors(
        &self,
        retention: &Retention,
        now: Timestamp,
    ) -> Result<Trimmed, StoreError> {
        if retention.age.is_none() && retention.bytes.is_none() {
            return Ok(Trimmed::default());
        }
        let ready = self.connection.ready().await?;
        // Half the time, so that the step under way and the lease's return fit in.
        let until = Instant::now() + self.options.deadline / 2;
        // Whoever dies with the lease delays the others by so much.
        let Some(lease) = Lease::take(ready, self.options.deadline * 2).await? else {
            return Ok(Trimmed::default());
        };
        let begun = lease.position.begin(now);
        let raised = self.raise_some(ready, retention, now, &lease, begun, until).await;
        let reached = raised.as_ref().map_or(lease.position, |(_, reached)| *reached);
        let returned = lease.give_back(ready, reached).await;
        let (trimmed, _) = raised?;
        returned.map(|()| trimmed)
    }

    async fn raise_some(
        &self,
        ready: &Ready,
        retention: &Retention,
        now: Timestamp,
        lease: &Lease,
        position: Position,
        until: Instant,
    ) -> Result<(Trimmed, Position), StoreError> {
        let excess = match retention.bytes {
            Some(most) => excess(ready, most).await?,
            None => 0,
        };
        if let Some(cutoff) = cutoff(retention, now) {
            lift(ready, cutoff).await?;
        }
        let mut oldest = Oldest::new(retention, now, excess, self.options.trim_batches);
        let end = self
            .choose(ready, &mut oldest, cutoff(retention, now), position, until)
            .await?;
        fill_gaps(ready, &mut oldest, until).await?;
        let mut position = Position {
            after: end.reached.or(position.after),
            ..position
        };
        // What is left of a store that is too large lies before where this trim began.
        if end.at_end && oldest.too_large() {
            position = Position::default();
        }
        let (mut trimmed, overtaken) = self.record(ready, lease, oldest.floors()).await?;
        trimmed.more = end.more || overtaken;
        // What was not raised is looked at again.
        let reached = if overtaken { lease.position } else { position };
        Ok((trimmed, reached))
    }

    /// Offers batches in the order of arrival until enough are chosen.
    async fn choose(
        &self,
        ready: &Ready,
        oldest: &mut Oldest<String>,
        cutoff: Option<Timestamp>,
        position: Position,
        until: Instant,
    ) -> Result<End, StoreError> {
        let mut so = Document::new();
        if let Some(after) = position.after {
            so.insert("$gt", to_date(after));
        }
        match (oldest.too_large(), cutoff) {
            (true, _) => {}
            // A date holds milliseconds, so this is a little more than is wanted.
            (false, Some(cutoff)) => drop(so.insert("$lte", to_date(cutoff))),
            (false, None) => return Ok(End::default()),
        }
        let so = if so.is_empty() {
            doc! {"$exists": true}
        } else {
            so
        };
        let pipeline = vec![
            doc! {"$match": {"at": so}},
            doc! {"$sort": {"at": 1}},
            doc! {"$project": {"s": 1, "o": 1, "n": 1, "at": 1, "bytes": {"$bsonSize": "$$ROOT"}}},
        ];
        let mut cursor = ready.aggregate(&ready.batches, pipeline, CHUNK as u32).await?;
        let mut end = End::default();
        loop {
            let mut chunk: Vec<Kept<String>> = Vec::with_capacity(CHUNK);
            while chunk.len() < CHUNK && cursor.advance().await.map_err(|e| ready.error(e))? {
                chunk.extend(kept(cursor.current()));
            }
            introduce(ready, oldest, &chunk).await?;
            end.at_end = chunk.len() < CHUNK;
            let mut before = None;
            for kept in chunk {
                let next = oldest.next(kept.arrived);
                if next != Next::Offer {
                    end.reached = oldest.looked_up_to();
                    end.more = next == Next::Enough;
                    end.at_end = false;
                    return Ok(end);
                }
                if before.is_some_and(|before| before < kept.arrived) {
                    end.reached = before;
                }
                before = Some(kept.arrived);
                oldest.offer(kept);
            }
            if end.at_end {
                end.reached = oldest.looked_up_to();
                return Ok(end);
            }
            // The batches with the last stamp are perhaps not all there: the next call begins with them.
            if Instant::now() >= until {
                end.more = true;
                return Ok(end);
            }
        }
    }

    /// Writes the floors down, durably, before anything is deleted (invariant 10). Only those that are still where they
    /// were seen: they may have been lowered meanwhile. Says, too, whether somebody else came between.
    async fn record(
        &self,
        ready: &Ready,
        lease: &Lease,
        raises: Vec<Raise<String>>,
    ) -> Result<(Trimmed, bool), StoreError> {
        let mut trimmed = Trimmed::default();
        for raises in raises.chunks(CHUNK) {
            let updates: Vec<Document> = raises.iter().map(|raise| self.update_of(raise)).collect();
            let Some(meant) = lease.update_streams(ready, updates).await? else {
                return Ok((trimmed, true));
            };
            // The answer does not say which ones.
            if meant == raises.len() as u64 {
                trimmed.batches += raises.iter().map(|raise| raise.batches).sum::<u64>();
                trimmed.lines += raises
                    .iter()
                    .map(|raise| raise.floor.since(raise.was))
                    .sum::<u64>();
            }
        }
        Ok((trimmed, false))
    }

    /// Raises a floor and notes what is to be deleted, and when; together with what was made invisible a moment before.
    fn update_of(&self, raise: &Raise<String>) -> Document {
        let grace = self.options.grace;
        let floor = to_bson(raise.floor);
        let after = doc! {"$add": ["$$NOW", millis(grace)]};
        let (batches, bytes) = (raise.batches.cast_signed(), raise.bytes.cast_signed());
        let size = raise.why == Why::Size;
        let mut seen = doc! {"_id": &raise.stream, "floor": to_bson(raise.was)};
        if !size {
            seen.insert("held", doc! {"$exists": false});
        }
        let entry = |from: Bson, batches: Bson, bytes: Bson| {
            doc! {"from": from, "below": floor, "after": &after, "batches": batches, "bytes": bytes, "size": size}
        };
        let joins = doc! {"$and": [
            {"$gte": ["$$last.after", {"$add": ["$$NOW", millis(grace - grace / TOGETHER_PART)]}]},
            {"$eq": ["$$last.size", size]},
            // A stream that was deleted does not come back with what goes later.
            {"$ne": ["$$last.below", "$deleted"]},
        ]};
        let joined = entry(
            "$$last.from".into(),
            doc! {"$add": ["$$last.batches", batches]}.into(),
            doc! {"$add": ["$$last.bytes", bytes]}.into(),
        );
        let others = doc! {"$filter": {"input": "$$all", "cond": {"$ne": ["$$this.below", "$$last.below"]}}};
        let alone = entry("$floor".into(), batches.into(), bytes.into());
        let hidden = doc! {"$let": {
            "vars": {"all": {"$ifNull": ["$hidden", []]}},
            "in": {"$let": {
                "vars": {"last": {"$last": "$$all"}},
                "in": {"$cond": [
                    joins,
                    {"$concatArrays": [others, [joined]]},
                    {"$concatArrays": ["$$all", [alone]]},
                ]},
            }},
        }};
        doc! {"q": seen, "u": [{"$set": {"hidden": hidden}}, {"$set": {"floor": floor}}]}
    }
}

/// How far a look at the batches came.
#[derive(Default)]
struct End {
    /// Everything that arrived up to then was looked at.
    reached: Option<Timestamp>,
    /// Whether there are no batches after those.
    at_end: bool,
    /// Whether there is more than one trim may do.
    more: bool,
}

/// By how many bytes what is visible is more than it may be.
async fn excess(ready: &Ready, most: u64) -> Result<u64, StoreError> {
    let excess = ready.stored_bytes().await?.saturating_sub(most);
    match excess {
        0 => Ok(0),
        excess => Ok(excess.saturating_sub(super::deletion::hidden_sums(ready).await?.bytes)),
    }
}

/// Lets age take again from streams whose lines were brought back, where it would leave those alone now.
async fn lift(ready: &Ready, cutoff: Timestamp) -> Result<(), StoreError> {
    let pipeline = vec![
        doc! {"$match": {"held": {"$exists": true}}},
        doc! {"$lookup": {
            "from": "batches",
            "let": {"s": "$_id", "floor": "$floor", "held": "$held"},
            "pipeline": [
                {"$match": {"$expr": {"$and": [
                    {"$eq": ["$s", "$$s"]}, {"$gte": ["$o", "$$floor"]}, {"$lt": ["$o", "$$held"]},
                ]}}},
                {"$match": {"at": {"$lt": to_date(cutoff)}}},
                {"$limit": 1},
                {"$project": {"_id": 1}},
            ],
            "as": "old",
        }},
        doc! {"$match": {"old": []}},
        doc! {"$project": {"held": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, CHUNK as u32).await?;
    let mut updates: Vec<Document> = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let (Ok(stream), Some(held)) = (document.get_str("_id"), number(document, "held")) {
            updates.push(doc! {"q": {"_id": stream, "held": held}, "u": {"$unset": {"held": ""}}});
        }
    }
    for updates in updates.chunks(CHUNK) {
        ready
            .write(doc! {"update": "streams", "updates": updates})
            .await?;
    }
    Ok(())
}

async fn fill_gaps(ready: &Ready, oldest: &mut Oldest<String>, until: Instant) -> Result<(), StoreError> {
    loop {
        let gaps = oldest.gaps();
        if gaps.is_empty() {
            return Ok(());
        }
        for gap in gaps {
            let found = if Instant::now() < until {
                within(ready, &gap).await?
            } else {
                Vec::new()
            };
            oldest.fill(&gap, found);
        }
    }
}

/// The batches at the beginning of a gap.
async fn within(ready: &Ready, gap: &Gap<String>) -> Result<Vec<Kept<String>>, StoreError> {
    let pipeline = vec![
        doc! {"$match": {"s": &gap.stream, "o": {"$gte": to_bson(gap.from), "$lt": to_bson(gap.to)}}},
        doc! {"$sort": {"s": 1, "o": 1}},
        doc! {"$limit": CHUNK as i64},
        doc! {"$project": {"s": 1, "o": 1, "n": 1, "at": 1, "bytes": {"$bsonSize": "$$ROOT"}}},
    ];
    let mut cursor = ready.aggregate(&ready.batches, pipeline, CHUNK as u32).await?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        found.extend(kept(cursor.current()));
    }
    Ok(found)
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
        doc! {"$project": {"floor": 1, "held": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.streams, pipeline, CHUNK as u32).await?;
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let (Ok(stream), Some(floor)) = (document.get_str("_id"), number(document, "floor")) {
            let held = number(document, "held").is_some();
            oldest.introduce(stream.to_owned(), from_bson(floor), held);
        }
    }
    Ok(())
}
