//! How much a node writes, and the tick that follows from it.
//!
//! What fan-out costs is the number of frames, whoever they go to. So all feeds of a node share one tick: it stretches
//! while the node's sessions together write more frames than it should, and shrinks when they do not. Measuring each
//! feed by itself let ten streams with a hundred sessions each look idle, and cost ten times as much a line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::Limits;

/// How often the tick is set anew.
const EVERY: Duration = Duration::from_millis(200);

/// What the sessions of a node write.
pub(crate) struct Tick {
    limits: Arc<Limits>,
    /// Frames of lines since the start. Added to by sessions.
    frames: AtomicU64,
    /// The tick in microseconds. Set by [`Tick::run`], read by feeds.
    tick: AtomicU64,
}

impl Tick {
    pub(crate) fn new(limits: Arc<Limits>) -> Arc<Self> {
        let tick = AtomicU64::new(micros(limits.tick));
        Arc::new(Self {
            limits,
            frames: AtomicU64::new(0),
            tick,
        })
    }

    /// A session wrote so many frames of lines.
    pub(crate) fn wrote(&self, frames: u64) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
    }

    /// The least time between two wake-ups of a feed's sessions, at the moment.
    pub(crate) fn length(&self) -> Duration {
        Duration::from_micros(self.tick.load(Ordering::Relaxed))
    }

    /// Sets the tick by what was written, for as long as it is polled.
    pub(crate) async fn run(&self) {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            tokio::time::sleep(EVERY).await;
            let (frames, now) = (self.frames.load(Ordering::Relaxed), Instant::now());
            let rate = (frames - before) as f64 / (now - since).as_secs_f64();
            let tick = stretched(self.length(), rate, &self.limits);
            self.tick.store(micros(tick), Ordering::Relaxed);
            (before, since) = (frames, now);
        }
    }
}

/// While lines come faster than ticks, the frames of a second are inverse to the tick: one step reaches the tick that
/// is wanted. A stream that is slower than the tick does not notice it.
fn stretched(tick: Duration, frames_a_second: f64, limits: &Limits) -> Duration {
    let wanted = tick.mul_f64(frames_a_second / f64::from(limits.frames_per_second));
    // Shrinking in steps keeps a burst from being met with the shortest tick.
    wanted
        .max(tick.mul_f64(0.7))
        .clamp(limits.tick, limits.tick_stretched)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_tick_stretches_with_what_all_sessions_write_and_shrinks_again() {
        let limits = Limits {
            frames_per_second: 10_000,
            ..Limits::default()
        };
        let (shortest, longest) = (limits.tick, limits.tick_stretched);
        assert_eq!(stretched(shortest, 10_000.0, &limits), shortest);
        assert_eq!(stretched(shortest, 20_000.0, &limits), shortest * 2);
        assert_eq!(
            stretched(shortest * 2, 10_000.0, &limits),
            shortest * 2,
            "it stays where it is right"
        );
        assert_eq!(stretched(shortest, 1_000_000.0, &limits), longest);
        assert!(stretched(longest, 0.0, &limits) < longest);
        let rested = (0..20).fold(longest, |tick, _| stretched(tick, 0.0, &limits));
        assert_eq!(rested, shortest);
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_node_has_a_longer_tick_than_an_idle_one() {
        let limits = Arc::new(Limits {
            frames_per_second: 1_000,
            ..Limits::default()
        });
        let tick = Tick::new(Arc::clone(&limits));
        let running = tick.run();
        tokio::pin!(running);
        let mut ticks = Vec::new();
        for frames in [0, 400, 400] {
            tick.wrote(frames);
            let _ = tokio::time::timeout(EVERY + Duration::from_millis(10), &mut running).await;
            ticks.push(tick.length());
        }
        assert_eq!(ticks[0], limits.tick);
        assert!(ticks[1] > limits.tick * 3 / 2 && ticks[2] > ticks[1], "{ticks:?}");
    }
}
