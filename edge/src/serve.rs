//! Serves one router on one listener until told to stop.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// What a connection may take its time for.
#[derive(Debug, Clone, Copy)]
pub struct ServeLimits {
    /// From the connection to the first byte of its first request.
    pub first_byte: Duration,
    /// For the head of each request, and between requests.
    pub request_head: Duration,
    /// What the system keeps of a connection beyond what the network takes, in bytes. Without this bound it is megabytes
    /// for a client that was fast once and stopped reading, and a slow one shows no progress for minutes. Linux only.
    pub unsent: u32,
    /// For the requests under way when the shutdown begins. Upgraded connections are not waited for here: who
    /// upgrades them holds a tracker token.
    pub shutdown: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(5),
            request_head: Duration::from_secs(75),
            unsent: 32 * 1024,
            shutdown: Duration::from_secs(10),
        }
    }
}

/// Serves until `shutdown`, then lets the requests under way end. The router finds the peer's address in
/// `ConnectInfo<SocketAddr>`.
pub async fn serve(listener: TcpListener, router: Router, limits: ServeLimits, shutdown: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_head);
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    wait_out(&error).await;
                    continue;
                }
            },
            () = shutdown.cancelled() => break,
        };
        let watcher = graceful.watcher();
        let builder = builder.clone();
        let router = router.clone();
        let stop = shutdown.clone();
        tokio::spawn(async move {
            prepare(&stream, limits.unsent);
            if !first_byte_arrives(&stream, limits.first_byte, &stop).await {
                return;
            }
            let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(ConnectInfo::<SocketAddr>(peer));
                router.clone().oneshot(request)
            });
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%peer, %error, "connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.shutdown, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            waited_s = limits.shutdown.as_secs(),
            "requests were still under way at the end of the shutdown"
        );
    }
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

/// An error of `accept` either belongs to the one connection, or says that a resource ran out: then accepting at once
/// again would spin.
async fn wait_out(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        return;
    }
    tracing::error!(%error, "no connection can be accepted, trying again in a second");
    tokio::time::sleep(Duration::from_secs(1)).await;
}
