//! A server that does what the test's script says.

use std::collections::BTreeMap;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// The server's side: a listener whose connections the test's script takes one by one.
pub(crate) struct Fake {
    pub(crate) listener: TcpListener,
}

impl Fake {
    /// The next connection, upgraded.
    pub(crate) async fn accept(&self) -> Peer {
        let (socket, _) = self.listener.accept().await.unwrap();
        let mut token = String::new();
        #[allow(clippy::result_large_err)]
        let check = |request: &Request, mut response: Response| {
            let headers = request.headers();
            assert_eq!(request.uri().path(), "/v1/ws");
            assert_eq!(headers["sec-websocket-protocol"], "tailcast.v1");
            token = headers["authorization"].to_str().unwrap().to_owned();
            let protocol = "tailcast.v1".parse().unwrap();
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(socket, check).await.unwrap();
        Peer { socket, token }
    }

    /// The next connection, welcomed.
    pub(crate) async fn welcome(&self, epoch: &str) -> Peer {
        let mut peer = self.accept().await;
        peer.send(welcome(epoch, 25_000)).await;
        peer
    }

    /// The next connection, welcomed, whose subscription to `a` from a cursor is answered.
    pub(crate) async fn serve_a(&self, cursor: u64) -> Peer {
        let mut peer = self.welcome("e1").await;
        peer.hear().await;
        peer.send(subscribed("1", "e1", &[("a", cursor)])).await;
        peer
    }

    /// The next connection, answered in plain HTTP.
    pub(crate) async fn refuse(&self, status: u16, headers: &str, body: Value) {
        let (mut socket, _) = self.listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await.unwrap());
        }
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status} No\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(answer.as_bytes()).await.unwrap();
    }
}

pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// What it was opened with.
    pub(crate) token: String,
}

impl Peer {
    pub(crate) async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// Sends lines `first..next` of `a`.
    pub(crate) async fn lines(&mut self, first: u64, next: u64) {
        let lines: Vec<Value> = (first..next)
            .map(|n| json!({"ts": "2026-01-01T00:00:00Z", "message": n.to_string()}))
            .collect();
        self.send(json!({"type": "lines", "stream": "a", "first": first, "next": next, "lines": lines}))
            .await;
    }

    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.next().await.unwrap().unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    pub(crate) async fn close(mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        self.socket.close(Some(frame)).await.unwrap();
    }
}

pub(crate) fn welcome(epoch: &str, heartbeat_ms: u64) -> Value {
    json!({"type": "welcome", "session": "s", "node": "n", "subscriber": "alice", "epoch": epoch,
        "expires_at": "2030-01-01T00:00:00Z", "heartbeat_ms": heartbeat_ms,
        "limits": {"subscriptions": 100, "streams": 1000, "message_bytes": 16384, "messages_per_second": 20}})
}

pub(crate) fn subscribed(id: &str, epoch: &str, streams: &[(&str, u64)]) -> Value {
    let streams: BTreeMap<&str, Value> = streams
        .iter()
        .map(|(name, cursor)| {
            (
                *name,
                json!({"first_available": 0, "next": 100, "cursor": cursor}),
            )
        })
        .collect();
    json!({"type": "subscribed", "id": id, "epoch": epoch, "streams": streams, "patterns": []})
}

pub(crate) fn live(stream: &str, next: u64) -> Value {
    json!({"type": "live", "stream": stream, "next": next})
}

pub(crate) fn cursors(cursors: Value, epoch: &str) -> Value {
    json!({"cursors": cursors, "epoch": epoch})
}
