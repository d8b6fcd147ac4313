//! When a call of the store begins beside another one: as soon as there is enough for it, or when that one is slow.

use std::time::Duration;

use collect::append::{AppendLimits, Pending};
use futures_util::future::join_all;

use crate::append::{Group, outcome, part, range, run};

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
