//! Group commit: what waits goes together, in order, without anybody who is alone waiting for a timer.

use std::sync::Arc;
use std::time::Duration;

use collect::append::{
    AppendLimits, Appender, NotLetIn, Pending, RequestKey, Run, RunError, RunFailure, RunKey, Stored,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lines::{Hint, HintSink, Line, Lines, Offset, StreamName, Timestamp, log_store::Digest};
use metrics_exporter_prometheus::PrometheusBuilder;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::fake::{FakeStore, Fault, Hints};
use crate::fixture::LONG;

pub(crate) struct Group {
    pub(crate) store: Arc<FakeStore>,
    pub(crate) hints: Arc<Hints>,
    pub(crate) appender: Appender,
}

impl Group {
    pub(crate) fn start(limits: AppendLimits) -> Self {
        let store = Arc::new(FakeStore::default());
        let hints = Arc::new(Hints::default());
        let appender = Appender::new(store.clone(), hints.clone(), watch::channel(limits).1);
        Self {
            store,
            hints,
            appender,
        }
    }

    pub(crate) fn one_call_at_a_time() -> Self {
        Self::start(AppendLimits {
            calls: 1,
            ..AppendLimits::default()
        })
    }

    /// Closes the store and fills its one call, so that everything after this waits.
    pub(crate) async fn keep_busy(&self) -> Pending {
        self.store.close();
        let pending = self.submit(run("busy", vec![part(&["x"], None)]));
        self.store.wait_for_calls(1).await;
        pending
    }

    pub(crate) fn submit(&self, run: Run) -> Pending {
        self.appender.submit("alice", vec![run]).unwrap()
    }
}

/// Lines, and the request's key with its digest.
pub(crate) type Part<'a> = (Lines, Option<(&'a str, u8)>);

/// One request's lines, under the key of its first part.
pub(crate) fn run(stream: &str, parts: Vec<Part>) -> Run {
    let key = parts.first().and_then(|(_, key)| *key);
    Run {
        stream: StreamName::parse(stream).unwrap(),
        parts: parts.into_iter().map(|(lines, _)| lines).collect(),
        key: key.map(|(key, digest)| RunKey {
            request: RequestKey::new("alice", key),
            also: None,
            digest: Digest([digest; 32]),
        }),
        charged: false,
    }
}

pub(crate) fn part<'a>(messages: &[&str], key: Option<(&'a str, u8)>) -> Part<'a> {
    let lines: Vec<Line> = messages
        .iter()
        .map(|message| Line {
            ts: Timestamp::from_nanos(0),
            level: None,
            message: (*message).to_owned(),
            fields: Vec::new(),
        })
        .collect();
    (Lines::encode(&lines).unwrap(), key)
}

pub(crate) async fn outcome(pending: Pending) -> Result<Stored, RunFailure> {
    let mut outcomes = pending.outcomes().await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

pub(crate) fn range(first: u64, next: u64) -> Result<Stored, RunFailure> {
    Ok(vec![Offset(first)..Offset(next)])
}

/// A failure after these lines were stored.
pub(crate) fn failed(error: RunError, stored: Stored) -> Result<Stored, RunFailure> {
    Err(RunFailure { error, stored })
}

fn call(drafts: &[(&str, u32)]) -> Vec<(String, u32)> {
    drafts
        .iter()
        .map(|&(stream, count)| (stream.to_owned(), count))
        .collect()
}

#[tokio::test]
async fn everything_that_waits_for_a_stream_becomes_one_batch_and_all_batches_one_call() {
    let group = Group::one_call_at_a_time();
    let busy = group.keep_busy().await;
    let first = group.submit(run("a", vec![part(&["1", "2"], Some(("k", 1)))]));
    let other = group.submit(run("b", vec![part(&["3"], None)]));
    let second = group.submit(run("a", vec![part(&["4"], None)]));
    let same = group.submit(run("busy", vec![part(&["5"], None)]));
    group.store.open();
    assert_eq!(outcome(busy).await, range(0, 1));
    assert_eq!(outcome(first).await, range(0, 2));
    assert_eq!(outcome(other).await, range(0, 1));
    assert_eq!(outcome(second).await, range(2, 3));
    assert_eq!(outcome(same).await, range(1, 2));
    assert_eq!(
        group.store.calls(),
        [call(&[("busy", 1)]), call(&[("a", 3), ("b", 1), ("busy", 1)])]
    );
    assert_eq!(group.hints.all(), ["busy 0..1", "a 0..3", "b 0..1", "busy 1..2"]);
}

#[tokio::test]
async fn a_single_request_shares_its_bytes_with_the_batch() {
    let group = Group::start(AppendLimits::default());
    let part = part(&["1"], None);
    let bytes = part.0.ndjson.clone();
    outcome(group.submit(run("a", vec![part]))).await.unwrap();
    assert_eq!(group.store.batches("a")[0].lines.ndjson.as_ptr(), bytes.as_ptr());
}

#[tokio::test]
async fn a_stream_has_one_write_in_flight_and_the_store_a_bounded_number_of_calls() {
    let group = Group::start(AppendLimits {
        calls: 3,
        call_batches: 2,
        ..AppendLimits::default()
    });
    group.store.close();
    let streams = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut pending = Vec::new();
    for round in 0..3 {
        for stream in streams {
            pending.push(group.submit(run(stream, vec![part(&[&round.to_string()], None)])));
        }
        if round == 0 {
            group.store.wait_for_calls(3).await;
        }
    }
    group.store.open();
    for pending in pending {
        outcome(pending).await.unwrap();
    }
    assert_eq!(group.store.most_busy(), 3);
    for stream in streams {
        let lines = group.store.lines(stream);
        let rounds: Vec<char> = lines
            .iter()
            .map(|line| line.chars().rev().nth(2).unwrap())
            .collect();
        assert_eq!(rounds, ['0', '1', '2']);
    }
    assert!(group.store.calls().iter().all(|call| call.len() <= 2));
}

#[tokio::test]
async fn batches_stay_within_a_mebibyte_unless_a_single_line_does_not() {
    let group = Group::one_call_at_a_time();
    let busy = group.keep_busy().await;
    let text = |bytes: usize| "x".repeat(bytes);
    let sizes = [600_000, 400_000, 100_000, 2_000_000, 10];
    let pending: Vec<Pending> = sizes
        .iter()
        .map(|&bytes| group.submit(run("a", vec![part(&[&text(bytes)], None)])))
        .collect();
    group.store.open();
    outcome(busy).await.unwrap();
    for (at, pending) in pending.into_iter().enumerate() {
        assert_eq!(outcome(pending).await, range(at as u64, at as u64 + 1));
    }
    let counts: Vec<u32> = group
        .store
        .batches("a")
        .iter()
        .map(|batch| batch.lines.count)
        .collect();
    assert_eq!(counts, [2, 1, 1, 1]);
}

/// Invariant 1: acknowledged before dispatched.
#[tokio::test]
async fn the_answer_is_given_before_the_batch_is_handed_off() {
    type Answer = Arc<Mutex<Option<BoxFuture<'static, Vec<Result<Stored, RunFailure>>>>>>;

    struct Witness {
        answer: Answer,
        answered: Mutex<Vec<bool>>,
    }

    impl HintSink for Witness {
        fn hand_off(&self, _: Hint) {
            let answer = self.answer.lock().take();
            let answered = answer.and_then(FutureExt::now_or_never).is_some();
            self.answered.lock().push(answered);
        }
    }

    let answer = Answer::default();
    let witness = Arc::new(Witness {
        answer: Arc::clone(&answer),
        answered: Mutex::default(),
    });
    let store = Arc::new(FakeStore::default());
    let appender = Appender::new(store, witness.clone(), watch::channel(AppendLimits::default()).1);
    let pending = appender
        .submit("alice", vec![run("a", vec![part(&["1"], None)])])
        .unwrap();
    *answer.lock() = Some(pending.outcomes().boxed());
    appender.shutdown(LONG).await;
    assert_eq!(*witness.answered.lock(), [true]);
}

#[tokio::test]
async fn requests_are_let_in_whole_until_too_much_waits() {
    let group = Group::start(AppendLimits {
        waiting_bytes: 1,
        ..AppendLimits::default()
    });
    group.store.close();
    let both = vec![
        run("a", vec![part(&["1"], None)]),
        run("b", vec![part(&["2"], None), part(&["3"], None)]),
    ];
    let pending = group.appender.submit("alice", both).unwrap();
    let refused = group
        .appender
        .submit("alice", vec![run("c", vec![part(&["4"], None)])]);
    assert_eq!(refused.err(), Some(NotLetIn::Busy));
    group.store.open();
    assert_eq!(pending.outcomes().await, [range(0, 1), range(0, 2)]);
    group
        .appender
        .submit("alice", vec![run("c", vec![part(&["4"], None)])])
        .unwrap();
    group.appender.shutdown(LONG).await;
    assert_eq!(group.store.lines("c").len(), 1);
    let refused = group.appender.submit("alice", Vec::new());
    assert_eq!(refused.err(), Some(NotLetIn::Closed));
}

#[tokio::test]
async fn one_subscriber_has_what_nobody_needs_and_leaves_a_share_to_the_others() {
    const KIB: usize = 1024;
    let group = Group::start(AppendLimits {
        subscriber_bytes: 100 * KIB,
        waiting_bytes: 400 * KIB,
        ..AppendLimits::default()
    });
    group.store.close();
    let text = "x".repeat(90 * KIB);
    let one = |stream| vec![run(stream, vec![part(&[text.as_str()], None)])];
    let own = ["a", "b", "c"].map(|stream| group.appender.submit("alice", one(stream)).unwrap());
    let fourth = group.appender.submit("alice", one("d"));
    assert_eq!(fourth.err(), Some(NotLetIn::Busy));
    let other = group.appender.submit("bob", one("d")).unwrap();
    group.store.open();
    for pending in own {
        assert_eq!(outcome(pending).await, range(0, 1));
    }
    assert_eq!(outcome(other).await, range(0, 1));
    group.appender.submit("alice", one("a")).unwrap();
    group.appender.shutdown(LONG).await;
    assert_eq!(group.store.lines("a").len(), 2);
}

#[tokio::test]
async fn subscribers_take_turns_however_many_streams_one_of_them_has() {
    let group = Group::start(AppendLimits {
        calls: 1,
        call_batches: 4,
        ..AppendLimits::default()
    });
    let busy = group.keep_busy().await;
    let names: Vec<String> = (0..20).map(|number| format!("many/{number}")).collect();
    let many = names.iter().map(|name| run(name, vec![part(&["1"], None)]));
    let many = group.appender.submit("alice", many.collect()).unwrap();
    let one = group
        .appender
        .submit("bob", vec![run("one", vec![part(&["1"], None)])])
        .unwrap();
    group.store.open();
    outcome(busy).await.unwrap();
    outcome(one).await.unwrap();
    many.outcomes().await;
    let second = &group.store.calls()[1];
    assert!(second.contains(&("one".to_owned(), 1)), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn when_the_store_is_away_what_waits_is_told_at_once_and_not_one_after_the_other() {
    let group = Group::one_call_at_a_time();
    let busy = group.keep_busy().await;
    let waiting: Vec<Pending> = ["busy", "a", "a", "b"]
        .into_iter()
        .map(|stream| group.submit(run(stream, vec![part(&["1"], None)])))
        .collect();
    group.store.fail_next(Fault::NotStored);
    tokio::time::advance(Duration::from_secs(5)).await;
    group.store.open();
    assert_eq!(outcome(busy).await, failed(RunError::NotStored, vec![]));
    for pending in waiting {
        assert_eq!(outcome(pending).await, failed(RunError::NotStored, vec![]));
    }
    assert_eq!(group.store.calls().len(), 1);
    assert_eq!(
        outcome(group.submit(run("a", vec![part(&["1"], None)]))).await,
        range(0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_in_time_and_says_what_it_knows() {
    let group = Group::one_call_at_a_time();
    let busy = group.keep_busy().await;
    let waiting = group.submit(run("a", vec![part(&["1"], None)]));
    group.appender.shutdown(Duration::from_secs(5)).await;
    assert_eq!(outcome(busy).await, failed(RunError::Unknown, vec![]));
    assert_eq!(outcome(waiting).await, failed(RunError::NotStored, vec![]));
    assert_eq!(group.hints.all(), ["lost busy"]);
}

/// A gauge that stood still while the store was away hid that everything waited.
#[test]
fn the_gauge_of_what_waits_is_right_at_every_moment() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let shown = recorder.handle();
    let gauge = || {
        let rendered = shown.render();
        let line = rendered
            .lines()
            .find_map(|line| line.strip_prefix("tailcast_append_waiting_bytes "));
        line.map(|bytes| bytes.parse::<f64>().unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _local = metrics::set_default_local_recorder(&recorder);
    runtime.block_on(async {
        let group = Group::one_call_at_a_time();
        let lines = part(&["1"], None).0;
        let each = (lines.ndjson.len() + 256) as f64;
        let busy = group.keep_busy().await;
        assert_eq!(gauge(), Some(each));
        let waiting: Vec<Pending> = (0..3)
            .map(|_| group.submit(run("a", vec![part(&["1"], None)])))
            .collect();
        assert_eq!(gauge(), Some(4.0 * each));
        group.store.open();
        outcome(busy).await.unwrap();
        for pending in waiting {
            outcome(pending).await.unwrap();
        }
        group.appender.shutdown(LONG).await;
        assert_eq!(gauge(), Some(0.0));
    });
}
