//! A bounded queue in front of a sink, whose work is done on a runtime of its own.
//!
//! Knows nothing of what the sink does with hints, nor why it is apart.

use std::sync::Arc;
use std::time::Duration;

use lines::{Hint, HintSink};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::dropped::{self, Lost, Place};
use crate::parcel::{Parcel, Queue, QueueLimits};

/// Hints that are passed on before others of the runtime get their turn.
const AT_ONCE: usize = 64;

/// Bounds of a relay.
#[derive(Debug, Clone, Copy)]
pub struct RelayLimits {
    /// What waits in its queue. Beyond, hints are dropped and told as lost.
    pub queue: QueueLimits,
    /// The most streams that are told as lost by name; beyond, it is all of them.
    pub lost_streams: usize,
    /// The least time between two times that something is told as lost.
    pub lost_pause: Duration,
}

impl Default for RelayLimits {
    fn default() -> Self {
        Self {
            queue: QueueLimits {
                hints: 10_000,
                bytes: 32 * 1024 * 1024,
            },
            lost_streams: 1_000,
            // Whoever is told asks the store, and what is lost here is lost for want of time: this is no broken network.
            lost_pause: Duration::from_secs(1),
        }
    }
}

/// Takes hints from whoever has them, and hands them to a sink on another runtime. So whoever hands off never does the
/// sink's work, and never waits for a lock that one of the sink's threads holds.
pub struct Relay(Arc<Shared>);

struct Shared {
    to: Arc<dyn HintSink>,
    runtime: Handle,
    limits: RelayLimits,
    state: Mutex<State>,
    /// More came while something was being handed on.
    more: Notify,
}

struct State {
    queue: Queue,
    /// Hints that were ever put into the queue.
    queued: u64,
    /// Those of them that were taken out again.
    taken: u64,
    /// Lost since `owed` began to wait.
    lost: Lost,
    /// Told as lost once so many were taken out: those that were queued before anything of it was dropped. Told before
    /// them, a stream's head would be read while its lines are still here, and they would come as old ones.
    owed: (u64, Lost),
    /// When something was told as lost.
    told: Option<Instant>,
    /// Whether a task hands on what is here.
    busy: bool,
}

/// What is to be done next.
enum Turn {
    /// These are handed on, in this order.
    HandOn(Vec<Hint>),
    /// All that is here is to be told as lost, and may not be before then.
    Rest(Instant),
    /// Nothing is here.
    Over,
}

impl Relay {
    /// To a sink that works on `runtime`. Nothing runs while nothing comes.
    pub fn new(to: Arc<dyn HintSink>, runtime: Handle, limits: RelayLimits) -> Self {
        Self(Arc::new(Shared {
            to,
            runtime,
            state: Mutex::new(State {
                queue: Queue::new(limits.queue),
                queued: 0,
                taken: 0,
                lost: Lost::default(),
                owed: (0, Lost::default()),
                told: None,
                busy: false,
            }),
            more: Notify::new(),
            limits,
        }))
    }
}

impl Shared {
    /// Hands on what is here, until nothing is.
    async fn work(self: Arc<Self>) {
        let _again = AgainAfterPanic(&self);
        loop {
            let turn = self.state.lock().turn(self.limits.lost_pause, Instant::now());
            match turn {
                Turn::HandOn(hints) => {
                    hints.into_iter().for_each(|hint| self.to.hand_off(hint));
                    tokio::task::yield_now().await;
                }
                Turn::Rest(until) => tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = self.more.notified() => {}
                },
                Turn::Over => return,
            }
        }
    }
}

impl State {
    fn turn(&mut self, pause: Duration, now: Instant) -> Turn {
        let parcels = self.queue.take(AT_ONCE);
        self.taken += parcels.len() as u64;
        let mut hints: Vec<Hint> = parcels.iter().map(|parcel| parcel.hint.clone()).collect();
        if self.owed.1.is_empty() {
            self.owed = (self.queued, std::mem::take(&mut self.lost));
        }
        let (after, owed) = &mut self.owed;
        let rests_until = self.told.map(|told| told + pause).filter(|until| *until > now);
        if !owed.is_empty() && self.taken >= *after {
            match rests_until {
                Some(until) if hints.is_empty() => return Turn::Rest(until),
                Some(_) => {}
                None => {
                    hints.extend(owed.take());
                    self.told = Some(now);
                }
            }
        }
        if hints.is_empty() {
            self.busy = false;
            return Turn::Over;
        }
        Turn::HandOn(hints)
    }
}

impl HintSink for Relay {
    fn hand_off(&self, hint: Hint) {
        let Self(shared) = self;
        let begins = {
            let mut state = shared.state.lock();
            match &hint {
                Hint::Batch(batch) => {
                    let stream = batch.stream.clone();
                    if state.queue.push(Parcel::new(hint)) {
                        state.queued += 1;
                    } else {
                        dropped::count(Place::Sessions, 1);
                        state.lost.add(&stream, shared.limits.lost_streams);
                    }
                }
                Hint::Lost(stream) => state.lost.add(stream, shared.limits.lost_streams),
                Hint::AnyLost => state.lost.add_any(),
            }
            !std::mem::replace(&mut state.busy, true)
        };
        if begins {
            shared.runtime.spawn(Arc::clone(shared).work());
        } else {
            shared.more.notify_one();
        }
    }
}

/// A sink that panics must not leave its relay busy for ever. What was in its hands is lost, and may be of any stream,
/// which is told though nothing else may ever come.
struct AgainAfterPanic<'a>(&'a Arc<Shared>);

impl Drop for AgainAfterPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(shared) = self;
            shared.state.lock().lost.add_any();
            shared.runtime.spawn(Arc::clone(shared).work());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::thread::ThreadId;

    use lines::{Batch, Lines, Offset, StreamName, Timestamp};

    use super::*;

    /// Remembers what it was told, and on which thread.
    #[derive(Default)]
    struct Recorder(Mutex<Vec<(String, ThreadId)>>);

    impl Recorder {
        fn told(&self) -> Vec<String> {
            self.0.lock().iter().map(|(told, _)| told.clone()).collect()
        }
    }

    impl HintSink for Recorder {
        fn hand_off(&self, hint: Hint) {
            let told = match hint {
                Hint::Batch(batch) => format!("{} {}", batch.stream, batch.first),
                Hint::Lost(stream) => format!("lost {stream}"),
                Hint::AnyLost => "any lost".to_owned(),
            };
            assert_ne!(told, "panic 0");
            self.0.lock().push((told, std::thread::current().id()));
        }
    }

    fn batch(stream: &str, first: u64) -> Hint {
        let ts = Timestamp::from_nanos(0);
        Hint::Batch(Arc::new(Batch {
            stream: StreamName::parse(stream).unwrap(),
            first: Offset(first),
            arrived: ts,
            lines: Lines {
                ndjson: "{}\n".into(),
                count: 1,
                oldest: ts,
                newest: ts,
            },
        }))
    }

    fn relay(hints: usize) -> (Arc<Recorder>, Relay) {
        let recorder = Arc::<Recorder>::default();
        let mut limits = RelayLimits::default();
        limits.queue.hints = hints;
        let relay = Relay::new(Arc::clone(&recorder) as _, Handle::current(), limits);
        (recorder, relay)
    }

    async fn told(recorder: &Recorder, count: usize) -> Vec<String> {
        while recorder.told().len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        recorder.told()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_hands_off_does_none_of_the_work_and_order_is_kept() {
        let (recorder, relay) = relay(1_000);
        (0..300).for_each(|first| relay.hand_off(batch("s", first)));
        assert!(recorder.told().is_empty(), "nothing was passed on in passing");
        let expected: Vec<_> = (0..300).map(|first| format!("s {first}")).collect();
        assert_eq!(told(&recorder, 300).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_told_as_lost_and_what_comes_later_is_passed_on() {
        let (recorder, relay) = relay(2);
        for (stream, first) in [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)] {
            relay.hand_off(batch(stream, first));
        }
        let mut all = told(&recorder, 4).await;
        all[2..].sort();
        assert_eq!(all, ["a 0", "a 1", "lost a", "lost b"]);
        relay.hand_off(batch("a", 3));
        assert_eq!(told(&recorder, 5).await[4], "a 3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_is_told_as_lost_after_all_that_was_queued_before_it_was_dropped() {
        let (recorder, relay) = relay(AT_ONCE * 3);
        (0..AT_ONCE as u64 * 4).for_each(|first| relay.hand_off(batch("s", first)));
        let mut expected: Vec<_> = (0..AT_ONCE * 3).map(|first| format!("s {first}")).collect();
        expected.push("lost s".to_owned());
        assert_eq!(told(&recorder, expected.len()).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_is_told_though_ever_more_is() {
        let (recorder, relay) = relay(AT_ONCE * 2);
        let lost = || recorder.told().iter().filter(|told| *told == "lost s").count();
        let mut first = 0;
        while lost() < 3 {
            // More than is handed on meanwhile: the queue is never empty.
            for _ in 0..AT_ONCE * 8 {
                relay.hand_off(batch("s", first));
                first += 1;
            }
            tokio::task::yield_now().await;
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_loss_are_told_at_once_and_then_no_more_often_than_may_be() {
        let (recorder, relay) = relay(2);
        let began = Instant::now();
        relay.hand_off(Hint::AnyLost);
        assert_eq!(told(&recorder, 1).await, ["any lost"]);
        for nth in 0..50 {
            (0..3).for_each(|first| relay.hand_off(batch("s", nth * 3 + first)));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let lost = recorder.told().iter().filter(|told| *told == "lost s").count();
        let pauses = began.elapsed().as_millis() / RelayLimits::default().lost_pause.as_millis();
        assert!((1..=pauses as usize + 1).contains(&lost), "{lost} times");
    }

    #[test]
    fn the_work_is_done_on_the_threads_of_its_own_runtime() {
        let apart = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .build()
            .unwrap();
        let recorder = Arc::<Recorder>::default();
        let limits = RelayLimits::default();
        let relay = Relay::new(Arc::clone(&recorder) as _, apart.handle().clone(), limits);
        relay.hand_off(batch("s", 0));
        while recorder.told().is_empty() {
            std::thread::yield_now();
        }
        assert_ne!(recorder.0.lock()[0].1, std::thread::current().id());
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_panic_of_the_sink_anything_may_be_lost_and_that_is_told_though_nothing_comes() {
        let (recorder, relay) = relay(10);
        relay.hand_off(batch("panic", 0));
        assert_eq!(told(&recorder, 1).await, ["any lost"]);
        relay.hand_off(batch("s", 0));
        assert_eq!(told(&recorder, 2).await, ["any lost", "s 0"]);
    }
}
