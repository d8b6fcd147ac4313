//! One batch on its way: which requests it is made of, and what the store's answer means for each of them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Part, PartKey, RunError, Stored};
use crate::batch::MAX_BATCH_BYTES;
use crate::store::{Draft, KeyedRun, PriorRun, StoredKey};
use crate::{Batch, Hint, Lines, Offset, StreamName, Timestamp};

/// What a waiting part costs in memory beside its lines, in bytes: about.
const PART_OVERHEAD: usize = 256;

/// A run that is not done.
pub(super) struct Waiting {
    pub(super) arrived: Timestamp,
    /// Not stored yet, in order. While the first one is in flight it is not in here.
    pub(super) parts: VecDeque<Part>,
    pub(super) stored: Stored,
    pub(super) answer: oneshot::Sender<Result<Stored, RunError>>,
}

/// A batch to be stored: the first part of each of these runs, taken out of them.
pub(super) struct Write {
    stream: StreamName,
    members: Vec<(Waiting, Part)>,
}

/// What a write left behind.
#[derive(Default)]
pub(super) struct Settled {
    /// Runs with parts still to be stored, in order.
    pub(super) unfinished: Vec<Waiting>,
    /// Runs that are done.
    pub(super) answers: Vec<(Waiting, Result<(), RunError>)>,
    /// Bytes that wait no longer.
    pub(super) bytes: usize,
    pub(super) hints: Vec<Hint>,
}

impl Part {
    /// What it takes of [`super::AppendLimits::waiting_bytes`].
    pub(super) fn cost(&self) -> usize {
        self.lines.ndjson.len() + PART_OVERHEAD
    }
}

impl Write {
    /// The runs from the front of the lane whose first parts make one batch. A key that is in the batch already ends it:
    /// the next batch lets the store's unique index decide (invariant 4).
    pub(super) fn take(stream: StreamName, lane: &mut VecDeque<Waiting>) -> Self {
        let mut members: Vec<(Waiting, Part)> = Vec::new();
        let mut keys = HashSet::new();
        let mut bytes = 0;
        while let Some(next) = lane.front().and_then(|waiting| waiting.parts.front()) {
            bytes += next.lines.ndjson.len();
            let fits = members.is_empty() || bytes <= MAX_BATCH_BYTES;
            let fresh = next.key.as_ref().is_none_or(|key| keys.insert(key.key.clone()));
            if !fits || !fresh {
                break;
            }
            let Some(mut waiting) = lane.pop_front() else {
                break;
            };
            let Some(part) = waiting.parts.pop_front() else {
                break;
            };
            let has_more = !waiting.parts.is_empty();
            members.push((waiting, part));
            if has_more {
                break;
            }
        }
        Self { stream, members }
    }

    /// NDJSON in it.
    pub(super) fn bytes(&self) -> usize {
        self.members.iter().map(|(_, part)| part.lines.ndjson.len()).sum()
    }

    /// Whose lines they are.
    pub(super) fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// What the store is asked for.
    pub(super) fn draft(&self) -> Draft {
        let mut keys = Vec::new();
        let mut skip = 0;
        for (_, part) in &self.members {
            let count = part.lines.count;
            if let Some(PartKey { key, digest }) = &part.key {
                keys.push(KeyedRun {
                    key: key.clone(),
                    digest: *digest,
                    skip,
                    count,
                });
            }
            skip += count;
        }
        Draft {
            stream: self.stream.clone(),
            arrived: self
                .members
                .first()
                .map_or_else(Timestamp::now, |(waiting, _)| waiting.arrived),
            lines: joined(self.members.iter().map(|(_, part)| &part.lines)),
            keys,
        }
    }

    /// The store took the batch.
    pub(super) fn stored(self, batch: Arc<Batch>) -> Settled {
        metrics::counter!("tailcast_lines_accepted_total").increment(u64::from(batch.lines.count));
        let mut settled = Settled::default();
        let mut first = batch.first;
        for (waiting, part) in self.members {
            let next = first.plus(u64::from(part.lines.count));
            settled.part_done(waiting, &part, first..next);
            first = next;
        }
        settled.hints.push(Hint::Batch(batch));
        settled
    }

    /// Nothing was stored. The members whose keys were used before are answered from then (invariant 4), and their
    /// stream is handed off again: whoever stored them may have fallen silent before saying so (invariant 6). The
    /// others go on waiting.
    pub(super) fn keys_used(self, prior: Vec<PriorRun>) -> Settled {
        let prior: HashMap<StoredKey, PriorRun> =
            prior.into_iter().map(|run| (run.key.clone(), run)).collect();
        let known = |part: &Part| part.key.as_ref().is_some_and(|key| prior.contains_key(&key.key));
        if !self.members.iter().any(|(_, part)| known(part)) {
            tracing::error!(stream = %self.stream, "the store found keys that were not asked for");
            return self.failed(RunError::NotStored);
        }
        let mut settled = Settled::default();
        for (mut waiting, part) in self.members {
            match part
                .key
                .as_ref()
                .and_then(|key| Some((key, prior.get(&key.key)?)))
            {
                Some((key, run)) if key.digest == run.digest => {
                    settled.part_done(waiting, &part, run.first..run.next);
                }
                Some(_) => settled.failed(waiting, &part, RunError::KeyReused),
                None => {
                    waiting.parts.push_front(part);
                    settled.unfinished.push(waiting);
                }
            }
        }
        settled.hints.push(Hint::Lost(self.stream));
        settled
    }

    /// None of the members is known to be stored.
    pub(super) fn failed(self, error: RunError) -> Settled {
        let mut settled = Settled::default();
        for (waiting, part) in self.members {
            settled.failed(waiting, &part, error);
        }
        if error == RunError::Unknown {
            settled.hints.push(Hint::Lost(self.stream));
        }
        settled
    }
}

impl Settled {
    fn part_done(&mut self, mut waiting: Waiting, part: &Part, range: Range<Offset>) {
        self.bytes += part.cost();
        match waiting.stored.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => waiting.stored.push(range),
        }
        match waiting.parts.is_empty() {
            true => self.answers.push((waiting, Ok(()))),
            false => self.unfinished.push(waiting),
        }
    }

    /// The parts that follow are given up too: stored without this one, they would stand in the wrong order once the
    /// request is repeated.
    fn failed(&mut self, waiting: Waiting, part: &Part, error: RunError) {
        self.bytes += part.cost() + waiting.parts.iter().map(Part::cost).sum::<usize>();
        self.answers.push((waiting, Err(error)));
    }
}

/// The lines of several requests as those of one batch. Those of a single one are shared, not copied.
fn joined<'a>(all: impl Iterator<Item = &'a Lines> + Clone) -> Lines {
    let mut only = all.clone();
    if let (Some(lines), None) = (only.next(), only.next()) {
        return lines.clone();
    }
    let bytes = all.clone().map(|lines| lines.ndjson.len()).sum();
    let mut ndjson = Vec::with_capacity(bytes);
    let mut joined = Lines {
        ndjson: Bytes::new(),
        count: 0,
        oldest: Timestamp::from_nanos(i64::MAX),
        newest: Timestamp::from_nanos(i64::MIN),
    };
    for lines in all {
        ndjson.extend_from_slice(&lines.ndjson);
        joined.count += lines.count;
        joined.oldest = joined.oldest.min(lines.oldest);
        joined.newest = joined.newest.max(lines.newest);
    }
    joined.ndjson = ndjson.into();
    joined
}
