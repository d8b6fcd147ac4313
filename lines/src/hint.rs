//! News of stored batches, and the port they leave a stage by. The next stage implements it; whoever hands on does not
//! know who that is, nor whether it is in this process.

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

/// Takes hints towards the subscribers: a dispatcher, a node with sessions, or the link to either.
///
/// Never waits and never fails. What cannot be passed on, since a bounded queue is full or a link is broken, is dropped,
/// counted, and made good as soon as it can be by a [`Hint::Lost`] or [`Hint::AnyLost`]. Batches of one stream must be
/// handed over in their order and keep it.
pub trait HintSink: Send + Sync {
    /// Passes one hint on.
    fn hand_off(&self, hint: Hint);
}
