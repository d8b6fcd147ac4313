//! Token introspection (RFC 7662) for services that hold no key.
//!
//! Who may ask about every token has the grant `introspect`, or is an admin. Everybody else may ask about tokens of their
//! own `sub`; of any other they hear what they would hear of nonsense, as RFC 7662 §2.2 has it for those who "are not
//! allowed to introspect a particular token" (§4: else the service helps whoever scans for tokens).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use edge::Problem;
use http::header::{CACHE_CONTROL, PRAGMA};
use lines::Pattern;
use serde::{Deserialize, Serialize};

use super::body::{Limits, Whole};
use crate::credential::refused;
use crate::grants::Subscriber;
use crate::guard::{Need, guarded};
use crate::token::{AUDIENCE, TokenError};
use crate::verifier::Verifier;

/// What the service needs.
#[derive(Clone)]
pub struct Parts {
    /// Checks the tokens: the caller's own, and the one it asks about.
    pub verifier: Arc<Verifier>,
    /// What tokens carry as `iss`.
    pub issuer: Arc<str>,
    /// What a question may take.
    pub limits: Limits,
}

/// `POST /v1/introspect`, behind a door for tokens.
pub fn router(parts: Parts) -> Router {
    let verifier = Arc::clone(&parts.verifier);
    let routes = Router::new()
        .route("/v1/introspect", post(introspect))
        .with_state(parts);
    guarded(routes, verifier, Need::Token)
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
    introspect: bool,
    mint: bool,
    /// The API key that was asked about, or that the token was exchanged for.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
}

async fn introspect(
    State(parts): State<Parts>,
    caller: Subscriber,
    request: Request,
) -> Result<Response, Problem> {
    let request = Whole::read(request, parts.limits).await?;
    let Question { token } = request.form(WANTED).await?;
    // Why a token is not active is not said (RFC 7662 §2.2); that nobody knows is: the answer may be kept.
    let found = match parts.verifier.verify(&token).await {
        Err(error @ TokenError::NotYetKnown) => return Err(refused(&error)),
        found => found.ok(),
    };
    let found = found.filter(|found| may_know(&caller, found));
    let answer = Answer {
        active: found.is_some(),
        claims: found.as_ref().map(|it| claims(it, &parts.issuer)),
    };
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer)).into_response())
}

const WANTED: &str = "send the token to look at as a form: `token=TOKEN` (application/x-www-form-urlencoded)";

fn may_know(caller: &Subscriber, asked: &Subscriber) -> bool {
    let grants = caller.grants();
    grants.introspect || grants.admin || caller.sub() == asked.sub()
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
        introspect: grants.introspect,
        mint: grants.mint,
        client_id: subscriber.client_id(),
    }
}
