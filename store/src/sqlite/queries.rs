//! Every question that is answered from a reading connection.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use lines::{Batch, Extent, Offset, StoreError, StreamInfo, StreamName, Timestamp, log_reader::Damage};
use rusqlite::{Connection, OptionalExtension};

use super::away;
use super::recent::{End, Entry, Recent};
use crate::damage::{Damages, Page, Row};
use crate::encoding::{Read, checked_lines, decompress, end_of, first_line_since};

/// How a stream is named inside the database.
pub(super) type StreamId = i64;

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

/// A stream's row.
pub(super) struct Kept {
    pub(super) id: StreamId,
    pub(super) floor: Offset,
    /// Where it ended when it was last deleted.
    pub(super) deleted: Offset,
}

/// A stream's row; `None` when it never had a line.
pub(super) fn kept(connection: &Connection, stream: &StreamName) -> Result<Option<Kept>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id, floor, deleted FROM streams WHERE name = ?1")?
        .query_row([stream.as_str()], |row| {
            Ok(Kept {
                id: row.get(0)?,
                floor: from_sql(row.get(1)?),
                deleted: from_sql(row.get(2)?),
            })
        })
        .optional()
}

/// When the last batch of a stream arrived.
pub(super) fn last_arrival(
    connection: &Connection,
    id: StreamId,
) -> Result<Option<Timestamp>, rusqlite::Error> {
    let arrived: Option<i64> = connection
        .prepare_cached("SELECT arrived FROM batches WHERE stream = ?1 ORDER BY first DESC LIMIT 1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(arrived.map(Timestamp::from_nanos))
}

/// The next offset of a stream: where its last batch in place ends, or its floor when it keeps none (invariant 10).
pub(super) fn head(connection: &Connection, id: StreamId, floor: Offset) -> Result<Offset, rusqlite::Error> {
    let end = connection
        .prepare_cached("SELECT first, count FROM batches WHERE stream = ?1 ORDER BY first DESC LIMIT 1")?
        .query_row([id], |row| Ok(end_of(from_sql(row.get(0)?), row.get(1)?)))
        .optional()?;
    Ok(end.map_or(floor, |end| end.max(floor)))
}

pub(super) fn extents(
    connection: &Connection,
    recent: &Recent,
    streams: &[StreamName],
) -> Result<Vec<Extent>, StoreError> {
    let ends: Vec<_> = streams.iter().map(|stream| recent.end(stream)).collect();
    streams
        .iter()
        .zip(ends)
        .map(|(stream, end)| match kept(connection, stream)? {
            None => Ok(Extent::default()),
            Some(Kept { id, floor, deleted }) => Ok(Extent {
                first_available: floor,
                next: head_behind(connection, id, floor, end)?,
                deleted,
            }),
        })
        .collect::<Result<_, _>>()
        .map_err(away)
}

/// The next offset of a stream that has recent lines, or has not.
pub(super) fn head_behind(
    connection: &Connection,
    id: StreamId,
    floor: Offset,
    end: Option<End>,
) -> Result<Offset, rusqlite::Error> {
    match end {
        Some(end) => Ok(end.next.max(floor)),
        None => head(connection, id, floor),
    }
}

pub(super) fn read(
    connection: &Connection,
    recent: &Recent,
    stream: &StreamName,
    from: Offset,
    max_bytes: usize,
) -> Result<Vec<Arc<Batch>>, StoreError> {
    page(
        connection,
        recent.rows(stream, from, max_bytes),
        stream,
        from,
        max_bytes,
    )
}

/// What is in place, and then what was recent before anything was looked up there.
fn page(
    connection: &Connection,
    mut lately: VecDeque<Row>,
    stream: &StreamName,
    from: Offset,
    max_bytes: usize,
) -> Result<Vec<Arc<Batch>>, StoreError> {
    let Some((id, floor)) = find(connection, stream).map_err(away)? else {
        return Ok(Vec::new());
    };
    let from = from.max(floor);
    let mut statement = connection
        .prepare_cached(
            "SELECT first, count, oldest, newest, arrived, compressed, lines FROM batches
             WHERE stream = ?1 AND first >= coalesce(
                 (SELECT first FROM batches WHERE stream = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), 0)
             ORDER BY first",
        )
        .map_err(away)?;
    let mut rows = statement.query((id, to_sql(from))).map_err(away)?;
    let mut page = Page::new(stream, from, max_bytes);
    loop {
        // What is recent follows what is in place; what was merged meanwhile is in both.
        let offered = match rows.next() {
            Ok(Some(row)) => page.offer(self::row(stream, row)?),
            Ok(None) => match lately.pop_front() {
                Some(row) => page.offer(row),
                None => break,
            },
            Err(_) if page.has_begun() => break,
            Err(error) => {
                let error = away(error);
                if !matches!(error, StoreError::Broken(_)) {
                    return Err(error);
                }
                let next = place_after(connection, id, page.next()).map_err(away)?;
                let next = next.or(lately.front().map(|row| row.first));
                page.unreadable(next.ok_or(error)?);
                break;
            }
        };
        if offered.is_break() {
            break;
        }
    }
    page.done()
}

/// Where the next batch begins, as the index alone has it.
fn place_after(connection: &Connection, id: StreamId, at: Offset) -> Result<Option<Offset>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT first FROM batches INDEXED BY batches_place
             WHERE stream = ?1 AND first > ?2 ORDER BY first LIMIT 1",
        )?
        .query_row((id, to_sql(at)), |row| Ok(from_sql(row.get(0)?)))
        .optional()
}

/// Every stream that exists, by name, with its lines a second as `rates` has them. Looks up the last batch of each, so it costs
/// what there are of streams, whatever there is of batches.
pub(super) fn streams(
    connection: &Connection,
    recent: &Recent,
    rates: &HashMap<StreamName, f64>,
) -> Result<Vec<StreamInfo>, StoreError> {
    list(connection, &recent.ends(), rates).map_err(away)
}

fn list(
    connection: &Connection,
    lately: &HashMap<StreamName, End>,
    rates: &HashMap<StreamName, f64>,
) -> Result<Vec<StreamInfo>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT s.name, s.floor, b.first, b.count, b.arrived, s.deleted FROM streams s
         LEFT JOIN batches b ON b.id = (SELECT id FROM batches WHERE stream = s.id ORDER BY first DESC LIMIT 1)
         ORDER BY s.name",
    )?;
    let mut rows = statement.query([])?;
    let mut streams = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, floor): (String, i64) = (row.get(0)?, row.get(1)?);
        let (last, count): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
        let arrived: Option<i64> = row.get(4)?;
        let Ok(name) = StreamName::parse(&name) else {
            tracing::warn!(%name, "the store has a stream whose name cannot be one, it is left out");
            continue;
        };
        let floor = from_sql(floor);
        let in_place = last.zip(arrived).map(|(first, arrived)| End {
            next: end_of(from_sql(first), count),
            arrived: Timestamp::from_nanos(arrived),
        });
        // Batches below the floor may still be there.
        let end = lately
            .get(&name)
            .copied()
            .or(in_place)
            .filter(|end| end.next > floor);
        let extent = Extent {
            first_available: floor,
            next: end.map_or(floor, |end| end.next),
            deleted: from_sql(row.get(5)?),
        };
        if !extent.exists() {
            continue;
        }
        let info = StreamInfo {
            extent,
            last_arrival: end.map(|end| end.arrived),
            lines_per_second: rates.get(&name).copied().unwrap_or_default(),
            name,
        };
        streams.push(info.since_deleted());
    }
    Ok(streams)
}

/// How many lines of each stream arrived within these times, of those in place.
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
    recent: &Recent,
    stream: &StreamName,
    since: Timestamp,
    damages: &Damages,
) -> Result<Offset, StoreError> {
    let end = recent.end(stream);
    let lately = recent.first_since(stream, since);
    let Some((id, floor)) = find(connection, stream).map_err(away)? else {
        return Ok(Offset::ZERO);
    };
    // Answered from the index alone.
    let first: Option<i64> = connection
        .prepare_cached("SELECT min(first) FROM batches WHERE stream = ?1 AND newest >= ?2 AND first >= ?3")
        .and_then(|mut statement| statement.query_row((id, since.nanos(), to_sql(floor)), |row| row.get(0)))
        .map_err(away)?;
    let Some(first) = first else {
        return match lately {
            Some(Entry { batch: Ok(batch), .. }) => Ok(begin_in(&batch, since, damages).max(floor)),
            Some(damaged) => Ok(damaged.first.max(floor)),
            None => head_behind(connection, id, floor, end).map_err(away),
        };
    };
    let first = from_sql(first);
    match page(connection, VecDeque::new(), stream, first, 0) {
        Ok(found) => Ok(found
            .first()
            .map_or(first, |batch| begin_in(batch, since, damages))),
        // The reader is told when it gets there.
        Err(StoreError::Damaged(_)) => Ok(first),
        Err(error) => Err(error),
    }
}

/// Where the lines since some time begin in a batch that claims to have any.
fn begin_in(batch: &Batch, since: Timestamp, damages: &Damages) -> Offset {
    let what = match first_line_since(&batch.lines, since) {
        Ok(Some(i)) => return batch.first.plus(i),
        Ok(None) => "it is older than it claims".to_owned(),
        Err(what) => what,
    };
    damages.note(&Damage {
        stream: batch.stream.clone(),
        from: batch.first,
        to: batch.next(),
        what,
    });
    batch.first
}

/// Where the last batch with a line before `until` ends. Goes back from the head, so it costs what came since.
pub(super) fn end_before(
    connection: &Connection,
    recent: &Recent,
    stream: &StreamName,
    until: Timestamp,
) -> Result<Offset, rusqlite::Error> {
    let lately = recent.end_before(stream, until);
    let Some((id, floor)) = find(connection, stream)? else {
        return Ok(Offset::ZERO);
    };
    if let Some(end) = lately {
        return Ok(end.max(floor));
    }
    let end = connection
        .prepare_cached(
            "SELECT first, count FROM batches WHERE stream = ?1 AND oldest < ?2 ORDER BY first DESC LIMIT 1",
        )?
        .query_row((id, until.nanos()), |row| {
            Ok(end_of(from_sql(row.get(0)?), row.get(1)?))
        })
        .optional()?;
    Ok(end.map_or(floor, |end| end.max(floor)))
}

/// A row of `first, count, oldest, newest, arrived, compressed, lines`.
pub(super) fn row(stream: &StreamName, row: &rusqlite::Row<'_>) -> Result<Row, StoreError> {
    let first = from_sql(row.get(0).map_err(away)?);
    Ok(Row {
        first,
        next: end_of(first, row.get(1).ok()),
        batch: batch(stream, first, row),
    })
}

fn batch(stream: &StreamName, first: Offset, row: &rusqlite::Row<'_>) -> Result<Batch, String> {
    let number = |column| row.get::<_, i64>(column).map_err(|error| error.to_string());
    let bytes = row.get_ref(6).map_err(|error| error.to_string())?;
    let bytes = bytes.as_blob().map_err(|error| error.to_string())?;
    let read = match number(5)? {
        0 => Read::plain(bytes.to_vec().into()),
        _ => decompress(bytes)?,
    };
    let (oldest, newest) = (number(2)?, number(3)?);
    let (oldest, newest) = (Timestamp::from_nanos(oldest), Timestamp::from_nanos(newest));
    Ok(Batch {
        stream: stream.clone(),
        first,
        arrived: Timestamp::from_nanos(number(4)?),
        lines: checked_lines(read, number(1)?, oldest, newest)?,
    })
}
