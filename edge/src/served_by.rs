//! Which runtime serves a connection. It begins on the one of its listener; one that turns out to be of another kind goes on
//! where that kind is served, so that the two do not wait for each other.
//!
//! Knows nothing of what kinds there are.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use http::Response;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// In the extensions of an answer: its connection goes on there. For answers that are written for as long as their reader
/// stays, one for each of many readers. A connection of HTTP/2, which answers of all kinds share, stays where it is.
#[derive(Debug, Clone)]
pub struct ServedBy(pub Handle);

/// Told by the answers of a connection where it goes on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moves(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    to: OnceLock<Handle>,
    told: Notify,
}

impl Moves {
    /// Heeds what an answer says of it. The first one that says something decides.
    pub(crate) fn heed<B>(&self, answer: &mut Response<B>) {
        if let Some(ServedBy(to)) = answer.extensions_mut().remove()
            && self.0.to.set(to).is_ok()
        {
            self.0.told.notify_one();
        }
    }

    async fn told(&self) -> Handle {
        loop {
            if let Some(to) = self.0.to.get() {
                return to.clone();
            }
            self.0.told.notified().await;
        }
    }

    /// Serves here until an answer says where it goes on, and then there. Dropping this ends it in both places.
    pub(crate) async fn serve(self, serving: impl Future<Output = ()> + Send + 'static) {
        let mut serving: Pin<Box<_>> = Box::pin(serving);
        let to = tokio::select! {
            biased;
            () = serving.as_mut() => return,
            to = self.told() => to,
        };
        // It ended, or its runtime did.
        let _ = AbortOnDropHandle::new(to.spawn(serving)).await;
    }
}
