//! The `auth` role's service: token introspection (RFC 7662) for services that hold no key.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use edge::Problem;
use http::header::{CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, StatusCode, Uri};
use serde::{Deserialize, Serialize};

use crate::credential::authenticate;
use crate::grants::Subscriber;
use crate::name::Pattern;
use crate::token::{AUDIENCE, Verifier};

/// What the service needs.
#[derive(Clone)]
pub struct Parts {
    /// Checks the tokens: the caller's own, and the one it asks about.
    pub verifier: Arc<Verifier>,
    /// What tokens carry as `iss`.
    pub issuer: Arc<str>,
}

/// `POST /v1/introspect`. The caller shows a token of its own, so that nobody without one can try tokens here
/// (RFC 7662 §2.1 leaves the way of authorization open).
pub fn router(parts: Parts) -> Router {
    Router::new()
        .route("/v1/introspect", post(introspect))
        .with_state(parts)
}

#[derive(Deserialize)]
struct Question {
    token: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    active: bool,
    #[serde(flatten)]
    claims: Option<ActiveClaims<'a>>,
}

#[derive(Serialize)]
struct ActiveClaims<'a> {
    token_type: &'static str,
    sub: &'a str,
    iss: &'a str,
    aud: &'static str,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    read: Vec<&'a str>,
    write: Vec<&'a str>,
    admin: bool,
}

async fn introspect(
    State(parts): State<Parts>,
    uri: Uri,
    headers: HeaderMap,
    question: Result<Form<Question>, axum::extract::rejection::FormRejection>,
) -> Result<Response, Problem> {
    authenticate(&parts.verifier, &headers, &uri)?;
    let Form(Question { token }) = question.map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "send the token to look at as a form: `token=TOKEN` (application/x-www-form-urlencoded)",
        )
    })?;
    // Why a token is not active is not said (RFC 7662 §2.2).
    let found = parts.verifier.verify(&token).ok();
    let answer = Answer {
        active: found.is_some(),
        claims: found.as_ref().map(|it| claims(it, &parts.issuer)),
    };
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer)).into_response())
}

fn claims<'a>(subscriber: &'a Subscriber, issuer: &'a str) -> ActiveClaims<'a> {
    let grants = subscriber.grants();
    ActiveClaims {
        token_type: "Bearer",
        sub: subscriber.sub(),
        iss: issuer,
        aud: AUDIENCE,
        exp: subscriber.expires_at(),
        jti: subscriber.token_id(),
        read: grants.read.iter().map(Pattern::as_str).collect(),
        write: grants.write.iter().map(Pattern::as_str).collect(),
        admin: grants.admin,
    }
}
