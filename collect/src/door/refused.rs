//! Why a request, or one line of it, is not taken, and how that is said: one place for all codes.

use std::time::Duration;

use edge::Problem;
use http::StatusCode;
use serde::Serialize;

use super::intake::Rejects;
use crate::ingest::http::answer::Streams;

/// When to come back while there is too much to do.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// When to come back while the store is away.
const AWAY_FOR: Duration = Duration::from_secs(2);

/// When to come back while the store is full.
const FULL_FOR: Duration = Duration::from_secs(10);

/// Why nothing of a request is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no line in the body.
    Empty,
    /// The idempotency key is none.
    BadKey,
    /// The query cannot be read.
    BadParameter,
    /// Not one of the content types.
    UnsupportedType,
    /// Not one of the encodings, or two of them.
    UnsupportedEncoding,
    /// A bound on the whole body was passed; the text says which.
    TooLarge(String),
    /// The body is no JSON.
    BadJson(String),
    /// The body cannot be inflated.
    BadEncoding(String),
    /// The connection ended before the body did.
    BrokenOff,
    /// The body came too slowly.
    TooSlow,
    /// The stream that the request names may not be written; the body was not read.
    Forbidden(String),
    /// Every line was rejected.
    NothingAccepted(Rejects),
    /// The idempotency key came with another body before. What is stored of this one, if anything.
    KeyReused(Streams),
    /// Too much is being read, or waits to be stored.
    Busy,
    /// The sender made enough new streams; when there may be more.
    TooManyStreams(Duration),
    /// The collector is shutting down.
    Closed,
    /// Certainly not stored, but for this.
    NotStored(Streams),
    /// The store has no room: certainly not stored, but for this.
    Full(Streams),
    /// Perhaps stored; this surely is.
    Unknown(Streams),
    /// A fault of the program.
    Fault,
}

/// Why one line is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RejectCode {
    /// Over [`crate::ingest::Limits::line`].
    LineTooLong,
    /// It names something that is no stream.
    BadStream,
    /// It names no stream, and neither does the request.
    NoStream,
    /// A stream that may not be written.
    Forbidden,
}

impl RejectCode {
    /// As it is written in answers and metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LineTooLong => "line_too_long",
            Self::BadStream => "bad_stream",
            Self::NoStream => "no_stream",
            Self::Forbidden => "forbidden",
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use StatusCode as S;
        match refusal {
            Refusal::Empty => Self::new(S::BAD_REQUEST, "empty", "the body has no line"),
            Refusal::BadKey => Self::new(
                S::BAD_REQUEST,
                "bad_key",
                "an Idempotency-Key is one header of 1 to 128 printable characters",
            ),
            Refusal::BadParameter => Self::new(
                S::BAD_REQUEST,
                "bad_parameter",
                "the query cannot be read: percent-encode it",
            ),
            Refusal::UnsupportedType => Self::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_type",
                "send application/x-ndjson, application/json or text/plain",
            ),
            Refusal::UnsupportedEncoding => Self::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_encoding",
                "send the body as it is, or encoded once, with gzip or zstd",
            ),
            Refusal::TooLarge(bound) => Self::new(
                S::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("{bound}: send it in parts"),
            ),
            Refusal::BadJson(error) => Self::new(
                S::BAD_REQUEST,
                "bad_json",
                format!("the body is not the JSON it should be: {error}"),
            ),
            Refusal::BadEncoding(error) => Self::new(
                S::BAD_REQUEST,
                "bad_encoding",
                format!("the body cannot be inflated: {error}"),
            ),
            Refusal::BrokenOff => Self::new(S::BAD_REQUEST, "broken_off", "the body ended too early"),
            Refusal::TooSlow => Self::new(
                S::REQUEST_TIMEOUT,
                "too_slow",
                "the body came too slowly: send it in parts",
            ),
            Refusal::Forbidden(detail) => forbidden(detail).member("rejected", serde_json::json!([])),
            Refusal::NothingAccepted(rejected) => nothing_accepted(&rejected),
            Refusal::KeyReused(streams) => with_stored(key_reused(&streams), &streams),
            Refusal::Busy => Self::new(
                S::TOO_MANY_REQUESTS,
                "busy",
                "too much is being taken in at once: repeat the request later",
            )
            .retry_after(BUSY_FOR),
            Refusal::TooManyStreams(again) => Self::new(
                S::TOO_MANY_REQUESTS,
                "too_many_streams",
                "the lines would make more new streams than one subscriber may for now: repeat the request later",
            )
            .retry_after(again),
            Refusal::Closed => Self::new(
                S::SERVICE_UNAVAILABLE,
                "draining",
                "this collector is shutting down, nothing was stored: repeat the request",
            )
            .retry_after(BUSY_FOR),
            Refusal::NotStored(streams) => with_stored(
                Self::new(
                    S::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "the store is away: repeat the request, with the same Idempotency-Key",
                )
                .retry_after(AWAY_FOR),
                &streams,
            ),
            Refusal::Full(streams) => with_stored(
                Self::new(
                    S::SERVICE_UNAVAILABLE,
                    "store_full",
                    "the store has no room for more lines, nothing was stored: repeat the request later, with the same \
                     Idempotency-Key",
                )
                .retry_after(FULL_FOR),
                &streams,
            ),
            Refusal::Unknown(streams) => with_stored(
                Self::new(
                    S::SERVICE_UNAVAILABLE,
                    "unknown_outcome",
                    "the store did not confirm, the lines may be stored: repeat the request with the same \
                     Idempotency-Key",
                )
                .retry_after(AWAY_FOR),
                &streams,
            ),
            Refusal::Fault => Self::new(
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "a fault of Tailcast, nothing was stored: its log says more",
            ),
        }
    }
}

/// Says what is stored of a request that failed as a whole.
fn with_stored(problem: Problem, streams: &Streams) -> Problem {
    match streams.is_empty() {
        true => problem,
        false => problem.member("streams", serde_json::to_value(streams).unwrap_or_default()),
    }
}

fn key_reused(streams: &Streams) -> Problem {
    let detail = match streams.is_empty() {
        true => {
            "this Idempotency-Key came with another body before, and nothing of this one is stored: use a new one \
             for each body"
        }
        false => {
            "this Idempotency-Key came with another body before, and a part of this one is stored, `streams` says \
             where: send the rest without it, under a new key"
        }
    };
    Problem::new(StatusCode::CONFLICT, "key_reused", detail)
}

fn nothing_accepted(rejected: &Rejects) -> Problem {
    let problem = match rejected.are_all(RejectCode::Forbidden) {
        true => forbidden("this token may write to none of the streams that the lines go to"),
        false => Problem::new(
            StatusCode::BAD_REQUEST,
            "nothing_accepted",
            "none of the lines could be taken: `rejected` says why",
        ),
    };
    let told = serde_json::to_value(&rejected.told).unwrap_or_default();
    let problem = problem.member("rejected", told);
    match rejected.more.is_empty() {
        true => problem,
        false => problem.member(
            "rejected_more",
            serde_json::to_value(&rejected.more).unwrap_or_default(),
        ),
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}
