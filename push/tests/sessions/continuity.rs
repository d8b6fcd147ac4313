//! Every message of a stream begins where the last one ended: so a client can prove that nothing is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use lines::{Hint, HintSink};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::Node;
use crate::witness::{Witness, heads};

const STREAMS: [&str; 3] = ["app/a", "app/b", "app/c"];
const IDS: [&str; 4] = ["a", "b", "c", "all"];

/// What happens to a session.
#[derive(Debug, Clone)]
enum Step {
    /// So many lines are stored; their hint is lost, or not.
    Stored(usize, u32, bool),
    /// Retention takes a part of everything.
    Trimmed(u64),
    Subscribe(usize, From, Option<u64>, bool),
    /// To all of them, by a pattern.
    SubscribeAll(From),
    Unsubscribe(&'static str),
    Pause(&'static str),
    Resume(&'static str),
    /// To a part of the stream, in percent, or to the head.
    Seek(usize, Option<u64>),
    /// The session takes what there is.
    Taken,
}

#[derive(Debug, Clone)]
enum From {
    Live,
    Last(u64),
    /// At a part of the stream, in percent.
    Cursor(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = || 0..STREAMS.len();
    let id = || prop::sample::select(IDS.to_vec());
    let from = || {
        prop_oneof![
            Just(From::Live),
            (0..200u64).prop_map(From::Last),
            (0..100u64).prop_map(From::Cursor)
        ]
    };
    let digit = prop::option::weighted(0.7, 0..10u64);
    prop_oneof![
        8 => (stream(), 1..40u32, prop::bool::weighted(0.8)).prop_map(|(at, count, hinted)| Step::Stored(at, count, hinted)),
        1 => (0..100u64).prop_map(Step::Trimmed),
        4 => (stream(), from(), digit, any::<bool>()).prop_map(|(at, from, digit, recent)| Step::Subscribe(at, from, digit, recent)),
        3 => from().prop_map(Step::SubscribeAll),
        1 => id().prop_map(Step::Unsubscribe),
        1 => id().prop_map(Step::Pause),
        2 => id().prop_map(Step::Resume),
        2 => (stream(), prop::option::of(0..100u64)).prop_map(|(at, to)| Step::Seek(at, to)),
        3 => Just(Step::Taken),
    ]
}

/// A node whose every bound is small, so that each is met.
async fn narrow_node() -> Node {
    Node::with(|limits| {
        limits.message_burst = 100_000;
        limits.frame_bytes = 300;
        limits.filter_bytes = 700;
        limits.feed_bytes = 2_000;
        limits.group_bytes = 1_000;
        limits.replay_bytes = 1_000;
        limits.queue_bytes = 400;
        limits.recent_bytes = 500;
        limits.head_first = Duration::from_millis(50);
        limits.filter_told_every = Duration::from_millis(5);
        limits.behind_every = Duration::from_millis(5);
    })
    .await
}

async fn beginning(node: &Node, from: &From, streams: &[&str]) -> Value {
    match from {
        From::Live => json!("live"),
        From::Last(count) => json!({ "last": count }),
        From::Cursor(percent) => {
            let cursors = heads(node, streams).await;
            let cursors = cursors
                .into_iter()
                .map(|(name, head)| (name, head * percent / 100));
            let cursors: BTreeMap<String, u64> = cursors.collect();
            json!({"cursors": cursors, "epoch": "memory"})
        }
    }
}

async fn apply(node: &Node, session: &mut Witness, step: &Step) {
    let id = |at: &usize| STREAMS[*at].rsplit('/').next().unwrap();
    match step {
        Step::Stored(at, count, hinted) => {
            let batch = node.store(STREAMS[*at], *count).await;
            if *hinted {
                node.push.hand_off(Hint::Batch(batch));
            }
        }
        Step::Trimmed(percent) => {
            let heads = heads(node, &STREAMS).await;
            let before = heads.values().max().unwrap() * percent / 100;
            node.trim_before(before as i64).await;
        }
        Step::Subscribe(at, from, digit, recent) => {
            let stream = STREAMS[*at];
            let from = beginning(node, from, &[stream]).await;
            session.subscribe(id(at), &[stream], from, *digit, *recent).await;
        }
        // What a pattern meets is told in the same words as the answer.
        Step::SubscribeAll(_) if session.has("all") => {}
        Step::SubscribeAll(from) => {
            let from = beginning(node, from, &STREAMS).await;
            session.subscribe("all", &["app/*"], from, None, false).await;
        }
        Step::Unsubscribe(id) => drop(session.ask(json!({"type": "unsubscribe", "id": id})).await),
        Step::Pause(id) => drop(session.ask(json!({"type": "pause", "id": id})).await),
        Step::Resume(id) => drop(session.ask(json!({"type": "resume", "id": id})).await),
        Step::Seek(at, percent) => {
            let stream = STREAMS[*at];
            let to: Value = match percent {
                None => json!("live"),
                Some(percent) => json!(node.head(stream).await * percent / 100),
            };
            if let Some((id, _)) = session.places().remove(stream) {
                let seek = json!({"type": "seek", "id": id, "stream": stream, "to": to});
                session.ask(seek).await;
            }
        }
        Step::Taken => session.catch_up().await,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_time: 30_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariants 3 and 6.
    #[test]
    fn a_client_can_prove_that_nothing_is_missing_whatever_it_asks_for(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let node = narrow_node().await;
            // Another one that follows the pattern, and takes nothing.
            let mut other = node.alice().await;
            other.subscribe(&["app/*"], json!("live")).await;
            let _other = other.stop_reading();
            let mut session = Witness::new(node.alice().await);
            for step in &steps {
                apply(&node, &mut session, step).await;
            }
            for id in IDS {
                session.ask(json!({"type": "resume", "id": id})).await;
            }
            session.reach_the_heads(&heads(&node, &STREAMS).await).await;
        });
    }
}

#[tokio::test]
async fn a_frame_behind_lines_that_a_filter_left_out_begins_where_the_last_one_ended() {
    // One line at a time.
    let node = Node::with(|limits| limits.filter_bytes = 1).await;
    node.send("app/a", 12).await;
    let mut alice = node.alice().await;
    let request =
        json!({"type": "subscribe", "id": "a", "streams": ["app/a"], "filter": "/9$/", "from": {"last": 12}});
    alice.send(request).await;
    assert_eq!(alice.message().await["type"], "subscribed");
    let looked =
        |first, next| json!({"type": "lines", "stream": "app/a", "first": first, "next": next, "lines": []});
    assert_eq!(alice.message().await, looked(0, 9));
    let lines = alice.message().await;
    assert_eq!((&lines["first"], &lines["next"]), (&json!(9), &json!(10)));
    assert_eq!(lines["lines"][0]["offset"], 9);
    assert_eq!(alice.message().await, looked(10, 12));
    assert_eq!(
        alice.message().await,
        json!({"type": "live", "stream": "app/a", "next": 12})
    );
}
