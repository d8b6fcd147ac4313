//! Reading the table when the store is opened. Rows that went bad, and pages that cannot be read, take no more with them
//! than themselves: what is sound is served, what is not is named, and no offset is given twice as far as that is known.

use std::collections::HashMap;
use std::sync::Arc;

use lines::{Batch, Lines, Offset, StreamName, Timestamp};
use rusqlite::{Connection, Row};

use super::super::Entry;
use super::{Sql, decode, renew, sum};
use crate::encoding::{Read, checked_lines, end_of};
use crate::sqlite::insert::stored_bytes;
use crate::sqlite::merging::is_of_what_is_kept;
use crate::sqlite::queries::{self, StreamId, from_sql};

/// What counts of the table, and its last row. Whoever does not know a stream's name cannot serve its lines.
pub(in crate::sqlite) fn load(connection: &mut Connection) -> Sql<(Vec<(StreamName, Entry)>, i64)> {
    let mut loading = Loading::default();
    let mut all_read = true;
    while let Err(error) = loading.read(connection) {
        if !is_of_what_is_kept(&error) {
            return Err(error);
        }
        all_read = false;
        let after = loading.last;
        let next = next_readable(connection, after);
        tracing::error!(
            %error, after, before = next,
            "rows of the table of recent lines cannot be read, what lies before and after them is served"
        );
        match next {
            Some(next) => loading.last = next - 1,
            None => break,
        }
    }
    let last = loading.last;
    let entries = loading.settled();
    if !all_read {
        let kept: Vec<_> = entries.iter().map(|(_, entry)| entry.clone()).collect();
        if let Err(error) = renew(connection, &kept) {
            tracing::error!(%error, "the damaged table of recent lines could not be replaced");
            // What cannot be read has the rows behind the last one.
            return Ok((entries, last.saturating_add(1 << 32)));
        }
    }
    Ok((entries, last))
}

/// The first row behind one that cannot be read, as far as rows are that can be.
fn next_readable(connection: &Connection, after: i64) -> Option<i64> {
    // A row behind `after`, if rows from there on can be read.
    let behind = |after: i64| -> Sql<Option<i64>> {
        let mut statement = connection.prepare_cached(
            "SELECT id, length(lines || x'') FROM recent WHERE id > ?1 ORDER BY id LIMIT 1",
        )?;
        let mut rows = statement.query([after])?;
        rows.next()?.map(|row| row.get(0)).transpose()
    };
    let (mut bad, mut step) = (after, 1_i64);
    let mut good = loop {
        let to = after.checked_add(step)?;
        if behind(to).is_ok() {
            break to;
        }
        (bad, step) = (to, step.checked_mul(2)?);
    };
    while good - bad > 1 {
        let middle = bad + (good - bad) / 2;
        match behind(middle) {
            Ok(_) => good = middle,
            Err(_) => bad = middle,
        }
    }
    behind(good).ok().flatten()
}

/// What was read so far.
#[derive(Default)]
struct Loading {
    last: i64,
    streams: HashMap<StreamName, Found>,
}

/// A stream's.
#[derive(Default)]
struct Found {
    entries: Vec<Loaded>,
    /// Where the last row ends, as it says itself.
    end: Option<Offset>,
    /// A row behind all of these may be of this stream, and does not know its place.
    lost: Option<Entry>,
}

struct Loaded {
    entry: Entry,
    /// Its checksum is right, so it is what was written.
    sound: bool,
}

impl Loading {
    /// Rows behind the last one.
    fn read(&mut self, connection: &Connection) -> Sql<()> {
        let mut statement = connection.prepare(
            "SELECT r.id, r.stream, r.first, r.count, r.oldest, r.newest, r.arrived, r.sum, r.keys, r.lines,
                    s.name, s.merged, s.floor
             FROM recent r LEFT JOIN streams s ON s.id = r.stream WHERE r.id > ?1 ORDER BY r.id",
        )?;
        let mut rows = statement.query([self.last])?;
        while let Some(row) = rows.next()? {
            let id = row.get(0)?;
            self.take(connection, row)?;
            self.last = id;
        }
        Ok(())
    }

    fn take(&mut self, connection: &Connection, row: &Row<'_>) -> Sql<()> {
        let name: Option<String> = row.get(10)?;
        let Some(stream) = name.and_then(|name| StreamName::parse(&name).ok()) else {
            let (row, id): (i64, StreamId) = (row.get(0)?, row.get(1)?);
            tracing::error!(
                row,
                stream = id,
                "a recent batch in the store is of no stream, it is left out"
            );
            return Ok(());
        };
        let merged = from_sql(row.get(11)?);
        let Loaded { entry, sound } = loaded(&stream, row)?;
        let found = self.streams.entry(stream.clone()).or_default();
        if sound {
            // What is here says what those before it that are not sound cannot be.
            while found
                .entries
                .pop_if(|it| !it.sound && it.entry.first >= entry.first)
                .is_some()
            {}
            found.lost = None;
        } else {
            let head = queries::head(connection, entry.id, from_sql(row.get(12)?));
            let in_place = head.map_or(merged, |head| head.max(merged));
            if entry.first < in_place && found.end.is_none_or(|end| end == entry.first) {
                // It is merged, and goes later than that.
                found.end = found.end.map(|_| entry.next);
                return Ok(());
            }
            // Its place is believed where that is what comes next.
            let begins = found.end.map_or(in_place, |end| end.max(in_place));
            if entry.first != begins {
                tracing::error!(
                    %stream, row = entry.row,
                    "a recent batch in the store does not know its place, it is left out"
                );
                found.lost = Some(Entry {
                    first: begins,
                    ..entry
                });
                return Ok(());
            }
        }
        found.end = Some(entry.next);
        if entry.first >= merged {
            found.entries.push(Loaded { entry, sound });
        }
        Ok(())
    }

    /// What counts, each with its end: of one that is damaged the next one says it, and the last one leaves as much room
    /// as it can have had.
    fn settled(self) -> Vec<(StreamName, Entry)> {
        let mut all = Vec::new();
        for (stream, found) in self.streams {
            let mut entries = found.entries;
            if let Some(mut lost) = found.lost {
                if let Some(last) = entries.last_mut() {
                    if !last.sound {
                        last.entry.next = end_of(last.entry.first, None);
                    }
                    lost.first = last.entry.next;
                }
                entries.push(Loaded {
                    entry: lost,
                    sound: false,
                });
            }
            let mut behind = None;
            for Loaded { entry, sound } in entries.iter_mut().rev() {
                if !*sound {
                    entry.next = behind.unwrap_or_else(|| end_of(entry.first, None));
                }
                behind = Some(entry.first);
            }
            all.extend(entries.into_iter().map(|it| (stream.clone(), it.entry)));
        }
        all
    }
}

fn loaded(stream: &StreamName, row: &Row<'_>) -> Sql<Loaded> {
    let number = |column| row.get::<_, i64>(column);
    let numbers = [
        number(1)?,
        number(2)?,
        number(3)?,
        number(4)?,
        number(5)?,
        number(6)?,
    ];
    let keys = row.get_ref(8)?.as_blob_or_null()?.unwrap_or_default();
    let lines = row.get_ref(9)?.as_blob()?;
    let sound = sum(&numbers, keys, lines) == number(7)?;
    let [id, first, count, oldest, newest, arrived] = numbers;
    let first = from_sql(first);
    let (oldest, newest) = (Timestamp::from_nanos(oldest), Timestamp::from_nanos(newest));
    let arrived = Timestamp::from_nanos(arrived);
    let batch = if sound {
        checked_lines(Read::plain(lines.to_vec().into()), count, oldest, newest)
    } else {
        Err("its checksum is that of something else".to_owned())
    };
    let batch = batch.map(|lines: Lines| {
        Arc::new(Batch {
            stream: stream.clone(),
            first,
            arrived,
            lines,
        })
    });
    let runs = decode(keys).unwrap_or_else(|| {
        tracing::error!(%stream, %first, "the idempotency keys of recent lines in the store are damaged");
        Vec::new()
    });
    let entry = Entry {
        row: row.get(0)?,
        id,
        first,
        next: end_of(first, Some(count)),
        arrived,
        bytes: stored_bytes(lines.len(), runs.len()),
        batch,
        keys: runs,
    };
    Ok(Loaded { entry, sound })
}
