//! What strangers give to compute, such as filters put to lines: off the threads that serve, a few at a time, in short
//! slices, subscriber by subscriber, each within a budget of time.
//!
//! What a reader asks to compute must cost others nothing that they notice: so a slice ends after
//! [`SieveLimits::slice`], the next one belongs to another subscriber if one waits, and who has used up its budget waits
//! for it ([`Account::wait`]). Nothing is computed for somebody who is gone: each slice is asked for anew.
//!
//! Knows nothing of filters, sessions and stores.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turnstile, oneshot};
use tokio::time::{Instant, timeout};

/// What filters may take of a node.
#[derive(Debug, Clone, Copy)]
pub struct SieveLimits {
    /// Threads that put filters to lines at once: half of the processors, at least one.
    pub threads: usize,
    /// How long one goes on before it is another subscriber's turn: 5 ms. The line that it is at then is finished.
    pub slice: Duration,
    /// The time that one subscriber may use at once: 30 s.
    pub burst: Duration,
    /// What it may use in the long run, in seconds a second: 0.5.
    pub share: f64,
}

impl Default for SieveLimits {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            threads: (processors / 2).max(1),
            slice: Duration::from_millis(5),
            burst: Duration::from_secs(30),
            share: 0.5,
        }
    }
}

/// The slices of a node, and what its subscribers have used.
pub struct Sieve {
    limits: SieveLimits,
    turns: Mutex<Turns>,
    accounts: Mutex<HashMap<String, Arc<Account>>>,
}

/// Whose turn it is.
#[derive(Default)]
struct Turns {
    running: usize,
    /// By subscriber, in the order in which they came.
    waiting: HashMap<String, VecDeque<oneshot::Sender<Turn>>>,
    /// Subscribers that wait, each once: the next one first.
    order: VecDeque<String>,
}

/// The right to run one slice. Dropping it passes it on.
struct Turn {
    /// `None` once it was passed on.
    sieve: Option<Arc<Sieve>>,
}

/// What one subscriber has used.
pub struct Account {
    subscriber: String,
    limits: SieveLimits,
    /// When all that was used will be forgiven. In the past: nothing is owed.
    clear_at: Mutex<Instant>,
    /// Held while the store looks for something.
    asking: Turnstile<()>,
}

/// Counts the time until it is dropped.
struct Charge<'a> {
    account: &'a Account,
    began: std::time::Instant,
}

impl<'a> Charge<'a> {
    fn begin(account: &'a Account) -> Self {
        Self {
            account,
            began: std::time::Instant::now(),
        }
    }
}

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        self.account.charge(self.began.elapsed());
    }
}

/// When a slice has to end.
pub struct Slice {
    ends: std::time::Instant,
    /// What the work may have cost since the clock was looked at, in nanoseconds.
    unseen: usize,
}

impl Sieve {
    /// With nothing used.
    pub fn new(limits: SieveLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            turns: Mutex::default(),
            accounts: Mutex::default(),
        })
    }

    /// The account of a subscriber.
    pub fn account(&self, subscriber: &str) -> Arc<Account> {
        let mut accounts = self.accounts.lock();
        if let Some(account) = accounts.get(subscriber) {
            return Arc::clone(account);
        }
        let now = Instant::now();
        // Who has nothing to pay and asks for nothing is as good as unknown.
        accounts.retain(|_, account| Arc::strong_count(account) > 1 || *account.clear_at.lock() > now);
        let account = Arc::new(Account {
            subscriber: subscriber.to_owned(),
            limits: self.limits,
            clear_at: Mutex::new(now),
            asking: Turnstile::new(()),
        });
        accounts.insert(subscriber.to_owned(), Arc::clone(&account));
        account
    }

    /// Runs one slice of work when it is this subscriber's turn. Panics as the work does.
    ///
    /// Dropping the answer before its turn takes it out of the queue; a slice that runs already comes to its end.
    pub async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        account: &Arc<Account>,
        work: impl FnOnce(Slice) -> T + Send + 'static,
    ) -> T {
        let turn = self.turn(&account.subscriber).await;
        let (account, slice) = (Arc::clone(account), self.limits.slice);
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            account.charging(|| work(Slice::of(slice)))
        });
        match worked.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends, and with it whoever asked.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn turn(self: &Arc<Self>, subscriber: &str) -> Turn {
        let passed_on = {
            let mut turns = self.turns.lock();
            if turns.running < self.limits.threads {
                turns.running += 1;
                return Turn {
                    sieve: Some(Arc::clone(self)),
                };
            }
            let (pass, passed_on) = oneshot::channel();
            let theirs = turns.waiting.entry(subscriber.to_owned()).or_default();
            theirs.push_back(pass);
            if theirs.len() == 1 {
                turns.order.push_back(subscriber.to_owned());
            }
            passed_on
        };
        match passed_on.await {
            Ok(turn) => turn,
            // Whoever waits is in the list until it gets its turn.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Turns {
    /// Whoever is next, if anybody waits: one for each subscriber, round and round.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let subscriber = self.order.pop_front()?;
        let theirs = self.waiting.get_mut(&subscriber)?;
        let next = theirs.pop_front();
        if theirs.is_empty() {
            drop(self.waiting.remove(&subscriber))
        } else {
            self.order.push_back(subscriber)
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        while let Some(sieve) = self.sieve.take() {
            let next = {
                let mut turns = sieve.turns.lock();
                let next = turns.next();
                turns.running -= usize::from(next.is_none());
                next
            };
            // Who went away meanwhile gives it back.
            if let Some(next) = next
                && let Err(mut unwanted) = next.send(Self { sieve: Some(sieve) })
            {
                self.sieve = unwanted.sieve.take();
            }
        }
    }
}

impl Account {
    /// Whose it is.
    pub fn subscriber(&self) -> &str {
        &self.subscriber
    }

    /// How long it takes until more may be used; nothing while there is budget left.
    pub fn wait(&self) -> Option<Duration> {
        let whole = self.limits.burst.div_f64(self.limits.share);
        let owed = self.clear_at.lock().saturating_duration_since(Instant::now());
        owed.checked_sub(whole).filter(|wait| !wait.is_zero())
    }

    /// Works, and counts the time that it took.
    pub fn charging<T>(&self, work: impl FnOnce() -> T) -> T {
        let _charge = Charge::begin(self);
        work()
    }

    /// Waits for the answer to a question that has the store compute, and counts how long that took, also when it is given
    /// up. A subscriber has one such question at a time: so it leaves the store's attention to others. Nothing, and nothing
    /// is asked, when its earlier ones are not done `within` that time.
    pub async fn asking<T>(&self, within: Duration, question: impl Future<Output = T>) -> Option<T> {
        let _turn = timeout(within, self.asking.lock()).await.ok()?;
        let _charge = Charge::begin(self);
        Some(question.await)
    }

    fn charge(&self, used: Duration) {
        let micros = u64::try_from(used.as_micros()).unwrap_or(u64::MAX);
        metrics::counter!("tailcast_filter_microseconds_total").increment(micros);
        let mut clear_at = self.clear_at.lock();
        *clear_at = (*clear_at).max(Instant::now()) + used.div_f64(self.limits.share);
    }
}

impl Slice {
    /// From now on, so long.
    pub fn of(time: Duration) -> Self {
        Self {
            ends: std::time::Instant::now() + time,
            unseen: 0,
        }
    }

    /// Whether it is over, after work that cost at most so many nanoseconds or so. Looks at the clock only when that may
    /// be: it costs as much as a short line.
    pub fn is_over_after(&mut self, cost: usize) -> bool {
        const BETWEEN_LOOKS: usize = 20_000;
        self.unseen = self.unseen.saturating_add(cost);
        if self.unseen < BETWEEN_LOOKS {
            return false;
        }
        self.unseen = 0;
        std::time::Instant::now() >= self.ends
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn sieve() -> Arc<Sieve> {
        Sieve::new(SieveLimits {
            threads: 1,
            burst: Duration::from_secs(3),
            share: 0.5,
            ..SieveLimits::default()
        })
    }

    /// A slice that goes on until the answer is dropped.
    async fn occupied(sieve: &Arc<Sieve>) -> mpsc::Sender<()> {
        let (end, ended) = mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let (sieve, account) = (Arc::clone(sieve), sieve.account("somebody"));
        tokio::spawn(async move {
            let work = move |_| {
                begin.send(()).unwrap();
                let _ = ended.recv();
            };
            sieve.run(&account, work).await;
        });
        begun.await.unwrap();
        end
    }

    #[tokio::test]
    async fn turns_go_round_by_subscriber_however_much_one_of_them_asks_for() {
        let sieve = sieve();
        let end = occupied(&sieve).await;
        let done = Arc::new(Mutex::new(Vec::new()));
        let ask = |who: &'static str| {
            let (account, done) = (sieve.account(who), Arc::clone(&done));
            let sieve = Arc::clone(&sieve);
            async move { sieve.run(&account, move |_| done.lock().push(who)).await }
        };
        let asked = futures_util::future::join_all(["ann", "ann", "ann", "bob", "cat", "bob"].map(ask));
        let (_, ()) = tokio::join!(asked, async {
            tokio::task::yield_now().await;
            drop(end);
        });
        assert_eq!(*done.lock(), ["ann", "bob", "cat", "ann", "bob", "ann"]);
    }

    #[tokio::test]
    async fn nothing_is_computed_for_who_went_away_while_waiting() {
        let sieve = sieve();
        let end = occupied(&sieve).await;
        let account = sieve.account("ann");
        let gone = sieve.run(&account, |_| panic!("computed for nobody"));
        assert!(futures_util::poll!(std::pin::pin!(gone)).is_pending());
        drop(end);
        assert_eq!(sieve.run(&account, |_| 7).await, 7);
        assert!(sieve.turns.lock().waiting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_used_up_its_budget_waits_until_half_of_what_is_beyond_it_is_forgiven() {
        let sieve = sieve();
        let account = sieve.account("ann");
        account.charge(Duration::from_secs(3));
        assert_eq!(account.wait(), None);
        account.charge(Duration::from_secs(2));
        assert_eq!(account.wait(), Some(Duration::from_secs(4)));
        assert_eq!(sieve.account("bob").wait(), None, "others do not wait for it");
        assert_eq!(
            sieve.account("ann").wait(),
            Some(Duration::from_secs(4)),
            "a new session has the same budget"
        );
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(account.wait(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_asks_the_store_one_question_at_a_time_and_pays_for_those_it_gave_up() {
        let sieve = sieve();
        let (account, other) = (sieve.account("ann"), sieve.account("bob"));
        let minute = Duration::from_secs(60);
        let mut first = Box::pin(account.asking(minute, std::future::pending::<()>()));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(account.asking(minute, std::future::ready(7)));
        assert!(futures_util::poll!(&mut second).is_pending(), "both at once");
        assert_eq!(other.asking(minute, std::future::ready(8)).await, Some(8));
        let third = account.asking(Duration::from_secs(1), async { panic!("it had no turn") });
        assert_eq!(third.await, None::<()>);
        drop(first);
        assert!(*account.clear_at.lock() > Instant::now(), "it has cost nothing");
        assert_eq!(second.await, Some(7));
    }
}
