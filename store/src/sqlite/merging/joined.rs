//! Writing one batch in place of several.

use bytes::{Bytes, BytesMut};
use lines::{Lines, Offset, StreamName, Timestamp};
use rusqlite::Connection;

use crate::Compression;
use crate::damage::Row;
use crate::encoding::{compress, ndjson_len};
use crate::merge::Part;
use crate::sqlite::insert::{Stored, stored_bytes};
use crate::sqlite::keys;
use crate::sqlite::queries::{self, StreamId, to_sql};
use crate::sqlite::recent::Entry;

type Sql<T> = Result<T, rusqlite::Error>;

/// As many batches as one may be joined from at a time, of those in place.
const MOST_BEFORE: i64 = 64;

/// A small batch in place.
pub(super) struct Neighbour {
    pub(super) first: Offset,
    pub(super) arrived: Timestamp,
    pub(super) lines: Lines,
    /// What it takes on the disk.
    pub(super) bytes: i64,
    /// That without its lines, as they are stored: what its keys take.
    pub(super) keys_bytes: i64,
}

impl Neighbour {
    /// Of a row of `first, count, oldest, newest, arrived, compressed, lines, bytes`; `None` when it is damaged, which it
    /// is to remain.
    pub(super) fn read(stream: &StreamName, row: &rusqlite::Row<'_>) -> Sql<Option<Self>> {
        let bytes: i64 = row.get(7)?;
        let lines = row.get_ref(6)?.as_blob()?.len();
        let Ok(Row { batch: Ok(batch), .. }) = queries::row(stream, row) else {
            return Ok(None);
        };
        Ok(Some(Self {
            first: batch.first,
            arrived: batch.arrived,
            lines: batch.lines,
            bytes,
            keys_bytes: (bytes - stored_bytes(lines, 0) as i64).max(0),
        }))
    }

    pub(super) fn part(&self) -> Part {
        Part {
            first: self.first,
            next: self.first.plus(u64::from(self.lines.count)),
            bytes: self.lines.ndjson.len(),
            arrived: self.arrived,
        }
    }
}

impl Entry {
    /// One that is damaged stays alone.
    pub(super) fn part(&self) -> Part {
        Part {
            first: self.first,
            next: self.next,
            bytes: self
                .batch
                .as_ref()
                .map_or(usize::MAX, |batch| batch.lines.ndjson.len()),
            arrived: self.arrived,
        }
    }
}

impl Part {
    /// Several as one.
    pub(super) fn of(run: &[Self]) -> Option<Self> {
        let (first, last) = run.first().zip(run.last())?;
        Some(Self {
            first: first.first,
            next: last.next,
            bytes: run.iter().fold(0, |sum, part| part.bytes.saturating_add(sum)),
            arrived: run.iter().map(|part| part.arrived).max()?,
        })
    }
}

/// Where a batch is written.
pub(super) struct Joining<'a> {
    pub(super) connection: &'a Connection,
    pub(super) stream: &'a StreamName,
    pub(super) id: StreamId,
    pub(super) compression: Compression,
}

impl Joining<'_> {
    /// Batches in place that end at `first`, are visible, and together are not much more than a few times `bytes`.
    pub(super) fn before(&self, first: Offset, mut bytes: usize) -> Sql<Vec<Neighbour>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT first, count, oldest, newest, arrived, compressed, lines, bytes FROM batches
             WHERE stream = ?1 AND first < ?2 AND first >= (SELECT floor FROM streams WHERE id = ?1)
             ORDER BY first DESC LIMIT ?3",
        )?;
        let mut rows = statement.query((self.id, to_sql(first), MOST_BEFORE))?;
        let mut before = Vec::new();
        while let Some(row) = rows.next()? {
            // Looked at before it is decompressed, since most are full.
            if ndjson_len(row.get(5)?, row.get_ref(6)?.as_blob()?).is_none_or(|more| more > bytes) {
                break;
            }
            let Some(neighbour) = Neighbour::read(self.stream, row)? else {
                break;
            };
            bytes += neighbour.lines.ndjson.len();
            before.push(neighbour);
        }
        before.reverse();
        Ok(before)
    }

    /// Writes one batch in place of `before`, and of recent ones that follow it. By how much more is stored then.
    pub(super) fn write(&self, before: &[Neighbour], recent: &[Entry]) -> Sql<i64> {
        for neighbour in before {
            self.connection
                .prepare_cached("DELETE FROM batches WHERE stream = ?1 AND first = ?2")?
                .execute((self.id, to_sql(neighbour.first)))?;
        }
        let keys_before: i64 = before.iter().map(|it| it.keys_bytes).sum();
        let keys = recent.iter().map(|it| it.keys.len()).sum();
        let Some((first, arrived, lines)) = joined(before, recent) else {
            return Ok(0);
        };
        let compressed = compress(&lines.ndjson, self.compression);
        let stored = Stored {
            id: self.id,
            first,
            arrived,
            lines: &lines,
            bytes: stored_bytes(compressed.as_ref().map_or(lines.ndjson.len(), Vec::len), keys)
                .saturating_add_signed(keys_before as isize),
            compressed: compressed.as_deref(),
        };
        stored.insert(self.connection)?;
        for neighbour in before.iter().filter(|it| it.first != first && it.keys_bytes > 0) {
            keys::rebind(self.connection, self.id, neighbour.first, first)?;
        }
        // In the order in which they lie in the file, so that those that are alike are written to the same pages.
        let mut priors: Vec<_> = recent.iter().flat_map(Entry::priors).collect();
        priors.sort_unstable_by(|one, other| one.key.0.cmp(&other.key.0));
        for prior in priors {
            keys::insert(self.connection, self.id, first, &prior)?;
        }
        Ok(stored.bytes as i64 - before.iter().map(|it| it.bytes).sum::<i64>())
    }
}

/// Where the batch begins, when the last of it arrived, and its lines. What is damaged is alone, and keeps its place.
fn joined(before: &[Neighbour], recent: &[Entry]) -> Option<(Offset, Timestamp, Lines)> {
    let damaged = |entry: &Entry| Lines {
        ndjson: Bytes::new(),
        count: u32::try_from(entry.next.since(entry.first)).unwrap_or(u32::MAX),
        oldest: Timestamp::from_nanos(i64::MIN),
        newest: Timestamp::from_nanos(i64::MAX),
    };
    let of_recent = |entry: &Entry| {
        entry
            .batch
            .as_ref()
            .map_or_else(|_| damaged(entry), |it| it.lines.clone())
    };
    let parts: Vec<_> = before
        .iter()
        .map(|it| (it.first, it.arrived, it.lines.clone()))
        .chain(recent.iter().map(|it| (it.first, it.arrived, of_recent(it))))
        .collect();
    let (first, arrived, lines) = parts.first()?;
    if parts.len() == 1 {
        return Some((*first, *arrived, lines.clone()));
    }
    let mut ndjson = BytesMut::with_capacity(parts.iter().map(|(.., lines)| lines.ndjson.len()).sum());
    let mut whole = Lines {
        ndjson: Bytes::new(),
        count: 0,
        ..lines.clone()
    };
    let mut latest = *arrived;
    for (_, arrived, lines) in &parts {
        ndjson.extend_from_slice(&lines.ndjson);
        whole.count += lines.count;
        whole.oldest = whole.oldest.min(lines.oldest);
        whole.newest = whole.newest.max(lines.newest);
        latest = latest.max(*arrived);
    }
    whole.ndjson = ndjson.freeze();
    Some((*first, latest, whole))
}
