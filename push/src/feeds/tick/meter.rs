//! What the node uses of its processors.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Who knows.
pub(super) trait Meter: Send + Sync {
    /// Time of processors that was used since the start. A clock that is not to be trusted may go back.
    fn used(&self) -> Duration;

    /// How many of them there are for it.
    fn processors(&self) -> f64;
}

/// This process: all of its threads.
pub(super) struct Process {
    processors: f64,
}

impl Default for Process {
    fn default() -> Self {
        // As far as its affinity and the quota of its control group go.
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            processors: processors as f64,
        }
    }
}

impl Meter for Process {
    fn used(&self) -> Duration {
        Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
    }

    fn processors(&self) -> f64 {
        self.processors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_measured() {
        let meter = Process::default();
        let before = meter.used();
        while meter.used() == before {
            std::hint::spin_loop();
        }
        assert!(meter.used() > before && meter.processors() >= 1.0);
    }
}
