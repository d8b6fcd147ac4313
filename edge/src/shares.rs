//! A bounded amount of something that many ask for, of which nobody gets more than a share: places, bytes.
//!
//! A bound for the node alone lets one caller take all of it; with a share for each, others find theirs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// What there is, and who has how much of it.
pub struct Shares {
    /// Of all together.
    whole: usize,
    /// The most of one.
    share: usize,
    taken: Mutex<Taken>,
    given_back: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_holder: HashMap<String, usize>,
}

/// A part that somebody has. Giving it back is dropping it.
pub struct Share {
    shares: Arc<Shares>,
    holder: String,
    amount: usize,
}

impl Shares {
    /// So much of it, of which one holder has at most `share`.
    pub fn new(whole: usize, share: usize) -> Arc<Self> {
        Arc::new(Self {
            whole,
            share: share.min(whole),
            taken: Mutex::default(),
            given_back: Notify::new(),
        })
    }

    /// Waits for `amount`, at most so long. More than a whole share counts as a whole one.
    pub async fn take(self: &Arc<Self>, holder: &str, amount: usize, within: Duration) -> Option<Share> {
        let taken = async {
            loop {
                // Before the look, so that what is given back right after it is not missed.
                let given_back = self.given_back.notified();
                if let Some(share) = self.take_now(holder, amount) {
                    return share;
                }
                given_back.await;
            }
        };
        tokio::time::timeout(within, taken).await.ok()
    }

    /// The same, without waiting.
    pub fn take_now(self: &Arc<Self>, holder: &str, amount: usize) -> Option<Share> {
        let amount = amount.min(self.share);
        let mut taken = self.taken.lock();
        let theirs = taken.by_holder.get(holder).copied().unwrap_or_default();
        if taken.all + amount > self.whole || theirs + amount > self.share {
            return None;
        }
        taken.all += amount;
        taken.by_holder.insert(holder.to_owned(), theirs + amount);
        Some(Share {
            shares: Arc::clone(self),
            holder: holder.to_owned(),
            amount,
        })
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.taken.lock().all
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        {
            let mut taken = self.shares.taken.lock();
            taken.all -= self.amount;
            if let Some(theirs) = taken.by_holder.get_mut(&self.holder) {
                *theirs -= self.amount;
                if *theirs == 0 {
                    taken.by_holder.remove(&self.holder);
                }
            }
        }
        self.shares.given_back.notify_waiters();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn nobody_has_more_than_a_share_and_all_together_no_more_than_there_is() {
        let shares = Shares::new(10, 4);
        let ann = shares.take("ann", 3, SOON).await.unwrap();
        assert!(shares.take("ann", 2, SOON).await.is_none());
        let more = shares.take("ann", 1, SOON).await.unwrap();
        let bob = shares.take("bob", 100, SOON).await.unwrap();
        assert_eq!(shares.taken(), 8);
        assert!(shares.take("cat", 3, SOON).await.is_none());
        drop((ann, more, bob));
        assert_eq!(shares.taken(), 0);
        assert!(shares.taken.lock().by_holder.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_back_is_there_for_who_waits() {
        let shares = Shares::new(1, 1);
        let first = shares.take_now("ann", 1).unwrap();
        let waiting = tokio::spawn({
            let shares = Arc::clone(&shares);
            async move { shares.take("bob", 1, SOON).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
