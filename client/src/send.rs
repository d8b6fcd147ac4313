//! Lines in order to one stream: at once when they are few, in batches when they are many.
//!
//! One request is in flight; everything that arrives meanwhile goes into the next. So batching comes from load, not
//! from delay, and order needs no numbers. What waits is bounded, and so is what is in flight: whoever pushes waits.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::outcome::{Rejected, Report, SendError, SendLimits, Stopped, Summary, Tally, Unfinished};
use crate::post::{Answer, Poster};
use crate::server::Server;

/// Appends lines to one stream. Dropped before [`Sender::finish`] is through, it forgets what is not acknowledged.
pub struct Sender {
    queue: Arc<Queue>,
    tally: Arc<Tally>,
    haste: watch::Sender<Option<Instant>>,
    /// Closed when the task has ended.
    running: watch::Receiver<()>,
    task: Option<JoinHandle<Result<(), SendError>>>,
}

/// Makes a [`Sender`] come to its end, from wherever. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Haste(watch::Sender<Option<Instant>>);

impl Haste {
    /// What was pushed is still sent, but not for longer than that; and from now on a server that cannot be reached is
    /// not waited for.
    pub fn within(&self, time: Duration) {
        self.0.send_replace(Some(Instant::now() + time));
    }
}

/// Tells how far a [`Sender`] is. Cheap to clone.
#[derive(Clone)]
pub struct Progress {
    queue: Arc<Queue>,
    tally: Arc<Tally>,
}

impl Progress {
    /// What became of everything so far.
    pub fn summary(&self) -> Summary {
        // In this order: what is taken from the queue meanwhile is not counted twice.
        let waiting = self.queue.lock();
        self.tally.summary(waiting.lines)
    }
}

/// What is said of a line that is not all of what was written. The server keeps it with the line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// So many bytes at its end were left out.
    pub cut: u64,
    /// It had no end yet: what is written later is a line of its own.
    pub partial: bool,
}

impl Marks {
    /// As the header has it.
    fn told(self, line: u64) -> Option<String> {
        let cut = (self.cut > 0).then(|| format!(";cut={}", self.cut));
        let partial = self.partial.then(|| ";partial".to_owned());
        let told: String = cut.into_iter().chain(partial).collect();
        (!told.is_empty()).then(|| format!("{line}{told}"))
    }
}

/// So many lines of a request may be marked: they are told in its head, which has a bound.
const MOST_MARKED: usize = 64;

impl Sender {
    /// Starts sending to `stream`. `report` is called in between, and must not block.
    pub fn start(
        server: Server,
        stream: &str,
        limits: SendLimits,
        report: impl Fn(Report) + Send + Sync + 'static,
    ) -> Self {
        let queue = Arc::new(Queue {
            waiting: Mutex::new(Batch::default()),
            limits: limits.clone(),
            filled: Notify::new(),
            drained: Notify::new(),
        });
        let tally = Arc::<Tally>::default();
        let (haste, hurried) = watch::channel(None);
        let poster = Poster::new(
            server,
            stream,
            limits,
            Arc::clone(&tally),
            hurried,
            Box::new(report),
        );
        let (alive, running) = watch::channel(());
        let work = run(Arc::clone(&queue), Arc::clone(&tally), poster);
        let task = tokio::spawn(async move {
            let _alive = alive;
            work.await
        });
        Self {
            queue,
            tally,
            haste,
            running,
            task: Some(task),
        }
    }

    /// What makes it come to its end.
    pub fn haste(&self) -> Haste {
        Haste(self.haste.clone())
    }

    /// What became of everything so far.
    pub fn summary(&self) -> Summary {
        self.progress().summary()
    }

    /// How many lines are stored in each stream, as the answers say.
    pub fn stored(&self) -> BTreeMap<String, u64> {
        self.tally.streams()
    }

    /// Takes one line, of any bytes, without its line feed; a text of several lines is several. Waits while as much as
    /// a request holds is waiting already.
    pub async fn push(&mut self, text: &[u8]) -> Result<(), Stopped> {
        for line in text.split(|&byte| byte == b'\n') {
            self.queue.put(line, Marks::default()).await?;
        }
        Ok(())
    }

    /// The same for one line that is not all of what was written.
    pub async fn push_marked(&mut self, line: &[u8], marks: Marks) -> Result<(), Stopped> {
        self.queue.put(line, marks).await
    }

    /// What tells how far it is, from wherever.
    pub fn progress(&self) -> Progress {
        Progress {
            queue: Arc::clone(&self.queue),
            tally: Arc::clone(&self.tally),
        }
    }

    /// Waits until nothing more is taken: something failed, and [`Sender::finish`] says what.
    pub async fn stopped(&self) {
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }

    /// Waits until everything is acknowledged. Cancelled, it can be asked again.
    pub async fn finish(&mut self) -> Result<Summary, Unfinished> {
        self.queue.lock().ended = true;
        self.queue.filled.notify_one();
        let ended = match self.task.as_mut() {
            Some(task) => task.await,
            None => Ok(Err(SendError::Cancelled)),
        };
        self.task = None;
        let error = match ended {
            Ok(Ok(())) => return Ok(self.summary()),
            Ok(Err(error)) => error,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => SendError::Cancelled,
        };
        let summary = self.summary();
        Err(Unfinished { error, summary })
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// What waits to be sent. One pushes, one takes.
struct Queue {
    waiting: Mutex<Batch>,
    limits: SendLimits,
    /// A line was put in, or the end was reached.
    filled: Notify,
    /// The batch was taken, or nothing will be any more.
    drained: Notify,
}

/// A request's worth of lines.
#[derive(Default)]
struct Batch {
    /// The lines, each with its line feed. Of one that is too long for a request the beginning stands here, and how much
    /// there was of it among the marks: the server says what becomes of it.
    body: Vec<u8>,
    lines: u64,
    /// What is said of the lines that are marked, by their numbers within the batch.
    marks: Vec<String>,
    /// Nothing more will be pushed.
    ended: bool,
    /// Nothing more will be taken.
    stopped: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Batch> {
        // Nobody panics between two changes that belong together.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn put(&self, line: &[u8], marks: Marks) -> Result<(), Stopped> {
        let sent = beginning(line, self.limits.request_bytes.saturating_sub(1), marks.cut > 0);
        let marks = Marks {
            cut: marks.cut.saturating_add((line.len() - sent.len()) as u64),
            ..marks
        };
        loop {
            {
                let mut waiting = self.lock();
                if waiting.stopped {
                    return Err(Stopped);
                }
                let fits = waiting.body.len() + sent.len() < self.limits.request_bytes;
                let may_be_marked = waiting.marks.len() < MOST_MARKED || marks == Marks::default();
                if fits && may_be_marked && waiting.lines < self.limits.request_lines {
                    waiting.body.extend_from_slice(sent);
                    waiting.body.push(b'\n');
                    waiting.lines += 1;
                    let told = marks.told(waiting.lines);
                    waiting.marks.extend(told);
                    break;
                }
            }
            self.drained.notified().await;
        }
        self.filled.notify_one();
        Ok(())
    }

    /// Everything that waits, as soon as something does; nothing when the end is reached.
    async fn take(&self, tally: &Tally) -> Option<Batch> {
        loop {
            {
                let mut waiting = self.lock();
                if waiting.lines > 0 {
                    let next = Batch {
                        ended: waiting.ended,
                        ..Batch::default()
                    };
                    let batch = std::mem::replace(&mut *waiting, next);
                    // While nobody can ask how much waits.
                    tally.begin(batch.lines);
                    drop(waiting);
                    self.drained.notify_one();
                    return Some(batch);
                }
                if waiting.ended {
                    return None;
                }
            }
            self.filled.notified().await;
        }
    }
}

/// Wakes whoever pushes when nothing will be taken any more, for whatever reason.
struct StopWhenDropped(Arc<Queue>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.lock().stopped = true;
        self.0.drained.notify_one();
    }
}

async fn run(queue: Arc<Queue>, tally: Arc<Tally>, mut poster: Poster) -> Result<(), SendError> {
    let stop = StopWhenDropped(queue);
    let mut before = 0;
    while let Some(batch) = stop.0.take(&tally).await {
        let marks = batch.marks.join(",");
        let answer = poster.post(Bytes::from(batch.body), marks).await?;
        let mut rejected = 0;
        for reject in answer_rejects(&answer) {
            rejected += 1;
            poster.report(Report::Rejected(Rejected {
                line: before + reject.line,
                ..reject
            }));
        }
        for (code, lines) in &answer.rejected_more {
            rejected += lines;
            poster.report(Report::RejectedMore {
                lines: *lines,
                code: code.clone(),
            });
        }
        if answer.undated > 0 {
            poster.report(Report::Undated {
                lines: answer.undated,
            });
        }
        if answer.cut > 0 {
            poster.report(Report::Cut { lines: answer.cut });
        }
        before += batch.lines;
        tally.end(&answer, rejected);
    }
    Ok(())
}

/// As many bytes of a line as there may be. Where more are left out, it ends at the end of a character.
fn beginning(line: &[u8], most: usize, is_cut: bool) -> &[u8] {
    if line.len() <= most && !is_cut {
        return line;
    }
    let kept = &line[..line.len().min(most)];
    match std::str::from_utf8(kept) {
        // What is no character in the middle stays: the server says so.
        Err(error) if error.error_len().is_none() => &kept[..error.valid_up_to()],
        _ => kept,
    }
}

fn answer_rejects(answer: &Answer) -> impl Iterator<Item = Rejected> {
    answer.rejected.iter().map(|reject| Rejected {
        line: reject.line,
        code: reject.code.clone(),
        error: reject.error.clone(),
    })
}
