//! Retention, again and again: asks the store to remove what is no longer kept, as long as the clocks agree.
//!
//! Knows no database. Several collectors may do this on one store at once.

pub mod admin;
mod hold;

use std::sync::Arc;
use std::time::Duration;

use lines::log_store::Look;
use lines::retention::{Deletable, Holdings, Retention, Trimmed};
use lines::{LogStore, StoreError, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use hold::Hold;

use crate::Clock;
use crate::clock::TOLERANCE;

/// How often the clocks are compared, at least.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What a trimmer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// What is to be kept.
    pub retention: Retention,
    /// How often what is not kept is removed.
    pub every: Duration,
}

/// What a trimmer works with.
pub struct Parts {
    /// What is trimmed.
    pub store: Arc<dyn LogStore>,
    /// What it is told. Another word is heeded from the next round on.
    pub keeping: watch::Receiver<Keeping>,
    /// This machine's clocks.
    pub clock: Arc<dyn Clock>,
}

/// Trims now and then.
pub struct Trimmer {
    parts: Parts,
    state: Mutex<State>,
}

struct State {
    /// Why age removes nothing now.
    hold: Option<Hold>,
    /// What the last look said.
    look: Option<Look>,
    /// This machine's calendar and its monotonic clock, at the last look.
    clocks: Option<(Timestamp, Duration)>,
    /// The newest arrival in the store, and when it was seen to change, by the monotonic clock.
    newest: Option<(Option<Timestamp>, Option<Duration>)>,
}

impl Trimmer {
    /// One that has not looked at anything yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            state: Mutex::new(State {
                hold: Some(Hold::NotCompared),
                look: None,
                clocks: None,
                newest: None,
            }),
        })
    }

    /// Works until `shutdown`. A failure is logged and tried again the next time. Nothing is removed at the very start.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut told = self.parts.keeping.clone();
        let mut every = told.borrow_and_update().every;
        let mut ticks = looks(every);
        let mut trimmed = self.parts.clock.monotonic();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                // Whoever tells may have gone; what was said last holds.
                Ok(()) = told.changed() => {
                    every = told.borrow_and_update().every;
                    ticks = looks(every);
                    continue;
                }
                () = shutdown.cancelled() => return,
            }
            let now = self.parts.clock.monotonic();
            // A tick may come a little early.
            let is_due = now.saturating_sub(trimmed) + every / 10 >= every;
            let work = async {
                if is_due {
                    self.round().await
                } else {
                    self.look().await.map(drop)
                }
            };
            let done = tokio::select! {
                done = work => done,
                () = shutdown.cancelled() => return,
            };
            if is_due {
                trimmed = now;
            }
            if let Err(error) = done {
                // That a store is away is said where lines wait for it.
                if error.is_absence() {
                    tracing::debug!(%error, "the store could not be trimmed, trying again later");
                } else {
                    tracing::warn!(%error, "the store could not be trimmed, trying again later");
                }
                continue;
            }
            let merged = tokio::select! {
                merged = self.merge() => merged,
                () = shutdown.cancelled() => return,
            };
            if let Err(error) = merged {
                tracing::warn!(%error, "small batches could not be merged, trying again later");
            }
        }
    }

    /// What is to be kept, as it was said last.
    fn retention(&self) -> Retention {
        self.parts.keeping.borrow().retention
    }

    /// Why age removes nothing, as of the last look.
    pub fn hold(&self) -> Option<Hold> {
        self.state.lock().hold
    }

    /// Compares the clocks, and removes what is not kept until nothing is left to do.
    pub async fn round(&self) -> Result<(), StoreError> {
        let store = &self.parts.store;
        let compared = !matches!(self.state.lock().hold, Some(Hold::NotCompared));
        let look = self.look().await?;
        let hold = self.state.lock().hold;
        if !compared {
            return self.measure(look).await;
        }
        // How large the store is depends on no clock.
        let (retention, what) = match hold {
            None => (self.retention(), Deletable::All),
            Some(_) => (
                Retention {
                    age: None,
                    ..self.retention()
                },
                Deletable::TooMuch,
            ),
        };
        let trimmed = until_done(|| store.trim(&retention, look.now)).await;
        self.measure(look).await?;
        let trimmed = trimmed?;
        metrics::counter!("tailcast_trimmed_lines_total").increment(trimmed.lines);
        if trimmed.batches > 0 {
            let (batches, lines) = (trimmed.batches, trimmed.lines);
            tracing::info!(batches, lines, "removed what is no longer kept");
        }
        let deleted = until_done(|| store.delete_hidden(what)).await?;
        if deleted.batches > 0 {
            tracing::debug!(batches = deleted.batches, "deleted what was removed before");
        }
        self.measure(look).await
    }

    /// Lets small batches become full ones where the store does so, until nothing is left to do or other work is soon due.
    pub async fn merge(&self) -> Result<(), StoreError> {
        let begun = self.parts.clock.monotonic();
        loop {
            let merged = self.parts.store.merge().await?;
            metrics::counter!("tailcast_merged_batches_total").increment(merged.batches);
            let took = self.parts.clock.monotonic().saturating_sub(begun);
            if !merged.more || took >= LOOK_EVERY / 2 {
                return Ok(());
            }
        }
    }

    /// Compares the clocks, and says so when age begins or ceases to remove.
    async fn look(&self) -> Result<Look, StoreError> {
        let look = self.parts.store.look().await?;
        let holdings = self.parts.store.holdings().await?;
        let clocks = (self.parts.clock.wall(), self.parts.clock.monotonic());
        let mut state = self.state.lock();
        let retention = self.retention();
        let hold = state.judge(&look, &holdings, clocks, retention);
        if retention.age.is_some() {
            hold::tell(state.hold, hold);
        }
        (state.hold, state.look) = (hold, Some(look));
        Ok(look)
    }

    /// What is overdue, for whoever watches.
    async fn measure(&self, look: Look) -> Result<(), StoreError> {
        let holdings = self.parts.store.holdings().await?;
        let overdue = Overdue::of(&self.retention(), &holdings, look.now);
        metrics::gauge!("tailcast_retention_overdue_seconds").set(overdue.age.as_secs_f64());
        metrics::gauge!("tailcast_retention_overdue_bytes").set(overdue.bytes as f64);
        metrics::gauge!("tailcast_retention_hidden_bytes").set(holdings.hidden_bytes as f64);
        metrics::gauge!("tailcast_retention_held_streams").set(holdings.held_streams as f64);
        Ok(())
    }
}

/// When the clocks are compared, and it is seen whether a round is due.
fn looks(every: Duration) -> Interval {
    let mut looks = interval(every.max(Duration::from_millis(1)).min(LOOK_EVERY));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

/// What should have been removed or deleted already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    /// For how long the oldest of it.
    pub age: Duration,
    /// By how many bytes the store is larger than it may be.
    pub bytes: u64,
}

impl Overdue {
    fn of(retention: &Retention, holdings: &Holdings, now: Timestamp) -> Self {
        let late = |due: Option<Timestamp>| {
            let late = due.map_or(jiff::SignedDuration::ZERO, |due| now.since(due));
            if late.is_positive() {
                late.unsigned_abs()
            } else {
                Duration::ZERO
            }
        };
        let removal = match (retention.age, holdings.oldest) {
            (Some(age), Some(oldest)) => Some(oldest.plus(age)),
            _ => None,
        };
        let kept = holdings.bytes.saturating_sub(holdings.hidden_bytes);
        Self {
            age: late(removal).max(late(holdings.deletion)),
            bytes: retention.bytes.map_or(0, |most| kept.saturating_sub(most)),
        }
    }
}

/// Calls until there is no more to do.
async fn until_done<F>(call: impl Fn() -> F) -> Result<Trimmed, StoreError>
where
    F: Future<Output = Result<Trimmed, StoreError>>,
{
    let mut all = Trimmed::default();
    loop {
        let some = call().await?;
        all.batches += some.batches;
        all.lines += some.lines;
        if !some.more {
            return Ok(all);
        }
    }
}

impl State {
    /// Why age may remove nothing now.
    fn judge(
        &mut self,
        look: &Look,
        holdings: &Holdings,
        (wall, monotonic): (Timestamp, Duration),
        retention: Retention,
    ) -> Option<Hold> {
        let jumped = self
            .clocks
            .replace((wall, monotonic))
            .map(|(before, then)| wall.since(before.plus(monotonic.saturating_sub(then))));
        let came = self.came(holdings.newest, monotonic);
        if look.ahead.unsigned_abs() > TOLERANCE {
            return Some(Hold::Apart { ahead: look.ahead });
        }
        // A clock that fell back removes less than it should.
        if let Some(leap) = look.leap.filter(|leap| leap.by.is_positive()) {
            return Some(Hold::Leapt {
                by: leap.by,
                believed_in: leap.believed_in,
            });
        }
        if let Some(by) = jumped.filter(|by| by.unsigned_abs() > TOLERANCE) {
            return Some(Hold::Jumped { by });
        }
        let age = retention.age?;
        let newest = holdings.newest?;
        let all_would_go =
            newest < look.now.minus(age) && holdings.allowed.is_none_or(|allowed| newest > allowed);
        let lately = came.is_some_and(|came| monotonic.saturating_sub(came) + TOLERANCE < age);
        (all_would_go && lately).then_some(Hold::AllThatCame { newest })
    }

    /// When lines came in last, by the monotonic clock, as far as this process has seen it.
    fn came(&mut self, newest: Option<Timestamp>, monotonic: Duration) -> Option<Duration> {
        let came = match self.newest {
            None => None,
            Some((before, came)) if before == newest => came,
            Some(_) => newest.map(|_| monotonic),
        };
        self.newest = Some((newest, came));
        came
    }
}

#[cfg(test)]
mod tests;
