//! One collector, and posts to it.

use std::sync::Arc;
use std::time::Duration;

use async_compression::tokio::write::{GzipEncoder, ZstdEncoder};
use auth::{Claims, Key, Minter, Subscriber, Verifier};
use axum::Router;
use axum::body::Body;
use axum::response::Response;
use collect::Door;
use collect::append::{AppendLimits, Appender};
use collect::ingest::{self, Limits};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use lines::{LogStore, Timestamp};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::fake::{FakeStore, Hints};

/// Longer than any of these tests takes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

const KEY: &str = "a key of these tests, long enough for HS256";

/// A collector with its store, and alice, who may write `a/**`, `log/**` and her own stream.
pub(crate) struct Collector {
    pub(crate) router: Router,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) hints: Arc<Hints>,
    pub(crate) appender: Appender,
    pub(crate) door: Door,
}

impl Collector {
    pub(crate) fn start() -> Self {
        Self::with(Limits::default(), AppendLimits::default())
    }

    pub(crate) fn with(limits: Limits, append: AppendLimits) -> Self {
        let store = Arc::new(FakeStore::default());
        Self::over(store.clone(), store, limits, append)
    }

    /// The same store behind another collector, as after a restart.
    pub(crate) fn again(&self, limits: Limits, append: AppendLimits) -> Self {
        Self::over(self.store.clone(), self.store.clone(), limits, append)
    }

    /// Over another store than the fake one, which stays empty.
    pub(crate) fn over_real(store: Arc<dyn LogStore>) -> Self {
        let unused = Arc::new(FakeStore::default());
        Self::over(store, unused, Limits::default(), AppendLimits::default())
    }

    fn over(used: Arc<dyn LogStore>, store: Arc<FakeStore>, limits: Limits, append: AppendLimits) -> Self {
        let hints = Arc::new(Hints::default());
        let appender = Appender::new(used, hints.clone(), watch::channel(append).1);
        let door = Door::new(appender.clone(), limits);
        let router = ingest::router(ingest::Parts {
            verifier: verifier(),
            door: door.clone(),
        });
        Self {
            router,
            store,
            hints,
            appender,
            door,
        }
    }

    pub(crate) async fn send(&self, post: Post) -> Reply {
        let (head, body) = self.answer(post).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: head.status,
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The answer, of which nothing is taken yet.
    pub(crate) async fn answer(&self, post: Post) -> Response {
        self.router.clone().oneshot(post.request()).await.unwrap()
    }

    /// The lines of a stream, with `NOW` for the time of their arrival.
    pub(crate) fn stored(&self, stream: &str) -> Vec<String> {
        let batches = self.store.batches(stream);
        let lines = batches.iter().flat_map(|batch| {
            let arrived = batch.arrived;
            let lines = batch.lines.iter();
            lines.map(move |line| {
                let line = String::from_utf8(line.to_vec()).unwrap();
                let ts = line.split('"').nth(3).and_then(Timestamp::parse);
                if ts.is_some_and(|ts| arrived.since(ts).unsigned_abs() < Duration::from_secs(60)) {
                    format!(
                        "{{\"ts\":NOW{}",
                        line.split_once('Z').unwrap().1.trim_start_matches('"')
                    )
                } else {
                    line
                }
            })
        });
        lines.collect()
    }
}

/// One request.
pub(crate) struct Post {
    address: String,
    method: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Body,
}

impl Post {
    pub(crate) fn to(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            method: "POST",
            headers: vec![("authorization", format!("Bearer {}", token("alice")))],
            body: Body::empty(),
        }
    }

    /// NDJSON to `a/b`.
    pub(crate) fn lines(body: impl Into<Body>) -> Self {
        Self::to("/v1/lines?stream=a/b").body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn kind(self, content_type: &str) -> Self {
        self.header("content-type", content_type)
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// As somebody else, with a good token.
    pub(crate) fn by(self, sub: &str) -> Self {
        self.authorization(Some(&format!("Bearer {}", token(sub))))
    }

    /// As somebody else, or as nobody.
    pub(crate) fn authorization(mut self, value: Option<&str>) -> Self {
        self.headers.retain(|(name, _)| *name != "authorization");
        match value {
            Some(value) => self.header("authorization", value),
            None => self,
        }
    }

    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.address);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(self.body).unwrap()
    }
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Status and code, for tables.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.code())
    }

    /// Line and code of each rejected line.
    pub(crate) fn rejected(&self) -> Vec<(u64, &str)> {
        let rejected = self.body["rejected"].as_array().unwrap().iter();
        rejected
            .map(|line| {
                assert!(line["error"].as_str().is_some_and(|error| !error.is_empty()));
                (line["line"].as_u64().unwrap(), line["code"].as_str().unwrap())
            })
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What checks the tokens.
pub(crate) fn verifier() -> Arc<Verifier> {
    Arc::new(Verifier::hs256(&Key::from_text(KEY).unwrap(), "tailcast"))
}

/// Who has such a token.
pub(crate) fn subscriber(sub: &str) -> Subscriber {
    verifier().check(&token(sub)).unwrap()
}

/// A token of `sub` for a year or so.
pub(crate) fn token(sub: &str) -> String {
    let minter = Minter::hs256(&Key::from_text(KEY).unwrap(), "tailcast");
    let mut claims = Claims::new(sub, jiff::Timestamp::now().as_second() + 30_000_000);
    claims.write = vec!["a/**".to_owned(), "log/**".to_owned(), format!("@{sub}")];
    minter.mint(&claims).unwrap()
}

pub(crate) async fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(body).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}

pub(crate) async fn zstd(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZstdEncoder::new(Vec::new());
    encoder.write_all(body).await.unwrap();
    encoder.shutdown().await.unwrap();
    encoder.into_inner()
}
