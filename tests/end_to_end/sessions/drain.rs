//! A node that is told to stop moves its sessions on, and nobody misses a line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use super::{in_order, parsed};
use crate::fixture::{Cluster, Door, PATIENCE, Session, until};

#[tokio::test]
async fn a_node_that_is_stopped_tells_its_sessions_one_after_the_other_and_leaves_in_order() {
    const SESSIONS: usize = 20;
    let mut cluster = Cluster::start_with(&["collect", "dispatch", "push", "push"], &["--drain", "3s"]).await;
    let mut sessions = Vec::new();
    for _ in 0..SESSIONS {
        sessions.push(cluster.push(0).subscribe("payments/api").await);
    }
    let flow = cluster.collect(0).keep_sending("payments/api");
    for session in &mut sessions {
        session.take(3).await;
    }
    assert_eq!(routed_to(&mut cluster, "payments/api").await, 1);
    let door = Door::clone(cluster.push(0));
    let begun = Instant::now();
    let ends: Vec<_> = sessions
        .into_iter()
        .map(|mut session| {
            tokio::spawn(async move {
                let code = session.closed().await;
                (begun.elapsed(), code, session)
            })
        })
        .collect();
    let refuses = async {
        until("it turns unready", async || {
            let ready = door.get("/readyz").send().await.ok()?;
            (ready.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(())
        })
        .await;
        assert_eq!(Session::open(&door).await.err(), Some(503), "no new sessions");
        let alive = door.get("/healthz").send().await.unwrap();
        assert_eq!(alive.status(), StatusCode::OK);
    };
    let (status, ()) = tokio::join!(cluster.push(0).stop_with("TERM"), refuses);
    assert_eq!(status.code(), Some(0));
    println!("the node was gone after {:?}", begun.elapsed());

    let (mut times, mut left) = (Vec::new(), Vec::new());
    for end in ends {
        let (after, code, mut session) = end.await.unwrap();
        assert_eq!(code, 1012);
        let closing = session.message_of_type("closing").await;
        assert_eq!(
            (&closing["code"], &closing["reason"]),
            (&json!(1012), &json!("draining"))
        );
        assert!(closing["retry_after_ms"].is_u64(), "{closing}");
        times.push(after);
        left.push(session);
    }
    times.sort();
    println!(
        "sessions ended {:?} to {:?} after the signal",
        times[0],
        times[SESSIONS - 1]
    );
    for (nth, time) in times.iter().enumerate() {
        let evenly = Duration::from_millis(3000 * nth as u64 / SESSIONS as u64);
        let off = time.abs_diff(evenly);
        assert!(
            off < Duration::from_millis(700),
            "{nth}: after {time:?}, not {evenly:?}"
        );
    }
    assert_eq!(
        routed_to(&mut cluster, "payments/api").await,
        0,
        "its route is gone with it"
    );

    // They go on elsewhere, where they were.
    let mut seen = Vec::new();
    for session in &mut left {
        seen.push(session.arrived());
    }
    let mut back = Vec::new();
    for session in &left {
        back.push(
            cluster
                .push(1)
                .subscribe_from("payments/api", session.place())
                .await,
        );
    }
    let sent = in_order(flow.stop().await);
    for (mut seen, mut session) in seen.into_iter().zip(back) {
        seen.extend(session.take_bytes(sent.len() - 3 - seen.len()).await);
        assert_eq!(parsed(&seen), sent[3..]);
    }
}

/// The nodes that Redis has for a stream.
async fn routed_to(cluster: &mut Cluster, stream: &str) -> usize {
    let client = redis::Client::open(cluster.redis().address()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut members = redis::cmd("SCARD");
    members.arg(format!("tc:route:{stream}"));
    members.query_async(&mut connection).await.unwrap()
}

/// What one subscriber went through.
#[derive(Default)]
struct Story {
    lines: Vec<String>,
    /// From each cut to the head again.
    away: Vec<Duration>,
}

/// Stays until all lines are there that were sent in the end, and comes back after every cut, as a client does.
async fn follow(mut session: Session, front: Door, end: Arc<AtomicU64>) -> Story {
    let mut story = Story::default();
    loop {
        let ended = session.read_for(Duration::from_millis(50)).await;
        story.lines.extend(session.arrived());
        if story.lines.len() as u64 >= end.load(Ordering::Relaxed) {
            return story;
        }
        let Some(code) = ended else { continue };
        let cut = Instant::now();
        assert_eq!(code, 1012, "a node that is stopped says goodbye");
        let hint = session.message_of_type("closing").await["retry_after_ms"].clone();
        tokio::time::sleep(Duration::from_millis(hint.as_u64().unwrap())).await;
        let place = session.place();
        session = back(&front).await;
        session.subscribe(&["payments/api"], place).await;
        session.message_of_type("live").await;
        story.away.push(cut.elapsed());
    }
}

async fn back(front: &Door) -> Session {
    loop {
        match Session::open(front).await {
            Ok(session) => return session,
            Err(status) => {
                assert_eq!(status, 503, "what a node says that is about to leave");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

#[tokio::test]
async fn through_a_rolling_restart_every_subscriber_is_at_the_head_two_seconds_after_its_cut() {
    const SUBSCRIBERS: usize = 40;
    let mut cluster = Cluster::composed_with(&["--drain", "3s"]).await;
    let end = Arc::new(AtomicU64::new(u64::MAX));
    let mut followers = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let session = cluster.front().subscribe("payments/api").await;
        followers.push(tokio::spawn(follow(
            session,
            cluster.front().clone(),
            end.clone(),
        )));
    }
    let flows: Vec<_> = (0..2)
        .map(|_| cluster.front().keep_sending("payments/api"))
        .collect();
    for node in 0..3 {
        let begun = Instant::now();
        assert_eq!(cluster.push(node).stop_with("TERM").await.code(), Some(0));
        println!("push-{} was gone after {:?}", node + 1, begun.elapsed());
        cluster.push(node).restart().await;
    }
    let mut runs = Vec::new();
    for flow in flows {
        runs.extend(flow.stop().await);
    }
    let sent = in_order(runs);
    end.store(sent.len() as u64, Ordering::Relaxed);
    let mut away = Vec::new();
    for follower in followers {
        let story = tokio::time::timeout(PATIENCE, follower).await.expect("all lines");
        let story = story.unwrap();
        assert_eq!(parsed(&story.lines), sent);
        away.extend(story.away);
    }
    away.sort();
    let (cuts, longest) = (away.len(), away[away.len() - 1]);
    println!(
        "{SUBSCRIBERS} subscribers, {} lines, {cuts} cuts; at the head again after {:?} (median), {:?} (95 %), {longest:?} (all)",
        sent.len(),
        away[cuts / 2],
        away[cuts * 95 / 100],
    );
    assert!(cuts >= SUBSCRIBERS, "each node had sessions to move on");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}
