//! A server that does what the test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use client::{FixedToken, Report, SendLimits, Sender, Server, Tokens};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// What the server does with a request.
pub(crate) enum Reply {
    /// Keeps everything.
    Accept,
    /// Keeps everything, and its answer is cut off.
    BreakOff,
    /// Answers this status, with this body, and perhaps a `Retry-After` in seconds.
    Say(u16, Value, Option<u32>),
}

/// A request as it arrived, its body inflated.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) key: String,
    pub(crate) token: String,
    pub(crate) encoding: Option<String>,
    pub(crate) marks: Option<String>,
    pub(crate) body: String,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: watch::Sender<Vec<Seen>>,
    script: Arc<Mutex<VecDeque<Reply>>>,
    /// One permit lets one request be answered.
    gate: Arc<Semaphore>,
}

impl Fake {
    /// Follows the script, and then accepts everything.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            seen: watch::Sender::default(),
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            gate: Arc::new(Semaphore::new(10_000)),
        };
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    pub(crate) fn hold(&self) {
        self.gate.forget_permits(10_000);
    }

    pub(crate) fn let_go(&self) {
        self.gate.add_permits(10_000);
    }

    pub(crate) fn let_one_go(&self) {
        self.gate.add_permits(1);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.borrow().clone()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.body).collect()
    }

    pub(crate) async fn has_seen(&self, requests: usize) {
        let mut seen = self.seen.subscribe();
        seen.wait_for(|seen| seen.len() >= requests).await.unwrap();
    }

    pub(crate) fn sender(&self, limits: SendLimits) -> (Sender, Arc<Mutex<Vec<Report>>>) {
        self.sender_with(limits, Arc::new(FixedToken("token".into())))
    }

    pub(crate) fn sender_with(
        &self,
        limits: SendLimits,
        tokens: Arc<dyn Tokens>,
    ) -> (Sender, Arc<Mutex<Vec<Report>>>) {
        let reports: Arc<Mutex<Vec<Report>>> = Arc::default();
        let sink = Arc::clone(&reports);
        let server = Server::new(&self.url, tokens).unwrap();
        let sender = Sender::start(server, "my/app", limits, move |report| {
            sink.lock().unwrap().push(report);
        });
        (sender, reports)
    }
}

async fn answer(State(fake): State<Fake>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(uri.to_string(), "/v1/lines?stream=my%2Fapp");
    assert_eq!(headers["content-type"], "application/x-ndjson");
    let text = |name: &str| Some(headers.get(name)?.to_str().unwrap().to_owned());
    let encoding = text("content-encoding");
    let body = match encoding.as_deref() {
        Some("zstd") => zstd::bulk::decompress(&body, 10_000_000).unwrap(),
        None => body.to_vec(),
        other => panic!("{other:?}"),
    };
    let body = String::from_utf8(body).unwrap();
    let lines = body.lines().filter(|line| !line.is_empty()).count();
    let seen = Seen {
        key: text("idempotency-key").unwrap(),
        token: text("authorization").unwrap(),
        encoding,
        marks: text("tailcast-marks"),
        body,
    };
    fake.seen.send_modify(|all| all.push(seen));
    fake.gate.acquire().await.unwrap().forget();
    let reply = fake.script.lock().unwrap().pop_front().unwrap_or(Reply::Accept);
    match reply {
        Reply::Accept => json!({"accepted": lines, "rejected": [], "streams": {}})
            .to_string()
            .into_response(),
        Reply::BreakOff => {
            let pieces = [Ok("{\"accep"), Err(std::io::Error::other("cut"))];
            Body::from_stream(futures_util::stream::iter(pieces)).into_response()
        }
        Reply::Say(status, body, retry_after) => {
            let mut response = body.to_string().into_response();
            *response.status_mut() = status.try_into().unwrap();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            response
        }
    }
}
