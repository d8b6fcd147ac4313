//! What a browser is told: to refuse whatever gets into the viewer, and that the client library is for every page.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Nothing but the page's own files, and connections to its own host only (`'self'` covers its WebSocket). No markup is
/// ever made from text: Trusted Types are required, and the one policy that makes them is for the address of the page's
/// worker.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     connect-src 'self'; img-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types tailcast-worker";

/// The page copies lines, on a click; nothing else.
const PERMISSIONS_POLICY: &str = "camera=(), clipboard-write=(self), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()";

const STRICT: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(PERMISSIONS_POLICY),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Puts the strict headers on every answer of the viewer, refusals too.
pub(crate) async fn strict(mut response: Response) -> Response {
    for (name, value) in STRICT {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Anybody's page may take the library: it holds no secret, and does nothing without a token.
const OPEN: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
];

/// Puts the headers of the client library on an answer.
pub(crate) async fn open(mut response: Response) -> Response {
    for (name, value) in OPEN {
        response.headers_mut().insert(name, value);
    }
    response
}
