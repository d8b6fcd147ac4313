//! Taking tokens back (RFC 7009): one token, or all that a subscriber, an issuer or a key had.
//!
//! Whoever has a token takes back their own and those of their own `sub`; an admin takes back any. Who shows somebody else's
//! token hears what they would hear of nonsense: that nothing was revoked. Whatever is told revoked is so in the ledger, and
//! every node that reaches it refuses it within moments.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use edge::Problem;
use http::StatusCode;
use http::header::{CACHE_CONTROL, PRAGMA};
use lines::StreamName;
use serde::{Deserialize, Serialize};

use super::body::{Limits, Whole, bad_request};
use crate::audit::About;
use crate::credential::refused;
use crate::grants::Subscriber;
use crate::guard::{Need, guarded};
use crate::revoked::{Mark, Marks, NotMarked, Revocable};
use crate::token::{TokenError, unix_now};
use crate::verifier::Verifier;

/// The longest name of an issuer, a key or a token, in bytes.
const LONGEST_NAME: usize = 1_024;
/// When who could not be answered asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What the service needs.
#[derive(Clone)]
pub struct Parts {
    /// Checks the tokens: the caller's own, and the one that is taken back.
    pub verifier: Arc<Verifier>,
    /// Where it is written down.
    pub marks: Arc<Marks>,
    /// What a request may take.
    pub limits: Limits,
}

/// `POST /v1/revoke`, behind a door for tokens.
pub fn router(parts: Parts) -> Router {
    let verifier = Arc::clone(&parts.verifier);
    let routes = Router::new().route("/v1/revoke", post(revoke)).with_state(parts);
    guarded(routes, verifier, Need::Token)
}

/// As RFC 7009 §2.1 has it. A hint of its kind is not needed.
#[derive(Deserialize)]
struct TokenForm {
    token: String,
}

/// The same and more as JSON: one thing.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// The token itself.
    Token(String),
    /// The token with this `jti`.
    TokenId(TokenId),
    /// Everything of a subscriber's.
    Subscriber(String),
    /// Everything of an issuer's.
    Issuer(String),
    /// Everything that was signed with the key of this `kid`.
    Key(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenId {
    id: String,
    /// Whose; this installation's unless named.
    issuer: Option<String>,
    /// When that token ends, where it is known.
    expires_at: Option<i64>,
}

/// What is to be taken back.
enum What {
    Token(String),
    All(Mark),
}

#[derive(Serialize)]
struct Answer {
    /// Whether anything was. Why not is not said.
    revoked: bool,
    /// What was issued later is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<i64>,
}

async fn revoke(
    State(parts): State<Parts>,
    caller: Subscriber,
    request: Request,
) -> Result<Response, Problem> {
    let request = Whole::read(request, parts.limits).await?;
    let what = if request.is_json() {
        request.json::<Order>()?.read(&caller, &parts.verifier)?
    } else {
        What::Token(request.form::<TokenForm>(WANTED).await?.token)
    };
    let (about, answer) = match what {
        What::Token(token) => {
            let mark = parts.take_token(&caller, &token).await?;
            let revoked = mark.is_some();
            (
                mark,
                Answer {
                    revoked,
                    before: None,
                },
            )
        }
        What::All(mark) => {
            let mark = parts.put(mark, &caller).await?;
            let before = mark.what.is_by_time().then_some(mark.before);
            (
                Some(mark),
                Answer {
                    revoked: true,
                    before,
                },
            )
        }
    };
    let about = about.map_or_else(|| "nothing".to_owned(), |mark| format!("{:?}", mark.what));
    let answer = ([(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")], Json(answer));
    Ok((Extension(About(about)), answer).into_response())
}

const WANTED: &str = "send the token to revoke as a form, `token=TOKEN` (application/x-www-form-urlencoded), or what to revoke as \
    JSON (application/json)";

impl Parts {
    /// One token. Of one that is not good here, or that the caller may not take back, nothing is said.
    async fn take_token(&self, caller: &Subscriber, token: &str) -> Result<Option<Mark>, Problem> {
        let owner = match self.verifier.whose(token).await {
            Ok(owner) => owner,
            Err(error @ TokenError::NotYetKnown) => return Err(refused(&error)),
            Err(_) => return Ok(None),
        };
        if !may_take(caller, owner.sub()) {
            return Ok(None);
        }
        let Some(mark) = Mark::of_token(&owner, caller.sub(), unix_now()) else {
            return Ok(None);
        };
        self.put(mark, caller).await.map(Some)
    }

    async fn put(&self, mark: Mark, caller: &Subscriber) -> Result<Mark, Problem> {
        let mark = self.marks.put(mark, caller).await.map_err(told)?;
        tracing::info!(by = caller.sub(), what = ?mark.what, "revoked");
        Ok(mark)
    }
}

fn may_take(caller: &Subscriber, sub: &str) -> bool {
    caller.grants().admin || caller.sub() == sub
}

impl Order {
    /// What it says, when the caller may say it.
    fn read(self, caller: &Subscriber, verifier: &Verifier) -> Result<What, Problem> {
        let now = unix_now();
        let mut expires_at = None;
        let what = match self {
            Self::Token(token) => return Ok(What::Token(token)),
            Self::TokenId(token) => {
                expires_at = token.expires_at;
                let issuer = token.issuer.unwrap_or_else(|| verifier.issuer().to_owned());
                Revocable::Token {
                    issuer: named("issuer", issuer)?,
                    id: named("id", token.id)?,
                }
            }
            Self::Subscriber(sub) => {
                StreamName::personal(&sub)
                    .map_err(|error| bad_request(format!("`subscriber` is nobody: {error}")))?;
                Revocable::Subscriber(sub)
            }
            Self::Issuer(issuer) => Revocable::Issuer(named("issuer", issuer)?),
            Self::Key(kid) => Revocable::Key(named("key", kid)?),
        };
        let may = match &what {
            Revocable::Subscriber(sub) => may_take(caller, sub),
            _ => caller.grants().admin,
        };
        if !may {
            let detail =
                "a token without `admin` revokes what is its own subscriber's, by `token` or `subscriber`";
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        let mark = Mark::new(what, caller.sub(), now);
        match expires_at {
            None => Ok(What::All(mark)),
            Some(end) if end > now => Ok(What::All(mark.ending(end))),
            Some(_) => Err(bad_request(
                "`expires_at` is past: that token is not good any more",
            )),
        }
    }
}

fn named(member: &str, name: String) -> Result<String, Problem> {
    match name.len() {
        1..=LONGEST_NAME => Ok(name),
        _ => Err(bad_request(format!("`{member}` has 1 to {LONGEST_NAME} bytes"))),
    }
}

fn told(error: NotMarked) -> Problem {
    let detail = error.to_string();
    match error {
        NotMarked::TooMany(_) => Problem::new(StatusCode::CONFLICT, "too_many_revocations", detail),
        NotMarked::Away(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN)
        }
        NotMarked::Unknown(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unknown_outcome", detail).retry_after(ASK_AGAIN)
        }
        NotMarked::Damaged(_) => {
            tracing::error!(%error, "something could not be revoked");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "store_damaged", detail)
        }
    }
}
