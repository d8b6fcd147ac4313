//! The key pairs that tokens are signed with.

use serde::{Deserialize, Serialize};

use crate::list::AskError;
use crate::server::Server;

/// A key pair's public half, and what became of it. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeyInfo {
    /// Its name.
    pub kid: String,
    /// By which algorithm it signs.
    pub algorithm: String,
    /// `next`, `active` or `retired`.
    pub state: String,
    /// When it was published.
    pub made: i64,
    /// When it began to sign.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated: Option<i64>,
    /// When it ceased to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<i64>,
    /// From then on it checks nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// The longest that a token of it lasts, in seconds.
    pub lifetime: u64,
}

/// What a rotation did, by `kid`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct RotatedKeys {
    /// These sign now.
    pub active: Vec<String>,
    /// These do not any more.
    pub retired: Vec<String>,
}

impl Server {
    /// All key pairs, the newest first. This and the following are answered by a node with the role auth, at the installation's
    /// address, to a token with `admin`.
    pub async fn keys(&self) -> Result<Vec<KeyInfo>, AskError> {
        #[derive(Deserialize)]
        struct Answer {
            keys: Vec<KeyInfo>,
        }
        let answer: Answer = self.ask(self.at("v1/keys")).await?;
        Ok(answer.keys)
    }

    /// What is next signs from now on, and what signed does not any more.
    pub async fn rotate_keys(&self) -> Result<RotatedKeys, AskError> {
        self.answer(self.http().post(self.at("v1/keys/rotate"))).await
    }

    /// A key signs nothing any more.
    pub async fn retire_key(&self, kid: &str) -> Result<KeyInfo, AskError> {
        let mut url = self.at("v1/keys");
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.push(kid).push("retire");
        }
        self.answer(self.http().post(url)).await
    }
}
