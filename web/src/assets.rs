//! The files of `web/assets/` and of the built client library, embedded when the executable is built.

use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

/// The viewer's.
#[derive(RustEmbed)]
#[folder = "assets/"]
pub(crate) struct Viewer;

/// The client library's, as `tsc` made them; they are committed, so that building the executable takes no Node.
#[derive(RustEmbed)]
#[folder = "client/dist/"]
pub(crate) struct Library;

/// What a file is, by the end of its name. A file of another kind is not served.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
];

/// The file, or 304 when the browser has it already, or 404.
pub(crate) fn answer<Files: RustEmbed>(path: &str, request: &HeaderMap) -> Response {
    let Some((file, kind)) = Files::get(path).zip(kind(path)) else {
        return not_found().into_response();
    };
    let tag = entity_tag(&file.metadata.sha256_hash());
    // The names carry no hash, so a browser asks each time; a new executable is seen at once.
    let kept = [(header::CACHE_CONTROL, "no-cache"), (header::ETAG, tag.as_str())];
    if already_there(request, &tag) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let mut response = (kept, file.data).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(crate) fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no file of this name; the viewer begins at /, the client library at /client/v1/tailcast.js",
    )
}

fn kind(path: &str) -> Option<&'static str> {
    let (_, end) = path.rsplit_once('.')?;
    TYPES
        .iter()
        .find(|(known, _)| *known == end)
        .map(|(_, kind)| *kind)
}

/// Strong: 128 bits of the content's hash.
fn entity_tag(hash: &[u8; 32]) -> String {
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// RFC 9110 §13.1.2: a list of tags, compared weakly, or `*`.
fn already_there(request: &HeaderMap, tag: &str) -> bool {
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
