//! Sketches of lines, and where by them lines may lie that a search is for.
//!
//! `sketches` has the outlines: `s` stream, `o` first offset, `e` where it ends, `k` kinds, `b` how many lines each block
//! has, `l` what tells its last line from others. `sketch_slices` has the slices: `_id` is `{k, i}`, the sketch and the number, `s` and `e` as in the outline, `r` rows.
//!
//! A sketch has an identity of its own, and its slices are written before its outline: whoever makes the same one at the
//! same time never mixes slices with it. Slices of which the outline never came go with their lines like all others.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use lines::filter::needs::Needs;
use lines::sketch::{LAYOUT, Outline, Reach, Sketch, place};
use lines::{Offset, StoreError, StreamName};
use mongodb::bson::oid::ObjectId;
use mongodb::bson::raw::RawBsonRef;
use mongodb::bson::{Document, RawDocument, doc};

use super::MongoStore;
use super::connection::Ready;
use super::documents::{binary, from_bson, number, to_bson};
use super::turn::millis;

/// Sketches that are asked together.
const TOGETHER: usize = 64;
/// Outlines that come at once.
const OUTLINES: u32 = 1000;

/// An outline, and which sketch it is of.
struct Kept {
    id: ObjectId,
    outline: Outline,
}

/// For how long a process makes sketches when it asks no more whether it is to. Less than the minute by which it asks again would
/// have them made twice.
const TURN: Duration = Duration::from_secs(90);

impl MongoStore {
    /// Takes or keeps the right to make sketches, unless another process has it.
    pub(super) async fn take_sketching(&self) -> Result<bool, StoreError> {
        let ready = self.connection.ready().await?;
        let turn = millis(TURN);
        let which = doc! {"_id": "sketch", "$or": [
            {"holder": &self.sketching},
            {"$expr": {"$lte": ["$until", "$$NOW"]}},
            // By a clock that was wrong.
            {"$expr": {"$gt": ["$until", {"$add": ["$$NOW", turn * 2]}]}},
        ]};
        let take = doc! {"$set": {"holder": &self.sketching, "until": {"$add": ["$$NOW", turn]}}};
        let taken = ready.change("cluster", which, vec![take]).await?;
        Ok(taken.is_some())
    }

    pub(super) async fn find_sketched(&self, stream: &StreamName, upto: Offset) -> Result<Reach, StoreError> {
        let ready = self.connection.ready().await?;
        let pipeline = vec![
            doc! {"$match": {
                "s": stream.as_str(), "e": {"$lte": to_bson(upto)}, "k": {"$gte": i32::from(LAYOUT)},
            }},
            doc! {"$sort": {"s": -1, "e": -1}},
            doc! {"$limit": 1},
            doc! {"$project": {"e": 1, "l": 1}},
        ];
        let mut cursor = ready.aggregate(&ready.sketches, pipeline, 1).await?;
        let mut found = Reach::default();
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            found = reach(cursor.current()).unwrap_or(found);
        }
        Ok(found)
    }

    /// Keeps a sketch, unless there is one that begins there.
    pub(super) async fn keep(&self, stream: &StreamName, sketch: &Sketch) -> Result<bool, StoreError> {
        let ready = self.connection.ready().await?;
        let (id, outline) = (ObjectId::new(), &sketch.outline);
        let end = to_bson(outline.next());
        let slices: Vec<Document> = (0_i32..)
            .zip(&sketch.slices)
            .map(|(nth, slice)| {
                let name = doc! {"k": id, "i": nth};
                doc! {"_id": name, "s": stream.as_str(), "e": end, "r": binary(slice)}
            })
            .collect();
        if !slices.is_empty() {
            ready
                .write(doc! {"insert": "sketch_slices", "documents": slices})
                .await?;
        }
        // What earlier layouts have of these lines; its slices go when these do.
        let earlier = doc! {
            "s": stream.as_str(), "e": {"$gt": to_bson(outline.first)}, "o": {"$lt": end},
            "k": {"$lt": i32::from(LAYOUT)},
        };
        ready
            .write(doc! {"delete": "sketches", "deletes": [{"q": earlier, "limit": 0}]})
            .await?;
        let document = doc! {
            "_id": id, "s": stream.as_str(), "o": to_bson(outline.first), "e": end,
            "k": i32::from(outline.kinds), "b": outline.lengths().map(i64::from).collect::<Vec<_>>(),
            "l": outline.last.cast_signed(),
        };
        let answer = ready
            .write(doc! {"insert": "sketches", "documents": [document]})
            .await?;
        if answer.get_i32("n").is_ok_and(|kept| kept == 0) {
            let own = doc! {"s": stream.as_str(), "e": end, "_id.k": id};
            ready
                .write(doc! {"delete": "sketch_slices", "deletes": [{"q": own, "limit": 0}]})
                .await?;
        }
        Ok(true)
    }

    /// Removes the sketches that reach beyond the head.
    pub(super) async fn delete_beyond(&self, stream: &StreamName, head: Offset) -> Result<(), StoreError> {
        let ready = self.connection.ready().await?;
        let beyond = doc! {"s": stream.as_str(), "e": {"$gt": to_bson(head)}};
        for collection in ["sketches", "sketch_slices"] {
            ready
                .write(doc! {"delete": collection, "deletes": [{"q": &beyond, "limit": 0}]})
                .await?;
        }
        Ok(())
    }

    /// Where lines may lie that have what is needed. What no sketch is of may have anything, and so may what one is of that
    /// reaches beyond the head: it is of lines that were lost.
    pub(super) async fn find_places(
        &self,
        stream: &StreamName,
        within: &Range<Offset>,
        needs: &Needs,
    ) -> Result<Vec<Range<Offset>>, StoreError> {
        let ready = self.connection.ready().await?;
        let mut kept = outlines(ready, stream, within).await?;
        if kept.iter().any(|kept| kept.outline.next() > within.end) {
            let extents = self.find_extents(std::slice::from_ref(stream)).await?;
            let head = extents.first().copied().unwrap_or_default().next;
            kept.retain(|kept| kept.outline.next() <= head);
        }
        let mut places = Vec::new();
        let mut at = within.start;
        for some in kept.chunks(TOGETHER) {
            let slices = slices(ready, some, needs).await?;
            for Kept { id, outline } in some {
                let slice = |nth| Ok::<_, StoreError>(slices.get(&(*id, nth)).cloned());
                let blocks = outline.ask(needs, slice)?;
                place(at..outline.first, within, &mut places);
                outline.places(blocks, within, &mut places);
                at = at.max(outline.next());
            }
        }
        place(at..within.end, within, &mut places);
        Ok(places)
    }
}

/// Deletes the sketches of lines that went: each stream's up to there. What fails here never keeps lines from going. What is left
/// of it goes with the next lines of the stream.
pub(super) async fn follow(ready: &Ready, gone: &[(String, i64)]) {
    static TOLD: Once = Once::new();
    let deletes: Vec<Document> = gone
        .iter()
        .map(|(stream, gone)| doc! {"q": {"s": stream, "e": {"$lte": gone}}, "limit": 0})
        .collect();
    for collection in ["sketches", "sketch_slices"] {
        let deleted = ready.write(doc! {"delete": collection, "deletes": &deletes});
        if let Err(error) = deleted.await {
            TOLD.call_once(
                || tracing::error!(%error, "sketches of lines that were deleted stay in the store"),
            );
        }
    }
}

async fn outlines(
    ready: &Ready,
    stream: &StreamName,
    within: &Range<Offset>,
) -> Result<Vec<Kept>, StoreError> {
    let (from, to) = (to_bson(within.start), to_bson(within.end));
    let pipeline = vec![
        doc! {"$match": {"s": stream.as_str(), "e": {"$gt": from}, "o": {"$lt": to}}},
        doc! {"$sort": {"s": 1, "e": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.sketches, pipeline, OUTLINES).await?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        found.extend(kept(cursor.current()));
    }
    Ok(found)
}

/// `None` of what is no sketch, or went bad: its lines are read.
fn kept(document: &RawDocument) -> Option<Kept> {
    let lengths: Option<Vec<u64>> = document
        .get_array("b")
        .ok()?
        .into_iter()
        .map(|length| match length.ok()? {
            RawBsonRef::Int64(length) => u64::try_from(length).ok(),
            RawBsonRef::Int32(length) => u64::try_from(length).ok(),
            _ => None,
        })
        .collect();
    let first = number(document, "o")?;
    let kinds = u8::try_from(number(document, "k")?).ok()?;
    Some(Kept {
        id: document.get_object_id("_id").ok()?,
        outline: Outline::kept(from_bson(first), lengths?.into_iter(), kinds, reach(document)?)?,
    })
}

fn reach(document: &RawDocument) -> Option<Reach> {
    Some(Reach {
        next: from_bson(number(document, "e")?),
        last: number(document, "l").unwrap_or_default().cast_unsigned(),
    })
}

/// The slices of these sketches that decide what is needed.
async fn slices(
    ready: &Ready,
    some: &[Kept],
    needs: &Needs,
) -> Result<HashMap<(ObjectId, u32), Bytes>, StoreError> {
    let names = |kept: &Kept| {
        let id = kept.id;
        let name = move |nth| doc! {"k": id, "i": i32::try_from(nth).unwrap_or(i32::MAX)};
        kept.outline.slices(needs).into_iter().map(name)
    };
    let names: Vec<Document> = some.iter().flat_map(names).collect();
    let mut found = HashMap::with_capacity(names.len());
    if names.is_empty() {
        return Ok(found);
    }
    let pipeline = vec![
        doc! {"$match": {"_id": {"$in": names}}},
        doc! {"$project": {"r": 1}},
    ];
    let mut cursor = ready.aggregate(&ready.slices, pipeline, OUTLINES).await?;
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        found.extend(slice(cursor.current()));
    }
    Ok(found)
}

fn slice(document: &RawDocument) -> Option<((ObjectId, u32), Bytes)> {
    let name = document.get_document("_id").ok()?;
    let nth = u32::try_from(number(name, "i")?).ok()?;
    let rows = document.get_binary("r").ok()?.bytes;
    Some(((name.get_object_id("k").ok()?, nth), Bytes::copy_from_slice(rows)))
}

/// Of each stream, a sketch by where it begins, and all that is to go by where it ends.
pub(super) fn indexes(collection: &str) -> Document {
    let by_end = doc! {"key": {"s": 1, "e": 1}, "name": "s_1_e_1"};
    let by_place = doc! {"key": {"s": 1, "o": 1}, "name": "s_1_o_1", "unique": true};
    let indexes = match collection {
        "sketches" => vec![by_place, by_end],
        _ => vec![by_end],
    };
    doc! {"createIndexes": collection, "indexes": indexes, "writeConcern": {"w": "majority"}}
}
