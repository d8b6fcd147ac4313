//! Tokens end before the reader does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{From, TokenError, Tokens};
use futures_util::future::BoxFuture;
use serde_json::json;

use crate::told::{a_from, told, told_with};

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
