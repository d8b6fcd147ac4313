//! The threads that serve sessions, apart from those that answer. What goes out to thousands of readers is as much work as
//! they and the lines make it; a sender's answer waits for none of it.
//!
//! Two things keep them apart: a runtime of their own, so that no task stands in a queue behind sessions, and a lower
//! priority, so that no thread of those who answer waits long for a core.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::Context;
use dispatch::{Relay, RelayLimits};
use lines::HintSink;
use tokio::runtime::{Builder, Handle, Runtime};

/// What sessions may have of the machine. Each field says its default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FanOutLimits {
    /// Threads that serve sessions: as many as there are processors, of which a container's quota may leave a part.
    pub threads: usize,
    /// How much lower their priority is than that of the threads which answer senders and questions, as `nice` counts it: 5.
    /// While all want more than there is, such a thread has a third of what another one has; while something is left, it
    /// makes no difference. Linux only.
    pub nice: u32,
    /// Batches on their way to them.
    pub relay: RelayLimits,
}

impl Default for FanOutLimits {
    fn default() -> Self {
        Self {
            threads: available_parallelism().map_or(1, std::num::NonZero::get),
            nice: 5,
            relay: RelayLimits::default(),
        }
    }
}

/// A runtime for sessions. It ends, with all that it runs, when this is dropped.
pub(crate) struct FanOut {
    limits: FanOutLimits,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl FanOut {
    /// Starts its threads.
    pub(crate) fn start(limits: FanOutLimits) -> anyhow::Result<Self> {
        let priority = Priority::below(limits.nice);
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads)
            .thread_name("fan-out")
            .on_thread_start(move || priority.take())
            .enable_all()
            .build()
            .context("no threads can be started for sessions")?;
        Ok(Self {
            limits,
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Where sessions are served.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes hints for `sessions`, and lets these threads hand them over.
    pub(crate) fn relay(&self, sessions: Arc<dyn HintSink>) -> Arc<dyn HintSink> {
        Arc::new(Relay::new(sessions, self.handle.clone(), self.limits.relay))
    }
}

impl Drop for FanOut {
    fn drop(&mut self) {
        // Nobody waits: this may be one of those threads that must not.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What a thread of sessions may have of a processor, beside those of others.
#[derive(Debug, Clone, Copy)]
struct Priority {
    /// As `nice` counts it; `None` where the system does not say, or has no priority for a single thread.
    nice: Option<i32>,
}

#[cfg(target_os = "linux")]
impl Priority {
    /// The lowest that there is.
    const LOWEST: i32 = 19;

    /// So much lower than that of whoever asks. Not than that of the thread which begins another one: it may be one of these.
    fn below(nice: u32) -> Self {
        let nice = i32::try_from(nice).unwrap_or(i32::MAX);
        let here = rustix::process::getpriority_process(None).ok();
        Self {
            nice: here.map(|here| here.saturating_add(nice).min(Self::LOWEST)),
        }
    }

    /// Gives it to the thread that calls it: on Linux each has its own. Where that is not allowed, as in some sandboxes,
    /// things go on without.
    fn take(self) {
        static TOLD: std::sync::Once = std::sync::Once::new();
        let Some(nice) = self.nice else { return };
        if let Err(error) = rustix::process::setpriority_process(None, nice) {
            TOLD.call_once(|| {
                tracing::warn!(
                    %error,
                    "threads of sessions cannot have a lower priority: where all processors are busy, senders may wait for them"
                );
            });
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Priority {
    fn below(_: u32) -> Self {
        Self { nice: None }
    }

    fn take(self) {
        let Self { nice: _ } = self;
    }
}
