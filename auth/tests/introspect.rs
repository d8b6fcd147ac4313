//! `POST /v1/introspect` (RFC 7662), for services that hold no key.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;
use std::time::Duration;

use auth::service::Limits;
use auth::service::introspect::{Parts, router};
use auth::token::unix_now;
use auth::{Claims, Key, Minter, Staleness, Verifier};
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
    ask_with(caller, Body::from(form)).await
}

async fn ask_with(caller: Option<&str>, form: Body) -> (StatusCode, Value) {
    let verifier = Arc::new(Verifier::hs256(&key(), "tailcast"));
    ask_of(verifier, caller, form).await
}

async fn ask_of(verifier: Arc<Verifier>, caller: Option<&str>, form: Body) -> (StatusCode, Value) {
    let parts = Parts {
        verifier,
        issuer: "tailcast".into(),
        limits: Limits::default(),
    };
    let mut request =
        Request::post("/v1/introspect").header("content-type", "application/x-www-form-urlencoded");
    if let Some(caller) = caller {
        request = request.header("authorization", format!("Bearer {caller}"));
    }
    let response = router(parts).oneshot(request.body(form).unwrap()).await.unwrap();
    let status = response.status();
    (
        status,
        serde_json::from_slice(&to_bytes(response.into_body(), 65_536).await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn an_active_token_is_described_to_whoever_may_ask() {
    let end = unix_now() + 60;
    let caller = token(&Claims {
        introspect: true,
        ..Claims::new("service", end)
    });
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
        "introspect": false, "mint": false,
    });
    assert_eq!((status, answer), (StatusCode::OK, expected));
}

/// RFC 7662 §2.2.
#[tokio::test]
async fn without_the_grant_one_may_ask_about_oneself_and_others_look_like_nonsense() {
    let end = unix_now() + 60;
    let none = Claims::new("bob", end);
    let alice = token(&Claims::new("alice", end));
    let other_of_bob = token(&none);
    let admin = Claims {
        admin: true,
        ..none.clone()
    };
    let reader = Claims {
        read: vec!["**".into(), "@*".into()],
        write: vec!["**".into()],
        ..none.clone()
    };
    for (caller, asked, active) in [
        (&none, &alice, false),
        (&reader, &alice, false),
        (&none, &other_of_bob, true),
        (&admin, &alice, true),
    ] {
        let (status, answer) = ask(Some(&token(caller)), format!("token={asked}")).await;
        assert_eq!(status, StatusCode::OK);
        if active {
            assert_eq!(answer["active"], true)
        } else {
            assert_eq!(answer, json!({"active": false}))
        }
    }
}

/// A body whose every byte would be a mistake to read.
fn never_read() -> Body {
    Body::from_stream(futures_util::stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<Vec<u8>, std::io::Error>>> { panic!("the body was read") },
    ))
}

#[tokio::test]
async fn the_token_is_looked_at_before_the_form_is() {
    for caller in [None, Some("nonsense")] {
        let (status, _) = ask_with(caller, never_read()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_form_has_so_many_bytes() {
    let caller = token(&Claims::new("service", unix_now() + 60));
    let (status, answer) = ask(Some(&caller), format!("token={}", "x".repeat(16 * 1024))).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_form_has_its_time() {
    let caller = token(&Claims::new("service", unix_now() + 60));
    let never_ends = futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let (status, answer) = ask_with(Some(&caller), Body::from_stream(never_ends)).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::REQUEST_TIMEOUT, &json!("too_slow"))
    );
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

/// Who asks may keep the answer: that a good token is dead is never said for want of knowing.
#[tokio::test(start_paused = true)]
async fn that_it_is_not_known_whether_a_token_counts_is_no_word_that_it_does_not() {
    let verifier = Arc::new(Verifier::hs256(&key(), "tailcast"));
    let caller = token(&Claims::new("service", unix_now() + 60));
    let (forgetful, form) = (verifier.clone(), format!("token={caller}"));
    // The caller is let in already.
    let later = futures_util::stream::once(async move {
        forgetful.look_first(Staleness {
            after: Duration::from_secs(600),
            refuse: false,
        });
        Ok::<_, std::io::Error>(form)
    });
    let (status, answer) = ask_of(verifier, Some(&caller), Body::from_stream(later)).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
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
