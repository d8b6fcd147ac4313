//! The cluster of docker-compose.yml, as processes, with nginx in front.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Cluster, Flow, Token, lines};

#[tokio::test]
async fn a_line_goes_from_any_sender_to_every_watcher_on_every_push_node() {
    let mut cluster = Cluster::composed().await;
    let mut watchers = Vec::new();
    for index in 0..3 {
        watchers.push(cluster.push(index).subscribe("payments/api").await);
        watchers.push(cluster.front().subscribe("payments/*").await);
    }
    let mut sent = cluster.front().send("payments/api", lines(100)).await;
    sent.extend(cluster.collect(0).send("payments/api", lines(5)).await);
    sent.extend(cluster.collect(1).send("payments/api", lines(5)).await);
    for watcher in &mut watchers {
        assert_eq!(watcher.take(110).await, sent);
    }
}

#[tokio::test]
async fn nginx_leads_every_address_to_the_role_that_answers_it() {
    let cluster = Cluster::composed().await;
    let front = cluster.front();
    front.send("payments/api", lines(2)).await;
    assert_eq!(
        front
            .post("/log?service=api")
            .body("hello")
            .send()
            .await
            .unwrap()
            .status(),
        StatusCode::OK
    );
    assert_eq!(front.history("payments/api", 0).await.lines().count(), 2);
    let counts = front.get("/v1/counts?stream=payments/api").send().await.unwrap();
    assert_eq!(counts.json::<Value>().await.unwrap()["next"], 2);
    let streams: Value = front
        .get("/v1/streams")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(streams["streams"][0]["name"], "log/api");
    assert_eq!(streams["streams"][1]["name"], "payments/api");

    let token = Token::of("alice").reads("payments/**").text();
    let question = front
        .post("/v1/introspect")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"))
        .send()
        .await
        .unwrap();
    let answer: Value = question.json().await.unwrap();
    assert_eq!(
        (&answer["active"], &answer["sub"]),
        (&json!(true), &json!("alice"))
    );

    let viewer = front.without_token().get("/").send().await.unwrap();
    assert_eq!(viewer.status(), StatusCode::OK);
    assert!(
        viewer.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );

    let big = front
        .post("/v1/lines?stream=big")
        .body(vec![b'x'; (10 << 20) + 1])
        .send()
        .await
        .unwrap();
    assert_eq!(big.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(big.headers()["content-type"], "application/problem+json");
}

/// Invariants 2 and 3: two collectors write to one stream at once.
#[tokio::test]
async fn many_senders_at_two_collectors_make_one_stream_without_holes_that_looks_the_same_to_all() {
    let mut cluster = Cluster::start(&["collect", "collect", "dispatch", "push", "push", "read"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut bob = cluster.push(1).subscribe("payments/api").await;
    let mut flows = Vec::new();
    for index in [0, 1, 0, 1] {
        flows.push(cluster.collect(index).keep_sending("payments/api"));
    }
    let mut seen = alice.take_bytes(300).await;
    let sent = Flow::stop_all(flows).await;
    seen.extend(alice.take_bytes(sent.len() - 300).await);
    assert_eq!(bob.take_bytes(sent.len()).await, seen);
    let read: Vec<Value> = seen
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read, sent);
    let history: String = (0..)
        .zip(&seen)
        .map(|(offset, line)| format!("{{\"offset\":{offset},{}\n", &line[1..]))
        .collect();
    assert_eq!(cluster.read(0).history("payments/api", 0).await, history);
}

#[tokio::test]
async fn questions_about_what_was_and_sessions_live_and_die_apart() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "read"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let mut sent = cluster.collect(0).send("payments/api", lines(3)).await;

    // Each address is answered by its role, and by no other.
    let asked = [
        "/v1/lines?stream=payments/api",
        "/v1/counts?stream=payments/api",
        "/v1/streams",
    ];
    for address in asked {
        let at_read = cluster.read(0).get(address).send().await.unwrap();
        assert_eq!(at_read.status(), StatusCode::OK, "{address}");
        let at_push = cluster.push(0).get(address).send().await.unwrap();
        assert_eq!(at_push.status(), StatusCode::NOT_FOUND, "{address}");
        assert_eq!(at_push.json::<Value>().await.unwrap()["code"], "not_found");
    }
    let no_session = cluster.read(0).get("/v1/ws").send().await.unwrap();
    assert_eq!(no_session.status(), StatusCode::NOT_FOUND);
    let ready = cluster
        .read(0)
        .without_token()
        .get("/readyz")
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), StatusCode::OK);

    cluster.read(0).kill();
    sent.extend(cluster.collect(0).send("payments/api", lines(3)).await);
    assert_eq!(alice.take(6).await, sent, "sessions go on without who reads");

    cluster.read(0).restart().await;
    cluster.push(0).kill();
    let history = cluster.read(0).history("payments/api", 0).await;
    assert_eq!(
        history.lines().count(),
        6,
        "questions are answered without who pushes"
    );
}

#[tokio::test]
async fn a_session_goes_on_at_another_push_node_where_it_ended() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push"]).await;
    let mut alice = cluster.push(0).subscribe("payments/api").await;
    let flow = cluster.collect(0).keep_sending("payments/api");
    let mut seen = alice.take(20).await;
    let mut alice = alice.resume(cluster.push(1)).await;
    seen.extend(alice.take(20).await);
    let mut alice = alice.resume(cluster.push(0)).await;
    let sent = Flow::stop_all(vec![flow]).await;
    seen.extend(alice.take(sent.len() - 40).await);
    assert_eq!(seen, sent);
}
