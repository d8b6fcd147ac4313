//! What a session needs to know of a store that does not answer.

use lines::StoreError;

/// The store did not answer. Why is told where it is asked, once for all; sessions go on without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store does not answer at the moment")]
pub(crate) struct StoreAway;

impl From<StoreError> for StoreAway {
    fn from(_: StoreError) -> Self {
        Self
    }
}
