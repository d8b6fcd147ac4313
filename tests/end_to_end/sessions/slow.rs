//! Readers that are slow, each in another way, on a stream of megabytes.

use std::time::{Duration, Instant};

use serde_json::json;

use super::long_lines;
use crate::fixture::{Cluster, Pace, Session, Wire, until};

const MIB: u64 = 1024;

/// Invariant 7. Takes longer than the 30 s after which a reader that takes nothing is closed.
#[tokio::test]
async fn slow_readers_delay_nobody_cost_little_memory_and_only_one_that_takes_nothing_is_closed() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    let push = cluster.push(0);
    let (trickle, stopped) = (Wire::to(push, Pace::Full).await, Wire::to(push, Pace::Full).await);
    let mut slow = trickle.door().subscribe("payments/api").await;
    let mut recent = recent_through(&trickle).await;
    let mut still = stopped.door().subscribe("payments/api").await;
    let mut quick = cluster.push(0).subscribe("payments/api").await;
    // Once all has been used, so that growth is what slow readers cost.
    let mut sent = cluster
        .collect(0)
        .send("payments/api", long_lines(100, 5000))
        .await;
    let mut early = 0;
    for session in [&mut slow, &mut still, &mut quick, &mut recent] {
        session.reaches("payments/api", 100).await;
        early = session.arrived().len();
    }
    let before = cluster.push(0).memory_kib();

    trickle.set(Pace::Bytes(1000));
    stopped.set(Pace::Still);
    let since = Instant::now();
    let mut longest = Duration::ZERO;
    for _ in 0..100 {
        let some = cluster
            .collect(0)
            .send("payments/api", long_lines(100, 1000))
            .await;
        let acknowledged = Instant::now();
        assert_eq!(quick.take(100).await, some);
        longest = longest.max(acknowledged.elapsed());
        sent.extend(some);
    }
    let during = cluster.push(0).memory_kib();
    println!("the quick reader waited {longest:?} at most; {before} KiB before, {during} KiB behind 10 MB");
    assert!(
        longest < Duration::from_secs(1),
        "the quick reader waited {longest:?}"
    );
    assert!(
        during < before + 16 * MIB,
        "memory grew from {before} KiB to {during} KiB"
    );

    let node = cluster.push(0);
    let closed = "tailcast_sessions_closed_total{reason=\"slow\"}";
    let is_closed = async || (node.measured(closed).await > 0.0).then_some(());
    until("the reader that takes nothing is closed", is_closed).await;
    let after = since.elapsed();
    stopped.set(Pace::Full);
    assert_eq!(
        still.closed().await,
        4000,
        "it wakes up just in time to be told why"
    );
    let closing = still.message_of_type("closing").await;
    assert_eq!(
        (&closing["reason"], closing["retry_after_ms"].is_u64()),
        (&json!("slow"), true)
    );
    assert!(after > Duration::from_secs(29), "closed after {after:?}");

    // Those that take a little stay, also beyond that time.
    slow.read_for(Duration::from_secs(10)).await;
    trickle.set(Pace::Full);
    recent.reaches("payments/api", sent.len() as u64).await;
    let came = recent.arrived().len();
    let mut skipped = 0;
    for gap in recent.said().iter().filter(|it| it["type"] == "gap") {
        assert_eq!(gap["reason"], "skipped");
        skipped += (gap["to"].as_u64().unwrap() - gap["from"].as_u64().unwrap()) as usize;
    }
    println!("the recent reader got {came} lines, and was told of {skipped} that it did not get");
    assert_eq!(early + came + skipped, sent.len(), "every line came or was named");
    assert!(came < 1000, "{came} lines came through a wire for 40");
    sent.extend(cluster.collect(0).send("payments/api", long_lines(1, 1000)).await);
    assert_eq!(recent.take(1).await, sent[sent.len() - 1..], "and the newest");
    assert_eq!(
        slow.take(sent.len() - 100).await,
        sent[100..],
        "`complete` is complete"
    );
    assert_eq!(cluster.push(0).measured(closed).await, 1.0);
}

async fn recent_through(wire: &Wire) -> Session {
    let mut recent = wire.door().session().await;
    recent
        .subscribe_with(&["payments/api"], json!({"from": "live", "mode": "recent"}))
        .await;
    recent
}
