//! HTTP on a listener: serves one router until told to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::accept::{AcceptLimits, Entered, Protocol, accept};
use crate::head;
use crate::http2::{Http2Limits, PREFACE, Requests, Stalls};
use crate::linger::{LingerLimits, Lingering};
use crate::patience::{Answer, Exchange, Patience, Patient, Turn};
use crate::served_by::Moves;
use crate::socket::Socket;
use crate::visitor::Visitor;

/// Which versions are spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1.
    #[default]
    One,
    /// HTTP/2 as well, to those who begin with it ("prior knowledge"). Upgrades, WebSockets for example, are HTTP/1.1's.
    OneAndTwo,
}

/// What a listener of HTTP and its connections may take. Each field says its default.
#[derive(Debug, Clone)]
pub struct ServeLimits {
    /// Whom it lets in.
    pub accept: AcceptLimits,
    /// What it speaks: HTTP/1.1.
    pub http: Http,
    /// From the first byte of a request's head to its last: 5 s. Over HTTP/2 that is the time of the connection's beginning.
    pub request_head: Duration,
    /// From an answer to the first byte of the next request: 75 s.
    pub idle: Duration,
    /// How long a client may take nothing of an answer: 30 s.
    pub stall: Duration,
    /// The bytes of a request's head: 16 KiB. A longer one is answered 431.
    pub head_bytes: usize,
    /// The fields of a request's head: 64. More are answered 431.
    pub head_fields: usize,
    /// For the rest of a body that nobody reads.
    pub linger: LingerLimits,
    /// For connections of HTTP/2.
    pub http2: Http2Limits,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            accept: AcceptLimits::default(),
            http: Http::default(),
            request_head: Duration::from_secs(5),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            head_bytes: 16 * 1024,
            head_fields: 64,
            linger: LingerLimits::default(),
            http2: Http2Limits::default(),
        }
    }
}

/// Serves until `shutdown`, then lets the requests under way end. The router finds in the extensions of each request the
/// [`Visitor`]; an answer of it may say where its connection goes on
/// ([`ServedBy`](crate::ServedBy)).
pub async fn serve(listener: TcpListener, router: Router, limits: ServeLimits, shutdown: CancellationToken) {
    let accepted = limits.accept.clone();
    let spoken = Spoken {
        router,
        one: http1(&limits),
        two: limits.http2.builder(limits.head_bytes, limits.stall),
        limits,
    };
    accept(listener, spoken, accepted, shutdown).await;
}

fn http1(limits: &ServeLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // Looked at more closely by `Patient`; having one makes the library listen between two requests.
        .header_read_timeout(limits.idle + limits.request_head)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.head_fields);
    builder
}

/// HTTP, as a listener speaks it.
struct Spoken {
    router: Router,
    one: http1::Builder,
    two: http2::Builder<Stalls>,
    limits: ServeLimits,
}

impl Protocol for Spoken {
    const NO_PLACE: &'static [u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
        content-type: application/problem+json\r\ncontent-length: 105\r\n\r\n\
        {\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"busy\",\"detail\":\"there are too many connections here\"}";

    const NO_TLS: &'static [u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\
        content-type: application/problem+json\r\ncontent-length: 132\r\n\r\n\
        {\"title\":\"Bad Request\",\"status\":400,\"code\":\"tls_required\",\"detail\":\"TLS is spoken here: the address begins with https:// or wss://\"}";

    fn names(&self) -> &[&'static [u8]] {
        match self.limits.http {
            Http::One => &[b"http/1.1"],
            Http::OneAndTwo => &[b"h2", b"http/1.1"],
        }
    }

    async fn serve(&self, entered: Entered, stop: CancellationToken) {
        let Entered { socket, visitor } = entered;
        let turn = Arc::<Turn>::default();
        let patience = Patience {
            first: self.limits.accept.first_byte,
            head: self.limits.request_head,
            idle: self.limits.idle,
            stall: self.limits.stall,
        };
        let mut io = Patient::new(socket, patience, Arc::clone(&turn));
        let peer = visitor.peer();
        let speaks_two = match self.limits.http {
            Http::One => Ok(false),
            Http::OneAndTwo => self.begins_with_preface(&mut io, &stop).await,
        };
        match speaks_two {
            Ok(false) => {
                let moves = Moves::default();
                let served = self.one(io, visitor, turn, moves.clone(), stop);
                moves.serve(told(peer, served)).await;
            }
            // Its requests are of all kinds, and many may be senders': it stays where those are answered.
            Ok(true) => told(peer, self.two(io, visitor, &turn, stop)).await,
            Err(error) => tracing::debug!(%peer, %error, "connection ended before it said what it speaks"),
        }
    }
}

impl Spoken {
    /// Whether it is spoken inside of TLS, and nowhere else.
    fn is_secure(&self) -> bool {
        self.limits.accept.tls.is_some()
    }

    /// Whether it speaks HTTP/2. One that has not said so by the end has asked for nothing, and is not waited for.
    async fn begins_with_preface(
        &self,
        io: &mut Patient<Socket>,
        stop: &CancellationToken,
    ) -> std::io::Result<bool> {
        tokio::select! {
            biased;
            begins = io.begins_with(PREFACE) => begins,
            () = stop.cancelled() => Err(std::io::ErrorKind::Interrupted.into()),
        }
    }

    /// One request after the other.
    fn one(
        &self,
        io: Patient<Socket>,
        visitor: Visitor,
        turn: Arc<Turn>,
        moves: Moves,
        stop: CancellationToken,
    ) -> impl Future<Output = hyper::Result<()>> + Send + use<> {
        let (router, linger, secure) = (self.router.clone(), self.limits.linger, self.is_secure());
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            let exchange = turn.ours();
            tell(&mut request, &visitor);
            let request = Lingering::of(request, linger, Arc::clone(&exchange));
            let (turn, moves) = (Arc::clone(&turn), moves.clone());
            let answered = answer(router.clone(), request, exchange, secure);
            async move {
                let mut response = answered.await;
                moves.heed(&mut response);
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    turn.nobodys();
                }
                Ok::<_, Infallible>(response)
            }
        });
        let connection = self
            .one
            .serve_connection(TokioIo::new(io), service)
            .with_upgrades();
        async move {
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    // What is under way is answered; nothing more is read.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    }

    /// Many requests at once.
    async fn two(
        &self,
        io: Patient<Socket>,
        visitor: Visitor,
        turn: &Turn,
        stop: CancellationToken,
    ) -> hyper::Result<()> {
        turn.no_more();
        let requests = Requests::default();
        let (router, linger, secure) = (self.router.clone(), self.limits.linger, self.is_secure());
        let fields = self.limits.head_fields;
        let service = hyper::service::service_fn({
            let (requests, visitor) = (requests.clone(), visitor.clone());
            move |mut request: Request<Incoming>| {
                let exchange = Arc::new(Exchange::AmongOthers {
                    _under_way: requests.begin(),
                });
                tell(&mut request, &visitor);
                let fits = head::has_at_most(request.headers(), fields);
                let request = Lingering::of(request, linger, Arc::clone(&exchange));
                let router = router.clone();
                async move {
                    Ok::<_, Infallible>(match fits {
                        Ok(()) => answer(router, request, exchange, secure).await,
                        Err(refused) => refused.into_response().map(|body| Answer::new(body, exchange)),
                    })
                }
            }
        });
        let connection = self.two.serve_connection(TokioIo::new(io), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = requests.none_for(self.limits.idle) => {}
            () = visitor.has_to_leave() => {}
            () = stop.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            ended = connection => ended,
            () = requests.ended(turn, self.limits.stall) => Ok(()),
        }
    }
}

/// Serves a connection to its end, and says why that came early.
async fn told(peer: SocketAddr, served: impl Future<Output = hyper::Result<()>>) {
    if let Err(error) = served.await {
        tracing::debug!(%peer, %error, "connection ended early");
    }
}

/// What a request is to know of its connection.
fn tell(request: &mut Request<Incoming>, visitor: &Visitor) {
    let visitor = visitor.of_request(request.headers());
    request.extensions_mut().insert(visitor);
}

async fn answer(
    router: Router,
    request: Request<Lingering<Incoming>>,
    exchange: Arc<Exchange>,
    secure: bool,
) -> Response<Answer<Body>> {
    let response = match head::check(&request) {
        Ok(()) => head::completed(router.oneshot(request).await, secure),
        Err(problem) => head::completed(problem, secure),
    };
    response.map(|body| Answer::new(body, exchange))
}
