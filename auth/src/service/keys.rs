//! Keys: the public ones for everybody who checks tokens (RFC 7517, RFC 8414), and their rotation for admins.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use edge::Problem;
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde::Serialize;
use serde_json::json;

use crate::grants::Subscriber;
use crate::guard::{Need, guarded};
use crate::pairs::{Keyring, NotChanged, PublicKey, Record, State as KeyState};
use crate::token::unix_now;
use crate::verifier::Verifier;

/// When who could not be answered asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// So long others need not ask again. A key is published before it signs.
const KEPT: &str = "public, max-age=300";

/// What the service needs.
#[derive(Clone)]
pub struct Parts {
    /// Knows the public keys, and checks who asks for more.
    pub verifier: Arc<Verifier>,
    /// Where they are written down.
    pub keyring: Keyring,
}

/// The public keys, for everybody, and `/v1/keys` behind a door for admins.
pub fn router(parts: Parts) -> Router {
    let verifier = Arc::clone(&parts.verifier);
    let open = Router::new()
        .route("/.well-known/jwks.json", get(public_keys))
        .route("/.well-known/oauth-authorization-server", get(metadata))
        .with_state(parts.clone());
    let admins = Router::new()
        .route("/v1/keys", get(list))
        .route("/v1/keys/rotate", post(rotate))
        .route("/v1/keys/{kid}/retire", post(retire))
        .with_state(parts);
    open.merge(guarded(admins, verifier, Need::Admin))
}

#[derive(Serialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

async fn public_keys(State(parts): State<Parts>) -> Result<Response, Problem> {
    let known = parts.verifier.pairs().ok_or_else(|| {
        let detail = "the keys are not known here yet: ask again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN)
    })?;
    let now = unix_now();
    let keys = known.iter().filter(|record| record.counts(now));
    let keys = keys.map(|record| record.key.clone()).collect();
    Ok(([(CACHE_CONTROL, KEPT)], Json(KeySet { keys })).into_response())
}

/// RFC 8414 §2, of what is there.
async fn metadata(State(parts): State<Parts>) -> Result<Response, Problem> {
    let issuer = parts.verifier.issuer();
    if !issuer.starts_with("https://") && !issuer.starts_with("http://") {
        let detail =
            "the tokens' issuer is a name and no address: set `issuer` to the address that people reach";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_metadata", detail));
    }
    let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": at("/.well-known/jwks.json"),
        "introspection_endpoint": at("/v1/introspect"),
        "revocation_endpoint": at("/v1/revoke"),
        "token_endpoint": at("/v1/tokens"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        // Nobody logs in here.
        "response_types_supported": [],
    });
    Ok(([(CACHE_CONTROL, KEPT)], Json(metadata)).into_response())
}

/// A key as admins see it.
#[derive(Serialize)]
struct Shown {
    kid: String,
    algorithm: &'static str,
    state: KeyState,
    made: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    activated: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<i64>,
    /// From then on it checks nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// The longest that a token of it lasts, in seconds.
    lifetime: u64,
}

impl From<Record> for Shown {
    fn from(record: Record) -> Self {
        Self {
            kid: record.key.kid().to_owned(),
            algorithm: record.key.algorithm().name(),
            state: record.state,
            made: record.made,
            activated: record.activated,
            retired: record.retired,
            until: record.until(),
            lifetime: record.lifetime,
        }
    }
}

#[derive(Serialize)]
struct Listed {
    keys: Vec<Shown>,
}

#[derive(Serialize)]
struct Turned {
    active: Vec<String>,
    retired: Vec<String>,
}

async fn list(State(parts): State<Parts>) -> Result<Json<Listed>, Problem> {
    let records = parts.keyring.list().await.map_err(told)?;
    let keys = records.into_iter().map(Shown::from).collect();
    Ok(Json(Listed { keys }))
}

async fn rotate(State(parts): State<Parts>, caller: Subscriber) -> Result<Json<Turned>, Problem> {
    let turned = parts.keyring.rotate().await.map_err(told)?;
    tracing::info!(by = caller.sub(), active = ?turned.active, retired = ?turned.retired, "keys rotated");
    Ok(Json(Turned {
        active: turned.active,
        retired: turned.retired,
    }))
}

async fn retire(
    State(parts): State<Parts>,
    Path(kid): Path<String>,
    caller: Subscriber,
) -> Result<Json<Shown>, Problem> {
    let record = parts.keyring.retire(&kid).await.map_err(told)?;
    tracing::info!(by = caller.sub(), kid = record.key.kid(), "key retired");
    Ok(Json(record.into()))
}

fn told(error: NotChanged) -> Problem {
    let detail = error.to_string();
    match error {
        NotChanged::NoSuchKey(_) => Problem::new(StatusCode::NOT_FOUND, "no_such_key", detail),
        NotChanged::NoNext => Problem::new(StatusCode::CONFLICT, "no_next_key", detail),
        NotChanged::TooSoon(left) => Problem::new(StatusCode::CONFLICT, "too_soon", detail).retry_after(left),
        NotChanged::Away(_) | NotChanged::Overtaken => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN)
        }
        NotChanged::Unknown(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unknown_outcome", detail).retry_after(ASK_AGAIN)
        }
        NotChanged::Damaged(_) => {
            tracing::error!(%error, "a key could not be changed");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store_damaged", detail)
        }
    }
}
