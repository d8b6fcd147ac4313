//! What was: lines out of the store, `GET /v1/lines`, and how many there are, `GET /v1/counts`.
//!
//! # What is answered
//!
//! The lines of one stream from `from` (inclusive) to `to` (exclusive) whose `ts` is at or after `since` and before
//! `until` and that match `filter`; without these, everything that is kept. In the order of their offsets, at most
//! `limit`. Lines are not in the order of their times: `since` and `until` ask each line.
//!
//! `last=N` means the last N of all these, and has `limit` mean N where it is not said. It looks back from the end.
//!
//! `next` says where to go on: the answer holds everything that was asked for from `from` up to there. Whoever wants
//! all of it goes on, with `next` as the new `from`, until `next` moves no more: an answer ends early, with fewer lines
//! than `limit` and perhaps none, where it reaches [`Limits::answer_bytes`], [`Limits::scan_bytes`] or
//! [`Limits::scan_time`]. (An answer that only has to go from one offset to another knows `next` without looking, is
//! sent page by page, and never ends early.)
//!
//! `from`, in the answer, is where it begins: one goes back with `to=FROM&last=N`. It is after the `from` of the
//! request where retention removed lines, and with `last` where enough lines were found or looking ended early.
//!
//! # What cannot be had
//!
//! Lines that are damaged in the store are left out and named, in `damaged` or where they would stand; all others are
//! answered and counted as ever, and `next` lies behind them.
//!
//! # What is counted
//!
//! The same lines, all of them, over time and by level: how many of them have their `ts` in each stretch of `width`
//! seconds. Counting ends early where a search does, and at [`Limits::buckets`]; `from` and `next` mean the same. What
//! an answer holds is bounded by its buckets and one page of the store, whatever times senders write.
//!
//! Knows nothing of sessions, feeds and routes.

mod answer;
mod counts;
mod holes;
mod query;
mod scan;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use auth::{Action, Need, Subscriber, Verifier, may};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use collect::filter::FilterLimits;
use collect::store::StoreError;
use collect::{Extent, LogStore, StreamName};
use edge::Problem;
use http::{HeaderMap, StatusCode, Uri};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::listing;
use answer::{Answer, Head};
use counts::Counts;
pub(crate) use query::{Parameters, bad_parameter};
use query::{Portion, Query};
use scan::{Found, Scan};

/// What history is served from.
#[derive(Clone)]
pub struct Parts {
    /// Tells who asks.
    pub verifier: Arc<Verifier>,
    /// Where lines are kept.
    pub store: Arc<dyn LogStore>,
    /// How much may be asked.
    pub limits: Limits,
}

/// How much history may be asked, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Lines of an answer when the request names no `limit`.
    pub default_lines: u64,
    /// The most lines of an answer: a larger `limit` counts as this.
    pub lines: u64,
    /// What is read from the store at a time, in bytes of NDJSON; what one answer on its way holds in memory.
    pub page_bytes: usize,
    /// What a search collects before it ends early, in bytes; held in memory until it is sent.
    pub answer_bytes: usize,
    /// What a search reads before it ends early, in bytes.
    pub scan_bytes: usize,
    /// How long a search looks before it ends early.
    pub scan_time: Duration,
    /// Stretches of time that one answer counts lines in before it ends early; at least 1.
    pub buckets: usize,
    /// Answers on their way at once, over all requests.
    pub answers: usize,
    /// How long a request waits for its turn among them; then it is refused.
    pub turn: Duration,
    /// How long the store may take for one question.
    pub store_deadline: Duration,
    /// How long a reader may take nothing of an answer before it is cut off.
    pub stall: Duration,
    /// How old a listing of streams may be: within this, requests share one.
    pub listing_age: Duration,
    /// How large a filter may be.
    pub filter: FilterLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_lines: 1_000,
            lines: 100_000,
            page_bytes: 1024 * 1024,
            answer_bytes: 16 * 1024 * 1024,
            scan_bytes: 256 * 1024 * 1024,
            scan_time: Duration::from_secs(10),
            buckets: 10_000,
            answers: 32,
            turn: Duration::from_secs(1),
            store_deadline: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            listing_age: Duration::from_secs(1),
            filter: FilterLimits::default(),
        }
    }
}

/// `GET /v1/lines`, `GET /v1/counts` and `GET /v1/streams`, and no other method or path: these merge with what a
/// collector answers.
pub fn router(parts: Parts) -> Router {
    let history = Arc::new(History {
        turns: Arc::new(Semaphore::new(parts.limits.answers)),
        parts: parts.clone(),
    });
    let verifier = Arc::clone(&parts.verifier);
    let routes = Router::new()
        .route("/v1/lines", get(lines))
        .route("/v1/counts", get(counts))
        .with_state(history)
        .merge(listing::router(parts));
    auth::guarded(routes, verifier, Need::Token)
}

/// What all requests share.
struct History {
    parts: Parts,
    turns: Arc<Semaphore>,
}

async fn lines(
    State(history): State<Arc<History>>,
    subscriber: Subscriber,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    counted("lines", history.lines(subscriber, &headers, &uri).await)
}

async fn counts(State(history): State<Arc<History>>, subscriber: Subscriber, uri: Uri) -> Response {
    counted("counts", history.counts(subscriber, &uri).await)
}

/// A response, counted by its status.
pub(crate) fn counted(path: &'static str, answer: Result<Response, Problem>) -> Response {
    let response = answer.unwrap_or_else(Problem::into_response);
    let status = response.status().as_str().to_owned();
    metrics::counter!("tailcast_history_requests_total", "path" => path, "status" => status).increment(1);
    response
}

impl History {
    async fn lines(
        &self,
        subscriber: Subscriber,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Response, Problem> {
        let limits = &self.parts.limits;
        let (query, portion) = Query::of_lines(uri, &subscriber, limits)?;
        let turn = self.turn().await?;
        let (scan, extent) = self.plan(&subscriber, &query, portion).await?;
        let format = answer::Format::accepted(headers);
        let answer = match scan.is_plain_range() {
            true => Answer::pages(scan, format),
            false => scan
                .search(format)
                .await
                .map_err(|error| refuse(&query.stream, &error))?,
        };
        let head = Head {
            stream: query.stream,
            first_available: extent.first_available,
            from: answer.from(),
            next: answer.next(),
        };
        Ok(answer.send(head, format, limits.stall, turn))
    }

    async fn counts(&self, subscriber: Subscriber, uri: &Uri) -> Result<Response, Problem> {
        let limits = &self.parts.limits;
        let (query, width) = Query::of_counts(uri, &subscriber, limits)?;
        let turn = self.turn().await?;
        let (scan, extent) = self.plan(&subscriber, &query, Portion::ALL).await?;
        let mut counts = Counts::new(width, limits.buckets);
        let next = scan
            .walk(|found| match found {
                Found::Line(offset, line) => counts.add(offset, line),
                Found::Damaged(hole) => counts.miss(hole),
            })
            .await
            .map_err(|error| refuse(&query.stream, &error))?;
        let head = Head {
            stream: query.stream,
            first_available: extent.first_available,
            from: scan.start(),
            next,
        };
        let object = counts.object(&head);
        Ok(answer::send_object(object, head.stream, limits.stall, turn))
    }

    /// What to read of a stream that may be read and that there is.
    async fn plan(
        &self,
        subscriber: &Subscriber,
        query: &Query,
        portion: Portion,
    ) -> Result<(Scan, Extent), Problem> {
        let extent = self.extent(subscriber, &query.stream).await?;
        if query.from.is_some_and(|from| from > extent.next) {
            return Err(cursor_ahead(&query.stream, extent));
        }
        let scan = Scan::plan(&self.parts, query, portion, extent)
            .await
            .map_err(|error| refuse(&query.stream, &error))?;
        Ok((scan, extent))
    }

    /// A place among the answers that are on their way. It is given back when the answer is sent or given up.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turns = Arc::clone(&self.turns);
        match timeout(self.parts.limits.turn, turns.acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            // The semaphore is never closed: both mean that no place came free.
            Ok(Err(_)) | Err(_) => Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "busy",
                "this node is sending as much history as it can: repeat the request later",
            )
            .retry_after(self.parts.limits.turn)),
        }
    }

    /// What is kept of a stream, for who may read it. Everyone else learns what they would of a stream that does not
    /// exist (invariant 9).
    async fn extent(&self, subscriber: &Subscriber, stream: &StreamName) -> Result<Extent, Problem> {
        if !may(subscriber, Action::Read, stream) {
            return Err(not_found(stream));
        }
        let store = &self.parts.store;
        let extents = in_time(
            self.parts.limits.store_deadline,
            store.extents(std::slice::from_ref(stream)),
        )
        .await
        .map_err(|error| refuse(stream, &error))?;
        match extents.first() {
            Some(extent) if extent.exists() => Ok(*extent),
            _ => Err(not_found(stream)),
        }
    }
}

/// The store's answer, or its absence, within `deadline`.
pub(crate) async fn in_time<T>(
    deadline: Duration,
    question: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(deadline, question)
        .await
        .unwrap_or(Err(StoreError::Timeout(deadline)))
}

/// The refusal when the store has no answer.
pub(crate) fn unavailable(error: &StoreError) -> Problem {
    match error {
        StoreError::Away(_) | StoreError::Full(_) | StoreError::Timeout(_) => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "the store does not answer: repeat the request later",
        )
        .retry_after(Duration::from_secs(2)),
        StoreError::Damaged(_) | StoreError::Broken(_) | StoreError::Corrupt { .. } => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "store_damaged",
            "the store holds something that cannot be right: the log of this node says what",
        ),
    }
}

fn refuse(stream: &StreamName, error: &StoreError) -> Problem {
    tracing::warn!(%stream, %error, "history could not be read");
    unavailable(error)
}

fn not_found(stream: &StreamName) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "stream_not_found",
        format!("there is no stream {stream}, or your token does not let you read it"),
    )
}

fn cursor_ahead(stream: &StreamName, extent: Extent) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "cursor_ahead",
        format!("`from` is beyond the head of {stream}, which is {}", extent.next),
    )
    .member("parameter", "from".into())
    .member("next", extent.next.0.into())
}
