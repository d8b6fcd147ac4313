//! Small batches that came lately: in a table in the order of their arrival, which is cheap to append to, and whole in
//! memory, where they are read. Later they are [merged](super::merging) per stream.
//!
//! - **A stream's recent lines follow its merged ones**, without a hole: what comes while a stream has recent lines is
//!   recent, too, however large. So whoever looks here first and into the database then, finds each line in one of them
//!   or in both, whatever is merged between the two looks, and tells them apart by their offsets.
//! - **A row of the table counts from `streams.merged` on.** Merging moves that in the transaction that writes the merged
//!   batch, and rows are deleted later, when nothing in them counts any more: so a crash at any point leaves each line once.
//! - **No floor lies above a recent line**: whatever retention is to look at is merged first, and a stream that is deleted
//!   has no recent lines from then on.

mod table;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use lines::log_store::{Digest, KeyedRun, PriorRun, StoredKey};
use lines::{Batch, Offset, StreamName, Timestamp};
use parking_lot::RwLock;

use super::queries::StreamId;
use crate::damage::Row;

pub(super) use table::{delete, delete_row, insert, keep_spare, load, renew};

/// A row of the table.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) row: i64,
    pub(super) id: StreamId,
    pub(super) first: Offset,
    pub(super) next: Offset,
    pub(super) arrived: Timestamp,
    /// What it takes, in the table as in memory, roughly.
    pub(super) bytes: usize,
    /// The batch, or what is wrong with it.
    pub(super) batch: Result<Arc<Batch>, String>,
    pub(super) keys: Vec<KeyedRun>,
}

impl Entry {
    /// What a key of it was given.
    fn prior(&self, run: &KeyedRun) -> PriorRun {
        let first = self.first.plus(u64::from(run.skip));
        PriorRun {
            key: run.key.clone(),
            digest: run.digest,
            first,
            next: first.plus(u64::from(run.count)),
        }
    }

    /// What is known to be sound of its NDJSON.
    pub(super) fn ndjson_len(&self) -> usize {
        self.batch.as_ref().map_or(0, |batch| batch.lines.ndjson.len())
    }

    /// What its keys were given.
    pub(super) fn priors(&self) -> impl Iterator<Item = PriorRun> + '_ {
        self.keys.iter().map(|run| self.prior(run))
    }
}

/// All recent batches. The writing thread changes them, once a commit is on the disk and before it is answered; everybody
/// reads.
#[derive(Default)]
pub(super) struct Recent(RwLock<State>);

#[derive(Default)]
struct State {
    /// None of them is empty.
    streams: HashMap<StreamName, Lately>,
    bytes: usize,
    /// What of it is of streams that are set aside.
    aside_bytes: usize,
}

/// One stream's.
#[derive(Default)]
struct Lately {
    /// In the order of their offsets.
    entries: VecDeque<Entry>,
    keys: HashMap<StoredKey, Given>,
    bytes: usize,
    /// It cannot be merged, and stays as it is until the next start.
    aside: bool,
}

/// What a key was given.
struct Given {
    digest: Digest,
    first: Offset,
    next: Offset,
}

/// Where a stream ends, as far as its recent batches say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) next: Offset,
    /// When the last batch arrived.
    pub(super) arrived: Timestamp,
}

impl State {
    /// The streams that are not set aside.
    fn mergeable(&self) -> impl Iterator<Item = &Lately> {
        self.streams.values().filter(|it| !it.aside)
    }
}

impl Lately {
    fn end(&self) -> Option<End> {
        self.entries.back().map(|last| End {
            next: last.next,
            arrived: last.arrived,
        })
    }
}

impl Recent {
    /// With what the table holds.
    pub(super) fn new(entries: Vec<(StreamName, Entry)>) -> Self {
        let recent = Self::default();
        recent.add(entries);
        recent
    }

    /// These are on the disk now; each behind what its stream has.
    pub(super) fn add(&self, entries: Vec<(StreamName, Entry)>) {
        let mut state = self.0.write();
        let state = &mut *state;
        for (stream, entry) in entries {
            state.bytes += entry.bytes;
            let lately = match state.streams.get_mut(&stream) {
                Some(lately) => lately,
                None => state.streams.entry(stream).or_default(),
            };
            for PriorRun {
                key,
                digest,
                first,
                next,
            } in entry.priors()
            {
                lately.keys.insert(key, Given { digest, first, next });
            }
            lately.bytes += entry.bytes;
            if lately.aside {
                state.aside_bytes += entry.bytes;
            }
            lately.entries.push_back(entry);
        }
    }

    /// What a stream has up to a row is merged or deleted, on the disk.
    pub(super) fn merged(&self, stream: &StreamName, row: i64) {
        let mut state = self.0.write();
        let state = &mut *state;
        let Some(lately) = state.streams.get_mut(stream) else {
            return;
        };
        while let Some(entry) = lately.entries.pop_front_if(|entry| entry.row <= row) {
            state.bytes -= entry.bytes;
            lately.bytes -= entry.bytes;
            if lately.aside {
                state.aside_bytes -= entry.bytes;
            }
            for run in &entry.keys {
                lately.keys.remove(&run.key);
            }
        }
        if lately.entries.is_empty() {
            state.streams.remove(stream);
        }
        if state.streams.is_empty() {
            // What a peak took goes back.
            state.streams.shrink_to_fit();
        }
    }

    /// What they take, in the table as in memory, roughly.
    pub(super) fn bytes(&self) -> usize {
        self.0.read().bytes
    }

    /// The same, of what can be merged.
    pub(super) fn mergeable_bytes(&self) -> usize {
        let state = self.0.read();
        state.bytes - state.aside_bytes
    }

    /// A stream's, when it is set aside.
    pub(super) fn aside_bytes(&self, stream: &StreamName) -> Option<usize> {
        let state = self.0.read();
        let lately = state.streams.get(stream)?;
        lately.aside.then_some(lately.bytes)
    }

    /// A stream cannot be merged: until the next start that is not tried again.
    pub(super) fn set_aside(&self, stream: &StreamName) {
        let mut state = self.0.write();
        let state = &mut *state;
        if let Some(lately) = state.streams.get_mut(stream)
            && !lately.aside
        {
            lately.aside = true;
            state.aside_bytes += lately.bytes;
        }
    }

    /// The streams that are set aside.
    pub(super) fn aside(&self) -> Vec<StreamId> {
        let state = self.0.read();
        let aside = state.streams.values().filter(|it| it.aside);
        aside.filter_map(|it| Some(it.entries.front()?.id)).collect()
    }

    /// The streams that have any to merge.
    pub(super) fn streams(&self) -> Vec<StreamName> {
        let state = self.0.read();
        let mergeable = state.streams.iter().filter(|(_, it)| !it.aside);
        mergeable.map(|(name, _)| name.clone()).collect()
    }

    /// All of them, in no order.
    pub(super) fn all(&self) -> Vec<Entry> {
        let state = self.0.read();
        let all = state.streams.values().flat_map(|it| &it.entries);
        all.cloned().collect()
    }

    /// Where the first batch of a stream begins that is behind a row.
    pub(super) fn first_after(&self, stream: &StreamName, row: i64) -> Option<Offset> {
        let state = self.0.read();
        let entries = &state.streams.get(stream)?.entries;
        let behind = entries.partition_point(|entry| entry.row <= row);
        entries.get(behind).map(|entry| entry.first)
    }

    /// A stream's first ones, up to a row and about so many bytes of NDJSON, one at least. Whether there are more up to
    /// that row.
    pub(super) fn entries(&self, stream: &StreamName, upto: i64, max_bytes: usize) -> (Vec<Entry>, bool) {
        let state = self.0.read();
        let mut left = state
            .streams
            .get(stream)
            .into_iter()
            .flat_map(|it| &it.entries)
            .peekable();
        let (mut taken, mut bytes) = (Vec::new(), 0_usize);
        while let Some(entry) = left.next_if(|entry| entry.row <= upto) {
            bytes = bytes.saturating_add(entry.ndjson_len());
            if bytes > max_bytes && !taken.is_empty() {
                return (taken, true);
            }
            taken.push(entry.clone());
        }
        (taken, false)
    }

    /// Whether a row up to this one is to be merged yet.
    pub(super) fn has_upto(&self, row: i64) -> bool {
        let state = self.0.read();
        let mut begins = state.mergeable().filter_map(|it| it.entries.front());
        begins.any(|entry| entry.row <= row)
    }

    /// The last row that is to be merged.
    pub(super) fn last_row(&self) -> Option<i64> {
        let state = self.0.read();
        let ends = state.mergeable().filter_map(|it| it.entries.back());
        ends.map(|entry| entry.row).max()
    }

    /// The row up to which the first ones take about so many bytes.
    pub(super) fn row_after(&self, bytes: usize) -> Option<i64> {
        let state = self.0.read();
        let all = state.mergeable().flat_map(|it| &it.entries);
        let mut rows: Vec<_> = all.map(|entry| (entry.row, entry.bytes)).collect();
        rows.sort_unstable();
        let mut taken = 0;
        let begun = rows.into_iter().take_while(|(_, more)| {
            let begins = taken < bytes;
            taken += more;
            begins
        });
        begun.last().map(|(row, _)| row)
    }

    /// Where a stream ends; `None` when it has none.
    pub(super) fn end(&self, stream: &StreamName) -> Option<End> {
        self.0.read().streams.get(stream)?.end()
    }

    /// Where each stream ends that has any.
    pub(super) fn ends(&self) -> HashMap<StreamName, End> {
        let state = self.0.read();
        let end = |(name, lately): (&StreamName, &Lately)| Some((name.clone(), lately.end()?));
        state.streams.iter().filter_map(end).collect()
    }

    /// What a key was given in a stream.
    pub(super) fn prior(&self, stream: &StreamName, key: &StoredKey) -> Option<PriorRun> {
        let state = self.0.read();
        let given = state.streams.get(stream)?.keys.get(key)?;
        Some(PriorRun {
            key: key.clone(),
            digest: given.digest,
            first: given.first,
            next: given.next,
        })
    }

    /// Batches from an offset on, as a page takes them.
    pub(super) fn rows(&self, stream: &StreamName, from: Offset, max_bytes: usize) -> VecDeque<Row> {
        let state = self.0.read();
        let Some(lately) = state.streams.get(stream) else {
            return VecDeque::new();
        };
        // The last one that begins by then.
        let begun = lately.entries.partition_point(|entry| entry.first <= from);
        // Where it ends by then, too, what follows it is missing.
        let ends = |last: usize| lately.entries.get(last).is_some_and(|last| last.next <= from);
        let begin = match begun.checked_sub(1) {
            Some(last) if !ends(last) => last,
            _ => begun,
        };
        let mut bytes = 0;
        let wanted = lately.entries.range(begin..).take_while(|entry| {
            let wanted = bytes == 0 || bytes < max_bytes;
            // Of one that is damaged the next one says where it ends.
            bytes += entry.ndjson_len();
            wanted
        });
        let row = |entry: &Entry| Row {
            first: entry.first,
            next: entry.next,
            batch: entry.batch.as_deref().cloned().map_err(String::clone),
        };
        wanted.map(row).collect()
    }

    /// The first batch with a line at `since` or later, or one that may have any.
    pub(super) fn first_since(&self, stream: &StreamName, since: Timestamp) -> Option<Entry> {
        let state = self.0.read();
        let has = |entry: &&Entry| entry.batch.as_ref().map_or(true, |it| it.lines.newest >= since);
        state.streams.get(stream)?.entries.iter().find(has).cloned()
    }

    /// Where the last batch with a line before `until` ends.
    pub(super) fn end_before(&self, stream: &StreamName, until: Timestamp) -> Option<Offset> {
        let state = self.0.read();
        let has = |entry: &&Entry| entry.batch.as_ref().map_or(true, |it| it.lines.oldest < until);
        Some(state.streams.get(stream)?.entries.iter().rfind(has)?.next)
    }

    /// When the first of those arrived that can be merged, that is: the least of their stamps.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let state = self.0.read();
        let all = state.mergeable().flat_map(|it| &it.entries);
        all.map(|entry| entry.arrived).min()
    }

    /// When the newest of them arrived, of those that arrived by `latest`.
    pub(super) fn newest(&self, latest: Timestamp) -> Option<Timestamp> {
        let state = self.0.read();
        let all = state.streams.values().flat_map(|it| &it.entries);
        all.map(|entry| entry.arrived).filter(|at| *at <= latest).max()
    }

    /// Of each batch when it arrived, and how many lines.
    pub(super) fn each_arrival(&self, mut each: impl FnMut(&StreamName, Timestamp, u32)) {
        for (name, lately) in &self.0.read().streams {
            for entry in &lately.entries {
                if let Ok(batch) = &entry.batch {
                    each(name, entry.arrived, batch.lines.count);
                }
            }
        }
    }
}
