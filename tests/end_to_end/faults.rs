//! What breaks, and what that costs: time, never a line.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::fixture::{Cluster, Flow, Mongo, Session, lines, until};

/// Invariants 1 and 2.
#[tokio::test]
async fn a_collector_that_is_killed_loses_nothing_it_acknowledged() {
    let mut cluster = Cluster::start(&["collect", "collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let flows: Vec<_> = [0, 0, 1]
        .map(|index| cluster.collect(index).keep_sending("payments/api"))
        .into();
    let mut seen = alice.take(60).await;
    cluster.collect(0).kill();
    seen.extend(alice.take(60).await);
    cluster.collect(0).restart().await;
    seen.extend(alice.take(60).await);
    let sent = Flow::stop_all(flows).await;
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
}

/// Invariant 6.
#[tokio::test]
async fn without_any_dispatcher_lines_arrive_late_and_complete() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut seen = alice.take(30).await;
    cluster.dispatch(0).kill();
    seen.extend(alice.take(60).await);
    cluster.dispatch(0).restart().await;
    let sent = Flow::stop_all(vec![flow]).await;
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
    lines_are_fast_again(&mut cluster, &mut alice).await;
}

/// Invariant 6: the last batch has no successor that would show its loss.
#[tokio::test]
async fn a_single_line_whose_dispatcher_just_died_arrives() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    // They take what their links bring and pass nothing on, so the line is with one of them when it dies.
    for dispatch in 0..2 {
        cluster.dispatch(dispatch).freeze().await;
    }
    let sent = cluster.collect(0).send("payments/api", lines(1)).await;
    for dispatch in 0..2 {
        cluster.dispatch(dispatch).kill();
    }
    assert_eq!(alice.take(1).await, sent);
}

/// Invariant 6.
#[tokio::test]
async fn a_killed_push_nodes_sessions_go_on_at_another_one_and_miss_nothing() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut bob = cluster.push(1).subscribe("payments/api").await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut seen = alice.take(30).await;
    cluster.push(0).kill();
    assert_eq!(alice.closed().await, 1006);
    let mut alice = alice.resume(cluster.push(1)).await;
    seen.extend(alice.take(60).await);
    cluster.push(0).restart().await;
    let mut alice = alice.resume(cluster.push(0)).await;
    let sent = Flow::stop_all(vec![flow]).await;
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
    assert_eq!(bob.take(sent.len()).await, sent);
}

/// Invariants 6 and 8.
#[tokio::test]
async fn while_redis_is_away_sessions_go_on_and_are_fast_again_when_it_is_back() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut seen = alice.take(30).await;
    cluster.redis().kill();
    seen.extend(alice.take(60).await);
    // Nobody can announce now, and still a new session gets everything.
    let mut bob = cluster
        .push(0)
        .subscribe_from("payments/api", everything(&alice))
        .await;
    cluster.redis().restart().await;
    let sent = Flow::stop_all(vec![flow]).await;
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
    assert_eq!(bob.take(sent.len()).await, sent);
    lines_are_fast_again(&mut cluster, &mut alice).await;
}

/// Invariants 6 and 8.
#[tokio::test]
async fn while_redis_says_nothing_sessions_go_on() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    cluster.redis().freeze().await;
    let sent = cluster.collect(0).send("payments/api", lines(50)).await;
    assert_eq!(alice.take(50).await, sent);
    cluster.redis().thaw();
    lines_are_fast_again(&mut cluster, &mut alice).await;
}

/// Invariant 8.
#[tokio::test]
async fn a_flushed_redis_costs_no_line_and_routes_are_announced_again() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut seen = alice.take(30).await;
    cluster.redis().flush_all().await;
    seen.extend(alice.take(60).await);
    let sent = Flow::stop_all(vec![flow]).await;
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
    lines_are_fast_again(&mut cluster, &mut alice).await;
}

/// Waits until a line arrives earlier than without a hint: then a head that just moved is looked at after 1 s.
async fn lines_are_fast_again(cluster: &mut Cluster, session: &mut Session) {
    until("lines arrive by hints again", async || {
        let sent = cluster.collect(0).send("payments/api", lines(1)).await;
        let acknowledged = Instant::now();
        assert_eq!(session.take(1).await, sent);
        (acknowledged.elapsed() < Duration::from_millis(500)).then_some(())
    })
    .await;
}

fn everything(session: &Session) -> Value {
    json!({"cursors": {}, "epoch": session.welcome()["epoch"]})
}

/// Invariant 1.
#[tokio::test]
async fn without_mongodb_nothing_is_acknowledged_and_it_goes_on_by_itself_when_it_is_back() {
    let mut mongo = Mongo::start().await;
    let mut cluster = Cluster::on(&mongo.database(), &["collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut sent = cluster.collect(0).send("payments/api", lines(10)).await;
    mongo.kill();
    refuses_for_now(&mut cluster).await;
    let ready = cluster.collect(0).get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let alive = cluster.collect(0).get("/healthz").send().await.unwrap();
    assert_eq!(alive.status(), StatusCode::OK);

    let flow = cluster.collect(0).keep_sending("payments/api");
    mongo.restart().await;
    assert_eq!(alice.take(10).await, sent, "what was acknowledged is still there");
    let seen = alice.take(10).await;
    for (_, lines) in flow.stop().await {
        sent.extend(lines);
    }
    let rest = alice.take(sent.len() - 20).await;
    assert_eq!([seen, rest].concat(), sent[10..]);
}

/// Invariant 1.
#[tokio::test]
async fn a_mongodb_that_says_nothing_is_answered_for_in_time() {
    let mut mongo = Mongo::start().await;
    let mut cluster = Cluster::on(&mongo.database(), &["collect", "dispatch", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    mongo.freeze().await;
    refuses_for_now(&mut cluster).await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    mongo.thaw();
    alice.take(10).await;
    flow.stop().await;
}

/// Each batch that waits used to be tried for as long as the driver looks for a primary, one after the other.
#[tokio::test]
async fn a_collector_whose_store_is_away_answers_everybody_and_ends_when_it_is_told_to() {
    let mut mongo = Mongo::start().await;
    let mut cluster = Cluster::on(&mongo.database(), &["collect", "dispatch"]).await;
    cluster.collect(0).send("payments/api", lines(1)).await;
    mongo.kill();
    let waiting: Vec<_> = (0..12)
        .map(|_| {
            let body = "x".repeat(200_000) + "\n";
            let request = cluster.collect(0).post("/v1/lines?stream=payments/api");
            tokio::spawn(request.body(body.repeat(5)).send())
        })
        .collect();
    until("much waits to be stored", async || {
        let bytes = cluster.collect(0).measured("tailcast_append_waiting_bytes").await;
        (bytes > 10e6).then_some(())
    })
    .await;
    assert_eq!(leases(&mut cluster).await, 2);
    assert!(cluster.collect(0).stop_with("TERM").await.success());
    assert_eq!(leases(&mut cluster).await, 1, "it ended its own");
    for answer in waiting {
        let answer = answer.await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }
}

/// How many nodes Redis knows to live.
async fn leases(cluster: &mut Cluster) -> usize {
    let client = redis::Client::open(cluster.redis().address()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys = redis::cmd("KEYS");
    keys.arg("tc:node:*");
    let keys: Vec<String> = keys.query_async(&mut connection).await.unwrap();
    keys.len()
}

async fn refuses_for_now(cluster: &mut Cluster) {
    let request = cluster.collect(0).post("/v1/lines?stream=refused").body("hello");
    let answer = request
        .send()
        .await
        .expect("an answer, before the sender gives up");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
}

/// Invariants 1 to 6: the collector, the dispatcher, the push node and Redis end without a word, one after the other,
/// while lines flow through nginx.
#[tokio::test]
async fn whatever_is_killed_while_lines_flow_every_line_arrives_once_and_in_order() {
    let mut cluster = Cluster::composed().await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut bob = cluster.push(1).subscribe("payments/api").await;
    let flows: Vec<_> = (0..2)
        .map(|_| cluster.front().keep_sending("payments/api"))
        .collect();
    let mut seen = alice.take(30).await;
    for role in ["collect", "dispatch", "push"] {
        cluster.node(role, 0).kill();
        if role == "push" {
            alice = alice.resume(cluster.push(2)).await;
        }
        seen.extend(alice.take(30).await);
        cluster.node(role, 0).restart().await;
        seen.extend(alice.take(30).await);
    }
    cluster.redis().kill();
    seen.extend(alice.take(30).await);
    cluster.redis().restart().await;
    let sent = Flow::stop_all(flows).await;
    seen.extend(alice.take(sent.len() - seen.len()).await);
    assert_eq!(seen, sent);
    assert_eq!(bob.take(sent.len()).await, sent);
}
