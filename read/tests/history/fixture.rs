//! A node that serves history, its store, and somebody who asks it.

use std::sync::Arc;
use std::time::Duration;

use auth::{Claims, Key, Minter, Verifier};
use axum::Router;
use axum::body::Body;
use edge::sieve::{Sieve, SieveLimits};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use lines::{
    Level, Line, Lines, LogReader, LogStore, StreamName, Timestamp, log_store::Draft, retention::Retention,
};
use read::{Limits, Parts, QuestionLimits, Questions, router};
use serde_json::Value;
use store::sqlite::{SqliteOptions, SqliteStore};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::memory_store::MemoryStore;

/// The second that every test's clock begins at.
pub(crate) const START: i64 = 1_700_000_000;

/// Which store a test's nodes have.
pub(crate) enum Given {
    Memory,
    Sqlite(TempDir),
}

pub(crate) struct Node {
    pub(crate) store: Arc<dyn LogStore>,
    router: Router,
    minter: Minter,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Given {
    pub(crate) fn memory() -> Self {
        Self::Memory
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    pub(crate) fn node(&self) -> Node {
        self.node_with(Limits::default())
    }

    /// A node with a store of its own.
    pub(crate) fn node_with(&self, limits: Limits) -> Node {
        let store: Arc<dyn LogStore> = match self {
            Self::Memory => Arc::new(MemoryStore::default()),
            Self::Sqlite(folder) => {
                let own = folder.path().join(uuid::Uuid::new_v4().to_string());
                Arc::new(SqliteStore::open(&own, SqliteOptions::default()).unwrap())
            }
        };
        Node::over(store, limits)
    }
}

impl Node {
    pub(crate) fn over(store: Arc<dyn LogStore>, limits: Limits) -> Self {
        let key = Key::from_text("a key of at least thirty-two bytes").unwrap();
        let verifier = Arc::new(Verifier::hs256(&key, "tailcast"));
        Self {
            router: router(Parts {
                verifier,
                questions: Questions::new(
                    Arc::clone(&store) as Arc<dyn LogReader>,
                    QuestionLimits::default(),
                    tokio::runtime::Handle::current(),
                ),
                sieve: Sieve::new(SieveLimits::default()),
                limits,
            }),
            store,
            minter: Minter::hs256(&key, "tailcast"),
        }
    }

    pub(crate) fn token(&self, sub: &str, read: &[&str]) -> String {
        let mut claims = Claims::new(sub, auth::token::unix_now() + 600);
        claims.read = read.iter().map(|&pattern| pattern.to_owned()).collect();
        self.minter.mint(&claims).unwrap()
    }

    /// Asks as alice, who may read `app/**`, for NDJSON.
    pub(crate) async fn get(&self, address: &str) -> Reply {
        self.ask(address, Some(&self.token("alice", &["app/**"])), None)
            .await
    }

    pub(crate) async fn get_json(&self, address: &str) -> Value {
        let token = self.token("alice", &["app/**"]);
        let reply = self.ask(address, Some(&token), Some("application/json")).await;
        assert_eq!(
            reply.headers["content-type"], "application/json",
            "{}",
            reply.body
        );
        serde_json::from_str(&reply.body).unwrap()
    }

    pub(crate) async fn ask(&self, address: &str, token: Option<&str>, accept: Option<&str>) -> Reply {
        let mut request = Request::get(address);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
        }
    }

    /// The response itself, its body not read.
    pub(crate) async fn open(&self, address: &str) -> http::Response<Body> {
        let request = Request::get(address)
            .header(
                "authorization",
                format!("Bearer {}", self.token("alice", &["app/**"])),
            )
            .body(Body::empty())
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// Stores one batch that arrives when its last line is logged.
    pub(crate) async fn append(&self, stream: &str, lines: &[Line]) {
        let draft = Draft {
            stream: StreamName::parse(stream).unwrap(),
            arrived: Some(lines.last().unwrap().ts),
            lines: Lines::encode(lines).unwrap(),
            keys: Vec::new(),
        };
        for stored in self.store.append(vec![draft]).await {
            stored.unwrap();
        }
    }

    /// Stores lines 0..count, a second apart, in batches of `batch`: "line N", every tenth one an error.
    pub(crate) async fn fill(&self, stream: &str, count: usize, batch: usize) {
        let lines: Vec<Line> = (0..count).map(numbered).collect();
        for lines in lines.chunks(batch) {
            self.append(stream, lines).await;
        }
    }

    /// Removes all that arrived before second `seconds` of the test.
    pub(crate) async fn trim_before(&self, seconds: i64) {
        let retention = Retention {
            age: Some(Duration::from_nanos(1)),
            bytes: None,
        };
        let now = Timestamp::from_nanos((START + seconds) * 1_000_000_000 + 1);
        self.store.trim(&retention, now).await.unwrap();
    }
}

/// A line of second `seconds` of the test.
pub(crate) fn line(seconds: i64, level: Level, message: &str) -> Line {
    Line {
        ts: Timestamp::from_nanos((START + seconds) * 1_000_000_000),
        level: Some(level),
        message: message.to_owned(),
        fields: Vec::new(),
    }
}

pub(crate) fn numbered(number: usize) -> Line {
    let level = if number.is_multiple_of(10) {
        Level::Error
    } else {
        Level::Info
    };
    line(number as i64, level, &format!("line {number}"))
}

/// A second of the test as it stands in an address.
pub(crate) fn second(seconds: i64) -> String {
    Timestamp::from_nanos((START + seconds) * 1_000_000_000).to_string()
}

impl Reply {
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert_eq!(self.status, StatusCode::OK, "{}", self.body);
        self.body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn offsets(&self) -> Vec<u64> {
        self.lines()
            .iter()
            .map(|line| line["offset"].as_u64().unwrap())
            .collect()
    }

    pub(crate) fn header(&self, name: &str) -> u64 {
        self.headers[name].to_str().unwrap().parse().unwrap()
    }

    pub(crate) fn next(&self) -> u64 {
        self.header("tailcast-next")
    }

    pub(crate) fn problem(&self) -> (u16, Value) {
        assert_eq!(self.headers["content-type"], "application/problem+json");
        (self.status.as_u16(), serde_json::from_str(&self.body).unwrap())
    }

    /// Status, code, and the parameter that is named.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let (status, problem) = self.problem();
        let member = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        (status, member("code"), member("parameter"))
    }
}
