//! What a question comes to when it is not answered, and how all of them are counted.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::StatusCode;
use lines::{Extent, StoreError, StreamName};

/// A response, counted by its status.
pub(crate) fn counted(path: &'static str, answer: Result<Response, Problem>) -> Response {
    let response = answer.unwrap_or_else(Problem::into_response);
    let status = response.status().as_str().to_owned();
    metrics::counter!("tailcast_history_requests_total", "path" => path, "status" => status).increment(1);
    response
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

/// The refusal of a stream that there is not, or that may not be read: nobody can tell which (invariant 9).
pub(crate) fn stream_not_found(stream: &StreamName) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "stream_not_found",
        format!("there is no stream {stream}, or your token does not let you read it"),
    )
}

/// The refusal of a place that nobody has written to yet.
pub(crate) fn cursor_ahead(stream: &StreamName, extent: Extent) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "cursor_ahead",
        format!("`from` is beyond the head of {stream}, which is {}", extent.next),
    )
    .member("parameter", "from".into())
    .member("next", extent.next.0.into())
}
