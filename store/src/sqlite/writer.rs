//! The way to the one thread that writes.

mod thread;

use std::fs::File;
use std::thread::JoinHandle;
use std::time::Duration;

use lines::log_store::Draft;
use lines::{AppendError, StoreError, Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

pub(super) use self::thread::Thread;
#[cfg(test)]
pub(super) use self::thread::check;
use super::SqliteOptions;
use super::insert::Outcome;
use super::room::Room;

/// A draft as it will be written.
pub(super) struct Encoded {
    pub(super) draft: Draft,
    /// When the lines arrived, by the store's clock.
    pub(super) stamp: Timestamp,
    /// The lines, when they are fewer bytes compressed.
    pub(super) compressed: Option<Vec<u8>>,
}

impl Encoded {
    /// As they will be written.
    fn bytes(&self) -> usize {
        self.compressed
            .as_ref()
            .map_or(self.draft.lines.ndjson.len(), Vec::len)
    }
}

enum Command {
    Append {
        drafts: Vec<Encoded>,
        answer: oneshot::Sender<Vec<Outcome>>,
    },
    /// A commit of the ledger waits.
    Wake,
    /// Anything else that writes.
    Do(Box<dyn FnOnce(&mut Thread) + Send>),
    GiveBack {
        spare_bytes: u64,
        answer: oneshot::Sender<Result<bool, StoreError>>,
    },
    /// A slice of merging, due or not.
    Merge {
        /// What arrived before this is not joined with what arrived later.
        apart: Option<Timestamp>,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
    Check {
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// The way to the writing thread.
pub(super) struct Writer {
    /// `None` only while it is dropped.
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It ends, and frees the folder, when the `Writer` is dropped.
    pub(super) fn start(
        mut thread: Thread,
        lock: File,
        options: &SqliteOptions,
    ) -> Result<Self, std::io::Error> {
        let (commands, inbox) = mpsc::channel(options.queue.max(1));
        // The thread waits for commands, and for when it has to merge.
        let waiting = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || {
                thread.run(inbox, &waiting);
                drop(thread);
                drop(lock);
            })?;
        Ok(Self {
            commands: Some(commands),
            thread: Some(thread),
        })
    }

    pub(super) async fn append(&self, drafts: Vec<Encoded>, deadline: Duration) -> Vec<Outcome> {
        let count = drafts.len();
        let until = Instant::now() + deadline;
        let all = |outcome: fn(StoreError) -> AppendError, error: fn(Duration) -> StoreError| {
            (0..count).map(|_| Err(outcome(error(deadline)))).collect()
        };
        let (answer, answered) = oneshot::channel();
        match timeout_at(until, self.send(Command::Append { drafts, answer })).await {
            Err(_) => return all(AppendError::NotStored, StoreError::Timeout),
            Ok(Err(_)) => return all(AppendError::NotStored, |_| stopped()),
            Ok(Ok(())) => {}
        }
        match timeout_at(until, answered).await {
            Err(_) => all(AppendError::Unknown, StoreError::Timeout),
            Ok(Err(_)) => all(AppendError::Unknown, |_| stopped()),
            Ok(Ok(outcomes)) => outcomes,
        }
    }

    /// Does something between the appends; soon done, since they wait.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection, &Room) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(|answer| {
            Command::Do(Box::new(move |thread| {
                let _ = answer.send(thread.remove(work));
            }))
        })
        .await
    }

    /// The same, with all that the thread has.
    pub(super) async fn run_beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Thread) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.ask(|answer| {
            Command::Do(Box::new(move |thread| {
                let _ = answer.send(work(thread));
            }))
        })
        .await
    }

    /// Gives some free pages back to the file system, when there are many. `true` means that more may follow.
    pub(super) async fn give_back(&self, spare_bytes: u64) -> Result<bool, StoreError> {
        self.ask(|answer| Command::GiveBack { spare_bytes, answer }).await
    }

    /// Merges a slice of what is recent.
    pub(super) async fn merge(&self, apart: Option<Timestamp>) -> Result<(), StoreError> {
        self.ask(|answer| Command::Merge { apart, answer }).await
    }

    pub(super) async fn check(&self) -> Result<(), StoreError> {
        self.ask(|answer| Command::Check { answer }).await
    }

    /// Says that a commit of the ledger waits. A thread that has much to do looks by itself.
    pub(super) fn wake(&self) {
        if let Some(commands) = &self.commands {
            let _ = commands.try_send(Command::Wake);
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).await?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn send(&self, command: Command) -> Result<(), StoreError> {
        match &self.commands {
            Some(commands) => commands.send(command).await.map_err(|_| stopped()),
            None => Err(stopped()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the store panicked");
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Away("the thread that writes the store has stopped".into())
}
