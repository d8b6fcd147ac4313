//! How sessions are spoken to: `tailcast.v1` over WebSockets, and as server-sent events.

#[cfg(feature = "echo")]
pub mod echo;
mod fragments;
pub(crate) mod frame;
#[cfg(feature = "fuzz")]
pub mod fuzz;
mod handshake;
mod inbound_rate;
mod pipe;
mod protocol;
mod socket;
mod sse;
mod websocket;

use std::sync::Arc;
use std::time::Duration;

use auth::{Need, Subscriber, credential};
use axum::Router;
use axum::routing::get;
use edge::Problem;
use http::StatusCode;
use lines::Epoch;

use crate::session::Host;
use crate::session::admission::{NoPlace, Place};
use crate::{Push, StoreAway};

/// The addresses where sessions begin.
pub fn router(push: Arc<Push>) -> Router {
    let host = Arc::clone(push.host());
    let verifier = Arc::clone(&host.verifier);
    let routes = Router::new()
        .route("/v1/ws", get(handshake::open))
        .route("/v1/sse", get(sse::open))
        .with_state(host);
    auth::guarded(routes, verifier, Need::Token)
}

/// What every session has before it begins.
struct Entered {
    place: Place,
    /// The database that its cursors belong to.
    epoch: Epoch,
}

impl Entered {
    async fn by(host: &Host, subscriber: &Subscriber) -> Result<Self, Problem> {
        let place = host.admission.enter(subscriber).map_err(no_place)?;
        // It can have been taken back before the place was there to be told of it.
        let stands = host.verifier.stands(subscriber);
        stands.map_err(|error| credential::refused(&error))?;
        let epoch = host.sources.store.epoch().await.map_err(|_| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                StoreAway.to_string(),
            )
            .retry_after(Duration::from_secs(1))
        })?;
        Ok(Self { place, epoch })
    }
}

fn no_place(why: NoPlace) -> Problem {
    let refusal = match why {
        NoPlace::Leaving => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "this node is being stopped: connect again, another one answers",
        ),
        NoPlace::Busy => Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "this node takes no more sessions at the moment: connect again in a while",
        ),
        NoPlace::TooMany => Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_sessions",
            "this subscriber has as many sessions as one may have: close some",
        ),
    };
    refusal.retry_after(Duration::from_secs(1))
}
