//! Where a request carries its token, and the refusal when it carries none that is good.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use edge::{Parameters, Problem};
use http::header::{AUTHORIZATION, ORIGIN, SEC_WEBSOCKET_PROTOCOL, UPGRADE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::grants::Subscriber;
use crate::tickets::{NotRedeemed, Use};
use crate::token::{TokenError, unix_now};
use crate::verifier::Verifier;

/// The subprotocol that carries a browser's token begins so: browsers set no headers on WebSockets.
const BEARER_SUBPROTOCOL: &str = "bearer.";

/// RFC 6750 §3. Basic is not offered, though accepted: a browser would ask the viewer's reader for a password.
const ASK: HeaderValue = HeaderValue::from_static("Bearer realm=\"tailcast\"");
/// The same for who showed a token.
const ASK_ANEW: HeaderValue = HeaderValue::from_static("Bearer realm=\"tailcast\", error=\"invalid_token\"");

/// When who could not be told good or bad asks again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why a request is nobody's, with the refusal, ready to be answered.
#[derive(Debug)]
pub enum NoEntry {
    /// There is no token, or one where none may be.
    NoToken(Problem),
    /// There is one, and it is not good.
    BadToken(Problem),
    /// There is one, and whether it is good cannot be told now.
    Unknown(Problem),
}

impl From<NoEntry> for Problem {
    fn from(entry: NoEntry) -> Self {
        let (NoEntry::NoToken(refusal) | NoEntry::BadToken(refusal) | NoEntry::Unknown(refusal)) = entry;
        refusal
    }
}

/// Who makes the request.
///
/// A token stands in `Authorization` (Bearer, or the password of Basic for shippers that know nothing else), or, where
/// a WebSocket is asked for, in a subprotocol. In the query it is refused, whatever else there is: queries end up in
/// the logs of everything in between. A [ticket](crate::tickets) may stand there, which opens one thing once: it counts where
/// there is no token.
pub async fn authenticate(
    verifier: &Verifier,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Subscriber, NoEntry> {
    refuse_token_in_query(uri).map_err(NoEntry::NoToken)?;
    let token = match headers.get(AUTHORIZATION) {
        Some(value) => token_of_header(value),
        None if asks_for_websocket(headers) => token_of_subprotocols(headers),
        None => None,
    };
    let Some(token) = token else {
        return match ticket_of(uri) {
            Some(ticket) => by_ticket(verifier, &ticket, headers, uri).await,
            None => Err(NoEntry::NoToken(no_token())),
        };
    };
    match verifier.verify(&token).await {
        Ok(subscriber) => Ok(subscriber),
        Err(error @ TokenError::NotYetKnown) => Err(NoEntry::Unknown(refused(&error))),
        Err(error) => Err(NoEntry::BadToken(refused(&error))),
    }
}

fn ticket_of(uri: &Uri) -> Option<String> {
    let parameters = Parameters::of(uri).ok()?;
    parameters.get("ticket").map(str::to_owned)
}

async fn by_ticket(
    verifier: &Verifier,
    ticket: &str,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Subscriber, NoEntry> {
    let bad = || {
        let detail = "this ticket is not good here: it opens one connection, within its seconds, at the address and from the \
                      page that it was made for; get another one";
        let refusal = Problem::new(StatusCode::UNAUTHORIZED, "bad_ticket", detail);
        NoEntry::BadToken(refusal.header(WWW_AUTHENTICATE, ASK_ANEW))
    };
    let tickets = verifier.tickets().ok_or_else(bad)?;
    let used = Use {
        path: uri.path(),
        origin: headers.get(ORIGIN).map(HeaderValue::as_bytes),
        now: unix_now(),
    };
    match tickets.redeem(ticket, &used, verifier).await {
        Ok(subscriber) => Ok(subscriber),
        Err(NotRedeemed::Bad) => Err(bad()),
        Err(NotRedeemed::Token(error @ TokenError::NotYetKnown)) => Err(NoEntry::Unknown(refused(&error))),
        Err(NotRedeemed::Token(error)) => Err(NoEntry::BadToken(refused(&error))),
        Err(error @ NotRedeemed::Away(_)) => {
            let detail = error.to_string();
            let refusal = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
            Err(NoEntry::Unknown(refusal.retry_after(ASK_AGAIN)))
        }
    }
}

fn no_token() -> Problem {
    let how = "send a token: `Authorization: Bearer TOKEN`";
    Problem::new(StatusCode::UNAUTHORIZED, "no_token", how).header(WWW_AUTHENTICATE, ASK)
}

/// The refusal of a token that is not accepted.
pub fn refused(error: &TokenError) -> Problem {
    if *error == TokenError::NotYetKnown {
        let detail = error.to_string();
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry_after(ASK_AGAIN);
    }
    Problem::new(StatusCode::UNAUTHORIZED, "bad_token", error.to_string()).header(WWW_AUTHENTICATE, ASK_ANEW)
}

fn refuse_token_in_query(uri: &Uri) -> Result<(), Problem> {
    let Ok(parameters) = Parameters::of(uri) else {
        return Ok(());
    };
    let secret = |name: &str| {
        ["token", "access_token", "jwt"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    if parameters.iter().any(|(name, _)| secret(name)) {
        Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "token_in_query",
            "a token never goes into the address, where logs keep it: send it as `Authorization: Bearer TOKEN`, \
             and replace this one",
        ))
    } else {
        Ok(())
    }
}

fn token_of_header(value: &HeaderValue) -> Option<String> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        return decoded.split_once(':').map(|(_, password)| password.to_owned());
    }
    None
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn token_of_subprotocols(headers: &HeaderMap) -> Option<String> {
    let lists = headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(BEARER_SUBPROTOCOL))
        .map(str::to_owned)
}
