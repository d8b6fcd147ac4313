//! Group commit: what waits for a stream becomes one batch, and all batches that are ready become one call of the
//! store. Batching comes from load, never from a delay: nothing here has a timer.
//!
//! A stream has one write in flight, so its batches are stored, answered and handed off in the order of their
//! offsets. Knows nothing of HTTP, tokens or how lines were written by their sender.

mod write;

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use crate::store::{AppendError, Digest, Draft, StoredKey};
use crate::{Handoff, Lines, LogStore, Offset, StreamName, Timestamp};
use write::{Settled, Waiting, Write};

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
    /// The lines: at most [`MAX_BATCH_BYTES`](crate::batch::MAX_BATCH_BYTES), unless it is a single one.
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
    /// What waits or is being stored, as [`Part::cost`] has it.
    bytes: usize,
    closed: bool,
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
            let write = Write::take(stream, lane);
            bytes += write.bytes();
            writes.push(write);
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
            let stream = write.stream().clone();
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
