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
//! [`Limits::scan_time`], or where the subscriber's filters have used up their time ([`Sieve`]). (An answer that only has to go from one offset to another knows `next` without looking, is
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
//! A line that the filter gives up on is in the answer, with the mark `undecided`; how many there are is said, too. Counts
//! say it only.
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
mod places;
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
use edge::Problem;
use http::{HeaderMap, StatusCode, Uri};
use lines::{Extent, LogReader, StoreError, StreamName, filter::FilterLimits};

use crate::questions::Questions;
use crate::streams;
use answer::{Answer, Head, Way};
use counts::Counts;
use edge::sieve::{Account, Sieve};
pub(crate) use places::Places;
use query::{Portion, Query};
use scan::Scan;

/// What history is served from.
#[derive(Clone)]
pub struct Parts {
    /// Tells who asks.
    pub verifier: Arc<Verifier>,
    /// The store, as all readers of the process ask it.
    pub questions: Arc<Questions>,
    /// Where filters are put to lines; the one of sessions, too.
    pub sieve: Arc<Sieve>,
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
    /// Questions that are worked on at once.
    pub answers: usize,
    /// Those of one subscriber.
    pub answers_of_subscriber: usize,
    /// Answers on their way, in bytes that they hold in memory; a quarter of it for one subscriber.
    pub sending_bytes: usize,
    /// An answer of at most so many bytes is a small one.
    pub small_answer: usize,
    /// Small answers on their way, in bytes that they have for themselves; a quarter of it for one subscriber.
    pub small_bytes: usize,
    /// How long a request waits for its place; then it is refused.
    pub turn: Duration,
    /// How long an answer on its way waits until its next page may be read; then it breaks off.
    pub page_turn: Duration,
    /// How long it is worth looking for where `until` lies, before more is read than needed.
    pub until_within: Duration,
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
            answers_of_subscriber: 8,
            sending_bytes: 256 * 1024 * 1024,
            small_answer: 64 * 1024,
            small_bytes: 64 * 1024 * 1024,
            turn: Duration::from_secs(1),
            page_turn: Duration::from_secs(10),
            until_within: Duration::from_millis(2_500),
            stall: Duration::from_secs(30),
            listing_age: Duration::from_secs(1),
            filter: FilterLimits::default(),
        }
    }
}

/// `GET /v1/lines`, `GET /v1/counts` and `GET /v1/streams`, and no other method or path: these merge with what a
/// collector answers.
pub fn router(parts: Parts) -> Router {
    let places = Places::new(&parts.limits);
    let history = Arc::new(History {
        places: Arc::clone(&places),
        parts: parts.clone(),
    });
    let verifier = Arc::clone(&parts.verifier);
    let routes = Router::new()
        .route("/v1/lines", get(lines))
        .route("/v1/counts", get(counts))
        .with_state(history)
        .merge(streams::router(parts, places));
    auth::guarded(routes, verifier, Need::Token)
}

/// What all requests share.
struct History {
    parts: Parts,
    places: Arc<Places>,
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
        let stream = query.stream.clone();
        let account = self.parts.sieve.account(subscriber.sub());
        let place = self.places.work(&account).await?;
        let (mut scan, extent) = self.plan(&subscriber, query, portion, account).await?;
        let format = answer::Format::accepted(headers);
        let answer = match scan.is_plain_range() {
            true => {
                let from = scan.start();
                let first = scan.page(format).await;
                first.map(|first| Answer::pages(first, from, scan))
            }
            false => scan.search(format).await,
        };
        drop(place);
        let answer = answer.map_err(|error| unavailable(&error))?;
        let head = Head {
            stream,
            first_available: extent.first_available,
            from: answer.from(),
            next: answer.next(),
            undecided: answer.undecided(),
        };
        let way = self.way(&subscriber, answer.bytes()).await?;
        Ok(answer.send(head, format, way, self.places.working()))
    }

    async fn counts(&self, subscriber: Subscriber, uri: &Uri) -> Result<Response, Problem> {
        let limits = &self.parts.limits;
        let (query, width) = Query::of_counts(uri, &subscriber, limits)?;
        let stream = query.stream.clone();
        let account = self.parts.sieve.account(subscriber.sub());
        let place = self.places.work(&account).await?;
        let (scan, extent) = self.plan(&subscriber, query, Portion::ALL, account).await?;
        let walked = scan.walk(Counts::new(width, limits.buckets)).await;
        drop(place);
        let (next, counts) = walked.map_err(|error| unavailable(&error))?;
        let head = Head {
            stream,
            first_available: extent.first_available,
            from: scan.start(),
            next,
            undecided: counts.undecided(),
        };
        let object = counts.object(&head);
        let way = self.way(&subscriber, object.len()).await?;
        Ok(answer::send_object(object, head.stream, way))
    }

    /// Memory for an answer on its way.
    async fn way(&self, subscriber: &Subscriber, bytes: usize) -> Result<Way, Problem> {
        Ok(Way {
            held: self.places.hold(subscriber.sub(), bytes).await?,
            stall: self.parts.limits.stall,
        })
    }

    /// What to read of a stream that may be read and that there is.
    async fn plan(
        &self,
        subscriber: &Subscriber,
        query: Query,
        portion: Portion,
        account: Arc<Account>,
    ) -> Result<(Scan, Extent), Problem> {
        let stream = query.stream.clone();
        let extent = self.extent(subscriber, &stream).await?;
        if query.from.is_some_and(|from| from > extent.next) {
            return Err(cursor_ahead(&stream, extent));
        }
        let scan = Scan::plan(&self.parts, query, portion, extent, account)
            .await
            .map_err(|error| unavailable(&error))?;
        Ok((scan, extent))
    }

    /// What is kept of a stream, for who may read it. Everyone else learns what they would of a stream that does not
    /// exist (invariant 9).
    async fn extent(&self, subscriber: &Subscriber, stream: &StreamName) -> Result<Extent, Problem> {
        if !may(subscriber, Action::Read, stream) {
            return Err(not_found(stream));
        }
        let extents = self.parts.questions.extents(std::slice::from_ref(stream)).await;
        let extents = extents.map_err(|error| unavailable(&error))?;
        match extents.first() {
            Some(extent) if extent.exists() => Ok(*extent),
            _ => Err(not_found(stream)),
        }
    }
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
