//! `/v1/streams/{name}`: which streams there are, and deleting one of them, for whoever may use the admin API.

use std::sync::Arc;
use std::time::Duration;

use auth::{Need, Subscriber, Verifier};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use edge::{Parameters, Problem, bad_parameter};
use http::{StatusCode, Uri};
use lines::retention::{Deleted, Deletion};
use lines::{Hint, HintSink, LogStore, Offset, Pattern, StoreError, StreamInfo};
use serde::Serialize;

/// For the internal listener. Whoever follows a stream that is deleted hears of it by `hints`.
pub fn router(verifier: Arc<Verifier>, store: Arc<dyn LogStore>, hints: Arc<dyn HintSink>) -> Router {
    let routes = Router::new()
        .route("/v1/streams/{*name}", get(found).delete(delete))
        .with_state(Deleting { store, hints });
    auth::guarded(routes, verifier, Need::Admin)
}

#[derive(Clone)]
struct Deleting {
    store: Arc<dyn LogStore>,
    hints: Arc<dyn HintSink>,
}

#[derive(Serialize)]
struct Found {
    streams: Vec<FoundEntry>,
}

#[derive(Serialize)]
struct FoundEntry {
    name: String,
    first_available: u64,
    next: u64,
    last_arrival: Option<String>,
    lines_per_second: f64,
}

impl From<&StreamInfo> for FoundEntry {
    fn from(info: &StreamInfo) -> Self {
        Self {
            name: info.name.to_string(),
            first_available: info.extent.first_available.0,
            next: info.extent.next.0,
            last_arrival: info.last_arrival.map(|at| at.to_string()),
            lines_per_second: info.lines_per_second,
        }
    }
}

/// What a name or a pattern means.
async fn found(
    State(Deleting { store, .. }): State<Deleting>,
    subscriber: Subscriber,
    Path(text): Path<String>,
) -> Result<Response, Problem> {
    let text = match text.as_str() {
        "@me" => subscriber.personal().as_str(),
        text => text,
    };
    let pattern =
        Pattern::parse(text).map_err(|error| bad_parameter("name", &format!("the name: {error}")))?;
    let listing = store.streams().await.map_err(|error| unavailable(&error))?;
    let meant = listing.candidates(&pattern).iter();
    let streams = meant
        .filter(|info| pattern.matches(&info.name))
        .map(FoundEntry::from)
        .collect();
    Ok(Json(Found { streams }).into_response())
}

#[derive(Serialize)]
struct Answer {
    stream: String,
    from: u64,
    next: u64,
}

async fn delete(
    State(Deleting { store, hints }): State<Deleting>,
    subscriber: Subscriber,
    Path(text): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let ending = ending(&uri)?;
    let stream = subscriber
        .names(&text)
        .map_err(|error| bad_parameter("name", &format!("the name, which is of one stream: {error}")))?;
    let deleted = store.delete_stream(&stream, ending).await;
    // Nodes hold lines in memory for those who follow. Also where there was nothing to delete: whoever asked before may have
    // died before he said so.
    hints.hand_off(Hint::Lost(stream.clone()));
    let Deleted { from, next } = match deleted.map_err(|error| unavailable(&error))? {
        Deletion::Done(deleted) => deleted,
        Deletion::Absent => {
            let sentence = format!("there is no stream {stream}");
            return Err(Problem::new(StatusCode::NOT_FOUND, "stream_not_found", sentence));
        }
        Deletion::Grown { next } => {
            let sentence =
                format!("{stream} ends at {next} by now, and nothing of it was deleted: look again");
            return Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "stream_changed",
                sentence,
            ));
        }
    };
    let lines = next.since(from);
    tracing::info!(%stream, lines, %next, by = subscriber.sub(), "a stream was deleted");
    Ok(Json(Answer {
        stream: stream.to_string(),
        from: from.0,
        next: next.0,
    })
    .into_response())
}

/// Where the stream has to end.
fn ending(uri: &Uri) -> Result<Option<Offset>, Problem> {
    let parameters = Parameters::known(uri, &["next"])?;
    let next = parameters.iter().next();
    next.map(|(name, text)| match text.parse() {
        Ok(next) => Ok(Offset(next)),
        Err(_) => Err(bad_parameter(
            name,
            "`next` is the offset where the stream ends, as it was listed",
        )),
    })
    .transpose()
}

/// Also where the outcome is not known: to ask again does no harm.
fn unavailable(error: &StoreError) -> Problem {
    tracing::warn!(%error, "a stream could not be found or deleted");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "the store does not answer at the moment; ask again",
    )
    .retry_after(Duration::from_secs(1))
}
