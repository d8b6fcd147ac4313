//! Where requests and sessions go: one listener, over plain TCP.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, RETRY_AFTER};
use http::uri::Scheme;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::net::TcpStream;

/// For looking up a name, for a connection, for an answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// The longest answer that is read, in bytes.
pub(super) const LONGEST_ANSWER: usize = 1024 * 1024;

/// One listener.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// As it was given.
    pub(super) url: String,
    address: SocketAddr,
    host: HeaderValue,
    /// The path that a proxy serves Tailcast under, without a slash at its end.
    prefix: String,
}

impl Place {
    /// Looks the address up, once.
    pub(super) async fn find(url: &str) -> anyhow::Result<Self> {
        let bad =
            || anyhow!("{url:?} is no address of a Tailcast listener: it looks like http://127.0.0.1:7440");
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let plain = uri.scheme() == Some(&Scheme::HTTP) || uri.scheme_str() == Some("ws");
        if !plain && matches!(uri.scheme_str(), Some("https" | "wss")) {
            bail!(
                "bench speaks no TLS, so that it measures the installation and not itself: name the listener behind \
                 what ends TLS, like http://push-1:7440, instead of {url}"
            );
        }
        let authority = uri
            .authority()
            .filter(|_| plain && uri.query().is_none())
            .ok_or_else(bad)?;
        let port = authority.port_u16().unwrap_or(80);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let found = tokio::time::timeout(DEADLINE, tokio::net::lookup_host((host, port))).await;
        let address = found
            .ok()
            .and_then(Result::ok)
            .and_then(|mut addresses| addresses.next())
            .with_context(|| format!("{host} is not known by that name here"))?;
        Ok(Self {
            url: url.to_owned(),
            address,
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| bad())?,
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// A connection whose small writes leave at once.
    pub(super) async fn connect(&self) -> anyhow::Result<TcpStream> {
        let connected = tokio::time::timeout(DEADLINE, TcpStream::connect(self.address)).await;
        let stream = connected
            .map_err(|_| anyhow!("no connection within {DEADLINE:?}"))
            .and_then(|connected| connected.map_err(Into::into))
            .with_context(|| format!("{} cannot be reached", self.url))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The beginning of a request.
    pub(super) fn request(&self, path: &str, token: &str) -> request::Builder {
        http::Request::builder()
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, self.host.clone())
            .header(AUTHORIZATION, format!("Bearer {token}"))
    }

    /// The same as it goes over the wire, up to the fields that the request has of its own.
    pub(super) fn begin(&self, request: &mut Vec<u8>, method: &str, path: &str, token: &str) {
        for text in [method, " ", &self.prefix, path, " HTTP/1.1\r\nhost: "] {
            request.extend_from_slice(text.as_bytes());
        }
        request.extend_from_slice(self.host.as_bytes());
        for text in ["\r\nauthorization: Bearer ", token, "\r\n"] {
            request.extend_from_slice(text.as_bytes());
        }
    }
}

/// Reads an answer to its end.
pub(super) async fn body(response: Response<Incoming>) -> anyhow::Result<Bytes> {
    let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
    Ok(body
        .map_err(|error| anyhow!("the answer broke off: {error}"))?
        .to_bytes())
}

/// What a refusal says, in its own words.
pub(super) fn refusal(status: StatusCode, body: &[u8]) -> String {
    match (member(body, "detail"), code(body)) {
        (Some(detail), Some(code)) => format!("{detail} ({code})"),
        _ => format!("HTTP status {status}"),
    }
}

/// The code of a refusal.
pub(super) fn code(body: &[u8]) -> Option<String> {
    member(body, "code")
}

fn member(body: &[u8], name: &str) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(problem.get(name)?.as_str()?.to_owned())
}

/// Whether asking again may help.
pub(super) fn is_for_now(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// How long the server wants to be left alone.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_of_plain_listeners() {
        let table = [
            ("http://127.0.0.1:7440", "127.0.0.1:7440", ""),
            ("ws://127.0.0.1:7440/", "127.0.0.1:7440", ""),
            ("http://[::1]:80/tailcast/", "[::1]:80", "/tailcast"),
        ];
        for (url, address, prefix) in table {
            let place = Place::find(url).await.unwrap();
            assert_eq!(
                (place.address.to_string().as_str(), place.prefix.as_str()),
                (address, prefix)
            );
        }
        for (bad, why) in [
            ("127.0.0.1:7440", "is no address"),
            ("http://x/?token=y", "is no address"),
            ("https://logs.example.org", "no TLS"),
        ] {
            let error = Place::find(bad).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_refusal_is_shown_in_its_own_words() {
        let status = StatusCode::UNAUTHORIZED;
        let problem =
            br#"{"title":"Unauthorized","status":401,"code":"bad_token","detail":"the token has ended"}"#;
        assert_eq!(refusal(status, problem), "the token has ended (bad_token)");
        assert_eq!(refusal(status, b"<html>"), "HTTP status 401 Unauthorized");
    }
}
