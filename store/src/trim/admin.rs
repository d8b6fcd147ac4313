//! `/v1/retention`: what retention does, for whoever may use the admin API, and two words to it: bring back, go on.

use std::sync::Arc;

use auth::{Need, Verifier};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use edge::Problem;
use http::StatusCode;
use lines::retention::{Hidden, HiddenLines, Restored};
use lines::{StoreError, Target};
use serde::{Deserialize, Serialize};

use super::{Overdue, Trimmer};

/// Streams that a status lists, at most.
const MOST_LISTED: usize = 1000;
/// The most that a request may have, in bytes.
const MOST_ASKED: usize = 256 * 1024;

/// For the internal listener.
pub fn router(verifier: Arc<Verifier>, trimmer: Arc<Trimmer>) -> Router {
    let routes = Router::new()
        .route("/v1/retention", get(status))
        .route("/v1/retention/restore", post(restore))
        .route("/v1/retention/allow", post(allow))
        .layer(DefaultBodyLimit::max(MOST_ASKED))
        .with_state(trimmer);
    auth::guarded(routes, verifier, Need::Admin)
}

#[derive(Serialize)]
struct Status {
    /// What is to be kept; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    retain_age_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retain_bytes: Option<u64>,
    now: String,
    bytes: u64,
    hidden_bytes: u64,
    hidden_streams: u64,
    held_streams: u64,
    oldest: Option<String>,
    newest: Option<String>,
    overdue_seconds: u64,
    overdue_bytes: u64,
    held: Option<Why>,
    hidden: Vec<HiddenEntry>,
}

#[derive(Serialize)]
struct Why {
    code: &'static str,
    message: String,
}

#[derive(Serialize)]
struct HiddenEntry {
    stream: String,
    from: u64,
    to: u64,
    bytes: u64,
    deleted_after: String,
}

impl From<HiddenLines> for HiddenEntry {
    fn from(hidden: HiddenLines) -> Self {
        Self {
            stream: hidden.stream.to_string(),
            from: hidden.from.0,
            to: hidden.to.0,
            bytes: hidden.bytes,
            deleted_after: hidden.deleted_after.to_string(),
        }
    }
}

async fn status(State(trimmer): State<Arc<Trimmer>>) -> Result<Response, Problem> {
    let store = &trimmer.parts.store;
    let retention = trimmer.retention();
    let look = trimmer.look().await.map_err(away)?;
    let holdings = store.holdings().await.map_err(away)?;
    let overdue = Overdue::of(&retention, &holdings, look.now);
    let hold = trimmer.hold().filter(|_| retention.age.is_some());
    let status = Status {
        retain_age_seconds: retention.age.map(|age| age.as_secs()),
        retain_bytes: retention.bytes,
        now: look.now.to_string(),
        bytes: holdings.bytes,
        hidden_bytes: holdings.hidden_bytes,
        hidden_streams: holdings.hidden_streams,
        held_streams: holdings.held_streams,
        oldest: holdings.oldest.map(|at| at.to_string()),
        newest: holdings.newest.map(|at| at.to_string()),
        overdue_seconds: overdue.age.as_secs(),
        overdue_bytes: overdue.bytes,
        held: hold.map(|hold| Why {
            code: hold.code(),
            message: hold.to_string(),
        }),
        hidden: store
            .hidden(MOST_LISTED)
            .await
            .map_err(away)?
            .into_iter()
            .map(HiddenEntry::from)
            .collect(),
    };
    Ok(Json(status).into_response())
}

/// Which streams: one of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    streams: Vec<String>,
    #[serde(default)]
    all: bool,
}

#[derive(Serialize)]
struct Answer {
    restored: Vec<RestoredEntry>,
}

#[derive(Serialize)]
struct RestoredEntry {
    stream: String,
    from: u64,
    to: u64,
}

impl From<Restored> for RestoredEntry {
    fn from(restored: Restored) -> Self {
        Self {
            stream: restored.stream.to_string(),
            from: restored.from.0,
            to: restored.to.0,
        }
    }
}

async fn restore(State(trimmer): State<Arc<Trimmer>>, body: bytes::Bytes) -> Result<Response, Problem> {
    let which =
        asked(&body).map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", detail))?;
    let restored = trimmer.parts.store.restore(&which).await.map_err(away)?;
    let lines: u64 = restored.iter().map(|it| it.to.since(it.from)).sum();
    tracing::info!(streams = restored.len(), lines, "lines were brought back");
    let restored = restored.into_iter().map(RestoredEntry::from).collect();
    Ok(Json(Answer { restored }).into_response())
}

fn asked(body: &[u8]) -> Result<Hidden, String> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        format!("the body is {{\"streams\": [names and patterns]}} or {{\"all\": true}}: {error}")
    })?;
    match (asked.all, asked.streams.is_empty()) {
        (true, true) => Ok(Hidden::All),
        (false, false) => {
            let targets = asked.streams.iter().map(|text| Target::parse(text));
            let targets: Result<Vec<Target>, _> = targets.collect();
            targets.map(Hidden::Of).map_err(|error| error.to_string())
        }
        _ => Err("either `streams` or `all` says what to bring back".to_owned()),
    }
}

async fn allow(State(trimmer): State<Arc<Trimmer>>) -> Result<Response, Problem> {
    trimmer.parts.store.allow().await.map_err(away)?;
    let look = trimmer.look().await.map_err(away)?;
    let hold = trimmer.hold();
    tracing::info!("somebody said that what is old by the clock may go");
    let held = hold.map(|hold| Why {
        code: hold.code(),
        message: hold.to_string(),
    });
    Ok(Json(serde_json::json!({"now": look.now.to_string(), "held": held})).into_response())
}

fn away(error: StoreError) -> Problem {
    tracing::warn!(%error, "a question about retention was not answered");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "the store does not answer at the moment",
    )
    .retry_after(std::time::Duration::from_secs(1))
}
