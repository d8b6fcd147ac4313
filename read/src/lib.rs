//! Questions about what was: lines and how many there are ([`history`]), and which streams; and the [`views`] that readers
//! save.
//!
//! From the bottom: [`questions`] asks the store once for all who want the same at the same time, also for who is not of
//! this crate; a [`scan`] finds the lines that answer a question, of one stream or of several merged by time; [`history`]
//! and [`streams`] read requests and write answers. [`places`] has room for each subscriber, so that nobody takes all.
//!
//! `read` has never heard of MongoDB, SQLite or Redis, nor of sessions and feeds. It asks `auth` who may read, and decides
//! nothing of that itself.

pub mod scan;
pub mod views;

mod history;
mod limits;
mod outcome;
mod places;
mod questions;
mod streams;

use std::sync::Arc;

use auth::{Need, Verifier};
use axum::Router;
use edge::sieve::Sieve;

pub use limits::Limits;
pub use questions::{QuestionLimits, Questions};

use places::Places;
use scan::Scanner;

/// What questions are answered from.
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

/// `GET /v1/lines`, `GET /v1/counts` and `GET /v1/streams`, and no other method or path: these merge with what a
/// collector answers.
pub fn router(parts: Parts) -> Router {
    let places = Places::new(&parts.limits);
    let scanner = Scanner {
        questions: parts.questions,
        sieve: parts.sieve,
        limits: parts.limits,
    };
    let streams = streams::router(
        Arc::clone(&scanner.questions),
        scanner.limits,
        Arc::clone(&places),
    );
    let routes = history::router(scanner, places).merge(streams);
    auth::guarded(routes, parts.verifier, Need::Token)
}
