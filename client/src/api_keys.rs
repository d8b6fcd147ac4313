//! API keys: making, listing, rotating and deleting them. Answered by a node with the role auth, at the installation's address.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::list::AskError;
use crate::server::Server;

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewApiKey {
    /// What it is called.
    pub name: String,
    /// Who is let in by it.
    pub sub: String,
    /// Streams and patterns that may be read.
    pub read: Vec<String>,
    /// Streams and patterns that may be written.
    pub write: Vec<String>,
    /// Whether it may be asked what the tokens of others allow.
    pub introspect: bool,
    /// Whether tokens may be made for others.
    pub mint: bool,
    /// How long it lasts, in seconds; as long as the installation says unless it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u64>,
}

/// A key that there is.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct ApiKey {
    /// Its name for programs.
    pub id: String,
    /// What its owner shows: when it was just made or rotated, and never again. Not shown by `Debug`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is called.
    pub name: String,
    /// Who is let in by it.
    pub sub: String,
    /// Streams and patterns that may be read.
    pub read: Vec<String>,
    /// Streams and patterns that may be written.
    pub write: Vec<String>,
    /// Whether it may be asked what the tokens of others allow.
    pub introspect: bool,
    /// Whether tokens may be made for others.
    pub mint: bool,
    /// When it was made, in Unix seconds…
    pub created_at: i64,
    /// … and by whom.
    pub created_by: String,
    /// When it ends, in Unix seconds.
    pub expires_at: i64,
    /// Until when the secret before the newest opens it, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlaps_until: Option<i64>,
    /// When it was used last, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<i64>,
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("sub", &self.sub)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Makes a key. Asked with a token that has `admin`, and all that the key is to allow.
    pub async fn make_api_key(&self, new: &NewApiKey) -> Result<ApiKey, AskError> {
        self.post_json("v1/api-keys", new).await
    }

    /// The keys of the token's subscriber; with `admin` all.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, AskError> {
        #[derive(Deserialize)]
        struct Answer {
            keys: Vec<ApiKey>,
        }
        let answer: Answer = self.ask(self.at("v1/api-keys")).await?;
        Ok(answer.keys)
    }

    /// Gives a key a new secret. The one before opens it for `overlap` more. `lifetime`, from now on, needs `admin`.
    pub async fn rotate_api_key(
        &self,
        id: &str,
        overlap: Duration,
        lifetime: Option<Duration>,
    ) -> Result<ApiKey, AskError> {
        #[derive(Serialize)]
        struct Rotation {
            overlap: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            lifetime: Option<u64>,
        }
        let rotation = Rotation {
            overlap: overlap.as_secs(),
            lifetime: lifetime.map(|lifetime| lifetime.as_secs()),
        };
        self.post_json(&format!("v1/api-keys/{id}/rotate"), &rotation)
            .await
    }

    /// Deletes a key. Who was let in by it has to go.
    pub async fn delete_api_key(&self, id: &str) -> Result<(), AskError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(rename = "deleted")]
            _deleted: String,
        }
        let url = self.at(&format!("v1/api-keys/{id}"));
        let _: Answer = self.answer(self.http().delete(url)).await?;
        Ok(())
    }
}
