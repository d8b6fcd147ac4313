//! The viewer, served from the executable: one page and the files it names. And the client library that the viewer
//! stands on, for other pages too.
//!
//! Knows nothing of lines, tokens or streams: the page asks the other routes for those, as any client would.

mod assets;
mod encoding;
mod headers;

use axum::Router;
use axum::extract::Path;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use edge::Problem;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::assets::Keep;

/// `GET /`, `GET /assets/…` and `GET /client/v1/…`. Has no fallback, so it can be merged with any other router.
pub fn router() -> Router {
    let viewer = Router::new()
        .route("/", only_read(get(page)))
        .route("/assets/{name}", only_read(get(asset)))
        .route_layer(map_response(headers::strict));
    let library = Router::new()
        .route("/client/v1/{*path}", only_read(get(module)))
        .route_layer(map_response(headers::open));
    viewer.merge(library)
}

async fn page(request: HeaderMap) -> Response {
    assets::viewer("index.html", Keep::Ask, &request)
}

async fn asset(Path(name): Path<String>, request: HeaderMap) -> Response {
    // The folder is flat. The page is beside it, and has one address, so that relative addresses in it mean the same
    // for everybody.
    if name.contains(['/', '\\']) {
        return assets::not_found().into_response();
    }
    assets::viewer(&format!("assets/{name}"), Keep::Always, &request)
}

async fn module(Path(path): Path<String>, request: HeaderMap) -> Response {
    assets::library(&path, &request)
}

fn only_read(route: MethodRouter) -> MethodRouter {
    route.fallback(async || {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "these files can only be read: use GET or HEAD",
        )
        .header(header::ALLOW, HeaderValue::from_static("GET, HEAD"))
    })
}
