//! Who is answered at once, and what answers on their way hold: bounds for the node, and a share of them for each
//! subscriber.
//!
//! A question has its place only while the store is read and lines are looked through, never while a reader takes its
//! time. Then its answer holds memory, which has a bound of its own; small answers have theirs apart, so that they do not
//! wait for large ones.

use std::sync::Arc;
use std::time::Duration;

use edge::sieve::Account;
use edge::{Problem, Share, Shares};
use http::StatusCode;

use crate::Limits;

/// The places of a node.
pub(crate) struct Places {
    /// Questions that are worked on.
    working: Arc<Shares>,
    /// Bytes of answers on their way that are larger …
    large: Arc<Shares>,
    /// … and of those that are not, than `small_answer`.
    small: Arc<Shares>,
    small_answer: usize,
    within: Duration,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            working: Shares::new(limits.answers, limits.answers_of_subscriber),
            large: Shares::new(limits.sending_bytes, limits.sending_bytes / PARTS),
            small: Shares::new(limits.small_bytes, limits.small_bytes / PARTS),
            small_answer: limits.small_answer,
            within: limits.turn,
        })
    }

    /// A place for one question. Who has none left of the time that filters may take is not let in.
    pub(crate) async fn work(&self, account: &Account) -> Result<Share, Problem> {
        if let Some(wait) = account.wait() {
            let sentence =
                "your filters have used up the time that this node has for them: repeat the request later";
            return Err(busy(sentence, wait));
        }
        let place = self.working.take(account.subscriber(), 1, self.within).await;
        place.ok_or_else(|| busy(TOO_MUCH, self.within))
    }

    /// Memory for an answer of so many bytes.
    pub(crate) async fn hold(&self, subscriber: &str, bytes: usize) -> Result<Share, Problem> {
        let shares = if bytes <= self.small_answer {
            &self.small
        } else {
            &self.large
        };
        let held = shares.take(subscriber, bytes, self.within).await;
        held.ok_or_else(|| busy(TOO_MUCH, self.within))
    }

    /// Where pages of an answer on its way get their places.
    pub(crate) fn working(&self) -> Arc<Shares> {
        Arc::clone(&self.working)
    }
}

/// One subscriber may hold one of so many parts of the memory.
const PARTS: usize = 4;

const TOO_MUCH: &str =
    "as much history is on its way as may be, to you or from this node: repeat the request later";

fn busy(sentence: &str, after: Duration) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", sentence).retry_after(after)
}
