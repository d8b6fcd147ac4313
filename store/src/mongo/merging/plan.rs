//! Which batches of a stream become one, by what their documents say of themselves.

use lines::batch::MAX_BATCH_BYTES;
use lines::{Offset, StoreError, StreamName};
use mongodb::bson::{Document, RawDocument, doc};

use super::{MOST_PARTS, Touched};
use crate::merge::{Join, Part, absorbed, runs};
use crate::mongo::MongoOptions;
use crate::mongo::connection::Ready;
use crate::mongo::documents::{from_bson, from_date, number, to_bson};

/// Batches before the new ones that may be put together with them. What is merged doubles, so they are few.
const BEFORE: i64 = 32;
/// New batches of a stream that are planned for at once.
const AT_ONCE: i64 = 4000;
/// Neighbours of so many bytes each stay apart. To put a batch together with others costs the servers about as much as to
/// store it (measured: 0.2 ms and 0.5 ms for batches of one line and of a hundred), and what a reader saves by it is one look.
const LARGE: usize = 16 * 1024;
/// Keys in one batch: they come along whenever it is looked for by one of them.
const MOST_KEYS: usize = 1000;

/// Neighbours that become one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) stream: StreamName,
    /// Where the first of them begins.
    pub(super) first: Offset,
    /// Where the last of them ends.
    pub(super) next: Offset,
    /// How many they are.
    pub(super) parts: usize,
    /// NDJSON in them, about.
    pub(super) bytes: usize,
}

/// A batch that is there.
#[derive(Debug, Clone, Copy)]
struct Found {
    part: Part,
    keys: usize,
}

/// What is to be done for a stream now.
pub(super) struct Plan {
    pub(super) runs: Vec<Run>,
    /// What is planned for later.
    pub(super) rest: Option<Touched>,
}

/// What is to be done for a stream, as far as one look goes.
pub(super) async fn of(ready: &Ready, touched: &Touched, options: &MongoOptions) -> Result<Plan, StoreError> {
    let join = Join {
        // What is decoded to be put together fits one batch, also where it is more than was guessed.
        full: options.merged_bytes.min(MAX_BATCH_BYTES),
        span: options.merge_span,
    };
    let mut before = neighbours(ready, touched, doc! {"$lt": to_bson(touched.from)}, -1, BEFORE).await?;
    before.reverse();
    let range = doc! {"$gte": to_bson(touched.from), "$lte": to_bson(touched.last)};
    let new = neighbours(ready, touched, range, 1, AT_ONCE).await?;
    let rest = new.last().filter(|_| new.len() >= AT_ONCE as usize);
    Ok(Plan {
        runs: runs_of(&touched.stream, &before, &new, &join),
        rest: rest.map(|last| Touched {
            stream: touched.stream.clone(),
            from: last.part.next,
            last: touched.last,
        }),
    })
}

/// The runs of new batches, the first of them together with as many of those before as it is worth.
fn runs_of(stream: &StreamName, before: &[Found], new: &[Found], join: &Join) -> Vec<Run> {
    let parts = |found: &[Found]| found.iter().map(|found| found.part).collect::<Vec<Part>>();
    let mut planned = Vec::new();
    for range in runs(&parts(new), join) {
        let mut run = new[range.clone()].to_vec();
        if range.start == 0
            && let (Some(begin), Some(end)) = (run.first(), run.last())
        {
            let whole = Part {
                first: begin.part.first,
                next: end.part.next,
                bytes: run.iter().map(|found| found.part.bytes).sum(),
                arrived: end.part.arrived,
            };
            let absorbed = absorbed(&parts(before), &whole, join);
            let mut with = before[before.len() - absorbed..].to_vec();
            with.append(&mut run);
            run = with;
        }
        planned.extend(pieces(&run).filter_map(|piece| run_of(stream, piece)));
    }
    planned
}

/// As much as one transaction takes, and not more keys than a batch is to have.
fn pieces(run: &[Found]) -> impl Iterator<Item = &[Found]> {
    let mut rest = run;
    std::iter::from_fn(move || {
        let mut keys = 0;
        let too_many = |found: &Found| {
            keys += found.keys;
            keys > MOST_KEYS
        };
        let most = rest.iter().position(too_many).unwrap_or(rest.len());
        let (piece, left) = rest.split_at(most.clamp(1, MOST_PARTS).min(rest.len()));
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

fn run_of(stream: &StreamName, piece: &[Found]) -> Option<Run> {
    let (begin, end) = (piece.first()?, piece.last()?);
    let bytes = piece.iter().map(|found| found.part.bytes).sum();
    let is_worth_it = piece.len() > 1 && bytes < piece.len() * LARGE;
    is_worth_it.then(|| Run {
        stream: stream.clone(),
        first: begin.part.first,
        next: end.part.next,
        parts: piece.len(),
        bytes,
    })
}

/// What documents say that begin in a range, from one end of it. What nothing can be said of is left out, and ends
/// runs.
async fn neighbours(
    ready: &Ready,
    touched: &Touched,
    range: Document,
    direction: i32,
    most: i64,
) -> Result<Vec<Found>, StoreError> {
    let pipeline = vec![
        doc! {"$match": {"s": touched.stream.as_str(), "o": range}},
        doc! {"$sort": {"s": direction, "o": direction}},
        doc! {"$limit": most},
        doc! {"$project": {
            "_id": 0, "o": 1, "n": 1, "at": 1,
            "keys": {"$cond": [{"$isArray": "$keys"}, {"$size": "$keys"}, 0]},
            "bytes": {"$cond": [
                {"$eq": [{"$type": "$lines"}, "string"]},
                {"$strLenBytes": "$lines"},
                // Of what an older version compressed it is a guess.
                {"$ifNull": ["$b", {"$multiply": [{"$bsonSize": "$$ROOT"}, 5]}]},
            ]},
        }},
    ];
    let mut cursor = ready.aggregate(&ready.batches, pipeline, 2000).await?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|e| ready.error(e))? {
        found.extend(read(cursor.current()));
    }
    Ok(found)
}

fn read(document: &RawDocument) -> Option<Found> {
    let size = |name| usize::try_from(number(document, name)?).ok();
    let first = from_bson(number(document, "o")?);
    let count = u64::try_from(number(document, "n")?).ok()?;
    Some(Found {
        part: Part {
            first,
            next: first.plus(count),
            bytes: size("bytes")?,
            arrived: from_date(document.get_datetime("at").ok()?),
        },
        keys: size("keys")?,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;
    use lines::Timestamp;

    fn found(first: u64, bytes: usize, keys: usize) -> Found {
        Found {
            part: Part {
                first: Offset(first),
                next: Offset(first + 1),
                bytes,
                arrived: Timestamp::from_nanos(0),
            },
            keys,
        }
    }

    fn planned(before: &[Found], new: &[Found]) -> Vec<(u64, u64, usize)> {
        planned_up_to(100, before, new)
    }

    fn planned_up_to(full: usize, before: &[Found], new: &[Found]) -> Vec<(u64, u64, usize)> {
        let join = Join {
            full,
            span: Duration::from_secs(1),
        };
        let stream = StreamName::parse("s").unwrap();
        let runs = runs_of(&stream, before, new, &join);
        runs.iter()
            .map(|run| (run.first.0, run.next.0, run.parts))
            .collect()
    }

    #[test]
    fn new_batches_are_put_together_with_what_is_before_them() {
        let before: Vec<_> = (0..3).map(|i| found(i, 10, 0)).collect();
        let new: Vec<_> = (3..5).map(|i| found(i, 10, 0)).collect();
        assert_eq!(planned(&before, &new), [(0, 5, 5)]);
        assert_eq!(
            planned(&[found(2, 49, 0)], &new),
            [(3, 5, 2)],
            "it is too large for them"
        );
        assert_eq!(
            planned(&[found(0, 1, 0)], &new),
            [(3, 5, 2)],
            "it is no neighbour"
        );
        assert_eq!(planned(&[], &new[..1]), []);
    }

    #[test]
    fn what_is_large_enough_to_read_stays_apart() {
        let of = |bytes| (0..4).map(|i| found(i, bytes, 0)).collect::<Vec<_>>();
        assert_eq!(planned_up_to(16 * LARGE, &[], &of(LARGE)), []);
        assert_eq!(planned_up_to(16 * LARGE, &[], &of(LARGE - 1)), [(0, 4, 4)]);
        let mut small_ones_beside_it = of(1);
        small_ones_beside_it[0].part.bytes = LARGE;
        let planned = planned_up_to(16 * LARGE, &[], &small_ones_beside_it);
        assert_eq!(planned, [(0, 4, 4)]);
    }

    #[test]
    fn a_batch_gets_no_more_keys_and_parts_than_it_may_have() {
        let keyed: Vec<_> = (0..5).map(|i| found(i, 1, 400)).collect();
        assert_eq!(planned(&[], &keyed), [(0, 2, 2), (2, 4, 2)]);
        let large: Vec<_> = (0..3).map(|i| found(i, 1, 2 * MOST_KEYS)).collect();
        assert_eq!(planned(&[], &large), []);
        let join = |count: u64| (0..count).map(|i| found(i, 0, 0)).collect::<Vec<_>>();
        let most = MOST_PARTS as u64;
        assert_eq!(
            planned(&[], &join(most + 2)),
            [(0, most, MOST_PARTS), (most, most + 2, 2)]
        );
    }
}
