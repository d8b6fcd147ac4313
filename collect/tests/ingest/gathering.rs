//! When a call of the store begins beside another one: as soon as there is enough for it, or when that one is slow.

use std::sync::Arc;
use std::time::Duration;

use collect::append::{AppendLimits, Appender, Pending, RunError};
use futures_util::future::join_all;
use lines::{Hint, HintSink};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::append::{Group, outcome, part, range, run};
use crate::fake::FakeStore;

/// Limits under which no call is ever slow.
fn never_slow() -> AppendLimits {
    AppendLimits {
        slow: Duration::from_secs(3_600),
        ..AppendLimits::default()
    }
}

fn stream(number: usize) -> String {
    format!("s/{number}")
}

impl Group {
    /// A line for each of these streams.
    fn submit_all(&self, streams: std::ops::Range<usize>) -> Vec<Pending> {
        let line = |number| self.submit(run(&stream(number), vec![part(&["x"], None)]));
        streams.map(line).collect()
    }

    /// How many batches each call had.
    fn sizes(&self) -> Vec<usize> {
        self.store.calls().iter().map(Vec::len).collect()
    }
}

/// Everything that can happen without the store has happened.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_comes_while_a_call_is_under_way_goes_with_the_next() {
    let group = Group::start(never_slow());
    let busy = group.keep_busy().await;
    let mut waiting = Vec::new();
    for number in 0..100 {
        waiting.extend(group.submit_all(number..number + 1));
        settle().await;
    }
    assert_eq!(group.sizes(), [1]);
    group.store.open();
    assert_eq!(outcome(busy).await, range(0, 1));
    join_all(waiting.into_iter().map(outcome)).await;
    assert_eq!(group.sizes(), [1, 100]);
}

#[tokio::test]
async fn what_is_read_in_one_turn_goes_in_one_call() {
    let group = Group::start(never_slow());
    let all = group.submit_all(0..50);
    join_all(all.into_iter().map(outcome)).await;
    assert_eq!(group.sizes(), [50]);
}

#[tokio::test]
async fn enough_batches_for_a_call_are_not_held_up_by_another_one() {
    let group = Group::start(never_slow());
    let busy = group.keep_busy().await;
    let first = group.submit_all(0..128);
    group.store.wait_for_calls(2).await;
    let second = group.submit_all(128..200);
    settle().await;
    assert_eq!(group.sizes(), [1, 128]);
    group.store.open();
    join_all(first.into_iter().chain(second).map(outcome)).await;
    outcome(busy).await.unwrap();
    assert_eq!(group.sizes(), [1, 128, 72]);
}

#[tokio::test]
async fn enough_bytes_for_a_call_are_not_held_up_by_another_one() {
    let group = Group::start(never_slow());
    let busy = group.keep_busy().await;
    let large = "x".repeat(200 * 1024);
    let submit = |number| group.submit(run(&stream(number), vec![part(&[&large], None)]));
    let mut pending: Vec<Pending> = (0..5).map(submit).collect();
    settle().await;
    assert_eq!(group.sizes(), [1]);
    pending.push(submit(5));
    group.store.wait_for_calls(2).await;
    assert_eq!(group.sizes(), [1, 6]);
    group.store.open();
    join_all(pending.into_iter().map(outcome)).await;
    outcome(busy).await.unwrap();
}

/// Bytes of a stream with a write in flight cannot go, and do not count.
#[tokio::test]
async fn what_waits_behind_its_own_stream_makes_no_call_of_its_own() {
    let group = Group::start(never_slow());
    let busy = group.keep_busy().await;
    let large = "x".repeat(200 * 1024);
    let behind: Vec<Pending> = (0..8)
        .map(|_| group.submit(run("busy", vec![part(&[&large], None)])))
        .collect();
    let other = group.submit_all(0..1);
    settle().await;
    assert_eq!(group.sizes(), [1]);
    group.store.open();
    outcome(busy).await.unwrap();
    join_all(behind.into_iter().chain(other).map(outcome)).await;
    assert_eq!(group.store.lines("busy").len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_holds_up_nobody_but_its_own_streams() {
    let group = Group::start(AppendLimits::default());
    let busy = group.keep_busy().await;
    let others = group.submit_all(0..3);
    let same = group.submit(run("busy", vec![part(&["y"], None)]));
    settle().await;
    assert_eq!(group.sizes(), [1]);
    // Time goes on by itself, to when the first call is slow.
    group.store.wait_for_calls(2).await;
    assert_eq!(group.sizes(), [1, 3]);
    group.store.open();
    join_all(others.into_iter().map(outcome)).await;
    assert_eq!(outcome(busy).await, range(0, 1));
    assert_eq!(outcome(same).await, range(1, 2));
    // It is over, and the next call is waited for again.
    let busy = group.keep_busy().await;
    let _other = group.submit_all(0..1);
    settle().await;
    assert_eq!(group.sizes().len(), 4);
    group.store.open();
    outcome(busy).await.unwrap();
}

/// What each call takes, where calls take time.
const CALL: Duration = Duration::from_millis(8);

/// Sends a line so many times, each when the one before is answered and `pause` has passed.
async fn send_again(group: &Group, number: usize, times: usize, pause: Duration) {
    for _ in 0..times {
        let line = run(&stream(number), vec![part(&["x"], None)]);
        outcome(group.submit(line)).await.unwrap();
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_come_again_when_they_are_answered_go_together_again() {
    let group = Group::start(never_slow());
    group.store.take(CALL);
    let senders = (0..16).map(|i| send_again(&group, i, 10, Duration::from_millis(i as u64 % 2)));
    join_all(senders).await;
    assert_eq!(group.sizes(), [16; 10]);
}

#[tokio::test(start_paused = true)]
async fn those_who_come_again_go_together_however_they_came_at_first() {
    let group = Group::start(never_slow());
    group.store.take(CALL);
    let begin_late = async |number| {
        tokio::time::sleep(CALL / 2).await;
        send_again(&group, number, 10, Duration::ZERO).await;
    };
    let early = (0..8).map(|number| send_again(&group, number, 10, Duration::ZERO));
    tokio::join!(join_all(early), join_all((8..16).map(begin_late)));
    let (first, rest) = group
        .sizes()
        .split_first()
        .map(|(one, rest)| (*one, rest.to_vec()))
        .unwrap();
    assert_eq!(first, 8);
    assert_eq!(rest, [&[16; 9][..], &[8]].concat());
}

/// The slow ones cost the fast ones nothing once that is known.
#[tokio::test(start_paused = true)]
async fn who_does_not_come_again_is_soon_waited_for_no_more() {
    let group = Group::start(never_slow());
    group.store.take(CALL);
    let mut took = Vec::new();
    for _ in 0..8 {
        join_all(group.submit_all(0..4).into_iter().map(outcome)).await;
        // One of them.
        let begun = Instant::now();
        outcome(group.submit(run(&stream(0), vec![part(&["x"], None)])))
            .await
            .unwrap();
        took.push(begun.elapsed().as_millis());
        tokio::time::sleep(CALL * 10).await;
    }
    let call = CALL.as_millis();
    assert_eq!(took[0], call + call / 4, "the others are expected: {took:?}");
    assert_eq!(took[1..], [call; 7]);
}

/// Their bodies are read while a call is under way.
#[tokio::test(start_paused = true)]
async fn large_ones_are_not_waited_for() {
    let group = Group::start(never_slow());
    group.store.take(CALL);
    let large = "x".repeat(200 * 1024);
    let send = |number| run(&stream(number), vec![part(&[&large], None)]);
    join_all((0..2).map(|number| outcome(group.submit(send(number))))).await;
    let begun = Instant::now();
    outcome(group.submit(send(0))).await.unwrap();
    assert_eq!(begun.elapsed().as_millis(), CALL.as_millis());
}

#[tokio::test(start_paused = true)]
async fn who_sends_alone_waits_for_nobody() {
    let group = Group::start(never_slow());
    group.store.take(CALL);
    let begun = Instant::now();
    send_again(&group, 0, 10, Duration::ZERO).await;
    assert_eq!(begun.elapsed().as_millis() / 10, CALL.as_millis());
}

#[tokio::test(start_paused = true)]
async fn who_stays_away_is_waited_for_once_and_for_a_part_of_a_call() {
    let group = Group::start(never_slow());
    group.store.take(CALL);
    let (once, often) = (
        send_again(&group, 0, 1, CALL),
        send_again(&group, 1, 1, Duration::ZERO),
    );
    tokio::join!(once, often);
    assert_eq!(group.sizes(), [2]);
    let begun = Instant::now();
    let line = run(&stream(1), vec![part(&["x"], None)]);
    outcome(group.submit(line)).await.unwrap();
    assert!(begun.elapsed() <= CALL + CALL / 2, "{:?}", begun.elapsed());
    let begun = Instant::now();
    send_again(&group, 1, 1, Duration::ZERO).await;
    assert!(
        begun.elapsed() <= CALL + Duration::from_millis(2),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_batch_that_is_not_settled_yet_holds_up_no_other_one_of_its_call() {
    let group = Group::start(never_slow());
    group.store.hold_back(&["s/1"]);
    let mut all = group.submit_all(0..3);
    let (last, stuck, first) = (all.pop().unwrap(), all.pop().unwrap(), all.pop().unwrap());
    assert_eq!(outcome(first).await, range(0, 1));
    assert_eq!(outcome(last).await, range(0, 1));
    // Nor what comes later, of these streams or of others.
    for pending in group.submit_all(2..5) {
        outcome(pending).await.unwrap();
    }
    let behind = group.submit_all(1..2);
    settle().await;
    assert_eq!(group.store.lines("s/1"), Vec::<String>::new());
    group.store.hold_back(&[]);
    assert_eq!(outcome(stuck).await, range(0, 1));
    for pending in behind {
        assert_eq!(outcome(pending).await, range(1, 2));
    }
    group.appender.shutdown(Duration::from_secs(30)).await;
}

#[tokio::test]
async fn what_waits_behind_a_batch_goes_when_that_is_settled_whoever_is_settled_before_and_after() {
    let group = Group::start(never_slow());
    group.store.hold_back(&["s/1", "s/2"]);
    let mut all = group.submit_all(0..3);
    let (last, second, first) = (all.pop().unwrap(), all.pop().unwrap(), all.pop().unwrap());
    outcome(first).await.unwrap();
    let behind = group.submit_all(1..2);
    settle().await;
    group.store.hold_back(&["s/2"]);
    assert_eq!(outcome(second).await, range(0, 1));
    for pending in behind {
        assert_eq!(outcome(pending).await, range(1, 2));
    }
    group.store.hold_back(&[]);
    assert_eq!(outcome(last).await, range(0, 1));
}

/// Others get through: the store is not away.
#[tokio::test(start_paused = true)]
async fn a_stream_that_gets_nowhere_says_nothing_of_the_others() {
    let group = Group::start(never_slow());
    group.store.hold_back(&["s/0"]);
    group.store.fail_streams(&["s/0"]);
    let nowhere = group.submit_all(0..1);
    let others = group.submit_all(1..3);
    for pending in others {
        outcome(pending).await.unwrap();
    }
    let behind = group.submit_all(0..1);
    tokio::time::sleep(AppendLimits::default().away_after * 2).await;
    for pending in group.submit_all(1..2) {
        outcome(pending).await.unwrap();
    }
    group.store.hold_back(&[]);
    for pending in nowhere.into_iter().chain(behind) {
        assert_eq!(outcome(pending).await.unwrap_err().error, RunError::NotStored);
    }
    let tries = group
        .store
        .calls()
        .concat()
        .iter()
        .filter(|(stream, _)| stream == "s/0")
        .count();
    assert_eq!(tries, 2, "each is tried");
}

/// Panics at every batch.
struct Broken;

impl HintSink for Broken {
    fn hand_off(&self, _: Hint) {
        panic!("a fault of a part of the node");
    }
}

#[tokio::test]
async fn a_hand_off_that_panics_stops_neither_its_stream_nor_others_nor_the_end() {
    let store = Arc::new(FakeStore::default());
    let limits = watch::channel(never_slow()).1;
    let appender = Appender::new(store.clone(), Arc::new(Broken), limits);
    for i in 0..3 {
        let runs = ["s/0", "s/1"].map(|name| run(name, vec![part(&["x"], None)]));
        let outcomes = appender.submit("alice", runs.into()).unwrap().outcomes().await;
        assert_eq!(outcomes, [range(i, i + 1), range(i, i + 1)]);
    }
    appender.shutdown(Duration::from_secs(30)).await;
}
