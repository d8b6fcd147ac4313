//! How far apart the grid's instants are: as near as the node has room for, and farther as it has less.
//!
//! Two things decide. The *demand* is the part of its processors that the node would use if every batch went to every
//! reader at once: what it does use, what gathering saves it, and what shows that others use the machine. It hardly
//! depends on how much is gathered, so nothing swings. And *rounds*: the time to the next instant is so many times what the
//! writes of a round take of all processors, so fan-out has a known part of them: what it wants while the demand is below
//! half of them, and ever less beyond that. That time is reckoned and not measured: a round during which others had the
//! processors took long, and is no reason to let the next lines wait as well. The grid itself begins no round before
//! everybody was woken for the last one.

mod demand;
mod meter;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
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
    /// Told at the first instant since then.
    stirred: Notify,
    /// From one instant to the next, in rounds: the bits of a float. Set by [`Tick::run`].
    rounds: AtomicU64,
    /// Writes since the last instant: its own, and those of urgent feeds.
    writes: AtomicU64,
    /// The longest that somebody woken took to wake others since the last instant, in microseconds.
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
            stirred: Notify::new(),
            rounds: AtomicU64::new(1f64.to_bits()),
            writes: AtomicU64::new(0),
            took: AtomicU64::new(0),
        }
    }

    /// So many writes are made, where it would have been `due` if every batch had gone at once.
    pub(crate) fn woke(&self, due: u64, writes: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
        let mut since = self.since.lock();
        since.due += due;
        since.writes += writes;
    }

    /// Somebody who was woken took so long to wake others.
    pub(crate) fn took(&self, time: Duration) {
        self.took.fetch_max(micros(time), Ordering::Relaxed);
    }

    /// From when an instant was due to the next one. It began so much later, and everybody was woken.
    pub(crate) fn after(&self, late: Duration) -> Duration {
        let writes = self.writes.swap(0, Ordering::Relaxed) as f64;
        let round = self.limits.write_cost.mul_f64(writes / self.meter.processors());
        let rounds = f64::from_bits(self.rounds.load(Ordering::Relaxed));
        let others = Duration::from_micros(self.took.swap(0, Ordering::Relaxed));
        let tick = round
            .mul_f64(rounds)
            .max(others)
            .clamp(self.limits.tick, self.limits.tick_stretched);
        let mut since = self.since.lock();
        if since.instants == 0 {
            self.stirred.notify_one();
        }
        since.instants += 1;
        since.late += late.saturating_sub(TIMER_ROUNDS);
        since.ticks += tick;
        tick
    }

    /// Follows the demand, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let gauge = metrics::gauge!("tailcast_tick_microseconds");
        let mut demand = Demand::default();
        loop {
            gauge.set(micros(self.limits.tick) as f64);
            self.stirred.notified().await;
            self.follow(&mut demand, |tick| gauge.set(micros(tick) as f64))
                .await;
        }
    }

    /// Ends when nothing comes any more, and nothing is left of what came: an idle node sleeps. Tells how far apart instants
    /// are.
    async fn follow(&self, demand: &mut Demand, tell: impl Fn(Duration)) {
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
            match since.ticks.checked_div(since.instants) {
                Some(tick) => tell(tick),
                None if demand.is_easy() => return,
                None => tell(self.limits.tick),
            }
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

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

    /// What a round of so many writes is followed by.
    fn after(tick: &Tick, writes: u64) -> Duration {
        tick.woke(0, writes);
        tick.after(Duration::ZERO)
    }

    fn tick(load: &Arc<Mutex<f64>>) -> Tick {
        let meter = Used(Arc::clone(load), Mutex::default());
        Tick::by(Box::new(meter), Arc::default())
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_node_rests_no_longer_than_a_round_and_a_full_one_many_times() {
        let load = Arc::new(Mutex::new(0.3));
        let tick = tick(&load);
        let running = tick.run();
        tokio::pin!(running);
        let ms = Duration::from_millis;
        let mut lengths = Vec::new();
        // 8 µs each, and four processors.
        let writes = 5_000;
        for (used, saved) in [(0.3, 0), (0.9, 0), (0.9, 1_000_000)] {
            *load.lock() = used;
            for _ in 0..50 {
                tick.woke(saved, 0);
                after(&tick, 0);
                let _ = tokio::time::timeout(EVERY, &mut running).await;
            }
            lengths.push(after(&tick, writes));
        }
        assert_eq!(lengths[0], ms(10));
        assert!(lengths[1] > ms(37) && lengths[1] < ms(39), "{lengths:?}");
        assert_eq!(
            lengths[2],
            ms(160),
            "the readers would need many times what there is"
        );
        let limits = Limits::default();
        assert_eq!(after(&tick, 0), limits.tick);
        assert_eq!(after(&tick, 1_000_000), limits.tick_stretched);
        tick.woke(0, writes / 2);
        assert_eq!(after(&tick, writes / 2), ms(160), "of urgent ones, too");
        tick.took(ms(100));
        assert_eq!(after(&tick, writes / 5), ms(100), "others were woken in turn");
    }

    /// Says how often it is polled.
    struct Counted<'a>(Pin<&'a mut dyn Future<Output = ()>>, &'a mut u32);

    impl Future for Counted<'_> {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            *self.1 += 1;
            self.0.as_mut().poll(cx)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_node_sleeps_once_nothing_is_left_of_its_demand() {
        let load = Arc::new(Mutex::new(2.0));
        let tick = tick(&load);
        let running = tick.run();
        tokio::pin!(running);
        let wakes = async |running: Pin<&mut _>| {
            let mut polled = 0;
            let running: Pin<&mut dyn Future<Output = ()>> = running;
            let counted = Counted(running, &mut polled);
            let _ = tokio::time::timeout(EVERY * 1_000, counted).await;
            polled
        };
        assert_eq!(
            wakes(running.as_mut()).await,
            2,
            "at the beginning and at the end"
        );
        for _ in 0..20 {
            after(&tick, 5_000);
            let _ = tokio::time::timeout(EVERY, &mut running).await;
        }
        assert!(after(&tick, 5_000) > Duration::from_millis(50));
        *load.lock() = 0.1;
        assert!(wakes(running.as_mut()).await < 20);
        assert_eq!(after(&tick, 5_000), Duration::from_millis(10));
    }
}
