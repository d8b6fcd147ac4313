//! What every request's head has to be, and what every answer's head says.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Request, StatusCode, Version};

use crate::Problem;

/// Refuses a head of more than so many fields, where the library that reads it has no bound of its own (HTTP/2).
pub(crate) fn has_at_most(headers: &HeaderMap, fields: usize) -> Result<(), StatusCode> {
    if headers.len() > fields {
        Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
    } else {
        Ok(())
    }
}

/// Refuses what two programs in a row may read differently, and closes the connection: nobody knows where the next request
/// begins (RFC 9112 §6.1), or whom it is for (§3.2).
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Problem> {
    let headers = request.headers();
    let mut codings = headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|coding| !coding.is_empty());
    let (first, second) = (codings.next(), codings.next());
    let is_good = match (first, second) {
        (None, None) => !headers.contains_key(TRANSFER_ENCODING),
        (Some(coding), None) => coding.eq_ignore_ascii_case(b"chunked"),
        _ => false,
    };
    let close = |refusal: Problem| Err(refusal.header(CONNECTION, HeaderValue::from_static("close")));
    if !is_good {
        return close(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_transfer_encoding",
            "`Transfer-Encoding` is `chunked`, once, or absent",
        ));
    }
    let mut hosts = headers.get_all(HOST).iter();
    // HTTP/2 has a place of its own for it, and HTTP/1.0 none.
    let is_called = hosts.next().is_some() || request.version() != Version::HTTP_11;
    if !is_called || hosts.next().is_some() {
        return close(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_host",
            "`Host` is there once",
        ));
    }
    Ok(())
}

/// What an answer that says nothing else tells browsers and caches: it is what it says it is, nobody keeps it, nobody is
/// told of its address, and no page has a part of it: not in a frame, not as a script or a picture. Shown by itself, it does
/// nothing.
const UNLESS_SAID: [(HeaderName, HeaderValue); 5] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Where TLS is spoken, a browser that has been there once speaks nothing else for a year.
const ONLY_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Completes the head of an answer, which is `secure` inside of TLS.
pub(crate) fn completed(answer: impl IntoResponse, secure: bool) -> Response {
    let mut response = answer.into_response();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return response;
    }
    for (name, value) in UNLESS_SAID {
        response.headers_mut().entry(name).or_insert(value);
    }
    if secure {
        let headers = response.headers_mut();
        headers.insert(STRICT_TRANSPORT_SECURITY, ONLY_TLS);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_chunked_once_or_not_at_all() {
        let cases: [(&[&str], bool); 8] = [
            (&[], true),
            (&["chunked"], true),
            (&[" Chunked "], true),
            (&["chunked", "chunked"], false),
            (&["chunked, chunked"], false),
            (&["gzip, chunked"], false),
            (&["identity"], false),
            (&[""], false),
        ];
        for (values, good) in cases {
            let mut request = Request::builder().header(HOST, "x");
            for value in values {
                request = request.header(TRANSFER_ENCODING, *value);
            }
            let request = request.body(()).unwrap();
            assert_eq!(check(&request).is_ok(), good, "{values:?}");
        }
    }

    #[test]
    fn who_is_called_is_said_once() {
        let cases: [(Version, &[&str], bool); 6] = [
            (Version::HTTP_11, &["x"], true),
            (Version::HTTP_11, &[], false),
            (Version::HTTP_11, &["x", "x"], false),
            (Version::HTTP_10, &[], true),
            (Version::HTTP_2, &[], true),
            (Version::HTTP_2, &["x", "y"], false),
        ];
        for (version, hosts, good) in cases {
            let mut request = Request::builder().version(version);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let request = request.body(()).unwrap();
            assert_eq!(check(&request).is_ok(), good, "{version:?} {hosts:?}");
        }
    }
}
