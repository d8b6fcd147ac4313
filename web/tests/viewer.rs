//! What a browser gets from the viewer's routes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

async fn ask(method: Method, path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    web::router()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap()
}

async fn get(path: &str) -> Response {
    ask(Method::GET, path, &[]).await
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn the_page_is_html_that_the_browser_asks_for_again_each_time() {
    let page = get("/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(header_of(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header_of(&page, header::CACHE_CONTROL), "no-cache");
    assert!(text(page).await.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_to_refuse() {
    let answers = [
        get("/").await,
        get("/assets/viewer.js").await,
        get("/assets/none.js").await,
        ask(Method::POST, "/", &[]).await,
    ];
    for answer in answers {
        assert_eq!(
            header_of(&answer, header::CONTENT_SECURITY_POLICY),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'"
        );
        assert_eq!(header_of(&answer, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header_of(&answer, header::REFERRER_POLICY), "no-referrer");
        assert!(answer.headers().contains_key("permissions-policy"));
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let first = get("/assets/viewer.css").await;
    let tag = header_of(&first, header::ETAG).to_owned();
    assert!(!text(first).await.is_empty());

    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let again = ask(
            Method::GET,
            "/assets/viewer.css",
            &[(header::IF_NONE_MATCH, &known)],
        )
        .await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(header_of(&again, header::ETAG), tag);
        assert_eq!(text(again).await, "");
    }
    let other = ask(
        Method::GET,
        "/assets/viewer.css",
        &[(header::IF_NONE_MATCH, "\"other\"")],
    )
    .await;
    assert_eq!(other.status(), StatusCode::OK);
}

#[tokio::test]
async fn head_says_what_get_would_without_the_body() {
    let length = text(get("/").await).await.len().to_string();
    let head = ask(Method::HEAD, "/", &[]).await;
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(header_of(&head, header::CONTENT_LENGTH), length);
    assert_eq!(text(head).await, "");
}

#[tokio::test]
async fn an_unknown_file_is_not_found() {
    for path in [
        "/assets/none.js",
        "/assets/index.html",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            header_of(&answer, header::CONTENT_TYPE),
            "application/problem+json"
        );
        assert!(text(answer).await.contains(r#""code":"not_found""#));
    }
}

#[tokio::test]
async fn files_can_only_be_read() {
    for path in ["/", "/assets/viewer.js", "/client/v1/tailcast.js"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let answer = ask(method, path, &[]).await;
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            assert_eq!(header_of(&answer, header::ALLOW), "GET, HEAD");
        }
    }
}

#[tokio::test]
async fn routes_of_others_are_left_to_them() {
    let others = axum::Router::new()
        .route("/v1/streams", axum::routing::get(async || "streams"))
        .fallback(async || (StatusCode::NOT_FOUND, "nobody's"));
    let router = others.merge(web::router());
    for (path, expected) in [("/v1/streams", "streams"), ("/elsewhere", "nobody's")] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        assert!(!answer.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        assert_eq!(text(answer).await, expected);
    }
}

/// The page's own files and the modules these import, all the way down.
#[tokio::test]
async fn every_file_that_the_page_names_is_there() {
    let page = text(get("/").await).await;
    let mut wanted: Vec<String> = quoted(&page, "assets/")
        .map(|name| format!("/assets/{name}"))
        .collect();
    assert!(wanted.contains(&"/assets/viewer.js".to_owned()), "{wanted:?}");
    assert!(wanted.contains(&"/assets/viewer.css".to_owned()), "{wanted:?}");
    let mut seen = 0;
    let mut library = false;
    while seen < wanted.len() {
        let path = wanted[seen].clone();
        seen += 1;
        let answer = get(&path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        if path.ends_with(".js") {
            let folder = path.rsplit_once('/').unwrap().0;
            let source = text(answer).await;
            let beside = quoted(&source, "./").map(|module| format!("{folder}/{module}"));
            let of_library = quoted(&source, "../client/").map(|module| format!("/client/{module}"));
            for import in beside.chain(of_library) {
                library |= import == "/client/v1/tailcast.js";
                if !wanted.contains(&import) {
                    wanted.push(import);
                }
            }
        }
    }
    assert!(library, "the viewer stands on the library: {wanted:?}");
}

#[tokio::test]
async fn the_client_library_is_for_pages_of_other_origins_too() {
    let answer = get("/client/v1/tailcast.js").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let told = [
        (header::CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in told {
        assert_eq!(header_of(&answer, name.clone()), value, "{name}");
    }
    assert!(!header_of(&answer, header::ETAG).is_empty());
    assert_eq!(get("/client/v1/none.js").await.status(), StatusCode::NOT_FOUND);
}

/// What follows `start` in double quotes, up to the closing one.
fn quoted<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split('"')
        .skip(1)
        .step_by(2)
        .filter_map(move |inside| inside.strip_prefix(start))
        .filter(|name| !name.is_empty())
}
