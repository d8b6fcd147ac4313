//! HTTP/2 where it is asked for: the bounds are those of HTTP/1, and those that many requests on one connection need.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use edge::{Http, Problem, ServeLimits, Visitor};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::StatusCode;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for a test to go on, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

struct Server {
    address: SocketAddr,
    /// Lets `/waits` answer.
    answer: Arc<Notify>,
    /// Has a word for every endless answer that was given up.
    given_up: mpsc::UnboundedReceiver<()>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

struct SaysWhenDropped(mpsc::UnboundedSender<()>);

impl Drop for SaysWhenDropped {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl Server {
    async fn with(adjust: impl FnOnce(&mut ServeLimits)) -> Self {
        let mut limits = ServeLimits {
            http: Http::OneAndTwo,
            ..ServeLimits::default()
        };
        adjust(&mut limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::<Notify>::default();
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
            .route("/waits", get(waits))
            .route("/echo", post(async |body: Bytes| body))
            .route("/unread", post(async || "no, thanks"))
            .route("/endless", get(endless))
            .route("/upgrade", get(upgrade))
            .with_state(Arc::clone(&answer));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(edge::serve(listener, router, limits, stop.clone()));
        Self {
            address,
            answer,
            given_up,
            stop,
            serving,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn client(&self) -> Client {
        Client::of(h2::client::Builder::new(), self.connect().await).await
    }

    async fn speaks_http_1(&self) -> bool {
        let mut client = self.connect().await;
        let get = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        client.write_all(get.as_bytes()).await.unwrap();
        end(&mut client).await.ends_with(b"hello")
    }
}

async fn known(Extension(visitor): Extension<Visitor>) -> Result<&'static str, Problem> {
    visitor.showed_a_good_token().map(|()| "known")
}

async fn waits(State(answer): State<Arc<Notify>>) -> &'static str {
    answer.notified().await;
    "at last"
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
        StatusCode::SWITCHING_PROTOCOLS,
        [("connection", "upgrade"), ("upgrade", "echo")],
    )
        .into_response()
}

/// What comes until the connection is closed.
async fn end(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    // A reset is an end as well.
    let _ = read.expect("the connection stays open");
    all
}

/// A connection of HTTP/2.
struct Client {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    async fn of(builder: h2::client::Builder, stream: TcpStream) -> Self {
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        Self {
            requests,
            connection: tokio::spawn(connection),
        }
    }

    async fn ask(&mut self, request: http::request::Builder) -> ResponseFuture {
        let mut ready = self.requests.clone().ready().await.unwrap();
        ready.send_request(request.body(()).unwrap(), true).unwrap().0
    }

    async fn get(&mut self, path: &str) -> Result<(StatusCode, String), h2::Error> {
        answered(self.ask(to(path)).await).await
    }

    async fn says_hello(&mut self) -> bool {
        matches!(self.get("/").await, Ok((StatusCode::OK, text)) if text == "hello")
    }

    /// How the connection ends.
    async fn ends(self) -> Result<(), h2::Error> {
        let ended = tokio::time::timeout(PATIENCE, self.connection).await;
        ended.expect("the connection stays open").unwrap()
    }
}

fn to(path: &str) -> http::request::Builder {
    http::Request::get(format!("http://x{path}"))
}

async fn answered(response: ResponseFuture) -> Result<(StatusCode, String), h2::Error> {
    let read = async {
        let response = response.await?;
        let status = response.status();
        Ok((status, text(response.into_body()).await?))
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    read.expect("no answer comes")
}

async fn text(mut body: RecvStream) -> Result<String, h2::Error> {
    let mut all = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        all.extend_from_slice(&piece);
    }
    Ok(String::from_utf8(all).unwrap())
}

#[tokio::test]
async fn both_versions_are_spoken_and_upgrades_over_the_first() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    assert!(client.says_hello().await);
    assert!(server.speaks_http_1().await);
    let mut upgraded = server.connect().await;
    let head = "GET /upgrade HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    upgraded.write_all(head.as_bytes()).await.unwrap();
    upgraded.write_all(b"said after it").await.unwrap();
    let mut all = Vec::new();
    while !all.ends_with(b"said after it") {
        let byte = tokio::time::timeout(PATIENCE, upgraded.read_u8()).await;
        all.push(byte.expect("nothing comes back").unwrap());
    }
    assert!(all.starts_with(b"HTTP/1.1 101 "));
}

#[tokio::test]
async fn requests_are_answered_side_by_side() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    let waits = client.ask(to("/waits")).await;
    assert!(client.says_hello().await, "nobody waits for the one before");
    server.answer.notify_one();
    assert_eq!(answered(waits).await.unwrap().1, "at last");
}

#[tokio::test]
async fn bodies_go_through_windows_in_both_directions() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    let sent = "0123456789".repeat(100_000);
    let mut ready = client.requests.clone().ready().await.unwrap();
    let request = http::Request::post("http://x/echo").body(()).unwrap();
    let (response, mut body) = ready.send_request(request, false).unwrap();
    body.send_data(Bytes::from(sent.clone()), true).unwrap();
    assert_eq!(answered(response).await.unwrap(), (StatusCode::OK, sent));
    assert!(client.says_hello().await);
}

#[tokio::test]
async fn a_body_that_nobody_wants_is_refused_alone() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    let mut ready = client.requests.clone().ready().await.unwrap();
    let request = http::Request::post("http://x/unread").body(()).unwrap();
    let (response, mut body) = ready.send_request(request, false).unwrap();
    assert_eq!(answered(response).await.unwrap().1, "no, thanks");
    let refused = std::future::poll_fn(|cx| body.poll_reset(cx));
    let refused = tokio::time::timeout(PATIENCE, refused).await;
    assert_eq!(refused.expect("it is still wanted").unwrap(), Reason::NO_ERROR);
    assert!(client.says_hello().await);
}

/// Many senders write all of a request before they read anything, and some forget an answer when the rest is refused.
#[tokio::test]
async fn the_rest_of_a_body_that_nobody_wants_is_taken_for_a_while() {
    let server = Server::with(|limits| limits.linger.within = PATIENCE).await;
    let client = server.client().await;
    let mut ready = client.requests.clone().ready().await.unwrap();
    let request = http::Request::post("http://x/unread").body(()).unwrap();
    let (response, mut body) = ready.send_request(request, false).unwrap();
    // More than any window.
    let mut left = 1024 * 1024;
    while left > 0 {
        body.reserve_capacity(left);
        let room = std::future::poll_fn(|cx| body.poll_capacity(cx));
        let room = tokio::time::timeout(PATIENCE, room).await;
        let room = room.expect("it is not taken").expect("it is refused").unwrap();
        left -= room;
        body.send_data(Bytes::from(vec![b'x'; room]), left == 0).unwrap();
    }
    assert_eq!(answered(response).await.unwrap().1, "no, thanks");
}

#[tokio::test]
async fn a_head_has_so_many_bytes_and_fields() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    let long = to("/").header("long", "x".repeat(16 * 1024));
    let many = (0..65).fold(to("/"), |request, i| request.header(format!("a{i}"), "b"));
    for request in [long, many] {
        let response = client.ask(request).await;
        let (status, _) = answered(response).await.unwrap();
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let most = (0..64).fold(to("/"), |request, i| request.header(format!("a{i}"), "b"));
    let response = client.ask(most).await;
    assert_eq!(answered(response).await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_connection_has_its_time_for_the_first_byte_and_for_saying_what_it_speaks() {
    let server = Server::with(|limits| {
        (limits.accept.first_byte, limits.request_head) = (SHORT, SHORT);
    })
    .await;
    assert_eq!(end(&mut server.connect().await).await, b"");
    let mut half = server.connect().await;
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    assert_eq!(end(&mut half).await, b"");
    let mut whole = server.client().await;
    assert!(whole.says_hello().await);
    tokio::time::sleep(2 * SHORT).await;
    assert!(
        whole.says_hello().await,
        "between two requests there is more time"
    );
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_however_often_it_says_that_it_is_there() {
    let server = Server::with(|limits| limits.idle = SHORT).await;
    let (requests, mut connection) = h2::client::handshake(server.connect().await).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    tokio::spawn(async move { while pings.ping(h2::Ping::opaque()).await.is_ok() {} });
    let client = Client {
        requests: requests.clone(),
        connection: tokio::spawn(connection),
    };
    client.ends().await.unwrap();
    drop(requests);
}

#[tokio::test]
async fn a_connection_is_not_closed_while_a_request_is_under_way() {
    let server = Server::with(|limits| limits.idle = SHORT).await;
    let mut client = server.client().await;
    let waits = client.ask(to("/waits")).await;
    tokio::time::sleep(3 * SHORT).await;
    server.answer.notify_one();
    assert_eq!(answered(waits).await.unwrap().1, "at last");
    client.ends().await.unwrap();
}

/// The rest of a head, which nobody waits for, keeps everything else from being said: answers to pings, too.
#[tokio::test]
async fn a_head_that_does_not_end_does_not_keep_a_connection() {
    let server = Server::with(|limits| {
        (limits.http2.ping_every, limits.http2.pong_within) = (SHORT, SHORT);
    })
    .await;
    let mut client = server.connect().await;
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    said.extend(frame(4, 0, 0, b""));
    // HEADERS without END_HEADERS: `:method: GET` from the static table.
    said.extend(frame(1, 0x1, 1, &[0x82]));
    client.write_all(&said).await.unwrap();
    end(&mut client).await;
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_alone() {
    let mut server = Server::with(|limits| limits.stall = SHORT).await;
    // The window of the one answer is never opened again; that of the connection has room for others.
    let mut builder = h2::client::Builder::new();
    builder.initial_connection_window_size(1024 * 1024);
    let mut client = Client::of(builder, server.connect().await).await;
    let untaken = client.ask(to("/endless")).await.await.unwrap();
    let given_up = tokio::time::timeout(PATIENCE, server.given_up.recv()).await;
    given_up.expect("it is kept for ever");
    assert!(client.says_hello().await, "the others go on");
    drop(untaken);
}

#[tokio::test]
async fn an_answer_that_waits_for_its_server_is_not_given_up() {
    let server = Server::with(|limits| limits.stall = SHORT).await;
    let mut client = server.client().await;
    let waits = client.ask(to("/waits")).await;
    tokio::time::sleep(3 * SHORT).await;
    server.answer.notify_one();
    assert_eq!(answered(waits).await.unwrap().1, "at last");
}

#[tokio::test]
async fn a_connection_has_so_many_requests_at_once() {
    let server = Server::with(|limits| limits.http2.requests = 3).await;
    let mut builder = h2::client::Builder::new();
    // It does not wait to be told how many there may be.
    builder.initial_max_send_streams(100);
    let mut client = Client::of(builder, server.connect().await).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(client.ask(to("/waits")).await);
    }
    let refused = waiting.split_off(3);
    for response in refused {
        let refusal = answered(response).await.unwrap_err();
        assert_eq!(refusal.reason(), Some(Reason::REFUSED_STREAM));
    }
    for response in waiting {
        server.answer.notify_one();
        assert_eq!(answered(response).await.unwrap().1, "at last");
    }
}

#[tokio::test]
async fn a_flood_of_requests_that_are_taken_back_ends_its_connection() {
    let server = Server::with(|_| {}).await;
    let mut client = server.connect().await;
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    flood.extend(frame(4, 0, 0, b""));
    for i in 0..1_000 {
        let stream = 2 * i + 1;
        // GET / of http, from the static table; then RST_STREAM (CANCEL).
        flood.extend(frame(1, 0x5, stream, &[0x82, 0x84, 0x86]));
        flood.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    // It may be closed before all of it is written.
    let _ = client.write_all(&flood).await;
    let all = end(&mut client).await;
    // GOAWAY with ENHANCE_YOUR_CALM.
    let calm = [0, 0, 0, 0xb];
    assert!(all.windows(4).any(|four| four == calm), "{all:?}");
    assert!(server.client().await.says_hello().await);
}

#[tokio::test]
async fn a_flood_of_connections_pushes_out_itself() {
    let server = Server::with(|limits| limits.accept.connections.total = 8).await;
    let mut known = server.client().await;
    assert_eq!(known.get("/known").await.unwrap().1, "known");
    let mut flood = Vec::new();
    for _ in 0..20 {
        flood.push(server.client().await);
    }
    assert!(server.client().await.says_hello().await, "strangers get in");
    assert!(known.says_hello().await);
}

#[tokio::test]
async fn one_known_too_many_is_told_so_and_has_to_go() {
    let server = Server::with(|limits| limits.accept.connections.total = 8).await;
    let mut known = Vec::new();
    for _ in 0..7 {
        let mut client = server.client().await;
        assert_eq!(client.get("/known").await.unwrap().1, "known");
        known.push(client);
    }
    let mut one_more = server.client().await;
    let (status, problem) = one_more.get("/known").await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(problem.contains("\"busy\""), "{problem}");
    one_more.ends().await.unwrap();
}

#[tokio::test]
async fn at_the_end_what_is_under_way_is_answered_and_nothing_else_taken() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    let mut idle = server.client().await;
    assert!(idle.says_hello().await);
    let waits = client.ask(to("/waits")).await;
    assert!(client.says_hello().await, "it was taken");
    server.stop.cancel();
    idle.ends().await.unwrap();
    server.answer.notify_one();
    assert_eq!(answered(waits).await.unwrap().1, "at last");
    client.ends().await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, server.serving).await;
    ended.expect("it does not end").unwrap();
}

/// A frozen client does not answer, and keeps nobody from stopping.
#[tokio::test]
async fn at_the_end_a_client_that_says_no_goodbye_is_not_waited_for() {
    let server = Server::with(|limits| limits.accept.shutdown = 10 * PATIENCE).await;
    let mut client = server.connect().await;
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    client.write_all(&frame(4, 0, 0, b"")).await.unwrap();
    client.read_u8().await.unwrap();
    server.stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, server.serving).await;
    ended.expect("it waits for ever").unwrap();
}

#[tokio::test]
async fn at_the_end_a_client_that_has_not_said_what_it_speaks_is_not_waited_for() {
    let server = Server::with(|limits| {
        (limits.request_head, limits.accept.shutdown) = (10 * PATIENCE, 10 * PATIENCE);
    })
    .await;
    let mut half = server.connect().await;
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    // It got in once another one that came later has.
    assert!(server.speaks_http_1().await);
    server.stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, server.serving).await;
    ended.expect("it waits for ever").unwrap();
    assert_eq!(end(&mut half).await, b"");
}
