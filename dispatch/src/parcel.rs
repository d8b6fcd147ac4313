//! A hint on its way, and the bounded queue that it waits in.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use auth::ClusterSecret;
use bytes::Bytes;
use lines::Hint;

use crate::link::codec;

/// A hint that is encoded and sealed when the first link needs it, and once for all links.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) hint: Hint,
    /// `None` when the hint is too large for links.
    frame: OnceLock<Option<Bytes>>,
}

impl Parcel {
    pub(crate) fn new(hint: Hint) -> Arc<Self> {
        Arc::new(Self {
            hint,
            frame: OnceLock::new(),
        })
    }

    /// All links of a process have the same secret.
    pub(crate) fn frame(&self, secret: &ClusterSecret) -> Option<Bytes> {
        let frame = self.frame.get_or_init(|| codec::encode(&self.hint, secret));
        frame.clone()
    }

    /// What it weighs in a queue, in bytes.
    fn weight(&self) -> usize {
        match &self.hint {
            Hint::Batch(batch) => batch.lines.ndjson.len() + 256,
            Hint::Lost(_) | Hint::AnyLost => 256,
        }
    }
}

/// How much a queue holds.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Hints.
    pub hints: usize,
    /// Bytes of NDJSON, shared with whoever else holds the same batch.
    pub bytes: usize,
}

/// First in, first out, bounded.
#[derive(Debug)]
pub(crate) struct Queue {
    parcels: VecDeque<Arc<Parcel>>,
    bytes: usize,
    limits: QueueLimits,
}

impl Queue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self {
            parcels: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    /// Whether it fitted.
    pub(crate) fn push(&mut self, parcel: Arc<Parcel>) -> bool {
        let weight = parcel.weight();
        let fits = self.parcels.len() < self.limits.hints && self.bytes + weight <= self.limits.bytes;
        if fits {
            self.bytes += weight;
            self.parcels.push_back(parcel);
        }
        fits
    }

    /// At most `most`, the oldest first.
    pub(crate) fn take(&mut self, most: usize) -> Vec<Arc<Parcel>> {
        let taken: Vec<_> = self.parcels.drain(..most.min(self.parcels.len())).collect();
        self.bytes -= taken.iter().map(|parcel| parcel.weight()).sum::<usize>();
        taken
    }

    /// Empties it, and tells how many there were.
    pub(crate) fn clear(&mut self) -> usize {
        self.bytes = 0;
        std::mem::take(&mut self.parcels).len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }
}
