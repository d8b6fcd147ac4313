//! Tickets in the address: each opens one connection, on whichever node.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Cluster, Door, Events, Token, lines};

const SOON: Duration = Duration::from_secs(5);

async fn ticket(door: &Door, path: &str) -> String {
    let request = door
        .post("/v1/tickets")
        .header("content-type", "application/json");
    let answer = request
        .body(json!({"path": path}).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer: Value = answer.json().await.unwrap();
    answer["ticket"].as_str().unwrap().to_owned()
}

/// The status of a WebSocket's handshake by a ticket.
async fn handshake(door: &Door, ticket: &str) -> StatusCode {
    let request = door.without_token().get(&format!("/v1/ws?ticket={ticket}"));
    let request = request
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn a_ticket_opens_one_connection_on_any_node_and_ends_with_its_owners_token() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push", "auth"]).await;
    let alice = cluster
        .node("auth", 0)
        .with(&Token::of("alice").reads("app/**").text());
    let shown = ticket(&alice, "/v1/sse").await;
    let query = format!("stream=app/api&ticket={shown}");
    let mut events = Events::open(&cluster.push(1).without_token(), &query).await;
    events.until("subscribed").await;
    cluster.collect(0).send("app/api", lines(2)).await;
    let came = events.until("lines").await.expect("lines come");
    assert_eq!(came["stream"], "app/api");

    let again = cluster.push(0).without_token().get(&format!("/v1/sse?{query}"));
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    let refusal: Value = again.json().await.unwrap();
    assert_eq!(refusal["code"], "bad_ticket");

    // Of all nodes that are shown one at once, one takes it.
    let for_websocket = ticket(&alice, "/v1/ws").await;
    let doors = [cluster.push(0).without_token(), cluster.push(1).without_token()];
    let both = tokio::join!(
        handshake(&doors[0], &for_websocket),
        handshake(&doors[1], &for_websocket)
    );
    let mut both = [both.0, both.1];
    both.sort();
    assert_eq!(both, [StatusCode::SWITCHING_PROTOCOLS, StatusCode::UNAUTHORIZED]);

    let unused = ticket(&alice, "/v1/ws").await;
    let order = json!({"subscriber": "alice"}).to_string();
    let revoked = cluster
        .node("auth", 0)
        .post("/v1/revoke")
        .header("content-type", "application/json");
    assert_eq!(revoked.body(order).send().await.unwrap().status(), StatusCode::OK);
    let closing = tokio::time::timeout(SOON, events.until("closing")).await;
    assert_eq!(
        closing.expect("the events go on").expect("it is said why")["code"],
        4500
    );
    assert_eq!(
        handshake(cluster.push(1), &unused).await,
        StatusCode::UNAUTHORIZED
    );

    let logs = [
        cluster.push(0).log(),
        cluster.push(1).log(),
        cluster.node("auth", 0).log(),
        cluster.collect(0).log(),
    ];
    for secret in [&shown, &for_websocket, &unused] {
        assert!(
            logs.iter().all(|log| !log.contains(&**secret)),
            "a log holds a ticket"
        );
    }
}
