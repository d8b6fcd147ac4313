//! Sketches of lines, and where by them lines may lie that a search is for.
//!
//! `sketches` has the outlines, `sketch_slices` the slices: a row and a page each, found by their number without an index.

use std::ops::Range;
use std::sync::Once;

use bytes::Bytes;
use lines::filter::needs::Needs;
use lines::sketch::{LAYOUT, Outline, Reach, SLICES, Sketch, place};
use lines::{Offset, StoreError, StreamName};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::away;
use super::queries::{StreamId, find, from_sql, head_behind, to_sql};
use super::recent::Recent;

type Sql<T> = Result<T, rusqlite::Error>;

/// Up to where a stream has sketches of the current layout, of those that end at `upto` or before.
pub(super) fn reach(connection: &Connection, stream: &StreamName, upto: Offset) -> Sql<Reach> {
    let Some((id, _)) = find(connection, stream)? else {
        return Ok(Reach::default());
    };
    let reach = |row: &rusqlite::Row<'_>| {
        Ok(Reach {
            next: from_sql(row.get(0)?),
            last: row.get::<_, i64>(1)?.cast_unsigned(),
        })
    };
    let found = connection
        .prepare_cached(
            "SELECT next, last FROM sketches
             WHERE stream = ?1 AND kinds >= ?2 AND first < ?3 AND next <= ?3 ORDER BY first DESC LIMIT 1",
        )?
        .query_row((id, LAYOUT, to_sql(upto)), reach)
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Keeps a sketch, unless there is one that begins there.
pub(super) fn keep(connection: &mut Connection, stream: &StreamName, sketch: &Sketch) -> Sql<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Retention may have been quicker: of what is gone there is nothing to keep.
    let Some((id, floor)) = find(&transaction, stream)? else {
        return Ok(());
    };
    let outline = &sketch.outline;
    if outline.next() <= floor {
        return Ok(());
    }
    delete_earlier(&transaction, id, outline)?;
    let kept = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO sketches (stream, first, next, kinds, ends, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            id,
            to_sql(outline.first),
            to_sql(outline.next()),
            outline.kinds,
            ends_to_sql(outline),
            outline.last.cast_signed(),
        ))?;
    if kept > 0 {
        let number = transaction.last_insert_rowid();
        let mut statement =
            transaction.prepare_cached("INSERT INTO sketch_slices (id, rows) VALUES (?1, ?2)")?;
        for (nth, slice) in (0..).zip(&sketch.slices) {
            statement.execute((slice_id(number, nth), slice.as_ref()))?;
        }
    }
    transaction.commit()
}

/// Removes what earlier layouts have of these lines.
fn delete_earlier(connection: &Connection, stream: StreamId, outline: &Outline) -> Sql<()> {
    let earlier: Vec<i64> = connection
        .prepare_cached(
            "SELECT id FROM sketches
             WHERE stream = ?1 AND first >= coalesce(
                 (SELECT first FROM sketches WHERE stream = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), 0)
             AND first < ?3 AND next > ?2 AND kinds < ?4",
        )?
        .query_map(
            (stream, to_sql(outline.first), to_sql(outline.next()), LAYOUT),
            |row| row.get(0),
        )?
        .collect::<Sql<_>>()?;
    earlier
        .into_iter()
        .try_for_each(|number| delete(connection, number))
}

/// Removes the sketches of lines that went: each stream's up to there. What fails here never keeps lines from going, so it is
/// a transaction of its own, after theirs. What is left of it goes with the next lines of the stream.
pub(super) fn follow(connection: &mut Connection, gone: &[(StreamId, i64)]) {
    static TOLD: Once = Once::new();
    let tell = |error: rusqlite::Error| {
        TOLD.call_once(|| tracing::error!(%error, "sketches of lines that were deleted stay in the store"));
    };
    let transaction = match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
        Ok(transaction) => transaction,
        Err(error) => return tell(error),
    };
    for (stream, below) in gone {
        // What was done of it may stay done: a slice that is not there says nothing.
        delete_below(&transaction, *stream, *below).unwrap_or_else(tell);
    }
    transaction.commit().unwrap_or_else(tell);
}

fn delete_below(connection: &Connection, stream: StreamId, below: i64) -> Sql<()> {
    let gone: Vec<i64> = connection
        .prepare_cached("SELECT id FROM sketches WHERE stream = ?1 AND first < ?2 AND next <= ?2")?
        .query_map((stream, below), |row| row.get(0))?
        .collect::<Sql<_>>()?;
    gone.into_iter().try_for_each(|number| delete(connection, number))
}

fn delete(connection: &Connection, number: i64) -> Sql<()> {
    connection
        .prepare_cached("DELETE FROM sketch_slices WHERE id >= ?1 AND id < ?2")?
        .execute((slice_id(number, 0), slice_id(number + 1, 0)))?;
    connection
        .prepare_cached("DELETE FROM sketches WHERE id = ?1")?
        .execute([number])?;
    Ok(())
}

/// Removes the sketches that reach beyond the head.
pub(super) fn delete_beyond(connection: &mut Connection, stream: &StreamName, head: Offset) -> Sql<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if let Some((id, _)) = find(&transaction, stream)? {
        let beyond: Vec<i64> = transaction
            .prepare_cached("SELECT id FROM sketches WHERE stream = ?1 AND next > ?2")?
            .query_map((id, to_sql(head)), |row| row.get(0))?
            .collect::<Sql<_>>()?;
        beyond
            .into_iter()
            .try_for_each(|number| delete(&transaction, number))?;
    }
    transaction.commit()
}

/// Where lines may lie that have what is needed. What no sketch is of may have anything, and so may what one is of that
/// reaches beyond the head: it is of lines that were lost.
pub(super) fn places(
    connection: &Connection,
    recent: &Recent,
    stream: &StreamName,
    within: &Range<Offset>,
    needs: &Needs,
) -> Result<Vec<Range<Offset>>, StoreError> {
    // Memory first: what is merged meanwhile is in one of them at least.
    let end = recent.end(stream);
    let look = || -> Sql<Vec<Range<Offset>>> {
        let Some((id, floor)) = find(connection, stream)? else {
            return Ok(vec![within.clone()]);
        };
        let head = head_behind(connection, id, floor, end)?;
        let mut places = Vec::new();
        let mut at = within.start;
        let mut statement = connection.prepare_cached(
            "SELECT id, first, kinds, ends, next, last FROM sketches
             WHERE stream = ?1 AND first >= coalesce(
                 (SELECT first FROM sketches WHERE stream = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1), 0)
             AND first < ?3 ORDER BY first",
        )?;
        let mut slices = connection.prepare_cached("SELECT rows FROM sketch_slices WHERE id = ?1")?;
        let mut rows = statement.query((id, to_sql(within.start), to_sql(within.end)))?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            let Some(outline) = outline(row)?.filter(|outline| outline.next() <= head) else {
                continue;
            };
            let blocks = outline.ask(needs, |nth| {
                let rows = |row: &rusqlite::Row<'_>| Ok(Bytes::copy_from_slice(row.get_ref(0)?.as_blob()?));
                slices.query_row([slice_id(number, nth)], rows).optional()
            })?;
            place(at..outline.first, within, &mut places);
            outline.places(blocks, within, &mut places);
            at = at.max(outline.next());
        }
        place(at..within.end, within, &mut places);
        Ok(places)
    };
    look().map_err(away)
}

/// `None` of one that went bad: its lines are read.
fn outline(row: &rusqlite::Row<'_>) -> Sql<Option<Outline>> {
    let first = from_sql(row.get(1)?);
    let reach = Reach {
        next: from_sql(row.get(4)?),
        last: row.get::<_, i64>(5)?.cast_unsigned(),
    };
    let lengths = row.get_ref(3)?.as_blob()?.as_chunks::<4>().0.iter();
    let lengths = lengths.map(|length| u32::from_le_bytes(*length).into());
    let kinds = u8::try_from(row.get::<_, i64>(2)?).ok();
    Ok(kinds.and_then(|kinds| Outline::kept(first, lengths, kinds, reach)))
}

/// How many lines each block has, as 32 bits, the least first.
fn ends_to_sql(outline: &Outline) -> Vec<u8> {
    outline.lengths().flat_map(u32::to_le_bytes).collect()
}

/// Slices of a sketch stand together.
fn slice_id(sketch: i64, nth: u32) -> i64 {
    sketch * i64::from(SLICES) + i64::from(nth)
}
