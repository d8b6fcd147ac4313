//! Tokens that are made for others, and of API keys: `POST /v1/tokens`, `GET /v1/me`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;
mod node;

use auth::Claims;
use auth::token::unix_now;
use http::{Method, StatusCode};
use serde_json::json;

use node::{Node, of, root, shipper, text, token};

#[tokio::test]
async fn a_key_is_exchanged_for_a_token_that_allows_the_same_and_not_a_second_longer() {
    let node = Node::start().await;
    let mut order = shipper();
    order["read"] = json!(["app/a"]);
    order["lifetime"] = json!(1_000);
    let (id, key) = node.make(&order).await;
    let (status, answer) = node.exchange(&key).await;
    assert_eq!(
        (status, &answer["token_type"]),
        (StatusCode::OK, &json!("Bearer"))
    );
    let token = text(&answer["access_token"]);
    let left = answer["expires_in"].as_i64().unwrap();
    assert!(left > 900 && left <= 1_000, "{left}");
    let (_, me) = node.ask(&token, Method::GET, "/v1/me", None).await;
    assert_eq!(
        (&me["by"], &me["sub"], &me["read"], &me["write"], &me["client_id"]),
        (
            &json!("token"),
            &json!("shipper"),
            &json!(["app/a"]),
            &json!(["app/*"]),
            &json!(format!("tck_{id}"))
        )
    );
    let (status, answer) = node.exchange(&token).await;
    assert_eq!(
        (status, &answer["error"]),
        (StatusCode::FORBIDDEN, &json!("unauthorized_client"))
    );
    // Of what it allows, less.
    let (status, _) = node
        .post(&key, "/v1/tokens", &json!({"write": ["app/b"], "lifetime": 5}))
        .await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_minter_gives_nothing_that_it_has_not() {
    let node = Node::start().await;
    let minting = token(&Claims {
        mint: true,
        read: vec!["app/**".into(), "@team".into()],
        ..of("minter")
    });
    let plain = token(&Claims {
        read: vec!["**".into()],
        ..of("plain")
    });
    let mut order = shipper();
    order["mint"] = json!(true);
    let (_, key) = node.make(&order).await;
    for (caller, order, status) in [
        (&minting, json!({"read": ["app/*/x"]}), 200),
        (
            &minting,
            json!({"sub": "minter", "read": ["app"], "mint": true}),
            200,
        ),
        (&minting, json!({"sub": "team", "read": ["app/a"]}), 200),
        (&minting, json!({"sub": "alice", "read": ["app/a"]}), 403),
        (&minting, json!({"read": ["**"]}), 403),
        (&minting, json!({"write": ["app/a"]}), 403),
        (&minting, json!({"introspect": true}), 403),
        (&minting, json!({"admin": true}), 403),
        (&minting, json!({"sub": ""}), 400),
        (&minting, json!({"read": ["a//b"]}), 400),
        (&minting, json!({"lifetime": 0}), 400),
        (&minting, json!({"what": 1}), 400),
        (&plain, json!({}), 403),
        (&plain, json!({"sub": "plain"}), 403),
        (&key, json!({"write": ["app/x"], "mint": true}), 200),
        (&key, json!({"sub": "alice"}), 403),
        (&key, json!({"admin": true}), 403),
        (
            &root(),
            json!({"sub": "alice", "read": ["app/a"], "admin": true}),
            200,
        ),
        (&root(), json!({"sub": "alice", "read": ["**"]}), 403),
    ] {
        let (answered, answer) = node.post(caller, "/v1/tokens", &order).await;
        assert_eq!(answered.as_u16(), status, "{order}: {answer}");
        if status == 200 {
            node.judges(&text(&answer["access_token"]), Ok(())).await;
        }
    }
    // Nor time.
    let (_, answer) = node
        .post(&root(), "/v1/tokens", &json!({"lifetime": 86_400}))
        .await;
    let left = answer["expires_in"].as_i64().unwrap();
    assert!(
        left > 500 && left <= 600,
        "{left}: no longer than the token that it is made with"
    );
    let long = token(&Claims {
        expires_at: unix_now() + 86_400,
        admin: true,
        ..of("root")
    });
    let (_, answer) = node.post(&long, "/v1/tokens", &json!({"lifetime": 86_400})).await;
    assert_eq!(answer["expires_in"], 3_600, "nor than an hour");
}

/// Who signs tokens for us with the shared key may have clients of their own.
#[tokio::test]
async fn a_client_id_that_is_no_key_of_ours_is_nothing_to_us() {
    let node = Node::start().await;
    for client in [json!("tck_app"), json!("web"), json!(7), json!(null)] {
        let claims = json!({
            "sub": "alice", "iss": "tailcast", "aud": "tailcast", "exp": unix_now() + 600, "client_id": client,
        });
        let signing = jsonwebtoken::EncodingKey::from_secret("k".repeat(32).as_bytes());
        let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &signing).unwrap();
        node.judges(&token, Ok(())).await;
    }
}
