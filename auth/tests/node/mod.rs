//! A node of role `auth` as tests ask it: what it answers, and whom it lets in.
#![allow(dead_code, unreachable_pub, reason = "each test uses what it needs")]

use std::sync::Arc;
use std::time::Duration;

use auth::api_keys::{ApiKeyLimits, Shelf};
use auth::service::mint::MintLimits;
use auth::service::{Limits, api_keys, me, mint};
use auth::token::unix_now;
use auth::{Claims, Key, Minter, Signing, Staleness, TokenError, Verifier};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::book::Book;

pub fn minter() -> Minter {
    Minter::hs256(&Key::from_text(&"k".repeat(32)).unwrap(), "tailcast")
}

pub fn token(claims: &Claims) -> String {
    minter().mint(claims).unwrap()
}

pub fn of(sub: &str) -> Claims {
    Claims::new(sub, unix_now() + 600)
}

/// Of an admin who may read and write `app/**`.
pub fn root() -> String {
    token(&Claims {
        admin: true,
        read: vec!["app/**".into()],
        write: vec!["app/**".into()],
        ..of("root")
    })
}

/// A node of role `auth`, and what it writes to.
pub struct Node {
    pub book: Arc<Book>,
    pub verifier: Arc<Verifier>,
    pub router: Router,
}

impl Node {
    pub async fn start() -> Self {
        Self::with(Arc::default(), ApiKeyLimits::default()).await
    }

    pub async fn with(book: Arc<Book>, limits: ApiKeyLimits) -> Self {
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

    pub async fn ask(
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

    pub async fn answer(&self, request: Request<Body>) -> (StatusCode, Value) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1_000_000).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub async fn post(&self, caller: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        self.ask(caller, Method::POST, path, Some(body)).await
    }

    /// Makes a key, and waits until it opens.
    pub async fn make(&self, order: &Value) -> (String, String) {
        let (status, made) = self.post(&root(), "/v1/api-keys", order).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        let (id, key) = (text(&made["id"]), text(&made["key"]));
        self.judges(&key, Ok(())).await;
        (id, key)
    }

    pub async fn list(&self, caller: &str) -> Vec<Value> {
        let (status, list) = self.ask(caller, Method::GET, "/v1/api-keys", None).await;
        assert_eq!(status, StatusCode::OK);
        list["keys"].as_array().unwrap().clone()
    }

    pub async fn exchange(&self, caller: &str) -> (StatusCode, Value) {
        let request = Request::post("/v1/tokens")
            .header("authorization", format!("Bearer {caller}"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.answer(request.body("grant_type=client_credentials".into()).unwrap())
            .await
    }

    /// Waits until a token or key is judged so.
    pub async fn judges(&self, token: &str, expected: Result<(), TokenError>) {
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

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

pub fn shipper() -> Value {
    json!({"name": "shipper of app", "sub": "shipper", "write": ["app/*"], "lifetime": 3_600})
}
