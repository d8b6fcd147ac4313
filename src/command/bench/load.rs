//! Sends lines by a schedule, over connections that are kept. What cannot be sent in time is late, and counts as such.
//!
//! It has a thread of its own: a sender that stood in one queue with a thousand sessions would measure the queue.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::latency::{Histogram, Percentiles};
use super::place::Place;
use super::run::Run;
use super::schedule::{Pace, Schedule};
use super::sender::{Keys, Requests, Sender};

/// So long after the schedule's end requests are still begun.
const BEGUN_UNTIL: Duration = Duration::from_secs(1);

/// So long after the schedule's end requests are still repeated.
const REPEATED_UNTIL: Duration = Duration::from_secs(10);

/// What is sent so much after its time is late.
const LATE: Duration = Duration::from_millis(10);

/// How long the pacemaker sleeps at most: it must notice when all is over.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Streams in a request that makes them.
const STREAMS_AT_ONCE: usize = 1_000;

/// The phase in which streams are made, before all others.
const BEGINNING: u64 = 0;

/// Those who send.
pub(super) struct Load {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    senders: Vec<Sender>,
    /// Of each request.
    lines: u64,
    /// Phases so far: keys are used once.
    phases: u64,
}

/// What was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) requests: u64,
    /// Lines whose sending was begun.
    pub(super) lines: u64,
    /// Lines that should have been sent and were not.
    pub(super) unsent: u64,
    /// Lines that were sent and never acknowledged.
    pub(super) unacknowledged: u64,
    /// Attempts beyond the first of a request.
    pub(super) repeated: u64,
    /// Requests that were begun more than 10 ms after their time.
    pub(super) late: u64,
    /// How long after their time requests were begun.
    pub(super) lateness: Option<Percentiles>,
    /// From a request's time to its acknowledgement.
    pub(super) answers: Option<Percentiles>,
    /// What the last failed attempt said.
    pub(super) trouble: Option<String>,
}

/// A stretch of sending.
pub(super) struct Phase {
    pub(super) number: u64,
    pub(super) schedule: Schedule,
    began: Instant,
    /// A permit for each request whose time has come and that nobody has taken.
    due: Semaphore,
    next: AtomicU64,
    lines: u64,
    begun: AtomicU64,
    unacknowledged: AtomicU64,
    repeated: AtomicU64,
    lateness: Histogram,
    answers: Histogram,
    trouble: parking_lot::Mutex<Option<String>>,
    /// Why there is no use in going on.
    failed: OnceLock<String>,
}

/// A request whose turn it is.
pub(super) struct Turn {
    pub(super) number: u64,
    pub(super) due: Instant,
}

impl Load {
    /// Senders, spread over the places.
    pub(super) fn new(
        run: &Arc<Run>,
        places: &[Place],
        token: &str,
        requests: Requests,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("no thread can be started")?;
        Ok(Self {
            senders: Sender::all(run, places, token, requests),
            lines: requests.lines as u64,
            runtime: Some(runtime),
            phases: BEGINNING + 1,
        })
    }

    /// Sends a line to each stream of the run, so that all of them are there.
    pub(super) async fn begin(run: &Arc<Run>, places: &[Place], token: &str) -> anyhow::Result<()> {
        let each = run.streams.len().min(STREAMS_AT_ONCE);
        let requests = Requests {
            connections: 1,
            lines: each,
            spread: each,
            keys: Keys::Each,
        };
        let mut load = Self::new(run, places, token, requests)?;
        load.phases = BEGINNING;
        let lines = run.streams.len().next_multiple_of(each) as u64;
        let schedule = Schedule::new(Pace::Rate(lines), each as u64, Duration::from_secs(1));
        load.send(schedule).await.map(drop)
    }

    /// Sends what the schedule says, and waits for the answers.
    pub(super) async fn send(&mut self, schedule: Schedule) -> anyhow::Result<Sent> {
        let phase = Arc::new(Phase::new(self.phases, schedule, self.lines));
        self.phases += 1;
        if let Some(runtime) = self.runtime.as_ref().filter(|_| schedule.requests > 0) {
            if schedule.pace != Pace::Answers {
                let pace = Arc::clone(&phase);
                runtime.spawn_blocking(move || pace.pace());
            }
            let mut working = JoinSet::new();
            for sender in self.senders.drain(..) {
                working.spawn_on(sender.work(Arc::clone(&phase)), runtime.handle());
            }
            self.senders = working.join_all().await;
        }
        match phase.failed.get() {
            Some(why) => Err(anyhow!("lines cannot be sent: {why}")),
            None => Ok(phase.sent()),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // It is dropped where no thread may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Phase {
    pub(super) fn new(number: u64, schedule: Schedule, lines: u64) -> Self {
        Self {
            number,
            schedule,
            began: Instant::now(),
            due: Semaphore::new(0),
            next: AtomicU64::new(0),
            lines,
            begun: AtomicU64::new(0),
            unacknowledged: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            lateness: Histogram::new(),
            answers: Histogram::new(),
            trouble: parking_lot::Mutex::default(),
            failed: OnceLock::new(),
        }
    }

    /// Lets requests go when their time comes. A thread's sleep is finer than a timer of the runtime.
    fn pace(&self) {
        let mut gone = 0;
        while gone < self.schedule.requests && !self.due.is_closed() {
            let elapsed = self.began.elapsed();
            let due = self.schedule.due_by(elapsed);
            if due > gone {
                self.due.add_permits((due - gone) as usize);
                gone = due;
            }
            let next = self.schedule.due(gone).saturating_sub(elapsed);
            std::thread::sleep(next.min(LONGEST_SLEEP));
        }
    }

    /// The next request whose time has come; `None` when there will be none.
    pub(super) async fn take(&self) -> Option<Turn> {
        match self.schedule.pace {
            Pace::Rate(_) => self.take_by_the_clock().await,
            Pace::Answers => self.take_at_once(),
        }
    }

    async fn take_by_the_clock(&self) -> Option<Turn> {
        self.due.acquire().await.ok()?.forget();
        let number = self.next.fetch_add(1, Relaxed);
        let (due, elapsed) = (self.schedule.due(number), self.began.elapsed());
        let over = elapsed > self.schedule.time + BEGUN_UNTIL;
        if over || number + 1 == self.schedule.requests {
            self.due.close();
        }
        if over {
            return None;
        }
        self.begun.fetch_add(1, Relaxed);
        self.lateness.add(elapsed.saturating_sub(due), 1);
        Some(Turn {
            number,
            due: self.began + due,
        })
    }

    fn take_at_once(&self) -> Option<Turn> {
        let due = Instant::now();
        if due >= self.began + self.schedule.time || self.failed.get().is_some() {
            return None;
        }
        self.begun.fetch_add(1, Relaxed);
        Some(Turn {
            number: self.next.fetch_add(1, Relaxed),
            due,
        })
    }

    /// A request was answered with success.
    pub(super) fn answered(&self, turn: &Turn) {
        self.answers.add(turn.due.elapsed(), 1);
    }

    /// There is no use in going on.
    pub(super) fn fail(&self, why: String) {
        // The first one is told.
        let _ = self.failed.set(why);
        self.due.close();
    }

    /// Counts an attempt that was in vain. Whether it is repeated: not without end, and not where the lines might be
    /// stored twice for it.
    pub(super) fn repeats(&self, why: String, after: Duration, might_be_twice: bool) -> bool {
        *self.trouble.lock() = Some(why);
        let until = self.began + self.schedule.time + REPEATED_UNTIL;
        let repeats = !might_be_twice && Instant::now() + after <= until;
        if repeats {
            self.repeated.fetch_add(1, Relaxed);
        } else {
            self.unacknowledged.fetch_add(self.lines, Relaxed);
        }
        repeats
    }

    fn sent(&self) -> Sent {
        let requests = self.begun.load(Relaxed);
        Sent {
            requests,
            lines: requests * self.lines,
            unsent: match self.schedule.pace {
                Pace::Rate(_) => (self.schedule.requests - requests) * self.lines,
                Pace::Answers => 0,
            },
            unacknowledged: self.unacknowledged.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            late: self.lateness.longer_than(LATE),
            lateness: self.lateness.percentiles(),
            answers: self.answers.percentiles(),
            trouble: self.trouble.lock().take(),
        }
    }
}
