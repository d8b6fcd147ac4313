//! Sends lines by a schedule, over connections that are kept. What cannot be sent in time is late, and counts as such.
//!
//! It has a thread of its own: a sender that stood in one queue with a thousand sessions would measure the queue.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::body::Body;
use super::latency::{Histogram, Percentiles};
use super::place::{self, DEADLINE, Place};
use super::run::Run;
use super::schedule::Schedule;

/// So long after the schedule's end requests are still begun.
const BEGUN_UNTIL: Duration = Duration::from_secs(1);

/// So long after the schedule's end requests are still repeated.
const REPEATED_UNTIL: Duration = Duration::from_secs(10);

/// What is sent so much after its time is late.
const LATE: Duration = Duration::from_millis(10);

/// How long the pacemaker sleeps at most: it must notice when all is over.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// Between attempts, when the server does not say how long.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(200);

/// Those who send.
pub(super) struct Load {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    senders: Vec<Sender>,
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

/// One connection, and who uses it.
struct Sender {
    run: Arc<Run>,
    place: Place,
    token: String,
    body: Arc<Body>,
    connection: Option<SendRequest<Full<Bytes>>>,
}

/// A stretch of sending.
struct Phase {
    number: u64,
    schedule: Schedule,
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

/// What an attempt came to.
enum Answer {
    Stored(Stored),
    /// Repeat it, perhaps not before a while.
    Again {
        why: String,
        after: Duration,
    },
    Refused(String),
}

#[derive(Deserialize)]
struct Stored {
    accepted: u64,
    #[serde(default)]
    streams: std::collections::HashMap<String, Vec<Stretch>>,
}

#[derive(Deserialize)]
struct Stretch {
    next: u64,
}

impl Load {
    /// `connections` senders, spread over the places.
    pub(super) fn new(
        run: &Arc<Run>,
        places: &[Place],
        token: &str,
        connections: usize,
        lines: usize,
    ) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("no thread can be started")?;
        let body = Arc::new(Body::new(lines, run.line_bytes));
        let senders = places.iter().cycle().take(connections).map(|place| Sender {
            run: Arc::clone(run),
            place: place.clone(),
            token: token.to_owned(),
            body: Arc::clone(&body),
            connection: None,
        });
        Ok(Self {
            senders: senders.collect(),
            runtime: Some(runtime),
            phases: 0,
        })
    }

    /// Sends what the schedule says, and waits for the answers.
    pub(super) async fn send(&mut self, schedule: Schedule) -> anyhow::Result<Sent> {
        let lines = self.senders.first().map_or(0, |sender| sender.body.lines as u64);
        let phase = Arc::new(Phase::new(self.phases, schedule, lines));
        self.phases += 1;
        if let Some(runtime) = self.runtime.as_ref().filter(|_| schedule.requests > 0) {
            let pace = Arc::clone(&phase);
            runtime.spawn_blocking(move || pace.pace());
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
    fn new(number: u64, schedule: Schedule, lines: u64) -> Self {
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
    async fn take(&self) -> Option<u64> {
        self.due.acquire().await.ok()?.forget();
        let request = self.next.fetch_add(1, Relaxed);
        let late = self.began.elapsed().saturating_sub(self.schedule.due(request));
        let last = request + 1 == self.schedule.requests;
        let over = self.began.elapsed() > self.schedule.time + BEGUN_UNTIL;
        if last || over {
            self.due.close();
        }
        if over {
            return None;
        }
        self.begun.fetch_add(1, Relaxed);
        self.lateness.add(late, 1);
        Some(request)
    }

    fn sent(&self) -> Sent {
        let requests = self.begun.load(Relaxed);
        Sent {
            requests,
            lines: requests * self.lines,
            unsent: (self.schedule.requests - requests) * self.lines,
            unacknowledged: self.unacknowledged.load(Relaxed),
            repeated: self.repeated.load(Relaxed),
            late: self.lateness.longer_than(LATE),
            lateness: self.lateness.percentiles(),
            answers: self.answers.percentiles(),
            trouble: self.trouble.lock().take(),
        }
    }
}

impl Sender {
    async fn work(mut self, phase: Arc<Phase>) -> Self {
        while let Some(request) = phase.take().await {
            self.see_through(&phase, request).await;
        }
        self
    }

    /// Sends one request until it is answered or time is up.
    async fn see_through(&mut self, phase: &Phase, request: u64) {
        let due = phase.began + phase.schedule.due(request);
        let body = self.body.at(&self.run.clock.text(due));
        let until = phase.began + phase.schedule.time + REPEATED_UNTIL;
        let run = Arc::clone(&self.run);
        let stream = &run.streams[(request % run.streams.len() as u64) as usize];
        let key = format!("{}-{}-{request}", run.id, phase.number);
        loop {
            let attempt = timeout(DEADLINE, self.attempt(&stream.name, &key, body.clone()));
            let answer = attempt.await.unwrap_or_else(|_| {
                self.connection = None;
                again(format!("no answer within {DEADLINE:?}"))
            });
            let (why, after) = match answer {
                Answer::Stored(stored) => {
                    phase.answers.add(due.elapsed(), 1);
                    stream.acknowledged.fetch_add(stored.accepted, Relaxed);
                    let stretches = stored.streams.values().flatten();
                    let next = stretches.map(|stretch| stretch.next).max().unwrap_or(0);
                    stream.head.fetch_max(next, Relaxed);
                    return;
                }
                Answer::Refused(why) => {
                    // The first one is told.
                    let _ = phase.failed.set(why);
                    phase.due.close();
                    return;
                }
                Answer::Again { why, after } => (why, after),
            };
            *phase.trouble.lock() = Some(why);
            if Instant::now() + after > until {
                phase.unacknowledged.fetch_add(phase.lines, Relaxed);
                return;
            }
            phase.repeated.fetch_add(1, Relaxed);
            sleep(after).await;
        }
    }

    async fn attempt(&mut self, stream: &str, key: &str, body: Bytes) -> Answer {
        let (status, headers, answer) = match self.post(stream, key, body).await {
            Ok(answer) => answer,
            Err(error) => {
                self.connection = None;
                return again(format!("{error:#}"));
            }
        };
        let lines = self.body.lines as u64;
        match status {
            StatusCode::OK => match serde_json::from_slice::<Stored>(&answer) {
                Ok(stored) if stored.accepted == lines => Answer::Stored(stored),
                Ok(stored) => Answer::Refused(format!("{} of {lines} lines were accepted", stored.accepted)),
                Err(_) => Answer::Refused(format!("{} is no Tailcast listener", self.place.url)),
            },
            _ if place::is_for_now(status) => Answer::Again {
                why: place::refusal(status, &answer),
                after: place::retry_after(&headers).unwrap_or(BETWEEN_ATTEMPTS),
            },
            _ => Answer::Refused(place::refusal(status, &answer)),
        }
    }

    async fn post(
        &mut self,
        stream: &str,
        key: &str,
        body: Bytes,
    ) -> anyhow::Result<(StatusCode, HeaderMap, Bytes)> {
        let request = self
            .place
            .request(&format!("/v1/lines?stream={stream}"), &self.token)
            .method(Method::POST)
            .header(CONTENT_TYPE, "application/x-ndjson")
            .header("idempotency-key", key)
            .body(Full::new(body))?;
        let mut connection = match self
            .connection
            .take()
            .filter(|connection| !connection.is_closed())
        {
            Some(connection) => connection,
            None => {
                let io = TokioIo::new(self.place.connect().await?);
                let (requests, connection) = hyper::client::conn::http1::handshake(io).await?;
                tokio::spawn(connection);
                requests
            }
        };
        connection.ready().await?;
        let response = connection.send_request(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = place::body(response).await?;
        self.connection = Some(connection);
        Ok((status, headers, answer))
    }
}

fn again(why: String) -> Answer {
    Answer::Again {
        why,
        after: BETWEEN_ATTEMPTS,
    }
}
