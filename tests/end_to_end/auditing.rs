//! The audit log: who did what, whence, and what came of it; and never what opens anything.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{Alone, Events, Session, Token, at, lines, tailcast, until};

fn told(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The first event that has all of these.
async fn event(path: &Path, wanted: Value) -> Value {
    let wanted = wanted.as_object().unwrap();
    until(&format!("{wanted:?} is told"), async || {
        let mut events = told(path).into_iter();
        events.find(|event| wanted.iter().all(|(name, value)| event[name] == *value))
    })
    .await
}

#[tokio::test]
async fn who_did_what_is_told_and_never_what_opens_anything() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("audit.log");
    let shown = path.display().to_string();
    let mut alone = Alone::with(&["--audit-log", &shown]).await;
    let started = event(&path, json!({"what": "start"})).await;
    let node = started["node"].clone();
    assert!(node.is_string());
    assert!(
        started["about"].as_str().unwrap().contains("audit_log = "),
        "{started}"
    );

    let root = Token::of("root").admin().reads("app/**").writes("app/**").text();
    let alice = Token::of("alice").reads("app/**").writes("app/**").text();
    let post = async |token: &str, path: &str, body: Value| {
        let request = alone
            .with(token)
            .post(path)
            .header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let (_, made) = post(
        &root,
        "/v1/api-keys",
        json!({"name": "a", "sub": "agent", "read": ["app/**"]}),
    )
    .await;
    let (id, key) = (
        made["id"].as_str().unwrap(),
        made["key"].as_str().unwrap().to_owned(),
    );
    let (_, minted) = post(&root, "/v1/tokens", json!({"sub": "bob", "read": ["app/*"]})).await;
    let minted = minted["access_token"].as_str().unwrap().to_owned();
    let (_, ticket) = post(&alice, "/v1/tickets", json!({"path": "/v1/sse"})).await;
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();
    assert_eq!(
        post(&alice, "/v1/api-keys", json!({})).await.0,
        StatusCode::FORBIDDEN
    );

    let mut session = alone.with(&alice).subscribe("app/api").await;
    let refused = json!({"type": "subscribe", "id": "s", "streams": ["secret/x"], "from": "live"});
    assert_eq!(session.ask(refused).await["code"], "stream_not_found");
    let query = format!("stream=app/api&ticket={ticket}");
    let mut events = Events::open(&alone.without_token(), &query).await;
    events.until("subscribed").await;
    let sent = alone.with(&alice).send("app/api", lines(2)).await;
    assert_eq!(session.take(2).await, sent);
    for _ in 0..5 {
        let again = alone
            .without_token()
            .get(&format!("/v1/sse?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(Session::open(&alone.with("nonsense")).await.err(), Some(401));
    let unread = alone
        .with(&alice)
        .get("/v1/lines?stream=secret/x")
        .send()
        .await
        .unwrap();
    assert_eq!(unread.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        post(&root, "/v1/revoke", json!({"token": minted})).await.0,
        StatusCode::OK
    );
    assert_eq!(
        post(&root, "/v1/revoke", json!({"subscriber": "alice"})).await.0,
        StatusCode::OK
    );
    let internal = alone.internal().to_owned();
    let deleted = tailcast(
        &[
            "streams",
            "delete",
            "app/api",
            "--yes",
            "--internal-url",
            &internal,
        ],
        &at(alone.url(), &root),
        "",
    )
    .await;
    assert_eq!(deleted.code, Some(0), "{}", deleted.err);
    let removed = alone
        .with(&root)
        .request(Method::DELETE, &format!("/v1/api-keys/{id}"));
    assert_eq!(removed.send().await.unwrap().status(), StatusCode::OK);

    let made = event(
        &path,
        json!({"what": "make_api_key", "outcome": "done", "sub": "root"}),
    )
    .await;
    assert!(made["about"].as_str().unwrap().starts_with(id), "{made}");
    assert_eq!(
        (&made["from"], &made["node"], &made["iss"]),
        (&json!("127.0.0.1"), &node, &json!("tailcast"))
    );
    assert!(made["jti"].is_string() && made["time"].is_string(), "{made}");
    let minting = event(&path, json!({"what": "mint", "outcome": "done", "sub": "root"})).await;
    assert!(minting["about"].as_str().unwrap().contains("bob"), "{minting}");
    for wanted in [
        json!({"what": "make_ticket", "outcome": "done", "sub": "alice"}),
        json!({"what": "make_api_key", "outcome": "refused", "reason": "forbidden", "sub": "alice"}),
        json!({"what": "connect", "outcome": "done", "sub": "alice", "on": "GET /v1/ws"}),
        json!({"what": "subscribe", "outcome": "done", "sub": "alice", "about": "app/api"}),
        json!({"what": "subscribe", "outcome": "refused", "reason": "stream_not_found", "about": "secret/x"}),
        json!({"what": "refuse", "outcome": "refused", "reason": "bad_ticket", "on": "GET /v1/sse"}),
        json!({"what": "refuse", "outcome": "refused", "reason": "bad_token"}),
        json!({"what": "deny", "reason": "stream_not_found", "sub": "alice", "on": "GET /v1/lines"}),
        json!({"what": "revoke", "outcome": "done", "sub": "root", "about": "Subscriber(\"alice\")"}),
        json!({"what": "delete_stream", "outcome": "done", "sub": "root", "on": "DELETE /v1/streams/app/api"}),
        json!({"what": "delete_api_key", "outcome": "done", "sub": "root", "on": format!("DELETE /v1/api-keys/{id}")}),
    ] {
        event(&path, wanted).await;
    }
    assert!(alone.stop_with("TERM").await.success());
    event(&path, json!({"what": "stop"})).await;
    let again = event(
        &path,
        json!({"what": "refuse", "reason": "bad_ticket", "repeated": 4}),
    )
    .await;
    assert_eq!(again["from"], "127.0.0.1");
    let all = std::fs::read_to_string(&path).unwrap() + &alone.log();
    for secret in [&root, &alice, &minted, &key, &ticket] {
        let tail = &secret[secret.len() - 20..];
        assert!(!all.contains(tail), "a log holds what opens something");
    }
    assert!(
        !alone.log().contains("make_api_key"),
        "what is audited is in no other log"
    );
    assert!(
        !all.contains("/pay") && !all.contains("nonsense"),
        "a log holds a line, or what was shown"
    );
}
