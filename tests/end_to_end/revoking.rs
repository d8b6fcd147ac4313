//! Tokens that are taken back: every node refuses them and ends their sessions, whatever it missed.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::fixture::{Alone, Cluster, Door, Events, Session, Token, at, lines, tailcast, until};

const ROLES: [&str; 4] = ["collect", "dispatch", "push", "push"];

/// So soon a session ends after its token was revoked.
const SOON: Duration = Duration::from_secs(5);

async fn cluster() -> Cluster {
    let roles: Vec<&str> = ROLES.into_iter().chain(["auth"]).collect();
    Cluster::start(&roles).await
}

fn reader(sub: &str) -> String {
    Token::of(sub).reads("**").writes("**").text()
}

async fn revoke(door: &Door, order: Value) {
    let answer = door.post("/v1/revoke").header("content-type", "application/json");
    let answer = answer.body(order.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let said: Value = answer.json().await.unwrap();
    assert_eq!(said["revoked"], true, "{order}");
}

/// Within the time that is promised.
async fn is_revoked(session: &mut Session) {
    let closed = tokio::time::timeout(SOON, session.closed()).await;
    assert_eq!(closed.expect("the session goes on"), 4500);
    let closing = session.message_of_type("closing").await;
    assert_eq!(
        (&closing["code"], &closing["reason"]),
        (&json!(4500), &json!("revoked"))
    );
}

/// The status of an attempt to send with this token, to a stream that nobody follows: it may be good for a moment yet.
async fn sending(door: &Door, token: &str) -> StatusCode {
    let request = door.with(token).post("/v1/lines?stream=tries");
    request.body("hello").send().await.unwrap().status()
}

async fn is_refused(door: &Door, token: &str) {
    until("the token is refused", async || {
        (sending(door, token).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sessions_of_a_revoked_token_end_on_every_node_and_others_go_on() {
    let mut cluster = cluster().await;
    let (lost, kept, bob) = (reader("alice"), reader("alice"), reader("bob"));
    let mut ended = Vec::new();
    let mut going_on = Vec::new();
    for index in 0..2 {
        ended.push(cluster.push(index).with(&lost).subscribe("payments/api").await);
        for token in [&kept, &bob] {
            going_on.push(cluster.push(index).with(token).subscribe("payments/api").await);
        }
    }
    let mut events = Events::open(&cluster.push(1).with(&lost), "stream=payments/api").await;
    events.until("subscribed").await;
    // In the name of alice, by another token of hers.
    revoke(&cluster.node("auth", 0).with(&kept), json!({"token": lost})).await;
    for session in &mut ended {
        is_revoked(session).await;
    }
    let closing = tokio::time::timeout(SOON, events.until("closing")).await;
    let closing = closing
        .expect("the events go on")
        .expect("it is said why they end");
    assert_eq!(closing["code"], 4500);
    assert!(events.until("lines").await.is_none(), "they end");

    is_refused(cluster.collect(0), &lost).await;
    for index in 0..2 {
        let again = Session::open(&cluster.push(index).with(&lost)).await;
        assert_eq!(again.err(), Some(401));
    }
    assert_eq!(sending(cluster.collect(0), &kept).await, StatusCode::OK);
    let sent = cluster.collect(0).send("payments/api", lines(3)).await;
    for session in &mut going_on {
        assert_eq!(session.take(3).await, sent);
    }

    // What is revoked opens nothing to whoever is in by another.
    let refused = going_on[0]
        .ask(json!({"type": "refresh", "id": "refresh", "token": lost}))
        .await;
    assert_eq!(
        (&refused["type"], &refused["code"]),
        (&json!("error"), &json!("bad_token"))
    );
    let sent = cluster.collect(0).send("payments/api", lines(1)).await;
    assert_eq!(going_on[0].take(1).await, sent);
}

/// A dispatcher has no store, and so no address that only the bearer of a token may ask.
#[tokio::test]
async fn a_revoked_admin_lists_nodes_nowhere() {
    let mut cluster = cluster().await;
    let admin = Token::of("root").admin().text();
    let ask = async |internal: String| {
        let door = Door::new(internal).with(&admin);
        door.get("/v1/nodes").send().await.unwrap().status()
    };
    let (collect, dispatch) = (
        cluster.collect(0).internal().to_owned(),
        cluster.dispatch(0).internal().to_owned(),
    );
    assert_eq!(ask(collect.clone()).await, StatusCode::OK);
    revoke(
        &cluster.node("auth", 0).with(&admin),
        json!({"subscriber": "root"}),
    )
    .await;
    until("the collector refuses", async || {
        (ask(collect.clone()).await == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await;
    assert_eq!(ask(dispatch).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_redis_all_of_a_subscriber_end_all_the_same() {
    let mut cluster = cluster().await;
    let alice = reader("alice");
    let mut sessions = Vec::new();
    for index in 0..2 {
        sessions.push(cluster.push(index).with(&alice).subscribe("payments/api").await);
    }
    let mut bob = cluster
        .push(0)
        .with(&reader("bob"))
        .subscribe("payments/api")
        .await;
    cluster.redis().kill();
    revoke(cluster.node("auth", 0), json!({"subscriber": "alice"})).await;
    for session in &mut sessions {
        is_revoked(session).await;
    }
    is_refused(cluster.collect(0), &alice).await;
    cluster.redis().restart().await;
    let sent = cluster.collect(0).send("payments/api", lines(2)).await;
    assert_eq!(bob.take(2).await, sent);
}

#[tokio::test]
async fn a_node_that_stood_still_or_was_not_there_knows_what_was_revoked_meanwhile() {
    let mut cluster = cluster().await;
    let alice = reader("alice");
    let mut session = cluster.push(0).with(&alice).subscribe("payments/api").await;
    cluster.push(0).freeze().await;
    cluster.push(1).kill();
    revoke(cluster.node("auth", 0), json!({"token": alice})).await;
    cluster.push(0).signal("CONT");
    is_revoked(&mut session).await;

    // It looks before it lets anybody in.
    cluster.push(1).restart().await;
    let again = Session::open(&cluster.push(1).with(&alice)).await;
    assert_eq!(again.err(), Some(401));
    cluster.add("push-3", "push").await;
    let again = Session::open(&cluster.push(2).with(&alice)).await;
    assert_eq!(again.err(), Some(401));
    cluster.push(2).with(&reader("bob")).session().await;
}

#[tokio::test]
async fn the_command_revokes_a_token_and_a_subscriber_and_says_what_it_did() {
    let alone = Alone::start().await;
    let (alice, bob) = (reader("alice"), reader("bob"));
    let mut session = alone.with(&alice).subscribe("payments/api").await;
    let url = alone.url().to_owned();
    let root = Token::of("root").admin().text();

    let input = format!("{alice}\n");
    let by_bob = tailcast(&["revoke", "--file", "-"], &at(&url, &bob), &input).await;
    assert_eq!(by_bob.code, Some(1));
    assert!(by_bob.err.contains("nothing was revoked"), "{}", by_bob.err);
    let forbidden = tailcast(&["revoke", "--sub", "alice"], &at(&url, &bob), "").await;
    assert_eq!(forbidden.code, Some(1), "{}", forbidden.out);

    let by_root = tailcast(&["revoke", "--file", "-"], &at(&url, &root), &input).await;
    assert_eq!(
        (by_root.code, &*by_root.out),
        (Some(0), "revoked the token\n"),
        "{}",
        by_root.err
    );
    is_revoked(&mut session).await;
    is_refused(&alone, &alice).await;
    assert_eq!(sending(&alone, &bob).await, StatusCode::OK);

    let all = tailcast(&["revoke", "--sub", "bob"], &at(&url, &root), "").await;
    assert!(
        all.out
            .starts_with("revoked the tokens of bob that were issued up to "),
        "{}{}",
        all.out,
        all.err
    );
    is_refused(&alone, &bob).await;
    for wrong in [
        &["revoke"][..],
        &["revoke", "--sub", "a", "--kid", "b"],
        &["revoke", "--sub", "a", "--issuer", "b"],
    ] {
        let misused = tailcast(wrong, &at(&url, &root), "").await;
        assert_eq!(misused.code, Some(2), "{wrong:?}: {}", misused.err);
    }
    let log = alone.log();
    for token in [&alice, &bob, &root] {
        assert!(!log.contains(&**token), "a log holds a token");
    }
}
