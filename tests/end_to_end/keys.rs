//! Tokens that are signed with key pairs: one node signs, all others check, and keys change under way.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Alone, Cluster, Door, Session, Token, at, lines, tailcast, until};

/// A token of the active key, as somebody makes one on the machine that signs.
async fn token(data: &str, more: &[&str]) -> String {
    let arguments = [&["token", "--data", data], more].concat();
    until("there is a key to sign with", async || {
        let ran = tailcast(&arguments, &[], "").await;
        (ran.code == Some(0)).then(|| ran.out.trim().to_owned())
    })
    .await
}

async fn reader(data: &str, sub: &str) -> String {
    token(data, &["--sub", sub, "--read", "**", "--write", "**"]).await
}

/// The keys, as `tailcast keys list` has them.
async fn listed(url: &str, admin: &str) -> Vec<Value> {
    let ran = tailcast(&["keys", "list", "--json"], &at(url, admin), "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let keys = ran.out.lines();
    keys.map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn active(url: &str, admin: &str) -> String {
    let keys = listed(url, admin).await;
    let active = keys.iter().find(|key| key["state"] == "active").unwrap();
    active["kid"].as_str().unwrap().to_owned()
}

async fn is_in_state(url: &str, admin: &str, kid: &str, state: &str) {
    until("the key is in that state", async || {
        let keys = listed(url, admin).await;
        let key = keys.iter().find(|key| key["kid"] == kid).unwrap();
        (key["state"] == state).then_some(())
    })
    .await;
}

/// The names of the keys that everybody may know.
async fn published(door: &Door) -> Vec<String> {
    let answer = door
        .without_token()
        .get("/.well-known/jwks.json")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let set: Value = answer.json().await.unwrap();
    let keys = set["keys"].as_array().unwrap();
    for key in keys {
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{key}");
        }
    }
    let kid = |key: &Value| key["kid"].as_str().unwrap().to_owned();
    keys.iter().map(kid).collect()
}

async fn status(door: &Door, token: &str) -> StatusCode {
    let request = door.with(token).get("/v1/lines?stream=@me&last=1");
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn one_node_signs_another_checks_and_a_rotation_disturbs_nobody() {
    let roles = ["collect", "dispatch", "push", "auth"];
    let mut cluster = Cluster::without_a_key(&roles, &["--signing", "EdDSA"]).await;
    let signs = cluster.data("auth-1");
    let before = reader(&signs, "alice").await;
    let admin = token(&signs, &["--sub", "root", "--admin"]).await;
    assert!(
        !Path::new(&cluster.data("push-1")).join("keys").exists(),
        "a node that checks has no key"
    );
    let auth = cluster.node("auth", 0).url().to_owned();
    let first = active(&auth, &admin).await;

    let mut session = until("the node that checks knows the key", async || {
        Session::open(&cluster.push(0).with(&before)).await.ok()
    })
    .await;
    session.subscribe(&["payments/api"], json!("live")).await;
    let sender = until("the collector knows it", async || {
        let door = cluster.collect(0).with(&before);
        let tried = door
            .post("/v1/lines?stream=tries")
            .body("hello")
            .send()
            .await
            .unwrap();
        (tried.status() == StatusCode::OK).then_some(door)
    })
    .await;
    let sent = sender.send("payments/api", lines(3)).await;
    assert_eq!(session.take(3).await, sent);

    let rotated = tailcast(&["keys", "rotate"], &at(&auth, &admin), "").await;
    assert_eq!(rotated.code, Some(0), "{}", rotated.err);
    assert!(
        rotated.out.contains(&format!("retired  {first}")),
        "{}",
        rotated.out
    );
    let second = active(&auth, &admin).await;
    assert_ne!(first, second);
    let known = published(cluster.node("auth", 0)).await;
    assert!(known.contains(&first) && known.contains(&second), "{known:?}");

    // Who is in stays, who was let in by the first key can come again, and what is new is signed with the second.
    let sent = sender.send("payments/api", lines(3)).await;
    assert_eq!(session.take(3).await, sent);
    let mut again = cluster.push(0).with(&before).session().await;
    again.subscribe(&["payments/api"], json!("live")).await;
    let after = until("the second key signs", async || {
        let after = reader(&signs, "bob").await;
        (header(&after)["kid"] == second.as_str()).then_some(after)
    })
    .await;
    let mut bob = cluster.push(0).with(&after).session().await;
    bob.subscribe(&["payments/api"], json!("live")).await;

    // What the first one signed can be taken back at once.
    let revoked = tailcast(&["revoke", "--kid", &first], &at(&auth, &admin), "").await;
    assert_eq!(revoked.code, Some(0), "{}", revoked.err);
    for session in [&mut session, &mut again] {
        assert_eq!(session.closed().await, 4500);
    }
    let sender = cluster.collect(0).with(&after);
    let sent = sender.send("payments/api", lines(2)).await;
    assert_eq!(bob.take(2).await, sent);

    // Whoever retires the key that signs gets the next one.
    let root = token(&signs, &["--sub", "root", "--admin"]).await;
    let retired = tailcast(&["keys", "retire", &second], &at(&auth, &root), "").await;
    assert_eq!(retired.code, Some(0), "{}", retired.err);
    is_in_state(&auth, &root, &second, "retired").await;
    until("another key signs", async || {
        let keys = listed(&auth, &root).await;
        keys.iter().any(|key| key["state"] == "active").then_some(())
    })
    .await;
    let nobody = tailcast(&["keys", "retire", "nobody"], &at(&auth, &root), "").await;
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.err.contains("there is no key \"nobody\""),
        "{}",
        nobody.err
    );
    let forbidden = tailcast(&["keys", "rotate"], &at(&auth, &after), "").await;
    assert_eq!(forbidden.code, Some(1), "{}", forbidden.out);
    for name in ["auth", "push", "collect"] {
        let log = cluster.node(name, 0).log();
        for secret in [&before, &after, &admin, "PRIVATE KEY"] {
            assert!(!log.contains(secret), "{name}: a log holds a secret");
        }
    }
}

fn header(token: &str) -> Value {
    use base64::Engine;
    let header = token.split('.').next().unwrap();
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(header)
        .unwrap();
    serde_json::from_slice(&header).unwrap()
}

#[tokio::test]
async fn alone_a_node_signs_with_a_pair_beside_the_key_that_it_had_and_keeps_it() {
    let mut alone = Alone::with(&["--signing", "ES256", "--max-lifetime", "2h"]).await;
    let data = alone.data();
    let alice = reader(&data, "alice").await;
    assert_eq!(header(&alice)["alg"], "ES256");
    until("the pair's token is good", async || {
        (status(&alone, &alice).await == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    // Tokens of the shared key are good as ever, whatever they last.
    let year = Token::of("shipper").ends_in(31_536_000).text();
    assert_eq!(status(&alone, &year).await, StatusCode::NOT_FOUND);
    let long = tailcast(
        &["token", "--sub", "alice", "--ttl", "3h", "--data", &data],
        &[],
        "",
    )
    .await;
    assert_eq!(long.code, Some(2), "{}", long.out);
    assert!(long.err.contains("max_lifetime"), "{}", long.err);

    let keys = published(&alone).await;
    assert_eq!(
        header(&alice)["kid"].as_str(),
        Some(&*active(alone.url(), &root(&data).await).await)
    );
    alone.kill();
    alone.restart().await;
    until("the keys are the same", async || {
        (published(&alone).await == keys).then_some(())
    })
    .await;
    assert_eq!(status(&alone, &alice).await, StatusCode::NOT_FOUND);
    let told = alone
        .get("/.well-known/oauth-authorization-server")
        .send()
        .await
        .unwrap();
    assert_eq!(told.status(), StatusCode::NOT_FOUND);
}

async fn root(data: &str) -> String {
    token(data, &["--sub", "root", "--admin"]).await
}

#[tokio::test]
async fn who_signs_with_the_shared_key_publishes_none_and_says_where_it_would() {
    let alone = Alone::with(&["--issuer", "https://logs.example.org/"]).await;
    until("it has looked", async || {
        let answer = alone.get("/.well-known/jwks.json").send().await.unwrap();
        (answer.status() == StatusCode::OK).then_some(())
    })
    .await;
    assert!(published(&alone).await.is_empty());
    let told = alone
        .without_token()
        .get("/.well-known/oauth-authorization-server");
    let told: Value = told.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        (&told["issuer"], &told["jwks_uri"]),
        (
            &json!("https://logs.example.org/"),
            &json!("https://logs.example.org/.well-known/jwks.json")
        )
    );
}
