//! How far apart the grid's instants are: as near as the node has room for, and farther as it has less.
//!
//! Two things decide. The *demand* is the part of its processors that the node would use if every batch went to every
//! reader at once: what it does use, what gathering saves it, and what shows that others use the machine. It hardly
//! depends on how much is gathered, so nothing swings. And *rounds*: the time to the next instant is so many times what it
//! took to wake everybody, so fan-out has a known part of the time: what it wants while the demand is below half of
//! the processors, and an eighth where it is several times what there is. A round takes longer while others fill the
//! machine, and the tick with it.

mod demand;
mod meter;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use self::demand::{Demand, Reading};
use self::meter::{Meter, Process};
use crate::Limits;

/// How often the demand is looked at.
const EVERY: Duration = Duration::from_millis(200);

/// Timers go by the millisecond: an instant is so much late on an idle machine.
const TIMER_ROUNDS: Duration = Duration::from_millis(1);

/// The law of a node's grid.
pub(crate) struct Tick {
    limits: Arc<Limits>,
    meter: Box<dyn Meter>,
    /// What happened since the demand was looked at.
    since: Mutex<Since>,
    /// From one instant to the next, in rounds: the bits of a float. Set by [`Tick::run`].
    rounds: AtomicU64,
    /// The longest that somebody woken took to wake others since the last round, in microseconds.
    took: AtomicU64,
}

#[derive(Default)]
struct Since {
    /// Writes that it would have been, had every batch gone to every reader at once.
    due: u64,
    /// Writes that it was.
    writes: u64,
    instants: u32,
    /// How late they began, together.
    late: Duration,
    /// How long their ticks were, together.
    ticks: Duration,
}

/// A round's times.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    /// When it should have begun.
    pub(crate) due: Instant,
    pub(crate) begun: Instant,
    /// When everybody was woken, and those of the last turn had theirs.
    pub(crate) done: Instant,
    /// What rounds of urgent feeds took since the one before.
    pub(crate) urgent: Duration,
}

impl Tick {
    /// That of this process.
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self::by(Box::new(Process::default()), limits)
    }

    fn by(meter: Box<dyn Meter>, limits: Arc<Limits>) -> Self {
        Self {
            limits,
            meter,
            since: Mutex::default(),
            rounds: AtomicU64::new(1f64.to_bits()),
            took: AtomicU64::new(0),
        }
    }

    /// So many writes are made, where it would have been `due` if every batch had gone at once.
    pub(crate) fn woke(&self, due: u64, writes: u64) {
        let mut since = self.since.lock();
        since.due += due;
        since.writes += writes;
    }

    /// Somebody who was woken took so long to wake others.
    pub(crate) fn took(&self, time: Duration) {
        self.took.fetch_max(micros(time), Ordering::Relaxed);
    }

    /// From when a round was due to the next instant.
    pub(crate) fn after(&self, took: Took) -> Duration {
        let others = Duration::from_micros(self.took.swap(0, Ordering::Relaxed));
        let round = (took.done - took.due).max(others) + took.urgent;
        let rounds = f64::from_bits(self.rounds.load(Ordering::Relaxed));
        let tick = round
            .mul_f64(rounds)
            .clamp(self.limits.tick, self.limits.tick_stretched);
        let mut since = self.since.lock();
        since.instants += 1;
        since.late += (took.begun - took.due).saturating_sub(TIMER_ROUNDS);
        since.ticks += tick;
        tick
    }

    /// Follows the demand, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let gauge = metrics::gauge!("tailcast_tick_microseconds");
        let mut demand = Demand::default();
        let (mut used, mut at) = (self.meter.used(), Instant::now());
        loop {
            tokio::time::sleep(EVERY).await;
            let (used_before, before) = (used, at);
            (used, at) = (self.meter.used(), Instant::now());
            let since = std::mem::take(&mut *self.since.lock());
            demand.take(&Reading {
                over: (at - before).mul_f64(self.meter.processors()),
                used: used.saturating_sub(used_before),
                saved: self
                    .limits
                    .write_cost
                    .mul_f64(since.due.saturating_sub(since.writes) as f64),
                late: since.late.checked_div(since.instants).unwrap_or_default(),
            });
            self.rounds.store(demand.rounds().to_bits(), Ordering::Relaxed);
            let tick = since
                .ticks
                .checked_div(since.instants)
                .unwrap_or(self.limits.tick);
            gauge.set(micros(tick) as f64);
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A node whose processors are used this much.
    struct Used(Arc<Mutex<f64>>, Mutex<Duration>);

    impl Meter for Used {
        fn used(&self) -> Duration {
            let mut used = self.1.lock();
            *used += EVERY.mul_f64(*self.0.lock() * 4.0);
            *used
        }

        fn processors(&self) -> f64 {
            4.0
        }
    }

    fn round(took: Duration) -> Took {
        let now = Instant::now();
        Took {
            due: now,
            begun: now,
            done: now + took,
            urgent: Duration::ZERO,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_node_rests_no_longer_than_a_round_and_a_full_one_many_times() {
        let limits = Arc::new(Limits::default());
        let load = Arc::new(Mutex::new(0.3));
        let meter = Used(Arc::clone(&load), Mutex::default());
        let tick = Tick::by(Box::new(meter), Arc::clone(&limits));
        let running = tick.run();
        tokio::pin!(running);
        let ms = Duration::from_millis;
        let mut lengths = Vec::new();
        for (used, saved) in [(0.3, 0), (0.9, 0), (0.9, 1_000_000)] {
            *load.lock() = used;
            for _ in 0..50 {
                tick.woke(saved, 0);
                let _ = tokio::time::timeout(EVERY, &mut running).await;
            }
            lengths.push(tick.after(round(ms(10))));
        }
        assert_eq!(lengths[0], ms(10));
        assert!(lengths[1] > ms(20) && lengths[1] < ms(30), "{lengths:?}");
        assert_eq!(
            lengths[2],
            ms(80),
            "the readers would need many times what there is"
        );
        assert_eq!(tick.after(round(Duration::ZERO)), limits.tick);
        assert_eq!(tick.after(round(ms(5_000))), limits.tick_stretched);
        tick.took(ms(20));
        assert_eq!(tick.after(round(ms(1))), ms(160), "others were woken in turn");
    }
}
