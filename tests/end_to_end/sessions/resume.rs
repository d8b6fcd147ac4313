//! A connection that ends costs nothing but time: cursors go on anywhere.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{in_order, long_lines, parsed};
use crate::fixture::{Cluster, Door, Session, Token, lines};

/// Invariants 3 and 6.
#[tokio::test]
async fn cut_at_twenty_random_moments_a_session_gets_every_line_once_from_whichever_node_it_comes_back_to() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let mut bob = cluster.push(0).subscribe("payments/api").await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let flows = [(); 2].map(|()| cluster.collect(0).keep_sending("payments/api"));
    let (mut seen, mut lumps) = (Vec::new(), Vec::new());
    for cut in 1..=20 {
        alice
            .read_for(Duration::from_millis(rand::random_range(0..150)))
            .await;
        seen.extend(alice.arrived());
        let place = alice.place();
        drop(alice);
        // Away for a moment, for long enough that others have moved on, or until more came than a node remembers.
        match cut % 4 {
            0 => {
                let lump = cluster.collect(0).append("payments/api", long_lines(200, 4000));
                lumps.push(lump.await);
            }
            1 => tokio::time::sleep(Duration::from_millis(rand::random_range(0..300))).await,
            _ => {}
        }
        let node = rand::random_range(0..2);
        alice = cluster.push(node).subscribe_from("payments/api", place).await;
    }
    let mut runs = lumps;
    for flow in flows {
        runs.extend(flow.stop().await);
    }
    let sent = in_order(runs);
    seen.extend(alice.take_bytes(sent.len() - seen.len()).await);
    assert_eq!(parsed(&seen), sent);
    assert_eq!(
        bob.take_bytes(sent.len()).await,
        seen,
        "the same bytes on both nodes"
    );
}

/// Invariant 6: feed, pages of the store, and live again, with no seam.
#[tokio::test]
async fn after_a_long_pause_lines_come_from_the_store_in_pages_and_then_live() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut runs = vec![cluster.collect(0).append("payments/api", lines(10)).await];
    let mut seen = alice.take(10).await;
    let place = alice.place();
    drop(alice);
    for _ in 0..8 {
        let lump = cluster.collect(0).append("payments/api", long_lines(200, 1500));
        runs.push(lump.await);
    }
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut alice = cluster.push(1).subscribe_from("payments/api", place).await;
    alice.message_of_type("live").await;
    seen.extend(parsed(&alice.arrived()));
    assert!(seen.len() >= 1610, "`live` comes after what was there before");
    seen.extend(alice.take(30).await);
    runs.extend(flow.stop().await);
    let sent = in_order(runs);
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
    let pages = cluster.push(1).measured("tailcast_replay_reads_total").await;
    assert!(pages >= 5.0, "2.4 MB came in {pages} pages");
}

/// Their node died: all of them come to another one, which knows nothing of the stream yet.
#[tokio::test]
async fn a_thousand_sessions_that_come_back_at_once_cost_the_store_few_reads() {
    const SESSIONS: u64 = 1000;
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut runs = vec![cluster.collect(0).append("payments/api", lines(100)).await];
    alice.take(100).await;
    let epoch = alice.welcome()["epoch"].clone();
    cluster.push(0).kill();
    let (other, questions) = (cluster.push(1), "tailcast_store_seconds_count");
    let before = other.measured(questions).await;
    let people: Vec<Door> = (0..4)
        .map(|number| other.with(&Token::of(&format!("person-{number}")).reads("**").text()))
        .collect();
    let begun = Instant::now();
    let coming: Vec<_> = (0..SESSIONS)
        .map(|number| {
            let door = people[number as usize % 4].clone();
            let from = json!({"cursors": {"payments/api": number % 100}, "epoch": epoch});
            tokio::spawn(async move {
                let mut session = door.subscribe_from("payments/api", from).await;
                session.reaches("payments/api", 100).await;
                session
            })
        })
        .collect();
    let mut sessions = Vec::new();
    for session in coming {
        sessions.push(session.await.unwrap());
    }
    let time = begun.elapsed();
    let asked = other.measured(questions).await - before;
    let reads = other
        .measured("tailcast_store_seconds_count{operation=\"read\"")
        .await;
    println!(
        "{SESSIONS} sessions were back in {time:?}; the store was asked {asked} times, {reads} of them for lines"
    );
    assert!(reads <= 20.0, "{reads} reads");
    // Heads are read too: once for all who wait at that moment, so the quicker the store the more often.
    assert!(asked < SESSIONS as f64 / 2.0, "the store was asked {asked} times");

    runs.push(cluster.collect(0).append("payments/api", lines(10)).await);
    let sent = in_order(runs);
    for (number, mut session) in (0..).zip(sessions) {
        let from = number % 100;
        assert_eq!(session.take(110 - from).await, sent[from..]);
    }
}

/// Invariant 10.
#[tokio::test]
async fn a_cursor_of_another_database_is_refused_and_so_is_one_that_no_line_has_reached() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    cluster.collect(0).send("payments/api", lines(3)).await;
    let mut alice = cluster.push(0).session().await;
    let epoch = alice.welcome()["epoch"].clone();
    let from = json!({"cursors": {"payments/api": 1}, "epoch": "another"});
    let refused = alice.try_subscribe(&["payments/api"], from).await;
    assert_eq!(
        (&refused["code"], &refused["epoch"]),
        (&json!("wrong_epoch"), &epoch)
    );
    let from = json!({"cursors": {"payments/api": 4}, "epoch": epoch});
    let refused = alice.try_subscribe(&["payments/api"], from).await;
    assert_eq!(
        (&refused["code"], &refused["stream"], &refused["next"]),
        (&json!("cursor_ahead"), &json!("payments/api"), &json!(3))
    );
    // The session goes on, and a cursor at the head is none beyond it.
    let from = json!({"cursors": {"payments/api": 3}, "epoch": epoch});
    alice.subscribe(&["payments/api"], from).await;
    let sent = cluster.collect(0).send("payments/api", lines(1)).await;
    assert_eq!(alice.take(1).await, sent);
}

/// Several streams, each with its own cursor, and one that is new.
#[tokio::test]
async fn each_stream_goes_on_at_its_own_cursor_and_one_without_a_cursor_begins_at_its_first_line() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let first = cluster.collect(0).send("payments/api", lines(20)).await;
    let mut alice = cluster.push(0).session().await;
    alice.subscribe(&["payments/*"], json!({"last": 20})).await;
    assert_eq!(alice.take(20).await, first);
    let place = alice.place();
    drop(alice);
    let second = cluster.collect(0).send("payments/web", lines(20)).await;
    let third = cluster.collect(0).send("payments/api", lines(5)).await;
    let mut alice: Session = cluster.push(1).session().await;
    let subscribed = alice.subscribe(&["payments/*"], place).await;
    assert_eq!(subscribed["streams"]["payments/api"]["cursor"], 20);
    assert_eq!(subscribed["streams"]["payments/web"]["cursor"], 0);
    let mut came = alice.take(25).await;
    came.sort_by_key(|line| line["fields"]["number"].as_u64());
    assert_eq!(came, [second, third].concat());
}
