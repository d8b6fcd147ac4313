//! Group commit: what waits goes together, in order, without anybody waiting for a timer.

use std::sync::Arc;

use collect::append::{AppendLimits, Appender, NotLetIn, Part, PartKey, Pending, Run, RunError, Stored};
use collect::store::{Digest, StoredKey};
use collect::{Handoff, Hint, Line, Lines, Offset, StreamName, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use crate::fake::{FakeStore, Fault, Hints};

struct Group {
    store: Arc<FakeStore>,
    hints: Arc<Hints>,
    appender: Appender,
}

impl Group {
    fn start(limits: AppendLimits) -> Self {
        let store = Arc::new(FakeStore::default());
        let hints = Arc::new(Hints::default());
        let appender = Appender::new(store.clone(), hints.clone(), limits);
        Self {
            store,
            hints,
            appender,
        }
    }

    fn one_call_at_a_time() -> Self {
        Self::start(AppendLimits {
            calls: 1,
            ..AppendLimits::default()
        })
    }

    /// Closes the store and fills its one call, so that everything after this waits.
    async fn keep_busy(&self) -> Pending {
        self.store.close();
        let pending = self.submit(run("busy", vec![part(&["x"], None)]));
        self.store.wait_for_calls(1).await;
        pending
    }

    fn submit(&self, run: Run) -> Pending {
        self.appender.submit(vec![run]).unwrap()
    }
}

fn run(stream: &str, parts: Vec<Part>) -> Run {
    Run {
        stream: StreamName::parse(stream).unwrap(),
        arrived: Timestamp::from_nanos(0),
        parts,
    }
}

fn part(messages: &[&str], key: Option<(&str, u8)>) -> Part {
    let lines: Vec<Line> = messages
        .iter()
        .map(|message| Line {
            ts: Timestamp::from_nanos(0),
            level: None,
            message: (*message).to_owned(),
            fields: Vec::new(),
        })
        .collect();
    Part {
        lines: Lines::encode(&lines).unwrap(),
        key: key.map(|(key, digest)| PartKey {
            key: StoredKey(key.into()),
            digest: Digest([digest; 32]),
        }),
    }
}

async fn outcome(pending: Pending) -> Result<Stored, RunError> {
    let mut outcomes = pending.outcomes().await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn range(first: u64, next: u64) -> Result<Stored, RunError> {
    Ok(vec![Offset(first)..Offset(next)])
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
    let bytes = part.lines.ndjson.clone();
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

/// Invariant 4.
#[tokio::test]
async fn the_same_key_twice_in_a_group_is_decided_by_the_store() {
    let group = Group::one_call_at_a_time();
    let busy = group.keep_busy().await;
    let first = group.submit(run("a", vec![part(&["1"], Some(("k", 1)))]));
    let twice = group.submit(run("a", vec![part(&["1"], Some(("k", 1)))]));
    let other = group.submit(run("a", vec![part(&["2"], Some(("k", 2)))]));
    let fresh = group.submit(run("a", vec![part(&["3"], Some(("l", 1)))]));
    group.store.open();
    outcome(busy).await.unwrap();
    assert_eq!(outcome(first).await, range(0, 1));
    assert_eq!(outcome(twice).await, range(0, 1));
    assert_eq!(outcome(other).await, Err(RunError::KeyReused));
    assert_eq!(outcome(fresh).await, range(1, 2));
    assert_eq!(group.store.lines("a").len(), 2);
}

/// Invariants 4 and 6.
#[tokio::test]
async fn used_keys_are_answered_from_then_and_the_rest_of_their_batch_is_stored() {
    let group = Group::one_call_at_a_time();
    outcome(group.submit(run("a", vec![part(&["1", "2"], Some(("k", 1)))])))
        .await
        .unwrap();
    let busy = group.keep_busy().await;
    let before = group.submit(run("a", vec![part(&["3"], None)]));
    let again = group.submit(run("a", vec![part(&["1", "2"], Some(("k", 1)))]));
    let after = group.submit(run("a", vec![part(&["4"], Some(("l", 1)))]));
    group.store.open();
    outcome(busy).await.unwrap();
    assert_eq!(outcome(before).await, range(2, 3));
    assert_eq!(outcome(again).await, range(0, 2));
    assert_eq!(outcome(after).await, range(3, 4));
    assert_eq!(group.hints.all(), ["a 0..2", "busy 0..1", "lost a", "a 2..4"]);
}

#[tokio::test]
async fn parts_of_a_request_are_stored_in_order_or_not_at_all() {
    let group = Group::one_call_at_a_time();
    let busy = group.keep_busy().await;
    let parts = || {
        vec![
            part(&["1"], Some(("k0", 1))),
            part(&["2"], Some(("k1", 1))),
            part(&["3"], Some(("k2", 1))),
        ]
    };
    let request = group.submit(run("a", parts()));
    let next = group.submit(run("a", vec![part(&["next"], None)]));
    // The busy call and the first part succeed, the second part's call fails.
    group.store.fail_after(2, Fault::NotStored);
    group.store.open();
    outcome(busy).await.unwrap();
    assert_eq!(outcome(request).await, Err(RunError::NotStored));
    assert_eq!(outcome(next).await, range(1, 2));
    let repeated = group.submit(run("a", parts()));
    assert_eq!(
        outcome(repeated).await,
        Ok(vec![Offset(0)..Offset(1), Offset(2)..Offset(4)])
    );
    let messages: Vec<String> = group.store.lines("a");
    let order: Vec<bool> = ["1", "next", "2", "3"]
        .iter()
        .zip(&messages)
        .map(|(message, line)| line.contains(&format!("\"message\":\"{message}\"")))
        .collect();
    assert_eq!(order, [true; 4]);
}

/// Invariant 1: acknowledged before dispatched.
#[tokio::test]
async fn the_answer_is_given_before_the_batch_is_handed_off() {
    type Answer = Arc<Mutex<Option<BoxFuture<'static, Vec<Result<Stored, RunError>>>>>>;

    struct Witness {
        answer: Answer,
        answered: Mutex<Vec<bool>>,
    }

    impl Handoff for Witness {
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
    let appender = Appender::new(store, witness.clone(), AppendLimits::default());
    let pending = appender.submit(vec![run("a", vec![part(&["1"], None)])]).unwrap();
    *answer.lock() = Some(pending.outcomes().boxed());
    appender.shutdown().await;
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
    let pending = group.appender.submit(both).unwrap();
    let refused = group.appender.submit(vec![run("c", vec![part(&["4"], None)])]);
    assert_eq!(refused.err(), Some(NotLetIn::Busy));
    group.store.open();
    assert_eq!(pending.outcomes().await, [range(0, 1), range(0, 2)]);
    group
        .appender
        .submit(vec![run("c", vec![part(&["4"], None)])])
        .unwrap();
    group.appender.shutdown().await;
    assert_eq!(group.store.lines("c").len(), 1);
    let refused = group.appender.submit(Vec::new());
    assert_eq!(refused.err(), Some(NotLetIn::Closed));
}
