//! `POST /log?service=NAME`: for shippers that can do no more than post. A plain body, a message a line.

use axum::Router;
use edge::{Parameters, Problem};
use http::header::{ALLOW, HeaderValue};
use http::{StatusCode, request::Parts};

use super::Protocol;
use crate::door::{Door, Naming};
use crate::ingest::decode::{Format, TEXT};
use crate::ingest::http::{Refusal, take};

/// Whatever content type is named, it is text.
struct Log;

pub(super) fn routes(door: &Door) -> Router {
    Router::new().route("/log", take(door, Log).fallback(only_post))
}

impl Protocol for Log {
    fn naming(&self, head: &Parts) -> Result<Naming, Refusal> {
        let parameters = Parameters::of(&head.uri).map_err(|_| Refusal::BadParameter)?;
        let service = parameters.filled("service").unwrap_or("default");
        Ok(Naming::Stream(format!("log/{service}")))
    }

    fn format(&self, _: &Parts) -> Result<&'static Format, Refusal> {
        Ok(&TEXT)
    }
}

async fn only_post() -> Problem {
    let detail = "lines are sent here with POST";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        .header(ALLOW, HeaderValue::from_static("POST"))
}
