//! Where stored batches go next. The next stage implements it; `collect` does not know who that is.

use std::sync::Arc;

use crate::{Batch, StreamName};

/// News for whoever watches. Every kind of it may be lost on the way: offsets and the store make delivery complete,
/// hints make it fast.
#[derive(Debug, Clone)]
pub enum Hint {
    /// These lines were stored.
    Batch(Arc<Batch>),
    /// Something of this stream may have been stored without a batch being passed on: read its head.
    Lost(StreamName),
    /// The same, of any stream: a link broke, a lease ended.
    AnyLost,
}

/// Takes hints towards the subscribers.
///
/// Never waits and never fails: what cannot be passed on is dropped, counted, and made good later by a
/// [`Hint::Lost`]. Batches of one stream must be handed over in their order and keep it.
pub trait Handoff: Send + Sync {
    /// Passes one hint on.
    fn hand_off(&self, hint: Hint);
}
