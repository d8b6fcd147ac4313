//! What small batches in place become, as earlier versions wrote them: neighbours are joined, once for all, a few at a
//! time while nothing else is to be done.

use std::time::{Duration, Instant};

use lines::{Offset, StreamName};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::joined::{Joining, Neighbour};
use crate::Compression;
use crate::encoding::ndjson_len;
use crate::merge::{Join, Part, runs};
use crate::sqlite::insert::add_bytes;
use crate::sqlite::queries::{StreamId, from_sql, to_sql};

/// Batches that one slice looks at.
const SLICE_BATCHES: i64 = 256;
/// It rests so many times as long as a slice took.
const RESTS: u32 = 4;
/// In `meta`: whether all of them are joined.
const SWEPT: &str = "swept";

type Sql<T> = Result<T, rusqlite::Error>;

/// Where it has come to.
pub(super) struct Sweep {
    after: Place,
    goes_on: Instant,
}

/// A batch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    stream: StreamId,
    first: i64,
}

/// What is known of a batch without decompressing it.
struct Met {
    place: Place,
    name: Option<StreamName>,
    part: Part,
    is_visible: bool,
}

impl Sweep {
    /// `None` when it was done.
    pub(super) fn begin(connection: &Connection) -> Sql<Option<Self>> {
        let swept: Option<i64> = connection
            .query_row("SELECT value FROM meta WHERE name = ?1", [SWEPT], |row| {
                row.get(0)
            })
            .optional()?;
        Ok((swept != Some(1)).then(|| Self {
            after: Place {
                stream: i64::MIN,
                first: i64::MIN,
            },
            goes_on: Instant::now(),
        }))
    }

    /// When the next slice may come.
    pub(super) fn goes_on(&self) -> Instant {
        self.goes_on
    }

    /// Joins some. Whether that were the last ones.
    pub(super) fn slice(
        &mut self,
        connection: &mut Connection,
        join: &Join,
        compression: Compression,
    ) -> Sql<bool> {
        let begun = Instant::now();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let met = meet(&transaction, self.after, join)?;
        let (mut stored, mut joined_any) = (0, false);
        let at_end = (met.len() as i64) < SLICE_BATCHES;
        let mut reached = met.last().map(|met| met.place);
        let mut rest = &met[..];
        while let Some(begin) = rest.first() {
            let same =
                |met: &Met| met.place.stream == begin.place.stream && met.is_visible == begin.is_visible;
            let (stretch, after) = rest.split_at(rest.iter().take_while(|met| same(met)).count());
            rest = after;
            let parts: Vec<_> = stretch.iter().map(|met| met.part).collect();
            for run in runs(&parts, join) {
                // The last one may go on in the next slice, and waits for it unless it is all that this one has.
                let before = met.len() - rest.len() - stretch.len() + run.start;
                let is_open = !at_end && rest.is_empty() && run.end == parts.len();
                if is_open && before > 0 {
                    reached = Some(met[before - 1].place);
                } else if run.len() > 1
                    && begin.is_visible
                    && let Some(name) = &begin.name
                {
                    let joining = Joining {
                        connection: &transaction,
                        stream: name,
                        id: begin.place.stream,
                        compression,
                    };
                    stored += replace(&joining, &stretch[run])?;
                    joined_any = true;
                }
            }
        }
        if joined_any {
            add_bytes(&transaction, stored)?;
        }
        if at_end {
            transaction.execute(
                "INSERT INTO meta VALUES (?1, 1) ON CONFLICT (name) DO UPDATE SET value = 1",
                [SWEPT],
            )?;
        }
        transaction.commit()?;
        self.after = reached.unwrap_or(self.after);
        self.goes_on = Instant::now() + begun.elapsed().min(Duration::from_secs(1)) * RESTS;
        Ok(at_end)
    }
}

fn meet(connection: &Connection, after: Place, join: &Join) -> Sql<Vec<Met>> {
    // Lines are looked at where they may be few.
    let mut statement = connection.prepare_cached(
        "SELECT b.stream, b.first, b.count, b.arrived, b.compressed, CASE WHEN b.bytes < ?3 THEN b.lines END,
                s.name, s.floor
         FROM batches b INDEXED BY batches_place CROSS JOIN streams s ON s.id = b.stream
         WHERE (b.stream, b.first) > (?1, ?2) ORDER BY b.stream, b.first LIMIT ?4",
    )?;
    let full = i64::try_from(join.full).unwrap_or(i64::MAX);
    let found = statement.query_map((after.stream, after.first, full, SLICE_BATCHES), |row| {
        let (stream, first): (StreamId, i64) = (row.get(0)?, row.get(1)?);
        let count: i64 = row.get(2)?;
        let compressed = row.get(4)?;
        let lines = row.get_ref(5)?.as_blob_or_null()?;
        let name: String = row.get(6)?;
        Ok(Met {
            place: Place { stream, first },
            name: StreamName::parse(&name).ok(),
            part: Part {
                first: from_sql(first),
                next: from_sql(first.saturating_add(count.max(0))),
                bytes: lines
                    .and_then(|lines| ndjson_len(compressed, lines))
                    .unwrap_or(usize::MAX),
                arrived: lines::Timestamp::from_nanos(row.get(3)?),
            },
            is_visible: first >= row.get(7)?,
        })
    })?;
    found.collect()
}

/// Writes one batch in place of these, unless one of them is damaged.
fn replace(joining: &Joining<'_>, run: &[Met]) -> Sql<i64> {
    let mut neighbours = Vec::with_capacity(run.len());
    for met in run {
        let mut statement = joining.connection.prepare_cached(
            "SELECT first, count, oldest, newest, arrived, compressed, lines, bytes FROM batches
             WHERE stream = ?1 AND first = ?2",
        )?;
        let read = |row: &rusqlite::Row<'_>| Neighbour::read(joining.stream, row);
        let first = to_sql(Offset(met.part.first.0));
        let Some(neighbour) = statement.query_row((met.place.stream, first), read)? else {
            return Ok(0);
        };
        neighbours.push(neighbour);
    }
    joining.write(&neighbours, &[])
}
