//! Whose page a request comes from, as browsers tell it: which names the listener is called by, which pages of others may
//! ask here (CORS), and for whom a cookie counts.
//!
//! Programs name no page and are not concerned; neither is a page that has nothing but the token that it shows, unless
//! pages are listed. Knows nothing of tokens.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN,
    UPGRADE, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::Problem;
use crate::origin::{Origin, Place};

/// Whose page made a request. In its extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// None that is named: a program's, or one that a browser does not name.
    Unnamed,
    /// One from here.
    Own,
    /// One of those that are listed.
    Listed,
    /// Somebody else's.
    Foreign,
}

/// By which names a listener is called, in lower case and without a port; an address and `localhost` always are good names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Names {
    /// By any.
    #[default]
    Any,
    /// By these alone.
    Listed(Vec<String>),
    /// By these, where a browser shows that it asks: others may call it as they like.
    OfPages(Vec<String>),
}

/// What is asked of requests for the pages that they come from.
#[derive(Debug, Clone, Default)]
pub struct PageRules {
    /// Whose pages may ask here, beside the own ones. Without any, all may that show a token, and none is told by CORS that
    /// it can read the answer.
    pub origins: Vec<Origin>,
    /// By which names the listener is called.
    pub hosts: Names,
    /// Whether it is inside of TLS.
    pub secure: bool,
}

/// Puts the rules before every address of a router, and before what it says where there is none.
pub fn ruled(router: Router, rules: PageRules) -> Router {
    router.layer(from_fn_with_state(Arc::new(rules), pass))
}

/// Whether a cookie that the request carries says who asks. A browser adds it whoever made the page: so the page has to be
/// an own or a listed one, and what changes something, or begins a WebSocket, has to say which. Cookies are set for the one
/// site (`SameSite`) all the same.
pub fn may_use_cookie(head: &Parts) -> bool {
    match head.extensions.get::<Page>() {
        Some(Page::Own | Page::Listed) => true,
        Some(Page::Unnamed) => {
            let only_reads = matches!(head.method, Method::GET | Method::HEAD);
            let site = head.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
            only_reads
                && !asks_for_websocket(&head.headers)
                && matches!(site, None | Some(b"same-origin" | b"none"))
        }
        Some(Page::Foreign) | None => false,
    }
}

async fn pass(State(rules): State<Arc<PageRules>>, mut request: Request, next: Next) -> Response {
    let page = match rules.admit(&request) {
        Ok(page) => page,
        Err(refusal) => return rules.told(refusal.into_response(), None),
    };
    let reader = match page {
        Page::Listed => request.headers().get(ORIGIN).cloned(),
        Page::Unnamed | Page::Own | Page::Foreign => None,
    };
    if !rules.origins.is_empty() && is_preflight(&request) {
        return rules.told(preflight(page).into_response(), reader);
    }
    request.extensions_mut().insert(page);
    rules.told(next.run(request).await, reader)
}

impl PageRules {
    fn admit(&self, request: &Request) -> Result<Page, Problem> {
        self.is_called_right(request)?;
        let page = self.page(request.headers(), called(request))?;
        if page == Page::Foreign && !self.origins.is_empty() && asks_for_websocket(request.headers()) {
            return Err(foreign());
        }
        Ok(page)
    }

    /// A page can be from a name that its owner makes to mean this machine: to the browser both are the same then.
    fn is_called_right(&self, request: &Request) -> Result<(), Problem> {
        let known = match &self.hosts {
            Names::Listed(known) => known,
            Names::OfPages(known) if is_by_browser(request.headers()) => known,
            Names::OfPages(_) | Names::Any => return Ok(()),
        };
        let Some(called) = called(request) else {
            return Ok(());
        };
        let is_good =
            Place::parse(called).is_some_and(|place| place.is_fixed() || known.contains(&place.host));
        if is_good {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong_host",
            "this server is not known by the name that it is called by: `hosts` in its settings lists its names, \
             also those that a proxy in front of it hands on",
        ))
    }

    fn page(&self, headers: &HeaderMap, called: Option<&str>) -> Result<Page, Problem> {
        let mut named = headers.get_all(ORIGIN).iter();
        let Some(origin) = named.next() else {
            return Ok(Page::Unnamed);
        };
        if named.next().is_some() {
            return Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "bad_origin",
                "`Origin` is there once, or not at all",
            ));
        }
        let origin = origin.to_str().ok().and_then(Origin::parse);
        Ok(match origin {
            Some(origin) if called.is_some_and(|host| origin.is_at(host, self.secure)) => Page::Own,
            Some(origin) if self.origins.contains(&origin) => Page::Listed,
            Some(_) | None => Page::Foreign,
        })
    }

    /// Tells browsers, and caches between, who may read the answer. One that says so itself is for everybody.
    fn told(&self, mut answer: Response, reader: Option<HeaderValue>) -> Response {
        let headers = answer.headers_mut();
        if self.origins.is_empty() || headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return answer;
        }
        headers.append(VARY, HeaderValue::from_static("origin"));
        if let Some(reader) = reader {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, reader);
            // Without cookies, this means all of them.
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
        }
        answer
    }
}

/// What the listener is called: `Host`, or what stands for it over HTTP/2.
fn called(request: &Request) -> Option<&str> {
    let host = request.headers().get(HOST);
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        // What cannot be read is no name at all, and not the same as none.
        None => host.map(|host| host.to_str().unwrap_or_default()),
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What a page may ask, before it asks. Nothing but the token that it shows says who it is: cookies are not sent along.
fn preflight(page: Page) -> Result<Response, Problem> {
    const ALLOWED: [(HeaderName, HeaderValue); 3] = [
        (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("*")),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, *"),
        ),
        (ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600")),
    ];
    match page {
        Page::Own | Page::Listed | Page::Unnamed => {
            let mut answer = (StatusCode::NO_CONTENT, Body::empty()).into_response();
            answer
                .headers_mut()
                .extend(ALLOWED.map(|(name, value)| (Some(name), value)));
            Ok(answer)
        }
        Page::Foreign => Err(foreign()),
    }
}

fn foreign() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "origin_not_allowed",
        "pages of that origin may not ask here: `origins` in the server's settings lists those that may",
    )
}

/// Whether a browser shows that a page asks. What it asks for without a sign of that tells no secret, since nothing but a
/// token opens those.
fn is_by_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") || asks_for_websocket(headers)
}

fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let upgrades = headers
        .get_all(UPGRADE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    upgrades
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    fn rules(origins: &[&str], hosts: Option<&[&str]>) -> PageRules {
        let named = |names: &[&str]| Names::Listed(names.iter().map(|&name| name.to_owned()).collect());
        PageRules {
            origins: origins.iter().map(|text| Origin::parse(text).unwrap()).collect(),
            hosts: hosts.map_or(Names::Any, named),
            secure: false,
        }
    }

    fn request(method: Method, headers: &[(&str, &str)]) -> Request {
        let mut request = http::Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    async fn answer(rules: PageRules, request: Request) -> Response {
        let router = Router::new().route("/", get(async || "lines").post(async || "stored"));
        ruled(router, rules).oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn without_a_list_every_page_may_ask_and_none_is_told_that_it_may_read() {
        for origin in ["https://evil.example", "null", "https://logs.example.org"] {
            let headers = [
                ("host", "logs.example.org"),
                ("origin", origin),
                ("upgrade", "websocket"),
            ];
            let answer = answer(rules(&[], None), request(Method::GET, &headers)).await;
            assert_eq!(answer.status(), StatusCode::OK, "{origin}");
            for name in [ACCESS_CONTROL_ALLOW_ORIGIN, VARY] {
                assert!(!answer.headers().contains_key(&name), "{origin}: {name}");
            }
        }
    }

    #[tokio::test]
    async fn with_a_list_only_own_and_listed_pages_open_websockets() {
        let cases = [
            (None, StatusCode::OK),
            (Some("http://here.example:7440"), StatusCode::OK),
            (Some("https://logs.example.org"), StatusCode::OK),
            (Some("HTTPS://LOGS.EXAMPLE.ORG:443"), StatusCode::OK),
            (Some("http://logs.example.org"), StatusCode::FORBIDDEN),
            (Some("https://logs.example.org:8443"), StatusCode::FORBIDDEN),
            (
                Some("https://logs.example.org.evil.example"),
                StatusCode::FORBIDDEN,
            ),
            (Some("https://evil-logs.example.org"), StatusCode::FORBIDDEN),
            (
                Some("https://logs.example.org@evil.example"),
                StatusCode::FORBIDDEN,
            ),
            (Some("https://logs.example.org/"), StatusCode::FORBIDDEN),
            (Some("http://here.example"), StatusCode::FORBIDDEN),
            (Some("http://here.example:7441"), StatusCode::FORBIDDEN),
            (Some("null"), StatusCode::FORBIDDEN),
            (Some(""), StatusCode::FORBIDDEN),
        ];
        for (origin, expected) in cases {
            let mut headers = vec![("host", "Here.example:7440"), ("upgrade", "h2c, WebSocket")];
            headers.extend(origin.map(|origin| ("origin", origin)));
            let list = rules(&["https://logs.example.org"], None);
            let answer = answer(list, request(Method::GET, &headers)).await;
            assert_eq!(answer.status(), expected, "{origin:?}");
            assert_eq!(answer.headers()[VARY], "origin");
        }
    }

    #[tokio::test]
    async fn a_listed_page_may_read_and_is_told_so_before_it_asks() {
        let listed = || rules(&["https://logs.example.org"], None);
        let from = |origin| [("host", "here.example"), ("origin", origin)];
        let read = answer(listed(), request(Method::GET, &from("https://logs.example.org"))).await;
        let allowed = &read.headers()[ACCESS_CONTROL_ALLOW_ORIGIN];
        assert_eq!(allowed, "https://logs.example.org");
        assert_eq!(read.headers()[ACCESS_CONTROL_EXPOSE_HEADERS], "*");
        assert!(!read.headers().contains_key("access-control-allow-credentials"));
        let foreign = answer(listed(), request(Method::GET, &from("https://evil.example"))).await;
        assert!(!foreign.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        assert_eq!(foreign.headers()[VARY], "origin");

        let ask = |origin| {
            let mut headers = from(origin).to_vec();
            headers.push(("access-control-request-method", "POST"));
            headers.push(("access-control-request-headers", "authorization, content-type"));
            request(Method::OPTIONS, &headers)
        };
        let told = answer(listed(), ask("https://logs.example.org")).await;
        assert_eq!(told.status(), StatusCode::NO_CONTENT);
        let allowed = &told.headers()[ACCESS_CONTROL_ALLOW_ORIGIN];
        assert_eq!(allowed, "https://logs.example.org");
        assert_eq!(told.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "authorization, *");
        assert!(!told.headers().contains_key("access-control-allow-credentials"));
        let refused = answer(listed(), ask("https://evil.example")).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(!refused.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        // Without a list it is a method like any other.
        let unlisted = answer(rules(&[], None), ask("https://logs.example.org")).await;
        assert_eq!(unlisted.status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn two_origins_are_none() {
        for list in [rules(&[], None), rules(&["https://a.example"], None)] {
            let twice = [("origin", "https://a.example"), ("origin", "https://a.example")];
            let answer = answer(list, request(Method::GET, &twice)).await;
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_not_known_can_be_made_to_mean_this_machine_and_is_refused() {
        let cases = [
            ("127.0.0.1:7440", true),
            ("[::1]:7440", true),
            ("localhost:7440", true),
            ("LOCALHOST", true),
            ("app.localhost:7440", true),
            ("logs.example.org", true),
            ("LOGS.example.org:8443", true),
            ("evil.example:7440", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("notlocalhost", false),
            ("u@localhost", false),
            ("", false),
        ];
        for (host, good) in cases {
            let known = rules(&[], Some(&["logs.example.org"]));
            let answer = answer(known, request(Method::GET, &[("host", host)])).await;
            let expected = if good {
                StatusCode::OK
            } else {
                StatusCode::MISDIRECTED_REQUEST
            };
            assert_eq!(answer.status(), expected, "{host:?}");
            let any = super::tests::answer(rules(&[], None), request(Method::GET, &[("host", host)])).await;
            assert_eq!(any.status(), StatusCode::OK, "{host:?}");
        }
        let without = answer(rules(&[], Some(&[])), request(Method::GET, &[])).await;
        assert_eq!(without.status(), StatusCode::OK);
    }

    #[test]
    fn a_cookie_counts_for_own_and_listed_pages_and_for_nobody_who_hides_where_it_changes_something() {
        let head = |method, page: Option<Page>, headers: &[(&str, &str)]| {
            let mut head = request(method, headers).into_parts().0;
            head.extensions.extend(
                page.map(|page| {
                    let mut only = http::Extensions::new();
                    only.insert(page);
                    only
                })
                .unwrap_or_default(),
            );
            head
        };
        for page in [Page::Own, Page::Listed] {
            assert!(may_use_cookie(&head(Method::POST, Some(page), &[])));
            assert!(may_use_cookie(&head(
                Method::GET,
                Some(page),
                &[("upgrade", "websocket")]
            )));
        }
        let unnamed = Some(Page::Unnamed);
        assert!(may_use_cookie(&head(Method::GET, unnamed, &[])));
        assert!(may_use_cookie(&head(
            Method::GET,
            unnamed,
            &[("sec-fetch-site", "same-origin")]
        )));
        for refused in [
            head(Method::POST, unnamed, &[]),
            head(Method::DELETE, unnamed, &[]),
            head(Method::GET, unnamed, &[("upgrade", "websocket")]),
            head(Method::GET, unnamed, &[("sec-fetch-site", "cross-site")]),
            head(Method::GET, unnamed, &[("sec-fetch-site", "same-site")]),
            head(Method::GET, Some(Page::Foreign), &[]),
            head(Method::GET, None, &[]),
        ] {
            assert!(!may_use_cookie(&refused), "{refused:?}");
        }
    }

    #[test]
    fn inside_of_tls_a_page_in_the_clear_is_not_an_own_one() {
        let headers = request(Method::GET, &[("origin", "http://here.example")])
            .into_parts()
            .0
            .headers;
        for (secure, page) in [(false, Page::Own), (true, Page::Foreign)] {
            let rules = PageRules {
                secure,
                ..PageRules::default()
            };
            assert_eq!(rules.page(&headers, Some("here.example")).unwrap(), page);
        }
    }
}
