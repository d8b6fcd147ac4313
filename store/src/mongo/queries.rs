//! Every question, each answered in one round trip unless retention or another writer comes between.
//!
//! The pipelines begin in `streams`, which is small and has the floors, and append what `batches` says. Floors come
//! first, so that whatever is below them can be left out. That the last batch of each stream is found by skipping
//! through the index (`DISTINCT_SCAN`) depends on the exact form of sort and group: 1,000 streams of 20,000 batches
//! take 13 ms that way, and 48 ms when the sort runs the other way round.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use lines::{Batch, Extent, Offset, StoreError, StreamInfo, StreamName, Timestamp, log_reader::Damage};
use mongodb::bson::{Bson, Document, RawDocument, doc};

use super::MongoStore;
use super::connection::Ready;
use super::documents::{corrupt, from_bson, from_date, number, row, to_bson, to_date};
use super::fence::{Token, told_first};
use crate::damage::{Page, Row};
use crate::encoding::{end_of, first_line_since};

/// Streams of one question. More are asked for in several, so that no command grows beyond what MongoDB takes.
const MOST_STREAMS: usize = 20_000;
/// Batches of one page, at most.
const MOST_BATCHES: usize = 1000;
/// Documents that the first look for a page asks for: enough for one of merged batches. What those are like says how many
/// the next one asks for, so a page takes two looks, and moves little that is not in it.
const FIRST_LOOK: usize = 4;
/// Documents that come at once, of answers with a small document per stream.
const SMALL_DOCUMENTS: u32 = 10_000;

/// So often a stream is looked at for one page: in between somebody stored the batch that was missing, or retention took
/// it.
const MOST_LOOKS: u32 = 3;

/// What one look at a stream found.
struct Look {
    /// `None` when the stream does not exist.
    floor: Option<Offset>,
    /// Whether as many documents came as were asked for, and the page takes more.
    goes_on: bool,
}

impl MongoStore {
    pub(super) async fn read_page(
        &self,
        stream: &StreamName,
        from: Offset,
        max_bytes: usize,
    ) -> Result<Vec<Arc<Batch>>, StoreError> {
        let ready = self.connection.ready().await?;
        let mut from = from;
        let (mut looks, mut most) = (0, FIRST_LOOK);
        let mut page = Page::new(stream, from, max_bytes);
        loop {
            let Look { floor, goes_on } = look(ready, stream, from, most, &mut page).await?;
            let Some(floor) = floor else {
                return page.done();
            };
            if page.has_begun() {
                if !goes_on || page.batches() >= MOST_BATCHES {
                    return page.done();
                }
                from = page.next();
                most = page.rows_to_go().clamp(FIRST_LOOK, MOST_BATCHES);
                continue;
            }
            looks += 1;
            if from < floor {
                from = floor;
            } else if !page.misses_its_beginning() || looks >= MOST_LOOKS {
                // The batch that holds `from` and those after it are looked for one after the other: when it was stored
                // in between, only those after it are seen.
                return page.done();
            }
            page = Page::new(stream, from, max_bytes);
        }
    }

    pub(super) async fn find_extents(&self, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
        let ready = self.connection.ready().await?;
        let (found, _) = ends(ready, streams).await?;
        Ok(streams
            .iter()
            .map(|stream| found.get(stream).copied().unwrap_or_default().extent)
            .collect())
    }

    pub(super) async fn list_streams(&self) -> Result<Vec<StreamInfo>, StoreError> {
        let ready = self.connection.ready().await?;
        let minute_ago = self.times.now(ready).await?.minus(Duration::from_secs(60));
        let pipeline = vec![
            doc! {"$project": {"floor": 1, "deleted": 1}},
            union(last_batches(doc! {})),
            union(vec![
                doc! {"$match": {"at": {"$gte": to_date(minute_ago)}}},
                doc! {"$group": {"_id": "$s", "recent": {"$sum": "$n"}}},
            ]),
        ];
        let mut found: HashMap<String, StreamInfo> = HashMap::new();
        let mut cursor = ready.aggregate(&ready.streams, pipeline, SMALL_DOCUMENTS).await?;
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            let document = cursor.current();
            let Ok(name) = document.get_str("_id") else {
                continue;
            };
            if let Some(info) = found.get_mut(name) {
                add_to_info(info, document);
            } else if let Some(floor) = number(document, "floor") {
                let Ok(parsed) = StreamName::parse(name) else {
                    tracing::warn!(%name, "the store has a stream whose name cannot be one, it is left out");
                    continue;
                };
                let floor = from_bson(floor);
                let info = StreamInfo {
                    name: parsed,
                    extent: Extent {
                        first_available: floor,
                        next: floor,
                        deleted: deleted(document),
                    },
                    last_arrival: None,
                    lines_per_second: 0.0,
                };
                found.insert(name.to_owned(), info);
            }
        }
        // A stream whose first batch never came is none.
        let existing = found.into_values().filter(|info| info.extent.exists());
        let mut streams: Vec<_> = existing.map(StreamInfo::since_deleted).collect();
        streams.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(streams)
    }

    pub(super) async fn find_since(
        &self,
        stream: &StreamName,
        since: Timestamp,
    ) -> Result<Offset, StoreError> {
        let ready = self.connection.ready().await?;
        let mut at_least = Offset::ZERO;
        loop {
            let merges = self.options.merged_bytes > 0;
            let (extent, found) = first_batch_since(ready, stream, since, at_least, merges).await?;
            let Some(row) = found else {
                return Ok(extent.next);
            };
            if row.first < extent.first_available {
                at_least = extent.first_available;
                continue;
            }
            return Ok(self.begin_in(stream, since, row));
        }
    }

    /// Where the lines since some time begin in a batch that claims to have any. In a damaged one it is its beginning:
    /// the reader is told when it gets there.
    fn begin_in(&self, stream: &StreamName, since: Timestamp, row: Row) -> Offset {
        let found = row.batch.and_then(|batch| first_line_since(&batch.lines, since));
        let what = match found {
            Ok(Some(i)) => return row.first.plus(i),
            Ok(None) => "it is older than it claims".to_owned(),
            Err(what) => what,
        };
        self.damages.note(&Damage {
            stream: stream.clone(),
            from: row.first,
            to: row.next,
            what,
        });
        row.first
    }
}

impl MongoStore {
    /// Where the last batch with a line before `until` ends. Goes back from the head, so it costs what came since.
    pub(super) async fn find_end_before(
        &self,
        stream: &StreamName,
        until: Timestamp,
    ) -> Result<Offset, StoreError> {
        let ready = self.connection.ready().await?;
        let name = stream.as_str();
        let pipeline = vec![
            doc! {"$match": {"_id": name}},
            doc! {"$project": {"floor": 1}},
            union(vec![
                doc! {"$match": {"s": name, "t0": {"$lt": until.nanos()}}},
                doc! {"$sort": {"s": -1, "o": -1}},
                doc! {"$limit": 1},
                doc! {"$project": {"o": 1, "n": 1}},
            ]),
        ];
        let mut cursor = ready.aggregate(&ready.streams, pipeline, 8).await?;
        let mut found = Offset::ZERO;
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            let document = cursor.current();
            let floor = number(document, "floor").map_or(Offset::ZERO, from_bson);
            found = found.max(floor).max(end(document));
        }
        Ok(found)
    }
}

/// What is kept of a stream, and when its last batch arrived.
#[derive(Clone, Copy, Default)]
pub(super) struct End {
    pub(super) extent: Extent,
    pub(super) arrived: Option<Timestamp>,
}

/// What is kept of each of these streams, as far as they exist, and the token that was told before it was read.
pub(super) async fn ends(
    ready: &Ready,
    streams: &[StreamName],
) -> Result<(HashMap<StreamName, End>, Token), StoreError> {
    let mut found: HashMap<StreamName, End> = HashMap::with_capacity(streams.len());
    let mut token = None;
    for streams in streams.chunks(MOST_STREAMS) {
        let by_name: HashMap<&str, &StreamName> = streams.iter().map(|s| (s.as_str(), s)).collect();
        let names: Vec<Bson> = by_name.keys().map(|&name| Bson::from(name)).collect();
        let [fence, open] = told_first();
        let pipeline = vec![
            fence,
            open,
            doc! {"$unionWith": {"coll": "streams", "pipeline": [
                {"$match": {"_id": {"$in": &names}}},
                {"$project": {"floor": 1, "deleted": 1}},
            ]}},
            union(last_batches(doc! {"s": {"$in": &names}})),
        ];
        let mut cursor = ready.aggregate(&ready.cluster, pipeline, SMALL_DOCUMENTS).await?;
        while cursor.advance().await.map_err(|e| ready.error(e))? {
            let document = cursor.current();
            if let Some(told) = Token::told(document) {
                // One that was told later would be believed of ends that were read before.
                token.get_or_insert(told);
                continue;
            }
            let Some(&stream) = document.get_str("_id").ok().and_then(|name| by_name.get(name)) else {
                continue;
            };
            let End { extent, arrived } = found.entry(stream.clone()).or_default();
            *arrived = document.get_datetime("at").ok().map(from_date).or(*arrived);
            if let Some(floor) = number(document, "floor") {
                extent.first_available = from_bson(floor);
                extent.deleted = deleted(document);
            }
            // The next offset is the greater one of the last batch's end and the floor (invariant 10).
            extent.next = extent.next.max(extent.first_available).max(end(document));
        }
    }
    Ok((found, token.unwrap_or_default()))
}

/// Offers a page so many documents from `from` on. Ends early, with the floor alone, when `from` is below it.
async fn look(
    ready: &Ready,
    stream: &StreamName,
    from: Offset,
    most: usize,
    page: &mut Page,
) -> Result<Look, StoreError> {
    let name = stream.as_str();
    let at = to_bson(from);
    let pipeline = vec![
        doc! {"$match": {"_id": name}},
        doc! {"$project": {"floor": 1}},
        union(vec![
            doc! {"$match": {"s": name, "o": {"$lte": at}}},
            doc! {"$sort": {"s": -1, "o": -1}},
            doc! {"$limit": 1},
            without_keys(),
        ]),
        union(vec![
            doc! {"$match": {"s": name, "o": {"$gt": at}}},
            doc! {"$sort": {"s": 1, "o": 1}},
            doc! {"$limit": i64::try_from(most).unwrap_or(i64::MAX)},
            without_keys(),
        ]),
    ];
    // All of it at once: the floor, the batch that holds `from`, and those after it.
    let at_once = u32::try_from(most + 2).unwrap_or(u32::MAX);
    let mut cursor = ready.aggregate(&ready.streams, pipeline, at_once).await?;
    let (mut floor, mut after) = (None, 0);
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        match (floor, number(document, "floor")) {
            (_, Some(found)) => {
                floor = Some(from_bson(found));
                if from < from_bson(found) {
                    break;
                }
                continue;
            }
            (None, None) => {
                return Err(corrupt(
                    stream,
                    "it has batches and no stream document".to_owned(),
                ));
            }
            (Some(_), None) => {}
        }
        let Some(row) = row(stream, document) else {
            continue;
        };
        after += usize::from(row.first > from);
        if page.offer(row).is_break() {
            return Ok(Look {
                floor,
                goes_on: false,
            });
        }
    }
    Ok(Look {
        floor,
        goes_on: after >= most,
    })
}

/// The first kept batch with a line that is not older, and what is kept of the stream.
async fn first_batch_since(
    ready: &Ready,
    stream: &StreamName,
    since: Timestamp,
    at_least: Offset,
    merges: bool,
) -> Result<(Extent, Option<Row>), StoreError> {
    let name = stream.as_str();
    let pipeline = vec![
        doc! {"$match": {"_id": name}},
        doc! {"$project": {"floor": 1}},
        union(last_batches(doc! {"s": name})),
        union(vec![
            doc! {"$match": {"s": name, "o": {"$gte": to_bson(at_least)}, "t1": {"$gte": since.nanos()}}},
            doc! {"$sort": {"o": 1}},
            doc! {"$limit": 1},
        ]),
    ];
    // One that is merged while it is passed by would be missed.
    let mut cursor = if merges && ready.has_transactions {
        ready.aggregate_as_of_now(pipeline, 8).await?
    } else {
        ready.aggregate(&ready.streams, pipeline, 8).await?
    };
    let mut extent = Extent::default();
    let mut found = None;
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        let document = cursor.current();
        if let Some(floor) = number(document, "floor") {
            extent.first_available = from_bson(floor);
        }
        extent.next = extent.next.max(extent.first_available).max(end(document));
        if document.get_str("s").is_ok() {
            found = row(stream, document);
        }
    }
    Ok((extent, found))
}

/// The keys of a batch that was made of many may be more than its lines, and no reader wants them.
fn without_keys() -> Document {
    doc! {"$project": {"_id": 0, "keys": 0}}
}

fn union(pipeline: Vec<Document>) -> Document {
    doc! {"$unionWith": {"coll": "batches", "pipeline": pipeline}}
}

/// The last batch of each stream, by skipping through the index from the end.
fn last_batches(of: Document) -> Vec<Document> {
    vec![
        doc! {"$match": of},
        doc! {"$sort": {"s": -1, "o": -1}},
        doc! {"$group": {
            "_id": "$s", "o": {"$first": "$o"}, "n": {"$first": "$n"}, "at": {"$first": "$at"},
        }},
    ]
}

/// Where the stream of a document ended when it was last deleted.
fn deleted(document: &RawDocument) -> Offset {
    number(document, "deleted").map_or(Offset::ZERO, from_bson)
}

/// Where the batch of a document ends; zero when it is no batch.
fn end(document: &RawDocument) -> Offset {
    number(document, "o").map_or(Offset::ZERO, |first| {
        end_of(from_bson(first), number(document, "n"))
    })
}

/// A stream's last batch, or how many lines of it arrived in the last minute.
fn add_to_info(info: &mut StreamInfo, document: &RawDocument) {
    if let Some(lines) = number(document, "recent") {
        info.lines_per_second = lines as f64 / 60.0;
    }
    let end = end(document);
    if end > info.extent.first_available {
        info.extent.next = end;
        info.last_arrival = document.get_datetime("at").ok().map(from_date);
    }
}
