//! One call of the store: what goes, and what becomes of it. Each batch is answered as soon as the store tells its outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lines::log_store::Draft;
use lines::{AppendError, Offset, StoreError, StreamName};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::failures::{Answer, Failures};
use super::waiting::Waiting;
use super::write::{Settled, Write};
use super::{Inner, RunError};

/// A call under way.
pub(super) struct Call {
    inner: Arc<Inner>,
    state: Mutex<State>,
}

struct State {
    /// What is not answered yet, by its place in the call.
    writes: Vec<Option<Write>>,
    failures: Failures,
    /// Whether others no longer wait for it.
    is_slow: bool,
}

/// What a call was.
pub(super) struct Done {
    /// NDJSON that was in it.
    pub(super) bytes: usize,
    pub(super) took: Duration,
}

impl Call {
    pub(super) fn of(inner: &Arc<Inner>, writes: Vec<Write>) -> Self {
        Self {
            inner: Arc::clone(inner),
            state: Mutex::new(State {
                writes: writes.into_iter().map(Some).collect(),
                failures: Failures::default(),
                is_slow: false,
            }),
        }
    }

    /// Ends when everything is answered.
    pub(super) async fn run(&self) -> Done {
        let drafts: Vec<Draft> = self
            .state
            .lock()
            .writes
            .iter()
            .flatten()
            .map(Write::draft)
            .collect();
        let (lines, bytes) = (
            metrics::histogram!("tailcast_batch_lines"),
            metrics::histogram!("tailcast_batch_bytes"),
        );
        for draft in &drafts {
            lines.record(f64::from(draft.lines.count));
            bytes.record(draft.lines.ndjson.len() as f64);
        }
        let bytes = drafts.iter().map(|draft| draft.lines.ndjson.len()).sum();
        let (begun, got_through) = (Instant::now(), self.inner.queue.lock().got_through);
        self.append(drafts).await;
        let took = begun.elapsed();
        metrics::histogram!("tailcast_append_seconds").record(took.as_secs_f64());
        self.leave_unanswered();
        let failures = std::mem::take(&mut self.state.lock().failures);
        // What others got through meanwhile says that the store is there.
        let alone = self.inner.queue.lock().got_through == got_through;
        if alone && failures.nothing_got_through() && took >= self.inner.limits().away_after {
            self.inner.fail_fast();
        }
        failures.log();
        Done { bytes, took }
    }

    /// Until the store has told everything, or nobody waits for it any more.
    async fn append(&self, drafts: Vec<Draft>) {
        let told = |some| self.told(some);
        // A store that panics must not leave its streams in flight for ever.
        let append = AssertUnwindSafe(self.inner.store.append_each(drafts, &told)).catch_unwind();
        let mut append = std::pin::pin!(append);
        let slow = tokio::time::sleep(self.inner.limits().slow);
        let given_up = self.inner.given_up.cancelled();
        let (mut slow, mut given_up) = (std::pin::pin!(slow), std::pin::pin!(given_up));
        let mut is_slow = false;
        loop {
            tokio::select! {
                biased;
                _ = &mut append => return,
                () = &mut given_up => return,
                () = &mut slow, if !is_slow => is_slow = true,
            }
            self.no_longer_waited_for();
        }
    }

    /// What is ready goes beside it, also what became ready only now.
    fn no_longer_waited_for(&self) {
        let was_slow = std::mem::replace(&mut self.state.lock().is_slow, true);
        let mut queue = self.inner.queue.lock();
        queue.slow += usize::from(!was_slow);
        Inner::start_call(&self.inner, &mut queue);
    }

    /// The store says what became of some.
    fn told(&self, some: Vec<(usize, Answer)>) {
        let (mut taken, is_all) = {
            let mut state = self.state.lock();
            state.failures.add(some.iter().map(|(_, answer)| answer));
            let take = |(at, answer): (usize, Answer)| Some((state.writes.get_mut(at)?.take()?, answer));
            let taken: Vec<(Write, Answer)> = some.into_iter().filter_map(take).collect();
            (taken, state.writes.iter().all(Option::is_none))
        };
        {
            let mut queue = self.inner.queue.lock();
            queue.got_through += u64::from(taken.iter().any(|(_, answer)| answer.is_ok()));
            let answering = taken.iter().map(|(write, _)| write.last_parts()).sum();
            queue.returning.answering(answering);
        }
        self.finish(taken.drain(..).map(|(write, answer)| (write, Some(answer))));
        // The rest stands in somebody's way, or somebody in its.
        if !is_all {
            self.no_longer_waited_for();
        }
    }

    /// Nobody knows what became of what the store said nothing of.
    fn leave_unanswered(&self) {
        let left: Vec<Write> = {
            let mut state = self.state.lock();
            let left: Vec<Write> = state.writes.iter_mut().filter_map(Option::take).collect();
            state.failures.unanswered += left.len();
            left
        };
        self.finish(left.into_iter().map(|write| (write, None)));
    }

    /// Answer, then hand off, then let the streams' next batches go: so hints keep the order of offsets. Whatever panics
    /// in that, the streams go on.
    fn finish(&self, outcomes: impl Iterator<Item = (Write, Option<Answer>)>) {
        let mut settled = Vec::new();
        for (write, answer) in outcomes {
            let stream = write.stream().clone();
            let done = catch_unwind(AssertUnwindSafe(|| settle(write, answer)));
            let mut done = done.unwrap_or_default();
            let told = catch_unwind(AssertUnwindSafe(|| self.tell(&stream, &mut done)));
            if told.is_err() {
                tracing::error!(%stream, "what was stored could not be handed off: a part of this node panicked");
            }
            settled.push((stream, done));
        }
        self.inner.queue.lock().release(settled);
    }

    fn tell(&self, stream: &StreamName, outcome: &mut Settled) {
        self.learn(stream, outcome);
        outcome.answer();
        for hint in outcome.hints.drain(..) {
            self.inner.handoff.hand_off(hint);
        }
    }

    /// A stream of which something is stored exists. It was made just now when that begins at its beginning.
    fn learn(&self, stream: &StreamName, outcome: &Settled) {
        let begins = |waiting: &Waiting| waiting.stored.first().map(|range| range.start);
        let all = || {
            outcome
                .answers
                .iter()
                .map(|(waiting, _)| waiting)
                .chain(&outcome.unfinished)
        };
        if all().any(|waiting| begins(waiting).is_some()) {
            self.inner.streams.exists(stream);
        }
        for (waiting, _) in &outcome.answers {
            if waiting.charged && begins(waiting) != Some(Offset::ZERO) {
                self.inner.streams.give_back(&waiting.subscriber, 1);
            }
        }
    }
}

/// Whatever panicked, its streams go on, and it is waited for no longer.
impl Drop for Call {
    fn drop(&mut self) {
        self.leave_unanswered();
        let is_slow = self.state.lock().is_slow;
        self.inner.queue.lock().slow -= usize::from(is_slow);
    }
}

/// What the store's answer means for each of a batch's requests.
fn settle(write: Write, answer: Option<Answer>) -> Settled {
    match answer {
        Some(Ok(batch)) => write.stored(batch),
        Some(Err(AppendError::KeysUsed(prior))) => write.keys_used(prior),
        Some(Err(AppendError::NotStored(StoreError::Full(_)))) => write.failed(RunError::Full),
        Some(Err(AppendError::NotStored(_))) => write.failed(RunError::NotStored),
        Some(Err(AppendError::Unknown(_))) | None => write.failed(RunError::Unknown),
    }
}
