//! Why a request is refused, and how that is said over HTTP: one place for all codes.

use edge::Problem;
use http::StatusCode;

use crate::door::{Refused, RejectCode, Rejects, Streams};

/// Why nothing of a request is acknowledged. A protocol with words of its own finds them by [`Refusal::Refused`], or by the
/// status and the code of the [`Problem`] that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The idempotency key is none.
    BadKey,
    /// The query cannot be read.
    BadParameter,
    /// Not one of the content types.
    UnsupportedType,
    /// Not one of the encodings, or two of them.
    UnsupportedEncoding,
    /// The body cannot be inflated.
    BadEncoding(String),
    /// The connection ended before the body did.
    BrokenOff,
    /// The body came too slowly.
    TooSlow,
    /// The door does not take what is in it.
    Refused(Refused),
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use StatusCode as S;
        match refusal {
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
            Refusal::Refused(refused) => {
                let again = refused.again_after();
                let problem = told(refused);
                match again {
                    Some(again) => problem.retry_after(again),
                    None => problem,
                }
            }
        }
    }
}

/// What the door says, but for when to come back.
fn told(refused: Refused) -> Problem {
    use StatusCode as S;
    match refused {
        Refused::Empty => Problem::new(S::BAD_REQUEST, "empty", "the body has no line"),
        Refused::Malformed { code, detail } => Problem::new(S::BAD_REQUEST, code, detail),
        Refused::TooLarge(bound) => Problem::new(
            S::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("{bound}: send it in parts"),
        ),
        Refused::Forbidden(detail) => forbidden(detail).member("rejected", serde_json::json!([])),
        Refused::NothingAccepted(rejected) => nothing_accepted(&rejected),
        Refused::KeyReused(streams) => with_stored(key_reused(&streams), &streams),
        Refused::Busy => Problem::new(
            S::TOO_MANY_REQUESTS,
            "busy",
            "too much is being taken in at once: repeat the request later",
        ),
        Refused::TooManyStreams(_) => Problem::new(
            S::TOO_MANY_REQUESTS,
            "too_many_streams",
            "the lines would make more new streams than one subscriber may for now: repeat the request later",
        ),
        Refused::Closed => Problem::new(
            S::SERVICE_UNAVAILABLE,
            "draining",
            "this collector is shutting down, nothing was stored: repeat the request",
        ),
        Refused::NotStored(streams) => with_stored(
            Problem::new(
                S::SERVICE_UNAVAILABLE,
                "unavailable",
                "the store is away: repeat the request, with the same Idempotency-Key",
            ),
            &streams,
        ),
        Refused::Full(streams) => with_stored(
            Problem::new(
                S::SERVICE_UNAVAILABLE,
                "store_full",
                "the store has no room for more lines, nothing was stored: repeat the request later, with the same \
                 Idempotency-Key",
            ),
            &streams,
        ),
        Refused::Unknown(streams) => with_stored(
            Problem::new(
                S::SERVICE_UNAVAILABLE,
                "unknown_outcome",
                "the store did not confirm, the lines may be stored: repeat the request with the same \
                 Idempotency-Key",
            ),
            &streams,
        ),
        Refused::Fault => Problem::new(
            S::INTERNAL_SERVER_ERROR,
            "internal",
            "a fault of Tailcast, nothing was stored: its log says more",
        ),
    }
}

/// Says what is stored of a request that failed as a whole.
fn with_stored(problem: Problem, streams: &Streams) -> Problem {
    if streams.is_empty() {
        problem
    } else {
        problem.member("streams", serde_json::to_value(streams).unwrap_or_default())
    }
}

fn key_reused(streams: &Streams) -> Problem {
    let detail = if streams.is_empty() {
        "this Idempotency-Key came with another body before, and nothing of this one is stored: use a new one \
             for each body"
    } else {
        "this Idempotency-Key came with another body before, and a part of this one is stored, `streams` says \
             where: send the rest without it, under a new key"
    };
    Problem::new(StatusCode::CONFLICT, "key_reused", detail)
}

fn nothing_accepted(rejected: &Rejects) -> Problem {
    let problem = if rejected.are_all(RejectCode::Forbidden) {
        forbidden("this token may write to none of the streams that the lines go to")
    } else {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "nothing_accepted",
            "none of the lines could be taken: `rejected` says why",
        )
    };
    let told = serde_json::to_value(&rejected.told).unwrap_or_default();
    let problem = problem.member("rejected", told);
    if rejected.more.is_empty() {
        problem
    } else {
        problem.member(
            "rejected_more",
            serde_json::to_value(&rejected.more).unwrap_or_default(),
        )
    }
}

fn forbidden(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}
