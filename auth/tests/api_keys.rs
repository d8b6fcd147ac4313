//! API keys, and the tokens that are made with them: `/v1/api-keys`, `POST /v1/tokens`, `GET /v1/me`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;

use std::sync::Arc;
use std::time::Duration;

use auth::api_keys::{ApiKeyLimits, Secret, Shelf};
use auth::revoked::{Mark, Revocable};
use auth::service::mint::MintLimits;
use auth::service::{Limits, api_keys, me, mint};
use auth::token::unix_now;
use auth::{Claims, Key, Minter, Signing, Staleness, TokenError, Verifier};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use book::{Book, Silence};

fn minter() -> Minter {
    Minter::hs256(&Key::from_text(&"k".repeat(32)).unwrap(), "tailcast")
}

fn token(claims: &Claims) -> String {
    minter().mint(claims).unwrap()
}

fn of(sub: &str) -> Claims {
    Claims::new(sub, unix_now() + 600)
}

/// Of an admin who may read and write `app/**`.
fn root() -> String {
    token(&Claims {
        admin: true,
        read: vec!["app/**".into()],
        write: vec!["app/**".into()],
        ..of("root")
    })
}

/// A node of role `auth`, and what it writes to.
struct Node {
    book: Arc<Book>,
    verifier: Arc<Verifier>,
    router: Router,
}

impl Node {
    async fn start() -> Self {
        Self::with(Arc::default(), ApiKeyLimits::default()).await
    }

    async fn with(book: Arc<Book>, limits: ApiKeyLimits) -> Self {
        let key = Key::from_text(&"k".repeat(32)).unwrap();
        let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
        verifier.look_first(Staleness {
            after: Duration::from_secs(600),
            refuse: false,
        });
        tokio::spawn(auth::follow(book.clone(), verifier.clone()));
        tokio::spawn(auth::keep_last_use(book.clone(), verifier.clone()));
        let keys = api_keys::router(api_keys::Parts {
            verifier: verifier.clone(),
            shelf: Arc::new(Shelf::new(book.clone(), verifier.clone(), limits)),
            limits: Limits::default(),
        });
        let minting = mint::router(mint::Parts {
            verifier: verifier.clone(),
            signing: Arc::new(Signing::with(minter())),
            mint: MintLimits::default(),
            limits: Limits::default(),
        });
        let node = Self {
            book,
            router: keys.merge(minting).merge(me::router(verifier.clone())),
            verifier,
        };
        node.judges(&token(&of("anybody")), Ok(())).await;
        node
    }

    async fn ask(
        &self,
        caller: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {caller}"));
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.answer(request.unwrap()).await
    }

    async fn answer(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1_000_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, caller: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        self.ask(caller, Method::POST, path, Some(body)).await
    }

    /// Makes a key, and waits until it opens.
    async fn make(&self, order: &Value) -> (String, String) {
        let (status, made) = self.post(&root(), "/v1/api-keys", order).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        let (id, key) = (text(&made["id"]), text(&made["key"]));
        self.judges(&key, Ok(())).await;
        (id, key)
    }

    async fn list(&self, caller: &str) -> Vec<Value> {
        let (status, list) = self.ask(caller, Method::GET, "/v1/api-keys", None).await;
        assert_eq!(status, StatusCode::OK);
        list["keys"].as_array().unwrap().clone()
    }

    async fn exchange(&self, caller: &str) -> (StatusCode, Value) {
        let request = Request::post("/v1/tokens")
            .header("authorization", format!("Bearer {caller}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.answer(request.body("grant_type=client_credentials".into()).unwrap())
            .await
    }

    /// Waits until a token or key is judged so.
    async fn judges(&self, token: &str, expected: Result<(), TokenError>) {
        let mut news = self.verifier.news();
        let until = async {
            while self.verifier.check(token).map(|_| ()) != expected {
                let _ = tokio::time::timeout(Duration::from_millis(50), news.changed()).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(60), until).await;
        assert!(found.is_ok(), "it is not judged {expected:?}");
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn shipper() -> Value {
    json!({"name": "shipper of app", "sub": "shipper", "write": ["app/*"], "lifetime": 3_600})
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_it_allows() {
    let node = Node::start().await;
    let (status, made) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(status, StatusCode::OK);
    let (id, key) = (text(&made["id"]), text(&made["key"]));
    let created = made["created_at"].as_i64().unwrap();
    assert!(key.starts_with(&format!("tck_{id}")) && key.len() == 84);
    let listed = json!({
        "id": id, "name": "shipper of app", "sub": "shipper", "read": [], "write": ["app/*"], "introspect": false,
        "mint": false, "created_at": created, "created_by": "root", "expires_at": created + 3_600,
    });
    let mut shown = listed.clone();
    shown["key"] = json!(key);
    assert_eq!(made, shown);
    assert_eq!(node.list(&root()).await, [listed]);
    node.judges(&key, Ok(())).await;

    let (_, me) = node.ask(&key, Method::GET, "/v1/me", None).await;
    let expected = json!({
        "sub": "shipper", "personal": "@shipper", "by": "api_key", "client_id": format!("tck_{id}"),
        "expires_at": created + 3_600, "read": [], "write": ["app/*"], "admin": false, "introspect": false, "mint": false,
    });
    assert_eq!(me, expected);
    // Nothing that opens anything is kept.
    for entry in node.book.entries() {
        let value = String::from_utf8(entry.value.to_vec()).unwrap();
        assert!(!value.contains(&key[12..40]), "{value}");
    }
}

#[tokio::test]
async fn what_is_nearly_a_key_opens_nothing() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    // Right in form, with the id of one that there is.
    let other = Secret::random().unwrap().text().to_owned();
    let (head, last) = key.split_at(83);
    let flipped = format!("{head}{}", if last == "0" { "1" } else { "0" });
    for wrong in [
        &other,
        &flipped,
        &format!("tck_{id}"),
        "tck_",
        &key.to_uppercase(),
        &format!("{key}0"),
    ] {
        let (status, answer) = node.ask(wrong, Method::GET, "/v1/me", None).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::UNAUTHORIZED, &json!("bad_token")),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_maker_gives_nothing_that_it_has_not_and_is_an_admin() {
    let node = Node::start().await;
    let order = |change: Value| {
        let mut order = shipper();
        order
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        order
    };
    for (change, status) in [
        (json!({"write": ["app/**"]}), 200),
        (json!({"write": ["**"]}), 403),
        (json!({"read": ["app/a"], "write": ["apps/a"]}), 403),
        (json!({"read": ["@*"]}), 403),
        (json!({"introspect": true, "mint": true}), 200),
        (json!({"admin": true}), 400),
        (json!({"name": ""}), 400),
        (json!({"name": "a\nb"}), 400),
        (json!({"sub": ""}), 400),
        (json!({"write": ["a//b"]}), 400),
        (json!({"read": ["@me"]}), 400),
        (json!({"lifetime": 0}), 400),
        (json!({"lifetime": 366 * 86_400}), 200),
        (json!({"lifetime": 366 * 86_400 + 1}), 400),
        (json!({"lifetime": -1}), 400),
    ] {
        let (answered, _) = node.post(&root(), "/v1/api-keys", &order(change.clone())).await;
        assert_eq!(answered.as_u16(), status, "{change}");
    }
    let (_, key) = node.make(&order(json!({"mint": true}))).await;
    let all_but_admin = token(&Claims {
        mint: true,
        write: vec!["**".into()],
        ..of("shipper")
    });
    for caller in [&key, &all_but_admin] {
        let (status, answer) = node.post(caller, "/v1/api-keys", &shipper()).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::FORBIDDEN, &json!("forbidden"))
        );
    }
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_keys_and_those_of_others_are_not_there() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    let path = format!("/v1/api-keys/{id}");
    let (mallory, owner) = (token(&of("mallory")), token(&of("shipper")));
    assert!(node.list(&mallory).await.is_empty());
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/rotate")),
    ] {
        let (status, answer) = node.ask(&mallory, method, &path, None).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::NOT_FOUND, &json!("api_key_not_found"))
        );
    }
    // A token of the owner that may less than the key gets no new secret of it.
    let (status, _) = node
        .ask(&owner, Method::POST, &format!("{path}/rotate"), None)
        .await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(node.list(&owner).await.len(), 1);
    let (status, answer) = node.ask(&owner, Method::DELETE, &path, None).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({"deleted": id})));
    node.judges(&key, Err(TokenError::NoSuchApiKey)).await;
    assert_eq!(
        node.ask(&owner, Method::DELETE, &path, None).await.0,
        StatusCode::NOT_FOUND
    );
    for id in ["..", "a%2Fb", "%00", &"x".repeat(600)] {
        let (status, _) = node
            .ask(&root(), Method::DELETE, &format!("/v1/api-keys/{id}"), None)
            .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn who_is_in_by_a_key_that_is_deleted_has_to_go_and_so_has_who_shows_what_it_was_exchanged_for() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    let exchanged = text(&node.exchange(&key).await.1["access_token"]);
    let in_by = [&key, &exchanged].map(|shown| node.verifier.check(shown).unwrap());
    for subscriber in &in_by {
        assert_eq!(node.verifier.stands(subscriber), Ok(()));
    }
    let path = format!("/v1/api-keys/{id}");
    assert_eq!(
        node.ask(&root(), Method::DELETE, &path, None).await.0,
        StatusCode::OK
    );
    node.judges(&key, Err(TokenError::NoSuchApiKey)).await;
    node.judges(&exchanged, Err(TokenError::Revoked)).await;
    for subscriber in &in_by {
        assert_eq!(node.verifier.stands(subscriber), Err(TokenError::Revoked));
    }
}

#[tokio::test]
async fn a_rotated_key_opens_by_both_secrets_for_a_while_and_then_by_the_new_one() {
    let node = Node::start().await;
    let (id, first) = node.make(&shipper()).await;
    let path = format!("/v1/api-keys/{id}/rotate");
    // By itself.
    let (status, rotated) = node.post(&first, &path, &json!({"overlap": 2})).await;
    assert_eq!(status, StatusCode::OK, "{rotated}");
    let second = text(&rotated["key"]);
    assert_eq!(
        (text(&rotated["id"]), rotated["overlaps_until"].is_i64()),
        (id, true)
    );
    node.judges(&second, Ok(())).await;
    let in_by_first = node.verifier.check(&first).unwrap();
    let mut news = node.verifier.news();
    node.judges(&first, Err(TokenError::Expired)).await;
    // Whoever holds it hears of it.
    let until = async {
        while node.verifier.stands(&in_by_first).is_ok() {
            news.changed().await.unwrap()
        }
    };
    tokio::time::timeout(Duration::from_secs(20), until)
        .await
        .expect("nobody tells that it ended");
    assert_eq!(node.verifier.stands(&in_by_first), Err(TokenError::Revoked));

    // At once, with a longer life, which an admin alone gives.
    let order = json!({"overlap": 0, "lifetime": 7_200});
    assert_eq!(node.post(&second, &path, &order).await.0, StatusCode::FORBIDDEN);
    let (_, again) = node.post(&root(), &path, &order).await;
    assert!(again["expires_at"].as_i64() > rotated["expires_at"].as_i64());
    node.judges(&second, Err(TokenError::NoSuchApiKey)).await;
    node.judges(&text(&again["key"]), Ok(())).await;
}

/// Who had it for a moment keeps nothing of it.
#[tokio::test]
async fn what_a_secret_was_exchanged_for_ends_with_that_secret_and_gets_no_new_one() {
    let node = Node::start().await;
    for by_mark in [false, true] {
        let (id, key) = node.make(&shipper()).await;
        let path = format!("/v1/api-keys/{id}/rotate");
        let stolen = text(&node.exchange(&key).await.1["access_token"]);
        node.judges(&stolen, Ok(())).await;
        assert_eq!(
            node.post(&stolen, &path, &json!({"overlap": 0})).await.0,
            StatusCode::FORBIDDEN
        );
        if by_mark {
            let owner = node.verifier.check(&key).unwrap();
            let mark = Mark::of_token(&owner, "root", unix_now()).unwrap();
            assert_eq!(
                mark.until,
                auth::revoked::NEVER,
                "a key may be made to last longer"
            );
            node.book.put(&mark);
        } else {
            assert_eq!(
                node.post(&root(), &path, &json!({"overlap": 0})).await.0,
                StatusCode::OK
            );
        }
        node.judges(&stolen, Err(TokenError::Revoked)).await;
    }
}

/// Whoever did not hear that it was done does it again.
#[tokio::test]
async fn a_rotation_that_is_repeated_takes_away_nothing_that_was_promised() {
    let node = Node::start().await;
    let (id, first) = node.make(&shipper()).await;
    let path = format!("/v1/api-keys/{id}/rotate");
    for _ in 0..3 {
        let (_, again) = node.post(&root(), &path, &json!({"overlap": 86_400})).await;
        node.judges(&text(&again["key"]), Ok(())).await;
    }
    node.judges(&first, Ok(())).await;
    assert_eq!(
        node.post(&root(), &path, &json!({})).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        node.post(&root(), &path, &json!({"overlap": 0})).await.0,
        StatusCode::OK
    );
    node.judges(&first, Err(TokenError::NoSuchApiKey)).await;
}

#[tokio::test]
async fn what_a_subscriber_was_issued_before_is_taken_back_with_their_keys() {
    let node = Node::start().await;
    let (_, key) = node.make(&shipper()).await;
    let mark = Mark::new(Revocable::Subscriber("shipper".into()), "root", unix_now());
    node.book.put(&mark);
    node.judges(&key, Err(TokenError::Revoked)).await;
}

#[tokio::test(start_paused = true)]
async fn the_last_use_is_told_to_the_minute_and_not_written_for_each() {
    let node = Node::start().await;
    let (id, key) = node.make(&shipper()).await;
    let (unused, _) = node.make(&shipper()).await;
    let before = node.book.revision();
    for _ in 0..100 {
        node.verifier.check(&key).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(node.book.revision() <= before + 1, "one commit");
    let listed = node.list(&root()).await;
    let of = |id: &str| listed.iter().find(|key| key["id"] == *id).unwrap();
    assert!((of(&id)["last_used"].as_i64().unwrap() - unix_now()).abs() < 60);
    // Of one that is deleted nothing stays.
    for id in [&id, &unused] {
        node.verifier.check(&key).ok();
        let path = format!("/v1/api-keys/{id}");
        assert_eq!(
            node.ask(&root(), Method::DELETE, &path, None).await.0,
            StatusCode::OK
        );
    }
    tokio::time::sleep(Duration::from_secs(121)).await;
    assert_eq!(node.book.entries(), []);
}

#[tokio::test]
async fn a_key_of_which_nobody_heard_that_it_was_made_is_told_made_or_unknown_and_never_wrong() {
    let node = Node::start().await;
    node.book.is_silent(Some(Silence::Done));
    let (status, made) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(status, StatusCode::OK, "it is looked at: {made}");
    node.book.is_silent(Some(Silence::Undone));
    let (status, answer) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unknown_outcome"))
    );
    node.book.is_silent(None);
    node.book.away(true);
    let (status, answer) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    node.book.away(false);
    assert_eq!(node.list(&root()).await.len(), 1);
    node.judges(&text(&made["key"]), Ok(())).await;
}

#[tokio::test]
async fn there_are_so_many_keys() {
    let limits = ApiKeyLimits {
        keys: 2,
        ..ApiKeyLimits::default()
    };
    let node = Node::with(Arc::default(), limits).await;
    for _ in 0..2 {
        node.make(&shipper()).await;
    }
    let (status, answer) = node.post(&root(), "/v1/api-keys", &shipper()).await;
    assert_eq!(
        (status, &answer["code"]),
        (StatusCode::CONFLICT, &json!("too_many_api_keys"))
    );
}

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
