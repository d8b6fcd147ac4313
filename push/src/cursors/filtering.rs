//! Lines looked through for sessions with filters: few lines in passing, more in slices of the [`Sieve`], and each piece
//! once for all sessions that want the same of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use auth::Subscriber;
use lines::{Offset, StreamName};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::Limits;
use crate::feeds::feed::Feed;
use crate::feeds::pages::Pages;
use crate::feeds::view::{Chunk, View};
use crate::feeds::window::{Bounds, Piece};
use edge::sieve::{Account, Sieve, Slice};

/// The looks of a node.
pub(crate) struct Filtering {
    pub(crate) sieve: Arc<Sieve>,
    limits: Arc<Limits>,
    /// Gone with the last one who waits for it.
    wanted: Mutex<HashMap<Key, Wanted>>,
}

/// A look that some wait for.
struct Wanted {
    /// Where they hear that one of them has done it.
    done: Arc<watch::Sender<()>>,
    /// How many they are.
    by: usize,
}

/// What is looked through for what: a stream from an offset on, where the filter lies in memory, since equal ones are the
/// same one, and the encoding of what it leaves.
type Key = (StreamName, Offset, usize, &'static str);

/// A look that takes its time.
pub(crate) struct Pass {
    pub(crate) piece: Piece,
    /// With the filter.
    pub(crate) view: View,
    pub(crate) home: Home,
}

/// Who keeps the chunk for others.
pub(crate) enum Home {
    /// The feed that the piece is of.
    Feed(Arc<Feed>),
    /// The pages of the store, one of which it is of.
    Pages(Arc<Pages>),
}

/// Who pays for the filters of a session. Most have none, and then the node keeps no account of their subscriber.
pub(crate) struct Payer {
    subscriber: Subscriber,
    account: OnceLock<Arc<Account>>,
}

impl Payer {
    pub(crate) fn new(subscriber: &Subscriber) -> Self {
        Self {
            subscriber: subscriber.clone(),
            account: OnceLock::new(),
        }
    }

    /// What the subscriber's filters have used.
    pub(crate) fn account(&self, sieve: &Sieve) -> &Arc<Account> {
        self.account.get_or_init(|| sieve.account(self.subscriber.sub()))
    }

    /// The same subscriber, with another token: nothing is kept of the old one.
    pub(crate) fn regrant(&mut self, subscriber: &Subscriber) {
        self.subscriber = subscriber.clone();
    }
}

impl Filtering {
    pub(crate) fn new(sieve: Arc<Sieve>, limits: Arc<Limits>) -> Self {
        Self {
            sieve,
            limits,
            wanted: Mutex::default(),
        }
    }

    /// The chunk, when it is sure to cost next to nothing.
    pub(crate) fn in_passing(&self, account: &Account, piece: &Piece, view: &View) -> Option<Chunk> {
        let filter = view.filter.as_ref()?;
        let limits = &self.limits;
        let little = piece.cost(filter) <= usize::try_from(limits.filter_in_passing.as_nanos()).unwrap_or(0);
        (little && account.wait().is_none()).then(|| {
            let slice = Slice::of(limits.filter_in_passing);
            account.charging(|| piece.matching(filter, view.encoding, bounds(limits), slice))
        })
    }

    /// Works when it is this subscriber's turn, or answers `None` once somebody else has done so under the same key. Each
    /// waits in the queue of its own subscriber: nobody waits behind another one's.
    async fn once<T: Send + 'static>(
        &self,
        key: Key,
        account: &Arc<Account>,
        work: impl FnOnce(Slice) -> T + Send + 'static,
    ) -> Option<T> {
        let want = self.want(key);
        let mut done = want.done.subscribe();
        let begun = Arc::new(AtomicBool::new(false));
        let work = {
            let (tell, begun) = (Arc::clone(&want.done), Arc::clone(&begun));
            move |slice| {
                begun.store(true, Ordering::Release);
                let outcome = work(slice);
                // Before the turn goes to the next one, who may wait for the same.
                tell.send_replace(());
                outcome
            }
        };
        let mut mine = std::pin::pin!(self.sieve.run(account, work));
        tokio::select! {
            biased;
            // An error cannot be: the sender is held.
            _ = done.changed() => {}
            outcome = &mut mine => return Some(outcome),
        }
        // One hears of one's own work, too.
        if begun.load(Ordering::Acquire) {
            Some(mine.await)
        } else {
            None
        }
    }

    fn want(&self, key: Key) -> Want<'_> {
        let mut wanted = self.wanted.lock();
        let look = wanted.entry(key.clone()).or_insert_with(|| Wanted {
            done: Arc::new(watch::Sender::new(())),
            by: 0,
        });
        look.by += 1;
        Want {
            filtering: self,
            done: Arc::clone(&look.done),
            key,
        }
    }
}

impl Pass {
    /// Looks, unless another session that wants the same is quicker: then the chunk is kept where this piece came from.
    /// A subscriber that has used up its budget waits before that, and keeps nobody else waiting.
    pub(crate) async fn run(self, filtering: &Filtering, account: &Arc<Account>) -> Option<Chunk> {
        while let Some(wait) = account.wait() {
            tokio::time::sleep(wait).await;
        }
        let Self { piece, view, home } = self;
        let filter = Arc::clone(view.filter.as_ref()?);
        let (stream, from) = piece.at();
        let stream = stream.clone();
        let key = (
            stream.clone(),
            from,
            Arc::as_ptr(&filter) as usize,
            view.encoding.name(),
        );
        let bounds = bounds(&filtering.limits);
        let work = move |slice| {
            let chunk = piece.matching(&filter, view.encoding, bounds, slice);
            home.keep(&stream, &view, &chunk);
            chunk
        };
        filtering.once(key, account, work).await
    }
}

fn bounds(limits: &Limits) -> Bounds {
    Bounds {
        target: limits.frame_bytes,
        scan: limits.filter_bytes,
    }
}

impl Home {
    pub(crate) fn keep(&self, stream: &StreamName, view: &View, chunk: &Chunk) {
        match self {
            Self::Feed(feed) => feed.remember(view, chunk),
            Self::Pages(pages) => pages.remember(stream, view, chunk),
        }
    }
}

/// One who waits for a look.
struct Want<'a> {
    filtering: &'a Filtering,
    key: Key,
    done: Arc<watch::Sender<()>>,
}

impl Drop for Want<'_> {
    fn drop(&mut self) {
        let mut wanted = self.filtering.wanted.lock();
        if let Some(look) = wanted.get_mut(&self.key) {
            look.by -= 1;
            if look.by == 0 {
                wanted.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;
    use edge::sieve::SieveLimits;

    fn filtering() -> Arc<Filtering> {
        let sieve = Sieve::new(SieveLimits {
            threads: 1,
            ..SieveLimits::default()
        });
        Arc::new(Filtering::new(sieve, Arc::default()))
    }

    fn key(name: &str) -> Key {
        (StreamName::parse(name).unwrap(), Offset::ZERO, 0, "ndjson")
    }

    #[tokio::test]
    async fn nobody_waits_behind_another_subscribers_queue_and_what_two_want_is_done_once() {
        let filtering = filtering();
        let [ann, bob] = ["ann", "bob"].map(|name| filtering.sieve.account(name));
        let done = Arc::new(Mutex::new(Vec::new()));
        let (open, gate) = mpsc::channel::<()>();
        let at_work = filtering.sieve.run(&ann, move |_| gate.recv());
        let mut at_work = std::pin::pin!(at_work);
        assert!(futures_util::poll!(&mut at_work).is_pending());

        let look = |account, name: &'static str| {
            let (filtering, account, done) = (Arc::clone(&filtering), Arc::clone(account), Arc::clone(&done));
            Box::pin(async move {
                filtering
                    .once(key(name), &account, move |_| done.lock().push(name))
                    .await
            })
        };
        let mut anns = ["a/1", "a/2", "a/3", "both"].map(|name| look(&ann, name));
        for look in &mut anns {
            assert!(futures_util::poll!(look).is_pending());
        }
        let bobs = tokio::spawn(look(&bob, "both"));
        tokio::task::yield_now().await;
        open.send(()).unwrap();
        assert!(at_work.await.is_ok());

        let anns = futures_util::future::join_all(anns).await;
        assert_eq!(anns, [Some(()), Some(()), Some(()), None], "bob was quicker");
        assert_eq!(bobs.await.unwrap(), Some(()));
        assert_eq!(*done.lock(), ["a/1", "both", "a/2", "a/3"]);
        assert!(filtering.wanted.lock().is_empty());
    }

    #[tokio::test]
    async fn a_look_that_nobody_waits_for_leaves_it_to_the_others() {
        let filtering = filtering();
        let account = filtering.sieve.account("ann");
        let count = Arc::new(AtomicUsize::new(0));
        let (open, gate) = mpsc::channel::<()>();
        let mut at_work = std::pin::pin!(filtering.sieve.run(&account, move |_| gate.recv()));
        assert!(futures_util::poll!(&mut at_work).is_pending());
        let look = || {
            let count = Arc::clone(&count);
            filtering.once(key("s"), &account, move |_| count.fetch_add(1, Ordering::Relaxed))
        };
        {
            let mut gone = std::pin::pin!(look());
            assert!(futures_util::poll!(&mut gone).is_pending());
        }
        open.send(()).unwrap();
        assert!(at_work.await.is_ok());
        assert_eq!(look().await, Some(0));
    }
}
