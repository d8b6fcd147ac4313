//! Retention in the file: floors are raised first, and what lies below them is deleted later, in steps between which
//! appends get their turn.

mod clock;

use std::time::Duration;

use lines::retention::{Deletable, Hidden, HiddenLines, Holdings, Restored, Retention, Trimmed};
use lines::{Offset, StoreError, StreamName, Timestamp};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

pub(super) use self::clock::{allow, keep, mark};
use self::clock::{newest, remembered};
use super::away;
use super::queries::{StreamId, from_sql, to_sql};
use super::recent::Recent;
use super::room::Steps;
use super::sketches;
use crate::clock::TOLERANCE;
use crate::oldest::{Gap, Kept, Next, Oldest, Raise, Why, cutoff};
use crate::position::Position;

/// Floors that one step raises.
const STEP_FLOORS: usize = 1000;
/// Batches of a gap that are read at a time.
const GAP_BATCHES: i64 = 1000;
/// What is made invisible within this part of the grace is deleted together.
const TOGETHER_PART: u32 = 8;

type Sql<T> = Result<T, rusqlite::Error>;

/// What a trim has to do.
pub(super) struct Plan {
    pub(super) raises: Vec<Raise<StreamId>>,
    /// Streams whose lines were brought back, and which age may take from again.
    pub(super) lifted: Vec<StreamId>,
    /// Where the next trim begins.
    pub(super) position: Position,
    /// Whether there is more than one trim may do.
    pub(super) more: bool,
}

/// Chooses what a trim makes invisible: at most about `most` batches.
pub(super) fn plan(
    connection: &Connection,
    retention: &Retention,
    now: Timestamp,
    most: u64,
    position: Position,
) -> Result<Plan, StoreError> {
    choose(connection, retention, now, most, position).map_err(away)
}

fn choose(
    connection: &Connection,
    retention: &Retention,
    now: Timestamp,
    most: u64,
    position: Position,
) -> Sql<Plan> {
    let visible = in_place(connection)?;
    let excess = retention.bytes.map_or(0, |most| visible.saturating_sub(most));
    let mut oldest = Oldest::new(retention, now, excess, most);
    let mut position = position.begin(now);
    let mut statement = connection.prepare_cached(
        "SELECT b.stream, b.first, b.count, b.arrived, b.bytes, s.floor, s.held IS NOT NULL
         FROM batches b CROSS JOIN streams s ON s.id = b.stream WHERE b.arrived > ?1 ORDER BY b.arrived",
    )?;
    let mut rows = statement.query([position.after.map_or(i64::MIN, Timestamp::nanos)])?;
    let mut more = false;
    let mut at_end = true;
    while let Some(row) = rows.next()? {
        let arrived = Timestamp::from_nanos(row.get(3)?);
        let next = oldest.next(arrived);
        if next != Next::Offer {
            more = next == Next::Enough;
            at_end = false;
            break;
        }
        let stream: StreamId = row.get(0)?;
        oldest.introduce(stream, from_sql(row.get(5)?), row.get(6)?);
        oldest.offer(kept(stream, row.get(1)?, row.get(2)?, arrived, row.get(4)?));
    }
    fill_gaps(connection, &mut oldest)?;
    position.after = oldest.looked_up_to().or(position.after);
    // What is left of a store that is too large lies before where this trim began.
    if at_end && oldest.too_large() {
        position = Position::default();
    }
    Ok(Plan {
        lifted: match cutoff(retention, now) {
            Some(cutoff) => lifted(connection, cutoff)?,
            None => Vec::new(),
        },
        raises: oldest.floors(),
        position,
        more,
    })
}

/// What is visible and in place, in bytes as stored.
fn in_place(connection: &Connection) -> Sql<u64> {
    let visible = number(connection, "SELECT value FROM meta WHERE name = 'bytes'")?
        - number(connection, "SELECT coalesce(sum(bytes), 0) FROM hidden")?;
    Ok(u64::try_from(visible).unwrap_or_default())
}

/// What is visible, in bytes as stored.
pub(super) fn visible(connection: &Connection, recent: &Recent) -> Sql<u64> {
    let recent = recent.bytes() as u64;
    Ok(in_place(connection)? + recent)
}

fn fill_gaps(connection: &Connection, oldest: &mut Oldest<StreamId>) -> Sql<()> {
    let mut statement = connection.prepare_cached(
        "SELECT first, count, arrived, bytes FROM batches
         WHERE stream = ?1 AND first >= ?2 AND first < ?3 ORDER BY first LIMIT ?4",
    )?;
    loop {
        let gaps = oldest.gaps();
        if gaps.is_empty() {
            return Ok(());
        }
        for gap in gaps {
            let Gap { stream, from, to } = gap;
            let found = statement
                .query_map((stream, to_sql(from), to_sql(to), GAP_BATCHES), |row| {
                    let arrived = Timestamp::from_nanos(row.get(2)?);
                    Ok(kept(stream, row.get(0)?, row.get(1)?, arrived, row.get(3)?))
                })?
                .collect::<Sql<Vec<_>>>()?;
            oldest.fill(&gap, found);
        }
    }
}

fn kept(stream: StreamId, first: i64, count: i64, arrived: Timestamp, bytes: i64) -> Kept<StreamId> {
    Kept {
        stream,
        first: from_sql(first),
        next: from_sql(first.saturating_add(count)),
        arrived,
        bytes: u64::try_from(bytes).unwrap_or_default(),
    }
}

/// Streams whose lines were brought back and that a trim would leave alone now.
fn lifted(connection: &Connection, cutoff: Timestamp) -> Sql<Vec<StreamId>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM streams s WHERE held IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM batches WHERE stream = s.id AND first >= s.floor AND first < s.held AND arrived < ?1)",
    )?;
    statement.query_map([cutoff.nanos()], |row| row.get(0))?.collect()
}

/// What raising did.
pub(super) struct Raised {
    pub(super) trimmed: Trimmed,
    /// To be raised in the next step.
    pub(super) left: Vec<Raise<StreamId>>,
    /// Whether every floor was where batches end. Merging may have joined what a plan had go apart.
    pub(super) all_stood: bool,
}

/// Raises some of the floors. Only those that are still where the plan saw them: they may have been lowered meanwhile.
pub(super) fn raise(
    connection: &mut Connection,
    mut raises: Vec<Raise<StreamId>>,
    now: Timestamp,
    grace: Duration,
) -> Sql<Raised> {
    let left = raises.split_off(raises.len().min(STEP_FLOORS));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (mut trimmed, mut all_stood) = (Trimmed::default(), true);
    for raise in raises {
        if !is_an_end(&transaction, raise.stream, raise.floor)? {
            all_stood = false;
            continue;
        }
        let size = raise.why == Why::Size;
        let raised = transaction
            .prepare_cached(
                "UPDATE streams SET floor = ?3 WHERE id = ?1 AND floor = ?2 AND (held IS NULL OR ?4)",
            )?
            .execute((raise.stream, to_sql(raise.was), to_sql(raise.floor), size))?;
        if raised > 0 {
            hide(&transaction, &raise, size, now, grace)?;
            trimmed.batches += raise.batches;
            trimmed.lines += raise.floor.since(raise.was);
        }
    }
    transaction.commit()?;
    Ok(Raised {
        trimmed,
        left,
        all_stood,
    })
}

/// Whether no batch in place lies on both sides of a floor.
fn is_an_end(connection: &Connection, stream: StreamId, floor: Offset) -> Sql<bool> {
    let end: Option<i64> = connection
        .prepare_cached(
            "SELECT first + count FROM batches WHERE stream = ?1 AND first < ?2 ORDER BY first DESC LIMIT 1",
        )?
        .query_row((stream, to_sql(floor)), |row| row.get(0))
        .optional()?;
    Ok(end.is_none_or(|end| end <= to_sql(floor)))
}

/// Notes what is to be deleted, and when; together with what was made invisible a moment before, unless that was the whole
/// stream, which does not come back.
pub(super) fn hide(
    connection: &Connection,
    raise: &Raise<StreamId>,
    size: bool,
    now: Timestamp,
    grace: Duration,
) -> Sql<()> {
    let together = now.plus(grace - grace / TOGETHER_PART);
    let (batches, bytes) = (raise.batches.cast_signed(), raise.bytes.cast_signed());
    let joined = connection
        .prepare_cached(
            "UPDATE hidden SET below = ?3, after = ?4, batches = batches + ?5, bytes = bytes + ?6
             WHERE stream = ?1 AND below = ?2 AND size = ?7 AND after >= ?8
             AND below > (SELECT deleted FROM streams WHERE id = ?1)",
        )?
        .execute((
            raise.stream,
            to_sql(raise.was),
            to_sql(raise.floor),
            now.plus(grace).nanos(),
            batches,
            bytes,
            size,
            together.nanos(),
        ))?;
    if joined == 0 {
        connection
            .prepare_cached(
                "INSERT INTO hidden (stream, below, begins, after, batches, bytes, size)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                raise.stream,
                to_sql(raise.floor),
                to_sql(raise.was),
                now.plus(grace).nanos(),
                batches,
                bytes,
                size,
            ))?;
    }
    Ok(())
}

/// Lets age take from these streams again.
pub(super) fn lift(connection: &Connection, streams: &[StreamId]) -> Sql<()> {
    for stream in streams {
        connection
            .prepare_cached("UPDATE streams SET held = NULL WHERE id = ?1")?
            .execute([stream])?;
    }
    Ok(())
}

/// Deletes a step of what is invisible and may be deleted by `due`. The floors stay, so the streams go on where they ended (invariant 10).
pub(super) fn delete(
    connection: &mut Connection,
    what: Deletable,
    now: Timestamp,
    grace: Duration,
    due: Timestamp,
    most: Steps,
) -> Sql<Trimmed> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // By a clock that was far ahead then and no longer is.
    transaction
        .prepare_cached("UPDATE hidden SET after = ?1 WHERE after > ?2")?
        .execute((now.plus(grace).nanos(), now.plus(grace).plus(TOLERANCE).nanos()))?;
    let due: Vec<(StreamId, i64)> = transaction
        .prepare_cached(
            "SELECT stream, below FROM hidden h WHERE EXISTS (
                 SELECT 1 FROM hidden due WHERE due.stream = h.stream AND due.below >= h.below
                 AND due.after <= ?1 AND due.size >= ?2)
             AND stream IN (SELECT stream FROM hidden WHERE after <= ?1 AND size >= ?2 LIMIT ?3)
             ORDER BY stream, below",
        )?
        .query_map(
            (
                due.nanos(),
                what == Deletable::TooMuch,
                i64::try_from(most.batches).unwrap_or(i64::MAX),
            ),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Sql<_>>()?;
    let mut deleted = Trimmed::default();
    let mut bytes = 0;
    let mut gone = Vec::new();
    for (stream, below) in due {
        if deleted.batches >= most.batches || bytes >= most.bytes {
            deleted.more = true;
            break;
        }
        let reached = delete_below(&transaction, stream, below, most, &mut deleted, &mut bytes)?;
        gone.extend(reached.map(|reached| (stream, reached)));
    }
    transaction
        .prepare_cached("UPDATE meta SET value = value - ?1 WHERE name = 'bytes'")?
        .execute([bytes])?;
    transaction.commit()?;
    sketches::follow(connection, &gone);
    Ok(deleted)
}

/// Deletes batches of one stream, as far as a step goes, and says up to where that was.
fn delete_below(
    connection: &Connection,
    stream: StreamId,
    below: i64,
    most: Steps,
    deleted: &mut Trimmed,
    bytes: &mut i64,
) -> Sql<Option<i64>> {
    let mut reached = None;
    let (mut batches, mut freed) = (0, 0);
    {
        let mut statement = connection.prepare_cached(
            "SELECT first + count, count, bytes FROM batches WHERE stream = ?1 AND first < ?2 ORDER BY first",
        )?;
        let mut rows = statement.query((stream, below))?;
        while let Some(row) = rows.next()? {
            if deleted.batches >= most.batches || *bytes >= most.bytes {
                deleted.more = true;
                break;
            }
            reached = Some(row.get::<_, i64>(0)?);
            deleted.batches += 1;
            deleted.lines += u64::from(row.get::<_, u32>(1)?);
            batches += 1;
            freed += row.get::<_, i64>(2)?;
            *bytes += row.get::<_, i64>(2)?;
        }
    }
    let reached = if deleted.more { reached } else { Some(below) };
    let Some(reached) = reached else { return Ok(None) };
    connection
        .prepare_cached("DELETE FROM keys WHERE stream = ?1 AND batch < ?2")?
        .execute((stream, reached))?;
    connection
        .prepare_cached("DELETE FROM batches WHERE stream = ?1 AND first < ?2")?
        .execute((stream, reached))?;
    connection
        .prepare_cached("DELETE FROM hidden WHERE stream = ?1 AND below <= ?2")?
        .execute((stream, reached))?;
    connection
        .prepare_cached(
            "UPDATE hidden SET begins = ?3, batches = max(batches - ?4, 0), bytes = max(bytes - ?5, 0)
             WHERE stream = ?1 AND below = ?2",
        )?
        .execute((stream, below, reached, batches, freed))?;
    Ok(Some(reached))
}

/// Lowers the floors of these streams to the first line that is not deleted, and never to one that went with its stream.
pub(super) fn restore(connection: &mut Connection, which: &Hidden) -> Sql<Vec<Restored>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let hidden: Vec<(StreamId, String, i64, i64)> = transaction
        .prepare(
            "SELECT s.id, s.name, min(h.begins), s.floor FROM hidden h JOIN streams s ON s.id = h.stream
             WHERE h.below > s.deleted GROUP BY s.id ORDER BY s.name",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Sql<_>>()?;
    let mut restored = Vec::new();
    for (id, name, from, to) in hidden {
        let Some(stream) = StreamName::parse(&name).ok().filter(|name| which.means(name)) else {
            continue;
        };
        transaction
            .prepare_cached("UPDATE streams SET floor = ?2, held = floor WHERE id = ?1")?
            .execute((id, from))?;
        transaction
            .prepare_cached(
                "DELETE FROM hidden WHERE stream = ?1 AND below > (SELECT deleted FROM streams WHERE id = ?1)",
            )?
            .execute([id])?;
        restored.push(Restored {
            stream,
            from: from_sql(from),
            to: from_sql(to),
        });
    }
    transaction.commit()?;
    Ok(restored)
}

/// What is kept, and what is on its way out.
pub(super) fn holdings(
    connection: &Connection,
    recent: &Recent,
    now: Timestamp,
    position: Position,
) -> Result<Holdings, StoreError> {
    let size = |text| -> Sql<u64> { Ok(u64::try_from(number(connection, text)?).unwrap_or_default()) };
    let holdings = || -> Sql<Holdings> {
        let newest = newest(connection, recent, now)?;
        // A trim looks at what is recent in any case.
        let lately = (recent.bytes() as u64, recent.oldest());
        let oldest: Option<i64> = connection
            .prepare_cached(
                "SELECT b.arrived FROM batches b CROSS JOIN streams s ON s.id = b.stream
                 WHERE b.arrived > ?1 AND b.first >= s.floor ORDER BY b.arrived LIMIT 1",
            )?
            .query_row([position.after.map_or(i64::MIN, Timestamp::nanos)], |row| {
                row.get(0)
            })
            .optional()?;
        let deletion: Option<i64> =
            connection.query_row("SELECT min(after) FROM hidden", [], |row| row.get(0))?;
        Ok(Holdings {
            bytes: size("SELECT value FROM meta WHERE name = 'bytes'")? + lately.0,
            hidden_bytes: size("SELECT coalesce(sum(bytes), 0) FROM hidden")?,
            hidden_streams: size(
                "SELECT count(DISTINCT h.stream) FROM hidden h JOIN streams s ON s.id = h.stream
                 WHERE h.below > s.deleted",
            )?,
            held_streams: size("SELECT count(*) FROM streams WHERE held IS NOT NULL")?,
            oldest: [oldest.map(Timestamp::from_nanos), lately.1]
                .into_iter()
                .flatten()
                .min(),
            newest,
            deletion: deletion.map(Timestamp::from_nanos),
            allowed: remembered(connection, "allowed")?.map(Timestamp::from_nanos),
        })
    };
    holdings().map_err(away)
}

/// Lines that can be brought back.
pub(super) fn hidden(connection: &Connection, most: usize) -> Result<Vec<HiddenLines>, StoreError> {
    let hidden = || -> Sql<Vec<HiddenLines>> {
        let mut statement = connection.prepare_cached(
            "SELECT s.name, min(h.begins), s.floor, sum(h.bytes), min(h.after)
             FROM hidden h JOIN streams s ON s.id = h.stream WHERE h.below > s.deleted
             GROUP BY s.id ORDER BY s.name LIMIT ?1",
        )?;
        let mut rows = statement.query([i64::try_from(most).unwrap_or(i64::MAX)])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let Ok(stream) = StreamName::parse(&row.get::<_, String>(0)?) else {
                continue;
            };
            found.push(HiddenLines {
                stream,
                from: from_sql(row.get(1)?),
                to: from_sql(row.get(2)?),
                bytes: u64::try_from(row.get::<_, i64>(3)?).unwrap_or_default(),
                deleted_after: Timestamp::from_nanos(row.get(4)?),
            });
        }
        Ok(found)
    };
    hidden().map_err(away)
}

fn number(connection: &Connection, text: &str) -> Sql<i64> {
    connection.prepare_cached(text)?.query_row([], |row| row.get(0))
}
