//! The door of a route: first the token, then whether it may do such a thing at all. Only who passes has a body read or
//! a store asked. What exactly may be read and written is for [`crate::may`], stream by stream.
//!
//! The last steps of the order of admission; the first ones are the listener's (`edge`).

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use edge::{Problem, Visitor};
use http::StatusCode;
use http::request::Parts;

use crate::audit::Asked;
use crate::credential::{NoEntry, authenticate};
use crate::grants::Subscriber;
use crate::verifier::Verifier;

/// What a token has to allow before a request is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: everybody can read their personal stream.
    Token,
    /// To write some stream, whichever.
    Write,
    /// The admin API.
    Admin,
}

impl Need {
    fn check(self, subscriber: &Subscriber) -> Result<(), Problem> {
        let grants = subscriber.grants();
        let (granted, detail) = match self {
            Self::Token => return Ok(()),
            Self::Write => (
                !grants.write.is_empty(),
                "this token may not write any stream: get one with a `write` grant",
            ),
            Self::Admin => (
                grants.admin,
                "this needs a token with `admin`: `tailcast token --admin` makes one",
            ),
        };
        if granted {
            Ok(())
        } else {
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
        }
    }
}

/// Puts a door before every route of `routes`, for every method. Behind it, a handler takes the [`Subscriber`] as an
/// argument.
pub fn guarded(routes: Router, verifier: Arc<Verifier>, need: Need) -> Router {
    routes.route_layer(from_fn_with_state(Door { verifier, need }, pass))
}

#[derive(Clone)]
struct Door {
    verifier: Arc<Verifier>,
    need: Need,
}

async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let asked = Asked::of(&head);
    let (who, answer) = match door.admit(&head).await {
        Ok(subscriber) => {
            let who = asked.is_some().then(|| subscriber.clone());
            head.extensions.insert(subscriber);
            (who, next.run(Request::from_parts(head, body)).await)
        }
        Err((who, refusal)) => {
            metrics::counter!("tailcast_requests_not_admitted_total", "code" => refusal.code()).increment(1);
            (who, refusal.into_response())
        }
    };
    if let Some(asked) = asked {
        asked.answered(who.as_ref(), &answer);
    }
    answer
}

impl Door {
    /// Who passes; or the refusal, and whose it is where that is known.
    async fn admit(&self, head: &Parts) -> Result<Subscriber, (Option<Subscriber>, Problem)> {
        let subscriber = self.recognize(head).await.map_err(|refusal| (None, refusal))?;
        match self.need.check(&subscriber) {
            Ok(()) => Ok(subscriber),
            Err(refusal) => Err((Some(subscriber), refusal)),
        }
    }

    async fn recognize(&self, head: &Parts) -> Result<Subscriber, Problem> {
        let visitor = head.extensions.get::<Visitor>();
        let subscriber = match authenticate(&self.verifier, &head.headers, &head.uri).await {
            Ok(subscriber) => subscriber,
            Err(NoEntry::NoToken(refusal) | NoEntry::Unknown(refusal)) => return Err(refusal),
            Err(NoEntry::BadToken(refusal)) => {
                visitor.map_or(Ok(()), Visitor::showed_a_bad_token)?;
                return Err(refusal);
            }
        };
        visitor.map_or(Ok(()), Visitor::showed_a_good_token)?;
        Ok(subscriber)
    }
}

/// Who passed the door. A route that has none is closed.
impl<S: Sync> FromRequestParts<S> for Subscriber {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "a route has no door, and is closed");
            let detail = "this address cannot be used: the server made a mistake";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
        })
    }
}
