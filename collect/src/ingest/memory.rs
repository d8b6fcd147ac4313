//! A bound on the memory of all requests that are being read at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;

/// Memory is counted in pieces of so many bytes.
const PIECE: usize = 16 * 1024;

/// What all requests together may hold.
#[derive(Debug, Clone)]
pub(super) struct Memory(Arc<Semaphore>);

/// What one request holds. Given back when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    memory: Arc<Semaphore>,
    pieces: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Memory {
    /// At most `bytes` at once.
    pub(super) fn new(bytes: usize) -> Self {
        let pieces = (bytes / PIECE).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(pieces)))
    }

    /// Holds nothing yet.
    pub(super) fn hold(&self) -> Held {
        Held {
            memory: Arc::clone(&self.0),
            pieces: None,
            bytes: 0,
        }
    }
}

impl Held {
    /// Holds `bytes` more, or says that there is no room. Never waits: requests that wait for each other's memory
    /// could wait for ever.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes = self.bytes.saturating_add(bytes);
        let held = self.pieces.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = self.bytes.div_ceil(PIECE).saturating_sub(held);
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| Refusal::Busy)?;
        let more = Arc::clone(&self.memory)
            .try_acquire_many_owned(missing)
            .map_err(|_| Refusal::Busy)?;
        match &mut self.pieces {
            Some(pieces) => pieces.merge(more),
            None => self.pieces = Some(more),
        }
        Ok(())
    }
}
