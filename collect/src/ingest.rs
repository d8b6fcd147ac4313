//! The ways in: everything that senders speak ends at the [`door`](crate::door).
//!
//! [`decode`] has a file for each format: bytes become lines. [`protocol`] has a file for each protocol over HTTP, on what
//! [`http`] reads under bounds. [`listener`] is what a protocol with a port of its own is given.
//!
//! Each of the three says at its top what adding one takes. None knows how lines are stored, nor who watches.

pub mod decode;
mod http;
pub mod listener;
mod protocol;

use std::sync::Arc;

use auth::{Need, Verifier};
use axum::Router;

use crate::door::Door;
pub use crate::door::Limits;

/// What the edge needs.
pub struct Parts {
    /// Checks the senders' tokens.
    pub verifier: Arc<Verifier>,
    /// Where lines go.
    pub door: Door,
}

/// Every protocol over HTTP: nothing of a request is read before its token is good, and may write at all. Methods of
/// `/v1/lines` that bring no lines are left to other roles.
pub fn router(Parts { verifier, door }: Parts) -> Router {
    auth::guarded(protocol::router(&door), verifier, Need::Write)
}
