//! What a search may still read, and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lines::Batch;

/// Bytes and time, of one scan or of several that are merged.
#[derive(Debug)]
pub struct Budget {
    bytes: AtomicUsize,
    ends: Instant,
}

impl Budget {
    /// So many bytes of lines, from now on for so long.
    pub fn of(bytes: usize, time: Duration) -> Self {
        Self {
            bytes: AtomicUsize::new(bytes),
            ends: Instant::now() + time,
        }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn spend(&self, page: &[Arc<Batch>]) {
        let bytes: usize = page.iter().map(|batch| batch.lines.ndjson.len()).sum();
        self.bytes
            .store(self.left().saturating_sub(bytes), Ordering::Relaxed);
    }

    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.ends
    }

    pub(super) fn time_left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left() == 0 || self.is_late()
    }
}
