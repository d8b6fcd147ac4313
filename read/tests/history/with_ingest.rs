//! One process that collects and serves history: both answer on one path, over a real connection.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::{Claims, Key, Minter, Verifier};
use collect::Door;
use collect::append::{AppendLimits, Appender};
use collect::ingest;
use edge::ServeLimits;
use edge::sieve::{Sieve, SieveLimits};
use http_body_util::BodyExt;
use lines::{Hint, HintSink, LogStore};
use read::{QuestionLimits, Questions};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::fixture::Given;

struct Nowhere;

impl HintSink for Nowhere {
    fn hand_off(&self, _: Hint) {}
}

/// Says one request, and reads the answer to its end.
async fn say(to: SocketAddr, request: &str) -> String {
    let mut connection = TcpStream::connect(to).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer
}

pub(crate) async fn what_was_sent_is_read_at_the_same_address(given: &Given) {
    let store: Arc<dyn LogStore> = given.node().store;
    let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
    let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
    let append = tokio::sync::watch::channel(AppendLimits::default()).1;
    let appender = Appender::new(Arc::clone(&store), Arc::new(Nowhere), append);
    let collect = ingest::router(ingest::Parts {
        verifier: Arc::clone(&verifier),
        door: Door::new(appender, ingest::Limits::default()),
    });
    let history = read::router(read::Parts {
        verifier,
        questions: Questions::new(
            store,
            QuestionLimits::default(),
            tokio::runtime::Handle::current(),
        ),
        sieve: Sieve::new(SieveLimits::default()),
        limits: read::Limits::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(edge::serve(
        listener,
        collect.merge(history),
        ServeLimits::default(),
        stop.clone(),
    ));

    let mut claims = Claims::new("alice", auth::token::unix_now() + 600);
    claims.read = vec!["**".into()];
    claims.write = vec!["**".into()];
    let token = Minter::hs256(&key, "tailcast").mint(&claims).unwrap();
    let head = |method: &str, address: &str| {
        format!(
            "{method} {address} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"
        )
    };
    let body =
        "{\"ts\":\"2026-11-21T10:00:00Z\",\"level\":\"WARNING\",\"msg\":\"slow\",\"took\":1.50}\nno JSON\n";
    let sent =
        head("POST", "/v1/lines?stream=app/api") + &format!("content-length: {}\r\n\r\n{body}", body.len());
    let answer = say(address, &sent).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let asked = head("GET", "/v1/lines?stream=app/api&filter=took:1.50") + "\r\n";
    let answer = say(address, &asked).await;
    let line = r#"{"offset":0,"ts":"2026-11-21T10:00:00.000000000Z","level":"warn","message":"slow","fields":{"took":1.50}}"#;
    assert!(answer.contains(line), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("\r\ntailcast-next: 2\r\n"),
        "{answer}"
    );

    let deleted = say(address, &(head("DELETE", "/v1/lines?stream=app/api") + "\r\n")).await;
    assert!(deleted.starts_with("HTTP/1.1 405"), "{deleted}");
    stop.cancel();
    serving.await.unwrap();
}

/// An answer in the form of JSON is JSON, whatever lines say.
pub(crate) async fn lines_of_every_form_make_good_json(given: &Given) {
    let node = given.node();
    let messages = [
        "",
        "\"",
        "\\",
        "\u{0}\u{1f}\u{7f}",
        "]}",
        ",",
        "é\u{2028}😀",
        "a\nb\r\n",
    ];
    let lines: Vec<_> = messages
        .iter()
        .map(|message| crate::fixture::line(0, lines::Level::Info, message))
        .collect();
    node.append("app/api", &lines).await;
    let answer = node.get_json("/v1/lines?stream=app/api").await;
    let found: Vec<&Value> = answer["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["message"])
        .collect();
    assert_eq!(json!(found), json!(messages));
    let body = node.open("/v1/lines?stream=app/api").await.into_body();
    let ndjson = body.collect().await.unwrap().to_bytes();
    assert_eq!(
        ndjson.iter().filter(|&&byte| byte == b'\n').count(),
        messages.len()
    );
}
