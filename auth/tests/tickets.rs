//! `POST /v1/tickets`, and what a ticket opens.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod book;

use std::sync::Arc;
use std::time::Duration;

use auth::revoked::{Mark, Revocable};
use auth::service::{Limits, tickets};
use auth::tickets::{TicketLimits, Tickets};
use auth::token::unix_now;
use auth::{Claims, Key, Minter, Need, Staleness, Subscriber, Verifier};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use book::{Book, Silence};

fn token(sub: &str) -> String {
    let claims = Claims {
        read: vec!["app/**".into()],
        ..Claims::new(sub, unix_now() + 600)
    };
    Minter::hs256(&Key::from_text(&"k".repeat(32)).unwrap(), "tailcast")
        .mint(&claims)
        .unwrap()
}

struct Node {
    book: Arc<Book>,
    verifier: Arc<Verifier>,
    tickets: Arc<Tickets>,
    router: Router,
}

impl Node {
    async fn start(book: Arc<Book>, limits: TicketLimits) -> Self {
        let verifier = Arc::new(Verifier::hs256(
            &Key::from_text(&"k".repeat(32)).unwrap(),
            "tailcast",
        ));
        verifier.look_first(Staleness {
            after: Duration::from_secs(600),
            refuse: false,
        });
        tokio::spawn(auth::follow(book.clone(), verifier.clone()));
        let tickets = Arc::new(Tickets::new(book.clone(), limits));
        verifier.redeem(tickets.clone());
        let who = async |who: Subscriber| format!("{} {}", who.sub(), who.grants().read.len());
        let opened = Router::new()
            .route("/v1/sse", get(who))
            .route("/v1/ws", get(who))
            .route("/v1/lines", get(who));
        let router = auth::guarded(opened, verifier.clone(), Need::Token).merge(tickets::router(
            verifier.clone(),
            tickets.clone(),
            Limits::default(),
        ));
        verifier.verify(&token("anybody")).await.unwrap();
        Self {
            book,
            verifier,
            tickets,
            router,
        }
    }

    async fn alone() -> Self {
        Self::start(Arc::default(), TicketLimits::default()).await
    }

    async fn answer(&self, request: Request<Body>) -> (StatusCode, String) {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 100_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn order(&self, sub: &str, order: &Value, origin: Option<&str>) -> (StatusCode, Value) {
        let mut request = Request::post("/v1/tickets")
            .header("authorization", format!("Bearer {}", token(sub)))
            .header("content-type", "application/json");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (status, body) = self.answer(request.body(order.to_string().into()).unwrap()).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn ticket(&self) -> String {
        let (status, answer) = self.order("alice", &json!({"path": "/v1/sse"}), None).await;
        assert_eq!((status, &answer["expires_in"]), (StatusCode::OK, &json!(30)));
        answer["ticket"].as_str().unwrap().to_owned()
    }

    async fn open(&self, address: &str, origin: Option<&str>) -> (StatusCode, String) {
        let mut request = Request::get(address);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        self.answer(request.body(Body::empty()).unwrap()).await
    }

    async fn opens(&self, ticket: &str) -> StatusCode {
        self.open(&format!("/v1/sse?stream=a&ticket={ticket}"), None)
            .await
            .0
    }
}

fn code(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["code"].clone()
}

#[tokio::test]
async fn a_ticket_lets_in_who_made_it_once_on_all_nodes() {
    let first = Node::alone().await;
    let second = Node::start(first.book.clone(), TicketLimits::default()).await;
    let ticket = first.ticket().await;
    assert_eq!(ticket.len(), 32);
    for entry in first.book.entries() {
        let value = String::from_utf8(entry.value.to_vec()).unwrap();
        assert!(!value.contains(&ticket) && !entry.key.as_str().contains(&ticket));
    }
    let opened = second.open(&format!("/v1/sse?ticket={ticket}"), None).await;
    assert_eq!(opened, (StatusCode::OK, "alice 1".to_owned()));
    for node in [&first, &second] {
        let (status, body) = node.open(&format!("/v1/sse?ticket={ticket}"), None).await;
        assert_eq!(
            (status, code(&body)),
            (StatusCode::UNAUTHORIZED, json!("bad_ticket"))
        );
    }
    assert_eq!(first.book.entries(), []);
}

#[tokio::test]
async fn of_many_who_show_a_ticket_at_once_one_is_let_in() {
    let node = Arc::new(Node::alone().await);
    for _ in 0..20 {
        let ticket = node.ticket().await;
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (node, ticket) = (node.clone(), ticket.clone());
            asking.spawn(async move { node.opens(&ticket).await });
        }
        let answers = asking.join_all().await;
        assert_eq!(
            answers.iter().filter(|status| **status == StatusCode::OK).count(),
            1
        );
    }
}

#[tokio::test]
async fn a_ticket_opens_its_address_for_pages_of_its_origin_and_nothing_else() {
    let node = Node::alone().await;
    let page = "https://app.example.org";
    let made = async |origin: Option<&str>, order: Value| {
        node.order("alice", &order, origin).await.1["ticket"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let here = json!({"path": "/v1/sse"});
    let named = json!({"path": "/v1/sse", "origin": page});
    for (asked_from, order, address, used_from, opens) in [
        (None, &here, "/v1/sse", None, true),
        (None, &here, "/v1/ws", None, false),
        (None, &here, "/v1/lines", None, false),
        (None, &here, "/v1/sse", Some(page), false),
        (
            Some(page),
            &here,
            "/v1/sse",
            Some("HTTPS://APP.example.org"),
            true,
        ),
        (
            Some(page),
            &here,
            "/v1/sse",
            Some("https://evil.example.org"),
            false,
        ),
        (Some(page), &here, "/v1/sse", Some("null"), false),
        // A page asks its own origin without saying so.
        (Some(page), &here, "/v1/sse", None, true),
        (None, &named, "/v1/sse", Some(page), true),
    ] {
        let ticket = made(asked_from, order.clone()).await;
        let (status, _) = node.open(&format!("{address}?ticket={ticket}"), used_from).await;
        assert_eq!(
            status == StatusCode::OK,
            opens,
            "{asked_from:?} {order} {address} {used_from:?}"
        );
        if !opens {
            assert_eq!(status, StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing_and_a_token_in_the_address_is_refused_all_the_same() {
    let node = Node::alone().await;
    for ticket in [
        "",
        "x",
        &"0".repeat(32),
        &"0".repeat(33),
        "..%2f..",
        "%00",
        &"é".repeat(16),
    ] {
        assert_eq!(node.opens(ticket).await, StatusCode::UNAUTHORIZED, "{ticket}");
    }
    let address = format!("/v1/sse?ticket={}&token=x", node.ticket().await);
    let (status, body) = node.open(&address, None).await;
    assert_eq!(
        (status, code(&body)),
        (StatusCode::BAD_REQUEST, json!("token_in_query"))
    );
    for order in [
        json!({}),
        json!({"path": "/v1/lines"}),
        json!({"path": "/v1/sse/"}),
        json!({"path": "/v1/sse", "sub": "bob"}),
        json!({"path": "/v1/sse", "origin": "x".repeat(301)}),
    ] {
        assert_eq!(
            node.order("alice", &order, None).await.0,
            StatusCode::BAD_REQUEST,
            "{order}"
        );
    }
}

/// Who has no ticket spends none of who has a token, and none of those whose tickets wait.
#[tokio::test]
async fn a_token_goes_before_a_ticket_which_stays() {
    let node = Node::alone().await;
    let ticket = node.ticket().await;
    let request = Request::get(format!("/v1/sse?ticket={ticket}"))
        .header("authorization", format!("Bearer {}", token("bob")));
    let (_, body) = node.answer(request.body(Body::empty()).unwrap()).await;
    assert_eq!(body, "bob 1");
    assert_eq!(node.opens(&ticket).await, StatusCode::OK);
}

#[tokio::test]
async fn a_ticket_that_is_late_or_whose_owner_was_taken_back_opens_nothing() {
    let short = TicketLimits {
        lifetime: Duration::from_secs(1),
        ..TicketLimits::default()
    };
    let node = Node::start(Arc::default(), short).await;
    let (_, answer) = node.order("alice", &json!({"path": "/v1/sse"}), None).await;
    let late = answer["ticket"].as_str().unwrap();
    let made = unix_now();
    while unix_now() < made + 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(node.opens(late).await, StatusCode::UNAUTHORIZED);
    assert_eq!(node.tickets.sweep(made + 100).await.unwrap(), 0);
    assert_eq!(node.tickets.sweep(made + 400).await.unwrap(), 1);

    let node = Node::alone().await;
    let ticket = node.ticket().await;
    let alice = node.verifier.check(&token("alice")).unwrap();
    node.book.put(&Mark::new(
        Revocable::Subscriber("alice".into()),
        "root",
        unix_now() + 1,
    ));
    let mut news = node.verifier.news();
    while node.verifier.stands(&alice).is_ok() {
        news.changed().await.unwrap();
    }
    assert_eq!(node.opens(&ticket).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn when_nobody_knows_whether_a_ticket_was_used_up_nobody_is_let_in() {
    let node = Node::alone().await;
    let ticket = node.ticket().await;
    node.book.is_silent(Some(Silence::Done));
    assert_eq!(node.opens(&ticket).await, StatusCode::SERVICE_UNAVAILABLE);
    node.book.is_silent(None);
    assert_eq!(node.opens(&ticket).await, StatusCode::UNAUTHORIZED);
    let ticket = node.ticket().await;
    node.book.away(true);
    assert_eq!(node.opens(&ticket).await, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _) = node.order("alice", &json!({"path": "/v1/sse"}), None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    node.book.away(false);
    assert_eq!(node.opens(&ticket).await, StatusCode::OK);
}

#[tokio::test]
async fn who_makes_too_many_waits_and_others_do_not() {
    let few = TicketLimits {
        burst: 2,
        per_minute: 1,
        ..TicketLimits::default()
    };
    let node = Node::start(Arc::default(), few).await;
    let order = json!({"path": "/v1/ws"});
    for expected in [StatusCode::OK, StatusCode::OK, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(node.order("alice", &order, None).await.0, expected);
    }
    assert_eq!(node.order("bob", &order, None).await.0, StatusCode::OK);
}
