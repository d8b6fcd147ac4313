//! `POST /v1/tickets`: what opens one connection for a client that can send no token.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use edge::{Pace, Problem};
use http::StatusCode;
use http::header::{CACHE_CONTROL, ORIGIN, PRAGMA};
use serde::{Deserialize, Serialize};

use super::body::{Limits, Whole, bad_request};
use crate::grants::Subscriber;
use crate::guard::{Need, guarded};
use crate::tickets::{Bound, OPENED, Tickets};
use crate::token::unix_now;
use crate::verifier::Verifier;

/// The longest origin, in bytes: a name of a host has up to 253.
const LONGEST_ORIGIN: usize = 300;

/// When who could not be answered asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// `POST /v1/tickets`, behind a door for tokens.
pub fn router(verifier: Arc<Verifier>, tickets: Arc<Tickets>, limits: Limits) -> Router {
    let room = Room {
        pace: Pace::new(tickets.limits().burst, tickets.limits().per_minute),
        tickets,
        limits,
    };
    let routes = Router::new()
        .route("/v1/tickets", post(issue))
        .with_state(Arc::new(room));
    guarded(routes, verifier, Need::Token)
}

struct Room {
    tickets: Arc<Tickets>,
    pace: Pace,
    limits: Limits,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    path: String,
    /// Of the pages that may use it; the asking one's unless it is there.
    #[serde(default)]
    origin: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    ticket: String,
    expires_in: u64,
}

async fn issue(
    State(room): State<Arc<Room>>,
    caller: Subscriber,
    request: Request,
) -> Result<Response, Problem> {
    let asking = request
        .headers()
        .get(ORIGIN)
        .and_then(|origin| origin.to_str().ok());
    let asking = asking.map(str::to_owned);
    let request = Whole::read(request, room.limits).await?;
    if !request.is_json() {
        return Err(bad_request("send JSON, as `Content-Type: application/json`"));
    }
    let Order { path, origin } = request.json()?;
    if !OPENED.contains(&&*path) {
        let all = OPENED.join(" or ");
        return Err(bad_request(format!("`path` is what the ticket opens: {all}")));
    }
    let origin = origin.or(asking);
    if origin
        .as_ref()
        .is_some_and(|origin| origin.len() > LONGEST_ORIGIN)
    {
        return Err(bad_request(format!(
            "`origin` has {LONGEST_ORIGIN} bytes at the most"
        )));
    }
    room.pace.take(caller.sub()).map_err(|wait| {
        let detail = "too many tickets were made for you: use what you have";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail).retry_after(wait)
    })?;
    let ticket = room
        .tickets
        .issue(&caller, Bound { path, origin }, unix_now())
        .await;
    let ticket = ticket.map_err(|error| {
        let detail = error.to_string();
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN)
    })?;
    let answer = Answer {
        ticket,
        expires_in: room.tickets.limits().lifetime.as_secs(),
    };
    Ok(([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer)).into_response())
}
