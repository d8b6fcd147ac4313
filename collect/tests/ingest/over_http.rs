//! The same over real connections.

use std::sync::Arc;

use collect::{append::AppendLimits, ingest::Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Collector, token};

/// A collector that listens, and its address.
async fn listening(limits: Limits) -> (Arc<Collector>, String) {
    let collector = Arc::new(Collector::with(limits, AppendLimits::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(edge::serve(
        listener,
        collector.router.clone(),
        edge::ServeLimits::default(),
        CancellationToken::new(),
    ));
    (collector, address)
}

#[tokio::test]
async fn a_sender_that_breaks_off_in_the_middle_of_a_body_stores_nothing() {
    let (collector, address) = listening(Limits::default()).await;
    let token = token("alice");
    for framing in [
        "content-length: 100\r\n\r\none\ntwo\n",
        "transfer-encoding: chunked\r\n\r\n4\r\none\n\r\n9\r\ntwo\n",
    ] {
        let mut connection = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "POST /v1/lines?stream=a/b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{framing}"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection.shutdown().await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"broken_off\""),
            "{answer}"
        );
    }
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let (collector, address) = listening(Limits::default()).await;
    let client = reqwest::Client::new();
    for _ in 0..3 {
        for (body, status) in [("one\n", 200), ("", 400)] {
            let sent = client
                .post(format!("http://{address}/log?service=web"))
                .bearer_auth(token("alice"))
                .body(body)
                .send()
                .await
                .unwrap();
            assert_eq!(sent.status(), status);
        }
    }
    assert_eq!(collector.stored("log/web").len(), 3);
}

#[tokio::test]
async fn a_sender_hears_at_once_that_its_body_is_too_big() {
    let limits = Limits {
        received: 64 * 1024,
        ..Limits::default()
    };
    let (collector, address) = listening(limits).await;
    let mut connection = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST /v1/lines?stream=a/b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: 10000000\r\n\r\n",
        token("alice")
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("\"too_large\""),
        "{answer}"
    );
    assert!(collector.store.calls().is_empty());
}

/// A connection that is closed with bytes that nobody read is reset, and the sender never sees why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_that_writes_all_before_it_reads_sees_why_it_was_refused() {
    let (collector, address) = listening(Limits::default()).await;
    let body = vec![b'x'; 11 * 1024 * 1024];
    let table = [
        (
            format!(
                "/v1/lines?stream=a/b HTTP/1.1\r\nauthorization: Bearer {}",
                token("alice")
            ),
            "413",
        ),
        (
            format!(
                "/v1/lines?stream=b HTTP/1.1\r\nauthorization: Bearer {}",
                token("alice")
            ),
            "403",
        ),
        ("/v1/lines?stream=a/b HTTP/1.1".to_owned(), "401"),
        ("/nowhere HTTP/1.1".to_owned(), "404"),
    ];
    for _ in 0..5 {
        for (head, status) in &table {
            let head = format!("POST {head}\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
            let mut connection = TcpStream::connect(&address).await.unwrap();
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(&body).await.unwrap();
            let mut answer = [0; 12];
            connection.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, format!("HTTP/1.1 {status}").as_bytes());
        }
    }
    assert!(collector.store.calls().is_empty());
}

#[tokio::test]
async fn a_sender_that_asks_first_is_not_told_to_send_what_is_not_wanted() {
    let (_collector, address) = listening(Limits::default()).await;
    let mut connection = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/lines?stream=b HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nexpect: 100-continue\r\n\
         content-length: 1000\r\n\r\n",
        token("alice")
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 403");
}
