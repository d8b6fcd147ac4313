//! Connections of clients who mean no good, on real sockets.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use edge::{Problem, ServeLimits, Visitor};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for a test to go on, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

struct Server {
    address: SocketAddr,
    /// Has a word for every endless answer that was given up.
    given_up: mpsc::UnboundedReceiver<()>,
    _stop: DropGuard,
}

struct SaysWhenDropped(mpsc::UnboundedSender<()>);

impl Drop for SaysWhenDropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl Server {
    async fn with(adjust: impl FnOnce(&mut ServeLimits)) -> Self {
        let mut limits = ServeLimits::default();
        adjust(&mut limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (word, given_up) = mpsc::unbounded_channel();
        let endless = async move || {
            let held = SaysWhenDropped(word.clone());
            let pieces = futures_util::stream::repeat_with(move || {
                let _ = &held;
                Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 * 1024]))
            });
            Body::from_stream(pieces)
        };
        let router = Router::new()
            .route("/", get(async || "hello"))
            .route("/known", get(known))
            .route("/echo", post(async |body: Bytes| body))
            .route("/unread", post(async || "no, thanks"))
            .route("/kept", get(async || ([("cache-control", "max-age=60")], "kept")))
            .route("/endless", get(endless))
            .route("/upgrade", get(upgrade));
        let stop = CancellationToken::new();
        tokio::spawn(edge::serve(listener, router, limits, stop.clone()));
        Self {
            address,
            given_up,
            _stop: stop.drop_guard(),
        }
    }

    async fn client(&self) -> Client {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    async fn says_hello(&self) -> bool {
        let mut client = self.client().await;
        client
            .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        client.end().await.ends_with("hello")
    }
}

async fn known(Extension(visitor): Extension<Visitor>) -> Result<&'static str, Problem> {
    visitor.showed_a_good_token().map(|()| "known")
}

/// Says everything back.
async fn upgrade(request: Request) -> Response {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let io = TokioIo::new(upgraded.await.unwrap());
        let (mut read, mut write) = tokio::io::split(io);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    (
        http::StatusCode::SWITCHING_PROTOCOLS,
        [("connection", "upgrade"), ("upgrade", "echo")],
    )
        .into_response()
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        // The server may have closed already.
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// What comes until there is `end`.
    async fn until(&mut self, end: &str) -> String {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(end) {
            let byte = tokio::time::timeout(PATIENCE, self.0.read_u8()).await;
            all.push(byte.expect("nothing came for too long").unwrap());
        }
        String::from_utf8(all).unwrap()
    }

    /// What comes until the connection is closed.
    async fn end(&mut self) -> String {
        let mut all = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut all)).await;
        // A reset is an end as well.
        let _ = read.expect("the connection stays open");
        String::from_utf8_lossy(&all).into_owned()
    }
}

#[tokio::test]
async fn a_head_has_its_time_and_a_connection_between_two_requests_has_another() {
    let server = Server::with(|limits| limits.request_head = SHORT).await;
    let mut kept = server.client().await;
    kept.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    kept.until("hello").await;
    let mut slow = server.client().await;
    let trickle = async {
        slow.send("GET / HTTP/1.1\r\n").await;
        loop {
            slow.send("x").await;
            tokio::time::sleep(SHORT / 10).await;
            let mut none = [0];
            if !matches!(slow.0.try_read(&mut none), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, trickle)
        .await
        .expect("a head takes for ever");
    // Waiting took longer than a head may take.
    kept.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    kept.until("hello").await;
    // The second head of a connection is no better than the first.
    kept.send("GET / HTTP/1.1\r\n").await;
    assert_eq!(kept.end().await, "");
}

/// What still comes of a body that nobody wanted is not the beginning of a head.
#[tokio::test]
async fn a_connection_whose_body_was_not_read_is_kept_like_any_other() {
    let server = Server::with(|limits| limits.request_head = SHORT).await;
    let mut client = server.client().await;
    client
        .send("POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        .await;
    client.until("no, thanks").await;
    client.send("67890").await;
    tokio::time::sleep(2 * SHORT).await;
    client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    client.until("hello").await;
}

#[tokio::test]
async fn a_connection_whose_body_was_not_read_and_that_asks_nothing_more_is_closed() {
    let server = Server::with(|limits| {
        limits.idle = SHORT;
        limits.request_head = 10 * PATIENCE;
    })
    .await;
    let mut client = server.client().await;
    client
        .send("POST /unread HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        .await;
    client.until("no, thanks").await;
    client.send("67890").await;
    assert_eq!(client.end().await, "");
}

#[tokio::test]
async fn a_connection_that_asks_nothing_more_is_closed() {
    let server = Server::with(|limits| limits.idle = SHORT).await;
    let mut client = server.client().await;
    client.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(client.end().await.ends_with("hello"));
}

#[tokio::test]
async fn a_head_has_so_many_bytes_and_fields() {
    let server = Server::with(|_| {}).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}", "x".repeat(16 * 1024));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(64));
    for head in [long, many] {
        let mut client = server.client().await;
        client.send(&head).await;
        let answer = client.end().await;
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    }
    let most = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(63));
    let mut client = server.client().await;
    client.send(&most).await;
    client.until("hello").await;
}

#[tokio::test]
async fn a_flood_of_half_open_connections_pushes_out_itself() {
    let server = Server::with(|limits| limits.accept.connections.total = 8).await;
    let mut known = server.client().await;
    known.send("GET /known HTTP/1.1\r\nhost: x\r\n\r\n").await;
    known.until("known").await;
    let mut flood = Vec::new();
    for _ in 0..40 {
        let mut one = server.client().await;
        one.send("G").await;
        flood.push(one);
        assert!(flood.len() % 10 != 0 || server.says_hello().await);
    }
    assert_eq!(flood[0].end().await, "", "the oldest was closed without a word");
    known.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    known.until("hello").await;
}

#[tokio::test]
async fn those_who_are_known_leave_places_to_strangers() {
    let server = Server::with(|limits| limits.accept.connections.total = 8).await;
    let mut known = Vec::new();
    for _ in 0..7 {
        let mut one = server.client().await;
        one.send("GET /known HTTP/1.1\r\nhost: x\r\n\r\n").await;
        one.until("known").await;
        known.push(one);
    }
    let mut one_more = server.client().await;
    one_more.send("GET /known HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = one_more.end().await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"busy\""),
        "{answer}"
    );
    assert!(server.says_hello().await);
}

#[tokio::test]
async fn an_address_has_so_many_connections_unless_it_is_a_proxy() {
    for (proxies, gets_in) in [(Vec::new(), false), (vec!["127.0.0.0/8".parse().unwrap()], true)] {
        let server = Server::with(|limits| {
            limits.accept.connections.per_address = 3;
            limits.accept.connections.exempt = Arc::from(proxies);
        })
        .await;
        let mut known = Vec::new();
        for _ in 0..2 {
            let mut one = server.client().await;
            one.send("GET /known HTTP/1.1\r\nhost: x\r\n\r\n").await;
            one.until("known").await;
            known.push(one);
        }
        let mut one_more = server.client().await;
        one_more
            .send("GET /known HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        assert_eq!(one_more.end().await.ends_with("known"), gets_in);
        let mut strangers = Vec::new();
        for _ in 0..3 {
            let mut one = server.client().await;
            one.send("G").await;
            strangers.push(one);
        }
        assert!(
            server.says_hello().await,
            "who looks after it comes from there, too"
        );
        if !gets_in {
            assert_eq!(strangers[0].end().await, "");
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let mut server = Server::with(|limits| limits.stall = SHORT).await;
    let mut client = server.client().await;
    client.send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let given_up = tokio::time::timeout(PATIENCE, server.given_up.recv()).await;
    given_up.expect("it is kept for ever");
}

#[tokio::test]
async fn an_upgraded_connection_takes_its_own_time() {
    let server = Server::with(|limits| {
        (limits.request_head, limits.idle, limits.stall) = (SHORT, SHORT, SHORT);
    })
    .await;
    let mut client = server.client().await;
    client
        .send("GET /upgrade HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        .await;
    client.until("\r\n\r\n").await;
    for word in ["one", "two"] {
        tokio::time::sleep(SHORT * 2).await;
        client.send(word).await;
        assert_eq!(client.until(word).await, word);
    }
}

#[tokio::test]
async fn a_body_that_is_chunked_twice_is_refused_and_the_connection_closed() {
    let server = Server::with(|_| {}).await;
    for codings in [
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, chunked",
    ] {
        let mut client = server.client().await;
        client
            .send(&format!(
                "POST /echo HTTP/1.1\r\nhost: x\r\n{codings}\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
            ))
            .await;
        let answer = client.end().await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains("bad_transfer_encoding"), "{answer}");
    }
}

/// Nobody gets around the bounds of one version with another.
#[tokio::test]
async fn http_2_is_not_spoken_where_nobody_asked_for_it() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let answer = client.end().await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer:?}");
}

#[tokio::test]
async fn requests_that_come_at_once_are_answered_in_turn() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    let one = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    client.send(&format!("{}{last}", one.repeat(9))).await;
    assert_eq!(client.end().await.matches("hello").count(), 10);
}

#[tokio::test]
async fn an_answer_is_what_it_says_and_kept_only_where_it_says_so() {
    let server = Server::with(|_| {}).await;
    for (path, caching) in [
        ("/", "no-store"),
        ("/nothing", "no-store"),
        ("/kept", "max-age=60"),
    ] {
        let mut client = server.client().await;
        client
            .send(&format!(
                "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            ))
            .await;
        let answer = client.end().await;
        assert!(answer.contains("x-content-type-options: nosniff\r\n"), "{answer}");
        assert!(
            answer.contains(&format!("cache-control: {caching}\r\n")),
            "{answer}"
        );
    }
}
