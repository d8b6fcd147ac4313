//! One batch on its way: which requests it is made of, and what the store's answer means for each of them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use lines::batch::MAX_BATCH_BYTES;
use lines::log_store::{Draft, KeyedRun, PriorRun, StoredKey};
use lines::{Batch, Hint, Lines, Offset, StreamName, Timestamp};

use super::waiting::{Waiting, cost};
use super::{RunError, Stored};

/// A batch to be stored: the first part of each of these runs, taken out of them.
pub(super) struct Write {
    stream: StreamName,
    members: Vec<Member>,
}

/// A run, and its part that is in flight.
struct Member {
    waiting: Waiting,
    part: Lines,
    /// What the part is kept under: any of them finds it.
    keys: Vec<StoredKey>,
}

/// What a write left behind.
#[derive(Default)]
pub(super) struct Settled {
    /// Runs with parts still to be stored, in order.
    pub(super) unfinished: Vec<Waiting>,
    /// Runs that are done.
    pub(super) answers: Vec<(Waiting, Result<(), RunError>)>,
    /// Bytes that wait no longer, and whose they were.
    pub(super) freed: Vec<(Arc<str>, usize)>,
    pub(super) hints: Vec<Hint>,
}

impl Write {
    /// The runs from the front of the lane whose first parts make one batch. A key that is in the batch already ends it:
    /// the next batch lets the store's unique index decide (invariant 4).
    pub(super) fn take(stream: StreamName, lane: &mut VecDeque<Waiting>) -> Self {
        let mut members: Vec<Member> = Vec::new();
        let mut keys = HashSet::new();
        let mut bytes = 0;
        while let Some((next, part)) = lane.front().and_then(|next| Some((next, next.parts.front()?))) {
            bytes += part.ndjson.len();
            let own = next.part_keys();
            let fits = members.is_empty() || bytes <= MAX_BATCH_BYTES;
            if !fits || own.iter().any(|key| keys.contains(key)) {
                break;
            }
            keys.extend(own.iter().cloned());
            let Some(mut waiting) = lane.pop_front() else {
                break;
            };
            let Some(part) = waiting.parts.pop_front() else {
                break;
            };
            let has_more = !waiting.parts.is_empty();
            members.push(Member {
                waiting,
                part,
                keys: own,
            });
            if has_more {
                break;
            }
        }
        Self { stream, members }
    }

    /// NDJSON in it.
    pub(super) fn bytes(&self) -> usize {
        self.members.iter().map(|member| member.part.ndjson.len()).sum()
    }

    /// The same with what waits of the same runs.
    pub(super) fn waiting_bytes(&self) -> usize {
        let waiting = self.members.iter().map(|member| member.waiting.bytes());
        self.bytes() + waiting.sum::<usize>()
    }

    /// Runs that are done when it is.
    pub(super) fn last_parts(&self) -> usize {
        let members = self.members.iter();
        members.filter(|member| member.waiting.parts.is_empty()).count()
    }

    /// Whose lines they are.
    pub(super) fn stream(&self) -> &StreamName {
        &self.stream
    }

    /// What the store is asked for.
    pub(super) fn draft(&self) -> Draft {
        let mut keys = Vec::new();
        let mut skip = 0;
        for Member {
            waiting,
            part,
            keys: own,
        } in &self.members
        {
            if let Some(run) = &waiting.key {
                keys.extend(own.iter().map(|key| KeyedRun {
                    key: key.clone(),
                    digest: run.digest,
                    skip,
                    count: part.count,
                }));
            }
            skip += part.count;
        }
        Draft {
            stream: self.stream.clone(),
            arrived: None,
            lines: joined(self.members.iter().map(|member| &member.part)),
            keys,
        }
    }

    /// The store took the batch.
    pub(super) fn stored(self, batch: Arc<Batch>) -> Settled {
        metrics::counter!("tailcast_lines_accepted_total").increment(u64::from(batch.lines.count));
        let mut settled = Settled::default();
        let mut first = batch.first;
        for Member { waiting, part, .. } in self.members {
            let next = first.plus(u64::from(part.count));
            settled.part_done(waiting, cost(&part), first..next);
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
        let known = |member: &Member| member.keys.iter().find_map(|key| prior.get(key));
        if !self.members.iter().any(|member| known(member).is_some()) {
            tracing::error!(stream = %self.stream, "the store found keys that were not asked for");
            return self.failed(RunError::NotStored);
        }
        let mut settled = Settled::default();
        for member in self.members {
            let prior = known(&member).cloned();
            let Member {
                mut waiting, part, ..
            } = member;
            let same = |run: &PriorRun| waiting.key.as_ref().is_some_and(|key| key.digest == run.digest);
            match prior {
                None => {
                    waiting.parts.push_front(part);
                    settled.unfinished.push(waiting);
                }
                Some(run) if same(&run) => settled.part_found(waiting, part, run.first..run.next),
                Some(_) => settled.failed(waiting, cost(&part), RunError::KeyReused),
            }
        }
        settled.hints.push(Hint::Lost(self.stream));
        settled
    }

    /// None of the members is known to be stored.
    pub(super) fn failed(self, error: RunError) -> Settled {
        let mut settled = Settled::default();
        for Member { waiting, part, .. } in self.members {
            settled.failed(waiting, cost(&part), error);
        }
        if error == RunError::Unknown {
            settled.hints.push(Hint::Lost(self.stream));
        }
        settled
    }
}

impl Settled {
    fn part_done(&mut self, mut waiting: Waiting, freed: usize, range: Range<Offset>) {
        self.freed.push((Arc::clone(&waiting.subscriber), freed));
        waiting.number += 1;
        extend(&mut waiting.stored, range);
        if waiting.parts.is_empty() {
            self.answers.push((waiting, Ok(())))
        } else {
            self.unfinished.push(waiting)
        }
    }

    /// The part was stored by an earlier request. That one may have been cut elsewhere, by another version whose lines
    /// have other lengths: what counts is how many lines it stored under this number, and the rest follows.
    fn part_found(&mut self, mut waiting: Waiting, part: Lines, range: Range<Offset>) {
        let before = waiting.cost() + cost(&part);
        waiting.parts.push_front(part);
        skip(&mut waiting.parts, range.end.since(range.start));
        let freed = before.saturating_sub(waiting.cost());
        self.part_done(waiting, freed, range);
    }

    /// The parts that follow are given up too: stored without this one, they would stand in the wrong order once the
    /// request is repeated.
    fn failed(&mut self, waiting: Waiting, freed: usize, error: RunError) {
        let freed = freed + waiting.cost();
        self.freed.push((Arc::clone(&waiting.subscriber), freed));
        self.answers.push((waiting, Err(error)));
    }

    /// Tells everybody who is done.
    pub(super) fn answer(&mut self) {
        for (waiting, outcome) in self.answers.drain(..) {
            match outcome {
                // Nobody listens any more when the client went away; its lines are stored all the same.
                Ok(()) => drop(waiting.answer.send(Ok(waiting.stored))),
                Err(error) => waiting.fail(error),
            }
        }
    }
}

/// Adds what was stored next.
pub(super) fn extend(stored: &mut Stored, range: Range<Offset>) {
    match stored.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => stored.push(range),
    }
}

/// Takes so many lines from the front.
fn skip(parts: &mut VecDeque<Lines>, mut lines: u64) {
    while lines > 0
        && let Some(part) = parts.pop_front()
    {
        match u32::try_from(lines) {
            Ok(some) if some < part.count => {
                if let Some(rest) = part.after(some) {
                    parts.push_front(rest);
                }
                return;
            }
            _ => lines -= u64::from(part.count),
        }
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
