//! Server-sent events over real processes: a reader knows the id of its last event and nothing more.

use serde_json::Value;

use crate::fixture::{Cluster, Door, Events, Flow, lines};

const STREAMS: [&str; 2] = ["payments/api", "payments/web"];

/// Invariants 3 and 6.
#[tokio::test]
async fn readers_of_events_whose_nodes_are_killed_go_on_at_others_from_their_last_event_and_miss_nothing() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let named = STREAMS.map(|stream| format!("stream={stream}")).join("&");
    let mut all = Events::open(cluster.push(0), &named).await;
    let mut some = Events::open(cluster.push(0), "stream=payments/**&filter=7").await;
    for events in [&mut all, &mut some] {
        events.until("subscribed").await.unwrap();
    }
    let flows = STREAMS.map(|stream| cluster.collect(0).keep_sending(stream));
    for round in 0..4 {
        assert!(all.see(STREAMS[round % 2], 30 * (round + 1)).await);
        assert!(some.see(STREAMS[1], 10 * (round + 1)).await);
        let (dies, lives) = (round % 2, (round + 1) % 2);
        cluster.push(dies).kill();
        for events in [&mut all, &mut some] {
            while events.until("lines").await.is_some() {}
            events.again(cluster.push(lives)).await;
        }
        cluster.push(dies).restart().await;
    }
    for (stream, flow) in STREAMS.into_iter().zip(flows) {
        let sent = Flow::stop_all(vec![flow]).await;
        assert!(all.see(stream, sent.len()).await);
        assert_eq!(all.seen[stream], sent, "{stream}");
        let has_7 = |line: &&Value| line["fields"]["number"].to_string().contains('7');
        let wanted: Vec<Value> = sent.iter().filter(has_7).cloned().collect();
        assert!(some.see(stream, wanted.len()).await);
        assert_eq!(some.seen[stream], wanted, "{stream}");
    }
}

#[tokio::test]
async fn through_nginx_events_come_as_they_are_made_and_go_on_at_another_node_when_theirs_stops() {
    let mut cluster = Cluster::composed().await;
    let front = Door::clone(cluster.front());
    let mut events = Events::open(&front, "stream=payments/**").await;
    events.until("subscribed").await.unwrap();
    let mut sent = Vec::new();
    for count in 1..5 {
        // Nobody waits for more: each comes while the answer is open.
        sent.extend(front.send("payments/api", lines(1)).await);
        assert!(events.see("payments/api", count).await);
    }
    let on_the_first = cluster.push(0).measured("tailcast_sessions").await > 0.0;
    let serves = cluster.push(usize::from(!on_the_first));
    let (stopped, closing) = tokio::join!(serves.stop_with("TERM"), events.until("closing"));
    assert_eq!(stopped.code(), Some(0));
    assert_eq!(closing.unwrap()["reason"], "draining");
    assert_eq!(events.until("lines").await, None);
    sent.extend(front.send("payments/api", lines(1)).await);
    events.again(&front).await;
    assert!(events.see("payments/api", 5).await);
    assert_eq!(events.seen["payments/api"], sent);
}
