//! API keys: shown wherever a token is, on every node, until they are deleted.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Alone, Cluster, Door, Events, Session, Token, at, lines, tailcast, until};

/// So soon a session ends after its key was deleted.
const SOON: Duration = Duration::from_secs(5);

/// Asks, and gives what is answered.
async fn ask(door: &Door, method: Method, path: &str, body: Value) -> Value {
    let request = door
        .request(method, path)
        .header("content-type", "application/json");
    let answer = request.body(body.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.json().await.unwrap()
}

/// A key that may read and write `app/**`, with its id.
async fn key(door: &Door) -> (String, String) {
    let order = json!({"name": "agent", "sub": "agent", "read": ["app/**"], "write": ["app/**"]});
    let made = ask(door, Method::POST, "/v1/api-keys", order).await;
    (text(&made["id"]), text(&made["key"]))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn sending(door: &Door, key: &str) -> StatusCode {
    let request = door.with(key).post("/v1/lines?stream=app/tries");
    request.body("hello").send().await.unwrap().status()
}

async fn comes_to(door: &Door, key: &str, expected: StatusCode) {
    until(&format!("the key is answered {expected}"), async || {
        (sending(door, key).await == expected).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_opens_every_node_until_it_is_deleted_and_then_its_sessions_end_on_all_of_them() {
    let mut cluster = Cluster::start(&["collect", "dispatch", "push", "push", "auth"]).await;
    let (id, agent) = key(cluster.node("auth", 0)).await;
    comes_to(cluster.collect(0), &agent, StatusCode::OK).await;
    let exchanged = cluster.node("auth", 0).with(&agent).post("/v1/tokens");
    let exchanged = exchanged
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials")
        .send()
        .await
        .unwrap();
    let exchanged: Value = exchanged.json().await.unwrap();
    let exchanged = text(&exchanged["access_token"]);

    let mut ended = Vec::new();
    for (index, shown) in [(0, &agent), (1, &agent), (1, &exchanged)] {
        let door = cluster.push(index).with(shown);
        let opened = until("the node knows the key", async || Session::open(&door).await.ok());
        let mut session = opened.await;
        session.subscribe(&["app/api"], json!("live")).await;
        ended.push(session);
    }
    let mut events = Events::open(&cluster.push(1).with(&agent), "stream=app/api").await;
    events.until("subscribed").await;
    let mut bob = cluster.push(0).subscribe("app/api").await;
    let sent = cluster.collect(0).with(&agent).send("app/api", lines(3)).await;
    for session in ended.iter_mut().chain([&mut bob]) {
        assert_eq!(session.take(3).await, sent);
    }

    cluster.redis().kill();
    let path = format!("/v1/api-keys/{id}");
    ask(cluster.node("auth", 0), Method::DELETE, &path, json!(null)).await;
    for session in &mut ended {
        let closed = tokio::time::timeout(SOON, session.closed()).await;
        assert_eq!(closed.expect("the session goes on"), 4500);
    }
    let closing = tokio::time::timeout(SOON, events.until("closing")).await;
    let closing = closing
        .expect("the events go on")
        .expect("it is said why they end");
    assert_eq!(closing["code"], 4500);
    for shown in [&agent, &exchanged] {
        comes_to(cluster.collect(0), shown, StatusCode::UNAUTHORIZED).await;
    }
    cluster.redis().restart().await;
    let sent = cluster.collect(0).send("app/api", lines(2)).await;
    assert_eq!(bob.take(2).await, sent);

    // It looks before it lets anybody in.
    cluster.add("push-3", "push").await;
    let again = Session::open(&cluster.push(2).with(&agent)).await;
    assert_eq!(again.err(), Some(401));
}

#[tokio::test]
async fn a_rotated_key_lets_its_old_secret_go_on_for_a_while() {
    let alone = Alone::start().await;
    let (id, first) = key(&alone).await;
    comes_to(&alone, &first, StatusCode::OK).await;
    let mut session = alone.with(&first).subscribe("app/api").await;
    let path = format!("/v1/api-keys/{id}/rotate");
    let rotated = ask(&alone, Method::POST, &path, json!({"overlap": 3})).await;
    let second = text(&rotated["key"]);
    comes_to(&alone, &second, StatusCode::OK).await;
    let mut going_on = alone.with(&second).subscribe("app/api").await;
    assert_eq!(session.closed().await, 4500);
    comes_to(&alone, &first, StatusCode::UNAUTHORIZED).await;
    let sent = alone.send("app/api", lines(2)).await;
    assert_eq!(going_on.take(2).await, sent);
}

#[tokio::test]
async fn the_commands_make_list_rotate_and_delete_keys_which_other_commands_take_for_tokens() {
    let alone = Alone::start().await;
    let url = alone.url().to_owned();
    let root = Token::of("root").admin().reads("app/**").writes("app/**").text();
    let api_keys = async |arguments: &[&str]| {
        let words: Vec<&str> = std::iter::once("api-keys")
            .chain(arguments.iter().copied())
            .collect();
        tailcast(&words, &at(&url, &root), "").await
    };
    let too_much = api_keys(&["create", "agent", "--sub", "agent", "--read", "**"]).await;
    assert_eq!(too_much.code, Some(1), "{}", too_much.out);
    let made = api_keys(&[
        "create", "my agent", "--sub", "agent", "--read", "app/**", "--write", "app/*",
    ])
    .await;
    assert_eq!(made.code, Some(0), "{}", made.err);
    let agent = made.out.trim().to_owned();
    let id = &agent[4..12];
    assert!(
        agent.starts_with("tck_") && made.err.contains("not shown again"),
        "{}",
        made.err
    );
    assert!(!made.err.contains(&agent), "{}", made.err);

    comes_to(&alone, &agent, StatusCode::OK).await;
    let sent = tailcast(&["send", "app/api"], &at(&url, &agent), "hello\n").await;
    assert_eq!(sent.code, Some(0), "{}", sent.err);
    let got = tailcast(&["get", "app/api"], &at(&url, &agent), "").await;
    assert!(got.out.contains("hello"), "{}{}", got.out, got.err);
    let basic = reqwest::Client::new()
        .get(format!("{url}/v1/me"))
        .basic_auth("any", Some(&agent));
    let me: Value = basic.send().await.unwrap().json().await.unwrap();
    assert_eq!((&me["sub"], &me["by"]), (&json!("agent"), &json!("api_key")));

    let listed = api_keys(&["list"]).await;
    assert!(
        listed.out.contains(id) && listed.out.contains("my agent"),
        "{}",
        listed.out
    );
    let rotated = api_keys(&["rotate", &agent, "--overlap", "0s"]).await;
    let second = rotated.out.trim().to_owned();
    assert_eq!(
        (rotated.code, second.get(4..12)),
        (Some(0), Some(id)),
        "{}",
        rotated.err
    );
    comes_to(&alone, &agent, StatusCode::UNAUTHORIZED).await;
    comes_to(&alone, &second, StatusCode::OK).await;
    let deleted = api_keys(&["delete", id]).await;
    assert_eq!(
        (deleted.code, &*deleted.out),
        (Some(0), &*format!("deleted {id}\n")),
        "{}",
        deleted.err
    );
    comes_to(&alone, &second, StatusCode::UNAUTHORIZED).await;
    let gone = api_keys(&["delete", id]).await;
    assert_eq!(gone.code, Some(1), "{}", gone.out);
    assert_eq!(api_keys(&["delete", "../x"]).await.code, Some(2));

    let log = alone.log();
    for secret in [&agent, &second, &root] {
        assert!(!log.contains(&secret[12..]), "a log holds a key");
    }
}
