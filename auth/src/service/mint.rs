//! Tokens for others, and for who has an API key: `POST /v1/tokens`.
//!
//! A minter gives nothing that it has not: no grant, no right, no time. A token reads the personal stream of its subscriber,
//! so who makes one for somebody else may read that, or is an admin. Nobody is an admin by an API key. What an API key was
//! exchanged for, or made, ends with it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use edge::Problem;
use http::StatusCode;
use http::header::{CACHE_CONTROL, PRAGMA};
use lines::{Pattern, StreamName};
use serde::{Deserialize, Serialize};

use super::body::{Limits, Whole, bad_request};
use crate::audit::About;
use crate::grants::{Action, Grants, Subscriber, may};
use crate::guard::{Need, guarded};
use crate::revoked::hex;
use crate::signing::Signing;
use crate::token::{Claims, TokenError, parse_grants, unix_now};
use crate::verifier::Verifier;

/// How long tokens last that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MintLimits {
    /// The longest: 1 h. Never longer than what they are made with.
    pub lifetime: Duration,
}

impl Default for MintLimits {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(3_600),
        }
    }
}

/// When who could not be answered asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the service needs.
#[derive(Clone)]
pub struct Parts {
    /// Checks who asks.
    pub verifier: Arc<Verifier>,
    /// What signs.
    pub signing: Arc<Signing>,
    /// How long they last.
    pub mint: MintLimits,
    /// What a request may take.
    pub limits: Limits,
}

/// `POST /v1/tokens`, behind a door for tokens.
pub fn router(parts: Parts) -> Router {
    let verifier = Arc::clone(&parts.verifier);
    let routes = Router::new().route("/v1/tokens", post(mint)).with_state(parts);
    guarded(routes, verifier, Need::Token)
}

/// A token to be made.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    /// The caller unless it is named.
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    read: Vec<String>,
    #[serde(default)]
    write: Vec<String>,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    introspect: bool,
    #[serde(default)]
    mint: bool,
    /// In seconds; as long as it can be unless it is there.
    #[serde(default)]
    lifetime: Option<u64>,
}

/// As RFC 6749 §4.4.2 has it.
#[derive(Deserialize)]
struct Credentials {
    grant_type: String,
}

/// As RFC 6749 §5.1 has it.
#[derive(Serialize)]
struct Answer {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
}

const WANTED: &str = "send what the token is to allow as JSON (application/json), or, with an API key, the form \
    `grant_type=client_credentials`";

async fn mint(State(parts): State<Parts>, caller: Subscriber, request: Request) -> Result<Response, Problem> {
    let request = Whole::read(request, parts.limits).await?;
    let order = if request.is_json() {
        request.json()?
    } else {
        exchanged(&caller, &request.form::<Credentials>(WANTED).await?)?
    };
    let about = About(format!("{order:?}"));
    let answer = parts.mint(&caller, order)?;
    let answer = ([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer));
    Ok((Extension(about), answer).into_response())
}

/// All that an API key allows.
fn exchanged(caller: &Subscriber, credentials: &Credentials) -> Result<Order, Problem> {
    if credentials.grant_type != "client_credentials" {
        let refusal = bad_request("`grant_type` is `client_credentials`");
        return Err(refusal.member("error", "unsupported_grant_type".into()));
    }
    if caller.shown().api_key.is_none() {
        let refusal = forbidden("only an API key is exchanged for a token: a token is one already");
        return Err(refusal.member("error", "unauthorized_client".into()));
    }
    let texts = |patterns: &[Pattern]| patterns.iter().map(|it| it.as_str().to_owned()).collect();
    let Grants { read, write, .. } = caller.grants();
    Ok(Order {
        read: texts(read),
        write: texts(write),
        introspect: caller.grants().introspect,
        mint: caller.grants().mint,
        ..Order::default()
    })
}

impl Parts {
    fn mint(&self, caller: &Subscriber, order: Order) -> Result<Answer, Problem> {
        let minter = self.signing.minter().map_err(|error| unsigned(&error))?;
        let sub = order.sub.unwrap_or_else(|| caller.sub().to_owned());
        let grants = Grants {
            read: parse_grants(&order.read).map_err(|error| bad_request(error.to_string()))?,
            write: parse_grants(&order.write).map_err(|error| bad_request(error.to_string()))?,
            admin: order.admin,
            introspect: order.introspect,
            mint: order.mint,
        };
        may_mint(caller, &sub, &grants)?;
        let now = unix_now();
        let asked = order.lifetime.map_or(self.mint.lifetime, Duration::from_secs);
        let longest = self.mint.lifetime.min(minter.longest().unwrap_or(Duration::MAX));
        let lifetime = asked.min(longest);
        if lifetime.is_zero() {
            return Err(bad_request("`lifetime` is 1 second at least"));
        }
        let expires_at = now
            .saturating_add_unsigned(lifetime.as_secs())
            .min(caller.expires_at());
        if expires_at <= now {
            return Err(forbidden("what this is asked with ends now"));
        }
        let shown = caller.shown();
        let token = minter.mint(&Claims {
            sub: sub.clone(),
            read: order.read,
            write: order.write,
            admin: order.admin,
            introspect: order.introspect,
            mint: order.mint,
            client: match (&shown.api_key, shown.hash) {
                (Some(id), Some(half)) => Some(format!("{id}:{}", hex(&half))),
                _ => shown.client.as_deref().map(str::to_owned),
            },
            expires_at,
        });
        let access_token = token.map_err(|error| unsigned(&error))?;
        tracing::info!(
            by = caller.sub(),
            client = caller.client_id(),
            sub,
            expires_at,
            "a token was made"
        );
        Ok(Answer {
            access_token,
            token_type: "Bearer",
            expires_in: expires_at - now,
        })
    }
}

/// Whether the caller may make such a token.
fn may_mint(caller: &Subscriber, sub: &str, grants: &Grants) -> Result<(), Problem> {
    let personal =
        StreamName::personal(sub).map_err(|error| bad_request(format!("`sub` is nobody: {error}")))?;
    let own = caller.grants();
    let exchanges = caller.shown().api_key.is_some() && caller.sub() == sub;
    if !(own.admin || own.mint || exchanges) {
        return Err(forbidden(
            "tokens are made by who has `mint` or `admin`, and by API keys for their own subscriber",
        ));
    }
    if !own.admin && !may(caller, Action::Read, &personal) {
        return Err(forbidden(
            "a token reads its subscriber's personal stream, which this may not: make it for somebody whose it may",
        ));
    }
    if own.include(grants) {
        Ok(())
    } else {
        Err(forbidden(
            "a token allows nothing that the one does not that it is made with: take grants away",
        ))
    }
}

fn forbidden(detail: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
}

fn unsigned(error: &TokenError) -> Problem {
    let detail = error.to_string();
    match error {
        TokenError::NoKey | TokenError::Unsigned => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN)
        }
        _ => bad_request(detail),
    }
}
