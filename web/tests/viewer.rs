//! What a browser gets from the viewer's routes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

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

async fn bytes(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await).unwrap()
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

/// What was built and is committed: the paths that it is served at, and what is in the files, compressed ones too.
fn built() -> BTreeMap<String, Vec<u8>> {
    let dist = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("viewer/dist");
    let files = |folder: PathBuf| {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
    };
    files(dist.clone())
        .chain(files(dist.join("assets")))
        .map(|path| {
            let name = path.strip_prefix(&dist).unwrap().to_str().unwrap();
            let address = match name.strip_prefix("index.html") {
                Some(form) => format!("/{form}"),
                None => format!("/{name}"),
            };
            (address, std::fs::read(&path).unwrap())
        })
        .collect()
}

/// The paths of the page and of its files.
fn addresses() -> Vec<String> {
    built()
        .into_keys()
        .filter(|path| !path.ends_with(".br") && !path.ends_with(".gz"))
        .collect()
}

/// The path of the script that the page begins with.
fn script() -> String {
    let page = built().remove("/").unwrap();
    let page = String::from_utf8(page).unwrap();
    let name = quoted(&page, "./assets/").find(|name| name.ends_with(".js"));
    format!("/assets/{}", name.unwrap())
}

/// What a browser may take, what it is sent then, and what the name of that file ends in.
const FORMS: [(&str, &str, &str); 3] = [
    ("gzip, deflate, br, zstd", "br", ".br"),
    ("gzip, deflate", "gzip", ".gz"),
    ("identity", "", ""),
];

#[tokio::test]
async fn the_page_is_html_that_the_browser_asks_for_again_each_time() {
    let page = get("/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(header_of(&page, header::CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(header_of(&page, header::CACHE_CONTROL), "no-cache");
    assert!(text(page).await.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn every_file_that_the_page_names_is_there_and_kept_for_ever() {
    let built = built();
    let page = String::from_utf8(built["/"].clone()).unwrap();
    for name in quoted(&page, "./assets/") {
        assert!(built.contains_key(&format!("/assets/{name}")), "{name}");
    }
    for path in addresses().iter().filter(|path| path.as_str() != "/") {
        let answer = get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(
            header_of(&answer, header::CACHE_CONTROL),
            "public, max-age=31536000, immutable",
            "{path}"
        );
        let name = path.strip_prefix("/assets/").unwrap();
        let named = built
            .values()
            .any(|content| String::from_utf8_lossy(content).contains(name));
        assert!(named, "nothing names {path}");
    }
}

#[tokio::test]
async fn every_file_is_sent_in_the_smallest_form_that_the_browser_takes() {
    let built = built();
    for path in addresses() {
        let mut tags = Vec::new();
        for (accepted, encoding, suffix) in FORMS {
            let answer = ask(Method::GET, &path, &[(header::ACCEPT_ENCODING, accepted)]).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(header_of(&answer, header::CONTENT_ENCODING), encoding, "{path}");
            assert_eq!(header_of(&answer, header::VARY), "accept-encoding");
            assert!(!header_of(&answer, header::CONTENT_TYPE).is_empty());
            tags.push(header_of(&answer, header::ETAG).to_owned());
            assert!(
                bytes(answer).await == built[&format!("{path}{suffix}")],
                "{path}{suffix}"
            );
        }
        tags.sort();
        tags.dedup();
        assert_eq!(tags.len(), 3, "each form of {path} has a tag of its own");
    }
}

#[tokio::test]
async fn a_form_that_the_browser_has_is_not_sent_again() {
    for path in ["/", &script()] {
        for (accepted, _, _) in FORMS {
            let accepted = (header::ACCEPT_ENCODING, accepted);
            let first = ask(Method::GET, path, std::slice::from_ref(&accepted)).await;
            let tag = header_of(&first, header::ETAG).to_owned();
            let kept = header_of(&first, header::CACHE_CONTROL).to_owned();

            for known in [
                tag.clone(),
                format!("W/{tag}"),
                format!("\"other\", {tag}"),
                "*".to_owned(),
            ] {
                let known = (header::IF_NONE_MATCH, known.as_str());
                let again = ask(Method::GET, path, &[accepted.clone(), known.clone()]).await;
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known:?}");
                assert_eq!(header_of(&again, header::ETAG), tag);
                assert_eq!(header_of(&again, header::CACHE_CONTROL), kept);
                assert_eq!(header_of(&again, header::VARY), "accept-encoding");
                assert!(!again.headers().contains_key(header::CONTENT_ENCODING));
                assert_eq!(text(again).await, "");
            }
            for (other, _, _) in FORMS.iter().filter(|(other, _, _)| *other != accepted.1) {
                let known = (header::IF_NONE_MATCH, tag.as_str());
                let another = ask(Method::GET, path, &[(header::ACCEPT_ENCODING, other), known]).await;
                assert_eq!(another.status(), StatusCode::OK, "{path} as {other}");
            }
        }
    }
}

#[tokio::test]
async fn head_says_what_get_would_without_the_body() {
    for (accepted, encoding, suffix) in FORMS {
        let length = built()[&format!("/{suffix}")].len().to_string();
        let head = ask(Method::HEAD, "/", &[(header::ACCEPT_ENCODING, accepted)]).await;
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(header_of(&head, header::CONTENT_LENGTH), length);
        assert_eq!(header_of(&head, header::CONTENT_ENCODING), encoding);
        assert_eq!(text(head).await, "");
    }
}

/// The most bytes of the page and all its files, on the wire to a browser.
const PAGE_BYTES: usize = 120_000;

#[test]
fn the_whole_page_is_small() {
    let built = built();
    let sent = |form: &str| -> usize {
        addresses()
            .iter()
            .map(|path| built[&format!("{path}{form}")].len())
            .sum()
    };
    let page = sent(".br");
    // Not through `println!`, which is heard only when the test fails.
    writeln!(
        std::io::stderr(),
        "the viewer: {page} bytes in {} files as br, {} as gzip, {} plain",
        addresses().len(),
        sent(".gz"),
        sent("")
    )
    .unwrap();
    assert!(page < PAGE_BYTES, "{page} bytes");
}

#[tokio::test]
async fn every_answer_tells_the_browser_what_to_refuse() {
    let answers = [
        get("/").await,
        get(&script()).await,
        get("/assets/none.js").await,
        ask(Method::POST, "/", &[]).await,
    ];
    for answer in answers {
        assert_eq!(
            header_of(&answer, header::CONTENT_SECURITY_POLICY),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
             worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types tailcast-worker"
        );
        assert_eq!(header_of(&answer, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(header_of(&answer, header::REFERRER_POLICY), "no-referrer");
        let permissions = header_of(&answer, header::HeaderName::from_static("permissions-policy"));
        assert!(permissions.contains("clipboard-write=(self)"), "{permissions}");
        assert!(permissions.contains("camera=()"), "{permissions}");
    }
}

#[tokio::test]
async fn an_unknown_file_is_not_found() {
    let paths = [
        "/index.html",
        "/assets/none.js",
        "/assets/index.html",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/assets/..%5cindex.html",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        &format!("{}.br", script()),
        &script().replace("/assets/", "/assets//"),
    ];
    let others = axum::Router::new().fallback(async || (StatusCode::NOT_FOUND, "not_found"));
    for path in paths {
        let request = Request::get(path)
            .header(header::ACCEPT_ENCODING, "br")
            .body(Body::empty())
            .unwrap();
        let answer = others
            .clone()
            .merge(web::router())
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.headers().contains_key(header::CACHE_CONTROL), "{path}");
        assert!(text(answer).await.contains("not_found"), "{path}");
    }
}

#[tokio::test]
async fn files_can_only_be_read() {
    for path in ["/", &script(), "/client/v1/tailcast.js"] {
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

#[tokio::test]
async fn the_client_library_is_one_file_with_a_map_to_its_sources() {
    let module = text(get("/client/v1/tailcast.js").await).await;
    assert!(module.contains("export {"), "a module");
    assert_eq!(quoted(&module, "./").count(), 0, "that asks for no other");
    assert!(module.ends_with("//# sourceMappingURL=tailcast.js.map"));
    let map = get("/client/v1/tailcast.js.map").await;
    assert_eq!(map.status(), StatusCode::OK);
    assert_eq!(header_of(&map, header::CONTENT_TYPE), "application/json");
    assert!(text(map).await.contains("../src/client.ts"));
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
        (header::CONTENT_ENCODING, ""),
    ];
    for (name, value) in told {
        assert_eq!(header_of(&answer, name.clone()), value, "{name}");
    }
    let known = header_of(&answer, header::ETAG);
    let again = ask(
        Method::GET,
        "/client/v1/tailcast.js",
        &[(header::IF_NONE_MATCH, known)],
    )
    .await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
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
