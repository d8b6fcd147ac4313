//! Group commit: what waits for a stream becomes one batch, and all batches that are ready become one call of the
//! store. Batching comes from load, never from a delay: nothing here has a timer.
//!
//! A stream has one write in flight, so its batches are stored, answered and handed off in the order of their
//! offsets. Knows nothing of HTTP, tokens or how lines were written by their sender.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::batch::MAX_BATCH_BYTES;
use crate::store::{AppendError, Digest, Draft, KeyedRun, PriorRun, StoredKey};
use crate::{Batch, Handoff, Hint, Lines, LogStore, Offset, StreamName, Timestamp};

/// What a waiting part costs in memory beside its lines, in bytes: about.
const PART_OVERHEAD: usize = 256;

/// How much may wait, and how much goes at once.
#[derive(Debug, Clone, Copy)]
pub struct AppendLimits {
    /// Calls of the store under way at once.
    pub calls: usize,
    /// Batches in one call.
    pub call_batches: usize,
    /// Bytes of NDJSON in one call; a call always carries at least one batch.
    pub call_bytes: usize,
    /// Requests are let in while fewer bytes than this wait or are being stored, so that the last one let in may
    /// exceed it.
    pub waiting_bytes: usize,
}

impl Default for AppendLimits {
    fn default() -> Self {
        Self {
            calls: 4,
            call_batches: 1000,
            call_bytes: 16 * 1024 * 1024,
            waiting_bytes: 64 * 1024 * 1024,
        }
    }
}

/// One request's lines of one stream.
#[derive(Debug)]
pub struct Run {
    /// The stream.
    pub stream: StreamName,
    /// When the lines arrived.
    pub arrived: Timestamp,
    /// The lines in order, at least one part, each small enough for a batch. A part is stored as a whole or not at
    /// all, and only after those before it.
    pub parts: Vec<Part>,
}

/// Lines that are stored together.
#[derive(Debug)]
pub struct Part {
    /// The lines: at most [`MAX_BATCH_BYTES`], unless it is a single one.
    pub lines: Lines,
    /// What the part is found again by.
    pub key: Option<PartKey>,
}

/// An idempotency key and what it stands for.
#[derive(Debug, Clone)]
pub struct PartKey {
    /// The key, unique per stream.
    pub key: StoredKey,
    /// What tells the part's origin from another one.
    pub digest: Digest,
}

/// Where a run's lines are: one range, or several where other lines came between the parts.
pub type Stored = Vec<Range<Offset>>;

/// Why a run was not stored, or not wholly. Parts before the one that failed are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The key came with another digest before.
    #[error("the key was used for something else")]
    KeyReused,
    /// Certainly not stored.
    #[error("the store is away")]
    NotStored,
    /// Perhaps stored: repeat with the same key.
    #[error("the store did not confirm")]
    Unknown,
}

/// Why nothing of a request was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    /// Too much waits already.
    #[error("too many lines wait to be stored")]
    Busy,
    /// [`Appender::shutdown`] was called.
    #[error("shutting down")]
    Closed,
}

/// The answer to a request that was let in. Dropping it changes nothing: the lines are stored all the same.
#[derive(Debug)]
pub struct Pending(Vec<oneshot::Receiver<Result<Stored, RunError>>>);

impl Pending {
    /// The outcome of each run, in the order they were submitted. Ends when the store has answered.
    pub async fn outcomes(self) -> Vec<Result<Stored, RunError>> {
        let mut outcomes = Vec::with_capacity(self.0.len());
        for answer in self.0 {
            // A sender that is gone without an answer went with its runtime.
            outcomes.push(answer.await.unwrap_or(Err(RunError::Unknown)));
        }
        outcomes
    }
}

/// Puts lines into the store and hands them off. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Appender(Arc<Inner>);

struct Inner {
    store: Arc<dyn LogStore>,
    handoff: Arc<dyn Handoff>,
    limits: AppendLimits,
    state: Mutex<State>,
    /// Told when the last call has ended.
    idle: Notify,
}

#[derive(Default)]
struct State {
    /// Per stream, what waits. A stream is in here while something waits or is being stored.
    lanes: HashMap<StreamName, VecDeque<Waiting>>,
    /// Streams with something waiting and nothing in flight, each once, the longest waiting first.
    ready: VecDeque<StreamName>,
    /// Tasks that call the store; at most [`AppendLimits::calls`].
    calls: usize,
    /// What waits or is being stored, with [`PART_OVERHEAD`].
    bytes: usize,
    closed: bool,
}

/// A run that is not done.
struct Waiting {
    arrived: Timestamp,
    /// Not stored yet, in order. While the first one is in flight it is not in here.
    parts: VecDeque<Part>,
    stored: Stored,
    answer: oneshot::Sender<Result<Stored, RunError>>,
}

/// A batch to be stored: the first part of each of these runs, taken out of them.
struct Write {
    stream: StreamName,
    members: Vec<(Waiting, Part)>,
}

/// What a write left behind.
#[derive(Default)]
struct Settled {
    /// Runs with parts still to be stored, in order.
    unfinished: Vec<Waiting>,
    /// Runs that are done.
    answers: Vec<(Waiting, Result<(), RunError>)>,
    /// Bytes that wait no longer.
    bytes: usize,
    hints: Vec<Hint>,
}

impl Appender {
    /// Appends to `store` and tells `handoff`.
    pub fn new(store: Arc<dyn LogStore>, handoff: Arc<dyn Handoff>, limits: AppendLimits) -> Self {
        Self(Arc::new(Inner {
            store,
            handoff,
            limits,
            state: Mutex::default(),
            idle: Notify::new(),
        }))
    }

    /// Lets a request's runs in, all or none. Has to be called on a runtime, where the work is done.
    pub fn submit(&self, runs: Vec<Run>) -> Result<Pending, NotLetIn> {
        let mut state = self.0.state.lock();
        if state.closed {
            return Err(NotLetIn::Closed);
        }
        if state.bytes >= self.0.limits.waiting_bytes {
            return Err(NotLetIn::Busy);
        }
        let mut answers = Vec::with_capacity(runs.len());
        for run in runs {
            let (answer, outcome) = oneshot::channel();
            answers.push(outcome);
            state.enter(
                run.stream,
                Waiting {
                    arrived: run.arrived,
                    parts: run.parts.into(),
                    stored: Stored::new(),
                    answer,
                },
            );
        }
        Inner::start_call(&self.0, &mut state);
        Ok(Pending(answers))
    }

    /// Lets nothing in any more, and returns when everything that was let in is answered and handed off.
    pub async fn shutdown(&self) {
        self.0.state.lock().closed = true;
        loop {
            let idle = self.0.idle.notified();
            if self.0.state.lock().calls == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl State {
    fn enter(&mut self, stream: StreamName, waiting: Waiting) {
        if waiting.parts.is_empty() {
            let _ = waiting.answer.send(Ok(Stored::new()));
            return;
        }
        self.bytes += waiting.parts.iter().map(Part::cost).sum::<usize>();
        match self.lanes.get_mut(&stream) {
            Some(lane) => lane.push_back(waiting),
            None => {
                self.lanes.insert(stream.clone(), VecDeque::from([waiting]));
                self.ready.push_back(stream);
            }
        }
    }

    /// Everything that is ready, as far as one call goes.
    fn take_call(&mut self, limits: &AppendLimits) -> Vec<Write> {
        let mut writes = Vec::new();
        let mut bytes = 0;
        while writes.len() < limits.call_batches && bytes < limits.call_bytes {
            let Some(stream) = self.ready.pop_front() else {
                break;
            };
            let Some(lane) = self.lanes.get_mut(&stream) else {
                continue;
            };
            let members = take_batch(lane);
            bytes += members
                .iter()
                .map(|(_, part)| part.lines.ndjson.len())
                .sum::<usize>();
            writes.push(Write { stream, members });
        }
        writes
    }

    /// The stream's write is over: what it left behind waits before everything that came later.
    fn release(&mut self, stream: StreamName, unfinished: Vec<Waiting>, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        let Some(lane) = self.lanes.get_mut(&stream) else {
            return;
        };
        for waiting in unfinished.into_iter().rev() {
            lane.push_front(waiting);
        }
        match lane.is_empty() {
            true => drop(self.lanes.remove(&stream)),
            false => self.ready.push_back(stream),
        }
    }
}

/// The runs from the front of the lane whose first parts make one batch. A key that is in the batch already ends it:
/// the next batch lets the store's unique index decide (invariant 4).
fn take_batch(lane: &mut VecDeque<Waiting>) -> Vec<(Waiting, Part)> {
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
    members
}

impl Inner {
    /// One more task calls the store, when something is ready and the bound allows it.
    fn start_call(inner: &Arc<Self>, state: &mut State) {
        if state.ready.is_empty() || state.calls >= inner.limits.calls.max(1) {
            return;
        }
        state.calls += 1;
        tokio::spawn(Arc::clone(inner).call_while_ready());
    }

    async fn call_while_ready(self: Arc<Self>) {
        loop {
            let writes = {
                let mut state = self.state.lock();
                let writes = state.take_call(&self.limits);
                if writes.is_empty() {
                    state.calls -= 1;
                    if state.calls == 0 {
                        self.idle.notify_waiters();
                    }
                    return;
                }
                Self::start_call(&self, &mut state);
                metrics::gauge!("tailcast_append_waiting_bytes").set(state.bytes as f64);
                writes
            };
            self.call(writes).await;
        }
    }

    async fn call(&self, writes: Vec<Write>) {
        let drafts: Vec<Draft> = writes.iter().map(Write::draft).collect();
        for draft in &drafts {
            metrics::histogram!("tailcast_batch_lines").record(f64::from(draft.lines.count));
            metrics::histogram!("tailcast_batch_bytes").record(draft.lines.ndjson.len() as f64);
        }
        let begun = Instant::now();
        // A store that panics must not leave its streams in flight for ever.
        let answers = AssertUnwindSafe(self.store.append(drafts)).catch_unwind().await;
        metrics::histogram!("tailcast_append_seconds").record(begun.elapsed().as_secs_f64());
        let mut answers = answers.unwrap_or_default().into_iter();
        let mut failed = Failures::default();
        for write in writes {
            let stream = write.stream.clone();
            let settled = match answers.next() {
                Some(Ok(batch)) => write.stored(batch),
                Some(Err(AppendError::KeysUsed(prior))) => write.keys_used(prior),
                Some(Err(AppendError::NotStored(error))) => {
                    failed.count(error.to_string());
                    write.failed(RunError::NotStored)
                }
                Some(Err(AppendError::Unknown(error))) => {
                    failed.count(error.to_string());
                    write.failed(RunError::Unknown)
                }
                None => {
                    failed.count("the store broke off".to_owned());
                    write.failed(RunError::Unknown)
                }
            };
            self.finish(stream, settled);
        }
        failed.log();
    }

    /// Answer, then hand off, then let the stream's next batch go: so hints keep the order of offsets.
    fn finish(&self, stream: StreamName, settled: Settled) {
        for (waiting, outcome) in settled.answers {
            // Nobody listens any more when the client went away; its lines are stored all the same.
            let _ = waiting.answer.send(outcome.map(|()| waiting.stored));
        }
        for hint in settled.hints {
            self.handoff.hand_off(hint);
        }
        self.state
            .lock()
            .release(stream, settled.unfinished, settled.bytes);
    }
}

impl Part {
    fn cost(&self) -> usize {
        self.lines.ndjson.len() + PART_OVERHEAD
    }
}

impl Write {
    fn draft(&self) -> Draft {
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

    fn stored(self, batch: Arc<Batch>) -> Settled {
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
    fn keys_used(self, prior: Vec<PriorRun>) -> Settled {
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

    fn failed(self, error: RunError) -> Settled {
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

/// The failures of one call, logged once.
#[derive(Default)]
struct Failures {
    batches: usize,
    error: Option<String>,
}

impl Failures {
    fn count(&mut self, error: String) {
        self.batches += 1;
        self.error.get_or_insert(error);
    }

    fn log(self) {
        if let Some(error) = self.error {
            tracing::warn!(batches = self.batches, error, "lines were not stored");
        }
    }
}
