//! Which sessions a node has, so that they can be counted, told to leave, and waited for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use uuid::Uuid;

use crate::signal::Signal;

/// The sessions of a node.
#[derive(Default)]
pub(crate) struct Sessions {
    open: Mutex<Open>,
    tracker: TaskTracker,
}

#[derive(Default)]
struct Open {
    signals: HashMap<Uuid, Arc<Signal>>,
    leaving: bool,
}

/// A session's place among them. Ending is dropping it.
pub(crate) struct Place {
    sessions: Arc<Sessions>,
    uuid: Uuid,
    id: String,
    signal: Arc<Signal>,
    _waited_for: TaskTrackerToken,
}

impl Sessions {
    /// A place for one more; `None` while the node is being stopped.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let uuid = Uuid::now_v7();
        let signal = Arc::<Signal>::default();
        let mut open = self.open.lock();
        if open.leaving {
            return None;
        }
        open.signals.insert(uuid, Arc::clone(&signal));
        metrics::gauge!("tailcast_sessions").set(open.signals.len() as f64);
        Some(Place {
            sessions: Arc::clone(self),
            uuid,
            id: uuid.simple().to_string(),
            signal,
            _waited_for: self.tracker.token(),
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.open.lock().signals.len()
    }

    /// Tells all to leave, evenly over `time`, and waits until they have. None can enter any more.
    pub(crate) async fn leave(&self, time: Duration) {
        {
            let mut open = self.open.lock();
            open.leaving = true;
            let (now, count) = (Instant::now(), open.signals.len().max(1) as f64);
            for (nth, signal) in open.signals.values().enumerate() {
                signal.leave(now + time.mul_f64(nth as f64 / count));
            }
        }
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Place {
    /// The session's name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Its wake-up.
    pub(crate) fn signal(&self) -> &Arc<Signal> {
        &self.signal
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sessions.open.lock();
        open.signals.remove(&self.uuid);
        metrics::gauge!("tailcast_sessions").set(open.signals.len() as f64);
    }
}
