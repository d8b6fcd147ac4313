//! Attacks on a running process: what each list says on the wire, and what has to be answered. After each list the process is
//! unharmed: ready, at work, as small as before, and silent about tokens.

mod frames;
mod handshake;
mod ingest;
mod patterns;
mod raw;
mod routes;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Alone, lines, until};

/// What a process may have more than before, once an attack is over, in KiB: what it keeps to be fast.
const KEPT: u64 = 64 << 10;

/// Who is attacked.
struct Victim {
    node: Alone,
    /// Of the process at work, before anything happened to it, in KiB.
    memory: u64,
    _dir: TempDir,
}

impl Victim {
    /// With the settings that everybody has.
    async fn start() -> Self {
        Self::with("").await
    }

    /// With a configuration file, of shorter times for example.
    async fn with(text: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("tailcast.toml");
        std::fs::write(&file, text).unwrap();
        let node = Alone::with(&["--config", file.to_str().unwrap()]).await;
        let mut victim = Self {
            node,
            memory: 0,
            _dir: dir,
        };
        victim.works().await;
        victim.memory = victim.node.memory_kib();
        victim
    }

    /// Somebody else's lines go through it.
    async fn works(&self) {
        let ready = self.node.get("/readyz").send().await.unwrap();
        assert!(ready.status().is_success(), "{ready:?}");
        let mut session = self.node.subscribe("health/check").await;
        let sent = self.node.send("health/check", lines(2)).await;
        assert_eq!(session.take(2).await, sent);
    }

    /// What has to hold after every attack.
    async fn goes_on_unharmed(mut self) {
        self.works().await;
        let most = self.memory + KEPT;
        until("its memory came back", async || {
            (self.node.memory_kib() < most).then_some(())
        })
        .await;
        let log = self.node.log();
        // So begins every token that is a JWT, and every API key.
        for secret in ["eyJ", "tck_"] {
            assert!(!log.contains(secret), "a token is in the log");
        }
    }
}

/// The code of a problem, or what else was answered.
fn code(text: &str) -> String {
    let problem: Value = serde_json::from_str(text).unwrap_or_default();
    problem["code"].as_str().unwrap_or(text).to_owned()
}
