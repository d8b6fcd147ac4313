//! `POST /v1/lines`: Tailcast's own.

use axum::Router;
use edge::Parameters;
use http::request::Parts;

use super::Protocol;
use crate::door::{Door, Naming};
use crate::ingest::decode::Format;
use crate::ingest::http::{Refusal, content_type, take};

/// The content type decides what the body is, and `?stream=` where its lines go; without it each line says that itself.
struct Lines;

pub(super) fn routes(door: &Door) -> Router {
    Router::new().route("/v1/lines", take(door, Lines))
}

impl Protocol for Lines {
    fn naming(&self, head: &Parts) -> Result<Naming, Refusal> {
        let parameters = Parameters::of(&head.uri).map_err(|_| Refusal::BadParameter)?;
        Ok(match parameters.filled("stream") {
            Some(name) => Naming::Stream(name.to_owned()),
            None => Naming::ByLine,
        })
    }

    fn format(&self, head: &Parts) -> Result<&'static Format, Refusal> {
        let named = content_type(&head.headers);
        let unsupported = || Refusal::UnsupportedType(String::from_utf8_lossy(named).into_owned());
        Format::of(named).ok_or_else(unsupported)
    }
}
