//! Tokens end before the reader does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use client::{From, TokenError, Tokens};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::watch;

use crate::fake::subscribed;
use crate::told::{a_from, stay, told, told_with};

/// Another token each time.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Tokens for Counted {
    fn token(&self) -> BoxFuture<'_, Result<String, TokenError>> {
        let count = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(format!("t{count}")) })
    }
}

#[tokio::test]
async fn a_token_that_ends_is_replaced_while_connected_and_at_the_door() {
    let ended = || json!({"code": "bad_token", "detail": "the token has expired"});
    let told = told_with(
        a_from(From::Live),
        Arc::new(Counted::default()),
        10,
        |fake| async move {
            let mut peer = fake.serve_a(5).await;
            assert_eq!(peer.token, "Bearer t0");
            peer.send(json!({"type": "expiring", "expires_at": "2026-01-01T00:00:00Z"}))
                .await;
            assert_eq!(peer.hear().await, json!({"type": "refresh", "token": "t1"}));
            peer.send(
                json!({"type": "closing", "code": 4003, "reason": "token_expired", "retry_after_ms": 0}),
            )
            .await;
            peer.close(4003, "token_expired").await;
            fake.refuse(401, "", ended()).await;
            let peer = fake.serve_a(5).await;
            drop(peer);
            fake.refuse(401, "", ended()).await;
            fake.refuse(401, "", ended()).await;
        },
    )
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "offline",
            "subscribed a",
            "replaying",
            "offline",
            "error the token has expired (bad_token)"
        ]
    );
}

#[tokio::test]
async fn a_token_that_cannot_be_replaced_is_the_end_with_the_servers_sentence() {
    let told = told(a_from(From::Live), 10, |fake| async move {
        fake.refuse(
            401,
            "",
            json!({"code": "bad_token", "detail": "the token has expired"}),
        )
        .await;
    })
    .await;
    assert_eq!(told, ["error the token has expired (bad_token)"]);
}

fn ended() -> serde_json::Value {
    json!({"type": "closing", "code": 4003, "reason": "token_expired", "retry_after_ms": 0})
}

#[tokio::test]
async fn nobody_comes_back_with_a_token_that_ended() {
    let told = told(a_from(From::Live), 10, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.send(ended()).await;
        peer.close(4003, "token_expired").await;
        fake.accept().await;
        panic!("it came back with the same token");
    })
    .await;
    assert_eq!(
        told,
        [
            "subscribed a",
            "replaying",
            "error the token has ended, and there is no other: get a new one"
        ]
    );
}

/// What stands in a file that somebody else renews, and how often it was read.
struct Renewed {
    token: Mutex<&'static str>,
    read: watch::Sender<u32>,
}

impl Renewed {
    fn with(token: &'static str) -> Arc<Self> {
        Arc::new(Self {
            token: Mutex::new(token),
            read: watch::Sender::new(0),
        })
    }
}

impl Tokens for Renewed {
    fn token(&self) -> BoxFuture<'_, Result<String, TokenError>> {
        let token = (*self.token.lock().unwrap()).to_owned();
        self.read.send_modify(|read| *read += 1);
        Box::pin(async { Ok(token) })
    }

    fn may_change(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn another_token_is_waited_for_where_one_may_come_and_nobody_is_bothered_meanwhile() {
    let file = Renewed::with("t0");
    let tokens = Arc::clone(&file);
    let told = told_with(a_from(From::Live), tokens, 6, |fake| async move {
        let mut peer = fake.serve_a(5).await;
        peer.send(ended()).await;
        peer.close(4003, "token_expired").await;
        let renewed = async {
            // Once for the session that ended, and then to find the same.
            file.read.subscribe().wait_for(|read| *read > 3).await.unwrap();
            *file.token.lock().unwrap() = "t1";
        };
        let (mut peer, ()) = tokio::join!(fake.welcome("e1"), renewed);
        assert_eq!(
            peer.token, "Bearer t1",
            "the first that comes back has the new token"
        );
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", 5)])).await;
        stay().await;
    })
    .await;
    assert_eq!(told[..3], ["subscribed a", "replaying", "offline"]);
}

#[tokio::test]
async fn a_token_that_was_never_good_is_the_end_also_where_another_may_come() {
    let file = Renewed::with("t0");
    let told = told_with(a_from(From::Live), file, 10, |fake| async move {
        fake.refuse(
            401,
            "",
            json!({"code": "bad_token", "detail": "the signature is wrong"}),
        )
        .await;
    })
    .await;
    assert_eq!(told, ["error the signature is wrong (bad_token)"]);
}
