//! Which streams there are: `GET /v1/streams`.
//!
//! A listing asks the store about every stream, so requests within [`Limits::listing_age`] share one, and only one is
//! under way at a time. Knows nothing of sessions, feeds and routes.
//!
//! [`Limits::listing_age`]: crate::history::Limits::listing_age

use std::sync::Arc;
use std::time::Instant;

use auth::{Action, Pattern, Subscriber, may};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use collect::StreamInfo;
use collect::store::StoreError;
use edge::Problem;
use http::Uri;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::history::{Parameters, Parts, bad_parameter, counted, in_time, unavailable};

/// Has no door: it is a part of what history answers.
pub(crate) fn router(parts: Parts) -> Router {
    let listing = Arc::new(Listing {
        parts,
        latest: Mutex::new(None),
    });
    Router::new()
        .route("/v1/streams", get(streams))
        .with_state(listing)
}

struct Listing {
    parts: Parts,
    /// The last answer of the store, by name. Locked while the store is asked: who comes meanwhile waits for that answer.
    latest: Mutex<Option<(Instant, Arc<Vec<StreamInfo>>)>>,
}

#[derive(Serialize)]
struct Answer {
    streams: Vec<Listed>,
}

#[derive(Serialize)]
struct Listed {
    name: String,
    first_available: u64,
    next: u64,
    last_arrival: Option<String>,
    lines_per_second: f64,
}

async fn streams(State(listing): State<Arc<Listing>>, subscriber: Subscriber, uri: Uri) -> Response {
    let answer = listing.answer(&subscriber, &uri).await;
    counted("streams", answer.map(|answer| Json(answer).into_response()))
}

impl Listing {
    async fn answer(&self, subscriber: &Subscriber, uri: &Uri) -> Result<Answer, Problem> {
        let wanted = wanted(uri, subscriber)?;
        let deadline = self.parts.limits.store_deadline;
        let all = in_time(deadline, self.latest()).await.map_err(|error| {
            tracing::warn!(%error, "streams could not be listed");
            unavailable(&error)
        })?;
        let readable = all.iter().filter(|info| {
            wanted.as_ref().is_none_or(|pattern| pattern.matches(&info.name))
                && may(subscriber, Action::Read, &info.name)
        });
        Ok(Answer {
            streams: readable.map(Listed::from).collect(),
        })
    }

    async fn latest(&self) -> Result<Arc<Vec<StreamInfo>>, StoreError> {
        let mut latest = self.latest.lock().await;
        if let Some((at, streams)) = &*latest
            && at.elapsed() < self.parts.limits.listing_age
        {
            return Ok(Arc::clone(streams));
        }
        let mut streams = self.parts.store.streams().await?;
        streams.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let streams = Arc::new(streams);
        *latest = Some((Instant::now(), Arc::clone(&streams)));
        Ok(streams)
    }
}

/// The pattern of `match`; `@me` is the token's own stream.
fn wanted(uri: &Uri, subscriber: &Subscriber) -> Result<Option<Pattern>, Problem> {
    let parameters = Parameters::of(uri, &["match"])?;
    let Some(text) = parameters.get("match") else {
        return Ok(None);
    };
    let text = match text {
        "@me" => subscriber.personal().as_str(),
        _ => text,
    };
    Pattern::parse(text)
        .map(Some)
        .map_err(|error| bad_parameter("match", &format!("`match`: {error}")))
}

impl From<&StreamInfo> for Listed {
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
