//! Why a request is refused, and how that is said over HTTP: one place for all codes.

use edge::Problem;
use http::StatusCode;
use lines::Charset;

use crate::door::{Refused, RejectCode, Rejects, Streams};

/// Why nothing of a request is acknowledged. A protocol with words of its own finds them by [`Refusal::Refused`], or by the
/// status and the code of the [`Problem`] that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The idempotency key is none.
    BadKey,
    /// What is said of lines cannot be read.
    BadMarks,
    /// The query cannot be read.
    BadParameter,
    /// Not one of the content types, but this one.
    UnsupportedType(String),
    /// Not one of the character sets, but this one.
    UnsupportedCharset(String),
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
            Refusal::BadMarks => Self::new(
                S::BAD_REQUEST,
                "bad_marks",
                "Tailcast-Marks is like `3;cut=1048576, 7;partial`: numbers of lines, and what is said of them",
            ),
            Refusal::BadParameter => Self::new(
                S::BAD_REQUEST,
                "bad_parameter",
                "the query cannot be read: percent-encode it",
            ),
            Refusal::UnsupportedType(named) => Self::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_type",
                unsupported_type(&named),
            ),
            Refusal::UnsupportedCharset(named) => Self::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_charset",
                format!(
                    "`{}` is not read: send the lines as {}",
                    short(&named),
                    Charset::OFFERED
                ),
            ),
            Refusal::UnsupportedEncoding => Self::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_encoding",
                "send the body as it is, or encoded once, with gzip or zstd",
            ),
            Refusal::BadEncoding(error) => Self::new(
                S::BAD_REQUEST,
                "bad_encoding",
                format!(
                    "the body cannot be inflated, and nothing of it was stored: {error}; Content-Encoding has to name what it \
                     is encoded with"
                ),
            ),
            Refusal::BrokenOff => Self::new(
                S::BAD_REQUEST,
                "broken_off",
                "the body ended too early, and nothing of it was stored: send it again",
            ),
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
        Refused::Empty => Problem::new(
            S::BAD_REQUEST,
            "empty",
            "the body has no line: send at least one, as `curl --data-binary @FILE` does",
        ),
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

/// How types are sent that carry lines.
const TYPES: &str = "send application/x-ndjson (JSON or text, a line each), application/json or text/plain";

/// What a sender reads whose type carries no lines; most of them never chose one.
fn unsupported_type(named: &str) -> String {
    let essence = named
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => format!(
            "a form has no lines: {TYPES}; curl's -d sends a form, and takes the line feeds out of files: \
             curl -H 'Content-Type: application/x-ndjson' --data-binary @FILE"
        ),
        "multipart/form-data" => format!(
            "a form has no lines: {TYPES}; curl's -F sends a form: \
             curl -H 'Content-Type: application/x-ndjson' --data-binary @FILE"
        ),
        essence => format!("`{}` is no type of lines: {TYPES}", short(essence)),
    }
}

/// The beginning of what a sender named.
fn short(named: &str) -> &str {
    let end = named.char_indices().nth(80).map_or(named.len(), |(at, _)| at);
    &named[..end]
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
            match rejected.told.first() {
                Some(first) => format!(
                    "none of the lines could be taken, line {}: {}; `rejected` has them all",
                    first.line, first.error
                ),
                None => "none of the lines could be taken".to_owned(),
            },
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
