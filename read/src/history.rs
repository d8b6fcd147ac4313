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
//! [`Limits::scan_time`], or where the subscriber's filters have used up their time ([`edge::sieve`]). (An answer that
//! only has to go from one offset to another knows `next` without looking, is sent page by page, and never ends early.)
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
//! With a filter the answer says how that was read, and how many lines were looked through: who finds nothing learns why.
//!
//! # What is counted
//!
//! The same lines, all of them, over time and by level: how many of them have their `ts` in each stretch of `width`
//! seconds. Counting ends early where a search does, and at [`Limits::buckets`]; `from` and `next` mean the same. What
//! an answer holds is bounded by its buckets and one page of the store, whatever times senders write.
//!
//! Knows nothing of sessions, feeds and routes.
//!
//! [`Limits::answer_bytes`]: crate::Limits::answer_bytes
//! [`Limits::scan_bytes`]: crate::Limits::scan_bytes
//! [`Limits::scan_time`]: crate::Limits::scan_time
//! [`Limits::buckets`]: crate::Limits::buckets

mod answer;
mod counts;
mod format;
mod head;
mod query;
mod range;
mod search;

use std::sync::Arc;

use auth::{Action, Subscriber, may};
use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use edge::Problem;
use edge::sieve::Account;
use http::{HeaderMap, Uri};
use lines::{Extent, Filter, LogReader, StreamName};

use crate::outcome::{counted, cursor_ahead, stream_not_found, unavailable};
use crate::places::Places;
use crate::scan::{Question, Scan, Scanner};
use answer::{Answer, Turns, Way};
use counts::Counts;
use format::Format;
use head::Head;
use range::Everything;

/// `GET /v1/lines` and `GET /v1/counts`, without their door.
pub(crate) fn router(scanner: Scanner, places: Arc<Places>) -> Router {
    Router::new()
        .route("/v1/lines", get(lines))
        .route("/v1/counts", get(counts))
        .with_state(Arc::new(History { scanner, places }))
}

/// What all requests share.
struct History {
    scanner: Scanner,
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

impl History {
    async fn lines(
        &self,
        subscriber: Subscriber,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> Result<Response, Problem> {
        let limits = &self.scanner.limits;
        let (question, portion) = query::of_lines(uri, &subscriber, limits)?;
        let stream = question.stream.clone();
        let filter = question.filter.as_ref().map(Filter::reading);
        let account = self.scanner.sieve.account(subscriber.sub());
        let place = self.places.work(&account).await?;
        let (scan, extent) = self.plan(&subscriber, question, account).await?;
        let format = Format::accepted(headers);
        let answer = if scan.is_everything() {
            let (pages, range) = scan.pages();
            let range = portion.of(&range);
            let from = range.start;
            let mut rest = Everything::new(pages, range, format);
            let first = rest.page().await;
            first.map(|first| Answer::pages(first, from, rest))
        } else {
            let budget = self.scanner.budget();
            let found = search::search(scan, portion, format, limits.answer_bytes, &budget).await;
            found.map(Answer::collected)
        };
        drop(place);
        let answer = answer.map_err(|error| unavailable(&error))?;
        let head = Head {
            stream,
            first_available: extent.first_available,
            from: answer.from(),
            next: answer.next(),
            undecided: answer.undecided(),
            filter,
        };
        let way = self.way(&subscriber, answer.bytes()).await?;
        Ok(answer.send(head, format, way))
    }

    async fn counts(&self, subscriber: Subscriber, uri: &Uri) -> Result<Response, Problem> {
        let limits = &self.scanner.limits;
        let (question, width) = query::of_counts(uri, &subscriber, limits)?;
        let stream = question.stream.clone();
        let account = self.scanner.sieve.account(subscriber.sub());
        let place = self.places.work(&account).await?;
        let (mut scan, extent) = self.plan(&subscriber, question, account).await?;
        let from = scan.at();
        let budget = self.scanner.budget();
        let walked = scan.walk(Counts::new(width, limits.buckets), &budget).await;
        drop(place);
        let counts = walked.map_err(|error| unavailable(&error))?;
        let head = Head {
            stream,
            first_available: extent.first_available,
            from,
            next: scan.next(),
            undecided: counts.undecided(),
            filter: None,
        };
        let object = counts.object(&head);
        let way = self.way(&subscriber, object.len()).await?;
        Ok(answer::send_object(object, head.stream, way))
    }

    /// What an answer of so many bytes needs on its way.
    async fn way(&self, subscriber: &Subscriber, bytes: usize) -> Result<Way, Problem> {
        let limits = &self.scanner.limits;
        Ok(Way {
            held: self.places.hold(subscriber.sub(), bytes).await?,
            stall: limits.stall,
            turns: Turns {
                places: self.places.working(),
                reader: subscriber.sub().to_owned(),
                within: limits.page_turn,
            },
        })
    }

    /// What to read of a stream that may be read and that there is.
    async fn plan(
        &self,
        subscriber: &Subscriber,
        question: Question,
        account: Arc<Account>,
    ) -> Result<(Scan, Extent), Problem> {
        let extent = self.extent(subscriber, &question.stream).await?;
        if question.from.is_some_and(|from| from > extent.next) {
            return Err(cursor_ahead(&question.stream, extent));
        }
        let scan = self.scanner.scan(question, extent, account).await;
        Ok((scan.map_err(|error| unavailable(&error))?, extent))
    }

    /// What is kept of a stream, for who may read it. Everyone else learns what they would of a stream that does not
    /// exist (invariant 9).
    async fn extent(&self, subscriber: &Subscriber, stream: &StreamName) -> Result<Extent, Problem> {
        if !may(subscriber, Action::Read, stream) {
            return Err(stream_not_found(stream));
        }
        let extents = self.scanner.questions.extents(std::slice::from_ref(stream)).await;
        let extents = extents.map_err(|error| unavailable(&error))?;
        match extents.first() {
            Some(extent) if extent.exists() => Ok(*extent),
            _ => Err(stream_not_found(stream)),
        }
    }
}
