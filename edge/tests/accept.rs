//! A protocol that is not HTTP, over the same way in, on real sockets: it says every line back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use edge::{AcceptLimits, Entered, Protocol};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Long enough for a test to go on, short enough to wait for.
const SHORT: Duration = Duration::from_millis(300);

/// Lines in, lines out. The line `I am known` is its token.
struct Echo;

impl Protocol for Echo {
    const NO_PLACE: &'static [u8] = b"no place\n";

    async fn serve(&self, entered: Entered, stop: CancellationToken) {
        let Entered { socket, visitor } = entered;
        let mut socket = BufReader::new(socket);
        loop {
            let mut line = String::new();
            tokio::select! {
                read = socket.read_line(&mut line) => match read {
                    Ok(1..) => {}
                    _ => return,
                },
                () = stop.cancelled() => break,
            }
            if line == "I am known\n" && visitor.is_known().is_err() {
                line = "too many\n".to_owned();
            }
            if socket.write_all(line.as_bytes()).await.is_err() || line == "too many\n" {
                return;
            }
        }
        let _ = socket.write_all(b"goodbye\n").await;
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Server {
    async fn with(adjust: impl FnOnce(&mut AcceptLimits)) -> Self {
        let mut limits = AcceptLimits::default();
        limits.connections.listener = "echo".into();
        adjust(&mut limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(edge::accept(listener, Echo, limits, stop.clone()));
        Self {
            address,
            stop,
            serving,
        }
    }

    async fn client(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(self.address).await.unwrap()))
    }

    async fn known(&self) -> Client {
        let mut client = self.client().await;
        assert_eq!(client.says("I am known\n").await, "I am known\n");
        client
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    async fn send(&mut self, text: &str) {
        // The server may have closed already.
        let _ = self.0.write_all(text.as_bytes()).await;
    }

    /// Sends it, and reads the line that comes; an empty one at the end.
    async fn says(&mut self, text: &str) -> String {
        self.send(text).await;
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await;
        let _ = read.expect("nothing came for too long");
        line
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
async fn lines_come_back() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    assert_eq!(client.says("one\n").await, "one\n");
    assert_eq!(client.says("two\n").await, "two\n");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_and_one_that_has_said_something_is_not() {
    let server = Server::with(|limits| limits.first_byte = SHORT).await;
    let mut quiet = server.client().await;
    let mut talks = server.client().await;
    assert_eq!(talks.says("one\n").await, "one\n");
    assert_eq!(quiet.end().await, "");
    assert_eq!(talks.says("two\n").await, "two\n");
}

#[tokio::test]
async fn a_flood_of_strangers_pushes_out_itself_and_nobody_who_is_known() {
    let server = Server::with(|limits| limits.connections.total = 8).await;
    let mut known = server.known().await;
    let mut flood = Vec::new();
    for _ in 0..40 {
        let mut one = server.client().await;
        one.send("x").await;
        flood.push(one);
    }
    let mut last = server.client().await;
    assert_eq!(last.says("one\n").await, "one\n", "strangers get in");
    assert_eq!(flood[0].end().await, "", "the oldest was closed without a word");
    assert_eq!(known.says("one\n").await, "one\n");
}

#[tokio::test]
async fn an_address_has_so_many_connections_unless_it_is_a_proxy() {
    for (proxies, gets_in) in [(Vec::new(), false), (vec!["127.0.0.0/8".parse().unwrap()], true)] {
        let server = Server::with(|limits| {
            limits.connections.per_address = 2;
            limits.connections.exempt = Arc::from(proxies);
        })
        .await;
        let _known = server.known().await;
        let mut stranger = server.client().await;
        assert_eq!(stranger.says("one\n").await, "one\n");
        let mut another = server.client().await;
        assert_eq!(another.says("one\n").await, "one\n");
        if !gets_in {
            assert_eq!(stranger.end().await, "", "one of the address had to go");
        }
        assert_eq!(
            another.says("I am known\n").await == "I am known\n",
            gets_in,
            "those who are known leave a place"
        );
    }
}

#[tokio::test]
async fn who_finds_no_place_is_told_in_the_protocols_own_words() {
    let server = Server::with(|limits| limits.connections.total = 1).await;
    let _known = server.known().await;
    assert_eq!(server.client().await.end().await, "no place\n");
}

#[tokio::test]
async fn at_the_end_nothing_new_is_read_and_what_is_under_way_ends() {
    let server = Server::with(|_| {}).await;
    let mut client = server.client().await;
    assert_eq!(client.says("one\n").await, "one\n");
    let mut quiet = server.client().await;
    server.stop.cancel();
    assert_eq!(client.end().await, "goodbye\n");
    assert_eq!(quiet.end().await, "");
    tokio::time::timeout(PATIENCE, server.serving)
        .await
        .expect("it does not end")
        .unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_connection_that_does_not_end_is_not_waited_for_beyond_its_time() {
    struct Endless;
    impl Protocol for Endless {
        async fn serve(&self, entered: Entered, _: CancellationToken) {
            let mut socket = entered.socket;
            let _ = socket.write_all(b"hello").await;
            std::future::pending().await
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(b"x").await.unwrap();
    let limits = AcceptLimits {
        shutdown: SHORT,
        ..AcceptLimits::default()
    };
    let stop = CancellationToken::new();
    let serving = tokio::spawn(edge::accept(listener, Endless, limits, stop.clone()));
    client.read_exact(&mut [0; 5]).await.unwrap();
    stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, serving).await;
    ended.expect("it waits for ever").unwrap();
}
