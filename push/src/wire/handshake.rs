//! `GET /v1/ws`: from an HTTP request to a session. The token is checked before the 101.

use std::sync::Arc;

use auth::Subscriber;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::header::{
    ALLOW, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::session::Host;
use crate::session::admission::Place;
use crate::wire::Entered;
use crate::wire::protocol::SUBPROTOCOL;
use crate::wire::websocket::WebSocket;

/// `GET /v1/ws`.
pub(super) async fn open(
    State(host): State<Arc<Host>>,
    subscriber: Subscriber,
    request: Request,
) -> Result<Response, Problem> {
    let accept = accept_key(&request)?;
    let subprotocol = subprotocol(request.headers())?;
    // The place is taken before the upgrade: whoever waits for sessions to end must not miss one that begins.
    let Entered { place, epoch } = Entered::by(&host, &subscriber).await?;
    let upgrade = hyper::upgrade::on(request);
    let fan_out = host.fan_out.clone();
    fan_out.spawn(async move {
        match edge::upgraded(upgrade).await {
            Ok(io) => {
                let mut session = Box::new(WebSocket::new(host, subscriber, epoch, &place, io));
                session.welcome();
                // A task of its own, which has no room for what it took to get here.
                tokio::spawn(serve(session, place));
            }
            Err(error) => tracing::debug!(%error, "a client went away while its connection was upgraded"),
        }
    });
    Ok(switching(&accept, subprotocol))
}

/// A session, until it ends: then its place is free.
pub(super) async fn serve(session: Box<WebSocket<edge::Socket>>, place: Place) {
    session.run().await;
    drop(place);
}

pub(crate) fn switching(accept: &str, subprotocol: Option<HeaderValue>) -> Response {
    let mut response = (
        StatusCode::SWITCHING_PROTOCOLS,
        [
            (CONNECTION, "upgrade"),
            (UPGRADE, "websocket"),
            (SEC_WEBSOCKET_ACCEPT, accept),
        ],
        Body::empty(),
    )
        .into_response();
    if let Some(subprotocol) = subprotocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    response
}

/// The answer to the key of a handshake that is one in every point (RFC 6455 §4.2.1).
pub(crate) fn accept_key(request: &Request) -> Result<String, Problem> {
    let headers = request.headers();
    if request.method() != Method::GET {
        let detail = "a WebSocket begins with GET";
        return Err(
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
                .header(ALLOW, HeaderValue::from_static("GET")),
        );
    }
    if !has_token(headers, &CONNECTION, "upgrade") || !has_token(headers, &UPGRADE, "websocket") {
        let detail = "this address speaks WebSocket: connect with a WebSocket client";
        return Err(
            Problem::new(StatusCode::UPGRADE_REQUIRED, "websocket_required", detail)
                .header(UPGRADE, HeaderValue::from_static("websocket"))
                .header(CONNECTION, HeaderValue::from_static("upgrade")),
        );
    }
    if request.version() < Version::HTTP_11 {
        return Err(bad_handshake("a WebSocket begins with HTTP/1.1, not 1.0"));
    }
    if the_one(headers, &SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        let detail = "only version 13 of WebSocket is spoken here";
        return Err(
            Problem::new(StatusCode::UPGRADE_REQUIRED, "websocket_version", detail)
                .header(UPGRADE, HeaderValue::from_static("websocket"))
                .header(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        );
    }
    match the_one(headers, &SEC_WEBSOCKET_KEY) {
        Some(key) if is_nonce(key.as_bytes()) => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(bad_handshake(
            "`Sec-WebSocket-Key` is missing, there twice, or not 16 bytes in base64",
        )),
    }
}

fn bad_handshake(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_handshake", detail)
}

/// A header that is there once.
fn the_one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

/// 16 bytes in base64: 22 characters and two that fill up.
fn is_nonce(key: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.strip_suffix(b"==")
        .is_some_and(|digits| digits.len() == 22 && digits.iter().all(is_base64))
}

/// Of what is offered only our own is chosen, never the one that carries a token.
fn subprotocol(headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    if has_token(headers, &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return Ok(Some(HeaderValue::from_static(SUBPROTOCOL)));
    }
    if headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
        Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_subprotocol",
            format!("offer the subprotocol {SUBPROTOCOL:?}, or none"),
        ))
    } else {
        Ok(None)
    }
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}
