//! The files of the viewer and of the client library, embedded when the executable is built. Both are committed as
//! they were built, so that building the executable takes no Node; a debug build reads them where they are, each time.

use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::encoding::Encoding;

/// The viewer's, as Vite made them, each of them also compressed, under its name and `.br` or `.gz`.
#[derive(RustEmbed)]
#[folder = "viewer/dist/"]
pub(crate) struct Viewer;

/// The client library's: one module, and the map to its sources.
#[derive(RustEmbed)]
#[folder = "client/bundle/"]
pub(crate) struct Library;

/// How long a browser keeps a file.
#[derive(Clone, Copy)]
pub(crate) enum Keep {
    /// It asks each time whether there is another one: a new executable is seen at once.
    Ask,
    /// For ever: the name carries a hash of the content.
    Always,
}

/// What a file is, by the end of its name. A file of another kind is not served.
const TYPES: &[(&str, &str)] = &[
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("map", "application/json"),
    ("css", "text/css; charset=utf-8"),
    ("svg", "image/svg+xml"),
];

/// A file of the viewer in the form that the browser likes best, or 304 when it has that already, or 404.
pub(crate) fn viewer(path: &str, keep: Keep, request: &HeaderMap) -> Response {
    let encoding = Encoding::accepted(request);
    let file = Viewer::get(&format!("{path}{}", encoding.suffix()));
    let mut response = answer(file, path, keep, request);
    let headers = match response.status() {
        StatusCode::NOT_FOUND => return response,
        _ => response.headers_mut(),
    };
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(token) = encoding.token()
        && headers.contains_key(header::CONTENT_TYPE)
    {
        headers.insert(header::CONTENT_ENCODING, token);
    }
    response
}

/// A file of the client library, or 304 when the browser has it already, or 404.
pub(crate) fn library(path: &str, request: &HeaderMap) -> Response {
    answer(Library::get(path), path, Keep::Ask, request)
}

pub(crate) fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no file of this name; the viewer begins at /, the client library at /client/v1/tailcast.js",
    )
}

fn answer(file: Option<EmbeddedFile>, path: &str, keep: Keep, request: &HeaderMap) -> Response {
    let Some((file, kind)) = file.zip(kind(path)) else {
        return not_found().into_response();
    };
    // Of what is sent, so each form of a file has its own.
    let tag = entity_tag(&file.metadata.sha256_hash());
    let kept = [
        (header::CACHE_CONTROL, keep.header()),
        (header::ETAG, tag.as_str()),
    ];
    if already_there(request, &tag) {
        return (StatusCode::NOT_MODIFIED, kept).into_response();
    }
    let mut response = (kept, file.data).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

impl Keep {
    fn header(self) -> &'static str {
        match self {
            Self::Ask => "no-cache",
            Self::Always => "public, max-age=31536000, immutable",
        }
    }
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
