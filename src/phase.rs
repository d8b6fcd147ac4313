//! In which order a node ends, and how long each part of it may take.
//!
//! Knows nothing of what it ends.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// When something ends, in the order of a line's path. What ends in a phase is over, or out of time, before the next one
/// begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Readers are told to go to other nodes. Everything else still works.
    Leaving,
    /// Whatever lets something in: listeners, requests under way, sources that are pulled.
    Serving,
    /// What was let in is stored, as far as the store takes it.
    Storing,
    /// What served, and waited for the store: by now it knows what to answer. It is told of nothing here.
    Answering,
    /// Whatever takes hints to where they are wanted. What does not leave is found in the store.
    Passing,
    /// Everything else: the lease, retention, upkeep.
    Working,
}

/// When everything is over once the node is told to stop, with a drain of the default length. Orchestrators kill 30 s
/// after they ask. What is left of it is what each phase may take.
pub(crate) const STOPS_WITHIN: Duration = Duration::from_secs(29);

/// What a phase may take, however late it is.
const LEAST: Duration = Duration::from_secs(1);

impl Phase {
    /// All of them, in their order.
    pub(crate) const ALL: [Self; 6] = [
        Self::Leaving,
        Self::Serving,
        Self::Storing,
        Self::Answering,
        Self::Passing,
        Self::Working,
    ];

    /// The most that it takes. Leaving takes as long as the settings say.
    fn most(self) -> Option<Duration> {
        match self {
            Self::Leaving => None,
            Self::Serving | Self::Storing => Some(Duration::from_secs(15)),
            Self::Answering => Some(Duration::from_millis(500)),
            Self::Passing => Some(Duration::from_secs(2)),
            Self::Working => Some(Duration::from_secs(5)),
        }
    }

    /// What those before it leave to it, where they can.
    fn kept(self) -> Duration {
        match self {
            Self::Leaving | Self::Serving | Self::Storing => Duration::ZERO,
            Self::Answering | Self::Working => LEAST,
            Self::Passing => Duration::from_secs(2),
        }
    }

    /// By when it has to be over, where it begins now, and all of it `ends`.
    fn until(self, ends: Instant, before: Option<Instant>) -> Option<Instant> {
        // Storing is what requests under way wait for: the two have one time.
        if self == Self::Storing {
            return before;
        }
        let later = Self::ALL.into_iter().filter(|phase| *phase > self);
        let kept: Duration = later.map(Self::kept).sum();
        let now = Instant::now();
        let left = ends.saturating_duration_since(now + kept).max(LEAST);
        self.most().map(|most| now + most.min(left))
    }

    /// What is said of tasks that are not over by then; of those who serve, only after they were answered.
    fn otherwise(self) -> Option<&'static str> {
        match self {
            Self::Leaving | Self::Serving | Self::Storing => None,
            Self::Answering => Some("requests were still under way at the end"),
            Self::Passing => Some("hints were still waiting to be passed on"),
            Self::Working => Some("some work did not end in time"),
        }
    }
}

/// What runs until a phase ends it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Running {
    /// Tells it to end.
    pub stop: CancellationToken,
    /// Waits for it.
    pub tasks: TaskTracker,
    /// Told when something that was [begun](Self::begin) has panicked; one for all phases.
    failed: CancellationToken,
}

impl Running {
    /// Begins something that ends soon after it is told. The node cannot do without it: when it panics, the node has
    /// [failed](Phases::failed).
    pub(crate) fn begin<F: Future<Output = ()> + Send + 'static>(
        &self,
        task: impl FnOnce(CancellationToken) -> F,
    ) {
        let task = AssertUnwindSafe(task(self.stop.clone())).catch_unwind();
        let failed = self.failed.clone();
        self.tasks.spawn(async move {
            if task.await.is_err() {
                tracing::error!("a part of the node that it cannot do without has panicked");
                failed.cancel();
            }
        });
    }

    async fn end(&self, until: Option<Instant>) -> bool {
        self.stop.cancel();
        self.tasks.close();
        match until {
            Some(until) => timeout_at(until, self.tasks.wait()).await.is_ok(),
            None => {
                self.tasks.wait().await;
                true
            }
        }
    }
}

/// What has to be done in a phase, beside telling its tasks. It is over by the time that it is given; where it is given
/// none, soon.
pub(crate) type Ending = Box<dyn FnOnce(Instant) -> BoxFuture<'static, ()> + Send>;

/// All that runs in a node, by the phase that ends it.
#[derive(Debug, Clone)]
pub(crate) struct Phases {
    leaving: Running,
    serving: Running,
    storing: Running,
    passing: Running,
    working: Running,
}

impl Default for Phases {
    fn default() -> Self {
        let running = Running::default();
        let another = || Running {
            failed: running.failed.clone(),
            ..Running::default()
        };
        Self {
            leaving: another(),
            serving: another(),
            storing: another(),
            passing: another(),
            working: another(),
        }
    }
}

impl Phases {
    /// Ends when something that runs in any of them has panicked. Begun again it might go on with what the panic left half
    /// done, and without it the node would be silent and look well: it has to [stop](Self::stop).
    pub(crate) async fn failed(&self) {
        self.working.failed.cancelled().await;
    }

    /// What a phase ends.
    pub(crate) fn of(&self, phase: Phase) -> &Running {
        match phase {
            Phase::Leaving => &self.leaving,
            Phase::Serving | Phase::Answering => &self.serving,
            Phase::Storing => &self.storing,
            Phase::Passing => &self.passing,
            Phase::Working => &self.working,
        }
    }

    /// Ends all of it in order.
    pub(crate) async fn stop(&self, mut endings: Vec<(Phase, Ending)>) {
        let ends = Instant::now() + STOPS_WITHIN;
        let mut until = None;
        for phase in Phase::ALL {
            until = phase.until(ends, until);
            let now = endings.extract_if(.., |(when, _)| *when == phase);
            let now: Vec<_> = now.map(|(_, end)| end(until.unwrap_or(ends))).collect();
            let running = self.of(phase);
            // Who is told to end is told beside what has to be done.
            running.stop.cancel();
            join_all(now).await;
            if let (false, Some(otherwise)) = (running.end(until).await, phase.otherwise()) {
                tracing::warn!(?phase, "{otherwise}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// What happened, in its order.
    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<&'static str>>>);

    impl Told {
        fn that(&self, what: &'static str) {
            self.0.lock().push(what);
        }

        /// A task that takes so long to end.
        fn task(
            &self,
            what: &'static str,
            takes: Duration,
        ) -> impl FnOnce(CancellationToken) -> BoxFuture<'static, ()> {
            let told = self.clone();
            move |stop| {
                Box::pin(async move {
                    stop.cancelled().await;
                    tokio::time::sleep(takes).await;
                    told.that(what);
                })
            }
        }

        fn ending(&self, what: &'static str) -> Ending {
            let told = self.clone();
            Box::new(move |_| Box::pin(async move { told.that(what) }))
        }
    }

    const A_WHILE: Duration = Duration::from_millis(100);
    const FOR_EVER: Duration = Duration::from_secs(1_000_000);

    #[tokio::test(start_paused = true)]
    async fn a_phase_is_over_before_the_next_one_begins() {
        let (phases, told) = (Phases::default(), Told::default());
        phases.of(Phase::Working).begin(told.task("worked", A_WHILE));
        phases.of(Phase::Passing).begin(told.task("passed", A_WHILE));
        phases.of(Phase::Serving).begin(told.task("served", A_WHILE));
        let endings = vec![
            (Phase::Storing, told.ending("stored")),
            (Phase::Leaving, told.ending("left")),
        ];
        phases.stop(endings).await;
        assert_eq!(*told.0.lock(), ["left", "served", "stored", "passed", "worked"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_in_any_phase_is_told_and_everything_still_ends_in_order() {
        for phase in [Phase::Serving, Phase::Passing, Phase::Working] {
            let (phases, told) = (Phases::default(), Told::default());
            phases.of(Phase::Serving).begin(told.task("served", A_WHILE));
            assert_eq!(phases.failed().now_or_never(), None);
            phases.of(phase).begin(|_| async { panic!("it is broken") });
            phases.failed().await;
            phases.stop(vec![(Phase::Leaving, told.ending("left"))]).await;
            assert_eq!(*told.0.lock(), ["left", "served"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_wait_for_the_store_are_answered_once_it_has_taken_or_refused_all() {
        let (phases, told) = (Phases::default(), Told::default());
        let stored = CancellationToken::new();
        let request = (told.clone(), stored.clone());
        phases.of(Phase::Serving).begin(|_| async move {
            request.1.cancelled().await;
            request.0.that("answered");
        });
        phases.of(Phase::Passing).begin(told.task("passed", A_WHILE));
        let started = Instant::now();
        let left = Arc::new(Mutex::new(None));
        let (seen, storing) = (left.clone(), told.clone());
        let store = Box::new(move |until: Instant| -> BoxFuture<'static, ()> {
            *seen.lock() = Some(until.saturating_duration_since(Instant::now()));
            Box::pin(async move {
                storing.that("stored");
                stored.cancel();
            })
        });
        phases.stop(vec![(Phase::Storing, store)]).await;
        assert_eq!(*told.0.lock(), ["stored", "answered", "passed"]);
        assert_eq!(
            *left.lock(),
            Some(Duration::ZERO),
            "requests had the time of the store, too"
        );
        assert_eq!(started.elapsed(), Duration::from_secs(15) + A_WHILE);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_hangs_all_is_over_in_time_and_each_phase_has_some() {
        for drained in [0, 10, 25, 60].map(Duration::from_secs) {
            let phases = Phases::default();
            for phase in [Phase::Serving, Phase::Passing, Phase::Working] {
                let hangs = Told::default();
                phases.of(phase).begin(hangs.task("never", FOR_EVER));
            }
            let started = Instant::now();
            let drain =
                Box::new(move |_| -> BoxFuture<'static, ()> { Box::pin(tokio::time::sleep(drained)) });
            phases.stop(vec![(Phase::Leaving, drain)]).await;
            let took = started.elapsed();
            // Serving, answering, passing and working have a second each at least, answering half of one.
            let most = STOPS_WITHIN.max(drained + 3 * LEAST + Duration::from_millis(500));
            assert!(took <= most, "{drained:?}: {took:?}");
            assert!(took >= drained + 3 * LEAST, "{drained:?}: {took:?}");
        }
    }
}
