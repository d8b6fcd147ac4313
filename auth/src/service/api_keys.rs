//! API keys: made, listed, rotated and deleted.
//!
//! Admins make them, for whomever. Who a key is for lists, rotates and deletes their own, with the key itself, too; nobody
//! makes a key that allows more than what they show.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use edge::Problem;
use http::StatusCode;
use http::header::{CACHE_CONTROL, PRAGMA};
use serde::{Deserialize, Serialize};

use super::body::{Limits, Whole, bad_request};
use crate::api_keys::{Allows, ApiKey, Listed, Made, NotKept, Order, Shelf};
use crate::audit::About;
use crate::grants::Subscriber;
use crate::guard::{Need, guarded};
use crate::token::unix_now;
use crate::verifier::Verifier;

/// When who could not be answered asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long the secret before the newest opens a key, unless it is said.
const OVERLAP: Duration = Duration::from_secs(86_400);

/// What the service needs.
#[derive(Clone)]
pub struct Parts {
    /// Checks who asks.
    pub verifier: Arc<Verifier>,
    /// Where keys are.
    pub shelf: Arc<Shelf>,
    /// What a request may take.
    pub limits: Limits,
}

/// `/v1/api-keys`, behind doors for tokens.
pub fn router(parts: Parts) -> Router {
    let making = Router::new()
        .route("/v1/api-keys", post(make))
        .with_state(parts.clone());
    let having = Router::new()
        .route("/v1/api-keys", get(list))
        .route("/v1/api-keys/{id}", delete(remove))
        .route("/v1/api-keys/{id}/rotate", post(rotate))
        .with_state(parts.clone());
    let making = guarded(making, Arc::clone(&parts.verifier), Need::Admin);
    making.merge(guarded(having, parts.verifier, Need::Token))
}

/// A key to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    sub: String,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    introspect: bool,
    #[serde(default)]
    mint: bool,
    /// In seconds.
    #[serde(default)]
    lifetime: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// In seconds.
    #[serde(default)]
    overlap: Option<u64>,
    /// The same.
    #[serde(default)]
    lifetime: Option<u64>,
}

/// A key, as it is told.
#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    /// Once, to who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    name: &'a str,
    sub: &'a str,
    #[serde(flatten)]
    allows: &'a Allows,
    created_at: i64,
    created_by: &'a str,
    expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlaps_until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<i64>,
}

impl<'a> Told<'a> {
    fn of(id: &'a str, key: &'a ApiKey) -> Self {
        Self {
            id,
            key: None,
            name: &key.name,
            sub: &key.sub,
            allows: &key.allows,
            created_at: key.created_at,
            created_by: &key.created_by,
            expires_at: key.expires_at,
            overlaps_until: key.overlaps_until(unix_now()),
            last_used: None,
        }
    }
}

#[derive(Serialize)]
struct List<'a> {
    keys: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Deleted<'a> {
    deleted: &'a str,
}

async fn make(State(parts): State<Parts>, caller: Subscriber, request: Request) -> Result<Response, Problem> {
    let request = Whole::read(request, parts.limits).await?;
    let new: New = json(&request)?;
    let order = Order {
        name: new.name,
        sub: new.sub,
        allows: Allows {
            read: new.read,
            write: new.write,
            introspect: new.introspect,
            mint: new.mint,
        },
        lifetime: new.lifetime.map(Duration::from_secs),
    };
    let made = parts.shelf.make(order, &caller, unix_now()).await.map_err(told)?;
    tracing::info!(
        by = caller.sub(),
        id = made.secret.id(),
        sub = made.key.sub,
        "an API key was made"
    );
    Ok(shown_once(&made))
}

async fn rotate(
    State(parts): State<Parts>,
    Path(id): Path<String>,
    caller: Subscriber,
    request: Request,
) -> Result<Response, Problem> {
    let request = Whole::read(request, parts.limits).await?;
    let Rotation { overlap, lifetime } = if request.is_empty() {
        Rotation::default()
    } else {
        json(&request)?
    };
    if lifetime.is_some() && !caller.grants().admin {
        let detail = "only a token with `admin` lets a key last longer: leave `lifetime` out";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let overlap = overlap.map_or(OVERLAP, Duration::from_secs);
    let lifetime = lifetime.map(Duration::from_secs);
    let rotated = parts.shelf.rotate(&id, overlap, lifetime, &caller, unix_now());
    let made = rotated.await.map_err(told)?;
    tracing::info!(
        by = caller.sub(),
        id,
        sub = made.key.sub,
        "an API key was rotated"
    );
    Ok(shown_once(&made))
}

async fn list(State(parts): State<Parts>, caller: Subscriber) -> Result<Response, Problem> {
    let of = (!caller.grants().admin).then(|| caller.sub());
    let listed = parts.shelf.list(of).await.map_err(told)?;
    let keys = listed.iter().map(|Listed { id, key, last_used }| Told {
        last_used: *last_used,
        ..Told::of(id, key)
    });
    Ok(answer(&List { keys: keys.collect() }))
}

async fn remove(
    State(parts): State<Parts>,
    Path(id): Path<String>,
    caller: Subscriber,
) -> Result<Response, Problem> {
    let deleted = parts.shelf.delete(&id, &caller).await.map_err(told)?;
    tracing::info!(by = caller.sub(), id, sub = deleted.sub, "an API key was deleted");
    Ok(answer(&Deleted { deleted: &id }))
}

fn json<T: serde::de::DeserializeOwned>(request: &Whole) -> Result<T, Problem> {
    if request.is_json() {
        request.json()
    } else {
        Err(bad_request("send JSON, as `Content-Type: application/json`"))
    }
}

fn shown_once(made: &Made) -> Response {
    let mut answer = answer(&Told {
        key: Some(made.secret.text()),
        ..Told::of(made.secret.id(), &made.key)
    });
    let about = format!(
        "{} for {:?}: {:?}",
        made.secret.id(),
        made.key.sub,
        made.key.allows
    );
    answer.extensions_mut().insert(About(about));
    answer
}

fn answer(of: &impl Serialize) -> Response {
    ([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(of)).into_response()
}

fn told(error: NotKept) -> Problem {
    let detail = error.to_string();
    match error {
        NotKept::Bad(_) | NotKept::BadGrant(_) => bad_request(detail),
        NotKept::TooMuch(_) => Problem::new(StatusCode::FORBIDDEN, "forbidden", detail),
        NotKept::NotFound => Problem::new(StatusCode::NOT_FOUND, "api_key_not_found", detail),
        NotKept::TooMany(_) => Problem::new(StatusCode::CONFLICT, "too_many_api_keys", detail),
        NotKept::Away(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN)
        }
        NotKept::Unknown(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unknown_outcome", detail).retry_after(ASK_AGAIN)
        }
        NotKept::Damaged(_) => {
            tracing::error!(%error, "nothing could be done with an API key");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store_damaged", detail)
        }
    }
}
