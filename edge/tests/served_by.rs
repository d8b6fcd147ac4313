//! Connections that go on elsewhere than where they began: on another runtime, whose threads alone serve them then.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use edge::{ServeLimits, ServedBy};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server, and the other runtime.
struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    _ends: DropGuard,
    /// `None` only while it is dropped.
    apart: Option<Runtime>,
}

impl Server {
    async fn start(router: impl FnOnce(Handle) -> Router) -> Self {
        let apart = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("apart")
            .enable_all()
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = router(apart.handle().clone());
        tokio::spawn(edge::serve(
            listener,
            router,
            ServeLimits::default(),
            stop.clone(),
        ));
        Self {
            address,
            _ends: stop.clone().drop_guard(),
            stop,
            apart: Some(apart),
        }
    }

    async fn ask(&self, request: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(apart) = self.apart.take() {
            apart.shutdown_background();
        }
    }
}

async fn until(client: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(end) {
        let byte = tokio::time::timeout(PATIENCE, client.read_u8()).await;
        all.push(byte.expect("nothing came for too long").unwrap());
    }
    String::from_utf8(all).unwrap()
}

fn thread() -> String {
    std::thread::current().name().unwrap_or("?").to_owned()
}

/// An answer that goes on for ever: each word that it is given, with the thread that took it.
fn endless(words: mpsc::Receiver<&'static str>) -> Body {
    Body::from_stream(stream::unfold(words, |mut words| async {
        let word = words.recv().await?;
        Some((Ok::<_, Infallible>(format!("{word} by {};", thread())), words))
    }))
}

#[tokio::test]
async fn an_answer_that_says_so_is_written_by_the_other_threads_to_its_end() {
    let (say, words) = mpsc::channel(1);
    let words = Arc::new(parking_lot::Mutex::new(Some(words)));
    let server = Server::start(|apart| {
        let answer = async move || {
            let mut answer = endless(words.lock().take().unwrap()).into_response();
            answer.extensions_mut().insert(ServedBy(apart));
            answer
        };
        Router::new().route("/", get(answer))
    })
    .await;
    let mut client = server.ask("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&mut client, "\r\n\r\n").await;
    for word in ["one", "two", "three"] {
        say.send(word).await.unwrap();
        until(&mut client, &format!("{word} by apart;")).await;
    }
    // Whoever stops waits for it, and is heeded there, too.
    server.stop.cancel();
    say.send("four").await.unwrap();
    until(&mut client, "four by apart;").await;
    drop(say);
    until(&mut client, "0\r\n\r\n").await;
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0, "it is closed");
}

#[tokio::test]
async fn an_upgraded_connection_is_served_by_whoever_awaits_it_and_loses_nothing_that_came_early() {
    let begin = Arc::new(Notify::new());
    let begins = Arc::clone(&begin);
    let server = Server::start(|apart| {
        let upgrade = async move |request: Request| -> Response {
            let upgrade = hyper::upgrade::on(request);
            apart.spawn(async move {
                begins.notified().await;
                let mut socket = edge::upgraded(upgrade).await.unwrap();
                let mut bytes = [0; 3];
                // It comes in pieces of whatever size: what was read before, and what is read now.
                while socket.read_exact(&mut bytes).await.is_ok() {
                    let mut said = Bytes::copy_from_slice(&bytes).to_vec();
                    said.extend_from_slice(format!(" by {};", thread()).as_bytes());
                    socket.write_all(&said).await.unwrap();
                }
            });
            (
                http::StatusCode::SWITCHING_PROTOCOLS,
                [("connection", "upgrade"), ("upgrade", "echo")],
            )
                .into_response()
        };
        Router::new().route("/", get(upgrade))
    })
    .await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\none-";
    let mut client = server.ask(request).await;
    until(&mut client, "\r\n\r\n").await;
    begin.notify_one();
    until(&mut client, "one by apart;").await;
    client.write_all(b"-two").await.unwrap();
    until(&mut client, "--t by apart;").await;
    client.write_all(b"x").await.unwrap();
    until(&mut client, "wox by apart;").await;
}

#[tokio::test]
async fn only_a_connection_of_this_server_can_be_had() {
    // An upgrade that nobody answered.
    let request = Request::new(Body::empty());
    assert!(edge::upgraded(hyper::upgrade::on(request)).await.is_err());
}
