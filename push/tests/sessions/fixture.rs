//! A push node on a real port, and clients that say what they see.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use auth::{Claims, Key, Minter, Verifier};
use dispatch::{Lease, Membership, MemoryTable, NodeId, Routes, TableError};
use edge::sieve::{Sieve, SieveLimits};
use futures_util::{SinkExt, StreamExt};
use http::Request;
use lines::{
    Batch, Hint, HintSink, Line, Lines, LogReader, LogStore, StreamName, Target, Timestamp, log_store::Draft,
    retention::Retention,
};
use push::{AdmissionLimits, Limits, Parts, Push};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::faulty_store::FaultyStore;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The Unix second of line 0; the others follow by one.
pub(crate) const START: i64 = 1_700_000_000;

pub(crate) struct Node {
    pub(crate) push: Arc<Push>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) routes: Arc<Table>,
    /// How many sessions it takes.
    pub(crate) admission: watch::Sender<AdmissionLimits>,
    pub(crate) address: SocketAddr,
    /// What its sessions need.
    pub(crate) running: JoinHandle<()>,
    minter: Minter,
    _stop: DropGuard,
}

/// Routes that can be away.
#[derive(Default)]
pub(crate) struct Table {
    inner: MemoryTable,
    pub(crate) away: AtomicBool,
    /// How many announcements were made.
    pub(crate) announced: AtomicUsize,
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(crate) welcome: Value,
}

/// How a connection ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Ended {
    pub(crate) closing: Option<Value>,
    pub(crate) code: Option<u16>,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(adjust: impl FnOnce(&mut Limits)) -> Self {
        Self::admitting(AdmissionLimits::default(), adjust).await
    }

    pub(crate) async fn admitting(admission: AdmissionLimits, adjust: impl FnOnce(&mut Limits)) -> Self {
        let (admission, admits) = watch::channel(admission);
        let mut limits = Limits::default();
        adjust(&mut limits);
        let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
        let (store, routes) = (Arc::<FaultyStore>::default(), Arc::<Table>::default());
        let node = NodeId::from_text("this-node");
        routes.inner.renew(&lease(&node)).await.unwrap();
        let push = Push::new(Parts {
            store: Arc::clone(&store) as Arc<dyn LogReader>,
            sieve: Sieve::new(SieveLimits::default()),
            routes: Arc::clone(&routes) as Arc<dyn Routes>,
            node,
            verifier: Arc::new(Verifier::hs256(&key, "tailcast")),
            limits,
            admission: admits,
            fan_out: tokio::runtime::Handle::current(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = push::router(Arc::clone(&push));
        tokio::spawn(edge::serve(
            listener,
            router,
            edge::ServeLimits::default(),
            stop.clone(),
        ));
        let (running, until) = (Arc::clone(&push), stop.clone());
        let running = tokio::spawn(async move { running.run(until).await });
        Self {
            running,
            push,
            store,
            routes,
            admission,
            address,
            minter: Minter::hs256(&key, "tailcast"),
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) fn token(&self, sub: &str, read: &[&str], lives_s: i64) -> String {
        let mut claims = Claims::new(sub, auth::token::unix_now() + lives_s);
        claims.read = read.iter().map(|&pattern| pattern.to_owned()).collect();
        self.minter.mint(&claims).unwrap()
    }

    pub(crate) fn request(&self, token: &str) -> Request<()> {
        let mut request = format!("ws://{}/v1/ws", self.address)
            .into_client_request()
            .unwrap();
        let authorization = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", authorization);
        request
    }

    /// Connects as alice, who may read `app/**`.
    pub(crate) async fn alice(&self) -> Client {
        self.connect(&self.token("alice", &["app/**"], 600)).await
    }

    pub(crate) async fn connect(&self, token: &str) -> Client {
        let (socket, _) = connect_async(self.request(token)).await.unwrap();
        let mut client = Client {
            socket,
            welcome: Value::Null,
        };
        client.welcome = client.message().await;
        client
    }

    /// Stores lines as one batch, and says so: as a collector and a dispatcher do.
    pub(crate) async fn send(&self, stream: &str, count: u32) {
        let batch = self.store(stream, count).await;
        self.push.hand_off(Hint::Batch(batch));
    }

    /// Stores lines, and the hint is lost.
    pub(crate) async fn store(&self, stream: &str, count: u32) -> Arc<Batch> {
        self.store_lines(stream, count, "").await
    }

    /// The same with long lines.
    pub(crate) async fn store_lines(&self, stream: &str, count: u32, tail: &str) -> Arc<Batch> {
        let next = self.head(stream).await;
        let stream = StreamName::parse(stream).unwrap();
        let lines: Vec<_> = (next..next + u64::from(count))
            .map(|offset| Line {
                ts: Timestamp::from_nanos((START + offset as i64) * 1_000_000_000),
                level: None,
                message: format!("line {offset}{tail}"),
                fields: Vec::new(),
            })
            .collect();
        let draft = Draft {
            stream,
            arrived: Some(lines[0].ts),
            lines: Lines::encode(&lines).unwrap(),
            keys: Vec::new(),
        };
        let mut stored = self.store.append(vec![draft]).await;
        stored.remove(0).unwrap()
    }

    /// The offset after the last line that is stored.
    pub(crate) async fn head(&self, stream: &str) -> u64 {
        let streams = [StreamName::parse(stream).unwrap()];
        self.store.inner.extents(&streams).await.unwrap()[0].next.0
    }

    /// Removes the batches that begin before line `before` of any stream.
    pub(crate) async fn trim_before(&self, before: i64) {
        let retention = Retention {
            age: Some(Duration::from_nanos(1)),
            bytes: None,
        };
        let now = Timestamp::from_nanos((START + before) * 1_000_000_000 + 1);
        self.store.trim(&retention, now).await.unwrap();
    }

    /// Whether a dispatcher would send hints of this stream here.
    pub(crate) async fn is_routed(&self, stream: &str) -> bool {
        let stream = StreamName::parse(stream).unwrap();
        !self.routes.nodes_for(&stream).await.unwrap().is_empty()
    }
}

impl Client {
    pub(crate) async fn send(&mut self, message: Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends a text in so many fragments, most of them empty.
    pub(crate) async fn send_in_fragments(&mut self, text: &str, fragments: usize) {
        for i in 0..fragments {
            let (opcode, payload) = match i {
                0 => (Data::Text, text.as_bytes().to_vec()),
                _ => (Data::Continue, Vec::new()),
            };
            let frame = Frame::message(payload, OpCode::Data(opcode), i + 1 == fragments);
            // The server may have closed before the last one is sent.
            let _ = self.socket.send(Message::Frame(frame)).await;
        }
    }

    /// Subscribes as `a`, and answers what the server said to that.
    pub(crate) async fn subscribe(&mut self, streams: &[&str], from: Value) -> Value {
        self.send(json!({"type": "subscribe", "id": "a", "streams": streams, "from": from}))
            .await;
        self.message().await
    }

    /// The next message.
    pub(crate) async fn message(&mut self) -> Value {
        match self.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("a message was expected, this came: {other:?}"),
        }
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            match next.expect("nothing came for too long") {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => return other,
            }
        }
    }

    /// Waits for a ping, and answers it.
    pub(crate) async fn answer_a_ping(&mut self) {
        let next = tokio::time::timeout(PATIENCE, self.socket.next()).await;
        let next = next.expect("no ping came for too long");
        assert!(matches!(next, Some(Ok(Message::Ping(_)))), "{next:?}");
        self.socket.flush().await.unwrap();
        // What is asked after the pong is answered after it was taken.
        self.nothing_more().await;
    }

    /// Takes lines of one stream until it has `count` of them, the first at offset `from`. Nothing else may come.
    pub(crate) async fn take(&mut self, stream: &str, from: u64, count: usize) {
        let mut next = from;
        while next < from + count as u64 {
            let message = self.message().await;
            assert_eq!(message["type"], "lines", "{message}");
            assert_eq!(message["stream"], stream);
            assert_eq!(message["first"], next, "a hole, or lines that come again");
            for line in message["lines"].as_array().unwrap() {
                let text = line["message"].as_str().unwrap();
                assert_eq!(text.trim_end_matches('x'), format!("line {next}"));
                next += 1;
            }
            assert_eq!(message["next"], next);
        }
        assert_eq!(next, from + count as u64, "more lines than were sent");
    }

    /// Nothing comes: what is asked now is answered next.
    pub(crate) async fn nothing_more(&mut self) {
        self.send(json!({"type": "unsubscribe", "id": "nobody"})).await;
        let message = self.message().await;
        assert_eq!(message["code"], "unknown_id", "{message}");
    }

    /// What the server says last.
    pub(crate) async fn end(&mut self) -> Ended {
        let mut closing = None;
        loop {
            match self.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    assert!(closing.is_none(), "something came after `closing`: {message}");
                    closing = (message["type"] == "closing").then_some(message);
                }
                Some(Ok(Message::Close(frame))) => {
                    let code = frame.map(|frame| frame.code.into());
                    return Ended { closing, code };
                }
                None | Some(Err(_)) => return Ended { closing, code: None },
                Some(Ok(other)) => panic!("the server sends no {other:?}"),
            }
        }
    }

    /// Stops reading, for good: the connection stays open.
    pub(crate) fn stop_reading(self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        self.socket
    }
}

/// Lets time pass at once, for all that this test runs.
pub(crate) async fn pass(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let waited = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited)
        .await
        .unwrap_or_else(|_| panic!("never came true: {what}"));
}

fn lease(node: &NodeId) -> Lease {
    Lease {
        node: node.clone(),
        roles: [dispatch::Role::Push].into(),
        address: "127.0.0.1:1".into(),
        sessions: 0,
        started: "2026-01-01T00:00:00Z".into(),
        version: "0".into(),
    }
}

#[async_trait]
impl Routes for Table {
    async fn announce(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        self.announced.fetch_add(targets.len(), Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            Err(TableError::Away("unplugged".into()))
        } else {
            self.inner.announce(node, targets).await
        }
    }

    async fn withdraw(&self, node: &NodeId, targets: &[Target]) -> Result<(), TableError> {
        self.inner.withdraw(node, targets).await
    }

    async fn nodes_for(&self, stream: &StreamName) -> Result<Vec<NodeId>, TableError> {
        self.inner.nodes_for(stream).await
    }
}
