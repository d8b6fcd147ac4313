//! Appending, inside the writing thread's transaction: where a draft begins, and where its batch goes. Small ones go into
//! the table of [recent](super::recent) ones, the others into their stream's place at once.

use std::collections::HashMap;
use std::sync::Arc;

use lines::log_store::{Draft, KeyedRun, PriorRun, StoredKey};
use lines::{AppendError, Batch, Lines, Offset, StoreError, StreamName, Timestamp};
use rusqlite::Connection;

use super::merging::Merging;
use super::queries::{self, StreamId, to_sql};
use super::recent::{self, Entry, Recent};
use super::{keys, writer::Encoded};
use crate::clock::not_before;
use crate::encoding::check_size;

/// What a batch takes on the disk beside its lines, roughly: its row and three index entries.
const BATCH_OVERHEAD: usize = 128;
/// What a key takes on the disk, roughly.
const KEY_OVERHEAD: usize = 192;
/// Streams whose ends are remembered.
const MOST_ENDS: usize = 65_536;

pub(super) type Outcome = Result<Arc<Batch>, AppendError>;

type Sql<T> = Result<T, rusqlite::Error>;

/// What a batch of so many stored bytes takes on the disk, with so many keys.
pub(super) fn stored_bytes(lines: usize, keys: usize) -> usize {
    lines + BATCH_OVERHEAD + keys * KEY_OVERHEAD
}

/// Where the streams end that were written to lately. Nobody else writes, so what the thread remembers is so until a
/// transaction fails.
#[derive(Default)]
pub(super) struct Ends(HashMap<StreamName, End>);

#[derive(Debug, Clone, Copy)]
struct End {
    id: StreamId,
    next: Offset,
    /// When the last batch arrived.
    arrived: Option<Timestamp>,
    /// Whether the stream has recent lines.
    recent: bool,
}

impl Ends {
    /// They have to be looked up again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// All recent lines of a stream are merged or deleted.
    pub(super) fn merged(&mut self, stream: &StreamName) {
        if let Some(end) = self.0.get_mut(stream) {
            end.recent = false;
        }
    }
}

/// What appends need beside the transaction.
pub(super) struct Appending<'a> {
    pub(super) connection: &'a Connection,
    pub(super) ends: &'a mut Ends,
    pub(super) recent: &'a Recent,
    pub(super) merging: &'a Merging,
    /// Batches of fewer bytes of NDJSON than this are small.
    pub(super) small_bytes: usize,
    /// The last row of the recent table.
    pub(super) last_row: &'a mut i64,
    /// What this transaction added, to be told once it is on the disk.
    pub(super) added: Vec<(StreamName, Entry)>,
    /// What keys were given in this transaction by what was added.
    pub(super) given: HashMap<(StreamId, StoredKey), PriorRun>,
    /// Streams whose recent lines this transaction merged, up to a row; to be told likewise.
    pub(super) merged: Vec<(StreamName, i64)>,
    /// Stored bytes of what did not go there.
    pub(super) written: i64,
}

impl Appending<'_> {
    /// Of each call, what became of each draft.
    pub(super) fn append_all<'a>(
        &mut self,
        calls: impl Iterator<Item = &'a [Encoded]>,
    ) -> Sql<Vec<Vec<Outcome>>> {
        if self.ends.0.len() > MOST_ENDS {
            self.ends.forget();
        }
        let outcomes = calls
            .map(|drafts| drafts.iter().map(|encoded| self.append(encoded)).collect())
            .collect::<Sql<Vec<Vec<_>>>>()?;
        if self.written != 0 {
            add_bytes(self.connection, self.written)?;
        }
        Ok(outcomes)
    }

    fn append(&mut self, encoded: &Encoded) -> Sql<Outcome> {
        let Encoded {
            draft,
            stamp,
            compressed,
        } = encoded;
        if let Err(too_big) = check_size(&draft.lines) {
            return Ok(Err(AppendError::NotStored(too_big)));
        }
        if let Some(aside) = self.recent.aside_bytes(&draft.stream)
            && aside >= self.merging.most_aside()
        {
            let full = "the stream can take no more lines, since its recent ones cannot be merged";
            return Ok(Err(AppendError::NotStored(StoreError::Away(full.into()))));
        }
        let end = self.end(draft, *stamp)?;
        let used = self.used_keys(end.id, draft)?;
        if !used.is_empty() {
            return Ok(Err(AppendError::KeysUsed(used)));
        }
        let batch = Arc::new(Batch {
            stream: draft.stream.clone(),
            first: end.next,
            arrived: match draft.arrived {
                Some(arrived) => arrived,
                None => not_before(end.arrived, *stamp),
            },
            lines: draft.lines.clone(),
        });
        let small = draft.lines.ndjson.len() < self.small_bytes;
        // What follows recent lines is recent, too, or there would be a hole behind the merged ones.
        let recent = small || end.recent && !self.merge(&draft.stream)?;
        if recent {
            self.add(end.id, &batch, draft)?;
        } else {
            self.insert(end.id, &batch, draft, compressed.as_deref())?;
        }
        let end = End {
            next: batch.next(),
            arrived: Some(batch.arrived),
            recent,
            ..end
        };
        self.remember(&draft.stream, end);
        Ok(Ok(batch))
    }

    /// Merges what a stream has recent, since something large follows it. Whether nothing is left.
    fn merge(&mut self, stream: &StreamName) -> Sql<bool> {
        let is_aside = self.recent.aside_bytes(stream).is_some();
        if is_aside || self.added.iter().any(|(added, _)| added == stream) {
            return Ok(false);
        }
        let Some(merged) = self.merging.whole(self.connection, self.recent, stream)? else {
            return Ok(false);
        };
        self.written += merged.stored;
        self.merged.push((stream.clone(), merged.row));
        Ok(true)
    }

    fn remember(&mut self, stream: &StreamName, end: End) {
        match self.ends.0.get_mut(stream) {
            Some(known) => *known = end,
            None => {
                self.ends.0.insert(stream.clone(), end);
            }
        }
    }

    fn end(&self, draft: &Draft, stamp: Timestamp) -> Sql<End> {
        if let Some(end) = self.ends.0.get(&draft.stream) {
            return Ok(*end);
        }
        let found = queries::find(self.connection, &draft.stream)?;
        let (id, floor) = match found {
            Some(found) => found,
            None => (create(self.connection, draft, stamp)?, Offset::ZERO),
        };
        Ok(match self.recent.end(&draft.stream) {
            Some(end) => End {
                id,
                next: end.next,
                arrived: Some(end.arrived),
                recent: true,
            },
            None => End {
                id,
                next: queries::head(self.connection, id, floor)?,
                arrived: queries::last_arrival(self.connection, id)?,
                recent: false,
            },
        })
    }

    /// What the draft's keys were given before, as far as they are known (invariant 4).
    fn used_keys(&self, id: StreamId, draft: &Draft) -> Sql<Vec<PriorRun>> {
        let mut used = Vec::new();
        for KeyedRun { key, .. } in &draft.keys {
            let lately = self.recent.prior(&draft.stream, key);
            used.extend(
                match lately.or_else(|| self.given.get(&(id, key.clone())).cloned()) {
                    Some(prior) => Some(prior),
                    None => keys::prior(self.connection, id, key)?,
                },
            );
        }
        Ok(used)
    }

    /// Into the recent table.
    fn add(&mut self, id: StreamId, batch: &Arc<Batch>, draft: &Draft) -> Sql<()> {
        *self.last_row += 1;
        recent::insert(self.connection, *self.last_row, id, batch, &draft.keys)?;
        let entry = Entry {
            row: *self.last_row,
            id,
            first: batch.first,
            next: batch.next(),
            arrived: batch.arrived,
            bytes: stored_bytes(batch.lines.ndjson.len(), draft.keys.len()),
            batch: Ok(Arc::clone(batch)),
            keys: draft.keys.clone(),
        };
        for prior in entry.priors() {
            self.given.insert((id, prior.key.clone()), prior);
        }
        self.added.push((draft.stream.clone(), entry));
        Ok(())
    }

    /// Into the stream's place.
    fn insert(&mut self, id: StreamId, batch: &Batch, draft: &Draft, compressed: Option<&[u8]>) -> Sql<()> {
        let stored = Stored {
            id,
            first: batch.first,
            arrived: batch.arrived,
            lines: &batch.lines,
            compressed,
            bytes: stored_bytes(compressed.unwrap_or(&batch.lines.ndjson).len(), draft.keys.len()),
        };
        stored.insert(self.connection)?;
        for run in &draft.keys {
            let begins = batch.first.plus(u64::from(run.skip));
            let prior = PriorRun {
                key: run.key.clone(),
                digest: run.digest,
                first: begins,
                next: begins.plus(u64::from(run.count)),
            };
            keys::insert(self.connection, id, batch.first, &prior)?;
        }
        self.written += stored.bytes as i64;
        Ok(())
    }
}

/// A batch as it stands in its stream's place.
pub(super) struct Stored<'a> {
    pub(super) id: StreamId,
    pub(super) first: Offset,
    pub(super) arrived: Timestamp,
    pub(super) lines: &'a Lines,
    /// The lines, when they are fewer bytes compressed.
    pub(super) compressed: Option<&'a [u8]>,
    /// What it takes on the disk with its keys.
    pub(super) bytes: usize,
}

impl Stored<'_> {
    pub(super) fn insert(&self, connection: &Connection) -> Sql<()> {
        connection
            .prepare_cached(
                "INSERT INTO batches (stream, first, count, oldest, newest, arrived, bytes, compressed, lines)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute((
                self.id,
                to_sql(self.first),
                self.lines.count,
                self.lines.oldest.nanos(),
                self.lines.newest.nanos(),
                self.arrived.nanos(),
                self.bytes as i64,
                self.compressed.is_some(),
                self.compressed.unwrap_or(&self.lines.ndjson),
            ))?;
        Ok(())
    }
}

fn create(connection: &Connection, draft: &Draft, stamp: Timestamp) -> Sql<StreamId> {
    connection
        .prepare_cached("INSERT INTO streams (name, floor, created) VALUES (?1, 0, ?2)")?
        .insert((draft.stream.as_str(), draft.arrived.unwrap_or(stamp).nanos()))
}

pub(super) fn add_bytes(connection: &Connection, bytes: i64) -> Sql<()> {
    connection
        .prepare_cached("UPDATE meta SET value = value + ?1 WHERE name = 'bytes'")?
        .execute([bytes])?;
    Ok(())
}
