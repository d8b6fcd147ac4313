//! The configuration file: what it sets, and what a change of it does while a node runs.

use std::path::PathBuf;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fixture::{Alone, Door, tailcast, until};

/// A node and its file.
struct Configured {
    node: Alone,
    file: PathBuf,
    _dir: TempDir,
}

impl Configured {
    async fn start(text: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("tailcast.toml");
        std::fs::write(&file, text).unwrap();
        let node = Alone::with(&["--config", file.to_str().unwrap()]).await;
        Self {
            node,
            file,
            _dir: dir,
        }
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.file, text).unwrap();
    }

    /// Waits until the log says it, and gives how often.
    async fn says(&self, words: &str) -> usize {
        let what = format!("the log says {words:?}");
        until(&what, async || {
            let count = self.node.log().matches(words).count();
            (count > 0).then_some(count)
        })
        .await
    }

    /// How long lines are kept, as the node says it.
    async fn age(&self) -> Option<u64> {
        let internal = Door::new(self.node.internal().to_owned());
        let answer = internal.get("/v1/retention").send().await.unwrap();
        let status: Value = answer.json().await.unwrap();
        status["retain_age_seconds"].as_u64()
    }

    async fn age_becomes(&self, seconds: u64) {
        let what = format!("lines are kept for {seconds} s");
        until(&what, async || (self.age().await == Some(seconds)).then_some(())).await;
    }

    /// What somebody is answered who wants a session; it is open for as long as the answer is kept.
    async fn session(&self) -> reqwest::Response {
        let request = self.node.get("/v1/sse?stream=a");
        request.send().await.unwrap()
    }

    /// A session, once the node takes one.
    async fn session_at_last(&self) -> reqwest::Response {
        until("a session is let in", async || {
            let answer = self.session().await;
            (answer.status() == StatusCode::OK).then_some(answer)
        })
        .await
    }

    async fn send(&self, body: &str) -> StatusCode {
        let request = self.node.post("/v1/lines").body(body.to_owned());
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn a_limit_in_the_file_holds_and_is_shown_with_its_place() {
    let configured = Configured::start("[limits.ingest]\nline = 100\n").await;
    let answer = configured
        .node
        .post("/v1/lines?stream=s")
        .body(format!("{}\n{}\n", "x".repeat(100), "y".repeat(101)))
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"][0]["code"]),
        (&1.into(), &"line_too_long".into())
    );

    let file = configured.file.to_str().unwrap();
    let shown = tailcast(&["check", "--offline", "--config", file], &[], "")
        .await
        .out;
    let limits: Vec<_> = shown.lines().filter(|line| line.starts_with("limits.")).collect();
    assert_eq!(limits.len(), 1, "{shown}");
    let words: Vec<_> = limits[0].split_whitespace().collect();
    assert_eq!(
        words,
        [
            "limits.ingest.line",
            "100",
            "`limits.ingest.line`",
            "in",
            &format!("{file},"),
            "line",
            "2"
        ]
    );
    let all = tailcast(&["check", "--offline", "--limits", "--config", file], &[], "")
        .await
        .out;
    let of = |key: &str| {
        all.lines()
            .find(|line| line.split_whitespace().next() == Some(key))
            .map(str::to_owned)
    };
    let default = of("limits.sessions.heartbeat").unwrap();
    assert_eq!(
        default.split_whitespace().collect::<Vec<_>>(),
        ["limits.sessions.heartbeat", "25s", "default"]
    );
}

#[tokio::test]
async fn a_change_of_the_file_is_heeded_while_the_node_runs() {
    let configured = Configured::start("retain_age = \"7d\"\n").await;
    assert_eq!(configured.age().await, Some(7 * 86_400));
    let two_streams = "{\"stream\": \"a\", \"message\": \"1\"}\n{\"stream\": \"b\", \"message\": \"2\"}\n";
    assert_eq!(configured.send(two_streams).await, StatusCode::OK);
    assert!(!configured.node.log().contains(" DEBUG "));

    configured.write("retain_age = \"1d\"\nnew_streams = 1\nlog = \"debug\"\n");
    configured.age_becomes(86_400).await;
    configured.says("the configuration has changed").await;
    let two_more = "{\"stream\": \"c\", \"message\": \"1\"}\n{\"stream\": \"d\", \"message\": \"2\"}\n";
    assert_eq!(configured.send(two_more).await, StatusCode::PAYLOAD_TOO_LARGE);
    until("the log shows more", async || {
        let mut connection = TcpStream::connect(configured.node.address()).await.unwrap();
        connection.write_all(b"this is no HTTP\r\n\r\n").await.unwrap();
        let _ = connection.read_to_end(&mut Vec::new()).await;
        configured.node.log().contains(" DEBUG ").then_some(())
    })
    .await;

    configured.write("retain_age = \"2d\"\n");
    configured.age_becomes(2 * 86_400).await;
    assert_eq!(configured.send(two_more).await, StatusCode::OK);
}

#[tokio::test]
async fn how_many_sessions_a_node_takes_is_a_setting_that_is_heeded_while_it_runs() {
    let configured = Configured::start("[limits.admission]\nsessions = 1\n").await;
    let first = configured.session().await;
    let second = configured.session().await;
    assert_eq!(
        (first.status(), second.status()),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
    );
    assert!(second.headers().contains_key("retry-after"));

    configured.write("[limits.admission]\nsessions_of_subscriber = 2\n");
    let _second = configured.session_at_last().await;
    assert_eq!(configured.session().await.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn how_many_sessions_may_come_in_a_second_is_a_setting_that_is_heeded_while_it_runs() {
    let configured = Configured::start("[limits.admission]\nsessions_per_second = 1\n").await;
    let twenty = async || {
        let answers = join_all((0..20).map(|_| configured.session())).await;
        let let_in = |answer: &&reqwest::Response| answer.status() == StatusCode::OK;
        answers.iter().filter(let_in).count()
    };
    assert!(twenty().await < 20);

    configured.write("[limits.admission]\nsessions_per_second = 1000\n");
    until("twenty are let in at once", async || {
        (twenty().await == 20).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_cannot_change_is_named_and_a_wrong_file_is_refused_as_a_whole() {
    let mut configured = Configured::start("retain_age = \"7d\"\n").await;
    configured.write("retain_age = \"1d\"\nissuer = \"me\"\n");
    configured.age_becomes(86_400).await;
    configured.says("needs a restart").await;
    assert!(
        configured.node.log().contains("settings=\"issuer\""),
        "{}",
        configured.node.log()
    );

    configured.write("retain_age = \"3d\"\nlogg = \"debug\"\nissuer = \"me\"\n");
    configured.says("is refused, and the last good one goes on").await;
    configured.says("line 2: is `log` meant?").await;
    assert_eq!(configured.age().await, Some(86_400));

    configured.write("retain_age = \"4d\"\nissuer = \"me\"\n");
    configured.age_becomes(4 * 86_400).await;
    assert_eq!(configured.says("needs a restart").await, 1, "said once");

    // Told to, it reads what it knows.
    configured.node.signal("HUP");
    configured.says("the configuration is as it was").await;
    assert_eq!(configured.node.stop_with("TERM").await.code(), Some(0));
}

#[tokio::test]
async fn a_node_without_a_file_outlives_a_hangup() {
    let mut alone = Alone::start().await;
    alone.signal("HUP");
    until("it is said that there is no file", async || {
        alone.log().contains("there is none").then_some(())
    })
    .await;
    assert_eq!(
        alone.get("/healthz").send().await.unwrap().status(),
        StatusCode::OK
    );
}
