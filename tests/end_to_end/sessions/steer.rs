//! What one does with a subscription: pause, resume, seek, unsubscribe; patterns; one's own stream.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::parsed;
use crate::fixture::{Cluster, Flow, Token, lines};

async fn cluster() -> Cluster {
    Cluster::start(&["collect", "dispatch", "push", "push"]).await
}

#[tokio::test]
async fn while_paused_one_is_told_once_a_second_how_much_waits_and_then_gets_all_of_it() {
    let mut cluster = cluster().await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let done = alice.ask(json!({"type": "pause", "id": "1"})).await;
    assert_eq!(done, json!({"type": "done", "id": "1", "request": "pause"}));
    alice.arrived();
    let flow = cluster.collect(0).keep_sending("payments/api");
    let (mut told, mut at) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let behind = alice.message_of_type("behind").await;
        assert_eq!(
            (&behind["id"], &behind["stream"]),
            (&json!("1"), &json!("payments/api"))
        );
        told.push(behind["count"].as_u64().unwrap());
        at.push(Instant::now());
    }
    let sent = Flow::stop_all(vec![flow]).await;
    assert!(told.is_sorted() && told[0] > 0 && told[0] < told[2], "{told:?}");
    // Told once a second, read when this test gets to it.
    assert!(at[2] - at[0] > Duration::from_millis(1500), "{:?}", at[2] - at[0]);
    let all = |it: &Value| it["type"] == "behind" && it["count"] == sent.len() as u64;
    if told[2] < sent.len() as u64 {
        alice.message(all).await;
    }
    assert_eq!(alice.arrived(), [""; 0], "nothing came meanwhile");
    let done = alice.ask(json!({"type": "resume", "id": "1"})).await;
    assert_eq!(done, json!({"type": "done", "id": "1", "request": "resume"}));
    assert_eq!(alice.take(sent.len()).await, sent);
}

#[tokio::test]
async fn seek_goes_to_an_offset_and_to_the_head_while_lines_flow() {
    let mut cluster = cluster().await;
    let mut alice = cluster.push(1).subscribe("payments/api").await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    alice.take(60).await;
    let seek = |to: Value| json!({"type": "seek", "id": "1", "stream": "payments/api", "to": to});
    assert_eq!(alice.ask(seek(json!(7))).await["type"], "done");
    alice.arrived();
    alice.message_of_type("live").await;
    let back = parsed(&alice.arrived());
    assert!(back.len() >= 53, "from line 7 to the head");

    // Paused, so that there is something to leave out.
    alice.ask(json!({"type": "pause", "id": "1"})).await;
    alice.arrived();
    let stopped = alice.cursor_of("payments/api");
    let far = |it: &Value| it["type"] == "behind" && it["count"].as_u64() > Some(20);
    alice.message(far).await;
    assert_eq!(alice.ask(seek(json!("live"))).await["type"], "done");
    let live = alice.message_of_type("live").await["next"].as_u64().unwrap();
    assert!(live > stopped + 20);
    alice.ask(json!({"type": "resume", "id": "1"})).await;
    let newest = alice.take(30).await;
    let sent = Flow::stop_all(vec![flow]).await;
    assert_eq!(back, sent[7..7 + back.len()]);
    assert_eq!(newest, sent[live as usize..live as usize + 30]);

    let ahead = alice.ask(seek(json!(sent.len() + 1))).await;
    let expected = (&json!("cursor_ahead"), &json!(sent.len()));
    assert_eq!((&ahead["code"], &ahead["next"]), expected);
}

#[tokio::test]
async fn after_unsubscribe_nothing_of_it_comes_and_the_rest_goes_on() {
    let mut cluster = cluster().await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    alice.subscribe(&["payments/web"], json!("live")).await;
    cluster.collect(0).send("payments/api", lines(3)).await;
    alice.take(3).await;
    let done = alice.ask(json!({"type": "unsubscribe", "id": "1"})).await;
    assert_eq!(done, json!({"type": "done", "id": "1", "request": "unsubscribe"}));
    cluster.collect(0).send("payments/api", lines(3)).await;
    let sent = cluster.collect(0).send("payments/web", lines(3)).await;
    assert_eq!(alice.take(3).await, sent);
    // A line of the other stream would have ended this test; it can be had again.
    let subscribed = alice.subscribe(&["payments/api"], json!({"last": 1})).await;
    assert_eq!(
        subscribed["streams"],
        json!({"payments/api": {"first_available": 0, "next": 6, "cursor": 5}})
    );
    alice.take(1).await;
    let unknown = alice.ask(json!({"type": "unsubscribe", "id": "1"})).await;
    assert_eq!(unknown["code"], "unknown_id");
}

#[tokio::test]
async fn a_pattern_picks_up_new_streams_from_their_first_line_on_every_node() {
    let mut cluster = cluster().await;
    let mut some = cluster.push(0).session().await;
    let subscribed = some.subscribe(&["payments/*"], json!("live")).await;
    assert_eq!(
        (&subscribed["streams"], &subscribed["patterns"]),
        (&json!({}), &json!(["payments/*"]))
    );
    let mut all = cluster.push(1).session().await;
    all.subscribe(&["payments/**"], json!("live")).await;
    let token = Token::of("bob").reads("payments/api").text();
    let mut few = cluster.push(1).with(&token).session().await;
    few.subscribe(&["payments/**"], json!("live")).await;

    let mut sent = Vec::new();
    for stream in ["payments/api", "payments/eu/api", "other/api", "payments"] {
        sent.push(cluster.collect(0).send(stream, lines(3)).await);
    }
    let last = cluster.collect(0).send("payments/api", lines(1)).await;
    sent[0].extend(last);
    let found = |lines: &[&Vec<Value>]| -> Vec<Value> { lines.iter().copied().flatten().cloned().collect() };
    assert_eq!(some.take(4).await, sent[0]);
    let mut came = all.take(10).await;
    came.sort_by_key(|line| line["fields"]["number"].as_u64());
    let mut expected = found(&[&sent[0], &sent[1], &sent[3]]);
    expected.sort_by_key(|line| line["fields"]["number"].as_u64());
    assert_eq!(came, expected);
    assert_eq!(few.take(4).await, sent[0], "only what one may read");
    let subscribed = few.message_of_type("subscribed").await;
    let place = json!({"payments/api": {"first_available": 0, "next": subscribed["streams"]["payments/api"]["next"], "cursor": 0}});
    assert_eq!(subscribed["streams"], place);
}

#[tokio::test]
async fn one_reads_ones_own_stream_as_me_on_two_devices_at_two_nodes() {
    let mut cluster = cluster().await;
    let token = Token::of("ann@example.org").reads("nothing").text();
    let mut devices = Vec::new();
    for node in [0, 1] {
        let mut device = cluster.push(node).with(&token).session().await;
        let subscribed = device.subscribe(&["@me"], json!("live")).await;
        assert!(
            subscribed["streams"]["@ann~40example.org"].is_object(),
            "{subscribed}"
        );
        devices.push(device);
    }
    let mut bob = cluster.push(0).with(&Token::of("bob").text()).session().await;
    let refused = bob.try_subscribe(&["@ann~40example.org"], json!("live")).await;
    assert_eq!(refused["code"], "stream_not_found");
    let sent = cluster.collect(0).send("@ann~40example.org", lines(5)).await;
    let first = devices[0].take_bytes(5).await;
    assert_eq!(parsed(&first), sent);
    assert_eq!(devices[1].take_bytes(5).await, first);
    // Steering takes the same name.
    let seek = json!({"type": "seek", "id": "1", "stream": "@ann~40example.org", "to": 3});
    assert_eq!(devices[1].ask(seek).await["type"], "done");
    assert_eq!(devices[1].take_bytes(2).await, first[3..]);
}
