//! Serves one router on one listener until told to stop.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::attempts::AttemptLimits;
use crate::connections::{ConnectionLimits, Full, Place};
use crate::head;
use crate::linger::{LingerLimits, Lingering};
use crate::patience::{Answer, Exchange, Patience, Patient, Turn};
use crate::seldom::Seldom;
use crate::visitor::{Listening, Visitor};

/// What a listener and its connections may take. Each field says its default.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// How many bad credentials an address may bring.
    pub attempts: AttemptLimits,
    /// From the connection to the first byte of its first request: 5 s.
    pub first_byte: Duration,
    /// From the first byte of a request's head to its last: 5 s.
    pub request_head: Duration,
    /// From an answer to the first byte of the next request: 75 s.
    pub idle: Duration,
    /// How long a client may take nothing of an answer: 30 s.
    pub stall: Duration,
    /// The bytes of a request's head: 16 KiB. A longer one is answered 431.
    pub head_bytes: usize,
    /// The fields of a request's head: 64. More are answered 431.
    pub head_fields: usize,
    /// What the system keeps of a connection beyond what the network takes, in bytes: 32 KiB. Without this bound it is
    /// megabytes for a client that was fast once and stopped reading, and a slow one shows no progress for minutes. Linux
    /// only.
    pub unsent: u32,
    /// For the rest of a body that nobody reads.
    pub linger: LingerLimits,
    /// For the requests under way when the shutdown begins: 10 s. Upgraded connections are not waited for here: who
    /// upgrades them holds a tracker token.
    pub shutdown: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            connections: ConnectionLimits::default(),
            attempts: AttemptLimits::default(),
            first_byte: Duration::from_secs(5),
            request_head: Duration::from_secs(5),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            head_bytes: 16 * 1024,
            head_fields: 64,
            unsent: 32 * 1024,
            linger: LingerLimits::default(),
            shutdown: Duration::from_secs(10),
        }
    }
}

/// Between two attempts to accept, when the process has run out of something.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until `shutdown`, then lets the requests under way end. The router finds in the extensions of each request the
/// [`Visitor`], and the peer's address in `ConnectInfo<SocketAddr>`.
pub async fn serve(listener: TcpListener, router: Router, limits: ServeLimits, shutdown: CancellationToken) {
    let doorkeeper = Doorkeeper::new(&limits);
    let connections = TaskTracker::new();
    let http = http(&limits);
    loop {
        let entered = tokio::select! {
            entered = doorkeeper.next(&listener) => entered,
            () = shutdown.cancelled() => break,
        };
        let Some((stream, peer, place)) = entered else {
            continue;
        };
        let connection = Connection {
            visitor: Visitor::new(Arc::clone(&doorkeeper.listening), place.id(), peer),
            place,
            router: router.clone(),
            http: http.clone(),
            linger: limits.linger,
            patience: Patience {
                head: limits.request_head,
                idle: limits.idle,
                stall: limits.stall,
            },
        };
        let (unsent, first_byte) = (limits.unsent, limits.first_byte);
        let stop = shutdown.clone();
        connections.spawn(async move {
            prepare(&stream, unsent);
            let go = connection.place.go();
            tokio::select! {
                () = async {
                    if first_byte_arrives(&stream, first_byte, &stop).await {
                        connection.serve(stream, &stop).await;
                    }
                } => {}
                () = go.cancelled() => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.shutdown, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            waited_s = limits.shutdown.as_secs(),
            "requests were still under way at the end of the shutdown"
        );
    }
}

/// HTTP/1 alone, whatever the library could: the bounds here are of its heads and bodies.
fn http(limits: &ServeLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        // Looked at more closely by `Patient`; having one makes the library listen between two requests.
        .header_read_timeout(limits.idle + limits.request_head)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.head_fields);
    builder
}

/// Accepts, and lets in.
struct Doorkeeper {
    listening: Arc<Listening>,
    name: &'static str,
    refused: Seldom,
    failed: Seldom,
}

impl Doorkeeper {
    fn new(limits: &ServeLimits) -> Self {
        Self {
            name: limits.connections.listener,
            listening: Listening::new(limits.connections.clone(), limits.attempts),
            refused: Seldom::default(),
            failed: Seldom::default(),
        }
    }

    /// The next connection that gets in; `None` when the next did not.
    async fn next(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr, Place)> {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                self.wait_out(&error).await;
                return None;
            }
        };
        match self.listening.connections.enter(peer.ip()).await {
            Ok(place) => Some((stream, peer, place)),
            Err(full) => {
                self.refuse(stream, peer, full);
                None
            }
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, full: Full) {
        let (listener, why) = (self.name, full.as_str());
        metrics::counter!("tailcast_connections_refused_total", "listener" => listener, "full" => why)
            .increment(1);
        if let Some(times) = self.refused.happened() {
            let address = peer.ip();
            match full {
                Full::Address => tracing::warn!(
                    listener, %address, times,
                    "an address has as many connections as one may have; if it is a proxy, name it in `proxies`"
                ),
                Full::Listener => {
                    tracing::warn!(listener, times, "there are as many connections as there may be")
                }
            }
        }
        // It may not arrive: there is no time to read what the client sends, and none to wait for it.
        if let Ok(mut stream) = stream.into_std() {
            let _ = stream.write(NO_PLACE);
        }
    }

    /// An error of `accept` either belongs to the one connection, or says that a resource ran out: then accepting at once
    /// again would spin.
    async fn wait_out(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(
            error.kind(),
            ConnectionAborted | ConnectionRefused | ConnectionReset
        ) {
            return;
        }
        if let Some(times) = self.failed.happened() {
            tracing::error!(listener = self.name, %error, times, "no connection can be accepted, trying again");
        }
        self.listening.connections.push_out_one();
        tokio::time::sleep(ACCEPT_AGAIN).await;
    }
}

/// To a connection that does not get in, before it has said anything.
const NO_PLACE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
    content-type: application/problem+json\r\ncontent-length: 105\r\n\r\n\
    {\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"busy\",\"detail\":\"there are too many connections here\"}";

/// One that was let in.
struct Connection {
    visitor: Visitor,
    place: Place,
    router: Router,
    http: Builder,
    linger: LingerLimits,
    patience: Patience,
}

impl Connection {
    async fn serve(self, stream: TcpStream, stop: &CancellationToken) {
        let peer = self.visitor.address();
        let turn = Arc::<Turn>::default();
        let io = Patient::new(stream, self.patience, Arc::clone(&turn), self.place);
        let (router, visitor) = (self.router, self.visitor);
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let exchange = turn.ours();
            let extensions = request.extensions_mut();
            extensions.insert(visitor.clone());
            extensions.insert(ConnectInfo::<SocketAddr>(peer));
            let request = Lingering::of(request, self.linger, Arc::clone(&exchange));
            answer(router.clone(), request, Arc::clone(&turn), exchange)
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                // What is under way is answered; nothing more is read.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, %error, "connection ended early");
        }
    }
}

async fn answer(
    router: Router,
    request: Request<Lingering<Incoming>>,
    turn: Arc<Turn>,
    exchange: Arc<Exchange>,
) -> Result<Response<Answer<Body>>, Infallible> {
    let response = match head::check(request.headers()) {
        Ok(()) => head::completed(router.oneshot(request).await),
        Err(problem) => head::completed(problem),
    };
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        turn.nobodys();
    }
    Ok(response.map(|body| Answer::new(body, exchange)))
}

/// A connection that takes none of it works as well.
fn prepare(stream: &TcpStream, unsent: u32) {
    // Small answers and frames leave when they are written.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(unsent);
    #[cfg(not(target_os = "linux"))]
    let _ = unsent;
}

/// A connection that says nothing is closed without a word; so is one that says nothing while we stop.
async fn first_byte_arrives(stream: &TcpStream, within: Duration, stop: &CancellationToken) -> bool {
    let mut byte = [0];
    tokio::select! {
        peeked = tokio::time::timeout(within, stream.peek(&mut byte)) => matches!(peeked, Ok(Ok(n)) if n > 0),
        () = stop.cancelled() => false,
    }
}
