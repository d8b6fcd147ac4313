//! What is told of who did what, for whoever has to know afterwards: one event for each thing, with the target `audit`.
//!
//! The door of a route tells it, since it knows who came, whence, for what, and what was answered: a new address is told of
//! without a word of its own. Sessions tell what they are asked. Nothing of it ever is a token, a key, a ticket or a body:
//! of an address the query is left out.

use std::net::IpAddr;

use axum::extract::MatchedPath;
use axum::response::Response;
use edge::Visitor;
use edge::problem::Code;
use http::request::Parts;
use http::{Method, StatusCode};

use crate::grants::Subscriber;

/// The target of every event.
pub const TARGET: &str = "audit";

/// The longest that is told of one thing, in bytes.
const LONGEST: usize = 1_000;

/// What is told whatever comes of it, by method and address.
const ACTS: &[(Method, &str, &str)] = &[
    (Method::GET, "/v1/ws", "connect"),
    (Method::GET, "/v1/sse", "connect"),
    (Method::POST, "/v1/tokens", "mint"),
    (Method::POST, "/v1/revoke", "revoke"),
    (Method::POST, "/v1/tickets", "make_ticket"),
    (Method::POST, "/v1/api-keys", "make_api_key"),
    (Method::POST, "/v1/api-keys/{id}/rotate", "rotate_api_key"),
    (Method::DELETE, "/v1/api-keys/{id}", "delete_api_key"),
    (Method::POST, "/v1/keys/rotate", "rotate_keys"),
    (Method::POST, "/v1/keys/{kid}/retire", "retire_key"),
    (Method::DELETE, "/v1/streams/{*name}", "delete_stream"),
    (Method::POST, "/v1/retention/restore", "restore_lines"),
    (Method::POST, "/v1/retention/allow", "allow_removal"),
];

/// What an answer says of what was done, for the event about it: whose token was made, which key.
#[derive(Debug, Clone)]
pub struct About(pub String);

/// Whether anybody wants to know.
pub fn is_wanted() -> bool {
    tracing::enabled!(target: TARGET, tracing::Level::INFO)
}

/// A request, until it is answered.
pub(crate) struct Asked {
    act: Option<&'static str>,
    method: Method,
    on: String,
    from: Option<IpAddr>,
}

impl Asked {
    /// Nothing where nobody wants to know.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        if !is_wanted() {
            return None;
        }
        let matched = head
            .extensions
            .get::<MatchedPath>()
            .map_or("", MatchedPath::as_str);
        let act = ACTS
            .iter()
            .find(|(method, path, _)| *method == head.method && *path == matched);
        Some(Self {
            act: act.map(|(_, _, name)| *name),
            method: head.method.clone(),
            on: bounded(head.uri.path()).to_owned(),
            from: head.extensions.get::<Visitor>().map(|visitor| visitor.address()),
        })
    }

    /// It was answered: tells of an act, and of whatever was refused to somebody.
    pub(crate) fn answered(self, who: Option<&Subscriber>, answer: &Response) {
        let status = answer.status();
        let reason = answer.extensions().get::<Code>().map_or("", |code| code.0);
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            || matches!(
                reason,
                "too_many_bad_tokens" | "token_in_query" | "stream_not_found"
            );
        let what = match self.act {
            // Who it would have been is not known.
            _ if who.is_none() => "refuse",
            Some(act) => act,
            None if refused => "deny",
            None => return,
        };
        let about = answer
            .extensions()
            .get::<About>()
            .map_or("", |about| bounded(&about.0));
        let told = Told {
            what,
            outcome: outcome(status),
            reason,
            about,
        };
        let on = format!("{} {}", self.method, self.on);
        tell(&told, who, &on, self.from.map(|from| from.to_string()));
    }
}

/// A session was asked for streams: `refusal` says why they are not followed.
pub fn subscribed(who: &Subscriber, session: &str, streams: &str, refusal: Option<&str>) {
    let told = Told {
        what: "subscribe",
        outcome: if refusal.is_none() { "done" } else { "refused" },
        reason: refusal.unwrap_or_default(),
        about: bounded(streams),
    };
    tell(&told, Some(who), &format!("session {session}"), None);
}

struct Told<'a> {
    what: &'static str,
    outcome: &'static str,
    reason: &'a str,
    about: &'a str,
}

fn tell(told: &Told<'_>, who: Option<&Subscriber>, on: &str, from: Option<String>) {
    let shown = who.map(Subscriber::shown);
    tracing::info!(
        target: TARGET,
        what = told.what,
        outcome = told.outcome,
        reason = told.reason,
        sub = who.map(Subscriber::sub),
        iss = shown.and_then(|shown| shown.issuer.as_deref()),
        jti = who.and_then(Subscriber::token_id),
        client_id = who.and_then(Subscriber::client_id),
        from,
        on,
        about = told.about,
    );
}

fn outcome(status: StatusCode) -> &'static str {
    if status.is_client_error() {
        "refused"
    } else if status.is_server_error() {
        "failed"
    } else {
        "done"
    }
}

fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}
