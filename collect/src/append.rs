//! Group commit: what waits for a stream becomes one batch, and all batches that are ready become one call of the
//! store. Batching comes from load, never from a delay: whoever comes while no call is under way goes at once.
//!
//! While one is under way, what comes gathers for the next, until there is enough for a call of its own
//! ([`LogStore::full_call`]), or the one under way is slow ([`AppendLimits::slow`]). Between two of them is time for whoever
//! was answered to come again, where he is not alone and lately did: no more than a quarter of what the last one took, or a
//! millisecond.
//!
//! A stream has one write in flight, so its batches are stored, answered and handed off in the order of their
//! offsets. Knows nothing of HTTP, tokens or how lines were written by their sender.

mod alarm;
mod call;
mod failures;
mod key;
mod queue;
mod returning;
mod streams;
mod waiting;
mod write;

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use lines::{HintSink, Lines, LogStore, Offset, StoreError, StreamName};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use tokio_util::sync::CancellationToken;

use alarm::Alarm;
use call::{Call, Done};
pub(crate) use key::name_of;
pub use key::{RequestKey, RunKey};
use queue::Queue;
use streams::Streams;
pub use streams::{StreamLimits, TooManyStreams};
use waiting::Waiting;
use write::Write;

/// How much may wait, and how much goes at once.
#[derive(Debug, Clone, Copy)]
pub struct AppendLimits {
    /// Calls of the store under way at once, at most. Beside one, another begins when there is enough for it, as the store
    /// has it, or when that one is slow.
    pub calls: usize,
    /// A call that takes longer is not waited for by what is ready beside it.
    pub slow: Duration,
    /// Batches in one call. Whoever sends one line waits for calls of this size, so it is not larger than a store needs
    /// it to be for its best throughput.
    pub call_batches: usize,
    /// Bytes of NDJSON in one call; a call always carries at least one batch.
    pub call_bytes: usize,
    /// Requests are let in while fewer bytes than this wait or are being stored, so that the last one let in may
    /// exceed it.
    pub waiting_bytes: usize,
    /// The same for the requests of one subscriber. Beyond it a request is let in as long as it leaves as much to others.
    pub subscriber_bytes: usize,
    /// A call that took so long and got nothing through says that the store is away: what waits is not tried, one
    /// after the other, as long again. A failure that comes at once costs the next ones nothing, and they are tried.
    pub away_after: Duration,
    /// How many streams a subscriber may make.
    pub streams: StreamLimits,
}

impl Default for AppendLimits {
    fn default() -> Self {
        Self {
            calls: 4,
            slow: Duration::from_millis(50),
            call_batches: 256,
            call_bytes: 16 * 1024 * 1024,
            waiting_bytes: 64 * 1024 * 1024,
            subscriber_bytes: 16 * 1024 * 1024,
            away_after: Duration::from_secs(1),
            streams: StreamLimits::default(),
        }
    }
}

/// For what part of the time that a call took the next one is gathered, at most.
const GATHERING_PART: u32 = 4;
const LONGEST_GATHERING: Duration = Duration::from_millis(5);
/// After a short call it is longer: to come again takes senders some 20 µs each, of a processor that they share with us,
/// however fast the store is. So half as long again as the call took, and no longer than this.
const SHORT_GATHERING: Duration = Duration::from_millis(1);
/// Where a call had so much of what makes it full, its price is that of its bytes: two of them cost hardly more than one, and
/// while one is under way the bodies of the next are read (measured: to gather them cost a quarter of the lines).
const LARGE_PART: usize = 4;

/// How long is waited at most for whoever was answered by a call that took so long.
fn longest_gathering(took: Duration) -> Duration {
    (took / GATHERING_PART)
        .min(LONGEST_GATHERING)
        .max((took + took / 2).min(SHORT_GATHERING))
}

/// How many runs are let in at once, before others get their turn.
const SLICE: usize = 512;

/// How many keys the store is asked about at once.
const KEYS_ASKED: usize = 1000;

/// One request's lines of one stream.
#[derive(Debug)]
pub struct Run {
    /// The stream.
    pub stream: StreamName,
    /// The lines in order, at least one part, each small enough for a batch: at most
    /// [`MAX_BATCH_BYTES`](lines::batch::MAX_BATCH_BYTES), unless it is a single line. A part is stored as a whole or not
    /// at all, and only after those before it.
    pub parts: Vec<Lines>,
    /// What the parts are found again by.
    pub key: Option<RunKey>,
    /// Whether the subscriber is charged for a new stream. [`Appender::charge`] sets it.
    pub charged: bool,
}

/// Where a run's lines are: one range, or several where other lines came between the parts.
pub type Stored = Vec<Range<Offset>>;

/// A run that was not stored, or not wholly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// Why.
    pub error: RunError,
    /// Where the lines are that came before the part that failed.
    pub stored: Stored,
}

/// Why a run was not stored, or not wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The key came with another digest before.
    #[error("the key was used for something else")]
    KeyReused,
    /// Certainly not stored.
    #[error("the store is away")]
    NotStored,
    /// Certainly not stored: there is no room.
    #[error("the store is full")]
    Full,
    /// Perhaps stored: repeat with the same key.
    #[error("the store did not confirm")]
    Unknown,
}

/// Why nothing of a request was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    /// Too much waits already, of this subscriber or of all.
    #[error("too many lines wait to be stored")]
    Busy,
    /// [`Appender::shutdown`] was called.
    #[error("shutting down")]
    Closed,
}

/// What the store knows of a run before it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prior {
    /// These lines of it were stored before: none, or some, or all.
    Stored(Stored),
    /// Its key was used for something else.
    KeyReused,
}

/// The answer to a request that was let in. Dropping it changes nothing: the lines are stored all the same.
#[derive(Debug)]
pub struct Pending(Vec<oneshot::Receiver<Result<Stored, RunFailure>>>);

impl Pending {
    /// The outcome of each run, in the order they were submitted. Ends when the store has answered.
    pub async fn outcomes(self) -> Vec<Result<Stored, RunFailure>> {
        let mut outcomes = Vec::with_capacity(self.0.len());
        for answer in self.0 {
            // A sender that is gone without an answer went with its runtime.
            outcomes.push(answer.await.unwrap_or(Err(RunFailure {
                error: RunError::Unknown,
                stored: Stored::new(),
            })));
        }
        outcomes
    }
}

/// Puts lines into the store and hands them off. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Appender(Arc<Inner>);

struct Inner {
    store: Arc<dyn LogStore>,
    handoff: Arc<dyn HintSink>,
    /// Heeded by whatever comes next.
    limits: watch::Receiver<AppendLimits>,
    streams: Streams,
    queue: Mutex<Queue>,
    /// Told when the last call has ended, and when the last request is let in wholly.
    idle: Notify,
    /// Told when as many are ready as are waited for.
    gathered: Notify,
    /// Ends that waiting. It is not here while somebody waits.
    alarm: Mutex<Option<Alarm>>,
    /// Nobody waits for the store any more.
    given_up: CancellationToken,
}

impl Appender {
    /// Appends to `store` and tells `handoff`. The limits may change meanwhile.
    pub fn new(
        store: Arc<dyn LogStore>,
        handoff: Arc<dyn HintSink>,
        limits: watch::Receiver<AppendLimits>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            handoff,
            streams: Streams::new(limits.clone()),
            limits,
            queue: Mutex::default(),
            idle: Notify::new(),
            gathered: Notify::new(),
            alarm: Mutex::default(),
            given_up: CancellationToken::new(),
        }))
    }

    /// Looks for the runs' keys in the store, in the order of the runs. Whoever stores runs of several parts or streams
    /// asks first, so that a key that was used for something else is found before anything is stored. In a race it may
    /// still be found later: the store's unique index decides then (invariant 4).
    pub async fn look_back(&self, runs: &[Run]) -> Result<Vec<Prior>, StoreError> {
        let mut prior = vec![Prior::Stored(Stored::new()); runs.len()];
        let mut parts: Vec<(usize, u64)> = Vec::new();
        for (at, run) in runs.iter().enumerate() {
            parts.extend((0..run.parts.len() as u64).map(|number| (at, number)));
        }
        for parts in parts.chunks(KEYS_ASKED) {
            let mut asked = Vec::with_capacity(parts.len());
            let mut places = Vec::with_capacity(parts.len());
            for &(at, number) in parts {
                for key in runs[at].key.iter().flat_map(|key| key.part(number)) {
                    asked.push((runs[at].stream.clone(), key));
                    places.push((at, number));
                }
            }
            let found = self.0.store.used_keys(&asked).await?;
            let mut seen = None;
            for (place, found) in places.into_iter().zip(found) {
                let Some(found) = found else { continue };
                // A part that is found by two keys was stored once.
                if seen.replace(place) == Some(place) {
                    continue;
                }
                let (at, _) = place;
                let same = runs[at]
                    .key
                    .as_ref()
                    .is_some_and(|key| key.digest == found.digest);
                match &mut prior[at] {
                    Prior::Stored(stored) if same => write::extend(stored, found.first..found.next),
                    other => *other = Prior::KeyReused,
                }
            }
        }
        Ok(prior)
    }

    /// Charges a subscriber for the streams that the runs make, or says that there are too many. What turns out to exist,
    /// or is not made, is given back when the runs are done. Whoever lets subscribers name streams asks this first.
    pub async fn charge(&self, subscriber: &str, runs: &mut [Run]) -> Result<(), TooManyStreams> {
        let names: Vec<&StreamName> = runs.iter().map(|run| &run.stream).collect();
        let (store, streams) = (&*self.0.store, &self.0.streams);
        let charged = streams.charge(store, &subscriber.into(), &names).await?;
        for at in charged {
            runs[at].charged = true;
        }
        Ok(())
    }

    /// Lets a request's runs in, all or none. Has to be called on a runtime, where the work is done; with very many
    /// runs, on one of its threads for blocking work.
    pub fn submit(&self, subscriber: &str, runs: Vec<Run>) -> Result<Pending, NotLetIn> {
        let Self(inner) = self;
        let subscriber: Arc<str> = subscriber.into();
        let bytes = runs.iter().flat_map(|run| &run.parts).map(waiting::cost).sum();
        let limits = inner.limits();
        let let_in = inner.queue.lock().reserve(&subscriber, bytes, &limits);
        if let Err(refused) = let_in {
            let charged = runs.iter().filter(|run| run.charged).count();
            inner.streams.give_back(&subscriber, charged);
            return Err(refused);
        }
        let mut answers = Vec::with_capacity(runs.len());
        let mut runs = runs.into_iter().peekable();
        while runs.peek().is_some() {
            let mut queue = inner.queue.lock();
            for run in runs.by_ref().take(SLICE) {
                let (answer, outcome) = oneshot::channel();
                answers.push(outcome);
                let waiting = Waiting {
                    subscriber: Arc::clone(&subscriber),
                    parts: run.parts.into(),
                    number: 0,
                    key: run.key,
                    charged: run.charged,
                    stored: Stored::new(),
                    answer,
                };
                queue.enter(run.stream, waiting);
            }
            Inner::start_call(inner, &mut queue);
        }
        let mut queue = inner.queue.lock();
        queue.entered();
        inner.tell_idle(&queue);
        Ok(Pending(answers))
    }

    /// Lets nothing in any more, and returns when everything that was let in is answered and handed off. After `within`
    /// nobody waits for the store any more: what it was not given is not stored, and the outcome of the rest is not known.
    pub async fn shutdown(&self, within: Duration) {
        let Self(inner) = self;
        inner.queue.lock().closed = true;
        if tokio::time::timeout(within, inner.until_idle()).await.is_ok() {
            return;
        }
        inner.given_up.cancel();
        let waiting = inner.queue.lock().take_waiting();
        tracing::warn!(
            waited_s = within.as_secs(),
            waiting = waiting.len(),
            "the store did not take everything before the end"
        );
        inner.fail(waiting);
        inner.until_idle().await;
    }
}

impl Inner {
    /// As they are now.
    fn limits(&self) -> AppendLimits {
        *self.limits.borrow()
    }

    async fn until_idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.queue.lock().is_idle() {
                return;
            }
            idle.await;
        }
    }

    fn tell_idle(&self, queue: &Queue) {
        if queue.is_idle() {
            self.idle.notify_waiters();
        }
    }

    /// One more task calls the store, when something is ready and the bounds allow it.
    fn start_call(inner: &Arc<Self>, queue: &mut Queue) {
        if queue.has_gathered() {
            queue.wanted = 0;
            inner.gathered.notify_one();
        }
        if queue.may_begin(&inner.limits(), inner.store.full_call()) {
            queue.calls += 1;
            tokio::spawn(Arc::clone(inner).call_while_ready());
        }
    }

    async fn call_while_ready(self: Arc<Self>) {
        // Whatever was read from other connections in the same turn goes along, and whoever was answered may come again.
        tokio::task::yield_now().await;
        while let Some(writes) = self.next_call() {
            // Whatever panics there, it is no longer under way.
            let call = Call::of(&self, writes);
            match AssertUnwindSafe(async move { call.run().await })
                .catch_unwind()
                .await
            {
                Ok(done) => self.gather(&done).await,
                Err(_) => tracing::error!("a part of this node panicked while lines were stored"),
            }
        }
    }

    /// Whoever was answered usually comes again, and at once. Who is the first of them would go alone, and the others with
    /// the next call: two for what goes in one. So as many are waited for as lately came again, and not for long. Whoever
    /// sends alone waits for nobody.
    async fn gather(&self, last: &Done) {
        tokio::task::yield_now().await;
        let is_large = last.bytes >= self.store.full_call().bytes / LARGE_PART;
        let most = if is_large {
            Duration::ZERO
        } else {
            longest_gathering(last.took)
        };
        if !self.queue.lock().gather(most) {
            return;
        }
        let alarm = self.alarm.lock().take().unwrap_or_else(Alarm::new);
        let is_gathered = async {
            // It may have been told of an earlier one.
            while self.queue.lock().wanted > 0 {
                self.gathered.notified().await;
            }
        };
        tokio::select! {
            biased;
            () = is_gathered => {}
            () = alarm.wait(most) => {}
        }
        alarm.stop();
        *self.alarm.lock() = Some(alarm);
        self.queue.lock().wanted = 0;
    }

    /// What goes next. `None` says that the task is over: nothing is ready, or a call under way is waited for.
    fn next_call(self: &Arc<Self>) -> Option<Vec<Write>> {
        let mut queue = self.queue.lock();
        queue.calls -= 1;
        if !queue.may_begin(&self.limits(), self.store.full_call()) {
            self.tell_idle(&queue);
            return None;
        }
        queue.calls += 1;
        let writes = queue.take_call(&self.limits());
        Self::start_call(self, &mut queue);
        Some(writes)
    }

    /// The store is known to be away: what waits would wait in vain, one deadline after the other.
    fn fail_fast(&self) {
        let waiting = self.queue.lock().take_waiting();
        self.fail(waiting);
    }

    fn fail(&self, waiting: Vec<Waiting>) {
        for waiting in waiting {
            self.streams
                .give_back(&waiting.subscriber, usize::from(waiting.charged));
            waiting.fail(RunError::NotStored);
        }
    }
}
