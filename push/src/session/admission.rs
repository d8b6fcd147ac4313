//! Which sessions a node has, so that they can be counted, told to leave, and waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use auth::Subscriber;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use crate::feeds::wake::{Ending, Wake};
use crate::session::rate::Rate;

/// How many sessions a node takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// Sessions of this node: 50,000. Beyond it new ones are answered 503.
    pub sessions: usize,
    /// Sessions of one subscriber on this node: 1,000. Beyond it new ones are answered 429.
    pub sessions_of_subscriber: usize,
    /// New sessions a second on this node, with a burst of as many: 2,000. Beyond it they are answered 503.
    pub sessions_per_second: u32,
}

impl Default for AdmissionLimits {
    fn default() -> Self {
        Self {
            sessions: 50_000,
            sessions_of_subscriber: 1_000,
            sessions_per_second: 2_000,
        }
    }
}

/// The sessions of a node.
pub(crate) struct Admission {
    limits: watch::Receiver<AdmissionLimits>,
    open: Mutex<Open>,
    tracker: TaskTracker,
}

struct Open {
    sessions: HashMap<Uuid, Present>,
    by_subscriber: HashMap<String, usize>,
    rate: Rate,
    leaving: bool,
}

/// A session that is open.
struct Present {
    wake: Arc<Wake>,
    /// Who reads, by the token that was shown last.
    subscriber: Subscriber,
}

/// Why there is no place for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The node is being stopped.
    Leaving,
    /// The node has as many as it takes, or too many came this second.
    Busy,
    /// This subscriber has as many as it may have.
    TooMany,
}

/// A session's place among them. Ending is dropping it.
pub(crate) struct Place {
    admission: Arc<Admission>,
    id: Uuid,
    wake: Arc<Wake>,
    _waited_for: TaskTrackerToken,
}

impl Admission {
    pub(crate) fn new(limits: watch::Receiver<AdmissionLimits>) -> Arc<Self> {
        let per_second = f64::from(limits.borrow().sessions_per_second);
        Arc::new(Self {
            limits,
            open: Mutex::new(Open {
                sessions: HashMap::new(),
                by_subscriber: HashMap::new(),
                rate: Rate::new(per_second, per_second, Instant::now()),
                leaving: false,
            }),
            tracker: TaskTracker::new(),
        })
    }

    /// A place for one more session of a subscriber.
    pub(crate) fn enter(self: &Arc<Self>, subscriber: &Subscriber) -> Result<Place, NoPlace> {
        let id = Uuid::now_v7();
        let wake = Arc::<Wake>::default();
        let limits = *self.limits.borrow();
        let mut open = self.open.lock();
        let theirs = open
            .by_subscriber
            .get(subscriber.sub())
            .copied()
            .unwrap_or_default();
        if open.leaving {
            return Err(NoPlace::Leaving);
        }
        if theirs >= limits.sessions_of_subscriber {
            return Err(NoPlace::TooMany);
        }
        let per_second = f64::from(limits.sessions_per_second);
        open.rate.adjust(per_second, per_second);
        if open.sessions.len() >= limits.sessions || !open.rate.take(Instant::now()) {
            return Err(NoPlace::Busy);
        }
        open.by_subscriber.insert(subscriber.sub().to_owned(), theirs + 1);
        let present = Present {
            wake: Arc::clone(&wake),
            subscriber: subscriber.clone(),
        };
        open.sessions.insert(id, present);
        metrics::gauge!("tailcast_sessions").set(open.sessions.len() as f64);
        Ok(Place {
            admission: Arc::clone(self),
            id,
            wake,
            _waited_for: self.tracker.token(),
        })
    }

    /// Ends the sessions of all who do not stand any more.
    pub(crate) fn revoke(&self, stands: impl Fn(&Subscriber) -> bool) {
        let open = self.open.lock();
        for session in open
            .sessions
            .values()
            .filter(|session| !stands(&session.subscriber))
        {
            session.wake.end(Ending::Revoked);
        }
    }

    /// The subscriber of this session showed another token.
    pub(crate) fn showed(&self, id: Uuid, subscriber: &Subscriber) {
        if let Some(present) = self.open.lock().sessions.get_mut(&id) {
            present.subscriber = subscriber.clone();
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open.lock().sessions.len()
    }

    /// Tells all to leave, evenly over `time`, and waits until they have. None can enter any more.
    pub(crate) async fn leave(&self, time: Duration) {
        {
            let mut open = self.open.lock();
            open.leaving = true;
            let (now, count) = (Instant::now(), open.sessions.len().max(1) as f64);
            for (nth, session) in open.sessions.values().enumerate() {
                let at = now + time.mul_f64(nth as f64 / count);
                session.wake.end(Ending::Leave(at));
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Place {
    /// The session's name.
    pub(crate) fn id(&self) -> Uuid {
        self.id
    }

    /// Its wake-up.
    pub(crate) fn wake(&self) -> &Arc<Wake> {
        &self.wake
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock();
        let Some(Present { subscriber, .. }) = open.sessions.remove(&self.id) else {
            return;
        };
        if let Some(theirs) = open.by_subscriber.get_mut(subscriber.sub()) {
            *theirs -= 1;
            if *theirs == 0 {
                open.by_subscriber.remove(subscriber.sub());
            }
        }
        metrics::gauge!("tailcast_sessions").set(open.sessions.len() as f64);
    }
}
