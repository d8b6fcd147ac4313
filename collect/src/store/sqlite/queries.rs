//! Every question that is answered from a reading connection.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};

use super::away;
use crate::store::encoding::{checked_lines, decompress, first_line_since};
use crate::store::oldest::{Kept, Oldest};
use crate::store::{Retention, StoreError};
use crate::{Batch, Extent, Offset, StreamInfo, StreamName, Timestamp};

/// How a stream is named inside the database.
pub(super) type StreamId = i64;

/// The most batches that one planning looks at.
const MOST_LOOKED_AT: usize = 500_000;

/// Which floors a trim has to raise.
pub(super) struct Plan {
    pub(super) floors: Vec<(StreamId, Offset)>,
    /// Whether there is more than one trim may do.
    pub(super) more: bool,
}

/// SQLite has signed integers only; offsets end long before.
pub(super) fn to_sql(offset: Offset) -> i64 {
    i64::try_from(offset.0).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(offset: i64) -> Offset {
    Offset(u64::try_from(offset).unwrap_or_default())
}

/// A stream's number and floor; `None` when it never had a line.
pub(super) fn find(
    connection: &Connection,
    stream: &StreamName,
) -> Result<Option<(StreamId, Offset)>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id, floor FROM streams WHERE name = ?1")?
        .query_row([stream.as_str()], |row| Ok((row.get(0)?, from_sql(row.get(1)?))))
        .optional()
}

/// The next offset of a stream: where its last batch ends, or its floor when it keeps none (invariant 10).
pub(super) fn head(connection: &Connection, id: StreamId, floor: Offset) -> Result<Offset, rusqlite::Error> {
    let end: Option<i64> = connection
        .prepare_cached("SELECT first + count FROM batches WHERE stream = ?1 ORDER BY first DESC LIMIT 1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(end.map_or(floor, |end| from_sql(end).max(floor)))
}

pub(super) fn extents(connection: &Connection, streams: &[StreamName]) -> Result<Vec<Extent>, StoreError> {
    streams
        .iter()
        .map(|stream| match find(connection, stream)? {
            None => Ok(Extent::default()),
            Some((id, floor)) => Ok(Extent {
                first_available: floor,
                next: head(connection, id, floor)?,
            }),
        })
        .collect::<Result<_, _>>()
        .map_err(away)
}

pub(super) fn read(
    connection: &Connection,
    stream: &StreamName,
    from: Offset,
    max_bytes: usize,
) -> Result<Vec<Arc<Batch>>, StoreError> {
    let Some((id, _)) = find(connection, stream).map_err(away)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection
        .prepare_cached(
            "SELECT first, count, oldest, newest, arrived, compressed, lines FROM batches
             WHERE stream = ?1 AND first + count > ?2 AND first >= coalesce(
                 (SELECT first FROM batches WHERE stream = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), 0)
             ORDER BY first",
        )
        .map_err(away)?;
    let mut rows = statement.query((id, to_sql(from))).map_err(away)?;
    let mut batches: Vec<Arc<Batch>> = Vec::new();
    let mut bytes = 0;
    while bytes < max_bytes || batches.is_empty() {
        let Some(row) = rows.next().map_err(away)? else {
            break;
        };
        let batch = batch(stream, row)?;
        if let Some(last) = batches.last()
            && last.next() != batch.first
        {
            return Err(corrupt(
                stream,
                format!("lines {} to {} are missing", last.next(), batch.first),
            ));
        }
        bytes += batch.lines.ndjson.len();
        batches.push(Arc::new(batch));
    }
    Ok(batches)
}

/// Every stream, by name, with its lines a second as `rates` has them. Looks up the last batch of each, so it costs
/// what there are of streams, whatever there is of batches.
pub(super) fn streams(
    connection: &Connection,
    rates: &HashMap<StreamName, f64>,
) -> Result<Vec<StreamInfo>, StoreError> {
    list(connection, rates).map_err(away)
}

fn list(
    connection: &Connection,
    rates: &HashMap<StreamName, f64>,
) -> Result<Vec<StreamInfo>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT s.name, s.floor, b.first + b.count, b.arrived FROM streams s
         LEFT JOIN batches b ON b.id = (SELECT id FROM batches WHERE stream = s.id ORDER BY first DESC LIMIT 1)
         ORDER BY s.name",
    )?;
    let mut rows = statement.query([])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, floor): (String, i64) = (row.get(0)?, row.get(1)?);
        let (end, arrived): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
        let Ok(name) = StreamName::parse(&name) else {
            tracing::warn!(%name, "the store has a stream whose name cannot be one, it is left out");
            continue;
        };
        let floor = from_sql(floor);
        streams.push(StreamInfo {
            extent: Extent {
                first_available: floor,
                next: end.map_or(floor, |end| from_sql(end).max(floor)),
            },
            last_arrival: arrived.map(Timestamp::from_nanos),
            lines_per_second: rates.get(&name).copied().unwrap_or_default(),
            name,
        });
    }
    Ok(streams)
}

/// How many lines of each stream arrived within these times.
pub(super) fn arrivals(
    connection: &Connection,
    from: Timestamp,
    to: Timestamp,
    mut each: impl FnMut(&StreamName, Timestamp, u32),
) -> Result<(), rusqlite::Error> {
    // The index is named, or the planner goes through the whole table.
    let mut statement = connection.prepare(
        "SELECT s.name, b.arrived, b.count FROM batches b INDEXED BY batches_arrived
         CROSS JOIN streams s ON s.id = b.stream WHERE b.arrived BETWEEN ?1 AND ?2",
    )?;
    let mut rows = statement.query((from.nanos(), to.nanos()))?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        if let Ok(name) = StreamName::parse(&name) {
            let count = u32::try_from(row.get::<_, i64>(2)?).unwrap_or_default();
            each(&name, Timestamp::from_nanos(row.get(1)?), count);
        }
    }
    Ok(())
}

pub(super) fn first_since(
    connection: &Connection,
    stream: &StreamName,
    since: Timestamp,
) -> Result<Offset, StoreError> {
    let Some((id, floor)) = find(connection, stream).map_err(away)? else {
        return Ok(Offset::ZERO);
    };
    // Answered from the index alone.
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(first) FROM batches WHERE stream = ?1 AND newest >= ?2")
        .and_then(|mut statement| statement.query_row((id, since.nanos()), |row| row.get(0)))
        .map_err(away)?;
    let Some(first) = first else {
        return head(connection, id, floor).map_err(away);
    };
    let found = read(connection, stream, from_sql(first), 0)?;
    let Some(batch) = found.first() else {
        return Err(corrupt(stream, format!("the batch at {first} is gone")));
    };
    match first_line_since(&batch.lines, since) {
        Ok(Some(i)) => Ok(batch.first.plus(i)),
        Ok(None) => Err(corrupt(
            stream,
            format!("the batch at {first} is older than it claims"),
        )),
        Err(what) => Err(corrupt(stream, format!("the batch at {first}: {what}"))),
    }
}

/// Where the last batch with a line before `until` ends. Goes back from the head, so it costs what came since.
pub(super) fn end_before(
    connection: &Connection,
    stream: &StreamName,
    until: Timestamp,
) -> Result<Offset, rusqlite::Error> {
    let Some((id, floor)) = find(connection, stream)? else {
        return Ok(Offset::ZERO);
    };
    let end: Option<i64> = connection
        .prepare_cached(
            "SELECT first + count FROM batches WHERE stream = ?1 AND oldest < ?2 ORDER BY first DESC LIMIT 1",
        )?
        .query_row((id, until.nanos()), |row| row.get(0))
        .optional()?;
    Ok(end.map_or(floor, from_sql))
}

/// Chooses what a trim removes: at most `most` batches.
pub(super) fn plan(
    connection: &Connection,
    retention: &Retention,
    now: Timestamp,
    most: u64,
) -> Result<Plan, StoreError> {
    let plan = || -> Result<Plan, rusqlite::Error> {
        let total: i64 = connection.query_row("SELECT value FROM meta WHERE name = 'bytes'", [], |row| {
            row.get(0)
        })?;
        let mut oldest = Oldest::new(retention, now, u64::try_from(total).unwrap_or_default());
        let mut statement = connection.prepare_cached(
            "SELECT b.stream, b.first, b.count, b.arrived, b.bytes, s.floor
             FROM batches b CROSS JOIN streams s ON s.id = b.stream ORDER BY b.arrived",
        )?;
        let mut rows = statement.query([])?;
        let mut more = false;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            let arrived = Timestamp::from_nanos(row.get(3)?);
            if !oldest.wants(arrived) {
                break;
            }
            if oldest.chosen().batches >= most || looked_at >= MOST_LOOKED_AT {
                more = oldest.chosen().batches > 0;
                break;
            }
            looked_at += 1;
            let (stream, first, count): (StreamId, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            oldest.introduce(stream, from_sql(row.get(5)?));
            oldest.offer(Kept {
                stream,
                first: from_sql(first),
                next: from_sql(first.saturating_add(count)),
                arrived,
                bytes: u64::try_from(row.get::<_, i64>(4)?).unwrap_or_default(),
            });
        }
        Ok(Plan {
            floors: oldest.floors(),
            more,
        })
    };
    plan().map_err(away)
}

/// A row of `first, count, oldest, newest, arrived, compressed, lines`.
fn batch(stream: &StreamName, row: &Row<'_>) -> Result<Batch, StoreError> {
    let number = |column| row.get::<_, i64>(column).map_err(away);
    let first = from_sql(number(0)?);
    let bytes = row
        .get_ref(6)
        .map_err(away)?
        .as_blob()
        .map_err(|error| corrupt(stream, format!("the batch at {first}: {error}")))?;
    let ndjson = match number(5)? {
        0 => Ok(bytes.to_vec().into()),
        _ => decompress(bytes),
    };
    let (oldest, newest) = (
        Timestamp::from_nanos(number(2)?),
        Timestamp::from_nanos(number(3)?),
    );
    let count = number(1)?;
    let lines = ndjson
        .and_then(|ndjson| checked_lines(ndjson, count, oldest, newest))
        .map_err(|what| corrupt(stream, format!("the batch at {first}: {what}")))?;
    Ok(Batch {
        stream: stream.clone(),
        first,
        arrived: Timestamp::from_nanos(number(4)?),
        lines,
    })
}

fn corrupt(stream: &StreamName, what: String) -> StoreError {
    StoreError::Corrupt {
        stream: stream.clone(),
        what,
    }
}
