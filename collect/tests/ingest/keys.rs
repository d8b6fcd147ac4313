//! Keys in a group commit. Invariant 4: the store decides what is stored already, whatever waits together.

use collect::append::{AppendLimits, Prior, RunError};
use lines::Offset;

use crate::append::{Group, failed, outcome, part, range, run};
use crate::fake::Fault;

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
    assert_eq!(outcome(other).await, failed(RunError::KeyReused, vec![]));
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
            part(&["1"], Some(("k", 1))),
            part(&["2"], None),
            part(&["3"], None),
        ]
    };
    let request = group.submit(run("a", parts()));
    let next = group.submit(run("a", vec![part(&["next"], None)]));
    // The busy call and the first part succeed, the second part's call fails.
    group.store.fail_after(2, Fault::NotStored);
    group.store.open();
    outcome(busy).await.unwrap();
    assert_eq!(
        outcome(request).await,
        failed(RunError::NotStored, vec![Offset(0)..Offset(1)])
    );
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

/// Another version's encoding has other lengths, and so other parts: what counts is which lines they hold.
#[tokio::test]
async fn a_repeat_that_is_cut_elsewhere_neither_loses_nor_doubles_a_line() {
    let key = Some(("k", 1));
    let all = ["0", "1", "2", "3", "4", "5", "6"];
    let cuts: [&[usize]; 5] = [&[7], &[3, 4], &[2, 2, 3], &[5, 1, 1], &[1, 6]];
    let parts = |cut: &[usize]| {
        let mut rest = &all[..];
        cut.iter()
            .map(|&length| {
                let (these, others) = rest.split_at(length);
                rest = others;
                part(these, key)
            })
            .collect::<Vec<_>>()
    };
    for earlier in cuts {
        for stored in 0..=earlier.len() {
            for later in cuts {
                let group = Group::one_call_at_a_time();
                group.store.fail_after(stored, Fault::NotStored);
                let first = outcome(group.submit(run("a", parts(earlier)))).await;
                assert_eq!(first.is_ok(), stored == earlier.len());
                group.store.work();
                assert_eq!(outcome(group.submit(run("a", parts(later)))).await, range(0, 7));
                let lines = part(&all, None).0;
                let expected: Vec<&[u8]> = lines.iter().collect();
                let found = group.store.lines("a");
                assert!(
                    found.iter().map(String::as_bytes).eq(expected),
                    "{stored} parts of {earlier:?}, then {later:?}: {found:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn what_is_known_of_a_key_is_told_before_anything_is_stored() {
    let group = Group::start(AppendLimits::default());
    let keyed = |stream, digest, parts: &[&[&str]]| {
        let parts = parts.iter().map(|lines| part(lines, Some(("k", digest))));
        run(stream, parts.collect())
    };
    for stored in [keyed("a", 1, &[&["1"], &["2", "3"]]), keyed("b", 2, &[&["1"]])] {
        outcome(group.submit(stored)).await.unwrap();
    }
    let runs = [
        keyed("a", 1, &[&["1"], &["2", "3"], &["4"]]),
        keyed("b", 1, &[&["1"]]),
        keyed("c", 1, &[&["1"]]),
        run("a", vec![part(&["1"], None)]),
    ];
    let prior = group.appender.look_back(&runs).await.unwrap();
    assert_eq!(
        prior,
        [
            Prior::Stored(vec![Offset(0)..Offset(3)]),
            Prior::KeyReused,
            Prior::Stored(vec![]),
            Prior::Stored(vec![]),
        ]
    );
}
