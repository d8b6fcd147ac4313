//! What retention does, and two words to it.

use serde::{Deserialize, Serialize};

use crate::list::AskError;
use crate::server::Server;

/// What retention does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct RetentionStatus {
    /// Lines that arrived longer ago go.
    #[serde(default)]
    pub retain_age_seconds: Option<u64>,
    /// When the store holds more, the oldest go.
    #[serde(default)]
    pub retain_bytes: Option<u64>,
    /// What the store's clock says, as RFC 3339, like all times here.
    pub now: String,
    /// What is on the disk.
    pub bytes: u64,
    /// Of that, removed and not yet deleted.
    pub hidden_bytes: u64,
    /// Streams with such lines.
    pub hidden_streams: u64,
    /// Streams of which age removes nothing, since lines of them were brought back.
    pub held_streams: u64,
    /// When the oldest batch arrived that retention has not looked at yet.
    pub oldest: Option<String>,
    /// When the newest batch arrived.
    pub newest: Option<String>,
    /// For how long something should have been removed or deleted.
    pub overdue_seconds: u64,
    /// By how much the store is larger than it may be.
    pub overdue_bytes: u64,
    /// Why age removes nothing.
    pub held: Option<Why>,
    /// What can be brought back, of the first thousand streams.
    pub hidden: Vec<HiddenEntry>,
}

/// Why age removes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Why {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Lines of a stream that can be brought back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct HiddenEntry {
    /// Whose.
    pub stream: String,
    /// The first of them.
    pub from: u64,
    /// The first line that is not removed.
    pub to: u64,
    /// What they take.
    pub bytes: u64,
    /// When the first of them may be deleted.
    pub deleted_after: String,
}

/// Lines of a stream that were brought back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Restored {
    /// Whose.
    pub stream: String,
    /// The first of them.
    pub from: u64,
    /// The first line that was not removed.
    pub to: u64,
}

/// What became of the word that the clock is right.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Allowed {
    /// What the store's clock says.
    pub now: String,
    /// Why age removes nothing all the same.
    pub held: Option<Why>,
}

impl Server {
    /// What retention does. Answered by an internal listener of a collector, to a token with `admin`, like the two that
    /// follow.
    pub async fn retention(&self) -> Result<RetentionStatus, AskError> {
        self.ask(self.at("v1/retention")).await
    }

    /// Brings removed lines back: those of these streams and patterns, or all.
    pub async fn restore(&self, streams: Option<&[String]>) -> Result<Vec<Restored>, AskError> {
        #[derive(Deserialize)]
        struct Answer {
            restored: Vec<Restored>,
        }
        let body = match streams {
            Some(streams) => serde_json::json!({"streams": streams}),
            None => serde_json::json!({"all": true}),
        };
        let request = self.http().post(self.at("v1/retention/restore"));
        let answer: Answer = self.answer(request.body(body.to_string())).await?;
        Ok(answer.restored)
    }

    /// Says that the store's clock is right.
    pub async fn allow_retention(&self) -> Result<Allowed, AskError> {
        self.answer(self.http().post(self.at("v1/retention/allow"))).await
    }
}
