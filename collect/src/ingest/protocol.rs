//! Protocols over HTTP: a file for each, and a row here.
//!
//! # How to add a protocol
//!
//! 1. A file in `ingest/protocol/` with a type that is a [`Protocol`], and a function `routes` with its addresses. The type
//!    says how the stream is named ([`Naming`](crate::door::Naming)), which [format](crate::ingest::decode) the body has,
//!    what a repeated request is known by ([`Identity`](crate::door::Identity)), and how an [outcome](crate::door::Outcome)
//!    and a [refusal](Refusal) are said. [`log`] is the shortest one.
//! 2. Its row in [`router`], and its addresses in the table of `src/routes.rs`: what is not in it is closed.
//! 3. A page in docs/ for those who send so.
//!
//! An answer that says "accepted" means *stored*. What its senders do with a refusal decides how it is said: a part that
//! was rejected is no refusal of the whole where its senders repeat, or drop, the whole on that.
//!
//! Requests are read whole, settled, and answered: [`http::take`](super::http::take). A protocol that is something else (a
//! request that stays open for hours) has a handler of its own, and does the same with one [`Intake`](crate::door::Intake)
//! after the other.

mod lines;
mod log;

use ::http::request::Parts;
use axum::Router;
use axum::response::{IntoResponse, Response};
use edge::Problem;

use super::decode::Format;
use super::http::{self, Refusal, answer};
use crate::door::{Door, Identity, Naming, Outcome};

/// What is a protocol's own of a request that brings lines.
pub(super) trait Protocol: Send + Sync + 'static {
    /// How the streams of its lines are named.
    fn naming(&self, head: &Parts) -> Result<Naming, Refusal>;

    /// What its body is.
    fn format(&self, head: &Parts) -> Result<&'static Format, Refusal>;

    /// What it is known by when it is repeated.
    fn identity(&self, head: &Parts) -> Result<Option<Identity>, Refusal> {
        http::idempotency_key(&head.headers)
    }

    /// Says what became of it.
    fn answer(&self, outcome: &Outcome) -> Response {
        answer::json(outcome)
    }

    /// Says why nothing of it is acknowledged.
    fn refuse(&self, refusal: Refusal) -> Response {
        Problem::from(refusal).into_response()
    }
}

/// Every protocol's addresses.
pub(super) fn router(door: &Door) -> Router {
    Router::new().merge(lines::routes(door)).merge(log::routes(door))
}
