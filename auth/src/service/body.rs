//! Bodies of requests about tokens: short, and sent at once.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Form, FromRequest, Request};
use edge::Problem;
use edge::body::Unread;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

/// What a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The bytes of a request's form: 16 KiB.
    pub form_bytes: usize,
    /// From a request's head to the last byte of its form: 5 s.
    pub form_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            form_bytes: 16 * 1024,
            form_within: Duration::from_secs(5),
        }
    }
}

/// A request whose body is whole.
pub(super) struct Whole {
    head: Parts,
    body: Bytes,
}

impl Whole {
    /// Reads the body.
    pub(super) async fn read(request: Request, limits: Limits) -> Result<Self, Problem> {
        let (head, body) = request.into_parts();
        let whole = edge::body::whole(body, limits.form_bytes, limits.form_within).await;
        match whole {
            Ok(body) => Ok(Self { head, body }),
            Err(unread) => Err(unread.refuse(refusal(unread))),
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Whether it says that it is JSON.
    pub(super) fn is_json(&self) -> bool {
        let named = self.head.headers.get(CONTENT_TYPE);
        let named = named.and_then(|named| named.to_str().ok()).unwrap_or_default();
        let named = named.split(';').next().unwrap_or_default().trim();
        named.eq_ignore_ascii_case("application/json")
    }

    /// Its body as JSON, in which no member stands twice.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.body)
            .map_err(|error| bad_request(format!("the body is no such JSON: {error}")))
    }

    /// Its body as a form, in which no member stands twice.
    pub(super) async fn form<T: DeserializeOwned>(self, wanted: &'static str) -> Result<T, Problem> {
        let request = Request::from_parts(self.head, Body::from(self.body));
        let form = Form::from_request(request, &()).await;
        form.map(|form| form.0).map_err(|_| bad_request(wanted))
    }
}

fn refusal(unread: Unread) -> Problem {
    match unread {
        Unread::TooLarge => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "the body is longer than any request about a token",
        ),
        Unread::TooSlow => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "the body did not come in time: send it at once",
        ),
        Unread::BrokenOff => bad_request("the body broke off"),
    }
}

/// 400 with a sentence.
pub(super) fn bad_request(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_request", detail)
}
