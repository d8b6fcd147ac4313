//! Who one is here, and what one may: `GET /v1/me`.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use lines::Pattern;
use serde::Serialize;

use crate::grants::Subscriber;
use crate::guard::{Need, guarded};
use crate::verifier::Verifier;

/// `GET /v1/me`, behind a door for tokens.
pub fn router(verifier: Arc<Verifier>) -> Router {
    guarded(Router::new().route("/v1/me", get(me)), verifier, Need::Token)
}

#[derive(Serialize)]
struct Me {
    sub: String,
    /// What `@me` is.
    personal: String,
    /// By what one was let in: `token`, or `api_key`.
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    expires_at: i64,
    read: Vec<String>,
    write: Vec<String>,
    admin: bool,
    introspect: bool,
    mint: bool,
}

async fn me(caller: Subscriber) -> Json<Me> {
    let texts = |patterns: &[Pattern]| patterns.iter().map(|it| it.as_str().to_owned()).collect();
    let (grants, shown) = (caller.grants(), caller.shown());
    Json(Me {
        sub: caller.sub().to_owned(),
        personal: caller.personal().as_str().to_owned(),
        by: if shown.api_key.is_some() {
            "api_key"
        } else {
            "token"
        },
        iss: shown.issuer.as_deref().map(str::to_owned),
        jti: caller.token_id().map(str::to_owned),
        client_id: caller.client_id(),
        expires_at: caller.expires_at(),
        read: texts(&grants.read),
        write: texts(&grants.write),
        admin: grants.admin,
        introspect: grants.introspect,
        mint: grants.mint,
    })
}
