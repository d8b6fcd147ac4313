//! Which streams there are: `GET /v1/streams`.
//!
//! Requests within [`Limits::listing_age`] share a listing of the store, and none holds one while its reader takes its
//! time: an answer on its way keeps the name that it has come to, and goes on from there in the newest listing. So no stream
//! that is there all the while is left out, and none comes twice.
//!
//! Knows nothing of sessions, feeds and routes.
//!
//! [`Limits::listing_age`]: crate::Limits::listing_age

use std::sync::Arc;

use auth::{Action, Subscriber, may};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use edge::{CutOff, Outlet, Parameters, Problem, bad_parameter};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Uri};
use lines::{Listing, Pattern, StreamInfo, StreamName};
use serde::Serialize;

use crate::Limits;
use crate::outcome::{counted, unavailable};
use crate::places::Places;
use crate::questions::Questions;

/// Streams that are looked at before others get their turn.
const AT_ONCE: usize = 512;

/// Has no door: it is a part of what history answers.
pub(crate) fn router(questions: Arc<Questions>, limits: Limits, places: Arc<Places>) -> Router {
    Router::new()
        .route("/v1/streams", get(streams))
        .with_state(Arc::new(Room {
            questions,
            limits,
            places,
        }))
}

/// What all requests share.
struct Room {
    questions: Arc<Questions>,
    limits: Limits,
    places: Arc<Places>,
}

async fn streams(State(room): State<Arc<Room>>, subscriber: Subscriber, uri: Uri) -> Response {
    counted("streams", room.answer(subscriber, &uri).await)
}

impl Room {
    async fn answer(&self, subscriber: Subscriber, uri: &Uri) -> Result<Response, Problem> {
        let wanted = Wanted::of(uri, subscriber)?;
        let limits = &self.limits;
        // What waits of an answer is some pieces: never the list.
        let held = self
            .places
            .hold(wanted.subscriber.sub(), limits.small_answer)
            .await?;
        let questions = Arc::clone(&self.questions);
        let listed = questions.streams_within(limits.listing_age).await;
        listed.map_err(|error| unavailable(&error))?;
        let (outlet, body) = Outlet::new(limits.stall);
        tokio::spawn(async move {
            let _held = held;
            if let Err(CutOff) = wanted.pour(&questions, outlet).await {
                tracing::debug!("a list of streams was not taken to its end");
            }
        });
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// Which of them.
struct Wanted {
    subscriber: Subscriber,
    pattern: Option<Pattern>,
    /// At most so many.
    limit: u64,
    /// Up to which name it has come: those after it are to be looked at.
    at: Option<StreamName>,
    /// The last one that was written.
    last: Option<StreamName>,
}

impl Wanted {
    fn of(uri: &Uri, subscriber: Subscriber) -> Result<Self, Problem> {
        let parameters = Parameters::known(uri, &["match", "limit", "after"])?;
        let pattern = parameters.get("match").map(|text| {
            let text = match text {
                "@me" => subscriber.personal().as_str(),
                _ => text,
            };
            Pattern::parse(text).map_err(|error| bad_parameter("match", &format!("`match`: {error}")))
        });
        let after = parameters.get("after").map(|text| {
            subscriber
                .names(text)
                .map_err(|error| bad_parameter("after", &format!("`after`: {error}")))
        });
        let limit = parameters.whole("limit")?;
        if limit == Some(0) {
            return Err(bad_parameter("limit", "`limit` is a whole number from 1 on"));
        }
        Ok(Self {
            pattern: pattern.transpose()?,
            at: after.transpose()?,
            last: None,
            limit: limit.unwrap_or(u64::MAX),
            subscriber,
        })
    }

    /// Writes them, some at a time, each time out of the newest list there is.
    async fn pour(mut self, questions: &Questions, outlet: Outlet) -> Result<(), CutOff> {
        let mut out = br#"{"streams":["#.to_vec();
        let mut written = 0;
        let next = loop {
            let streams = questions.latest_streams();
            let Some(step) = self.step(&streams, &mut written, &mut out) else {
                break None;
            };
            drop(streams);
            if let Step::Full(last) = step {
                break Some(last);
            }
            outlet.put(std::mem::take(&mut out).into()).await?;
            tokio::task::yield_now().await;
        };
        out.extend_from_slice(b"]");
        if let Some(next) = next {
            out.extend_from_slice(format!(r#","next":"{next}""#).as_bytes());
        }
        out.extend_from_slice(b"}\n");
        outlet.put(out.into()).await?;
        outlet.close().await
    }

    /// Writes those of the next few that are wanted; nothing when there are no more.
    fn step(&mut self, streams: &Listing, written: &mut u64, out: &mut Vec<u8>) -> Option<Step> {
        let all = match &self.pattern {
            Some(pattern) => streams.candidates(pattern),
            None => streams,
        };
        let at = self
            .at
            .as_ref()
            .map_or(0, |at| all.partition_point(|info| info.name <= *at));
        let some = all[at..].chunks(AT_ONCE).next()?;
        for info in some {
            let wanted = self
                .pattern
                .as_ref()
                .is_none_or(|pattern| pattern.matches(&info.name))
                && may(&self.subscriber, Action::Read, &info.name);
            if wanted {
                if let (true, Some(last)) = (*written >= self.limit, &self.last) {
                    return Some(Step::Full(last.clone()));
                }
                if *written > 0 {
                    out.push(b',');
                }
                // Writing names and numbers into memory cannot fail: there is nothing to report.
                let _ = serde_json::to_writer(&mut *out, &Listed::from(info));
                *written += 1;
                self.last = Some(info.name.clone());
            }
        }
        self.at = some.last().map(|info| info.name.clone());
        Some(Step::More)
    }
}

enum Step {
    /// There may be more.
    More,
    /// There are more, after this one, and no more are wanted.
    Full(StreamName),
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    first_available: u64,
    next: u64,
    last_arrival: Option<String>,
    lines_per_second: f64,
}

impl<'a> From<&'a StreamInfo> for Listed<'a> {
    fn from(info: &'a StreamInfo) -> Self {
        Self {
            name: info.name.as_str(),
            first_available: info.extent.first_available.0,
            next: info.extent.next.0,
            last_arrival: info.last_arrival.map(|at| at.to_string()),
            lines_per_second: info.lines_per_second,
        }
    }
}
