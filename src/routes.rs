//! Every address of a node, and what opens it. An address that is not in this table does not answer, whoever serves it:
//! so nothing is ever open because somebody forgot its door.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use edge::Problem;
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use crate::openapi::{self, Told};

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// For everybody.
    Public,
    /// For the installation.
    Internal,
}

/// What opens an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Nothing: it tells no secret, and costs little.
    Open,
    /// A good token.
    Token,
    /// One that may write something.
    Write,
    /// One that may use the admin API.
    Admin,
    /// The pass of a node of this cluster.
    Pass,
}

/// One address.
#[derive(Debug)]
pub(crate) struct Route {
    /// Where it is.
    pub reach: Reach,
    /// With which method. GET is HEAD, too.
    pub method: Method,
    /// As the router has it.
    pub path: &'static str,
    /// What opens it.
    pub door: Door,
    /// What it says of itself, in the OpenAPI document.
    pub told: fn() -> Told,
}

use Reach::{Internal, Public};

const fn route(reach: Reach, method: Method, path: &'static str, door: Door, told: fn() -> Told) -> Route {
    Route {
        reach,
        method,
        path,
        door,
        told,
    }
}

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// All of them.
pub(crate) const ROUTES: &[Route] = &[
    route(Public, POST, "/v1/lines", Door::Write, openapi::send_lines),
    route(Public, POST, "/log", Door::Write, openapi::send_log),
    route(Public, GET, "/v1/lines", Door::Token, openapi::read_lines),
    route(Public, GET, "/v1/counts", Door::Token, openapi::count_lines),
    route(Public, GET, "/v1/streams", Door::Token, openapi::list_streams),
    route(Public, GET, "/v1/views", Door::Token, openapi::list_views),
    route(Public, GET, "/v1/views/{id}", Door::Token, openapi::read_view),
    route(Public, PUT, "/v1/views/{id}", Door::Token, openapi::write_view),
    route(
        Public,
        DELETE,
        "/v1/views/{id}",
        Door::Token,
        openapi::delete_view,
    ),
    route(Public, GET, "/v1/ws", Door::Token, openapi::follow),
    route(Public, GET, "/v1/sse", Door::Token, openapi::follow_events),
    route(Public, POST, "/v1/introspect", Door::Token, openapi::introspect),
    route(Public, POST, "/v1/revoke", Door::Token, openapi::revoke),
    route(Public, GET, "/v1/me", Door::Token, openapi::me),
    route(Public, POST, "/v1/tokens", Door::Token, openapi::mint),
    route(Public, POST, "/v1/tickets", Door::Token, openapi::issue_ticket),
    route(Public, GET, "/v1/api-keys", Door::Token, openapi::list_api_keys),
    route(Public, POST, "/v1/api-keys", Door::Admin, openapi::make_api_key),
    route(
        Public,
        POST,
        "/v1/api-keys/{id}/rotate",
        Door::Token,
        openapi::rotate_api_key,
    ),
    route(
        Public,
        DELETE,
        "/v1/api-keys/{id}",
        Door::Token,
        openapi::delete_api_key,
    ),
    route(Public, GET, "/v1/keys", Door::Admin, openapi::list_keys),
    route(Public, POST, "/v1/keys/rotate", Door::Admin, openapi::rotate_keys),
    route(
        Public,
        POST,
        "/v1/keys/{kid}/retire",
        Door::Admin,
        openapi::retire_key,
    ),
    route(
        Public,
        GET,
        "/.well-known/jwks.json",
        Door::Open,
        openapi::public_keys,
    ),
    route(
        Public,
        GET,
        "/.well-known/oauth-authorization-server",
        Door::Open,
        openapi::metadata,
    ),
    route(Public, GET, "/", Door::Open, openapi::viewer),
    route(Public, GET, "/assets/{name}", Door::Open, openapi::viewer_file),
    route(
        Public,
        GET,
        "/client/v1/{*path}",
        Door::Open,
        openapi::library_file,
    ),
    route(Public, GET, "/v1/openapi.json", Door::Open, openapi::describe),
    route(Public, GET, "/healthz", Door::Open, openapi::alive),
    route(Public, GET, "/readyz", Door::Open, openapi::ready),
    route(Internal, GET, "/internal/v1/link", Door::Pass, openapi::link),
    route(Internal, GET, "/v1/nodes", Door::Admin, openapi::list_nodes),
    route(
        Internal,
        GET,
        "/v1/streams/{*name}",
        Door::Admin,
        openapi::find_streams,
    ),
    route(
        Internal,
        DELETE,
        "/v1/streams/{*name}",
        Door::Admin,
        openapi::delete_stream,
    ),
    route(Internal, GET, "/v1/retention", Door::Admin, openapi::retention),
    route(
        Internal,
        POST,
        "/v1/retention/restore",
        Door::Admin,
        openapi::restore_lines,
    ),
    route(
        Internal,
        POST,
        "/v1/retention/allow",
        Door::Admin,
        openapi::allow_removal,
    ),
    route(Internal, GET, "/metrics", Door::Open, openapi::metrics),
    route(Internal, GET, "/healthz", Door::Open, openapi::alive),
    route(Internal, GET, "/readyz", Door::Open, openapi::ready),
];

/// Closes what is not in the table, and answers 405 for methods that are not.
pub(crate) fn only_listed(router: Router, reach: Reach) -> Router {
    router.route_layer(from_fn_with_state(reach, pass))
}

async fn pass(State(reach): State<Reach>, request: Request, next: Next) -> Response {
    match listed(&request, reach) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn listed(request: &Request, reach: Reach) -> Result<(), Problem> {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    let here = || {
        ROUTES
            .iter()
            .filter(|route| route.reach == reach && route.path == path)
    };
    let method = match *request.method() {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    if here().any(|route| route.method == *method) {
        return Ok(());
    }
    let allowed: Vec<&str> = here().map(|route| route.method.as_str()).collect();
    if allowed.is_empty() {
        tracing::error!(
            path,
            "an address is served that is not in the table of routes, and is closed"
        );
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "there is no such address here",
        ));
    }
    let allowed = allowed.join(", ");
    let detail = format!("this address takes {allowed}");
    let refusal = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail);
    Err(match HeaderValue::try_from(allowed) {
        Ok(allowed) => refusal.header(ALLOW, allowed),
        Err(_) => refusal,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use auth::token::unix_now;
    use auth::{Claims, Key, Minter};
    use axum::routing::{delete, get};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tower::ServiceExt;

    use super::*;
    use crate::certificates::Files;
    use crate::node::Node;
    use crate::node::tests::{SECRET, config, node};

    /// The status of an answer to a head that promises a body, of which not a byte comes.
    async fn status(node: &Node, route: &Route, authorization: &str) -> u16 {
        let address = match route.reach {
            Reach::Public => node.public(),
            Reach::Internal => node.internal(),
        };
        let path = route.path.replace("{name}", "x").replace("{*path}", "x");
        let head = format!(
            "{} {path} HTTP/1.1\r\nhost: {address}\r\n{authorization}content-length: 1000\r\n\r\n",
            route.method
        );
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(20), connection.read_exact(&mut answer)).await;
        read.unwrap_or_else(|_| panic!("{route:?} waits for the body"))
            .unwrap();
        std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
    }

    fn bearer(token: &str) -> String {
        format!("authorization: Bearer {token}\r\n")
    }

    #[tokio::test]
    async fn every_address_refuses_a_stranger_before_it_reads_a_body() {
        let folder = tempfile::tempdir().unwrap();
        let node = node(&config(&folder)).await;
        let minter = Minter::hs256(&Key::from_text(SECRET).unwrap(), "tailcast");
        let may_nothing = minter.mint(&Claims::new("nobody", unix_now() + 60)).unwrap();
        let another = Minter::hs256(
            &Key::from_text("another key of at least 32 bytes").unwrap(),
            "tailcast",
        );
        let forged = another.mint(&Claims::new("nobody", unix_now() + 60)).unwrap();
        for route in ROUTES {
            let without = status(&node, route, "").await;
            let bad = status(&node, route, &bearer(&forged)).await;
            match route.door {
                Door::Open => assert!(without != 401 && bad != 401, "{route:?}: {without} {bad}"),
                Door::Token | Door::Write | Door::Admin | Door::Pass => {
                    assert_eq!((without, bad), (401, 401), "{route:?}");
                }
            }
            let poor = match (route.door, route.path) {
                // Behind the door the form is read, and is to be had.
                (
                    _,
                    "/v1/introspect"
                    | "/v1/revoke"
                    | "/v1/tokens"
                    | "/v1/tickets"
                    | "/v1/api-keys/{id}/rotate",
                )
                | (Door::Open, _) => continue,
                _ => status(&node, route, &bearer(&may_nothing)).await,
            };
            match route.door {
                Door::Write | Door::Admin => assert_eq!(poor, 403, "{route:?}"),
                Door::Pass => assert_eq!(poor, 401, "{route:?}"),
                Door::Open | Door::Token => assert!(poor != 401 && poor != 403, "{route:?}: {poor}"),
            }
        }
        node.stop().await;
    }

    /// A client that knows the node by its own certificate, or speaks in the clear.
    fn client(certificate: Option<&str>) -> reqwest::Client {
        let known = certificate.map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
        let client = reqwest::Client::builder().no_proxy().tls_certs_only(known);
        client
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap()
    }

    /// What every answer of an address tells browsers, whoever asks.
    async fn tells_browsers(client: &reqwest::Client, route: &Route, at: &str, token: Option<&str>) {
        let path = route
            .path
            .replace("{name}", "x")
            .replace("{*path}", "x")
            .replace("{*name}", "x");
        let mut request = client.request(route.method.clone(), format!("{at}{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let what = format!("{} {path}: {}", route.method, answer.status());
        let header = |name: &str| {
            let mut values = answer.headers().get_all(name).iter();
            let value = values.next().map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(values.next(), None, "{what}: {name} is there twice");
            value.unwrap_or_default()
        };
        let is_viewer = route.path == "/" || route.path.starts_with("/assets/");
        let is_library = route.path.starts_with("/client/");
        assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
        let policy = header("content-security-policy");
        for rule in ["default-src 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{what}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(is_viewer, !header("permissions-policy").is_empty(), "{what}");
        assert_eq!(is_viewer, policy.contains("script-src 'self'"), "{what}");
        let (resource, reader) = if is_library {
            ("cross-origin", "*")
        } else {
            ("same-origin", "")
        };
        assert_eq!(header("cross-origin-resource-policy"), resource, "{what}");
        assert_eq!(header("access-control-allow-origin"), reader, "{what}");
        assert_eq!(header("access-control-allow-credentials"), "", "{what}");
        if route.door != Door::Open {
            assert!(header("cache-control").contains("no-store"), "{what}");
        }
        let is_secure = at.starts_with("https");
        assert_eq!(
            !header("strict-transport-security").is_empty(),
            is_secure,
            "{what}"
        );
    }

    #[tokio::test]
    async fn every_answer_tells_browsers_what_not_to_do_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let files = Files {
            certificate: folder.path().join("certificate.pem"),
            key: folder.path().join("key.pem"),
        };
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        let minter = Minter::hs256(&Key::from_text(SECRET).unwrap(), "tailcast");
        let everything = Claims {
            read: vec!["**".to_owned()],
            write: vec!["**".to_owned()],
            admin: true,
            ..Claims::new("somebody", unix_now() + 600)
        };
        let everything = minter.mint(&everything).unwrap();
        for tls in [None, Some(files)] {
            // The last one may not have let go of its folder yet.
            let folder = tempfile::tempdir().unwrap();
            let mut config = config(&folder);
            config.listeners.tls = tls;
            let (scheme, client) = match config.listeners.tls {
                None => ("http", client(None)),
                Some(_) => ("https", client(Some(&made.cert.pem()))),
            };
            let node = node(&config).await;
            for route in ROUTES {
                let at = match route.reach {
                    Reach::Public => format!("{scheme}://{}", node.public()),
                    Reach::Internal => format!("http://{}", node.internal()),
                };
                for token in [None, Some("nonsense"), Some(&*everything)] {
                    tells_browsers(&client, route, &at, token).await;
                }
            }
            node.stop().await;
        }
    }

    #[tokio::test]
    async fn what_is_not_in_the_table_is_closed() {
        let router = Router::new().route("/v1/forgotten", get(async || "open")).route(
            "/v1/streams",
            get(async || "listed").merge(delete(async || "open")),
        );
        let router = only_listed(router, Reach::Public);
        let ask = async |method: Method, path: &str| {
            let request = Request::builder().method(method).uri(path);
            let request = request.body(axum::body::Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(ask(Method::GET, "/v1/forgotten").await, StatusCode::NOT_FOUND);
        assert_eq!(
            ask(Method::DELETE, "/v1/streams").await,
            StatusCode::METHOD_NOT_ALLOWED
        );
        assert_eq!(ask(Method::GET, "/v1/streams").await, StatusCode::OK);
        assert_eq!(ask(Method::HEAD, "/v1/streams").await, StatusCode::OK);
    }
}
