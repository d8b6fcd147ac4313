//! Before the 101: who may come in, and how.

use http::{HeaderValue, StatusCode};
use push::AdmissionLimits;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;

use crate::fixture::Node;

async fn refusal(request: http::Request<()>) -> (StatusCode, serde_json::Value) {
    match connect_async(request).await {
        Err(Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            (response.status(), serde_json::from_slice(body).unwrap())
        }
        other => panic!("an HTTP answer was expected, this came: {other:?}"),
    }
}

#[tokio::test]
async fn without_a_good_token_there_is_no_upgrade() {
    let node = Node::start().await;
    let mut none = node.request("x");
    none.headers_mut().remove("authorization");
    let mut in_query = node.request(&node.token("alice", &[], 600));
    *in_query.uri_mut() = format!("ws://{}/v1/ws?token=x", node.address).parse().unwrap();
    let cases = [
        (none, StatusCode::UNAUTHORIZED, "no_token"),
        (node.request("nonsense"), StatusCode::UNAUTHORIZED, "bad_token"),
        (
            node.request(&node.token("alice", &[], -60)),
            StatusCode::UNAUTHORIZED,
            "bad_token",
        ),
        (in_query, StatusCode::BAD_REQUEST, "token_in_query"),
    ];
    for (request, status, code) in cases {
        let (answered, problem) = refusal(request).await;
        assert_eq!((answered, &problem["code"]), (status, &code.into()));
    }
    assert_eq!(node.push.sessions(), 0);
}

#[tokio::test]
async fn a_browser_brings_its_token_as_a_subprotocol_and_gets_only_the_other_one_back() {
    let node = Node::start().await;
    let mut request = node.request("x");
    let headers = request.headers_mut();
    headers.remove("authorization");
    let offered = format!("tailcast.v1, bearer.{}", node.token("alice", &[], 600));
    headers.insert("sec-websocket-protocol", offered.parse().unwrap());
    let (_, response) = connect_async(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["sec-websocket-protocol"], "tailcast.v1");
}

#[tokio::test]
async fn what_is_no_websocket_of_ours_is_told_so() {
    let node = Node::start().await;
    let token = node.token("alice", &[], 600);
    let cases = [
        (
            "upgrade",
            None,
            StatusCode::UPGRADE_REQUIRED,
            "websocket_required",
        ),
        (
            "connection",
            Some("close"),
            StatusCode::UPGRADE_REQUIRED,
            "websocket_required",
        ),
        (
            "sec-websocket-version",
            Some("8"),
            StatusCode::UPGRADE_REQUIRED,
            "websocket_version",
        ),
        (
            "sec-websocket-key",
            Some("short"),
            StatusCode::BAD_REQUEST,
            "bad_handshake",
        ),
        (
            "sec-websocket-protocol",
            Some("chat"),
            StatusCode::BAD_REQUEST,
            "bad_subprotocol",
        ),
    ];
    for (header, value, status, code) in cases {
        let mut request = handshake_headers(&token);
        match value {
            Some(value) => request.insert(header, HeaderValue::from_static(value)),
            None => request.remove(header),
        };
        let (answered, problem) = get(&node, &request).await;
        assert_eq!((answered, &problem["code"]), (status, &code.into()), "{header}");
    }
}

/// Each is answered 101 by servers that look less closely.
#[tokio::test]
async fn what_is_a_websocket_but_for_one_thing_is_refused() {
    let node = Node::start().await;
    let headers = handshake_headers(&node.token("alice", &[], 600));
    let good = || {
        let mut request = http::Request::get("/v1/ws")
            .body(axum::body::Body::empty())
            .unwrap();
        *request.headers_mut() = headers.clone();
        request
    };
    let with_key = |key: &'static str| {
        let mut request = good();
        let key = HeaderValue::from_static(key);
        request.headers_mut().insert("sec-websocket-key", key);
        request
    };
    let mut old = good();
    *old.version_mut() = http::Version::HTTP_10;
    let mut head = good();
    *head.method_mut() = http::Method::HEAD;
    let mut two_keys = good();
    let again = two_keys.headers()["sec-websocket-key"].clone();
    two_keys.headers_mut().append("sec-websocket-key", again);
    let mut two_versions = good();
    let other = HeaderValue::from_static("8");
    two_versions.headers_mut().append("sec-websocket-version", other);
    let cases = [
        ("HTTP/1.0", old, StatusCode::BAD_REQUEST),
        ("HEAD", head, StatusCode::METHOD_NOT_ALLOWED),
        ("two keys", two_keys, StatusCode::BAD_REQUEST),
        ("two versions", two_versions, StatusCode::UPGRADE_REQUIRED),
        (
            "no base64",
            with_key("dGhlIHNhbXBsZSBub25j!Q=="),
            StatusCode::BAD_REQUEST,
        ),
        (
            "18 bytes",
            with_key("dGhlIHNhbXBsZSBub25jZQab"),
            StatusCode::BAD_REQUEST,
        ),
    ];
    for (what, request, expected) in cases {
        assert_eq!(answer(&node, request).await.status(), expected, "{what}");
    }
    // The same without any fault fails for want of a connection alone, and that is no refusal.
    assert_eq!(
        answer(&node, good()).await.status(),
        StatusCode::SWITCHING_PROTOCOLS
    );
}

async fn answer(node: &Node, request: http::Request<axum::body::Body>) -> axum::response::Response {
    use tower::ServiceExt;

    push::router(node.push.clone()).oneshot(request).await.unwrap()
}

fn handshake_headers(token: &str) -> http::HeaderMap {
    let authorization = format!("Bearer {token}");
    let all = [
        ("host", "localhost"),
        ("authorization", &authorization),
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let pairs = all.map(|(name, value)| {
        (
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        )
    });
    pairs.into_iter().collect()
}

/// A request without a WebSocket library, which would refuse to send it.
async fn get(node: &Node, headers: &http::HeaderMap) -> (StatusCode, serde_json::Value) {
    use http_body_util::BodyExt;

    let mut request = http::Request::get("/v1/ws")
        .body(axum::body::Body::empty())
        .unwrap();
    *request.headers_mut() = headers.clone();
    let response = answer(node, request).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn more_sessions_than_the_limits_allow_are_refused_before_the_upgrade() {
    let few = AdmissionLimits {
        sessions: 3,
        sessions_of_subscriber: 2,
        ..AdmissionLimits::default()
    };
    let node = Node::admitting(few, |_| {}).await;
    let alice = node.token("alice", &[], 600);
    let mut kept = vec![node.connect(&alice).await, node.connect(&alice).await];
    let (status, problem) = refusal(node.request(&alice)).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &"too_many_sessions".into())
    );
    kept.push(node.connect(&node.token("bob", &[], 600)).await);
    let (status, problem) = refusal(node.request(&node.token("carol", &[], 600))).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"busy".into())
    );
    node.admission.send_modify(|limits| limits.sessions = 4);
    kept.push(node.connect(&node.token("carol", &[], 600)).await);
    node.admission.send_replace(few);
    drop(kept);
    crate::fixture::until("the places are free again", || async {
        node.push.sessions() == 0
    })
    .await;
    node.connect(&alice).await;
}
