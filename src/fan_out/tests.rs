//! That nobody who sends waits for those who read.

use std::sync::mpsc;
use std::time::Duration;

use auth::{Claims, Key, Minter, token::unix_now};
use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::node::Node;
use crate::node::tests::{SECRET, config, node};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn its_threads_have_a_name_and_it_can_be_dropped_anywhere() {
    let fan_out = FanOut::start(FanOutLimits::default()).unwrap();
    let name = || std::thread::current().name().map(str::to_owned);
    let named = fan_out.handle().spawn(async move {
        let blocking = tokio::task::spawn_blocking(name).await;
        [name(), blocking.unwrap()]
    });
    let expected = Some("fan-out".to_owned());
    assert_eq!(named.await.unwrap(), [expected.clone(), expected]);
    drop(fan_out);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn its_threads_have_a_lower_priority_than_those_that_answer_as_low_as_there_is() {
    let priority = || rustix::process::getpriority_process(None).unwrap();
    let here = priority();
    for (nice, lower) in [(0, here), (5, (here + 5).min(19)), (u32::MAX, 19)] {
        let limits = FanOutLimits {
            nice,
            ..FanOutLimits::default()
        };
        let fan_out = FanOut::start(limits).unwrap();
        // Such a thread begins another one.
        let theirs = fan_out.handle().spawn(async move {
            let blocking = tokio::task::spawn_blocking(priority).await;
            [priority(), blocking.unwrap()]
        });
        assert_eq!(theirs.await.unwrap(), [lower, lower], "{nice}");
        assert_eq!(priority(), here);
    }
}

/// Sessions of a node have no thread that would serve them until this is dropped.
struct Held {
    _threads: Vec<mpsc::Sender<()>>,
}

impl Held {
    async fn all(fan_out: &FanOut) -> Self {
        let count = fan_out.limits.threads;
        let (begun, mut begins) = tokio::sync::mpsc::channel(count);
        let hold = |_| {
            let (until, held) = mpsc::channel::<()>();
            let begun = begun.clone();
            fan_out.handle().spawn(async move {
                begun.send(()).await.unwrap();
                let _ = held.recv();
            });
            until
        };
        let threads = (0..count).map(hold).collect();
        for _ in 0..count {
            begins.recv().await.unwrap();
        }
        Self { _threads: threads }
    }
}

/// The node's clients.
struct Clients {
    address: String,
    token: String,
    http: reqwest::Client,
}

impl Clients {
    fn of(node: &Node) -> Self {
        let mut claims = Claims::new("alice", unix_now() + 600);
        claims.read = vec!["**".to_owned()];
        claims.write = vec!["**".to_owned()];
        let key = Key::from_text(SECRET).unwrap();
        Self {
            address: node.public().to_string(),
            token: Minter::hs256(&key, "tailcast").mint(&claims).unwrap(),
            http: reqwest::Client::new(),
        }
    }

    /// Sends one line, and waits for its answer.
    async fn send(&self, number: u64) {
        let url = format!("http://{}/v1/lines?stream=s", self.address);
        let body = json!({"message": number.to_string()}).to_string();
        let request = self.http.post(url).bearer_auth(&self.token).body(body);
        let request = request.header("content-type", "application/x-ndjson").send();
        let answer = tokio::time::timeout(PATIENCE, request).await;
        let answer = answer.expect("the sender waits").unwrap();
        assert_eq!(answer.status(), 200);
    }
}

/// A session over a WebSocket.
struct Watcher(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Watcher {
    async fn subscribe(clients: &Clients) -> Self {
        let mut request = format!("ws://{}/v1/ws", clients.address)
            .into_client_request()
            .unwrap();
        let bearer = format!("Bearer {}", clients.token).parse().unwrap();
        request.headers_mut().insert("authorization", bearer);
        let mut watcher = Self(connect_async(request).await.unwrap().0);
        let subscribe = json!({"type": "subscribe", "id": "a", "streams": ["s"]}).to_string();
        watcher.0.send(Message::text(subscribe)).await.unwrap();
        for expected in ["welcome", "subscribed", "live"] {
            assert_eq!(watcher.message().await["type"], expected);
        }
        watcher
    }

    async fn message(&mut self) -> Value {
        match seen(self.0.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("a message was expected, this came: {other:?}"),
        }
    }

    /// Takes lines until there are so many.
    async fn take(&mut self, count: u64) -> Vec<String> {
        let mut taken = Vec::new();
        while (taken.len() as u64) < count {
            let message = self.message().await;
            for line in message["lines"].as_array().unwrap() {
                taken.push(line["message"].as_str().unwrap().to_owned());
            }
        }
        taken
    }
}

/// A session as server-sent events.
struct Events {
    answer: reqwest::Response,
    text: String,
}

impl Events {
    async fn subscribe(clients: &Clients) -> Self {
        let url = format!("http://{}/v1/sse?stream=s", clients.address);
        let answer = clients.http.get(url).bearer_auth(&clients.token).send().await;
        let mut events = Self {
            answer: answer.unwrap(),
            text: String::new(),
        };
        events.until("event: live").await;
        events
    }

    /// Takes events until one with these words is whole.
    async fn until(&mut self, words: &str) {
        while !(self.text.contains(words) && self.text.ends_with("\n\n")) {
            let chunk = seen(self.answer.chunk()).await.unwrap().unwrap();
            self.text += std::str::from_utf8(&chunk).unwrap();
        }
    }
}

/// Waits for something that a reader sees.
async fn seen<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("nothing comes")
}

/// No session writes anything here, and none could be later: every thread of theirs is busy with something else.
#[tokio::test]
async fn senders_are_answered_while_every_session_is_owed_more_than_can_be_written() {
    const LINES: u64 = 50;
    let folder = tempfile::tempdir().unwrap();
    let node = node(&config(&folder)).await;
    let clients = Clients::of(&node);
    let mut watcher = Watcher::subscribe(&clients).await;
    let mut events = Events::subscribe(&clients).await;
    let held = Held::all(node.fan_out().unwrap()).await;
    for number in 0..LINES {
        clients.send(number).await;
    }
    assert!(watcher.0.next().now_or_never().is_none(), "it was served");
    assert!(events.answer.chunk().now_or_never().is_none(), "they were served");
    drop(held);
    let expected: Vec<_> = (0..LINES).map(|number| number.to_string()).collect();
    assert_eq!(watcher.take(LINES).await, expected);
    events.until(&format!(r#""message":"{}""#, LINES - 1)).await;
    node.stop().await;
}
