//! `POST /v1/introspect` (RFC 7662), for services that hold no key.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use auth::introspect::{Parts, router};
use auth::token::unix_now;
use auth::{Claims, Key, Minter, Verifier};
use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

fn key() -> Key {
    Key::from_text(&"k".repeat(32)).unwrap()
}

fn token(claims: &Claims) -> String {
    Minter::hs256(&key(), "tailcast").mint(claims).unwrap()
}

async fn ask(caller: Option<&str>, form: String) -> (StatusCode, Value) {
    let parts = Parts {
        verifier: Arc::new(Verifier::hs256(&key(), "tailcast")),
        issuer: "tailcast".into(),
    };
    let mut request =
        Request::post("/v1/introspect").header("content-type", "application/x-www-form-urlencoded");
    if let Some(caller) = caller {
        request = request.header("authorization", format!("Bearer {caller}"));
    }
    let response = router(parts)
        .oneshot(request.body(Body::from(form)).unwrap())
        .await
        .unwrap();
    let status = response.status();
    (
        status,
        serde_json::from_slice(&to_bytes(response.into_body(), 65_536).await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn an_active_token_is_described_to_whoever_has_one() {
    let end = unix_now() + 60;
    let caller = token(&Claims::new("service", end));
    let asked = token(&Claims {
        read: vec!["a/**".into()],
        ..Claims::new("alice", end)
    });
    let (status, mut answer) = ask(
        Some(&caller),
        format!("token={asked}&token_type_hint=access_token"),
    )
    .await;
    assert!(answer.as_object_mut().unwrap().remove("jti").is_some());
    let expected = json!({
        "active": true, "token_type": "Bearer", "sub": "alice", "iss": "tailcast", "aud": "tailcast", "exp": end,
        "read": ["a/**"], "write": [], "admin": false,
    });
    assert_eq!((status, answer), (StatusCode::OK, expected));
}

#[tokio::test]
async fn a_token_that_is_not_good_is_inactive_and_nothing_more() {
    let caller = token(&Claims::new("service", unix_now() + 60));
    let expired = token(&Claims::new("alice", unix_now() - 60));
    for asked in [expired.as_str(), "nonsense", ""] {
        let (status, answer) = ask(Some(&caller), format!("token={asked}")).await;
        assert_eq!((status, answer), (StatusCode::OK, json!({"active": false})));
    }
}

#[tokio::test]
async fn nobody_tries_tokens_without_one() {
    let good = token(&Claims::new("alice", unix_now() + 60));
    let (status, answer) = ask(None, format!("token={good}")).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::UNAUTHORIZED, &json!("no_token"))
    );
}

#[tokio::test]
async fn a_question_without_a_token_says_how_to_ask() {
    let caller = token(&Claims::new("service", unix_now() + 60));
    let (status, answer) = ask(Some(&caller), "tok=1".into()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::BAD_REQUEST, &json!("bad_request"))
    );
}
