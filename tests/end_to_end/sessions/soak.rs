//! The same for longer, with figures. Small whenever all tests run; at full length, on a machine that does nothing else:
//!
//! ```sh
//! TAILCAST_TEST_SOAK=full tests/run --release --test end_to_end soak -- --nocapture --test-threads 1
//! ```

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::{in_order, long_lines};
use crate::fixture::{Cluster, Door, PATIENCE, Pace, Session, Token, Wire, lines, until};

const STREAM: &str = "payments/api";

/// Requests a second, of each sender.
const REQUESTS: u64 = 20;

struct Size {
    sessions: usize,
    lines_per_second: u64,
    time: Duration,
    slow_readers: usize,
}

fn size() -> Size {
    let full = std::env::var("TAILCAST_TEST_SOAK").is_ok_and(|it| it == "full");
    if full {
        Size {
            sessions: 50,
            lines_per_second: 2000,
            time: Duration::from_secs(60),
            slow_readers: 1000,
        }
    } else {
        Size {
            sessions: 10,
            lines_per_second: 200,
            time: Duration::from_secs(5),
            slow_readers: 50,
        }
    }
}

fn hash(line: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    line.hash(&mut hasher);
    hasher.finish()
}

/// Sends at a steady rate.
async fn send(door: Door, lines_per_second: u64, time: Duration) -> Vec<(u64, Vec<Value>)> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / REQUESTS as u32);
    // What a slow answer delayed is sent after it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    for _ in 0..time.as_secs() * REQUESTS {
        ticks.tick().await;
        sent.push(door.append(STREAM, lines(lines_per_second / REQUESTS)).await);
    }
    sent
}

/// What one subscriber got.
#[derive(Default)]
struct Story {
    lines: Vec<u64>,
    cuts: usize,
}

/// Reads, is perhaps cut without a word, and goes on at another node, until it has as many lines as were sent in the
/// end.
async fn follow(nodes: [Door; 2], mut session: Session, cut: bool, end: Arc<AtomicUsize>) -> Story {
    let mut story = Story::default();
    loop {
        let time = Duration::from_millis(rand::random_range(50..3000));
        assert_eq!(session.read_for(time).await, None, "no node ends a session");
        story
            .lines
            .extend(session.arrived().iter().map(|line| hash(line)));
        if story.lines.len() >= end.load(Ordering::Relaxed) {
            return story;
        }
        if cut {
            let place = session.place();
            drop(session);
            story.cuts += 1;
            session = nodes[story.cuts % 2].subscribe_from(STREAM, place).await;
        }
    }
}

/// Invariants 3 and 6.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_sessions_that_are_cut_again_and_again_get_every_line_once() {
    let size = size();
    let mut cluster = Cluster::start(&["collect", "collect", "dispatch", "push", "push"]).await;
    let nodes = [0, 1].map(|node| Door::clone(cluster.push(node)));
    let end = Arc::new(AtomicUsize::new(usize::MAX));
    let mut followers = Vec::new();
    for number in 0..=size.sessions {
        let session = nodes[0].subscribe(STREAM).await;
        let story = follow(nodes.clone(), session, number > 0, end.clone());
        followers.push(tokio::spawn(story));
    }
    let uncut = followers.remove(0);
    let begun = Instant::now();
    let half = size.lines_per_second / 2;
    let senders = [0, 1].map(|node| {
        let door = Door::clone(cluster.collect(node));
        tokio::spawn(send(door, half, size.time))
    });
    let mut runs = Vec::new();
    for sender in senders {
        runs.extend(sender.await.unwrap());
    }
    let sending = begun.elapsed();
    let sent = in_order(runs).len();
    end.store(sent, Ordering::Relaxed);
    let expected = tokio::time::timeout(PATIENCE, uncut).await.expect("all lines");
    let expected = expected.unwrap().lines;
    assert_eq!(expected.iter().collect::<HashSet<_>>().len(), sent);

    let (mut delivered, mut lost, mut repeated, mut cuts) = (0, 0, 0, 0);
    for follower in followers {
        let story = tokio::time::timeout(PATIENCE, follower)
            .await
            .expect("all lines")
            .unwrap();
        let different: HashSet<_> = story.lines.iter().collect();
        lost += expected.iter().filter(|line| !different.contains(line)).count();
        repeated += story.lines.len() - different.len();
        delivered += story.lines.len();
        cuts += story.cuts;
        assert!(story.lines == expected, "in order, and the same bytes");
    }
    println!(
        "{} sessions, {sent} lines sent in {sending:.1?}; {cuts} cuts; {delivered} lines delivered, {lost} lost, {repeated} repeated",
        size.sessions
    );
    assert_eq!((lost, repeated), (0, 0));
}

/// Invariant 7.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_slow_readers_cost_a_node_a_bounded_memory_which_it_gives_back() {
    let readers = size().slow_readers;
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    let wire = Wire::to(cluster.push(0), Pace::Full).await;
    let mut quick = cluster.push(0).subscribe(STREAM).await;
    // Feeds and buffers have been used, so that growth is what slow readers cost.
    for _ in 0..5 {
        cluster.collect(0).send(STREAM, long_lines(200, 1000)).await;
        quick.take(200).await;
    }
    let before = cluster.push(0).memory_kib();
    let mut slow = Vec::new();
    for number in 0..readers {
        let person = Token::of(&format!("person-{}", number % 4)).reads("**").text();
        let mut session = wire.door().with(&person).subscribe(STREAM).await;
        slow.push(tokio::spawn(async move {
            session.read_for(Duration::from_secs(3600)).await;
        }));
    }
    wire.set(Pace::Bytes(1000));
    let idle = cluster.push(0).memory_kib();
    let mut most = 0;
    let mut longest = Duration::ZERO;
    for _ in 0..25 {
        let sent = cluster.collect(0).send(STREAM, long_lines(200, 1000)).await;
        let acknowledged = Instant::now();
        assert_eq!(quick.take(200).await, sent);
        longest = longest.max(acknowledged.elapsed());
        most = most.max(cluster.push(0).memory_kib());
    }
    assert_eq!(
        cluster.push(0).measured("tailcast_sessions ").await as usize,
        readers + 1
    );
    for reader in slow {
        reader.abort();
    }
    drop(wire);
    until("they are gone", async || {
        let sessions = cluster.push(0).measured("tailcast_sessions ").await;
        (sessions == 1.0).then_some(())
    })
    .await;
    let after = cluster.push(0).memory_kib();
    println!(
        "{readers} readers at 1 kB/s behind 5 MB: {before} KiB before they came, {idle} KiB with them before the lines, \
         {most} KiB at most while they were behind, {after} KiB after they went; the quick reader waited {longest:?} at most"
    );
    let each = 64 + 16;
    assert!(most < before + readers as u64 * each + 16 * 1024, "{most} KiB");
}
