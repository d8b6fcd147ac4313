//! What every way to one push node does: the behaviours run on the node in the same process and on a link.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dispatch::link::{LinkLimits, PATH, RemoteNode, To, codec};
use dispatch::{NodeId, QueueLimits, Role};
use futures_util::{SinkExt, StreamExt};
use lines::HintSink;
use support::eventually;
use support::hints::{Recorder, batch};
use support::node::{Node, lease, secret, secret_of};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

/// A way to a node, and what arrives there.
struct Way {
    link: Arc<dyn HintSink>,
    arrived: Arc<Recorder>,
    _node: Option<Node>,
}

impl Way {
    fn in_process() -> Self {
        let arrived = Recorder::new();
        Self {
            link: arrived.clone(),
            arrived,
            _node: None,
        }
    }

    async fn over_a_link() -> Self {
        let arrived = Recorder::new();
        let node = Node::listen(0, None, Some(arrived.clone())).await;
        let link = connect(&node, LinkLimits::default());
        arrived.has("any lost").await;
        arrived.clear();
        Self {
            link,
            arrived,
            _node: Some(node),
        }
    }
}

fn connect(node: &Node, limits: LinkLimits) -> Arc<RemoteNode> {
    let lease = node.lease(&[Role::Push]);
    run(RemoteNode::new(
        &lease,
        To::Push,
        NodeId::random(),
        secret(),
        limits,
    ))
}

fn run(link: RemoteNode) -> Arc<RemoteNode> {
    let link = Arc::new(link);
    let running = link.clone();
    tokio::spawn(async move { running.run(|| (), CancellationToken::new()).await });
    link
}

/// Runs each behaviour on each implementation.
macro_rules! behaviours {
    ($($name:ident,)*) => {
        mod in_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Way::in_process()).await;
            })*
        }
        mod over_a_link {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Way::over_a_link().await).await;
            })*
        }
    };
}

behaviours! {
    hints_arrive_in_the_order_of_their_stream,
    a_lost_hint_arrives_with_its_name,
}

async fn hints_arrive_in_the_order_of_their_stream(way: Way) {
    for offset in 0..500 {
        way.link.hand_off(batch("a", offset));
        way.link.hand_off(batch("b", offset));
    }
    for name in ["a", "b"] {
        eventually("all has arrived", || async {
            way.arrived.offsets(name).len() == 500
        })
        .await;
        assert_eq!(way.arrived.offsets(name), (0..500).collect::<Vec<_>>(), "{name}");
    }
}

async fn a_lost_hint_arrives_with_its_name(way: Way) {
    way.link.hand_off(lines::Hint::Lost(support::stream("@alice")));
    way.arrived.has("lost @alice").await;
    way.link.hand_off(lines::Hint::AnyLost);
    way.arrived.has("any lost").await;
    assert_eq!(way.arrived.all(), ["lost @alice", "any lost"]);
}

/// Invariant 3.
#[tokio::test]
async fn a_batch_arrives_as_it_was_sent() {
    let ndjson = "{\"message\":\"grüße\"}\n".repeat(50_000);
    let ts = lines::Timestamp::now();
    let sent = lines::Batch {
        stream: support::stream("payments/api"),
        first: lines::Offset(41),
        arrived: ts,
        lines: lines::Lines {
            ndjson: ndjson.into(),
            count: 50_000,
            oldest: lines::Timestamp::from_nanos(-5),
            newest: ts,
        },
    };
    let arrived = Arc::new(OneBatch::default());
    let node = Node::listen(0, None, Some(arrived.clone())).await;
    let remote = connect(&node, LinkLimits::default());
    eventually("the batch arrives", || async {
        remote.hand_off(lines::Hint::Batch(Arc::new(sent.clone())));
        tokio::time::sleep(Duration::from_millis(20)).await;
        arrived.0.lock().is_some()
    })
    .await;
    assert_eq!(arrived.0.lock().as_deref(), Some(&sent));
}

#[derive(Default)]
struct OneBatch(parking_lot::Mutex<Option<Arc<lines::Batch>>>);

impl HintSink for OneBatch {
    fn hand_off(&self, hint: lines::Hint) {
        if let lines::Hint::Batch(batch) = hint {
            *self.0.lock() = Some(batch);
        }
    }
}

/// Invariant 6.
#[tokio::test]
async fn a_node_that_was_away_is_told_that_anything_may_be_lost() {
    let first = Recorder::new();
    let node = Node::listen(0, None, Some(first.clone())).await;
    let link = connect(&node, LinkLimits::default());
    first.has("any lost").await;
    let (port, id) = (node.port(), node.id.clone());
    first.clear();
    node.stop().await;
    assert_eq!(first.all(), ["any lost"], "the node notices on its side, too");
    eventually("the break is noticed", || async { !link.is_up() }).await;
    link.hand_off(batch("s", 0));

    let second = Recorder::new();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let _node = Node::on(id, listener, None, Some(second.clone()));
    second.has("any lost").await;
    link.hand_off(batch("s", 1));
    second.has("s 1").await;
    assert_eq!(second.all(), ["any lost", "s 1"]);
}

/// Invariant 6.
#[tokio::test]
async fn a_node_that_does_not_read_makes_nobody_wait_and_hears_what_it_lost() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let limits = LinkLimits {
        queue: QueueLimits {
            hints: 100,
            bytes: 1024 * 1024,
        },
        write: Duration::from_millis(300),
        ..LinkLimits::default()
    };
    let id = NodeId::random();
    let lease = lease(&id, &address, &[Role::Push]);
    let link = run(RemoteNode::new(
        &lease,
        To::Push,
        NodeId::random(),
        secret(),
        limits,
    ));
    let (stream, _) = listener.accept().await.unwrap();
    let stuck = tokio_tungstenite::accept_async(stream).await.unwrap();
    eventually("the link is up", || async { link.is_up() }).await;

    let big = batch_of("s", 64 * 1024);
    let begun = Instant::now();
    let mut sent = 0;
    // More than the sockets' buffers and the queue take.
    while link.is_up() {
        link.hand_off(big.clone());
        sent += 1;
        tokio::task::yield_now().await;
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "a stuck link is still up after {sent} batches"
        );
    }
    drop(stuck);

    let arrived = Recorder::new();
    let _node = Node::on(id, listener, None, Some(arrived.clone()));
    arrived.has("any lost").await;
    link.hand_off(batch("s", 7));
    arrived.has("s 7").await;
}

/// Lines that do not compress.
fn batch_of(name: &str, bytes: usize) -> lines::Hint {
    let lines::Hint::Batch(batch) = batch(name, 0) else {
        unreachable!("a batch is a batch");
    };
    let mut batch = (*batch).clone();
    let mut line: Vec<u8> = (0..bytes).map(|_| rand::random_range(b'0'..=b'z')).collect();
    line.push(b'\n');
    batch.lines.ndjson = line.into();
    lines::Hint::Batch(Arc::new(batch))
}

#[tokio::test]
async fn a_wrong_secret_delivers_nothing() {
    let arrived = Recorder::new();
    let node = Node::listen(0, None, Some(arrived.clone())).await;
    let lease = node.lease(&[Role::Push]);
    let other = secret_of("a secret that this cluster does not have");
    let stranger = run(RemoteNode::new(
        &lease,
        To::Push,
        NodeId::random(),
        other,
        LinkLimits::default(),
    ));
    let friend = connect(&node, LinkLimits::default());
    arrived.has("any lost").await;
    arrived.clear();
    stranger.hand_off(batch("s", 0));
    friend.hand_off(batch("s", 1));
    arrived.has("s 1").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!stranger.is_up());
    assert_eq!(arrived.all(), ["s 1"]);
}

#[tokio::test]
async fn a_link_needs_a_pass_and_a_role_that_is_there() {
    let node = Node::listen(0, None, Some(Recorder::new())).await;
    let bearer = || format!("Bearer {}", secret().issue("a-node", node.id.as_str()).unwrap());
    for (to, authorization, status, code) in [
        ("push", String::new(), 401, "bad_link"),
        ("push", "Bearer nonsense".to_owned(), 401, "bad_link"),
        ("dispatch", bearer(), 404, "no_such_role"),
        ("sideways", bearer(), 400, "bad_parameter"),
    ] {
        let answer = get(&node.address, &format!("{PATH}?to={to}"), &authorization).await;
        assert_refused(&answer, status, code);
    }
}

#[tokio::test]
async fn a_pass_that_somebody_saw_opens_nothing_more() {
    let node = Node::listen(0, None, Some(Recorder::new())).await;
    let other = Node::listen(0, None, Some(Recorder::new())).await;
    let path = format!("{PATH}?to=push");
    let bearer = format!("Bearer {}", secret().issue("a-node", node.id.as_str()).unwrap());
    assert_refused(&get(&other.address, &path, &bearer).await, 401, "bad_link");
    let answer = get(&node.address, &path, &bearer).await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert_refused(&get(&node.address, &path, &bearer).await, 401, "bad_link");
}

/// Whoever got hold of a pass in time can open a link, but say nothing over it.
#[tokio::test]
async fn lines_that_no_node_sealed_reach_nobody() {
    let arrived = Recorder::new();
    let node = Node::listen(0, None, Some(arrived.clone())).await;
    let stranger = secret_of("a secret that this cluster does not have");
    let forged = codec::encode(&batch("s", 7), &stranger).unwrap();
    let mut changed = codec::encode(&batch("s", 8), &secret()).unwrap().to_vec();
    let place = changed.len() - 40;
    changed[place] ^= 1;
    for frame in [forged, changed.into()] {
        let mut socket = with_a_stolen_pass(&node).await;
        socket.send(Message::Binary(frame)).await.unwrap();
        let ended = async { while let Some(Ok(_)) = socket.next().await {} };
        tokio::time::timeout(Duration::from_secs(20), ended)
            .await
            .expect("the link is closed for it");
    }
    let friend = connect(&node, LinkLimits::default());
    eventually("the friend's link is up", || async { friend.is_up() }).await;
    friend.hand_off(batch("s", 9));
    arrived.has("s 9").await;
    assert_eq!(arrived.lines(), ["s 9"]);
}

async fn with_a_stolen_pass(node: &Node) -> WebSocketStream<tokio::net::TcpStream> {
    let mut request = format!("ws://{}{PATH}?to=push", node.address)
        .into_client_request()
        .unwrap();
    let pass = secret().issue("a-node", node.id.as_str()).unwrap();
    let bearer = format!("Bearer {pass}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    let stream = tokio::net::TcpStream::connect(&node.address).await.unwrap();
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    socket
}

fn assert_refused(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{answer}");
}

/// One request for a WebSocket, and its answer.
async fn get(address: &str, path: &str, authorization: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Authorization: {authorization}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut bytes = [0; 4096];
    while !answer.contains("\"code\"") && !answer.starts_with("HTTP/1.1 101") {
        let read = stream.read(&mut bytes).await.unwrap();
        assert!(read > 0, "the answer broke off: {answer}");
        answer.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    answer
}
